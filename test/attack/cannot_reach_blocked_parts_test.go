package attack

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/productkit"
	"github.com/annexhq/annex/test/uikit/client"
)

// block makes a rule of the site's admin about a project of Tracker.
func (at place) block(project string) string {
	at.p.t.Helper()
	r, err := at.p.System.Installs.Block(at.p.ctx, at.siteAdmin(), install.AccessRule{Site: id.Site(at.siteID()), Product: id.Product(at.p.Access.Product),
		App: id.App(at.app), Container: call.Container{Type: "project", ID: project}})
	if err != nil {
		at.p.t.Fatal(err)
	}
	return r.ID
}

// SPEC 11: what an admin keeps an app from it reaches by no spelling of the project's name,
// by no search and by no issue, neither as itself nor as a user who may see all of it.
func TestAttackReachBlockedParts(t *testing.T) {
	_, at := onTracker(t, "read:jira-work", "write:jira-work")
	at.agree("bob")
	ask := func(who, method, path string, body any) got {
		if who == "user" {
			return at.as("bob", "resolver", map[string]any{"who": "user", "method": method, "path": path, "body": body})
		}
		var g got
		at.result("ask", map[string]any{"method": method, "path": path, "body": body}, &g)
		return g
	}
	const search = "/rest/api/3/search?jql=project%3DDEMO"
	edit := map[string]any{"fields": map[string]any{"summary": "changed by an app"}}
	for _, who := range []string{"app", "user"} {
		if g := ask(who, "GET", search, nil); g.Status != 200 || !strings.Contains(g.Text, "DEMO-1") {
			t.Fatalf("before the rule, as %s: %+v", who, g)
		}
	}
	rule := at.block("DEMO")
	for _, who := range []string{"app", "user"} {
		for _, path := range []string{"/project/DEMO/statuses", "/project/demo/statuses", "/project/%44EMO/statuses", "/project/DEMO./statuses"} {
			if g := ask(who, "GET", "/rest/api/3"+path, nil); g.Status != 403 || g.Code != "PATH_REFUSED" && (g.Code != "ACCESS_RULE" || !strings.Contains(g.Text, rule)) {
				t.Errorf("%s, as %s: %+v", path, who, g)
			}
		}
		for _, path := range []string{search, "/rest/api/3/search?jql=text~%22%22", "/rest/api/2/search?jql=key%3DDEMO-1"} {
			if g := ask(who, "GET", path, nil); g.Status != 200 || strings.Contains(g.Text, "DEMO-1") || !strings.Contains(g.Text, `"total":0`) {
				t.Errorf("%s, as %s: %+v", path, who, g)
			}
		}
		for _, path := range []string{"/rest/api/3/issue/DEMO-1", "/rest/api/3/issue/demo-1", "/rest/api/3/issue/DEMO-1/comment", "/rest/api/2/issue/DEMO-1/changelog", "/rest/api/3/issue/10002"} {
			if g := ask(who, "GET", path, nil); g.Status != 404 {
				t.Errorf("%s, as %s: %+v", path, who, g)
			}
		}
		if g := ask(who, "PUT", "/rest/api/3/issue/DEMO-1", edit); g.Status != 404 {
			t.Errorf("an edit as %s: %+v", who, g)
		}
		into := map[string]any{"fields": map[string]any{"summary": "x", "project": map[string]any{"key": "DEMO"}}}
		if g := ask(who, "POST", "/rest/api/3/issue", into); g.Status != 400 {
			t.Errorf("a new issue as %s: %+v", who, g)
		}
		// That there is such a project is no secret.
		if g := ask(who, "GET", "/rest/api/3/project/DEMO", nil); g.Status != 200 {
			t.Errorf("the project as %s: %+v", who, g)
		}
	}
}

