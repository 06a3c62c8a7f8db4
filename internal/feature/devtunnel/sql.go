package devtunnel

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/call"
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
`}, {ID: "devtunnel/2", SQL: `
ALTER TABLE tunnel_holders ADD COLUMN key_hash TEXT NOT NULL DEFAULT '';
ALTER TABLE tunnel_holders ADD COLUMN people TEXT NOT NULL DEFAULT '[]';
`}}

const (
	putHolder = `INSERT INTO tunnel_holders (env_id, account, tunnel, key_hash, people, seen_at) VALUES (?, ?, ?, ?, ?, ?)
		ON CONFLICT (env_id, account) DO UPDATE SET tunnel = excluded.tunnel, key_hash = excluded.key_hash, people = excluded.people, seen_at = excluded.seen_at`
	seenHolder = `UPDATE tunnel_holders SET seen_at = ? WHERE env_id = ? AND account = ? AND tunnel = ?`
	dropHolder = `DELETE FROM tunnel_holders WHERE env_id = ? AND account = ? AND tunnel = ?`
	holder     = `SELECT tunnel, key_hash, people, seen_at FROM tunnel_holders WHERE env_id = ? AND account = ?`
	holdersOf  = `SELECT account, people FROM tunnel_holders WHERE env_id = ? AND seen_at > ? ORDER BY account`
)

// elsewhere is a tunnel that another server holds.
type elsewhere struct {
	key    string
	people []carried
}

func (e *elsewhere) opens(key string) bool { return e.key != "" && hashOfKey(key) == e.key }

// carries says whether a call is of a person who agreed to the tunnel; the server that holds
// it asks whether they still do.
func (e *elsewhere) carries(c *call.Call) bool {
	return slices.Contains(e.people, carried{c.Installation, c.Principal.User})
}

// heldElsewhere is the tunnel that another server holds, nil without one.
func (s *Service) heldElsewhere(ctx context.Context, w whose) (*elsewhere, error) {
	var (
		tunnel, people string
		e              elsewhere
		seen           int64
	)
	err := s.cfg.DB.QueryRow(ctx, holder, w.environment, w.account).Scan(&tunnel, &e.key, &people, &seen)
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil
	}
	if err == nil {
		err = json.Unmarshal([]byte(people), &e.people)
	}
	if err != nil {
		return nil, err
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.mine[tunnel] || s.cfg.Now().Sub(time.UnixMilli(seen)) >= trustFor {
		return nil, nil
	}
	return &e, nil
}

// OpenTunnel is one that is open at whichever server.
type OpenTunnel struct {
	Account id.Account // whose it is
	Users   []id.User  // whose calls in pages of the installation it carries
}

// Open lists the tunnels of an environment, as they concern one installation of it.
func (s *Service) Open(ctx context.Context, environment id.Env, install id.Install) ([]OpenTunnel, error) {
	rows, err := s.cfg.DB.Query(ctx, holdersOf, environment, s.cfg.Now().Add(-trustFor).UnixMilli())
	if err != nil {
		return nil, fault.Op("devtunnel.Open", err)
	}
	defer rows.Close()
	var out []OpenTunnel
	for rows.Next() {
		var t OpenTunnel
		var text string
		var people []carried
		if err := rows.Scan((*string)(&t.Account), &text); err != nil {
			return nil, fault.Op("devtunnel.Open", err)
		}
		if err := json.Unmarshal([]byte(text), &people); err != nil {
			return nil, fault.Op("devtunnel.Open", err)
		}
		for _, x := range people {
			if x.Install == install {
				t.Users = append(t.Users, x.User)
			}
		}
		out = append(out, t)
	}
	return out, fault.Op("devtunnel.Open", rows.Err())
}
