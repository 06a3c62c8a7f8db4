package unattended

import (
	"context"
	"encoding/json"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/condition"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/manifest"
)

const (
	// eventsFor is how long an event's id is known; its signature counts for two minutes.
	eventsFor = 7 * 24 * time.Hour
	// eventWindow is how long a delivery is tried.
	eventWindow = 24 * time.Hour
)

// Lifecycle events are the platform's own.
const (
	InstalledEvent = "avi:forge:installed:app"
	UpgradedEvent  = "avi:forge:upgraded:app"
	// BlockedEvent tells of a rule that keeps the app from a container.
	BlockedEvent = "avi:ecosystem.app_policy:blocked:app_access_to_objects_in_container.v2"
	// AllowedEvent tells that no rule keeps the app from a container any more.
	AllowedEvent = "avi:ecosystem.app_policy:allowed:app_access_to_objects_in_container.v2"
)

// Event is something that happened in a product, and that the product signed.
type Event struct {
	Product id.Product
	Site    id.Site
	ID      string
	Type    string
	Time    time.Time
	User    id.User
	// Install is whose call caused it, "" for none.
	Install id.Install
	// Containers are where it happened.
	Containers []call.Container
	Data       json.RawMessage // an object
}

// told is an event as a job keeps it, for one trigger module of one installation.
type told struct {
	Product id.Product `json:"product,omitempty"` // "" for the platform's and apps' own
	Type    string     `json:"type"`              // as the product says
	Name    string     `json:"name"`              // as the app subscribed
	Time    time.Time  `json:"time"`
	User    id.User    `json:"user,omitempty"`
	Self    bool       `json:"self,omitempty"`
	Event   string     `json:"event"` // the event's own id
	// Check says that the trigger's condition was not looked at when the event came.
	Check bool            `json:"check,omitempty"`
	Data  json.RawMessage `json:"data"`
	// Containers are where it happened: whoever is kept from one is not told.
	Containers []call.Container `json:"containers,omitempty"`
	// Trace and Span are of the request that brought it.
	Trace string `json:"trace,omitempty"`
	Span  string `json:"span,omitempty"`
	// Origin is what first caused it, of an app's own event; "" for what a product says.
	Origin string `json:"origin,omitempty"`
}

// Take keeps events for every installation that is to be told of them, all or none. When it
// returns they will be; an event that is taken twice is one. It says how many triggers that
// are.
func (s *Service) Take(ctx context.Context, events ...Event) (triggers int, err error) {
	lists, notes, look := make([][]jobs.Job, len(events)), make([][]func(), len(events)), &looks{steps: takeSteps}
	for i, e := range events {
		look.data = nil // of the one before
		if lists[i], err = s.listeners(ctx, e, look); err != nil {
			return 0, fault.Op("unattended.Take", err)
		}
		notes[i], triggers = look.said(), triggers+len(lists[i])
	}
	var taken []int
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		taken = nil
		for i, e := range events {
			list := lists[i]
			n, err := s.DB.Exec(ctx, takeEvent, e.Site, e.Product, e.ID, s.Now().UnixMilli())
			if err != nil {
				return err
			}
			if n == 0 {
				continue
			}
			if err := s.Jobs.Enqueue(ctx, list...); err != nil {
				return err
			}
			taken = append(taken, i)
		}
		return nil
	})
	if err != nil {
		return 0, fault.Op("unattended.Take", err)
	}
	s.Jobs.Wake()
	for _, i := range taken { // of one that was refused, or known, nothing is said
		say(notes[i])
	}
	return triggers, nil
}

// listeners are the jobs of all modules on the event's site that are to be told of it.
func (s *Service) listeners(ctx context.Context, e Event, look *looks) (list []jobs.Job, err error) {
	typ, err := s.Products.EventType(ctx, e.Product, e.Type)
	if err != nil {
		return nil, err
	}
	origin := call.OriginOf(ctx)
	for _, p := range s.Installed.OnSite(e.Site) {
		if p.Product != e.Product {
			continue
		}
		if _, barred := p.Barred(e.Containers...); barred {
			s.withheld(p)
			continue
		}
		for _, name := range typ.Names {
			some, err := s.triggers(ctx, p, look, told{
				Product: e.Product, Type: e.Type, Name: name, Time: e.Time, User: e.User, Self: e.Install == p.Install, Event: e.ID, Containers: e.Containers, Data: e.Data,
				Trace: origin.Trace, Span: origin.Span,
			})
			if err != nil {
				return nil, err
			}
			list = append(list, some...)
		}
	}
	return list, nil
}

