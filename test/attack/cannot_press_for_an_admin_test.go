package attack

import (
	"encoding/json"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/asking"
	"github.com/annexhq/annex/productkit"
)

// Issue 6, egress-security.md §11: what an app asks for is approved in the platform's own
// page, framed by nobody but the product's pages, by no link and no foreign form, by the
// person who was asked, an admin at that moment; and what reaches far in a window of its
// own after a fresh sign-in. (test/browser tries to have the button itself pressed.)
func TestAttackPressForAnAdmin(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", source{
		hooks: []string{"hook"}, also: []string{"resolve"}, permissions: "  external:\n    configurable:\n      enabled: true\n",
		modules: "  tracker:issuePanel:\n    - key: panel\n      title: Panel\n      function: resolve\n",
		code:    "function hook() { return { statusCode: 200 }; }\nfunction resolve() {}",
	})
	install := id.Install(at.installation)
	token := func(user string, change func(*productkit.User)) string {
		u := p.user(user)
		if change != nil {
			change(&u)
		}
		signed, err := productkit.SignPanel(p.Tracker.Key(), productkit.Panel{User: u, Module: "tracker:issuePanel", Extension: map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
		return signed
	}
	granted := func(host string, typ perm.EgressType) bool {
		policy, err := p.System.Installs.Policy(t.Context(), install)
		if err != nil {
			t.Fatal(err)
		}
		at, err := hostrule.ParseURL("https://" + host + "/")
		if err != nil {
			t.Fatal(err)
		}
		return perm.AllowsURL(policy.Set, typ, at).Allow
	}
	alice := p.user("alice")
	ask := func(host string, typ perm.EgressType) string {
		t.Helper()
		policy, err := p.System.Installs.Policy(t.Context(), install)
		if err != nil {
			t.Fatal(err)
		}
		payload, _ := json.Marshal(map[string]any{"egresses": []any{map[string]any{"key": strings.ReplaceAll(host, ".", "-"), "description": "pictures",
			"configured": []any{map[string]any{"domain": host, "type": []perm.EgressType{typ}}}}}})
		want, err := asking.ReadGroups(payload)
		if err != nil {
			t.Fatal(err)
		}
		made, err := p.System.Asking.Request(t.Context(), asking.Asker{Policy: policy, Session: "s", Admin: true,
			User: id.Principal{Kind: id.EndUser, Site: id.Site(alice.Site), Product: id.Product(alice.Product), User: "alice"}}, want)
		if err != nil || made.Ticket == "" {
			t.Fatal(made, err)
		}
		return made.Ticket
	}
	here := http.Header{"Content-Type": {"application/json"}, "Origin": {p.Access.UIURL}, "Sec-Fetch-Site": {"same-origin"}}
	post := func(path string, h http.Header, body map[string]any) answer {
		raw, _ := json.Marshal(body)
		return p.send("POST", p.ui, path, h, raw)
	}
	digestOf := func(ticket string) string {
		t.Helper()
		var out struct {
			Shown struct{ Digest string }
			Site  string
		}
		a := post("/ask/open", here, map[string]any{"ticket": ticket, "user": token("alice", nil)})
		a.must(t).into(t, &out)
		if out.Shown.Digest == "" || out.Site == "" {
			t.Fatalf("what is shown: %s", a.body)
		}
		return out.Shown.Digest
	}

	// Who frames the pages, and what they carry.
	modal := p.send("GET", p.ui, "/ask/modal?product=tracker", nil, nil)
	policy := modal.header.Get("Content-Security-Policy")
	if modal.status != http.StatusOK || modal.header.Get("Set-Cookie") != "" || !strings.HasSuffix(policy, "frame-ancestors http://"+p.product) {
		t.Errorf("the framed page: %d %s", modal.status, policy)
	}
	window := p.send("GET", p.ui, "/ask/window", nil, nil)
	if !strings.HasSuffix(window.header.Get("Content-Security-Policy"), "frame-ancestors 'none'") || window.header.Get("Cross-Origin-Opener-Policy") != "same-origin" {
		t.Errorf("the window: %v", window.header)
	}
	for _, a := range []answer{modal, window} {
		for _, want := range []string{"default-src 'none';", "script-src 'self';", "form-action 'none';", "require-trusted-types-for 'script'", "trusted-types 'none'"} {
			if !strings.Contains(a.header.Get("Content-Security-Policy"), want) {
				t.Errorf("a page lacks %q", want)
			}
		}
	}
	if a := p.send("GET", p.ui, "/ask/modal?product=tracker", http.Header{"Sec-Fetch-Dest": {"document"}}, nil); a.status != http.StatusForbidden {
		t.Errorf("the framed page at the top: %d", a.status)
	}
	if a := p.send("GET", p.ui, "/ask/modal?product=nobody", nil, nil); a.status != http.StatusNotFound {
		t.Errorf("a page of no product: %d", a.status)
	}

	const pictures = "pictures.example.com"
	ticket := ask(pictures, perm.Images)
	digest := digestOf(ticket)
	decide := func(user, digest string) map[string]any {
		return map[string]any{"ticket": ticket, "user": user, "digest": digest, "approve": true, "items": []int{0}, "block": false}
	}
	// Links and foreign forms.
	for _, path := range []string{"/ask/decide", "/ask/window/decide", "/ask/step"} {
		q := url.Values{"ticket": {ticket}, "user": {token("alice", nil)}, "digest": {digest}, "approve": {"true"}}
		if a := p.send("GET", p.ui, path+"?"+q.Encode(), here, nil); a.status != http.StatusMethodNotAllowed {
			t.Errorf("GET %s: %d", path, a.status)
		}
	}
	for what, change := range map[string]func(http.Header){
		"no origin":                 func(h http.Header) { h.Del("Origin") },
		"the product's":             func(h http.Header) { h.Set("Origin", "http://"+p.product) },
		"an app's":                  func(h http.Header) { h.Set("Origin", p.System.Hosting.Origin(install)) },
		"no origin at all":          func(h http.Header) { h.Set("Origin", "null") },
		"another site":              func(h http.Header) { h.Set("Sec-Fetch-Site", "cross-site") },
		"another origin, same site": func(h http.Header) { h.Set("Sec-Fetch-Site", "same-site") },
		"nobody":                    func(h http.Header) { h.Set("Sec-Fetch-Site", "none") },
		"a browser that says not":   func(h http.Header) { h.Del("Sec-Fetch-Site") },
		"a form":                    func(h http.Header) { h.Set("Content-Type", "text/plain") },
	} {
		h := here.Clone()
		change(h)
		if a := post("/ask/decide", h, decide(token("alice", nil), digest)); a.status < 400 {
			t.Errorf("%s decides: %d %s", what, a.status, a.body)
		}
	}
	// Others, an admin no more, and an assertion that was used.
	for what, user := range map[string]string{
		"Bob":              token("bob", nil),
		"Bob as admin":     token("bob", func(u *productkit.User) { u.Admin = true }),
		"Alice no more":    token("alice", func(u *productkit.User) { u.Admin = false }),
		"a user's own":     p.says("alice", nil),
		"nobody's":         "",
		"an old assertion": used(t, post, here, token("alice", nil), ticket),
	} {
		if a := post("/ask/decide", here, decide(user, digest)); a.status < 400 {
			t.Errorf("%s decides: %d %s", what, a.status, a.body)
		}
	}
	if granted(pictures, perm.Images) {
		t.Fatal("an attack was granted what it asked for")
	}
	post("/ask/decide", here, decide(token("alice", nil), digest)).must(t)
	if !granted(pictures, perm.Images) {
		t.Error("what Alice approved is not granted")
	}
	if a := post("/ask/decide", here, decide(token("alice", nil), digest)); a.status < 400 {
		t.Errorf("the same decision twice: %s", a.body)
	}

	// What reaches far takes a window and a fresh sign-in there.
	const code = "code.example.com"
	ticket = ask(code, perm.Scripts)
	digest = digestOf(ticket)
	if a := post("/ask/decide", here, decide(token("alice", nil), digest)); a.code() != "STEP_UP" {
		t.Errorf("scripts are approved in a frame: %d %s", a.status, a.body)
	}
	if a := post("/ask/step", here, map[string]any{"ticket": ticket, "user": token("bob", nil), "items": []int{0}}); a.code() != "ADMIN_REQUIRED" {
		t.Errorf("Bob gets a window: %d %s", a.status, a.body)
	}
	step := func() string {
		var out struct{ URL string }
		post("/ask/step", here, map[string]any{"ticket": ticket, "user": token("alice", nil), "items": []int{0}}).must(t).into(t, &out)
		return out.URL
	}
	in := func(b *browser, path string, body map[string]any) answer {
		raw, _ := json.Marshal(body)
		h := here.Clone()
		for name, value := range b.cookies[p.ui] {
			h.Add("Cookie", name+"="+value)
		}
		return p.send("POST", p.ui, path, h, raw)
	}
	facts := func(at page) (f struct {
		As, Decision, Form string
		Error              struct{ Code string }
	}) {
		text := found(at.body, `(?s)id="facts">(.*?)</script>`)
		if err := json.Unmarshal([]byte(text), &f); err != nil {
			t.Fatalf("%s: %v: %s", at.url, err, at.body)
		}
		return f
	}
	bob := p.signedIn("bob")
	bob.get(step())
	if got := facts(bob.get("/ask/window/sign-in")); got.Error.Code != "ANOTHER_PERSON" {
		t.Errorf("Bob goes on with Alice's window: %+v", got)
	}
	mine := p.signedIn("alice")
	address := step()
	first := mine.get(address)
	if got := facts(first); got.As != "start" || strings.Contains(first.url.String(), "ticket") {
		t.Errorf("a window decides without a fresh sign-in: %s %+v", first.url, got)
	}
	if got := facts(p.browser().get(address)); got.Error.Code != "TICKET_SPENT" {
		t.Errorf("the window's address counts twice: %+v", got)
	}
	verdict := map[string]any{"digest": digest, "approve": true, "items": []int{0}, "block": false, "decision": "", "form": ""}
	if a := in(mine, "/ask/window/decide", verdict); a.status < 400 {
		t.Errorf("a session of the console decides without a fresh sign-in: %s", a.body)
	}
	back := facts(mine.get("/ask/window/sign-in"))
	if back.As != "window" || back.Decision == "" || back.Form == "" {
		t.Fatalf("after the sign-in: %+v", back)
	}
	verdict["decision"] = back.Decision
	if a := in(mine, "/ask/window/decide", verdict); a.code() != "FOREIGN_FORM" {
		t.Errorf("a form without what the session's pages know: %d %s", a.status, a.body)
	}
	if granted(code, perm.Scripts) {
		t.Fatal("scripts were granted by an attack")
	}
	verdict["form"] = back.Form
	in(mine, "/ask/window/decide", verdict).must(t)
	if !granted(code, perm.Scripts) {
		t.Error("what Alice approved in the window is not granted")
	}
	if a := in(mine, "/ask/window/decide", verdict); a.status < 400 {
		t.Error("one sign-in decides twice")
	}

	// What is approved is what was shown.
	ticket = ask("other.example.com", perm.Images)
	digestOf(ticket)
	if a := post("/ask/decide", here, decide(token("alice", nil), digest)); a.status != http.StatusConflict || granted("other.example.com", perm.Images) {
		t.Errorf("another digest: %d %s", a.status, a.body)
	}
}

// used spends an assertion on looking, and gives it back.
func used(t *testing.T, post func(string, http.Header, map[string]any) answer, here http.Header, assertion, ticket string) string {
	t.Helper()
	post("/ask/open", here, map[string]any{"ticket": ticket, "user": assertion}).must(t)
	return assertion
}
