package manifest

import (
	"fmt"
	"maps"
	"net/url"
	"regexp"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/hostrule"
)

// check looks at what a manifest means as a whole: references, hosts, and what goes
// together.
func (l *loader) check(m *Manifest) {
	x := l.index(m)
	l.checkApp(m)
	l.checkScopes(m)
	l.checkExternal(m, x)
	l.checkRemotes(m)
	l.checkProviders(m, x)
	l.checkModules(m, x)
	l.checkResources(m)
	l.checkTranslations(m)
}

// appPrefix is what stands in front of an app's UUID in its id.
// knownRuntimes are the names that manifests have. Others of their form load, so that a
// newer manifest does, and are pointed out.
var knownRuntimes = []string{"nodejs22.x", "nodejs24.x", "nodejs20.x", "nodejs18.x", "sandbox"}

const appPrefix = "ari:cloud:ecosystem::app/"

var appID = regexp.MustCompile(`^` + appPrefix + `[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$`)

func (l *loader) checkApp(m *Manifest) {
	m.App.ID = strings.TrimSpace(m.App.ID)
	if m.App.ID == strings.TrimSuffix(appPrefix, "/") || m.App.ID == appPrefix {
		m.App.ID = ""
	}
	switch id := m.App.ID; {
	case id == "":
		l.path("app.id", Warning, "app-id-blank", "the app has no id yet", "nothing to do: the first deploy gives one")
	case l.unresolved("app.id", id):
	case !appID.MatchString(strings.ToLower(id)):
		l.path("app.id", Error, "app-id-form", quote(id)+" is no app id", "write ari:cloud:ecosystem::app/ and a UUID, or leave it blank: the first deploy gives one")
	}
	if name := m.App.Runtime.Name; patterns["runtime"].re.MatchString(name) && !slices.Contains(knownRuntimes, name) {
		l.path("app.runtime.name", Warning, "runtime-unknown", quote(name)+" is a runtime that this version does not know; the app runs in the sandbox, as with every name",
			"write "+knownRuntimes[0])
	}
	if m.App.Features.AutoUserConsent != nil {
		l.path("app.features.autoUserConsent", Warning, "obsolete", "autoUserConsent has no effect any more", "remove it")
	}
	if a := m.App.Access.UserAccess; a != nil && *a && (m.App.Licensing.Enabled == nil || !*m.App.Licensing.Enabled) {
		l.path("app.access.userAccess", Error, "needs-licensing", "access user by user needs a licensed app", "set app.licensing.enabled to true")
	}
	l.checkCompatibility(m.App.Compatibility)
	l.checkEntities(m.App.Storage.Entities)
	if r := m.App.Connect.Remote; r != "" {
		l.reference("app.connect.remote", "remote", r, keysOf(m.Remotes, func(r Remote) string { return r.Key }))
	}
}

func (l *loader) checkCompatibility(c Compatibility) {
	required := 0
	for _, p := range c.Products {
		if p.Required != nil && *p.Required {
			required++
		}
	}
	if len(c.Products) > 0 && required > 1 {
		l.path("app.compatibility", Error, "compatibility-required", fmt.Sprintf("%d products are required; one can be", required), "set required to false for all but one")
	}
}

func (l *loader) checkEntities(entities []Entity) {
	for i, e := range entities {
		for j, x := range e.Indexes {
			at := fmt.Sprintf("app.storage.entities[%d].indexes[%d]", i, j)
			if x.Name == "by-key" {
				l.path(at, Error, "index-reserved", "every entity has an index by-key, by its keys", "give this one another name")
			}
			names := slices.Concat(x.Partition, x.Range)
			if len(names) == 0 {
				names, at = []string{x.Name}, at+".name"
			}
			for _, n := range names {
				l.reference(at, "attribute", n, slices.Sorted(maps.Keys(e.Attributes)))
			}
		}
	}
}

// platformScopes are the scopes that the platform itself gives.
var platformScopes = []string{"storage:app", "read:app-system-token", "read:app-user-token", "report:personal-data", "read:chat:rovo"}

func (l *loader) checkScopes(m *Manifest) {
	var known []string
	known = append(known, platformScopes...)
	for _, p := range l.opts.Products {
		known = append(known, p.Scopes...)
	}
	for _, s := range m.Perms.Scopes {
		at := l.scopePlaces[s.Name]
		switch near := misspelt(s.Name, known); {
		case strings.TrimSpace(s.Name) != s.Name || s.Name == "":
			l.at(at, Error, "bad-value", quote(s.Name)+" is no scope", "write a scope without white space")
		case slices.Contains(known, s.Name) || strings.HasSuffix(s.Name, ":custom"):
		case near != "":
			l.at(at, Error, "scope-misspelt", "there is no scope "+quote(s.Name), "write "+near)
		default:
			l.at(at, Warning, "scope-unknown", "the scope "+quote(s.Name)+" belongs to no registered product, so it gives nothing", "remove it, or register the product that offers it")
		}
	}
}

// checkExternal reads the host patterns. Every kind of egress has a use, which says
// what a pattern may be there.
func (l *loader) checkExternal(m *Manifest, x *index) {
	for _, k := range egressKinds {
		for i, e := range k.list(&m.Perms.External) {
			at := fmt.Sprintf("permissions.external.%s[%d]", k.path, i)
			switch {
			case e.Remote != "" && e.Address != "":
				l.path(at, Error, "egress-both", "the entry has an address and a remote", "keep one of the two")
			case e.Remote != "" && !k.remotes:
				l.path(at+".remote", Error, "egress-remote", "a remote can stand under fetch only", "write the address")
			case e.Remote != "":
				l.reference(at+".remote", "remote", e.Remote, x.remotes)
			case e.Address == "":
				l.path(at, Error, "missing-field", "the entry has no address", "add address, or remote")
			default:
				l.checkPattern(at+".address", e.Address, k.use())
			}
		}
	}
	c := m.Perms.External.Configurable
	for i, p := range c.Patterns {
		l.checkPattern(fmt.Sprintf("permissions.external.configurable.patterns[%d]", i), p, hostrule.Resource)
	}
}

