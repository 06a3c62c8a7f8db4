package manifest

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	mathbits "math/bits"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

// The oracle answers every question of a small world about a manifest, one by one, by
// the functions that decide on single requests and by the manifest's own fields. It
// knows neither sets of permissions nor how they are compared.
type oracle struct {
	urls  []hostrule.URL
	asked map[string]bits     // one pattern's decisions about all URLs, by use and text
	based map[string][]string // what lies below a base URL, and what may be set
	sets  []hostrule.URL      // endpoints that an admin may try to set
	// blind makes the oracle forget actions, for the test of its report.
	blind bool
}

type bits []uint64

func (b bits) has(i int) bool { return b[i/64]&(1<<(i%64)) != 0 }

// answers are what a manifest permits in the world: requests by way of leaving and
// circumstance, and everything else by name.
type answers struct {
	requests map[string]bits
	rest     map[string]bool
}

// circumstances are what else is asked of a request: does it leave when the admin has
// switched analytics off, and may end-user data go along?
var circumstances = []struct {
	name                   string
	analyticsOff, userData bool
}{{"", false, false}, {" with analytics off", true, false}, {" with end-user data", false, true}, {" with end-user data and analytics off", true, true}}

func newOracle() *oracle {
	o := &oracle{asked: map[string]bits{}, based: map[string][]string{}}
	hosts := []string{"alice.example", "a.alice.example", "b.alice.example", "c.alice.example", "a.a.alice.example", "b.a.alice.example", "c.a.alice.example",
		"a.b.a.alice.example", "b.b.a.alice.example", "bob.example", "a.bob.example", "b.bob.example", "a.example", "b.example"}
	for _, scheme := range []string{"https://", "wss://"} {
		for _, host := range hosts {
			for _, port := range []string{"", ":8443", ":9443", ":25"} {
				for _, path := range []string{"/", "/x", "/x/", "/x/y", "/x/y/", "/x/y/z", "/x/z", "/X", "/x%2Fy", "/y", "/y/",
					"/v1/", "/v1/q", "/v1/x/", "/v1/x/q", "/v12/", "/w/"} {
					o.urls = append(o.urls, mustURL(scheme+host+port+path))
				}
				if scheme == "https://" {
					o.sets = append(o.sets, mustURL(scheme+host+port+"/"))
				}
			}
		}
	}
	// In the order of examples, so that the first is the least.
	slices.SortFunc(o.urls, func(a, b hostrule.URL) int {
		return cmp.Or(cmp.Compare(len(a.String()), len(b.String())), cmp.Compare(a.String(), b.String()))
	})
	return o
}

func mustURL(text string) hostrule.URL {
	u, err := hostrule.ParseURL(text)
	if err != nil {
		panic(err)
	}
	return u
}

// decisions asks about each URL of the world whether one declared text admits it.
func (o *oracle) decisions(use hostrule.Use, text string) bits {
	id := fmt.Sprint(use, " ", text)
	if b, ok := o.asked[id]; ok {
		return b
	}
	b := make(bits, (len(o.urls)+63)/64)
	if p, err := hostrule.ParsePattern(text, use); err == nil {
		for i, u := range o.urls {
			if hostrule.Match(p, u, use) {
				b[i/64] |= 1 << (i % 64)
			}
		}
	}
	o.asked[id] = b
	return b
}

func (o *oracle) ask(m *Manifest) answers {
	a := answers{requests: map[string]bits{}, rest: map[string]bool{}}
	for _, k := range egressKinds {
		for _, e := range k.list(&m.Perms.External) {
			o.egress(m, k, e, &a)
		}
	}
	yes := func(format string, args ...any) { a.rest[fmt.Sprintf(format, args...)] = true }
	for _, s := range m.Perms.Scopes {
		yes("scope %s", s.Name)
		if s.AllowImpersonation {
			yes("scope %s as an absent user", s.Name)
		}
	}
	for _, v := range m.Perms.Content.Scripts {
		yes("content scripts %s", v)
	}
	for _, v := range m.Perms.Content.Styles {
		yes("content styles %s", v)
	}
	for _, v := range m.Perms.Sandbox {
		yes("sandbox %s", v)
	}
	if m.App.Runtime.Isolation == "process" {
		yes("isolation")
	}
	memory := m.App.Runtime.MemoryMB
	for _, f := range m.Modules.Function {
		memory = max(memory, f.Runtime.MemoryMB)
	}
	for _, mb := range []int{129, 130, 200, 201, 256, 257, 512, 513, 600, 601} {
		if memory >= mb {
			yes("memory %d", mb)
		}
	}
	o.mayAsk(m.Perms.External.Configurable, &a)
	for _, r := range m.Remotes {
		o.remote(r, yes)
	}
	for _, p := range m.Providers.Auth {
		o.provider(p, yes)
	}
	o.modules(m, yes)
	return a
}

