package attack

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/productkit"
	"github.com/annexhq/annex/test/uikit/client"
)

// asks is the RFC's own use of what an app may ask for, in an interface and in a function.
var asks = source{
	later: true, also: []string{"resolver"},
	modules: "  tracker:issuePanel:\n    - key: panel\n      title: Panel\n      resource: main\n      render: native\n      resolver:\n        function: resolver\n",
	code: `
const { default: Resolver } = __annex_require("@annex/resolver");
const { permissions } = __annex_require("@annex/api");
const r = new Resolver();
r.define("domains", async () => {
  try { await permissions.egress.set({ egresses: [] }); } catch (e) { if (e.code !== "ADMIN_REQUIRED") throw e; }
  return { domains: await permissions.egress.domains(), groups: (await permissions.egress.get()).results, may: permissions.canFetchFrom("backend", "https://files.example.com/x") };
});
const resolver = r.getDefinitions();`,
	interfaces: map[string]string{"main": `
const React = __annex_require("react");
const { default: ForgeReconciler, usePermissions, ...kit } = __annex_require("@annex/react");
const { permissions, invoke } = __annex_require("@annex/bridge");
const h = React.createElement;
function Panel() {
  const [said, say] = React.useState("nothing");
  const { hasPermission } = usePermissions({ external: { fetch: { backend: ["https://files.example.com"] } } });
  const ask = async () => {
    try {
      const result = await permissions.egress.requestDomains(["files.example.com"], { purpose: "to show your files" });
      if (!result) return say("no");
      say("yes " + JSON.stringify(result.granted) + (await permissions.egress.domainsDomains()).join() + JSON.stringify(await invoke("domains")));
    } catch (e) { say(e.code + " " + e.status); }
  };
  return h(kit.Stack, null, h(kit.Text, { testId: "said" }, said), h(kit.Text, { testId: "may" }, hasPermission ? "may" : "may not"), h(kit.Button, { testId: "ask", onClick: ask }, "ask"));
}
ForgeReconciler.render(h(Panel));
`},
}

// asked is an app that may ask, and pages of people in front of which it does.
type asked struct {
	*people
	at place
}

func newAsked(t *testing.T) *asked {
	p := newPeople(t)
	return &asked{p, p.deploy("development", asks)}
}

// vouched is what the product's back end says of a person, once.
func (a *asked) vouched(user string, admin bool, change ...func(*productkit.User)) string {
	a.t.Helper()
	u := a.user("alice")
	u.ID, u.Name, u.Admin = user, user, admin
	for _, c := range change {
		c(&u)
	}
	signed, err := productkit.SignPanel(a.Tracker.Key(), productkit.Panel{User: u, Module: "tracker:issuePanel", Extension: map[string]any{"issue": map[string]any{"key": "TR-1"}}})
	if err != nil {
		a.t.Fatal(err)
	}
	return signed
}

func (a *asked) page(user string, admin bool) *client.Page {
	a.t.Helper()
	page := &client.Page{T: a.t, Server: a.System.Listener.Addr().String(), Host: a.ui}
	_, _, text := page.Ask("POST", "/bridge/session", map[string]any{"panel": a.vouched(user, admin)})
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(text), &made); err != nil || made.Token == "" {
		a.t.Fatal(text)
	}
	page.Token = made.Token
	return page
}

// want has the app ask by its page, and gives the request.
func (a *asked) want(page *client.Page, host string) (ask, ticket, code string) {
	a.t.Helper()
	_, code, text := page.Ask("POST", "/bridge/permissions", map[string]any{"module": a.at.installation + "/panel", "command": "egress.set",
		"payload": map[string]any{"egresses": []any{map[string]any{"key": "g", "configured": []any{map[string]any{"domain": host, "type": []string{"FETCH_BACKEND_SIDE"}}}}}}})
	var out struct{ Ask struct{ ID, Ticket string } }
	_ = json.Unmarshal([]byte(text), &out)
	return out.Ask.ID, out.Ask.Ticket, code
}

// platform posts to the page of the platform's in which it is decided, as that page does.
func (a *asked) post(path string, body any) answer {
	a.t.Helper()
	raw, err := json.Marshal(body)
	if err != nil {
		a.t.Fatal(err)
	}
	return a.send("POST", a.ui, path, http.Header{"Content-Type": {"application/json"}, "Origin": {"http://" + a.ui}, "Sec-Fetch-Site": {"same-origin"}}, raw)
}

