package audit_test

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

var admin = id.Principal{Kind: id.SiteAdmin, Account: "alice", Site: "site-a"}

func setup(t *testing.T, d *db.DB) *audit.Log {
	t.Helper()
	if err := d.Migrate(t.Context(), audit.Migrations); err != nil {
		t.Fatal(err)
	}
	return audit.New(d, nil)
}

func list(t *testing.T, l *audit.Log) []audit.Entry {
	t.Helper()
	scope, err := tenant.ForSite(admin, "site-a")
	if err != nil {
		t.Fatal(err)
	}
	entries, err := l.List(t.Context(), scope)
	if err != nil {
		t.Fatal(err)
	}
	return entries
}

func TestAnEntryStandsIfAndOnlyIfItsActDoes(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		l := setup(t, d)
		fails := errors.New("the act fails")
		err := d.Tx(t.Context(), func(ctx context.Context) error {
			if err := l.Append(ctx, "site-a", "", admin, "lost", nil); err != nil {
				return err
			}
			return fails
		})
		if !errors.Is(err, fails) {
			t.Fatal(err)
		}
		if err := l.Append(t.Context(), "site-a", "install", admin, "kept", map[string]any{"n": 1}); err != nil {
			t.Fatal(err)
		}
		if err := l.Append(t.Context(), "site-b", "", admin, "elsewhere", nil); err != nil {
			t.Fatal(err)
		}
		got := list(t, l)
		if len(got) != 1 || got[0].Act != "kept" || got[0].Seq != 1 || got[0].Actor != "admin:alice" || string(got[0].Detail) != `{"n":1}` {
			t.Errorf("the site's trail is %+v", got)
		}
	})
}

func TestChainsOfSeveralProcessesHold(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		logs := []*audit.Log{setup(t, d), audit.New(d, nil)}
		var all sync.WaitGroup
		for n := range 40 {
			all.Go(func() {
				if err := logs[n%2].Append(t.Context(), "site-a", "", admin, "act", map[string]int{"n": n}); err != nil {
					t.Error(err)
				}
			})
		}
		all.Wait()
		entries := list(t, logs[0])
		if err := audit.Verify(entries); err != nil || len(entries) != 40 {
			t.Errorf("%d entries: %v", len(entries), err)
		}
	})
}

func TestVerifyFindsWhatWasChanged(t *testing.T) {
	l := setup(t, dbtest.SQLite(t))
	for n := range 5 {
		if err := l.Append(t.Context(), "site-a", "", admin, fmt.Sprint("act", n), nil); err != nil {
			t.Fatal(err)
		}
	}
	entries := list(t, l)
	if err := audit.Verify(entries); err != nil {
		t.Fatal(err)
	}
	for name, change := range map[string]func([]audit.Entry) []audit.Entry{
		"edited":     func(e []audit.Entry) []audit.Entry { e[2].Act = "harmless"; return e },
		"dropped":    func(e []audit.Entry) []audit.Entry { return slices.Delete(e, 2, 3) },
		"reordered":  func(e []audit.Entry) []audit.Entry { e[1], e[2] = e[2], e[1]; return e },
		"duplicated": func(e []audit.Entry) []audit.Entry { return slices.Insert(e, 2, e[2]) },
		"headless":   func(e []audit.Entry) []audit.Entry { return e[1:] },
	} {
		if audit.Verify(change(slices.Clone(entries))) == nil {
			t.Errorf("%s entries pass", name)
		}
	}
}

func TestWhoReads(t *testing.T) {
	l := setup(t, dbtest.SQLite(t))
	if _, err := l.List(t.Context(), tenant.Scope{}); err == nil {
		t.Error("the zero scope reads")
	}
	if _, err := l.Platform(t.Context(), admin); err == nil {
		t.Error("a site admin reads the platform's trail")
	}
	if _, err := l.Platform(t.Context(), id.Principal{Kind: id.Operator}); err != nil {
		t.Error(err)
	}
}
