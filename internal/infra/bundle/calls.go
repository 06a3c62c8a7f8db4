package bundle

import (
	"strings"
	"unicode"
)

// Hole stands in a path for what is known at run time only.
const Hole = "\x00"

// ProductCall is a request to a product's API as the code has it.
type ProductCall struct {
	Position
	Product string // "jira" of requestJira, or the first argument of requestProduct
	Method  string // "" when it is known at run time only
	Path    string // without query, Hole for each value
}

// noProducts are functions whose names look like a product's.
var noProducts = map[string]bool{"requestGraph": true, "requestRemote": true, "requestCredentials": true, "requestDomains": true, "requestAnimationFrame": true,
	"requestIdleCallback": true, "requestProduct": true}

// productCall notes requestJira(route`…`) and its kin.
func (s *scanner) productCall(i int) {
	name, ok := strings.CutPrefix(s.tok(i).value, "request")
	if !ok || name == "" || !unicode.IsUpper(rune(name[0])) || !s.is(i+1, "(") || s.is(i-1, "function") {
		return
	}
	call := ProductCall{Position: s.position(s.tok(i).at), Product: strings.ToLower(name[:1]) + name[1:]}
	at := i + 2
	switch {
	case s.tok(i).value == "requestProduct":
		if s.tok(at).kind != tokString || !s.is(at+1, ",") {
			s.facts.OpenCalls = true
			return
		}
		call.Product = s.tok(at).value
		at += 2
	case noProducts[s.tok(i).value]:
		return
	}
	if s.is(at, "route") {
		at++
	}
	switch t := s.tok(at); t.kind {
	case tokString:
		call.Path = t.value
	case tokTemplate:
		call.Path = strings.Join(t.parts, Hole)
	}
	if !strings.HasPrefix(call.Path, "/") {
		s.facts.OpenCalls = true
		return
	}
	if end := strings.IndexAny(call.Path, "?#"); end >= 0 {
		call.Path = call.Path[:end]
	}
	call.Method = s.methodOf(at + 1)
	s.facts.Calls = append(s.facts.Calls, call)
}

// methodOf reads the method of a call's options, which begin behind the path: GET unless
// they say another one, "" when it is not written there.
func (s *scanner) methodOf(from int) string {
	method, depth := "GET", 1
	for j := from; j < len(s.toks) && depth > 0; j++ {
		switch {
		case s.is(j, "("), s.is(j, "["), s.is(j, "{"):
			depth++
		case s.is(j, ")"), s.is(j, "]"), s.is(j, "}"):
			depth--
		case depth == 1 && s.is(j, ",") && !s.is(j+1, "{") && !s.is(j+1, ")"):
			return "" // options from elsewhere
		case depth == 2 && s.is(j, "."):
			if s.is(j+1, ".") && s.is(j+2, ".") || s.is(j-1, "{") || s.is(j-1, ",") {
				method = "" // spread from elsewhere; a method that follows counts
			}
		case depth == 2 && s.is(j, "..."):
			method = ""
		case depth == 2 && s.tok(j).value == "method" && (s.is(j-1, "{") || s.is(j-1, ",")):
			switch v := s.tok(j + 2); {
			case s.is(j+1, ":") && v.kind == tokString && (s.is(j+3, ",") || s.is(j+3, "}")):
				method = strings.ToUpper(v.value)
			default:
				method = ""
			}
		}
	}
	return method
}
