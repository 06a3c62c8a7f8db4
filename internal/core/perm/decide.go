package perm

import (
	"slices"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// UseOf is how patterns of an egress type count; 0 for an unknown type, which admits
// nothing.
func UseOf(t EgressType) hostrule.Use {
	switch t {
	case Backend:
		return hostrule.Backend
	case Client, Images, Media, Fonts, Navigation:
		return hostrule.Resource
	case Scripts, Styles, Frames:
		return hostrule.Code
	default:
		return 0
	}
}

// AllowsURL decides whether a request of the type may go to the URL. This is the
// decision; everything else in this package must agree with it.
func AllowsURL(s Set, t EgressType, u hostrule.URL) hostrule.Verdict {
	use := UseOf(t)
	if use == 0 {
		return hostrule.Verdict{Rule: "egress-type", Reason: "there is no such way to leave"}
	}
	var patterns []hostrule.Pattern
	for _, e := range s.Egress {
		if e.Type == t {
			patterns = append(patterns, e.Pattern)
		}
	}
	return hostrule.Decide(patterns, use, u)
}

// Admitting are the patterns of the type that admit the URL, as text; missing are those that
// would, were it not for its path.
func Admitting(s Set, t EgressType, u hostrule.URL) (admitting, missing []string) {
	for _, e := range s.Egress {
		switch bare := e.Pattern; {
		case e.Type != t:
		case hostrule.Match(e.Pattern, u, UseOf(t)):
			admitting = append(admitting, e.Pattern.String())
		default:
			if bare.Path = ""; hostrule.Match(bare, u, UseOf(t)) {
				missing = append(missing, e.Pattern.String())
			}
		}
	}
	return admitting, missing
}

// HasScope reports whether the scope is in the set.
func HasScope(s Set, name string) bool {
	return slices.ContainsFunc(s.Scopes, func(v Scope) bool { return v.Name == name })
}

// MayImpersonate reports whether the app may use the scope offline as a user who
// consented to it.
func MayImpersonate(s Set, scope string) bool {
	return slices.ContainsFunc(s.Scopes, func(v Scope) bool { return v.Name == scope && v.Impersonation })
}

// HasWebTrigger reports whether the dynamic web trigger may be called.
func HasWebTrigger(s Set, key string) bool {
	return slices.ContainsFunc(s.WebTriggers, func(v WebTrigger) bool { return v.Key == key })
}

// WebTriggerAuthentications are the ways in which a caller of the web trigger may
// prove itself; "" among them means that it need not.
func WebTriggerAuthentications(s Set, key string) []string {
	var out []string
	for _, v := range s.WebTriggers {
		if v.Key == key {
			out = append(out, v.Authentication)
		}
	}
	return out
}

// HasRemote reports whether the remote is in the set.
func HasRemote(s Set, key string) bool {
	return slices.ContainsFunc(s.Remotes, func(v Remote) bool { return v.Key == key })
}

// HasProvider reports whether users may connect the provider.
func HasProvider(s Set, key string) bool {
	return slices.ContainsFunc(s.Providers, func(v Provider) bool { return v.Key == key })
}

// HasEvent reports whether the app is told of the product event.
func HasEvent(s Set, eventType string) bool { return slices.Contains(s.Events, eventType) }

// HasAction reports whether the action may be called.
func HasAction(s Set, key string) bool { return slices.Contains(s.Actions, key) }

// HasContent reports whether the relaxation of the content security policy is in the set.
func HasContent(s Set, kind, value string) bool {
	return slices.Contains(s.Content, Content{Kind: kind, Value: value})
}

// MayAsk reports whether the app may ask an admin, at run time, for requests of the type
// to the URL. The bounds hold for all types at once, so a pattern is read as narrowly as
// any type reads it: its path counts, and "*" is https on port 443 of named hosts.
func MayAsk(s Set, t EgressType, u hostrule.URL) bool {
	c := s.Configurable
	if c == nil || UseOf(t) == 0 || len(c.Types) > 0 && !slices.Contains(c.Types, t) {
		return false
	}
	return len(c.Patterns) == 0 || slices.ContainsFunc(c.Patterns, func(p hostrule.Pattern) bool {
		return hostrule.Match(p, u, hostrule.Backend) && hostrule.Match(p, u, hostrule.Resource)
	})
}
