package perm

import (
	"encoding/json"
	"reflect"
	"slices"
	"testing"

	"github.com/annexhq/annex/internal/core/hostrule"
	"pgregory.net/rapid"
)

func TestNormalForm(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		s := genSet().Draw(t, "s")
		n := Normal(s)
		if again := Normal(n); !reflect.DeepEqual(n, again) {
			t.Fatalf("normal form of a normal form:\n%+v\n%+v", n, again)
		}
		if !Covers(n, s) || !Covers(s, n) {
			t.Fatalf("%+v and its normal form differ: %+v", s, n)
		}
		shuffled := Set{Scopes: slices.Clone(s.Scopes), Egress: slices.Clone(s.Egress), Remotes: slices.Clone(s.Remotes), Endpoints: slices.Clone(s.Endpoints),
			Providers: slices.Clone(s.Providers), Content: s.Content, Sandbox: slices.Clone(s.Sandbox), WebTriggers: slices.Clone(s.WebTriggers), Events: s.Events,
			AppEvents: slices.Clone(s.AppEvents), Actions: s.Actions, APIRoutes: slices.Clone(s.APIRoutes), Isolation: s.Isolation, MemoryMB: s.MemoryMB, Configurable: s.Configurable}
		slices.Reverse(shuffled.Scopes)
		slices.Reverse(shuffled.Egress)
		slices.Reverse(shuffled.Remotes)
		slices.Reverse(shuffled.Endpoints)
		slices.Reverse(shuffled.Providers)
		slices.Reverse(shuffled.WebTriggers)
		slices.Reverse(shuffled.AppEvents)
		slices.Reverse(shuffled.APIRoutes)
		if Digest(shuffled) != Digest(s) {
			t.Fatalf("the order of entries changes the digest:\n%+v\n%+v", n, Normal(shuffled))
		}
		text, err := json.Marshal(n)
		if err != nil {
			t.Fatal(err)
		}
		var back Set
		if err := json.Unmarshal(text, &back); err != nil || !reflect.DeepEqual(n, back) {
			t.Fatalf("%s\n reads back as %+v, %v", text, back, err)
		}
	})
}

func TestCoversIsAPartialOrder(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := related(t)
		if !Covers(a, a) {
			t.Fatalf("%+v does not cover itself: %+v", a, Diff(a, a))
		}
		if Covers(a, b) && Covers(b, c) && !Covers(a, c) {
			t.Fatalf("not transitive:\n%+v\n%+v\n%+v", a, b, c)
		}
		if same := reflect.DeepEqual(Normal(a), Normal(b)); same != (Covers(a, b) && Covers(b, a)) {
			t.Fatalf("not antisymmetric:\n%+v\n%+v", Normal(a), Normal(b))
		}
		if (Digest(a) == Digest(b)) != Equal(a, b) {
			t.Fatalf("digest and meaning disagree:\n%+v\n%+v", a, b)
		}
	})
}

func TestDiffIsEmptyExactlyWhenCovered(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		have, want, _ := related(t)
		d := Diff(have, want)
		covered := Covers(have, want)
		if Empty(d) != covered || reflect.DeepEqual(d, Set{}) != covered {
			t.Fatalf("covered %v, diff %+v", covered, d)
		}
		if !Covers(want, d) || !Covers(Union(have, d), want) {
			t.Fatalf("diff %+v is not what %+v has beyond %+v", d, want, have)
		}
		if e, ok := Counterexample(have, want); ok == covered || ok && e.Text == "" {
			t.Fatalf("covered %v, counter-example %+v", covered, e)
		}
	})
}

func TestUnionAndIntersectAreBounds(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		a, b, c := related(t)
		u, m := Union(a, b), Intersect(a, b)
		for _, s := range []Set{u, m, Diff(a, b)} {
			if !reflect.DeepEqual(s, Normal(s)) {
				t.Fatalf("not in normal form: %+v, that is %+v", s, Normal(s))
			}
		}
		if !Covers(u, a) || !Covers(u, b) {
			t.Fatalf("the union %+v covers not both", u)
		}
		if !Covers(a, m) || !Covers(b, m) {
			t.Fatalf("the intersection %+v is not covered by both", m)
		}
		if Covers(c, a) && Covers(c, b) && !Covers(c, u) {
			t.Fatalf("the union is not the least: %+v", Diff(c, u))
		}
		if Covers(a, c) && Covers(b, c) && !Covers(m, c) {
			t.Fatalf("the intersection is not the greatest: %+v", Diff(m, c))
		}
		if Covers(a, b) && (!Equal(u, a) || !Equal(m, b)) {
			t.Fatalf("of two comparable sets, union and intersection are those")
		}
		if !Equal(u, Union(b, a)) || !Equal(m, Intersect(b, a)) {
			t.Fatal("the order of arguments matters")
		}
	})
}

// The oracle asks the decision functions about every request of a small world. It
// knows nothing of patterns or of Covers.
func TestCoversAgreesWithTheDecisions(t *testing.T) {
	world := requests(t)
	types := []EgressType{Backend, Client, Images, Scripts}
	rapid.Check(t, func(t *rapid.T) {
		var have, want Set
		for range rapid.IntRange(0, 4).Draw(t, "have") {
			have.Egress = append(have.Egress, plain(genEgress(t)))
		}
		for range rapid.IntRange(0, 3).Draw(t, "want") {
			want.Egress = append(want.Egress, plain(genEgress(t)))
		}
		covered := true
		union, both := Union(have, want), Intersect(have, want)
		for _, typ := range types {
			for _, u := range world {
				h, w := AllowsURL(have, typ, u).Allow, AllowsURL(want, typ, u).Allow
				covered = covered && (h || !w)
				if AllowsURL(union, typ, u).Allow != (h || w) {
					t.Fatalf("the union is wrong about %s to %s", typ, u)
				}
				if AllowsURL(both, typ, u).Allow != (h && w) {
					t.Fatalf("the intersection is wrong about %s to %s", typ, u)
				}
				if AllowsURL(Normal(have), typ, u).Allow != h {
					t.Fatalf("the normal form is wrong about %s to %s", typ, u)
				}
			}
		}
		if got := Covers(have, want); got != covered {
			t.Fatalf("Covers says %v, the decisions %v\nhave %+v\nwant %+v", got, covered, have, want)
		}
		e, ok := Counterexample(have, want)
		if !ok {
			return
		}
		u, err := hostrule.ParseURL(e.URL)
		if err != nil || AllowsURL(have, e.Type, u).Allow || !AllowsURL(want, e.Type, u).Allow {
			t.Fatalf("%+v is no counter-example (%v)", e, err)
		}
	})
}

// plain takes away what no single request shows: category and end-user data.
func plain(e Egress) Egress {
	e.Category, e.InScopeEUD = "", true
	return e
}

func requests(t *testing.T) []hostrule.URL {
	var out []hostrule.URL
	for _, scheme := range []string{"https://", "wss://"} {
		for _, host := range []string{"alice.example", "a.alice.example", "q.alice.example", "b.a.alice.example", "q.a.alice.example",
			"q.b.a.alice.example", "bob.example", "q.bob.example", "other.example"} {
			for _, port := range []string{"", ":8443", ":9443", ":25"} {
				for _, path := range []string{"/", "/x", "/x/", "/x/y", "/x/y/", "/x/y/q", "/x/q"} {
					u, err := hostrule.ParseURL(scheme + host + port + path)
					if err != nil {
						t.Fatal(err)
					}
					out = append(out, u)
				}
			}
		}
	}
	return out
}
