package hostrule

import (
	"net/url"
	"strconv"
	"strings"
)

// plainURL reads an https URL that is written in the canonical form already, from characters
// that every parser of URLs leaves as they are: most of what apps ask for, at a quarter of
// the cost. It gives what the whole parser would, or ok is false and that one is asked: for
// any spelling that could mean something else than it says (escapes of dots, dot segments,
// A-labels, hosts that may be addresses, ports with zeros, whatever is not ASCII). Go's own
// parser has to agree here too.
func plainURL(raw string) (u URL, ok bool) {
	const scheme = "https"
	rest, ok := strings.CutPrefix(raw, scheme+"://")
	if !ok {
		return u, false
	}
	end := strings.IndexByte(rest, '/')
	if end < 0 {
		return u, false
	}
	authority, path := rest[:end], rest[end:]
	u = URL{Scheme: scheme, Port: defaultPort(scheme)}
	if u.Host, ok = plainHost(authority, &u.Port); !ok {
		return u, false
	}
	u.Path = path
	if i := strings.IndexByte(path, '?'); i >= 0 {
		u.Path, u.Query = path[:i], path[i:]
	}
	if !plainPath(u.Path) || u.Query != "" && !plainText(u.Query[1:], "?") {
		return u, false
	}
	g, err := url.Parse(raw)
	if err != nil || g.User != nil || g.Opaque != "" || g.Fragment != "" || g.Scheme != scheme || g.Host != authority {
		return u, false
	}
	return u, true
}

// plainHost takes lower-case labels of which the last begins with a letter, so that it is no
// number of an address, and a port that is written as itself.
func plainHost(authority string, port *uint16) (host string, ok bool) {
	host, text, given := strings.Cut(authority, ":")
	if given {
		n, err := strconv.ParseUint(text, 10, 16)
		if err != nil || text[0] == '0' || uint16(n) == *port {
			return "", false
		}
		*port = uint16(n)
	}
	for i := range len(host) {
		if c := host[i]; !isLDH(c) && c != '.' && c != '_' {
			return "", false
		}
	}
	last := host[strings.LastIndexByte(host, '.')+1:]
	return host, last != "" && last[0] >= 'a' && last[0] <= 'z' && !strings.Contains(host, "xn--")
}

func plainPath(path string) bool {
	if !plainText(path, "") || strings.Contains(path, "%2e") || strings.Contains(path, "%2E") {
		return false
	}
	for segment := range strings.SplitSeq(path, "/") {
		if segment == "." || segment == ".." {
			return false
		}
	}
	return true
}

// plainText reports whether the text holds only characters that no parser changes, escapes
// of two hexadecimal digits, and those of more.
func plainText(s, more string) bool {
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9':
		case c == '%':
			if i+2 >= len(s) || !isHex(s[i+1]) || !isHex(s[i+2]) {
				return false
			}
			i += 2
		case strings.IndexByte("-._~/!$&()*+,;=:@", c) < 0 && strings.IndexByte(more, c) < 0:
			return false
		}
	}
	return true
}
