package hostrule

import (
	"net/netip"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	whatwg "github.com/nlnwa/whatwg-url/url"
)

const maxURL = 8 << 10

// URL is an admitted spelling of an address: the tuple that is matched, dialled and
// sent. It has no user, no password and no fragment. Nothing reads the original
// string again after ParseURL, so there is nothing to disagree with.
type URL struct {
	Scheme string // "https" or "wss"
	Host   string // lower-case name in A-labels, or an IP address without brackets
	Port   uint16 // explicit
	Path   string // starts with "/"
	Query  string // "" or with its "?"
}

// ParseURL takes in the exact string that an app passed. It reads it as a browser
// does (WHATWG), serialises that, and requires Go's own parser to read the same
// scheme, host and port: a string that two parsers read differently is refused, for
// one of them would have checked another host than the other dials. What is written so
// that it can mean one thing only is read by plainURL, with the same answer. The error is
// an *Error.
func ParseURL(raw string) (URL, error) {
	if err := checkRaw(raw); err != nil {
		return URL{}, err
	}
	if u, ok := plainURL(raw); ok {
		if err := u.checkHost(); err != nil {
			return URL{}, err
		}
		return u, nil
	}
	return parseURL(raw)
}

func parseURL(raw string) (URL, error) {
	parsed, err := whatwg.Parse(raw)
	if err != nil {
		return URL{}, refuse("url-syntax", "the URL cannot be parsed", "pass an absolute https URL")
	}
	return fromWHATWG(parsed)
}

// ParseRef takes in a Location value relative to the URL that answered with it. A
// redirect leads to https only: fetch follows nothing else.
func ParseRef(base URL, location string) (URL, error) {
	if err := checkRaw(location); err != nil {
		return URL{}, err
	}
	parsed, err := whatwg.ParseRef(base.String(), location)
	if err != nil {
		return URL{}, refuse("url-syntax", "the redirect's Location cannot be parsed", "")
	}
	u, err := fromWHATWG(parsed)
	if err == nil && u.Scheme != "https" {
		return URL{}, refuse("redirect-scheme", "a redirect leads to "+u.Scheme, "only redirects to https are followed")
	}
	return u, err
}

// RefusedOrigin names the origin of a URL that ParseURL refuses, so that an app's author
// sees which address was meant: "" for what has none, or cannot be read at all. It is for
// words only; nothing is decided by it.
func RefusedOrigin(raw string) string {
	if checkRaw(raw) != nil {
		return ""
	}
	w, err := whatwg.Parse(raw)
	if err != nil || w.Host() == "" {
		return ""
	}
	switch w.Scheme() {
	case "http", "https", "ws", "wss":
		return w.Scheme() + "://" + w.Host()
	}
	return ""
}

func checkRaw(raw string) error {
	if len(raw) > maxURL {
		return refuse("url-length", "the URL is longer than 8192 bytes", "send long values in the body")
	}
	if !utf8.ValidString(raw) {
		return refuse("url-utf8", "the URL is not valid UTF-8", "percent-encode other bytes")
	}
	return nil
}

func fromWHATWG(w *whatwg.Url) (URL, error) {
	scheme := w.Scheme()
	if scheme != "https" && scheme != "wss" {
		return URL{}, refuse("url-scheme", "the scheme "+quote(scheme)+" is not offered", "use https")
	}
	return tuple(w)
}

// tuple takes the parts of a parsed URL whose scheme has a default port, and makes
// sure that Go's parser sees the same ones.
func tuple(w *whatwg.Url) (URL, error) {
	scheme := w.Scheme()
	if w.Username() != "" || w.Password() != "" {
		return URL{}, refuse("url-userinfo", "the URL holds a user name or password", "send credentials in a header")
	}
	if w.Hostname() == "" {
		return URL{}, refuse("url-host", "the URL has no host", "")
	}
	u := URL{Scheme: scheme, Host: w.Hostname(), Port: defaultPort(scheme), Path: w.Pathname()}
	if p := w.Port(); p != "" {
		n, err := strconv.ParseUint(p, 10, 16)
		if err != nil {
			return URL{}, refuse("url-port", "the URL's port is no port number", "")
		}
		u.Port = uint16(n)
	}
	href := w.Href(true)
	if _, query, ok := strings.Cut(href, "?"); ok {
		u.Query = "?" + query
	}
	if err := u.checkHost(); err != nil {
		return URL{}, err
	}
	if err := u.agree(href); err != nil {
		return URL{}, err
	}
	return u, nil
}

// checkHost accepts an address or a name of plain labels (underscores do occur), and
// takes the brackets off an IPv6 address.
func (u *URL) checkHost() error {
	if inner, ok := strings.CutPrefix(u.Host, "["); ok {
		addr, err := netip.ParseAddr(strings.TrimSuffix(inner, "]"))
		if err != nil || !addr.Is6() || addr.Zone() != "" {
			return refuse("url-host", "the URL's IPv6 address cannot be parsed", "")
		}
		u.Host = strings.TrimSuffix(inner, "]")
		return nil
	}
	if isIP(u.Host) {
		return nil
	}
	if err := checkName("url", u.Host, true); err != nil {
		return err
	}
	if endsInNumber(u.Host) {
		return refuse("url-host", "a host that ends in a number is an address, and this is none", "")
	}
	return nil
}

func (u URL) agree(href string) error {
	disagree := refuse("url-parsers-disagree", "two URL parsers read this URL differently", "percent-encode unusual characters")
	if href != u.String() {
		return disagree
	}
	g, err := url.Parse(href)
	if err != nil || g.User != nil || g.Opaque != "" || g.Scheme != u.Scheme || g.Hostname() != u.Host {
		return disagree
	}
	port := g.Port()
	if port == "" {
		port = strconv.Itoa(int(defaultPort(u.Scheme)))
	}
	if port != strconv.Itoa(int(u.Port)) {
		return disagree
	}
	return nil
}

// String is the canonical text; ParseURL gives the same tuple for it.
func (u URL) String() string { return u.Origin() + u.Path + u.Query }

// Origin is scheme, host and port; the port only where it is not the default one.
func (u URL) Origin() string {
	host := u.Host
	if strings.Contains(host, ":") {
		host = "[" + host + "]"
	}
	if u.Port != defaultPort(u.Scheme) {
		host += ":" + strconv.Itoa(int(u.Port))
	}
	return u.Scheme + "://" + host
}

// IP gives the address where the host is one.
func (u URL) IP() (netip.Addr, bool) {
	a, err := netip.ParseAddr(u.Host)
	return a, err == nil
}

// SameOrigin reports whether the two share scheme, host and port: where they do not,
// no credential may go along.
func (u URL) SameOrigin(v URL) bool {
	return u.Scheme == v.Scheme && u.Host == v.Host && u.Port == v.Port
}
