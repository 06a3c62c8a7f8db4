package manifest

import (
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/condition"
	"github.com/annexhq/annex/internal/core/schedule"
)

func (l *loader) checkModules(m *Manifest, x *index) {
	l.checkModuleKeys(&m.Modules)
	l.checkFunctions(m, x)
	l.checkWebTriggers(m, x)
	for i, s := range m.Modules.ScheduledTrigger {
		at := fmt.Sprintf("modules.scheduledTrigger[%d]", i)
		l.target(at, s.Function, s.Endpoint, x)
		l.checkSchedule(at, s)
	}
	for i, t := range m.Modules.Trigger {
		l.target(fmt.Sprintf("modules.trigger[%d]", i), t.Function, t.Endpoint, x)
		l.checkEvents(fmt.Sprintf("modules.trigger[%d].events", i), t.Events, m)
		l.checkCondition(fmt.Sprintf("modules.trigger[%d].filter", i), t.Filter)
		for j, e := range t.Events {
			l.checkCondition(fmt.Sprintf("modules.trigger[%d].events[%d].filter", i, j), e.Filter)
		}
	}
	l.checkPropertyPaths(m.Modules.Trigger)
	l.checkShares(m.Modules.Trigger)
	l.checkConsumers("modules.consumer", m.Modules.Consumer, x)
	l.checkConsumers("modules.fifoConsumer", m.Modules.FIFOConsumer, x)
	for i, p := range m.Modules.PreUninstall {
		l.target(fmt.Sprintf("modules.preUninstall[%d]", i), p.Function, p.Endpoint, x)
	}
	for i, a := range m.Modules.APIRoute {
		l.reference(fmt.Sprintf("modules.apiRoute[%d].function", i), "function", a.Function, x.functions)
	}
	l.checkEndpoints(m, x)
	l.checkAgents(m, x)
	l.checkUI(m, x)
}

// checkModuleKeys demands keys that are unique in the whole manifest: logs, URLs and
// contexts name a module by its key alone. A function may share its key with the
// module that calls it, since a function is never named there.
func (l *loader) checkModuleKeys(ms *Modules) {
	seen := map[string]placedModule{}
	for _, p := range ms.all() {
		if p.key == "" {
			continue
		}
		space := "module "
		if p.typ == "function" || p.typ == "endpoint" {
			space = p.typ + " "
		}
		first, dup := seen[space+p.key]
		if !dup {
			seen[space+p.key] = p
			continue
		}
		l.path(p.path+".key", Error, "duplicate-module-key",
			fmt.Sprintf("the key %s is used twice; the first is in line %d (%s)", quote(p.key), l.find(first.path+".key").Line, first.typ),
			"give each module its own key")
	}
}

func (l *loader) checkFunctions(m *Manifest, x *index) {
	for i, f := range m.Modules.Function {
		at := fmt.Sprintf("modules.function[%d]", i)
		for j, p := range f.Providers.Auth {
			l.reference(fmt.Sprintf("%s.providers.auth[%d].provider", at, j), "provider", p.Provider, x.providers)
			l.requiredScopes(m, fmt.Sprintf("%s.providers.auth[%d].requiredScopes", at, j), p)
		}
		l.checkHandler(at+".handler", f.Handler)
	}
}

// target checks what a module calls: a function or an endpoint, and one of them.
func (l *loader) target(path, function, endpoint string, x *index) {
	_, written := l.positions[path+".function"]
	switch {
	case l.broken[path] || function == "" && endpoint == "" && written: // reported as of a wrong type
	case function == "" && endpoint == "":
		l.path(path, Error, "missing-field", path+" calls nothing", "add function: and the key of a function")
	case function != "" && endpoint != "":
		l.path(path+".endpoint", Error, "function-or-endpoint", path+" has a function and an endpoint", "keep one of the two")
	}
	l.reference(path+".function", "function", function, x.functions)
	l.reference(path+".endpoint", "endpoint", endpoint, x.endpoints)
}

func (l *loader) checkWebTriggers(m *Manifest, x *index) {
	for i, w := range m.Modules.WebTrigger {
		at := fmt.Sprintf("modules.webtrigger[%d]", i)
		l.target(at, w.Function, w.Endpoint, x)
		static := w.Response.Type == "static"
		where := l.written(at+".response", at+".security.egress")
		if static && len(w.Response.Outputs) == 0 {
			l.path(where, Error, "static-without-outputs", "a static web trigger has to list its answers", "add outputs, or write type: dynamic")
		}
		if !static && len(w.Response.Outputs) > 0 {
			l.path(at+".response.outputs", Error, "dynamic-with-outputs", "outputs are for static web triggers", "write type: static, or remove outputs")
		}
	}
}