// withheld counts an event that an access rule keeps from an installation.
func (s *Service) withheld(p *call.Policy) {
	if s.Withheld != nil {
		s.Withheld(p)
	}
}

// triggers are the jobs of the modules of an installation that subscribe to an event, if
// it may be told of it.
func (s *Service) triggers(ctx context.Context, p *call.Policy, look *looks, t told) ([]jobs.Job, error) {
	if !perm.HasEvent(p.Set, t.Name) {
		return nil, nil
	}
	m, err := s.Manifests.Manifest(ctx, p.Version)
	if err != nil {
		return nil, err
	}
	var list []jobs.Job
	for _, module := range m.Modules.Trigger {
		filter, ok := subscribed(module, t.Name)
		if !ok || t.Self && filter.IgnoreSelf != nil && *filter.IgnoreSelf {
			continue
		}
		passes, later, err := s.passes(ctx, p, module.Key, filter, look, t)
		if err != nil {
			return nil, err
		}
		if !passes && !later {
			continue
		}
		t.Check = later
		body, err := json.Marshal(t)
		if err != nil {
			return nil, err
		}
		now := s.Now()
		list = append(list, jobs.Job{
			ID: derived("event", string(t.Product), string(p.Site), t.Event, string(p.Install), module.Key, t.Name), Owner: string(p.Install),
			Kind: eventKind, Name: module.Key, Due: now, Expires: now.Add(eventWindow), Body: body,
		})
	}
	return list, nil
}

// deliver calls a trigger's function. What it is told is decided now: an app that is not
// granted the event any more, or a scope that it needs, is told nothing.
func (s *Service) deliver(ctx context.Context, j jobs.Job) jobs.Verdict {
	var t told
	if err := json.Unmarshal(j.Body, &t); err != nil {
		return jobs.Verdict{Next: jobs.Dead, Class: "INTERNAL"}
	}
	var before *retry
	if len(j.Head) > 2 {
		before = &retry{}
		if err := json.Unmarshal(j.Head, before); err != nil {
			before = nil
		}
	}
	p, err := s.Installed.Policy(ctx, id.Install(j.Owner))
	if err != nil {
		return s.refused(err)
	}
	if _, barred := p.Barred(t.Containers...); barred {
		s.withheld(p)
		return jobs.Verdict{} // a rule was made since it came
	}
	data, optional, may, err := s.shown(ctx, p, t)
	if err != nil {
		return s.refused(err)
	}
	m, err := s.Manifests.Manifest(ctx, p.Version)
	if err != nil {
		return s.refused(err)
	}
	module, f, ok := triggered(m, j.Name, t.Name)
	if !may || !ok {
		return jobs.Verdict{} // it is no longer to be told
	}
	if t.Check {
		if s.Looked != nil {
			if err := s.Looked(p); err != nil {
				return s.refused(err)
			}
		}
		filter, _ := subscribed(module, t.Name)
		look := &looks{steps: condition.MaxSteps, whole: true}
		passes, _, err := s.passes(ctx, p, j.Name, filter, look, t)
		if err != nil {
			return s.refused(err)
		}
		if say(look.said()); !passes {
			return jobs.Verdict{}
		}
	}
	included(module, t.Name, optional, data)
	c := begun(j, p, call.Event, j.Name, f, s.Now())
	c.Trace, c.Span = t.Trace, t.Span
	if c.Payload, err = t.payload(data, before); err != nil {
		return jobs.Verdict{Next: jobs.Dead, Class: "INTERNAL"}
	}
	if t.Origin != "" {
		s.origins.Store(c.ID, t.Origin)
		defer s.origins.Delete(c.ID)
	}
	res, err := s.Invoker.Invoke(ctx, c)
	if fault.CodeOf(err) == overQuota {
		return s.refused(err) // it was not tried
	}
	v, next := jobs.Verdict{}, retry{}
	if err != nil {
		v, next = s.failedCall(j, err)
		if fault.KindOf(err) == fault.App { // the app's own mistake is not mended by time
			v.Next = jobs.Dead
		}
	} else if a, again := asked(res.Body); again {
		v, next = s.askedAgain(j, a)
	}
	if v.Next == jobs.Again && j.Attempt >= eventTries {
		v.Next = jobs.Dead
	}
	if v.Next != jobs.Done {
		if v.Head, err = json.Marshal(next); err != nil {
			v.Head = nil
		}
	}
	return v
}

