package product

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/vektah/gqlparser/v2/ast"
	"github.com/vektah/gqlparser/v2/parser"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// RFC-94 lets an app register remotes by GraphQL, at run time. That field of a mutation is
// the platform's: it is answered here, never sent to a product, and needs none. Which app
// and installation it is about is the call's to say, not the app's.

const ownField = "registerModule"

// Module is what an app registers: a name with a bound, which grants nothing.
type Module struct {
	Key, Name, Description string
	DomainPatterns         []string
}

const (
	maxOwnFields = 20
	maxOwnBody   = 256 << 10
)

// own answers a mutation of the platform's own fields; ok is false for everything else,
// which goes on to the product's gate.
func (c *caller) own(ctx context.Context, p *call.Policy, req call.Request) (out call.Reply, ok bool, err error) {
	var in graphBody
	if req.Method != graphMethod || c.gate.cfg.Register == nil || len(req.Body) > maxOwnBody || json.Unmarshal(req.Body, &in) != nil || !strings.Contains(in.Query, ownField) {
		return out, false, nil
	}
	if err := room(req.Room, 2*len(req.Body)); err != nil {
		return out, false, err
	}
	doc, err := parser.ParseQueryWithTokenLimit(&ast.Source{Input: in.Query}, maxTokens)
	if err != nil || len(doc.Operations) != 1 || !asksOwn(doc) {
		return out, false, nil
	}
	if err := c.take(p); err != nil {
		return out, true, err
	}
	op := doc.Operations[0]
	var vars map[string]any
	if len(in.Variables) > 0 && json.Unmarshal(in.Variables, &vars) != nil {
		return graphAnswer(nil, "the variables are no object")
	}
	if op.Operation != ast.Mutation || len(op.SelectionSet) > maxOwnFields {
		return graphAnswer(nil, "%s is a field of mutations, at most %d at once", ownField, maxOwnFields)
	}
	// All is read before anything is done.
	var todo []asked
	for _, s := range op.SelectionSet {
		a, problem := readOwn(s, vars)
		if problem != "" {
			return graphAnswer(nil, "%s", problem)
		}
		todo = append(todo, a)
	}
	data := map[string]any{}
	for _, a := range todo {
		payload, err := c.register(ctx, p, a)
		if err != nil {
			return out, true, err
		}
		data[a.field.Alias] = payload
	}
	return graphAnswer(data, "")
}

// asksOwn reports whether a root field, also of a fragment that is put in there, is ours.
func asksOwn(doc *ast.QueryDocument) bool {
	w := graphWalk{doc: doc, graph: &Graph{MaxDepth: 20, MaxFields: 1000}, roots: map[string]bool{}, open: map[string]bool{}}
	_ = w.selections(doc.Operations[0].SelectionSet, 1) // what goes too deep is not ours
	return w.roots[ownField]
}

// asked is one field that is to be answered.
type asked struct {
	field  *ast.Field
	kind   string
	module Module
}

func readOwn(s ast.Selection, vars map[string]any) (a asked, problem string) {
	f, ok := s.(*ast.Field)
	if !ok || f.Name != ownField || len(f.Directives) > 0 {
		return a, ownField + " stands in a mutation by itself, without fragments and directives"
	}
	a.field = f
	arg := f.Arguments.ForName("input")
	if arg == nil || len(f.Arguments) != 1 {
		return a, ownField + " takes one argument, input"
	}
	v, err := arg.Value.Value(vars)
	text, merr := json.Marshal(v)
	if err != nil || merr != nil {
		return a, "the input cannot be read"
	}
	var in struct {
		Key         string `json:"key"`
		Type        string `json:"type"`
		UserDefined struct {
			Name           string          `json:"name"`
			Description    string          `json:"description"`
			DomainPatterns json.RawMessage `json:"domainPatterns"`
		} `json:"userDefined"`
	}
	if err := json.Unmarshal(text, &in); err != nil {
		return a, "the input is {key, type, userDefined: {name, description, domainPatterns}}"
	}
	a.kind = in.Type
	a.module = Module{Key: in.Key, Name: in.UserDefined.Name, Description: in.UserDefined.Description}
	patterns := in.UserDefined.DomainPatterns
	var one string
	switch {
	case len(patterns) == 0 || string(patterns) == "null":
	case json.Unmarshal(patterns, &one) == nil:
		a.module.DomainPatterns = []string{one}
	case json.Unmarshal(patterns, &a.module.DomainPatterns) != nil:
		return a, "domainPatterns is a text or a list of texts"
	}
	for _, s := range f.SelectionSet {
		x, ok := s.(*ast.Field)
		if !ok || x.Name != "success" && x.Name != "errors" && x.Name != "__typename" {
			return a, ownField + " answers success and errors"
		}
		for _, s := range x.SelectionSet {
			y, ok := s.(*ast.Field)
			if !ok || x.Name != "errors" || y.Name != "message" && y.Name != "code" && y.Name != "__typename" {
				return a, "an error has a message and a code"
			}
		}
	}
	if len(f.SelectionSet) == 0 {
		return a, ownField + " needs a selection: { success errors { message code } }"
	}
	return a, ""
}

// register does one, and gives what was selected of its payload. What the app did wrong is
// in the payload; a server that cannot is an error.
func (c *caller) register(ctx context.Context, p *call.Policy, a asked) (map[string]any, error) {
	var err error
	if strings.EqualFold(a.kind, "remote") {
		err = c.gate.cfg.Register(ctx, p, a.module)
	} else {
		err = fault.New(fault.Invalid, "MODULE_TYPE", "modules of the type %.40q cannot be registered: remote can", a.kind)
	}
	f, known := fault.As(err)
	if err != nil && (!known || f.Kind == fault.Internal || f.Kind == fault.Unavailable) {
		return nil, err
	}
	out := map[string]any{}
	for _, s := range a.field.SelectionSet {
		switch x := s.(*ast.Field); x.Name {
		case "success":
			out[x.Alias] = err == nil
		case "__typename":
			out[x.Alias] = "RegisterModulePayload"
		case "errors":
			list := []any{}
			if err != nil {
				one := map[string]any{}
				for _, s := range x.SelectionSet {
					y := s.(*ast.Field)
					one[y.Alias] = map[string]string{"message": f.Public, "code": f.Code, "__typename": "MutationError"}[y.Name]
				}
				list = append(list, one)
			}
			out[x.Alias] = list
		}
	}
	return out, nil
}

// graphAnswer is an answer as a GraphQL server gives it.
func graphAnswer(data map[string]any, format string, args ...any) (call.Reply, bool, error) {
	out := map[string]any{"data": data}
	if data == nil {
		out["data"] = nil
		out["errors"] = []any{map[string]any{"message": fault.New(fault.Invalid, "", format, args...).Public, "extensions": map[string]string{"code": "BAD_REQUEST"}}}
	}
	body, err := json.Marshal(out)
	if err != nil {
		return call.Reply{}, true, err
	}
	head, err := json.Marshal(replyHead{Status: http.StatusOK, StatusText: "OK", Headers: [][2]string{{"content-type", "application/json"}}, URL: "/graphql"})
	return call.Reply{Head: head, Body: body}, true, err
}
