package egress

import (
	"fmt"
	"testing"

	"github.com/annexhq/annex/internal/core/perm"
)

// BenchmarkDecision is what the broker decides about one fetch before its name is looked up:
// the URL is taken in, the platform's names are refused, the policy is asked.
// Every third URL is refused.
func BenchmarkDecision(b *testing.B) {
	for _, n := range []int{1, 10, 100, 1000} {
		var patterns []string
		for i := range n {
			if patterns = append(patterns, fmt.Sprintf("https://h%d.alice.example", i)); i%3 == 2 {
				patterns[i] = fmt.Sprintf("https://*.h%d.alice.example", i)
			}
		}
		broker := New(Config{Reserved: []string{"annex.example.com"}})
		p := policyFor(b, "i-1", patterns...)
		urls := []string{fmt.Sprintf("https://h%d.alice.example/v1/items/7?expand=all", (n-1)/3*3), "https://h0.alice.example/v1/items", "https://other.bob.example/v1"}
		b.Run(fmt.Sprintf("patterns=%d", n), func(b *testing.B) {
			b.ReportAllocs()
			for i := 0; b.Loop(); i++ {
				if v := broker.decide(p, perm.Backend, urls[i%3]); v.allow != (i%3 < 2) {
					b.Fatalf("%+v", v)
				}
			}
		})
	}
}

// BenchmarkDecisionOddly is that of URLs whose spelling asks for the whole parser.
func BenchmarkDecisionOddly(b *testing.B) {
	broker := New(Config{Reserved: []string{"annex.example.com"}})
	p := policyFor(b, "i-1", "https://h0.alice.example")
	b.ReportAllocs()
	for b.Loop() {
		if v := broker.decide(p, perm.Backend, "https://H0.alice.example/v1/./items/7?expand=all"); !v.allow {
			b.Fatalf("%+v", v)
		}
	}
}
