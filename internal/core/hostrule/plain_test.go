package hostrule

import (
	"math/rand/v2"
	"strings"
	"testing"
)

// samePlain fails where the short way gives another answer than the whole one.
func samePlain(t *testing.T, raw string) (plain bool) {
	t.Helper()
	u, ok := plainURL(raw)
	if !ok {
		return false
	}
	short := u.checkHost()
	whole, err := parseURL(raw)
	if (short == nil) != (err == nil) {
		t.Errorf("%q: %v, and wholly parsed %v", raw, short, err)
	} else if err != nil {
		if a, b := short.(*Error), err.(*Error); *a != *b {
			t.Errorf("%q: %v, and wholly parsed %v", raw, a, b)
		}
	} else if u != whole {
		t.Errorf("%q: %+v, and wholly parsed %+v", raw, u, whole)
	}
	return true
}

func TestPlainURLsReadAsTheWholeParserReadsThem(t *testing.T) {
	for _, raw := range []string{"https://api.alice.example/v1/items/7?expand=all", "https://a.example/", "https://a.example:8443/?", "https://a_b.example//x;y=1/%41%2f?a=%zz&b?c",
		"https://a.example/v1/items?q=%20%3A&next=https://b.example/@x", "https://localhost/", "https://a.example/.well-known/x", "https://x--y.example/"} {
		if !samePlain(t, raw) && !strings.Contains(raw, "%zz") {
			t.Errorf("%q goes the long way", raw)
		}
	}
	// What could mean something else than it says is none of the short way's business.
	for _, raw := range []string{"http://a.example/", "HTTPS://a.example/", "https:/a.example/", "https://A.example/", "https://u@a.example/", "https://a.example:443/", "https://a.example:0/",
		"https://a.example:08443/", "https://a.example:65536/", "https://a.example:/", "https://127.0.0.1/", "https://0x7f.1/", "https://[::1]/", "https://a.example./", "https://xn--bcher-kva.example/",
		"https://a.example/../x", "https://a.example/%2e%2E/x", "https://a.example/a\\b", "https://a.example/#x", "https://a.example/?a#x", "https://a.example/ö", "https://a.example/%4",
		"https://a.example/a\tb", " https://a.example/", "https://a.example", "https://a.example?x", "https:///a.example/", "https://a.example/\"'<>`{}", "https://a%2eb/"} {
		if u, ok := plainURL(raw); ok {
			t.Errorf("%q goes the short way, as %+v", raw, u)
		}
	}
}

// URLs at random, of what plain ones are made of and of what comes near.
func TestPlainURLsAtRandom(t *testing.T) {
	pieces := []string{"https://", "https:/", "a", "b1", "-", "_", ".", "..", "xn--", "example", "1", "0x7f", ":", ":8443", ":443", ":0", "/", "//", "/.", "/..", "%41", "%2e", "%2F", "%", "?", "#", "@", "\\",
		"&x=1", ";", ",", "~", "!$", "*", "'", "|", "{", "^", "[", "]", "+", "=", "(", "A", "ö", " ", "\t"}
	r := rand.New(rand.NewPCG(1, 2))
	plain := 0
	for range 60_000 {
		var b strings.Builder
		b.WriteString("https://a")
		for range r.IntN(9) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		b.WriteString(".example/")
		for range r.IntN(6) {
			b.WriteString(pieces[r.IntN(len(pieces))])
		}
		if samePlain(t, b.String()) {
			plain++
		}
	}
	if plain < 1000 {
		t.Errorf("only %d of them went the short way", plain)
	}
}