func (a *asked) shown(ticket, user string) (digest string, items []struct {
	Index int
	Type  string
}) {
	a.t.Helper()
	var out struct {
		Shown struct {
			Digest string
			Items  []struct {
				Index int
				Type  string
			}
		}
	}
	a.post("/ask/open", map[string]any{"ticket": ticket, "user": a.vouched(user, true)}).must(a.t).into(a.t, &out)
	return out.Shown.Digest, out.Shown.Items
}

func (a *asked) reaches(host string) bool {
	a.t.Helper()
	policy, err := a.System.Installs.Policy(a.t.Context(), id.Install(a.at.installation))
	if err != nil {
		a.t.Fatal(err)
	}
	u, err := hostrule.ParseURL("https://" + host + "/")
	if err != nil {
		a.t.Fatal(err)
	}
	return perm.AllowsURL(policy.Set, perm.Backend, u).Allow
}

// What an app asks for is decided by an admin who is there, was shown it, and is one now.
func TestAttackApproveForAnAdmin(t *testing.T) {
	a := newAsked(t)
	if _, ticket, code := a.want(a.page("bob", false), "files.example.com"); code != "ADMIN_REQUIRED" || ticket != "" {
		t.Errorf("for somebody who is no admin: %s %s", code, ticket)
	}
	if seen := a.signedIn("alice").get("/apps/" + a.at.installation); !strings.Contains(seen.body, "data-annex-hints") || !strings.Contains(seen.body, "https://files.example.com") {
		t.Error("the site's admin does not learn in the console what the app asked for")
	}
	stolen := a.page("thief", true)
	for name, c := range map[string]func(ticket, digest, user string) map[string]any{
		"another digest": func(ticket, _, user string) map[string]any {
			return map[string]any{"ticket": ticket, "digest": strings.Repeat("0", 64), "approve": true, "user": a.vouched(user, true)}
		},
		"an admin who is none any more": func(ticket, digest, user string) map[string]any {
			return map[string]any{"ticket": ticket, "digest": digest, "approve": true, "user": a.vouched(user, false)}
		},
		"another admin": func(ticket, digest, _ string) map[string]any {
			return map[string]any{"ticket": ticket, "digest": digest, "approve": true, "user": a.vouched("dave", true)}
		},
		"another site's admin": func(ticket, digest, user string) map[string]any {
			return map[string]any{"ticket": ticket, "digest": digest, "approve": true, "user": a.vouched(user, true, func(u *productkit.User) { u.Site = "00000000-0000-7000-8000-000000000000" })}
		},
		"an app's session": func(ticket, digest, _ string) map[string]any {
			return map[string]any{"ticket": ticket, "digest": digest, "approve": true, "user": stolen.Token}
		},
		"nobody": func(ticket, digest, _ string) map[string]any {
			return map[string]any{"ticket": ticket, "digest": digest, "approve": true, "user": ""}
		},
	} {
		user := "admin of " + name
		page := a.page(user, true)
		ask, ticket, code := a.want(page, "files.example.com")
		if ticket == "" {
			t.Fatalf("%s: %s", name, code)
		}
		digest, _ := a.shown(ticket, user)
		if got := a.post("/ask/decide", c(ticket, digest, user)); got.status < 400 || a.reaches("files.example.com") {
			t.Errorf("%s: %d %s", name, got.status, got.body)
		}
		if _, code, text := page.Ask("POST", "/bridge/permissions/outcome", map[string]any{"module": a.at.installation + "/panel", "ask": ask}); code != "PERMISSION_DECLINED" {
			t.Errorf("%s: the app is told %s", name, text)
		}
	}
	page := a.page("carol", true)
	ask, ticket, _ := a.want(page, "files.example.com")
	digest, _ := a.shown(ticket, "carol")
	assertion := a.vouched("carol", true)
	yes := map[string]any{"ticket": ticket, "digest": digest, "approve": true, "user": assertion}
	a.post("/ask/decide", yes).must(t)
	if !a.reaches("files.example.com") || a.reaches("other.example.com") {
		t.Error("the admin's own decision counts for nothing, or for more")
	}
	if got := a.post("/ask/decide", yes); got.status < 400 {
		t.Errorf("the same assertion again: %d", got.status)
	}
	yes["user"] = a.vouched("carol", true)
	if got := a.post("/ask/decide", yes); got.status < 400 {
		t.Errorf("the same ticket again: %d", got.status)
	}
	// The outcome is the asker's: another user's page does not learn it.
	if status, _, text := a.page("eve", true).Ask("POST", "/bridge/permissions/outcome", map[string]any{"module": a.at.installation + "/panel", "ask": ask}); status < 400 {
		t.Errorf("told to another: %s", text)
	}
	// Taken away, it is gone at the next call.
	if _, code, text := page.Ask("POST", "/bridge/permissions", map[string]any{"module": a.at.installation + "/panel", "command": "egress.deleteGroup", "payload": map[string]any{"key": "g"}}); code != "" || a.reaches("files.example.com") {
		t.Errorf("%s", text)
	}
}

