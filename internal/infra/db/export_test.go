package db

import "time"

// SetPatience replaces how long a writer waits for its turn.
func (d *DB) SetPatience(p time.Duration) { d.patience = p }

// The dialects' texts.
var (
	SQLiteSchema   = sqlite3.schema
	PostgresSchema = postgres.schema
	PostgresQuery  = postgres.query
)
