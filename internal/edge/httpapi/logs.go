package httpapi

import (
	"context"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/applog"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/registry"
)

type logJSON struct {
	Time         time.Time       `json:"time"`
	Level        string          `json:"level"`
	Invocation   id.Invocation   `json:"invocation"`
	Trace        string          `json:"trace,omitempty"`
	Installation id.Install      `json:"installation"`
	Version      string          `json:"version"`
	Function     string          `json:"function,omitempty"`
	Message      string          `json:"message"`
	Args         json.RawMessage `json:"args"`
}

func (a *API) readLogs(w http.ResponseWriter, r *request) error {
	q, err := a.logQuery(r)
	if err != nil {
		return err
	}
	admin := r.caller.Kind == id.SiteAdmin
	if !admin {
		if err := a.logsExist(r.ctx(), r.caller, q); err != nil {
			return err
		}
	}
	entries, err := a.Logs.Read(r.ctx(), r.caller, q)
	if err != nil {
		return err
	}
	// A site's admin reads what an installation wrote until it is erased, its last words too.
	if admin && len(entries) == 0 {
		if err := a.logsExist(r.ctx(), r.caller, q); err != nil {
			return err
		}
	}
	if len(entries) == 0 && q.Trace != "" && q.Follow == "" && q.Since.IsZero() {
		return fault.New(fault.NotFound, "TRACE_UNKNOWN", "no line is kept of the trace %q", q.Trace).
			WithFix("check id and environment; a line of the server's log names it as trace, a line of an app too")
	}
	if len(entries) == 0 && q.Invocation != "" && q.Follow == "" {
		if err := a.callExists(r.ctx(), r.caller, q); err != nil {
			return err
		}
	}
	if err := a.readBy(r.ctx(), r.caller, q, entries); err != nil {
		return err
	}
	out, cursor := []logJSON{}, q.Follow
	for _, e := range entries {
		out = append(out, logJSON{
			Time: e.Time.UTC(), Level: e.Level, Invocation: e.Invocation, Trace: e.Trace, Installation: e.Install, Version: e.Version,
			Function: e.Function, Message: message(e.Args), Args: e.Args,
		})
		cursor = e.Cursor
	}
	writeJSON(w, http.StatusOK, map[string]any{"entries": out, "cursor": cursor})
	return nil
}

// logsExist refuses what has no logs because it does not exist, or not for the caller:
// an empty answer would leave a misspelt name unnoticed.
func (a *API) logsExist(ctx context.Context, p id.Principal, q applog.Query) error {
	if p.Kind == id.Developer {
		all, err := a.Registry.Environments(ctx, p, q.App)
		if err != nil {
			return err
		}
		if slices.ContainsFunc(all, func(e registry.Environment) bool { return e.Name == q.Env }) {
			return nil
		}
		return fault.New(fault.NotFound, "ENVIRONMENT_UNKNOWN", "the app has no environment %q", q.Env).
			WithFix("`annex environments list` shows them")
	}
	all, err := a.Installs.List(ctx, p, install.Filter{App: q.App, Environment: q.Env, Site: q.Site})
	if err != nil || len(all) > 0 {
		return err
	}
	return fault.New(fault.NotFound, "NOT_INSTALLED", "the app is not installed there from %q", q.Env).
		WithFix("`annex install list` shows the installations")
}

// callExists refuses an invocation of which nothing is known.
func (a *API) callExists(ctx context.Context, p id.Principal, q applog.Query) error {
	q.Since = time.UnixMilli(1)
	s, err := a.Logs.Summary(ctx, p, q)
	if err != nil || len(s.Calls) > 0 {
		return err
	}
	return fault.New(fault.NotFound, "INVOCATION_UNKNOWN", "nothing is kept of the invocation %q", q.Invocation).
		WithFix("check id and environment; of calls that logged nothing and did not fail, nothing is kept")
}

// message is a line as a terminal shows it: texts as they are, other values as JSON.
func message(args json.RawMessage) string {
	var values []json.RawMessage
	if json.Unmarshal(args, &values) != nil {
		return string(args)
	}
	words := make([]string, len(values))
	for i, v := range values {
		var text string
		if json.Unmarshal(v, &text) == nil {
			words[i] = text
		} else {
			words[i] = string(v)
		}
	}
	return strings.Join(words, " ")
}

