package applog

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the tables of this feature.
//
// applog_places says where an installation's rows belong and how much of them there
// is; applog_head numbers the lines. The head's row is changed in the transaction that
// inserts the lines, so lines become visible in the order of their numbers, and a
// reader that follows by number misses none, whichever server wrote it.
var Migrations = []db.Migration{
	{ID: "applog/1", SQL: `
		CREATE TABLE applog_places (
			install_id TEXT   PRIMARY KEY,
			site_id    TEXT   NOT NULL,
			app_id     TEXT   NOT NULL,
			owner_id   TEXT   NOT NULL,
			env_id     TEXT   NOT NULL,
			env_name   TEXT   NOT NULL,
			env_type   TEXT   NOT NULL,
			kept_lines BIGINT NOT NULL,
			kept_bytes BIGINT NOT NULL,
			kept_calls BIGINT NOT NULL
		);
		CREATE INDEX applog_places_owner ON applog_places (owner_id, app_id);
		CREATE INDEX applog_places_site ON applog_places (site_id);

		CREATE TABLE applog_head (one BIGINT PRIMARY KEY, seq BIGINT NOT NULL);
		INSERT INTO applog_head (one, seq) VALUES (1, 0);

		CREATE TABLE applog_lines (
			install_id    TEXT   NOT NULL,
			seq           BIGINT NOT NULL,
			at            BIGINT NOT NULL,
			invocation_id TEXT   NOT NULL,
			version       TEXT   NOT NULL,
			function      TEXT   NOT NULL,
			level         TEXT   NOT NULL,
			args          TEXT   NOT NULL,
			size          BIGINT NOT NULL,
			PRIMARY KEY (install_id, seq)
		);
		CREATE INDEX applog_lines_invocation ON applog_lines (install_id, invocation_id, seq);

		CREATE TABLE applog_calls (
			install_id    TEXT   NOT NULL,
			invocation_id TEXT   NOT NULL,
			attempt       BIGINT NOT NULL,
			version       TEXT   NOT NULL,
			function      TEXT   NOT NULL,
			kind          TEXT   NOT NULL,
			started_at    BIGINT NOT NULL,
			duration_us   BIGINT NOT NULL,
			cpu_us        BIGINT NOT NULL,
			outcome       TEXT   NOT NULL,
			class         TEXT   NOT NULL,
			location      TEXT   NOT NULL,
			PRIMARY KEY (install_id, invocation_id, attempt)
		);
		CREATE INDEX applog_calls_time ON applog_calls (install_id, started_at);

		CREATE TABLE applog_counts (
			install_id  TEXT   NOT NULL,
			minute      BIGINT NOT NULL,
			function    TEXT   NOT NULL,
			outcome     TEXT   NOT NULL,
			calls       BIGINT NOT NULL,
			duration_us BIGINT NOT NULL,
			cpu_us      BIGINT NOT NULL,
			PRIMARY KEY (install_id, minute, function, outcome)
		);`},
	{ID: "applog/2", SQL: `
		CREATE TABLE applog_shares (
			install_id TEXT   PRIMARY KEY,
			site_id    TEXT   NOT NULL,
			account_id TEXT   NOT NULL,
			since_at   BIGINT NOT NULL,
			until_at   BIGINT NOT NULL,
			by_whom    TEXT   NOT NULL
		);
		CREATE INDEX applog_places_app ON applog_places (app_id);`},
	// 1 once an app went to another owner: from then on only that says whose a place is, not
	// a line that was written before and kept a moment later.
	{ID: "applog/3", SQL: `ALTER TABLE applog_places ADD COLUMN handed_over INTEGER NOT NULL DEFAULT 0;`},
	// '' of lines from before, and of those that no call said.
	{ID: "applog/4", SQL: `
		ALTER TABLE applog_lines ADD COLUMN trace TEXT NOT NULL DEFAULT '';
		CREATE INDEX applog_lines_trace ON applog_lines (install_id, trace, seq) WHERE trace <> '';`},
}

