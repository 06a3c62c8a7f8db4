package attack

import (
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
)

// SPEC 9: a site's admin trusted an app of this developer. When it gets another owner, its
// installations stand still until an admin of each has confirmed that; what the new owner
// deploys meanwhile runs nowhere.
func TestAttackRunForAnotherOwner(t *testing.T) {
	p := newPlatform(t)
	say := func(what string) source {
		return source{hooks: []string{"hook"}, also: []string{"ask"}, code: `function ask() { return "` + what + `"; } function hook() { return { statusCode: 200, body: "` + what + `" }; }`}
	}
	at := p.deploy("production", say("old"))
	address := at.hook("hook")
	bob, eve := p.developer("bob"), p.developer("eve")
	offer, accept := "/api/v1/apps/"+at.app+"/offer", "/api/v1/apps/"+at.app+"/offer/acceptance"
	// Nobody takes an app that was not offered to them, or offers another's.
	for _, token := range []string{bob, eve, at.admin} {
		if a := p.api("POST", accept, token, nil); a.status < 400 {
			t.Fatalf("taken without an offer: %d", a.status)
		}
		if a := p.api("PUT", offer, token, map[string]string{"to": "eve"}); a.status < 400 {
			t.Fatalf("another's app is offered: %d", a.status)
		}
	}
	p.api("PUT", offer, at.developer, map[string]string{"to": "bob"}).mustBe(t, http.StatusNoContent)
	if a := p.api("POST", accept, eve, nil); a.status != http.StatusNotFound {
		t.Errorf("an offer to another: %d %s", a.status, a.body)
	}
	p.api("DELETE", offer, at.developer, nil).mustBe(t, http.StatusNoContent)
	if a := p.api("POST", accept, bob, nil); a.status != http.StatusNotFound {
		t.Errorf("an offer that was withdrawn: %d %s", a.status, a.body)
	}
	if a := p.get(address); a.body != "old" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	p.api("PUT", offer, at.developer, map[string]string{"to": "bob"}).mustBe(t, http.StatusNoContent)
	p.api("POST", accept, bob, nil).must(t)

	stands := func(when string) {
		t.Helper()
		if a := p.get(address); a.status < 400 || strings.Contains(a.body, "old") || strings.Contains(a.body, "new") {
			t.Errorf("%s the address answers %d %s", when, a.status, a.body)
		}
		if _, err := p.System.Installs.Policy(t.Context(), id.Install(at.installation)); err == nil {
			t.Errorf("%s it has a policy", when)
		}
	}
	stands("after the app was handed over")
	next := say("new")
	next.id = at.app
	if a := p.upload(at.developer, next.parts("production")); a.status < 400 {
		t.Errorf("the old owner deploys: %d", a.status)
	}
	p.upload(bob, next.parts("production")).must(t)
	stands("after the new owner deployed")
	confirmation := at.confirmation()
	for who, token := range map[string]string{"the new owner": bob, "the old one": at.developer, "another site's admin": p.site("other")} {
		p.api("POST", "/api/v1/installations", token, confirmation)
		stands("after " + who + " confirmed")
	}
	p.api("POST", "/api/v1/installations", at.admin, at.confirmation()).must(t)
	if a := p.get(address); a.body != "new" {
		t.Errorf("after the admin confirmed: %d %s", a.status, a.body)
	}
}

// Lines belong to who owns the app, from the moment it changes hands: also those that were
// written a moment before and were not kept yet.
func TestAttackReadLinesOfAnAppGivenAway(t *testing.T) {
	p := newPlatform(t)
	at := p.deploy("development", source{also: []string{"ask"}, code: `function ask(what) { console.log("CANARY-" + what); return what; }`})
	bob := p.developer("bob")
	logs := func(token string) string { return p.api("GET", "/api/v1/logs?limit=1000&"+at.query(), token, nil).body }
	at.invoke("ask", "first").must(t)
	if !strings.Contains(logs(at.developer), "CANARY-first") || told(logs(bob)) {
		t.Fatalf("before: %s, %s", logs(at.developer), logs(bob))
	}
	offer := "/api/v1/apps/" + at.app + "/offer"
	p.api("PUT", offer, at.developer, map[string]string{"to": "bob"}).mustBe(t, http.StatusNoContent)
	at.invoke("ask", "last").must(t)
	p.api("POST", offer+"/acceptance", bob, nil).must(t)
	if got := logs(at.developer); told(got) {
		t.Errorf("the old owner reads %s", got)
	}
	if got := logs(bob); !strings.Contains(got, "CANARY-last") {
		t.Errorf("the new owner reads %s", got)
	}
}

// An operator's suspension ends an app everywhere, for its developer and its admins too.
func TestAttackRunWhileSuspended(t *testing.T) {
	p := newPlatform(t)
	s := source{hooks: []string{"hook"}, also: []string{"ask"}, code: `function ask() { return "alive"; } function hook() { return { statusCode: 200, body: "alive" }; }`}
	at := p.deploy("development", s)
	address := at.hook("hook")
	suspension := "/api/v1/apps/" + at.app + "/suspension"
	for _, token := range []string{at.developer, at.admin, p.developer("bob"), ""} {
		if a := p.api("PUT", suspension, token, map[string]string{"reason": "because"}); a.status < 400 {
			t.Fatalf("not only operators suspend: %d", a.status)
		}
	}
	p.api("PUT", suspension, p.operator, map[string]string{"reason": "it misbehaves"}).must(t)
	dead := func(after string) {
		t.Helper()
		if a := p.get(address); strings.Contains(a.body, "alive") {
			t.Errorf("after %s the address answers %d %s", after, a.status, a.body)
		}
		if a := at.invoke("ask", nil); strings.Contains(a.body, "alive") {
			t.Errorf("after %s it can be called: %d %s", after, a.status, a.body)
		}
	}
	dead("the suspension")
	s.id = at.app
	for _, environment := range []string{"development", "staging", "production"} {
		if a := p.upload(at.developer, s.parts(environment)); a.status < 400 {
			t.Errorf("it is deployed to %s: %d", environment, a.status)
		}
	}
	dead("a deploy")
	if a := p.api("POST", "/api/v1/installations", at.admin, at.confirmation()); a.status < 400 {
		t.Errorf("it is installed: %d %s", a.status, a.body)
	}
	dead("an installation")
	for _, token := range []string{at.developer, at.admin} {
		if a := p.api("DELETE", suspension, token, nil); a.status < 400 {
			t.Errorf("it is lifted by another than an operator: %d", a.status)
		}
	}
	dead("their lifting")
	p.api("DELETE", suspension, p.operator, nil).must(t)
	if a := p.get(address); a.body != "alive" {
		t.Errorf("after the operator lifted it: %d %s", a.status, a.body)
	}
}