func (a *API) readActivity(w http.ResponseWriter, r *request) error {
	q, err := a.callQuery(r)
	if err != nil {
		return err
	}
	s, err := a.Logs.Summary(r.ctx(), r.caller, q)
	if err != nil {
		return err
	}
	counts, calls := []countJSON{}, []callJSON{}
	for _, c := range s.Counts {
		counts = append(counts, countJSON{
			placeJSON{c.Install, a.siteName(r.ctx(), c.Site), c.App, c.Environment, c.Function, c.Outcome, float64(c.DurationUS) / 1000, float64(c.CPUUS) / 1000},
			c.Minute.UTC(), c.Calls,
		})
	}
	for _, c := range s.Calls {
		calls = append(calls, callJSON{
			placeJSON{c.Install, a.siteName(r.ctx(), c.Site), c.App, c.Environment, c.Function, c.Outcome, float64(c.DurationUS) / 1000, float64(c.CPUUS) / 1000},
			c.Invocation, c.Attempt, c.Version, c.Kind, c.Started.UTC(), c.Class, c.Location,
		})
	}
	writeJSON(w, http.StatusOK, map[string]any{"activity": counts, "calls": calls})
	return nil
}

// placeJSON is what counts and single calls have in common.
type placeJSON struct {
	Installation id.Install `json:"installation"`
	Site         string     `json:"site"`
	App          id.App     `json:"app"`
	Environment  string     `json:"environment"`
	Function     string     `json:"function"`
	Outcome      string     `json:"outcome"`
	DurationMs   float64    `json:"durationMs"`
	CPUMs        float64    `json:"cpuMs"`
}

type countJSON struct {
	placeJSON
	Minute time.Time `json:"minute"`
	Calls  int64     `json:"calls"`
}

type callJSON struct {
	placeJSON
	Invocation id.Invocation `json:"invocation"`
	Attempt    int           `json:"attempt"`
	Version    string        `json:"version"`
	Kind       string        `json:"kind"`
	StartedAt  time.Time     `json:"startedAt"`
	Class      string        `json:"class,omitempty"`
	Location   string        `json:"location,omitempty"`
}

// installedOn are the caller's installations of an app's environment on one product.
func (a *API) installedOn(ctx context.Context, p id.Principal, q applog.Query, product string) ([]id.Install, error) {
	of, err := a.Tenancy.ProductByKeyOrAlias(ctx, product)
	if err != nil {
		return nil, err
	}
	all, err := a.Installs.List(ctx, p, install.Filter{App: q.App, Environment: q.Env, Site: q.Site})
	if err != nil {
		return nil, err
	}
	var out []id.Install
	for _, i := range all {
		if i.Product == of.Key {
			out = append(out, i.ID)
		}
	}
	if len(out) == 0 {
		return nil, fault.New(fault.NotFound, "NOT_INSTALLED", "the app is not installed there on %s from %q", of.Key, q.Env).
			WithFix("`annex install list` shows the installations")
	}
	return out, nil
}

// traceID is a trace as lines have it; it may be written as the id of the invocation that
// began it.
func traceID(text string) (string, error) {
	t := strings.ToLower(strings.ReplaceAll(text, "-", ""))
	if _, err := hex.DecodeString(t); t != "" && (err != nil || len(t) != 32) {
		return "", fault.New(fault.Usage, "BAD_TRACE", "a trace has 32 hexadecimal digits")
	}
	return t, nil
}

// callQuery is whose calls a request asks about.
func (a *API) callQuery(r *request) (q applog.Query, err error) {
	v := r.URL.Query()
	if err := required("app", v.Get("app"), "environment", v.Get("environment")); err != nil {
		return applog.Query{}, err
	}
	q = applog.Query{
		App: id.App(v.Get("app")), Env: v.Get("environment"), Invocation: id.Invocation(v.Get("invocation")),
	}
	if v.Get("site") != "" {
		s, err := a.site(r.ctx(), v.Get("site"))
		if err != nil {
			return q, err
		}
		q.Site = s.ID
	}
	if v.Get("product") != "" {
		if q.Installs, err = a.installedOn(r.ctx(), r.caller, q, v.Get("product")); err != nil {
			return q, err
		}
	}
	if since := v.Get("since"); since != "" {
		at, err := time.Parse(time.RFC3339, since)
		if err != nil {
			return q, fault.New(fault.Usage, "BAD_TIME", "since must be an RFC 3339 time, such as 2026-01-31T08:00:00Z")
		}
		q.Since = at
	}
	return q, nil
}

// logQuery is which of their lines it asks for.
func (a *API) logQuery(r *request) (q applog.Query, err error) {
	if q, err = a.callQuery(r); err != nil {
		return q, err
	}
	v := r.URL.Query()
	q.Follow = v.Get("cursor")
	if q.Trace, err = traceID(v.Get("trace")); err != nil {
		return q, err
	}
	if limit := v.Get("limit"); limit != "" {
		n, err := strconv.Atoi(limit)
		if err != nil || n < 1 || n > 1000 {
			return q, fault.New(fault.Usage, "BAD_LIMIT", "limit must be a whole number from 1 to 1000")
		}
		q.Limit = n
	}
	return q, nil
}
