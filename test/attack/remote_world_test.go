package attack

import (
	"encoding/base64"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
)

// caller asks its remotes whatever it is told to, and says what came of it.
const remoteCaller = `
const { invokeRemote, requestRemote } = __annex_require("@annex/api");
async function call(of, { remote, path = "/", method, headers, body }) {
  try {
    const res = await of(remote, { path, method, headers, body });
    return { status: res.status, text: await res.text(), headers: Object.fromEntries(res.headers) };
  } catch (err) { return { rejected: true, status: err.status, code: err.code, text: String(err.stack) + JSON.stringify(err) }; }
}
async function resolver({ payload }) { return call(invokeRemote, payload); }
async function plain({ payload }) { return call(requestRemote, payload); }
`

// backEnd is an app's remote, that keeps what it is sent.
type backEnd struct {
	mu     sync.Mutex
	got    []*http.Request
	bodies []string
	answer http.HandlerFunc
}

func (b *backEnd) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	b.mu.Lock()
	b.got, b.bodies = append(b.got, r), append(b.bodies, string(body))
	answer := b.answer
	b.mu.Unlock()
	if answer != nil {
		answer(w, r)
		return
	}
	w.Header().Set("Content-Type", "application/json")
	_, _ = w.Write([]byte(`{"ok":true}`))
}

func (b *backEnd) last(t *testing.T) *http.Request {
	t.Helper()
	b.mu.Lock()
	defer b.mu.Unlock()
	if len(b.got) == 0 {
		t.Fatal("the remote was not reached")
	}
	return b.got[len(b.got)-1]
}

func (b *backEnd) count() int {
	b.mu.Lock()
	defer b.mu.Unlock()
	return len(b.got)
}

// claimsOf are a token's claims, unverified.
func claimsOf(t *testing.T, authorization string) (out map[string]any) {
	t.Helper()
	parts := strings.Split(strings.TrimPrefix(authorization, "Bearer "), ".")
	if len(parts) != 3 {
		t.Fatalf("%q is no token", authorization)
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	if err != nil {
		t.Fatal(err)
	}
	return out
}

const remotesOf = `remotes:
  - key: home
    baseUrl: https://home.example.com/base
    operations: [compute]
    auth:
      appUserToken: {enabled: true}
      appSystemToken: {enabled: true}
  - key: second
    baseUrl: https://second.example.com
    operations: [compute]
    auth:
      appSystemToken: {enabled: true}
  - key: logs
    operations: [compute]
    configurable: {name: Log server, description: Where the logs go}
    auth:
      appSystemToken: {enabled: true}
`

// withRemotes is a deployment with Tracker and an app that has remotes: home and second
// are fixed, logs is set by an admin.
func withRemotes(t *testing.T) (*platform, place, map[string]*backEnd) {
	t.Helper()
	p := newPlatformWith(t, func(s *testenv.Setup) { s.NoProduct = false })
	at := p.deploy("development", source{also: []string{"resolver", "plain"}, scopes: []string{"read:jira-work", "read:app-user-token", "read:app-system-token"},
		code: remoteCaller, after: remotesOf})
	ends := map[string]*backEnd{}
	for _, name := range []string{"home", "second", "logs", "other"} {
		ends[name] = &backEnd{}
		p.Host(t, name+".example.com", ends[name])
	}
	return p, at, ends
}

func (at place) setRemote(key, url string) error {
	policy, err := at.p.System.Installs.Policy(at.p.ctx, id.Install(at.installation))
	if err == nil {
		_, err = at.p.System.Installs.SetRemote(at.p.ctx, at.siteAdmin(), id.Install(at.installation), key, url, "", policy.Epoch)
	}
	return err
}

// siteAdmin is an admin of the site.
func (at place) siteAdmin() id.Principal {
	return id.Principal{Kind: id.SiteAdmin, Account: "alice", Site: id.Site(at.siteID())}
}

// gateway asks the gateway as a remote does.
func (at place) gateway(remote, token, path string) answer {
	return at.p.send("GET", at.p.control(), "/gateway/"+at.installation+"/"+remote+path, http.Header{"Authorization": {"Bearer " + token}}, nil)
}