func (l *loader) checkPattern(path, text string, use hostrule.Use) {
	if l.unresolved(path, text) {
		return
	}
	p, warnings, err := lintPattern(text, use)
	if err != nil && err.Rule == "pattern-any-code" {
		l.path(path, Warning, err.Rule, quote(text)+" gives nothing here: "+err.Reason, or(err.Fix, "name the hosts"))
		return
	}
	if err != nil {
		l.path(path, Error, err.Rule, quote(text)+": "+err.Reason, or(err.Fix, "write a host, for instance https://api.example.com"))
		return
	}
	for _, w := range warnings {
		message, fix := quote(text)+": "+w.Reason, or(w.Fix, "write "+p.String())
		n := l.addresses[path]
		if w.Rule == "egress-path-ignored" && n != nil {
			l.edit(n, Warning, w.Rule, message, fix, strconvQuoteIfStar(withoutPath(text)))
			continue
		}
		l.path(path, Warning, w.Rule, message, fix)
	}
}

func or(s, otherwise string) string {
	if s == "" {
		return otherwise
	}
	return s
}

// withoutPath is a pattern's text up to its path.
func withoutPath(text string) string {
	from := 0
	if i := strings.Index(text, "://"); i >= 0 {
		from = i + 3
	}
	if i := strings.IndexByte(text[from:], '/'); i >= 0 {
		return text[:from+i]
	}
	return text
}

// strconvQuoteIfStar quotes a text that YAML would read as a reference.
func strconvQuoteIfStar(s string) string {
	if strings.HasPrefix(s, "*") {
		return `"` + s + `"`
	}
	return s
}

func (l *loader) checkRemotes(m *Manifest) {
	for i, r := range m.Remotes {
		at := fmt.Sprintf("remotes[%d]", i)
		if len(r.BaseURL) == 0 && r.Configurable == nil {
			l.path(at, Error, "missing-field", at+" has no baseUrl", "add baseUrl, or configurable so that an admin sets it")
		}
		for _, region := range slices.Sorted(maps.Keys(r.BaseURL)) {
			where := l.written(at+".baseUrl."+region, at+".configurable.default", at+".userConfiguration.default")
			if l.unresolved(where, r.BaseURL[region]) {
				continue
			}
			if err := checkBaseURL(r.BaseURL[region]); err != "" {
				l.path(where, Error, "remote-url", quote(r.BaseURL[region])+" "+err, "write a URL like https://api.example.com/v1")
			}
		}
		if len(r.BaseURL) > 0 && r.BaseURL[defaultRegion] == "" {
			l.path(at+".baseUrl", Error, "remote-region", "baseUrl has no default region", "add default: and the URL for all other regions")
		}
		if slices.Contains(r.Operations, "storage") && r.Storage.InScopeEUD == nil {
			l.path(at+".operations", Error, "remote-storage", "a remote that stores has to say whether it stores end-user data", "add storage: {inScopeEUD: true} or false")
		}
		if r.Configurable != nil {
			for j, p := range r.Configurable.SupportedPatterns {
				l.checkPattern(l.written(fmt.Sprintf("%s.configurable.supportedPatterns[%d]", at, j), fmt.Sprintf("%s.userConfiguration.supportedPatterns[%d]", at, j)), p, hostrule.Remote)
			}
		}
		l.checkTokens(m, at+".auth", r.Auth)
	}
	for i, e := range m.Modules.Endpoint {
		l.checkTokens(m, fmt.Sprintf("modules.endpoint[%d].auth", i), e.Auth)
	}
}

// written is the first of the paths that the file writes.
func (l *loader) written(paths ...string) string {
	for _, p := range paths {
		if _, ok := l.positions[p]; ok {
			return p
		}
	}
	return paths[0]
}

// checkBaseURL says what is wrong with a remote's URL, or "".
func checkBaseURL(s string) string {
	u, err := url.Parse(s)
	switch {
	case err != nil || u.Host == "":
		return "is no URL with a host"
	case u.Scheme != "https":
		return "does not use https"
	case u.User != nil:
		return "holds a user name or password"
	case u.RawQuery != "" || u.ForceQuery || u.Fragment != "" || strings.HasSuffix(s, "#"):
		return "has a query or fragment"
	}
	p, _, perr := lintPattern("https://"+u.Host, hostrule.Remote)
	switch {
	case perr != nil:
		return "has a host that cannot be reached: " + perr.Reason
	case p.Wild || p.Any:
		return "has a star in its host"
	}
	return ""
}

func (l *loader) checkTokens(m *Manifest, path string, a TokenAuth) {
	for _, t := range []struct {
		on          bool
		name, scope string
	}{{a.AppUserToken.Enabled, "appUserToken", "read:app-user-token"}, {a.AppSystemToken.Enabled, "appSystemToken", "read:app-system-token"}} {
		if t.on && !m.Perms.Scopes.Has(t.scope) {
			l.path(path+"."+t.name, Warning, "token-scope", t.name+" is switched on, and the app has not the scope "+t.scope, "add "+t.scope+" to permissions.scopes")
		}
	}
}

// Has reports whether the scope is among them.
func (s Scopes) Has(name string) bool {
	return slices.ContainsFunc(s, func(s Scope) bool { return s.Name == name })
}
