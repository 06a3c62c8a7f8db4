package csp

import (
	"net/netip"
	"slices"
	"strconv"
	"strings"

	whatwg "github.com/nlnwa/whatwg-url/url"
)

// directive is one of a policy's directives.
type directive struct {
	name    string
	sources []string
}

// parse reads a header's policies. Of directives of one name the first counts.
func parse(header string) [][]directive {
	var policies [][]directive
	for text := range strings.SplitSeq(header, ",") {
		var policy []directive
		for part := range strings.SplitSeq(text, ";") {
			words := strings.Fields(part)
			if len(words) == 0 {
				continue
			}
			name := strings.ToLower(words[0])
			if !slices.ContainsFunc(policy, func(d directive) bool { return d.name == name }) {
				policy = append(policy, directive{name, words[1:]})
			}
		}
		if len(policy) > 0 {
			policies = append(policies, policy)
		}
	}
	return policies
}

// fallbacks are the directives that stand in for one that a policy does not have. One
// that is not listed has none: without it everything is admitted.
var fallbacks = map[string][]string{
	"script-src": {"default-src"}, "script-src-elem": {"script-src", "default-src"}, "script-src-attr": {"script-src", "default-src"},
	"style-src": {"default-src"}, "style-src-elem": {"style-src", "default-src"}, "style-src-attr": {"style-src", "default-src"},
	"img-src": {"default-src"}, "font-src": {"default-src"}, "media-src": {"default-src"}, "connect-src": {"default-src"},
	"object-src": {"default-src"}, "manifest-src": {"default-src"}, "child-src": {"default-src"}, "prefetch-src": {"default-src"},
	"frame-src": {"child-src", "default-src"}, "worker-src": {"child-src", "script-src", "default-src"},
}

// Match reports whether a page at the origin, under the header, may make a request of the
// directive's kind to the URL: each of the header's policies has to admit it.
func Match(header, directive, url, origin string) bool {
	for _, policy := range parse(header) {
		if sources, ok := effective(policy, directive); ok && !MatchList(sources, url, origin, 0) {
			return false
		}
	}
	return true
}

func effective(policy []directive, name string) ([]string, bool) {
	for _, n := range append([]string{name}, fallbacks[name]...) {
		for _, d := range policy {
			if d.name == n {
				return d.sources, true
			}
		}
	}
	return nil, false
}

// MatchList is "Does url match source list in origin with redirect count?" of CSP Level
// 3: whether one of a directive's sources admits the URL, which redirects have led to.
func MatchList(sources []string, url, origin string, redirects int) bool {
	u, err := whatwg.Parse(url)
	if err != nil {
		return false
	}
	o, err := whatwg.Parse(origin)
	if err != nil {
		return false
	}
	for _, s := range sources {
		if matchSource(s, u, o, redirects) {
			return true
		}
	}
	return false
}

func matchSource(expression string, u, origin *whatwg.Url, redirects int) bool {
	switch {
	case expression == "*":
		return u.Scheme() == "http" || u.Scheme() == "https" || u.Scheme() == origin.Scheme()
	case strings.EqualFold(expression, "'self'"):
		return matchSelf(u, origin)
	case strings.HasPrefix(expression, "'"):
		return false // a keyword, a nonce or a hash says nothing about URLs
	}
	e, ok := parseSource(expression)
	if !ok {
		return false
	}
	if e.scheme != "" && !schemeMatches(e.scheme, u.Scheme()) {
		return false
	}
	if e.schemeOnly {
		return true
	}
	return u.Hostname() != "" &&
		(e.scheme != "" || schemeMatches(origin.Scheme(), u.Scheme())) &&
		hostMatches(e.host, u.Hostname()) &&
		portMatches(e.port, u) &&
		(e.path == "" || redirects > 0 || pathMatches(e.path, u.Pathname()))
}

// matchSelf admits the page's origin, and the same host over TLS where both ports are
// their schemes' own.
func matchSelf(u, origin *whatwg.Url) bool {
	if u.Hostname() == "" || u.Hostname() != origin.Hostname() {
		return false
	}
	if u.Scheme() == origin.Scheme() && u.Port() == origin.Port() {
		return true
	}
	// A parsed URL has no port where it is its scheme's own, so equal texts are either.
	return u.Port() == origin.Port() &&
		(u.Scheme() == "https" || u.Scheme() == "wss" || origin.Scheme() == "http" && u.Scheme() == "ws")
}

