package kvstore_test

import (
	"path/filepath"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/invoke"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

var _ invoke.Facility = (*kvstore.Store)(nil)

func store(t testing.TB, d *db.DB) *kvstore.Store {
	t.Helper()
	if err := d.Migrate(t.Context(), kvstore.Migrations); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring"), true)
	if err != nil {
		t.Fatal(err)
	}
	return kvstore.New(d, ring, nil)
}

func scope(t testing.TB, install id.Install) tenant.Scope {
	t.Helper()
	sc, err := tenant.ForApp(id.Principal{Kind: id.Application, Install: install, Site: "site"})
	if err != nil {
		t.Fatal(err)
	}
	return sc
}

func policy(t testing.TB, install id.Install) *call.Policy {
	t.Helper()
	return &call.Policy{Install: install, Site: "site", Scope: scope(t, install), Set: perm.Set{Scopes: []perm.Scope{{Name: "storage:app"}}}}
}

func wantCode(t *testing.T, err error, code string) {
	t.Helper()
	if fault.CodeOf(err) != code || err == nil {
		t.Errorf("got %v, want %s", err, code)
	}
}
