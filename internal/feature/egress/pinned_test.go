package egress

import (
	"compress/gzip"
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

const token = "gho_16C7e42F292c6912E7710c838347Ae178B4a/+"

// pinnedBench is a bench whose policy names two remotes and a provider.
func pinnedBench(t *testing.T) (*bench, func(kind, key, remote, base string) Destination) {
	return pinnedBenchOf(t, Config{})
}

func pinnedBenchOf(t *testing.T, cfg Config) (*bench, func(kind, key, remote, base string) Destination) {
	b := newBench(t, cfg, nil)
	b.policy.Set.Remotes = []perm.Remote{
		{Key: "api", Endpoints: map[string]string{"default": "https://api.example.com/v1"}},
		{Key: "login", Endpoints: map[string]string{"default": "https://login.example.com"}},
		{Key: "other", Endpoints: map[string]string{"default": "https://other.example.com"}},
	}
	b.policy.Set.Providers = []perm.Provider{{
		Key: "p", Remotes: []string{"api"},
		Actions: []string{"authorization login /authorize", "exchange login /oauth/token", `mint api /v1/tokens {"x":1}`},
	}}
	return b, func(kind, key, remote, base string) Destination {
		u, err := hostrule.ParseBaseURL(base)
		if err != nil {
			t.Fatal(err)
		}
		return Destination{
			Kind: kind, Key: key, Remote: remote, Base: u, Secrets: [][]byte{[]byte(token)},
			Inject: func(r *http.Request) error { r.Header.Set("Authorization", "Bearer "+token); return nil },
		}
	}
}

func TestPinnedGoesToWhatThePolicyNames(t *testing.T) {
	b, to := pinnedBench(t)
	var got *http.Request
	for _, host := range []string{"api.example.com", "login.example.com", "other.example.com", "evil.test"} {
		b.world.Host(t, host, http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { got = r; fmt.Fprint(w, "fine") }))
	}
	c := &call.Call{ID: "c-1", Kind: call.WebTrigger}
	for _, tt := range []struct {
		kind, key, remote, base, path string
		want                          string // the URL that is asked; "" for none
	}{
		{ToRemote, "api", "", "https://api.example.com/v1", "/me?x=1", "https://api.example.com/v1/me?x=1"},
		{ToProvider, "p", "api", "https://api.example.com/v1", "me", "https://api.example.com/v1/me"},
		{ToProvider, "p", "api", "https://api.example.com/v1", "/v2/me", "https://api.example.com/v2/me"},
		{ToProvider, "p", "login", "https://login.example.com", "/userinfo", "https://login.example.com/userinfo"},
		{ToRemote, "api", "", "https://evil.test", "/", ""},
		{ToRemote, "api", "", "https://api.example.com:8443/v1", "/", ""},
		{ToRemote, "api", "", "https://api.example.com/v1", "/../v2", ""},
		{ToRemote, "none", "", "https://api.example.com/v1", "/", ""},
		{ToProvider, "p", "other", "https://other.example.com", "/", ""},
		{ToProvider, "q", "api", "https://api.example.com/v1", "/", ""},
		{ToProvider, "p", "api", "https://api.example.com/v1", "//evil.test/", ""},
		{ToProvider, "p", "api", "https://api.example.com/v1", "https://evil.test/", ""},
		{ToProvider, "p", "login", "https://login.example.com", "/oauth/token", ""},
		{ToProvider, "p", "login", "https://login.example.com", "/OAUTH//%74oken/", ""},
		{ToProvider, "p", "api", "https://api.example.com/v1", "/v1/tokens/1", ""},
		{ToProvider, "p", "api", "https://api.example.com/v1", "tokens", ""},
	} {
		got = nil
		ask := Ask{Path: tt.path, Headers: [][2]string{{"Authorization", "Bearer mine"}, {"Cookie", "a=b"}, {"X-Own", "1"}}}
		a, u, err := b.broker.pinned(t.Context(), b.policy, c, to(tt.kind, tt.key, tt.remote, tt.base), ask)
		if tt.want == "" {
			wantFault(t, err, fault.Denied, CodeDenied)
			if got != nil {
				t.Errorf("%+v: a byte left", tt)
			}
			continue
		}
		if err != nil || string(a.Body) != "fine" || u.String() != tt.want {
			t.Fatalf("%+v: %s, %v", tt, u, err)
		}
		if h := got.Header; h.Get("Authorization") != "Bearer "+token || h.Get("Cookie") != "" || h.Get("X-Own") != "1" || len(h["Authorization"]) != 1 {
			t.Errorf("%+v: headers %v", tt, h)
		}
	}
	b.told.mu.Lock()
	defer b.told.mu.Unlock()
	if d := b.told.allowed[1]; d.Type != "PROVIDER" || d.AllowedBy != "providers.auth: p, remotes: api" || d.Host != "api.example.com" {
		t.Errorf("decision %+v", d)
	}
}

