package server

import (
	"context"
	"encoding/json"
	"slices"
	"strconv"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/invoke"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/unattended"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/signer"
	"github.com/annexhq/annex/productkit"
)

// EventType implements unattended.Products.
func (p *products) EventType(ctx context.Context, key id.Product, name string) (unattended.EventType, error) {
	api, err := p.tenancy.API(ctx, key)
	if err != nil {
		return unattended.EventType{}, err
	}
	for _, e := range api.Events {
		if e.Type == name {
			return unattended.EventType{Names: append([]string{e.Type}, e.Aliases...), Scope: e.Scope, Fields: e.Fields, Optional: e.Optional}, nil
		}
	}
	return unattended.EventType{}, fault.New(fault.NotFound, "EVENT_UNKNOWN", "the product %s declares no event of this type", key).
		WithFix("add it to events in its product.yaml")
}

// Note implements unattended.Log.
func (r recorder) Note(p *call.Policy, c *call.Call, level, what string, facts map[string]any) {
	r.line(p, c, level, what, facts)
}

// openUnattended makes what runs without anybody waiting. It runs once Start is called.
func (s *System) openUnattended(door *lateDoor, declared *products) {
	s.Jobs = jobs.New(jobs.Config{DB: s.DB, Log: s.Config.Log})
	s.Unattended = unattended.New(unattended.Config{
		DB: s.DB, Jobs: s.Jobs, Installed: s.Installs, Manifests: s.Registry, Products: declared, Invoker: door,
		AppLog: recorder{logs: s.Logs}, Quota: s.Quotas.Push, Looked: s.Quotas.Look, Permissions: perm.Told, ContextToken: s.contextToken, Log: s.Config.Log,
		Room: func(p *call.Policy) unattended.Room {
			jobs, bytes := s.Quotas.Queued(p)
			return unattended.Room{Jobs: jobs, Bytes: bytes}
		},
		NoRoom:   s.Quotas.NotQueued,
		Withheld: func(p *call.Policy) { s.Audit.Refused(p.Site, p.Install, "event.access-rule") },
	})
	s.Events = signer.NewAssertions(signer.AssertionsConfig{
		Audience: s.Origins.ControlURL(), Products: productKeys{declared}, Client: s.Guard.Client(netguard.Operator, "keys"),
	})
	s.Erasures.Parts = append(s.Erasures.Parts, s.Unattended.Erase, s.Quotas.Erase)
	s.Installs.Leaving = s.Unattended.Leaving
	told := lifecycle{s.Registry, s.Unattended}
	s.Installs.Happened, s.Installs.Barred, s.Installs.Unbarred, s.Installs.Containers = told.happened, told.barred, told.unbarred, declared
}

// contextToken signs for a schedule's function where it runs.
func (s *System) contextToken(ctx context.Context, p *call.Policy, module string) (string, error) {
	var facts struct {
		App     string `json:"appAri"`
		Install string `json:"installationAri"`
		Context string `json:"installContext"`
	}
	if err := json.Unmarshal(s.Door.Facts(p), &facts); err != nil {
		return "", fault.Op("server.contextToken", err)
	}
	return s.Signer.Context(ctx, signer.Context{
		Site: string(p.Site), Module: module, ContextIDs: []string{facts.Context}, AppID: facts.App, AppVersion: p.Number, Installation: facts.Install,
		ExtensionID: "ari:cloud:ecosystem::extension/" + string(p.App) + "/" + string(p.Environment) + "/static/" + module, ExtensionType: "core:scheduledTrigger",
	})
}

// startUnattended comes last: what it calls is there.
func (s *System) startUnattended(ctx context.Context) error {
	if err := s.Jobs.Start(ctx); err != nil {
		return err
	}
	s.Unattended.Start(ctx)
	s.Quotas.Start(ctx)
	return nil
}

// TakeEvents takes what a product signed: CloudEvents, or one event as a token.
func (s *System) TakeEvents(ctx context.Context, m productkit.Message) error {
	var signed []signer.Event
	var err error
	if m.ContentType == "application/jwt" {
		signed = make([]signer.Event, 1)
		signed[0], err = s.Events.VerifyEvent(ctx, string(m.Body))
	} else {
		signed, err = s.Events.VerifyCloudEvents(ctx, m)
	}
	if err != nil {
		return err
	}
	events := make([]unattended.Event, len(signed))
	for i, e := range signed {
		events[i] = unattended.Event{
			Product: e.Product, Site: e.Site, ID: e.ID, Type: e.Type, Time: e.Time, User: e.User, Install: e.Installation, Containers: e.Containers, Data: e.Data,
		}
	}
	if err := s.onASite(ctx, signed[0]); err != nil { // what is signed together is of one site
		return err
	}
	_, err = s.Unattended.Take(ctx, events...)
	return err
}

