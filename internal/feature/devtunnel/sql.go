package devtunnel

import (
	"context"
	"errors"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

// Migrations are the package's table: which tunnels are open, at whichever server. Times
// are milliseconds since 1970.
var Migrations = []db.Migration{{ID: "devtunnel/1", SQL: `
CREATE TABLE tunnel_holders (
	env_id  TEXT NOT NULL,
	account TEXT NOT NULL,
	tunnel  TEXT NOT NULL,
	seen_at BIGINT NOT NULL,
	PRIMARY KEY (env_id, account)
);
`}}

const (
	putHolder = `INSERT INTO tunnel_holders (env_id, account, tunnel, seen_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (env_id, account) DO UPDATE SET tunnel = excluded.tunnel, seen_at = excluded.seen_at`
	seenHolder = `UPDATE tunnel_holders SET seen_at = ? WHERE env_id = ? AND account = ? AND tunnel = ?`
	dropHolder = `DELETE FROM tunnel_holders WHERE env_id = ? AND account = ? AND tunnel = ?`
	holder     = `SELECT tunnel, seen_at FROM tunnel_holders WHERE env_id = ? AND account = ?`
	holdersOf  = `SELECT account FROM tunnel_holders WHERE env_id = ? AND seen_at > ? ORDER BY account`
)

// heldElsewhere says whether another server holds a tunnel.
func (s *Service) heldElsewhere(ctx context.Context, w whose) (bool, error) {
	var (
		tunnel string
		seen   int64
	)
	err := s.cfg.DB.QueryRow(ctx, holder, w.environment, w.account).Scan(&tunnel, &seen)
	if errors.Is(err, db.ErrNoRows) {
		return false, nil
	}
	if err != nil {
		return false, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return !s.mine[tunnel] && s.cfg.Now().Sub(time.UnixMilli(seen)) < trustFor, nil
}

// Open lists the developers who have a tunnel of an environment open, at any server.
func (s *Service) Open(ctx context.Context, environment id.Env) ([]id.Account, error) {
	rows, err := s.cfg.DB.Query(ctx, holdersOf, environment, s.cfg.Now().Add(-trustFor).UnixMilli())
	if err != nil {
		return nil, fault.Op("devtunnel.Open", err)
	}
	defer rows.Close()
	var out []id.Account
	for rows.Next() {
		var a string
		if err := rows.Scan(&a); err != nil {
			return nil, fault.Op("devtunnel.Open", err)
		}
		out = append(out, id.Account(a))
	}
	return out, fault.Op("devtunnel.Open", rows.Err())
}
