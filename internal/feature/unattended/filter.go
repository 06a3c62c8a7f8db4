package unattended

import (
	"context"
	"encoding/json"
	"maps"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/condition"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/manifest"
)

// takeSteps is what all conditions on one event may take while its product waits. What it
// does not suffice for is looked at by the jobs, where each installation has its turn.
const takeSteps = 20 * condition.MaxSteps

// ownSteps is the part of it that one installation's conditions may take.
const ownSteps = 2 * condition.MaxSteps

// looks is an event that conditions are held against, how many steps they have left, and what
// is to be said of them once it is certain that they counted.
type looks struct {
	steps int
	own   map[id.Install]int // taken of ownSteps
	whole bool               // that there is no later look
	data  map[string]any     // nil until one is
	notes []func()
}

// most is how many steps an installation's next condition may take.
func (l *looks) most(install id.Install) int {
	if l.whole {
		return min(l.steps, condition.MaxSteps)
	}
	return min(l.steps, condition.MaxSteps, ownSteps-l.own[install])
}

func (l *looks) took(install id.Install, steps int) {
	if l.own == nil {
		l.own = map[id.Install]int{}
	}
	l.own[install] += steps
	l.steps -= steps
}

// said takes the notes out.
func (l *looks) said() []func() {
	notes := l.notes
	l.notes = nil
	return notes
}

func say(notes []func()) {
	for _, note := range notes {
		note()
	}
}

// event is what a condition sees: what the function would be given now.
func (l *looks) event(t told, hidden []string) (map[string]any, error) {
	if l.data == nil {
		if err := json.Unmarshal(t.Data, &l.data); err != nil {
			return nil, err
		}
	}
	out := maps.Clone(l.data)
	for _, field := range hidden {
		delete(out, field)
	}
	t.beside(out)
	return out, nil
}

// subscribed is a trigger's filter for an event, if the trigger is for it.
func subscribed(t manifest.Trigger, name string) (manifest.EventFilter, bool) {
	for _, e := range t.Events {
		if e.EventType != name {
			continue
		}
		if e.Filter.IgnoreSelf != nil || e.Filter.Expression != "" {
			return e.Filter, true
		}
		return t.Filter, true
	}
	return manifest.EventFilter{}, false
}

// passes says what becomes of an event under a trigger's condition, or that it is to be
// looked at later. A condition is held against what the installation may see, so that
// nothing else can be learned by it. Where it fails, onError decides.
func (s *Service) passes(ctx context.Context, p *call.Policy, module string, f manifest.EventFilter, look *looks, t told) (passes, later bool, err error) {
	if f.Expression == "" {
		return true, false, nil
	}
	hidden, _, may, err := s.hidden(ctx, p, t)
	if err != nil || !may {
		return false, false, err
	}
	holds, cut, err := s.evaluate(f.Expression, look, t, hidden, p)
	if cut {
		return false, true, nil
	}
	if err == nil {
		return holds, false, nil
	}
	if s.AppLog != nil && f.OnError != "IGNORE" && f.OnError != "RECEIVE" {
		c := begun(jobs.Job{ID: t.Event, Attempt: 1}, p, call.Event, module, manifest.Function{}, s.Now())
		c.Trace = t.Trace
		facts := map[string]any{"trigger": module, "why": err.Error()}
		look.notes = append(look.notes, func() { s.AppLog.Note(p, c, "warn", "a trigger's condition cannot be evaluated", facts) })
	}
	return strings.HasPrefix(f.OnError, "RECEIVE"), false, nil
}

// evaluate holds a condition against an event; cut says that it had too few steps here.
func (s *Service) evaluate(expression string, look *looks, t told, hidden []string, p *call.Policy) (holds, cut bool, err error) {
	most := look.most(p.Install)
	if most <= 0 {
		return false, !look.whole, &condition.Failure{Why: "there are no steps left"}
	}
	e, ok := s.conditions.Get(expression)
	if !ok {
		if e, err = condition.Parse(expression); err != nil {
			return false, false, err
		}
		s.conditions.Add(expression, e)
	}
	event, err := look.event(t, hidden)
	if err != nil {
		return false, false, err
	}
	if s.Permissions != nil && strings.Contains(expression, "permissions") {
		if event["permissions"], err = plain(s.Permissions(p.Set)); err != nil {
			return false, false, err
		}
	}
	holds, steps, err := e.Holds(map[string]any{"event": event}, most)
	look.took(p.Install, steps)
	return holds, err != nil && steps >= most && most < condition.MaxSteps && !look.whole, err
}

// plain is a value as conditions know values.
func plain(v any) (out any, err error) {
	text, err := json.Marshal(v)
	if err == nil {
		err = json.Unmarshal(text, &out)
	}
	return out, err
}

// included takes away what a trigger has to ask for and did not: members of the data, or, by
// a path with dots, members further inside.
func included(m manifest.Trigger, name string, optional []string, data map[string]json.RawMessage) {
	want := slices.Concat(m.Payload.Include.Fields, m.Payload.Include.PropertyPaths)
	for _, e := range m.Events {
		if e.EventType == name {
			want = slices.Concat(want, e.Payload.Include.Fields, e.Payload.Include.PropertyPaths)
		}
	}
	for _, path := range optional {
		if slices.Contains(want, path) {
			continue
		}
		var parts []string // that were asked for by themselves
		for _, w := range want {
			if part, ok := strings.CutPrefix(w, path+"."); ok {
				parts = append(parts, part)
			}
		}
		without(data, path, parts)
	}
}

// without takes the member at a path out of an object, but for parts of it.
func without(data map[string]json.RawMessage, path string, parts []string) {
	name, rest, further := strings.Cut(path, ".")
	if _, whole := data[path]; whole {
		name, further = path, false
	}
	value, ok := data[name]
	if !ok {
		return
	}
	var inner map[string]json.RawMessage
	if err := json.Unmarshal(value, &inner); err != nil || inner == nil {
		if !further { // a member further inside of what has none is not there
			delete(data, name)
		}
		return
	}
	if further {
		without(inner, rest, parts)
	} else {
		maps.DeleteFunc(inner, func(member string, _ json.RawMessage) bool { return !slices.Contains(parts, member) })
	}
	if !further && len(inner) == 0 {
		delete(data, name)
		return
	}
	if out, err := json.Marshal(inner); err == nil {
		data[name] = out
	}
}
