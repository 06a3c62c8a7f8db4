package attack

import (
	"bufio"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"html"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"
)

const (
	verifier = "a-secret-that-nobody-but-this-program-has-0123456789"
	backTo   = "http://127.0.0.1:49152/back"
)

func challengeOf(verifier string) string {
	sum := sha256.Sum256([]byte(verifier))
	return base64.RawURLEncoding.EncodeToString(sum[:])
}

// registers is a program that gets an id (RFC 7591).
func (p *people) registers(name string, redirects ...string) (answer, string) {
	p.t.Helper()
	body, _ := json.Marshal(map[string]any{"client_name": name, "redirect_uris": redirects})
	a := p.send("POST", p.control(), "/oauth/register", http.Header{"Content-Type": {"application/json"}}, body)
	var out struct {
		ClientID string `json:"client_id"`
	}
	_ = json.Unmarshal([]byte(a.body), &out)
	return a, out.ClientID
}

// authorize is the address to which a program sends its user's browser.
func (p *people) authorize(site, client string, change url.Values) string {
	q := url.Values{"response_type": {"code"}, "client_id": {client}, "redirect_uri": {backTo}, "code_challenge": {challengeOf(verifier)}, "code_challenge_method": {"S256"},
		"resource": {p.resource(site)}, "state": {"the-state"}}
	for k, v := range change {
		q[k] = v
	}
	return "http://" + p.ui + "/my/programs/authorize?" + q.Encode()
}

// decides presses a button of the page that a program's address leads to, and gives the
// address to which the browser is led.
func (b *browser) decides(address, decision string) (*url.URL, page) {
	b.t.Helper()
	ask := b.get(address)
	if ask.status != http.StatusOK {
		return nil, ask
	}
	form := url.Values{"decision": {decision}}
	for name, value := range ask.url.Query() {
		form[name] = value
	}
	done := b.post(ask, "/my/programs/authorize", form)
	to, err := url.Parse(html.UnescapeString(found(done.body, `data-annex-leave href="([^"]*)"`)))
	if err != nil || to.Host == "" {
		return nil, done
	}
	return to, done
}

// redeems is the program fetching its token.
func (p *people) redeems(site, client, code string, change url.Values) (token, refusal string) {
	p.t.Helper()
	form := url.Values{"grant_type": {"authorization_code"}, "client_id": {client}, "code": {code}, "redirect_uri": {backTo}, "code_verifier": {verifier}, "resource": {p.resource(site)}}
	for k, v := range change {
		form[k] = v
	}
	_, out := p.oauth("/oauth/token", form)
	token, _ = out["access_token"].(string)
	refusal, _ = out["error"].(string)
	return token, refusal
}

// Issue 7: the page that asks shows where the browser would go as that is: no host in another
// script's letters, none that reads backwards, none with what nobody sees, however it is
// written; not in an id that was made by hand either.
func TestAttackShowAnotherHostThanTheBrowserGoesTo(t *testing.T) {
	p := newPeople(t)
	site := p.deploy("development", source{}).siteID()
	bob := p.signedIn("bob")
	for _, host := range []string{"\u0430pple.com", "evil.example\u202emoc.elppa", "%D0%B0pple.com", "evil.example%E2%80%AEmoc.elppa", "app\u200ble.com", "apple.com\uff0fevil.example", "apple.com\u2044.evil.example", "apple.com%EF%BC%8F.evil.example"} {
		to := "https://" + host + "/back"
		if a, _ := p.registers("x", to); a.status != http.StatusBadRequest || !strings.Contains(a.body, "xn--") {
			t.Errorf("%q is registered: %d %s", to, a.status, a.body)
		}
		raw, _ := json.Marshal(map[string]any{"n": "x", "r": []string{to}})
		ask := bob.get(p.authorize(site, "anx-client."+base64.RawURLEncoding.EncodeToString(raw), url.Values{"redirect_uri": {to}}))
		if ask.status < 400 || strings.Contains(ask.body, `value="allow"`) {
			t.Errorf("%q: %d %s", to, ask.status, ask.body)
		}
	}
	if a, _ := p.registers("x", "https://xn--pple-43d.com/back"); a.status != http.StatusCreated {
		t.Errorf("as names are written: %d %s", a.status, a.body)
	}
}

