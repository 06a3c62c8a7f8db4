package jsvm

import (
	"encoding/json"
	"errors"

	"github.com/annexhq/annex/internal/infra/jsvm/crypt"
)

// maxCryptoSpec bounds the description of one cryptographic operation.
const maxCryptoSpec = 4 << 10

// crypto answers opCrypto: a description in JSON and up to four values.
func (in *Instance) crypto(arg func(int) uint64) (uint64, error) {
	e, cx := in.e, in.meta.Context
	spec, err := e.text(cx, arg(1), maxCryptoSpec)
	if err != nil {
		return 0, err
	}
	var data [4][]byte
	defer func() {
		for i := range data {
			clear(data[i]) // keys are among them
		}
	}()
	for i := range data {
		if data[i], _, err = e.content(cx, arg(i+2), crypt.MaxData); err != nil {
			return 0, err
		}
	}
	made, err := crypt.Work{Pause: in.pause}.Run(spec, data)
	var theirs *crypt.Error
	switch {
	case errors.As(err, &theirs):
		return 0, &jsError{name: theirs.Name, message: theirs.Message, code: theirs.Code}
	case err != nil:
		return 0, err
	}
	switch v := made.(type) {
	case bool:
		return e.tags.bool(v), nil
	case json.RawMessage:
		return e.newString(cx, v)
	case []byte:
		return e.newBytes(cx, v)
	}
	return 0, errType
}
