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
	// A path is where an entity lies in an index (path.go); its order is that of bytes.
	// kv_entity_indexes are the indexes that an installation has: those of every version
	// that stored or asked for something. upto is how far one that is not built yet is.
	{ID: "kvstore/2", SQL: `
		CREATE TABLE kv_entities (
			install_id TEXT   NOT NULL,
			entity     TEXT   NOT NULL,
			key        TEXT   NOT NULL,
			value      BLOB   NOT NULL,
			created_at BIGINT NOT NULL,
			updated_at BIGINT NOT NULL,
			expires_at BIGINT NOT NULL,
			PRIMARY KEY (install_id, entity, key)
		);
		CREATE INDEX kv_entities_expiry ON kv_entities (expires_at) WHERE expires_at > 0;

		CREATE TABLE kv_entity_entries (
			install_id TEXT   NOT NULL,
			path       BLOB   NOT NULL,
			entity     TEXT   NOT NULL,
			key        TEXT   NOT NULL,
			expires_at BIGINT NOT NULL,
			PRIMARY KEY (install_id, path)
		);
		CREATE INDEX kv_entity_entries_expiry ON kv_entity_entries (expires_at) WHERE expires_at > 0;

		CREATE TABLE kv_entity_indexes (
			install_id TEXT   NOT NULL,
			entity     TEXT   NOT NULL,
			definition TEXT   NOT NULL,
			upto       TEXT   NOT NULL,
			built      BIGINT NOT NULL,
			PRIMARY KEY (install_id, entity, definition)
		);`},
	stored,
}