// Every statement on a tenant's rows names the installation, but for those whose name
// ends in AllTenants; the test of this package holds both.
const (
	// Writing.
	putPlace = `INSERT INTO applog_places
			(install_id, site_id, app_id, owner_id, env_id, env_name, env_type, kept_lines, kept_bytes, kept_calls)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id) DO UPDATE SET env_name = excluded.env_name,
			owner_id = CASE WHEN applog_places.handed_over = 0 THEN excluded.owner_id ELSE applog_places.owner_id END,
			kept_lines = applog_places.kept_lines + excluded.kept_lines,
			kept_bytes = applog_places.kept_bytes + excluded.kept_bytes,
			kept_calls = applog_places.kept_calls + excluded.kept_calls
		RETURNING kept_lines, kept_bytes, kept_calls`

	// The numbering belongs to no tenant.
	takeNumbersAllTenants = `UPDATE applog_head SET seq = seq + ? WHERE one = 1 RETURNING seq`

	putLine = `INSERT INTO applog_lines (install_id, seq, at, invocation_id, trace, version, function, level, args, size)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`

	putCall = `INSERT INTO applog_calls
			(install_id, invocation_id, attempt, version, function, kind, started_at, duration_us, cpu_us, outcome, class, location)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id, invocation_id, attempt) DO NOTHING`

	putCount = `INSERT INTO applog_counts (install_id, minute, function, outcome, calls, duration_us, cpu_us)
		VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id, minute, function, outcome) DO UPDATE SET
			calls = applog_counts.calls + excluded.calls,
			duration_us = applog_counts.duration_us + excluded.duration_us,
			cpu_us = applog_counts.cpu_us + excluded.cpu_us`

	// What has a number up to this one is there to be read. A reader of several
	// installations asks first, and reads no further: between two of its statements a
	// line may come to an installation that it has passed already.
	lastNumberAllTenants = `SELECT seq FROM applog_head WHERE one = 1`

	// Reading: first the installations that the principal may read of, then each.
	// These two are asked for a principal's own account and site.
	placesOfOwnerAllTenants = `SELECT install_id, site_id, app_id, owner_id, env_id, env_name, env_type
		FROM applog_places WHERE owner_id = ? ORDER BY install_id`

	placesOfSite = `SELECT install_id, site_id, app_id, owner_id, env_id, env_name, env_type
		FROM applog_places WHERE site_id = ? ORDER BY install_id`

	linesAfter = `SELECT seq, at, invocation_id, trace, version, function, level, args FROM applog_lines
		WHERE install_id = ? AND seq > ? AND seq <= ? AND at >= ? ORDER BY seq LIMIT ?`

	linesNewest = `SELECT seq, at, invocation_id, trace, version, function, level, args FROM applog_lines
		WHERE install_id = ? AND seq > ? AND seq <= ? AND at >= ? ORDER BY seq DESC LIMIT ?`

	linesOfCall = `SELECT seq, at, invocation_id, trace, version, function, level, args FROM applog_lines
		WHERE install_id = ? AND invocation_id = ? AND seq > ? AND seq <= ? AND at >= ? ORDER BY seq LIMIT ?`

	// That a trace is one makes the index, which has no others, one to be used.
	linesOfTrace = `SELECT seq, at, invocation_id, trace, version, function, level, args FROM applog_lines
		WHERE install_id = ? AND trace = ? AND trace <> '' AND seq > ? AND seq <= ? AND at >= ? ORDER BY seq LIMIT ?`

	hasTrace = `SELECT COUNT(*) FROM applog_lines WHERE install_id = ? AND trace = ? AND trace <> ''`

	hasCall = `SELECT COUNT(*) FROM applog_calls WHERE install_id = ? AND invocation_id = ?`

	counts = `SELECT minute, function, outcome, calls, duration_us, cpu_us FROM applog_counts
		WHERE install_id = ? AND minute >= ? ORDER BY minute DESC, function, outcome LIMIT ?`

	calls = `SELECT invocation_id, attempt, version, function, kind, started_at, duration_us, cpu_us, outcome, class, location
		FROM applog_calls WHERE install_id = ? AND started_at >= ? ORDER BY started_at DESC LIMIT ?`

	// Sharing.
	putShare = `INSERT INTO applog_shares (install_id, site_id, account_id, since_at, until_at, by_whom) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id) DO UPDATE SET account_id = excluded.account_id, since_at = excluded.since_at,
			until_at = excluded.until_at, by_whom = excluded.by_whom`
	shareOf   = `SELECT account_id, since_at, until_at, by_whom FROM applog_shares WHERE install_id = ?`
	dropShare = `DELETE FROM applog_shares WHERE install_id = ?`
	// An app's owner is the same wherever it is installed.
	setOwnerAllTenants        = `UPDATE applog_places SET owner_id = ?, handed_over = 1 WHERE app_id = ?`
	dropSharesOfAppAllTenants = `DELETE FROM applog_shares WHERE install_id IN (SELECT install_id FROM applog_places WHERE app_id = ?)`
	// A restore ends all sharing.
	dropSharesAllTenants = `DELETE FROM applog_shares`

	// Retention.
	lastLineTooMuch = `SELECT COALESCE(MAX(seq), 0) FROM (
			SELECT seq, ROW_NUMBER() OVER w AS n, SUM(size) OVER w AS bytes
			FROM applog_lines WHERE install_id = ? WINDOW w AS (ORDER BY seq DESC)) AS t
		WHERE n > ? OR bytes > ?`

	deleteLines = `DELETE FROM applog_lines WHERE install_id = ? AND (seq <= ? OR at < ?)`

	lastCallTooMuch = `SELECT COALESCE(MAX(started_at), 0) FROM (
			SELECT started_at, ROW_NUMBER() OVER (ORDER BY started_at DESC) AS n
			FROM applog_calls WHERE install_id = ?) AS t
		WHERE n > ?`

	deleteCalls = `DELETE FROM applog_calls WHERE install_id = ? AND started_at <= ?`

	deleteCounts = `DELETE FROM applog_counts WHERE install_id = ? AND minute < ?`

	recount = `UPDATE applog_places SET
			kept_lines = (SELECT COUNT(*) FROM applog_lines WHERE install_id = ?),
			kept_bytes = (SELECT COALESCE(SUM(size), 0) FROM applog_lines WHERE install_id = ?),
			kept_calls = (SELECT COUNT(*) FROM applog_calls WHERE install_id = ?)
		WHERE install_id = ?`

	eraseLines = `DELETE FROM applog_lines WHERE install_id = ? AND seq IN
		(SELECT seq FROM applog_lines WHERE install_id = ? ORDER BY seq LIMIT ?)`

	eraseCalls = `DELETE FROM applog_calls WHERE install_id = ? AND (invocation_id, attempt) IN
		(SELECT invocation_id, attempt FROM applog_calls WHERE install_id = ? ORDER BY invocation_id, attempt LIMIT ?)`

	eraseCounts = `DELETE FROM applog_counts WHERE install_id = ? AND (minute, function, outcome) IN
		(SELECT minute, function, outcome FROM applog_counts WHERE install_id = ? ORDER BY minute, function, outcome LIMIT ?)`

	deletePlace = `DELETE FROM applog_places WHERE install_id = ?`

	// The sweep asks which installations there are; it reads nothing of them.
	installsAllTenants = `SELECT install_id FROM applog_places ORDER BY install_id`
)
