package attack

import (
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/productkit"
)

// An admin of one site has every page of the console, and none of them shows or changes
// what is another site's; a user's pages are of that user's site too.
func TestAttackTouchAnotherSite(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("production", source{hooks: []string{"hook"}, scopes: []string{"storage:app", "read:jira-user"}, egress: []string{"api.example.com"},
		code: `function hook() { return { statusCode: 200, body: "here" }; }`})
	address := at.hook("hook")
	p.site("elsewhere")
	elsewhere, err := p.System.Tenancy.SiteByName(t.Context(), "elsewhere")
	if err != nil {
		t.Fatal(err)
	}
	// The product vouches for Mallory, who is an admin: of the other site.
	mallory := p.browser()
	back, a := p.exchange(p.says("bob", func(u *productkit.User) { u.Site, u.Admin = string(elsewhere.ID), true }), mallory.state())
	a.must(t)
	if mallory.get(back); mallory.in() == "" {
		t.Fatal("Mallory is not signed in")
	}
	own := mallory.get("/apps")
	if own.status != http.StatusOK || strings.Contains(own.body, at.installation) {
		t.Fatalf("the apps of the other site: %d", own.status)
	}
	// What the demo site's admin is in the middle of.
	alice := p.signedIn("alice")
	asked := alice.post(alice.get("/apps/"+at.installation), "/apps/"+at.installation+"/propose", url.Values{"act": {"uninstall"}})
	decision := found(asked.body, `/sign-in\?decision=([0-9a-f-]+)`)
	if confirm := alice.get("/sign-in?decision=" + decision); confirm.url.Path != "/decide/"+decision {
		t.Fatalf("%s %d", confirm.url, confirm.status)
	}
	at.agree("alice")

	before, tried := at.siteState(t), 0
	refused := func(what string, got page) {
		t.Helper()
		if tried++; got.status < 400 || got.status >= 500 || strings.Contains(got.body, "Attack") || strings.Contains(got.body, "api.example.com") {
			t.Errorf("%s: %d %.300s", what, got.status, got.body)
		}
	}
	for _, path := range []string{"/apps/" + at.installation, "/apps/" + at.installation + "/review", "/apps/" + at.installation + "/data", "/apps/" + at.installation + "/data.json",
		"/apps/" + at.installation + "/running", "/apps/" + at.installation + "/running/1", "/apps/" + at.installation + "/stored.ndjson", "/left/" + at.installation + "/stored.ndjson", "/my/apps/" + at.installation, "/consent/" + at.installation, "/decide/" + decision} {
		refused("GET "+path, mallory.get(path))
	}
	for _, act := range []string{"uninstall", "grant", "decline", "pin", "egress", "no-egress", "revoke", "no-tunnel", "ask-again", "share", "unshare", "retry-letters", "drop-letter", "analytics",
		"remote", "credential", "no-credential", "key", "no-key", "network", "no-network", "no-module"} {
		form := url.Values{"act": {act}, "type": {"IMAGES"}, "host": {"evil.example"}, "user": {"alice"}, "pinned": {"yes"}, "site": {at.siteID()}, "allow": {"all"},
			"remote": {"r"}, "kind": {"bearer"}, "port": {"443"}, "network": {"n"}, "letter": {"1"}, "hours": {"1"}, "provider": {"p"}}
		refused("propose "+act, mallory.post(own, "/apps/"+at.installation+"/propose", form))
		refused("propose "+act+" in another's name", mallory.post(own, "/apps/"+at.installation+"/propose?site="+at.siteID(), form))
	}
	for _, act := range []string{"relink", "erase-left"} {
		refused("propose "+act, mallory.post(own, "/left/"+at.installation+"/propose", url.Values{"act": {act}}))
	}
	refused("decide what Alice proposed", mallory.post(own, "/decide/"+decision, url.Values{}))
	refused("vouch for what Alice proposed", mallory.get("/sign-in?decision="+decision))
	for _, path := range []string{"/my/apps/" + at.installation + "/revoke", "/consent/" + at.installation} {
		refused("POST "+path, mallory.post(own, path, url.Values{"digest": {strings.Repeat("0", 64)}, "user": {"alice"}}))
	}
	for _, path := range []string{"/audit", "/audit?site=" + at.siteID(), "/accounts", "/apps?site=" + at.siteID(), "/my/apps"} {
		if got := mallory.get(path); got.status == http.StatusOK && (strings.Contains(got.body, at.installation) || strings.Contains(got.body, at.app)) {
			t.Errorf("%s tells what is another site's", path)
		}
	}
	if after := at.siteState(t); before != after || tried < 20 || p.get(address).body != "here" {
		t.Errorf("after %d tries: %s, before: %s", tried, after, before)
	}
	// What was open stays Alice's.
	if a := alice.post(alice.get("/apps"), "/decide/"+decision, url.Values{}); a.status != http.StatusSeeOther {
		t.Errorf("Alice's own decision: %d", a.status)
	}
}

// siteState is what an admin of the place's site sees of it, and who agreed to it.
func (at place) siteState(t *testing.T) string {
	t.Helper()
	_, err := at.p.System.Consents.Ask(t.Context(), at.user("alice"), id.Install(at.installation))
	asked := "nothing is asked"
	if err != nil {
		asked = err.Error()
	}
	return at.p.api("GET", "/api/v1/installations/"+at.installation, at.admin, nil).must(t).body + asked
}
