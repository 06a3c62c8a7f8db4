package applint

import (
	"fmt"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/bundle"
	"github.com/annexhq/annex/manifest"
)

// Undecided is what is declared and nothing visibly uses, while something that reading
// cannot follow may. That is no problem, and never a warning.
type Undecided struct {
	Declared []string `json:"declared"`
	Because  string   `json:"because"`
}

// String is one line about it.
func (u Undecided) String() string {
	return fmt.Sprintf("nothing visibly uses %s, which does not say that nothing does: %s", strings.Join(u.Declared, ", "), u.Because)
}

// unused looks for what is declared and nothing uses.
type unused struct {
	m         *manifest.Manifest
	facts     *bundle.Facts
	options   Options
	pages     *pages
	warn      func(at bundle.Position, rule, message, fix string)
	undecided []Undecided
}

// tell warns of what nothing uses, unless there is a reason for which that is unknown.
func (u *unused) tell(declared []string, because string, warn func(string)) {
	switch {
	case len(declared) == 0:
	case because != "":
		u.undecided = append(u.undecided, Undecided{declared, because})
	default:
		for _, d := range declared {
			warn(d)
		}
	}
}

// scopes finds scopes of products that no operation of the code needs, and no event.
func (u *unused) scopes(used map[string]bool) {
	for _, t := range u.m.Modules.Trigger {
		for _, e := range t.Events {
			for _, s := range u.options.Events[e.EventType] {
				used[s] = true
			}
		}
	}
	for _, p := range u.options.Products {
		if len(u.options.Operations[p.Key]) == 0 {
			continue
		}
		var declared []string
		for _, s := range p.Scopes {
			if u.m.Perms.Scopes.Has(s) && !used[s] {
				declared = append(declared, s)
			}
		}
		u.tell(declared, u.mayAsk(p), func(s string) {
			u.warn(at(u.m, "permissions.scopes."+s, "permissions.scopes"), "scope-unused", fmt.Sprintf("the scope %s is declared and no operation that the code calls needs it", s), "remove it: admins are asked for it")
		})
	}
}

// storage finds that an app may store and none of its sources, nor of what it depends on,
// speaks of anything that does.
func (u *unused) storage() {
	if !u.m.Perms.Scopes.Has(storageScope) || len(u.facts.Storage) > 0 || slices.ContainsFunc([]string{"storage", "kvs", "store"}, u.facts.Mentions) {
		return
	}
	u.tell([]string{storageScope}, u.tokens(), func(s string) {
		u.warn(at(u.m, "permissions.scopes."+s, "permissions.scopes"), "scope-unused", fmt.Sprintf("the scope %s is declared and the code stores nothing", s), "remove it: admins are asked for it")
	})
}

// mayAsk is a reason for which not every request to a product is known, "" if there is none.
func (u *unused) mayAsk(p manifest.Product) string {
	names := append([]string{p.Key}, p.Aliases...)
	for _, c := range u.facts.OpenCalls {
		name, _ := strings.CutPrefix(c.What, "request")
		other := name != c.What && name != "Product" && name != "Graph" && !slices.ContainsFunc(names, func(n string) bool { return strings.EqualFold(n, name) })
		if !other {
			return fmt.Sprintf("%s: the operation of %s is known at run time only", place(c.Position), c.What)
		}
	}
	if u.pages.unread != "" {
		return u.pages.unread
	}
	if u.pages.asks != "" {
		return u.pages.asks + " asks products from a page, and is not read"
	}
	if because := u.tokens(); because != "" {
		return because
	}
	if !u.options.Told[p.Key] && slices.Contains(u.m.ModuleTypes(), "trigger") {
		return "the server does not tell which scopes the events of " + p.Key + " need"
	}
	return ""
}

// tokens is a back end that asks the platform by itself, "" if there is none.
func (u *unused) tokens() string {
	for _, r := range u.m.Remotes {
		if r.Auth.AppSystemToken.Enabled || r.Auth.AppUserToken.Enabled {
			return "the remote " + r.Key + " gets a token with which its back end asks products"
		}
	}
	for _, e := range u.m.Modules.Endpoint {
		if e.Auth.AppSystemToken.Enabled || e.Auth.AppUserToken.Enabled {
			return "the endpoint " + e.Key + " gets a token with which its back end asks products"
		}
	}
	return ""
}

// hosts finds declared destinations that nothing names.
func (u *unused) hosts() {
	x := &u.m.Perms.External
	for _, k := range []struct {
		path string
		kind perm.EgressType
		list []manifest.Egress
	}{
		{"fetch.backend", perm.Backend, x.Fetch.Backend}, {"fetch.client", perm.Client, x.Fetch.Client}, {"images", perm.Images, x.Images},
		{"media", perm.Media, x.Media}, {"scripts", perm.Scripts, x.Scripts}, {"styles", perm.Styles, x.Styles}, {"fonts", perm.Fonts, x.Fonts},
		{"frames", perm.Frames, x.Frames}, {"navigation", perm.Navigation, x.Navigation},
	} {
		use, because := u.seen(k.kind)
		var declared []string
		places := map[string]bundle.Position{}
		for i, e := range k.list {
			p, err := hostrule.ParsePattern(e.Address, perm.UseOf(k.kind))
			if e.Address == "" || err != nil || p.Any || use(p.Host) {
				continue
			}
			base := fmt.Sprintf("permissions.external.%s[%d]", k.path, i)
			declared = append(declared, e.Address)
			places[e.Address] = at(u.m, base+".address", base)
		}
		u.tell(declared, because, func(address string) {
			message := address + " is declared and nothing fetches it"
			if k.kind != perm.Backend && k.kind != perm.Client {
				message = fmt.Sprintf("%s is declared in %s and no page names it", address, k.path)
			}
			u.warn(places[address], "egress-unused", message, "remove it: admins are asked for it")
		})
	}
}

// seen tells where a host may be named for a way of leaving, and a reason for which it may
// be used without being named, "" if there is none.
func (u *unused) seen(kind perm.EgressType) (use func(host string) bool, because string) {
	dynamic := ""
	if len(u.facts.Dynamic) > 0 {
		dynamic = place(u.facts.Dynamic[0]) + ": an address is known at run time only"
	}
	if kind == perm.Backend {
		if dynamic == "" {
			dynamic = u.contacts()
		}
		return u.facts.Mentions, dynamic
	}
	rendered := len(u.m.Interfaces()) > 0
	switch {
	case u.pages.unread != "":
		because = u.pages.unread
	case u.pages.scripts != "":
		because = u.pages.scripts + " may make addresses at run time"
	case !rendered, kind == perm.Scripts, kind == perm.Styles:
		// Nothing makes addresses: there are no pages with scripts, and what UI Kit draws loads
		// neither scripts nor styles.
	case kind == perm.Client:
		because = dynamic
	default:
		because = "what UI Kit draws may name it at run time"
	}
	return func(host string) bool {
		return u.pages.mention(host) || rendered && kind != perm.Scripts && kind != perm.Styles && u.facts.Mentions(host)
	}, because
}

// contacts is a reason for which a product may be made to send somewhere, "" if there is none.
func (u *unused) contacts() string {
	for _, c := range u.facts.Calls {
		for _, op := range operationsOf(u.options.Operations[c.Product], c) {
			if op.Contacts {
				return fmt.Sprintf("%s: %s then sends to a host that the request names", place(c.Position), c.Product)
			}
		}
	}
	return ""
}

func place(p bundle.Position) string {
	if p.Line == 0 {
		return p.File
	}
	return fmt.Sprintf("%s:%d", p.File, p.Line)
}
