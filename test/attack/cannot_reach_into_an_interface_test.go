package attack

import (
	"encoding/json"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/productkit"
	"github.com/annexhq/annex/test/uikit/client"
)

// panel is an app whose interface has a secret of each kind that code holds: names, texts in
// functions and components, an error's words, a resolver's.
var panel = source{
	also:    []string{"resolver"},
	modules: "  tracker:issuePanel:\n    - key: panel\n      title: Panel\n      resource: main\n      render: native\n      resolver:\n        function: resolver\n",
	code: `
const { default: Resolver } = __annex_require("@annex/resolver");
const { default: kvs } = __annex_require("@annex/kvs");
const r = new Resolver();
const canaryInFunction = "canary-function-91bc";
r.define("count", async ({ payload, context }) => {
  const key = "count:" + payload.of + ":" + context.accountId;
  const n = ((await kvs.get(key)) ?? 0) + (payload.by ?? 0);
  await kvs.set(key, n);
  if (payload.of === canaryInFunction) throw new Error(canaryInFunction);
  return n;
});
const resolver = r.getDefinitions();`,
	interfaces: map[string]string{"main": `
const React = __annex_require("react");
const { default: ForgeReconciler, ...kit } = __annex_require("@annex/react");
const { invoke, requestJira } = __annex_require("@annex/bridge");
const h = React.createElement;
const canaryInComponent = "canary-component-7f3a";
function CanaryComponentName() {
  const [n, set] = React.useState(0);
  const [shown, show] = React.useState(true);
  const [hostile, setHostile] = React.useState(null);
  const [fetched, setFetched] = React.useState("");
  const clicked = async () => { if (canaryInComponent.length === 0) return; set(await invoke("count", { of: "click", by: 1 })); };
  return h(kit.Stack, null,
    h(kit.Text, null, "count ", n),
    shown ? h(kit.Button, { testId: "once", onClick: async () => { await invoke("count", { of: "once", by: 1 }); show(false); } }, "once") : null,
    h(kit.Button, { testId: "click", onClick: clicked }, "click"),
    h(kit.Button, { testId: "throw", onClick: () => { throw new Error("canary-thrown-" + canaryInComponent); } }, "throw"),
    h(kit.Button, { testId: "ask", onClick: async () => { set(await invoke("count", { of: "once" })); } }, "ask"),
    h(kit.Textfield, { testId: "fetch", onChange: async (url) => { try { setFetched("status " + (await fetch(url)).status); } catch (err) { setFetched(String(err.code)); } } }),
    h(kit.Text, { testId: "fetched" }, fetched),
    h(kit.Textfield, { testId: "draw", onChange: (what) => setHostile(what) }),
    hostile === "addresses" ? h(kit.Box, { testId: "hostile", style: { background: "url(https://evil.example/1)" }, xcss: { backgroundImage: "url(https://evil.example/2)", color: "red" } },
      h(kit.Image, { src: "https://evil.example/3" }), h(kit.Image, { src: "//evil.example/4" }), h(kit.Icon, { glyph: "https://evil.example/5" }),
      h(kit.Link, { href: "javascript:alert('evil.example')" }, "x"), h(kit.User, { avatarUrl: "https://evil.example/6" }), h(kit.FileCard, { previewUrl: "https://evil.example/7" }),
      h(kit.AdfRenderer, { document: { type: "doc", content: [{ type: "media", attrs: { src: "https://evil.example/8" } }], ["__proto__x"]: 1, constructor: { prototype: { evil: "evil.example" } } } }),
      h(kit.DynamicTable, { rows: [{ cells: [{ content: h(kit.Image, { src: "https://evil.example/9" }) }] }] })) : null,
    hostile === "many" ? Array.from({ length: 6000 }, (_, i) => h(kit.Text, { key: i }, "x")) : null,
    hostile === "deep" ? Array.from({ length: 300 }).reduce((e) => h(kit.Box, null, e), h(kit.Text, null, "deep")) : null,
    hostile === "long" ? h(kit.Text, null, "x".repeat(3 << 20)) : null,
    hostile === "html" ? h("script", null, "evil.example") : null);
}
ForgeReconciler.render(h(CanaryComponentName));
`},
}

// view opens the panel for a user, in a sign-in of its own.
func (p *people) view(at place, user string) *client.View {
	p.t.Helper()
	return p.pageFor(user).Open(at.installation + "/panel")
}

