package productauth

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's tables. An account with the user "" is the service account
// of the site's apps. tokens is sealed for site, product, user and generation.
var Migrations = []db.Migration{{ID: "productauth/1", SQL: `
CREATE TABLE product_accounts (
	site_id      TEXT NOT NULL,
	product      TEXT NOT NULL,
	user_id      TEXT NOT NULL,
	name         TEXT NOT NULL,
	tokens       BLOB NOT NULL,
	generation   BIGINT NOT NULL,
	expires_at   BIGINT NOT NULL,
	refreshing   BIGINT NOT NULL,
	connected_at BIGINT NOT NULL,
	connected_by TEXT NOT NULL,
	PRIMARY KEY (site_id, product, user_id)
);
CREATE TABLE product_flows (
	state      TEXT PRIMARY KEY,
	browser    TEXT NOT NULL,
	kind       TEXT NOT NULL,
	site_id    TEXT NOT NULL,
	product    TEXT NOT NULL,
	actor      TEXT NOT NULL,
	answers    TEXT NOT NULL,
	next       TEXT NOT NULL,
	verifier   BLOB NOT NULL,
	expires_at BIGINT NOT NULL
);
CREATE INDEX product_flows_expiry ON product_flows (expires_at);
CREATE TABLE product_clients (
	product    TEXT PRIMARY KEY,
	secret     BLOB NOT NULL,
	generation BIGINT NOT NULL
);
`}}

const (
	accountOf = `SELECT name, tokens, generation, expires_at, refreshing FROM product_accounts WHERE site_id = ? AND product = ? AND user_id = ?`
	connect   = `INSERT INTO product_accounts (site_id, product, user_id, name, tokens, generation, expires_at, refreshing, connected_at, connected_by)
		VALUES (?, ?, ?, ?, ?, ?, ?, 0, ?, ?)
		ON CONFLICT (site_id, product, user_id) DO UPDATE SET name = excluded.name, tokens = excluded.tokens, generation = excluded.generation,
			expires_at = excluded.expires_at, refreshing = 0, connected_at = excluded.connected_at, connected_by = excluded.connected_by`
	lease      = `UPDATE product_accounts SET refreshing = ? WHERE site_id = ? AND product = ? AND user_id = ? AND generation = ? AND refreshing < ?`
	renew      = `UPDATE product_accounts SET tokens = ?, generation = ?, expires_at = ?, refreshing = 0 WHERE site_id = ? AND product = ? AND user_id = ? AND generation = ?`
	disconnect = `DELETE FROM product_accounts WHERE site_id = ? AND product = ? AND user_id = ?`
	expire     = `DELETE FROM product_accounts WHERE site_id = ? AND product = ? AND user_id = ? AND generation = ?`
	ofSite     = `SELECT product, user_id, name, connected_at, connected_by FROM product_accounts WHERE site_id = ? ORDER BY product, user_id`
	endSite    = `DELETE FROM product_accounts WHERE site_id = ?`

	addFlow = `INSERT INTO product_flows (state, browser, kind, site_id, product, actor, answers, next, verifier, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	// Cross-tenant on purpose: the state is all that a browser brings back, and whose flow
	// it is is what this statement is for.
	takeFlow  = `DELETE FROM product_flows WHERE state = ? RETURNING browser, kind, site_id, actor, answers, next, product, verifier, expires_at`
	oldFlows  = `DELETE FROM product_flows WHERE expires_at < ?`
	putSecret = `INSERT INTO product_clients (product, secret, generation) VALUES (?, ?, ?)
		ON CONFLICT (product) DO UPDATE SET secret = excluded.secret, generation = excluded.generation`
	secretOf = `SELECT secret, generation FROM product_clients WHERE product = ?`
)
