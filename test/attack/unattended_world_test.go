package attack

import (
	"encoding/json"
	"net/http"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/edge/testenv"
)

// worker is an app that works when nobody watches, and tells what it was called with.
const worker = `
const { Queue, InvocationError, appEvents } = __annex_require("@annex/events");
const Resolver = __annex_require("@annex/resolver").default;
const { fetch } = __annex_require("@annex/api");
const queue = new Queue({ key: "work" }), old = new Queue({ key: "old" });
const code = (err) => ({ name: err.name, code: err.code });
async function tell(what) { await fetch("https://beat.example/" + NAME, { method: "POST", body: JSON.stringify(what) }); }
async function push(events) { return queue.push(events).catch(code); }
async function pushOld({ payload, options }) { return old.push(payload, options).catch(code); }
async function stats(id) { return queue.getJob(id).getStats().catch(code); }
async function cancel(id) { return queue.getJob(id).cancel().catch(code); }
async function consume(event, context) {
  await tell({ consumed: event, module: context.moduleKey, user: context.principal });
  if (event.body.again && !event.retryContext) return new InvocationError({ retryAfter: event.body.again, retryReason: "FUNCTION_UPSTREAM_RATE_LIMITED", retryData: { kept: 1 } });
  if (event.body.fails && !event.retryContext) throw new Error("the app's own words");
  if (event.body.push) await queue.push(event.body.push);
}
const resolver = new Resolver();
resolver.define("listen", async ({ payload, context }) => tell({ listened: payload, job: context.jobId }));
const listen = resolver.getDefinitions();
async function hear(event, context) {
  await tell({ heard: event, module: context.moduleKey });
  if (event.fails) throw new Error("the app's own words");
  if (event.again && !event.retryContext) return new InvocationError({ retryAfter: event.again });
}
async function leave(request) {
  await tell({ leaving: request });
  await queue.push({ body: { left: true }, delayInSeconds: 900 });
  throw new Error("it would rather stay");
}
async function tick(request) { await tell({ ticked: request }); }
`

const workerModules = `  preUninstall: [{key: leaver, function: leave}]
  consumer:
    - key: worker
      queue: work
      function: consume
    - key: listener
      queue: old
      resolver: {function: listen, method: listen}
  trigger:
    - key: hearer
      function: hear
      events: ['avi:forge:installed:app', 'tracker:issue:created', 'avi:jira:commented:issue', 'avi:ecosystem.app_policy:blocked:app_access_to_objects_in_container.v2', 'avi:ecosystem.app_policy:allowed:app_access_to_objects_in_container.v2']
      filter: {ignoreSelf: true}
`

// ears hear what workers tell, by the worker's name.
type ears struct {
	mu   sync.Mutex
	told map[string][]map[string]any
}

func (e *ears) ServeHTTP(_ http.ResponseWriter, r *http.Request) {
	var what map[string]any
	if err := json.NewDecoder(r.Body).Decode(&what); err != nil {
		return
	}
	e.mu.Lock()
	defer e.mu.Unlock()
	if e.told == nil {
		e.told = map[string][]map[string]any{}
	}
	name := r.URL.Path[1:]
	e.told[name] = append(e.told[name], what)
}

// of are all that a worker told under a key.
func (e *ears) of(name, key string) (out []map[string]any) {
	e.mu.Lock()
	defer e.mu.Unlock()
	for _, what := range e.told[name] {
		if x, ok := what[key].(map[string]any); ok {
			out = append(out, x)
		}
	}
	return out
}

// workersOfTracker is a deployment whose product runs.
func workersOfTracker(t *testing.T) (*platform, *ears) {
	t.Helper()
	p := newPlatformWith(t, func(s *testenv.Setup) { s.NoProduct = false })
	e := &ears{}
	p.Host(t, "beat.example", e)
	return p, e
}

// workers is a deployment where what workers tell is heard.
func workers(t *testing.T) (*platform, *ears) {
	t.Helper()
	p := newPlatform(t)
	e := &ears{}
	p.Host(t, "beat.example", e)
	return p, e
}

func (p *platform) worker(environment, name string, scopes ...string) place {
	return p.deploy(environment, source{
		also: []string{"push", "pushOld", "stats", "cancel", "consume", "listen", "hear", "tick", "leave"}, egress: []string{"beat.example"},
		scopes: append([]string{"storage:app"}, scopes...), modules: workerModules, code: "const NAME = " + `"` + name + `";` + worker,
	})
}

// dueNow makes due what an installation queued for later, and gives it a turn, as if
// nothing had kept it from having one.
func (p *platform) dueNow(at place) {
	p.t.Helper()
	d := p.System.DB
	for _, q := range []string{`UPDATE jobs SET due = 0 WHERE owner = ? AND state = 0 AND token = ''`, `INSERT INTO job_owners (owner, serve_at) VALUES (?, 0) ON CONFLICT (owner) DO UPDATE SET serve_at = 0`} {
		if _, err := d.Exec(p.ctx, q, at.installation); err != nil {
			p.t.Fatal(err)
		}
	}
}

// waiting counts what an installation has queued and what was not given up, turns whether
// it is ever served.
func (p *platform) waiting(at place) int {
	return p.counted(`SELECT COUNT(*) FROM jobs WHERE owner = ? AND state < 2`, at)
}

func (p *platform) turns(at place) int {
	return p.counted(`SELECT COUNT(*) FROM job_owners WHERE owner = ?`, at)
}

func (p *platform) counted(query string, at place) (n int) {
	p.t.Helper()
	if err := p.System.DB.QueryRow(p.ctx, query, at.installation).Scan(&n); err != nil {
		p.t.Fatal(err)
	}
	return n
}
