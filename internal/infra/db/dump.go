package db

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// Step names a schema step that a database has, and the text that it ran with.
type Step struct {
	ID     string `json:"id"`
	Digest string `json:"digest"`
}

// Dump is all of a database as of one moment, in a form that both databases take.
type Dump struct {
	// Begin is told of the schema before anything else.
	Begin func(schema []Step) error
	// Table is told of each table before its rows, in an order in which they can be
	// inserted; Row of each row: nil, int64, string or []byte for each column.
	Table func(name string, columns []string) error
	Row   func(values []any) error
}

// Dump reads everything in one transaction, beside whoever writes.
func (d *DB) Dump(ctx context.Context, steps []Migration, to Dump) error {
	opts := &sql.TxOptions{ReadOnly: true}
	if d.dialect == postgres {
		opts.Isolation = sql.LevelRepeatableRead
	}
	tx, err := d.read.db.BeginTx(ctx, opts)
	if err != nil {
		return fault.Op("db.Dump", d.wrap(err))
	}
	defer tx.Rollback()
	return fault.Op("db.Dump", d.wrap(d.dump(ctx, tx, steps, to)))
}

func (d *DB) dump(ctx context.Context, tx *sql.Tx, steps []Migration, to Dump) error {
	have, err := stepsOf(ctx, tx)
	if err != nil {
		return err
	}
	done, err := Agree(have, steps)
	if err != nil {
		return err
	}
	if err := to.Begin(have); err != nil {
		return err
	}
	names, err := tableNames(done)
	if err != nil {
		return err
	}
	for _, name := range names {
		if err := dumpTable(ctx, tx, name, to); err != nil {
			return fmt.Errorf("table %s: %w", name, err)
		}
	}
	return nil
}

