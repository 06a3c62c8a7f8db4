package jsvm

import (
	"encoding/binary"
	"errors"
)

// Where this build of the engine keeps what plain data is made of (quickjs.c, on wasm32).
// The base image is only made to be read this way when reading gives the engine's own
// answers, see learnHeap.
const (
	objectFlags = 8  // bits, see exotic and fastArray
	objectClass = 10 // 16 bits
	objectShape = 12
	objectProps = 16 // → the properties' values, 8 bytes each
	arrayValues = 28
	arrayCount  = 32

	shapeMask  = 16 // size of the hash table, minus 1
	shapeCount = 24 // properties, deleted ones too
	shapeProto = 36
	shapeTable = 40 // the hash table; behind it the properties: flags and name, 8 bytes each

	stringBits = 4 // what kind of a string it is
	stringData = 24

	ropeWide  = 4
	ropeLeft  = 8
	ropeRight = 16

	exotic    = 1 << 3
	fastArray = 1 << 4

	classObject = 1
	classArray  = 2

	wideString   = 1 << 31
	stringInline = 0
	stringSlice  = 1
	atomString   = 1 // a name, neither a symbol nor private

	runtimeSize = 16 << 10 // of what is searched for the table of names

	isIndex = 1 << 31 // of a name: it is a number itself
)

// heapReader reads plain data out of the engine's memory without running it. It writes nothing,
// runs nothing of this call and trusts nothing: every address is checked, what it does not know makes
// it give up, and so does more work than maxHeapSteps. Whoever uses it goes the engine's
// own way then.
type heapReader struct {
	m       []byte
	tags    *tags
	names   uint32 // the engine's table of names
	toJSON  uint32 // a name
	objects uint32 // Object.prototype
	steps   int
	// pause is asked now and then, and says whether the call has ended; nil where nothing
	// else can run yet.
	pause   func() error
	worked  int // steps' worth, since the last pause
	gaveUp  bool
	checked [4]uint32 // prototypes that were found to have no toJSON
	nth     int
}

// maxHeapSteps bounds one reading, to some fifty milliseconds.
const maxHeapSteps = 4 << 20

// pauseSteps is how many steps pass between two looks at the clock.
const pauseSteps = 1 << 12

// heapOf gives a reader of the instance that runs, or false where this is not known to work.
func (in *Instance) heapOf() (h heapReader, ok bool) {
	if in.meta.Names == 0 {
		return h, false
	}
	h.m, h.tags, h.toJSON, h.objects = in.e.mem(), &in.e.tags, in.meta.ToJSON, in.meta.Objects
	h.names = h.u32(in.meta.Names)
	if in.hosting && in.outcome == nil {
		h.pause = in.pause
	}
	return h, !h.gaveUp
}

func (h *heapReader) giveUp() { h.gaveUp = true }

func (h *heapReader) step() {
	if h.steps++; h.steps > maxHeapSteps {
		h.gaveUp = true
	}
	h.work(1)
}

// work counts what takes as long as n steps, and pauses when it is time.
func (h *heapReader) work(n int) {
	if h.worked += n; h.worked < pauseSteps {
		return
	}
	h.worked = 0
	if h.pause != nil && h.pause() != nil {
		h.gaveUp = true
	}
}

func (h *heapReader) u16(at uint32) uint16 {
	if uint64(at)+2 > uint64(len(h.m)) {
		h.gaveUp = true
		return 0
	}
	return binary.LittleEndian.Uint16(h.m[at:])
}

func (h *heapReader) u32(at uint32) uint32 {
	if uint64(at)+4 > uint64(len(h.m)) {
		h.gaveUp = true
		return 0
	}
	return binary.LittleEndian.Uint32(h.m[at:])
}

func (h *heapReader) u64(at uint32) uint64 {
	if uint64(at)+8 > uint64(len(h.m)) {
		h.gaveUp = true
		return 0
	}
	return binary.LittleEndian.Uint64(h.m[at:])
}

// text gives a string's characters in place: 8 bits each, or 16 when wide.
func (h *heapReader) text(p uint32) (b []byte, wide bool) {
	size := h.u32(p)
	wide = size&wideString != 0
	n := uint64(size &^ wideString)
	if wide {
		n *= 2
	}
	at := uint64(p) + stringData
	switch h.u32(p+stringBits) >> 28 & 3 {
	case stringInline:
	case stringSlice:
		at = uint64(h.u32(p+stringData)) + stringData + uint64(h.u32(p+stringData+4))
	default:
		h.giveUp()
		return nil, false
	}
	if h.gaveUp || at+n > uint64(len(h.m)) {
		h.giveUp()
		return nil, false
	}
	return h.m[at : at+n : at+n], wide
}

// name gives a property's name; ok is false for those that are no text: symbols and
// private ones, which plain data does not show.
func (h *heapReader) name(atom uint32) (p uint32, ok bool) {
	p = h.u32(h.names + 4*atom)
	return p, h.u32(p+stringBits)>>30 == atomString
}

// maxIndex is the largest number that counts as a list's index, in as many digits as all
// those have that are too large to be a name by themselves (isIndex).
const maxIndex = "4294967294"

