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
	if crypt.Draws(spec) {
		if err := in.mayDraw(e.tags.undef()); err != nil {
			return 0, err
		}
	}
	made, err := crypt.Work{Pause: in.pause, Reserve: in.charge}.Run(spec, data)
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

// mayDraw refuses randomness at a module scope whose memory is kept: what it drew would be
// the same in every call of every installation. An app cannot catch this: the deploy fails
// whatever it does with the error. The kernel says where in the app's code it was asked.
func (in *Instance) mayDraw(stack uint64) error {
	if !in.building || in.repeats || in.e.base == nil {
		return nil
	}
	const code = "MODULE_SCOPE_RANDOM"
	const message = "module scope asked for cryptographic randomness: it runs once, when the app is deployed, and every call would get the same"
	if in.drew == nil {
		at, err := in.e.text(in.meta.Context, stack, 64<<10)
		if err != nil {
			at = nil // the kernel has none
		}
		if in.drew, err = json.Marshal(map[string]string{"name": "Error", "message": message, "code": code, "stack": string(at)}); err != nil {
			return err
		}
	}
	return &jsError{name: "Error", message: message, code: code}
}
