package attack

import (
	"compress/gzip"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"regexp"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	collector "go.opentelemetry.io/proto/otlp/collector/trace/v1"
	span "go.opentelemetry.io/proto/otlp/trace/v1"
	"google.golang.org/protobuf/proto"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/productkit"
)

// takes is a collector of traces.
type takes struct {
	mu    sync.Mutex
	spans []*span.Span
	text  strings.Builder
}

func (c *takes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body := r.Body
	if r.Header.Get("Content-Encoding") == "gzip" {
		body, _ = gzip.NewReader(r.Body)
	}
	raw, _ := io.ReadAll(body)
	var told collector.ExportTraceServiceRequest
	if err := proto.Unmarshal(raw, &told); err != nil {
		w.WriteHeader(http.StatusBadRequest)
		return
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	c.text.Write(raw)
	for _, of := range told.GetResourceSpans() {
		for _, in := range of.GetScopeSpans() {
			c.spans = append(c.spans, in.GetSpans()...)
		}
	}
}

// of are a trace's spans by id.
func (c *takes) of(trace string) map[string]*span.Span {
	c.mu.Lock()
	defer c.mu.Unlock()
	out := map[string]*span.Span{}
	for _, s := range c.spans {
		if hex.EncodeToString(s.GetTraceId()) == trace {
			out[string(s.GetSpanId())] = s
		}
	}
	return out
}

// Figures and traces are read by more people than logs are. They tell how calls went, with one
// trace from what made a call to what it sent, and nothing that an app, a user or a site named.
func TestAttackFindAppsInFigures(t *testing.T) {
	traces := &takes{}
	srv := httptest.NewServer(traces)
	t.Cleanup(srv.Close)
	p := newPlatformWith(t, func(s *testenv.Setup) {
		s.NoProduct, s.MetricsListen, s.TracesEndpoint = false, "127.0.0.1:0", srv.URL+"/v1/traces"
	})
	heard := make(chan http.Header, 8)
	p.Host(t, "canary-host.example", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { heard <- r.Header.Clone() }))
	at := p.deploy("development", source{
		hooks: []string{"canaryHook"}, also: []string{"canaryMe", "canaryFails"}, scopes: []string{"read:jira-user"}, egress: []string{"canary-host.example"},
		code: `
const { asUser, route } = __annex_require("@annex/api");
async function canaryHook() { await fetch("https://canary-host.example/canary-path?canary-query"); await fetch("https://canary-denied.example/").catch(() => 0); return { statusCode: 204 }; }
async function canaryMe() { return (await (await asUser().requestJira(route` + "`/rest/api/3/myself?canary-query`" + `)).json()).accountId; }
async function canaryFails() { const e = new Error("canary-message"); e.name = e.code = "CANARY_CODE"; throw e; }`,
	})
	if a := p.get(at.hook("canaryHook")); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if h := <-heard; h.Get("Traceparent") != "" {
		t.Error("a host that an app chose learns of a trace")
	}
	at.agree("alice")
	as := func(function string) *call.Call {
		c := &call.Call{Kind: call.Invoke, Installation: id.Install(at.installation), Function: "index." + function, Payload: []byte("{}"), Principal: at.user("alice"), ContentType: "application/json"}
		_, _ = p.System.Door.Invoke(t.Context(), c)
		return c
	}
	me, fails := as("canaryMe"), as("canaryFails")
	if me.Trace != strings.ReplaceAll(string(me.ID), "-", "") {
		t.Errorf("%s is traced as %s", me.ID, me.Trace)
	}
	// One trace leads from what made the call to the product.
	eventually(t, "the collector is told", func() bool { return len(traces.of(me.Trace)) >= 4 && len(traces.of(fails.Trace)) >= 2 })
	all := traces.of(me.Trace)
	var chain []string
	for _, s := range all {
		if s.GetName() == "product" {
			for ; s != nil; s = all[string(s.GetParentSpanId())] {
				chain = append(chain, s.GetName())
			}
		}
	}
	if got := strings.Join(chain, " < "); got != "product < product.request < function < call invoke" {
		t.Errorf("the trace is %q", got)
	}

	res, err := http.Get("http://" + p.System.MetricsListener.Addr().String() + "/metrics")
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	figures, err := io.ReadAll(res.Body)
	if err != nil || res.StatusCode != http.StatusOK {
		t.Fatal(res.StatusCode, err)
	}
	for _, want := range []string{
		`annex_call_seconds_count{class="ok",kind="webtrigger"} 1`, `annex_call_seconds_count{class="app",kind="invoke"} 1`, `annex_host_call_seconds_count{class="denied",method="fetch"} 1`,
		`annex_outbound_requests_total{decision="denied",`, `decision="allowed",rule="`, `via="product"`, "annex_workers_ready 1", "annex_policies_confirmed 1", "annex_queue_due_jobs 0",
		`annex_db_connections_open{pool="write"}`, `annex_http_request_seconds_count{family="hook",status="2xx"} 1`,
	} {
		if !strings.Contains(string(figures), want) {
			t.Errorf("no %s", want)
		}
	}
	onTheDashboard(t, string(figures))
	traces.mu.Lock()
	defer traces.mu.Unlock()
	for where, text := range map[string]string{"figures": string(figures), "traces": traces.text.String()} {
		for _, secret := range []string{"canary", "CANARY", "alice", p.Access.Site + `"`, at.developer, at.admin} {
			if strings.Contains(text, secret) {
				t.Errorf("the %s hold %q", where, secret)
			}
		}
	}
	if strings.Contains(string(figures), at.installation) || strings.Contains(string(figures), at.app) {
		t.Error("the figures tell one app from another")
	}
	// They are on an address of their own, and on no other.
	for _, host := range []string{p.control(), "annex.localhost", "x.apps.localhost"} {
		if a := p.send("GET", host, "/metrics", nil, nil); strings.Contains(a.body, "annex_call") {
			t.Errorf("%s answers with figures", host)
		}
	}
}

