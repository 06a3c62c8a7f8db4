package openapi

import (
	"cmp"
	"maps"
	"slices"
	"strings"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/annexhq/annex/internal/core/scopemap"
)

// reader makes the plain document of a loaded one.
type reader struct {
	doc   *openapi3.T
	lines map[string]int
}

func (r *reader) document() scopemap.Document {
	out := scopemap.Document{Schemes: map[string]scopemap.Scheme{}}
	if r.doc.Info != nil {
		out.Title, out.Version = clip(r.doc.Info.Title), clip(r.doc.Info.Version)
	}
	if len(r.doc.Servers) > 0 && r.doc.Servers[0] != nil {
		out.Base, _ = r.doc.Servers[0].BasePath()
	}
	if r.doc.Components != nil {
		for name, ref := range r.doc.Components.SecuritySchemes {
			if ref != nil && ref.Value != nil {
				out.Schemes[name] = scheme(ref.Value)
			}
		}
	}
	if r.doc.Paths == nil {
		return out
	}
	for path, item := range r.doc.Paths.Map() {
		if item == nil {
			continue
		}
		for method, op := range item.Operations() {
			if op != nil {
				out.Described = append(out.Described, r.operation(path, method, item, op))
			}
		}
	}
	slices.SortFunc(out.Described, func(a, b scopemap.Described) int {
		return cmp.Or(strings.Compare(a.Path, b.Path), strings.Compare(a.Method, b.Method))
	})
	return out
}

func scheme(s *openapi3.SecurityScheme) scopemap.Scheme {
	out := scopemap.Scheme{Type: s.Type, In: s.In, Name: s.Name}
	if s.Flows == nil {
		return out
	}
	out.Scopes = map[string]string{}
	for _, f := range []*openapi3.OAuthFlow{s.Flows.Implicit, s.Flows.Password, s.Flows.ClientCredentials, s.Flows.AuthorizationCode} {
		if f != nil {
			for name, text := range f.Scopes {
				out.Scopes[name] = clip(text)
			}
		}
	}
	return out
}

func (r *reader) operation(path, method string, item *openapi3.PathItem, op *openapi3.Operation) scopemap.Described {
	out := scopemap.Described{
		ID: op.OperationID, Method: strings.ToUpper(method), Path: path, Tags: op.Tags, Summary: clip(op.Summary),
		Extensions: map[string]any{}, Callback: len(op.Callbacks) > 0, Line: r.lines["paths "+path+" "+strings.ToLower(method)],
	}
	for _, all := range []map[string]any{item.Extensions, op.Extensions} { // the operation's own win
		for name, v := range all {
			if strings.HasPrefix(name, "x-") {
				out.Extensions[name] = v
			}
		}
	}
	security := r.doc.Security
	if op.Security != nil {
		security = *op.Security
	}
	for _, all := range security {
		out.Security = append(out.Security, maps.Clone(map[string][]string(all)))
	}
	seen := map[string]bool{}
	for _, all := range []openapi3.Parameters{op.Parameters, item.Parameters} {
		for _, ref := range all {
			if ref == nil || ref.Value == nil || seen[ref.Value.In+" "+ref.Value.Name] {
				continue
			}
			seen[ref.Value.In+" "+ref.Value.Name] = true
			out.Parameters = append(out.Parameters, parameter(ref.Value))
		}
	}
	r.body(&out, op)
	r.answers(&out, op)
	return out
}

func parameter(p *openapi3.Parameter) scopemap.Parameter {
	out := scopemap.Parameter{Name: p.Name, In: p.In}
	if p.In != openapi3.ParameterInQuery || p.Schema == nil || p.Schema.Value == nil {
		return out
	}
	s := p.Schema.Value
	if s.Type.Is("object") || len(s.Properties) > 0 || s.AdditionalProperties.Schema != nil {
		if p.Style == "deepObject" {
			out.Keys = true
		} else if p.Explode == nil || *p.Explode {
			// The style "form" writes an object's keys as names of their own.
			out.Open = true
		}
	}
	return out
}

func (r *reader) body(out *scopemap.Described, op *openapi3.Operation) {
	if op.RequestBody == nil || op.RequestBody.Value == nil {
		return
	}
	out.Body = true
	fields := newFields(true)
	form := map[string]bool{}
	for kind, media := range op.RequestBody.Value.Content {
		name, _, _ := strings.Cut(kind, ";")
		name = strings.ToLower(strings.TrimSpace(name))
		out.MediaTypes = append(out.MediaTypes, name)
		if media == nil {
			continue
		}
		if name == "application/x-www-form-urlencoded" || name == "multipart/form-data" {
			own := map[string]bool{}
			names(media.Schema, own, 0)
			out.AnyForm = out.AnyForm || len(own) == 0
			maps.Copy(form, own)
			continue
		}
		fields.walk(media.Schema, "", 0)
	}
	slices.Sort(out.MediaTypes)
	out.MediaTypes = slices.Compact(out.MediaTypes)
	out.Sends = fields.sorted()
	out.Form = slices.Sorted(maps.Keys(form))
}

func (r *reader) answers(out *scopemap.Described, op *openapi3.Operation) {
	if op.Responses == nil {
		return
	}
	fields := newFields(false)
	for status, ref := range op.Responses.Map() {
		if ref == nil || ref.Value == nil || !strings.HasPrefix(status, "2") && status != "default" {
			continue
		}
		for _, media := range ref.Value.Content {
			if media != nil {
				fields.walk(media.Schema, "", 0)
			}
		}
	}
	out.Answers = fields.sorted()
}

func clip(s string) string {
	s = strings.ToValidUTF8(s, "?")
	if len(s) > 300 {
		s = strings.ToValidUTF8(s[:300], "") + " …"
	}
	return s
}
