package attack

import (
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

const userKeyProviders = `remotes:
  - {key: api, baseUrl: "https://api.keys.example/v1"}
  - {key: other, baseUrl: "https://other.example"}
providers:
  auth:
    - {key: music, name: Music, type: user_api_key, remotes: [api], bearerMethod: {type: authorization-header, parameter: X-Api-Key}}
`

// Issue 6: a key that a person gives for themselves, on the platform's own page, is used by the
// app as that person, and read by nobody; it goes where its person was shown that it goes; nobody
// gives one for somebody else, by a link or a form of another page; and it ends when its person says so.
func TestAttackReadUserKeys(t *testing.T) {
	p := newPeople(t)
	service, other := &keyHolder{}, &backEnd{}
	p.Host(t, "api.keys.example", service)
	p.Host(t, "other.example", other)
	src := source{
		also: []string{"resolver", "attempt", "bare", "searched", "plain"}, uses: []string{"music"}, code: spender, after: userKeyProviders,
		egress:     []string{"api.keys.example", "other.example"},
		modules:    "  tracker:issuePanel:\n    - key: panel\n      title: Panel\n      resource: main\n      render: native\n      resolver:\n        function: resolver\n",
		interfaces: map[string]string{"main": "const React = __annex_require(\"react\"); const { default: F, Text } = __annex_require(\"@annex/react\"); F.render(React.createElement(Text, null, \"x\"));"},
	}
	v := &vault{asked: &asked{p, p.deploy("development", src)}, source: src}
	at := v.at
	const secret = "s3cret-key-of-alice+/4711"
	sends := []string{"https://api.keys.example"}
	var seen strings.Builder
	try := func(user, function string, payload map[string]any) got {
		g := at.as(user, function, payload)
		fmt.Fprintln(&seen, g)
		return g
	}
	form := func(key string, sends ...string) url.Values { return url.Values{"key": {key}, "sends": sends} }

	panel := v.panel("alice")
	if code, text := v.use(panel, nil); code != "NEEDS_AUTHENTICATION_ERR" || !strings.Contains(text, "music") {
		t.Fatalf("without a key: %s", text)
	}
	alice, mallory := v.signedIn("alice"), v.signedIn("bob")
	// Mallory's link, opened by Alice; Alice's page, posted by another page or person.
	if x := alice.get(v.link(v.panel("bob"), "music")); x.status != http.StatusForbidden || strings.Contains(x.body, `name="key"`) {
		t.Errorf("another's link: %d %s", x.status, x.body)
	}
	ask := alice.get(v.link(panel, "music"))
	if ask.status != http.StatusOK || !strings.Contains(ask.body, `name="key" type="password"`) || !strings.Contains(ask.body, "https://api.keys.example") || strings.Contains(ask.body, "Go on to") {
		t.Fatalf("%d %s", ask.status, ask.body)
	}
	for _, origin := range []string{"http://evil.example", "null", "", "http://" + v.product} {
		f := form(secret, sends...)
		f.Set("form", hidden(ask.body, "form"))
		if x := alice.open("POST", ask.url.Path, origin, f); x.status != http.StatusForbidden {
			t.Errorf("from %q: %d", origin, x.status)
		}
	}
	for what, f := range map[string]url.Values{
		"for another place": form(secret, "https://other.example"), "for no place": form(secret), "for one more": form(secret, "https://api.keys.example", "https://other.example"),
		"an empty one": form("", sends...), "a short one": form("short", sends...), "of several lines": form("two lines\r\nX-Evil: 1", sends...), "a consent": {"scope": {"read"}}, "nothing": {},
	} {
		if x := alice.post(ask, ask.url.Path, f); x.status < 400 || x.status >= 500 || strings.Contains(x.body, secret) {
			t.Errorf("%s: %d %s", what, x.status, x.body)
		}
	}
	if n := append(v.accounts("alice"), v.accounts("bob")...); len(n) > 0 || len(service.took()) > 0 {
		t.Fatalf("connected: %v", n)
	}

	// Alice's own.
	give := func(b *browser, address, key string) {
		t.Helper()
		page := b.get(address)
		done := b.post(page, page.url.Path, form(key, sends...))
		if done.status != http.StatusSeeOther || strings.Contains(done.header.Get("Location"), key) {
			t.Fatalf("%d %s", done.status, done.body)
		}
		mine := b.get(done.header.Get("Location"))
		if !strings.Contains(mine.body, "connected just now") || strings.Contains(mine.body, key) {
			t.Fatalf("%d %s", mine.status, mine.body)
		}
	}
	give(alice, v.link(panel, "music"), secret)
	carried := func(what string, want string) {
		t.Helper()
		got := service.took()
		if len(got) != 1 || got[0].Header.Get("X-Api-Key") != want || got[0].Header.Get("Authorization") != "" {
			t.Errorf("%s: the service got %v", what, got)
		}
	}
	g := try("alice", "attempt", map[string]any{"headers": map[string]string{"x-api-key": "mine"}})
	carried("Alice's call", secret)
	if g.Status != 200 || strings.Contains(g.Text, "4711") {
		t.Errorf("%+v", g)
	}
	// Nobody else's call has it, whatever it names, nor one in which nobody is present, nor elsewhere.
	for what, x := range map[string]got{
		"Bob": try("bob", "attempt", map[string]any{}), "Bob, naming the account": try("bob", "attempt", map[string]any{"account": "key"}),
		"another host": try("alice", "attempt", map[string]any{"remote": "other"}), "an absolute address": try("alice", "attempt", map[string]any{"path": "https://other.example/"}),
		"a function that does not name it": try("alice", "bare", map[string]any{"url": "https://other.example/", "headers": map[string]string{}}),
	} {
		if x.Status == 200 && what != "a function that does not name it" {
			t.Errorf("%s: %+v", what, x)
		}
	}
	try("alice", "attempt", map[string]any{"path": "elsewhere"})
	try("alice", "searched", map[string]any{})
	service.took()
	if n := other.count(); n > 1 {
		t.Errorf("the other host got %d requests", n)
	}
	for _, r := range other.got {
		if text := fmt.Sprint(r.Header, r.URL); strings.Contains(text, "4711") {
			t.Errorf("the other host got the key: %s", text)
		}
	}
	// Bob's is Bob's; another key of Alice's takes the place of the first.
	give(mallory, v.link(v.panel("bob"), "music"), "another-key-of-bob")
	give(alice, "/connect/"+at.installation+"/music", secret+"-anew")
	try("bob", "attempt", map[string]any{})
	carried("Bob's call", "another-key-of-bob")
	try("alice", "attempt", map[string]any{})
	carried("Alice's call with her other key", secret+"-anew")
	fmt.Fprintln(&seen, v.log.String(), alice.get("/my/accounts").body)
	for _, key := range []string{secret, "another-key-of-bob"} {
		if strings.Contains(seen.String(), key) || strings.Contains(seen.String(), url.QueryEscape(key)) {
			t.Errorf("a key is in what the app, a page or the log has")
		}
	}
	// A version that sends it elsewhere, or is another kind of client, finds none.
	mine, err := v.System.Providers.OfUser(t.Context(), at.user("alice"))
	if err != nil || len(mine) != 1 {
		t.Fatalf("%v %v", mine, err)
	}
	moved := src
	moved.after = strings.Replace(userKeyProviders, "remotes: [api]", "remotes: [other]", 1)
	at.redeploy(moved)
	at.install()
	if x := try("alice", "attempt", map[string]any{}); x.Code != "NEEDS_AUTHENTICATION_ERR" {
		t.Errorf("a version that names another host: %+v", x)
	}
	for _, r := range other.got {
		if r.Header.Get("X-Api-Key") != "" {
			t.Errorf("the other host got the key: %v", r.Header)
		}
	}
	at.redeploy(src)
	at.install()
	if try("alice", "attempt", map[string]any{}); !slices.ContainsFunc(service.took(), func(r *http.Request) bool { return r.Header.Get("X-Api-Key") == secret+"-anew" }) {
		t.Error("the version that it was given to does not find it")
	}
	// It ends when its person says so.
	away := url.Values{"environment": {string(mine[0].Env)}, "directory": {mine[0].Directory}, "user": {"alice"}, "provider": {"music"}, "account": {mine[0].ID}}
	if x := mallory.post(mallory.get("/my/accounts"), "/my/accounts/disconnect", away); x.status != http.StatusForbidden {
		t.Errorf("Bob took Alice's key away: %d", x.status)
	}
	if x := alice.post(alice.get("/my/accounts"), "/my/accounts/disconnect", away); x.status != http.StatusSeeOther {
		t.Fatalf("%d %s", x.status, x.body)
	}
	if x := try("alice", "attempt", map[string]any{}); x.Code != "NEEDS_AUTHENTICATION_ERR" || len(service.took()) > 0 {
		t.Errorf("after it was taken away: %+v", x)
	}
}
