package uikit

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's table. Times are milliseconds since 1970. state is NULL while
// a server has the session in its memory; holder is that server, until held_until unless it
// says so again. wanted asks it to let the session go. seq is of the last message; streamer is
// the server that has the connection of a session at rest.
var Migrations = []db.Migration{{ID: "uikit/1", SQL: `
CREATE TABLE ui_sessions (
	id         TEXT PRIMARY KEY,
	install_id TEXT NOT NULL,
	site_id    TEXT NOT NULL,
	user_id    TEXT NOT NULL,
	person     TEXT NOT NULL,
	version_id TEXT NOT NULL,
	epoch      BIGINT NOT NULL,
	opened_at  BIGINT NOT NULL,
	used_at    BIGINT NOT NULL,
	holder     TEXT NOT NULL,
	held_until BIGINT NOT NULL,
	wanted     BIGINT NOT NULL,
	generation BIGINT NOT NULL,
	seq        BIGINT NOT NULL,
	streamer   TEXT NOT NULL,
	state      BLOB
);
CREATE INDEX ui_sessions_user ON ui_sessions (install_id, user_id);
CREATE INDEX ui_sessions_wanted ON ui_sessions (holder) WHERE wanted = 1;
CREATE INDEX ui_sessions_streamer ON ui_sessions (streamer) WHERE streamer <> '';
`}}

const (
	addSession = `INSERT INTO ui_sessions (id, install_id, site_id, user_id, person, version_id, epoch, opened_at, used_at, holder, held_until, wanted, generation, seq, streamer, state)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0, 0, 0, '', NULL)`
	countSessions = `SELECT COUNT(*) FROM ui_sessions WHERE install_id = ? AND user_id = ? AND used_at > ?`
	findSession   = `SELECT user_id, person, version_id, epoch, opened_at, used_at, holder, held_until, generation, seq FROM ui_sessions
		WHERE id = ? AND install_id = ?`
	// Taking a session is one statement: of two servers that want it one gets it.
	takeSession = `UPDATE ui_sessions SET holder = ?, held_until = ?, wanted = 0 WHERE id = ? AND install_id = ? AND state IS NOT NULL AND holder = ''`
	readState   = `SELECT state FROM ui_sessions WHERE id = ? AND install_id = ? AND holder = ?`
	emptyState  = `UPDATE ui_sessions SET state = NULL WHERE id = ? AND install_id = ? AND holder = ?`
	keepState   = `UPDATE ui_sessions SET state = ?, generation = ?, seq = ?, streamer = ?, used_at = ?, holder = '', held_until = 0, wanted = 0
		WHERE id = ? AND install_id = ? AND holder = ?`
	growSession   = `UPDATE ui_sessions SET epoch = ? WHERE id = ? AND install_id = ?`
	wantSession   = `UPDATE ui_sessions SET wanted = 1 WHERE id = ? AND install_id = ?`
	streamSession = `UPDATE ui_sessions SET streamer = ? WHERE id = ? AND install_id = ?`
	endSession    = `DELETE FROM ui_sessions WHERE id = ? AND install_id = ?`
	endInstall    = `DELETE FROM ui_sessions WHERE install_id = ?`
	holdAgain     = `UPDATE ui_sessions SET held_until = ? WHERE holder = ?`
	wantedFrom    = `SELECT id FROM ui_sessions WHERE holder = ? AND wanted = 1`
	takenFrom     = `SELECT id FROM ui_sessions WHERE streamer = ? AND streamer <> '' AND holder <> '' AND holder <> ?`
	sweepSessions = `DELETE FROM ui_sessions WHERE opened_at < ? OR used_at < ? AND holder = '' OR holder <> '' AND held_until < ?`
	voidSessions  = `DELETE FROM ui_sessions`
)