// onASite refuses what a product says of a site that it is not on: nobody would ever be told,
// and a mistake in its configuration would look like success.
func (s *System) onASite(ctx context.Context, e signer.Event) error {
	if slices.ContainsFunc(s.Installs.OnSite(e.Site), func(p *call.Policy) bool { return p.Product == e.Product }) {
		return nil
	}
	has, _, err := s.Tenancy.SiteOffers(ctx, e.Site, e.Product)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	if !has {
		return fault.New(fault.NotFound, "SITE_UNKNOWN", "the product is on no site of this id").WithFix("`annex site list` has the sites and their products")
	}
	return nil
}

// lifecycle tells apps of their installation and of what an admin approved.
type lifecycle struct {
	registry   *registry.Service
	unattended *unattended.Service
}

var lifecycleActs = map[string]string{
	"install.install": unattended.InstalledEvent, "install.approve": unattended.UpgradedEvent, "install.grant": unattended.UpgradedEvent,
}

func (l lifecycle) happened(ctx context.Context, by id.Principal, i *install.Installation, act string) error {
	event := lifecycleActs[act]
	if event == "" {
		return nil
	}
	p := policyOf(by, i)
	if p == nil {
		return nil // nobody who installs or approves
	}
	data := map[string]any{
		"id": i.ID, "installerAccountId": string(by.Account),
		"app":         map[string]any{"id": i.App, "version": i.Number, "name": l.name(ctx, i), "ownerAccountId": i.Owner},
		"environment": map[string]any{"id": i.Environment},
		"context":     map[string]any{"cloudId": i.Site, "product": i.Product},
	}
	if event == unattended.UpgradedEvent {
		data["upgraderAccountId"], data["permissions"] = data["installerAccountId"], perm.Told(p.Set)
	}
	return l.unattended.Lifecycle(ctx, p, event, string(i.Version)+time.Now().UTC().Format(time.RFC3339Nano), data)
}

// barred tells an app of the container from which it is kept, unbarred of one from which it is
// not any more.
func (l lifecycle) barred(ctx context.Context, by id.Principal, i *install.Installation, c call.Container) error {
	return l.ruled(ctx, by, i, unattended.BlockedEvent, c)
}

func (l lifecycle) unbarred(ctx context.Context, by id.Principal, i *install.Installation, c call.Container) error {
	return l.ruled(ctx, by, i, unattended.AllowedEvent, c)
}

// ruled tells an app of a rule, as a CloudEvent's data says it.
func (l lifecycle) ruled(ctx context.Context, by id.Principal, i *install.Installation, event string, c call.Container) error {
	p := policyOf(by, i)
	if p == nil {
		return nil
	}
	return l.unattended.Lifecycle(ctx, p, event, c.Type+" "+c.ID+" "+strconv.FormatUint(i.Epoch, 10), map[string]any{
		"workspace": map[string]any{"cloudId": i.Site},
		"objects":   []any{map[string]any{"product": i.Product, "type": c.Type, "ids": []string{c.ID}}},
	})
}

// policyOf is an installation as an act of an admin left it, nil where nobody acts.
func policyOf(by id.Principal, i *install.Installation) *call.Policy {
	scope, err := tenant.ForInstall(by, i.Site, i.ID)
	if err != nil {
		return nil
	}
	return &call.Policy{
		Install: i.ID, Site: i.Site, Product: i.Product, App: i.App, Owner: i.Owner, Environment: i.Environment, EnvName: i.EnvName,
		EnvType: i.EnvType, Version: i.Version, Number: i.Number, Set: i.Effective(), Epoch: i.Epoch, Scope: scope,
	}
}

// name is what the running version's manifest calls the app, or what it is registered as.
func (l lifecycle) name(ctx context.Context, i *install.Installation) string {
	if m, err := l.registry.Manifest(ctx, i.Version); err == nil && m.App.Name != "" {
		return m.App.Name
	}
	app, err := l.registry.App(ctx, i.App)
	if err != nil {
		return ""
	}
	return app.Name
}

var _ invoke.Facility = (*unattended.Service)(nil)
