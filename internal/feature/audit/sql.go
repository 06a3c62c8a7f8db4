package audit

import (
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/ledger"
)

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
`}, {ID: "audit/2", SQL: `
ALTER TABLE audit_heads ADD COLUMN signed BIGINT NOT NULL DEFAULT 0;
CREATE INDEX audit_unsigned ON audit_heads (site_id) WHERE seq > signed;
CREATE INDEX audit_at ON audit (site_id, at, segment, seq);
CREATE TABLE audit_checkpoints (
	site_id   TEXT NOT NULL,
	number    BIGINT NOT NULL,
	body      TEXT NOT NULL,
	hash      TEXT NOT NULL,
	signature TEXT NOT NULL,
	kid       TEXT NOT NULL,
	PRIMARY KEY (site_id, number)
);
CREATE TABLE audit_keys (
	kid TEXT PRIMARY KEY,
	jwk TEXT NOT NULL
);
CREATE TABLE audit_salts (
	site_id TEXT PRIMARY KEY,
	salt    TEXT NOT NULL
);
CREATE TABLE audit_refusals (
	site_id    TEXT NOT NULL,
	install_id TEXT NOT NULL,
	kind       TEXT NOT NULL,
	hour       BIGINT NOT NULL,
	times      BIGINT NOT NULL,
	PRIMARY KEY (site_id, install_id, kind, hour)
);
CREATE INDEX audit_refusals_hour ON audit_refusals (hour);
`}, {ID: "audit/3", SQL: `
ALTER TABLE audit_checkpoints ADD COLUMN at BIGINT NOT NULL DEFAULT 0;
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
	ofChain = `SELECT segment, seq, install_id, at, actor, act, detail, prev, hash FROM audit
		WHERE site_id = ? AND segment = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?`
	page = `SELECT segment, seq, install_id, at, actor, act, detail, prev, hash FROM audit
		WHERE site_id = ? AND at >= ? AND (at < ? OR at = ? AND (segment < ? OR segment = ? AND seq < ?))
			AND (? = '' OR install_id = ?) AND (? = '' OR act = ? OR act LIKE ?) AND (? = '' OR actor = ?)
		ORDER BY at DESC, segment DESC, seq DESC LIMIT ?`

	unsigned      = `SELECT DISTINCT site_id FROM audit_heads WHERE seq > signed`
	moved         = `SELECT segment, seq, hash FROM audit_heads WHERE site_id = ? AND seq > signed ORDER BY segment`
	countSigned   = `SELECT COALESCE(SUM(seq), 0) FROM audit_heads WHERE site_id = ?`
	lastChecked   = `SELECT number, hash FROM audit_checkpoints WHERE site_id = ? ORDER BY number DESC LIMIT 1`
	putCheckpoint = `INSERT INTO audit_checkpoints (site_id, number, at, body, hash, signature, kid) VALUES (?, ?, ?, ?, ?, ?, ?)`
	putKey        = `INSERT INTO audit_keys (kid, jwk) VALUES (?, ?) ON CONFLICT (kid) DO NOTHING`
	signHead      = `UPDATE audit_heads SET signed = ? WHERE site_id = ? AND segment = ?`
	checkpoints   = `SELECT number, body, hash, signature FROM audit_checkpoints WHERE site_id = ? AND number > ? ORDER BY number LIMIT ?`
	keysOfSite    = `SELECT jwk FROM audit_keys WHERE kid IN (SELECT kid FROM audit_checkpoints WHERE site_id = ?) ORDER BY kid`

	salt    = `SELECT salt FROM audit_salts WHERE site_id = ?`
	putSalt = `INSERT INTO audit_salts (site_id, salt) VALUES (?, ?) ON CONFLICT (site_id) DO NOTHING`

	addRefusals = `INSERT INTO audit_refusals (site_id, install_id, kind, hour, times) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (site_id, install_id, kind, hour) DO UPDATE SET times = audit_refusals.times + excluded.times`
	pastRefusals = `DELETE FROM audit_refusals WHERE hour < ? RETURNING site_id, install_id, kind, hour, times`
)

var statements = ledger.Statements{
	Unsigned: unsigned, Moved: moved, Count: countSigned, Sign: signHead,
	Last: lastChecked, Put: putCheckpoint, Checkpoints: checkpoints, PutKey: putKey, Keys: keysOfSite,
	Entries: ofChain,
}
