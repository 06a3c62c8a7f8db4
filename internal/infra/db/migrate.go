package db

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// Migration is one step of a feature's schema. Its ID is "feature/number"; once it
// has run anywhere, its text is never changed, another one is added.
type Migration struct {
	ID  string
	SQL string
	// SQLite and Postgres are what one database is told after SQL, each a statement as it
	// stands: triggers, which the two write differently. When a dump is loaded they come
	// after its rows, which are complete without them.
	SQLite, Postgres []string

	digest string // of the text that once ran, when it is not to run again
}

const migrationPatience = 6 * time.Hour

const migrationsTable = `CREATE TABLE IF NOT EXISTS annex_migrations (
	id TEXT PRIMARY KEY, digest TEXT NOT NULL, applied_at BIGINT NOT NULL)`

// Migrate applies, in their order and in one transaction, the steps that the
// database does not have. Several servers may do so at once.
func (d *DB) Migrate(ctx context.Context, steps []Migration) error {
	// A step may rewrite a large table, and another server's may come first.
	ctx, cancel := context.WithTimeout(ctx, migrationPatience)
	defer cancel()
	unlock, err := d.migrationLock(ctx)
	if err != nil {
		return fault.Op("db.Migrate", err)
	}
	defer unlock()
	return fault.Op("db.Migrate", d.Tx(ctx, func(ctx context.Context) error {
		for _, s := range d.dialect.schema(migrationsTable) {
			if _, err := d.Exec(ctx, s); err != nil {
				return err
			}
		}
		have, err := d.applied(ctx)
		if err != nil {
			return err
		}
		if err := agree(have, steps); err != nil {
			return err
		}
		for _, m := range steps {
			if _, ok := have[m.ID]; ok {
				continue
			}
			if err := d.apply(ctx, m); err != nil {
				return fmt.Errorf("%s: %w", m.ID, err)
			}
		}
		return nil
	}))
}

func (d *DB) apply(ctx context.Context, m Migration) error {
	for _, s := range d.dialect.schema(m.SQL) {
		if _, err := d.Exec(ctx, s); err != nil {
			return err
		}
	}
	if err := d.own(ctx, m); err != nil {
		return err
	}
	_, err := d.Exec(ctx, `INSERT INTO annex_migrations (id, digest, applied_at) VALUES (?, ?, ?)`,
		m.ID, cmp.Or(m.digest, digest(m.SQL)), time.Now().UnixMilli())
	return err
}

// own tells this database what the other one is told in other words.
func (d *DB) own(ctx context.Context, m Migration) error {
	statements := m.SQLite
	if d.dialect == postgres {
		statements = m.Postgres
	}
	for _, s := range statements {
		if _, err := d.Exec(ctx, s); err != nil {
			return err
		}
	}
	return nil
}

func (d *DB) applied(ctx context.Context) (map[string]string, error) {
	rows, err := d.Query(ctx, `SELECT id, digest FROM annex_migrations`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	have := map[string]string{}
	for rows.Next() {
		var id, sum string
		if err := rows.Scan(&id, &sum); err != nil {
			return nil, err
		}
		have[id] = sum
	}
	return have, rows.Err()
}

// agree refuses a database whose history is not the beginning of ours.
func agree(have map[string]string, steps []Migration) error {
	known := map[string]bool{}
	features := map[string]bool{}
	for _, m := range steps {
		feature, _, ok := strings.Cut(m.ID, "/")
		if !ok || known[m.ID] {
			return fmt.Errorf("migration id %q is malformed or used twice", m.ID)
		}
		known[m.ID], features[feature] = true, true
		if sum, ok := have[m.ID]; ok && sum != digest(m.SQL) {
			return fault.New(fault.Conflict, "MIGRATION_CHANGED",
				"the schema step %s ran with another text on this database", m.ID).
				WithFix("run the Annex version that made this database, or one released after it")
		}
	}
	for id := range have {
		if feature, _, _ := strings.Cut(id, "/"); features[feature] && !known[id] {
			return fault.New(fault.Conflict, "DATABASE_NEWER",
				"the database has the schema step %s, which this Annex does not know", id).
				WithFix("run the Annex version that last used this database, or a newer one")
		}
	}
	return nil
}

// migrationLock keeps other servers from migrating the same schema. It is held on a
// connection of its own: a serializable transaction that had to wait for it would
// see the schema as it was before.
func (d *DB) migrationLock(ctx context.Context) (unlock func(), err error) {
	if d.dialect == sqlite3 {
		return func() {}, nil // the immediate transaction is the lock
	}
	conn, err := d.write.db.Conn(ctx)
	if err != nil {
		return nil, d.wrap(err)
	}
	const key = `hashtextextended('annex migrations ' || current_schema(), 0)`
	if _, err := conn.ExecContext(ctx, `SELECT pg_advisory_lock(`+key+`)`); err != nil {
		conn.Close()
		return nil, d.wrap(err)
	}
	return func() {
		// Without an answer the connection is broken, and its end releases the lock.
		_, _ = conn.ExecContext(context.WithoutCancel(ctx), `SELECT pg_advisory_unlock(`+key+`)`)
		conn.Close()
	}, nil
}

func digest(s string) string {
	sum := sha256.Sum256([]byte(s))
	return hex.EncodeToString(sum[:])
}
