package asking_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/rollout"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/asking"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

var (
	siteAdmin = id.Principal{Kind: id.SiteAdmin, Account: "a", Site: "s"}
	alice     = id.Principal{Kind: id.EndUser, Site: "s", Product: "tracker", User: "alice"}
	bob       = id.Principal{Kind: id.EndUser, Site: "s", Product: "tracker", User: "bob"}
	abroad    = id.Principal{Kind: id.EndUser, Site: "other", Product: "tracker", User: "alice"}
)

// world is an app that may ask, on one site, with the real installs beneath.
type world struct {
	*asking.Service
	t        *testing.T
	db       *db.DB
	installs *install.Service
	trail    *audit.Log
	release  *call.Release
	install  id.Install
	mu       sync.Mutex
	at       time.Time
}

func (w *world) now() time.Time { w.mu.Lock(); defer w.mu.Unlock(); return w.at }
func (w *world) later(d time.Duration) {
	w.mu.Lock()
	w.at = w.at.Add(d)
	w.mu.Unlock()
}

func (w *world) Release(context.Context, id.App, string) (*call.Release, error) {
	c := *w.release
	return &c, nil
}
func (w *world) ReleaseOf(context.Context, id.App, string, id.Version) (*call.Release, error) {
	return w.Release(w.t.Context(), "", "")
}
func (*world) SiteOffers(context.Context, id.Site, id.Product) (has, development bool, err error) {
	return true, true, nil
}
func (*world) SiteUpdates(context.Context, id.Site) (rollout.Policy, error) {
	return rollout.Policy{}, nil
}
func (*world) About(context.Context, *call.Policy) (name, publisher string, err error) {
	return "Logs\u202e", "bob", nil
}

type installs struct{ *install.Service }

func (a installs) Configured(ctx context.Context, scope tenant.Scope) (asking.Configured, error) {
	set, authority, epoch, err := a.ConfiguredNow(ctx, scope)
	out := asking.Configured{Authority: authority, Epoch: epoch}
	for _, g := range append([]install.Group{{}}, set.Groups...) {
		group := asking.Group{Key: g.Key, Description: g.Description}
		for _, c := range set.Configured {
			if c.Group == g.Key {
				group.Egress = append(group.Egress, asking.Destination{Type: c.Type, Pattern: c.Pattern})
			}
		}
		out.Groups = append(out.Groups, group)
	}
	return out, err
}

func sets(groups []asking.Group) (out []install.GroupSet) {
	for _, g := range groups {
		set := install.GroupSet{Key: g.Key, Description: g.Description}
		for _, d := range g.Egress {
			set.Egress = append(set.Egress, install.Destination{Type: d.Type, Pattern: d.Pattern})
		}
		out = append(out, set)
	}
	return out
}

func (a installs) Try(ctx context.Context, scope tenant.Scope, g []asking.Group) error {
	return a.TryGroups(ctx, scope, sets(g))
}
func (a installs) Grant(ctx context.Context, by id.Principal, i id.Install, g []asking.Group, shown uint64) error {
	_, err := a.SetGroups(ctx, by, i, sets(g), shown)
	return err
}
func (a installs) RemoveGroup(ctx context.Context, by id.Principal, i id.Install, key string, shown uint64) error {
	_, err := a.Service.RemoveGroup(ctx, by, i, key, shown)
	return err
}
func (a installs) RemoveDomain(ctx context.Context, by id.Principal, i id.Install, key, domain string, t perm.EgressType, shown uint64) error {
	_, err := a.Service.RemoveDomain(ctx, by, i, key, domain, t, shown)
	return err
}

func setup(t *testing.T, d *db.DB, declared perm.Set) *world {
	t.Helper()
	if err := d.Migrate(t.Context(), slices.Concat(audit.Migrations, install.Migrations, asking.Migrations)); err != nil {
		t.Fatal(err)
	}
	w := &world{t: t, db: d, trail: audit.New(d, nil), at: time.Now().Truncate(time.Millisecond)}
	w.version("v1", declared)
	w.installs, w.Service = w.another()
	target := install.Target{App: "app", Environment: "production", Site: "s", Product: "tracker"}
	shown, err := w.installs.Preview(t.Context(), siteAdmin, target)
	if err != nil {
		t.Fatal(err)
	}
	out, err := w.installs.Install(t.Context(), siteAdmin, target, install.Confirmation{Digest: shown.Digest})
	if err != nil {
		t.Fatal(err)
	}
	w.install = out.Installation.ID
	return w
}