// checkSchedule demands one rule that names a time.
func (l *loader) checkSchedule(at string, s ScheduledTrigger) {
	if (s.Interval == "") == (s.Cron == "") {
		l.path(at, Error, "schedule-rule", "a schedule has an interval or a cron expression, and not both", "write interval: fiveMinute, hour, day or week")
		return
	}
	if s.Cron == "" {
		return
	}
	rule, err := schedule.Parse(s.Cron)
	switch {
	case err != nil:
		l.path(at+".cron", Error, "schedule-rule", err.Error(), "write MINUTE HOUR DAY MONTH WEEKDAY, such as '0 9 * * mon-fri'")
	case rule.Next(time.Unix(0, 0), 0).IsZero():
		l.path(at+".cron", Error, "schedule-rule", quote(s.Cron)+" names no day that ever comes", "write a day that the month has")
	}
}

// checkEvents looks at event types: whether a registered product, the platform or an app sends
// them.
func (l *loader) checkEvents(path string, events []EventRef, m *Manifest) {
	var known []string
	for _, p := range l.opts.Products {
		known = append(known, p.Events...)
	}
	for i, e := range events {
		at := fmt.Sprintf("%s[%d].eventType", path, i)
		if slices.Contains(known, e.EventType) || slices.Contains(lifecycleEvents, e.EventType) {
			continue
		}
		if app, key, ok := appEvent(e.EventType); ok {
			own := strings.TrimPrefix(m.App.ID, appARI) == app
			if own && !slices.ContainsFunc(m.Modules.Event, func(x Event) bool { return x.Key == key }) {
				l.path(at, Warning, "event-unknown", "the app itself publishes no event "+quote(key)+", so it never comes", "add an event module with that key, or remove it")
			}
			continue
		}
		if fix := neverSent[e.EventType]; fix != "" {
			l.path(at, Warning, "event-unknown", "the event "+quote(e.EventType)+" is not sent here, so it never comes", fix)
			continue
		}
		if near := misspelt(e.EventType, append(known, lifecycleEvents...)); near != "" {
			l.path(at, Error, "event-misspelt", "there is no event "+quote(e.EventType), "write "+near)
			continue
		}
		l.path(at, Warning, "event-unknown", "the event "+quote(e.EventType)+" belongs to no registered product, so it never comes", "remove it, or register the product that sends it")
	}
}

// maxPropertyPaths is how many different paths the triggers of an app ask for.
const maxPropertyPaths = 5

func (l *loader) checkPropertyPaths(triggers []Trigger) {
	seen := map[string]bool{}
	check := func(at string, paths []string) {
		for i, p := range paths {
			if !seen[p] && len(seen) == maxPropertyPaths {
				l.path(fmt.Sprintf("%s.payload.include.propertyPaths[%d]", at, i), Error, "too-many-property-paths",
					fmt.Sprintf("the app's triggers ask for more than %d paths", maxPropertyPaths), "remove it, or ask for what all of them lie in")
				continue
			}
			seen[p] = true
		}
	}
	for i, t := range triggers {
		at := fmt.Sprintf("modules.trigger[%d]", i)
		check(at, t.Payload.Include.PropertyPaths)
		for j, e := range t.Events {
			check(fmt.Sprintf("%s.events[%d]", at, j), e.Payload.Include.PropertyPaths)
		}
	}
}

// maxListeners is how many triggers of an app are told of one event: each is a job, with the event
// in it, that is kept before the product is answered.
const maxListeners = 20

// checkShares bounds what one event makes an app's installations of work.
func (l *loader) checkShares(triggers []Trigger) {
	told := map[string]int{}
	for i, t := range triggers {
		of := map[string]bool{}
		for j, e := range t.Events {
			if of[e.EventType] {
				continue
			}
			of[e.EventType] = true
			if told[e.EventType]++; told[e.EventType] == maxListeners+1 {
				l.path(fmt.Sprintf("modules.trigger[%d].events[%d].eventType", i, j), Error, "too-many-triggers",
					fmt.Sprintf("more than %d triggers are for the event %s", maxListeners, quote(e.EventType)), "have one function do what theirs do")
			}
		}
	}
}

// checkCondition reads a trigger's condition as the server will.
func (l *loader) checkCondition(at string, f EventFilter) {
	if f.Expression == "" {
		if f.OnError != "" {
			l.path(at+".onError", Warning, "filter-without-expression", "onError is about an expression, and there is none", "remove it")
		}
		return
	}
	if _, err := condition.Parse(f.Expression); err != nil {
		l.path(at+".expression", Error, "bad-expression", "the expression cannot be read: "+err.Error(),
			"write a condition on event, for instance event.issue.fields?.issueType.name == 'Bug'")
	}
}

