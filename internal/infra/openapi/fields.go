package openapi

import (
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/annexhq/annex/internal/core/scopemap"
)

// Bounds of one body's fields. A document may nest without end, by references to itself.
const (
	maxFieldDepth = 5
	maxFields     = 200
	maxVisits     = 5_000
)

// fields collects the places of a body whose names tell something about authority.
type fields struct {
	request bool
	found   map[string]bool
	visits  int
	path    map[*openapi3.Schema]bool
}

func newFields(request bool) *fields {
	return &fields{request: request, found: map[string]bool{}, path: map[*openapi3.Schema]bool{}}
}

func (f *fields) walk(ref *openapi3.SchemaRef, at string, depth int) {
	if ref == nil || ref.Value == nil || depth > maxFieldDepth || f.path[ref.Value] {
		return
	}
	if f.visits++; f.visits > maxVisits || len(f.found) >= maxFields {
		return
	}
	s := ref.Value
	f.path[s] = true
	defer delete(f.path, s)
	for _, name := range slices.Sorted(maps.Keys(s.Properties)) {
		p := s.Properties[name]
		if p == nil || p.Value == nil {
			continue
		}
		if f.request && p.Value.ReadOnly || !f.request && p.Value.WriteOnly {
			continue
		}
		here := at + "/" + pointer.Replace(name)
		if scopemap.Telling(name, p.Value.Format) {
			f.found[here] = true
		}
		f.walk(p, here, depth+1)
	}
	for _, all := range []openapi3.SchemaRefs{s.AllOf, s.AnyOf, s.OneOf} {
		for _, part := range all {
			f.walk(part, at, depth)
		}
	}
	f.walk(s.Items, at+"/*", depth+1)
	if s.AdditionalProperties.Schema != nil {
		f.walk(s.AdditionalProperties.Schema, at+"/*", depth+1)
	}
}

// pointer escapes a name in a JSON pointer.
var pointer = strings.NewReplacer("~", "~0", "/", "~1")

func (f *fields) sorted() []string { return slices.Sorted(maps.Keys(f.found)) }

// names collects the top-level names of a form.
func names(ref *openapi3.SchemaRef, into map[string]bool, depth int) {
	if ref == nil || ref.Value == nil || depth > maxFieldDepth || len(into) > maxFields {
		return
	}
	for name := range ref.Value.Properties {
		into[name] = true
	}
	for _, all := range []openapi3.SchemaRefs{ref.Value.AllOf, ref.Value.AnyOf, ref.Value.OneOf} {
		for _, part := range all {
			names(part, into, depth+1)
		}
	}
}
