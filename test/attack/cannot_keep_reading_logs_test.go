package attack

import (
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
)

// SPEC 9: a site's admin shares a production installation's lines from then on, with the
// app's developer, for a time. What was written before, another developer, any other
// surface and any later moment are not in it, and each read stands in the trail.
func TestAttackKeepReadingLogs(t *testing.T) {
	p := newPlatform(t)
	s := source{hooks: []string{"hook"}, code: `function hook(r) { console.log("CANARY-" + r.queryParameters.say[0]); return { statusCode: 200, body: "CANARY-answer" }; }`}
	at := p.deploy("production", s)
	twin := at.on("twin", p.site("twin")) // the same app where nothing is shared
	address, elsewhere := at.hook("hook"), twin.hook("hook")
	write := func(what string) {
		t.Helper()
		for to, say := range map[string]string{address: what, elsewhere: "twin"} {
			if a := p.get(to + "?say=" + say); a.status != http.StatusOK {
				t.Fatalf("%d %s", a.status, a.body)
			}
		}
	}
	bob := p.developer("bob")
	sharing := "/api/v1/installations/" + at.installation + "/log-sharing"
	logs := func(token string) answer { return p.api("GET", "/api/v1/logs?limit=1000&"+at.query(), token, nil) }
	reads := func() int { return strings.Count(string(p.auditExport(id.Site(at.siteID()))), `"logs.read"`) }

	// walk looks at every route that a developer reaches, by the document.
	walk := func(when string, token string, mayTell func(path, body string) bool) {
		t.Helper()
		seen := 0
		for _, o := range operations(t) {
			if !slices.Contains(o.roles, "developer") || o.method == "DELETE" || strings.Contains(o.path, "/offer") {
				continue
			}
			path := strings.NewReplacer("{app}", at.app, "{environment}", "production", "{site}", at.site, "{installation}", at.installation, "{key}", "OTHER").Replace(o.path)
			for _, place := range []place{at, twin} {
				var body any
				if o.body {
					b := place.target()
					b["function"], b["module"], b["payload"] = "hook", "hook", map[string]any{"queryParameters": map[string]any{"say": []string{"asked"}}}
					body = b
				}
				a := p.api(o.method, strings.ReplaceAll(path, at.installation, place.installation)+"?"+place.query(), token, body)
				if seen++; told(a.body) && !mayTell(o.path, a.body) {
					t.Errorf("%s: %s %s tells %d %.400s", when, o.method, o.path, a.status, a.body)
				}
			}
		}
		if seen < 40 {
			t.Errorf("only %d looks", seen)
		}
	}
	never := func(string, string) bool { return false }

	write("before")
	walk("before anything is shared", at.developer, never)
	for who, token := range map[string]string{"the developer": at.developer, "another one": bob, "another site's admin": twin.admin, "nobody": ""} {
		if a := p.api("PUT", sharing, token, map[string]string{"for": "24h"}); a.status < 400 {
			t.Fatalf("%s shares the site's logs: %d", who, a.status)
		}
	}
	for _, long := range []string{"31d", "0s", "-1h", "forever", "", "8760h"} {
		if a := p.api("PUT", sharing, at.admin, map[string]string{"for": long}); a.status < 400 {
			t.Errorf("shared for %q: %d %s", long, a.status, a.body)
		}
	}

	p.api("PUT", sharing, at.admin, map[string]string{"for": "24h"}).must(t)
	write("during")
	read := reads()
	if a := logs(at.developer).must(t); !strings.Contains(a.body, "CANARY-during") || strings.Contains(a.body, "CANARY-before") {
		t.Fatalf("the developer reads %s", a.body)
	}
	if now := reads(); now <= read {
		t.Errorf("the trail has %d reads, as before", now)
	}
	if a := logs(bob); told(a.body) {
		t.Errorf("another developer reads %s", a.body)
	}
	shared := func(path, body string) bool {
		return path == "/api/v1/logs" && !strings.Contains(body, "CANARY-before") && !strings.Contains(body, "CANARY-twin")
	}
	walk("while it is shared", at.developer, shared)
	walk("by another developer while it is shared", bob, never)

	// It ends by itself.
	ended := func(when string) {
		t.Helper()
		walk(when, at.developer, never)
		for _, more := range []url.Values{{}, {"since": {"2000-01-01T00:00:00Z"}}, {"installation": {at.installation}}} {
			if a := p.api("GET", "/api/v1/logs?"+at.query()+"&"+more.Encode(), at.developer, nil); told(a.body) {
				t.Errorf("%s: %v gives %d %s", when, more, a.status, a.body)
			}
		}
	}
	if _, err := p.System.DB.Exec(t.Context(), "UPDATE applog_shares SET until_at = since_at + 1"); err != nil {
		t.Fatal(err)
	}
	ended("after its time")
	// Shared again is from then on, and an admin's word ends it at once.
	p.api("PUT", sharing, at.admin, map[string]string{"for": "1h"}).must(t)
	p.api("DELETE", sharing, at.admin, nil).mustBe(t, http.StatusNoContent)
	write("after")
	ended("after the admin ended it")
	// It does not go with the app to another owner, nor stay with the old one.
	p.api("PUT", sharing, at.admin, map[string]string{"for": "24h"}).must(t)
	write("again")
	p.api("PUT", "/api/v1/apps/"+at.app+"/offer", at.developer, map[string]string{"to": "bob"}).mustBe(t, http.StatusNoContent)
	p.api("POST", "/api/v1/apps/"+at.app+"/offer/acceptance", bob, nil).must(t)
	ended("after the app was given away")
	walk("by its new owner", bob, never)
	if a := logs(at.admin).must(t); !strings.Contains(a.body, "CANARY-again") {
		t.Errorf("the lines were not there: %s", a.body)
	}
}