func (p *people) pageFor(user string) *client.Page {
	p.t.Helper()
	page := &client.Page{T: p.t, Server: p.System.Listener.Addr().String(), Host: p.ui}
	p.enter(page, user, "TR-1")
	return page
}

// enter makes a page one of the user's beside an issue; a session that it has goes along.
func (p *people) enter(page *client.Page, user, issue string) {
	p.t.Helper()
	p.enterAt(page, user, map[string]any{"issue": map[string]any{"key": issue}})
}

// enterAt is enter with all that the product says of the place.
func (p *people) enterAt(page *client.Page, user string, extension map[string]any) {
	p.t.Helper()
	signed, err := productkit.SignPanel(p.Tracker.Key(), productkit.Panel{User: p.user(user), Module: "tracker:issuePanel", Extension: extension})
	if err != nil {
		p.t.Fatal(err)
	}
	_, _, text := page.Ask("POST", "/bridge/session", map[string]any{"panel": signed})
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(text), &made); err != nil || made.Token == "" {
		p.t.Fatal(text)
	}
	page.Token = made.Token
}

func drawn(v *client.View) *client.State {
	v.T.Helper()
	return v.Until("the panel", func(s *client.State) bool { return len(s.Tree.All("Button")) > 0 })
}

// by finds what an app marked.
func by(s *client.State, mark string) *client.Node {
	for _, typ := range []string{"Button", "Textfield", "Text", "Box"} {
		for _, n := range s.Tree.All(typ) {
			if n.Props["testId"] == mark {
				return n
			}
		}
	}
	return nil
}

// A session is its user's, of that sign-in, by whichever connection; a handle is of the tree that
// is shown.
func TestAttackUseAnothersInterface(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", panel)
	alice, bob := p.view(at, "alice"), p.view(at, "bob")
	shown := drawn(alice)
	drawn(bob)
	click := by(shown, "click").Handle("onClick")

	for name, page := range map[string]*client.Page{"another user": bob.Page, "another sign-in of the same user": p.pageFor("alice")} {
		for _, c := range []struct{ method, path string }{{"POST", "/event"}, {"POST", "/stream"}, {"DELETE", ""}} {
			body := map[string]any{}
			switch c.path {
			case "/event":
				body = map[string]any{"event": 1, "handle": click, "args": []any{}}
			case "/stream":
				body = map[string]any{"seen": 0}
			}
			status, code, text := page.Ask(c.method, "/bridge/ui/"+alice.ID+c.path, body)
			if status != http.StatusConflict || code != "SESSION_GONE" {
				t.Errorf("%s: %s %s: %d %s", name, c.method, c.path, status, text)
			}
		}
		last := map[string]any{"last": []any{map[string]any{"event": 1, "handle": click, "args": []any{}}}}
		if status, code, text := page.Ask("DELETE", "/bridge/ui/"+alice.ID, last); status != http.StatusConflict || code != "SESSION_GONE" {
			t.Errorf("%s: an end with an event: %d %s", name, status, text)
		}
		if said := page.Socket(alice.ID, "http://"+p.ui); !strings.Contains(said, "SESSION_GONE") {
			t.Errorf("%s: by a socket: %s", name, said)
		}
	}
	if said := alice.Socket(alice.ID, "https://evil.example"); !strings.Contains(said, "403") {
		t.Errorf("a page of another origin, with a session: %s", said)
	}
	for _, id := range []string{"", "x", at.installation + ".x", "01939f00-0000-4000-8000-000000000000.aaaaaaaaaaaaaaaaaaaaaaaaaa", alice.ID + "x"} {
		if status, _, text := bob.Ask("POST", "/bridge/ui/"+id+"/event", map[string]any{"event": 1, "handle": click, "args": []any{}}); status != http.StatusConflict && status != http.StatusNotFound && status != http.StatusTemporaryRedirect {
			t.Errorf("session %q: %d %s", id, status, text)
		}
	}
	if s := alice.Now(); s.Over || strings.Contains(s.Tree.Text(), "count 1") {
		t.Errorf("somebody reached Alice's view: %s", s.Tree.Text())
	}

	// What is no longer shown can no longer be clicked, however fast.
	once := by(shown, "once").Handle("onClick")
	alice.Click(by(shown, "once"), "onClick")
	for _, handle := range []string{once, "999:onClick", click + "x", "root:onClick", "fx:1", "__proto__:constructor", ""} {
		if status, code := alice.Fire(handle); status != http.StatusConflict || code != "HANDLE_GONE" {
			t.Errorf("handle %q: %d %s", handle, status, code)
		}
	}
	if s := alice.Click(by(alice.Now(), "ask"), "onClick"); !strings.Contains(s.Tree.Text(), "count 1") {
		t.Errorf("a button that was clicked once counted as %s", s.Tree.Text())
	}
}

