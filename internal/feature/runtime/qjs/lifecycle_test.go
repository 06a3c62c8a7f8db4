package qjs_test

import (
	"context"
	"encoding/json"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/evanw/esbuild/pkg/api"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/worker"
	"github.com/annexhq/annex/internal/feature/runtime/qjs"
	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
)

// The suite's proof of isolation must be able to fail.
func TestIsolationTurnsRedWithoutReset(t *testing.T) {
	t.Setenv(worker.SkipResetEnv, "measure-what-isolation-costs")
	rt := newRuntime(t)
	if err := runtimetest.Isolated(rt, runtimetest.App("counter", runtimetest.Counter), 200, 2); err == nil {
		t.Fatal("without resets, calls did not see each other: the test of isolation shows nothing")
	}
}

// Any other value of the switch leaves the reset on.
func TestSkipResetNeedsItsWord(t *testing.T) {
	t.Setenv(worker.SkipResetEnv, "1")
	if err := runtimetest.Isolated(newRuntime(t), runtimetest.App("counter", runtimetest.Counter), 200, 2); err != nil {
		t.Fatal(err)
	}
}

// children remembers the processes that a runtime started.
type children struct {
	mu   sync.Mutex
	cmds []*exec.Cmd
}

func (c *children) watch(cfg *qjs.Config) {
	make := cfg.ChildCommand
	cfg.ChildCommand = func() *exec.Cmd {
		cmd := make()
		c.mu.Lock()
		defer c.mu.Unlock()
		c.cmds = append(c.cmds, cmd)
		return cmd
	}
}

// kill kills the processes that run now. It asks the kernel for them: a replacement may
// be starting, and its command is its starter's.
func (c *children) kill() { c.signal(syscall.SIGKILL) }

func (c *children) signal(sig syscall.Signal) {
	tasks, _ := filepath.Glob("/proc/self/task/*/children")
	for _, file := range tasks {
		list, _ := os.ReadFile(file) // a thread that ended has none
		for _, text := range strings.Fields(string(list)) {
			if pid, err := strconv.Atoi(text); err == nil {
				_ = syscall.Kill(pid, sig)
			}
		}
	}
}

func (c *children) count() int {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.cmds)
}

const waiting = `
const { kernel } = __annex_require("test:kernel");
__annex_register({ index: {
  read: () => kernel.call("kvs.query", {}).then(() => 1),
  write: async () => { await kernel.call("echo", {}); await kernel.call("kvs.query", {}) },
  get: () => kernel.call("product.request", { method: "GET", path: "/a" }).then(() => 1),
  post: () => kernel.call("product.request", { method: "POST", path: "/a" }).then(() => 1),
  ok: (p) => p,
}});`

func TestWorkerKilledAndReplaced(t *testing.T) {
	var c children
	rt := newRuntime(t, func(cfg *qjs.Config) { c.watch(cfg) })
	art := runtimetest.App("waiting", waiting)
	for _, tc := range []struct {
		fn   string
		runs int
	}{{"index.read", 2}, {"index.write", 1}, {"index.get", 2}, {"index.post", 1}} {
		h := &runtimetest.Host{Reached: make(chan struct{}, 4)}
		ended := make(chan error, 1)
		cl := runtimetest.Call(tc.fn, "1")
		cl.Deadline = time.Now().Add(5 * time.Minute) // longer than any start of a worker
		go func() {
			_, err := rt.Run(t.Context(), art, cl, nil, h)
			ended <- err
		}()
		// A call without effects runs again once; each run reaches the host call.
		for range tc.runs {
			select {
			case <-h.Reached:
			case err := <-ended:
				t.Fatalf("%s ended too early: %v", tc.fn, err)
			}
			c.kill()
		}
		err := <-ended
		f, ok := fault.As(err)
		if !ok || f.Code != "WORKER_LOST" || f.Kind != fault.Unavailable || f.Fields["retryable"] != true {
			t.Errorf("%s ended with %v", tc.fn, err)
		}
	}
	res, err := rt.Run(t.Context(), art, runtimetest.Call("index.ok", "5"), nil, &runtimetest.Host{})
	if err != nil || string(res.Body) != "5" {
		t.Errorf("the replacement answered %s, %v", res.Body, err)
	}
}

