package tracker

import (
	"crypto/x509"
	"encoding/json"
	"encoding/pem"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"
	"go.yaml.in/yaml/v4"

	"github.com/annexhq/annex/productkit"
)

const (
	annexOrigin = "https://api.annex.test"
	annexSite   = "site-1"
)

// platform stands for the Annex server that Tracker is connected to: it makes tokens.
type platform struct {
	t   *testing.T
	key *productkit.Key
	pem []byte
}

// connected is a Tracker that takes an Annex server's calls, served.
func connected(t *testing.T, file string) (*httptest.Server, *Tracker, *platform) {
	t.Helper()
	key, err := productkit.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	pem, err := key.MarshalPEM()
	if err != nil {
		t.Fatal(err)
	}
	tr, err := New(Config{File: file, Users: people, URL: "http://tracker.test"})
	if err != nil {
		t.Fatal(err)
	}
	keys, err := productkit.ParseKeySet(productkit.PublicKeys(key))
	if err != nil {
		t.Fatal(err)
	}
	if err := tr.TakeCalls(Calls{Issuer: annexOrigin, Site: annexSite, Keys: keys}); err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(tr)
	t.Cleanup(s.Close)
	return s, tr, &platform{t, key, pem}
}

// token makes an access token; change may spoil it.
func (p *platform) token(subject, scope string, change func(claims map[string]any)) string {
	p.t.Helper()
	now := time.Now().Unix()
	claims := map[string]any{
		"iss": annexOrigin, "aud": "tracker", "sub": subject, "client_id": "app-1", "act": map[string]any{"sub": "app:inst-1", "name": "Time sheets"},
		"scope": scope, "site": annexSite, "installation": "inst-1", "iat": now, "exp": now + 60, "jti": "0123456789abcdef",
	}
	if change != nil {
		change(claims)
	}
	payload, err := json.Marshal(claims)
	if err != nil {
		p.t.Fatal(err)
	}
	private := jose.JSONWebKey{KeyID: p.key.ID(), Key: parsePEM(p.t, p.pem)}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: private}, (&jose.SignerOptions{}).WithType("at+jwt"))
	if err != nil {
		p.t.Fatal(err)
	}
	signed, err := signer.Sign(payload)
	if err != nil {
		p.t.Fatal(err)
	}
	out, err := signed.CompactSerialize()
	if err != nil {
		p.t.Fatal(err)
	}
	return out
}

func call(t *testing.T, s *httptest.Server, token, method, path, body string) (int, map[string]any, http.Header) {
	t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("Authorization", "Bearer "+token)
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	var out map[string]any
	_ = json.Unmarshal(raw, &out)
	return res.StatusCode, out, res.Header
}

const everything = "read:jira-work write:jira-work read:jira-user manage:jira-project manage:jira-configuration"

