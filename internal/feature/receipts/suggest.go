package receipts

import (
	"cmp"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

// Suggestion is the least authority with which each request that was let go is let go again.
type Suggestion struct {
	Set perm.Set
	// Calls is how many requests it stands on.
	Calls int64
	// Unused are what is allowed, measured, and was not needed.
	Unused perm.Set
	// Unmeasured are what is allowed and does not pass the server: pages load it, so nobody
	// knows whether it was needed. It is no part of Set.
	Unmeasured perm.Set
	// Rest is how many requests were counted together and are not told apart.
	Rest int64
}

// Suggest proposes the least that lets through what was let through, within what is allowed
// at present. Taking any line of it away refuses a request that was made.
func Suggest(uses []Used, now Policy) Suggestion {
	allowed := now.Set
	var out Suggestion
	var made []Use
	for _, u := range uses {
		switch {
		case u.Requests == 0:
		case u.Rest:
			out.Rest += u.Requests
		default:
			out.Calls += u.Requests
			made = append(made, u.passed(allowed))
		}
	}
	set := perm.Set{}
	for _, u := range made {
		set = perm.Union(set, u.least(allowed))
	}
	// What the grant of today lets through no more needs nothing of it.
	made = slices.DeleteFunc(made, func(u Use) bool { return u.under(Policy{Set: set, Networks: now.Networks}) != yes })
	out.Set = irreducible(set, now.Networks, made)
	for _, e := range allowed.Egress {
		if e.Type != perm.Backend && !perm.Covers(out.Set, perm.Set{Egress: []perm.Egress{e}}) {
			out.Unmeasured.Egress = append(out.Unmeasured.Egress, e)
		}
	}
	measured := perm.Set{Scopes: allowed.Scopes, Remotes: allowed.Remotes, Endpoints: allowed.Endpoints, Providers: allowed.Providers}
	for _, e := range allowed.Egress {
		if e.Type == perm.Backend {
			measured.Egress = append(measured.Egress, e)
		}
	}
	out.Unused = perm.Diff(out.Set, measured)
	return out
}

// least is something small that lets the use through, within what is allowed.
func (u Use) least(allowed perm.Set) perm.Set {
	var out perm.Set
	switch u.Via {
	case Fetch:
		t := perm.EgressType(u.Type)
		texts := []string{u.Origin}
		if perm.UseOf(t) != hostrule.Backend && len(u.Matched) > 0 {
			// The path is not kept, so the pattern that admitted it stands for it; the longest
			// is the narrowest.
			texts = []string{slices.MaxFunc(u.Matched, func(a, b string) int { return cmp.Compare(len(a), len(b)) })}
		}
		for _, text := range texts {
			if p, err := hostrule.ParsePattern(text, perm.UseOf(t)); err == nil {
				out.Egress = append(out.Egress, perm.Egress{Type: t, Pattern: p, InScopeEUD: eud(allowed, t, p)})
			}
		}
	case Remote:
		key := u.Key
		if e, ok := perm.EndpointOf(allowed, u.Endpoint); ok && u.Endpoint != "" {
			key = e.Remote
			out.Endpoints = slices.DeleteFunc(slices.Clone(allowed.Endpoints), func(e perm.Endpoint) bool { return e.Key != u.Endpoint })
		}
		out.Remotes = slices.DeleteFunc(slices.Clone(allowed.Remotes), func(r perm.Remote) bool { return r.Key != key })
	case Provider:
		out.Remotes = slices.DeleteFunc(slices.Clone(allowed.Remotes), func(r perm.Remote) bool {
			return u.provider(perm.Set{Remotes: []perm.Remote{r}, Providers: allowed.Providers}) == no
		})
		out.Providers = slices.DeleteFunc(slices.Clone(allowed.Providers), func(p perm.Provider) bool { return p.Key != u.Key })
	case Product:
		if u.Remote != "" {
			out.Remotes = slices.DeleteFunc(slices.Clone(allowed.Remotes), func(r perm.Remote) bool { return r.Key != u.Remote })
		}
		for _, scopes := range u.Needs {
			for _, name := range scopes {
				if perm.HasScope(allowed, name) {
					out.Scopes = append(out.Scopes, perm.Scope{Name: name, Impersonation: u.As == "offline" && perm.MayImpersonate(allowed, name)})
				}
			}
		}
		for _, origin := range u.Contacts {
			if p, err := hostrule.ParsePattern(origin, hostrule.Backend); err == nil {
				out.Egress = append(out.Egress, perm.Egress{Type: perm.Backend, Pattern: p, InScopeEUD: eud(allowed, perm.Backend, p)})
			}
		}
	}
	return out
}

// eud says whether end-user data goes to the pattern, as the present grant has it.
func eud(allowed perm.Set, t perm.EgressType, p hostrule.Pattern) bool {
	use := perm.UseOf(t)
	for _, e := range allowed.Egress {
		if e.Type == t && hostrule.Covers(e.Pattern.In(use), p.In(use), use) && e.InScopeEUD {
			return true
		}
	}
	return false
}

// irreducible takes away, piece by piece, what no use needs: operations may be had by one
// scope or another. What is left is needed, each piece by some use.
func irreducible(s perm.Set, open []call.Network, made []Use) perm.Set {
	pieces := perm.Pieces(s)
	// What may change things goes first where reading would do.
	changes := func(p perm.Piece) int {
		return strings.Count(p.Key, "write") + strings.Count(p.Key, "admin") + strings.Count(p.Key, "manage")
	}
	slices.SortStableFunc(pieces, func(a, b perm.Piece) int { return changes(b) - changes(a) })
	for _, p := range pieces {
		if less := perm.Without(s, p.Key); enough(Policy{Set: less, Networks: open}, made) {
			s = less
		}
	}
	return perm.Normal(s)
}

func enough(p Policy, made []Use) bool {
	return !slices.ContainsFunc(made, func(u Use) bool { return u.under(p) != yes })
}