// A page's session is renewed by a token of the same user for the same place alone: whoever
// holds another's gets a session of their own, and none of the other's views.
func TestAttackRenewAnothersSession(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", panel)
	alice := p.view(at, "alice")
	click := by(drawn(alice), "click").Handle("onClick")
	for name, as := range map[string][2]string{"by another user's token": {"bob", "TR-1"}, "by her own of another place": {"alice", "TR-2"}} {
		page := &client.Page{T: t, Server: alice.Server, Host: alice.Host, Token: alice.Token}
		p.enter(page, as[0], as[1])
		if page.Token == alice.Token {
			t.Fatal("no other session was made")
		}
		status, code, text := page.Ask("POST", "/bridge/ui/"+alice.ID+"/event", map[string]any{"event": 1, "handle": click, "args": []any{}})
		if status != http.StatusConflict || code != "SESSION_GONE" {
			t.Errorf("%s: Alice's view is reached: %d %s", name, status, text)
		}
	}
	before := alice.Token
	p.enter(alice.Page, "alice", "TR-1")
	if s := alice.Click(by(alice.Now(), "click"), "onClick"); !strings.Contains(s.Tree.Text(), "count 1") {
		t.Errorf("Alice's own renewal: %s", s.Tree.Text())
	}
	alice.Token, before = before, alice.Token
	if status, _ := alice.Fire(click); status != http.StatusUnauthorized {
		t.Errorf("the secret of before: %d", status)
	}
	alice.Token = before
}

// A parked session opens in its own row, for its own user, sign-in, version and policy alone.
func TestAttackSwapParkedInterfaces(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", panel)
	type row struct {
		State []byte
		Gen   int64
	}
	read := func(v *client.View) (r row) {
		if err := p.System.DB.QueryRow(p.ctx, "SELECT state, generation FROM ui_sessions WHERE id = ?", v.ID).Scan(&r.State, &r.Gen); err != nil {
			t.Fatal(err)
		}
		return r
	}
	change := func(v *client.View, set string, args ...any) {
		if n, err := p.System.DB.Exec(p.ctx, "UPDATE ui_sessions SET "+set+" WHERE id = ?", append(args, v.ID)...); err != nil || n != 1 {
			t.Fatal(n, err)
		}
	}
	restedOn := func(page *client.Page) *client.View {
		v := page.Open(at.installation + "/panel")
		v.Click(by(drawn(v), "click"), "onClick")
		v.Disconnect()
		p.System.Interfaces.Rest(time.Now().Add(time.Hour))
		if len(read(v).State) == 0 {
			t.Fatal("the session is not at rest")
		}
		return v
	}
	rested := func(user string) *client.View { return restedOn(p.pageFor(user)) }
	opens := func(v *client.View) bool {
		status, code, text := v.Ask("POST", "/bridge/ui/"+v.ID+"/event", map[string]any{"event": 9, "handle": by(v.Now(), "click").Handle("onClick"), "args": []any{}})
		if status != http.StatusAccepted && code != "SESSION_GONE" {
			t.Errorf("%d %s", status, text)
		}
		return status == http.StatusAccepted
	}
	if v := rested("alice"); !opens(v) {
		t.Error("a session at rest does not open for its own user: the test shows nothing")
	}
	swaps := map[string]func() *client.View{
		"another session's pages": func() *client.View {
			a, b := rested("alice"), rested("alice")
			r := read(a)
			change(b, "state = ?, generation = ?", r.State, r.Gen)
			return b
		},
		"pages of another view on the same page": func() *client.View {
			page := p.pageFor("alice")
			a, b := restedOn(page), restedOn(page)
			r := read(a)
			change(b, "state = ?, generation = ?", r.State, r.Gen)
			return b
		},
		"another user's pages": func() *client.View {
			a, b := rested("alice"), rested("bob")
			r := read(a)
			change(b, "state = ?, generation = ?", r.State, r.Gen)
			return b
		},
		"a row that was given to another user": func() *client.View {
			a, b := rested("alice"), rested("bob")
			var user, person string
			if err := p.System.DB.QueryRow(p.ctx, "SELECT user_id, person FROM ui_sessions WHERE id = ?", b.ID).Scan(&user, &person); err != nil {
				t.Fatal(err)
			}
			change(a, "user_id = ?, person = ?", user, person)
			b.ID = a.ID
			return b
		},
		"pages of an earlier moment": func() *client.View {
			v := rested("alice")
			old := read(v)
			v.Connect()
			v.Click(by(v.Now(), "click"), "onClick")
			v.Disconnect()
			p.System.Interfaces.Rest(time.Now().Add(time.Hour))
			change(v, "state = ?", old.State)
			return v
		},
		"changed pages": func() *client.View {
			v := rested("alice")
			r := read(v)
			r.State[len(r.State)/2] ^= 1
			change(v, "state = ?", r.State)
			return v
		},
	}
	for name, swap := range swaps {
		if v := swap(); opens(v) {
			t.Errorf("%s open", name)
		}
	}
	// What lies there shows nothing of what the user saw.
	v := rested("alice")
	for _, plain := range []string{"count", "Stack", "canary", "alice", "TR-1"} {
		if strings.Contains(string(read(v).State), plain) {
			t.Errorf("a session at rest holds %q in the clear", plain)
		}
	}
}

