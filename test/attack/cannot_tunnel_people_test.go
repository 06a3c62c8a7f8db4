package attack

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/productkit"
	"github.com/annexhq/annex/test/uikit/client"
)

// pressable is an app whose panel asks a resolver.
var pressable = source{
	hooks: []string{"hook"}, also: []string{"resolver"},
	modules: "  tracker:issuePanel:\n    - key: panel\n      title: Panel\n      resource: main\n      render: native\n      resolver:\n        function: resolver\n",
	code: `
const { default: Resolver } = __annex_require("@annex/resolver");
const r = new Resolver();
r.define("who", () => "deployed");
const resolver = r.getDefinitions();
function hook() { return { statusCode: 200, body: "deployed" }; }`,
	interfaces: map[string]string{"main": `
const { default: ForgeReconciler, ...kit } = __annex_require("@annex/react");
ForgeReconciler.render(__annex_require("react").createElement(kit.Text, null, "drawn"));`},
}

// presses has the panel's resolver answer the page's user.
func presses(page *client.Page, at place) string {
	page.T.Helper()
	_, _, text := page.Ask("POST", "/bridge/invoke", map[string]any{"module": at.installation + "/panel", "functionKey": "who"})
	return text
}

// asks is the code that a person types and the secret with which the developer asks what became of it.
func (at place) asks(t *testing.T) (code, secret string) {
	t.Helper()
	var out struct {
		Code string `json:"user_code"`
		Key  string `json:"device_code"`
	}
	body := map[string]string{"site": at.site, "product": at.p.Access.Product, "name": "<b>desk</b>"}
	at.p.api("POST", at.logins(), at.developer, body).must(t).into(t, &out)
	return out.Code, out.Key
}

func (at place) logins() string {
	return "/api/v1/apps/" + at.app + "/environments/development/tunnel/logins"
}

// agreement has the browser's person agree by the page, and gives what proves it.
func (b *browser) agreement(t *testing.T, at place) (proof string) {
	t.Helper()
	code, secret := at.asks(t)
	ask := b.post(b.get("/my/tunnels"), "/my/tunnels", url.Values{"code": {code}})
	if ask.status != http.StatusOK || strings.Contains(ask.body, "<b>desk") {
		t.Fatalf("%d %s", ask.status, ask.body)
	}
	if done := b.post(ask, "/my/tunnels/allow", url.Values{"code": {code}}); done.status != http.StatusSeeOther {
		t.Fatalf("%d %s", done.status, done.body)
	}
	var out struct{ Proof string }
	at.p.api("POST", at.logins()+"/token", at.developer, map[string]string{"device_code": secret}).must(t).into(t, &out)
	return out.Proof
}

