package perm

import (
	"github.com/annexhq/annex/internal/core/hostrule"
	"pgregory.net/rapid"
)

// genSet draws sets from few names, so that related ones are frequent.
func genSet() *rapid.Generator[Set] {
	return rapid.Custom(func(t *rapid.T) Set {
		word := rapid.SampledFrom([]string{"a", "b"})
		flag := rapid.Bool()
		words := rapid.SliceOfN(word, 0, 2)
		some := func(label string, n int) bool { return rapid.IntRange(0, n).Draw(t, label) == 0 }
		var s Set
		repeat := func(label string, most int, add func()) {
			for range rapid.IntRange(0, most).Draw(t, label) {
				add()
			}
		}
		repeat("scopes", 2, func() { s.Scopes = append(s.Scopes, Scope{word.Draw(t, "scope"), flag.Draw(t, "imp")}) })
		repeat("egress", 5, func() { s.Egress = append(s.Egress, genEgress(t)) })
		repeat("remotes", 2, func() {
			r := Remote{Key: word.Draw(t, "key"), UserToken: flag.Draw(t, "ut"), SystemToken: flag.Draw(t, "st"), InScopeEUD: flag.Draw(t, "eud"), Operations: words.Draw(t, "ops")}
			for range rapid.IntRange(0, 2).Draw(t, "endpoints") {
				if r.Endpoints == nil {
					r.Endpoints = map[string]string{}
				}
				r.Endpoints[rapid.SampledFrom([]string{"default", "EU"}).Draw(t, "region")] =
					rapid.SampledFrom([]string{"https://a.example", "https://a.example/", "https://a.example/x", "https://b.example", "not a URL"}).Draw(t, "base")
			}
			if r.Configurable = some("configurable", 1); r.Configurable {
				for range rapid.IntRange(0, 2).Draw(t, "patterns") {
					r.Patterns = append(r.Patterns, genPattern(t, hostrule.Remote))
				}
			}
			s.Remotes = append(s.Remotes, r)
		})
		repeat("endpoints", 2, func() {
			s.Endpoints = append(s.Endpoints, Endpoint{word.Draw(t, "key"), "r", word.Draw(t, "path"), flag.Draw(t, "ut"), flag.Draw(t, "st")})
		})
		repeat("providers", 2, func() {
			s.Providers = append(s.Providers, Provider{Key: word.Draw(t, "key"), Name: "n", ClientID: "c", Scopes: words.Draw(t, "scopes"), Remotes: words.Draw(t, "remotes"), Actions: words.Draw(t, "actions")})
		})
		repeat("content", 1, func() { s.Content = append(s.Content, Content{"scripts", word.Draw(t, "value")}) })
		repeat("triggers", 2, func() {
			s.WebTriggers = append(s.WebTriggers, WebTrigger{word.Draw(t, "key"), rapid.SampledFrom([]string{"", "hmac", "bearer"}).Draw(t, "auth")})
		})
		repeat("app events", 2, func() {
			s.AppEvents = append(s.AppEvents, AppEvent{word.Draw(t, "name"), rapid.SliceOfN(rapid.SampledFrom([]string{"a", "b", "*"}), 0, 2).Draw(t, "to")})
		})
		repeat("routes", 2, func() { s.APIRoutes = append(s.APIRoutes, APIRoute{"k", "GET", "/", words.Draw(t, "scopes")}) })
		s.Sandbox, s.Events, s.Actions = words.Draw(t, "sandbox"), words.Draw(t, "events"), words.Draw(t, "actions")
		s.Isolation = rapid.SampledFrom([]string{"", "process"}).Draw(t, "isolation")
		s.MemoryMB = rapid.IntRange(0, 2).Draw(t, "memory")
		if some("may ask", 1) {
			s.Configurable = &Configurable{Types: rapid.SliceOfN(rapid.SampledFrom(EgressTypes[:3]), 0, 2).Draw(t, "types")}
			for range rapid.IntRange(0, 2).Draw(t, "patterns") {
				s.Configurable.Patterns = append(s.Configurable.Patterns, genPattern(t, hostrule.Resource))
			}
		}
		return s
	})
}

func genEgress(t *rapid.T) Egress {
	typ := rapid.SampledFrom([]EgressType{Backend, Client, Images, Scripts}).Draw(t, "type")
	return Egress{Type: typ, Pattern: genPattern(t, UseOf(typ)), Category: rapid.SampledFrom([]string{"", "", "analytics"}).Draw(t, "category"),
		InScopeEUD: rapid.IntRange(0, 3).Draw(t, "eud") > 0}
}

func genPattern(t *rapid.T, use hostrule.Use) hostrule.Pattern {
	text := rapid.SampledFrom([]string{"https://", "https://", "wss://"}).Draw(t, "scheme") +
		rapid.SampledFrom([]string{"", "*."}).Draw(t, "wild") +
		rapid.SampledFrom([]string{"alice.example", "a.alice.example", "b.a.alice.example", "bob.example"}).Draw(t, "host") +
		rapid.SampledFrom([]string{"", "", ":8443", ":25"}).Draw(t, "port") +
		rapid.SampledFrom([]string{"", "", "/x", "/x/", "/x/y", "/x/y/"}).Draw(t, "path")
	if use != hostrule.Code && rapid.IntRange(0, 9).Draw(t, "any") == 0 {
		text = "*"
	}
	p, err := hostrule.ParsePattern(text, use)
	if err != nil {
		t.Fatalf("%q: %v", text, err)
	}
	return p
}

// related draws sets that often cover each other, which independent ones never do.
func related(t *rapid.T) (a, b, c Set) {
	draw := genSet()
	a, b, c = draw.Draw(t, "a"), draw.Draw(t, "b"), draw.Draw(t, "c")
	switch rapid.IntRange(0, 3).Draw(t, "relation") {
	case 0:
		b = Union(a, b)
	case 1:
		a, b = Union(Union(a, b), c), Union(b, c)
	case 2:
		b = Intersect(a, b)
	}
	return a, b, c
}