// onTheDashboard demands of the figures what the dashboard draws of them, label by label.
func onTheDashboard(t *testing.T, figures string) {
	t.Helper()
	raw, err := os.ReadFile("../../examples/observability/grafana-dashboard.json")
	if err != nil {
		t.Fatal(err)
	}
	var board struct {
		Panels []struct {
			Title   string
			Targets []struct{ Expr string }
		}
	}
	if err := json.Unmarshal(raw, &board); err != nil {
		t.Fatal(err)
	}
	by, figure := regexp.MustCompile(`by \(([^)]*)\)`), regexp.MustCompile(`annex_[a-z_]+`)
	seen := 0
	for _, panel := range board.Panels {
		for _, target := range panel.Targets {
			for _, name := range figure.FindAllString(target.Expr, -1) {
				seen++
				lines := []string{name + `[ {]`}
				if m := by.FindStringSubmatch(target.Expr); m != nil {
					for label := range strings.SplitSeq(m[1], ",") {
						lines = append(lines, name+`\{[^}]*\b`+strings.TrimSpace(label)+`="`)
					}
				}
				for _, line := range lines {
					if !regexp.MustCompile("(?m)^" + line).MatchString(figures) {
						t.Errorf("%s: no figure is %s", panel.Title, line)
					}
				}
			}
		}
	}
	if seen < 10 {
		t.Errorf("the dashboard draws %d figures", seen)
	}
}

// chains are the names of a trace's spans of one name, each with those above it.
func (c *takes) chains(trace, name string) (out []string) {
	all := c.of(trace)
	for _, s := range all {
		if s.GetName() != name {
			continue
		}
		var chain []string
		for ; s != nil; s = all[string(s.GetParentSpanId())] {
			chain = append(chain, s.GetName())
		}
		out = append(out, strings.Join(chain, " < "))
	}
	return out
}

// lines are those of the server's log that have a text, by their members.
func (p *platform) lines(text string) (out []map[string]string) {
	for _, line := range strings.Split(p.log.String(), "\n") {
		if !strings.Contains(line, text) {
			continue
		}
		members := map[string]string{}
		for _, m := range strings.Fields(line) {
			if name, value, ok := strings.Cut(m, "="); ok {
				members[name] = value
			}
		}
		out = append(out, members)
	}
	return out
}

