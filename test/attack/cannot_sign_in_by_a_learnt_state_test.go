package attack

import (
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

// A state stands in Alice's address bar while she types her password. Mallory, who read it
// there, answers it as himself, and gives Alice the code: her browser would be signed in as
// Mallory, and what she then connects or types would be his. A state is good in the browser
// that was sent off with it: Annex's own pages know it by its cookie, and a product by who came
// first.
func TestAttackSignInByALearntState(t *testing.T) {
	p, at := newPeople(t), newProvider(t)
	p.declare(fmt.Sprintf("key: desk\nname: Desk\napiBaseUrl: http://127.0.0.1:9\nusers: oidc\noidc: {issuer: %q, clientId: annex, clientAuth: none}\nadmins: {users: [alice]}\n"+
		"scopes: [{name: read, title: Read, data: tickets, access: read, risk: low}]\n", at.URL))
	p.declare(fmt.Sprintf("key: forge\nname: Forge\napiBaseUrl: %[1]s\nauth: oauth2\noauth2: {authorizationUrl: %[1]s/authorize, tokenUrl: %[1]s/token, clientId: annex, clientAuth: none, user: {path: /user, id: login, name: name}}\n"+
		"scopes: [{name: read, title: Read, data: things, access: read, risk: low}]\n", at.URL))
	for _, product := range []id.Product{"desk", "forge"} {
		if _, err := p.System.Tenancy.AddSite(t.Context(), operatorOf(p), tenancy.NewSite{Name: string(product), Products: []id.Product{product}}); err != nil {
			t.Fatal(err)
		}
	}
	// With an authorization server: Annex itself sends the browser on.
	for _, product := range []string{"desk", "forge"} {
		t.Run(product, func(t *testing.T) {
			p := &people{p.as(t), p.ui, p.product}
			// away goes to the server from an address of ours, and is its answer: the way back.
			away := func(b *browser, from, who string) string {
				t.Helper()
				to := b.open("GET", from, "", nil).header.Get("Location")
				if !strings.HasPrefix(to, at.URL) {
					return ""
				}
				back := b.open("GET", to, "", nil).header.Get("Location")
				at.says(map[string]any{"sub": who, "name": who})
				return back
			}
			alice, mallory := p.browser(), p.browser()
			mallory.open("GET", "/sign-in?product="+product, "", nil) // one of his own: he has a cookie too
			learnt := alice.open("GET", "/sign-in?product="+product, "", nil).header.Get("Location")
			if !strings.Contains(learnt, "state=") {
				t.Fatal(learnt)
			}
			if back := away(mallory, learnt, "bob"); back != "" {
				code := mallory.open("GET", back, "", nil).header.Get("Location")
				alice.get(code)
				t.Errorf("Mallory was sent on with Alice's state, and she is signed in as %q", alice.in())
			}
			if in := alice.in() + mallory.in(); in != "" {
				t.Fatalf("somebody is in: %s", in)
			}
			if a := alice.get(away(alice, learnt, "alice")); a.status >= 400 && product == "desk" || alice.in() != "alice" {
				t.Errorf("Alice herself: %d, in as %q", a.status, alice.in())
			}
			if a := alice.open("GET", learnt, "", nil); a.status != http.StatusUnauthorized {
				t.Errorf("her state counts again: %d", a.status)
			}
		})
	}
	// With a back end that signs: the product knows which browser came first.
	t.Run("tracker", func(t *testing.T) {
		p := &people{p.as(t), p.ui, p.product}
		alice, mallory := p.browser(), p.browser()
		mallory.password("bob")
		learnt := alice.open("GET", "/sign-in?product=tracker&next=/my/apps", "", nil).header.Get("Location")
		if a := alice.open("GET", learnt, "", nil); !strings.HasPrefix(a.header.Get("Location"), "/login") {
			t.Fatalf("she is not asked for her password: %d", a.status)
		}
		if a := mallory.open("GET", learnt, "", nil); a.status != http.StatusForbidden || a.header.Get("Location") != "" {
			alice.get(a.header.Get("Location"))
			t.Errorf("Mallory answers for Alice's browser: %d; it is signed in as %q", a.status, alice.in())
		}
		alice.password("alice")
		if a := alice.get(learnt); a.url.Path != "/my/apps" || alice.in() != "Alice" {
			t.Errorf("Alice herself: %s %d, in as %q", a.url, a.status, alice.in())
		}
		// Nor does a page of Mallory's sign her in to the product as him, which would do the same.
		form := url.Values{"login": {"bob"}, "password": {p.Access.Users["bob"].Password}}
		victim := p.browser()
		if a := victim.open("POST", "http://"+p.product+"/login", "https://evil.example", form); a.status != http.StatusForbidden || len(victim.cookies[p.product]) > 0 {
			t.Errorf("signed in to the product by another site's form: %d", a.status)
		}
	})
}
