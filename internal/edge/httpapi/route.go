package httpapi

import (
	"context"
	"encoding"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"net/http"
	"reflect"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// maxJSON bounds the body of every JSON request.
const maxJSON = 6 << 20

// route is one operation of openapi.yaml; a test demands that both say the same.
type route struct {
	method, path string
	roles        []id.Kind // empty: anyone, without a token
	serve        func(*API, http.ResponseWriter, *request) error
}

// request is an HTTP request whose caller is known and has the route's role.
type request struct {
	*http.Request
	caller id.Principal
}

func (r *request) ctx() context.Context { return r.Context() }

// flag reads a query parameter that is true or false, false when it is not there. Guessing
// could do what was not meant.
func (r *request) flag(name string) (bool, error) {
	switch v := r.URL.Query().Get(name); v {
	case "", "false":
		return false, nil
	case "true":
		return true, nil
	}
	return false, fault.New(fault.Usage, "BAD_"+strings.ToUpper(name), "%s is true or false", name)
}

// decode reads a JSON body strictly: unknown members and trailing data are refused.
func (r *request) decode(into any) error {
	if err := r.is("application/json"); err != nil {
		return err
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	if err := dec.Decode(into); err != nil {
		return badJSON(err)
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return fault.New(fault.Usage, "BAD_JSON", "the body has something after its JSON value")
	}
	return nil
}

// is demands the media type of the body.
func (r *request) is(media string) error {
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != media {
		return fault.New(fault.Usage, "CONTENT_TYPE", "the body must be %s", media)
	}
	return nil
}

func badJSON(err error) error {
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return err
	}
	var typ *json.UnmarshalTypeError
	if errors.As(err, &typ) {
		return fault.New(fault.Usage, "BAD_JSON", "%s must be %s, not %s", nameOr(typ.Field, "the body"), jsonKind(typ.Type), typ.Value)
	}
	return fault.New(fault.Usage, "BAD_JSON", "the body is not the JSON that this route takes: %s", strings.TrimPrefix(err.Error(), "json: "))
}

// jsonKind names in JSON's words what a Go type is read from.
func jsonKind(t reflect.Type) string {
	if reflect.PointerTo(t).Implements(reflect.TypeFor[encoding.TextUnmarshaler]()) {
		return "a string"
	}
	switch t.Kind() {
	case reflect.Pointer:
		return jsonKind(t.Elem())
	case reflect.Struct, reflect.Map:
		return "an object"
	case reflect.Slice, reflect.Array:
		return "an array"
	case reflect.String:
		return "a string"
	case reflect.Bool:
		return "true or false"
	case reflect.Float32, reflect.Float64:
		return "a number"
	default:
		return "a whole number"
	}
}

func nameOr(name, otherwise string) string {
	if name == "" {
		return otherwise
	}
	return name
}

// required refuses empty values, given as name, value pairs.
func required(pairs ...string) error {
	for i := 0; i+1 < len(pairs); i += 2 {
		if strings.TrimSpace(pairs[i+1]) == "" {
			return fault.New(fault.Usage, "MISSING", "%s is missing", pairs[i])
		}
	}
	return nil
}

// bearer is the token of the request, "" when there is none.
func bearer(r *http.Request) string {
	scheme, token, ok := strings.Cut(r.Header.Get("Authorization"), " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return strings.TrimSpace(token)
}
