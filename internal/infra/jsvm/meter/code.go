package meter

import "fmt"

const (
	opBlock     = 0x02
	opLoop      = 0x03
	opIf        = 0x04
	opEnd       = 0x0b
	opBrTable   = 0x0e
	opCall      = 0x10
	opCallInd   = 0x11
	opDrop      = 0x1a
	opSelectT   = 0x1c
	opLocalGet  = 0x20
	opLocalTee  = 0x22
	opGlobalGet = 0x23
	opGlobalSet = 0x24
	opTableSet  = 0x26
	opI32Load   = 0x28
	opI64St32   = 0x3e
	opI32Const  = 0x41
	opI64Const  = 0x42
	opF32Const  = 0x43
	opF64Const  = 0x44
	opI32LtS    = 0x48
	opI32Sub    = 0x6b
	opI32ShrU   = 0x76
	opLast      = 0xc4 // of the plain ones
	opRefNull   = 0xd0
	opRefFunc   = 0xd2
	opMore      = 0xfc

	moreCopy = 10 // the function for it comes after the one for filling
	moreFill = 11

	blockEmpty = 0x40
)

// instructions copies a body's code and puts the metering in.
type instructions struct {
	*reader
	m       *rewriter
	count   uint32 // a local
	out     []byte
	first   int // where the code begins
	changed bool
}

func (c *instructions) copyUntilEnd() {
	c.first = c.at
	from := c.at
	flush := func(to int) { c.out = append(c.out, c.b[from:to]...); from = to }
	meter := func(to int) { flush(to); c.changed = true }
	for depth := 1; depth > 0; {
		at := c.at
		switch op := c.byte(); {
		case op == opBlock || op == opLoop || op == opIf:
			c.blockType()
			depth++
			if op == opLoop {
				meter(c.at)
				c.out = c.m.draw(c.out, c.count)
			}
		case op == opEnd:
			depth--
		case op == opMore:
			if n := c.more(); n == moreCopy || n == moreFill {
				meter(at)
				from = c.at
				c.out = appendU32(append(c.out, opCall), c.m.fill+moreFill-n)
			}
		default:
			c.plain(op)
		}
	}
	if c.at != len(c.b) {
		panic(parseError("code behind a function's end"))
	}
	flush(c.at)
}

// plain skips the immediates of an instruction.
func (c *instructions) plain(op byte) {
	switch {
	case op == 0x0c || op == 0x0d, op == opCall, op >= opLocalGet && op <= opTableSet, op == opRefFunc:
		c.u32()
	case op == opBrTable:
		for range c.u32() {
			c.u32()
		}
		c.u32()
	case op == opCallInd:
		c.u32()
		c.u32()
	case op == opSelectT:
		c.take(int(c.u32()))
	case op >= opI32Load && op <= opI64St32:
		c.u32()
		c.u32()
	case op == 0x3f || op == 0x40, op == opRefNull: // memory.size, memory.grow
		c.byte()
	case op == opI32Const || op == opI64Const:
		c.signed()
	case op == opF32Const:
		c.take(4)
	case op == opF64Const:
		c.take(8)
	case op <= opLast || op == 0xd1:
	default:
		panic(parseError(fmt.Sprintf("instruction %#x", op)))
	}
}

// more skips the rest of an instruction with a second number, and gives that.
func (c *instructions) more() uint32 {
	n := c.u32()
	switch {
	case n <= 7: // conversions
	case n == 8, n == moreCopy, n == 12, n == 14: // memory.init, copy; table.init, copy
		c.u32()
		c.u32()
	case n == 9, n == moreFill, n == 13, n >= 15 && n <= 17:
		c.u32()
	default:
		panic(parseError(fmt.Sprintf("instruction 0xfc %d", n)))
	}
	return n
}

func (c *instructions) blockType() { c.signed() }

// reader reads a module's numbers.
type reader struct {
	b  []byte
	at int
}

type parseError string

func (r *reader) byte() byte {
	if r.at >= len(r.b) {
		panic(parseError("it ends early"))
	}
	r.at++
	return r.b[r.at-1]
}

func (r *reader) take(n int) []byte {
	if n < 0 || n > len(r.b)-r.at {
		panic(parseError("it ends early"))
	}
	r.at += n
	return r.b[r.at-n : r.at]
}

func (r *reader) u32() uint32 {
	var v uint32
	for shift := 0; shift < 35; shift += 7 {
		x := r.byte()
		v |= uint32(x&0x7f) << shift
		if x < 0x80 {
			return v
		}
	}
	panic(parseError("a number that is too long"))
}

// signed skips a signed number.
func (r *reader) signed() {
	for range 10 {
		if r.byte() < 0x80 {
			return
		}
	}
	panic(parseError("a number that is too long"))
}

func appendU32(b []byte, v uint32) []byte {
	for v >= 0x80 {
		b = append(b, byte(v)|0x80)
		v >>= 7
	}
	return append(b, byte(v))
}

func appendS32(b []byte, v int32) []byte {
	for {
		x := byte(v & 0x7f)
		v >>= 7
		if v == 0 && x&0x40 == 0 || v == -1 && x&0x40 != 0 {
			return append(b, x)
		}
		b = append(b, x|0x80)
	}
}

func sizeU32(v uint32) int { return len(appendU32(nil, v)) }
