package perm

import (
	"slices"
	"testing"

	"github.com/annexhq/annex/internal/core/hostrule"
	"pgregory.net/rapid"
)

func genAuthority(t *rapid.T) Authority {
	a := Authority{Blocked: rapid.IntRange(0, 9).Draw(t, "blocked") == 0}
	a.Granted, a.Declared, _ = related(t)
	for range rapid.IntRange(0, 2).Draw(t, "configured") {
		a.Configured = append(a.Configured, genEgress(t))
	}
	keys := []string{analyticsKey, "egress:" + string(Backend), "scope:a", "remote:r"}
	for _, p := range Pieces(Union(a.Granted, Set{Egress: a.Configured})) {
		keys = append(keys, p.Key)
	}
	for range rapid.IntRange(0, 2).Draw(t, "off") {
		a.Off = append(a.Off, rapid.SampledFrom(keys).Draw(t, "key"))
	}
	return a
}

// What every decision stands on, law by law.
func TestEffective(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a := genAuthority(t)
		e := a.Effective()
		if a.Blocked {
			if !Empty(e) {
				t.Fatalf("a blocked one may %+v", e)
			}
			return
		}
		if !Covers(Union(a.Granted, Set{Egress: a.Configured}), e) {
			t.Fatalf("more than was granted and configured: %+v", Diff(Union(a.Granted, Set{Egress: a.Configured}), e))
		}
		if !Covers(Union(a.Declared, Set{Egress: a.Configured}), e) {
			t.Fatalf("more than is declared and configured: %+v", e)
		}
		for _, key := range a.Off {
			if HasPiece(e, key) {
				t.Fatalf("%q is switched off and there: %+v", key, e)
			}
		}
		plain := Authority{Granted: a.Granted, Declared: a.Declared}
		if len(a.Off) == 0 && !Covers(e, plain.Effective()) {
			t.Fatalf("configuring took away %+v", Diff(e, plain.Effective()))
		}
		// Less of anything that gives, or more of what takes, is never more authority.
		for name, less := range map[string]func(*Authority){
			"granted":    func(l *Authority) { l.Granted = Intersect(l.Granted, l.Declared) },
			"declared":   func(l *Authority) { l.Declared = Intersect(l.Declared, l.Granted) },
			"configured": func(l *Authority) { l.Configured = nil },
			"off":        func(l *Authority) { l.Off = append(slices.Clone(l.Off), "egress:"+string(Client)) },
			"blocked":    func(l *Authority) { l.Blocked = true },
		} {
			b := a
			if less(&b); !Covers(e, b.Effective()) {
				t.Fatalf("less %s gives more: %+v", name, Diff(e, b.Effective()))
			}
		}
		// Bounds that are not granted let nothing be configured.
		b := a
		b.Granted.Configurable = nil
		if !Covers(Intersect(b.Granted, b.Declared), b.Effective()) {
			t.Fatal("something is configured that may not be")
		}
	})
}

// The set decides about requests as the formula says, asked URL by URL.
func TestEffectiveDecidesRequests(t *testing.T) {
	var urls []hostrule.URL
	for _, text := range []string{"https://alice.example/", "https://a.alice.example/x", "https://b.a.alice.example/x/y", "https://bob.example/",
		"https://a.alice.example:8443/", "wss://alice.example/", "https://c.example/"} {
		u, err := hostrule.ParseURL(text)
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, u)
	}
	rapid.Check(t, func(t *rapid.T) {
		a := genAuthority(t)
		e := a.Effective()
		bounds := Intersect(a.Granted, a.Declared).Configurable
		for _, u := range urls {
			for _, typ := range []EgressType{Backend, Client, Images, Scripts} {
				may := AllowsURL(a.Granted, typ, u).Allow && AllowsURL(a.Declared, typ, u).Allow
				for _, c := range a.Configured {
					may = may || Bounds(bounds, c.Type, c.Pattern) && AllowsURL(Set{Egress: []Egress{c}}, typ, u).Allow
				}
				for _, key := range a.Off {
					if kt, p, ok := cutEgressKey(key); ok && kt == typ && (p == nil || hostrule.Match(*p, u, UseOf(typ))) {
						may = false
					}
				}
				if is := !a.Blocked && AllowsURL(e, typ, u).Allow; is && (!may || a.Blocked) {
					t.Fatalf("%s to %s is allowed: %+v", typ, u, a)
				}
			}
		}
	})
}

func TestPiecesAreTheSet(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := genSet().Draw(t, "s")
		var all Set
		for _, p := range Pieces(s) {
			all = Union(all, p.Set)
			if !p.named(p.Key) || !p.cutBy(p.Key) || !HasPiece(s, p.Key) || !Covers(Take(s, p.Key), p.Set) {
				t.Fatalf("%q does not name %+v", p.Key, p.Set)
			}
			left := Without(s, p.Key)
			if HasPiece(left, p.Key) || !Covers(s, left) || !Equal(left, Without(left, p.Key)) {
				t.Fatalf("without %q it is %+v", p.Key, left)
			}
			if back := Union(left, Take(s, p.Key)); !Covers(s, back) {
				t.Fatalf("giving %q back gives more: %+v", p.Key, Diff(s, back))
			}
		}
		if !Equal(all, s) {
			t.Fatalf("the pieces are %+v, the set %+v", all, Normal(s))
		}
	})
}

func TestWithout(t *testing.T) {
	egress := func(texts ...string) Set {
		var s Set
		for _, text := range texts {
			p, err := hostrule.ParsePattern(text, hostrule.Backend)
			if err != nil {
				t.Fatal(err)
			}
			s.Egress = append(s.Egress, Egress{Type: Backend, Pattern: p, InScopeEUD: true})
		}
		return s
	}
	key := func(text string) string { return EgressKey(Backend, egress(text).Egress[0].Pattern) }
	for _, c := range []struct {
		have []string
		key  string
		left []string
	}{
		{[]string{"api.alice.example", "bob.example"}, key("api.alice.example"), []string{"bob.example"}},
		{[]string{"*.alice.example", "bob.example"}, key("api.alice.example"), []string{"bob.example"}},
		{[]string{"api.alice.example", "bob.example"}, key("*.alice.example"), []string{"bob.example"}},
		{[]string{"*"}, key("api.alice.example"), nil},
		{[]string{"api.alice.example:8443"}, key("api.alice.example"), []string{"api.alice.example:8443"}},
		{[]string{"wss://api.alice.example", "bob.example"}, key("*"), []string{"wss://api.alice.example"}},
		{[]string{"bob.example"}, "egress:" + string(Backend), nil},
		{[]string{"bob.example"}, "egress:" + string(Client), []string{"bob.example"}},
	} {
		if got := Without(egress(c.have...), c.key); !Equal(got, egress(c.left...)) {
			t.Errorf("%v without %s is %+v", c.have, c.key, got)
		}
	}
	s := Set{Scopes: []Scope{{"read", true}}, Remotes: []Remote{{Key: "r"}}, Endpoints: []Endpoint{{Key: "e", Remote: "r"}, {Key: "f", Remote: "q"}}}
	if got := Without(s, "scope:read+impersonation"); !Equal(got, Set{Scopes: []Scope{{"read", false}}, Remotes: s.Remotes, Endpoints: s.Endpoints}) {
		t.Errorf("%+v", got)
	}
	if got := Without(s, "scope:read", "remote:r"); !Equal(got, Set{Endpoints: s.Endpoints[1:]}) {
		t.Errorf("%+v", got)
	}
}