// numeric says whether a name is such an index: it comes before other names then.
func (h *heapReader) numeric(p uint32) bool {
	if h.u32(p)&^wideString != uint32(len(maxIndex)) {
		return false
	}
	b, wide := h.text(p)
	var digits [len(maxIndex)]byte
	for i := range digits {
		at := i
		if wide {
			if at = 2 * i; at+1 >= len(b) || b[at+1] != 0 {
				return false
			}
		}
		if at >= len(b) || b[at] < '0' || b[at] > '9' {
			return false
		}
		digits[i] = b[at]
	}
	return digits[0] != '0' && string(digits[:]) <= maxIndex
}

// plainObject is a plain object or list that can be read.
type plainObject struct {
	props, names uint32 // where its properties' values and names are
	count        uint32
	values       uint32 // of a list
	length       uint32
	list         bool
	simple       bool // its prototype is Object.prototype
}

// object looks at an object. Anything with behaviour of its own makes it give up: getters,
// proxies, classes of the language, and whatever has a toJSON.
func (h *heapReader) object(v uint64) (o plainObject) {
	p := uint32(v)
	shape := h.u32(p + objectShape)
	o.props = h.u32(p + objectProps)
	o.count = h.u32(shape + shapeCount)
	o.names = shape + shapeTable + 4*(h.u32(shape+shapeMask)+1)
	flags := h.u16(p + objectFlags)
	switch h.u16(p + objectClass) {
	case classObject:
		if flags&exotic != 0 {
			h.giveUp()
		}
	case classArray:
		o.list, o.values, o.length = true, h.u32(p+arrayValues), h.u32(p+arrayCount)
		// Its first property is its length: one with holes at its end says more.
		if flags&fastArray == 0 || o.count != 1 || h.u64(o.props) != h.tags.value(h.tags.int, o.length) {
			h.giveUp()
		}
	default:
		h.giveUp()
	}
	proto := h.u32(shape + shapeProto)
	o.simple = proto == h.objects
	h.plain(proto)
	return o
}

// plain gives up where a chain of prototypes is not one of plain objects without toJSON.
func (h *heapReader) plain(proto uint32) {
	first := proto
	for depth := 0; proto != 0 && !h.gaveUp; depth++ {
		for _, p := range h.checked {
			if p == proto {
				return
			}
		}
		class := h.u16(proto + objectClass)
		if class != classArray && (class != classObject || h.u16(proto+objectFlags)&exotic != 0) || depth > 8 {
			h.giveUp()
			return
		}
		shape := h.u32(proto + objectShape)
		at := shape + shapeTable + 4*(h.u32(shape+shapeMask)+1)
		for n := h.u32(shape + shapeCount); n > 0 && !h.gaveUp; n-- {
			if h.u32(at+4) == h.toJSON {
				h.giveUp()
			}
			at += 8
			h.step()
		}
		proto = h.u32(shape + shapeProto)
	}
	if !h.gaveUp && first != 0 {
		h.checked[h.nth%len(h.checked)] = first
		h.nth++
	}
}

// each calls fn with the name and the value of each property that plain data shows. Names
// that are numbers would come first, sorted: they make it give up.
func (h *heapReader) each(o plainObject, fn func(name uint32, v uint64)) {
	for i := uint32(0); i < o.count && !h.gaveUp; i++ {
		h.step()
		bits, atom := h.u32(o.names+8*i), h.u32(o.names+8*i+4)
		flags := bits >> 26
		switch {
		case atom == 0: // deleted
			continue
		case flags>>4 != 0, atom&isIndex != 0, atom == h.toJSON:
			h.giveUp()
			return
		case flags&propEnumerable == 0:
			continue
		}
		if p, ok := h.name(atom); ok {
			if h.numeric(p) {
				h.giveUp()
				return
			}
			fn(p, h.u64(o.props+8*i))
		}
	}
}

// learnHeap finds the engine's table of names and tries out whether this package reads the
// heap, and writes strings into it, as the engine does. No base image is made where it does not.
func (e *Engine) learnHeap(in *Instance) error {
	cx := in.meta.Context
	const unusual = "annexProbe$"
	v, err := e.eval(cx, "<probe>", []byte(`({`+unusual+`: 1, toJSON: 2})`))
	if err != nil {
		return err
	}
	h := heapReader{m: e.mem(), tags: &e.tags}
	shape := h.u32(uint32(v) + objectShape)
	names := shape + shapeTable + 4*(h.u32(shape+shapeMask)+1)
	atom, toJSON := h.u32(names+4), h.u32(names+12)
	for at := in.meta.Runtime; at < in.meta.Runtime+runtimeSize; at += 4 {
		p := h.u32(h.u32(at) + 4*atom)
		if b, wide := h.text(p); !h.gaveUp && !wide && string(b) == unusual {
			in.meta.Names, in.meta.ToJSON, in.meta.Objects = at, toJSON, h.u32(shape+shapeProto)
			break
		}
		h.gaveUp = false
	}
	if _, err := e.call(fnFreeValue, uint64(cx), v); err != nil {
		return err
	}
	if in.meta.Names == 0 {
		return errors.New("the engine's table of names was not found")
	}
	return errors.Join(e.proveHeap(in), e.proveStrings(in))
}
