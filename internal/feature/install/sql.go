package install

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's tables. policy_clock has one row; each change of any
// policy takes its next value, so its row lock puts the changes of all processes into
// the order in which they are committed, and "changed after N" misses none.
var Migrations = []db.Migration{{ID: "install/1", SQL: `
CREATE TABLE policy_clock (
	one   BIGINT PRIMARY KEY,
	value BIGINT NOT NULL
);
INSERT INTO policy_clock (one, value) VALUES (1, 0);
CREATE TABLE installations (
	id               TEXT PRIMARY KEY,
	app_id           TEXT NOT NULL,
	owner            TEXT NOT NULL,
	env_id           TEXT NOT NULL,
	env_name         TEXT NOT NULL,
	env_type         TEXT NOT NULL,
	site_id          TEXT NOT NULL,
	product          TEXT NOT NULL,
	version_id       TEXT NOT NULL,
	number           TEXT NOT NULL,
	declared         TEXT NOT NULL,
	granted          TEXT NOT NULL,
	waiting_version  TEXT NOT NULL,
	waiting_number   TEXT NOT NULL,
	waiting_declared TEXT NOT NULL,
	installed_at     BIGINT NOT NULL,
	installed_by     TEXT NOT NULL,
	removed_at       BIGINT NOT NULL,
	active           BIGINT NOT NULL,
	epoch            BIGINT NOT NULL,
	changed          BIGINT NOT NULL
);
CREATE UNIQUE INDEX installations_target ON installations (env_id, site_id, product) WHERE active = 1;
CREATE INDEX installations_site ON installations (site_id);
CREATE INDEX installations_app ON installations (app_id);
CREATE INDEX installations_changed ON installations (changed);
CREATE TABLE install_requests (
	id         TEXT PRIMARY KEY,
	app_id     TEXT NOT NULL,
	env_name   TEXT NOT NULL,
	site_id    TEXT NOT NULL,
	product    TEXT NOT NULL,
	account_id TEXT NOT NULL,
	created_at BIGINT NOT NULL,
	UNIQUE (app_id, env_name, site_id, product)
);
`}, {ID: "install/2", SQL: `
ALTER TABLE installations ADD COLUMN suspended BIGINT NOT NULL DEFAULT 0;
`}, {ID: "install/3", SQL: `
ALTER TABLE installations ADD COLUMN held TEXT NOT NULL DEFAULT '';
`}, {ID: "install/4", SQL: `
DROP INDEX installations_site;
CREATE INDEX installations_place ON installations (site_id, app_id, env_name, product);
CREATE INDEX installations_owner ON installations (owner);
CREATE INDEX install_requests_site ON install_requests (site_id);
CREATE INDEX install_requests_account ON install_requests (account_id);
`}, {ID: "install/5", SQL: `
ALTER TABLE installations ADD COLUMN hash TEXT NOT NULL DEFAULT '';
ALTER TABLE installations ADD COLUMN decided TEXT NOT NULL DEFAULT '';
ALTER TABLE installations ADD COLUMN app_managed BIGINT NOT NULL DEFAULT 0;
ALTER TABLE installations ADD COLUMN waiting_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE installations ADD COLUMN waiting_reason TEXT NOT NULL DEFAULT '';
ALTER TABLE installations ADD COLUMN waiting_due BIGINT NOT NULL DEFAULT 0;
ALTER TABLE installations ADD COLUMN settings TEXT NOT NULL DEFAULT '{}';
CREATE INDEX installations_due ON installations (waiting_due) WHERE waiting_due > 0;
UPDATE installations SET decided = declared;
UPDATE installations SET waiting_reason = 'growth' WHERE waiting_version <> '';
CREATE TABLE installation_grants (
	install_id TEXT NOT NULL,
	site_id    TEXT NOT NULL,
	version_id TEXT NOT NULL,
	number     TEXT NOT NULL,
	hash       TEXT NOT NULL,
	granted    TEXT NOT NULL,
	last_at    BIGINT NOT NULL,
	PRIMARY KEY (install_id, version_id)
);
`}, {ID: "install/6", SQL: `
CREATE TABLE site_networks (
	id         TEXT PRIMARY KEY,
	site_id    TEXT NOT NULL,
	cidr       TEXT NOT NULL,
	ports      TEXT NOT NULL,
	ca         TEXT NOT NULL,
	note       TEXT NOT NULL,
	expires_at BIGINT NOT NULL,
	listed_by  TEXT NOT NULL,
	listed_at  BIGINT NOT NULL
);
CREATE INDEX site_networks_site ON site_networks (site_id, listed_at);
`}, {ID: "install/7", SQL: `
CREATE TABLE access_rules (
	id             TEXT PRIMARY KEY,
	site_id        TEXT NOT NULL,
	product        TEXT NOT NULL,
	container_type TEXT NOT NULL,
	container      TEXT NOT NULL,
	app_id         TEXT NOT NULL,
	made_by        TEXT NOT NULL,
	made_at        BIGINT NOT NULL
);
CREATE INDEX access_rules_site ON access_rules (site_id, made_at);
`}}

