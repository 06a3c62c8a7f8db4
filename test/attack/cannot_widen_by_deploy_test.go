package attack

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
)

// reacher fetches what it is asked to, and says which code it is.
func reacher(version string) string {
	return `
const { fetch } = __annex_require("@annex/api");
const kvs = __annex_require("@annex/kvs").default ?? __annex_require("@annex/kvs").kvs;
async function reach(url) {
  try { return { version: "` + version + `", status: (await fetch(url)).status }; } catch (err) { return { version: "` + version + `", code: err.code ?? String(err) }; }
}
async function store() { try { await kvs.set("k", 1); return "stored"; } catch (err) { return err.code ?? String(err); } }
function hook() { return { statusCode: 200, body: "` + version + `" }; }
`
}

type reached struct {
	Version, Code string
	Status        int
}

func (at place) reach(url string) (r reached) {
	at.p.t.Helper()
	at.result("reach", url, &r)
	return r
}

func (at place) policy() perm.Set {
	at.p.t.Helper()
	policy, err := at.p.System.Installs.Policy(at.p.t.Context(), id.Install(at.installation))
	if err != nil {
		at.p.t.Fatal(err)
	}
	return policy.Set
}

// SPEC 3.2: a version that asks for more waits; the old code goes on under the old
// grant, and nothing of the new one runs.
func TestAttackWidenByDeploy(t *testing.T) {
	narrow := source{also: []string{"reach"}, hooks: []string{"hook"}, egress: []string{"api.example.com"}, scopes: []string{"storage:app", "read:jira-work"}}
	with := func(change func(*source)) source {
		s := narrow
		change(&s)
		s.code = reacher("new")
		return s
	}
	narrow.code = reacher("old")
	shared := newPlatform(t)
	for _, name := range []string{"evil.example", "other.example.com"} {
		shared.Host(t, name, canary(t))
	}
	for name, wider := range map[string]source{
		"another host":      with(func(s *source) { s.egress = []string{"api.example.com", "evil.example"} }),
		"every host":        with(func(s *source) { s.egress = []string{"*"} }),
		"a wild host":       with(func(s *source) { s.egress = []string{"*.example.com", "api.example.com"} }),
		"another port":      with(func(s *source) { s.egress = []string{"api.example.com", "api.example.com:8443"} }),
		"a sibling":         with(func(s *source) { s.egress = []string{"evil.example"} }),
		"another scope":     with(func(s *source) { s.scopes = append([]string{"write:jira-work"}, s.scopes...) }),
		"another hook":      with(func(s *source) { s.hooks = []string{"hook", "reach"}; s.also = nil }),
		"more memory":       with(func(s *source) { s.options = "    memoryMB: 1024\n" }),
		"isolation process": with(func(s *source) { s.options = "    isolation: process\n" }),
	} {
		t.Run(name, func(t *testing.T) {
			p := shared.as(t)
			at := p.deploy("production", narrow)
			before, url := at.policy(), at.hook("hook")

			wider.id = at.app
			a := p.upload(at.developer, wider.parts("production"))
			if name == "isolation process" {
				if a.status != 403 {
					t.Fatalf("%d %s", a.status, a.body)
				}
			} else {
				var made struct {
					Waiting, Upgraded int
					Kind              string
				}
				a.must(t).into(t, &made)
				if made.Waiting != 1 || made.Upgraded != 0 || made.Kind != "major" {
					t.Errorf("%s", a.body)
				}
			}
			if got := at.p.get(url); got.body != "old" {
				t.Errorf("the address runs %q", got.body)
			}
			if after := at.policy(); !perm.Equal(before, after) {
				t.Errorf("the policy was %v and is %v", before, after)
			}
			// Deployed again, and promoted from elsewhere, it still waits.
			p.upload(at.developer, wider.parts("production"))
			if p.upload(at.developer, wider.parts("staging")); name != "isolation process" {
				p.api("POST", "/api/v1/apps/"+at.app+"/promotions", at.developer, map[string]string{"from": "staging", "to": "production"})
			}
			if got := at.p.get(url); got.body != "old" || !perm.Equal(before, at.policy()) {
				t.Errorf("after another deploy the address runs %q under %v", got.body, at.policy())
			}
			// The developer cannot approve it.
			confirmation := at.confirmation()
			if got := p.api("POST", "/api/v1/installations", at.developer, confirmation); got.code() != "WAITING_FOR_ADMIN" {
				t.Errorf("a developer's approval: %d %s", got.status, got.body)
			}
			if got := at.p.get(url); got.body != "old" {
				t.Errorf("after a developer's approval the address runs %q", got.body)
			}
		})
	}
}