func (o *oracle) egress(m *Manifest, k egressKind, e Egress, a *answers) {
	texts := []string{e.Address}
	if e.Remote != "" {
		texts = nil
		for _, r := range m.Remotes {
			if r.Key != e.Remote {
				continue
			}
			for _, base := range r.BaseURL {
				// A base URL stands for what lies below it.
				if _, path, ok := strings.Cut(base[len("https://"):], "/"); ok && path != "" && !strings.HasSuffix(path, "/") {
					base += "/"
				}
				texts = append(texts, base)
			}
		}
	}
	for _, c := range circumstances {
		if c.analyticsOff && e.Category == "analytics" || c.userData && e.InScopeEUD != nil && !*e.InScopeEUD {
			continue
		}
		id := string(k.kind) + c.name
		for _, text := range texts {
			more := o.decisions(k.use(), text)
			have := a.requests[id]
			if have == nil {
				have = make(bits, len(more))
				a.requests[id] = have
			}
			for i := range more {
				have[i] |= more[i]
			}
		}
	}
}

// mayAsk: the bounds hold for all types at once, so a pattern counts where it admits the
// request both as the server would send it and as a page would.
func (o *oracle) mayAsk(c Configurable, a *answers) {
	if !c.Enabled {
		return
	}
	asked := make(bits, (len(o.urls)+63)/64)
	for i := range asked {
		for _, p := range c.Patterns {
			asked[i] |= o.decisions(hostrule.Backend, p)[i] & o.decisions(hostrule.Resource, p)[i]
		}
		if len(c.Patterns) == 0 {
			asked[i] = ^uint64(0)
		}
	}
	if !slices.ContainsFunc(asked, func(w uint64) bool { return w != 0 }) {
		return
	}
	for _, t := range perm.EgressTypes {
		if len(c.Types) == 0 || slices.Contains(c.Types, string(t)) {
			a.requests["ask for "+string(t)] = asked
		}
	}
}

func (o *oracle) remote(r Remote, yes func(string, ...any)) {
	rights := tokenRights(r.Auth)
	operations := r.Operations
	stores := false
	if len(operations) == 0 {
		operations, stores = []string{"storage"}, true
	}
	if r.Storage.InScopeEUD != nil {
		stores = *r.Storage.InScopeEUD
	}
	for _, op := range operations {
		rights = append(rights, " for "+op)
	}
	if stores {
		rights = append(rights, " keeping end-user data")
	}
	for _, right := range rights {
		yes("remote %s%s", r.Key, right)
		for region, base := range r.BaseURL {
			for _, u := range o.below(base) {
				yes("remote %s in %s at %s%s", r.Key, region, u, right)
			}
		}
		for _, u := range o.settable(r.Configurable) {
			yes("remote %s set to %s%s", r.Key, u, right)
		}
	}
}

// settable are the endpoints of the world that an admin may set.
func (o *oracle) settable(c *RemoteSetting) []string {
	if c == nil {
		return nil
	}
	id := "set within " + strings.Join(c.SupportedPatterns, " ")
	if out, ok := o.based[id]; ok {
		return out
	}
	var patterns []hostrule.Pattern
	for _, text := range c.SupportedPatterns {
		if p, err := hostrule.ParsePattern(text, hostrule.Remote); err == nil {
			patterns = append(patterns, p)
		}
	}
	out := []string{}
	for _, u := range o.sets {
		if hostrule.MatchEndpoint(patterns, u.String()).Allow {
			out = append(out, u.String())
		}
	}
	o.based[id] = out
	return out
}

func tokenRights(a TokenAuth) []string {
	rights := []string{""}
	if a.AppUserToken.Enabled {
		rights = append(rights, " as the user")
	}
	if a.AppSystemToken.Enabled {
		rights = append(rights, " as the app")
	}
	return rights
}

// below are the addresses of the world that calls of a remote reach: some route joined
// to the base gives them.
func (o *oracle) below(base string) []string {
	if out, ok := o.based[base]; ok {
		return out
	}
	out := []string{}
	b, err := hostrule.ParseBaseURL(base)
	if err != nil {
		out = append(out, base+" (never called)") // it is declared all the same, and shown
	} else {
		for _, other := range proveBases {
			for _, path := range []string{"", "/", "/x", "/v1/x"} {
				u, err := hostrule.ParseURL(strings.TrimSuffix(other, "/") + path)
				if err != nil {
					continue
				}
				for i := range len(u.Path) + 1 {
					if got, err := hostrule.JoinRoute(b, u.Path[i:]); err == nil && got == u {
						out = append(out, u.String())
						break
					}
				}
			}
		}
	}
	o.based[base] = out
	return out
}

