package provider_test

import (
	"encoding/json"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/provider"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
)

func TestConnectAndUse(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		_, err := w.fetch(alice, "on-tracker", "things")
		want(t, err, needs)
		w.connect(alice, "on-tracker")
		reply, err := w.fetch(alice, "on-tracker", "things?x=1")
		if err != nil || !strings.Contains(string(reply.Body), `"path": "/v1/things?x=1"`) {
			t.Fatalf("%s, %v", reply.Body, err)
		}
		reply, err = ask(w, w.Service, alice, "on-tracker", "index.use", "accounts", map[string]any{"provider": "music"})
		if err != nil || string(reply.Head) != `{"accounts":[{"displayName":"Alice of Music","id":"1","scopes":["read","write"]}]}` {
			t.Errorf("accounts %s, %v", reply.Head, err)
		}
		t.Run("another user's is not used", func(t *testing.T) {
			_, err := w.fetch(bob, "on-tracker", "things")
			want(t, err, needs)
			_, err = ask(w, w.Service, bob, "on-tracker", "index.use", "fetch", map[string]any{"provider": "music", "url": "x", "account": "1"})
			want(t, err, needs)
		})
		t.Run("nobody is present", func(t *testing.T) {
			_, err := w.fetch(id.Principal{Kind: id.Application, Site: "s", Install: "on-tracker"}, "on-tracker", "things")
			want(t, err, needs)
		})
		t.Run("a function that does not say so", func(t *testing.T) {
			_, err := ask(w, w.Service, alice, "on-tracker", "index.plain", "fetch", map[string]any{"provider": "music", "url": "x"})
			want(t, err, "PROVIDER_NOT_DECLARED")
		})
		t.Run("a second product of the site that knows the person", func(t *testing.T) {
			wiki := alice
			wiki.Product = "wiki"
			if _, err := w.fetch(wiki, "on-wiki", "things"); err != nil {
				t.Error(err)
			}
		})
		t.Run("one that does not, and another site", func(t *testing.T) {
			other := alice
			other.Product = "alone"
			_, err := w.fetch(other, "on-alone", "things")
			want(t, err, needs)
			far := alice
			far.Site = "s2"
			_, err = w.fetch(far, "on-s2", "things")
			want(t, err, needs)
		})
		t.Run("what the app wrote in its place is gone", func(t *testing.T) {
			_, err := ask(w, w.Service, alice, "on-tracker", "index.use", "fetch", map[string]any{
				"provider": "music", "url": "x", "headers": [][2]string{{"authorization", "Bearer mine"}, {"X-Own", "1"}},
			})
			r := w.music.seen[len(w.music.seen)-1]
			if err != nil || len(r.Header["Authorization"]) != 1 || r.Header.Get("Authorization") == "Bearer mine" || r.Header.Get("X-Own") != "1" {
				t.Errorf("%v, %v", r.Header, err)
			}
		})
		t.Run("another remote", func(t *testing.T) {
			_, err := ask(w, w.Service, alice, "on-tracker", "index.use", "fetch", map[string]any{"provider": "music", "remote": "other", "url": "x"})
			want(t, err, "REMOTE_NOT_OF_PROVIDER")
		})
		t.Run("nothing of it is readable in the database", func(t *testing.T) {
			var sealed []byte
			if err := d.QueryRow(t.Context(), `SELECT tokens FROM provider_accounts WHERE site_id = 's'`).Scan(&sealed); err != nil || strings.Contains(string(sealed), "access-") {
				t.Error(err)
			}
			if _, err := d.Exec(t.Context(), `UPDATE provider_accounts SET user_id = 'bob' WHERE site_id = 's'`); err != nil {
				t.Fatal(err)
			}
			if _, err := w.fetch(bob, "on-tracker", "things"); err == nil {
				t.Error("a row that was moved to another user opens")
			}
		})
	})
}

