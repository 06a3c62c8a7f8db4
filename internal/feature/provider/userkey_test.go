package provider_test

import (
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

var userKeyText = strings.Replace(siteText, "    - {key: asked,", "    - {key: own, name: Own, type: user_api_key, remotes: [api], bearerMethod: {type: uri-query, parameter: key}}\n    - {key: asked,", 1)

// A person's key is an account of theirs, and nothing that a developer or an admin configures.
func TestKeysOfPeople(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.declare(strings.Replace(userKeyText, "auth: [keyed,", "auth: [own, keyed,", 1))
		w.music.serve = func(rw http.ResponseWriter, r *http.Request) { rw.WriteHeader(http.StatusNoContent) }
		ctx := t.Context()
		q, err := w.Ask(ctx, alice, "on-tracker", "own", nil)
		if err != nil || !q.Key || q.Host != "" || strings.Join(q.Sends, " ") != strings.Join(apiAlone, " ") || len(q.Connected) > 0 {
			t.Fatalf("%+v %v", q, err)
		}
		_, err = w.Begin(ctx, alice, "on-tracker", "own", nil)
		want(t, err, "KEY_WANTED")
		_, err = w.Configure(ctx, developer, "app", "development", "own", "secret-of-a-client")
		want(t, err, "PROVIDER_OF_USERS")
		_, err = w.GiveKey(ctx, alice, "on-tracker", "keyed", apiAlone, "a-key-of-alice")
		want(t, err, "PROVIDER_OF_SITE")
		all, err := w.Providers(ctx, developer, "app", "development")
		if err != nil || len(all) < 2 || !all[1].OfKeys || all[1].RedirectURI != "" {
			t.Errorf("%+v %v", all, err)
		}
		keys, err := w.SiteKeys(ctx, admin, "on-tracker")
		for _, k := range keys {
			if err != nil || k.Key == "own" {
				t.Errorf("an admin is asked for a person's key: %+v %v", k, err)
			}
		}
		for _, bad := range []string{"", "short", "with a\nline end", " a-key-with-space"} {
			_, err = w.GiveKey(ctx, alice, "on-tracker", "own", apiAlone, bad)
			want(t, err, "BAD_CREDENTIAL")
		}
		for _, sends := range [][]string{nil, withLogin, {"https://other.example"}} {
			_, err = w.GiveKey(ctx, alice, "on-tracker", "own", sends, "a-key-of-alice")
			want(t, err, "PREVIEW_CHANGED")
		}
		for _, key := range []string{"a-key-of-alice", "another-of-alice"} {
			if _, err := w.GiveKey(ctx, alice, "on-tracker", "own", apiAlone, key); err != nil {
				t.Fatal(err)
			}
			if _, err := ask(w, w.Service, alice, "on-tracker", "index.use", "fetch", map[string]any{"provider": "own", "url": "x?a=1&key=mine"}); err != nil {
				t.Fatal(err)
			}
			if got := w.music.seen[len(w.music.seen)-1].URL.RawQuery; got != "a=1&key="+key {
				t.Errorf("sent with %q", got)
			}
		}
		all2, err := w.OfUser(ctx, alice)
		if err != nil || len(all2) != 1 || all2[0].Provider != "own" {
			t.Errorf("%+v %v", all2, err)
		}
		before := len(w.music.seen)
		_, err = ask(w, w.Service, bob, "on-tracker", "index.use", "fetch", map[string]any{"provider": "own", "url": "x"})
		if want(t, err, "NEEDS_AUTHENTICATION_ERR"); len(w.music.seen) != before {
			t.Error("Bob's call went out")
		}
		_, err = ask(w, w.Service, alice, "on-tracker", "index.use", "fetch", map[string]any{"provider": "own", "url": "x", "app": true})
		want(t, err, "PROVIDER_OF_USERS")
		// Another kind of provider under the same name finds no key.
		w.declare(strings.Replace(userKeyText, "name: Own, type: user_api_key", "name: Own, type: api_key", 1))
		_, err = ask(w, w.Service, alice, "on-tracker", "index.plain", "fetch", map[string]any{"provider": "own", "url": "x"})
		if fault.CodeOf(err) == "" || len(w.music.seen) != before {
			t.Errorf("a site's provider used a person's key: %v", err)
		}
	})
}
