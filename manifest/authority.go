package manifest

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/url"
	"reflect"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

// Permissions is everything in the manifest by which data can leave or authority
// rise, in normal form: the declared set, one part of an installation's effective one.
func (m *Manifest) Permissions() perm.Set {
	m = m.normal()
	s := perm.Set{
		Egress:  m.egress(),
		Content: m.content(),
		Sandbox: slices.Clone(m.Perms.Sandbox),
	}
	for _, x := range m.Perms.Scopes {
		s.Scopes = append(s.Scopes, perm.Scope{Name: x.Name, Impersonation: x.AllowImpersonation})
	}
	for _, r := range m.Remotes {
		s.Remotes = append(s.Remotes, declaredRemote(r))
	}
	for _, p := range m.Providers.Auth {
		s.Providers = append(s.Providers, declaredProvider(p))
	}
	if m.App.Runtime.Isolation == "process" {
		s.Isolation = "process"
	}
	if mb := m.MemoryMB(); mb > DefaultMemoryMB {
		s.MemoryMB = mb
	}
	s.Configurable = declaredConfigurable(m.Perms.External.Configurable)
	declareModules(&s, &m.Modules)
	return perm.Normal(s)
}

// declareModules adds the modules through which data can leave.
func declareModules(s *perm.Set, ms *Modules) {
	for _, e := range ms.Endpoint {
		s.Endpoints = append(s.Endpoints, perm.Endpoint{
			Key: e.Key, Remote: e.Remote, Path: e.Route.Path,
			UserToken: e.Auth.AppUserToken.Enabled, SystemToken: e.Auth.AppSystemToken.Enabled,
		})
	}
	for _, w := range ms.WebTrigger {
		if !w.Static() {
			s.WebTriggers = append(s.WebTriggers, perm.WebTrigger{Key: w.Key, Authentication: w.Request.Authentication})
		}
	}
	for _, t := range ms.Trigger {
		for _, e := range t.Events {
			if !slices.Contains(s.Events, e.EventType) {
				s.Events = append(s.Events, e.EventType)
			}
		}
	}
	for _, e := range ms.Event {
		s.AppEvents = append(s.AppEvents, perm.AppEvent{Name: e.Name, Recipients: slices.Clone(e.AllowedRecipients)})
	}
	for _, a := range ms.Action {
		s.Actions = append(s.Actions, a.Key)
	}
	for _, r := range ms.APIRoute {
		s.APIRoutes = append(s.APIRoutes, perm.APIRoute{Key: r.Key, Operation: r.Operation, Path: r.Path, Scopes: slices.Clone(r.Scopes)})
	}
}

// egress gives each declared destination once for each way of leaving. A remote
// stands for the hosts that it names.
func (m *Manifest) egress() []perm.Egress {
	var out []perm.Egress
	for _, k := range egressKinds {
		for _, e := range k.list(&m.Perms.External) {
			for _, p := range m.patterns(e, k) {
				out = append(out, perm.Egress{Type: k.kind, Pattern: p, Category: e.Category, InScopeEUD: e.InScopeEUD == nil || *e.InScopeEUD})
			}
		}
	}
	return out
}

// patterns are what an entry admits. A text that is no pattern admits nothing; Load
// has refused it.
func (m *Manifest) patterns(e Egress, k egressKind) []hostrule.Pattern {
	texts := []string{e.Address}
	if e.Remote != "" && k.remotes {
		texts = nil
		r, _ := m.Remote(e.Remote)
		for _, region := range slices.Sorted(maps.Keys(r.BaseURL)) {
			texts = append(texts, asPattern(r.BaseURL[region]))
		}
	}
	return parsePatterns(texts, k.use())
}

// asPattern is the pattern that admits everything below a URL.
func asPattern(base string) string {
	u, err := url.Parse(base)
	if err != nil || u.Path == "" || strings.HasSuffix(u.Path, "/") {
		return base
	}
	return base + "/"
}

func parsePatterns(texts []string, use hostrule.Use) []hostrule.Pattern {
	var out []hostrule.Pattern
	for _, t := range texts {
		if p, _, err := lintPattern(t, use); err == nil {
			out = append(out, p)
		}
	}
	return out
}

