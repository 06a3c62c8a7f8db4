package attack

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/infra/credential"
)

// keyUser asks services by keys of the site's whatever it is told to, and looks around.
const keyUser = `
const { asApp, asUser, fetch } = __annex_require("@annex/api");
async function tried(what) {
  try { return await what(); } catch (err) { return { rejected: true, status: err.status, code: err.code, text: String(err.stack) + JSON.stringify(err) }; }
}
const read = async (res) => ({ status: res.status, text: await res.text(), headers: Object.fromEntries(res.headers) });
const attempt = ({ payload: { provider, remote, path = "x?a=1", as = asApp, ...init } }) => tried(async () => read(await as().withProvider(provider, remote).fetch(path, init)));
const asked = ({ payload }) => attempt({ payload: { ...payload, as: asUser } });
const plain = attempt;
const bare = ({ payload }) => tried(async () => read(await fetch(payload.url, payload)));
const searched = ({ payload }) => tried(async () => {
  const p = asApp().withProvider(payload.provider);
  globalThis.kept = [p, asUser().withProvider(payload.provider), await p.fetch("x"), attempt];
  return { text: JSON.stringify(search()) };
});
` + searcher

const keyProviders = `remotes:
  - {key: login, baseUrl: "https://login.keys.example"}
  - {key: api, baseUrl: "https://api.keys.example/v1"}
  - {key: other, baseUrl: "https://other.example"}
providers:
  auth:
    - {key: keyed, name: Keyed, type: api_key, remotes: [api], bearerMethod: {type: authorization-header, parameter: X-Api-Key}}
    - {key: queried, name: Queried, type: api_key, remotes: [api], bearerMethod: {type: uri-query, parameter: key}}
    - {key: signed, name: Signed, type: hmac, remotes: [api], bearerMethod: {type: authorization-header, parameter: X-Signature}}
    - {key: client, name: Client, type: client_credentials, scopes: [read], remotes: [api], actions: {exchange: {remote: login, path: /token, useBasicAuth: true}}}
`

// keyHolder is the service: it keeps what it was sent, and says it back in several ways.
type keyHolder struct {
	mu    sync.Mutex
	got   []*http.Request
	mints int
}

const mintedThere = "access-of-the-client-0123456789abcdef"

func (k *keyHolder) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	k.mu.Lock()
	defer k.mu.Unlock()
	if r.Host == "login.keys.example" {
		k.mints++
		_ = json.NewEncoder(w).Encode(map[string]any{"access_token": mintedThere, "expires_in": 3600})
		return
	}
	k.got = append(k.got, r)
	if r.URL.Path == "/v1/elsewhere" {
		http.Redirect(w, r, "https://other.example/?"+r.URL.RawQuery, http.StatusTemporaryRedirect)
		return
	}
	all := fmt.Sprint(r.Header, r.URL.RawQuery)
	w.Header().Set("X-Echo", r.Header.Get("X-Api-Key")+r.Header.Get("Authorization"))
	_, _ = fmt.Fprintf(w, "%s %s %s", all, url.QueryEscape(all), base64.StdEncoding.EncodeToString([]byte(all)))
}

// took is what came since it was asked last.
func (k *keyHolder) took() []*http.Request {
	k.mu.Lock()
	defer k.mu.Unlock()
	out := k.got
	k.got = nil
	return out
}

