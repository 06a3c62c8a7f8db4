package server

import (
	"context"
	"errors"
	"slices"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

// ringMigrations hold which key ring the database's values are sealed with: one row,
// the fingerprint of the ring's newest key as of the last start. A fingerprint is
// derived from the key one way, so a copy of the database learns nothing by it.
var ringMigrations = []db.Migration{{ID: "keyring/1", SQL: `
CREATE TABLE key_ring (
	one         BIGINT PRIMARY KEY,
	fingerprint TEXT NOT NULL
)`}}

const (
	ringOfDatabase = `SELECT fingerprint FROM key_ring WHERE one = 1`
	bindRing       = `INSERT INTO key_ring (one, fingerprint) VALUES (1, ?) ON CONFLICT (one) DO NOTHING`
	rebindRing     = `UPDATE key_ring SET fingerprint = ? WHERE one = 1 AND fingerprint = ?`
)

// openRing opens the key ring of a database. A new ring is made for a new database
// only; beside any other one it would hide that the old ring is lost.
func openRing(ctx context.Context, d *db.DB, path string) (*seal.Ring, error) {
	bound, err := boundRing(ctx, d)
	if err != nil {
		return nil, err
	}
	ring, err := seal.OpenRing(path, bound == "")
	if err != nil {
		return nil, err
	}
	prints := ring.Fingerprints()
	newest := prints[len(prints)-1]
	if bound == "" {
		if _, err := d.Exec(ctx, bindRing, newest); err != nil {
			return nil, err
		}
		if bound, err = boundRing(ctx, d); err != nil { // another server may have been first
			return nil, err
		}
	}
	if err := sameRing(bound, prints, path); err != nil {
		return nil, err
	}
	if bound != newest { // the ring has a newer key: from now on older copies of it are refused
		_, err = d.Exec(ctx, rebindRing, newest, bound)
	}
	return ring, err
}

// boundRing is the fingerprint that the database was bound to, "" for a new database.
func boundRing(ctx context.Context, d *db.DB) (fingerprint string, err error) {
	err = d.QueryRow(ctx, ringOfDatabase).Scan(&fingerprint)
	if errors.Is(err, db.ErrNoRows) {
		return "", nil
	}
	return fingerprint, fault.Op("server.boundRing", err)
}

func sameRing(bound string, prints []string, path string) error {
	if slices.Contains(prints, bound) {
		return nil
	}
	return fault.New(fault.Conflict, "KEY_RING_OTHER", "the key ring %s is not the one that this database's values are sealed with, or an older copy of it", path).
		WithFix("copy the key ring of the server that made this database, or its backup, to %s, or name its place with --key-ring FILE", path)
}
