package server

import (
	"context"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/erasure"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/infra/db"
)

// endedBefore notes what ended before anything was erased; it comes after the tables of
// installations and erasures, and runs once.
var endedBefore = []db.Migration{{ID: "ended/1", SQL: `
INSERT INTO erasures (install_id, site_id, ended_at, due_at)
	SELECT id, site_id, removed_at, removed_at + 2419200000 FROM installations WHERE active = 0;
`}}

// ownedBefore says to whom counts what was stored before there were counts of apps and sites;
// it comes after the tables of installations and of what is stored, and runs once.
var ownedBefore = []db.Migration{{ID: "owned/1", SQL: `
INSERT INTO kv_owners (install_id, site_id, environment_id) SELECT id, site_id, env_id FROM installations WHERE true ON CONFLICT (install_id) DO NOTHING;
INSERT INTO kv_stored_apps (environment_id, stripe, keys, bytes)
	SELECT environment_id, 0, SUM(keys), SUM(bytes) FROM kv_stored JOIN kv_owners USING (install_id) GROUP BY environment_id;
INSERT INTO kv_stored_sites (site_id, stripe, keys, bytes)
	SELECT site_id, 0, SUM(keys), SUM(bytes) FROM kv_stored JOIN kv_owners USING (install_id) GROUP BY site_id;
`}}

// storageOwners says whose installations are, for what apps and sites may store.
type storageOwners struct{ installs *install.Service }

func (o storageOwners) Owner(ctx context.Context, sc tenant.Scope) (kvstore.Owner, error) {
	i, err := o.installs.Was(ctx, sc)
	return kvstore.Owner{App: i.App, Environment: i.Environment}, err
}

// everInstalled tells of installations that have ended, too.
type everInstalled struct{ installs *install.Service }

func (e everInstalled) Was(ctx context.Context, scope tenant.Scope) (erasure.Was, error) {
	i, err := e.installs.Was(ctx, scope)
	return erasure.Was{Install: i.ID, App: i.App, Environment: i.Environment, EnvName: i.EnvName, Product: i.Product, Number: i.Number, Active: i.Active}, err
}

// keptStorage is what an admin takes along or gives to another installation.
type keptStorage struct{ kv *kvstore.Store }

func (k keptStorage) Export(ctx context.Context, scope tenant.Scope, emit func(any) error) error {
	return k.kv.Export(ctx, scope, func(x kvstore.Kept) error { return emit(x) })
}

func (k keptStorage) Move(ctx context.Context, from, to tenant.Scope) (int, error) {
	return k.kv.Move(ctx, from, to)
}

// entitiesKept says which installations of an environment have stored entities of a kind.
type entitiesKept struct {
	installs *install.Service
	kv       func() *kvstore.Store
}

func (e entitiesKept) Stored(ctx context.Context, env id.Env, entity string) (stored bool, err error) {
	err = e.installs.Each(ctx, env, func(i id.Install) (bool, error) {
		stored, err = e.kv().HasEntities(ctx, i, entity)
		return !stored, err
	})
	return stored, err
}