// shown is the part of an event's data that the installation may see now, which members of
// it a trigger has to ask for, and whether it may be told at all.
func (s *Service) shown(ctx context.Context, p *call.Policy, t told) (data map[string]json.RawMessage, optional []string, may bool, err error) {
	hidden, optional, may, err := s.hidden(ctx, p, t)
	if err != nil || !may {
		return nil, nil, false, err
	}
	data = map[string]json.RawMessage{}
	if err := json.Unmarshal(t.Data, &data); err != nil {
		return nil, nil, false, err
	}
	for _, field := range hidden {
		delete(data, field)
	}
	return data, optional, true, nil
}

// hidden are the members of an event's data that the installation may not see.
func (s *Service) hidden(ctx context.Context, p *call.Policy, t told) (hidden, optional []string, may bool, err error) {
	if !perm.HasEvent(p.Set, t.Name) {
		return nil, nil, false, nil
	}
	if t.Product == "" {
		return nil, nil, true, nil
	}
	typ, err := s.Products.EventType(ctx, t.Product, t.Type)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return nil, nil, false, nil // the operator declares it no longer
	}
	if err != nil {
		return nil, nil, false, err
	}
	if !slices.Contains(typ.Names, t.Name) || typ.Scope != "" && !has(p.Set, typ.Scope) {
		return nil, nil, false, nil
	}
	for field, scope := range typ.Fields {
		if !has(p.Set, scope) {
			hidden = append(hidden, field)
		}
	}
	return hidden, typ.Optional, true, nil
}

func has(s perm.Set, scope string) bool {
	return slices.ContainsFunc(s.Scopes, func(sc perm.Scope) bool { return sc.Name == scope })
}

func triggered(m *manifest.Manifest, module, name string) (manifest.Trigger, manifest.Function, bool) {
	for _, t := range m.Modules.Trigger {
		if _, ok := subscribed(t, name); ok && t.Key == module {
			f, ok := m.Target(t.Function, t.Endpoint)
			return t, f, ok
		}
	}
	return manifest.Trigger{}, manifest.Function{}, false
}

// payload is what a trigger's function is given: the data, and beside it what the platform
// says, which the data cannot say in its place.
func (t told) payload(data map[string]json.RawMessage, before *retry) ([]byte, error) {
	out := map[string]any{}
	for k, v := range data {
		out[k] = v
	}
	t.beside(out)
	if before != nil {
		out["retryContext"] = before
	}
	return json.Marshal(out)
}

// beside adds what the platform says of an event.
func (t told) beside(out map[string]any) {
	for _, ours := range []string{"atlassianId", "selfGenerated", "retryContext"} {
		delete(out, ours)
	}
	out["eventType"], out["eventId"], out["timestamp"] = t.Name, t.Event, t.Time.Format(time.RFC3339Nano)
	if t.User != "" {
		out["atlassianId"] = string(t.User)
	}
	if t.Self {
		out["selfGenerated"] = true
	}
}

// Lifecycle tells an installation of its own fate, in the transaction that decides it.
func (s *Service) Lifecycle(ctx context.Context, p *call.Policy, event, occasion string, data map[string]any) error {
	raw, err := json.Marshal(data)
	if err != nil {
		return fault.Op("unattended.Lifecycle", err)
	}
	origin := call.OriginOf(ctx)
	look := &looks{steps: takeSteps}
	list, err := s.triggers(ctx, p, look, told{
		Type: event, Name: event, Time: s.Now(), Event: derived(event, string(p.Install), occasion), Data: raw, Trace: origin.Trace, Span: origin.Span,
	})
	if err == nil {
		err = s.Jobs.Enqueue(ctx, list...)
	}
	if err == nil {
		say(look.said())
	}
	return fault.Op("unattended.Lifecycle", err)
}