// What an app could fetch where credentials are given out would be one.
func TestFetchDoesNotReachTokenEndpoints(t *testing.T) {
	b, _ := pinnedBench(t)
	b.policy.Set.Egress = policyFor(t, "i-1", "*").Set.Egress
	b.world.Host(t, "login.example.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fine") }))
	for _, path := range []string{"/oauth/token", "/oauth/token/", "/oauth/x/../token?x", "/oauth/%2574oken", "/Oauth/Token;x"} {
		_, err := b.fetch(t.Context(), get("https://login.example.com"+path), nil)
		wantFault(t, err, fault.Denied, CodeDenied)
	}
	for _, path := range []string{"/", "/oauth", "/oauth/tokens", "/authorize"} {
		if _, err := b.fetch(t.Context(), get("https://login.example.com"+path), nil); err != nil {
			t.Errorf("%s: %v", path, err)
		}
	}
}

func TestPinnedFollowsNoRedirect(t *testing.T) {
	b, to := pinnedBench(t)
	asked := 0
	b.world.Host(t, "api.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		http.Redirect(w, r, "https://other.example.com/?"+r.Header.Get("Authorization"), http.StatusTemporaryRedirect)
	}))
	b.world.Host(t, "other.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { asked++ }))
	a, err := b.broker.PinnedAnswer(t.Context(), b.policy, &call.Call{ID: "c-1"}, to(ToRemote, "api", "", "https://api.example.com/v1"), Ask{Path: "/"})
	if err != nil || a.Status != 307 || asked != 0 {
		t.Fatalf("%d, asked %d, %v", a.Status, asked, err)
	}
	if strings.Contains(fmt.Sprint(a.Headers), "gho_") || a.Echoes == 0 {
		t.Errorf("the credential came back in a header: %v", a.Headers)
	}
}

func TestEchoesAreTakenOut(t *testing.T) {
	b, to := pinnedBench(t)
	b.world.Host(t, "api.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Echo", r.Header.Get("Authorization"))
		w.Header().Set(r.Header.Get("Authorization")[7:23], "name")
		w.Header().Set("Content-Encoding", "gzip")
		z := gzip.NewWriter(w)
		fmt.Fprintf(z, "before %s after ", token)
		_ = z.Flush()
		fmt.Fprint(z, base64.StdEncoding.EncodeToString([]byte("user:"+token))+" end")
		_ = z.Close()
	}))
	reply, err := b.broker.Pinned(t.Context(), b.policy, &call.Call{ID: "c-1"}, to(ToRemote, "api", "", "https://api.example.com/v1"),
		Ask{Path: "/", Headers: [][2]string{{"Accept-Encoding", "zstd"}}})
	if err != nil {
		t.Fatal(err)
	}
	if got := string(reply.Body); !strings.HasPrefix(got, "before [redacted] after ") || !strings.HasSuffix(got, " end") || strings.Count(got, "[redacted]") != 2 {
		t.Errorf("body %q", got)
	}
	if strings.Contains(string(reply.Head), token[:12]+"C7e") || !strings.Contains(string(reply.Head), "Bearer [redacted]") {
		t.Errorf("head %s", reply.Head)
	}
	b.told.mu.Lock()
	defer b.told.mu.Unlock()
	if d := b.told.allowed[0]; d.Echoes != 3 {
		t.Errorf("%d echoes were told", d.Echoes)
	}
}

// A credential's own code cannot send it elsewhere.
func TestInjectDoesNotChangeTheDestination(t *testing.T) {
	b, to := pinnedBench(t)
	b.world.Host(t, "evil.test", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { t.Error("it went elsewhere") }))
	for _, change := range []func(*http.Request){
		func(r *http.Request) { r.URL.Host = "evil.test" },
		func(r *http.Request) { r.URL.Scheme = "http" },
		func(r *http.Request) { r.Host = "evil.test" },
	} {
		d := to(ToRemote, "api", "", "https://api.example.com/v1")
		d.Inject = func(r *http.Request) error { change(r); return nil }
		_, err := b.broker.Pinned(t.Context(), b.policy, &call.Call{ID: "c-1"}, d, Ask{Path: "/"})
		wantFault(t, err, fault.Internal, "DESTINATION_CHANGED")
	}
}

// A call has one allowance, whichever way its requests leave.
func TestPinnedSharesTheAllowanceOfItsCall(t *testing.T) {
	b, to := pinnedBench(t)
	b.broker.cfg.PerMinute = 2
	b.policy.Set.Egress = policyFor(t, "i-1", "api.example.com").Set.Egress
	b.world.Host(t, "api.example.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "fine") }))
	c := &call.Call{ID: "c-1", Kind: call.WebTrigger, Installation: "i-1"}
	b.handle = b.broker.Bind(call.Binding{Call: c, Policy: b.policy})
	if _, err := b.fetch(t.Context(), get("https://api.example.com/"), nil); err != nil {
		t.Fatal(err)
	}
	d := to(ToRemote, "api", "", "https://api.example.com/v1")
	if _, err := b.broker.Pinned(t.Context(), b.policy, c, d, Ask{Path: "/"}); err != nil {
		t.Fatal(err)
	}
	_, err := b.broker.Pinned(t.Context(), b.policy, c, d, Ask{Path: "/"})
	wantFault(t, err, fault.Limit, "LIMIT_OUTBOUND_REQUESTS")
	_, err = b.fetch(t.Context(), get("https://api.example.com/"), nil)
	wantFault(t, err, fault.Limit, "LIMIT_OUTBOUND_REQUESTS")
}
