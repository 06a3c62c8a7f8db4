package attack

import (
	"net/http"
	"net/url"
	"strings"
	"testing"
)

// Issue 6: the forms for remotes, credentials and private networks decide nothing for another
// page, person or site; what cannot be is refused before anybody proves who they are; and the
// last page shows the address that would be kept, not another one that was typed.
func TestAttackMisleadByFormsOfRemotes(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", source{hooks: []string{"run"}, code: `function run() { return { statusCode: 200 }; }`, later: true, after: `remotes:
  - key: open
    configurable: {name: Open, description: d}
  - key: bound
    configurable: {name: Bound, description: d, supportedPatterns: ['*.example.com']}
`})
	app := "/apps/" + at.installation
	alice, bob := p.signedIn("alice"), p.signedIn("bob")
	data := alice.get(app + "/data")
	epoch := hidden(data.body, "epoch")
	if data.status != http.StatusOK || epoch == "" {
		t.Fatalf("%d %s", data.status, data.body)
	}
	form := func(act string, more ...string) url.Values {
		f := url.Values{"act": {act}, "remote": {"open"}, "epoch": {epoch}, "host": {"https://a.example.com"}, "kind": {"bearer"}, "port": {"8088"}, "network": {"n"}, "letter": {"l"}, "pinned": {"yes"}, "hours": {"1"}}
		for n := 0; n+1 < len(more); n += 2 {
			f.Set(more[n], more[n+1])
		}
		return f
	}
	began := func(x page) bool { return strings.Contains(x.body, "/sign-in?decision=") }

	acts := []string{"remote", "credential", "no-credential", "key", "no-key", "network", "no-network", "no-module", "analytics", "egress", "no-egress", "ask-again", "share", "unshare", "retry-letters", "drop-letter"}
	own := bob.get("/my/apps")
	for _, act := range acts {
		if x := bob.post(own, app+"/propose", form(act)); x.status != http.StatusForbidden || began(x) {
			t.Errorf("%s by Bob: %d", act, x.status)
		}
		for _, origin := range []string{"http://evil.example", "null", "", "http://" + p.product} {
			f := form(act)
			f.Set("form", hidden(data.body, "form"))
			if x := alice.open("POST", app+"/propose", origin, f); x.status != http.StatusForbidden || began(x) {
				t.Errorf("%s from %q: %d", act, origin, x.status)
			}
		}
		if x := alice.open("POST", app+"/propose", "http://"+p.ui, form(act)); x.status != http.StatusForbidden || began(x) {
			t.Errorf("%s without what our forms carry: %d", act, x.status)
		}
		if x := alice.post(data, "/apps/01939f00-0000-7000-8000-000000000000/propose", form(act)); x.status != http.StatusNotFound || began(x) {
			t.Errorf("%s of what is not there: %d", act, x.status)
		}
		if x := alice.get(app + "/propose?" + form(act).Encode()); x.status < 400 || began(x) {
			t.Errorf("%s by a link: %d", act, x.status)
		}
	}
	for _, path := range []string{"/data", "/data.json", "/running", "/running/l", "/stored.ndjson"} {
		if x := bob.get(app + path); x.status != http.StatusForbidden {
			t.Errorf("Bob reads %s: %d", path, x.status)
		}
	}
	// Addresses that reach into this machine or network, however they are written.
	for _, address := range []string{
		"nonsense", "http://a.example.com", "HTTP://a.example.com", "https://127.0.0.1", "https://localhost", "https://localhost.", "https://[::1]", "https://[::ffff:127.0.0.1]", "https://[fe80::1%25eth0]", "https://[64:ff9b::7f00:1]",
		"https://2130706433", "https://0x7f.1", "https://0177.0.0.1", "https://127.1", "https://169.254.169.254", "https://metadata.google.internal", "https://10.0.0.1", "https://[fd00::1]", "https://user:pass@a.example.com", "https://a.example.com#x",
		"https://a.example.com@evil.example", "javascript:alert(1)", "file:///etc/passwd", "https://a.example.com:0", "https://a.example.com:99999", "https://" + p.ui, "https://" + p.product, "//a.example.com", "https://",
		"https://a.example.com/?q=" + strings.Repeat("x", 100_000),
	} {
		if x := alice.post(data, app+"/propose", form("remote", "host", address)); x.status < 400 || x.status >= 500 || began(x) {
			t.Errorf("%.60s: %d", address, x.status)
		}
	}
	for name, f := range map[string]url.Values{
		"outside its patterns": form("remote", "remote", "bound", "host", "https://example.com.evil.example"), "another epoch": form("remote", "epoch", "7"),
		"a remote that is not there": form("remote", "remote", "none"), "no port": form("network", "port", "http"), "a network that nobody listed": form("network"),
		"a credential for a service that is not there": form("key", "provider", "none", "sends", "https://evil.example"),
		"a credential for no endpoint":                 form("credential", "origin", "https://a.example.com"),
	} {
		if x := alice.post(data, app+"/propose", f); x.status < 400 || x.status >= 500 || began(x) {
			t.Errorf("%s: %d", name, x.status)
		}
	}
	// What is shown is what is kept.
	for typed, kept := range map[string]string{"https://\uff41.Example.COM:443/\u202ex": "https://a.example.com/%E2%80%AEx", "https://a.example.com\\@evil.example": "https://a.example.com/@evil.example"} {
		asked := alice.post(alice.get(app+"/data"), app+"/propose", form("remote", "host", typed, "why", "<b>\u202eso"))
		last := alice.get("/sign-in?decision=" + found(asked.body, `/sign-in\?decision=([0-9a-f-]+)`))
		if last.status != http.StatusOK || !strings.Contains(last.body, "sends to "+kept+".") {
			t.Errorf("%q: %d %s", typed, last.status, last.body)
		}
	}
	certificateByForm(t, p, at, alice)
}

// certificateByForm gives a remote a certificate by the console: its key is typed on the last
// page alone, which shows whose certificate that is; one that lies among what is kept meanwhile is refused.
func certificateByForm(t *testing.T, p *people, at place, alice *browser) {
	t.Helper()
	if err := at.setRemote("open", "https://a.example.com"); err != nil {
		t.Fatal(err)
	}
	app := "/apps/" + at.installation
	certificate, key := p.ClientPEM(t, "tracker of alice", false)
	data := alice.get(app + "/data")
	ask := func(certificate string) page {
		return alice.post(data, app+"/propose", url.Values{"act": {"credential"}, "remote": {"open"}, "kind": {"client-certificate"}, "origin": {"https://a.example.com"}, "certificate": {certificate}})
	}
	for what, text := range map[string]string{"none": "", "with its key": certificate + key, "a key": key} {
		if x := ask(text); x.status != http.StatusUnprocessableEntity || strings.Contains(x.body, "/sign-in?decision=") || strings.Contains(x.body, key[40:80]) {
			t.Errorf("%s: %d %s", what, x.status, x.body)
		}
	}
	last := alice.get("/sign-in?decision=" + found(ask(certificate).body, `/sign-in\?decision=([0-9a-f-]+)`))
	action := found(last.body, `action="(/decide/[^"]+)"`)
	if last.status != http.StatusOK || action == "" || !strings.Contains(last.body, "CN=tracker of alice") || !strings.Contains(last.body, `<textarea id="secret"`) {
		t.Fatalf("%d %s", last.status, last.body)
	}
	if x := alice.post(last, action, url.Values{"secret": {strings.ReplaceAll(key, "\n", "\r\n")}}); x.status != http.StatusSeeOther {
		t.Fatalf("%d %s", x.status, x.body)
	}
	data = alice.get(app + "/data")
	if !strings.Contains(data.body, "CN=tracker of alice") || !strings.Contains(data.body, `data-annex-certificate="ending"`) || strings.Contains(data.body, "PRIVATE KEY") {
		t.Errorf("%s", data.body)
	}
}
