package receipts

import (
	"cmp"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

// Change is what a change of the policy means for the requests of one destination, as far
// as they were made.
type Change struct {
	Via, Key, Type, Origin, Operation string
	Refused                           int64 // were let go, and would be refused
	Allowed                           int64 // were refused, and would be let go
	Unsure                            int64 // depends on what is not kept, a path for instance
}

// Prediction is what a change would have meant for all requests that were counted.
type Prediction struct {
	Changes                  []Change // the most requests first
	Refused, Allowed, Unsure int64
	Seen                     int64 // requests that were looked at
}

// Policy is what decides about requests: a set, and the private networks that are open.
type Policy struct {
	perm.Set
	Networks []call.Network
	// Asks says that people agree to where data may go before the app acts as them.
	Asks bool
	// anew says that they would be asked again.
	anew bool
}

// opened reports whether a network is open for an address of a remote.
func (p Policy) opened(remote string, at hostrule.URL) bool {
	return slices.ContainsFunc(p.Networks, func(n call.Network) bool { return n.Remote == remote && n.Host == at.Host && n.Port == at.Port })
}

// WhatIf replays requests under two policies and tells where they differ. The decisions are
// those of the broker and of the product gate, over the same kind of set.
func WhatIf(uses []Used, from, to Policy) Prediction {
	to.anew = to.Asks && !perm.Covers(perm.Outgoing(from.Set), perm.Outgoing(to.Set))
	same := perm.Covers(from.Set, to.Set) && perm.Covers(to.Set, from.Set) && slices.Equal(from.Networks, to.Networks)
	return compare(uses, func(u Use) Use { return u.in(from.Set).in(to.Set) }, func(u Used) (before, after answer) {
		if same {
			return no, no
		}
		u.Use = u.passed(from.Set)
		return u.under(from), u.under(to)
	})
}

// WhatIfEnded replays requests as if the installation had ended: nothing goes then, not even
// what needs no permission.
func WhatIfEnded(uses []Used, from Policy) Prediction {
	return compare(uses, func(u Use) Use { return u.in(from.Set) }, func(u Used) (before, after answer) {
		if before = u.under(from); before == unsure {
			before = of(u.Rule == "") // it is known of what happened, and that is what ends
		}
		return before, no
	})
}

// compare tells where answers differ; told is the use as it is told, with where it would go.
func compare(uses []Used, told func(u Use) Use, answers func(u Used) (before, after answer)) Prediction {
	type key struct{ via, key, typ, origin, operation string }
	found := map[key]*Change{}
	var out Prediction
	for _, u := range uses {
		n := u.Requests + u.Refused
		out.Seen += n
		before, after := answers(u)
		if before == after && before != unsure || u.Rule != "" && !u.policys() {
			continue
		}
		is := told(u.Use)
		k := key{is.Via, is.Key, is.Type, is.Origin, is.Operation}
		c := found[k]
		if c == nil {
			c = &Change{Via: is.Via, Key: is.Key, Type: is.Type, Origin: is.Origin, Operation: is.Operation}
			found[k] = c
		}
		switch {
		case before == unsure || after == unsure:
			c.Unsure += n
			out.Unsure += n
		case after == no:
			c.Refused += n
			out.Refused += n
		default:
			c.Allowed += n
			out.Allowed += n
		}
	}
	for _, c := range found {
		out.Changes = append(out.Changes, *c)
	}
	slices.SortFunc(out.Changes, func(a, b Change) int {
		return cmp.Or(cmp.Compare(b.Refused+b.Allowed+b.Unsure, a.Refused+a.Allowed+a.Unsure), cmp.Compare(a.Origin, b.Origin),
			cmp.Compare(a.Operation, b.Operation), cmp.Compare(a.Via, b.Via), cmp.Compare(a.Type, b.Type), cmp.Compare(a.Key, b.Key))
	})
	return out
}

// answer is what a policy says of a use.
type answer int

const (
	no answer = iota
	yes
	unsure
)

// policys reports whether it was the policy that refused; what is malformed or over a limit is
// refused under each.
func (u Use) policys() bool {
	return strings.HasPrefix(u.Rule, "egress-") && u.Rule != "egress-port-blocked" && u.Rule != "egress-ip-literal" &&
		u.Rule != "egress-special-name" && u.Rule != "egress-single-label" ||
		slices.Contains([]string{"pinned-destination", "scope-not-granted", "request-egress-allowlist-err", "provider-token-endpoint",
			"remote-not-granted", "endpoint-not-granted", "remote-not-configured", "provider-not-granted", "network-not-granted"}, u.Rule) ||
		u.Rule == address && u.Via == Remote
}

// address is the rule that refuses addresses that are not public; a private network lifts it.
const address = "address"

// under is what would be decided about the use under a policy.
func (u Use) under(p Policy) answer {
	switch {
	case u.Rest:
		return unsure
	case u.Never:
		return no
	}
	switch u.Via {
	case Fetch:
		return both(u.fetch(p.Set), func() answer { return u.unminted(p.Set, u.Origin) })
	case Remote:
		return u.remote(p)
	case Provider:
		return both(u.provider(p.Set), func() answer { return u.unminted(p.Set, u.origin(p.Set)) })
	case Product:
		out := u.product(p.Set)
		if out == yes && u.As != "app" && p.anew {
			return unsure // until its user has agreed
		}
		return out
	}
	return unsure
}

// both is yes where both are.
func both(first answer, second func() answer) answer {
	if first == no {
		return no
	}
	if then := second(); then != yes {
		return then
	}
	return first
}

// passed is a use that was sent with what that says of the places where providers give out
// credentials and which were not there for all to know: it was for none of them.
func (u Use) passed(s perm.Set) Use {
	at, err := hostrule.ParseURL(u.Origin + "/")
	if err != nil || u.Rule != "" {
		return u
	}
	for _, place := range perm.MintsAt(s, at) {
		if !slices.Contains(u.Mints, place) {
			u.Clear = append(slices.Clip(u.Clear), place)
		}
	}
	return u
}

// unminted is whether the request, which would go to an origin, is for none of the places
// where a provider in the set gives out credentials.
func (u Use) unminted(s perm.Set, origin string) answer {
	at, err := hostrule.ParseURL(origin + "/")
	if err != nil { // in a private network, where no provider is
		return yes
	}
	out := yes
	for _, place := range perm.MintsAt(s, at) {
		switch {
		case slices.Contains(u.Mints, place):
			return no
		case !slices.Contains(u.Clear, place):
			out = unsure // that place was not there, and the path is not kept
		}
	}
	return out
}

func (u Use) fetch(s perm.Set) answer {
	url, err := hostrule.ParseURL(u.Origin + "/")
	if err != nil {
		return no
	}
	t := perm.EgressType(u.Type)
	if perm.UseOf(t) == hostrule.Backend {
		return of(perm.AllowsURL(s, t, url).Allow)
	}
	out := no
	for _, e := range s.Egress {
		if e.Type != t {
			continue
		}
		bare, text := e.Pattern, e.Pattern.String()
		bare.Path = ""
		switch {
		case !hostrule.Match(bare, url, perm.UseOf(t)) || slices.Contains(u.Missed, text):
		case e.Pattern.Path == "" || slices.Contains(u.Matched, text):
			return yes
		default: // whether its path fits is not kept
			out = unsure
		}
	}
	return out
}

// remote is decided by what the app asked for, which is the remote and no address: a request
// of before the remote moved would go to where it is now.
func (u Use) remote(p Policy) answer {
	at, err := hostrule.ParsePrivateURL(u.located(p.Set))
	if err != nil {
		return no
	}
	key := u.Key
	if e, ok := perm.EndpointOf(p.Set, u.Endpoint); ok && u.Endpoint != "" {
		key = e.Remote
	}
	_, private := hostrule.ParseBaseURL(u.located(p.Set))
	there := u.Origin == "" || u.Origin == at.Origin()
	switch open := p.opened(key, at); {
	case open && u.Rule == address:
		return unsure // it may have another address than those of the network
	case open:
	case private != nil, there && (u.Opened || u.Rule == address):
		return no
	}
	return u.unminted(p.Set, at.Origin())
}

// located is where the remote is under a set, "" where it is nowhere.
func (u Use) located(s perm.Set) string {
	if u.Endpoint != "" {
		e, _ := perm.EndpointOf(s, u.Endpoint)
		return perm.URLOf(s, e.Remote)
	}
	return perm.URLOf(s, u.Key)
}

// in is the use with what of it is known under a set alone: which remote an endpoint stands
// for, and where that is.
func (u Use) in(s perm.Set) Use {
	if e, ok := perm.EndpointOf(s, u.Endpoint); ok && u.Endpoint != "" {
		u.Key = e.Remote
	}
	u.Origin = u.origin(s)
	return u
}

// origin is where the request would go under a set, "" where that is not known.
func (u Use) origin(s perm.Set) string {
	at := ""
	switch {
	case u.Origin != "":
		return u.Origin
	case u.Via == Remote:
		at = u.located(s)
	case u.Via == Provider:
		at = perm.URLOf(s, u.Remote)
	}
	where, err := hostrule.ParsePrivateURL(at)
	if err != nil {
		return ""
	}
	return where.Origin()
}

func (u Use) provider(s perm.Set) answer {
	base, err := hostrule.ParseBaseURL(u.origin(s))
	if err != nil {
		return no
	}
	if u.Remote == "" {
		return of(slices.ContainsFunc(s.Remotes, func(r perm.Remote) bool { return perm.PinnedProvider(s, u.Key, r.Key, base) }))
	}
	out := of(perm.PinnedProvider(s, u.Key, u.Remote, base))
	if out == yes && !u.Keyed {
		return unsure // nobody looked whether there was a credential for it
	}
	return out
}

func (u Use) product(s perm.Set) answer {
	if u.Remote != "" && perm.URLOf(s, u.Remote) == "" { // nobody gives it a token
		return no
	}
	for _, origin := range u.Contacts {
		url, err := hostrule.ParseURL(origin + "/")
		if err != nil || !perm.AllowsURL(s, perm.Backend, url).Allow {
			return no
		}
	}
	granted, offline := false, false
	for _, scopes := range u.Needs {
		if slices.ContainsFunc(scopes, func(name string) bool { return !perm.HasScope(s, name) }) {
			continue
		}
		granted = true
		offline = offline || !slices.ContainsFunc(scopes, func(name string) bool { return !perm.MayImpersonate(s, name) })
	}
	switch {
	case !granted || u.As == "offline" && !offline:
		return no
	case u.Rule == "scope-not-granted" && u.As != "app" && !u.Keyed, u.Rule == "request-egress-allowlist-err":
		return unsure // whether the user would have agreed, or what else it names
	}
	return yes
}

func of(allow bool) answer {
	if allow {
		return yes
	}
	return no
}

// Admits reports whether a pattern lets requests to an origin through, path aside.
func Admits(t perm.EgressType, p hostrule.Pattern, origin string) bool {
	u, err := hostrule.ParseURL(origin + "/")
	p.Path = ""
	return err == nil && hostrule.Match(p, u, perm.UseOf(t))
}
