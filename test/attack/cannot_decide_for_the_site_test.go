package attack

import (
	"strings"
	"testing"
)

// CONTRACTS 4: an approval is of the bytes and the manifest that were shown. Other code
// under the same permissions, and the same code under others, is something else.
func TestAttackSwapAfterApproval(t *testing.T) {
	p := newPlatform(t)
	old := source{hooks: []string{"run"}, code: `function run() { return { statusCode: 200, body: "shown" }; }`}
	at := p.deploy("production", old)
	url := at.hook("run")
	grown := old
	grown.id, grown.egress = at.app, []string{"api.example.com"}
	p.upload(at.developer, grown.parts("production")).must(t)
	shown := at.confirmation()
	swapped := grown
	swapped.code = `function run() { return { statusCode: 200, body: "swapped" }; }`
	p.upload(at.developer, swapped.parts("production")).must(t)
	approve := "/api/v1/installations/" + at.installation + "/approval"
	for path, body := range map[string]any{"/api/v1/installations": shown, approve: map[string]any{"digest": shown["digest"]}} {
		if a := p.api("POST", path, at.admin, body); a.status != 409 || a.code() != "PREVIEW_CHANGED" {
			t.Errorf("%s: %d %s", path, a.status, a.body)
		}
	}
	if a := p.get(url); a.body != "shown" {
		t.Errorf("the address runs %q", a.body)
	}
	// Nor does a confirmation for one site, or of one version of the past, confirm another.
	if a := p.api("POST", approve, at.admin, map[string]any{"digest": strings.Repeat("0", 64)}); a.status != 409 {
		t.Errorf("%d %s", a.status, a.body)
	}
	if a := p.api("POST", "/api/v1/installations", at.admin, at.confirmation()); a.status != 200 {
		t.Errorf("what is shown now: %d %s", a.status, a.body)
	}
}

// An admin of another site has the right role for every route of an installation, and
// reaches this one by none; neither does another developer.
func TestAttackDecideOnAnotherSite(t *testing.T) {
	p := newPlatform(t)
	at := p.deploy("production", source{hooks: []string{"run"}, scopes: []string{"storage:app"}, egress: []string{"api.example.com"},
		code: `function run() { return { statusCode: 200, body: "ran" }; }`})
	url := at.hook("run")
	bodies := map[string]any{
		"/approval": map[string]any{"digest": at.confirmation()["digest"]}, "/decline": map[string]any{"version": "v"},
		"/grant": map[string]any{"trim": []string{"scope:storage:app"}, "off": []string{"analytics"}}, "/egress": map[string]any{"type": "IMAGES", "host": "evil.example.com"},
		"/log-sharing": map[string]any{"for": "24h"}, "/queue-retries": map[string]any{"ids": []string{}},
		"/what-if": map[string]any{"trim": []string{"scope:storage:app"}}, "/storage": map[string]any{"from": at.installation},
		"/remotes/{remote}":            map[string]any{"url": "https://evil.example.com", "epoch": 1},
		"/remotes/{remote}/credential": map[string]any{"origin": "https://evil.example.com", "kind": "bearer", "secret": "s"},
		"/providers/{key}/credential":  map[string]any{"sends": []string{"https://evil.example.com"}, "secret": "s"},
		"/remotes/{remote}/networks":   map[string]any{"network": "n", "host": "evil.example.com", "port": 443, "epoch": 1},
	}
	const query = "?user=bob&type=IMAGES&host=evil.example.com&port=443&epoch=1"
	strangers := map[string]string{"another site's admin": p.site("elsewhere"), "another developer": p.developer("bob")}
	before, tried := p.state(), 0
	for who, token := range strangers {
		for _, o := range operations(t) {
			rest, ok := strings.CutPrefix(o.path, "/api/v1/installations/{installation}")
			if !ok {
				continue
			}
			tried++
			var body any
			if o.body {
				body = bodies[rest]
			}
			a := p.api(o.method, "/api/v1/installations/"+at.installation+rest+query, token, body)
			if a.status != 404 && a.status != 403 {
				t.Errorf("%s: %s %s: %d %s", who, o.method, o.path, a.status, a.body)
			}
			gone := p.api(o.method, "/api/v1/installations/00000000-0000-4000-8000-000000000000"+rest+query, token, body)
			if a.status != gone.status || a.code() != gone.code() {
				t.Errorf("%s: %s %s tells what is there: %s, %s", who, o.method, o.path, a.body, gone.body)
			}
		}
	}
	if tried < 24 {
		t.Errorf("only %d routes were tried", tried)
	}
	if after := p.state(); before != after || p.get(url).body != "ran" {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
}

// SPEC 5: an admin configures within what the manifest says, and nobody beyond it.
func TestAttackConfigureBeyondBounds(t *testing.T) {
	p := newPlatform(t)
	at := p.deploy("production", source{hooks: []string{"run"}, code: `function run() { return { statusCode: 200 }; }`})
	before := at.policy()
	for _, x := range [][2]string{{"FETCH_BACKEND_SIDE", "evil.example"}, {"IMAGES", "*"}, {"SCRIPTS", "evil.example"}, {"FETCH_BACKEND_SIDE", "169.254.169.254"}} {
		a := p.api("POST", "/api/v1/installations/"+at.installation+"/egress", at.admin, map[string]string{"type": x[0], "host": x[1]})
		if a.status < 400 || a.status >= 500 {
			t.Errorf("%v: %d %s", x, a.status, a.body)
		}
	}
	if after := at.policy(); len(after.Egress) != len(before.Egress) {
		t.Errorf("%+v", after.Egress)
	}
}

// What a site's admin decided about a production app is the site's: its developer reads
// neither the hosts that the admin named nor what was taken away, on no route.
func TestAttackLearnWhatTheSiteDecided(t *testing.T) {
	p := newPlatform(t)
	at := p.deploy("production", source{hooks: []string{"run"}, scopes: []string{"storage:app"}, egress: []string{"*.example.com"},
		code: `function run() { return { statusCode: 200 }; }`})
	here := "/api/v1/installations/" + at.installation
	const chosen = "chosen-by-the-site.example.com"
	p.api("PATCH", here+"/grant", at.admin, map[string]any{"replace": map[string][]string{"egress:FETCH_BACKEND_SIDE:*.example.com": {chosen}}}).must(t)
	if a := p.api("GET", here, at.admin, nil); !strings.Contains(a.body, chosen) {
		t.Fatalf("the admin is not told: %s", a.body)
	}
	for _, path := range []string{here, here + "/review", "/api/v1/installations", "/api/v1/installations?" + at.query(), here + "/log-sharing"} {
		if a := p.api("GET", path, at.developer, nil); strings.Contains(a.body, chosen) {
			t.Errorf("GET %s tells %s", path, a.body)
		}
	}
	if a := p.api("POST", "/api/v1/installations/preview", at.developer, at.target()); strings.Contains(a.body, chosen) {
		t.Errorf("the preview tells %s", a.body)
	}
}