// A trace leads from a request to what an app sent because of it, at once or later, and the
// log's lines of that have its id.
func TestTracesAndLogsAreOfOneRequest(t *testing.T) {
	t.Parallel()
	traces := &takes{}
	srv := httptest.NewServer(traces)
	t.Cleanup(srv.Close)
	p := newPlatformWith(t, func(s *testenv.Setup) { s.NoProduct, s.TracesEndpoint = false, srv.URL+"/v1/traces" })
	ok := http.HandlerFunc(func(http.ResponseWriter, *http.Request) {})
	for _, host := range []string{"hook.example", "queue.example", "event.example", "page.example"} {
		p.Host(t, host, ok)
	}
	at := p.deploy("development", source{
		hooks: []string{"hook"}, scopes: []string{"read:jira-work"}, egress: []string{"hook.example", "queue.example", "event.example", "page.example"},
		modules: `  consumer:
    - {key: later, queue: work, function: later}
  trigger:
    - {key: hearer, function: hear, events: ['tracker:issue:created']}
  tracker:issuePanel:
    - {key: panel, title: Panel, function: page}
`, also: []string{"later", "hear", "page"},
		code: `
const { fetch: send } = __annex_require("@annex/api");
const Resolver = __annex_require("@annex/resolver").default;
const { Queue } = __annex_require("@annex/events");
async function hook() { console.log("hooked"); await send("https://hook.example/"); await new Queue({ key: "work" }).push({ body: {} }); return { statusCode: 204 }; }
async function later() { console.log("queued"); await send("https://queue.example/"); }
async function hear() { await send("https://event.example/"); }
const resolver = new Resolver();
resolver.define("ask", async () => { await send("https://page.example/"); return 1; });
const page = resolver.getDefinitions();`,
	})
	if a := p.get(at.hook("hook")); a.status != http.StatusNoContent {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := p.tell(p.signed(p.Tracker.Key(), at.event("tracker:issue:created", map[string]any{}))); a.status != http.StatusAccepted {
		t.Fatalf("%d %s", a.status, a.body)
	}
	bob := productkit.User{Product: p.Access.Product, Audience: p.Access.UIURL, Site: at.siteID(), ID: "bob", Name: "Bob", Locale: "en-GB", Timezone: "UTC", AuthTime: time.Now()}
	signed, err := productkit.SignPanel(p.Tracker.Key(), productkit.Panel{User: bob, Module: "tracker:issuePanel", Extension: map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	ask := func(path, bearer string, body map[string]any) answer {
		raw, _ := json.Marshal(body)
		return p.send("POST", "annex.localhost", path, http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + bearer}}, raw)
	}
	var session struct{ Token string }
	ask("/bridge/session", "", map[string]any{"panel": signed}).must(t).into(t, &session)
	ask("/bridge/invoke", session.Token, map[string]any{"module": at.installation + "/panel", "functionKey": "ask"}).must(t)
	ofHook := ""
	for host, want := range map[string]string{
		"queue.example": "egress < fetch < function < call queue < queue.push < function < call webtrigger < request hook",
		"page.example":  "egress < fetch < function < call ui < request ui",
		"hook.example":  "egress < fetch < function < call webtrigger < request hook",
		"event.example": "egress < fetch < function < call event < request control",
	} {
		var line map[string]string
		eventually(t, "the log tells of "+host, func() bool {
			for _, l := range p.lines("CANONICAL-EGRESS-DECISION") {
				if l["host"] == host {
					line = l
				}
			}
			return line != nil
		})
		eventually(t, "the collector is told of "+want, func() bool { return slices.Contains(traces.chains(line["trace"], "egress"), want) })
		if host == "hook.example" {
			ofHook = line["trace"]
		}
		found := false
		for _, s := range traces.of(line["trace"]) {
			for _, a := range s.GetAttributes() {
				found = found || a.GetKey() == "annex.invocation" && a.GetValue().GetStringValue() == line["invocation"]
			}
		}
		if !found {
			t.Errorf("%s: the trace has no span of the line's invocation %s", host, line["invocation"])
		}
	}
	// What the app said in it is found by the same id, in the call and in what that queued.
	var said []string
	eventually(t, "the app's lines are kept", func() bool {
		var all struct {
			Entries []struct{ Message, Trace string }
		}
		p.api("GET", "/api/v1/logs?app="+at.app+"&environment=development&trace="+ofHook, at.developer, nil).must(t).into(t, &all)
		said = nil
		for _, e := range all.Entries {
			said = append(said, e.Message+" in "+e.Trace)
		}
		return len(said) == 2
	})
	if want := []string{"hooked in " + ofHook, "queued in " + ofHook}; !slices.Equal(said, want) {
		t.Errorf("%q, want %q", said, want)
	}
}