// An interface asks, its promise waits while the admin decides, and it goes on with what was
// granted; a view of before the grant lives on, since nothing was taken from it.
func TestAttackInterfaceGetsWhatWasGranted(t *testing.T) {
	a := newAsked(t)
	page := a.page("carol", true)
	view := page.Open(a.at.installation + "/panel")
	view.Click(by(drawn(view), "ask"), "onClick")
	s := view.Until("the request", func(s *client.State) bool { return len(s.Effects) > 0 })
	effect := s.Effects[0]
	if effect.Command != "permissions.ask" || effect.Payload["command"] != "egress.requestDomains" || by(s, "may").Text() != "may not" {
		t.Fatalf("%+v %s", effect, s.JSON())
	}
	// What the shell does with it.
	_, _, text := page.Ask("POST", "/bridge/permissions", map[string]any{"module": a.at.installation + "/panel", "command": effect.Payload["command"], "payload": effect.Payload["payload"]})
	var out struct{ Ask struct{ ID, Ticket string } }
	if err := json.Unmarshal([]byte(text), &out); err != nil || out.Ask.Ticket == "" {
		t.Fatal(text)
	}
	digest, items := a.shown(out.Ask.Ticket, "carol")
	var chosen []int
	for _, i := range items {
		if i.Type == "FETCH_BACKEND_SIDE" {
			chosen = append(chosen, i.Index)
		}
	}
	all := make([]int, len(items))
	for n := range all {
		all[n] = n
	}
	if got := a.post("/ask/decide", map[string]any{"ticket": out.Ask.Ticket, "digest": digest, "approve": true, "items": all, "user": a.vouched("carol", true)}); !strings.Contains(got.body, "STEP_UP") {
		t.Errorf("code of others was let in without signing in again: %d %s", got.status, got.body)
	}
	a.post("/ask/decide", map[string]any{"ticket": out.Ask.Ticket, "digest": digest, "approve": true, "items": chosen, "user": a.vouched("carol", true)}).must(t)
	_, _, text = page.Ask("POST", "/bridge/permissions/outcome", map[string]any{"module": a.at.installation + "/panel", "ask": out.Ask.ID})
	var came struct{ Result any }
	if err := json.Unmarshal([]byte(text), &came); err != nil || came.Result == nil {
		t.Fatal(text)
	}
	settled := map[string]any{"event": "permissions.settled", "payload": map[string]any{"id": effect.Payload["id"], "result": came.Result}}
	if status, _, text := page.Ask("POST", "/bridge/ui/"+view.ID+"/event", map[string]any{"event": 900, "handle": "", "args": []any{}, "shell": settled}); status != http.StatusAccepted {
		t.Fatalf("the view ended with the grant that it asked for: %d %s", status, text)
	}
	s = view.Until("what was granted", func(s *client.State) bool {
		return by(s, "said") != nil && strings.HasPrefix(by(s, "said").Text(), "yes ")
	})
	want := `yes [{"domain":"files.example.com","type":["FETCH_BACKEND_SIDE"]}]files.example.com{"domains":["files.example.com"],"groups":[],"may":true}`
	if said := by(s, "said").Text(); said != want {
		t.Errorf("%s\nwant %s", said, want)
	}
	view.Until("the hook", func(s *client.State) bool { return by(s, "may").Text() == "may" })
	// Less than it had ends it.
	if _, code, text := page.Ask("POST", "/bridge/permissions", map[string]any{"module": a.at.installation + "/panel", "command": "egress.removeDomains", "payload": map[string]any{"domains": []string{"files.example.com"}}}); code != "" {
		t.Fatal(text)
	}
	view.Until("its end", func(s *client.State) bool { return s.Over })
}