// lifecycleEvents come from the platform itself.
var lifecycleEvents = []string{"avi:forge:installed:app", "avi:forge:upgraded:app", "avi:ecosystem.app_policy:blocked:app_access_to_objects_in_container.v2",
	"avi:ecosystem.app_policy:allowed:app_access_to_objects_in_container.v2"}

// neverSent are events that manifests name and nothing sends here, with what to do instead.
var neverSent = map[string]string{
	"avi:forge:uninstalled:app":                                 "use a preUninstall module, or remove it",
	"avi:forge:enabled:app":                                     "remove it",
	"avi:forge:disabled:app":                                    "remove it",
	"avi:ecosystem.app_policy:blocked:app_access_to_objects.v2": "use …:app_access_to_objects_in_container.v2: an admin's rules are about whole containers here",
}

const (
	appARI    = "ari:cloud:ecosystem::app/"
	appEvents = "avi:cloud:ecosystem::event/"
)

// appEvent takes the type of an event that an app publishes apart.
func appEvent(event string) (app, key string, ok bool) {
	rest, is := strings.CutPrefix(event, appEvents)
	app, key, ok = strings.Cut(rest, "/")
	return app, key, is && ok && app != "" && key != ""
}

func (l *loader) checkConsumers(path string, consumers []Consumer, x *index) {
	queues := map[string]int{}
	for i, c := range consumers {
		at := fmt.Sprintf("%s[%d]", path, i)
		switch {
		case c.Resolver == (ConsumerResolver{}):
			l.target(at, c.Function, c.Endpoint, x)
		case c.Function != "" || c.Endpoint != "":
			l.path(at+".resolver", Error, "function-or-endpoint", at+" has a resolver and a function or endpoint", "keep one of them")
		default:
			l.reference(at+".resolver.function", "function", c.Resolver.Function, x.functions)
		}
		if first, dup := queues[c.Queue]; dup && c.Queue != "" {
			l.path(at+".queue", Error, "duplicate-queue", fmt.Sprintf("the queue %s has two consumers; the first is in line %d", quote(c.Queue), l.find(fmt.Sprintf("%s[%d].queue", path, first)).Line),
				"give each consumer its own queue")
			continue
		}
		queues[c.Queue] = i
	}
}

func (l *loader) checkEndpoints(m *Manifest, x *index) {
	for i, e := range m.Modules.Endpoint {
		at := fmt.Sprintf("modules.endpoint[%d]", i)
		switch {
		case l.broken[at]:
		case e.Remote == "" && e.Service == "":
			l.path(at, Error, "missing-field", at+" has no remote", "add remote: and the key of a remote")
		case e.Remote != "" && e.Service != "":
			l.path(at+".service", Error, "remote-or-service", at+" has a remote and a service", "keep one of the two")
		}
		l.reference(at+".remote", "remote", e.Remote, x.remotes)
		l.reference(at+".service", "service", e.Service, x.services)
		if e.Service != "" {
			l.path(at+".service", Warning, "not-offered", "container services are not offered here", "use a remote")
		}
		if p := e.Route.Path; strings.Contains(p, "://") || strings.HasPrefix(p, "//") || strings.ContainsAny(p, "\\#@") || hasDotDot(p) {
			l.path(at+".route.path", Error, "route-path", quote(p)+" is no path below a remote", "write a path like /events")
		}
	}
}

func hasDotDot(p string) bool {
	return slices.Contains(strings.Split(strings.ReplaceAll(strings.ToLower(p), "%2e", "."), "/"), "..")
}

var actionVerbs = []string{"GET", "CREATE", "UPDATE", "DELETE", "TRIGGER"}

func (l *loader) checkAgents(m *Manifest, x *index) {
	for i, a := range m.Modules.Action {
		at := fmt.Sprintf("modules.action[%d]", i)
		l.target(at, a.Function, a.Endpoint, x)
		if a.ActionVerb != "" && !slices.Contains(actionVerbs, a.ActionVerb) {
			l.path(at+".actionVerb", Warning, "bad-value", quote(a.ActionVerb)+" is no verb of actions; agents take it for one that changes things", "write one of: "+strings.Join(actionVerbs, ", "))
		}
	}
	for i, a := range m.Modules.Agent {
		at := fmt.Sprintf("modules.rovo:agent[%d]", i)
		for j, name := range a.Actions {
			l.reference(fmt.Sprintf("%s.actions[%d]", at, j), "action", name, x.actions)
		}
		l.fileReference(at+".prompt", a.Prompt, x)
		l.fileReference(at+".icon", a.Icon, x)
	}
}

