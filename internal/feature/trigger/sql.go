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
`}, {ID: "trigger/2", SQL: `
CREATE TABLE web_trigger_secrets (
	install_id TEXT NOT NULL,
	module_key TEXT NOT NULL,
	seq        BIGINT NOT NULL,
	sealed     BLOB   NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (install_id, module_key, seq)
);
CREATE TABLE web_trigger_proofs (
	install_id TEXT NOT NULL,
	module_key TEXT NOT NULL,
	digest     TEXT NOT NULL,
	until_at   BIGINT NOT NULL,
	PRIMARY KEY (install_id, module_key, digest)
);
CREATE INDEX web_trigger_proofs_until ON web_trigger_proofs (until_at);
`}}

const (
	addTrigger = `INSERT INTO web_triggers (trigger_id, install_id, site_id, module_key, seq, created_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id, module_key, seq) DO NOTHING`
	lastOfModule   = `SELECT COALESCE(MAX(seq), 0), COUNT(*) FROM web_triggers WHERE install_id = ? AND module_key = ?`
	currentTrigger = `SELECT trigger_id, module_key, created_at FROM web_triggers WHERE install_id = ? AND module_key = ? ORDER BY seq DESC LIMIT 1`
	listTriggers   = `SELECT trigger_id, module_key, created_at FROM web_triggers WHERE install_id = ? ORDER BY module_key, seq DESC`
	deleteTrigger  = `DELETE FROM web_triggers WHERE install_id = ? AND trigger_id = ?`
	deleteTriggers = `DELETE FROM web_triggers WHERE install_id = ?`

	addSecret = `INSERT INTO web_trigger_secrets (install_id, module_key, seq, sealed, created_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (install_id, module_key, seq) DO NOTHING`
	moduleSecrets  = `SELECT seq, sealed, created_at FROM web_trigger_secrets WHERE install_id = ? AND module_key = ? ORDER BY seq DESC`
	installSecrets = `SELECT module_key, created_at FROM web_trigger_secrets WHERE install_id = ? ORDER BY module_key, seq DESC`
	endSecrets     = `DELETE FROM web_trigger_secrets WHERE install_id = ? AND module_key = ? AND seq < ?`
	deleteSecrets  = `DELETE FROM web_trigger_secrets WHERE install_id = ?`

	addProof     = `INSERT INTO web_trigger_proofs (install_id, module_key, digest, until_at) VALUES (?, ?, ?, ?) ON CONFLICT (install_id, module_key, digest) DO NOTHING`
	deleteProofs = `DELETE FROM web_trigger_proofs WHERE install_id = ?`
	// Cross-tenant on purpose: expiry is a property of the row.
	oldProofs = `DELETE FROM web_trigger_proofs WHERE until_at < ?`

	// Cross-tenant on purpose: all secrets, before and after a restore.
	allSecrets   = `SELECT install_id, module_key, seq, created_at FROM web_trigger_secrets ORDER BY install_id, module_key, seq`
	forgetSecret = `DELETE FROM web_trigger_secrets WHERE install_id = ? AND module_key = ? AND seq = ?`

	// Cross-tenant on purpose: all addresses, before and after a restore.
	allTriggers   = `SELECT trigger_id, install_id FROM web_triggers ORDER BY trigger_id`
	forgetTrigger = `DELETE FROM web_triggers WHERE trigger_id = ?`

	// Cross-tenant on purpose: the address is all that a request brings, and finding out
	// whose it is is what this statement is for.
	triggerByID = `SELECT install_id, site_id, module_key FROM web_triggers WHERE trigger_id = ?`
)

func isNoRows(err error) bool { return errors.Is(err, db.ErrNoRows) }
