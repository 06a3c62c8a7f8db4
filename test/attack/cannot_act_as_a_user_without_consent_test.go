package attack

import (
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
)

// SPEC 3.6: nothing reaches a product with a user as its subject unless that user agreed.
func TestCannotActAsAUserWithoutConsent(t *testing.T) {
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
