package trigger

import (
	"errors"

	"github.com/annexhq/annex/internal/infra/db"
)

// Migrations are the package's tables. An installation's module may have several
// addresses; the one with the highest seq is the one that is handed out.
var Migrations = []db.Migration{{ID: "trigger/1", SQL: `
CREATE TABLE web_triggers (
	trigger_id TEXT PRIMARY KEY,
	install_id TEXT NOT NULL,
	site_id    TEXT NOT NULL,
	module_key TEXT NOT NULL,
	seq        BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	UNIQUE (install_id, module_key, seq)
);
`}}

const (
	addTrigger = `INSERT INTO web_triggers (trigger_id, install_id, site_id, module_key, seq, created_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id, module_key, seq) DO NOTHING`
	lastOfModule   = `SELECT COALESCE(MAX(seq), 0), COUNT(*) FROM web_triggers WHERE install_id = ? AND module_key = ?`
	currentTrigger = `SELECT trigger_id, module_key, created_at FROM web_triggers WHERE install_id = ? AND module_key = ? ORDER BY seq DESC LIMIT 1`
	listTriggers   = `SELECT trigger_id, module_key, created_at FROM web_triggers WHERE install_id = ? ORDER BY module_key, seq DESC`
	deleteTrigger  = `DELETE FROM web_triggers WHERE install_id = ? AND trigger_id = ?`
	deleteTriggers = `DELETE FROM web_triggers WHERE install_id = ?`

	// Cross-tenant on purpose: all addresses, before and after a restore.
	allTriggers   = `SELECT trigger_id, install_id FROM web_triggers ORDER BY trigger_id`
	forgetTrigger = `DELETE FROM web_triggers WHERE trigger_id = ?`

	// Cross-tenant on purpose: the address is all that a request brings, and finding out
	// whose it is is what this statement is for.
	triggerByID = `SELECT install_id, site_id, module_key FROM web_triggers WHERE trigger_id = ?`
)

func isNoRows(err error) bool { return errors.Is(err, db.ErrNoRows) }