func TestScopesGrowing(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.connect(alice, "on-tracker", "read")
	has := func(scopes ...string) bool {
		reply, err := ask(w, w.Service, alice, "on-tracker", "index.use", "has", map[string]any{"provider": "music", "scopes": scopes})
		if err != nil {
			t.Fatal(err)
		}
		var out struct{ Has bool }
		_ = json.Unmarshal(reply.Head, &out)
		return out.Has
	}
	if !has("read") || has("read", "write") || has() {
		t.Error("scopes are not what was asked for")
	}
	_, err := ask(w, w.Service, alice, "on-tracker", "index.use", "request", map[string]any{"provider": "music", "scopes": []string{"read", "write"}})
	want(t, err, needs)
	_, err = ask(w, w.Service, alice, "on-tracker", "index.use", "request", map[string]any{"provider": "music", "scopes": []string{"admin"}})
	want(t, err, "SCOPE_NOT_DECLARED")
	sent, err := w.Begin(t.Context(), alice, "on-tracker", "music", []string{"read", "write"})
	if err != nil {
		t.Fatal(err)
	}
	if q := query(t, sent.URL); q.Get("prompt") != "consent" || q.Get("scope") != "read write" || q.Get("state") == "mine" {
		t.Errorf("asked with %v", q)
	}
	w.music.scope = "read" // the user unticked one
	if _, err := w.Finish(t.Context(), w.back(sent, alice)); err != nil || has("write") || !has("read") {
		t.Error("what was not granted counts as granted", err)
	}
	// A second account beside the first.
	w.music.account, w.music.scope = "2", ""
	w.connect(alice, "on-tracker")
	if reply, err := ask(w, w.Service, alice, "on-tracker", "index.use", "accounts", map[string]any{"provider": "music"}); err != nil || strings.Count(string(reply.Head), `"id"`) != 2 {
		t.Errorf("%s, %v", reply.Head, err)
	}
}

func query(t *testing.T, text string) url.Values {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u.Query()
}

// What comes back counts once, in the browser and for the person that was sent.
func TestCallback(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	for name, spoil := range map[string]func(b *provider.Back){
		"no browser":        func(b *provider.Back) { b.Browser = "" },
		"another browser":   func(b *provider.Back) { b.Browser = "x" },
		"another person":    func(b *provider.Back) { b.User = bob },
		"nobody":            func(b *provider.Back) { b.User = id.Principal{} },
		"another state":     func(b *provider.Back) { b.State += "x" },
		"another callback":  func(b *provider.Back) { b.Callback = "0195d7a8-0000-4000-8000-000000000001" },
		"another issuer":    func(b *provider.Back) { b.Issuer = "https://evil.example" },
		"same name, site 2": func(b *provider.Back) { b.User.Site = "s2" },
	} {
		sent, err := w.Begin(t.Context(), alice, "on-tracker", "music", nil)
		if err != nil {
			t.Fatal(err)
		}
		b := w.back(sent, alice)
		good := b
		spoil(&b)
		if _, err := w.Finish(t.Context(), b); err == nil {
			t.Errorf("%s: connected", name)
		}
		if b.State != good.State {
			continue
		}
		if _, err := w.Finish(t.Context(), good); err == nil {
			t.Errorf("%s: the state counted twice", name)
		}
	}
	sent, _ := w.Begin(t.Context(), alice, "on-tracker", "music", nil)
	b := w.back(sent, alice)
	w.pass(11 * time.Minute)
	_, err := w.Finish(t.Context(), b)
	want(t, err, "CONNECT_REFUSED")
	if n := slices.IndexFunc(w.wire.went, func(s string) bool { return strings.HasSuffix(s, "/token") }); n >= 0 {
		t.Error("a code was taken to the token endpoint")
	}
	sent, _ = w.Begin(t.Context(), alice, "on-tracker", "music", nil)
	b = w.back(sent, alice)
	b.Issuer = "https://login.music.example"
	if _, err := w.Finish(t.Context(), b); err != nil {
		t.Error(err)
	}
	// A provider that names its issuer is held to it.
	w.declare(strings.Replace(manifestText, "clientId: annex-app", "clientId: annex-app\n      issuer: https://issuer.music.example", 1))
	sent, _ = w.Begin(t.Context(), alice, "on-tracker", "music", nil)
	_, err = w.Finish(t.Context(), w.back(sent, alice))
	want(t, err, "CONNECT_REFUSED")
}

