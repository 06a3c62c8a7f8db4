package account

import (
	"context"
	"sync/atomic"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// trust is how long a look-up is believed. A token revoked on another process is
// refused here after at most this time; one second is what is promised.
const trust = 500 * time.Millisecond

// sighting is a token found usable, as of the moment the look-up began.
type sighting struct {
	principal  id.Principal
	expires    time.Time
	asOf       time.Time
	generation uint64
}

// generation counts revocations in this process: a look-up that began before a
// revocation must not be believed after it, even if it finishes later.
type generation struct{ n atomic.Uint64 }

func (s *Service) forget() {
	s.gate.n.Add(1)
	s.seen.Purge()
}

// Authenticate gives the principal that a bearer token stands for.
func (s *Service) Authenticate(ctx context.Context, bearer string) (id.Principal, error) {
	if bearer == "" {
		return id.Principal{}, unauthenticated("no token was presented")
	}
	if !wellFormed(bearer) {
		return id.Principal{}, unauthenticated("the token is not one of this server's; it starts with anx_ and its kind")
	}
	generation, hash, now := s.gate.n.Load(), hashOf(bearer), s.Now()
	if seen, ok := s.seen.Get(hash); ok && seen.generation == generation && now.Sub(seen.asOf) < trust && now.Before(seen.expires) {
		return seen.principal, nil
	}
	t, err := scanToken(s.DB.QueryRow(ctx, tokenByHash, hash))
	if isNoRows(err) {
		t, err = s.person(ctx, hash)
	}
	switch {
	case isNoRows(err):
		return id.Principal{}, unauthenticated("this server does not know the token")
	case err != nil:
		return id.Principal{}, fault.Op("account.Authenticate", err)
	case t.Revoked:
		return id.Principal{}, unauthenticated("the token was revoked")
	case !now.Before(t.Expires):
		return id.Principal{}, unauthenticated("the token expired on %s", t.Expires.UTC().Format("2 January 2006 at 15:04 UTC"))
	}
	p := t.principal()
	s.seen.Add(hash, sighting{principal: p, expires: t.Expires, asOf: now, generation: generation})
	return p, nil
}

func unauthenticated(format string, args ...any) error {
	return fault.New(fault.Unauthenticated, "UNAUTHENTICATED", format, args...).
		WithFix("set ANNEX_TOKEN or run annex login; annex token create makes a new token")
}
