package provider_test

import (
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/provider"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// Of a request for which the provider is not granted it is found out what would become of it
// with the provider, so that an admin can be told: whether there is a credential for it, and
// where it would go. Nothing is renewed and nothing is sent for that.
func TestWhatWasTriedIsLookedAt(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	w.connect(alice, "on-tracker")
	sent := len(w.wire.went)
	for name, x := range map[string]struct {
		user     id.Principal
		function string
		head     map[string]any
		whole    bool
		later    time.Duration
		want     provider.Attempt
	}{
		"with an account":          {alice, "index.use", map[string]any{}, true, 0, provider.Attempt{Remote: "api", Origin: "https://api.music.example", Rule: "provider-not-granted", Keyed: true}},
		"that has to be renewed":   {alice, "index.use", map[string]any{}, true, 24 * time.Hour, provider.Attempt{Remote: "api", Origin: "https://api.music.example", Rule: "provider-not-granted", Keyed: true}},
		"without one":              {bob, "index.use", map[string]any{}, true, 0, provider.Attempt{Remote: "api", Origin: "https://api.music.example", Rule: "provider-not-granted", Never: true}},
		"of another account":       {alice, "index.use", map[string]any{"account": "2"}, true, 0, provider.Attempt{Remote: "api", Origin: "https://api.music.example", Rule: "provider-not-granted", Never: true}},
		"another remote":           {alice, "index.use", map[string]any{"remote": "other"}, true, 0, provider.Attempt{Remote: "other", Rule: "provider-not-granted", Never: true}},
		"a function that has none": {alice, "index.plain", map[string]any{}, true, 0, provider.Attempt{Remote: "api", Rule: "provider-not-granted", Never: true}},
		"nobody is present":        {id.Principal{Kind: id.Application, Site: "s", Install: "on-tracker"}, "index.use", map[string]any{}, true, 0, provider.Attempt{Remote: "api", Origin: "https://api.music.example", Rule: "provider-not-granted", Never: true}},
		"a remote without address": {alice, "index.use", map[string]any{}, false, 0, provider.Attempt{Remote: "api", Rule: "provider-not-granted"}},
	} {
		t.Run(name, func(t *testing.T) {
			p, err := w.Policy(t.Context(), "on-tracker")
			if err != nil {
				t.Fatal(err)
			}
			whole := p.Set
			if !x.whole {
				whole = perm.Set{Providers: p.Set.Providers}
			}
			p.Set, p.Whole = perm.Set{}, func() perm.Set { return whole }
			w.pass(x.later)
			defer w.pass(-x.later)
			w.wire.tried = nil
			x.head["provider"], x.head["url"] = "music", "things"
			_, err = under(w, w.Service, p, x.user, x.function, "fetch", x.head)
			want(t, err, "PROVIDER_NOT_GRANTED")
			x.want.Provider = "music"
			if len(w.wire.tried) != 1 || w.wire.tried[0] != x.want {
				t.Errorf("%+v, not %+v", w.wire.tried, x.want)
			}
		})
	}
	if len(w.wire.went) != sent {
		t.Errorf("asked meanwhile: %v", w.wire.went[sent:])
	}
}