func TestRefresh(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.connect(alice, "on-tracker")
		fine := func() {
			t.Helper()
			if reply, err := w.fetch(alice, "on-tracker", "things"); err != nil || !strings.Contains(string(reply.Head), "200") {
				t.Fatalf("%s, %v", reply.Head, err)
			}
		}
		fine()
		if w.music.refreshes != 0 {
			t.Error("renewed before its time")
		}
		w.pass(time.Hour)
		fine()
		fine()
		if w.music.refreshes != 1 {
			t.Errorf("renewed %d times", w.music.refreshes)
		}
		// Refused although its time is not over: another clock, or revoked there.
		w.music.mu.Lock()
		w.music.access = "other"
		w.music.mu.Unlock()
		fine()
		// Down for a while: the account stays, and the old token is tried again.
		w.pass(2 * time.Hour)
		w.wire.down = true
		_, err := w.fetch(alice, "on-tracker", "things")
		want(t, err, "FETCH_FAILED")
		w.wire.down = false
		w.music.lose = true
		_, err = w.fetch(alice, "on-tracker", "things")
		want(t, err, "PROVIDER_ERR")
		w.music.lose = false
		fine()
		// A redirect of the token endpoint is no way for a secret.
		w.pass(2 * time.Hour)
		w.music.redirect = "https://other.example/token"
		_, err = w.fetch(alice, "on-tracker", "things")
		want(t, err, "PROVIDER_ERR")
		w.music.redirect = ""
		fine()
		// Over: the user is asked again, and nothing loops.
		w.pass(2 * time.Hour)
		w.music.refresh = "another"
		before := w.music.refreshes
		_, err = w.fetch(alice, "on-tracker", "things")
		want(t, err, needs)
		_, err = w.fetch(alice, "on-tracker", "things")
		want(t, err, needs)
		if w.music.refreshes != before+1 {
			t.Errorf("asked %d times with a token that is over", w.music.refreshes-before)
		}
		for _, place := range w.wire.went {
			if !strings.HasPrefix(place, "https://login.music.example/") && !strings.HasPrefix(place, "https://api.music.example/v1/") {
				t.Errorf("asked %s", place)
			}
		}
	})
}

// Two servers on one database, many calls at once: one spends the refresh token.
func TestRefreshByOneServer(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		ring := filepath.Join(t.TempDir(), "ring.json")
		r, err := seal.OpenRing(ring, true)
		if err != nil {
			t.Fatal(err)
		}
		servers := []*provider.Service{w.server(d, r), w.server(d, r)}
		w.Service = servers[0]
		if _, err := w.Configure(t.Context(), developer, "app", "production", "music", "client-secret-x"); err != nil {
			t.Fatal(err)
		}
		w.connect(alice, "on-tracker")
		w.pass(2 * time.Hour)
		w.music.gate = make(chan struct{})
		var group sync.WaitGroup
		errs := make(chan error, 16)
		for i := range 16 {
			group.Go(func() {
				_, err := ask(w, servers[i%2], alice, "on-tracker", "index.use", "fetch", map[string]any{"provider": "music", "url": "things"})
				errs <- err
			})
		}
		close(w.music.gate)
		group.Wait()
		close(errs)
		for err := range errs {
			if err != nil {
				t.Error(err)
			}
		}
		if w.music.refreshes != 1 {
			t.Errorf("renewed %d times", w.music.refreshes)
		}
	})
}

// A credential goes where it went when it was connected; elsewhere the user is asked again.
func TestChangedDestination(t *testing.T) {
	for name, change := range map[string][2]string{
		"the host of the API":   {"https://api.music.example/v1", "https://evil.example/v1"},
		"its port":              {"https://api.music.example/v1", "https://api.music.example:8443/v1"},
		"the client":            {"clientId: annex-app", "clientId: other-app"},
		"a remote more, in use": {"remotes: [api]", "remotes: [other, api]"},
		"the token endpoint":    {"https://login.music.example", "https://evil.example"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, dbtest.SQLite(t))
			w.connect(alice, "on-tracker")
			w.declare(strings.ReplaceAll(manifestText, change[0], change[1]))
			if name == "the token endpoint" {
				w.pass(2 * time.Hour)
			}
			n := len(w.wire.went)
			_, err := w.fetch(alice, "on-tracker", "things")
			want(t, err, needs)
			if len(w.wire.went) != n {
				t.Errorf("it went to %v", w.wire.went[n:])
			}
		})
	}
}

