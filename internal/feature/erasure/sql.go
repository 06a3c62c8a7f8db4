package erasure

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's table: ended installations of which something may be left.
var Migrations = []db.Migration{{ID: "erasure/1", SQL: `
CREATE TABLE erasures (
	install_id TEXT   PRIMARY KEY,
	site_id    TEXT   NOT NULL,
	ended_at   BIGINT NOT NULL,
	due_at     BIGINT NOT NULL
);
CREATE INDEX erasures_due ON erasures (due_at, install_id);
CREATE INDEX erasures_site ON erasures (site_id);
`}, {ID: "erasure/2", SQL: `
ALTER TABLE erasures ADD COLUMN given_to TEXT NOT NULL DEFAULT '';
`}}

const (
	put = `INSERT INTO erasures (install_id, site_id, ended_at, due_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (install_id) DO UPDATE SET ended_at = excluded.ended_at, due_at = excluded.due_at`
	hasten = `UPDATE erasures SET due_at = ? WHERE install_id = ? AND site_id = ? RETURNING ended_at`
	ofSite = `SELECT install_id, ended_at, due_at, given_to FROM erasures WHERE site_id = ? AND due_at > ? ORDER BY ended_at DESC, install_id`
	dueOf  = `SELECT due_at FROM erasures WHERE install_id = ? AND site_id = ?`
	// What is being brought back is not erased meanwhile.
	hold = `UPDATE erasures SET due_at = CASE WHEN due_at < ? THEN ? ELSE due_at END WHERE install_id = ? AND site_id = ? AND due_at > ?`
	// What was brought back is not kept any longer; who asked for its end meanwhile has it.
	given      = `UPDATE erasures SET due_at = ?, given_to = ? WHERE install_id = ? AND site_id = ? AND due_at > ?`
	hastenSite = `UPDATE erasures SET due_at = ? WHERE site_id = ?`
	drop       = `DELETE FROM erasures WHERE install_id = ? AND site_id = ?`

	// Cross-tenant: what is due is erased on every site.
	dueAllTenants = `SELECT install_id, site_id, ended_at, due_at FROM erasures
		WHERE due_at <= ? AND due_at >= ? AND (due_at > ? OR install_id > ?) ORDER BY due_at, install_id LIMIT ?`
)
