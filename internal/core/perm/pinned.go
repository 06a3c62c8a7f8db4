package perm

import (
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
	for _, p := range s.Providers {
		for _, line := range p.Actions {
			if a := actionOf(line); slices.Contains(minting, a.name) && a.is(s, u) {
				return true
			}
		}
	}
	return false
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

// is reports whether the URL is the action's, or below it; servers read paths without
// regard to a slash at the end, to escapes, and some to letters' case.
func (a action) is(s Set, u hostrule.URL) bool {
	for _, r := range s.Remotes {
		if r.Key != a.remote {
			continue
		}
		for _, text := range r.Endpoints {
			base, err := hostrule.ParseBaseURL(text)
			if err != nil || !base.SameOrigin(u) {
				continue
			}
			// Providers resolve a path against the base as browsers do; remotes append it.
			for _, at := range []string{a.path, strings.TrimSuffix(base.Path, "/") + "/" + strings.TrimPrefix(a.path, "/")} {
				if have, want := hostrule.PlainPath(u.Path), hostrule.PlainPath(at); have == want || want != "/" && strings.HasPrefix(have, want+"/") {
					return true
				}
			}
		}
	}
	return false
}
