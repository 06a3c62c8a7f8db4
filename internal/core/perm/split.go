package perm

import (
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// scopeSeparator joins an API route's scopes into its identity; no scope holds it.
const scopeSeparator = "\x00"

// atoms takes a set apart into canonical atoms. What permits nothing (a pattern that
// admits no URL, an unknown egress type, which no decision asks for) has none.
func atoms(s Set) []atom {
	var out []atom
	add := func(a atom) { out = append(out, a) }
	for _, v := range s.Scopes {
		a := atom{kind: scopeKind, id: [4]string{v.Name}}
		add(a)
		if v.Impersonation {
			a.feature = impersonation
			add(a)
		}
	}
	for _, v := range s.Egress {
		use := UseOf(v.Type)
		if p := v.Pattern.In(use); use != 0 && p != (hostrule.Pattern{}) {
			add(atom{kind: egressKind, id: [4]string{string(v.Type)}, pattern: p, limit: v.Category, userData: v.InScopeEUD})
		}
	}
	for _, v := range s.Remotes {
		out = append(out, remoteAtoms(v)...)
	}
	for _, v := range s.Endpoints {
		a := atom{kind: endpointKind, id: [4]string{v.Key, v.Remote, v.Path}}
		out = withFeatures(out, a, tokenFeatures(v.UserToken, v.SystemToken))
	}
	for _, v := range s.Providers {
		a := atom{kind: providerKind, id: [4]string{v.Key, v.Name, v.ClientID, v.Bearer}}
		var features []string
		features = prefixed(features, "scope:", v.Scopes)
		features = prefixed(features, "remote:", v.Remotes)
		features = prefixed(features, "action:", v.Actions)
		out = withFeatures(out, a, features)
	}
	for _, v := range s.WebTriggers {
		add(atom{kind: webTriggerKind, id: [4]string{v.Key}, limit: v.Authentication})
	}
	for _, v := range s.APIRoutes {
		scopes := slices.Clone(v.Scopes)
		slices.Sort(scopes)
		add(atom{kind: apiRouteKind, id: [4]string{v.Key, v.Operation, v.Path, strings.Join(slices.Compact(scopes), scopeSeparator)}})
	}
	for _, v := range s.Actions {
		add(atom{kind: actionKind, id: [4]string{v}})
	}
	for _, v := range s.AppEvents {
		for _, recipient := range v.Recipients {
			add(atom{kind: appEventKind, id: [4]string{v.Name}, feature: recipient})
		}
	}
	for _, v := range s.Events {
		add(atom{kind: eventKind, id: [4]string{v}})
	}
	for _, v := range s.Content {
		add(atom{kind: contentKind, id: [4]string{v.Kind, v.Value}})
	}
	for _, v := range s.Sandbox {
		add(atom{kind: sandboxKind, id: [4]string{v}})
	}
	if s.Isolation != "" {
		// There is one weaker grade; a name that we do not know is not taken for a stronger one.
		add(atom{kind: isolationKind, id: [4]string{processIsolation}})
	}
	if s.MemoryMB > 0 {
		add(atom{kind: memoryKind, size: s.MemoryMB})
	}
	if s.Configurable != nil {
		out = append(out, configurableAtoms(*s.Configurable)...)
	}
	return out
}

const processIsolation = "process"

func remoteAtoms(v Remote) []atom {
	features := tokenFeatures(v.UserToken, v.SystemToken)
	if v.InScopeEUD {
		features = append(features, inScopeEUD)
	}
	features = prefixed(features, "operation:", v.Operations)
	a := atom{kind: remoteKind, id: [4]string{v.Key}}
	out := withFeatures(nil, a, features)
	for region, text := range v.Endpoints {
		b := a
		b.reach, b.region, b.base = fixed, region, newBaseURL(text)
		out = withFeatures(out, b, features)
	}
	if !v.Configurable {
		return out
	}
	if len(v.Patterns) == 0 {
		a.reach = unbounded
		return withFeatures(out, a, features)
	}
	for _, p := range v.Patterns {
		// A remote is called over https, so a pattern of another scheme bounds nothing in.
		if a.reach, a.pattern = within, p.In(hostrule.Remote); a.pattern.Any || a.pattern.Scheme == "https" {
			out = withFeatures(out, a, features)
		}
	}
	return out
}

// configurableAtoms treats the two bounds as independent axes: what may be asked is
// each type with each pattern. A bound that is empty does not bound.
func configurableAtoms(c Configurable) []atom {
	var types, patterns []atom
	for _, t := range c.Types {
		if a := (atom{kind: configurableTypeKind, limit: string(t)}); UseOf(t) != 0 && !slices.Contains(types, a) {
			types = append(types, a)
		}
	}
	if len(c.Types) == 0 || len(types) == len(EgressTypes) {
		// To name all types is not to bound them.
		types = []atom{{kind: configurableTypeKind}}
	}
	for _, p := range c.Patterns {
		if p = p.In(hostrule.Resource); p != (hostrule.Pattern{}) {
			patterns = append(patterns, atom{kind: configurablePatternKind, reach: within, pattern: p})
		}
	}
	if len(c.Patterns) == 0 {
		patterns = append(patterns, atom{kind: configurablePatternKind, reach: unbounded})
	}
	if len(types) == 0 || len(patterns) == 0 {
		return nil
	}
	return append(types, patterns...)
}

func tokenFeatures(user, system bool) []string {
	var out []string
	if user {
		out = append(out, userToken)
	}
	if system {
		out = append(out, systemToken)
	}
	return out
}

func prefixed(out []string, prefix string, values []string) []string {
	for _, v := range values {
		out = append(out, prefix+v)
	}
	return out
}

func withFeatures(out []atom, a atom, features []string) []atom {
	a.feature = ""
	out = append(out, a)
	for _, f := range features {
		a.feature = f
		out = append(out, a)
	}
	return out
}