func stepsOf(ctx context.Context, tx *sql.Tx) ([]Step, error) {
	rows, err := tx.QueryContext(ctx, `SELECT id, digest FROM annex_migrations ORDER BY id`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []Step
	for rows.Next() {
		var s Step
		if err := rows.Scan(&s.ID, &s.Digest); err != nil {
			return nil, err
		}
		out = append(out, s)
	}
	return out, rows.Err()
}

// Agree gives those of our steps that a database with this schema has, in our order. It
// refuses a schema that is not the beginning of ours.
func Agree(have []Step, steps []Migration) ([]Migration, error) {
	applied := map[string]string{}
	for _, s := range have {
		applied[s.ID] = s.Digest
	}
	if err := agree(applied, steps); err != nil {
		return nil, err
	}
	var out []Migration
	for _, m := range steps {
		if _, ok := applied[m.ID]; ok {
			out = append(out, m)
			delete(applied, m.ID)
		}
	}
	for id := range applied {
		return nil, fault.New(fault.Conflict, "DATABASE_NEWER", "the database has the schema step %s, which this Annex does not know", id).
			WithFix("use the Annex version that last used this database, or a newer one")
	}
	return out, nil
}

// tableNames are the tables that steps make, in the order in which they are made.
func tableNames(steps []Migration) ([]string, error) {
	var out []string
	for _, m := range steps {
		for _, s := range sqlite3.schema(m.SQL) {
			words := wordsOf(s)
			switch {
			case len(words) < 3 || words[1] != "TABLE":
			case words[0] == "CREATE" && words[2] != "IF":
				out = append(out, words[2])
			case words[0] == "ALTER" && (len(words) < 5 || words[3] != "ADD"), words[0] == "CREATE", words[0] == "DROP":
				return nil, fmt.Errorf("the schema step %s does what a dump does not follow: %s %s %s", m.ID, words[0], words[1], words[2])
			}
		}
	}
	return out, nil
}

func wordsOf(statement string) (out []string) {
	for _, t := range tokens(statement) {
		if t.kind == word {
			out = append(out, t.text)
		}
	}
	return out
}

func dumpTable(ctx context.Context, tx *sql.Tx, name string, to Dump) error {
	rows, err := tx.QueryContext(ctx, `SELECT * FROM `+name) // a name of our own schema
	if err != nil {
		return err
	}
	defer rows.Close()
	types, err := rows.ColumnTypes()
	if err != nil {
		return err
	}
	columns := make([]string, len(types))
	cells := make([]any, len(types))
	values := make([]any, len(types))
	for i, t := range types {
		columns[i] = t.Name()
		cells[i] = &values[i]
	}
	if err := to.Table(name, columns); err != nil {
		return err
	}
	for rows.Next() {
		if err := rows.Scan(cells...); err != nil {
			return err
		}
		for i, v := range values {
			switch v := v.(type) {
			case nil, int64, string:
			case []byte:
				if kind := types[i].DatabaseTypeName(); kind != "BLOB" && kind != "BYTEA" {
					values[i] = string(v)
				} else if v == nil {
					values[i] = []byte{}
				}
			default:
				return fmt.Errorf("column %s holds a %T", columns[i], v)
			}
		}
		if err := to.Row(values); err != nil {
			return err
		}
	}
	return rows.Err()
}

// Insert puts rows into a table while a dump is loaded.
type Insert func(table string, columns []string, rows [][]any) error

// Replacement says how a dump takes the place of what is there.
type Replacement struct {
	Steps []Migration // ours
	Have  []Step      // the dump's schema
	// Keep names a feature whose rows stay; those of the dump are added to them, and a row
	// that is there already stays as it is.
	Keep string
	Rows func(Insert) error
}

// Replace drops every table of ours and makes them again from a dump: with the schema
// that it was made with, then its rows, then the steps that came later. It has to run in
// Tx, and so changes everything or nothing. What the rows hold is not trusted: a table or
// column that the schema does not have is refused.
func (d *DB) Replace(ctx context.Context, r Replacement) error {
	if d.running(ctx) == nil {
		return errors.New("db.Replace: outside Tx")
	}
	return fault.Op("db.Replace", d.replace(ctx, r))
}

func (d *DB) replace(ctx context.Context, r Replacement) error {
	done, err := Agree(r.Have, r.Steps)
	if err != nil {
		return err
	}
	kept, err := d.keep(ctx, r)
	if err != nil {
		return err
	}
	l := &loading{d: d, columns: map[string][]string{}, kept: kept.tables}
	if err := d.dropAll(ctx, r.Steps, kept.tables); err != nil {
		return err
	}
	for _, s := range d.dialect.schema(migrationsTable) {
		if _, err := d.Exec(ctx, s); err != nil {
			return err
		}
	}
	for _, m := range append(kept.steps, done...) {
		m.SQLite, m.Postgres = nil, nil
		if err := d.applyOnce(ctx, kept, m); err != nil {
			return err
		}
	}
	if err := l.prepare(ctx, done); err != nil {
		return err
	}
	insert := func(table string, columns []string, rows [][]any) error { return l.insert(ctx, table, columns, rows) }
	if err := r.Rows(insert); err != nil {
		return err
	}
	for _, m := range done {
		if kept.old[m.ID] {
			continue
		}
		if err := d.own(ctx, m); err != nil {
			return fmt.Errorf("%s: %w", m.ID, err)
		}
	}
	for _, m := range r.Steps {
		if err := d.applyOnce(ctx, kept, m); err != nil {
			return err
		}
	}
	return nil
}

// kept is what stays of the database that is replaced.
type kept struct {
	steps  []Migration
	tables []string
	// applied are the steps whose tables are there in the new database.
	applied map[string]bool
	old     map[string]bool // they were there before
}

func (d *DB) keep(ctx context.Context, r Replacement) (kept, error) {
	k := kept{applied: map[string]bool{}, old: map[string]bool{}}
	have, err := d.Migrated(ctx, r.Steps)
	if err != nil {
		return k, err
	}
	for _, m := range r.Steps {
		if r.Keep != "" && have[m.ID] && strings.HasPrefix(m.ID, r.Keep+"/") {
			k.steps = append(k.steps, m)
			k.old[m.ID] = true
		}
	}
	k.tables, err = tableNames(k.steps)
	return k, err
}

// applyOnce applies a step that the new database does not have yet; one whose tables were
// kept is only written down.
func (d *DB) applyOnce(ctx context.Context, k kept, m Migration) error {
	if k.applied[m.ID] {
		return nil
	}
	k.applied[m.ID] = true
	if k.old[m.ID] {
		m.SQL, m.SQLite, m.Postgres, m.digest = "", nil, nil, digest(m.SQL)
	}
	if err := d.apply(ctx, m); err != nil {
		return fmt.Errorf("%s: %w", m.ID, err)
	}
	return nil
}

func (d *DB) dropAll(ctx context.Context, steps []Migration, keep []string) error {
	names, err := tableNames(steps)
	if err != nil {
		return err
	}
	for _, name := range slices.Backward(append([]string{"annex_migrations"}, names...)) {
		if slices.Contains(keep, name) {
			continue
		}
		if _, err := d.Exec(ctx, `DROP TABLE IF EXISTS `+name); err != nil {
			return err
		}
	}
	return nil
}

func (d *DB) columnsOf(ctx context.Context, table string) ([]string, error) {
	rows, err := d.Query(ctx, `SELECT * FROM `+table+` WHERE 1 = 0`)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	return rows.rows.Columns()
}

// loading puts rows into the tables of a schema.
type loading struct {
	d       *DB
	columns map[string][]string // table → columns
	kept    []string            // tables whose rows stay
}

// prepare empties the tables of what their own steps put in, and learns their columns.
func (l *loading) prepare(ctx context.Context, done []Migration) error {
	names, err := tableNames(done)
	if err != nil {
		return err
	}
	for _, name := range slices.Backward(names) {
		if !slices.Contains(l.kept, name) {
			if _, err := l.d.Exec(ctx, `DELETE FROM `+name); err != nil {
				return err
			}
		}
		if l.columns[name], err = l.d.columnsOf(ctx, name); err != nil {
			return err
		}
	}
	return nil
}

func (l *loading) insert(ctx context.Context, table string, columns []string, rows [][]any) error {
	have, ok := l.columns[table]
	if !ok {
		return malformed("the dump has a table %q, which its schema does not have", table)
	}
	stays := slices.Contains(l.kept, table) // it may have columns that the dump does not know
	sorted, want := slices.Sorted(slices.Values(columns)), slices.Sorted(slices.Values(have))
	if len(slices.Compact(slices.Clone(sorted))) != len(columns) || slices.ContainsFunc(sorted, func(c string) bool { return !slices.Contains(want, c) }) ||
		!stays && len(sorted) != len(want) {
		return malformed("the dump's table %s has the columns %q, not %q", table, sorted, want)
	}
	conflict := ""
	if stays {
		conflict = " ON CONFLICT DO NOTHING"
	}
	for _, row := range rows {
		if len(row) != len(columns) {
			return malformed("a row of the dump's table %s has %d values, not %d", table, len(row), len(columns))
		}
	}
	one := strings.TrimSuffix(strings.Repeat("?, ", len(columns)), ", ")
	err := l.d.InsertAll(ctx, `INSERT INTO `+table+` (`+strings.Join(columns, ", ")+`) VALUES (`+one+`)`+conflict, rows)
	if err == nil {
		return nil
	}
	if _, storage := fault.As(err); storage {
		return err
	}
	return malformed("rows of the dump's table %s do not fit its schema", table).Because(err)
}

func malformed(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "BACKUP_MALFORMED", format, args...).WithFix("use another backup; this one was changed or cut off")
}

// Beside opens a SQLite database that a running server has open, for reading; ok is false
// when nobody has it open, so that its log may hold what only its owner may read.
func Beside(ctx context.Context, cfg Config) (d *DB, ok bool, err error) {
	path := strings.TrimPrefix(cfg.URL, "sqlite:")
	if !isOpen(path) {
		return nil, false, nil
	}
	p, err := openSQLitePool(besideDSN(path), 1)
	if err != nil {
		return nil, false, fault.Op("db.Beside", err)
	}
	d = &DB{dialect: sqlite3, read: p, write: p, patience: time.Second}
	if err := p.db.PingContext(ctx); err != nil {
		p.close()
		if !isOpen(path) { // it ended meanwhile
			return nil, false, nil
		}
		return nil, false, fault.Op("db.Beside", d.wrap(err))
	}
	return d, true, nil
}
