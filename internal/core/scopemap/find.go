package scopemap

import (
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
)

// Find gives the operation of a request. rawPath is the escaped path as the app gave it,
// below the API's base URL, without a query.
// Errors are PATH_REFUSED and OPERATION_UNKNOWN. The operation may be closed.
func (t *Table) Find(method, rawPath string) (*Operation, error) {
	var room [16]string
	segments, err := split(rawPath, room[:0])
	if err != nil {
		return nil, err
	}
	at := t.start
	for _, s := range segments {
		if at == nil {
			break
		}
		if at, err = at.next(s); err != nil {
			return nil, err
		}
	}
	if at == nil || len(at.accept) == 0 {
		return nil, fault.New(fault.Denied, "OPERATION_UNKNOWN", "the product declares no operation with this path").
			WithFix("call an operation of the product's OpenAPI document; the path counts from the API's base URL")
	}
	op := at.accept[method]
	if op == nil {
		var methods []string
		for m := range at.accept {
			methods = append(methods, m)
		}
		slices.Sort(methods)
		return nil, fault.New(fault.Denied, "OPERATION_UNKNOWN", "the product declares %s for this path, and not the method that was asked for", strings.Join(methods, ", ")).
			WithFix("call an operation of the product's OpenAPI document")
	}
	return op, nil
}

// Values are those of the parameters of a path that Find found the operation by.
func (o *Operation) Values(rawPath string) map[string]string {
	segments, err := split(rawPath, nil)
	if err != nil || len(o.params) == 0 {
		return nil
	}
	out := make(map[string]string, len(o.params))
	for i := range o.params {
		p := &o.params[i]
		switch p.kind {
		case any1:
			out[p.name] = segments[p.at]
		case rest:
			out[p.name] = strings.Join(segments[p.at:], "/")
		case pattern:
			values, _ := p.match(segments[p.at])
			for i, v := range values {
				out[p.names[i]] = v
			}
		}
	}
	return out
}

// next is the state after a segment, nil when nothing matches any more.
func (s *state) next(segment string) (*state, error) {
	if to := s.literals[segment]; to != nil {
		return to, nil
	}
	if segment == "" || s.any == nil && s.parts == nil {
		return nil, nil
	}
	if s.near != nil && s.resembles(segment) {
		return nil, refused("a segment of the path is, or is nearly, one by which the product knows another operation: products differ in how they read it")
	}
	if s.parts != nil {
		to, err := s.part(segment)
		if to != nil || err != nil {
			return to, err
		}
	}
	return s.any, nil
}

// part is the state after a segment that a pattern matches.
func (s *state) part(segment string) (*state, error) {
	var to *state
	for _, n := range s.starts {
		if n > len(segment) {
			continue
		}
		for _, p := range s.parts[segment[:n]] {
			if _, ok := p.match(segment); !ok {
				continue
			}
			if to != nil {
				return nil, refused("two paths that the product declares match this one, and neither is the more exact one")
			}
			to = p.to
		}
	}
	return to, nil
}

// resembles reports whether a product that ignores case, formats (".json") or trailing
// dots and spaces could read a value as the literal next to it, which is another operation.
func (s *state) resembles(segment string) bool {
	f := fold(segment)
	if s.near[f] {
		return true
	}
	if i := strings.IndexByte(f, '.'); i > 0 {
		return s.near[fold(f[:i])] || s.near[fold(f[:strings.LastIndexByte(f, '.')])]
	}
	return false
}

func fold(s string) string { return strings.TrimRight(strings.ToLower(s), ". ") }
