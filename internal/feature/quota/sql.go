package quota

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's tables: what was used each day, and what servers share of
// the running minute.
var Migrations = []db.Migration{{ID: "quota/1", SQL: `
CREATE TABLE quota_days (
	site_id         TEXT NOT NULL,
	install_id TEXT NOT NULL,
	what            TEXT NOT NULL,
	day             BIGINT NOT NULL,
	used            BIGINT NOT NULL,
	refused         BIGINT NOT NULL,
	PRIMARY KEY (site_id, install_id, day, what)
);
CREATE INDEX quota_days_old ON quota_days (day);
CREATE TABLE quota_windows (
	what  TEXT NOT NULL,
	whose TEXT NOT NULL,
	who   TEXT NOT NULL,
	began BIGINT NOT NULL,
	used  BIGINT NOT NULL,
	PRIMARY KEY (what, whose, who, began)
);
CREATE INDEX quota_windows_old ON quota_windows (began);
`}}

const (
	add = `INSERT INTO quota_days (site_id, install_id, what, day, used, refused) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (site_id, install_id, day, what) DO UPDATE SET used = quota_days.used + excluded.used, refused = quota_days.refused + excluded.refused`
	addWindow = `INSERT INTO quota_windows (what, whose, who, began, used) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (what, whose, who, began) DO UPDATE SET used = quota_windows.used + excluded.used RETURNING used`
	usage = `SELECT what, day, used, refused FROM quota_days WHERE site_id = ? AND install_id = ? AND day >= ? ORDER BY day DESC, what`
	erase = `DELETE FROM quota_days WHERE site_id = ? AND install_id = ?`
	// Cross-tenant: age is a property of the row, and nothing is read.
	oldDays    = `DELETE FROM quota_days WHERE day < ?`
	oldWindows = `DELETE FROM quota_windows WHERE began < ?`
)