// fileReference checks "resource:KEY;PATH".
func (l *loader) fileReference(path, text string, x *index) {
	rest, ok := strings.CutPrefix(text, "resource:")
	if !ok {
		return
	}
	key, file, ok := strings.Cut(rest, ";")
	if !ok || file == "" {
		l.path(path, Error, "resource-reference", quote(text)+" names no file", "write resource:KEY;PATH")
		return
	}
	l.reference(path, "resource", key, x.resources)
}

// checkUI looks at modules of types that products declare.
func (l *loader) checkUI(m *Manifest, x *index) {
	known := names(tableOf(reflect.TypeFor[Module]()))
	for _, typ := range slices.Sorted(maps.Keys(m.Modules.UI)) {
		l.checkType(typ)
		for i, u := range m.Modules.UI[typ] {
			at := fmt.Sprintf("modules.%s[%d]", typ, i)
			l.reference(at+".function", "function", u.Function, x.functions)
			l.reference(at+".endpoint", "endpoint", u.Endpoint, x.endpoints)
			l.reference(at+".resource", "resource", u.Resource, x.resources)
			if r, ok := m.Resource(resourceKey(u.Resource)); ok && u.Render == "native" && !m.Renders(r) {
				l.path(at+".resource", Error, "native-resource", "the module is rendered by UI Kit, and its resource "+quote(r.Path)+" is no source file",
					"name the file that calls ForgeReconciler.render, for instance src/frontend/index.jsx, or take render: native away")
			}
			if u.Resolver.Function != "" && u.Resolver.Endpoint != "" {
				l.path(at+".resolver", Error, "function-or-endpoint", "the resolver has a function and an endpoint", "keep one of the two")
			}
			l.reference(at+".resolver.function", "function", u.Resolver.Function, x.functions)
			l.reference(at+".resolver.endpoint", "endpoint", u.Resolver.Endpoint, x.endpoints)
			l.fileReference(at+".icon", u.Icon.Text, x)
			for _, name := range slices.Sorted(maps.Keys(u.Properties)) {
				if near := misspelt(name, known); near != "" {
					l.key(at+"."+name, Warning, "field-misspelt", quote(name)+" may be a slip of the finger", "write "+near+" if that is meant")
				}
				l.checkNested(at+"."+name, u.Properties[name], x)
			}
		}
	}
}

// resourceKey is the resource's part of KEY or KEY/ENTRY.
func resourceKey(ref string) string {
	key, _, _ := strings.Cut(ref, "/")
	return key
}

// checkNested follows the references in the fields that only a product understands:
// views, configurations and pages repeat the common shape inside.
func (l *loader) checkNested(path string, v any, x *index) {
	switch v := v.(type) {
	case []any:
		for i, e := range v {
			l.checkNested(fmt.Sprintf("%s[%d]", path, i), e, x)
		}
	case map[string]any:
		for _, name := range slices.Sorted(maps.Keys(v)) {
			s, isText := v[name].(string)
			at := path + "." + name
			switch {
			case isText && name == "function":
				l.reference(at, "function", s, x.functions)
			case isText && name == "endpoint":
				l.reference(at, "endpoint", s, x.endpoints)
			case isText && name == "resource":
				l.reference(at, "resource", s, x.resources)
			case isText && name == "icon":
				l.fileReference(at, s, x)
			case isText && name == "i18n":
				l.i18n[at] = s
			default:
				l.checkNested(at, v[name], x)
			}
		}
	}
}

// checkType says to which product a module type belongs.
func (l *loader) checkType(typ string) {
	at := "modules." + typ
	var registered []string
	for _, p := range l.opts.Products {
		for _, t := range p.Modules {
			registered = append(append(registered, t.Type), t.Aliases...)
			for _, a := range p.Aliases {
				if _, name, ok := strings.Cut(t.Type, ":"); ok {
					registered = append(registered, a+":"+name)
				}
			}
		}
	}
	if slices.Contains(registered, typ) {
		return
	}
	neutral := names(tableOf(reflect.TypeFor[Modules]()))
	if near := misspelt(typ, append(registered, neutral...)); near != "" {
		l.key(at, Error, "module-type-misspelt", "there is no module type "+quote(typ), "write "+near)
		return
	}
	prefix, _, _ := strings.Cut(typ, ":")
	for _, p := range l.opts.Products {
		if prefix == p.Key || slices.Contains(p.Aliases, prefix) {
			l.key(at, Warning, "module-type-unknown", "the product "+p.Key+" has no module type "+quote(typ)+", so its modules are shown nowhere", "remove it, or use a type that "+p.Key+" declares")
			return
		}
	}
	l.key(at, Warning, "module-type-unknown", "the module type "+quote(typ)+" belongs to no registered product, so its modules are shown nowhere", "remove it, or register the product that declares it")
}
