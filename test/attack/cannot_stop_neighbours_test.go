package attack

import (
	"bytes"
	"context"
	"fmt"
	"net/http"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// vandals are functions that take whatever they can get, and the codes in which each
// may end. What keeps the engine in native code may cost its worker on a slow machine.
var vandals = []struct {
	name, body string
	codes      []string
}{
	{"loop", `for (;;);`, []string{"LIMIT_WALL"}},
	{"promises", `for (;;) await null;`, []string{"LIMIT_WALL"}},
	{"timers", `for (;;) await new Promise((r) => setTimeout(r, 0));`, []string{"LIMIT_WALL"}},
	{"intervals", `for (let i = 0; i < 9000; i++) setInterval(() => { let n = 0; while (n < 1000) n++; }, 1); await new Promise(() => {});`, []string{"LIMIT_WALL"}},
	{"manyTimers", `for (;;) setTimeout(() => {}, 100000);`, []string{"FUNCTION_ERR"}},
	{"memory", `const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1));`, []string{"LIMIT_MEMORY", "WORKER_LOST"}},
	{"objects", `let o = null; for (;;) o = { o };`, []string{"LIMIT_MEMORY", "LIMIT_WALL", "WORKER_LOST"}},
	{"catchMemory", `const all = []; for (;;) try { all.push(new Array(1 << 16).fill(all)); } catch {}`, []string{"LIMIT_MEMORY", "LIMIT_WALL", "WORKER_LOST"}},
	{"text", `let s = "x"; for (;;) s += s;`, []string{"LIMIT_MEMORY", "FUNCTION_ERR", "WORKER_LOST"}},
	{"recursion", `const f = () => f() + 1; f();`, []string{"FUNCTION_ERR"}},
	{"recursionCaught", `const f = () => { try { f(); } finally { f(); } }; f();`, []string{"FUNCTION_ERR", "LIMIT_WALL"}},
	{"nestedJSON", `let s = "[".repeat(1e6); JSON.parse(s);`, []string{"FUNCTION_ERR", "LIMIT_WALL", "WORKER_LOST"}},
	{"nestedValue", `let o = {}; for (let i = 0; i < 1e5; i++) o = { o }; JSON.stringify(o);`, []string{"FUNCTION_ERR", "LIMIT_WALL", "WORKER_LOST"}},
	{"regexp", `/^(a+)+$/.test("a".repeat(40) + "b"); /(x+x+)+y/.test("x".repeat(60));`, []string{"LIMIT_WALL", "WORKER_LOST", "FUNCTION_ERR"}},
	{"bigint", `let n = 3n; for (;;) n = n * n;`, []string{"LIMIT_WALL", "WORKER_LOST", "FUNCTION_ERR", "LIMIT_MEMORY"}},
	{"power", `3n ** 50000000n;`, []string{"LIMIT_WALL", "WORKER_LOST", "FUNCTION_ERR", "LIMIT_MEMORY"}},
	{"native", `Array.prototype.indexOf.call({ length: 2 ** 53 - 1 }, 1);`, []string{"LIMIT_WALL", "WORKER_LOST"}},
	{"join", `const a = []; a.length = 2 ** 32 - 1; Array(100).fill(a).join("");`, []string{"LIMIT_WALL", "WORKER_LOST"}},
	{"sort", `const a = Array.from({ length: 3e6 }, (_, i) => (i * 7919) % 1000003); for (;;) a.sort();`, []string{"LIMIT_WALL", "WORKER_LOST", "LIMIT_MEMORY"}},
	{"hostCalls", `for (;;) await kvs.get("key");`, []string{"LIMIT_HOSTCALLS"}},
	{"hostCallsAtOnce", `const all = []; for (let i = 0; i < 5000; i++) all.push(kvs.set("key" + i, i).catch(() => {})); await Promise.all(all);`, []string{"LIMIT_HOSTCALLS"}},
	{"requests", `const all = []; for (let i = 0; i < 200; i++) all.push(fetch("https://slow.example/").catch(() => {})); await Promise.all(all);`, []string{"LIMIT_HOSTCALLS"}},
	{"waits", `await fetch("https://slow.example/");`, []string{"LIMIT_WALL"}},
	{"hash", `const b = new Uint8Array(24 << 20), { createHash } = __annex_require("node:crypto"); for (;;) createHash("sha512").update(b).digest();`, []string{"LIMIT_WALL"}},
	{"compress", `const b = crypto.getRandomValues(new Uint8Array(65536)), all = new Uint8Array(30 << 20); for (let i = 0; i < all.length; i += 65536) all.set(b, i);
const z = __annex_require("node:zlib"); for (;;) (z.default ?? z).brotliCompressSync(all);`, []string{"LIMIT_WALL"}},
	{"logs", `for (;;) console.log("x".repeat(1000));`, []string{"LIMIT_WALL", "WORKER_LOST"}},
	{"longLog", `for (;;) { console.log("x".repeat(1 << 20)); console.log("x".repeat(1 << 18)); }`, []string{"LIMIT_WALL", "WORKER_LOST"}},
	{"never", `await new Promise(() => {});`, []string{"NEVER_SETTLED"}},
	{"large", `return "x".repeat(6 << 20);`, []string{"LIMIT_RESPONSE", "WORKER_LOST"}},
	{"largeError", `throw new Error("x".repeat(6 << 20));`, []string{"FUNCTION_ERR", "WORKER_LOST"}},
	{"inflate", `const z = __annex_require("node:zlib"); const bomb = (z.default ?? z).gzipSync(new Uint8Array(64 << 20)); const all = []; for (;;) all.push((z.default ?? z).gunzipSync(bomb));`,
		[]string{"LIMIT_MEMORY", "LIMIT_WALL", "FUNCTION_ERR", "WORKER_LOST"}},
}

// vandal is an app of all of them.
func vandal() source {
	s := source{egress: []string{"slow.example"}}
	var b strings.Builder
	b.WriteString("const { kvs } = __annex_require(\"@annex/kvs\");\nconst { fetch } = __annex_require(\"@annex/api\");\nfunction ok() { return 1; }\n")
	s.also = []string{"ok"}
	for _, v := range vandals {
		fmt.Fprintf(&b, "async function %s() { %s }\n", v.name, v.body)
		s.also = append(s.also, v.name)
	}
	s.code = b.String()
	return s
}

// neighbour is a small app whose address is asked again and again until stop is closed;
// every answer has to be right.
func neighbour(t *testing.T, p *platform, url string, stop <-chan struct{}) (served func() int) {
	t.Helper()
	n := 0
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			if a := p.ask("POST", url, nil, "hello"); a.status != 200 || a.body != "1hello" {
				t.Errorf("a neighbour's call after %d good ones: %d %s", n, a.status, a.body)
				return
			}
			n++
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	return func() int { <-done; return n }
}

const quiet = `let n = 0; async function hook(request) { n++; await null; return { statusCode: 200, body: n + request.body }; }`

// RUNTIME, CONTRACTS 8: whatever app code does, it ends in a typed error at its limit,
// and other apps' calls are served meanwhile.
func TestCannotStopNeighbours(t *testing.T) {
	p := newPlatformOf(t, 2)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	p.Host(t, "slow.example", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	good := p.deploy("development", source{hooks: []string{"hook"}, code: quiet}).hook("hook")
	bad := p.deploy("development", vandal())
	for range 5 { // both apps have left the quarantine in which new versions begin
		if a := p.ask("POST", good, nil, "hello"); a.body != "1hello" {
			t.Fatalf("%d %s", a.status, a.body)
		}
		var one int
		bad.result("ok", nil, &one)
	}
	for _, v := range vandals {
		t.Run(v.name, func(t *testing.T) {
			// Only what nothing but the deadline ends gets a short one.
			deadline := 20 * time.Second
			if slices.Contains(v.codes, "LIMIT_WALL") {
				deadline = 600 * time.Millisecond
			}
			stop := make(chan struct{})
			served := neighbour(t, p.as(t), good, stop)
			var wg sync.WaitGroup
			for range 3 { // more than there are workers
				wg.Go(func() {
					c := &call.Call{Kind: call.Invoke, Installation: id.Install(bad.installation), Module: v.name, Function: "index." + v.name,
						Context: []byte("{}"), Payload: []byte("null"), ContentType: "application/json", Deadline: time.Now().Add(deadline)}
					_, err := p.System.Door.Invoke(context.WithoutCancel(t.Context()), c)
					f, ok := fault.As(err)
					if !ok || !slices.Contains(v.codes, f.Code) || f.Public == "" {
						t.Errorf("it ended with %v", err)
					}
					if ok && f.Kind == fault.Limit && f.Fields["limit"] == nil {
						t.Errorf("%s names no limit: %+v", f.Code, f.Fields)
					}
				})
			}
			wg.Wait()
			close(stop)
			if n := served(); n < 1 {
				t.Errorf("%d calls of a neighbour were served", n)
			}
		})
	}
	var one int
	if bad.result("ok", nil, &one); one != 1 {
		t.Error("the app itself is not served any more")
	}
}

// Module scope runs in the server's name when a version is deployed; there too an app
// stops only itself.
func TestCannotStopNeighboursByDeploying(t *testing.T) {
	p := newPlatformOf(t, 2)
	good := p.deploy("development", source{hooks: []string{"hook"}, code: quiet})
	url := good.hook("hook")
	for range 5 {
		p.ask("POST", url, nil, "hello")
	}
	for name, scope := range map[string]string{
		"recursion": `const f = () => f() + 1; f();`,
		"memory":    `const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1));`,
		"throws":    `throw { get message() { throw this; }, toString() { throw this; } };`,
		"syntax":    `}}}}`,
		"parse":     strings.Repeat("(", 200000),
	} {
		t.Run(name, func(t *testing.T) {
			stop := make(chan struct{})
			served := neighbour(t, p.as(t), url, stop)
			s := source{also: []string{"run"}, code: scope + "\nfunction run() {}"}
			a := p.as(t).upload(p.Access.DeveloperToken, s.parts("development"))
			if a.status < 400 || a.status >= 500 || a.code() == "" {
				t.Errorf("%d %.300s", a.status, a.body)
			}
			close(stop)
			if n := served(); n < 1 {
				t.Errorf("%d calls of a neighbour were served", n)
			}
		})
	}
}

// A caller who goes away leaves no worker behind that hangs: the next one finds all.
func TestCannotHangWorkersByGoingAway(t *testing.T) {
	p := newPlatformOf(t, 2)
	good := p.deploy("development", source{hooks: []string{"hook"}, code: quiet}).hook("hook")
	bad := p.deploy("development", source{also: []string{"ok", "hang"}, egress: []string{"here.example"}, code: `
const { fetch } = __annex_require("@annex/api");
function ok() { return 1; }
async function hang() { await fetch("https://here.example/"); const a = []; a.length = 2 ** 32 - 1; Array(100).fill(a).join(""); }`})
	for range 5 {
		p.ask("POST", good, nil, "hello")
		var one int
		bad.result("ok", nil, &one)
	}
	here := make(chan struct{}, 8)
	p.Host(t, "here.example", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { here <- struct{}{} }))
	for range 3 { // more than there are workers
		ctx, leave := context.WithCancel(t.Context())
		ended := make(chan error, 1)
		go func() {
			_, err := p.System.Door.Invoke(ctx, &call.Call{Kind: call.Invoke, Installation: id.Install(bad.installation), Module: "hang", Function: "index.hang",
				Context: []byte("{}"), Payload: []byte("null"), ContentType: "application/json"})
			ended <- err
		}()
		select {
		case <-here:
			before := ticks(t)
			eventually(t, "the call hangs", func() bool { return ticks(t) > before+30 })
		case err := <-ended:
			t.Errorf("it ended before it hung: %v", err)
			ended <- err
		}
		leave()
		<-ended
	}
	for range 10 { // one at a time: nobody else waits with it
		if a := p.ask("POST", good, nil, "hello"); a.body != "1hello" {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
}

// ticks is the time that the workers have used, in hundredths of a second.
func ticks(t *testing.T) (sum int) {
	t.Helper()
	for _, pid := range children(t) {
		stat, err := os.ReadFile("/proc/" + pid + "/stat")
		if err != nil {
			continue // it ended
		}
		fields := strings.Fields(string(stat[bytes.LastIndexByte(stat, ')')+1:]))
		n, err := strconv.Atoi(fields[11])
		if err != nil {
			t.Fatal(err)
		}
		sum += n
	}
	return sum
}

// What hangs while it is deployed does not keep others' new versions from their first
// calls, nor others from deploying.
func TestCannotStopOthersDeploys(t *testing.T) {
	p := newPlatformOf(t, 2)
	fresh := make([]string, 2)
	for i := range fresh {
		fresh[i] = p.deploy("development", source{hooks: []string{"hook"}, code: quiet + "// " + fmt.Sprint(i)}).hook("hook")
	}
	hostile := source{also: []string{"run"}, code: `const a = []; a.length = 2 ** 32 - 1; Array(100).fill(a).join(""); function run() {}`}
	ctx, leave := context.WithCancel(t.Context())
	eve := p.developer("eve")
	var wg sync.WaitGroup
	wg.Go(func() {
		s := hostile
		for n := 0; ctx.Err() == nil; n++ {
			s.code = hostile.code + "// " + fmt.Sprint(n)
			if a := p.until(ctx).upload(eve, s.parts("development")); ctx.Err() == nil && (a.status < 400 || a.code() == "") {
				t.Errorf("a version that hangs: %d %s", a.status, a.body)
			}
		}
	})
	for i, url := range fresh {
		if a := p.ask("POST", url, nil, "hello"); a.body != "1hello" {
			t.Errorf("the first call of version %d: %d %s", i, a.status, a.body)
		}
		s := source{also: []string{"run"}, code: "function run() {}// " + fmt.Sprint(i)}
		if a := p.upload(p.Access.DeveloperToken, s.parts("development")); a.status != 201 {
			t.Errorf("deploy %d: %d %s", i, a.status, a.body)
		}
	}
	leave()
	wg.Wait()
}

// The bodies of host calls wait in the server: one call has room for a few of them.
func TestCannotFillTheServerByHostCalls(t *testing.T) {
	p := newPlatform(t)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	p.Host(t, "slow.example", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	app := p.deploy("development", source{also: []string{"fill"}, egress: []string{"slow.example"}, code: `
const { fetch } = __annex_require("@annex/api");
async function fill({ requests, fit }) {
  const body = new Uint8Array(8 << 20);
  const refused = [];
  await new Promise((done) => {
    for (let i = 0; i < requests; i++) {
      fetch("https://slow.example/", { method: "POST", body }).catch((err) => { if (refused.push(err.code) === requests - fit) done(); });
    }
  });
  return refused;
}`})
	var refused []string
	app.result("fill", map[string]int{"requests": 6, "fit": 3}, &refused)
	for _, code := range refused {
		if code != "LIMIT_HOSTCALLS" {
			t.Errorf("refused with %s", code)
		}
	}
}