func TestDisconnect(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.connect(alice, "on-tracker")
		mine, err := w.OfUser(t.Context(), alice)
		if err != nil || len(mine) != 1 || mine[0].Name != "Alice of Music" {
			t.Fatalf("%+v, %v", mine, err)
		}
		want(t, w.Disconnect(t.Context(), bob, "s", mine[0]), "NOT_YOURS")
		want(t, w.Disconnect(t.Context(), id.Principal{Kind: id.SiteAdmin, Site: "s2"}, "s", mine[0]), "NOT_YOURS")
		far := alice
		far.Site = "s2"
		want(t, w.Disconnect(t.Context(), far, "s", mine[0]), "NOT_YOURS")
		token := w.music.refresh
		if err := w.Disconnect(t.Context(), alice, "s", mine[0]); err != nil {
			t.Fatal(err)
		}
		_, err = w.fetch(alice, "on-tracker", "things")
		want(t, err, needs)
		w.wire.down = true
		if w.work() != 1 {
			t.Error("the provider was down, and is not told later")
		}
		w.wire.down = false
		if w.work() != 0 || !slices.Contains(w.music.revoked, token) {
			t.Errorf("revoked %v, want %s", w.music.revoked, token)
		}
		// By an admin, and at the end of the last installation.
		w.connect(alice, "on-tracker")
		scope, err := tenant.ForSite(admin, "s")
		if err != nil {
			t.Fatal(err)
		}
		all, err := w.OfSite(t.Context(), scope)
		if err != nil || len(all) != 1 {
			t.Fatalf("%+v, %v", all, err)
		}
		if err := w.Disconnect(t.Context(), admin, "s", all[0]); err != nil {
			t.Fatal(err)
		}
		w.connect(alice, "on-tracker")
		if err := w.Ended(t.Context(), admin, "env", "s", "on-tracker"); err != nil {
			t.Fatal(err)
		}
		if _, err := w.fetch(alice, "on-tracker", "things"); err != nil {
			t.Error("it is still installed on the wiki", err)
		}
		w.ended = true
		if err := w.Ended(t.Context(), admin, "env", "s", "on-tracker"); err != nil {
			t.Fatal(err)
		}
		_, err = w.fetch(alice, "on-tracker", "things")
		want(t, err, needs)
	})
}

func TestProfiles(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.declare(strings.Replace(manifestText, "resolvers: {id: user.id, displayName: user.name}", "function: plain", 1))
	w.connect(alice, "on-tracker")
	mine, err := w.OfUser(t.Context(), alice)
	if err != nil || len(mine) != 1 || mine[0].ID != "f1" || mine[0].Name != "by index.plain" {
		t.Errorf("%+v, %v", mine, err)
	}
	w.declare(strings.Replace(manifestText, "id: user.id", "id: nothing.here", 1))
	sent, err := w.Begin(t.Context(), alice, "on-tracker", "music", nil)
	if err != nil {
		t.Fatal(err)
	}
	_, err = w.Finish(t.Context(), w.back(sent, alice))
	want(t, err, "PROVIDER_ERR")
}

// No error holds what was sent.
func TestErrorsHoldNoSecrets(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.connect(alice, "on-tracker")
	w.pass(2 * time.Hour)
	w.music.fail = "server_error"
	token := w.music.refresh
	_, err := w.fetch(alice, "on-tracker", "things")
	if err == nil || strings.Contains(err.Error(), token) || strings.Contains(err.Error(), "client-secret-x") {
		t.Errorf("%v", err)
	}
	all, err := w.Providers(t.Context(), developer, "app", "production")
	if err != nil || len(all) != 1 || !all[0].Secret || !strings.HasPrefix(all[0].RedirectURI, "https://ui/oauth/cb/") {
		t.Errorf("%+v, %v", all, err)
	}
	_, err = w.Configure(t.Context(), id.Principal{Kind: id.Developer, Account: "other"}, "app", "production", "music", "client-secret-y")
	want(t, err, "NOT_YOURS")
}