// T120, CONTRACTS 2: what a person does in an app's pages runs on a developer's machine where
// that person agreed to it by a page of ours, for that developer and installation, until they
// do not agree any more.
func TestAttackTunnelPeople(t *testing.T) {
	w := newPeople(t)
	p := w.platform
	at := p.deploy("development", pressable)
	bob, alice := w.signedIn("bob"), w.signedIn("alice")
	bobs, alices := w.pageFor("bob"), w.pageFor("alice")
	carried := func(m *machine, who string, page *client.Page, want string) {
		t.Helper()
		before, _ := m.calls()
		if text := presses(page, at); !strings.Contains(text, want) {
			t.Errorf("what %s does: %s, want %s", who, text, want)
		}
		if n, _ := m.calls(); (n > before) != (want == "laptop") {
			t.Errorf("the tunnel was told of %d calls of %s", n-before, who)
		}
	}
	m, status := p.tunnel(t, at.app, "development", at.developer, answering(`"laptop"`))
	if m == nil {
		t.Fatal(status)
	}
	until(t, "own calls go to the tunnel", func() bool { return strings.Contains(at.invoke("resolver", nil).body, "laptop") })
	carried(m, "a person who was not asked", bobs, "deployed")

	// A code has nobody agree but by the page of the person who typed it.
	code, secret := at.asks(t)
	page := bob.get("/my/tunnels")
	for _, path := range []string{"/my/tunnels/allow?code=" + code, "/my/tunnels?code=" + code} {
		bob.get(path)
	}
	for _, origin := range []string{"http://evil.example", "null", "", "http://" + w.product} {
		if a := bob.open("POST", "/my/tunnels/allow", origin, url.Values{"code": {code}, "form": {hidden(page.body, "form")}}); a.status != http.StatusForbidden {
			t.Errorf("from %q: %d", origin, a.status)
		}
	}
	for _, path := range []string{"/my/programs", "/my/programs/allow"} {
		if a := bob.post(bob.get("/my/programs"), path, url.Values{"code": {code}}); a.status != http.StatusNotFound {
			t.Errorf("a tunnel's code at %s: %d", path, a.status)
		}
	}
	if a := alice.post(alice.get("/device"), "/device", url.Values{"code": {code}}); a.status != http.StatusNotFound {
		t.Errorf("a tunnel's code at the page of command lines: %d", a.status)
	}
	program, _ := w.begins(at.siteID())
	if a := bob.post(bob.get("/my/tunnels"), "/my/tunnels/allow", url.Values{"code": {program}}); a.status != http.StatusNotFound {
		t.Errorf("a program's code at the page of tunnels: %d", a.status)
	}
	if _, refusal := w.fetches(secret); refusal != "expired_token" {
		t.Errorf("a tunnel's secret at the token endpoint of programs: %q", refusal)
	}
	if a := p.api("POST", at.logins()+"/token", at.developer, map[string]string{"device_code": secret}); a.status == http.StatusCreated {
		t.Fatalf("agreed to by nobody: %s", a.body)
	}
	// What was agreed with one developer is told to no other, and opens nothing for them.
	eve := place{p: p, environment: "development", site: at.site, developer: p.developer("eve"), admin: at.admin}
	eve.app = eve.redeploy(source{also: []string{"ask"}, code: tunnelled})
	eve = eve.install()
	if a := p.api("POST", at.logins(), eve.developer, map[string]string{"site": at.site, "product": p.Access.Product, "name": "n"}); a.status < 400 {
		t.Errorf("another developer asks for the app: %d", a.status)
	}
	code, secret = at.asks(t)
	ask := bob.post(bob.get("/my/tunnels"), "/my/tunnels", url.Values{"code": {code}})
	bob.post(ask, "/my/tunnels/allow", url.Values{"code": {code}})
	if a := p.api("POST", eve.logins()+"/token", eve.developer, map[string]string{"device_code": secret}); a.status == http.StatusCreated {
		t.Errorf("another developer is told of an agreement: %s", a.body)
	}
	proof := bob.agreement(t, at)
	if n, status := p.tunnelWith(t, eve.app, "development", eve.developer, http.Header{"Annex-Tunnel-Person": {proof}}, nil); n != nil || status != http.StatusForbidden {
		t.Errorf("another developer's tunnel with it: %d", status)
	}
	for _, path := range []string{"/api/v1/whoami", "/api/v1/installations"} {
		if a := p.api("GET", path, proof, nil); a.status != http.StatusUnauthorized {
			t.Errorf("the proof opens %s: %d", path, a.status)
		}
	}
	if _, err := w.client(at.siteID(), proof); err == nil {
		t.Error("the proof opens the site's actions")
	}
	carried(m, "a person who agreed to a tunnel that is not open", bobs, "deployed")

	// Who agreed is carried, and nobody else.
	held := make(chan hostcall.Handle, 1)
	hold := false
	with := func(proof string) *machine {
		t.Helper()
		m, status := p.tunnelWith(t, at.app, "development", at.developer, http.Header{"Annex-Tunnel-Person": {proof}}, func(m *machine, got hostcall.Message) {
			switch {
			case got.Type != hostcall.Invoke:
			case hold:
				held <- got.Handle
			default:
				m.says(got.Handle, `"laptop"`)
			}
		})
		if m == nil {
			t.Fatal(status)
		}
		until(t, "the person's calls go to the tunnel", func() bool { return strings.Contains(presses(bobs, at), "laptop") })
		return m
	}
	m = with(proof)
	carried(m, "bob", bobs, "laptop")
	carried(m, "alice", alices, "deployed")
	if a := p.get(at.hook("hook")); a.body != "deployed" {
		t.Errorf("a stranger's request: %s", a.body)
	}
	if seen := alice.get("/apps/" + at.installation); !strings.Contains(seen.body, "who agreed to it: bob.") {
		t.Error("the site's admin is not told whose calls the tunnel carries")
	}
	// Nobody ends or sees another's agreement.
	list := bob.get("/my/tunnels")
	alice.post(alice.get("/my/tunnels"), "/my/tunnels/end", url.Values{"token": {hidden(list.body, "token")}})
	carried(m, "bob, whose agreement alice would end", bobs, "laptop")

	// Who ends it is not waited for: the call that runs ends, and so does the tunnel.
	hold = true
	ended := make(chan string, 1)
	go func() { ended <- presses(bobs, at) }()
	<-held
	// The first one, that eve asked for, is on the page too; each has a form of its own.
	for range 3 {
		list = bob.get("/my/tunnels")
		if token := hidden(list.body, "token"); token != "" {
			bob.post(list, "/my/tunnels/end", url.Values{"token": {token}})
		}
	}
	if e := m.ended(); !e.Final || !strings.Contains(e.Words, "TUNNEL_AGREEMENT_ENDED") {
		t.Errorf("the developer is told %q", e.Words)
	}
	if text := <-ended; !strings.Contains(text, "TUNNEL_LOST") {
		t.Errorf("the call that ran: %s", text)
	}
	carried(m, "a person who does not agree any more", bobs, "deployed")
	if n, status := p.tunnelWith(t, at.app, "development", at.developer, http.Header{"Annex-Tunnel-Person": {proof}}, nil); n != nil || status != http.StatusForbidden {
		t.Errorf("a tunnel by an agreement that ended: %d", status)
	}
	// Signing out ends it too.
	hold = false
	m = with(bob.agreement(t, at))
	bob.post(bob.get("/my/tunnels"), "/sign-out", url.Values{})
	if e := m.ended(); !strings.Contains(e.Words, "TUNNEL_AGREEMENT_ENDED") {
		t.Errorf("after the person signed out the developer is told %q", e.Words)
	}
	// So does signing out of the product, which its back end tells.
	bob = w.signedIn("bob")
	bobs = w.pageFor("bob")
	m = with(bob.agreement(t, at))
	said, err := productkit.SignUser(w.Tracker.Key(), w.user("bob"))
	if err != nil {
		t.Fatal(err)
	}
	if status, _, text := bobs.Ask("POST", "/bridge/sign-out", map[string]any{"user": said}); status != http.StatusOK {
		t.Fatalf("%d %s", status, text)
	}
	if e := m.ended(); !strings.Contains(e.Words, "TUNNEL_AGREEMENT_ENDED") {
		t.Errorf("after the person signed out of the product the developer is told %q", e.Words)
	}
	trail := p.api("GET", "/api/v1/audit?limit=200&site="+url.QueryEscape(at.site), at.admin, nil).must(t).body
	for _, act := range []string{"tunnel.agree", "tunnel.disagree", "tunnel.open", "tunnel.close"} {
		if !strings.Contains(trail, `"`+act+`"`) {
			t.Errorf("the site's trail has no %s", act)
		}
	}
}