// expression is a scheme-source or a host-source, taken apart.
type expression struct {
	scheme     string
	schemeOnly bool
	host       string
	port       string // "" none, "*" any
	path       string
}

func parseSource(text string) (expression, bool) {
	var e expression
	if scheme, rest, ok := strings.Cut(text, "://"); ok {
		if !isScheme(scheme) {
			return e, false
		}
		e.scheme, text = strings.ToLower(scheme), rest
	} else if scheme, ok := strings.CutSuffix(text, ":"); ok {
		e.scheme, e.schemeOnly = strings.ToLower(scheme), true
		return e, isScheme(scheme)
	}
	authority := text
	if i := strings.IndexByte(text, '/'); i >= 0 {
		authority, e.path = text[:i], text[i:]
	}
	if strings.ContainsAny(e.path, "?#") {
		return e, false
	}
	host, port, hasPort := strings.Cut(authority, ":")
	if hasPort {
		n, err := strconv.ParseUint(port, 10, 16)
		if port != "*" && (err != nil || strings.Trim(port, "0123456789") != "") {
			return e, false
		}
		if e.port = port; port != "*" {
			e.port = strconv.FormatUint(n, 10)
		}
	}
	e.host = strings.ToLower(host)
	return e, isHostPart(e.host)
}

func isScheme(s string) bool {
	for i := range len(s) {
		c := s[i] | 0x20
		letter := c >= 'a' && c <= 'z'
		if !letter && (i == 0 || !strings.ContainsRune("0123456789+-.", rune(s[i]))) {
			return false
		}
	}
	return s != ""
}

func isHostPart(h string) bool {
	if h == "*" {
		return true
	}
	h = strings.TrimSuffix(strings.TrimPrefix(h, "*."), ".")
	for label := range strings.SplitSeq(h, ".") {
		if label == "" || strings.Trim(label, "abcdefghijklmnopqrstuvwxyz0123456789-") != "" {
			return false
		}
	}
	return true
}

// schemeMatches says what a scheme in a policy admits: itself, and what is the same over
// TLS. That wss admits https is the letter of the standard, since a WebSocket's request
// is one of https when it is checked.
func schemeMatches(a, b string) bool {
	switch {
	case a == b:
		return true
	case a == "http":
		return b == "https"
	case a == "ws":
		return b == "wss" || b == "http" || b == "https"
	case a == "wss":
		return b == "https"
	}
	return false
}

// hostMatches compares names; an address never matches.
func hostMatches(pattern, host string) bool {
	if _, err := netip.ParseAddr(strings.Trim(host, "[]")); err == nil {
		return false
	}
	host = strings.ToLower(host)
	if pattern == "*" {
		return true
	}
	if rest, ok := strings.CutPrefix(pattern, "*"); ok {
		return strings.HasSuffix(host, rest)
	}
	return host == pattern
}

var defaultPorts = map[string]string{"http": "80", "ws": "80", "https": "443", "wss": "443", "ftp": "21"}

func portMatches(port string, u *whatwg.Url) bool {
	switch {
	case port == "*":
		return true
	case u.Port() == "":
		return port == "" || port == defaultPorts[u.Scheme()]
	default:
		return port == u.Port()
	}
}

// pathMatches compares piece by piece, decoded: a path that ends in "/" admits all below.
func pathMatches(pattern, path string) bool {
	exact := !strings.HasSuffix(pattern, "/")
	want, have := strings.Split(pattern, "/"), strings.Split(path, "/")
	if len(want) > len(have) || exact && len(want) != len(have) {
		return false
	}
	if !exact {
		want = want[:len(want)-1]
	}
	for i, w := range want {
		if decoded(w) != decoded(have[i]) {
			return false
		}
	}
	return true
}

// decoded replaces each well-formed escape and leaves others as they are.
func decoded(s string) string {
	if !strings.Contains(s, "%") {
		return s
	}
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) {
			if n, err := strconv.ParseUint(s[i+1:i+3], 16, 8); err == nil {
				b.WriteByte(byte(n))
				i += 2
				continue
			}
		}
		b.WriteByte(s[i])
	}
	return b.String()
}