// What an app may do is what its token's scope and its user's rights both allow.
func TestEffectiveRightsAreBoth(t *testing.T) {
	s, _, p := connected(t, "")
	alice, bob, self := p.token("user:alice", everything, nil), p.token("user:bob", everything, nil), p.token("app:inst-1", everything, nil)
	aliceReads := p.token("user:alice", "read:jira-work", nil)
	project := `{"key":"NEW","name":"New","isPrivate":true}`
	for _, c := range []struct {
		name, token, method, path, body string
		want                            int
	}{
		{"a private project, as its member", alice, "GET", "/rest/api/3/project/PLAN", "", 200},
		{"a private project, as Bob", bob, "GET", "/rest/api/3/project/PLAN", "", 404},
		{"a private project, as the app", self, "GET", "/rest/api/3/project/PLAN", "", 404},
		{"its statuses, as Bob", bob, "GET", "/rest/api/3/project/PLAN/statuses", "", 404},
		{"a private issue, as its member", alice, "GET", "/rest/api/3/issue/PLAN-1", "", 200},
		{"a private issue, as Bob", bob, "GET", "/rest/api/3/issue/PLAN-1", "", 404},
		{"a private issue, as the app", self, "GET", "/rest/api/3/issue/PLAN-1", "", 404},
		{"its comments, as Bob", bob, "GET", "/rest/api/3/issue/PLAN-1/comment", "", 404},
		{"its history, as Bob", bob, "GET", "/rest/api/3/issue/PLAN-1/changelog", "", 404},
		{"its properties, as Bob", bob, "GET", "/rest/api/3/issue/PLAN-1/properties", "", 404},
		{"a property of it, as the app", self, "PUT", "/rest/api/3/issue/PLAN-1/properties/x", "1", 404},
		{"a change of it, as Bob", bob, "PUT", "/rest/api/3/issue/PLAN-1", `{"fields":{"summary":"x"}}`, 404},
		{"a comment on it, as the app", self, "POST", "/rest/api/2/issue/PLAN-1/comment", `{"body":"x"}`, 404},
		{"a move of it, as Bob", bob, "POST", "/rest/api/3/issue/PLAN-1/transitions", `{"transition":{"id":"3"}}`, 404},
		{"an issue in it, as Bob", bob, "POST", "/rest/api/3/issue", `{"fields":{"project":{"key":"PLAN"},"summary":"x"}}`, 400},
		{"an issue for all, as the app", self, "GET", "/rest/api/3/issue/DEMO-1", "", 200},
		{"a change, as the app", self, "PUT", "/rest/api/3/issue/DEMO-1", `{"fields":{"summary":"x"}}`, 204},
		{"deleting, as the app", self, "DELETE", "/rest/api/3/issue/DEMO-2", "", 403},
		{"deleting, as Bob", bob, "DELETE", "/rest/api/3/issue/DEMO-2", "", 403},
		{"deleting, as an admin, without the scope", aliceReads, "DELETE", "/rest/api/3/issue/DEMO-2", "", 403},
		{"deleting, as an admin", alice, "DELETE", "/rest/api/3/issue/DEMO-2", "", 204},
		{"a project, as Bob", bob, "POST", "/rest/api/3/project", project, 403},
		{"a project, as the app", self, "POST", "/rest/api/3/project", project, 403},
		{"a project, as an admin, without the scope", aliceReads, "POST", "/rest/api/3/project", project, 403},
		{"a project, as an admin", alice, "POST", "/rest/api/3/project", project, 201},
		{"the records, as Bob", bob, "GET", "/rest/api/3/auditing/record", "", 403},
		{"the records, as the app", self, "GET", "/rest/api/3/auditing/record", "", 403},
		{"the records, as an admin, without the scope", aliceReads, "GET", "/rest/api/3/auditing/record", "", 403},
		{"somebody who is not here", p.token("user:eve", everything, nil), "GET", "/rest/api/3/serverInfo", "", 401},
		{"a user with an app's id", p.token("user:app:inst-1", everything, nil), "GET", "/rest/api/3/serverInfo", "", 401},
		{"no scope, where none is needed", p.token("app:inst-1", "", nil), "GET", "/rest/api/3/serverInfo", "", 200},
	} {
		if got, body, _ := call(t, s, c.token, c.method, c.path, c.body); got != c.want {
			t.Errorf("%s: %d, want %d (%v)", c.name, got, c.want, body)
		}
	}
	for name, want := range map[string]float64{alice: 5, bob: 4, self: 4} { // DEMO-2 is gone
		if _, out, _ := call(t, s, name, "GET", "/rest/api/3/search", ""); out["total"] != want {
			t.Errorf("a search finds %v, not %v", out["total"], want)
		}
	}
	_, found, _ := call(t, s, bob, "POST", "/rest/api/3/search/jql", `{"jql":"project = PLAN"}`)
	if n := len(found["issues"].([]any)); n != 0 {
		t.Errorf("Bob finds %d issues of a private project", n)
	}
}

