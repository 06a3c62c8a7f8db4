package qjs

import (
	"bytes"
	"encoding/binary"
	"encoding/json"
	"strconv"

	"github.com/annexhq/annex/internal/core/call"
)

// envelope is what the kernel starts a call from. Facts and context travel beside it, as
// text.
func envelope(c *call.Call) []byte {
	b := make([]byte, 0, 192)
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
	return append(b, '}')
}

// isObject reports whether a text begins and ends as a JSON object; the empty text
// counts as none.
func isObject(text json.RawMessage) bool {
	text = bytes.TrimSpace(text)
	return len(text) == 0 || text[0] == '{' && text[len(text)-1] == '}'
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
