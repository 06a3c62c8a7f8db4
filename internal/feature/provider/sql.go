package provider

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's tables.
var Migrations = []db.Migration{{ID: "provider/1", SQL: `
CREATE TABLE provider_accounts (
	site_id      TEXT NOT NULL,
	env_id       TEXT NOT NULL,
	directory    TEXT NOT NULL,
	user_id      TEXT NOT NULL,
	provider     TEXT NOT NULL,
	account      TEXT NOT NULL,
	app_id       TEXT NOT NULL,
	name         TEXT NOT NULL,
	avatar       TEXT NOT NULL,
	scopes       TEXT NOT NULL,
	tokens       BLOB NOT NULL,
	generation   BIGINT NOT NULL,
	expires_at   BIGINT NOT NULL,
	refreshing   BIGINT NOT NULL,
	connected_at BIGINT NOT NULL,
	install_id   TEXT NOT NULL,
	version_id   TEXT NOT NULL,
	PRIMARY KEY (site_id, env_id, directory, user_id, provider, account)
);
CREATE TABLE provider_flows (
	state      TEXT PRIMARY KEY,
	browser    TEXT NOT NULL,
	callback   TEXT NOT NULL,
	site_id    TEXT NOT NULL,
	install_id TEXT NOT NULL,
	product    TEXT NOT NULL,
	user_id    TEXT NOT NULL,
	provider   TEXT NOT NULL,
	scopes     TEXT NOT NULL,
	verifier   BLOB NOT NULL,
	expires_at BIGINT NOT NULL
);
CREATE INDEX provider_flows_expiry ON provider_flows (expires_at);
CREATE INDEX provider_flows_site ON provider_flows (site_id);
CREATE TABLE provider_clients (
	env_id     TEXT NOT NULL,
	provider   TEXT NOT NULL,
	callback   TEXT NOT NULL UNIQUE,
	secret     BLOB NOT NULL,
	generation BIGINT NOT NULL,
	PRIMARY KEY (env_id, provider)
);
`}, {ID: "provider/2", SQL: `
CREATE TABLE provider_keys (
	install_id TEXT NOT NULL,
	site_id    TEXT NOT NULL,
	provider   TEXT NOT NULL,
	generation BIGINT NOT NULL,
	credential BLOB NOT NULL,
	given_by   TEXT NOT NULL,
	given_at   BIGINT NOT NULL,
	PRIMARY KEY (install_id, provider)
);
CREATE INDEX provider_keys_site ON provider_keys (site_id);
`}}

const (
	accountColumns = `app_id, env_id, directory, user_id, provider, account, name, avatar, scopes, connected_at`

	accountsOf = `SELECT ` + accountColumns + ` FROM provider_accounts
		WHERE site_id = ? AND env_id = ? AND directory = ? AND user_id = ? AND provider = ? ORDER BY connected_at, account`
	tokensOf = `SELECT tokens, generation, expires_at, refreshing, scopes FROM provider_accounts
		WHERE site_id = ? AND env_id = ? AND directory = ? AND user_id = ? AND provider = ? AND account = ?`
	connect = `INSERT INTO provider_accounts (site_id, env_id, directory, user_id, provider, account, app_id, name, avatar, scopes, tokens,
		generation, expires_at, refreshing, connected_at, install_id, version_id) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, ?, ?, ?)
		ON CONFLICT (site_id, env_id, directory, user_id, provider, account) DO UPDATE SET name = excluded.name, avatar = excluded.avatar,
			scopes = excluded.scopes, tokens = excluded.tokens, generation = excluded.generation, expires_at = excluded.expires_at, refreshing = 0,
			install_id = excluded.install_id, version_id = excluded.version_id`
	lease = `UPDATE provider_accounts SET refreshing = ?
		WHERE site_id = ? AND env_id = ? AND directory = ? AND user_id = ? AND provider = ? AND account = ? AND generation = ? AND refreshing < ?`
	letGo = `UPDATE provider_accounts SET refreshing = 0
		WHERE site_id = ? AND env_id = ? AND directory = ? AND user_id = ? AND provider = ? AND account = ? AND generation = ? AND refreshing = ?`
	renew = `UPDATE provider_accounts SET tokens = ?, generation = ?, expires_at = ?, refreshing = 0
		WHERE site_id = ? AND env_id = ? AND directory = ? AND user_id = ? AND provider = ? AND account = ? AND generation = ?`
	expire = `DELETE FROM provider_accounts
		WHERE site_id = ? AND env_id = ? AND directory = ? AND user_id = ? AND provider = ? AND account = ? AND generation = ?`
	disconnect = `DELETE FROM provider_accounts
		WHERE site_id = ? AND env_id = ? AND directory = ? AND user_id = ? AND provider = ? AND account = ?
		RETURNING tokens, generation, install_id, version_id, app_id`

	ofUser   = `SELECT ` + accountColumns + ` FROM provider_accounts WHERE site_id = ? AND directory = ? AND user_id = ? ORDER BY app_id, provider, account`
	ofSite   = `SELECT ` + accountColumns + ` FROM provider_accounts WHERE site_id = ? ORDER BY app_id, directory, user_id, provider, account`
	ofEnv    = `SELECT ` + accountColumns + ` FROM provider_accounts WHERE site_id = ? AND env_id = ? ORDER BY directory, user_id, provider, account`
	endSite  = `DELETE FROM provider_accounts WHERE site_id = ?`
	endFlows = `DELETE FROM provider_flows WHERE site_id = ?`

	addFlow = `INSERT INTO provider_flows (state, browser, callback, site_id, install_id, product, user_id, provider, scopes, verifier, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// Cross-tenant on purpose: the state is all that a browser brings back, and whose flow
	// it is is what this statement is for.
	takeFlow = `DELETE FROM provider_flows WHERE state = ? RETURNING browser, callback, site_id, install_id, product, user_id, provider, scopes, verifier, expires_at`
	oldFlows = `DELETE FROM provider_flows WHERE expires_at < ?`

	siteKeyOf  = `SELECT generation, credential, given_by, given_at FROM provider_keys WHERE install_id = ? AND site_id = ? AND provider = ?`
	putSiteKey = `INSERT INTO provider_keys (install_id, site_id, provider, generation, credential, given_by, given_at) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id, provider) DO UPDATE SET generation = excluded.generation, credential = excluded.credential, given_by = excluded.given_by, given_at = excluded.given_at`
	dropSiteKey  = `DELETE FROM provider_keys WHERE install_id = ? AND site_id = ? AND provider = ?`
	dropSiteKeys = `DELETE FROM provider_keys WHERE install_id = ? AND site_id = ?`
	endSiteKeys  = `DELETE FROM provider_keys WHERE site_id = ?`

	clientOf  = `SELECT callback, secret, generation FROM provider_clients WHERE env_id = ? AND provider = ?`
	addClient = `INSERT INTO provider_clients (env_id, provider, callback, secret, generation) VALUES (?, ?, ?, ?, 0) ON CONFLICT (env_id, provider) DO NOTHING`
	putSecret = `UPDATE provider_clients SET secret = ?, generation = ? WHERE env_id = ? AND provider = ?`
)
