package perm

import (
	"reflect"
	"slices"
	"testing"

	"pgregory.net/rapid"

	"github.com/annexhq/annex/internal/core/hostrule"
)

var askedURLs = []string{
	"https://alice.example/", "https://alice.example/x", "https://a.alice.example/x/y", "https://a.alice.example:8443/x/", "https://b.a.alice.example/x/y/z",
	"wss://a.alice.example/", "wss://bob.example:8443/x", "https://bob.example:25/", "https://c.bob.example/x", "https://evil.example/", "https://192.0.2.1/", "https://localhost/",
}

// TestRulesSayWhatTheSetSays: of random sets, for each type of egress, even for one that
// there is not.
func TestRulesSayWhatTheSetSays(t *testing.T) {
	var urls []hostrule.URL
	for _, text := range askedURLs {
		u, err := hostrule.ParseURL(text)
		if err != nil {
			t.Fatal(err)
		}
		urls = append(urls, u)
	}
	rapid.Check(t, func(t *rapid.T) {
		s := Set{Egress: rapid.SliceOfN(rapid.Custom(genEgress), 0, 12).Draw(t, "egress")}
		r := RulesOf(s)
		for _, typ := range append(slices.Clone(EgressTypes), "ELSEWHERE") {
			for _, u := range urls {
				want, got := AllowsURL(s, typ, u), r.AllowsURL(s, typ, u)
				if !reflect.DeepEqual(got, want) {
					t.Fatalf("%s %s of %+v:\n  set %+v\nrules %+v", typ, u, s.Egress, want, got)
				}
				admitting, missing := Admitting(s, typ, u)
				if a, m := r.Admitting(s, typ, u); !slices.Equal(a, admitting) || !slices.Equal(m, missing) {
					t.Fatalf("%s %s of %+v: %v %v, want %v %v", typ, u, s.Egress, a, m, admitting, missing)
				}
			}
		}
	})
}

// TestRulesOfAnotherSet: a policy is copied with its rules and gets a smaller set; what
// was taken away stays away.
func TestRulesOfAnotherSet(t *testing.T) {
	var s Set
	for _, text := range []string{"bob.example", "*.alice.example"} {
		p, err := hostrule.ParsePattern(text, hostrule.Backend)
		if err != nil {
			t.Fatal(err)
		}
		s.Egress = append(s.Egress, Egress{Type: Backend, Pattern: p, InScopeEUD: true})
	}
	rules := RulesOf(s)
	u, err := hostrule.ParseURL("https://a.alice.example/")
	if err != nil {
		t.Fatal(err)
	}
	if !rules.AllowsURL(s, Backend, u).Allow {
		t.Fatal("the set does not allow what it holds")
	}
	for name, less := range map[string]Set{
		"fewer": {Egress: s.Egress[:1]}, "others": {Egress: []Egress{s.Egress[0], s.Egress[0]}}, "none": {}, "without a piece": Without(s, keysOf(s)...),
	} {
		if v := rules.AllowsURL(less, Backend, u); v.Allow {
			t.Errorf("%s: %+v", name, v)
		}
		if a, _ := rules.Admitting(less, Backend, u); len(a) > 0 {
			t.Errorf("%s: admitted by %v", name, a)
		}
	}
}

func keysOf(s Set) (keys []string) {
	for _, p := range Pieces(s) {
		keys = append(keys, p.Key)
	}
	return keys
}
