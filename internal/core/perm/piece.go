package perm

import (
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// Piece is one thing of a set that an admin can take away, switch off or give back by
// itself, under a key that stays the same from version to version.
type Piece struct {
	// Key is what people and programs name it by: "scope:read:issue",
	// "egress:FETCH_BACKEND_SIDE:api.example.com", "remote:backend", "webtrigger:inbox".
	Key string
	// Set is the piece alone, in normal form.
	Set Set
}

const (
	impersonationMark = "+impersonation"
	analyticsKey      = "analytics"
	configurableKey   = "configurable"
)

// Pieces are the parts of a set; their union permits what the set permits.
func Pieces(s Set) []Piece {
	s = Normal(s)
	var out []Piece
	at := map[string]int{}
	add := func(key string, part Set) {
		if n, ok := at[key]; ok {
			out[n].Set = Union(out[n].Set, part)
			return
		}
		at[key] = len(out)
		out = append(out, Piece{key, part})
	}
	for _, v := range s.Scopes {
		add("scope:"+v.Name, Set{Scopes: []Scope{{Name: v.Name}}})
		if v.Impersonation {
			add("scope:"+v.Name+impersonationMark, Set{Scopes: []Scope{v}})
		}
	}
	for _, v := range s.Egress {
		add(EgressKey(v.Type, v.Pattern), Set{Egress: []Egress{v}})
	}
	for _, v := range s.Remotes {
		add("remote:"+v.Key, Set{Remotes: []Remote{v}})
	}
	for _, v := range s.Endpoints {
		add("endpoint:"+v.Key, Set{Endpoints: []Endpoint{v}})
	}
	for _, v := range s.Providers {
		add("provider:"+v.Key, Set{Providers: []Provider{v}})
	}
	for _, v := range s.WebTriggers {
		add("webtrigger:"+v.Key, Set{WebTriggers: []WebTrigger{v}})
	}
	for _, v := range s.APIRoutes {
		add("api:"+v.Key, Set{APIRoutes: []APIRoute{v}})
	}
	for _, v := range s.Actions {
		add("action:"+v, Set{Actions: []string{v}})
	}
	for _, v := range s.AppEvents {
		add("app-event:"+v.Name, Set{AppEvents: []AppEvent{v}})
	}
	for _, v := range s.Events {
		add("event:"+v, Set{Events: []string{v}})
	}
	for _, v := range s.Content {
		add("content:"+v.Kind+":"+v.Value, Set{Content: []Content{v}})
	}
	for _, v := range s.Sandbox {
		add("sandbox:"+v, Set{Sandbox: []string{v}})
	}
	if s.Isolation != "" {
		add("isolation", Set{Isolation: s.Isolation})
	}
	if s.MemoryMB > 0 {
		add("memory", Set{MemoryMB: s.MemoryMB})
	}
	if s.Configurable != nil {
		add(configurableKey, Set{Configurable: s.Configurable})
	}
	return out
}

// EgressKey is the key of one destination for one way of leaving.
func EgressKey(t EgressType, p hostrule.Pattern) string {
	return "egress:" + string(t) + ":" + strings.TrimPrefix(p.String(), "https://")
}

// HasPiece reports whether the key names a piece of the set, or several of them as
// "egress:TYPE" and "analytics" do.
func HasPiece(s Set, key string) bool { return !Empty(Take(s, key)) }

// Take gives the pieces of a set that the keys name.
func Take(s Set, keys ...string) Set {
	var out Set
	for _, p := range Pieces(s) {
		if slices.ContainsFunc(keys, p.named) {
			out = Union(out, p.Set)
		}
	}
	return out
}

// Without is what is left of a set when what the keys name is taken away. What goes is
// gone whatever else permits it: with a host goes each wildcard that admits it, and
// with a wildcard each host below it, so that a key that stays in force while versions
// come and go cannot be passed by another spelling.
func Without(s Set, keys ...string) Set {
	if len(keys) == 0 {
		return Normal(s)
	}
	var out []Set
	for _, p := range Pieces(s) {
		if !slices.ContainsFunc(keys, p.cutBy) {
			out = append(out, p.Set)
		}
	}
	var left Set
	for _, p := range out {
		left = Union(left, p)
	}
	// Analytics may share a host with what is no analytics.
	if slices.Contains(keys, analyticsKey) {
		left.Egress = slices.DeleteFunc(left.Egress, func(e Egress) bool { return e.Category != "" })
	}
	return Normal(left)
}

// named reports whether a key means the piece itself.
func (p Piece) named(key string) bool {
	if p.Key == key {
		return true
	}
	t, host := p.egress()
	if t == "" {
		return false
	}
	if key == analyticsKey {
		return slices.ContainsFunc(p.Set.Egress, func(e Egress) bool { return e.Category != "" })
	}
	kt, pattern, ok := cutEgressKey(key)
	return ok && kt == t && (pattern == nil || pattern.In(UseOf(t)) == host)
}

// cutBy reports whether the piece goes with what the key names.
func (p Piece) cutBy(key string) bool {
	if p.Key == key || p.Key == key+impersonationMark && strings.HasPrefix(key, "scope:") {
		return true
	}
	if remote, ok := strings.CutPrefix(key, "remote:"); ok {
		return slices.ContainsFunc(p.Set.Endpoints, func(e Endpoint) bool { return e.Remote == remote })
	}
	t, host := p.egress()
	if t == "" {
		return false
	}
	kt, pattern, ok := cutEgressKey(key)
	if !ok || kt != t {
		return false
	}
	if pattern == nil {
		return true
	}
	_, overlap := hostrule.Meet(*pattern, host, UseOf(t))
	return overlap
}

// egress is what an egress piece is about, "" for any other.
func (p Piece) egress() (EgressType, hostrule.Pattern) {
	if len(p.Set.Egress) == 0 {
		return "", hostrule.Pattern{}
	}
	return p.Set.Egress[0].Type, p.Set.Egress[0].Pattern
}

// cutEgressKey takes "egress:TYPE:PATTERN" apart; the pattern is nil for "egress:TYPE".
func cutEgressKey(key string) (EgressType, *hostrule.Pattern, bool) {
	rest, ok := strings.CutPrefix(key, "egress:")
	if !ok {
		return "", nil, false
	}
	t, text, whole := strings.Cut(rest, ":")
	use := UseOf(EgressType(t))
	if use == 0 {
		return "", nil, false
	}
	if !whole {
		return EgressType(t), nil, true
	}
	p, err := hostrule.ParsePattern(text, use)
	if err != nil {
		return "", nil, false
	}
	return EgressType(t), &p, true
}
