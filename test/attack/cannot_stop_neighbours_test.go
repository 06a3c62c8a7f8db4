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
	"sync/atomic"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/test/hostile"
)

// vandal is an app of the table's rows.
func vandal(rows []hostile.Row) source {
	return source{egress: []string{hostile.SlowHost, hostile.LargeHost}, also: append(hostile.Names(rows), "ok"), code: hostile.Code(rows)}
}

// rowsToRun are the short ones, or with ANNEX_HOSTILE=all the whole table.
func rowsToRun() (rows []hostile.Row) {
	for _, r := range hostile.Rows {
		if r.Short || os.Getenv("ANNEX_HOSTILE") == "all" {
			rows = append(rows, r)
		}
	}
	return rows
}

// neighbour is a small app whose address is asked again and again until stop is closed;
// every answer has to be right. served is how long each of its calls took.
func neighbour(t *testing.T, p *platform, url string, stop <-chan struct{}) (served func() []time.Duration) {
	t.Helper()
	var took []time.Duration
	done := make(chan struct{})
	go func() {
		defer close(done)
		for {
			began := time.Now()
			if a := p.ask("POST", url, nil, "hello"); a.status != 200 || a.body != "1hello" {
				t.Errorf("a neighbour's call after %d good ones: %d %s", len(took), a.status, a.body)
				return
			}
			took = append(took, time.Since(began))
			select {
			case <-stop:
				return
			default:
			}
		}
	}()
	return func() []time.Duration { <-done; return took }
}

const quiet = `let n = 0; async function hook(request) { n++; await null; return { statusCode: 200, body: n + request.body }; }`

// RUNTIME, CONTRACTS 8: whatever app code does, it ends in a typed error at its limit,
// other apps' calls are served meanwhile by the same workers, and no worker is lost.
func TestAttackStopNeighbours(t *testing.T) {
	p := newPlatformOf(t, 2)
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	p.Host(t, hostile.SlowHost, http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	large := make([]byte, 10<<20)
	p.Host(t, hostile.LargeHost, http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(large) }))
	good := p.deploy("development", source{hooks: []string{"hook"}, code: quiet}).hook("hook")
	rows := rowsToRun()
	bad := p.deploy("development", vandal(rows))
	for range 5 { // both apps have left the quarantine in which new versions begin
		if a := p.ask("POST", good, nil, "hello"); a.body != "1hello" {
			t.Fatalf("%d %s", a.status, a.body)
		}
		var one int
		bad.result("ok", nil, &one)
	}
	table := newTable(t, p, good)
	for _, r := range rows {
		t.Run(r.Name, func(t *testing.T) {
			logged := len(p.log.String())
			stop := make(chan struct{})
			served := neighbour(t, p.as(t), good, stop)
			var wg sync.WaitGroup
			ends := make([]ending, 3) // more than there are workers
			for i := range ends {
				wg.Go(func() { ends[i] = bad.vandalise(t, r) })
			}
			wg.Wait()
			close(stop)
			took := served()
			if len(took) < 1 {
				t.Error("no call of a neighbour was served")
			}
			table.add(r, ends, took, p.log.String()[logged:])
			for line := range strings.Lines(p.log.String()[logged:]) {
				if strings.Contains(line, "is killed") || strings.Contains(line, "hung up on") {
					t.Errorf("a worker was lost to app code: %s", line)
				}
			}
		})
	}
	var one int
	if bad.result("ok", nil, &one); one != 1 {
		t.Error("the app itself is not served any more")
	}
}

// ending is how a hostile call ended: its error, and how long after the call began, or
// after its deadline where nothing else ends it.
type ending struct {
	code string
	took time.Duration
}

