package account

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's tables. Times are milliseconds since 1970.
var Migrations = []db.Migration{{ID: "account/1", SQL: `
CREATE TABLE accounts (
	id         TEXT PRIMARY KEY,
	name       TEXT NOT NULL UNIQUE,
	operator   BIGINT NOT NULL,
	developer  BIGINT NOT NULL,
	created_at BIGINT NOT NULL
);
CREATE TABLE account_sites (
	account_id TEXT NOT NULL REFERENCES accounts(id),
	site_id    TEXT NOT NULL,
	PRIMARY KEY (account_id, site_id)
);
CREATE TABLE tokens (
	id           TEXT PRIMARY KEY,
	secret_hash  TEXT NOT NULL UNIQUE,
	kind         TEXT NOT NULL,
	account_id   TEXT NOT NULL REFERENCES accounts(id),
	site_id      TEXT NOT NULL,
	app_id       TEXT NOT NULL,
	environments TEXT NOT NULL,
	note         TEXT NOT NULL,
	created_at   BIGINT NOT NULL,
	expires_at   BIGINT NOT NULL,
	revoked_at   BIGINT NOT NULL
);
CREATE INDEX tokens_account ON tokens (account_id);
`}, {ID: "account/2", SQL: `
CREATE INDEX tokens_operator ON tokens (kind) WHERE kind = 'operator';
`}}

const (
	addAccount = `INSERT INTO accounts (id, name, operator, developer, created_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET
			operator = CASE WHEN excluded.operator > accounts.operator THEN excluded.operator ELSE accounts.operator END,
			developer = CASE WHEN excluded.developer > accounts.developer THEN excluded.developer ELSE accounts.developer END`
	addAccountSite = `INSERT INTO account_sites (account_id, site_id) VALUES (?, ?) ON CONFLICT (account_id, site_id) DO NOTHING`
	accountColumns = `SELECT id, name, operator, developer, created_at FROM accounts`
	accountByName  = accountColumns + ` WHERE name = ?`
	accountByID    = accountColumns + ` WHERE id = ?`
	allAccounts    = accountColumns + ` ORDER BY name`
	accountSites   = `SELECT site_id FROM account_sites WHERE account_id = ? ORDER BY site_id`

	addToken = `INSERT INTO tokens (id, secret_hash, kind, account_id, site_id, app_id, environments, note, created_at, expires_at, revoked_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`
	tokenColumns = `SELECT t.id, t.kind, t.account_id, a.name, t.site_id, t.app_id, t.environments, t.note, t.created_at, t.expires_at, t.revoked_at
		FROM tokens t JOIN accounts a ON a.id = t.account_id`
	tokenByHash     = tokenColumns + ` WHERE t.secret_hash = ?`
	tokenByID       = tokenColumns + ` WHERE t.id = ?`
	tokensOfAccount = tokenColumns + ` WHERE t.account_id = ? ORDER BY t.created_at, t.id`
	allTokens       = tokenColumns + ` ORDER BY t.created_at, t.id`
	revokeToken     = `UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at = 0`
	endRoles        = `UPDATE accounts SET operator = 0, developer = 0 WHERE id = ?`
	endSitesOf      = `DELETE FROM account_sites WHERE account_id = ?`
	endTokensOf     = `UPDATE tokens SET revoked_at = ? WHERE account_id = ? AND revoked_at = 0`
	endAdminsOf     = `DELETE FROM account_sites WHERE site_id = ?`
	endTokensSite   = `UPDATE tokens SET revoked_at = ? WHERE site_id = ? AND revoked_at = 0`
	voidTokens      = `UPDATE tokens SET revoked_at = ? WHERE revoked_at = 0`
	endFirst        = `UPDATE tokens SET revoked_at = ? WHERE kind = 'operator' AND note = ? AND revoked_at = 0`
	liveOperators   = `SELECT COUNT(*) FROM tokens WHERE kind = 'operator' AND revoked_at = 0 AND expires_at > ?`
)