// A worker that says nothing any more is ended by the server at the deadline, whatever
// stops it, and the version then runs where it can only stop itself.
func TestHungWorkerIsKilledAtTheDeadline(t *testing.T) {
	var c children
	rt := newRuntime(t, func(cfg *qjs.Config) { c.watch(cfg); cfg.Workers = 1 })
	art, other := runtimetest.App("waiting", waiting), runtimetest.App("other", waiting)
	ok := func(art call.Artifact) {
		t.Helper()
		if res, err := rt.Run(t.Context(), art, runtimetest.Call("index.ok", "5"), nil, &runtimetest.Host{}); err != nil || string(res.Body) != "5" {
			t.Fatalf("got %s, %v", res.Body, err)
		}
	}
	for range 5 {
		ok(art)
		ok(other)
	}
	before := c.count()
	for range 2 {
		h := &runtimetest.Host{Reached: make(chan struct{}, 4)}
		cl := runtimetest.Call("index.write", "1")
		cl.Deadline = time.Now().Add(2 * time.Second)
		ended := make(chan error, 1)
		go func() {
			_, err := rt.Run(t.Context(), art, cl, nil, h)
			ended <- err
		}()
		<-h.Reached
		c.signal(syscall.SIGSTOP)
		err := <-ended
		c.signal(syscall.SIGCONT)
		if fault.CodeOf(err) != "LIMIT_WALL" {
			t.Fatalf("got %v", err)
		}
		ok(other)
		ok(art)
	}
	if c.count() < before+2 {
		t.Errorf("%d workers were started", c.count())
	}
}

// A worker that hung for a caller who left is killed before the next one's deadline.
func TestHungWorkerIsKilledWhenNobodyWaits(t *testing.T) {
	var c children
	rt := newRuntime(t, func(cfg *qjs.Config) { c.watch(cfg); cfg.Workers = 1 })
	art := runtimetest.App("waiting", waiting)
	for range 5 {
		if _, err := rt.Run(t.Context(), art, runtimetest.Call("index.ok", "5"), nil, &runtimetest.Host{}); err != nil {
			t.Fatal(err)
		}
	}
	h := &runtimetest.Host{Reached: make(chan struct{}, 4)}
	ctx, leave := context.WithCancel(t.Context())
	ended := make(chan error, 1)
	go func() {
		_, err := rt.Run(ctx, art, runtimetest.Call("index.write", "1"), nil, h)
		ended <- err
	}()
	<-h.Reached
	c.signal(syscall.SIGSTOP)
	leave()
	if err := <-ended; fault.CodeOf(err) != "CANCELLED" {
		t.Errorf("the caller who left got %v", err)
	}
	cl := runtimetest.Call("index.ok", "5")
	cl.Deadline = time.Now().Add(30 * time.Second)
	if res, err := rt.Run(t.Context(), art, cl, nil, &runtimetest.Host{}); err != nil || string(res.Body) != "5" {
		t.Errorf("the next call: %s, %v", res.Body, err)
	}
	c.signal(syscall.SIGCONT)
}

// Each site has workers of its own where that is configured: one in which versions prove
// themselves, and one for the rest.
func TestSitesHaveTheirOwnWorkers(t *testing.T) {
	for grade, want := range map[qjs.Isolation]int{qjs.BySite: 4, qjs.ByApp: 2} {
		var c children
		rt := newRuntime(t, func(cfg *qjs.Config) { c.watch(cfg); cfg.Workers = 2; cfg.Isolation = grade })
		art := runtimetest.App("waiting", waiting)
		if _, err := rt.Prepare(t.Context(), art, nil); err != nil {
			t.Fatal(err)
		}
		before := c.count()
		run := func() {
			for _, site := range []id.Site{"a", "b"} {
				cl := runtimetest.Call("index.ok", "5")
				cl.Site = site
				if res, err := rt.Run(t.Context(), art, cl, nil, &runtimetest.Host{}); err != nil || string(res.Body) != "5" {
					t.Fatalf("got %s, %v", res.Body, err)
				}
			}
		}
		for range 5 {
			run()
		}
		if got := c.count() - before; got > want || got < want-1 { // one site may prove the version for the other
			t.Errorf("%s: %d workers were started, want %d", grade, got, want)
		}
	}
}

func TestSnapshotsAreCachedAndChecked(t *testing.T) {
	store := &memStore{}
	use := func(cfg *qjs.Config) { cfg.Snapshots = store; cfg.Workers = 1 }
	loads := 0
	art := runtimetest.App("cached", `let n = 0; __annex_register({ index: { run: () => ++n } });`)
	load := art.Load
	art.Load = func(ctx context.Context) (call.Source, error) { loads++; return load(ctx) }
	run := func() {
		t.Helper()
		rt := newRuntime(t, use)
		p, err := rt.Prepare(t.Context(), art, []string{"index.run"})
		if err != nil || !p.Snapshotted || len(p.Missing) > 0 {
			t.Fatalf("%+v %v", p, err)
		}
		res, err := rt.Run(t.Context(), art, runtimetest.Call("index.run", "1"), nil, &runtimetest.Host{})
		if err != nil || string(res.Body) != "1" {
			t.Fatalf("got %s, %v", res.Body, err)
		}
	}
	run()
	run()
	if loads != 1 || store.puts != 1 {
		t.Fatalf("%d loads, %d puts: the cache was not used", loads, store.puts)
	}
	for key, b := range store.data {
		b[len(b)/2] ^= 1
		store.data[key] = b
	}
	run()
	if loads != 2 || store.puts != 2 {
		t.Errorf("%d loads, %d puts: the damaged entry was not made again", loads, store.puts)
	}
}

