package qjs

import (
	"bytes"
	"encoding/binary"
	"encoding/json"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/infra/hostcall"
)

// envelope is what the kernel knows of a call besides its kind and function. Facts and
// context travel beside it; all of it is parsed only when the app asks for it.
func envelope(c *call.Call) []byte {
	b := make([]byte, 0, 192)
	b = append(b, `{"module":`...)
	b = hostcall.AppendString(b, c.Module)
	b = append(b, `,"id":`...)
	b = hostcall.AppendString(b, string(c.ID))
	if c.ContentType != "" {
		b = append(b, `,"contentType":`...)
		b = hostcall.AppendString(b, c.ContentType)
	}
	return append(b, '}')
}

// isObject reports whether a text begins and ends as a JSON object; the empty text
// counts as none.
func isObject(text json.RawMessage) bool {
	text = bytes.TrimSpace(text)
	return len(text) == 0 || text[0] == '{' && text[len(text)-1] == '}'
}

// seed folds the call's seed into the engine's 64 bits.
func seed(c *call.Call) uint64 {
	return binary.LittleEndian.Uint64(c.Seed[:8]) ^ binary.LittleEndian.Uint64(c.Seed[8:])
}
