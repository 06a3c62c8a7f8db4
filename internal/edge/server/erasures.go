package server

import "github.com/annexhq/annex/internal/infra/db"

// endedBefore notes what ended before anything was erased; it comes after the tables of
// installations and erasures, and runs once.
var endedBefore = []db.Migration{{ID: "ended/1", SQL: `
INSERT INTO erasures (install_id, site_id, ended_at, due_at)
	SELECT id, site_id, removed_at, removed_at + 2419200000 FROM installations WHERE active = 0;
`}}