// T123, SPEC 11: an admin of the site ends what one person agreed to, by command and by console. The
// tunnel that carried them closes, and nobody's agreement comes of what they said before.
func TestAttackCarryAgainstTheAdmin(t *testing.T) {
	w := newPeople(t)
	p := w.platform
	at := p.deploy("development", pressable)
	bob, alice := w.signedIn("bob"), w.signedIn("alice")
	bobs := w.pageFor("bob")
	agreements := "/api/v1/installations/" + at.installation + "/agreements"
	byCommand := func() {
		p.api("DELETE", agreements+"?kind=tunnel&user=bob", at.admin, nil).must(t)
	}
	byConsole := func() {
		app := "/apps/" + at.installation
		shown := alice.get(app)
		if !strings.Contains(shown.body, `value="no-tunnel"`) {
			t.Fatalf("the app's page offers no end: %s", shown.body)
		}
		vouch := alice.post(shown, app+"/propose", url.Values{"act": {"no-tunnel"}, "user": {"bob"}})
		last := alice.get("/sign-in?decision=" + found(vouch.body, `/sign-in\?decision=([0-9a-f-]+)`))
		if done := alice.post(last, last.url.Path, url.Values{}); done.status != http.StatusSeeOther {
			t.Fatalf("%d %s", done.status, done.body)
		}
	}
	for name, ends := range map[string]func(){"command": byCommand, "console": byConsole} {
		proof := bob.agreement(t, at)
		m, status := p.tunnelWith(t, at.app, "development", at.developer, http.Header{"Annex-Tunnel-Person": {proof}}, answering(`"laptop"`))
		if m == nil {
			t.Fatal(status)
		}
		until(t, "the person's calls go to the tunnel", func() bool { return strings.Contains(presses(bobs, at), "laptop") })
		// What Bob agreed to a moment ago, and nobody has been told of.
		code, secret := at.asks(t)
		bob.post(bob.post(bob.get("/my/tunnels"), "/my/tunnels", url.Values{"code": {code}}), "/my/tunnels/allow", url.Values{"code": {code}})
		ends()
		if e := m.ended(); !e.Final || !strings.Contains(e.Words, "TUNNEL_AGREEMENT_ENDED") {
			t.Errorf("by %s: the developer is told %q", name, e.Words)
		}
		if text := presses(bobs, at); !strings.Contains(text, "deployed") {
			t.Errorf("by %s: %s", name, text)
		}
		if n, status := p.tunnelWith(t, at.app, "development", at.developer, http.Header{"Annex-Tunnel-Person": {proof}}, nil); n != nil || status != http.StatusForbidden {
			t.Errorf("by %s: a tunnel with the old proof: %d", name, status)
		}
		if a := p.api("POST", at.logins()+"/token", at.developer, map[string]string{"device_code": secret}); a.status == http.StatusCreated {
			t.Errorf("by %s: an agreement from before: %s", name, a.body)
		}
	}
	if a := p.api("GET", agreements, at.admin, nil).must(t); strings.Contains(a.body, "bob") {
		t.Errorf("still listed: %s", a.body)
	}
	if trail := p.api("GET", "/api/v1/audit?limit=200&act=tunnel.disagree&site="+url.QueryEscape(at.site), at.admin, nil).must(t).body; strings.Count(trail, `"own":false`) != 2 || strings.Count(trail, `"user":"h:`) != 2 {
		t.Errorf("the site's trail: %s", trail)
	}
}

