package perm

import (
	"slices"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// defaultRegion is the region of a remote that has one URL.
const defaultRegion = "default"

// RemoteURL is the URL that a site's admin set for a remote that may be configured.
type RemoteURL struct {
	Key string
	URL string
	// Private says that a network grant stands behind it: then, and only then, it may be
	// plain http, an address or a name that the public DNS does not serve.
	Private bool
}

// URLOf is where a remote is, "" while no endpoint is set for it.
func URLOf(s Set, key string) string {
	for _, v := range s.Remotes {
		if v.Key == key && v.Endpoints[defaultRegion] != "" {
			return v.Endpoints[defaultRegion]
		}
	}
	return ""
}

// Located is s with its remotes where they are in here, for words about s: where an admin
// set an address, that one counts and no other. A remote that is not in here stays.
func Located(s, here Set) Set {
	s.Remotes = slices.Clone(s.Remotes)
	for n, v := range s.Remotes {
		if r, ok := RemoteOf(here, v.Key); ok {
			s.Remotes[n].Endpoints = r.Endpoints
		}
	}
	return s
}

// Reachable are the keys of the remotes that have an address, sorted, each once.
func Reachable(s Set) []string {
	out := []string{}
	for _, r := range s.Remotes {
		if URLOf(s, r.Key) != "" {
			out = append(out, r.Key)
		}
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// RemoteOf is what a set says of one remote, in one value: where it has an endpoint, what
// is said of it there, so that a right of another place does not go along. ok is false
// where there is none of the key.
func RemoteOf(s Set, key string) (r Remote, ok bool) {
	url := URLOf(s, key)
	for _, v := range s.Remotes {
		if v.Key != key || url != "" && v.Endpoints[defaultRegion] != url {
			continue
		}
		if !ok {
			r, ok = Remote{Key: key, Endpoints: map[string]string{}}, true
		}
		for region, url := range v.Endpoints {
			if r.Endpoints[region] == "" {
				r.Endpoints[region] = url
			}
		}
		r.Patterns = append(r.Patterns, v.Patterns...)
		r.Operations = append(r.Operations, v.Operations...)
		r.Configurable = r.Configurable || v.Configurable
		r.InScopeEUD = r.InScopeEUD || v.InScopeEUD
		r.UserToken = r.UserToken || v.UserToken
		r.SystemToken = r.SystemToken || v.SystemToken
	}
	return r, ok
}

// EndpointOf is an endpoint of a set, with the tokens that any entry of the key allows.
func EndpointOf(s Set, key string) (e Endpoint, ok bool) {
	for _, v := range s.Endpoints {
		if v.Key != key || ok && (v.Remote != e.Remote || v.Path != e.Path) {
			continue
		}
		v.UserToken, v.SystemToken = v.UserToken || e.UserToken, v.SystemToken || e.SystemToken
		e, ok = v, true
	}
	return e, ok
}

// MayConfigureRemote reports whether an admin may set the URL for the remote: one of
// its entries may be configured, and the URL lies within that entry's patterns.
func MayConfigureRemote(s Set, u RemoteURL) bool {
	return slices.ContainsFunc(s.Remotes, func(v Remote) bool { return v.Key == u.Key && v.admits(u) })
}

func (v Remote) admits(u RemoteURL) bool {
	if !v.Configurable {
		return false
	}
	return u.admittedBy(v.Patterns)
}

func (u RemoteURL) admittedBy(patterns []hostrule.Pattern) bool {
	if u.Private {
		return hostrule.MatchPrivate(patterns, u.URL).Allow
	}
	return hostrule.MatchEndpoint(patterns, u.URL).Allow
}

// MayRegister reports whether the app may ask for remotes that its manifest does not
// name: only one that may be configured at all, so that one that says it stays inside does.
func MayRegister(s Set) bool {
	return s.Configurable != nil || slices.ContainsFunc(s.Remotes, func(v Remote) bool { return v.Configurable })
}

// configureRemotes gives remotes the URLs that were set for them. Where one was set, it
// stands in the place of every declared one, and where it may not be set (any more), or is
// not within the patterns, the remote has no endpoint at all: falling back to the declared one would
// send a site's data where its admin has said that it does not go.
func configureRemotes(s Set, set []RemoteURL, registered []Remote) Set {
	if len(set) == 0 {
		return s
	}
	remotes := slices.Clone(s.Remotes)
	if MayRegister(s) {
		for _, r := range registered {
			if slices.ContainsFunc(set, func(u RemoteURL) bool { return u.Key == r.Key && u.admittedBy(r.Patterns) }) {
				remotes = append(remotes, Remote{Key: r.Key, Patterns: r.Patterns, Configurable: true, Operations: registeredOperations, InScopeEUD: true})
			}
		}
	}
	for n, v := range remotes {
		at := slices.IndexFunc(set, func(u RemoteURL) bool { return u.Key == v.Key })
		if at < 0 {
			continue
		}
		remotes[n].Endpoints = nil
		if v.admits(set[at]) {
			remotes[n].Endpoints = map[string]string{defaultRegion: set[at].URL}
		}
	}
	s.Remotes = remotes
	return Normal(s)
}

// registeredOperations are those of a remote that was registered at run time: it may be
// called, and is taken to store what it is told.
var registeredOperations = []string{"compute", "fetch", "storage"}
