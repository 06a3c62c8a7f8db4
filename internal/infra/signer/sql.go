package signer

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's tables. withdrawn_at is 0 for a key that was not
// withdrawn; a row's times are never changed but for it.
var Migrations = []db.Migration{{ID: "signer/1", SQL: `
CREATE TABLE signing_keys (
	kid          TEXT PRIMARY KEY,
	family       TEXT NOT NULL,
	generation   BIGINT NOT NULL,
	alg          TEXT NOT NULL,
	private      BLOB NOT NULL,
	created_at   BIGINT NOT NULL,
	signs_from   BIGINT NOT NULL,
	withdrawn_at BIGINT NOT NULL,
	UNIQUE (family, generation)
)`}}

const (
	allKeys = `SELECT kid, family, generation, alg, private, created_at, signs_from, withdrawn_at FROM signing_keys ORDER BY family, generation`
	// Of two servers that make the next key at once, both use the first's.
	putKey = `INSERT INTO signing_keys (kid, family, generation, alg, private, created_at, signs_from, withdrawn_at) VALUES (?, ?, ?, ?, ?, ?, ?, 0)
		ON CONFLICT (family, generation) DO NOTHING`
	newestKey    = `SELECT COALESCE(MAX(generation), 0) FROM signing_keys WHERE family = ?`
	withdrawKeys = `UPDATE signing_keys SET withdrawn_at = ? WHERE family = ? AND generation < ? AND withdrawn_at = 0`
	dropKey      = `DELETE FROM signing_keys WHERE kid = ?`
	dropKeys     = `DELETE FROM signing_keys`
)