// Each operation demands the scope that the document says, of Annex's tokens only.
func TestScopesAreTheDocuments(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]yaml.Node `yaml:"paths"`
	}
	if err := yaml.Unmarshal(OpenAPI, &doc); err != nil {
		t.Fatal(err)
	}
	s, _, p := connected(t, "")
	all, seen := strings.Fields(everything), 0
	for path, methods := range doc.Paths {
		for m, node := range methods {
			if m == "parameters" {
				continue
			}
			var op struct {
				Security []map[string][]string `yaml:"security"`
			}
			if err := node.Decode(&op); err != nil || len(op.Security) == 0 {
				t.Fatalf("%s %s: %v", m, path, err)
			}
			needs := op.Security[0]["app"]
			at := strings.NewReplacer("{issue}", "DEMO-1", "{project}", "DEMO", "{comment}", "1", "{property}", "p").Replace(path)
			for _, at := range []string{at, strings.Replace(at, "/3/", "/2/", 1)} {
				if len(needs) > 0 {
					others := slices.DeleteFunc(slices.Clone(all), func(s string) bool { return slices.Contains(needs, s) })
					code, body, h := call(t, s, p.token("user:bob", strings.Join(others, " "), nil), strings.ToUpper(m), at, "{}")
					if code != 403 || h.Get("WWW-Authenticate") != `Bearer error="insufficient_scope", scope="`+needs[0]+`"` {
						t.Errorf("%s %s without %s: %d %v %q", m, at, needs, code, body, h)
					}
				}
				code, _, h := call(t, s, p.token("user:bob", strings.Join(needs, " "), nil), strings.ToUpper(m), at, "{}")
				if code == 401 || code == 405 || h.Get("WWW-Authenticate") != "" {
					t.Errorf("%s %s with %s: %d", m, at, needs, code)
				}
				seen++
			}
		}
	}
	if seen < 60 {
		t.Errorf("only %d operations", seen)
	}
}

// A token opens nothing elsewhere, nor later, nor beside other credentials.
func TestTokensThatAreRefused(t *testing.T) {
	s, _, p := connected(t, "")
	set := func(name string, value any) func(map[string]any) { return func(c map[string]any) { c[name] = value } }
	good := p.token("user:alice", everything, nil)
	stranger, _, other := connected(t, "")
	now := time.Now().Unix()
	for name, token := range map[string]string{
		"of another product":     p.token("user:alice", everything, set("aud", "wiki")),
		"of another server":      p.token("user:alice", everything, set("iss", "https://api.other.test")),
		"of another site":        p.token("user:alice", everything, set("site", "site-2")),
		"expired":                p.token("user:alice", everything, func(c map[string]any) { c["iat"], c["exp"] = now-100, now-40 }),
		"signed by another":      other.token("user:alice", everything, nil),
		"another installation's": p.token("app:inst-2", everything, nil),
		"nothing":                "", "a password": "wonder", "cut": good[:len(good)-2],
	} {
		code, body, h := call(t, s, token, "GET", "/rest/api/3/myself", "")
		if code != 401 || h.Get("WWW-Authenticate") != `Bearer error="invalid_token"` {
			t.Errorf("%s: %d %v", name, code, body)
		}
	}
	if code, _, _ := call(t, stranger, good, "GET", "/rest/api/3/myself", ""); code != 401 {
		t.Errorf("on another Tracker: %d", code)
	}
	for name, headers := range map[string][]string{"two tokens": {"Bearer " + good, "Bearer " + good}, "a token after a password": {"Basic YWxpY2U6d29uZGVy", "Bearer " + good}} {
		req, _ := http.NewRequest("GET", s.URL+"/rest/api/3/myself", nil)
		req.Header["Authorization"] = headers
		res, err := http.DefaultClient.Do(req)
		if err != nil {
			t.Fatal(err)
		}
		res.Body.Close()
		if res.StatusCode != 401 {
			t.Errorf("%s: %d", name, res.StatusCode)
		}
	}
	// Pages are for people.
	if code, body, _ := call(t, s, good, "GET", "/records", ""); code != 200 || body != nil { // the sign-in page, by redirect
		t.Errorf("a page by token: %d %v", code, body)
	}
	alone := serve(t, "")
	if code, _, _ := call(t, alone, good, "GET", "/rest/api/3/myself", ""); code != 401 {
		t.Errorf("a Tracker without Annex: %d", code)
	}
}

