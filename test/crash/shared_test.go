package crash

import (
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// Two servers on one Postgres, with a folder of deployed bytes in common: what was
// deployed through one runs on the other. A server with another key ring does not start.
func TestServersShareADeployment(t *testing.T) {
	one := newPlace(t)
	one.database = dbtest.PostgresURL(t)
	one.blobs = filepath.Join(filepath.Dir(one.data), "shared")
	first := one.start(t)
	c := newClient(t, one, first)

	two := newPlace(t)
	two.database, two.blobs = one.database, one.blobs
	two.refuses(t, 6, "is missing") // a ring is made for a new database only
	if err := os.MkdirAll(filepath.Dir(two.ring), 0o700); err != nil {
		t.Fatal(err)
	}
	other := newPlace(t) // a database of its own, and so a ring of its own
	other.start(t).stop()
	copyRing(t, other.ring, two.ring)
	two.refuses(t, 8, "is not the one that this database's values are sealed with")
	two.refuses(t, 8, "is not the one that this database's values are sealed with", "--check")
	copyRing(t, one.ring, two.ring)
	second := two.start(t)

	app, _, hook := c.fresh()
	for _, s := range []*process{second, first} {
		c.meet(s)
		var got kept
		c.call(hook, map[string][]string{"set": {"a"}, "value": {"1"}, "secret": {"yes"}}).into(t, &got)
		if got.Value != "1" || got.Secret != "1" || got.Version != 0 {
			t.Errorf("%+v", got)
		}
	}
	c.meet(second)
	var deployed struct{ Number string }
	c.deploy(app, 1, "beside").into(t, &deployed)
	c.meet(first)
	eventually(t, func() string {
		var got kept
		a := c.call(hook, map[string][]string{"get": {"a"}})
		if a.acknowledged() {
			a.into(t, &got)
		}
		if got.Version != 1 || got.Value != "1" {
			return a.String()
		}
		return ""
	})
	first.stop()
	second.stop()
	for _, s := range []*process{first, second} {
		if strings.Contains(s.log.String(), "--blobs") {
			t.Errorf("a server with shared bytes warns:\n%s", s.log)
		}
	}
	two.blobs = ""
	third := two.start(t)
	third.stop()
	if !strings.Contains(third.log.String(), "--blobs") {
		t.Errorf("a server on Postgres does not say that its bytes lie on this machine only:\n%s", third.log)
	}
}

func copyRing(t *testing.T, from, to string) {
	t.Helper()
	raw, err := os.ReadFile(from)
	if err == nil {
		err = os.WriteFile(to, raw, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
}
