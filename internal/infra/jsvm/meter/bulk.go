package meter

import "slices"

const (
	// chunk is how much a bulk operation does at once. Memory that was never written
	// costs a page fault for each page of it.
	chunk = 256 << 10
	// bytesShift says that 32 bytes of it cost as much as one round of a loop.
	bytesShift = 5

	opElse   = 0x05
	opBr     = 0x0c
	opBrIf   = 0x0d
	opSet    = 0x21
	opI32LeU = 0x4d
	opI32Add = 0x6a
)

// The parameters of the two functions: to, from or value, length; and a local.
const (
	dst = iota
	src
	length
	count
)

func get(l byte) []byte { return []byte{opLocalGet, l} }
func set(l byte) []byte { return []byte{opSet, l} }

func constant(v int32) []byte { return appendS32([]byte{opI32Const}, v) }

// move adds v to a local.
func move(l byte, v int32) []byte {
	return slices.Concat(get(l), constant(v), []byte{opI32Add}, set(l))
}

// paid takes what bytes cost from the count, and asks. bytes is code that pushes how many.
func (m *rewriter) paid(bytes []byte) []byte {
	out := appendU32([]byte{opGlobalGet}, m.fuel)
	out = append(out, bytes...)
	return m.ask(append(out, opI32Const, bytesShift, opI32ShrU, opI32Sub), count)
}

// inChunks is a function that does steps of chunk bytes while there are more, and then the
// rest.
func (m *rewriter) inChunks(step, rest []byte) []byte {
	return slices.Concat(
		[]byte{1, 1, typeI32}, // one local
		[]byte{opBlock, blockEmpty, opLoop, blockEmpty},
		get(length), constant(chunk), []byte{opI32LeU, opBrIf, 1},
		step,
		m.paid(constant(chunk)),
		[]byte{opBr, 0, opEnd, opEnd},
		get(dst), get(src), get(length), rest,
		m.paid(get(length)),
		[]byte{opEnd},
	)
}

func (m *rewriter) filling() []byte {
	fill := []byte{opMore, moreFill, 0}
	return m.inChunks(slices.Concat(
		get(dst), get(src), constant(chunk), fill,
		move(dst, chunk), move(length, -chunk),
	), fill)
}

// copying goes forwards or backwards, as memory that overlaps demands.
func (m *rewriter) copying() []byte {
	copying := []byte{opMore, moreCopy, 0, 0}
	at := func(l byte) []byte { return slices.Concat(get(l), get(length), []byte{opI32Add}) }
	return m.inChunks(slices.Concat(
		get(dst), get(src), []byte{opI32LeU, opIf, blockEmpty},
		get(dst), get(src), constant(chunk), copying,
		move(dst, chunk), move(src, chunk), move(length, -chunk),
		[]byte{opElse},
		move(length, -chunk),
		at(dst), at(src), constant(chunk), copying,
		[]byte{opEnd},
	), copying)
}
