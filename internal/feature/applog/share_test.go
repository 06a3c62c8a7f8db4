package applog_test

import (
	"context"
	"errors"
	"slices"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/applog"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

type trail struct{ acts []string }

func (t *trail) Append(_ context.Context, site id.Site, install id.Install, by id.Principal, act string, _ any) error {
	t.acts = append(t.acts, act+" "+string(site)+" "+string(install)+" "+by.String())
	return nil
}

// SPEC 9: sharing covers the lines written while it is on, names the developer, ends by
// itself, and each read is audited.
func TestSharedProductionLogs(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		audit := &trail{}
		s, c := open(t, d, func(cfg *applog.Config) { cfg.Audit = audit })
		p := policy("prod", call.Production)
		other := policy("prod-2", call.Production)
		s.Log(p, aCall(1), says(c, "before"))
		scope, err := tenant.ForInstall(siteAdmin, "site", "prod")
		if err != nil {
			t.Fatal(err)
		}
		c.add(time.Minute)
		if _, err := s.ShareWith(t.Context(), siteAdmin, scope, "alice", time.Hour); err != nil {
			t.Fatal(err)
		}
		s.Log(p, aCall(2), says(c, "while"))
		s.Log(other, aCall(3), says(c, "another installation's"))
		q := applog.Query{App: "app", Env: "production"}
		got, err := s.Read(t.Context(), alice, q)
		if err != nil || !slices.Equal(texts(got), []string{`["while"]`}) {
			t.Errorf("%v, %v", texts(got), err)
		}
		if got, _ := s.Read(t.Context(), alice, applog.Query{Invocation: aCall(1).ID}); len(got) > 0 {
			t.Errorf("a call before it: %v", texts(got))
		}
		want := []string{"logs.share site prod admin:carol", "logs.read site prod developer:alice", "logs.read site prod developer:alice"}
		if !slices.Equal(audit.acts, want) {
			t.Errorf("the audit has %v", audit.acts)
		}
		if got, err := s.Read(t.Context(), bob, q); err == nil || len(got) > 0 {
			t.Errorf("another developer reads %v", texts(got))
		}
		for _, by := range []id.Principal{alice, bob, {}} {
			if _, err := s.ShareWith(t.Context(), by, scope, by.Account, time.Hour); err == nil {
				t.Errorf("%s shares logs", by)
			}
		}
		for _, how := range []time.Duration{0, -time.Hour, 31 * 24 * time.Hour} {
			if _, err := s.ShareWith(t.Context(), siteAdmin, scope, "alice", how); err == nil {
				t.Errorf("shared for %v", how)
			}
		}
		// It ends by itself, or by the admin, and starts anew then.
		c.add(time.Hour)
		_, err = s.Read(t.Context(), alice, q)
		wantCode(t, err, "LOGS_NOT_SHARED")
		if _, err := s.ShareWith(t.Context(), siteAdmin, scope, "alice", time.Hour); err != nil {
			t.Fatal(err)
		}
		if got, err := s.Read(t.Context(), alice, q); err != nil || len(got) != 0 {
			t.Errorf("sharing again gives what was written before: %v, %v", texts(got), err)
		}
		if err := s.Unshare(t.Context(), siteAdmin, scope); err != nil {
			t.Fatal(err)
		}
		_, err = s.Read(t.Context(), alice, q)
		wantCode(t, err, "LOGS_NOT_SHARED")
		// A new owner reads nothing of what was shared with the old one, who reads nothing either.
		if _, err := s.ShareWith(t.Context(), siteAdmin, scope, "alice", time.Hour); err != nil {
			t.Fatal(err)
		}
		if err := s.HandOver(t.Context(), "app", "bob"); err != nil {
			t.Fatal(err)
		}
		for _, who := range []id.Principal{alice, bob} {
			if got, err := s.Read(t.Context(), who, q); err == nil || len(got) > 0 {
				t.Errorf("%s reads %v", who, texts(got))
			}
		}
	})
}

// What is shared of an installation that has written nothing yet is nothing, and no refusal.
func TestSharedBeforeTheFirstLine(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := policy("prod", call.Production)
		failing := errors.New("away")
		s, c := open(t, d, func(cfg *applog.Config) {
			cfg.Audit = &trail{}
			cfg.Policy = func(context.Context, id.Install) (*call.Policy, error) { return p, failing }
		})
		scope, err := tenant.ForInstall(siteAdmin, "site", "prod")
		if err != nil {
			t.Fatal(err)
		}
		q := applog.Query{App: "app", Env: "production"}
		_, err = s.Read(t.Context(), alice, q)
		wantCode(t, err, "LOGS_NOT_SHARED")
		if _, err := s.ShareWith(t.Context(), siteAdmin, scope, "alice", time.Hour); !errors.Is(err, failing) {
			t.Errorf("nobody knows of which app it is: %v", err)
		}
		for _, failing = range []error{fault.New(fault.Denied, "NOT_INSTALLED", "it does not run"), nil} {
			if _, err := s.ShareWith(t.Context(), siteAdmin, scope, "alice", time.Hour); err != nil {
				t.Fatal(err)
			}
		}
		if got, err := s.Read(t.Context(), alice, q); err != nil || len(got) != 0 {
			t.Errorf("%v, %v", texts(got), err)
		}
		_, err = s.Read(t.Context(), bob, q)
		wantCode(t, err, "LOGS_NOT_SHARED")
		s.Log(p, aCall(1), says(c, "first"))
		if got, err := s.Read(t.Context(), alice, q); err != nil || !slices.Equal(texts(got), []string{`["first"]`}) {
			t.Errorf("%v, %v", texts(got), err)
		}
	})
}
