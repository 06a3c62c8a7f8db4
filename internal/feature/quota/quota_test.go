package quota_test

import (
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/quota"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// clock is a time that the test moves.
type clock struct {
	mu  sync.Mutex
	now time.Time
}

func (c *clock) Now() time.Time {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.now
}

func (c *clock) pass(d time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.now = c.now.Add(d)
}

func policy(t testing.TB, site, install, app string) *call.Policy {
	t.Helper()
	return &call.Policy{Install: id.Install(install), Site: id.Site(site), App: id.App(app), Environment: id.Env(app + "-env")}
}

func server(t testing.TB, d *db.DB, c *clock, l quota.Limits) *quota.Service {
	t.Helper()
	if err := d.Migrate(t.Context(), quota.Migrations); err != nil {
		t.Fatal(err)
	}
	return quota.New(quota.Config{DB: d, Limits: l, Now: c.Now})
}

func used(t *testing.T, s *quota.Service, p *call.Policy) map[string][2]int64 {
	t.Helper()
	scope, err := tenant.ForInstall(id.Principal{Kind: id.SiteAdmin, Site: p.Site}, p.Site, p.Install)
	if err != nil {
		t.Fatal(err)
	}
	all, err := s.Usage(t.Context(), scope)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string][2]int64{}
	for _, u := range all {
		out[u.What] = [2]int64{u.Used, u.Refused}
	}
	return out
}

// Each figure bounds what it is about and nobody else's; the refusal says which, how much
// and when to come again; the next minute is another one.
func TestFigures(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := &clock{now: time.Date(2026, 1, 2, 3, 4, 15, 0, time.UTC)}
		s := server(t, d, c, quota.Limits{
			Installation: quota.Figures{Calls: 5, Pushes: 10, LogLines: 3, StorageReads: 10, StorageWrites: 4}, App: quota.Figures{Calls: 8, Outbound: 4}, Site: quota.Figures{Calls: 20},
			User: quota.Figures{ProductCalls: 2}, Installations: map[string]quota.Figures{"big": {Calls: 7}},
		})
		one, two, big := policy(t, "s", "one", "a"), policy(t, "s", "two", "a"), policy(t, "s2", "big", "b")
		allowed := func(p *call.Policy, most int) (n int, err error) {
			for range most {
				if err = s.Call(p, &call.Call{}); err != nil {
					return n, err
				}
				n++
			}
			return n, nil
		}
		n, err := allowed(one, 100)
		f, ok := fault.As(err)
		if n != 5 || !ok || f.Kind != fault.Limit || f.Code != "LIMIT_INVOCATIONS" || f.Fields["figure"] != 5 || f.Fields["retryAfter"] != 46 {
			t.Errorf("%d, %+v", n, f)
		}
		if n, err := allowed(two, 100); n != 3 || fault.CodeOf(err) != "LIMIT_INVOCATIONS" { // the app has 8
			t.Error(n, err)
		}
		if n, _ := allowed(big, 100); n != 7 {
			t.Error(n)
		}
		if err := s.Push(one, 11); fault.CodeOf(err) != "LIMIT_QUEUE" {
			t.Error(err)
		}
		if err := s.Push(one, 10); err != nil { // what was refused is not counted
			t.Error(err)
		}
		for n := range 4 {
			if got := s.Line(one); got != (n < 3) {
				t.Errorf("line %d: %v", n, got)
			}
		}
		alice, bob := id.Principal{Kind: id.EndUser, User: "alice"}, id.Principal{Kind: id.EndUser, User: "bob"}
		for n, want := range []bool{true, true, false} {
			if err := s.Product(one, alice); (err == nil) != want {
				t.Errorf("%d: %v", n, err)
			}
		}
		if s.Product(one, bob) != nil || s.Product(big, alice) != nil || s.Product(one, id.Principal{Kind: id.Application}) != nil {
			t.Error("another one's budget was used")
		}
		for range 4 {
			if err := s.Request(one); err != nil {
				t.Error(err)
			}
		}
		if err := s.Request(two); fault.CodeOf(err) != "LIMIT_OUTBOUND" {
			t.Error(err)
		}
		if s.Read(one, 6) != nil || s.Write(one, 1) != nil {
			t.Error("what the figures have room for was refused")
		}
		s.HasRead(one, 7) // more than there is room for
		if err := s.Read(one, 1); fault.CodeOf(err) != "RATE_LIMIT_EXCEEDED" {
			t.Error(err)
		}
		if err := s.Write(one, 4); fault.CodeOf(err) != "RATE_LIMIT_EXCEEDED" {
			t.Error(err)
		}
		if s.Read(two, 10) != nil || s.Write(two, 4) != nil {
			t.Error("another one's figure was used")
		}
		c.pass(46 * time.Second)
		if n, _ := allowed(one, 100); n != 5 {
			t.Error(n)
		}
		if got := used(t, s, one); got[quota.Calls] != [2]int64{10, 2} || got[quota.Pushes] != [2]int64{10, 11} || got[quota.LogLines] != [2]int64{3, 1} || got[quota.StorageReads] != [2]int64{13, 1} || got[quota.StorageWrites] != [2]int64{1, 4} {
			t.Error(got)
		}
		if got := used(t, s, big); got[quota.Calls] != [2]int64{7, 1} {
			t.Error(got)
		}
	})
}

