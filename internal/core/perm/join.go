package perm

import (
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// join puts sorted, maximal atoms back together into the one Set in normal form that
// means them.
func join(atoms []atom) Set {
	var s Set
	for _, a := range atoms {
		switch a.kind {
		case scopeKind:
			s.Scopes = append(s.Scopes, Scope{Name: a.id[0], Impersonation: a.feature == impersonation})
		case egressKind:
			s.Egress = append(s.Egress, Egress{Type: EgressType(a.id[0]), Pattern: a.pattern, Category: a.limit, InScopeEUD: a.userData})
		case webTriggerKind:
			s.WebTriggers = append(s.WebTriggers, WebTrigger{Key: a.id[0], Authentication: a.limit})
		case apiRouteKind:
			r := APIRoute{Key: a.id[0], Operation: a.id[1], Path: a.id[2]}
			if a.id[3] != "" {
				r.Scopes = strings.Split(a.id[3], scopeSeparator)
			}
			s.APIRoutes = append(s.APIRoutes, r)
		case actionKind:
			s.Actions = append(s.Actions, a.id[0])
		case appEventKind:
			if last := len(s.AppEvents) - 1; last >= 0 && s.AppEvents[last].Name == a.id[0] {
				s.AppEvents[last].Recipients = append(s.AppEvents[last].Recipients, a.feature)
			} else {
				s.AppEvents = append(s.AppEvents, AppEvent{Name: a.id[0], Recipients: []string{a.feature}})
			}
		case eventKind:
			s.Events = append(s.Events, a.id[0])
		case contentKind:
			s.Content = append(s.Content, Content{Kind: a.id[0], Value: a.id[1]})
		case sandboxKind:
			s.Sandbox = append(s.Sandbox, a.id[0])
		case isolationKind:
			s.Isolation = a.id[0]
		case memoryKind:
			s.MemoryMB = a.size
		}
	}
	s.Endpoints = joinEndpoints(ofKind(atoms, endpointKind))
	s.Providers = joinProviders(ofKind(atoms, providerKind))
	s.Remotes = joinRemotes(ofKind(atoms, remoteKind))
	s.Configurable = joinConfigurable(ofKind(atoms, configurableTypeKind), ofKind(atoms, configurablePatternKind))
	return s
}

func ofKind(atoms []atom, k kind) []atom {
	var out []atom
	for _, a := range atoms {
		if a.kind == k {
			out = append(out, a)
		}
	}
	return out
}

// byID cuts sorted atoms into runs with the same id.
func byID(atoms []atom) [][]atom {
	var out [][]atom
	for _, a := range atoms {
		if n := len(out); n > 0 && out[n-1][0].id == a.id {
			out[n-1] = append(out[n-1], a)
		} else {
			out = append(out, []atom{a})
		}
	}
	return out
}

func features(atoms []atom) []string {
	var out []string
	for _, a := range atoms {
		if a.feature != "" {
			out = append(out, a.feature)
		}
	}
	return out
}

func withPrefix(features []string, prefix string) []string {
	var out []string
	for _, f := range features {
		if v, ok := strings.CutPrefix(f, prefix); ok {
			out = append(out, v)
		}
	}
	return out
}

func joinEndpoints(atoms []atom) []Endpoint {
	var out []Endpoint
	for _, run := range byID(atoms) {
		f := features(run)
		out = append(out, Endpoint{Key: run[0].id[0], Remote: run[0].id[1], Path: run[0].id[2],
			UserToken: slices.Contains(f, userToken), SystemToken: slices.Contains(f, systemToken)})
	}
	return out
}

func joinProviders(atoms []atom) []Provider {
	var out []Provider
	for _, run := range byID(atoms) {
		f := features(run)
		out = append(out, Provider{Key: run[0].id[0], Name: run[0].id[1], ClientID: run[0].id[2], Bearer: run[0].id[3],
			Scopes: withPrefix(f, "scope:"), Remotes: withPrefix(f, "remote:"), Actions: withPrefix(f, "action:")})
	}
	return out
}

// joinRemotes groups the destinations of one remote that have the same features into
// one entry. Two addresses for one region do not fit into one entry; the later in
// order goes to the next.
func joinRemotes(atoms []atom) []Remote {
	var out []Remote
	for _, run := range byID(atoms) {
		var order []string
		groups := map[string][]atom{} // by features
		for len(run) > 0 {
			dest := run[0]
			n := 1
			for n < len(run) && run[n].sameReach(dest) {
				n++
			}
			key := strings.Join(features(run[:n]), "\x00")
			if _, seen := groups[key]; !seen {
				order = append(order, key)
			}
			groups[key] = append(groups[key], dest)
			run = run[n:]
		}
		slices.Sort(order)
		for _, key := range order {
			var f []string
			if key != "" {
				f = strings.Split(key, "\x00")
			}
			out = append(out, remoteEntries(groups[key], f)...)
		}
	}
	return out
}

func (h atom) sameReach(w atom) bool {
	return h.reach == w.reach && h.region == w.region && h.base == w.base && h.pattern == w.pattern
}

func remoteEntries(dests []atom, f []string) []Remote {
	entry := func() Remote {
		return Remote{Key: dests[0].id[0], Operations: withPrefix(f, "operation:"), InScopeEUD: slices.Contains(f, inScopeEUD),
			UserToken: slices.Contains(f, userToken), SystemToken: slices.Contains(f, systemToken)}
	}
	out := []Remote{entry()}
	perRegion := map[string]int{}
	for _, d := range dests {
		switch d.reach {
		case fixed:
			n := perRegion[d.region]
			perRegion[d.region]++
			if n == len(out) {
				out = append(out, entry())
			}
			if out[n].Endpoints == nil {
				out[n].Endpoints = map[string]string{}
			}
			out[n].Endpoints[d.region] = d.base.text
		case within:
			out[0].Configurable = true
			out[0].Patterns = append(out[0].Patterns, d.pattern)
		case unbounded:
			out[0].Configurable = true
		}
	}
	return out
}

// joinConfigurable needs both axes: without a type, or without a pattern, nothing may
// be asked, and an empty list would say the opposite.
func joinConfigurable(types, patterns []atom) *Configurable {
	if len(types) == 0 || len(patterns) == 0 {
		return nil
	}
	c := &Configurable{}
	for _, a := range types {
		if a.limit != "" {
			c.Types = append(c.Types, EgressType(a.limit))
		}
	}
	for _, a := range patterns {
		if a.pattern != (hostrule.Pattern{}) {
			c.Patterns = append(c.Patterns, a.pattern)
		}
	}
	return c
}
