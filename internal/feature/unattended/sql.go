package unattended

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's tables: which events of products were taken already.
var Migrations = []db.Migration{{ID: "unattended/1", SQL: `
CREATE TABLE taken_events (
	site_id  TEXT NOT NULL,
	product  TEXT NOT NULL,
	event_id TEXT NOT NULL,
	taken_at BIGINT NOT NULL,
	PRIMARY KEY (site_id, product, event_id)
);
CREATE INDEX taken_events_old ON taken_events (taken_at);
`}}

const (
	takeEvent = `INSERT INTO taken_events (site_id, product, event_id, taken_at) VALUES (?, ?, ?, ?) ON CONFLICT (site_id, product, event_id) DO NOTHING`
	// Cross-tenant: age is a property of the row, and nothing is read.
	oldEvents = `DELETE FROM taken_events WHERE taken_at < ?`
)