// A session ends with the policy under which it began: what its memory holds may be what it
// may no longer know.
func TestAttackKeepAnInterfaceAfterRevocation(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", panel)
	live, resting := p.view(at, "alice"), p.view(at, "bob")
	handle := by(drawn(live), "click").Handle("onClick")
	resting.Click(by(drawn(resting), "ask"), "onClick")
	resting.Disconnect()
	p.System.Interfaces.Rest(time.Now().Add(time.Hour))
	live.Click(by(live.Now(), "ask"), "onClick") // it is back in memory
	at.uninstall()
	live.Until("the view is over", func(s *client.State) bool { return s.Over })
	for name, v := range map[string]*client.View{"in memory": live, "at rest": resting} {
		if status, code := v.Fire(handle); status != http.StatusConflict || code != "SESSION_GONE" {
			t.Errorf("%s: %d %s", name, status, code)
		}
	}
	var n int
	if err := p.System.DB.QueryRow(p.ctx, "SELECT COUNT(*) FROM ui_sessions").Scan(&n); err != nil || n != 0 {
		t.Errorf("%d sessions of an installation that ended are left: %v", n, err)
	}
}

// The door holds a session to the policy under which it began, at its start and at each host
// call, whoever asks.
func TestAttackRunAnInterfaceUnderAnotherPolicy(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", panel)
	policy, err := p.System.Installs.Policy(p.ctx, id.Install(at.installation))
	if err != nil {
		t.Fatal(err)
	}
	v := p.view(at, "alice")
	v.Click(by(drawn(v), "ask"), "onClick")
	if n, err := p.System.DB.Exec(p.ctx, "UPDATE ui_sessions SET epoch = epoch + 1 WHERE id = ?", v.ID); err != nil || n != 1 {
		t.Fatal(n, err, policy.Epoch)
	}
	v.Disconnect()
	p.System.Interfaces.Rest(time.Now().Add(time.Hour))
	if status, code := v.Fire(by(v.Now(), "click").Handle("onClick")); status != http.StatusConflict || code != "SESSION_GONE" {
		t.Errorf("%d %s", status, code)
	}
}

