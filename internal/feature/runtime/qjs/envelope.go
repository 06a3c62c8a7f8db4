package qjs

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// envelope is what the kernel starts a call from.
func envelope(c *call.Call, app json.RawMessage) ([]byte, error) {
	inner, ok := members(c.Context)
	facts, okApp := members(app)
	if !ok || !okApp {
		return nil, fault.New(fault.Internal, "INTERNAL", "a call's context must be a JSON object")
	}
	b := make([]byte, 0, 192+len(inner)+len(facts))
	b = append(b, `{"kind":`...)
	b = appendString(b, string(c.Kind))
	b = append(b, `,"fn":`...)
	b = appendString(b, c.Function)
	b = append(b, `,"module":`...)
	b = appendString(b, c.Module)
	b = append(b, `,"id":`...)
	b = appendString(b, string(c.ID))
	if c.ContentType != "" {
		b = append(b, `,"contentType":`...)
		b = appendString(b, c.ContentType)
	}
	b = append(b, `,"ctx":{`...)
	b = append(b, inner...)
	if len(inner) > 0 && len(facts) > 0 {
		b = append(b, ',')
	}
	// Of members with the same name the last one counts: the app's facts.
	b = append(b, facts...)
	return append(b, `}}`...), nil
}

// members is the inside of a JSON object's braces.
func members(obj json.RawMessage) ([]byte, bool) {
	obj = bytes.TrimSpace(obj)
	if len(obj) == 0 {
		return nil, true
	}
	if obj[0] != '{' || obj[len(obj)-1] != '}' {
		return nil, false
	}
	return bytes.TrimSpace(obj[1 : len(obj)-1]), true
}

// appendString appends a JSON string; ids and names are plain, anything else is encoded
// by the book.
func appendString(b []byte, s string) []byte {
	for i := range len(s) {
		if c := s[i]; c < 0x20 || c >= 0x7f || c == '"' || c == '\\' {
			j, err := json.Marshal(s)
			if err != nil {
				return strconv.AppendQuoteToASCII(b, s)
			}
			return append(b, j...)
		}
	}
	b = append(b, '"')
	b = append(b, s...)
	return append(b, '"')
}

// seed folds the call's seed into the engine's 64 bits.
func seed(c *call.Call) uint64 {
	return binary.LittleEndian.Uint64(c.Seed[:8]) ^ binary.LittleEndian.Uint64(c.Seed[8:])
}
