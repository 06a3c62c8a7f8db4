package account

import (
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// A look-up that read before a revocation may finish after it. What it then remembers
// must not be believed.
func TestLookupThatBeganBeforeARevocationIsNotBelieved(t *testing.T) {
	d := dbtest.SQLite(t)
	if err := d.Migrate(t.Context(), Migrations); err != nil {
		t.Fatal(err)
	}
	now := time.Date(2030, 1, 1, 0, 0, 0, 0, time.UTC)
	s := New(Config{DB: d, Now: func() time.Time { return now }})
	secret, err := newSecret(s.Rand, id.Operator)
	if err != nil {
		t.Fatal(err)
	}
	remember := func(generation uint64) {
		s.seen.Add(hashOf(secret), sighting{principal: id.Principal{Kind: id.Operator}, expires: now.Add(time.Hour), asOf: now, generation: generation})
	}
	began := s.gate.n.Load()
	remember(began)
	if p, err := s.Authenticate(t.Context(), secret); err != nil || p.Kind != id.Operator {
		t.Fatalf("what was seen a moment ago is not believed: %v", err)
	}
	s.forget()
	remember(began)
	if _, err := s.Authenticate(t.Context(), secret); fault.KindOf(err) != fault.Unauthenticated {
		t.Errorf("a look-up from before the revocation is believed: %v", err)
	}
}