// Issue 7: a program that a browser comes back to is let in by the person who pressed the button,
// for one site's actions, once, and only the program that began gets the token; no link
// lets anybody in or leads a browser where no registered address is.
func TestAttackLetAProgramInByItsBrowser(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("development", source{also: []string{"me", "plain"}, modules: actionModules, code: actionCode})
	site := at.siteID()
	p.site("elsewhere")
	alice, bob := p.signedIn("alice"), p.signedIn("bob")
	a, client := p.registers("<b>helper</b>", backTo)
	if a.status != http.StatusCreated || client == "" {
		t.Fatalf("%d %s", a.status, a.body)
	}
	opens := func(token string) bool {
		return p.api("GET", "/mcp/"+site+"/actions", token, nil).status == http.StatusOK
	}

	for _, to := range []string{"http://evil.example/back", "https://u:p@evil.example/", "https://evil.example/#x", "javascript:alert(1)", "custom:/back", "//evil.example", ""} {
		if a, _ := p.registers("x", to); a.status != http.StatusBadRequest {
			t.Errorf("%q is registered: %d %s", to, a.status, a.body)
		}
	}
	// What is wrong leads nobody anywhere, and shows no button.
	for name, change := range map[string]url.Values{
		"another address": {"redirect_uri": {"https://evil.example/back"}}, "another path": {"redirect_uri": {"http://127.0.0.1:49152/other"}}, "no address": {"redirect_uri": {""}},
		"no program": {"client_id": {"helper"}}, "no challenge": {"code_challenge": {""}}, "a plain challenge": {"code_challenge_method": {"plain"}}, "a token in the address": {"response_type": {"token"}},
		"another resource": {"resource": {"https://evil.example/mcp/" + site}}, "another site": {"resource": {p.resource("elsewhere")}}, "more": {"scope": {"actions admin"}},
	} {
		ask := bob.get(p.authorize(site, client, change))
		if ask.status < 400 || strings.Contains(ask.body, `value="allow"`) || ask.url.Host != p.ui {
			t.Errorf("%s: %d at %s", name, ask.status, ask.url)
		}
	}
	// The page says the program's words as words, and where the browser goes.
	address := p.authorize(site, client, nil)
	ask := bob.get(address)
	if ask.status != http.StatusOK || strings.Contains(ask.body, "<b>helper") || !strings.Contains(ask.body, "127.0.0.1:49152") {
		t.Fatalf("%d %s", ask.status, ask.body)
	}
	// No link, no form of another page, lets it in.
	form := url.Values{"decision": {"allow"}, "form": {hidden(ask.body, "form")}}
	for name, value := range ask.url.Query() {
		form[name] = value
	}
	for _, origin := range []string{"http://evil.example", "null", "", "http://" + p.product} {
		if x := bob.open("POST", "/my/programs/authorize", origin, form); x.status != http.StatusForbidden {
			t.Errorf("a form of %q: %d", origin, x.status)
		}
	}
	if x := alice.open("POST", "/my/programs/authorize", "http://"+p.ui, form); x.status != http.StatusForbidden {
		t.Errorf("with what another one's page carries: %d", x.status)
	}
	if to, x := bob.decides(address, "deny"); to == nil || to.Query().Get("error") != "access_denied" || to.Query().Get("code") != "" || to.Query().Get("state") != "the-state" {
		t.Errorf("%v %d %s", to, x.status, x.body)
	}
	code := func() string {
		t.Helper()
		to, x := bob.decides(address, "allow")
		if to == nil || to.Host != "127.0.0.1:49152" || to.Query().Get("iss") != "http://"+p.control() || to.Query().Get("state") != "the-state" || to.Query().Get("code") == "" {
			t.Fatalf("%v %d %s", to, x.status, x.body)
		}
		return to.Query().Get("code")
	}
	// Only the program that began gets the token; who tries otherwise spends the code.
	_, other := p.registers("other", backTo)
	for name, change := range map[string]url.Values{
		"no secret": {"code_verifier": {""}}, "another secret": {"code_verifier": {strings.ToUpper(verifier)}}, "the challenge": {"code_verifier": {challengeOf(verifier)}},
		"another program": {"client_id": {other}}, "another address": {"redirect_uri": {"http://127.0.0.1:49153/back"}}, "another site": {"resource": {p.resource("elsewhere")}},
	} {
		code := code()
		if token, refusal := p.redeems(site, client, code, change); token != "" || refusal != "invalid_grant" {
			t.Errorf("%s: %q %q", name, token, refusal)
		}
		if token, refusal := p.redeems(site, client, code, nil); token != "" || refusal != "invalid_grant" {
			t.Errorf("after %s: %q %q", name, token, refusal)
		}
	}
	first := code()
	if token, refusal := p.redeems(site, client, first, url.Values{"resource": nil}); token != "" || refusal != "invalid_target" {
		t.Errorf("for nothing: %q %q", token, refusal)
	}
	token, refusal := p.redeems(site, client, first, nil)
	if token == "" || !opens(token) {
		t.Fatal(refusal)
	}
	if x := p.api("GET", "/api/v1/whoami", token, nil); x.status != http.StatusUnauthorized {
		t.Errorf("a program at the control API: %d", x.status)
	}
	if x := p.api("GET", "/mcp/elsewhere/actions", token, nil); x.status != http.StatusUnauthorized {
		t.Errorf("a program on another site: %d", x.status)
	}
	// A code that comes twice is in wrong hands: what it was given for ends.
	if again, refusal := p.redeems(site, client, first, nil); again != "" || refusal != "invalid_grant" || opens(token) {
		t.Errorf("a second time: %q %q, and the first token opens: %v", again, refusal, opens(token))
	}
	// Who signs out has let nobody in.
	late := code()
	bob.post(bob.get("/my/programs"), "/sign-out", url.Values{})
	if token, _ := p.redeems(site, client, late, nil); token != "" {
		t.Error("let in by somebody who signed out")
	}
}