// provider: a provider with another client, another way of sending its credential or
// another endpoint is another thing.
func (o *oracle) provider(p Provider, yes func(string, ...any)) {
	sends := ""
	switch b := p.BearerMethod; b.Type {
	case "authorization-header":
		usual := "Bearer"
		if p.Type == APIKey || p.Type == HMAC {
			usual = ""
		}
		sends = fmt.Sprintf("%s: %s TOKEN", either(b.Parameter, "Authorization"), either(strings.TrimSpace(b.Prefix), usual))
	case "":
	default:
		sends = fmt.Sprintf("%s %s=%s TOKEN", b.Type, either(b.Parameter, "access_token"), strings.TrimSpace(b.Prefix))
	}
	id := fmt.Sprintf("provider %s %s %s sending %q", p.Key, p.Name, p.ClientID, sends)
	yes("%s", id)
	if p.Type != "oauth2" && p.Type != "" {
		yes("%s with a site's %s", id, p.Type)
	}
	if p.Integration != "" {
		yes("%s as %s", id, p.Integration)
	}
	for _, s := range p.Scopes {
		yes("%s asking for %s", id, s)
	}
	for _, r := range p.Remotes {
		yes("%s to %s", id, r)
	}
	if p.Issuer != "" {
		yes("%s of issuer %s", id, p.Issuer)
	}
	for _, m := range p.MintPaths {
		yes("%s mints at %s %s", id, m.Remote, m.Path)
	}
	for name, action := range map[string]any{"authorization": p.Actions.Authorization, "exchange": p.Actions.Exchange,
		"refreshToken": p.Actions.RefreshToken, "revokeToken": p.Actions.RevokeToken, "retrieveProfile": p.Actions.RetrieveProfile} {
		if said := saidOf(action); said != nil {
			text, _ := json.Marshal(said) //nolint:errcheck // made of JSON
			yes("%s %s %s", id, name, text)
		}
	}
}

func either(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// saidOf is a value's JSON without what says nothing.
func saidOf(v any) any {
	text, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	var plain any
	if err := json.Unmarshal(text, &plain); err != nil {
		panic(err)
	}
	return strip(plain)
}

func strip(v any) any {
	switch v := v.(type) {
	case map[string]any:
		for k, e := range v {
			if v[k] = strip(e); v[k] == nil {
				delete(v, k)
			}
		}
		if len(v) == 0 {
			return nil
		}
		return v
	case string:
		if v == "" {
			return nil
		}
	}
	return v
}

func (o *oracle) modules(m *Manifest, yes func(string, ...any)) {
	for _, w := range m.Modules.WebTrigger {
		if w.Response.Type == "static" || w.Response.Type == "" && w.Security.Egress.AllowDataEgress != nil && !*w.Security.Egress.AllowDataEgress {
			continue
		}
		demanded := w.Request.Authentication
		switch demanded {
		case "none":
			demanded = ""
		case "hmacSharedSecret":
			demanded = "hmac"
		}
		for _, proof := range []string{"nothing", "hmac", "bearer"} {
			if demanded == "" || demanded == proof {
				yes("web trigger %s called with %s", w.Key, proof)
			}
		}
	}
	for _, t := range m.Modules.Trigger {
		for _, e := range t.Events {
			yes("event %s", e.EventType)
		}
	}
	for _, e := range m.Modules.Endpoint {
		for _, right := range tokenRights(e.Auth) {
			yes("endpoint %s of %s at %s%s", e.Key, e.Remote, e.Route.Path, right)
		}
	}
	for _, e := range m.Modules.Event {
		for _, app := range []string{"app-a", "app-b", "any other app"} {
			if slices.Contains(e.AllowedRecipients, "*") || slices.Contains(e.AllowedRecipients, app) {
				yes("event %s to %s", e.Name, app)
			}
		}
	}
	for _, a := range m.Modules.Action {
		if o.blind {
			break
		}
		yes("action %s", a.Key)
	}
	for _, r := range m.Modules.APIRoute {
		scopes := slices.Clone(r.Scopes)
		slices.Sort(scopes)
		yes("API route %s %s %s for %v", r.Key, r.Operation, r.Path, slices.Compact(scopes))
	}
}

// beyond gives one question to which want says yes and have says no; "" when there is none.
func (o *oracle) beyond(have, want answers) string {
	for _, id := range slices.Sorted(maps.Keys(want.requests)) {
		if i := o.first(have.requests[id], want.requests[id]); i >= 0 {
			return id + " to " + o.urls[i].String()
		}
	}
	least := ""
	for q := range want.rest {
		if !have.rest[q] && (least == "" || q < least) {
			least = q
		}
	}
	return least
}

// first is the first URL that want admits and have does not, or -1.
func (o *oracle) first(have, want bits) int {
	for i, w := range want {
		if have != nil {
			w &^= have[i]
		}
		if n := i*64 + mathbits.TrailingZeros64(w); w != 0 && n < len(o.urls) {
			return n
		}
	}
	return -1
}
