package hostrule

import (
	"strings"

	whatwg "github.com/nlnwa/whatwg-url/url"
)

// ParseBaseURL takes in the base URL of a remote, from a manifest or from an admin:
// one known https address. A wildcard, a query or a fragment would make it something
// else than a prefix of what is called. The result's path has no "/" at its end, but
// for "/" itself.
func ParseBaseURL(text string) (URL, error) {
	switch {
	case strings.TrimSpace(text) == "":
		return URL{}, refuse("remote-url-empty", "the URL is empty", "write an absolute https URL")
	case strings.Contains(text, "*"):
		return URL{}, refuse("remote-url-wildcard", "a remote is one known address, so its URL has no *", "write the whole host name")
	case strings.ContainsAny(text, "?#"):
		return URL{}, refuse("remote-url-query", "a remote's URL has no query and no fragment", "remove everything from the ? or # on")
	}
	u, err := ParseURL(text)
	if err != nil {
		return URL{}, err
	}
	if u.Scheme != "https" {
		return URL{}, refuse("remote-url-scheme", "a remote is called over https, not "+u.Scheme, "use https")
	}
	if err := CanAdmit(u, Remote); err != nil {
		return URL{}, err
	}
	return u.asBase(), nil
}

func (u URL) asBase() URL {
	for len(u.Path) > 1 && strings.HasSuffix(u.Path, "/") {
		u.Path = strings.TrimSuffix(u.Path, "/")
	}
	return u
}

// ParsePrivateURL takes in the base URL of a remote that a network grant stands behind:
// what ParseBaseURL takes, and plain http, addresses and names of a private network too.
func ParsePrivateURL(text string) (URL, error) {
	u, err := ParseBaseURL(text)
	if err == nil || strings.ContainsAny(text, "*?#") {
		return u, err
	}
	if err := checkRaw(text); err != nil {
		return URL{}, err
	}
	parsed, werr := whatwg.Parse(text)
	if werr != nil {
		return URL{}, refuse("url-syntax", "the URL cannot be parsed", "write an absolute URL")
	}
	if s := parsed.Scheme(); s != "https" && s != "http" {
		return URL{}, refuse("remote-url-scheme", "a remote is called over https or, in a private network, http", "use https")
	}
	if u, err = tuple(parsed); err != nil {
		return URL{}, err
	}
	if BlockedPort(u.Port) {
		return URL{}, refuse("egress-port-blocked", "the port belongs to another protocol and is never connected", "")
	}
	return u.asBase(), nil
}

// MatchPrivate is MatchEndpoint for a URL that a network grant stands behind. Where there
// are patterns, an address is within none of them, and plain http is matched as https is.
func MatchPrivate(patterns []Pattern, endpoint string) Verdict {
	u, err := ParsePrivateURL(endpoint)
	if err != nil {
		return refusal(err)
	}
	if len(patterns) == 0 {
		return Verdict{Allow: true, Rule: "remote-unbounded", Reason: "the remote may have any endpoint"}
	}
	if u.Scheme == "http" {
		u.Scheme = "https"
		if u.Port == 80 {
			u.Port = 443
		}
	}
	return Decide(patterns, Remote, u)
}

// MatchEndpoint decides whether an endpoint that an admin wants to set for a
// configurable remote lies within the patterns; no patterns do not bound. It looks at
// the parsed host, never at the URL's text: "https://evil.test/.example.com" is not
// below example.com.
func MatchEndpoint(patterns []Pattern, endpoint string) Verdict {
	u, err := ParseBaseURL(endpoint)
	if err != nil {
		return refusal(err)
	}
	if len(patterns) == 0 {
		return Verdict{Allow: true, Rule: "remote-unbounded", Reason: "the remote may have any endpoint"}
	}
	return Decide(patterns, Remote, u)
}

// JoinRoute appends a route (with its query, if any) to a remote's base URL. The
// result lies below the base, or there is an error: a route is a path, and cannot
// name another host or climb out.
func JoinRoute(base URL, route string) (URL, error) {
	path, _, _ := strings.Cut(route, "?")
	bad := func(what string) (URL, error) {
		return URL{}, refuse("remote-route", "the route "+what, "write a path below the remote's URL, for instance /v1/items")
	}
	switch {
	case path != "" && path[0] != '/':
		return bad("does not start with a slash")
	case strings.Contains(path, "//"):
		return bad("has an empty segment")
	case strings.ContainsAny(path, "\\@#\t\r\n") || strings.ContainsAny(route, "#\t\r\n"):
		return bad("holds a character that no route has")
	}
	for segment := range strings.SplitSeq(path, "/") {
		// Decoded once and twice: a back end that decodes again must not climb either.
		once := decode(segment)
		for _, s := range []string{segment, once, decode(once)} {
			if s == "." || s == ".." || strings.ContainsAny(s, "/\\") {
				return bad("leaves the remote's path")
			}
		}
	}
	u, err := parseAs(base, base.Origin()+strings.TrimSuffix(base.Path, "/")+route)
	if err != nil {
		return URL{}, err
	}
	if !u.SameOrigin(base) || !strings.HasPrefix(u.Path, strings.TrimSuffix(base.Path, "/")) {
		return bad("leaves the remote's path")
	}
	return u, nil
}

// parseAs reads a URL that stands on a base; only a base of plain http makes such a URL.
func parseAs(base URL, text string) (URL, error) {
	if base.Scheme != "http" {
		return ParseURL(text)
	}
	if err := checkRaw(text); err != nil {
		return URL{}, err
	}
	parsed, err := whatwg.Parse(text)
	if err != nil {
		return URL{}, refuse("url-syntax", "the URL cannot be parsed", "")
	}
	return tuple(parsed)
}

func decode(s string) string {
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		if s[i] == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			b.WriteByte(unhex(s[i+1])<<4 | unhex(s[i+2]))
			i += 2
			continue
		}
		b.WriteByte(s[i])
	}
	return b.String()
}

func refusal(err error) Verdict {
	if e, ok := err.(*Error); ok {
		return Verdict{Rule: e.Rule, Reason: e.Reason}
	}
	return Verdict{Rule: "refused", Reason: err.Error()}
}
