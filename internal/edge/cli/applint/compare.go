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

const storageScope = "storage:app"

// compare holds what the code does against what the manifest declares. pages are the
// files for browsers; nil says that the facts are not of everything that runs, so that
// what none of them uses is unknown.
func compare(m *manifest.Manifest, f *bundle.Facts, o Options, pages *pages) (out []bundle.Diagnostic, undecided []Undecided) {
	table, whole := o.Table, pages != nil
	warn := func(pos bundle.Position, rule, message, fix string) {
		out = append(out, bundle.Diagnostic{File: pos.File, Line: pos.Line, Column: pos.Column,
			Rule: rule, Severity: bundle.Warning, Message: message, Fix: fix})
	}
	// What a deploy would refuse is no advice. Who runs module scope at each call may do more.
	certain := whole && !f.Lazy && (m.App.Runtime.Snapshots == nil || *m.App.Runtime.Snapshots)
	refuse := func(pos bundle.Position, message, fix string) {
		out = append(out, bundle.Diagnostic{File: pos.File, Line: pos.Line, Column: pos.Column,
			Rule: "module-scope", Severity: bundle.Error, Message: message, Fix: fix})
	}
	compareEgress(m, f, warn)
	if len(f.Storage) > 0 && !m.Perms.Scopes.Has(storageScope) {
		warn(f.Storage[0], "permission-scope-required", "the code uses storage and the app has not the scope "+storageScope,
			"add "+storageScope+" to permissions.scopes")
	}
	const noSQL, instead = "sql-not-offered", "keep the data in entities (app.storage.entities and kvs.entity of @forge/kvs), or outside by a remote"
	for _, at := range f.SQL {
		out = append(out, bundle.Diagnostic{File: at.File, Line: at.Line, Column: at.Column, Rule: noSQL, Severity: bundle.Error,
			Message: "@forge/sql is not offered: apps that use it write MySQL, and there is none here", Fix: instead})
	}
	if len(m.Modules.SQL) > 0 { // what does not use it works
		warn(at(m, "modules.sql[0].key", "modules.sql[0]", "modules.sql"), noSQL, "modules of type sql give the app no database: @forge/sql is not offered", instead)
	}
	for _, e := range f.ModuleScope {
		switch {
		case !m.Snapshots() && e.Kind != bundle.EffectCall:
			continue // it is another one in each call, and slows none that would be faster
		case certain && e.Refused && e.Kind == bundle.EffectRandom:
			refuse(e.Position, e.What+" at module scope is refused at deploy: every call would get the same value",
				"move it into the function that needs it, or say app.runtime.snapshots: false")
			continue
		case certain && e.Refused && e.Kind == bundle.EffectCall:
			refuse(e.Position, e.What+" at module scope is refused at deploy: it runs for no installation", "move it into a handler")
			continue
		}
		switch e.Kind {
		case bundle.EffectTime:
			warn(e.Position, "module-scope", e.What+" at module scope is the time of the deploy, for every call", "move it into the function that needs it")
		case bundle.EffectRandom:
			warn(e.Position, "module-scope", e.What+" at module scope gives every call the same value", "move it into the function that needs it")
		case bundle.EffectCall:
			warn(e.Position, "module-scope", e.What+" at module scope is refused: module scope runs at deploy, for no installation", "move it into a handler")
		case bundle.EffectTimer:
			warn(e.Position, "module-scope", e.What+" at module scope makes each call slower: the version cannot be started from a snapshot", "move it into a handler")
		}
	}
	used := compareProducts(m, f, o, warn)
	compareEvents(m, o, warn)
	if whole {
		u := unused{m: m, facts: f, options: o, pages: pages, warn: warn}
		u.scopes(used)
		u.storage()
		u.hosts()
		undecided = u.undecided
	}
	compareOffered(m, f, table, warn)
	for _, i := range f.Imports {
		if module, ok := table.Module(i.Module); ok && slices.Contains(table.NotOffered[module], i.Name) {
			warn(i.Position, "member-not-built", fmt.Sprintf("%s of %q exists here and always rejects with NOT_OFFERED", i.Name, i.Module), "do not rely on it")
		}
	}
	return out, undecided
}

const notOfferedYet = "not-offered-yet"

// uncalled are the types of modules that a manifest may have and nothing uses yet. All others
// are called, or shown where the product has a place of that type.
var uncalled = []string{"apiRoute", "objectStore", "llm"}

// modulesOffered names the types of modules that nothing calls or shows, or that do less than
// their name says, each once.
func modulesOffered(m *manifest.Manifest) (out []bundle.Diagnostic) {
	for _, typ := range m.ModuleTypes() {
		message, fix := "modules of type "+typ+" are accepted, and this version does not call or show them", "keep it for a later version, or remove it"
		switch {
		case typ == "fifoConsumer":
			message, fix = "a fifoConsumer is run as a consumer: the order of its queue is not kept", "have the function not rely on the order, and write consumer"
		case !slices.Contains(uncalled, typ):
			continue
		}
		base := "modules." + typ + "[0]"
		pos := at(m, base+".key", base)
		out = append(out, bundle.Diagnostic{File: pos.File, Line: pos.Line, Column: pos.Column, Rule: notOfferedYet, Severity: bundle.Warning, Message: message, Fix: fix})
	}
	return out
}

// compareOffered names what is valid and does nothing yet: module types that nothing
// calls or shows, and members of the SDK that reject. Each is said once.
func compareOffered(m *manifest.Manifest, f *bundle.Facts, table *bundle.Table, warn func(bundle.Position, string, string, string)) {
	const rule = notOfferedYet
	for _, d := range modulesOffered(m) {
		warn(bundle.Position{File: d.File, Line: d.Line, Column: d.Column}, d.Rule, d.Message, d.Fix)
	}
	offered := func(name string) bool {
		for _, module := range []string{"@annex/api", "@annex/events"} {
			if slices.Contains(table.NotOffered[module], name) {
				return false
			}
		}
		return true
	}
	told := map[string]bool{}
	for _, u := range f.Uses {
		if told[u.What] || offered(u.What) {
			continue
		}
		told[u.What] = true
		warn(u.Position, rule, u.What+" exists in this version and always rejects with NOT_OFFERED", "do not rely on it yet")
	}
}

// compareEgress names hosts that are fetched and not declared.
func compareEgress(m *manifest.Manifest, f *bundle.Facts, warn func(bundle.Position, string, string, string)) {
	var patterns []hostrule.Pattern
	for _, e := range m.Permissions().Egress {
		if e.Type == perm.Backend {
			patterns = append(patterns, e.Pattern)
		}
	}
	told := map[string]bool{}
	for _, d := range f.Fetched {
		if told[d.Origin] {
			continue
		}
		told[d.Origin] = true
		if !strings.HasPrefix(d.Origin, "https://") && !strings.HasPrefix(d.Origin, "wss://") {
			warn(d.Position, "egress-insecure", fmt.Sprintf("%s is fetched without encryption, which no declaration can allow", d.Origin), "use https")
			continue
		}
		u, err := hostrule.ParseURL(d.Origin + "/")
		if err != nil || hostrule.Decide(patterns, hostrule.Backend, u).Allow {
			continue
		}
		message := fmt.Sprintf("%s is fetched and not declared: the request will be refused", d.Origin)
		if m.Perms.External.Configurable.Enabled {
			message = fmt.Sprintf("%s is fetched and not declared: it is refused until an admin allows it", d.Origin)
		}
		warn(d.Position, "egress-undeclared", message, "add "+d.Origin+" to permissions.external.fetch.backend")
	}
}
