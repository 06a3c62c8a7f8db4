package csp

import (
	"cmp"
	"slices"

	"github.com/annexhq/annex/internal/core/perm"
)

// Reason says why a source is in a policy.
type Reason struct {
	Directive string `json:"directive"`
	Source    string `json:"source"`
	// Grant is the key of the permission that it comes from (see perm.Piece); "" for what
	// every app's pages have.
	Grant string `json:"grant,omitempty"`
	// Text says it in words.
	Text string `json:"text"`
}

// Explain gives each source of the policy of an app's documents with the grant that it
// comes from. Sources that no grant adds are the app's own files and what lies in the page
// itself: they reach no other host.
func Explain(set perm.Set, p Place) ([]Reason, error) {
	header, err := Compose(set, p)
	if err != nil {
		return nil, err
	}
	policy := parse(header)[0]
	var out []Reason
	for _, d := range policy {
		for _, s := range d.sources {
			r := Reason{Directive: d.name, Source: s, Text: own(d.name, s)}
			if keys := grants(set, d.name, s); len(keys) > 0 {
				for _, k := range keys {
					r.Grant, r.Text = k, "granted"
					out = append(out, r)
				}
				continue
			}
			out = append(out, r)
		}
	}
	return out, nil
}

// grants are the keys of the permissions that put a source into a directive.
func grants(set perm.Set, directive, text string) []string {
	var out []string
	for _, e := range set.Egress {
		if directives[e.Type] == directive && source(e.Pattern, e.Type) == text {
			if k := perm.EgressKey(e.Type, e.Pattern); !slices.Contains(out, k) {
				out = append(out, k)
			}
		}
	}
	for _, c := range set.Content {
		kind := cmp.Or(map[string]string{"script-src": "scripts", "worker-src": "scripts", "style-src": "styles"}[directive], "-")
		if c.Kind == kind && (text == "'"+c.Value+"'" || text == c.Value) {
			out = append(out, "content:"+c.Kind+":"+c.Value)
		}
	}
	if directive == "sandbox" && slices.Contains(set.Sandbox, text) {
		out = append(out, "sandbox:"+text)
	}
	return out
}

// own words what is in every policy.
func own(directive, source string) string {
	switch {
	case source == "'none'":
		return "nothing is granted"
	case source == "'self'":
		return "files of the app itself"
	case source == "data:", source == "blob:":
		return "what lies in the page itself"
	case isHash(trimQuotes(source)):
		return "an inline script of the document, as it was deployed"
	case directive == "frame-ancestors":
		return "what may frame the app: the shell, and the product's pages around it"
	case directive == "report-uri", directive == "report-to":
		return "where the browser says what it blocked"
	}
	return "the same for every app"
}

func trimQuotes(s string) string {
	if len(s) > 2 && s[0] == '\'' && s[len(s)-1] == '\'' {
		return s[1 : len(s)-1]
	}
	return s
}
