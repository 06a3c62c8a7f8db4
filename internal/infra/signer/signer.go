// Package signer holds the platform's signing keys and makes its tokens. Its promise: a
// private key exists outside of memory only sealed, a token is one product's, one
// installation's and dead after a minute, and verifiers know a key before it signs
// anything and for as long as anything that it signed is alive.
//
// Keys belong to a family: what they sign and by which algorithm. They lie in the
// database, so that several servers sign with the same ones; each server reads them every
// second and signs from memory. A key's life is: published, signing, retired (the next
// one signs, its own last tokens are still alive), gone. When each begins is written in
// the rows, so that servers need not agree on anything else.
package signer

import (
	"context"
	"log/slog"
	"sync"
	"sync/atomic"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

const (
	// rotateEvery is how long a key signs.
	rotateEvery = 90 * 24 * time.Hour
	// lead is how long a key is published before it signs: several times as long as
	// verifiers may keep the key set (KeysMaxAge).
	lead = 15 * time.Minute
	// linger is how long a key stays published after the next one signs: the longest life of a
	// token, and what clocks of servers and verifiers may differ.
	linger = 20 * time.Minute
	// pollEvery is how often the keys of other servers are read: what one withdraws, the
	// others stop to sign with within a second or so.
	pollEvery = time.Second
	// patience bounds one reading of the database.
	patience = 5 * time.Second
)

// KeysMaxAge is how long a verifier may keep the key set without asking again.
const KeysMaxAge = 5 * time.Minute

// Sealer keeps private keys closed at rest.
type Sealer interface {
	Seal(s seal.Subject, p seal.Purpose, at seal.Place, plain []byte) ([]byte, error)
	Open(s seal.Subject, p seal.Purpose, at seal.Place, sealed []byte) ([]byte, error)
}

// Audit writes an act's entry into the act's transaction.
type Audit interface {
	Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error
}

// Config is what the signer stands on. DB, Sealer and Issuer are required.
type Config struct {
	DB     *db.DB
	Sealer Sealer
	Issuer string // the control origin
	Audit  Audit  // may be nil
	Now    func() time.Time
	Log    *slog.Logger
}

// Signer signs. It is safe for concurrent use.
type Signer struct {
	Config
	state  atomic.Pointer[state]
	recent *lru.Cache[reusable, recent]

	mu     sync.Mutex // one reading at a time
	cancel context.CancelFunc
	done   chan struct{}
}

// New reads the keys, and makes the first ones of an empty database; Migrations must have
// been applied to cfg.DB.
func New(ctx context.Context, cfg Config) (*Signer, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Signer{Config: cfg}
	s.recent, _ = lru.New[reusable, recent](maxRecent) // the only error is a size below one
	if err := s.refresh(ctx); err != nil {
		return nil, fault.Op("signer.New", err)
	}
	return s, nil
}

// Start keeps reading the keys, and rotates them when it is time, until Close.
func (s *Signer) Start() {
	ctx, cancel := context.WithCancel(context.Background())
	s.cancel, s.done = cancel, make(chan struct{})
	go s.poll(ctx)
}

// Close ends what Start began.
func (s *Signer) Close() {
	if s.cancel != nil {
		s.cancel()
		<-s.done
	}
}

func (s *Signer) poll(ctx context.Context) {
	defer close(s.done)
	tick := time.NewTicker(pollEvery)
	defer tick.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		err := s.refresh(ctx)
		if err != nil && !failing && ctx.Err() == nil { // once, not every second
			s.Log.ErrorContext(ctx, "signing keys cannot be read; the known ones go on", "err", err)
		}
		failing = err != nil
	}
}

// refresh reads the keys, makes the next ones where it is time, and forgets dead ones.
func (s *Signer) refresh(ctx context.Context) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := s.load(ctx); err != nil {
		return err
	}
	changed, err := s.tend(ctx)
	if changed {
		err = s.load(ctx)
	}
	return err
}

// load reads the rows. Keys that are known already are not opened again.
func (s *Signer) load(ctx context.Context) error {
	rows, err := s.DB.Query(ctx, allKeys)
	if err != nil {
		return err
	}
	defer rows.Close()
	before := s.state.Load()
	next := &state{}
	for rows.Next() {
		var r row
		if err := rows.Scan(&r.kid, &r.family, &r.generation, &r.alg, &r.sealed, &r.created, &r.signsFrom, &r.withdrawn); err != nil {
			return err
		}
		k := before.key(r.kid)
		if k == nil {
			if k, err = s.open(r); err != nil {
				return err
			}
		}
		if k == nil { // of a family that only a newer server knows
			continue
		}
		next.keys = append(next.keys, k.at(r))
	}
	if err := rows.Err(); err != nil {
		return err
	}
	if err := next.complete(s.Now()); err != nil {
		return err
	}
	s.state.Store(next)
	return nil
}