// another is what another server process on the same database has.
func (w *world) another() (*install.Service, *asking.Service) {
	i := install.New(install.Config{DB: w.db, Audit: w.trail, Releases: w, Sites: w})
	if err := i.Start(w.t.Context()); err != nil {
		w.t.Fatal(err)
	}
	w.t.Cleanup(i.Close)
	return i, asking.New(asking.Config{DB: w.db, Audit: w.trail, Installs: installs{i}, Apps: w, Now: w.now, Pause: func(context.Context) {}})
}

func (w *world) version(v id.Version, declared perm.Set) {
	w.release = &call.Release{Policy: call.Policy{App: "app", Owner: "bob", Environment: "e", EnvName: "production", EnvType: call.Production,
		Version: v, Number: string(v), Set: declared}, Hash: "hash of " + string(v)}
	if w.installs != nil {
		if _, err := w.installs.OnDeploy(w.t.Context(), id.Principal{Kind: id.Developer, Account: "bob"}, w.release); err != nil {
			w.t.Fatal(err)
		}
		w.installs.Refresh(w.t.Context())
	}
}

func (w *world) policy() *call.Policy {
	w.t.Helper()
	p, err := w.installs.Policy(w.t.Context(), w.install)
	if err != nil {
		w.t.Fatal(err)
	}
	return p
}

func (w *world) asker(who id.Principal, admin bool) asking.Asker {
	return asking.Asker{Policy: w.policy(), User: who, Session: "tab of " + string(who.User), Admin: admin}
}

func (w *world) run(who id.Principal, admin bool, command, payload string) (any, *asking.Ask, error) {
	return w.Run(w.t.Context(), w.asker(who, admin), command, json.RawMessage(payload))
}

// ask has an app ask alice, who is an admin.
func (w *world) ask(command, payload string) *asking.Ask {
	w.t.Helper()
	_, ask, err := w.run(alice, true, command, payload)
	if err != nil || ask == nil || ask.Ticket == "" {
		w.t.Fatalf("%s %s: %+v, %v", command, payload, ask, err)
	}
	return ask
}