// Every statement names the installation, but for those whose name ends in
// AllTenants; the test of this package holds both.
const (
	getValue = `SELECT value, created_at, updated_at, expires_at FROM kv
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

	listValues = `SELECT key, value, created_at, updated_at, expires_at FROM kv
		WHERE install_id = ? AND key >= ? AND key < ? AND (expires_at = 0 OR expires_at > ?)
		ORDER BY key LIMIT ?`

	getSecret = `SELECT value, generation, created_at, updated_at, expires_at FROM kv_secrets
		WHERE install_id = ? AND key = ? AND (expires_at = 0 OR expires_at > ?)`

	secretState = `SELECT generation, created_at, expires_at FROM kv_secrets WHERE install_id = ? AND key = ?`

	setSecret = `INSERT INTO kv_secrets (install_id, key, value, generation, created_at, updated_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id, key) DO UPDATE SET
			value = excluded.value, generation = excluded.generation, created_at = excluded.created_at,
			updated_at = excluded.updated_at, expires_at = excluded.expires_at`

	deleteSecret = `DELETE FROM kv_secrets WHERE install_id = ? AND key = ?`

	// What a key has already, expired or not: it is counted until it is removed.
	sizeOfEntity = `SELECT OCTET_LENGTH(key) + OCTET_LENGTH(value) FROM kv_entities WHERE install_id = ? AND entity = ? AND key = ?`

	getEntityRow = `SELECT value, created_at, updated_at, expires_at FROM kv_entities
		WHERE install_id = ? AND entity = ? AND key = ?`

	putEntityRow = `INSERT INTO kv_entities (install_id, entity, key, value, created_at, updated_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id, entity, key) DO UPDATE SET
			value = excluded.value, created_at = excluded.created_at,
			updated_at = excluded.updated_at, expires_at = excluded.expires_at`

	dropEntityRow = `DELETE FROM kv_entities WHERE install_id = ? AND entity = ? AND key = ?`

	// What an index that is being built goes through, also what has expired.
	listEntities = `SELECT key, value, expires_at FROM kv_entities
		WHERE install_id = ? AND entity = ? AND key > ? ORDER BY key LIMIT ?`

	listKeys = `SELECT key, value, created_at, updated_at, expires_at FROM kv_entities
		WHERE install_id = ? AND entity = ? AND key >= ? AND key < ? AND (expires_at = 0 OR expires_at > ?)
		ORDER BY key LIMIT ?`

	listKeysDown = `SELECT key, value, created_at, updated_at, expires_at FROM kv_entities
		WHERE install_id = ? AND entity = ? AND key >= ? AND key < ? AND (expires_at = 0 OR expires_at > ?)
		ORDER BY key DESC LIMIT ?`

	entriesOf = `SELECT i.path, e.key, e.value, e.created_at, e.updated_at, e.expires_at
		FROM kv_entity_entries i JOIN kv_entities e ON e.entity = i.entity AND e.key = i.key
		WHERE i.install_id = ? AND e.install_id = ? AND i.entity = ? AND e.entity = ? AND i.path >= ? AND i.path < ?
		AND (e.expires_at = 0 OR e.expires_at > ?) `

	listEntries = entriesOf + `ORDER BY i.path LIMIT ?`

	listEntriesDown = entriesOf + `ORDER BY i.path DESC LIMIT ?`

	addEntry = `INSERT INTO kv_entity_entries (install_id, path, entity, key, expires_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (install_id, path) DO UPDATE SET expires_at = excluded.expires_at`

	dropEntry = `DELETE FROM kv_entity_entries WHERE install_id = ? AND path = ?`

	dropEntries = `DELETE FROM kv_entity_entries WHERE install_id = ? AND path IN
		(SELECT path FROM kv_entity_entries WHERE install_id = ? AND path >= ? AND path < ? ORDER BY path LIMIT ?)`

	listIndexes = `SELECT definition FROM kv_entity_indexes WHERE install_id = ? AND entity = ? ORDER BY definition`

	indexState = `SELECT upto, built FROM kv_entity_indexes WHERE install_id = ? AND entity = ? AND definition = ?`

	recordIndex = `INSERT INTO kv_entity_indexes (install_id, entity, definition, upto, built) VALUES (?, ?, ?, '', 0)
		ON CONFLICT (install_id, entity, definition) DO NOTHING`

	buildOn = `UPDATE kv_entity_indexes SET upto = ?, built = ? WHERE install_id = ? AND entity = ? AND definition = ?`

	forgetIndex = `DELETE FROM kv_entity_indexes WHERE install_id = ? AND entity = ? AND definition = ?`

	eraseEntities = `DELETE FROM kv_entities WHERE install_id = ? AND (entity, key) IN
		(SELECT entity, key FROM kv_entities WHERE install_id = ? ORDER BY entity, key LIMIT ?)`

	eraseEntries = `DELETE FROM kv_entity_entries WHERE install_id = ? AND path IN
		(SELECT path FROM kv_entity_entries WHERE install_id = ? ORDER BY path LIMIT ?)`

	eraseIndexes = `DELETE FROM kv_entity_indexes WHERE install_id = ? AND (entity, definition) IN
		(SELECT entity, definition FROM kv_entity_indexes WHERE install_id = ? ORDER BY entity, definition LIMIT ?)`

	sizeOfValue = `SELECT OCTET_LENGTH(key) + OCTET_LENGTH(value) FROM kv WHERE install_id = ? AND key = ?`

	sizeOfSecret = `SELECT OCTET_LENGTH(key) + OCTET_LENGTH(value) FROM kv_secrets WHERE install_id = ? AND key = ?`

	eraseValues = `DELETE FROM kv WHERE install_id = ? AND key IN
		(SELECT key FROM kv WHERE install_id = ? ORDER BY key LIMIT ?)`

	eraseSecrets = `DELETE FROM kv_secrets WHERE install_id = ? AND key IN
		(SELECT key FROM kv_secrets WHERE install_id = ? ORDER BY key LIMIT ?)`

	// What an admin takes along; of secrets only that they are there.
	exportValues = `SELECT key, value, created_at, updated_at, expires_at FROM kv
		WHERE install_id = ? AND key > ? AND (expires_at = 0 OR expires_at > ?) ORDER BY key LIMIT ?`

	exportEntities = `SELECT key, value, created_at, updated_at, expires_at FROM kv_entities
		WHERE install_id = ? AND entity = ? AND key > ? AND (expires_at = 0 OR expires_at > ?) ORDER BY key LIMIT ?`

	exportSecrets = `SELECT key, '', created_at, updated_at, expires_at FROM kv_secrets
		WHERE install_id = ? AND key > ? AND (expires_at = 0 OR expires_at > ?) ORDER BY key LIMIT ?`

	nextEntity = `SELECT entity FROM kv_entities WHERE install_id = ? AND entity > ? ORDER BY entity LIMIT 1`

	anyEntity = `SELECT 1 FROM kv_entities WHERE install_id = ? AND entity = ? AND (expires_at = 0 OR expires_at > ?) LIMIT 1`

	// What an ended installation stored becomes another one's, whose own values stay.
	pageOfValues = `SELECT COALESCE(MAX(key), ''), COUNT(*) FROM (SELECT key FROM kv WHERE install_id = ? ORDER BY key LIMIT ?) AS page`

	takeValues = `INSERT INTO kv (install_id, key, value, created_at, updated_at, expires_at)
		SELECT ?, key, value, created_at, updated_at, expires_at FROM kv WHERE install_id = ? AND key <= ? AND (expires_at = 0 OR expires_at > ?)
		ON CONFLICT (install_id, key) DO UPDATE SET
			value = excluded.value, created_at = excluded.created_at, updated_at = excluded.updated_at, expires_at = excluded.expires_at
			WHERE kv.expires_at > 0 AND kv.expires_at <= ?`

	leaveValues = `DELETE FROM kv WHERE install_id = ? AND key <= ?`

	pageOfEntities = `SELECT COALESCE(MAX(key), ''), COUNT(*) FROM
		(SELECT key FROM kv_entities WHERE install_id = ? AND entity = ? ORDER BY key LIMIT ?) AS page`

	takeEntities = `INSERT INTO kv_entities (install_id, entity, key, value, created_at, updated_at, expires_at)
		SELECT ?, entity, key, value, created_at, updated_at, expires_at FROM kv_entities WHERE install_id = ? AND entity = ? AND key <= ? AND (expires_at = 0 OR expires_at > ?)
		ON CONFLICT (install_id, entity, key) DO NOTHING`

	leaveEntities = `DELETE FROM kv_entities WHERE install_id = ? AND entity = ? AND key <= ?`

	forgetIndexes = `DELETE FROM kv_entity_indexes WHERE install_id = ? AND entity = ?`

	// + 0 keeps to the installation's rows: the index on times is of all installations.
	dropExpiredEntities = `DELETE FROM kv_entities WHERE install_id = ? AND expires_at + 0 > 0 AND expires_at + 0 <= ?`

	dropExpiredEntries = `DELETE FROM kv_entity_entries WHERE install_id = ? AND expires_at + 0 > 0 AND expires_at + 0 <= ?`

	someSecrets = `SELECT key, value, generation, created_at, updated_at, expires_at FROM kv_secrets WHERE install_id = ? ORDER BY key LIMIT ?`

	takeSecret = `INSERT INTO kv_secrets (install_id, key, value, generation, created_at, updated_at, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id, key) DO UPDATE SET
			value = excluded.value, generation = excluded.generation, created_at = excluded.created_at,
			updated_at = excluded.updated_at, expires_at = excluded.expires_at
			WHERE kv_secrets.expires_at > 0 AND kv_secrets.expires_at <= ?`

	// Expiry is a property of the row and no tenant's act: nothing is read.
	sweepValuesAllTenants = `DELETE FROM kv WHERE (install_id, key) IN
		(SELECT install_id, key FROM kv WHERE expires_at > 0 AND expires_at <= ? LIMIT ?)`

	sweepSecretsAllTenants = `DELETE FROM kv_secrets WHERE (install_id, key) IN
		(SELECT install_id, key FROM kv_secrets WHERE expires_at > 0 AND expires_at <= ? LIMIT ?)`

	sweepEntitiesAllTenants = `DELETE FROM kv_entities WHERE (install_id, entity, key) IN
		(SELECT install_id, entity, key FROM kv_entities WHERE expires_at > 0 AND expires_at <= ? LIMIT ?)`

	sweepEntriesAllTenants = `DELETE FROM kv_entity_entries WHERE (install_id, path) IN
		(SELECT install_id, path FROM kv_entity_entries WHERE expires_at > 0 AND expires_at <= ? LIMIT ?)`
)