// TestOfficialClient has the protocol's own client for Node be let in and call an action: see
// make test-mcp.
func TestOfficialClient(t *testing.T) {
	if os.Getenv("ANNEX_MCP_CLIENT") == "" {
		t.Skip("make test-mcp runs it")
	}
	p := newPeople(t)
	at := p.deploy("development", source{also: []string{"me", "plain"}, modules: actionModules, code: actionCode})
	dir, err := filepath.Abs("../mcp")
	if err != nil {
		t.Fatal(err)
	}
	bob := p.signedIn("bob")
	client := exec.CommandContext(t.Context(), "node", "client.js", p.resource(at.siteID()), "plain", `{"text":"hello"}`)
	client.Dir, client.Stderr = dir, os.Stderr
	out, err := client.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	in, err := client.StdinPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := client.Start(); err != nil {
		t.Fatal(err)
	}
	lines := bufio.NewScanner(out)
	lines.Buffer(nil, 1<<20)
	say := func(into any) {
		t.Helper()
		if !lines.Scan() {
			_ = in.Close()
			t.Fatal("the client ended: ", client.Wait())
		}
		if err := json.Unmarshal(lines.Bytes(), into); err != nil {
			t.Fatal(lines.Text(), err)
		}
	}
	var asked struct{ Open string }
	say(&asked)
	to, x := bob.decides(asked.Open, "allow")
	if to == nil {
		t.Fatalf("%s: %d %s", asked.Open, x.status, x.body)
	}
	if _, err := in.Write([]byte(to.String() + "\n")); err != nil {
		t.Fatal(err)
	}
	var done struct {
		Tools  int
		Answer struct{ Content []struct{ Text string } }
	}
	say(&done)
	if done.Tools != 2 || len(done.Answer.Content) != 1 || done.Answer.Content[0].Text != `{"text":"hello","as":"bob","key":"plain"}` {
		t.Errorf("%s", lines.Text())
	}
	if err := client.Wait(); err != nil {
		t.Error(err)
	}
}
