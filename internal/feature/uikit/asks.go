package uikit

import (
	"encoding/json"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/perm"
)

const (
	// askedFor is how long an admin may take who was asked, and a little more.
	askedFor = 6 * time.Minute
	// settledFor is how long a change that was asked for may take to come to every server.
	settledFor = 2 * time.Second
	maxAsks    = 20
)

// ask is what the session's app asked to be changed of what it may do, by its page. It is
// carried out for an admin who is in front of that page. What goes with it, an address in the
// place of another, a host that the app needs no more, is not taken away from the app: the
// session lives on, and the app gets its answer.
type ask struct {
	egress  bool
	remotes []string
	until   time.Time
}

// takesAway are the commands that may leave an app with fewer hosts.
var takesAway = []string{"egress.set", "egress.deleteDomain", "egress.deleteGroup", "egress.removeDomains"}

// asks notes that the app asks for a change; l.mu is held.
func (l *live) asks(payload any) {
	in, _ := payload.(map[string]any)
	id, _ := in["id"].(json.Number)
	command, _ := in["command"].(string)
	what, _ := in["payload"].(map[string]any)
	l.forget()
	if id == "" || len(l.asked) >= maxAsks {
		return
	}
	one := ask{egress: slices.Contains(takesAway, command), until: l.s.Now().Add(askedFor)}
	if key, ok := what["key"].(string); ok && command == "remote.setRemote" {
		one.remotes = []string{key}
	}
	if all, ok := what["remotes"].([]any); ok && command == "remote.set" {
		for _, r := range all {
			r, _ := r.(map[string]any)
			if key, ok := r["key"].(string); ok {
				one.remotes = append(one.remotes, key)
			}
		}
	}
	if l.asked == nil {
		l.asked = map[string]ask{}
	}
	l.asked[id.String()] = one
}

// answered notes that the app's page brings the answer.
func (l *live) answered(payload json.RawMessage) {
	var in struct {
		ID json.Number `json:"id"`
	}
	if json.Unmarshal(payload, &in) != nil {
		return
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if one, ok := l.asked[in.ID.String()]; ok {
		one.until = l.s.Now().Add(settledFor)
		l.asked[in.ID.String()] = one
	}
}

// forget drops what is over; l.mu is held.
func (l *live) forget() {
	now := l.s.Now()
	for id, one := range l.asked {
		if now.After(one.until) {
			delete(l.asked, id)
		}
	}
}

// asksNow says whether an answer is waited for; l.mu is held.
func (l *live) asksNow() bool {
	l.forget()
	return len(l.asked) > 0
}

// keeps says whether nothing is taken away from the session by a change of what the app may
// do, besides what its app asked for itself; l.mu is held.
func (l *live) keeps(now perm.Set) bool {
	if perm.Covers(now, l.set) {
		return true
	}
	l.forget()
	was := l.set
	var moved []string
	for _, one := range l.asked {
		if one.egress {
			was.Egress = slices.DeleteFunc(slices.Clone(was.Egress), func(e perm.Egress) bool {
				return slices.ContainsFunc(l.added, func(c perm.Egress) bool { return c.Type == e.Type && c.Pattern == e.Pattern })
			})
		}
		moved = append(moved, one.remotes...)
	}
	was.Remotes = slices.Clone(was.Remotes)
	for n, r := range was.Remotes {
		if here, ok := perm.RemoteOf(now, r.Key); ok && slices.Contains(moved, r.Key) {
			was.Remotes[n].Endpoints = here.Endpoints
		}
	}
	return perm.Covers(now, was)
}
