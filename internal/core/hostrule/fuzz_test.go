package hostrule

import (
	"net/url"
	"strconv"
	"strings"
	"testing"
)

// An accepted pattern is in a normal form that reads back as itself, holds no byte
// that is syntax of a header or policy, and admits its own simplest URL.
func FuzzPattern(f *testing.F) {
	for _, seed := range []string{"*", "api.alice.example", "https://*.alice.example:8443/a/*", "wss://a.example/%2e%2e/b", "xn--bcher-kva.example",
		"a.example//x", "a.example/https://b", "*.github.io", "a.example/%2A/*", "0x7f.1", "[::1]", "javascript:x", "a.example/a%"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, text string) {
		for _, use := range []Use{Backend, Resource, Code, Remote} {
			p, err := ParsePattern(text, use)
			if err != nil {
				if e, ok := err.(*Error); !ok || e.Rule == "" || e.Reason == "" {
					t.Fatalf("%q: %#v", text, err)
				}
				continue
			}
			normal := p.String()
			if again, err := ParsePattern(normal, use); err != nil || again != p || again.String() != normal {
				t.Fatalf("%q is kept as %q, which reads as %+v, %v", text, normal, again, err)
			}
			if strings.ContainsAny(normal, "\"'<>\\^{|}();,?#@` \t\r\n") || p.Any != (normal == "*") || strings.Count(normal, "*") > 1 {
				t.Fatalf("%q is kept as %q", text, normal)
			}
			if p.Any || p.Empty(use) {
				continue
			}
			host := p.Host
			if p.Wild {
				host = "x." + host
			}
			path := p.Path
			if path == "" {
				path = "/"
			}
			raw := p.Scheme + "://" + host + ":" + strconv.Itoa(int(p.Port)) + path
			u, err := ParseURL(raw)
			if err != nil || !Match(p, u, use) {
				t.Fatalf("%q (%s) does not admit %s: %+v, %v", text, use, raw, u, err)
			}
		}
	})
}

// What intake accepts reads the same in Go's parser, reads back as itself, and names
// no host outside letters, digits, hyphen, underscore, or an address.
func FuzzURLAgreement(f *testing.F) {
	for _, seed := range []string{"https://a.example/", "https:\\\\a.example\\@b", "https://①②⑦.0.0.1/", "https://a。example", "https://[::1]:8443/?", "wss://a.example/%zz",
		"https://u@a.example", "https:///a.example", "https://a.example:0443/#x", "https://xn--a.example", "https://a\u00ad.example", "https://[[::1]]/", "https://a.example/?a?b#c"} {
		f.Add(seed)
	}
	f.Fuzz(func(t *testing.T, raw string) {
		samePlain(t, raw)
		u, err := ParseURL(raw)
		if err != nil {
			if e, ok := err.(*Error); !ok || e.Rule == "" || e.Reason == "" {
				t.Fatalf("%q: %#v", raw, err)
			}
			return
		}
		if u.Scheme != "https" && u.Scheme != "wss" || u.Path == "" || u.Path[0] != '/' || u.Query != "" && u.Query[0] != '?' {
			t.Fatalf("%q: %+v", raw, u)
		}
		if again, err := ParseURL(u.String()); err != nil || again != u {
			t.Fatalf("%q: %+v reads back as %+v, %v", raw, u, again, err)
		}
		if ref, err := ParseRef(URL{Scheme: "https", Host: "base.example", Port: 443, Path: "/"}, u.String()); u.Scheme == "https" && (err != nil || ref != u) {
			t.Fatalf("%q: as a redirect %+v, %v", raw, ref, err)
		}
		g, err := url.Parse(u.String())
		if err != nil || g.Hostname() != u.Host || g.User != nil || g.Scheme != u.Scheme {
			t.Fatalf("%q: net/url reads %+v, %v", raw, g, err)
		}
		if _, ip := u.IP(); !ip && strings.Trim(u.Host, "abcdefghijklmnopqrstuvwxyz0123456789-_.") != "" {
			t.Fatalf("%q: host %q", raw, u.Host)
		}
	})
}
