package hostrule

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// TestIndexSaysWhatTheListSays: for random lists and every URL of a universe that
// tells their patterns apart, the index gives the list's verdict, with the same pattern and
// the same words.
func TestIndexSaysWhatTheListSays(t *testing.T) {
	urls := append(universe(t), mustURL(t, "https://[2001:db8::1]/x"), mustURL(t, "https://8.8.8.8:8443/x/y"), mustURL(t, "https://example/"),
		mustURL(t, "https://evilalice.example/x"), mustURL(t, "https://alice.example.evil.example/x"), mustURL(t, "https://bob.example/%78/y"))
	for _, use := range []Use{Backend, Resource, Code, Remote} {
		rapid.Check(t, func(t *rapid.T) {
			patterns := rapid.SliceOfN(genAny(use), 0, 12).Draw(t, "patterns")
			x := NewIndex(patterns, use)
			for _, u := range urls {
				want, got := Decide(patterns, use, u), x.Decide(u)
				if got.By != want.By || got.Allow != want.Allow || got.Rule != want.Rule || got.Reason != want.Reason {
					t.Fatalf("%s in %v for %s:\n list %+v\nindex %+v", u, patterns, use, want, got)
				}
				near := slices.Collect(x.Near(u))
				for i, p := range patterns {
					bare := p
					bare.Path = ""
					if (Match(p, u, use) || Match(bare, u, use)) && !slices.Contains(near, i) {
						t.Fatalf("%s admits %s but for its path, and is not near it", p, u)
					}
				}
				if !slices.IsSorted(near) {
					t.Fatalf("out of order: %v", near)
				}
			}
		})
	}
}

// genAny draws patterns as any use reads them: a set may hold what is nothing in the use.
func genAny(use Use) *rapid.Generator[Pattern] {
	return rapid.OneOf(genPattern(use), genPattern(use), genPattern(use), genPattern(Resource), rapid.Just(Pattern{}), rapid.Just(Pattern{Scheme: "https", Host: "alice.example"}))
}

// FuzzIndex asks both about what the fuzzer finds.
func FuzzIndex(f *testing.F) {
	f.Add("*.alice.example bob.example:8443 https://a.alice.example/x/", "https://a.alice.example/x/y", uint8(Resource))
	f.Add("* wss://*.a.example", "wss://b.a.example/", uint8(Backend))
	f.Fuzz(func(t *testing.T, list, raw string, n uint8) {
		use := Use(n%4) + Backend
		u, err := ParseURL(raw)
		if err != nil {
			return
		}
		var patterns []Pattern
		for _, text := range strings.Fields(list) {
			if p, err := ParsePattern(text, use); err == nil {
				patterns = append(patterns, p)
			}
		}
		want, got := Decide(patterns, use, u), NewIndex(patterns, use).Decide(u)
		if got != want {
			t.Errorf("%s in %v for %s:\n list %+v\nindex %+v", u, patterns, use, want, got)
		}
	})
}

// BenchmarkDecide takes a URL in and decides about it, in lists of many hosts and of one
// host's many paths.
func BenchmarkDecide(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		for name, pattern := range map[string]string{"hosts": "https://h%d.alice.example", "wild": "https://*.h%d.alice.example", "paths": "https://h1.alice.example/p%d/"} {
			var list []Pattern
			for i := range n {
				list = append(list, mustPattern(b, fmt.Sprintf(pattern, i), Resource))
			}
			x := NewIndex(list, Resource)
			b.Run(fmt.Sprintf("%s/patterns=%d", name, n), func(b *testing.B) {
				raw := []string{"https://x.h" + fmt.Sprint(n-1) + ".alice.example/p/q", "https://h1.alice.example/p" + fmt.Sprint(n-1) + "/q", "https://other.bob.example/p"}
				b.ReportAllocs()
				for i := 0; b.Loop(); i++ {
					u, err := ParseURL(raw[i%3])
					if err != nil {
						b.Fatal(err)
					}
					x.Decide(u)
				}
			})
		}
	}
}
