package kvstore

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"math"
)

// An entry of an index is a path of bytes, whose order is that of the index:
//
//	index · partition · range · key
//
// The partition is asked for as a whole, so a digest stands for it; the range is
// written so that bytes compare as its values do; the key makes paths differ. A path
// stays below what Postgres's indexes take (2,704 bytes).
const (
	maxPartition = 1700 // bytes of a partition's values
	maxRange     = 900
	maxTail      = 500 // bytes of a key that a path holds; a longer one ends in its digest
)

const (
	tagBool byte = iota + 1
	tagNumber
	tagText
)

// path is where an entity lies in the index; false when it lacks one of the attributes.
func (x *index) path(attrs map[string]any, key string) ([]byte, bool) {
	values := make([]any, len(x.Partition))
	for i, a := range x.Partition {
		v, ok := attrs[a.name()]
		if !ok || !isOf(a.kind(), v) {
			return nil, false
		}
		values[i] = v
	}
	out, ok := x.base(values)
	if !ok {
		return nil, false
	}
	if x.Range != nil {
		v, have := attrs[x.Range.name()]
		if !have || !isOf(x.Range.kind(), v) {
			return nil, false
		}
		if out, ok = appendScalar(out, v); !ok {
			return nil, false
		}
	}
	return append(out, tail(key)...), true
}

// base begins all paths of one partition.
func (x *index) base(partition []any) (out []byte, ok bool) {
	var all []byte
	for _, v := range partition {
		if all, ok = appendScalar(all, v); !ok {
			return nil, false
		}
	}
	sum := sha256.Sum256(all)
	return append(bytes.Clone(x.id), sum[:16]...), true
}

func tail(key string) string {
	if len(key) <= maxTail {
		return key
	}
	sum := sha256.Sum256([]byte(key))
	return key[:maxTail] + string(sum[:16])
}

// checkSize refuses values that are too long for the index.
func (x *index) checkSize(attrs map[string]any) error {
	size := 0
	for _, a := range x.Partition {
		text, _ := attrs[a.name()].(string)
		size += len(text)
	}
	if size > maxPartition {
		return refuse("INDEX_VALUE_TOO_LONG", "the attributes of an index's partition have %d bytes, the limit is %d", size, maxPartition).
			With("limit", maxPartition).With("figure", size)
	}
	if x.Range == nil {
		return nil
	}
	if text, _ := attrs[x.Range.name()].(string); len(text) > maxRange {
		return refuse("INDEX_VALUE_TOO_LONG", "the attribute %s, which an index orders by, has %d bytes, the limit is %d", x.Range.name(), len(text), maxRange).
			With("limit", maxRange).With("figure", len(text))
	}
	return nil
}

// appendScalar writes a value so that bytes compare as values do; only texts, numbers
// and truth values have an order.
func appendScalar(out []byte, v any) ([]byte, bool) {
	switch v := v.(type) {
	case bool:
		if v {
			return append(out, tagBool, 1), true
		}
		return append(out, tagBool, 0), true
	case float64:
		bits := math.Float64bits(v + 0) // -0 is 0
		if bits>>63 == 1 {
			bits = ^bits
		} else {
			bits |= 1 << 63
		}
		return binary.BigEndian.AppendUint64(append(out, tagNumber), bits), true
	case string:
		return append(appendText(out, v), 0, 1), true
	}
	return out, false
}

// appendText leaves the text's end open, as all that begin with it have it.
func appendText(out []byte, text string) []byte {
	return append(append(out, tagText), bytes.ReplaceAll([]byte(text), []byte{0}, []byte{0, 0xff})...)
}

func tagOf(v any) byte {
	switch v.(type) {
	case bool:
		return tagBool
	case float64:
		return tagNumber
	}
	return tagText
}

// beyond is the least path above all that begin with p; p is never all 0xff.
func beyond(p []byte) []byte {
	out := bytes.Clone(p)
	for i := len(out) - 1; i >= 0; i-- {
		if out[i]++; out[i] != 0 {
			return out[:i+1]
		}
	}
	return bytes.Repeat([]byte{0xff}, len(p)+1)
}
