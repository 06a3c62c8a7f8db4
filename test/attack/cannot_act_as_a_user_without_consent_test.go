package attack

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/productkit"
)

// SPEC 3.6: nothing reaches a product with a user as its subject unless that user agreed.
func TestAttackActAsAUserWithoutConsent(t *testing.T) {
	p, at := onTracker(t, "read:jira-user", "read:jira-work")
	me := map[string]any{"who": "user", "method": "GET", "path": "/rest/api/3/myself"}
	if g := at.as("alice", "resolver", me); !g.Rejected || g.Code != "NEEDS_AUTHENTICATION_ERR" || g.Status != 401 {
		t.Fatalf("before alice agreed: %+v", g)
	}
	at.agree("alice")
	if g := at.as("alice", "resolver", me); g.Status != 200 || !strings.Contains(g.Text, `"accountId":"alice"`) {
		t.Fatalf("after alice agreed: %+v", g)
	}
	// Alice's word is not bob's, and not one for when she is away.
	if g := at.as("bob", "resolver", me); g.Code != "NEEDS_AUTHENTICATION_ERR" {
		t.Errorf("as bob: %+v", g)
	}
	for _, account := range []string{"alice", "bob", "app:" + at.installation, "alice\x00", "../alice"} {
		absent := map[string]any{"who": "user", "account": account, "method": "GET", "path": "/rest/api/3/myself"}
		if g := at.as("carol", "resolver", absent); !g.Rejected {
			t.Errorf("as %q who is away: %+v", account, g)
		}
		var g got
		at.result("ask", absent, &g)
		if !g.Rejected {
			t.Errorf("as %q where nobody is: %+v", account, g)
		}
	}
	// What the user takes back is gone at the next request, of a call that runs too.
	ended := make(chan got, 1)
	go func() { ended <- at.as("alice", "until", me) }()
	before := strings.Count(p.log.String(), "CANONICAL-PRODUCT-DECISION")
	eventually(t, "the running call asks", func() bool { return strings.Count(p.log.String(), "CANONICAL-PRODUCT-DECISION") > before+3 })
	if err := p.System.Consents.Revoke(t.Context(), at.user("alice"), id.Site(at.siteID()), id.Install(at.installation), "tracker", "alice"); err != nil {
		t.Fatal(err)
	}
	if g := <-ended; g.Code != "NEEDS_AUTHENTICATION_ERR" || g.Asked < 2 {
		t.Errorf("the running call ended with %+v", g)
	}
}

// The same gate through the bridge: a page has an app act for the person who is present,
// and is told where that person can agree.
func TestAttackActThroughTheBridgeWithoutConsent(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", source{
		also: []string{"resolve"}, scopes: []string{"read:jira-user"},
		modules: "  tracker:issuePanel:\n    - key: panel\n      title: Panel\n      function: resolve\n",
		code: `
const { default: Resolver } = __annex_require("@annex/resolver");
const { asUser, route } = __annex_require("@annex/api");
const r = new Resolver();
r.define("me", async () => (await asUser().requestJira(route` + "`/rest/api/3/myself`" + `)).json());
const resolve = r.getDefinitions();`,
	})
	signed, err := productkit.SignPanel(p.Tracker.Key(), productkit.Panel{User: p.user("bob"), Module: "tracker:issuePanel", Extension: map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	send := func(path, bearer string, body map[string]any) answer {
		raw, _ := json.Marshal(body)
		return p.send("POST", p.ui, path, http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + bearer}}, raw)
	}
	var session struct{ Token string }
	send("/bridge/session", "", map[string]any{"panel": signed}).must(t).into(t, &session)
	me := map[string]any{"module": at.installation + "/panel", "functionKey": "me"}
	a := send("/bridge/invoke", session.Token, me)
	if a.status != http.StatusUnauthorized || a.code() != "NEEDS_AUTHENTICATION_ERR" || !strings.Contains(a.body, "/consent/"+at.installation) {
		t.Fatalf("before bob agreed: %d %s", a.status, a.body)
	}
	at.agree("bob")
	if a := send("/bridge/invoke", session.Token, me); a.status != http.StatusOK || !strings.Contains(a.body, `"accountId":"bob"`) {
		t.Fatalf("after bob agreed: %d %s", a.status, a.body)
	}
}
