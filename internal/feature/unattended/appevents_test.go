package unattended_test

import (
	"context"
	"encoding/json"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/unattended"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/manifest"
)

// neighbours are installations, each with one trigger for all that its policy subscribes to.
type neighbours struct {
	listeners
	all  []*call.Policy
	lock sync.Mutex
	said []map[string]any
}

func (n *neighbours) OnSite(site id.Site) (out []*call.Policy) {
	for _, p := range n.all {
		if p.Site == site {
			out = append(out, p)
		}
	}
	return out
}

func (n *neighbours) Policy(_ context.Context, install id.Install) (*call.Policy, error) {
	for _, p := range n.all {
		if p.Install == install {
			return p, nil
		}
	}
	return nil, fault.New(fault.NotFound, "NOT_INSTALLED", "there is no such installation")
}

func (n *neighbours) Invoke(_ context.Context, c *call.Call) (call.Result, error) {
	var in map[string]any
	err := json.Unmarshal(c.Payload, &in)
	n.lock.Lock()
	n.said = append(n.said, in)
	n.lock.Unlock()
	n.told <- string(c.Installation)
	return call.Result{}, err
}

const pinged = "avi:cloud:ecosystem::event/a/ping"

func newNeighbours(t *testing.T, d *db.DB) (*neighbours, *unattended.Service) {
	t.Helper()
	for _, m := range [][]db.Migration{jobs.Migrations, unattended.Migrations} {
		if err := d.Migrate(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	n := &neighbours{listeners: listeners{told: make(chan string, 100)}}
	hears := manifest.Trigger{Key: "t", Function: "f"}
	for _, e := range []string{pinged, unattended.InstalledEvent, unattended.UpgradedEvent} {
		hears.Events = append(hears.Events, manifest.EventRef{EventType: e})
	}
	n.module.Trigger = []manifest.Trigger{hears}
	n.module.Event = []manifest.Event{{Key: "ping", Name: "Ping"}, {Key: "pong", Name: "Pong"}}
	q := jobs.New(jobs.Config{DB: d})
	s := unattended.New(unattended.Config{DB: d, Jobs: q, Installed: n, Manifests: n, Products: n, Invoker: n, AppLog: n})
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return n, s
}

func (n *neighbours) install(install id.Install, app id.App, site id.Site, product id.Product, set perm.Set) *call.Policy {
	p := &call.Policy{Install: install, App: app, Site: site, Product: product, Version: "one", Set: set}
	n.all = append(n.all, p)
	return p
}

// next are the installations that were called, so many of them.
func (n *neighbours) next(many int) string {
	var out []string
	for range many {
		out = append(out, <-n.told)
	}
	slices.Sort(out)
	return strings.Join(out, " ")
}

// What an app publishes is told to the apps that its manifest names and its grant allows, on
// the same site and product, if they subscribe and may; it carries nothing of the app's.
func TestAppsTellApps(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		n, s := newNeighbours(t, d)
		hears := perm.Set{Events: []string{pinged}}
		to := func(recipients ...string) perm.Set {
			return perm.Set{Events: []string{pinged}, AppEvents: []perm.AppEvent{{Name: "Ping", Recipients: recipients}}}
		}
		some, all := n.install("some", "a", "s", "p", to("b", "ari:cloud:ecosystem::app/c")), n.install("all", "a", "other", "p", to("*"))
		n.install("b", "b", "s", "p", hears)
		n.install("c", "c", "s", "p", hears)
		n.install("unnamed", "d", "s", "p", hears)
		n.install("on another product", "b", "s", "q", hears)
		n.install("not granted", "b", "s", "p", perm.Set{})
		n.install("on another site", "b", "other", "p", hears)
		publish := func(p *call.Policy, head string) error {
			_, err := s.Bind(call.Binding{Call: &call.Call{ID: "c"}})(t.Context(), p, call.Request{Method: "events.publish", Head: json.RawMessage(head)})
			return err
		}
		for head, code := range map[string]string{
			`{"events":[{"key":"none"}]}`: "UNKNOWN_EVENT", `{"events":[{"key":"pong"}]}`: "NOT_GRANTED", `{"events":[]}`: "INVALID_ARGUMENT",
			`{"events":[{"key":"ping"},{"key":"pong"}]}`:                               "NOT_GRANTED", // and none of it is told
			`{"events":[` + strings.Repeat(`{"key":"ping"},`, 10) + `{"key":"ping"}]}`: "INVALID_ARGUMENT",
		} {
			if err := publish(some, head); fault.CodeOf(err) != code {
				t.Errorf("%s: %v", head, err)
			}
		}
		if err := publish(some, `{"events":[{"key":"ping"}]}`); err != nil {
			t.Fatal(err)
		}
		if got := n.next(2); got != "b c" {
			t.Errorf("told: %s", got)
		}
		if err := publish(all, `{"events":[{"key":"ping"},{"key":"ping"}]}`); err != nil {
			t.Fatal(err)
		}
		if got := n.next(4); got != "all all on another site on another site" {
			t.Errorf("told: %s", got)
		}
		n.lock.Lock()
		defer n.lock.Unlock()
		ids := map[any]bool{}
		for _, x := range n.said {
			ids[x["eventId"]] = true
			if x["eventType"] != pinged || x["eventId"] == "" {
				t.Errorf("%v", x)
			}
		}
		if len(ids) != 3 || len(n.told) != 0 {
			t.Errorf("%d events, and %d more were told", len(ids), len(n.told))
		}
	})
}

// An installation is told of its own installation and upgrades, of each once, and nobody else is.
func TestLifecycleIsTold(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		n, s := newNeighbours(t, d)
		both := perm.Set{Events: []string{unattended.InstalledEvent, unattended.UpgradedEvent}}
		us := n.install("us", "a", "s", "p", both)
		n.install("others", "b", "s", "p", both)
		deaf := n.install("deaf", "c", "s", "p", perm.Set{Events: []string{unattended.InstalledEvent}})
		for _, x := range []struct {
			to              *call.Policy
			event, occasion string
		}{
			{us, unattended.InstalledEvent, "1"}, {us, unattended.InstalledEvent, "1"}, {deaf, unattended.UpgradedEvent, "2"}, {us, unattended.UpgradedEvent, "2"}, {us, unattended.UpgradedEvent, "3"},
		} {
			if err := s.Lifecycle(t.Context(), x.to, x.event, x.occasion, map[string]any{"id": "a"}); err != nil {
				t.Fatal(err)
			}
		}
		s.Jobs.Wake()
		if got := n.next(3); got != "us us us" || len(n.told) != 0 {
			t.Errorf("told: %s", got)
		}
		n.lock.Lock()
		defer n.lock.Unlock()
		kinds := map[any]int{}
		for _, x := range n.said {
			kinds[x["eventType"]]++
			if x["id"] != "a" {
				t.Errorf("%v", x)
			}
		}
		if kinds[unattended.InstalledEvent] != 1 || kinds[unattended.UpgradedEvent] != 2 {
			t.Error(kinds)
		}
	})
}
