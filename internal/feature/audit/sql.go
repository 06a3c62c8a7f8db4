package audit

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's tables.
var Migrations = []db.Migration{{ID: "audit/1", SQL: `
CREATE TABLE audit_heads (
	site_id TEXT NOT NULL,
	segment TEXT NOT NULL,
	seq     BIGINT NOT NULL,
	hash    TEXT NOT NULL,
	PRIMARY KEY (site_id, segment)
);
CREATE TABLE audit (
	site_id    TEXT NOT NULL,
	segment    TEXT NOT NULL,
	seq        BIGINT NOT NULL,
	install_id TEXT NOT NULL,
	at         BIGINT NOT NULL,
	actor      TEXT NOT NULL,
	act        TEXT NOT NULL,
	detail     TEXT NOT NULL,
	prev       TEXT NOT NULL,
	hash       TEXT NOT NULL,
	PRIMARY KEY (site_id, segment, seq)
);
`}}

const (
	advance = `INSERT INTO audit_heads (site_id, segment, seq, hash) VALUES (?, ?, 1, '')
		ON CONFLICT (site_id, segment) DO UPDATE SET seq = audit_heads.seq + 1
		RETURNING seq, hash`
	moveHead = `UPDATE audit_heads SET hash = ? WHERE site_id = ? AND segment = ?`
	insert   = `INSERT INTO audit (site_id, segment, seq, install_id, at, actor, act, detail, prev, hash)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	ofSite = `SELECT segment, seq, install_id, at, actor, act, detail, prev, hash FROM audit
		WHERE site_id = ? ORDER BY segment, seq`
)
