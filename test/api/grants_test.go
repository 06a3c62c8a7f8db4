package api

import (
	"strings"

	"github.com/annexhq/annex/internal/core/trail"
)

// grants goes through what a site's admin decides about one installation after it was
// made, in an environment that ends with this part.
func (l *life) grants() {
	environment := "/api/v1/apps/" + l.appID + "/environments"
	l.ask("POST", environment, l.bob, object{"name": "wide"}).is(201)
	wide := l.app
	wide.answer, wide.egress, wide.configurable, wide.remote = "wide", "*.example.com", true, true
	first := l.upload(l.bob, wide.parts("wide")...).is(201).text("number")
	target := func(pairs ...any) object { return l.target(append([]any{"environment", "wide"}, pairs...)...) }
	shown := l.ask("POST", "/api/v1/installations/preview", l.ada, target()).is(200)
	const wildcard = "egress:FETCH_BACKEND_SIDE:*.example.com"
	if !strings.Contains(string(shown.body), wildcard) || shown.text("hash") == "" {
		l.t.Errorf("the preview names no keys: %s", shown.body)
	}
	confirm := target("digest", shown.text("digest"), "confirmDevelopment", true, "replace", object{wildcard: []string{"api.example.com"}}, "without", []string{"scope:storage:app"})
	confirm["replace"] = object{wildcard: []string{"api.other.com"}}
	l.ask("POST", "/api/v1/installations", l.ada, confirm).fails(422, "GRANT_EXCEEDS_REQUEST")
	confirm["replace"] = object{wildcard: []string{"api.example.com"}}
	at := "/api/v1/installations/" + l.ask("POST", "/api/v1/installations", l.ada, confirm).is(201).text("id")

	state := func(a answer, key string) string {
		all, _ := a.get("permissions").([]any)
		for n := range all {
			if a.text("permissions", n, "key") == key {
				return a.text("permissions", n, "state")
			}
		}
		return ""
	}
	is := func(a answer, key, want string) {
		if got := state(a.is(200), key); got != want {
			l.t.Errorf("%s is %q, not %q: %s", key, got, want, a.body)
		}
	}
	d := l.ask("GET", at, l.ada, nil)
	is(d, wildcard, "trimmed")
	is(d, "scope:storage:app", "trimmed")
	is(d, "egress:FETCH_BACKEND_SIDE:api.example.com", "on")
	l.ask("GET", at, l.admin, nil).fails(404, "NOT_YOURS")
	l.ask("GET", at, l.developer, nil).fails(404, "NOT_YOURS")

	restore := object{"restore": []string{"scope:storage:app"}, "epoch": 999}
	l.ask("PATCH", at+"/grant", l.ada, restore).fails(409, "PREVIEW_CHANGED")
	restore["epoch"] = d.get("epoch")
	is(l.ask("PATCH", at+"/grant", l.ada, restore), "scope:storage:app", "on")
	d = l.ask("PATCH", at+"/grant", l.ada, object{"off": []string{"egress:FETCH_BACKEND_SIDE"}})
	is(d, "egress:FETCH_BACKEND_SIDE:api.example.com", "off")
	l.ask("PATCH", at+"/grant", l.ada, object{"on": []string{"analytics"}, "epoch": d.get("epoch")}).fails(404, "NOT_SWITCHED_OFF")
	is(l.ask("PATCH", at+"/grant", l.ada, object{"on": []string{"egress:FETCH_BACKEND_SIDE"}, "epoch": d.get("epoch")}), "egress:FETCH_BACKEND_SIDE:api.example.com", "on")
	l.ask("PATCH", at+"/grant", l.ada, object{"trim": []string{"scope:gone"}}).fails(404, "NO_SUCH_PERMISSION")
	l.ask("PATCH", at+"/grant", l.ada, object{}).fails(400, "MISSING")

	is(l.ask("POST", at+"/egress", l.ada, object{"type": "IMAGES", "host": "img.example.com"}), "egress:IMAGES:img.example.com", "on")
	l.ask("POST", at+"/egress", l.ada, object{"type": "SCRIPTS", "host": "img.example.com"}).fails(403, "OUTSIDE_BOUNDS")
	l.ask("POST", at+"/egress", l.ada, object{"type": "IMAGES", "host": "img.evil.com"}).fails(403, "OUTSIDE_BOUNDS")
	is(l.ask("DELETE", at+"/egress?type=IMAGES&host=img.example.com", l.ada, nil), "egress:IMAGES:img.example.com", "")
	l.ask("DELETE", at+"/egress?type=IMAGES&host=img.example.com", l.ada, nil).fails(404, "NOT_CONFIGURED")

	// What a change would have meant is told, and nothing is changed by it.
	l.ask("POST", at+"/what-if", l.ada, object{"trim": []string{"egress:FETCH_BACKEND_SIDE:api.example.com"}, "allow": []object{{"type": "IMAGES", "host": "img.example.com"}}}).is(200).want(0.0, "refused")
	is(l.ask("GET", at, l.ada, nil), "egress:FETCH_BACKEND_SIDE:api.example.com", "on")
	l.ask("POST", at+"/what-if", l.ada, object{"trim": []string{"scope:gone"}}).fails(404, "NO_SUCH_PERMISSION")
	l.ask("POST", at+"/what-if", l.ada, object{"uninstall": true}).is(200).want("stays-inside", "after", "value").want("webtrigger", "stops", 0, "type")
	l.ask("POST", at+"/what-if", l.ada, object{"uninstall": true, "trim": []string{"scope:gone"}}).fails(400, "UNINSTALL_ALONE")
	l.ask("POST", at+"/what-if", l.ada, object{"remotes": []object{{"key": "gone", "url": "https://x.example.com"}}}).fails(404, "NO_SUCH_REMOTE")
	is(l.ask("GET", at, l.ada, nil), "egress:FETCH_BACKEND_SIDE:api.example.com", "on")
	l.ask("GET", at+"/sent", l.ada, nil).is(200).want("sends-data-out", "signal", "value").want("day", "step")
	l.ask("GET", at+"/sent", l.bob, nil).is(200)
	l.ask("GET", at+"/sent?since=yesterday", l.ada, nil).fails(400, "BAD_TIME")
	l.ask("GET", at+"/sent", l.admin, nil).fails(404, "NOT_YOURS")
	l.ask("GET", at+"/suggestion", l.bob, nil).is(200).want(0.0, "calls")
	receipts := l.ask("GET", "/api/v1/receipts/export", l.ada, nil).is(200)
	if r, err := trail.Verify(strings.NewReader(string(receipts.body)), nil); err != nil || !r.OK {
		l.t.Errorf("the export of receipts: %+v, %v", r, err)
	}
	l.ask("GET", "/api/v1/receipts/export", l.operator, nil).fails(400, "MISSING")

	l.rules()
	l.remotes(at)

	// A newer version waits while the old one is pinned, and when it asks for more.
	l.ask("PUT", at+"/pin", l.ada, nil).is(200).want(true, "pinned")
	wide.answer = "wider"
	l.upload(l.bob, wide.parts("wide")...).is(201).want(1.0, "scheduled").want("minor", "kind")
	l.ask("GET", at, l.ada, nil).is(200).want("pinned", "waiting", "reason")
	l.ask("DELETE", at+"/pin", l.ada, nil).is(200).want(false, "pinned")
	wide.egress = "*"
	grown := l.upload(l.bob, wide.parts("wide")...).is(201).want("major", "kind").want(1.0, "waiting").text("number")
	a := l.ask("GET", at, l.ada, nil).is(200).want("growth", "waiting", "reason").want(grown, "waiting", "number")
	l.ask("POST", at+"/decline", l.ada, object{"version": "gone"}).fails(409, "PREVIEW_CHANGED")
	l.ask("POST", at+"/decline", l.ada, object{"version": a.text("waiting", "version")}).is(200).want("declined", "waiting", "reason")
	review := l.ask("GET", at+"/review", l.ada, nil).is(200).want(grown, "number")
	l.ask("POST", at+"/approval", l.ada, object{"digest": "another", "confirmDevelopment": true}).fails(409, "PREVIEW_CHANGED")
	l.ask("POST", at+"/what-if", l.ada, object{"approval": object{"digest": "another", "confirmDevelopment": true}}).fails(409, "PREVIEW_CHANGED")
	l.ask("POST", at+"/what-if", l.ada, object{"approval": object{}}).fails(400, "DIGEST_REQUIRED")
	l.ask("POST", at+"/what-if", l.ada, object{"approval": object{"digest": review.text("digest"), "confirmDevelopment": true}, "trim": []string{wildcard}}).fails(400, "APPROVAL_ALONE")
	l.ask("POST", at+"/what-if", l.ada, object{"approval": object{"digest": review.text("digest"), "confirmDevelopment": true}}).is(200).want("sends-data-out", "after", "value")
	l.ask("GET", at, l.ada, nil).is(200).want("declined", "waiting", "reason")
	l.ask("POST", at+"/approval", l.ada, object{"digest": review.text("digest"), "confirmDevelopment": true}).is(200).want(grown, "installation", "number")

	// Back to the first version and what was granted with it.
	d = l.ask("GET", at, l.ada, nil).is(200)
	oldest := ""
	past, _ := d.get("past").([]any)
	for n := range past {
		if d.text("past", n, "number") == first {
			oldest = d.text("past", n, "version")
		}
	}
	review = l.ask("GET", at+"/review?version="+oldest, l.ada, nil).is(200).want(first, "number").want(true, "back")
	d = l.ask("POST", at+"/approval", l.ada, object{"digest": review.text("digest"), "version": oldest, "confirmDevelopment": true}).is(200).want(first, "installation", "number")
	is(d, "egress:FETCH_BACKEND_SIDE:api.example.com", "on")
	is(d, wildcard, "trimmed")
	d.want("declined", "waiting", "reason")

	versions := environment + "/wide/versions/"
	l.ask("GET", versions+grown+"/diff?from="+first, l.bob, nil).is(200).want(true, "grows").want(first, "from", "number")
	l.ask("GET", versions+first+"/diff", l.bob, nil).is(200).want(false, "grows")
	l.ask("GET", versions+"9.9.9/diff", l.bob, nil).fails(404, "VERSION_UNKNOWN")
	l.ask("POST", environment+"/wide/rollback", l.bob, object{"version": first}).is(200).want(first, "number").want("same", "kind")
	l.ask("POST", environment+"/wide/rollback", l.bob, object{"version": grown, "stopAtGrowth": true}).fails(403, "GROWTH_NOT_APPROVED")
	l.ask("PATCH", "/api/v1/sites/acme", l.ada, object{"updates": "after:24h"}).is(200).want("after:24h", "updates")
	l.ask("PATCH", "/api/v1/sites/acme", l.ada, object{"updates": "never"}).fails(400, "UPDATES_POLICY")
	l.ask("PATCH", "/api/v1/sites/acme", l.ada, object{"updates": "now"}).is(200)

	l.ask("GET", at+"/pages", l.ada, nil).is(200)
	l.ask("GET", at+"/pages", l.admin, nil).fails(404, "NOT_YOURS")
	l.ask("GET", at+"/log-sharing", l.ada, nil).fails(409, "LOGS_OPEN")
	production := "/api/v1/installations/"
	for n := range 2 {
		if a := l.ask("GET", "/api/v1/installations?environment=production", l.ada, nil).is(200); n == 0 {
			production += a.text("installations", 0, "id")
		}
	}
	l.ask("PUT", production+"/log-sharing", l.ada, object{"for": "0s"}).fails(400, "SHARE_TIME")
	l.ask("PUT", production+"/log-sharing", l.ada, object{"for": "24h"}).is(200).want(true, "shared").want("bob", "with")
	l.ask("GET", production+"/log-sharing", l.bob, nil).is(200).want(true, "shared")
	l.open(l.ask("POST", "/api/v1/webtriggers", l.ada, l.target("environment", "production", "module", "hook")).is(200).text("url")).is(200)
	l.ask("GET", "/api/v1/logs?environment=production&app="+l.appID, l.bob, nil).is(200)
	l.ask("DELETE", production+"/log-sharing", l.ada, nil).is(204)
	l.ask("GET", production+"/queue", l.bob, nil).is(200)
	l.ask("GET", production+"/usage", l.bob, nil).is(200).want(5000.0, "perMinute", "calls")
	l.ask("POST", production+"/queue-retries", l.bob, object{"ids": []string{}}).is(200).want(0.0, "retried")
	l.ask("GET", production+"/log-sharing", l.ada, nil).is(200).want(false, "shared")
	l.ask("GET", "/api/v1/logs?environment=production&app="+l.appID, l.bob, nil).fails(403, "LOGS_NOT_SHARED")
	l.ask("DELETE", at, l.ada, nil).is(204)
	l.ask("DELETE", environment+"/wide", l.bob, nil).is(204)
	l.owners()
}