// A hostile interface: what it draws is bounded, and names no address that was not granted.
func TestAttackDrawHostileInterface(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", panel)
	v := p.view(at, "alice")
	drawn(v)
	s := v.Click(by(v.Now(), "draw"), "onChange", "addresses")
	if by(s, "hostile") == nil {
		t.Fatalf("nothing was drawn: %s", s.JSON())
	}
	if strings.Contains(s.Raw, "evil.example") || strings.Contains(s.Raw, "javascript:") {
		t.Errorf("an address that nobody granted came to the page: %s", by(s, "hostile").Props)
	}
	before := v.Now()
	for what, want := range map[string]string{"many": "LIMIT_TREE", "deep": "LIMIT_TREE", "long": "FUNCTION_ERR"} {
		n := len(v.Now().Errors)
		s := v.Click(by(v.Now(), "draw"), "onChange", what)
		if said := strings.Join(s.Errors[n:], " "); !strings.Contains(said, want) {
			t.Errorf("%s: %s, not %s", what, said, want)
		}
		if len(s.JSON()) > len(before.JSON())+2000 {
			t.Errorf("%s: the page was sent %d bytes", what, len(s.JSON()))
		}
	}
	s = v.Click(by(v.Now(), "draw"), "onChange", "html")
	if strings.Contains(s.Raw, `"script"`) || strings.Contains(s.Raw, "evil.example") {
		t.Error("HTML came to the page")
	}

	// fetch in an interface is a page's: what a function may reach, it may not.
	fetching := p.deploy("development", func() source { s := panel; s.egress = []string{"api.example.com"}; return s }())
	v = p.view(fetching, "bob")
	drawn(v)
	s = v.Click(by(v.Now(), "fetch"), "onChange", "https://api.example.com/x")
	if got := by(s, "fetched").Text(); got != "REQUEST_EGRESS_ALLOWLIST_ERR" {
		t.Errorf("a host granted to functions answers an interface: %s", got)
	}
}

// No code of an app comes to a browser: not its texts, not its names, not an error's words.
func TestAttackReadAnInterfacesCode(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", panel)
	v := p.view(at, "alice")
	drawn(v)
	v.Click(by(v.Now(), "click"), "onClick")
	v.Click(by(v.Now(), "throw"), "onClick")
	s := v.Click(by(v.Now(), "draw"), "onChange", "html")
	v.Disconnect()
	v.Connect()
	if len(s.Errors) < 2 {
		t.Errorf("the app failed twice, and the page was told of %v", s.Errors)
	}
	_, _, modules := p.pageFor("alice").Ask("POST", "/bridge/session", map[string]any{"panel": ""})
	_, _, context := v.Ask("POST", "/bridge/context", map[string]any{"module": at.installation + "/panel"})
	everything := v.Now().Raw + modules + context
	for _, canary := range []string{"canary-function-91bc", "canary-component-7f3a", "canary-thrown", "CanaryComponentName", "canaryIn", "count:", ".jsx", "index.resolver"} {
		if strings.Contains(everything, canary) {
			at := strings.Index(everything, canary)
			t.Errorf("%q came to the page: …%s…", canary, everything[max(0, at-100):min(len(everything), at+100)])
		}
	}
}

// Who signed out of the product leaves nothing that goes on: neither the page that still has
// its session's token, nor a view that is open. No page can sign somebody out.
func TestAttackGoOnAfterSignOut(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", panel)
	alice, bob := p.view(at, "alice"), p.view(at, "bob")
	click := by(drawn(alice), "click").Handle("onClick")
	drawn(bob)

	product := &client.Page{T: t, Server: alice.Server, Host: p.ui}
	panelToken, err := productkit.SignPanel(p.Tracker.Key(), productkit.Panel{User: p.user("bob"), Module: "tracker:issuePanel", Extension: map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	for name, said := range map[string]string{"what a page holds": panelToken, "what nobody signed": "x.y.z", "a session's token": bob.Token} {
		if status, _, text := product.Ask("POST", "/bridge/sign-out", map[string]any{"user": said}); status < 400 {
			t.Errorf("%s signs out: %d %s", name, status, text)
		}
	}

	said, err := productkit.SignUser(p.Tracker.Key(), p.user("alice"))
	if err != nil {
		t.Fatal(err)
	}
	if status, _, text := product.Ask("POST", "/bridge/sign-out", map[string]any{"user": said}); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	var left int
	if err := p.System.DB.QueryRow(p.ctx, "SELECT COUNT(*) FROM ui_sessions WHERE id = ?", alice.ID).Scan(&left); err != nil || left != 0 {
		t.Errorf("the view is still there: %d, %v", left, err)
	}
	<-alice.Ended()
	if status, code := alice.Fire(click); status != http.StatusUnauthorized {
		t.Errorf("after the sign-out: %d %s", status, code)
	}
	if status, code, _ := alice.Ask("POST", "/bridge/invoke", map[string]any{"module": at.installation + "/panel", "functionKey": "count", "payload": nil}); status != http.StatusUnauthorized {
		t.Errorf("the page goes on: %d %s", status, code)
	}
	if s := bob.Click(by(bob.Now(), "ask"), "onClick"); len(s.Errors) > 0 {
		t.Errorf("another user: %v", s.Errors)
	}
}