func (w *world) shown(ask *asking.Ask) asking.Shown {
	w.t.Helper()
	s, err := w.Show(w.t.Context(), ask.Ticket, w.admin(alice))
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

func (w *world) admin(who id.Principal) asking.Admin {
	return asking.Admin{User: who, Name: "Alice", Admin: true, SignedIn: w.now()}
}

func (w *world) yes(ask *asking.Ask, change ...func(*asking.Decision)) error {
	w.t.Helper()
	d := asking.Decision{Ticket: ask.Ticket, Admin: w.admin(alice), Approve: true}
	if s, err := w.Show(w.t.Context(), ask.Ticket, w.admin(alice)); err == nil {
		d.Digest = s.Digest
	}
	for _, c := range change {
		c(&d)
	}
	_, err := w.Decide(w.t.Context(), d)
	return err
}

func (w *world) outcome(ask *asking.Ask) (any, error) {
	w.t.Helper()
	out, err := w.Outcome(w.t.Context(), w.asker(alice, true), ask.ID)
	if err != nil {
		w.t.Fatal(err)
	}
	return asking.Result(out)
}

// may says whether the app's pages may load images, or what is named, from the host now.
func (w *world) may(t perm.EgressType, host string) bool {
	w.t.Helper()
	u, err := hostrule.ParseURL("https://" + host + "/")
	if err != nil {
		w.t.Fatal(err)
	}
	return perm.AllowsURL(w.policy().Set, t, u).Allow
}

func (w *world) want(err error, code string) {
	w.t.Helper()
	if fault.CodeOf(err) != code {
		w.t.Errorf("got %v, want %s", err, code)
	}
}

var anything = perm.Set{Configurable: &perm.Configurable{}}

func images(key string, hosts ...string) string {
	var list []string
	for _, h := range hosts {
		list = append(list, fmt.Sprintf(`{"domain":%q,"type":["IMAGES"]}`, h))
	}
	return fmt.Sprintf(`{"egresses":[{"key":%q,"description":"pictures","configured":[%s]}]}`, key, strings.Join(list, ","))
}

func TestAnAdminGrantsWhatWasShown(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := setup(t, d, anything)
		ask := w.ask("egress.set", images("pics", "img.example.com", "*.cdn.example.co.uk"))
		s := w.shown(ask)
		if len(s.Items) != 2 || s.Items[0].Domain != "img.example.com" || s.Items[0].Registrable != "example.com" || s.Items[0].Before != "img." ||
			s.Items[1].Registrable != "example.co.uk" || !s.Items[1].Wild || s.Choose || s.Broad || s.App != "Logs" || s.Messages[0].Text != "pictures" || len(s.Have) != 0 {
			t.Errorf("%+v", s)
		}
		if w.may(perm.Images, "img.example.com") {
			t.Error("granted before anybody decided")
		}
		if err := w.yes(ask); err != nil {
			t.Fatal(err)
		}
		result, err := w.outcome(ask)
		if text, _ := json.Marshal(result); err != nil || string(text) != `{"results":[{"configured":[{"domain":"img.example.com","type":["IMAGES"]},{"domain":"*.cdn.example.co.uk","type":["IMAGES"]}],"key":"pics"}]}` {
			t.Errorf("%s %v", text, err)
		}
		if !w.may(perm.Images, "img.example.com") || w.may(perm.Scripts, "img.example.com") || w.may(perm.Images, "example.com") {
			t.Error("another thing was granted than shown")
		}
		// The same again asks nobody, also where no admin is.
		if result, ask, err := w.run(bob, false, "egress.set", images("pics", "img.example.com", "*.cdn.example.co.uk")); err != nil || ask != nil || result == nil {
			t.Errorf("%v %v %v", result, ask, err)
		}
		// The same host in another way is asked for, and what there is is shown beside it.
		more := w.ask("egress.set", `{"egresses":[{"key":"pics","configured":[{"domain":"img.example.com","type":["IMAGES","MEDIA"]}]}]}`)
		s = w.shown(more)
		if len(s.Items) != 1 || s.Items[0].Type != perm.Media || len(s.Have) != 2 || !s.Have[1].Configured || len(s.Gone) != 1 || s.Gone[0].Domain != "*.cdn.example.co.uk" {
			t.Errorf("%+v", s)
		}
		entries, err := w.trail.List(t.Context(), w.policy().Scope)
		if err != nil || !slices.ContainsFunc(entries, func(e audit.Entry) bool { return e.Act == "asking.approve" }) {
			t.Errorf("%v %v", entries, err)
		}
	})
}

func TestWhoMayNotApprove(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*asking.Decision)
		code   string
	}{
		"another digest":       {func(d *asking.Decision) { d.Digest = strings.Repeat("0", 64) }, "ASK_CHANGED"},
		"no digest":            {func(d *asking.Decision) { d.Digest = "" }, "ASK_CHANGED"},
		"no admin any more":    {func(d *asking.Decision) { d.Admin.Admin = false }, "ADMIN_REQUIRED"},
		"another user":         {func(d *asking.Decision) { d.Admin.User = bob }, "ASK_GONE"},
		"another site's admin": {func(d *asking.Decision) { d.Admin.User = abroad }, "ASK_GONE"},
		"an app":               {func(d *asking.Decision) { d.Admin.User.Kind = id.Application }, "ASK_GONE"},
		"an admin's token":     {func(d *asking.Decision) { d.Admin.User = siteAdmin }, "ASK_GONE"},
		"an invented ticket":   {func(d *asking.Decision) { d.Ticket = strings.Repeat("A", 43) }, "ASK_GONE"},
		"a part of it":         {func(d *asking.Decision) { d.Items = []int{} }, "ALL_OR_NOTHING"},
	} {
		t.Run(name, func(t *testing.T) {
			w := setup(t, dbtest.SQLite(t), anything)
			ask := w.ask("egress.set", images("pics", "img.example.com"))
			w.want(w.yes(ask, c.change), c.code)
			if w.may(perm.Images, "img.example.com") {
				t.Error("it was granted")
			}
		})
	}
}

