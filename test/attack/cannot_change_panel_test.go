package attack

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/productkit"
)

// CONTRACTS 3: what stands around a panel comes from what the product's back end signed. A
// page's attributes are its user's to edit, and another panel's token is another panel's.
func TestAttackChangePanel(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", source{
		hooks: []string{"hook"}, also: []string{"resolve"},
		modules: "  tracker:issuePanel:\n    - key: panel\n      title: Panel\n      function: resolve\n  tracker:adminPage:\n    - key: admin\n      title: Admin\n      function: resolve\n",
		code: `
const { default: Resolver } = __annex_require("@annex/resolver");
const r = new Resolver();
r.define("where", ({ payload, context }) => ({ issue: context.extension?.issue?.key, user: context.accountId, module: context.moduleKey, payload }));
const resolve = r.getDefinitions();
function hook() { return { statusCode: 200 }; }`,
	})
	panel := at.installation + "/panel"
	token := func(user, typ, issue string) string {
		signed, err := productkit.SignPanel(p.Tracker.Key(), productkit.Panel{User: p.user(user), Module: typ, Extension: map[string]any{"issue": map[string]any{"key": issue}}})
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	open := func(origin string, body map[string]any) answer {
		raw, _ := json.Marshal(body)
		h := http.Header{"Content-Type": {"application/json"}}
		if origin != "" {
			h.Set("Origin", origin)
		}
		return p.send("POST", p.ui, "/bridge/session", h, raw)
	}
	session := func(signed string) string {
		var out struct{ Token string }
		open("", map[string]any{"panel": signed}).must(t).into(t, &out)
		return out.Token
	}
	invoke := func(bearer string, body map[string]any, origin string) answer {
		raw, _ := json.Marshal(body)
		h := http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + bearer}}
		if origin != "" {
			h.Set("Origin", origin)
		}
		return p.send("POST", p.ui, "/bridge/invoke", h, raw)
	}
	where := func(bearer string, payload any) (got struct {
		Result struct{ Issue, User, Module string }
	}) {
		invoke(bearer, map[string]any{"module": panel, "functionKey": "where", "payload": payload}, "").must(t).into(t, &got)
		return got
	}

	signed := token("bob", "tracker:issuePanel", "TR-1")
	bob := session(signed)
	lie := map[string]any{"accountId": "alice", "context": map[string]any{"accountId": "alice", "extension": map[string]any{"issue": map[string]any{"key": "TR-2"}}}}
	if got := where(bob, lie).Result; got.Issue != "TR-1" || got.User != "bob" || got.Module != "panel" {
		t.Errorf("the app sees %+v", got)
	}
	for _, extra := range []string{"context", "extension", "accountId", "installation", "user", "site"} {
		if a := invoke(bob, map[string]any{"module": panel, "functionKey": "where", extra: lie}, ""); a.status != http.StatusBadRequest {
			t.Errorf("a page that says its own %s: %d %s", extra, a.status, a.body)
		}
	}
	if a := open("", map[string]any{"panel": signed}); a.status != http.StatusUnauthorized {
		t.Errorf("a panel's token counts twice: %d %s", a.status, a.body)
	}
	if a := open("", map[string]any{"user": token("bob", "tracker:issuePanel", "TR-1")}); a.status != http.StatusUnauthorized {
		t.Errorf("a panel's token passes for a back end's word: %d", a.status)
	}
	edited := token("bob", "tracker:issuePanel", "TR-1")
	head, rest, _ := strings.Cut(edited, ".")
	claims, sign, _ := strings.Cut(rest, ".")
	for _, bad := range []string{head + "." + claims[:len(claims)-6] + "AAAAAA." + sign, head + "." + claims + ".", claims, ""} {
		if a := open("", map[string]any{"panel": bad}); a.status < 400 {
			t.Errorf("an edited token: %d", a.status)
		}
	}
	// Another place's panel, another site's or no module.
	elsewhere := session(token("bob", "tracker:adminPage", "TR-9"))
	if a := invoke(elsewhere, map[string]any{"module": panel, "functionKey": "where"}, ""); a.status != http.StatusForbidden || a.code() != "ANOTHER_PANEL" {
		t.Errorf("an admin page's token calls the issue panel: %d %s", a.status, a.body)
	}
	if a := invoke(bob, map[string]any{"module": at.installation + "/admin", "functionKey": "where"}, ""); a.status != http.StatusForbidden {
		t.Errorf("an issue panel's token calls the admin page: %d %s", a.status, a.body)
	}
	other := at.on("other", p.site("other"))
	for _, name := range []string{other.installation + "/panel", at.installation + "/hook", at.installation + "/resolve", "01939f00-0000-4000-8000-000000000000/panel", "panel", ""} {
		if a := invoke(bob, map[string]any{"module": name, "functionKey": "where"}, ""); a.status != http.StatusNotFound {
			t.Errorf("module %q: %d %s", name, a.status, a.body)
		}
	}
	for _, bearer := range []string{"", "x", at.admin, at.developer, edited} {
		if a := invoke(bearer, map[string]any{"module": panel, "functionKey": "where"}, ""); a.status != http.StatusUnauthorized {
			t.Errorf("with %.12s…: %d", bearer, a.status)
		}
	}
	// Only the product's own pages read an answer.
	for origin, want := range map[string]string{"http://" + p.product: "http://" + p.product, "https://evil.example": "", "null": "", "http://" + p.product + ".evil.example": ""} {
		a := invoke(bob, map[string]any{"module": panel, "functionKey": "where"}, origin)
		if got := a.header.Get("Access-Control-Allow-Origin"); got != want || a.header.Get("Access-Control-Allow-Credentials") != "" || (want == "") != (a.status == http.StatusForbidden) {
			t.Errorf("a page of %s: %d, allowed for %q", origin, a.status, got)
		}
		asked := p.send("OPTIONS", p.ui, "/bridge/invoke", http.Header{"Origin": {origin}, "Access-Control-Request-Method": {"POST"}}, nil)
		if got := asked.header.Get("Access-Control-Allow-Origin"); got != want {
			t.Errorf("a page of %s asks first: %q", origin, got)
		}
	}
	at.uninstall()
	if a := invoke(bob, map[string]any{"module": panel, "functionKey": "where"}, ""); a.status != http.StatusNotFound {
		t.Errorf("after the uninstallation: %d %s", a.status, a.body)
	}
}
