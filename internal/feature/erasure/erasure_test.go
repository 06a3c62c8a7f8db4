package erasure_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/erasure"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

var (
	operator = id.Principal{Kind: id.Operator, Account: "o"}
	alice    = id.Principal{Kind: id.SiteAdmin, Account: "alice", Site: "s"}
	bob      = id.Principal{Kind: id.SiteAdmin, Account: "bob", Site: "other"}
)

// world is a service with a clock, and notes what it erases.
type world struct {
	t *testing.T
	*erasure.Service
	db     *db.DB
	trail  *audit.Log
	now    time.Time
	erased []string
	fails  error
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	if err := d.Migrate(t.Context(), slices.Concat(audit.Migrations, erasure.Migrations)); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: d, trail: audit.New(d, nil), now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC)}
	part := func(name string) erasure.Erase {
		return func(_ context.Context, scope tenant.Scope) error {
			w.erased = append(w.erased, name+" of "+string(scope.Install())+" on "+string(scope.Site()))
			return w.fails
		}
	}
	w.Service = erasure.New(erasure.Config{DB: d, Audit: w.trail, Parts: []erasure.Erase{part("a"), part("b")}, Now: func() time.Time { return w.now }})
	return w
}

func (w *world) ended(site id.Site, install id.Install) {
	w.t.Helper()
	scope, err := tenant.ForInstall(operator, site, install)
	if err == nil {
		err = w.Ended(w.t.Context(), scope)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}

// sweeps runs the sweep and says what it erased.
func (w *world) sweeps(want ...string) {
	w.t.Helper()
	w.erased = nil
	n, err := w.Due(w.t.Context())
	if err != nil {
		w.t.Fatal(err)
	}
	w.was(want...)
	if 2*n != len(w.erased) {
		w.t.Errorf("%d installations were counted, of %q", n, w.erased)
	}
}

func (w *world) was(want ...string) {
	w.t.Helper()
	if !slices.Equal(w.erased, want) {
		w.t.Errorf("erased: %q, want %q", w.erased, want)
	}
}

func (w *world) acts(site id.Site) (acts []string) {
	w.t.Helper()
	scope, err := tenant.ForSite(operator, site)
	if err != nil {
		w.t.Fatal(err)
	}
	all, err := w.trail.List(w.t.Context(), scope)
	if err != nil {
		w.t.Fatal(err)
	}
	for _, e := range all {
		acts = append(acts, e.Act+" "+string(e.Install))
	}
	return acts
}

func code(t *testing.T, err error, want string) {
	t.Helper()
	if fault.CodeOf(err) != want || err == nil {
		t.Errorf("%v, want %s", err, want)
	}
}

func TestErasedAfterTheGrace(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.ended("s", "i")
		w.now = w.now.Add(time.Hour)
		w.ended("other", "k")
		w.sweeps()
		w.now = w.now.Add(erasure.Grace - time.Hour - time.Millisecond)
		w.sweeps()
		w.now = w.now.Add(time.Millisecond)
		w.sweeps("a of i on s", "b of i on s")
		w.sweeps() // once
		w.now = w.now.Add(time.Hour)
		w.sweeps("a of k on other", "b of k on other")
		if got := w.acts("s"); !slices.Equal(got, []string{"install.erased i"}) {
			t.Error(got)
		}
		if erasure.Grace != 28*24*time.Hour {
			t.Error("the words that an admin reads say 28 days")
		}
	})
}

func TestErasedAtOnce(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.ended("s", "i")
		w.ended("other", "k")
		code(t, w.AtOnce(t.Context(), bob, "i"), "NOT_YOURS")
		code(t, w.AtOnce(t.Context(), alice, "k"), "NOT_YOURS")
		code(t, w.AtOnce(t.Context(), alice, "never"), "NOT_YOURS")
		code(t, w.AtOnce(t.Context(), id.Principal{Kind: id.Developer, Account: "d"}, "i"), "ROLE_REQUIRED")
		w.was()
		if err := w.AtOnce(t.Context(), alice, "i"); err != nil {
			t.Fatal(err)
		}
		w.was("a of i on s", "b of i on s")
		// What a call wrote that was running at the end goes with the next sweep.
		w.sweeps("a of i on s", "b of i on s")
		w.now = w.now.Add(2 * time.Minute)
		w.sweeps("a of i on s", "b of i on s")
		w.sweeps()
		if got := w.acts("s"); !slices.Equal(got, []string{"install.erase i", "install.erased i"}) {
			t.Error(got)
		}
		code(t, w.AtOnce(t.Context(), alice, "i"), "NOT_YOURS")
	})
}

func TestErasedWithTheSite(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		w.ended("s", "earlier")
		w.ended("other", "k")
		w.now = w.now.Add(time.Hour)
		w.ended("s", "i")
		if err := w.SiteEnded(t.Context(), "s"); err != nil {
			t.Fatal(err)
		}
		w.now = w.now.Add(time.Hour)
		w.sweeps("a of earlier on s", "b of earlier on s", "a of i on s", "b of i on s")
		w.sweeps()
	})
}

func TestErasureThatFailsGoesOn(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		for i := range 230 { // more than are looked up at once
			w.ended("s", id.Install(fmt.Sprintf("i%03d", i)))
		}
		w.now = w.now.Add(erasure.Grace)
		w.fails = errors.New("the database is away")
		if n, err := w.Due(t.Context()); err == nil || n != 0 {
			t.Error(n, err)
		}
		w.fails, w.erased = nil, nil
		if n, err := w.Due(t.Context()); err != nil || n != 230 {
			t.Error(n, err)
		}
		w.sweeps()
	})
}