// Servers of one database know of each other's use, as exactly as the package says.
func TestServersShareFigures(t *testing.T) {
	d := dbtest.Postgres(t)
	c := &clock{now: time.Date(2026, 1, 2, 3, 4, 0, 0, time.UTC)}
	l := quota.Limits{Installation: quota.Figures{Calls: 80}}
	one, two := server(t, d, c, l), server(t, d, c, l)
	p := policy(t, "s", "i", "a")
	let := 0
	for range 200 {
		for _, s := range []*quota.Service{one, two} {
			if s.Call(p, &call.Call{}) == nil {
				let++
			}
			if let%5 == 0 { // some settle while calls come
				if err := s.Settle(t.Context()); err != nil {
					t.Fatal(err)
				}
			}
		}
	}
	if let < 80 || let > 80+10+10 { // an eighth that is not told, and what comes between two looks
		t.Errorf("%d of 80 were let through", let)
	}
	c.pass(time.Minute)
	if err := one.Call(p, &call.Call{}); err != nil {
		t.Error(err)
	}
	if err := one.Sweep(t.Context()); err != nil {
		t.Error(err)
	}
}

func TestRead(t *testing.T) {
	l, err := quota.Read([]byte("installation: {calls: 7}\nuser: {calls: -1}\napps:\n  x: {pushes: 3}\nstorage: {keys: 10}\n"))
	if err != nil || l.Installation.Calls != 7 || l.Installation.Pushes != 500 || l.User.Calls != -1 || l.Storage.Keys != 10 || l.Storage.Bytes != 1<<30 {
		t.Errorf("%+v %v", l, err)
	}
	if f := l.Of("x", "y"); f.Pushes != 3 || f.Calls != 7 {
		t.Errorf("%+v", f)
	}
	if l.Installation.StoredKeys != 10 || l.Installation.StoredBytes != 1<<30 || l.Site.StoredBytes != 50<<30 || l.App.StoredKeys != 100_000_000 {
		t.Errorf("%+v", l)
	}
	l, err = quota.Read([]byte("installation: {storedBytes: 7}\napp: {storedKeys: -1}\nsite: {storedBytes: 9}\nstorage: {keys: 10, bytes: 11}\napps: {x: {storedKeys: 3}}\ninstallations: {i: {storedBytes: 5}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	installation, app, site := quota.New(quota.Config{Limits: l}).Stored("x", "i")
	if installation != (quota.Storage{Keys: 3, Bytes: 5}) || app != (quota.Storage{Keys: -1, Bytes: 100 << 30}) || site != (quota.Storage{Keys: 50_000_000, Bytes: 9}) {
		t.Error(installation, app, site)
	}
	if installation, _, _ := quota.New(quota.Config{Limits: l}).Stored("y", "j"); installation != (quota.Storage{Keys: 10, Bytes: 7}) {
		t.Error(installation)
	}
	l, err = quota.Read([]byte("installation: {queued: -1}\napps: {x: {queuedBytes: 3}}\n"))
	if err != nil {
		t.Fatal(err)
	}
	for app, want := range map[id.App]int64{"x": 3, "y": 1 << 30} {
		if jobs, bytes := quota.New(quota.Config{Limits: l}).Queued(&call.Policy{App: app}); jobs != -1 || bytes != want {
			t.Error(app, jobs, bytes)
		}
	}
	for _, bad := range []string{"installation: {storedKeys: -1}", "apps: {x: {storedBytes: -1}}", "user: {storedKeys: 1}", "instalation: {}", "installation: {calls: many}", "- 1", "storage: {keys: -1}", "user: {queued: 1}", "app: {queuedBytes: 1}", "site: {queued: -1}"} {
		if _, err := quota.Read([]byte(bad)); fault.CodeOf(err) != "QUOTAS" {
			t.Errorf("%s: %v", bad, err)
		}
	}
	if _, err := quota.Read(nil); err != nil {
		t.Error(err)
	}
}

// What was counted and not yet written is erased with the rest, and does not come back.
func TestErasedCountsStayErased(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := &clock{now: time.Date(2026, 1, 2, 3, 4, 15, 0, time.UTC)}
		s := server(t, d, c, quota.Limits{})
		gone, stays := policy(t, "s", "gone", "a"), policy(t, "s", "stays", "a")
		for _, p := range []*call.Policy{gone, stays} {
			if err := s.Call(p, &call.Call{}); err != nil {
				t.Fatal(err)
			}
		}
		scope := func(p *call.Policy) tenant.Scope {
			sc, err := tenant.ForInstall(id.Principal{Kind: id.SiteAdmin, Site: p.Site}, p.Site, p.Install)
			if err != nil {
				t.Fatal(err)
			}
			return sc
		}
		if err := s.Erase(t.Context(), scope(gone)); err != nil {
			t.Fatal(err)
		}
		if used, err := s.Usage(t.Context(), scope(gone)); err != nil || len(used) != 0 {
			t.Errorf("an erased installation's use is told: %v, %v", used, err)
		}
		if used, err := s.Usage(t.Context(), scope(stays)); err != nil || len(used) != 1 {
			t.Errorf("another's is %v, %v", used, err)
		}
	})
}
