package db

import (
	"context"
	"database/sql"
	"sync"
	"sync/atomic"
)

// maxStatements bounds the cache of prepared statements. Statements are constants of
// the program, so the bound is reached only by a mistake, which then costs speed only.
const maxStatements = 1024

// pool is a set of connections with the statements prepared on them.
type pool struct {
	db      *sql.DB
	cache   bool
	stmts   sync.Map // query → *sql.Stmt
	count   atomic.Int32
	prepare sync.Mutex
}

func newPool(db *sql.DB, cache bool) *pool { return &pool{db: db, cache: cache} }

// cached is the prepared statement of q, nil if there is none (yet).
func (p *pool) cached(q string) *sql.Stmt {
	if !p.cache {
		return nil
	}
	s, ok := p.stmts.Load(q)
	if !ok {
		return nil
	}
	return s.(*sql.Stmt)
}

// statement prepares q once. It takes a connection of the pool, so it must not be
// called by whoever holds one.
func (p *pool) statement(ctx context.Context, q string) (*sql.Stmt, error) {
	if s := p.cached(q); s != nil || !p.cache {
		return s, nil
	}
	if p.count.Load() >= maxStatements {
		return nil, nil
	}
	p.prepare.Lock()
	defer p.prepare.Unlock()
	if s := p.cached(q); s != nil {
		return s, nil
	}
	s, err := p.db.PrepareContext(ctx, q)
	if err != nil {
		return nil, err
	}
	p.stmts.Store(q, s)
	p.count.Add(1)
	return s, nil
}

func (p *pool) close() error {
	if p == nil {
		return nil
	}
	p.stmts.Range(func(_, s any) bool {
		s.(*sql.Stmt).Close()
		return true
	})
	return p.db.Close()
}
