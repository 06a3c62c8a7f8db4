package outflow

import (
	"cmp"
	"context"
	"maps"
	"slices"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/receipts"
	"github.com/annexhq/annex/manifest"
)

// Difference is what a change would have meant for one destination.
type Difference struct {
	Via       string `json:"via"`
	Key       string `json:"key,omitempty"`
	Type      string `json:"type,omitempty"`
	Origin    string `json:"origin"`
	Operation string `json:"operation,omitempty"`
	Refused   int64  `json:"refused"` // went, and would have been refused
	Allowed   int64  `json:"allowed"` // were refused, and would have gone
	Unsure    int64  `json:"unsure"`  // depends on what is not kept
}

// Prediction is what a change would have meant for the requests of the last 30 days.
type Prediction struct {
	Days        int          `json:"days"`
	Seen        int64        `json:"seen"`
	Refused     int64        `json:"refused"`
	Allowed     int64        `json:"allowed"`
	Unsure      int64        `json:"unsure"`
	Differences []Difference `json:"differences"`
	// Before and After are the signals without and with the change.
	Before perm.Signal `json:"before"`
	After  perm.Signal `json:"after"`
	// Stops are the parts of the app that would stop working altogether.
	Stops []Part `json:"stops"`
}

// Part is a part of an app that people, programs or the clock turn to.
type Part struct {
	Type  string `json:"type"` // as the manifest spells it
	Key   string `json:"key,omitempty"`
	Title string `json:"title,omitempty"` // what the app calls it
}

// WhatIf tells what an act would have meant. The act is done with all its checks, and taken
// back. It is for whoever may do the act.
func (s *Service) WhatIf(ctx context.Context, p id.Principal, ref id.Install, act func(ctx context.Context) error) (Prediction, error) {
	i, scope, err := s.installation(ctx, p, ref)
	if err != nil {
		return Prediction{}, err
	}
	before, after, ended, err := s.Installs.Try(ctx, p, ref, act)
	if err != nil {
		return Prediction{}, err
	}
	if err := s.Receipts.Flush(ctx); err != nil {
		return Prediction{}, err
	}
	uses, err := s.Receipts.Uses(ctx, scope, s.Time().Add(-Window))
	if err != nil {
		return Prediction{}, err
	}
	out := Prediction{Differences: []Difference{}, Stops: []Part{}}
	var found receipts.Prediction
	if !ended {
		then := s.replayed(after)
		if then.Asks, err = s.Asks(ctx, i.Product); err != nil {
			return Prediction{}, err
		}
		found = receipts.WhatIf(uses, s.replayed(before), then)
	} else {
		found = receipts.WhatIfEnded(uses, s.replayed(before))
		m, err := s.Manifest(ctx, i.Version)
		if err != nil {
			return Prediction{}, err
		}
		out.Stops = parts(m)
	}
	out.Days, out.Seen, out.Refused, out.Allowed, out.Unsure = int(Window.Hours()/24), found.Seen, found.Refused, found.Allowed, found.Unsure
	for _, c := range found.Changes {
		out.Differences = append(out.Differences, Difference(c))
	}
	if out.Before, err = s.SignalOf(ctx, i.Product, i.EnvType, before.Set); err != nil {
		return Prediction{}, err
	}
	if ended {
		out.After = perm.Signal{Value: perm.StaysInside, Reasons: []perm.SignalReason{}}
		return out, nil
	}
	out.After, err = s.SignalOf(ctx, i.Product, i.EnvType, after.Set)
	return out, err
}

// replayed is a policy as requests are replayed under it.
func (s *Service) replayed(p *call.Policy) receipts.Policy {
	open := slices.DeleteFunc(slices.Clone(p.Networks), func(n call.Network) bool { return p.NetworkFor(n.Remote, n.Host, n.Port, s.Time()) == nil })
	return receipts.Policy{Set: p.Set, Networks: open}
}

// parts are those that somebody would miss: pages, addresses, schedules, what events and
// agents call.
func parts(m *manifest.Manifest) []Part {
	out := []Part{}
	for _, t := range slices.Sorted(maps.Keys(m.Modules.UI)) {
		for _, x := range m.Modules.UI[t] {
			out = append(out, Part{cmp.Or(x.Type, t), x.Key, cmp.Or(x.Title.Text, x.Name.Text)})
		}
	}
	add := func(kind, key string) { out = append(out, Part{Type: kind, Key: key}) }
	for _, x := range m.Modules.WebTrigger {
		add("webtrigger", x.Key)
	}
	for _, x := range m.Modules.APIRoute {
		add("apiRoute", x.Key)
	}
	for _, x := range m.Modules.ScheduledTrigger {
		add("scheduledTrigger", x.Key)
	}
	for _, x := range m.Modules.Trigger {
		add("trigger", x.Key)
	}
	for _, x := range m.Modules.Action {
		add("action", x.Key)
	}
	return out
}

// Suggestion is the least that an installation needs, as far as what it did shows.
type Suggestion struct {
	Calls int64 `json:"calls"`
	Days  int   `json:"days"`
	// Proposed are the lines that are needed, Unused those that were not, Unmeasured those of
	// which nobody knows.
	Proposed   perm.Set `json:"proposed"`
	Unused     perm.Set `json:"unused"`
	Unmeasured perm.Set `json:"unmeasured"`
	Rest       int64    `json:"rest"`
	// Keys of the permissions that are proposed, as `annex grants` names them.
	Keys []string `json:"keys"`
}

// Suggest proposes the least authority with which an installation's requests are let through.
func (s *Service) Suggest(ctx context.Context, p id.Principal, ref id.Install) (Suggestion, error) {
	i, scope, err := s.installation(ctx, p, ref)
	if err != nil {
		return Suggestion{}, err
	}
	if err := s.Receipts.Flush(ctx); err != nil {
		return Suggestion{}, err
	}
	uses, err := s.Receipts.Uses(ctx, scope, s.Time().Add(-Window))
	if err != nil {
		return Suggestion{}, err
	}
	now, err := i.WouldRun()
	if err != nil {
		return Suggestion{}, err
	}
	found := receipts.Suggest(uses, s.replayed(now))
	out := Suggestion{Calls: found.Calls, Days: int(Window.Hours() / 24), Proposed: found.Set, Unused: found.Unused, Unmeasured: found.Unmeasured, Rest: found.Rest, Keys: []string{}}
	for _, piece := range perm.Pieces(found.Set) {
		out.Keys = append(out.Keys, piece.Key)
	}
	return out, nil
}
