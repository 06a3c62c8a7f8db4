package remote

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's tables. A slot holds one sealed credential for one
// endpoint of one remote.
var Migrations = []db.Migration{{ID: "remote/1", SQL: `
CREATE TABLE remote_slots (
	install_id TEXT NOT NULL,
	site_id    TEXT NOT NULL,
	remote     TEXT NOT NULL,
	generation BIGINT NOT NULL,
	origin     TEXT NOT NULL,
	kind       TEXT NOT NULL,
	name       TEXT NOT NULL,
	credential BLOB NOT NULL,
	set_by     TEXT NOT NULL,
	set_at     BIGINT NOT NULL,
	PRIMARY KEY (install_id, remote)
);
`}, {ID: "remote/2", SQL: `ALTER TABLE remote_slots ADD COLUMN certificate TEXT NOT NULL DEFAULT ''`}} // what may be known of one

const (
	// An emptied slot keeps its generation, so that an old value put back does not open.
	generationOf = `SELECT generation FROM remote_slots WHERE install_id = ? AND site_id = ? AND remote = ?`
	putSlot      = `INSERT INTO remote_slots (install_id, site_id, remote, generation, origin, kind, name, credential, set_by, set_at, certificate) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)
		ON CONFLICT (install_id, remote) DO UPDATE SET generation = excluded.generation, origin = excluded.origin, kind = excluded.kind, name = excluded.name,
		credential = excluded.credential, set_by = excluded.set_by, set_at = excluded.set_at, certificate = excluded.certificate`
	emptySlot = `UPDATE remote_slots SET origin = '', kind = '', name = '', certificate = '', credential = ? WHERE install_id = ? AND site_id = ? AND remote = ? AND kind <> ''`
	slotsOf   = `SELECT remote, kind, name, origin, set_by, set_at, certificate FROM remote_slots WHERE install_id = ? AND site_id = ? AND kind <> '' ORDER BY remote`
	slotFor   = `SELECT generation, credential FROM remote_slots WHERE install_id = ? AND site_id = ? AND remote = ? AND origin = ? AND kind <> ''`
	dropSlots = `DELETE FROM remote_slots WHERE install_id = ? AND site_id = ?`
)