// owners goes through an app's suspension and its change of hands, with an app of its own.
func (l *life) owners() {
	mine := app{name: "Handed", answer: "handed"}
	id := l.upload(l.bob, mine.parts("production")...).is(201).text("app")
	mine.id = id
	at := l.target("app", id, "environment", "production")
	confirm := func() answer {
		at["digest"] = l.ask("POST", "/api/v1/installations/preview", l.ada, l.target("app", id, "environment", "production")).is(200).text("digest")
		return l.ask("POST", "/api/v1/installations", l.ada, at)
	}
	installation := "/api/v1/installations/" + confirm().is(201).text("id")
	path := "/api/v1/apps/" + id
	l.ask("PUT", path+"/suspension", l.operator, object{"reason": "it sends spam"}).is(200).want(1.0, "installations")
	l.ask("GET", installation, l.ada, nil).is(200).want("blocked", "installation", "state").want("it sends spam", "blocked")
	mine.answer = "again"
	l.upload(l.bob, mine.parts("production")...).fails(403, "APP_SUSPENDED")
	confirm().fails(403, "APP_SUSPENDED")
	l.ask("DELETE", path+"/suspension", l.operator, nil).is(200).want(1.0, "installations")
	l.ask("DELETE", "/api/v1/apps/gone/suspension", l.operator, nil).fails(404, "NOT_YOURS")

	name := l.ask("GET", "/api/v1/whoami", l.developer, nil).is(200).text("name")
	l.ask("PUT", path+"/offer", l.bob, object{"to": "ada"}).fails(409, "ROLE_MISSING")
	l.ask("PUT", path+"/offer", l.developer, object{"to": "bob"}).fails(404, "NOT_YOURS")
	l.ask("POST", path+"/offer/acceptance", l.developer, nil).fails(404, "NOT_OFFERED_TO_YOU")
	l.ask("PUT", path+"/offer", l.bob, object{"to": name}).is(204)
	l.ask("DELETE", path+"/offer", l.bob, nil).is(204)
	l.ask("GET", "/api/v1/app-offers", l.developer, nil).is(200).length(0, "offers")
	l.ask("PUT", path+"/offer", l.bob, object{"to": name}).is(204)
	l.ask("GET", "/api/v1/app-offers", l.developer, nil).is(200).want(id, "offers", 0, "app").want("bob", "offers", 0, "from")
	l.ask("POST", path+"/offer/acceptance", l.developer, nil).is(200).want(1.0, "installations")
	l.ask("GET", installation, l.ada, nil).is(200).want("handed over", "installation", "state").want("bob", "handover", "from")
	l.ask("GET", installation, l.bob, nil).fails(404, "NOT_YOURS")
	confirm().is(200).want("running", "state")
	l.ask("DELETE", installation, l.ada, nil).is(204)
}
