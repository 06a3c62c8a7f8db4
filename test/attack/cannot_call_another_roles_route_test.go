package attack

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/account"
)

// operation is one route of openapi.yaml and who may call it.
type operation struct {
	method, path string
	roles        []string
	body         bool
}

func operations(t *testing.T) []operation {
	t.Helper()
	raw, err := os.ReadFile("../../internal/edge/httpapi/openapi.yaml")
	if err != nil {
		t.Fatal(err)
	}
	doc, err := openapi3.NewLoader().LoadFromData(raw)
	if err != nil {
		t.Fatal(err)
	}
	var out []operation
	for path, item := range doc.Paths.Map() {
		for method, op := range item.Operations() {
			text, _ := json.Marshal(op.Extensions["x-annex-roles"])
			o := operation{method: method, path: path, body: op.RequestBody != nil}
			if err := json.Unmarshal(text, &o.roles); err != nil || len(o.roles) == 0 {
				t.Fatalf("%s %s names no role", method, path)
			}
			out = append(out, o)
		}
	}
	if len(out) < 30 {
		t.Fatalf("only %d operations", len(out))
	}
	return out
}

// CONTRACTS 2: every route names its role; each is called with each other role's token,
// with none, with a revoked one and with ones that were never made.
func TestAttackCallAnotherRolesRoute(t *testing.T) {
	p := newPlatform(t)
	at := p.deploy("development", source{hooks: []string{"run"}, code: `function run() { return { statusCode: 200 }; }`})
	dev := p.account(account.NewAccount{Name: "ci-developer", Developer: true})
	ci, err := p.System.Accounts.Authenticate(t.Context(), at.developer)
	if err != nil {
		t.Fatal(err)
	}
	tokens := map[string]string{
		"operator": p.operator, "developer": at.developer, "admin": at.admin,
		"ci": p.token(ci.Account, account.TokenRequest{Kind: id.CI, App: id.App(at.app), Environments: []string{"development"}}),
	}
	revoked := p.token(dev, account.TokenRequest{Kind: id.Developer})
	r, err := p.System.Accounts.Authenticate(t.Context(), revoked)
	if err != nil {
		t.Fatal(err)
	}
	if a := p.api("DELETE", "/api/v1/tokens/"+string(r.Token), p.operator, nil); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	nobody := map[string]string{
		"no token": "", "a revoked one": revoked, "an invented one": "anx_operator_" + strings.Repeat("A", 43), "a cut one": p.operator[:len(p.operator)-1],
		"another kind's prefix": strings.Replace(at.developer, "developer", "operator", 1), "an odd one": "anx_\u00ff'; --", "a very long one": strings.Repeat("a", 8000),
		"a token's id": string(r.Token), "two": p.operator + " " + p.operator, "a comma": p.operator + "," + at.developer,
	}
	before := p.state()
	tried := 0
	for _, o := range operations(t) {
		if slices.Contains(o.roles, "anyone") {
			continue
		}
		path := strings.NewReplacer("{app}", at.app, "{environment}", "development", "{site}", at.site, "{installation}", at.installation,
			"{token}", string(r.Token), "{key}", "KEY").Replace(o.path) + "?" + at.query()
		var body any
		if o.body {
			body = at.confirmation()
		}
		for role, token := range tokens {
			if slices.Contains(o.roles, role) {
				continue
			}
			tried++
			if a := p.api(o.method, path, token, body); a.status != 403 || a.code() != "ROLE_REQUIRED" {
				t.Errorf("%s %s as %s: %d %s", o.method, o.path, role, a.status, a.body)
			}
		}
		for name, token := range nobody {
			if a := p.api(o.method, path, token, body); a.status != 401 {
				t.Errorf("%s %s with %s: %d %s", o.method, o.path, name, a.status, a.body)
			}
		}
		// A token counts in one place only.
		h := map[string][]string{"Cookie": {"token=" + p.operator}, "X-Annex-Token": {p.operator}, "Authorization": {"Basic " + p.operator}}
		if a := p.send(o.method, p.control(), path+"&access_token="+p.operator+"&token="+p.operator, h, nil); a.status != 401 {
			t.Errorf("%s %s with a token elsewhere: %d %s", o.method, o.path, a.status, a.body)
		}
	}
	if tried < 50 {
		t.Errorf("only %d pairs of role and route were tried", tried)
	}
	if after := p.state(); before != after {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
}

// state is what the operator can see of everything.
func (p *platform) state() string {
	var b strings.Builder
	for _, path := range []string{"accounts", "apps", "sites", "installations", "products"} {
		b.WriteString(p.api("GET", "/api/v1/"+path, p.operator, nil).must(p.t).body)
	}
	return b.String()
}

// Another site's admin and another developer have the right role and no right.
func TestAttackReachAnotherOnesThings(t *testing.T) {
	p := newPlatform(t)
	at := p.deploy("development", source{hooks: []string{"run"}, code: `function run() { return { statusCode: 200, body: "ran" }; }`})
	url := at.hook("run")
	p.api("PUT", "/api/v1/apps/"+at.app+"/environments/development/variables/KEY", at.developer, map[string]any{"value": "mine"}).must(t)
	bob, eve := p.developer("bob"), p.site("elsewhere")
	var mine struct{ Tokens []struct{ ID, Kind string } }
	p.api("GET", "/api/v1/tokens", at.developer, nil).must(t).into(t, &mine)
	owners := "/api/v1/tokens/" + mine.Tokens[0].ID

	app := "/api/v1/apps/" + at.app
	env := app + "/environments/development"
	invoke := at.target()
	invoke["function"] = "run"
	hook := at.target()
	hook["module"] = "run"
	before := p.state()
	type try struct {
		method, path string
		body         any
	}
	for who, tries := range map[string][]try{
		bob: {
			{"GET", app + "/environments", nil}, {"POST", app + "/environments", map[string]string{"name": "mine"}}, {"DELETE", env, nil},
			{"GET", env + "/versions", nil}, {"GET", env + "/variables", nil}, {"PUT", env + "/variables/KEY", map[string]any{"value": "bob's"}},
			{"DELETE", env + "/variables/KEY", nil}, {"POST", app + "/promotions", map[string]string{"from": "development", "to": "production"}},
			{"POST", "/api/v1/installations/preview", at.target()}, {"POST", "/api/v1/installations", at.target()},
			{"GET", "/api/v1/webtriggers?" + at.query(), nil}, {"POST", "/api/v1/webtriggers", hook},
			{"DELETE", "/api/v1/webtriggers?" + at.query() + "&url=" + url, nil}, {"POST", "/api/v1/invocations", invoke}, {"DELETE", owners, nil},
			{"POST", "/api/v1/tokens", map[string]any{"kind": "developer", "account": "developer"}}, {"POST", "/api/v1/tokens", map[string]any{"kind": "operator"}},
			{"POST", "/api/v1/tokens", map[string]any{"kind": "admin", "site": at.site}},
			{"POST", "/api/v1/tokens", map[string]any{"kind": "ci", "app": at.app, "environments": []string{"production"}}},
		},
		eve: {
			{"PATCH", "/api/v1/sites/" + at.site, map[string]any{"developmentApps": false}},
			{"POST", "/api/v1/installations/preview", at.target()}, {"POST", "/api/v1/installations", at.confirmation()},
			{"DELETE", "/api/v1/installations/" + at.installation, nil}, {"GET", "/api/v1/webtriggers?" + at.query(), nil}, {"POST", "/api/v1/webtriggers", hook},
			{"DELETE", "/api/v1/webtriggers?" + at.query() + "&url=" + url, nil}, {"DELETE", owners, nil},
			{"POST", "/api/v1/tokens", map[string]any{"kind": "admin", "site": at.site}}, {"POST", "/api/v1/tokens", map[string]any{"kind": "admin", "account": "alice"}},
			{"POST", "/api/v1/tokens", map[string]any{"kind": "developer"}}, {"POST", "/api/v1/tokens", map[string]any{"kind": "operator"}},
		},
	} {
		for _, x := range tries {
			if a := p.api(x.method, x.path, who, x.body); a.status < 400 || a.status >= 500 {
				t.Errorf("%s %s %v: %d %s", x.method, x.path, x.body, a.status, a.body)
			}
		}
		// Lists hold nothing of others.
		for _, path := range []string{"/api/v1/apps", "/api/v1/sites", "/api/v1/installations", "/api/v1/installations?site=" + at.site, "/api/v1/installation-requests", "/api/v1/tokens",
			"/api/v1/logs?" + at.query(), "/api/v1/activity?" + at.query(), env + "/versions", env + "/variables"} {
			a := p.api("GET", path, who, nil)
			for what, inside := range map[string]string{"app": at.app, "installation": at.installation, "variable": `"mine"`, "token": mine.Tokens[0].ID} {
				if a.status < 400 && strings.Contains(a.body, inside) {
					t.Errorf("GET %s tells the %s: %s", path, what, a.body)
				}
			}
		}
	}
	if after := p.state(); before != after {
		t.Errorf("something changed:\n%s\n%s", before, after)
	}
	if a := p.get(url); a.body != "ran" {
		t.Errorf("the address answers %d %s", a.status, a.body)
	}
	// What does not exist and what is another's answer alike: ids cannot be tried out.
	missing := strings.Replace(at.app, at.app[:8], "00000000", 1)
	for _, path := range []string{"/environments", "/environments/development/versions", "/environments/development/variables"} {
		there, not := p.api("GET", "/api/v1/apps/"+at.app+path, bob, nil), p.api("GET", "/api/v1/apps/"+missing+path, bob, nil)
		if there.status != not.status || there.body != not.body {
			t.Errorf("%s: %s and %s differ", path, there.body, not.body)
		}
	}
}

// A CI token deploys one app to the environments it names, and does nothing else.
func TestAttackDeployElsewhereWithCIToken(t *testing.T) {
	p := newPlatform(t)
	s := source{hooks: []string{"run"}, code: `function run() { return { statusCode: 200, body: "old" }; }`}
	at := p.deploy("production", s)
	owner, err := p.System.Accounts.Authenticate(t.Context(), at.developer)
	if err != nil {
		t.Fatal(err)
	}
	var other struct{ ID string }
	p.api("POST", "/api/v1/apps", at.developer, map[string]string{"name": "Other"}).must(t).into(t, &other)
	ci := p.token(owner.Account, account.TokenRequest{Kind: id.CI, App: id.App(at.app), Environments: []string{"development"}})
	s.code = `function run() { return { statusCode: 200, body: "new" }; }`
	deploy := func(app, environment string) answer {
		s.id = app
		return p.upload(ci, s.parts(environment))
	}
	for _, to := range [][2]string{{at.app, "production"}, {at.app, "staging"}, {at.app, "Development"}, {other.ID, "development"},
		{"11111111-1111-4111-8111-111111111111", "development"}, {at.app, ""}, {at.app, "development,production"}} {
		if a := deploy(to[0], to[1]); a.status != 403 && a.status != 404 {
			t.Errorf("%v: %d %s", to, a.status, a.body)
		}
	}
	if a := deploy(at.app, "development"); a.status != 201 {
		t.Errorf("its own: %d %s", a.status, a.body)
	}
	if a := p.get(at.hook("run")); a.body != "old" {
		t.Errorf("production runs %q", a.body)
	}
}
