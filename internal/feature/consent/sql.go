package consent

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's table: what a user of a product on a site has agreed that
// an installation does as them. agreed is a perm.Set as JSON.
var Migrations = []db.Migration{{ID: "consent/1", SQL: `
CREATE TABLE consents (
	install_id TEXT NOT NULL,
	site_id    TEXT NOT NULL,
	product    TEXT NOT NULL,
	user_id    TEXT NOT NULL,
	agreed     TEXT NOT NULL,
	given_at   BIGINT NOT NULL,
	PRIMARY KEY (install_id, product, user_id)
);
CREATE INDEX consents_user ON consents (site_id, product, user_id);
`}}

const (
	agreedOf = `SELECT agreed FROM consents WHERE install_id = ? AND product = ? AND user_id = ?`
	put      = `INSERT INTO consents (install_id, site_id, product, user_id, agreed, given_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id, product, user_id) DO UPDATE SET agreed = excluded.agreed, given_at = excluded.given_at`
	remove    = `DELETE FROM consents WHERE install_id = ? AND product = ? AND user_id = ?`
	removeAll = `DELETE FROM consents WHERE install_id = ?`
	ofUser    = `SELECT install_id, user_id, product, agreed, given_at FROM consents WHERE site_id = ? AND product = ? AND user_id = ? ORDER BY given_at, install_id`
	ofInstall = `SELECT install_id, user_id, product, agreed, given_at FROM consents WHERE install_id = ? ORDER BY given_at, user_id`
)
