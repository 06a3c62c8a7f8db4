package server

import (
	"context"
	"encoding/json"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/applog"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/egress"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/invoke"
	"github.com/annexhq/annex/internal/feature/receipts"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/trigger"
	"github.com/annexhq/annex/internal/infra/metrics"
	"github.com/annexhq/annex/manifest"
)

// Features do not know one another. What one needs of another is passed in here, in
// the shape that the needing one declared.

// declared tells triggers what a version's manifest says of a web trigger.
type declared struct{ registry *registry.Service }

func (d declared) WebTrigger(ctx context.Context, v id.Version, key string) (trigger.Module, error) {
	m, err := d.registry.Manifest(ctx, v)
	if err != nil {
		return trigger.Module{}, err
	}
	w, ok := m.WebTrigger(key)
	if !ok {
		return trigger.Module{}, noWebTrigger(m, key)
	}
	f, ok := m.Target(w.Function, w.Endpoint)
	if !ok {
		return trigger.Module{}, fault.New(fault.NotFound, "NOT_OFFERED", "the web trigger %q runs no function", key)
	}
	out := trigger.Module{Function: f.Handler, Static: w.Response.Type == "static", Authentication: w.Request.Authentication}
	for _, o := range w.Response.Outputs {
		if out.Outputs == nil {
			out.Outputs = map[string]trigger.Output{}
		}
		out.Outputs[o.Key] = trigger.Output{StatusCode: o.StatusCode, ContentType: o.ContentType, Body: o.Body}
	}
	return out, nil
}

func noWebTrigger(m *manifest.Manifest, key string) error {
	keys := []string{}
	for _, w := range m.Modules.WebTrigger {
		keys = append(keys, w.Key)
	}
	err := fault.New(fault.NotFound, "NO_WEBTRIGGER", "the version has no web trigger %q", key).With("webTriggers", keys)
	if len(keys) == 0 {
		return err.WithFix("add a webtrigger module to the manifest and deploy again")
	}
	return err.WithFix("its web triggers are: %s", strings.Join(keys, ", "))
}

// lateDoor is the door for features that the door itself needs.
type lateDoor struct{ *invoke.Door }

// recorder keeps how calls went, and writes an app's own failures into its log: the
// message and the stack are the app's, so they are read where its lines are.
type recorder struct {
	logs    *applog.Service
	metrics *metrics.Metrics // nil where only lines are written
}

func (r recorder) Log(p *call.Policy, c *call.Call, line call.LogLine) { r.logs.Log(p, c, line) }

func (r recorder) Record(p *call.Policy, c *call.Call, started time.Time, s call.Stats, err error) {
	if err != nil {
		r.failure(p, c, "the call failed", "", err)
	}
	r.logs.Record(p, c, started, s, err)
	if r.metrics != nil {
		r.metrics.Call(string(c.Kind), classOf(err), time.Since(started), s.CPU)
	}
}

// Incident notes which incident an answer named.
func (r recorder) Incident(p *call.Policy, c *call.Call, incident string, err error) {
	r.failure(p, c, "answered with an incident", incident, err)
}

// Refused notes what did not prove itself to a web trigger. No function started, so no
// invocation has this line.
func (r recorder) Refused(p *call.Policy, module string, reasons map[string]int) {
	r.line(p, &call.Call{Kind: call.WebTrigger, Installation: p.Install, Version: p.Version, Module: module}, "warn",
		"requests to web trigger "+module+" did not prove who sent them", map[string]any{"refused": reasons})
}

func (r recorder) failure(p *call.Policy, c *call.Call, what, incident string, err error) {
	facts := map[string]any{"code": fault.CodeOf(err)}
	if incident != "" {
		facts["incident"] = incident
	}
	if e, ok := fault.As(err); ok {
		facts["message"] = e.Public
		// A refusal that the app did not catch has its id and fix among the app's own words.
		for _, k := range []string{"name", "stack", "cause", "limit", "figure", "reasonId", "fix"} {
			if v, ok := e.Fields[k]; ok {
				facts[k] = v
			}
		}
		if e.ReasonID != "" {
			facts["reasonId"] = e.ReasonID
		}
		if e.Fix != "" {
			facts["fix"] = e.Fix
		}
	}
	r.line(p, c, "error", what, facts)
}

func (r recorder) line(p *call.Policy, c *call.Call, level, what string, facts map[string]any) {
	args, err := json.Marshal([]any{what, facts})
	if err != nil {
		return // texts and numbers only
	}
	r.logs.Log(p, c, call.LogLine{Time: time.Now(), Level: level, Args: args})
}

// denials writes refused requests into the app's log, under the id that the app's
// error carries.
type denials struct {
	logs     *applog.Service
	policies *install.Service
	audit    *audit.Log
	receipts *receipts.Log
	metrics  *metrics.Metrics
}

func (d denials) Allowed(_ context.Context, x egress.Decision) {
	d.metrics.Leaving(x.Via, true, x.Rule, x.Sent, x.Received)
	if x.Echoes > 0 { // the answer held a credential of its request
		d.audit.Refused(x.Site, x.Install, "egress.echo")
	}
}

func (d denials) Denied(ctx context.Context, x egress.Decision) {
	d.metrics.Leaving(x.Via, false, x.Rule, x.Sent, x.Received)
	refusedByBroker(d.receipts, x)
	p, err := d.policies.Policy(ctx, x.Install)
	if err != nil {
		return // uninstalled meanwhile; the server's own log has the decision
	}
	d.audit.Refused(p.Site, x.Install, "egress."+x.Rule)
	recorder{logs: d.logs}.line(p, &call.Call{ID: x.Invocation, Installation: x.Install, Version: x.Version}, "warn", "a request was refused",
		map[string]any{"reasonId": x.ReasonID, "origin": x.Origin, "type": x.Type, "rule": x.Rule, "code": x.Code, "fix": x.Fix})
}
