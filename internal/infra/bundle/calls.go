package bundle

import (
	"regexp"
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

// asks is what a dependency that asks a product holds; its paths come from elsewhere.
var asks = regexp.MustCompile(`\brequest(?:Product|Jira|Confluence|Bitbucket|Graph)\b`)

// open notes a request whose operation is known at run time only.
func (s *scanner) open(i int) {
	s.facts.OpenCalls = append(s.facts.OpenCalls, Use{s.position(s.tok(i).at), s.tok(i).value})
}

// computed notes members of asApp() and asUser() that are not written by their name.
func (s *scanner) computed(i int) {
	depth := 0
	for j := i + 1; j < len(s.toks); j++ {
		switch {
		case s.is(j, "("):
			depth++
		case s.is(j, ")"):
			depth--
		}
		if depth == 0 {
			if s.is(j+1, "[") {
				s.open(i)
			}
			return
		}
	}
}

// productCall notes requestJira(route`…`) and its kin.
func (s *scanner) productCall(i int) {
	if (s.is(i, "asApp") || s.is(i, "asUser")) && s.is(i+1, "(") {
		s.computed(i)
		return
	}
	if s.is(i, "requestGraph") {
		s.open(i) // the fields of a document are not read here
		return
	}
	name, ok := strings.CutPrefix(s.tok(i).value, "request")
	if !ok || name == "" || !unicode.IsUpper(rune(name[0])) || noProducts[s.tok(i).value] && name != "Product" || s.is(i-1, "function") {
		return
	}
	if !s.is(i+1, "(") {
		if !s.listed(i) {
			s.open(i) // handed on, under whatever name
		}
		return
	}
	call := ProductCall{Position: s.position(s.tok(i).at), Product: strings.ToLower(name[:1]) + name[1:]}
	at := i + 2
	if name == "Product" {
		if s.tok(at).kind != tokString || !s.is(at+1, ",") {
			s.open(i)
			return
		}
		call.Product = s.tok(at).value
		at += 2
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
	// Behind a text that something is added to, the path is not over.
	if !strings.HasPrefix(call.Path, "/") || !s.is(s.behind(at), ",") && !s.is(s.behind(at), ")") {
		s.open(i)
		return
	}
	if end := strings.IndexAny(call.Path, "?#"); end >= 0 {
		call.Path = call.Path[:end]
	}
	call.Method = s.methodOf(at + 1)
	s.facts.Calls = append(s.facts.Calls, call)
}

// listed reports whether a name stands in braces among others and keeps its name: it is
// imported, exported or taken out of an object, and found again wherever it is called.
func (s *scanner) listed(i int) bool {
	if !s.is(i+1, ",") && !s.is(i+1, "}") {
		return false
	}
	for j := i - 1; s.tok(j).kind == tokIdent || s.is(j, ","); j-- {
		i = j
	}
	return s.is(i-1, "{")
}

// behind is the token behind a text.
func (s *scanner) behind(at int) int {
	holes := max(len(s.tok(at).parts)-1, 0)
	for at++; holes > 0 && at < len(s.toks); holes-- {
		for depth := 0; at < len(s.toks); {
			switch {
			case s.is(at, "("):
				depth++
			case s.is(at, ")"):
				depth--
			}
			if at++; depth == 0 {
				break
			}
		}
	}
	return at
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
