package attack

import (
	"encoding/json"
	"maps"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/hostcall/weblink"
)

// machine is the developer's end of a tunnel, written by hand: it keeps what it is told and
// does what the server would never have it do.
type machine struct {
	t    *testing.T
	link *weblink.Link

	mu   sync.Mutex
	told []hostcall.Message
	last error // why it ended
	gone chan struct{}
}

// tunnel opens one, and gives the answer where it is refused.
func (p *platform) tunnel(t *testing.T, app, environment, token string, on func(*machine, hostcall.Message)) (*machine, int) {
	t.Helper()
	return p.tunnelWith(t, app, environment, token, nil, on)
}

// tunnelWith opens one that is to carry more than its developer's own calls.
func (p *platform) tunnelWith(t *testing.T, app, environment, token string, more http.Header, on func(*machine, hostcall.Message)) (*machine, int) {
	t.Helper()
	header := http.Header{"Authorization": {"Bearer " + token}}
	maps.Copy(header, more)
	url := "http://" + p.control() + "/api/v1/apps/" + app + "/environments/" + environment + "/tunnel"
	link, res, err := weblink.Dial(t.Context(), url, header, noRedirects)
	if err != nil {
		if res == nil {
			t.Fatal(err)
		}
		return nil, res.StatusCode
	}
	m := &machine{t: t, link: link, gone: make(chan struct{})}
	t.Cleanup(func() { _ = link.Close(); <-m.gone })
	if _, err := link.Greet(hostcall.HelloHead{}); err != nil {
		t.Fatal(err)
	}
	go func() {
		defer close(m.gone)
		for {
			got, err := link.Receive()
			m.mu.Lock()
			m.last = err
			if err == nil {
				m.told = append(m.told, got)
			}
			m.mu.Unlock()
			if err != nil {
				return
			}
			if on != nil {
				on(m, got)
			}
		}
	}()
	return m, http.StatusSwitchingProtocols
}

// says ends a call as if the function had returned a value.
func (m *machine) says(h hostcall.Handle, value string) {
	_ = m.link.Send(hostcall.Message{Type: hostcall.Result, Handle: h, Head: []byte(`{"ok":true,"cpu":0,"logs":0}`), Body: []byte(value)})
}

func (m *machine) calls() (n int, text string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	for _, x := range m.told {
		if x.Type == hostcall.Invoke {
			n++
		}
		text += string(x.Head) + string(x.Body)
	}
	return n, text
}

// ended waits for the end and gives the server's last word.
func (m *machine) ended() *weblink.Ended {
	m.t.Helper()
	select {
	case <-m.gone:
	case <-time.After(20 * time.Second):
		m.t.Fatal("the tunnel stays open")
	}
	last, _ := m.last.(*weblink.Ended)
	if last == nil {
		return &weblink.Ended{}
	}
	return last
}

func answering(value string) func(*machine, hostcall.Message) {
	return func(m *machine, got hostcall.Message) {
		if got.Type == hostcall.Invoke {
			m.says(got.Handle, value)
		}
	}
}

const tunnelled = `function ask(x) { return "deployed"; } function hook() { return { statusCode: 200, body: "deployed" }; }`

