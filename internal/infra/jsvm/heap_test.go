package jsvm

import (
	"encoding/binary"
	"math/rand/v2"
	"testing"
)

// A heap that an escape from the engine has made up is read to an end, without a panic.
func TestHeapReaderTrustsNothing(t *testing.T) {
	marks := tags{int: 0, boolean: 1, null: 2, undefined: 3, str: 0xfffffff9, rope: 0xfffffffa, object: 0xffffffff, floatAddend: 0x7ff8000a00000000}
	rng := rand.New(rand.NewPCG(1, 2))
	m := make([]byte, 1<<14)
	for range 3000 {
		// Words that are small numbers, addresses or the upper halves of values lead deepest.
		for at := 0; at < len(m); at += 4 {
			w := rng.Uint32N(uint32(len(m)) + 8)
			switch rng.IntN(4) {
			case 0:
				w = []uint32{marks.object, marks.str, marks.rope, marks.undefined}[rng.IntN(4)]
			case 1:
				w = rng.Uint32N(8) | rng.Uint32N(2)<<31 | rng.Uint32N(4)<<16 | atomString<<30
			case 2:
				w = rng.Uint32()
			}
			binary.LittleEndian.PutUint32(m[at:], w)
		}
		h := heapReader{m: m, tags: &marks, names: rng.Uint32N(1 << 14), toJSON: 5}
		w := jsonWriter{heapReader: &h}
		w.value(marks.value(marks.object, rng.Uint32N(1<<14)&^7), 0)
		w.headers(w.object(marks.value(marks.object, rng.Uint32N(1<<14)&^7)))
		if len(w.out) > 2*maxQuick {
			t.Fatalf("%d bytes", len(w.out))
		}
	}
}