// Who did what, by which app, on whose behalf.
func TestRecordsNameTheApp(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tracker.json")
	s, _, p := connected(t, file)
	comment := func(subject string) map[string]any {
		code, c, _ := call(t, s, p.token(subject, everything, nil), "POST", "/rest/api/2/issue/DEMO-1/comment", `{"body":"hello"}`)
		if code != 201 {
			t.Fatalf("%s: %d %v", subject, code, c)
		}
		return c
	}
	name := func(v any) any { return v.(map[string]any)["displayName"] }
	if c := comment("user:alice"); name(c["author"]) != "Alice" || name(c["via"]) != "Time sheets" {
		t.Errorf("%v", c)
	}
	if c := comment("app:inst-1"); name(c["author"]) != "Time sheets" || c["author"].(map[string]any)["accountType"] != "app" {
		t.Errorf("%v", c)
	}
	if code, _ := do(t, s, "bob", "PUT", "/rest/api/3/issue/DEMO-1", `{"fields":{"summary":"by hand"}}`); code != 204 {
		t.Fatal(code)
	}
	if code, _, _ := call(t, s, p.token("user:bob", everything, nil), "PUT", "/rest/api/3/issue/DEMO-1", `{"fields":{"summary":"by app"}}`); code != 204 {
		t.Fatal(code)
	}
	_, log := do(t, s, "bob", "GET", "/rest/api/3/issue/DEMO-1/changelog", "")
	if v := log["values"].([]any); len(v) != 2 || v[0].(map[string]any)["via"] != nil || name(v[1].(map[string]any)["via"]) != "Time sheets" || name(v[1].(map[string]any)["author"]) != "Bob" {
		t.Errorf("%v", v)
	}
	s.Close()
	s, _, _ = connected(t, file) // a restart knows the app's name
	_, out := do(t, s, "alice", "GET", "/rest/api/3/auditing/record", "")
	var who []string
	for _, r := range out["records"].([]any) {
		x := r.(map[string]any)
		who = append(who, x["description"].(string)+": "+x["summary"].(string))
	}
	want := []string{"Time sheets on behalf of Bob: issue.edit", "Bob: issue.edit", "Time sheets: comment.add", "Time sheets on behalf of Alice: comment.add"}
	if !slices.Equal(who, want) {
		t.Errorf("%q", who)
	}
	_, comments := do(t, s, "bob", "GET", "/rest/api/2/issue/DEMO-1/comment", "")
	if c := comments["comments"].([]any); name(c[1].(map[string]any)["author"]) != "Time sheets" {
		t.Errorf("%v", c)
	}
	jar, _ := cookiejar.New(nil)
	browser := &http.Client{Jar: jar}
	for _, login := range []struct{ user, password string }{{"bob", "builder"}, {"alice", "wonder"}} {
		res, err := browser.PostForm(s.URL+"/login", url.Values{"login": {login.user}, "password": {login.password}, "next": {"/records"}})
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(res.Body)
		res.Body.Close()
		if got := strings.Contains(string(raw), "Time sheets on behalf of Alice"); got != (login.user == "alice") {
			t.Errorf("%s sees %s", login.user, raw)
		}
	}
}

