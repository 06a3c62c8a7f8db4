package uikit

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// asking is a counter that asks its page for something when it is clicked first.
type asking struct {
	counter
	command, payload string
}

func (a *asking) Invoke(ctx context.Context, x *call.Call) (call.Result, error) {
	if a.command != "" && bytes.Contains(x.Payload, []byte(`"event":1,`)) {
		x.Session.Emit(fmt.Appendf(nil, `{"effect":{"command":"permissions.ask","payload":{"id":1,"command":%q,"payload":%s}}}`, a.command, a.payload))
	}
	return a.counter.Invoke(ctx, x)
}

func egressOf(t *testing.T, text string) perm.Egress {
	t.Helper()
	p, err := hostrule.ParsePattern(text, hostrule.Backend)
	if err != nil {
		t.Fatal(err)
	}
	return perm.Egress{Type: perm.Backend, Pattern: p}
}

// A session whose app asked for a change gets its answer, also where the change takes away
// what it asked to give back; what it did not ask for, or what was granted, ends it.
func TestWhatItAskedForDoesNotEndIt(t *testing.T) {
	granted, added := egressOf(t, "granted.example.com"), egressOf(t, "added.example.com")
	at := func(logs, desk string) []perm.Remote {
		var out []perm.Remote
		for _, x := range [][2]string{{"desk", desk}, {"logs", logs}} {
			r := perm.Remote{Key: x[0], Configurable: true}
			if x[1] != "" {
				r.Endpoints = map[string]string{"default": x[1]}
			}
			out = append(out, r)
		}
		return out
	}
	const one, two = "https://one.example.com", "https://two.example.com"
	before := perm.Set{Egress: []perm.Egress{granted, added}, Remotes: at(one, one)}
	for name, c := range map[string]struct {
		command, payload string
		after            perm.Set
		settled          time.Duration // since the answer, -1 where there is none yet
		lives            bool
	}{
		"an address in the place of another": {"remote.setRemote", `{"key":"logs","url":"x"}`, perm.Set{Egress: before.Egress, Remotes: at(two, one)}, -1, true},
		"an address that is none any more":   {"remote.setRemote", `{"key":"logs","url":null}`, perm.Set{Egress: before.Egress, Remotes: at("", one)}, -1, true},
		"by the other form":                  {"remote.set", `{"remotes":[{"key":"logs"}]}`, perm.Set{Egress: before.Egress, Remotes: at(two, one)}, -1, true},
		"just answered":                      {"remote.setRemote", `{"key":"logs"}`, perm.Set{Egress: before.Egress, Remotes: at(two, one)}, time.Second, true},
		"answered long ago":                  {"remote.setRemote", `{"key":"logs"}`, perm.Set{Egress: before.Egress, Remotes: at(two, one)}, time.Minute, false},
		"another remote's address":           {"remote.setRemote", `{"key":"logs"}`, perm.Set{Egress: before.Egress, Remotes: at(one, two)}, -1, false},
		"a remote that is gone":              {"remote.setRemote", `{"key":"logs"}`, perm.Set{Egress: before.Egress, Remotes: at(one, one)[:1]}, -1, false},
		"without asking":                     {"", "", perm.Set{Egress: before.Egress, Remotes: at(two, one)}, -1, false},
		"a host it gives back":               {"egress.removeDomains", `{"domains":["added.example.com"]}`, perm.Set{Egress: []perm.Egress{granted}, Remotes: before.Remotes}, -1, true},
		"a host, and it asked for one":       {"egress.requestDomains", `{"domains":["more.example.com"]}`, perm.Set{Egress: []perm.Egress{granted}, Remotes: before.Remotes}, -1, false},
		"a host that was granted":            {"egress.removeDomains", `{"domains":["granted.example.com"]}`, perm.Set{Egress: []perm.Egress{added}, Remotes: before.Remotes}, -1, false},
		"a host, and it asked for a remote":  {"remote.setRemote", `{"key":"logs"}`, perm.Set{Egress: []perm.Egress{granted}, Remotes: before.Remotes}, -1, false},
	} {
		t.Run(name, func(t *testing.T) {
			s, x := newChanging(t, dbtest.SQLite(t))
			s.Invoker = &asking{command: c.command, payload: c.payload}
			x.set(func() { x.p.Set, x.p.Configured = before, []perm.Egress{added} })
			session, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
			if err != nil {
				t.Fatal(err)
			}
			r := read(t, s, session, 0)
			r.until(t, `"n":0`)
			click(t, s, session, 1)
			r.until(t, `"idle":true,`)
			// The admin takes longer than a session stays in memory otherwise.
			x.set(func() { x.now = x.now.Add(3 * time.Minute) })
			s.Rest(x.clock().Add(-s.Idle))
			if c.settled >= 0 {
				if err := s.Event(t.Context(), alice, session, Event{Number: 2, Shell: json.RawMessage(`{"event":"permissions.settled","payload":{"id":1}}`)}); err != nil {
					t.Fatal(err)
				}
				s.settleAll()
				x.set(func() { x.now = x.now.Add(c.settled) })
			}
			x.set(func() { x.p.Set, x.p.Configured, x.p.Epoch = c.after, nil, x.p.Epoch+1 })
			err = s.Event(t.Context(), alice, session, Event{Number: 3, Handle: "b:onClick"})
			if lives := err == nil; lives != c.lives || !lives && fault.CodeOf(err) != "SESSION_GONE" {
				t.Errorf("it lives on: %v, %v", lives, err)
			}
		})
	}
}

// What a view was doing when it ended does not go on when what was taken away is given back.
func TestWhatEndedStaysSo(t *testing.T) {
	s, x := newChanging(t, dbtest.SQLite(t))
	one := egressOf(t, "one.example.com")
	x.set(func() { x.p.Set = perm.Set{Egress: []perm.Egress{one}} })
	session, err := s.Open(t.Context(), alice, Spec{Install: install, Function: "ui:main"})
	if err != nil {
		t.Fatal(err)
	}
	read(t, s, session, 0).until(t, `"n":0`)
	s.mu.Lock()
	l := s.live[session]
	s.mu.Unlock()
	under := func(set perm.Set) *call.Policy {
		x.set(func() { x.p.Set, x.p.Epoch = set, x.p.Epoch+1 })
		p, err := s.Policies.Policy(t.Context(), install)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	if p := under(perm.Set{Egress: []perm.Egress{one, egressOf(t, "two.example.com")}}); !l.goesOn(t.Context(), p) {
		t.Error("more ends it")
	}
	if p := under(perm.Set{}); l.goesOn(t.Context(), p) {
		t.Error("less does not end it")
	}
	l.end(nil)
	if p := under(perm.Set{Egress: []perm.Egress{one, egressOf(t, "two.example.com")}}); l.goesOn(t.Context(), p) {
		t.Error("it lives again")
	}
}
