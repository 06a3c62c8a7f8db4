package attack

import (
	"bytes"
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

// CONTRACTS 11: a trail says who did what to which app, and holds neither a secret nor what
// people wrote: whatever was done, with texts and secrets in every place that takes some.
func TestAttackFindPeopleInTheTrail(t *testing.T) {
	p := newPlatform(t)
	const text = "Canary text, of a person"
	secrets := map[string]string{"operator's token": p.operator, "developer's token": p.Access.DeveloperToken, "admin's token": p.Access.AdminToken, "variable": "canary-sealed-variable-0123456789"}
	s := source{hooks: []string{"hook"}, also: []string{"store"}, egress: []string{"api.example.com"}, scopes: []string{"storage:app", "read:jira-user"}, code: reacher("canary-version") + `function never() { throw new Error("` + text + `"); }`}
	at := p.deploy("production", s)
	app, here := "/api/v1/apps/"+at.app, "/api/v1/installations/"+at.installation
	do := func(method, path, token string, body any) answer {
		t.Helper()
		a := p.api(method, path, token, body)
		if a.status >= 400 {
			t.Fatalf("%s %s: %d %s", method, path, a.status, a.body)
		}
		return a
	}
	for range 2 {
		do("PUT", app+"/environments/production/variables/KEY", at.developer, map[string]any{"value": secrets["variable"], "sealed": true})
	}
	do("DELETE", app+"/environments/production/variables/KEY", at.developer, nil)
	do("POST", "/api/v1/apps", at.developer, map[string]string{"name": text})
	address := at.hook("hook")
	p.ask("POST", address+"/canary-path?canary=query", http.Header{"X-Canary": {"canary"}}, text)
	do("DELETE", "/api/v1/webtriggers?"+at.query()+"&url="+address, at.admin, nil)
	do("PUT", here+"/log-sharing", at.admin, map[string]string{"for": "1h"})
	do("GET", "/api/v1/logs?"+at.query(), at.developer, nil)
	do("DELETE", here+"/log-sharing", at.admin, nil)
	do("PATCH", here+"/grant", at.admin, map[string]any{"trim": []string{"scope:read:jira-user"}})
	// People, and what they agree to.
	person := id.Principal{Kind: id.EndUser, Site: id.Site(at.siteID()), Product: id.Product(p.Access.Product), User: "canary.person@example.com"}
	q, err := p.System.Consents.Ask(t.Context(), person, id.Install(at.installation))
	if err == nil {
		err = p.System.Consents.Give(t.Context(), person, id.Install(at.installation), q.Digest)
	}
	if err == nil {
		err = p.System.Consents.Revoke(t.Context(), person, person.Site, id.Install(at.installation), person.Product, person.User)
	}
	if err != nil {
		t.Fatal(err)
	}
	// A version that waits, is declined, and one that is approved.
	grown := s
	grown.id, grown.egress = at.app, []string{"api.example.com", "more.example.com"}
	p.upload(at.developer, grown.parts("production")).must(t)
	p.api("POST", here+"/decline", at.admin, map[string]any{})
	grown.code += "// again"
	p.upload(at.developer, grown.parts("production")).must(t)
	at.install()
	// Accounts, tokens and sites.
	bob := p.account(account.NewAccount{Name: "canary-of-an-account", Developer: true})
	token := p.token(bob, account.TokenRequest{Kind: id.Developer})
	secrets["another developer's token"] = token
	if _, err := p.System.Tenancy.AddSite(t.Context(), testenv.Operator, tenancy.NewSite{Name: "aside", Products: []id.Product{id.Product(p.Access.Product)}}); err != nil {
		t.Fatal(err)
	}
	do("PUT", app+"/suspension", p.operator, map[string]string{"reason": text})
	do("DELETE", app+"/suspension", p.operator, nil)
	do("PUT", app+"/offer", at.developer, map[string]string{"to": "canary-of-an-account"})
	do("POST", app+"/offer/acceptance", token, nil)
	at.install()
	at.uninstall().mustBe(t, 204)

	trails := map[string][]byte{"the site's": p.auditExport(person.Site)}
	var out bytes.Buffer
	if err := p.System.Audit.ExportPlatform(t.Context(), testenv.Operator, &out); err != nil {
		t.Fatal(err)
	}
	trails["the platform's"] = out.Bytes()
	acts := map[string]bool{}
	for whose, trail := range trails {
		for _, m := range regexp.MustCompile(`"act":"([a-z.-]+)"`).FindAllSubmatch(trail, -1) {
			acts[string(m[1])] = true
		}
		for line := range strings.Lines(string(trail)) {
			if told(line) {
				t.Errorf("%s trail has a text: %.600s", whose, line)
			}
			for name, secret := range secrets {
				if strings.Contains(line, secret) || strings.Contains(line, secret[strings.LastIndexByte(secret, '_')+1:]) {
					t.Errorf("%s trail has the %s", whose, name)
				}
			}
		}
	}
	if len(acts) < 25 {
		t.Errorf("only these acts were tried: %v", slices.Sorted(maps.Keys(acts)))
	}
}