// A rule keeps events of the project from the app, too.
func TestAttackHearOfBlockedParts(t *testing.T) {
	p, e, at := withEvents(t)
	told := func(what string) func() bool {
		return func() bool {
			return slices.ContainsFunc(e.of("one", "heard"), func(x map[string]any) bool {
				text, _ := json.Marshal(x["objects"])
				return x["eventType"] == "avi:ecosystem.app_policy:"+what+":app_access_to_objects_in_container.v2" && string(text) == `[{"ids":["DEMO"],"product":"tracker","type":"project"}]`
			})
		}
	}
	rule := at.block("DEMO")
	eventually(t, "the app is told of the rule", told("blocked"))
	say := func(marker, project string) {
		x := at.event("tracker:issue:created", map[string]any{"marker": marker})
		x.Containers = []productkit.Container{{Type: "project", ID: "10001"}, {Type: "project", ID: project}}
		if a := p.tell(p.signed(p.Tracker.Key(), x)); a.status/100 != 2 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	say("blocked", "demo")
	kept := p.counted(`SELECT COUNT(*) FROM jobs WHERE owner = ? AND CAST(body AS TEXT) LIKE '%"marker":"blocked"%'`, at)
	say("open", "OTHER")
	heard := func(marker string) bool {
		return slices.ContainsFunc(e.of("one", "heard"), func(x map[string]any) bool { return x["marker"] == marker })
	}
	eventually(t, "the event of another project is heard", func() bool { return heard("open") })
	if heard("blocked") || kept > 0 {
		t.Errorf("the app is told of what it is kept from; %d were to be told", kept)
	}
	if told("allowed")() {
		t.Error("the app is told that the rule ended")
	}
	if err := p.System.Installs.Unblock(p.ctx, at.siteAdmin(), id.Site(at.siteID()), rule); err != nil {
		t.Fatal(err)
	}
	eventually(t, "the app is told that the rule ended", told("allowed"))
	say("again", "demo")
	eventually(t, "an event of the project is heard again", func() bool { return heard("again") })
}

// A view of UI Kit that is open in a project when the rule is made ends, and says why; it opens
// no more there.
func TestAttackLookOnInABlockedPart(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", panel)
	page := func(project string) *client.Page {
		page := &client.Page{T: t, Server: p.System.Listener.Addr().String(), Host: p.ui}
		p.enterAt(page, "alice", map[string]any{"issue": map[string]any{"key": "TR-1"}, "project": map[string]any{"id": "7", "key": project}})
		return page
	}
	before, elsewhere := page("DEMO"), page("OTHER")
	views := []*client.View{before.Open(at.installation + "/panel"), elsewhere.Open(at.installation + "/panel")}
	for _, v := range views {
		v.Click(by(drawn(v), "click"), "onClick")
	}
	at.block("demo")
	views[0].Until("its end", func(s *client.State) bool { return s.Over })
	if status, code := views[0].Fire("b:onClick"); status != http.StatusForbidden || code != "ACCESS_RULE" {
		t.Errorf("an event of the view: %d %s", status, code)
	}
	if status, code, text := before.Ask("POST", "/bridge/ui", map[string]any{"module": at.installation + "/panel"}); status != http.StatusForbidden || code != "ACCESS_RULE" {
		t.Errorf("another view there: %d %s", status, text)
	}
	count := views[1].Now().Tree.Text()
	if s := views[1].Click(by(views[1].Now(), "click"), "onClick"); s.Over || s.Tree.Text() == count {
		t.Errorf("a view elsewhere: %s", s.Tree.Text())
	}
}

// A panel in a project from which an admin keeps the app shows that it is blocked, and
// what was open there when the rule was made ends.
func TestAttackActInAPanelOfABlockedPart(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", source{
		hooks: []string{"hook"}, also: []string{"resolve"}, modules: "  tracker:issuePanel:\n    - key: panel\n      title: Panel\n      function: resolve\n",
		code: `
const { default: Resolver } = __annex_require("@annex/resolver");
const r = new Resolver();
r.define("where", ({ context }) => context.extension.project.key);
const resolve = r.getDefinitions();
function hook() { return { statusCode: 200 }; }`,
	})
	open := func(project string) (out struct {
		Token   string
		Modules []struct{ State string }
	}) {
		signed, err := productkit.SignPanel(p.Tracker.Key(), productkit.Panel{User: p.user("bob"), Module: "tracker:issuePanel",
			Extension: map[string]any{"project": map[string]any{"id": "7", "key": project}}})
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := json.Marshal(map[string]any{"panel": signed})
		p.send("POST", p.ui, "/bridge/session", http.Header{"Content-Type": {"application/json"}}, raw).must(t).into(t, &out)
		if len(out.Modules) != 1 {
			t.Fatalf("%+v", out)
		}
		return out
	}
	invoke := func(token string) answer {
		raw, _ := json.Marshal(map[string]any{"module": at.installation + "/panel", "functionKey": "where"})
		return p.send("POST", p.ui, "/bridge/invoke", http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + token}}, raw)
	}
	before, elsewhere := open("DEMO"), open("OTHER")
	invoke(before.Token).must(t)
	at.block("demo")
	if a := invoke(before.Token); a.status != http.StatusForbidden || a.code() != "ACCESS_RULE" {
		t.Errorf("a panel that was open: %d %s", a.status, a.body)
	}
	after := open("DEMO")
	if after.Modules[0].State != "blocked" {
		t.Errorf("the panel is %q", after.Modules[0].State)
	}
	if a := invoke(after.Token); a.status != http.StatusForbidden || a.code() != "ACCESS_RULE" {
		t.Errorf("a panel that was opened since: %d %s", a.status, a.body)
	}
	invoke(elsewhere.Token).must(t)
	if s := open("OTHER").Modules[0].State; s != "ready" {
		t.Errorf("a panel elsewhere is %q", s)
	}
}
