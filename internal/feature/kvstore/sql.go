package kvstore

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the tables of this feature. Values are kept as BLOB: they are the
// app's JSON bytes, given back as they came. expires_at is 0 for "never".
var Migrations = []db.Migration{
	{ID: "kvstore/1", SQL: `
		CREATE TABLE kv (
			install_id TEXT   NOT NULL,
			key        TEXT   NOT NULL,
			value      BLOB   NOT NULL,
			created_at BIGINT NOT NULL,
			updated_at BIGINT NOT NULL,
			expires_at BIGINT NOT NULL,
			PRIMARY KEY (install_id, key)
		);
		CREATE INDEX kv_expiry ON kv (expires_at) WHERE expires_at > 0;

		CREATE TABLE kv_secrets (
			install_id TEXT   NOT NULL,
			key        TEXT   NOT NULL,
			value      BLOB   NOT NULL,
			generation BIGINT NOT NULL,
			created_at BIGINT NOT NULL,
			updated_at BIGINT NOT NULL,
			expires_at BIGINT NOT NULL,
			PRIMARY KEY (install_id, key)
		);
		CREATE INDEX kv_secrets_expiry ON kv_secrets (expires_at) WHERE expires_at > 0;`},
}

// Every statement names the installation, but for those whose name ends in
// AllTenants; the test of this package holds both.
const (
	getValue = `SELECT value FROM kv
		WHERE install_id = ? AND key = ? AND (expires_at = 0 OR expires_at > ?)`

	// A value that expired counts as absent, also before it is swept.
	setValue = `INSERT INTO kv (install_id, key, value, created_at, updated_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id, key) DO UPDATE SET
			value = excluded.value, updated_at = excluded.updated_at, expires_at = excluded.expires_at,
			created_at = CASE WHEN kv.expires_at > 0 AND kv.expires_at <= excluded.updated_at
				THEN excluded.created_at ELSE kv.created_at END`

	addValue = `INSERT INTO kv (install_id, key, value, created_at, updated_at, expires_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id, key) DO UPDATE SET
			value = excluded.value, updated_at = excluded.updated_at, expires_at = excluded.expires_at,
			created_at = excluded.created_at
			WHERE kv.expires_at > 0 AND kv.expires_at <= excluded.updated_at`

	deleteValue = `DELETE FROM kv WHERE install_id = ? AND key = ?`

	listValues = `SELECT key, value FROM kv
		WHERE install_id = ? AND key >= ? AND key < ? AND (expires_at = 0 OR expires_at > ?)
		ORDER BY key LIMIT ?`

	getSecret = `SELECT value, generation FROM kv_secrets
		WHERE install_id = ? AND key = ? AND (expires_at = 0 OR expires_at > ?)`

	secretState = `SELECT generation, created_at, expires_at FROM kv_secrets WHERE install_id = ? AND key = ?`

	setSecret = `INSERT INTO kv_secrets (install_id, key, value, generation, created_at, updated_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id, key) DO UPDATE SET
			value = excluded.value, generation = excluded.generation, created_at = excluded.created_at,
			updated_at = excluded.updated_at, expires_at = excluded.expires_at`

	deleteSecret = `DELETE FROM kv_secrets WHERE install_id = ? AND key = ?`

	// What an installation has; LENGTH of a value does not read it.
	countValues = `SELECT COUNT(*), COALESCE(SUM(LENGTH(key) + LENGTH(value)), 0) FROM kv
		WHERE install_id = ? AND (expires_at = 0 OR expires_at > ?)`

	countSecrets = `SELECT COUNT(*), COALESCE(SUM(LENGTH(key) + LENGTH(value)), 0) FROM kv_secrets
		WHERE install_id = ? AND (expires_at = 0 OR expires_at > ?)`

	sizeOfValue = `SELECT LENGTH(key) + LENGTH(value) FROM kv
		WHERE install_id = ? AND key = ? AND (expires_at = 0 OR expires_at > ?)`

	sizeOfSecret = `SELECT LENGTH(key) + LENGTH(value) FROM kv_secrets
		WHERE install_id = ? AND key = ? AND (expires_at = 0 OR expires_at > ?)`

	eraseValues = `DELETE FROM kv WHERE install_id = ? AND key IN
		(SELECT key FROM kv WHERE install_id = ? ORDER BY key LIMIT ?)`

	eraseSecrets = `DELETE FROM kv_secrets WHERE install_id = ? AND key IN
		(SELECT key FROM kv_secrets WHERE install_id = ? ORDER BY key LIMIT ?)`

	// Expiry is a property of the row and no tenant's act: nothing is read.
	sweepValuesAllTenants = `DELETE FROM kv WHERE (install_id, key) IN
		(SELECT install_id, key FROM kv WHERE expires_at > 0 AND expires_at <= ? LIMIT ?)`

	sweepSecretsAllTenants = `DELETE FROM kv_secrets WHERE (install_id, key) IN
		(SELECT install_id, key FROM kv_secrets WHERE expires_at > 0 AND expires_at <= ? LIMIT ?)`
)
