package perm

import (
	"iter"
	"maps"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// PinnedRemote decides whether a request may go to base as the remote: base has the
// scheme, host and port of one of the remote's endpoints in the set, and its path or one
// below. The endpoints are what is declared, or what an admin set within the patterns;
// see Effective.
func PinnedRemote(s Set, remote string, base hostrule.URL) bool {
	return slices.ContainsFunc(s.Remotes, func(r Remote) bool {
		if r.Key != remote {
			return false
		}
		for _, text := range r.Endpoints {
			// What only a private network has is there only with a grant of one, which the
			// broker looks for.
			u, err := hostrule.ParsePrivateURL(text)
			if err == nil && u.SameOrigin(base) {
				return true
			}
		}
		return false
	})
}

// PinnedProvider decides whether a provider's protocol or its credential may go to base:
// the provider names the remote, for its credential or in one of its actions, and base is
// the remote's.
func PinnedProvider(s Set, provider, remote string, base hostrule.URL) bool {
	for _, p := range s.Providers {
		if p.Key == provider && (slices.Contains(p.Remotes, remote) || slices.ContainsFunc(p.Actions, func(line string) bool { return actionOf(line).remote == remote })) {
			return PinnedRemote(s, remote, base)
		}
	}
	return false
}

// MintsTokens reports whether the URL is where a provider in the set gives out, renews or
// revokes credentials. What an app fetched there could be a credential, which it is never
// to hold.
func MintsTokens(s Set, u hostrule.URL) bool {
	for m := range mints(s, u) {
		if m.is(u) {
			return true
		}
	}
	return false
}

// Minting tells of the places of the URL's host where providers in the set give out
// credentials whether the URL is one: at those in at, at those in clear not. The same place
// has the same name in every set.
func Minting(s Set, u hostrule.URL) (at, clear []string) {
	for m := range mints(s, u) {
		if m.is(u) {
			at = append(at, m.name)
		} else {
			clear = append(clear, m.name)
		}
	}
	return at, clear
}

// MintsAt are the names of all such places of the URL's host.
func MintsAt(s Set, u hostrule.URL) (out []string) {
	for m := range mints(s, u) {
		out = append(out, m.name)
	}
	return out
}

// mint is where a provider gives out credentials.
type mint struct {
	name string
	base hostrule.URL // of the remote
	path string       // of the action
}

// mints are those with the URL's origin.
func mints(s Set, u hostrule.URL) iter.Seq[mint] {
	return func(yield func(mint) bool) {
		for _, p := range s.Providers {
			for _, line := range p.Actions {
				a := actionOf(line)
				if !slices.Contains(minting, a.name) {
					continue
				}
				for _, text := range endpointsOf(s, a.remote) {
					base, err := hostrule.ParseBaseURL(text)
					if err == nil && base.SameOrigin(u) && !yield(mint{p.Key + " " + a.name + " " + text + " " + a.path, base, a.path}) {
						return
					}
				}
			}
		}
	}
}

// endpointsOf are a remote's URLs, in a fixed order.
func endpointsOf(s Set, remote string) (out []string) {
	for _, r := range s.Remotes {
		if r.Key == remote {
			for _, region := range slices.Sorted(maps.Keys(r.Endpoints)) {
				out = append(out, r.Endpoints[region])
			}
		}
	}
	return out
}

// minting are the actions whose answers are credentials.
var minting = []string{"exchange", "refreshToken", "revokeToken", "mint"}

// action is the beginning of one of a provider's action lines.
type action struct{ name, remote, path string }

func actionOf(line string) action {
	name, rest, _ := strings.Cut(line, " ")
	remote, rest, _ := strings.Cut(rest, " ")
	path, _, _ := strings.Cut(rest, " ")
	return action{name, remote, path}
}

// is reports whether the URL is the place, or below it; servers read paths without regard
// to a slash at the end, to escapes, and some to letters' case.
func (m mint) is(u hostrule.URL) bool {
	// Providers resolve a path against the base as browsers do; remotes append it.
	for _, at := range []string{m.path, strings.TrimSuffix(m.base.Path, "/") + "/" + strings.TrimPrefix(m.path, "/")} {
		if have, want := hostrule.PlainPath(u.Path), hostrule.PlainPath(at); have == want || want != "/" && strings.HasPrefix(have, want+"/") {
			return true
		}
	}
	return false
}