// SPEC 9, CONTRACTS 2: a tunnel gets the developer's own calls of a development environment,
// nobody else's and no others, and ends with the right to have one.
func TestAttackTunnelOthersCalls(t *testing.T) {
	w := newPeople(t)
	p := w.platform
	s := source{hooks: []string{"hook"}, also: []string{"ask"}, code: tunnelled}
	alice := p.account(account.NewAccount{Name: "alice", Developer: true})
	at := place{p: p, environment: "development", site: p.Access.Site, developer: p.token(alice, account.TokenRequest{Kind: id.Developer}), admin: p.Access.AdminToken}
	at.app = at.redeploy(s)
	at = at.install()
	address := at.hook("hook")
	live := at
	live.environment = "production"
	s.id = at.app
	for _, environment := range []string{"staging", "production"} {
		live.environment = environment
		live.redeploy(s)
		if m, status := p.tunnel(t, at.app, environment, at.developer, nil); m != nil || status != http.StatusForbidden {
			t.Errorf("a tunnel of %s: %d", environment, status)
		}
	}
	for who, token := range map[string]string{
		"another developer": p.developer("bob"), "the site's admin": at.admin, "an operator": p.operator, "nobody": "",
		"CI": p.token(alice, account.TokenRequest{Kind: id.CI, App: id.App(at.app), Environments: []string{"development"}}),
	} {
		if m, status := p.tunnel(t, at.app, "development", token, nil); m != nil || status < 400 {
			t.Errorf("%s opens a tunnel: %d", who, status)
		}
	}
	// A second token of the same developer, so that the tunnel's own can be revoked.
	made, secret, err := p.System.Accounts.CreateToken(t.Context(), id.Principal{Kind: id.Developer, Account: alice}, account.TokenRequest{Kind: id.Developer, Account: alice, TTL: time.Hour})
	if err != nil {
		t.Fatal(err)
	}
	m, status := p.tunnel(t, at.app, "development", secret, answering(`"laptop"`))
	if m == nil {
		t.Fatal(status)
	}
	until(t, "own calls go to the tunnel", func() bool { return strings.Contains(at.invoke("ask", 1).must(t).body, "laptop") })
	admin := w.signedIn("alice")
	if seen := admin.get("/apps/" + at.installation); !strings.Contains(seen.body, "A tunnel is open: what ") {
		t.Error("the site's admin is not told of the tunnel")
	}
	before, _ := m.calls()
	if a := p.get(address); a.body != "deployed" {
		t.Errorf("a stranger's request went to the developer's machine: %d %s", a.status, a.body)
	}
	if n, _ := m.calls(); n != before {
		t.Errorf("the tunnel was told of %d calls of others", n-before)
	}
	// Another developer owns another app: their calls know no tunnel of hers.
	other := place{p: p, environment: "development", site: at.site, developer: p.developer("eve"), admin: at.admin}
	other.app = other.redeploy(source{also: []string{"ask"}, code: `function ask() { return "other"; }`})
	other = other.install()
	if a := other.invoke("ask", 1).must(t); !strings.Contains(a.body, "other") {
		t.Errorf("another developer's call: %s", a.body)
	}
	if n, _ := m.calls(); n != before {
		t.Error("the tunnel was told of another developer's call")
	}
	// A new one takes the old one's place, which is told.
	newer, _ := p.tunnel(t, at.app, "development", secret, answering(`"newer"`))
	if e := m.ended(); !e.Final || !strings.Contains(e.Words, "another tunnel") {
		t.Errorf("the old one is told %q", e.Words)
	}
	if a := at.invoke("ask", 1).must(t); !strings.Contains(a.body, "newer") {
		t.Errorf("after the second one opened: %s", a.body)
	}
	p.api("DELETE", "/api/v1/tokens/"+string(made.ID), at.developer, nil).must(t)
	if e := newer.ended(); !e.Final || !strings.Contains(e.Words, "revoked") {
		t.Errorf("the tunnel whose token was revoked is told %q", e.Words)
	}
	until(t, "what is deployed answers after the tunnel's end", func() bool { return strings.Contains(at.invoke("ask", 1).body, "deployed") })
	trail := p.api("GET", "/api/v1/audit?limit=200", p.operator, nil).must(t).body
	if !strings.Contains(trail, `"tunnel.open"`) || !strings.Contains(trail, `"tunnel.close"`) {
		t.Error("the trail says nothing of the tunnels")
	}
	last, _ := p.tunnel(t, at.app, "development", at.developer, nil)
	p.api("PUT", "/api/v1/apps/"+at.app+"/suspension", p.operator, map[string]string{"reason": "because"}).must(t)
	if e := last.ended(); !e.Final || !strings.Contains(e.Words, "APP_SUSPENDED") {
		t.Errorf("the tunnel of a suspended app is told %q", e.Words)
	}
}

// until waits for what comes of itself.
func until(t *testing.T, what string, so func() bool) {
	t.Helper()
	for range 200 {
		if so() {
			return
		}
		time.Sleep(50 * time.Millisecond)
	}
	t.Fatalf("never: %s", what)
}