// CONTRACTS 4: what an admin took away is not given back by a version that declares it,
// nor by one that stopped to and declares it again.
func TestAttackRegainTrimmedGrant(t *testing.T) {
	p := newPlatform(t)
	for _, name := range []string{"api.example.com", "evil.example"} {
		p.Host(t, name, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	}
	s := source{also: []string{"reach", "store"}, egress: []string{"api.example.com", "evil.example"}, code: reacher("1")}
	at := p.deploy("development", s)
	if r := at.reach("https://evil.example/"); r.Status != 200 {
		t.Fatalf("%+v", r)
	}
	// The admin grants less: no evil.example, no storage.
	trimmed := at.policy()
	trimmed.Egress = trimmed.Egress[:0]
	for _, e := range at.policy().Egress {
		if strings.Contains(e.Pattern.String(), "api.example.com") {
			trimmed.Egress = append(trimmed.Egress, e)
		}
	}
	trimmed.Scopes = nil
	body := at.confirmation()
	body["grant"] = trimmed
	p.api("POST", "/api/v1/installations", at.admin, body).must(t)

	refusals := func(what string) {
		t.Helper()
		if r := at.reach("https://evil.example/"); r.Code != "REQUEST_EGRESS_ALLOWLIST_ERR" {
			t.Errorf("%s: %+v", what, r)
		}
		var stored string
		if at.result("store", nil, &stored); stored != "STORAGE_NOT_GRANTED" {
			t.Errorf("%s: storage: %s", what, stored)
		}
		if r := at.reach("https://api.example.com/"); r.Status != 200 {
			t.Errorf("%s: what is granted: %+v", what, r)
		}
	}
	refusals("after the admin's decision")
	s.code = reacher("2")
	at.redeploy(s)
	refusals("after a deploy that declares the same")
	s.egress, s.code = []string{"api.example.com"}, reacher("3")
	at.redeploy(s)
	s.egress, s.code = []string{"api.example.com", "evil.example"}, reacher("4")
	at.redeploy(s)
	refusals("after a deploy that declares it again")
}

// A confirmation is bound to what was shown, and cannot grant what nobody declared.
func TestAttackConfirmWhatWasNotShown(t *testing.T) {
	p := newPlatform(t)
	s := source{also: []string{"reach"}, egress: []string{"api.example.com"}, code: reacher("1")}
	at := p.deploy("development", s)
	shown := at.confirmation()
	s.egress, s.code = []string{"*"}, reacher("2")
	at.redeploy(s)
	for name, change := range map[string]func(map[string]any){
		"an older digest": func(map[string]any) {},
		"no digest":       func(b map[string]any) { delete(b, "digest") },
		"an invented one": func(b map[string]any) { b["digest"] = strings.Repeat("0", 64) },
		"a wider grant": func(b map[string]any) {
			b["digest"], _ = at.preview()
			b["grant"] = json.RawMessage(`{"scopes":[{"name":"admin:everything"}]}`)
		},
		"no development ok": func(b map[string]any) { b["digest"], _ = at.preview(); delete(b, "confirmDevelopment") },
		"unknown members":   func(b map[string]any) { b["digest"], _ = at.preview(); b["force"] = true },
	} {
		body := map[string]any{}
		for k, v := range shown {
			body[k] = v
		}
		change(body)
		if a := p.api("POST", "/api/v1/installations", at.admin, body); a.status < 400 || a.status >= 500 {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
		if r := at.reach("https://evil.example/"); r.Version != "1" || r.Code != "REQUEST_EGRESS_ALLOWLIST_ERR" {
			t.Errorf("after %s: %+v", name, r)
		}
	}
}
