package registry

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's tables.
var Migrations = []db.Migration{{ID: "registry/1", SQL: `
CREATE TABLE apps (
	id         TEXT PRIMARY KEY,
	name       TEXT NOT NULL,
	owner      TEXT NOT NULL,
	created_at BIGINT NOT NULL
);
CREATE INDEX apps_owner ON apps (owner);
CREATE TABLE environments (
	id          TEXT PRIMARY KEY,
	app_id      TEXT NOT NULL REFERENCES apps(id),
	name        TEXT NOT NULL,
	type        TEXT NOT NULL,
	position    BIGINT NOT NULL,
	version_id  TEXT NOT NULL,
	deployed_at BIGINT NOT NULL,
	revision    BIGINT NOT NULL,
	created_at  BIGINT NOT NULL,
	UNIQUE (app_id, name)
);
CREATE TABLE versions (
	id         TEXT PRIMARY KEY,
	app_id     TEXT NOT NULL REFERENCES apps(id),
	env_id     TEXT NOT NULL REFERENCES environments(id),
	major      BIGINT NOT NULL,
	minor      BIGINT NOT NULL,
	patch      BIGINT NOT NULL,
	hash       TEXT NOT NULL,
	manifest   TEXT NOT NULL,
	declared   TEXT NOT NULL,
	bundle     TEXT NOT NULL,
	source_map TEXT NOT NULL,
	files      TEXT NOT NULL,
	message    TEXT NOT NULL,
	created_by TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	UNIQUE (env_id, hash),
	UNIQUE (env_id, major, minor, patch)
);
CREATE TABLE variables (
	env_id     TEXT NOT NULL REFERENCES environments(id),
	name       TEXT NOT NULL,
	sealed     BIGINT NOT NULL,
	value      TEXT NOT NULL,
	secret     BLOB NOT NULL,
	generation BIGINT NOT NULL,
	updated_at BIGINT NOT NULL,
	PRIMARY KEY (env_id, name)
);
`}, {ID: "registry/2", SQL: `
ALTER TABLE apps ADD COLUMN suspended TEXT NOT NULL DEFAULT '';
CREATE TABLE app_offers (
	app_id     TEXT PRIMARY KEY REFERENCES apps(id),
	to_account TEXT NOT NULL,
	by_account TEXT NOT NULL,
	created_at BIGINT NOT NULL
);
CREATE INDEX app_offers_to ON app_offers (to_account);
`}}

const (
	putApp       = `INSERT INTO apps (id, name, owner, created_at) VALUES (?, ?, ?, ?)`
	renameApp    = `UPDATE apps SET name = ? WHERE id = ?`
	setOwner     = `UPDATE apps SET owner = ? WHERE id = ?`
	setSuspended = `UPDATE apps SET suspended = ? WHERE id = ?`
	putOffer     = `INSERT INTO app_offers (app_id, to_account, by_account, created_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (app_id) DO UPDATE SET to_account = excluded.to_account, by_account = excluded.by_account, created_at = excluded.created_at`
	dropOffer = `DELETE FROM app_offers WHERE app_id = ?`
	// An offer of somebody who is not the owner any more is none.
	offerOf  = `SELECT a.owner FROM app_offers o JOIN apps a ON a.id = o.app_id AND a.owner = o.by_account WHERE o.app_id = ? AND o.to_account = ?`
	offersTo = `SELECT a.id, a.name, a.owner, a.created_at, o.created_at FROM app_offers o JOIN apps a ON a.id = o.app_id AND a.owner = o.by_account
		WHERE o.to_account = ? ORDER BY o.created_at, a.id`
	appColumns = `SELECT id, name, owner, created_at FROM apps`
	appByID    = appColumns + ` WHERE id = ?`
	appsOf     = appColumns + ` WHERE owner = ? ORDER BY created_at, id`
	allApps    = appColumns + ` ORDER BY created_at, id`

	putEnvironment = `INSERT INTO environments (id, app_id, name, type, position, version_id, deployed_at, revision, created_at)
		VALUES (?, ?, ?, ?, ?, '', 0, 0, ?)`
	environmentColumns = `SELECT e.id, e.app_id, e.name, e.type, e.version_id, v.major, v.minor, v.patch, e.deployed_at, e.revision, e.created_at
		FROM environments e LEFT JOIN versions v ON v.id = e.version_id`
	environmentByName = environmentColumns + ` WHERE e.app_id = ? AND e.name = ?`
	environmentsOf    = environmentColumns + ` WHERE e.app_id = ? ORDER BY e.position, e.name`
	setCurrent        = `UPDATE environments SET version_id = ?, deployed_at = ? WHERE id = ?`
	nextRevision      = `UPDATE environments SET revision = revision + 1 WHERE id = ? RETURNING revision`
	skipRevisions     = `UPDATE environments SET revision = revision + ?`
	dropEnvironment   = `DELETE FROM environments WHERE id = ?`
	dropVersionsOf    = `DELETE FROM versions WHERE env_id = ?`
	dropVariablesOf   = `DELETE FROM variables WHERE env_id = ?`

	putVersion = `INSERT INTO versions (id, app_id, env_id, major, minor, patch, hash, manifest, declared, bundle, source_map, files, message, created_by, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	versionColumns = `SELECT id, app_id, env_id, major, minor, patch, hash, manifest, declared, bundle, source_map, files, message, created_by, created_at FROM versions`
	versionByID    = versionColumns + ` WHERE id = ?`
	versionByHash  = versionColumns + ` WHERE env_id = ? AND hash = ?`
	versionsOf     = versionColumns + ` WHERE env_id = ? ORDER BY created_at DESC, major DESC, minor DESC, patch DESC`
	highestMajor   = `SELECT COALESCE(MAX(major), 0) FROM versions WHERE env_id = ?`
	highestMinor   = `SELECT COALESCE(MAX(minor), 0) FROM versions WHERE env_id = ? AND major = ?`
	versionFacts   = `SELECT v.major, v.minor, v.patch, v.hash, v.bundle, v.source_map, v.files, v.manifest, e.id, e.revision
		FROM versions v JOIN environments e ON e.id = v.env_id WHERE v.id = ?`
	releaseColumns = `SELECT a.id, a.owner, a.suspended, e.id, e.name, e.type, v.id, v.major, v.minor, v.patch, v.declared, v.hash
		FROM apps a JOIN environments e ON e.app_id = a.id JOIN versions v ON `
	releaseOf        = releaseColumns + `v.id = e.version_id WHERE a.id = ? AND e.name = ?`
	releaseOfVersion = releaseColumns + `v.env_id = e.id WHERE a.id = ? AND e.name = ? AND v.id = ?`

	putVariable = `INSERT INTO variables (env_id, name, sealed, value, secret, generation, updated_at) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (env_id, name) DO UPDATE SET sealed = excluded.sealed, value = excluded.value, secret = excluded.secret,
			generation = excluded.generation, updated_at = excluded.updated_at`
	dropVariable   = `DELETE FROM variables WHERE env_id = ? AND name = ?`
	countSealed    = `SELECT COUNT(*) FROM variables WHERE env_id = ? AND name = ? AND sealed <> 0`
	variablesOf    = `SELECT name, sealed, value, secret, generation, updated_at FROM variables WHERE env_id = ? ORDER BY name`
	countVariables = `SELECT COUNT(*) FROM variables WHERE env_id = ? AND name <> ?`
)