func TestOnceAndInTime(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := setup(t, d, anything)
		ask := w.ask("egress.set", images("pics", "img.example.com"))
		digest := w.shown(ask).Digest
		otherInstalls, other := w.another()
		var wg sync.WaitGroup
		errs := make([]error, 8)
		for n := range errs {
			wg.Go(func() {
				s := w.Service
				if n%2 == 1 {
					s = other
				}
				_, errs[n] = s.Decide(context.WithoutCancel(t.Context()), asking.Decision{Ticket: ask.Ticket, Digest: digest, Admin: w.admin(alice), Approve: true})
			})
		}
		wg.Wait()
		w.installs.Refresh(t.Context())
		won := 0
		for _, err := range errs {
			if err == nil {
				won++
			} else if fault.KindOf(err) != fault.Conflict {
				t.Errorf("%v", err)
			}
		}
		if won != 1 || w.policy().Epoch != 2 {
			t.Errorf("%d decisions of one request counted; the epoch is %d: %v", won, w.policy().Epoch, errs)
		}
		otherInstalls.Refresh(t.Context())
		if _, err := other.Outcome(t.Context(), w.asker(alice, true), ask.ID); err != nil || !w.may(perm.Images, "img.example.com") {
			t.Error("the other server knows nothing of it", err)
		}
		w.want(w.yes(ask, func(d *asking.Decision) { d.Digest = digest }), "ASK_GONE") // the ticket again

		late := w.ask("egress.set", images("more", "late.example.com"))
		digest = w.shown(late).Digest
		w.later(asking.Life)
		w.want(w.yes(late, func(d *asking.Decision) { d.Digest = digest }), "ASK_GONE")
		if w.may(perm.Images, "late.example.com") {
			t.Error("a request that is over was granted")
		}
	})
}

func TestWhatChangedMeanwhileIsNotApproved(t *testing.T) {
	for name, change := range map[string]func(*world) error{
		"another version": func(w *world) error {
			w.version("v2", perm.Union(anything, perm.Set{}))
			return nil
		},
		"another group": func(w *world) error {
			_, err := w.installs.AddEgress(w.t.Context(), siteAdmin, w.install, perm.Images, "other.example.com")
			return err
		},
		"a piece switched off": func(w *world) error {
			_, err := w.installs.Change(w.t.Context(), siteAdmin, w.install, install.Change{Off: []string{"egress:IMAGES"}})
			return err
		},
	} {
		t.Run(name, func(t *testing.T) {
			w := setup(t, dbtest.SQLite(t), anything)
			ask := w.ask("egress.set", images("pics", "img.example.com"))
			w.shown(ask)
			if err := change(w); err != nil {
				t.Fatal(err)
			}
			err := w.yes(ask) // looked at again: a request is about what was
			if err == nil || w.may(perm.Images, "img.example.com") {
				t.Errorf("it was approved for another state of things: %v", err)
			}
			if _, err := w.outcome(ask); fault.CodeOf(err) != "PERMISSION_DECLINED" {
				t.Errorf("the app is told %v", err)
			}
		})
	}
}