// T98: a tunnel's machine has the authority of the call that it was given, while it runs:
// nothing under another handle, after the end, beyond the policy or beyond the limits, and
// no variable of the server.
func TestAttackReachBeyondACallByATunnel(t *testing.T) {
	p := newPlatform(t)
	at := p.deploy("development", source{also: []string{"ask"}, code: `function ask() { return "deployed"; }`})
	variables := "/api/v1/apps/" + at.app + "/environments/development/variables/"
	p.api("PUT", variables+"OPEN", at.developer, map[string]any{"value": "canary-open"}).must(t)
	p.api("PUT", variables+"CLOSED", at.developer, map[string]any{"value": "canary-closed", "sealed": true}).must(t)

	call := func(m *machine, h hostcall.Handle, n uint32, method, head string) {
		b := (&hostcall.CallHead{ID: n, Method: method, Head: json.RawMessage(head)}).AppendJSON(nil)
		_ = m.link.Send(hostcall.Message{Type: hostcall.Call, Handle: h, Head: b})
	}
	var step func(*machine, hostcall.Message)
	m, status := p.tunnel(t, at.app, "development", at.developer, func(m *machine, got hostcall.Message) { step(m, got) })
	if m == nil {
		t.Fatal(status)
	}
	replies := func() (out []hostcall.ReplyHead) {
		m.mu.Lock()
		defer m.mu.Unlock()
		for _, x := range m.told {
			if x.Type == hostcall.Reply {
				h, err := hostcall.ParseReply(x.Head)
				if err != nil {
					t.Error(err)
				}
				out = append(out, h)
			}
		}
		return out
	}
	// Under its own handle a call gets what the policy gives, and no more.
	var first hostcall.Handle
	step = func(m *machine, got hostcall.Message) {
		switch got.Type {
		case hostcall.Invoke:
			first = got.Handle
			call(m, hostcall.NewHandle(), 1, "kvs.get", `{"key":"k"}`)
			call(m, hostcall.Handle{}, 2, "kvs.get", `{"key":"k"}`)
			call(m, got.Handle, 3, "fetch", `{"method":"GET","url":"https://elsewhere.example/","headers":[]}`)
		case hostcall.Reply:
			m.says(got.Handle, `"one"`)
		}
	}
	until(t, "the tunnel is used", func() bool { return strings.Contains(at.invoke("ask", 1).must(t).body, "one") })
	for _, r := range replies() {
		if r.ID != 3 || r.OK || !strings.Contains(string(r.Head), "not granted") && !strings.Contains(string(r.Head), "EGRESS") && !strings.Contains(string(r.Head), "allowedBy") {
			t.Errorf("answered: %d %v %s", r.ID, r.OK, r.Head)
		}
	}
	// After its end the handle is dead.
	before := len(replies())
	call(m, first, 9, "kvs.get", `{"key":"k"}`)
	step = func(m *machine, got hostcall.Message) {
		if got.Type == hostcall.Invoke {
			// What the machine says went wrong is the app's doing, whatever it calls it.
			_ = m.link.Send(hostcall.Message{Type: hostcall.Result, Handle: got.Handle, Head: []byte(`{"ok":false,"fault":{"kind":"denied","code":"<script>","message":"m"},"cpu":0,"logs":0}`)})
		}
	}
	if a := at.invoke("ask", 2); a.status != http.StatusBadGateway || a.code() != "FUNCTION_ERR" {
		t.Errorf("a made-up refusal: %d %s", a.status, a.body)
	}
	if n := len(replies()); n != before {
		t.Errorf("%d answers under the handle of a call that had ended", n-before)
	}
	// More host calls than a call may make end it.
	step = func(m *machine, got hostcall.Message) {
		if got.Type == hostcall.Invoke {
			for n := range uint32(1100) {
				call(m, got.Handle, n+10, "kvs.get", `{"key":"k"}`)
			}
		}
	}
	if a := at.invoke("ask", 3); a.code() != "LIMIT_HOSTCALLS" {
		t.Errorf("1100 host calls: %d %s", a.status, a.body)
	}
	// A result has the size that anybody's has.
	step = func(m *machine, got hostcall.Message) {
		if got.Type == hostcall.Invoke {
			m.says(got.Handle, `"`+strings.Repeat("x", 6<<20)+`"`)
		}
	}
	if a := at.invoke("ask", 4); a.code() != "LIMIT_RESPONSE" {
		t.Errorf("a result of 6 MB: %d %.200s", a.status, a.body)
	}
	if _, text := m.calls(); strings.Contains(text, "canary-") {
		t.Error("a variable of the server came to the developer's machine")
	}
	// What is for workers only is not said by a guest.
	_ = m.link.Send(hostcall.Message{Type: hostcall.Beat, Head: []byte(`{"seen":0}`)})
	m.ended()
	until(t, "what is deployed answers after the tunnel's end", func() bool { return strings.Contains(at.invoke("ask", 5).body, "deployed") })
}
