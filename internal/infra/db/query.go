package db

import (
	"context"
	"database/sql"
	"encoding/json"
	"errors"
)

// Exec runs one statement that writes and gives the number of rows that it touched.
func (d *DB) Exec(ctx context.Context, q string, in ...any) (int64, error) {
	vals, err := args(in)
	if err != nil {
		return 0, err
	}
	if t := d.running(ctx); t != nil {
		if err := t.ready(); err != nil {
			return 0, err
		}
		n, err := affected(t.exec(ctx, d.dialect.query(q), vals))
		t.doom(err)
		return n, d.wrap(err)
	}
	for try := 1; ; try++ {
		n, err := d.execAlone(ctx, d.dialect.query(q), vals)
		if err == nil || !retryable(err) || ctx.Err() != nil || try == maxTries {
			return n, d.wrap(err)
		}
		if err := pause(ctx, try); err != nil {
			return 0, d.wrap(err)
		}
	}
}

func (d *DB) execAlone(ctx context.Context, q string, vals []any) (int64, error) {
	if d.group != nil {
		return d.group.exec(ctx, q, vals)
	}
	w := d.wait(ctx, answerPatience)
	defer w.end()
	n, err := affected(d.write.db.ExecContext(w.ctx, q, vals...))
	return n, w.explain(err)
}

func affected(r sql.Result, err error) (int64, error) {
	if err != nil {
		return 0, err
	}
	return r.RowsAffected()
}

// Query reads rows. The caller closes them.
func (d *DB) Query(ctx context.Context, q string, in ...any) (*Rows, error) {
	vals, err := args(in)
	if err != nil {
		return nil, err
	}
	q = d.dialect.query(q)
	if t := d.running(ctx); t != nil {
		if err := t.ready(); err != nil {
			return nil, err
		}
		rows, err := t.query(ctx, q, vals)
		if err != nil {
			t.doom(err)
			return nil, d.wrap(err)
		}
		t.rows = &Rows{d: d, t: t, rows: rows}
		return t.rows, nil
	}
	s, err := d.read.statement(ctx, q)
	if err != nil {
		return nil, d.wrapRead(err)
	}
	w := d.wait(ctx, answerPatience)
	var rows *sql.Rows
	if s != nil {
		rows, err = s.QueryContext(w.ctx, vals...)
	} else {
		rows, err = d.read.db.QueryContext(w.ctx, q, vals...)
	}
	if err != nil {
		w.end()
		return nil, d.wrapRead(w.explain(err))
	}
	w.answered()
	return &Rows{d: d, rows: rows, wait: w}, nil
}

// QueryRow reads one row; Scan says ErrNoRows if there is none.
func (d *DB) QueryRow(ctx context.Context, q string, in ...any) *Row {
	rows, err := d.Query(ctx, q, in...)
	return &Row{rows: rows, err: err}
}

// Rows are the rows of a Query.
type Rows struct {
	d    *DB
	t    *txn // nil outside a transaction
	rows *sql.Rows
	wait wait // of a query outside a transaction
	done bool
	err  error // that ended the query, once done
}

// Next goes to the next row. At the end, and on an error, it closes the rows.
func (r *Rows) Next() bool {
	if r.rows.Next() {
		return true
	}
	r.end()
	return false
}

// Scan copies the row's columns.
func (r *Rows) Scan(dest ...any) error {
	for i, p := range dest {
		if j, ok := p.(*json.RawMessage); ok {
			dest[i] = (*rawJSON)(j)
		}
	}
	return r.wrap(r.rows.Scan(dest...))
}

// Err is the error that ended Next, if one did.
func (r *Rows) Err() error {
	if r.done {
		return r.wrap(r.err)
	}
	return r.wrap(r.rows.Err())
}

// Close may be called more than once.
func (r *Rows) Close() error {
	r.end()
	return r.wrap(r.err)
}

func (r *Rows) end() {
	if r.done {
		return
	}
	r.done = true
	r.err = r.rows.Err()
	// Postgres may find out after a row that was read that the query fails, and the
	// transaction with it: whoever asks for no more rows learns of it here only.
	if err := r.rows.Close(); r.err == nil {
		r.err = err
	}
	if r.t != nil {
		r.t.doom(r.err)
		r.t.rows = nil
		return
	}
	if r.wait.ctx != nil {
		r.wait.end() // only now: rows that are open would take it for an error
	}
}

func (r *Rows) wrap(err error) error {
	if r.t == nil {
		return r.d.wrapRead(err)
	}
	return r.d.wrap(err)
}

// Row is the first row of a QueryRow.
type Row struct {
	rows *Rows
	err  error
}

// Scan copies the row's columns.
func (r *Row) Scan(dest ...any) error {
	if r.err != nil {
		return r.err
	}
	defer r.rows.Close()
	if !r.rows.Next() {
		if err := r.rows.Err(); err != nil {
			return err
		}
		return ErrNoRows
	}
	if err := r.rows.Scan(dest...); err != nil {
		return err
	}
	return r.rows.Close()
}

// ready refuses a statement that Postgres would refuse, on SQLite too.
func (t *txn) ready() error {
	switch {
	case t.err != nil:
		return errors.Join(errors.New("the transaction has failed already"), t.err)
	case t.rows != nil:
		return errors.New("the rows of the transaction's last query are still open")
	}
	return nil
}

func (t *txn) exec(ctx context.Context, q string, vals []any) (sql.Result, error) {
	if s := t.prepared(q); s != nil {
		return t.tx.StmtContext(ctx, s).ExecContext(ctx, vals...)
	}
	return t.tx.ExecContext(ctx, q, vals...)
}

func (t *txn) query(ctx context.Context, q string, vals []any) (*sql.Rows, error) {
	if s := t.prepared(q); s != nil {
		return t.tx.StmtContext(ctx, s).QueryContext(ctx, vals...)
	}
	return t.tx.QueryContext(ctx, q, vals...)
}

func (t *txn) prepared(q string) *sql.Stmt {
	s := t.pool.cached(q)
	if s == nil && t.pool.cache {
		t.missed = append(t.missed, q)
	}
	return s
}

// rawJSON scans JSON, which is stored as TEXT.
type rawJSON json.RawMessage

func (r *rawJSON) Scan(v any) error {
	switch v := v.(type) {
	case nil:
		*r = nil
	case string:
		*r = rawJSON(v)
	case []byte:
		*r = append((*r)[:0:0], v...)
	default:
		return errors.New("the column holds no JSON text")
	}
	return nil
}