// vandalise makes one call of a row and demands one of its errors.
func (at place) vandalise(t *testing.T, r hostile.Row) ending {
	t.Helper()
	// Only what nothing but the deadline ends gets a short one.
	deadline := 20 * time.Second
	if r.Endless() {
		deadline = 600 * time.Millisecond
	}
	c := &call.Call{Kind: call.Invoke, Installation: id.Install(at.installation), Module: r.Name, Function: "index." + r.Name,
		Context: []byte("{}"), Payload: []byte("null"), ContentType: "application/json", Deadline: time.Now().Add(deadline)}
	if r.Web {
		c.Kind, c.Context = call.WebTrigger, []byte(`{"request":{"method":"GET","path":"/","userPath":"","rawQuery":"","queryParameters":{},"headers":{}}}`)
	}
	began := time.Now()
	if r.Endless() {
		began = c.Deadline
	}
	_, err := at.p.System.Door.Invoke(context.WithoutCancel(t.Context()), c)
	code := fault.CodeOf(err)
	if err == nil {
		code = ""
	}
	f, typed := fault.As(err)
	switch {
	case !slices.Contains(r.Codes, code) || err != nil && (!typed || f.Public == ""):
		t.Errorf("it ended with %v", err)
	case typed && f.Kind == fault.Limit && f.Fields["limit"] == nil:
		t.Errorf("%s names no limit: %+v", f.Code, f.Fields)
	}
	return ending{code, time.Since(began)}
}

// Module scope runs in the server's name when a version is deployed; there too an app
// stops only itself: it runs in none of the processes that serve calls.
func TestAttackStopNeighboursByDeploying(t *testing.T) {
	p := newPlatformOf(t, 2)
	serving := children(t) // nothing was deployed yet
	if len(serving) < 2 {
		t.Fatalf("%v serve calls", serving)
	}
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
			if n := len(served()); n < 1 {
				t.Errorf("%d calls of a neighbour were served", n)
			}
		})
	}
	// The process in which one developer's module scope ran ends before another's begins.
	p.upload(p.developer("bob"), source{also: []string{"run"}, code: "function run() {}"}.parts("development")).must(t)
	now := children(t)
	for _, pid := range serving {
		if !slices.Contains(now, pid) {
			t.Errorf("the process %s served calls, and was lost to a version that was only deployed", pid)
		}
	}
}

// A caller who goes away leaves no worker behind that hangs: the next one finds all.
func TestAttackHangWorkersByGoingAway(t *testing.T) {
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
// calls, nor others from deploying, however many one developer has of it: nobody waits
// until those have come to their ends.
func TestAttackStopOthersDeploys(t *testing.T) {
	p := newPlatformOf(t, 2)
	fresh := make([]string, 2)
	for i := range fresh {
		fresh[i] = p.deploy("development", source{hooks: []string{"hook"}, code: quiet + "// " + fmt.Sprint(i)}).hook("hook")
	}
	hostile := source{also: []string{"run"}, code: `const a = []; a.length = 2 ** 32 - 1; Array(100).fill(a).join(""); function run() {}`}
	ctx, leave := context.WithCancel(t.Context())
	eve := p.developer("eve")
	var wg sync.WaitGroup
	var ended atomic.Int32
	before := ticks(t)
	for i := range 24 { // more than there are places for builds, those that take long included
		wg.Go(func() {
			s := hostile
			for n := 0; ctx.Err() == nil; n++ {
				s.code = hostile.code + fmt.Sprintf("// %d %d", i, n)
				a := p.until(ctx).upload(eve, s.parts("development"))
				if ctx.Err() != nil {
					return
				}
				switch code := a.code(); {
				case code == "LIMIT_CPU", code == "LIMIT_WALL":
					ended.Add(1)
				case a.status < 400 || code == "":
					t.Errorf("a version that hangs: %d %s", a.status, a.body)
				}
			}
		})
	}
	for ticks(t) <= before+30 { // however slow the machine is
		time.Sleep(5 * time.Millisecond)
	}
	for i, url := range fresh {
		if a := p.ask("POST", url, nil, "hello"); a.body != "1hello" {
			t.Errorf("the first call of version %d: %d %s", i, a.status, a.body)
		}
		s := source{also: []string{"run"}, code: "function run() {}// " + fmt.Sprint(i)}
		if a := p.upload(p.Access.DeveloperToken, s.parts("development")); a.status != 201 {
			t.Errorf("deploy %d: %d %s", i, a.status, a.body)
		}
	}
	// Each of hers has ten seconds of a processor: a dozen of them would come first in one line.
	if n := ended.Load(); n >= 8 {
		t.Errorf("others deployed when %d versions that hang had come to their ends", n)
	}
	leave()
	wg.Wait()
}

// The bodies of host calls wait in the server: one call has room for a few of them.
func TestAttackFillTheServerByHostCalls(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	release := make(chan struct{})
	p.Host(t, "slow.example", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		select {
		case <-release:
		case <-r.Context().Done():
		}
	}))
	t.Cleanup(func() { close(release) }) // before the host's own end, which waits for it
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
