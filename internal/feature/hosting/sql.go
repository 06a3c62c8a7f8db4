package hosting

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's tables: the key of origins, and what browsers said that
// they blocked, one row for each directive and origin.
var Migrations = []db.Migration{{ID: "hosting/1", SQL: `
CREATE TABLE app_origins (
	one    BIGINT PRIMARY KEY,
	sealed BLOB NOT NULL
);
CREATE TABLE page_reports (
	install_id TEXT NOT NULL,
	site_id    TEXT NOT NULL,
	directive  TEXT NOT NULL,
	origin     TEXT NOT NULL,
	times      BIGINT NOT NULL,
	first_at   BIGINT NOT NULL,
	last_at    BIGINT NOT NULL,
	PRIMARY KEY (install_id, directive, origin)
);
`}}

const (
	putKey    = `INSERT INTO app_origins (one, sealed) VALUES (1, ?) ON CONFLICT (one) DO NOTHING`
	getKey    = `SELECT sealed FROM app_origins WHERE one = 1`
	resealKey = `UPDATE app_origins SET sealed = ? WHERE one = 1`

	seeReport = `UPDATE page_reports SET times = times + ?, last_at = ? WHERE install_id = ? AND directive = ? AND origin = ?`
	// A page can name any host, so what is kept is bounded.
	addReport = `INSERT INTO page_reports (install_id, site_id, directive, origin, times, first_at, last_at)
		SELECT ?, ?, ?, ?, ?, ?, ? WHERE (SELECT COUNT(*) FROM page_reports WHERE install_id = ?) < 100
		ON CONFLICT (install_id, directive, origin) DO NOTHING`
	listReports   = `SELECT directive, origin, times, first_at, last_at FROM page_reports WHERE install_id = ? AND site_id = ? ORDER BY last_at DESC, directive, origin`
	deleteReports = `DELETE FROM page_reports WHERE install_id = ?`
)