// T121: a request to a web trigger runs on a developer's machine where it carries the key of
// a tunnel of that app's owner and development environment. What carries another one is
// refused, in words; the key is told to no function.
func TestAttackTunnelByKey(t *testing.T) {
	p := newPlatform(t)
	s := source{hooks: []string{"hook"}, also: []string{"ask"}, code: tunnelled}
	at := p.deploy("development", s)
	address := at.hook("hook")
	live := at
	live.environment = "production"
	s.id = at.app
	live.redeploy(s)
	live = live.install()
	eve := place{p: p, environment: "development", site: at.site, developer: p.developer("eve"), admin: at.admin}
	eve.app = eve.redeploy(source{also: []string{"ask"}, code: tunnelled})
	eve = eve.install()

	made := func(digits string) (key string, header http.Header) {
		key = "anx_tunnel_" + strings.Repeat(digits, 32)
		sum := sha256.Sum256([]byte(key))
		return key, http.Header{"Annex-Tunnel-Key": {hex.EncodeToString(sum[:])}}
	}
	key, header := made("a1")
	evesKey, evesHeader := made("e2")
	answers := func(m *machine, got hostcall.Message) {
		if got.Type == hostcall.Invoke {
			_ = m.link.Send(hostcall.Message{Type: hostcall.Result, Handle: got.Handle, Head: []byte(`{"ok":true,"head":{"statusCode":200},"cpu":0,"logs":0}`), Body: []byte("laptop")})
		}
	}
	m, status := p.tunnelWith(t, at.app, "development", at.developer, header, answers)
	if m == nil {
		t.Fatal(status)
	}
	if n, status := p.tunnelWith(t, eve.app, "development", eve.developer, evesHeader, answers); n == nil {
		t.Fatal(status)
	}
	request := func(address string, keys ...string) answer {
		return p.ask("GET", address, http.Header{"Annex-Tunnel": keys}, "")
	}
	until(t, "requests with the key go to the tunnel", func() bool { return request(address, key).body == "laptop" })
	before, text := m.calls()
	if strings.Contains(text, key) || strings.Contains(text, "annex-tunnel") {
		t.Error("the function is told the key")
	}
	if a := p.get(address); a.body != "deployed" {
		t.Errorf("a stranger's request: %d %s", a.status, a.body)
	}
	for name, keys := range map[string][]string{
		"a made-up key": {"anx_tunnel_" + strings.Repeat("00", 32)}, "the hash": {header.Get("Annex-Tunnel-Key")}, "another developer's key": {evesKey},
		"several": {evesKey, key}, "something": {"1"},
	} {
		if a := request(address, keys...); a.status != http.StatusConflict || a.code() != "TUNNEL_UNKNOWN" || !strings.Contains(a.body, "nothing was run") {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := request(live.hook("hook"), key); a.status != http.StatusForbidden || a.code() != "TUNNEL_DEVELOPMENT_ONLY" {
		t.Errorf("the key in production: %d %s", a.status, a.body)
	}
	if a := p.get(live.hook("hook")); a.body != "deployed" {
		t.Errorf("production without it: %d %s", a.status, a.body)
	}
	if n, _ := m.calls(); n != before {
		t.Errorf("the tunnel was told of %d requests without its key", n-before)
	}
	// An address that is gone is gone with the key too.
	at.uninstall().must(t)
	if a := request(address, key); a.status != http.StatusNotFound {
		t.Errorf("after the uninstallation: %d %s", a.status, a.body)
	}
	at = at.install()
	address = at.hook("hook")
	until(t, "requests with the key go to the tunnel", func() bool { return request(address, key).body == "laptop" })
	_ = m.link.Close()
	until(t, "the key of a tunnel that closed runs nothing else instead", func() bool { return request(address, key).code() == "TUNNEL_UNKNOWN" })
}