func (m *Manifest) content() []perm.Content {
	var out []perm.Content
	for _, v := range m.Perms.Content.Scripts {
		out = append(out, perm.Content{Kind: "scripts", Value: v})
	}
	for _, v := range m.Perms.Content.Styles {
		out = append(out, perm.Content{Kind: "styles", Value: v})
	}
	return out
}

func declaredRemote(r Remote) perm.Remote {
	out := perm.Remote{
		Key: r.Key, Endpoints: map[string]string(r.BaseURL), Operations: slices.Clone(r.Operations),
		UserToken: r.Auth.AppUserToken.Enabled, SystemToken: r.Auth.AppSystemToken.Enabled,
	}
	if len(r.Operations) == 0 {
		// A remote that does not say what it is for is taken to store end-user data.
		out.Operations, out.InScopeEUD = []string{"storage"}, true
	}
	if r.Storage.InScopeEUD != nil {
		out.InScopeEUD = *r.Storage.InScopeEUD
	}
	if r.Configurable != nil {
		out.Patterns = parsePatterns(r.Configurable.SupportedPatterns, hostrule.Remote)
		// No pattern would mean no bound: bounds that cannot be read are not dropped.
		out.Configurable = len(out.Patterns) == len(r.Configurable.SupportedPatterns)
	}
	return out
}

// declaredProvider holds every part of a provider by which a credential could go
// somewhere else or be asked for more: each action with all of its options.
func declaredProvider(p Provider) perm.Provider {
	out := perm.Provider{
		Key: p.Key, Name: p.Name, ClientID: p.ClientID,
		Scopes: slices.Clone(p.Scopes), Remotes: slices.Clone(p.Remotes), Bearer: declaredBearer(p),
	}
	if p.OfSite() {
		out.Actions = append(out.Actions, "type="+p.Type)
	}
	if p.OfKeys() {
		out.Actions = append(out.Actions, perm.KeysOfUsers)
	}
	if p.Integration != "" {
		out.Actions = append(out.Actions, "integration "+p.Integration)
	}
	for _, m := range p.MintPaths {
		out.Actions = append(out.Actions, "mint "+m.Remote+" "+m.Path)
	}
	if p.Issuer != "" {
		out.Actions = append(out.Actions, "issuer "+p.Issuer)
	}
	v := reflect.ValueOf(p.Actions)
	for _, f := range tableOf(v.Type()) {
		action, ok := plainOf(v.Field(f.index)).(map[string]any)
		if !ok || len(action) == 0 || action["remote"] == "" && action["path"] == "" && len(action) == 2 {
			continue
		}
		remote, path := action["remote"], action["path"]
		delete(action, "remote")
		delete(action, "path")
		line := fmt.Sprintf("%s %v %v", f.name, remote, path)
		if len(action) > 0 {
			if rest, err := json.Marshal(action); err == nil {
				line += " " + string(rest)
			}
		}
		out.Actions = append(out.Actions, line)
	}
	return out
}

// declaredBearer words how a credential is sent: "header Authorization Bearer".
func declaredBearer(p Provider) string {
	b := p.BearerMethod
	where, parameter := "", "access_token"
	switch b.Type {
	case "":
		return ""
	case "authorization-header":
		where, parameter = "header", "Authorization"
	case "form-encoded":
		where = "form"
	case "uri-query":
		where = "query"
	default:
		where = b.Type
	}
	prefix := strings.TrimSpace(b.Prefix)
	if prefix == "" && where == "header" && p.Type != APIKey && p.Type != HMAC && !p.OfKeys() {
		prefix = "Bearer"
	}
	if b.Parameter != "" {
		parameter = b.Parameter
	}
	return strings.TrimSpace(where + " " + parameter + " " + prefix)
}

func declaredConfigurable(c Configurable) *perm.Configurable {
	if !c.Enabled {
		return nil
	}
	out := &perm.Configurable{}
	for _, t := range c.Types {
		out.Types = append(out.Types, perm.EgressType(t))
	}
	out.Patterns = parsePatterns(c.Patterns, hostrule.Resource)
	if len(out.Patterns) != len(c.Patterns) {
		return nil // no pattern would mean no bound: bounds that cannot be read are not dropped
	}
	return out
}