const (
	// Networks that the operator lists, site by site.
	addNetwork     = `INSERT INTO site_networks (id, site_id, cidr, ports, ca, note, expires_at, listed_by, listed_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`
	networksOfSite = `SELECT id, site_id, cidr, ports, ca, note, expires_at, listed_by, listed_at FROM site_networks WHERE site_id = ? ORDER BY listed_at, id`
	dropNetwork    = `DELETE FROM site_networks WHERE id = ? AND site_id = ?`

	// Rules that keep apps from parts of a site's products.
	addRule     = `INSERT INTO access_rules (id, site_id, product, container_type, container, app_id, made_by, made_at) VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	ruleColumns = `SELECT id, site_id, product, container_type, container, app_id, made_by, made_at FROM access_rules`
	rulesOfSite = ruleColumns + ` WHERE site_id = ? ORDER BY made_at, id`
	dropRule    = `DELETE FROM access_rules WHERE id = ? AND site_id = ?`
	// Cross-tenant: every process holds the policies of all installations in memory.
	allRules = ruleColumns

	tick = `UPDATE policy_clock SET value = value + 1 WHERE one = 1 RETURNING value`

	columns = `SELECT id, app_id, owner, env_id, env_name, env_type, site_id, product, version_id, number, declared, granted,
		waiting_version, waiting_number, waiting_declared, installed_at, installed_by, active, suspended, held, epoch, changed,
		hash, decided, app_managed, waiting_hash, waiting_reason, waiting_due, settings FROM installations`
	// Cross-tenant: every process holds the policies of all installations in memory.
	allActive    = columns + ` WHERE active = 1`
	changedSince = columns + ` WHERE changed > ? ORDER BY changed`
	// Cross-tenant: a deploy reaches every installation of its environment.
	ofEnvironment = columns + ` WHERE env_id = ? AND active = 1 AND suspended = 0 ORDER BY site_id, id`
	idsInEnv      = `SELECT id FROM installations WHERE env_id = ? AND active = 1 AND id > ? ORDER BY id LIMIT ?`
	countInEnv    = `SELECT COUNT(*) FROM installations WHERE env_id = ? AND active = 1`
	// Cross-tenant: a developer sees where its own apps are installed, an operator everything.
	byTargetOfOwner = columns + ` WHERE owner = ? AND site_id = ? AND app_id = ? AND env_name = ? AND product = ? AND active = 1`
	ofOwner         = columns + ` WHERE owner = ? AND active = 1 ORDER BY installed_at, id`
	allListed       = columns + ` WHERE active = 1 ORDER BY installed_at, id`

	onProduct = `SELECT id FROM installations WHERE site_id = ? AND env_id = ? AND product = ? AND active = 1`
	ofSite    = columns + ` WHERE site_id = ? AND active = 1 ORDER BY installed_at, id`
	// Those that the site's switch for development apps is about.
	switchedOnSite = columns + ` WHERE site_id = ? AND env_type <> ? AND active = 1 AND suspended = ? ORDER BY id`
	byID           = columns + ` WHERE id = ? AND site_id = ? AND active = 1`
	anyByID        = columns + ` WHERE id = ? AND site_id = ?`
	byTarget       = columns + ` WHERE site_id = ? AND app_id = ? AND env_name = ? AND product = ? AND active = 1`

	insert = `INSERT INTO installations (id, app_id, owner, env_id, env_name, env_type, site_id, product, version_id, number,
		declared, granted, waiting_version, waiting_number, waiting_declared, installed_at, installed_by, removed_at, active, epoch, changed,
		hash, decided, app_managed, settings)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 1, 1, ?, ?, ?, ?, ?)`
	update = `UPDATE installations SET version_id = ?, number = ?, declared = ?, granted = ?,
		waiting_version = ?, waiting_number = ?, waiting_declared = ?, suspended = ?, held = ?, epoch = ?, changed = ?,
		hash = ?, decided = ?, app_managed = ?, waiting_hash = ?, waiting_reason = ?, waiting_due = ?, settings = ?, owner = ?
		WHERE id = ? AND site_id = ?`
	remove = `UPDATE installations SET active = 0, removed_at = ?, epoch = epoch + 1, changed = ?
		WHERE id = ? AND site_id = ? AND active = 1`

	// What was granted with each version that ran, for the way back.
	putPast = `INSERT INTO installation_grants (install_id, site_id, version_id, number, hash, granted, last_at) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id, version_id) DO UPDATE SET granted = excluded.granted, last_at = excluded.last_at`
	pastOf   = `SELECT version_id, number, hash, granted, last_at FROM installation_grants WHERE install_id = ? AND site_id = ? ORDER BY last_at DESC, version_id DESC`
	setPast  = `UPDATE installation_grants SET granted = ? WHERE install_id = ? AND site_id = ? AND version_id = ?`
	dropPast = `DELETE FROM installation_grants WHERE install_id = ? AND site_id = ?`

	// Cross-tenant: what is due is due on every site.
	dueNow = columns + ` WHERE waiting_due > 0 AND waiting_due <= ? AND active = 1 ORDER BY waiting_due, id LIMIT 100`
	// Cross-tenant: an app's owner and the operator's suspension are of all its installations.
	ofApp = columns + ` WHERE app_id = ? AND active = 1 ORDER BY site_id, id`

	// Cross-tenant: what every installation was, before a backup takes its place.
	allKept      = columns + ` ORDER BY id`
	policyClock  = `SELECT value FROM policy_clock WHERE one = 1`
	advanceClock = `UPDATE policy_clock SET value = value + ? WHERE one = 1`

	fileRequest = `INSERT INTO install_requests (id, app_id, env_name, site_id, product, account_id, created_at)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (app_id, env_name, site_id, product) DO UPDATE SET account_id = excluded.account_id
		RETURNING id`
	requestColumns = `SELECT id, app_id, env_name, site_id, product, account_id, created_at FROM install_requests`
	requestsOfSite = requestColumns + ` WHERE site_id = ? ORDER BY created_at, id`
	// Cross-tenant: a developer sees the own requests.
	requestsOfAccount = requestColumns + ` WHERE account_id = ? ORDER BY created_at, id`
	dropRequestsOn    = `DELETE FROM install_requests WHERE site_id = ?`
	dropRequest       = `DELETE FROM install_requests WHERE site_id = ? AND app_id = ? AND env_name = ? AND product = ?`
)
