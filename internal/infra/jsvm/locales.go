package jsvm

import (
	"errors"
	"strings"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/infra/intl"
)

// maxLocaleText bounds the texts that Intl looks at at once: answering is one piece of
// work, some milliseconds long.
const maxLocaleText = 256 << 10

// locales answers a question of Intl's: its name, and texts.
func (in *Instance) locales(arg func(int) uint64) (uint64, error) {
	e, cx := in.e, in.meta.Context
	if e.cfg.Intl == nil {
		return 0, typeError("nothing is known of locales here")
	}
	op, err := e.text(cx, arg(1), 32)
	if err != nil {
		return 0, err
	}
	var texts []string
	for i := 2; e.tags.isString(arg(i)); i++ {
		b, err := e.text(cx, arg(i), maxLocaleText)
		if err != nil {
			return 0, err
		}
		if !utf8.Valid(b) { // it has lone surrogates
			b = []byte(strings.ToValidUTF8(string(b), "\ufffd"))
		}
		texts = append(texts, string(b))
	}
	answer, err := e.cfg.Intl.Call(string(op), texts...)
	if unknown := (*intl.RangeError)(nil); errors.As(err, &unknown) {
		return 0, &jsError{name: "RangeError", message: unknown.Message}
	}
	if err != nil {
		return 0, typeError("%v", err)
	}
	return e.newString(cx, []byte(answer))
}