func TestNobodyPresentKeepsNothing(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := setup(t, d, anything)
		for range 1000 {
			_, ask, err := w.run(bob, false, "egress.set", images("pics", "img.example.com"))
			if ask != nil {
				t.Fatal("something is kept that could be approved")
			}
			if w.want(err, "ADMIN_REQUIRED"); t.Failed() {
				t.FailNow()
			}
		}
		var rows int
		if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM asks`).Scan(&rows); err != nil || rows != 0 {
			t.Errorf("%d requests are kept, %v", rows, err)
		}
		scope, err := tenant.ForInstall(siteAdmin, "s", w.install)
		if err != nil {
			t.Fatal(err)
		}
		hints, err := w.Hints(t.Context(), scope)
		if err != nil || len(hints) != 1 || hints[0].Count != 1000 || asking.Text(hints[0].Egress[0].Pattern) != "img.example.com" {
			t.Errorf("%+v %v", hints, err)
		}
		for n := range 60 {
			_, _, _ = w.run(bob, false, "egress.set", images("pics", fmt.Sprintf("h%d.example.com", n)))
		}
		if hints, err = w.Hints(t.Context(), scope); err != nil || len(hints) != 50 {
			t.Errorf("%d hints, %v", len(hints), err)
		}
		if err := w.DropHint(t.Context(), siteAdmin, w.install, hints[0].ID); err != nil {
			t.Error(err)
		}
		foreign := siteAdmin
		foreign.Site = "other"
		if err := w.DropHint(t.Context(), foreign, w.install, hints[1].ID); err != nil {
			t.Error(err)
		}
		if hints, err = w.Hints(t.Context(), scope); err != nil || len(hints) != 49 {
			t.Errorf("%d hints, %v", len(hints), err)
		}
	})
}

func TestAnAppCannotWearAnAdminDown(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := setup(t, d, anything)
		decline := func(ask *asking.Ask) {
			t.Helper()
			if _, err := w.Decide(t.Context(), asking.Decision{Ticket: ask.Ticket, Admin: w.admin(alice)}); err != nil {
				t.Fatal(err)
			}
			if _, err := w.outcome(ask); fault.CodeOf(err) != "PERMISSION_DECLINED" {
				t.Error(err)
			}
		}
		wanted := images("pics", "img.example.com")
		first := w.ask("egress.set", wanted)
		_, _, err := w.run(alice, true, "egress.set", wanted) // the same tab again
		w.want(err, "ASK_PENDING")
		carol := alice
		carol.User = "carol"
		_, _, err = w.run(carol, true, "egress.set", wanted)
		w.want(err, "ASK_PENDING")
		decline(first)
		refused := func(wait time.Duration) {
			t.Helper()
			shown := 0
			for range 1000 {
				if _, ask, _ := w.run(alice, true, "egress.set", wanted); ask != nil {
					shown++
				}
			}
			if shown > 0 {
				t.Errorf("%d requests were shown at once", shown)
			}
			w.later(wait - time.Second)
			_, _, err := w.run(alice, true, "egress.set", wanted)
			w.want(err, "ASK_LATER")
			w.later(time.Second)
		}
		refused(time.Minute)
		second := w.ask("egress.set", wanted)
		// Closed without a decision: to the app it is the same.
		if _, err := w.outcome(second); fault.CodeOf(err) != "PERMISSION_DECLINED" {
			t.Error(err)
		}
		w.want(w.yes(second), "ASK_GONE")
		refused(4 * time.Minute)
		decline(w.ask("egress.set", wanted))
		w.later(16 * time.Minute)
		_, _, err = w.run(alice, true, "egress.set", wanted) // three in an hour
		w.want(err, "ASK_LATER")
		w.later(time.Hour)
		last := w.ask("egress.set", wanted)
		if _, err := w.Decide(t.Context(), asking.Decision{Ticket: last.Ticket, Admin: w.admin(alice), Block: true}); err != nil {
			t.Fatal(err)
		}
		w.later(100 * 24 * time.Hour)
		_, _, err = w.run(alice, true, "egress.set", wanted)
		w.want(err, "ASK_LATER")
		_, _, err = w.run(carol, true, "egress.set", wanted)
		w.want(err, "ASK_LATER")
		if err := w.SetBlocked(t.Context(), siteAdmin, w.install, false); err != nil {
			t.Fatal(err)
		}
		if err := w.yes(w.ask("egress.set", wanted)); err != nil {
			t.Error(err)
		}
	})
}