func TestManyAskAtOnceOneBuilds(t *testing.T) {
	store := &memStore{}
	rt := newRuntime(t, func(cfg *qjs.Config) { cfg.Snapshots = store })
	art := runtimetest.App("single", `__annex_register({ index: { run: () => 1 } });`)
	var wg sync.WaitGroup
	for range 20 {
		wg.Go(func() {
			if _, err := rt.Prepare(t.Context(), art, nil); err != nil {
				t.Error(err)
			}
		})
	}
	wg.Wait()
	if store.puts != 1 {
		t.Errorf("%d snapshots were made", store.puts)
	}
}

func TestStacksNameTheAppsSource(t *testing.T) {
	const source = "export async function run(): Promise<never> {\n  const why: string = 'here';\n  return inner(why);\n}\n\nfunction inner(why: string): never {\n  throw new RangeError(why);\n}\n"
	res := api.Transform(source, api.TransformOptions{
		Loader: api.LoaderTS, Format: api.FormatCommonJS, MinifyWhitespace: true,
		Sourcefile: "src/index.ts", Sourcemap: api.SourceMapExternal,
	})
	if len(res.Errors) > 0 {
		t.Fatal(res.Errors)
	}
	// The code stays on the map's first line: the wrapper's start is put on a line of its own, and the map shifted.
	art := runtimetest.App("maps", "")
	art.Load = func(context.Context) (call.Source, error) {
		bundle := "(function(__annex_require, __annex_register) { const module = { exports: {} };\n" + string(res.Code) + "\n__annex_register({ index: module.exports }) })"
		var m map[string]any
		if err := json.Unmarshal(res.Map, &m); err != nil {
			return call.Source{}, err
		}
		m["mappings"] = ";" + m["mappings"].(string)
		shifted, err := json.Marshal(m)
		return call.Source{Bundle: []byte(bundle), SourceMap: shifted}, err
	}
	_, err := newRuntime(t).Run(t.Context(), art, runtimetest.Call("index.run", "1"), nil, &runtimetest.Host{})
	f, ok := fault.As(err)
	if !ok {
		t.Fatal(err)
	}
	stack, _ := f.Fields["stack"].(string)
	lines := strings.Split(stack, "\n")
	at := slices.IndexFunc(lines, func(l string) bool { return strings.Contains(l, "src/index.ts:7:") })
	if at < 0 || !strings.Contains(stack, "src/index.ts:3:") || strings.Contains(stack, "sdk.js") {
		t.Errorf("stack:\n%s", stack)
	}
}

// A server that says that it is ready has every process that the first calls of versions
// need: none of them waits for a start.
func TestFirstCallsStartNoProcess(t *testing.T) {
	store := &memStore{}
	art, other := runtimetest.App("waiting", waiting), runtimetest.App("another", waiting)
	made := newRuntime(t, func(cfg *qjs.Config) { cfg.Workers = 1; cfg.Snapshots = store })
	for _, a := range []call.Artifact{art, other} {
		if _, err := made.Prepare(t.Context(), a, nil); err != nil {
			t.Fatal(err)
		}
	}
	if err := made.Close(); err != nil {
		t.Fatal(err)
	}
	var c children
	rt := newRuntime(t, func(cfg *qjs.Config) { c.watch(cfg); cfg.Workers = 1; cfg.Snapshots = store })
	if c.count() != 2 || rt.Ready() != 1 {
		t.Errorf("%d processes are there, %d take calls, want one and the one for first calls", c.count(), rt.Ready())
	}
	for range 5 { // into the shared worker too
		for _, a := range []call.Artifact{art, other} {
			if _, err := rt.Run(t.Context(), a, runtimetest.Call("index.ok", "5"), nil, &runtimetest.Host{}); err != nil {
				t.Fatal(err)
			}
		}
	}
	if c.count() != 2 {
		t.Errorf("the first calls started %d processes", c.count()-2)
	}
}

// The worker in which versions begin comes back by itself, before the next of them is called.
func TestQuarantineComesBack(t *testing.T) {
	var c children
	rt := newRuntime(t, func(cfg *qjs.Config) { c.watch(cfg); cfg.Workers = 1 })
	before := c.count()
	c.kill()
	for c.count() < before+2 && t.Context().Err() == nil { // both, and nobody called
		time.Sleep(time.Millisecond)
	}
	if _, err := rt.Run(t.Context(), runtimetest.App("waiting", waiting), runtimetest.Call("index.ok", "5"), nil, &runtimetest.Host{}); err != nil {
		t.Fatal(err)
	}
}
