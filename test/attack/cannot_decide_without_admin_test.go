package attack

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
)

// CONTRACTS 3 and 4: an admin's decision is made in a page of ours, by a click, by somebody
// of whom the product says at that moment that they are an admin.
func TestAttackDecideWithoutAdmin(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", source{hooks: []string{"hook"}, egress: []string{"api.example.com"}, code: `function hook() { return { statusCode: 200 }; }`})
	app := "/apps/" + at.installation
	installed := func() bool {
		_, err := p.System.Installs.Policy(t.Context(), id.Install(at.installation))
		return err == nil
	}

	// propose has an admin propose to uninstall, and stops where the product is asked.
	propose := func(b *browser) (decision string) {
		asked := b.post(b.get(app), app+"/propose", url.Values{"act": {"uninstall"}})
		if decision = found(asked.body, `/sign-in\?decision=([0-9a-f-]+)`); decision == "" {
			t.Fatalf("%d %s", asked.status, asked.body)
		}
		return decision
	}
	alice := p.signedIn("alice")
	decision := propose(alice)

	t.Run("before the product vouched", func(t *testing.T) {
		if a := alice.post(alice.get(app), "/decide/"+decision, url.Values{}); a.status != http.StatusConflict || !installed() {
			t.Errorf("%d", a.status)
		}
	})

	confirm := alice.get("/sign-in?decision=" + decision)
	if confirm.url.Path != "/decide/"+decision || !strings.Contains(confirm.body, "Uninstall") {
		t.Fatalf("%s %d %s", confirm.url, confirm.status, confirm.body)
	}

	t.Run("by GET", func(t *testing.T) {
		for _, path := range []string{"/decide/" + decision, "/decide/" + decision + "?form=" + url.QueryEscape(hidden(confirm.body, "form")), app + "/propose?act=uninstall", app + "?act=uninstall"} {
			for _, method := range []string{"GET", "HEAD"} {
				if alice.open(method, path, "", nil); !installed() {
					t.Fatalf("%s %s decided", method, path)
				}
			}
		}
	})

	t.Run("from another origin", func(t *testing.T) {
		good := url.Values{"form": {hidden(confirm.body, "form")}}
		for name, x := range map[string]struct {
			origin string
			form   url.Values
		}{
			"a page elsewhere":            {"https://evil.example", good},
			"the product's page":          {"http://" + p.product, good},
			"an app's page":               {"http://x.hooks.localhost", good},
			"a page without an origin":    {"null", good},
			"nothing that says where":     {"", good},
			"without the form's token":    {"http://" + p.ui, url.Values{}},
			"with another's token":        {"http://" + p.ui, url.Values{"form": {hidden(p.signedIn("bob").get("/my/apps").body, "form")}}},
			"with the token in the query": {"http://" + p.ui, url.Values{"x": {"1"}}},
		} {
			if a := alice.open("POST", "/decide/"+decision+"?form="+url.QueryEscape(good.Get("form")), x.origin, x.form); a.status != http.StatusForbidden || !installed() {
				t.Fatalf("%s: %d, installed: %v", name, a.status, installed())
			}
		}
	})

	t.Run("framed", func(t *testing.T) {
		for _, path := range []string{"/", app, app + "/review", "/decide/" + decision, "/my/apps", "/consent/" + at.installation, "/audit", "/nothing"} {
			h := alice.open("GET", path, "", nil).header
			csp := h.Get("Content-Security-Policy")
			for _, want := range []string{"default-src 'none'", "frame-ancestors 'none'", "base-uri 'none'", "script-src 'self'", "style-src 'self'", "form-action 'self'"} {
				if !strings.Contains(csp, want) {
					t.Errorf("%s: the policy lacks %s: %s", path, want, csp)
				}
			}
			if strings.Contains(csp, "unsafe") || h.Get("Cross-Origin-Opener-Policy") != "same-origin" || h.Get("Cache-Control") != "no-store" {
				t.Errorf("%s: %v", path, h)
			}
		}
	})

	t.Run("by somebody else", func(t *testing.T) {
		bob := p.signedIn("bob")
		mine := bob.get("/my/apps")
		for _, path := range []string{"/decide/" + decision, app + "/propose"} {
			if a := bob.post(mine, path, url.Values{"act": {"uninstall"}}); a.status != http.StatusForbidden || !installed() {
				t.Errorf("Bob at %s: %d", path, a.status)
			}
		}
		// He comes back from the product in Alice's browser, for her decision.
		other := propose(alice)
		alice.password("bob")
		if a := alice.get("/sign-in?decision=" + other); a.status != http.StatusUnauthorized {
			t.Errorf("Bob vouched for Alice's decision: %d", a.status)
		}
		alice.password("alice")
		if a := alice.post(alice.get(app), "/decide/"+other, url.Values{}); a.status != http.StatusConflict || !installed() {
			t.Errorf("%d", a.status)
		}
	})

	t.Run("demoted", func(t *testing.T) {
		old := propose(alice)
		p.Tracker.SetAdmin("alice", false)
		defer p.Tracker.SetAdmin("alice", true)
		before := alice.get(app) // what the session said a while ago
		if a := alice.post(before, "/decide/"+old, url.Values{}); a.status != http.StatusConflict || !installed() {
			t.Errorf("with the old session: %d", a.status)
		}
		if a := alice.get("/sign-in?decision=" + old); a.status != http.StatusForbidden || !strings.Contains(a.body, "ADMIN_REQUIRED") {
			t.Errorf("after the product was asked: %d", a.status)
		}
		if a := alice.post(before, "/decide/"+old, url.Values{}); a.status < 400 || !installed() {
			t.Errorf("decided all the same: %d", a.status)
		}
		if a := alice.get(app); a.status != http.StatusForbidden {
			t.Errorf("the admin's pages stay open: %d", a.status)
		}
	})

	// And it can be decided, once.
	alice = p.signedIn("alice")
	confirm = alice.get("/sign-in?decision=" + propose(alice))
	if a := alice.post(confirm, confirm.url.Path, url.Values{}); a.status != http.StatusSeeOther || installed() {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := alice.post(alice.get("/apps"), confirm.url.Path, url.Values{}); a.status != http.StatusConflict {
		t.Errorf("a decision counts twice: %d", a.status)
	}
}
