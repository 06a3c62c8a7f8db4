package receipts

import (
	"fmt"
	mathrand "math/rand/v2"
	"testing"

	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

func allowedByAll(t *testing.T) perm.Set {
	t.Helper()
	var s perm.Set
	for _, scope := range []string{"read:issue", "write:issue", "read:user", "manage:all", "read:board"} {
		s.Scopes = append(s.Scopes, perm.Scope{Name: scope, Impersonation: scope == "read:issue"})
	}
	for _, text := range []string{"*.example.com", "api.example.org", "*"} {
		p, err := hostrule.ParsePattern(text, hostrule.Backend)
		if err != nil {
			t.Fatal(err)
		}
		s.Egress = append(s.Egress, perm.Egress{Type: perm.Backend, Pattern: p})
	}
	for _, text := range []string{"*.example.com", "cdn.example.com/a/"} {
		p, err := hostrule.ParsePattern(text, hostrule.Resource)
		if err != nil {
			t.Fatal(err)
		}
		s.Egress = append(s.Egress, perm.Egress{Type: perm.Client, Pattern: p}, perm.Egress{Type: perm.Images, Pattern: p})
	}
	s.Remotes = []perm.Remote{{Key: "one", Endpoints: map[string]string{"default": "https://one.example.net"}}, {Key: "two", Endpoints: map[string]string{"default": "https://two.example.net"}}}
	s.Endpoints = []perm.Endpoint{{Key: "desk", Remote: "two", Path: "/desk"}, {Key: "unused", Remote: "one", Path: "/"}}
	s.Providers = []perm.Provider{{Key: "mail", Name: "mail", Remotes: []string{"two"}}}
	return s
}

func drawUse(rng *mathrand.Rand) Use {
	switch rng.IntN(8) {
	case 0:
		return Use{Via: Fetch, Type: string(perm.Backend), Origin: fmt.Sprintf("https://h%d.example.com", rng.IntN(4))}
	case 1:
		return Use{Via: Fetch, Type: string(perm.Client), Origin: "https://cdn.example.com", Matched: []string{"https://*.example.com", "https://cdn.example.com/a/"}}
	case 2:
		return Use{Via: Remote, Key: "one", Origin: "https://one.example.net"}
	case 3:
		return Use{Via: Provider, Key: "mail", Origin: "https://two.example.net"}
	case 6:
		return Use{Via: Remote, Key: "two", Endpoint: "desk", Origin: "https://two.example.net"}
	case 7: // by the remote itself, with a token
		return Use{Via: Product, As: "app", Remote: "two", Operation: "getIssue", Needs: [][]string{{"read:issue", "read:board"}}}
	case 4:
		return Use{Via: Product, As: "offline", Operation: "getIssue", Needs: [][]string{{"read:issue"}, {"manage:all"}}}
	}
	return Use{Via: Product, As: "app", Operation: fmt.Sprintf("op%d", rng.IntN(3)),
		Needs: [][][]string{{{"read:issue"}, {"write:issue"}, {"manage:all"}}, {{"read:user", "read:issue"}, {"manage:all"}}, {{"write:issue"}}}[rng.IntN(3)]}
}

// A suggestion lets through what was made, asks for nothing that is not allowed today, and
// each line of it is needed: without it a request that was made is refused.
func TestSuggestionIsLeast(t *testing.T) {
	allowed := allowedByAll(t)
	for seed := range uint64(200) {
		rng := mathrand.New(mathrand.NewPCG(seed, 7))
		var uses []Used
		for range rng.IntN(7) {
			uses = append(uses, Used{drawUse(rng), Count{Requests: 1}})
		}
		uses = append(uses, Used{Use{Via: Fetch, Type: string(perm.Backend), Origin: "https://refused.example.net", Rule: "egress-not-declared"}, Count{Refused: 3}})
		got := Suggest(uses, Policy{Set: allowed})
		if !perm.Covers(allowed, got.Set) {
			t.Fatalf("seed %d: more is proposed than is allowed: %+v", seed, got.Set)
		}
		refuses := func(s perm.Set) bool {
			for _, u := range uses {
				if u.Requests > 0 && u.under(Policy{Set: s}) != yes {
					return true
				}
			}
			return false
		}
		if refuses(got.Set) {
			t.Errorf("seed %d: with %+v a request that was made is refused", seed, got.Set)
		}
		for _, p := range perm.Pieces(got.Set) {
			if !refuses(perm.Without(got.Set, p.Key)) {
				t.Errorf("seed %d: %s is proposed, and nothing needs it: %+v", seed, p.Key, uses)
			}
		}
	}
}