// An e-mail address is no part of an issue for an app that may read work only.
func TestAddressesNeedTheirScope(t *testing.T) {
	s, _, p := connected(t, "")
	for scope, want := range map[string]bool{"read:jira-work": false, "read:jira-work read:jira-user": true} {
		_, issue, _ := call(t, s, p.token("user:bob", scope, nil), "GET", "/rest/api/3/issue/DEMO-1", "")
		reporter := issue["fields"].(map[string]any)["reporter"].(map[string]any)
		if _, has := reporter["emailAddress"]; has != want {
			t.Errorf("%s: %v", scope, reporter)
		}
	}
}

// Tracker's key is made once, kept for its owner, and served by its public half.
func TestKeyIsKept(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.pem")
	var ids []string
	for range 2 {
		tr, err := New(Config{Users: people, KeyFile: file})
		if err != nil {
			t.Fatal(err)
		}
		s := httptest.NewServer(tr)
		res, err := http.Get(s.URL + "/.well-known/annex-keys.json")
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := io.ReadAll(res.Body)
		res.Body.Close()
		s.Close()
		keys, err := productkit.ParseKeySet(raw)
		if err != nil {
			t.Fatal(err)
		}
		assertion, err := productkit.SignUser(tr.Key(), productkit.User{Product: "tracker", Audience: "https://ui.annex.test", Site: annexSite, ID: "bob", Name: "Bob",
			Locale: "en", Timezone: "Europe/Berlin", AuthTime: time.Now()})
		if err != nil {
			t.Fatal(err)
		}
		if _, err := productkit.VerifyUser(t.Context(), assertion, productkit.Expect{Product: "tracker", Audience: "https://ui.annex.test", Keys: keys}); err != nil {
			t.Error(err)
		}
		ids = append(ids, tr.Key().ID())
	}
	if ids[0] != ids[1] {
		t.Error("the key changed")
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
}

func parsePEM(t *testing.T, text []byte) any {
	t.Helper()
	block, _ := pem.Decode(text)
	key, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		t.Fatal(err)
	}
	return key
}

// What a user may do is asked of the user's own rights: what they may not see is left out,
// and nobody asks about somebody else.
func TestCheckPermissions(t *testing.T) {
	s := serve(t, "")
	project := func(key string) string {
		_, p := do(t, s, "alice", "GET", "/rest/api/3/project/"+key, "")
		id, _ := p["id"].(string)
		return id
	}
	demo, plan := project("DEMO"), project("PLAN")
	_, issue := do(t, s, "alice", "GET", "/rest/api/3/issue/PLAN-1", "")
	body := `{"globalPermissions":["ADMINISTER"],"projectPermissions":[{"permissions":["EDIT_ISSUES","ADMINISTER_PROJECTS"],"projects":["` + demo + `",` + plan + `,"x"],"issues":["` + issue["id"].(string) + `"]}]}`
	for user, want := range map[string]string{
		"alice": `{"globalPermissions":["ADMINISTER"],"projectPermissions":[` +
			`{"issues":[` + issue["id"].(string) + `],"permission":"EDIT_ISSUES","projects":[` + demo + `,` + plan + `]},` +
			`{"issues":[` + issue["id"].(string) + `],"permission":"ADMINISTER_PROJECTS","projects":[` + demo + `,` + plan + `]}]}`,
		"bob": `{"globalPermissions":[],"projectPermissions":[{"issues":[],"permission":"EDIT_ISSUES","projects":[` + demo + `]},{"issues":[],"permission":"ADMINISTER_PROJECTS","projects":[]}]}`,
	} {
		code, out := do(t, s, user, "POST", "/rest/api/3/permissions/check", body)
		if have, _ := json.Marshal(out); code != 200 || string(have) != want {
			t.Errorf("%s: %d %s, not %s", user, code, have, want)
		}
	}
	if code, _ := do(t, s, "bob", "POST", "/rest/api/3/permissions/check", `{"accountId":"alice","globalPermissions":["ADMINISTER"]}`); code != 403 {
		t.Errorf("about another: %d", code)
	}
}
