package product

import (
	"bytes"
	"encoding/json"
	"errors"
	"io"
	"net/url"
	"strings"

	"github.com/annexhq/annex/internal/core/scopemap"
)

// destinations are the addresses that a request names in the fields through which its
// operation makes the product contact somebody.
func destinations(fields []scopemap.EgressField, query, form url.Values, body []byte, isJSON bool) ([]string, error) {
	var out []string
	var pointers [][]string
	for _, f := range fields {
		switch f.In {
		case "query":
			out = append(out, valuesOf(query, f.Name)...)
		case "form":
			out = append(out, valuesOf(form, f.Name)...)
		default:
			pointers = append(pointers, strings.Split(strings.TrimPrefix(f.Name, "/"), "/"))
		}
	}
	if len(pointers) == 0 || len(body) == 0 {
		return out, nil
	}
	if !isJSON {
		return nil, closed("BODY_REFUSED", "the body names an address that the product contacts, and is not JSON, so that nobody can tell which").
			WithFix("send the body as application/json")
	}
	found, err := textsAt(body, pointers)
	if err != nil {
		return nil, closed("BODY_REFUSED", "the body is not well-formed JSON").WithFix("send one JSON value")
	}
	return append(out, found...), nil
}

// valuesOf are all values of a name, in whatever case: products differ in what they read.
func valuesOf(values url.Values, name string) []string {
	var out []string
	for key, all := range values {
		if !strings.EqualFold(key, name) {
			continue
		}
		for _, v := range all {
			if v != "" {
				out = append(out, v)
			}
		}
	}
	return out
}

// textsAt are the texts at and below the pointers of a JSON value; "*" stands for any
// member. Each occurrence of a repeated key counts, and keys in any case, since products
// differ in which they take.
func textsAt(body []byte, pointers [][]string) ([]string, error) {
	w := walker{dec: json.NewDecoder(bytes.NewReader(body)), pointers: pointers}
	w.dec.UseNumber()
	if err := w.value(); err != nil {
		return nil, err
	}
	if _, err := w.dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("more than one value")
	}
	return w.found, nil
}

// maxDepth bounds how deep a body is looked into; beyond it a body is refused.
const maxDepth = 64

type walker struct {
	dec      *json.Decoder
	pointers [][]string
	path     []string
	found    []string
}

func (w *walker) value() error {
	if len(w.path) > maxDepth {
		return errors.New("nested too deep")
	}
	token, err := w.dec.Token()
	if err != nil {
		return err
	}
	switch t := token.(type) {
	case json.Delim:
		return w.members(t == '{')
	case string:
		if t != "" && w.named() {
			w.found = append(w.found, t)
		}
	}
	return nil
}

func (w *walker) members(object bool) error {
	for w.dec.More() {
		key := "*" // a place in a list
		if object {
			token, err := w.dec.Token()
			if err != nil {
				return err
			}
			key, _ = token.(string)
		}
		w.path = append(w.path, key)
		if err := w.value(); err != nil {
			return err
		}
		w.path = w.path[:len(w.path)-1]
	}
	_, err := w.dec.Token() // the end
	return err
}

// named reports whether the present place is at or below one of the pointers.
func (w *walker) named() bool {
	for _, p := range w.pointers {
		if len(p) > len(w.path) {
			continue
		}
		same := true
		for i, part := range p {
			same = same && (part == "*" || strings.EqualFold(part, w.path[i]))
		}
		if same {
			return true
		}
	}
	return false
}
