package asking

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's tables. Times are milliseconds since 1970. What a modal holds
// is kept as a hash.
var Migrations = []db.Migration{{ID: "asking/1", SQL: `
CREATE TABLE asks (
	install_id  TEXT PRIMARY KEY,
	site_id     TEXT NOT NULL,
	id          TEXT NOT NULL UNIQUE,
	ticket_hash TEXT NOT NULL UNIQUE,
	app_id      TEXT NOT NULL,
	product     TEXT NOT NULL,
	user_id     TEXT NOT NULL,
	session_id  TEXT NOT NULL,
	version_id  TEXT NOT NULL,
	epoch       BIGINT NOT NULL,
	want        TEXT NOT NULL,
	state       TEXT NOT NULL,
	outcome     TEXT NOT NULL,
	expires_at  BIGINT NOT NULL
);
CREATE INDEX asks_expires ON asks (expires_at);
CREATE TABLE ask_patience (
	site_id  TEXT NOT NULL,
	app_id   TEXT NOT NULL,
	product  TEXT NOT NULL,
	user_id  TEXT NOT NULL,
	shown    TEXT NOT NULL,
	declines BIGINT NOT NULL,
	quiet_until BIGINT NOT NULL,
	PRIMARY KEY (site_id, app_id, product, user_id)
);
CREATE TABLE ask_blocks (
	install_id TEXT PRIMARY KEY,
	site_id    TEXT NOT NULL,
	by_whom    TEXT NOT NULL,
	at         BIGINT NOT NULL
);
CREATE TABLE ask_hints (
	install_id TEXT NOT NULL,
	site_id    TEXT NOT NULL,
	hint       TEXT NOT NULL,
	want       TEXT NOT NULL,
	count      BIGINT NOT NULL,
	first_at   BIGINT NOT NULL,
	last_at    BIGINT NOT NULL,
	PRIMARY KEY (install_id, hint)
);
`}, {ID: "asking/2", SQL: `
CREATE TABLE ask_left (
	site_id  TEXT NOT NULL,
	app_id   TEXT NOT NULL,
	product  TEXT NOT NULL,
	type     TEXT NOT NULL,
	pattern  TEXT NOT NULL,
	declines BIGINT NOT NULL,
	quiet_until BIGINT NOT NULL,
	PRIMARY KEY (site_id, app_id, product, type, pattern)
);
CREATE INDEX ask_left_quiet ON ask_left (quiet_until);
`}}

const (
	// An installation has one row: whoever asks anew takes the place of what is over.
	putAsk = `INSERT INTO asks (install_id, site_id, id, ticket_hash, app_id, product, user_id, session_id, version_id, epoch, want, state, outcome, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 'pending', '', ?)
		ON CONFLICT (install_id) DO UPDATE SET id = excluded.id, ticket_hash = excluded.ticket_hash, app_id = excluded.app_id, product = excluded.product,
		user_id = excluded.user_id, session_id = excluded.session_id, version_id = excluded.version_id, epoch = excluded.epoch, want = excluded.want,
		state = excluded.state, outcome = excluded.outcome, expires_at = excluded.expires_at`
	askColumns = `SELECT install_id, site_id, id, app_id, product, user_id, session_id, version_id, epoch, want, state, outcome, expires_at FROM asks`
	// The ticket names the request, and the user who has it is compared with who asked.
	askByTicket = askColumns + ` WHERE ticket_hash = ? AND site_id = ?`
	askOf       = askColumns + ` WHERE install_id = ? AND site_id = ?`
	// Of two who decide at once one finds it pending.
	endAsk    = `UPDATE asks SET state = ?, outcome = ?, expires_at = ? WHERE install_id = ? AND site_id = ? AND id = ? AND state = 'pending'`
	dropAsks  = `DELETE FROM asks WHERE install_id = ? AND site_id = ?`
	sweepAsks = `DELETE FROM asks WHERE expires_at < ?`
	voidAsks  = `DELETE FROM asks`

	patienceOf  = `SELECT shown, declines, quiet_until FROM ask_patience WHERE site_id = ? AND app_id = ? AND product = ? AND user_id = ?`
	putPatience = `INSERT INTO ask_patience (site_id, app_id, product, user_id, shown, declines, quiet_until) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (site_id, app_id, product, user_id) DO UPDATE SET shown = excluded.shown, declines = excluded.declines, quiet_until = excluded.quiet_until`

	leftOf  = `SELECT declines, quiet_until FROM ask_left WHERE site_id = ? AND app_id = ? AND product = ? AND type = ? AND pattern = ?`
	putLeft = `INSERT INTO ask_left (site_id, app_id, product, type, pattern, declines, quiet_until) VALUES (?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (site_id, app_id, product, type, pattern) DO UPDATE SET declines = excluded.declines, quiet_until = excluded.quiet_until`
	dropLeft     = `DELETE FROM ask_left WHERE site_id = ? AND app_id = ? AND product = ? AND type = ? AND pattern = ?`
	dropSiteLeft = `DELETE FROM ask_left WHERE site_id = ?`
	sweepLeft    = `DELETE FROM ask_left WHERE quiet_until < ?`

	dropPatience = `DELETE FROM ask_patience WHERE site_id = ?`

	putBlock   = `INSERT INTO ask_blocks (install_id, site_id, by_whom, at) VALUES (?, ?, ?, ?) ON CONFLICT (install_id) DO UPDATE SET at = excluded.at`
	blockOf    = `SELECT by_whom, at FROM ask_blocks WHERE install_id = ? AND site_id = ?`
	dropBlock  = `DELETE FROM ask_blocks WHERE install_id = ? AND site_id = ?`
	countHints = `SELECT COUNT(*) FROM ask_hints WHERE install_id = ? AND site_id = ?`
	raiseHint  = `UPDATE ask_hints SET count = count + 1, last_at = ? WHERE install_id = ? AND site_id = ? AND hint = ?`
	addHint    = `INSERT INTO ask_hints (install_id, site_id, hint, want, count, first_at, last_at) VALUES (?, ?, ?, ?, 1, ?, ?)
		ON CONFLICT (install_id, hint) DO UPDATE SET count = ask_hints.count + 1, last_at = excluded.last_at`
	hintsOf   = `SELECT hint, want, count, first_at, last_at FROM ask_hints WHERE install_id = ? AND site_id = ? ORDER BY last_at DESC, hint`
	dropHint  = `DELETE FROM ask_hints WHERE install_id = ? AND site_id = ? AND hint = ?`
	dropHints = `DELETE FROM ask_hints WHERE install_id = ? AND site_id = ?`
)