// SPEC 6, CONTRACTS 12: what a site's admin gives for a service (a key, a secret for
// signatures, a client's credentials) is used by the app and read by nobody, goes where the
// admin was shown, and ends with the installation.
func TestAttackReadSiteKeys(t *testing.T) {
	p := newPeople(t)
	service, other := &keyHolder{}, &backEnd{}
	for _, host := range []string{"login.keys.example", "api.keys.example"} {
		p.Host(t, host, service)
	}
	p.Host(t, "other.example", other)
	src := source{also: []string{"attempt", "asked", "bare", "searched", "plain"}, uses: []string{"keyed", "queried", "signed", "client"}, code: keyUser, after: keyProviders,
		egress: []string{"login.keys.example", "api.keys.example", "other.example"}}
	at := p.deploy("development", src)
	const secret = "s3cret of the site's+/4711"
	sends := []string{"https://api.keys.example"}
	give := func(token, key string, sends []string) answer {
		in := map[string]any{"sends": sends, "secret": secret}
		if key == "client" {
			in["client"] = "annex"
		}
		return p.api("PUT", "/api/v1/installations/"+at.installation+"/providers/"+key+"/credential", token, in)
	}
	var seen strings.Builder
	try := func(function string, payload map[string]any) got {
		g := at.as("alice", function, payload)
		fmt.Fprintln(&seen, g)
		return g
	}

	// Nobody but the site's admin, and for nothing but what is so.
	for who, a := range map[string]answer{"the developer": give(at.developer, "keyed", sends), "the admin, who was shown another place": give(at.admin, "keyed", []string{"https://other.example"})} {
		if a.status < 400 {
			t.Fatalf("%s gave a credential: %d", who, a.status)
		}
	}
	if g := try("attempt", map[string]any{"provider": "keyed"}); g.Code != "PROVIDER_NOT_CONFIGURED" || !strings.Contains(g.Text, "site-admin") {
		t.Fatalf("without a credential: %+v", g)
	}
	for _, key := range []string{"keyed", "queried", "signed"} {
		fmt.Fprintln(&seen, give(at.admin, key, sends).must(t).body)
	}
	// The client's by the console, where the secret is typed on the last page.
	alice, there := p.signedIn("alice"), "/apps/"+at.installation
	decided := func(form, last url.Values) {
		t.Helper()
		data := alice.get(there + "/data")
		vouch := alice.post(data, there+"/propose", form)
		decision := found(vouch.body, `/sign-in\?decision=([0-9a-f-]+)`)
		confirm := alice.get("/sign-in?decision=" + decision)
		if decision == "" || confirm.url.Path != "/decide/"+decision {
			t.Fatalf("%d %s: %s", vouch.status, confirm.url, vouch.body)
		}
		done := alice.post(confirm, "/decide/"+decision, last)
		if done.status != http.StatusSeeOther {
			t.Fatalf("%d %s", done.status, done.body)
		}
		fmt.Fprintln(&seen, data.body, vouch.body, confirm.body, done.body, alice.get(there+"/data").body)
	}
	if data := alice.get(there + "/data"); !strings.Contains(data.body, `data-annex-key="client"`) || !strings.Contains(data.body, "There is none") {
		t.Fatalf("the page of data: %s", data.body)
	}
	bob := p.signedIn("bob")
	if a := bob.post(bob.get("/my/apps"), there+"/propose", url.Values{"act": {"key"}, "provider": {"client"}, "sends": sends}); a.status < 400 {
		t.Errorf("a user proposed a credential: %d", a.status)
	}
	decided(url.Values{"act": {"key"}, "provider": {"client"}, "client": {"annex"}, "sends": append(slices.Clone(sends), "https://login.keys.example")}, url.Values{"secret": {secret}})
	if data := alice.get(there + "/data"); strings.Contains(data.body, "There is none") || !strings.Contains(data.body, "Nobody reads it") {
		t.Errorf("the page of data after it: %s", data.body)
	}
	fmt.Fprintln(&seen, string(p.api("GET", "/api/v1/installations/"+at.installation+"/providers", at.admin, nil).must(t).body))

	// Used, in place of what the app wrote there; with bodies too, and by whoever is present.
	for key, carries := range map[string]func(r *http.Request) bool{
		"keyed":   func(r *http.Request) bool { return r.Header.Get("X-Api-Key") == secret && r.Header["X_api_key"] == nil },
		"queried": func(r *http.Request) bool { return slices.Equal(r.URL.Query()["key"], []string{secret}) },
		"signed": func(r *http.Request) bool {
			stamp, mac, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("X-Signature"), "t="), ",v1=")
			return mac == credential.Signature(secret, stamp, "POST", "/v1/x?a=1&key=mine", []byte("body"))
		},
		"client": func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer "+mintedThere },
	} {
		for _, function := range []string{"attempt", "asked"} {
			g := try(function, map[string]any{"provider": key, "path": "x?a=1&key=mine", "method": "POST", "body": "body",
				"headers": map[string]string{"x-api-key": "mine", "x_api_key": "mine", "x-signature": "mine", "authorization": "mine"}})
			if took := service.took(); g.Status != http.StatusOK || len(took) != 1 || !carries(took[0]) {
				t.Fatalf("%s: %+v, sent %v", key, g, took)
			}
		}
		if g := try("searched", map[string]any{"provider": key}); g.Rejected || len(g.Text) < 1000 {
			t.Fatalf("the search finds nothing: %+v", g)
		}
		service.took()
	}
	// Nowhere else: by path, remote, redirect, or a function that does not say so.
	for _, path := range []string{"https://other.example/", "//other.example/", `\\other.example\`, "https://api.keys.example@other.example/", "https://api.keys.example:8443/", "https://login.keys.example/token"} {
		if g := try("attempt", map[string]any{"provider": "keyed", "path": path}); !g.Rejected {
			t.Errorf("%s: %+v", path, g)
		}
	}
	for _, remote := range []string{"login", "other"} {
		if g := try("attempt", map[string]any{"provider": "keyed", "remote": remote}); g.Code != "REMOTE_NOT_OF_PROVIDER" {
			t.Errorf("by the remote %s: %+v", remote, g)
		}
	}
	if g := try("attempt", map[string]any{"provider": "queried", "path": "elsewhere"}); g.Status != http.StatusTemporaryRedirect {
		t.Errorf("a redirect: %+v", g)
	}
	if g := try("plain", map[string]any{"provider": "keyed"}); g.Code != "PROVIDER_NOT_DECLARED" {
		t.Errorf("a function without the provider: %+v", g)
	}
	mints := service.mints
	if g := try("bare", map[string]any{"url": "https://login.keys.example/token", "method": "POST"}); !g.Rejected || service.mints != mints {
		t.Errorf("the app came to the token endpoint: %+v", g)
	}
	decided(url.Values{"act": {"no-key"}, "provider": {"queried"}}, url.Values{})
	if g := try("attempt", map[string]any{"provider": "queried"}); g.Code != "PROVIDER_NOT_CONFIGURED" {
		t.Errorf("taken away: %+v", g)
	}
	// The next version names another host; the admin agrees to that, and gave nothing for it.
	moved := src
	moved.after = strings.Replace(keyProviders, "https://api.keys.example/v1", "https://other.example/v1", 1)
	at.redeploy(moved)
	at.install()
	service.took()
	for _, key := range src.uses {
		if g := try("attempt", map[string]any{"provider": key}); g.Code != "PROVIDER_NOT_CONFIGURED" {
			t.Errorf("%s, whose host was changed: %+v", key, g)
		}
	}
	at.redeploy(src)
	at.install()
	if g := try("attempt", map[string]any{"provider": "keyed"}); g.Status != http.StatusOK {
		t.Errorf("back again: %+v", g)
	}
	if n := other.count(); n > 0 {
		t.Errorf("the other host was reached %d times", n)
	}
	// It ends with the installation.
	if a := at.uninstall(); a.status >= 300 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	at = at.install()
	if g := try("attempt", map[string]any{"provider": "keyed"}); g.Code != "PROVIDER_NOT_CONFIGURED" {
		t.Errorf("installed again, without the admin: %+v", g)
	}
	fmt.Fprint(&seen, p.log.String())
	for what, form := range map[string]string{"the secret": secret, "the client's token": mintedThere} {
		for _, text := range []string{form, url.QueryEscape(form), strings.Trim(base64.StdEncoding.EncodeToString([]byte("x" + form))[4:], "=")[:20], base64.StdEncoding.EncodeToString([]byte(form))[:20]} {
			if strings.Contains(seen.String(), text) {
				t.Errorf("%s is in what the app, the admin or the log reads, as %s", what, text)
			}
		}
	}
}
