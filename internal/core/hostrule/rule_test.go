package hostrule

import (
	"errors"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

func mustPattern(t testing.TB, text string, use Use) Pattern {
	t.Helper()
	p, err := ParsePattern(text, use)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return p
}

func mustURL(t testing.TB, text string) URL {
	t.Helper()
	u, err := ParseURL(text)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return u
}

func TestNormalForm(t *testing.T) {
	for _, c := range []struct {
		text   string
		use    Use
		normal string
		rules  []string // of the warnings
	}{
		{"api.alice.example", Backend, "https://api.alice.example", nil},
		{"https://api.alice.example", Backend, "https://api.alice.example", nil},
		{"https://api.alice.example/", Backend, "https://api.alice.example", nil},
		{"API.alice.example:443", Backend, "https://api.alice.example", []string{"pattern-not-normal"}},
		{"*.alice.example", Remote, "https://*.alice.example", nil},
		{"wss://rt.alice.example:8443/s", Resource, "wss://rt.alice.example:8443/s", nil},
		{"https://api.alice.example/v1/*", Backend, "https://api.alice.example", []string{"egress-path-ignored"}},
		{"https://api.alice.example/*", Backend, "https://api.alice.example", nil},
		{"https://oidc.alice.example/org/*/.well-known/jwks.json", Backend, "https://oidc.alice.example", []string{"egress-path-ignored"}},
		{"https://oidc.alice.example/org/*/.well-known/jwks.json", Resource, "https://oidc.alice.example/org/", []string{"egress-path-cut"}},
		{"https://a.alice.example/img*", Resource, "https://a.alice.example", []string{"egress-path-cut"}},
		{"api.alice.example/**", Resource, "https://api.alice.example", nil},
		{"https://a.alice.example/x/*", Resource, "https://a.alice.example/x/", nil},
		{"https://a.alice.example/x/./y/../z%2f%7e;", Resource, "", nil},
		{"https://a.alice.example/x/./y/../z%2f%7e%3b", Resource, "https://a.alice.example/x/z%2F~%3B", nil},
		{"https://a.alice.example/%2A", Resource, "https://a.alice.example/%2A", nil},
		{"*", Backend, "*", []string{"egress-any"}},
		{"*", Code, "", nil},
		{"*.amazonaws.com", Backend, "https://*.amazonaws.com", []string{"egress-hosting-suffix"}},
		{"a.alice.example:25", Backend, "https://a.alice.example:25", []string{"egress-port-blocked"}},
	} {
		p, warnings, err := Lint(c.text, c.use)
		if (err != nil) != (c.normal == "") || p.String() != c.normal {
			t.Errorf("%q for %s: %q, %v; want %q", c.text, c.use, p, err, c.normal)
			continue
		}
		var rules []string
		for _, w := range warnings {
			rules = append(rules, w.Rule)
			if w.Reason == "" || w.Fix == "" {
				t.Errorf("%q: a warning without reason or fix: %+v", c.text, w)
			}
		}
		if !slices.Equal(rules, c.rules) {
			t.Errorf("%q for %s: warnings %v, want %v", c.text, c.use, rules, c.rules)
		}
	}
}

func TestErrorNamesTheASCIIForm(t *testing.T) {
	_, err := ParsePattern("https://*.bücher.example/x", Resource)
	var e *Error
	if !errors.As(err, &e) || e.Rule != "pattern-not-ascii" || !strings.Contains(e.Fix, "xn--bcher-kva.example") {
		t.Errorf("%v", err)
	}
	if a, err := ToASCII("Bücher.example"); err != nil || a != "xn--bcher-kva.example" {
		t.Errorf("%q, %v", a, err)
	}
}

func TestDecideNamesTheAdmittingPattern(t *testing.T) {
	patterns := []Pattern{mustPattern(t, "bob.example", Backend), mustPattern(t, "*.alice.example", Backend)}
	v := Decide(patterns, Backend, mustURL(t, "https://x.alice.example/"))
	if !v.Allow || v.By != &patterns[1] {
		t.Errorf("%+v", v)
	}
	if v := Decide(patterns, Backend, mustURL(t, "https://alice.example/")); v.Allow || v.By != nil || v.Rule != "egress-apex" {
		t.Errorf("%+v", v)
	}
}

func TestJoinRouteStaysBelowTheBase(t *testing.T) {
	base, err := ParseBaseURL("https://api.alice.example:8443/v1/")
	if err != nil {
		t.Fatal(err)
	}
	for route, want := range map[string]string{
		"":                   "https://api.alice.example:8443/v1",
		"/items?a=b/../c@d":  "https://api.alice.example:8443/v1/items?a=b/../c@d",
		"/a%20b":             "https://api.alice.example:8443/v1/a%20b",
		"items":              "",
		"//evil.example":     "",
		"/..":                "",
		"/%2e%2E/x":          "",
		"/%252e%252e/x":      "",
		"/.%2e":              "",
		"/a/%2fb":            "",
		"/\\evil.example":    "",
		"/%5cevil.example":   "",
		"@evil.example":      "",
		"/@evil.example":     "",
		".evil.example":      "",
		"https://evil.test/": "",
		"/a\n/../..":         "",
		"/a#b":               "",
	} {
		u, err := JoinRoute(base, route)
		if want == "" {
			if err == nil {
				t.Errorf("%q: %s", route, u)
			}
		} else if err != nil || u.String() != want {
			t.Errorf("%q: %s, %v; want %s", route, u, err, want)
		}
	}
}

func TestExplainLine(t *testing.T) {
	for line, want := range map[string]string{
		`{"id":"a","kind":"backend","patterns":["alice.example"],"url":"https://alice.example/"}`: `{"id":"a","allow":true,"reason":"admitted by https://alice.example","rule":"egress-declared"}`,
		`{"id":"b","kind":"pattern","pattern":"http://alice.example"}`:                            `{"id":"b","allow":false,"reason":"plain http is not offered: what is sent could be read and changed on the way","rule":"pattern-scheme"}`,
		`{"id":"c","kind":"csp","patterns":["*"],"url":"https://alice.example/"}`:                 `{"id":"c","skipped":true,"reason":"vectors of kind \"csp\" are not decided here"}`,
		`{"id":"d","kind":"backend","patterns":[],"url":"x","new":1}`:                             `{"id":"d","skipped":true,"reason":"the field \"new\" is not known for kind backend"}`,
		`{"id":"d","kind":"backend","patterns":[],"url":"x","URL":"y"}`:                           `{"id":"d","skipped":true,"reason":"the field \"URL\" is not known for kind backend"}`,
		`{"id":"e","kind":"pattern","pattern":"a.example","context":"x"}`:                         `{"id":"e","skipped":true,"reason":"the context \"x\" is not known"}`,
		`{"id":"f","kind":"backend","patterns":[]}`:                                               `{"id":"f","error":"a vector of kind backend needs the field url","line":7}`,
		`{"id":"g","kind":"backend","patterns":"x","url":"y"}`:                                    `{"id":"g","error":"patterns: string in the place of a list","line":7}`,
		`{"id":"h","kind":"resource","patterns":[],"url":"x","type":"ALL"}`:                       `{"id":"h","skipped":true,"reason":"the type \"ALL\" is not known"}`,
		`{"id":`:                    `{"error":"not a JSON object: unexpected end of JSON input","line":7}`,
		`[]`:                        `{"error":"not a JSON object: array in the place of an object","line":7}`,
		`{"id":1,"kind":"backend"}`: `{"error":"id: number in the place of a text","line":7}`,
		`null`:                      `{"error":"not a JSON object","line":7}`,
		` `:                         ``,
	} {
		if got := string(ExplainLine(7, []byte(line))); got != want {
			t.Errorf("%s\n got %s\nwant %s", line, got, want)
		}
	}
}

// genPattern draws patterns from few parts, so that related ones are frequent.
func genPattern(use Use) *rapid.Generator[Pattern] {
	return rapid.Custom(func(t *rapid.T) Pattern {
		text := rapid.SampledFrom([]string{"", "https://", "wss://"}).Draw(t, "scheme") +
			rapid.SampledFrom([]string{"", "*."}).Draw(t, "wild") +
			rapid.SampledFrom([]string{"alice.example", "a.alice.example", "b.a.alice.example", "bob.example"}).Draw(t, "host") +
			rapid.SampledFrom([]string{"", ":443", ":8443", ":25"}).Draw(t, "port") +
			rapid.SampledFrom([]string{"", "/", "/x", "/x/", "/x/y", "/x/y/", "/%78/*", "/*/z"}).Draw(t, "path")
		if use != Code && rapid.IntRange(0, 9).Draw(t, "any") == 0 {
			text = "*"
		}
		p, err := ParsePattern(text, use)
		if err != nil {
			t.Fatalf("%q: %v", text, err)
		}
		return p
	})
}

// universe is every URL over parts that tell the patterns of genPattern apart.
func universe(t testing.TB) []URL {
	var out []URL
	for _, scheme := range []string{"https://", "wss://"} {
		for _, host := range []string{"alice.example", "a.alice.example", "q.alice.example", "b.a.alice.example", "q.a.alice.example",
			"q.b.a.alice.example", "bob.example", "q.bob.example", "other.example", "8.8.8.8", "localhost"} {
			for _, port := range []string{"", ":8443", ":9443", ":25"} {
				for _, path := range []string{"/", "/x", "/x/", "/x/y", "/x/y/", "/x/y/q", "/x/q", "/z"} {
					out = append(out, mustURL(t, scheme+host+port+path))
				}
			}
		}
	}
	return out
}

func TestCoversAndMeetAreWhatMatchSays(t *testing.T) {
	urls := universe(t)
	for _, use := range []Use{Backend, Resource, Code, Remote} {
		rapid.Check(t, func(t *rapid.T) {
			p, q := genPattern(use).Draw(t, "p"), genPattern(use).Draw(t, "q")
			covers, disjoint := true, true
			m, ok := Meet(p, q, use)
			for _, u := range urls {
				inP, inQ := Match(p, u, use), Match(q, u, use)
				covers = covers && (inP || !inQ)
				disjoint = disjoint && !(inP && inQ)
				if got := ok && Match(m, u, use); got != (inP && inQ) {
					t.Fatalf("meet of %s and %s is %s: wrong for %s", p, q, m, u)
				}
			}
			if got := Covers(p, q, use); got != covers {
				t.Fatalf("Covers(%s, %s) = %v for %s, Match says %v", p, q, got, use, covers)
			}
			if ok == disjoint {
				t.Fatalf("meet of %s and %s: %v, disjoint %v", p, q, ok, disjoint)
			}
			if above := slices.Contains(slices.Collect(Covering(q, use)), p.In(use)); !q.Empty(use) && above != covers {
				t.Fatalf("Covering(%s) has %s: %v", q, p, above)
			}
			if Covers(p, q, use) && Covers(q, p, use) && p.In(use) != q.In(use) {
				t.Fatalf("%s and %s cover each other and differ", p, q)
			}
		})
	}
}

func TestPatternTextRoundTrip(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		p := genPattern(Resource).Draw(t, "p")
		text, err := p.MarshalText()
		if err != nil {
			t.Fatal(err)
		}
		var q Pattern
		if err := q.UnmarshalText(text); err != nil || p != q {
			t.Fatalf("%+v, %s, %+v, %v", p, text, q, err)
		}
	})
	if _, err := (Pattern{}).MarshalText(); err == nil {
		t.Error("the zero pattern has no text")
	}
}
