package provider_test

import (
	"testing"

	"github.com/annexhq/annex/internal/feature/provider"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// A long answer that is under way has to do with an account or a credential; without it no
// further piece is given.
func TestDownloadsEndWithWhatTheyWereMadeWith(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.connect(alice, "on-tracker")
		if _, err := w.fetch(alice, "on-tracker", "things"); err != nil {
			t.Fatal(err)
		}
		still := w.wire.to.Still
		if err := still(t.Context()); err != nil {
			t.Fatal(err)
		}
		mine, err := w.OfUser(t.Context(), alice)
		if err != nil || len(mine) != 1 {
			t.Fatalf("%+v, %v", mine, err)
		}
		if err := w.Disconnect(t.Context(), alice, "s", mine[0]); err != nil {
			t.Fatal(err)
		}
		want(t, still(t.Context()), needs)

		w.declare(siteText)
		given := provider.SiteCredential{Sends: apiAlone, Secret: "the-site's-own-secret"}
		w.give("keyed", given)
		if _, err := w.by("keyed", "fetch", nil); err != nil {
			t.Fatal(err)
		}
		still = w.wire.to.Still
		if err := still(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := w.TakeSiteKey(t.Context(), admin, "on-tracker", "keyed"); err != nil {
			t.Fatal(err)
		}
		want(t, still(t.Context()), "PROVIDER_NOT_CONFIGURED")
	})
}
