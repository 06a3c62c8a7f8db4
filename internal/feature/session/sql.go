package session

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's tables. Times are milliseconds since 1970. What a browser
// or a page holds is kept as a hash; what is personal is sealed.
var Migrations = []db.Migration{{ID: "session/1", SQL: `
CREATE TABLE sign_ins (
	id           TEXT PRIMARY KEY,
	state_hash   TEXT NOT NULL UNIQUE,
	browser_hash TEXT NOT NULL,
	product      TEXT NOT NULL,
	next         TEXT NOT NULL,
	session_id   TEXT NOT NULL,
	decision_id  TEXT NOT NULL,
	expires_at   BIGINT NOT NULL
);
CREATE INDEX sign_ins_expires ON sign_ins (expires_at);
CREATE TABLE sign_in_codes (
	code_hash   TEXT PRIMARY KEY,
	sign_in_id  TEXT NOT NULL,
	site_id     TEXT NOT NULL,
	user_id     TEXT NOT NULL,
	admin       BIGINT NOT NULL,
	auth_at     BIGINT NOT NULL,
	asserted_at BIGINT NOT NULL,
	asserted_until BIGINT NOT NULL,
	expires_at  BIGINT NOT NULL,
	facts       BLOB NOT NULL
);
CREATE INDEX sign_in_codes_expires ON sign_in_codes (expires_at);
CREATE TABLE used_assertions (
	assertion_hash TEXT PRIMARY KEY,
	expires_at     BIGINT NOT NULL
);
CREATE INDEX used_assertions_expires ON used_assertions (expires_at);
CREATE TABLE people_sessions (
	id          TEXT PRIMARY KEY,
	secret_hash TEXT NOT NULL UNIQUE,
	site_id     TEXT NOT NULL,
	product     TEXT NOT NULL,
	user_id     TEXT NOT NULL,
	module      TEXT NOT NULL,
	admin       BIGINT NOT NULL,
	asserted_at BIGINT NOT NULL,
	seen_at     BIGINT NOT NULL,
	expires_at  BIGINT NOT NULL,
	facts       BLOB NOT NULL
);
CREATE INDEX people_sessions_expires ON people_sessions (expires_at);
CREATE TABLE decisions (
	id             TEXT PRIMARY KEY,
	session_id     TEXT NOT NULL,
	site_id        TEXT NOT NULL,
	kind           TEXT NOT NULL,
	body           TEXT NOT NULL,
	asserted_until BIGINT NOT NULL,
	expires_at     BIGINT NOT NULL
);
CREATE INDEX decisions_expires ON decisions (expires_at);
`}, {ID: "session/2", SQL: `
CREATE TABLE session_tickets (
	ticket_hash TEXT PRIMARY KEY,
	session_id  TEXT NOT NULL,
	site_id     TEXT NOT NULL,
	about       TEXT NOT NULL,
	expires_at  BIGINT NOT NULL
);
CREATE INDEX session_tickets_expires ON session_tickets (expires_at);
`}, {ID: "session/3", SQL: `
CREATE INDEX people_sessions_user ON people_sessions (site_id, product, user_id);
`}}

const (
	addSignIn = `INSERT INTO sign_ins (id, state_hash, browser_hash, product, next, session_id, decision_id, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?)`
	signInColumns = `SELECT id, browser_hash, product, next, session_id, decision_id, expires_at FROM sign_ins`
	signInByState = signInColumns + ` WHERE state_hash = ?`
	signInByID    = signInColumns + ` WHERE id = ?`
	// A state is answered once: what makes a code of it takes it away.
	spendState  = `UPDATE sign_ins SET state_hash = id WHERE state_hash = ?`
	endSignIn   = `DELETE FROM sign_ins WHERE id = ?`
	sweepStates = `DELETE FROM sign_ins WHERE expires_at < ?`

	addCode = `INSERT INTO sign_in_codes (code_hash, sign_in_id, site_id, user_id, admin, auth_at, asserted_at, asserted_until, expires_at, facts)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	takeCode = `DELETE FROM sign_in_codes WHERE code_hash = ?
		RETURNING sign_in_id, site_id, user_id, admin, auth_at, asserted_at, asserted_until, expires_at, facts`
	sweepCodes = `DELETE FROM sign_in_codes WHERE expires_at < ?`

	useAssertion    = `INSERT INTO used_assertions (assertion_hash, expires_at) VALUES (?, ?)`
	sweepAssertions = `DELETE FROM used_assertions WHERE expires_at < ?`

	addSession = `INSERT INTO people_sessions (id, secret_hash, site_id, product, user_id, module, admin, asserted_at, seen_at, expires_at, facts)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	sessionBySecret = `SELECT id, site_id, product, user_id, module, admin, asserted_at, seen_at, expires_at, facts
		FROM people_sessions WHERE secret_hash = ?`
	sessionByID = `SELECT site_id, product, user_id FROM people_sessions WHERE id = ? AND site_id = ?`
	// A step up gives the session another secret: one that somebody knew before opens nothing after.
	raiseSession = `UPDATE people_sessions SET secret_hash = ?, admin = ?, asserted_at = ?, seen_at = ?, facts = ?
		WHERE id = ? AND site_id = ?`
	renewSession = `UPDATE people_sessions SET secret_hash = ?, admin = ?, asserted_at = ?, seen_at = ?, expires_at = ?, facts = ?
		WHERE id = ? AND site_id = ?`
	seeSession    = `UPDATE people_sessions SET seen_at = ? WHERE id = ? AND site_id = ?`
	endSession    = `DELETE FROM people_sessions WHERE secret_hash = ?`
	endUser       = `DELETE FROM people_sessions WHERE site_id = ? AND product = ? AND user_id = ? RETURNING id`
	sweepSessions = `DELETE FROM people_sessions WHERE expires_at < ?`
	voidSessions  = `DELETE FROM people_sessions`

	addDecision   = `INSERT INTO decisions (id, session_id, site_id, kind, body, asserted_until, expires_at) VALUES (?, ?, ?, ?, ?, 0, ?)`
	decisionByID  = `SELECT kind, body, asserted_until, expires_at FROM decisions WHERE id = ? AND session_id = ? AND site_id = ?`
	vouchDecision = `UPDATE decisions SET asserted_until = ? WHERE id = ? AND session_id = ? AND site_id = ?`
	takeDecision  = `DELETE FROM decisions WHERE id = ? AND session_id = ? AND site_id = ? AND asserted_until > ? AND expires_at > ?
		RETURNING kind, body`
	dropDecision   = `DELETE FROM decisions WHERE id = ? AND session_id = ? AND site_id = ?`
	sweepDecisions = `DELETE FROM decisions WHERE expires_at < ?`
	voidDecisions  = `DELETE FROM decisions`

	addTicket       = `INSERT INTO session_tickets (ticket_hash, session_id, site_id, about, expires_at) VALUES (?, ?, ?, ?, ?)`
	takeTicket      = `DELETE FROM session_tickets WHERE ticket_hash = ? RETURNING session_id, site_id, about, expires_at`
	sessionOfTicket = `SELECT id, site_id, product, user_id, module, admin, asserted_at, seen_at, expires_at, facts
		FROM people_sessions WHERE id = ? AND site_id = ?`
	sweepTickets = `DELETE FROM session_tickets WHERE expires_at < ?`
	voidTickets  = `DELETE FROM session_tickets`

	voidCodes  = `DELETE FROM sign_in_codes`
	voidStates = `DELETE FROM sign_ins`
)
