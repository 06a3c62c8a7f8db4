package csp

import (
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

const hostChars = "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._"

// directives are where each way of leaving is enforced. What the server sends is the
// broker's, and where a link leads is asked by the shell: neither is in a page's policy.
var directives = map[perm.EgressType]string{
	perm.Client: "connect-src", perm.Images: "img-src", perm.Media: "media-src", perm.Scripts: "script-src",
	perm.Styles: "style-src", perm.Fonts: "font-src", perm.Frames: "frame-src",
}

// sources are the source expressions of a set.
type sources struct {
	of          map[perm.EgressType][]string
	scriptWords []string // 'unsafe-eval', hashes …
	styleWords  []string
	inline      bool // inline scripts run, whatever they are
	blob        bool // scripts and workers may come from blob:
}

func sourcesOf(set perm.Set) sources {
	s := sources{of: make(map[perm.EgressType][]string, len(directives))}
	for _, e := range set.Egress {
		if _, done := s.of[e.Type]; !done && directives[e.Type] != "" {
			s.of[e.Type] = expressions(set.Egress, e.Type)
		}
	}
	for _, c := range set.Content {
		switch {
		case c.Kind == "styles" && c.Value == "unsafe-inline":
			s.styleWords = append(s.styleWords, "'unsafe-inline'")
		case c.Kind != "scripts":
		case c.Value == "unsafe-inline":
			s.inline = true
		case c.Value == "unsafe-eval" || c.Value == "unsafe-hashes" || isHash(c.Value):
			s.scriptWords = append(s.scriptWords, "'"+c.Value+"'")
		case c.Value == "blob:":
			s.blob = true
		}
	}
	return s
}

// expressions are those of one type, each once, without those that others cover. A set
// in normal form holds next to none of these; a long list is merely not shortened.
func expressions(all []perm.Egress, t perm.EgressType) []string {
	const few = 32
	use := perm.UseOf(t)
	var room [few]hostrule.Pattern
	patterns := room[:0]
	for i := range all {
		if all[i].Type == t {
			if p := all[i].Pattern.In(use); p != (hostrule.Pattern{}) && !slices.Contains(patterns, p) {
				patterns = append(patterns, p)
			}
		}
	}
	out := make([]string, 0, len(patterns))
	for i, p := range patterns {
		covered := false
		for j := 0; j < len(patterns) && len(patterns) <= few && !covered; j++ {
			covered = i != j && hostrule.Covers(patterns[j], p, use)
		}
		if text := source(p, t); text != "" && !covered {
			out = append(out, text)
		}
	}
	return out
}

// source is a pattern as a source expression: always with its scheme, since one without
// means what the page's own scheme makes of it. WebSockets are opened by connect-src alone.
func source(p hostrule.Pattern, t perm.EgressType) string {
	p = p.In(perm.UseOf(t))
	switch {
	case p.Any:
		return "https:" // "*" would admit http too
	case p.Host == "", p.Scheme == "wss" && t != perm.Client:
		return ""
	}
	return p.String()
}

// scripts are the sources of script-src. A hash beside 'unsafe-inline' would switch that
// off again.
func (s sources) scripts(hashes []string) []string {
	out := slices.Concat([]string{"'self'"}, s.of[perm.Scripts])
	if s.blob {
		out = append(out, "blob:")
	}
	if s.inline {
		for _, w := range s.scriptWords {
			if !isHash(strings.Trim(w, "'")) {
				out = append(out, w)
			}
		}
		return append(out, "'unsafe-inline'")
	}
	out = append(out, s.scriptWords...)
	for _, h := range hashes {
		if q := "'" + h + "'"; !slices.Contains(out, q) {
			out = append(out, q)
		}
	}
	return out
}

func (s sources) workers() []string {
	if s.blob {
		return []string{"'self'", "blob:"}
	}
	return []string{"'self'"}
}

// isHash reports whether the text is a hash source without its quotes.
func isHash(s string) bool {
	algorithm, digest, ok := strings.Cut(s, "-")
	lengths := map[string]int{"sha256": 44, "sha384": 64, "sha512": 88}
	return ok && lengths[algorithm] == len(digest) &&
		strings.Trim(strings.TrimRight(digest, "="), "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/") == ""
}

// isSource reports whether the text is one word of a directive: nothing in it ends a
// word, a directive, a policy or a header.
func isSource(s string) bool {
	for i := range len(s) {
		if c := s[i]; c <= ' ' || c >= 0x7f || c == ';' || c == ',' {
			return false
		}
	}
	return s != ""
}
