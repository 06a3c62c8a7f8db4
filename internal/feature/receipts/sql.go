package receipts

import (
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/ledger"
)

// Migrations are the package's tables.
var Migrations = []db.Migration{{ID: "receipts/1", SQL: `
CREATE TABLE receipt_heads (
	site_id TEXT NOT NULL,
	segment TEXT NOT NULL,
	seq     BIGINT NOT NULL,
	hash    TEXT NOT NULL,
	signed  BIGINT NOT NULL DEFAULT 0,
	PRIMARY KEY (site_id, segment)
);
CREATE INDEX receipt_unsigned ON receipt_heads (site_id) WHERE seq > signed;
CREATE TABLE receipts (
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
CREATE TABLE receipt_checkpoints (
	site_id   TEXT NOT NULL,
	number    BIGINT NOT NULL,
	at        BIGINT NOT NULL,
	body      TEXT NOT NULL,
	hash      TEXT NOT NULL,
	signature TEXT NOT NULL,
	kid       TEXT NOT NULL,
	PRIMARY KEY (site_id, number)
);
CREATE INDEX receipt_checkpoints_at ON receipt_checkpoints (at);
CREATE TABLE receipt_dropped (
	site_id TEXT PRIMARY KEY,
	body    TEXT NOT NULL
);
CREATE TABLE receipt_keys (
	kid TEXT PRIMARY KEY,
	jwk TEXT NOT NULL
);
CREATE TABLE receipt_secrets (
	site_id TEXT PRIMARY KEY,
	secret  TEXT NOT NULL
);
CREATE TABLE sent (
	site_id    TEXT NOT NULL,
	install_id TEXT NOT NULL,
	hour       BIGINT NOT NULL,
	use_hash   TEXT NOT NULL,
	use_text   TEXT NOT NULL,
	requests   BIGINT NOT NULL,
	refused    BIGINT NOT NULL,
	failed     BIGINT NOT NULL,
	sent       BIGINT NOT NULL,
	received   BIGINT NOT NULL,
	last_at    BIGINT NOT NULL,
	PRIMARY KEY (site_id, install_id, hour, use_hash)
);
CREATE INDEX sent_hour ON sent (hour);
`}}

const (
	insert = `INSERT INTO receipts (site_id, segment, seq, install_id, at, actor, act, detail, prev, hash)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`
	moveHead = `INSERT INTO receipt_heads (site_id, segment, seq, hash) VALUES (?, ?, ?, ?)
		ON CONFLICT (site_id, segment) DO UPDATE SET seq = excluded.seq, hash = excluded.hash`
	isThere = `SELECT COUNT(*) FROM receipts WHERE site_id = ? AND segment = ? AND seq = ?`
	ofChain = `SELECT segment, seq, install_id, at, actor, act, detail, prev, hash FROM receipts
		WHERE site_id = ? AND segment = ? AND seq > ? AND seq <= ? ORDER BY seq LIMIT ?`

	// Cross-tenant: whatever is not signed is to be, whose it may be.
	unsigned      = `SELECT DISTINCT site_id FROM receipt_heads WHERE seq > signed`
	moved         = `SELECT segment, seq, hash FROM receipt_heads WHERE site_id = ? AND seq > signed ORDER BY segment`
	countSigned   = `SELECT COALESCE(SUM(seq), 0) FROM receipt_heads WHERE site_id = ?`
	lastChecked   = `SELECT number, hash FROM receipt_checkpoints WHERE site_id = ? ORDER BY number DESC LIMIT 1`
	putCheckpoint = `INSERT INTO receipt_checkpoints (site_id, number, at, body, hash, signature, kid) VALUES (?, ?, ?, ?, ?, ?, ?)`
	putKey        = `INSERT INTO receipt_keys (kid, jwk) VALUES (?, ?) ON CONFLICT (kid) DO NOTHING`
	signHead      = `UPDATE receipt_heads SET signed = ? WHERE site_id = ? AND segment = ?`
	checkpoints   = `SELECT number, body, hash, signature FROM receipt_checkpoints WHERE site_id = ? AND number > ? ORDER BY number LIMIT ?`
	keysOfSite    = `SELECT jwk FROM receipt_keys WHERE kid IN (SELECT kid FROM receipt_checkpoints WHERE site_id = ?) ORDER BY kid`

	// Cross-tenant: age is a property of the row.
	sitesPast   = `SELECT DISTINCT site_id FROM receipt_checkpoints WHERE at < ?`
	lastPast    = `SELECT COALESCE(MAX(number), 0) FROM receipt_checkpoints WHERE site_id = ? AND at < ?`
	droppedOf   = `SELECT body FROM receipt_dropped WHERE site_id = ?`
	putDropped  = `INSERT INTO receipt_dropped (site_id, body) VALUES (?, ?) ON CONFLICT (site_id) DO UPDATE SET body = excluded.body`
	dropEntries = `DELETE FROM receipts WHERE site_id = ? AND segment = ? AND seq <= ?`
	dropChecked = `DELETE FROM receipt_checkpoints WHERE site_id = ? AND number <= ?`
	usesPast    = `DELETE FROM sent WHERE hour < ?`

	siteKey      = `SELECT secret FROM receipt_secrets WHERE site_id = ?`
	putKeyOfSite = `INSERT INTO receipt_secrets (site_id, secret) VALUES (?, ?) ON CONFLICT (site_id) DO NOTHING`

	addUse = `INSERT INTO sent (site_id, install_id, hour, use_hash, use_text, requests, refused, failed, sent, received, last_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (site_id, install_id, hour, use_hash) DO UPDATE SET requests = sent.requests + excluded.requests,
			refused = sent.refused + excluded.refused, failed = sent.failed + excluded.failed, sent = sent.sent + excluded.sent,
			received = sent.received + excluded.received,
			last_at = CASE WHEN sent.last_at > excluded.last_at THEN sent.last_at ELSE excluded.last_at END`
	hoursOf = `SELECT use_text, hour, requests, refused, failed, sent, received, last_at FROM sent
		WHERE site_id = ? AND install_id = ? AND hour >= ? AND hour <= ? ORDER BY hour, use_hash`
	usesSince = `SELECT use_text, MIN(hour), SUM(requests), SUM(refused), SUM(failed), SUM(sent), SUM(received), MAX(last_at) FROM sent
		WHERE site_id = ? AND install_id = ? AND hour >= ? GROUP BY use_hash, use_text ORDER BY use_hash`
)

var statements = ledger.Statements{
	Unsigned: unsigned, Moved: moved, Count: countSigned, Sign: signHead,
	Last: lastChecked, Put: putCheckpoint, Checkpoints: checkpoints, PutKey: putKey, Keys: keysOfSite,
	Entries: ofChain,
}