// publish tells other apps of the same site and product of an app's own event. It is counted
// as a push is: it is work for others, and may come back to who published it.
func (s *Service) publish(ctx context.Context, c *call.Call, p *call.Policy, head json.RawMessage) (call.Reply, error) {
	var in struct {
		Events []struct {
			Key string `json:"key"`
		} `json:"events"`
	}
	if err := json.Unmarshal(head, &in); err != nil || len(in.Events) == 0 || len(in.Events) > 10 {
		return call.Reply{}, fault.New(fault.Usage, "INVALID_ARGUMENT", "publish takes one to ten events, each {key}")
	}
	m, err := s.Manifests.Manifest(ctx, p.Version)
	if err != nil {
		return call.Reply{}, err
	}
	if s.Quota != nil {
		if err := s.Quota(p, len(in.Events)); err != nil {
			return call.Reply{}, err
		}
	}
	origin, err := s.chain(ctx, c, p)
	if err != nil {
		return call.Reply{}, err
	}
	var list []jobs.Job
	look := &looks{steps: takeSteps}
	for n, e := range in.Events {
		i := slices.IndexFunc(m.Modules.Event, func(x manifest.Event) bool { return x.Key == e.Key })
		if i < 0 {
			return call.Reply{}, fault.New(fault.NotFound, "UNKNOWN_EVENT", "the manifest has no event %q", clip(e.Key)).WithFix("add an event module")
		}
		some, err := s.appEvent(ctx, p, m.Modules.Event[i], n, origin, look)
		if err != nil {
			return call.Reply{}, err
		}
		list = append(list, some...)
	}
	if err := s.Jobs.Enqueue(ctx, list...); err != nil {
		return call.Reply{}, fault.Op("unattended.publish", err)
	}
	s.Jobs.Wake()
	say(look.said())
	return reply(struct{}{})
}

func (s *Service) appEvent(ctx context.Context, p *call.Policy, e manifest.Event, n int, cause string, look *looks) ([]jobs.Job, error) {
	at := slices.IndexFunc(p.Set.AppEvents, func(x perm.AppEvent) bool { return x.Name == e.Name })
	if at < 0 {
		return nil, fault.New(fault.Denied, "NOT_GRANTED", "the event %q is not granted to this installation", e.Name).WithFix("a site admin has to approve it")
	}
	recipients := p.Set.AppEvents[at].Recipients
	name := "avi:cloud:ecosystem::event/" + string(p.App) + "/" + e.Key
	now := s.Now()
	t := told{Type: name, Name: name, Time: now, Event: derived(name, string(p.Install), now.Format(time.RFC3339Nano), string(rune('a'+n))), Data: json.RawMessage(`{}`)}
	var list []jobs.Job
	origin := call.OriginOf(ctx)
	look.data = nil // of the one before
	t.Trace, t.Span, t.Origin = origin.Trace, origin.Span, cause
	for _, other := range s.Installed.OnSite(p.Site) {
		if other.Product != p.Product || !slices.Contains(recipients, "*") && !slices.Contains(recipients, string(other.App)) &&
			!slices.Contains(recipients, "ari:cloud:ecosystem::app/"+string(other.App)) {
			continue
		}
		t.Self = other.Install == p.Install
		some, err := s.triggers(ctx, other, look, t)
		if err != nil {
			return nil, err
		}
		list = append(list, some...)
	}
	return list, nil
}

// Sweep forgets what is past its time.
func (s *Service) Sweep(ctx context.Context) error {
	if _, err := s.DB.Exec(ctx, oldEvents, s.Now().Add(-eventsFor).UnixMilli()); err != nil {
		return fault.Op("unattended.Sweep", err)
	}
	return fault.Op("unattended.Sweep", s.Jobs.Sweep(ctx))
}
