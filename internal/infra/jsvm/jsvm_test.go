package jsvm_test

import (
	"context"
	"encoding/json"
	"os"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
	"github.com/annexhq/annex/internal/infra/jsvm"
	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

// codeFolder keeps the engine's machine code for all tests of a run.
var codeFolder string

func TestMain(m *testing.M) {
	var err error
	if codeFolder, err = os.MkdirTemp("", "annex-code-"); err != nil {
		panic(err)
	}
	code := m.Run()
	_ = os.RemoveAll(codeFolder)
	os.Exit(code)
}

func compiled(t testing.TB) *jsvm.Code {
	t.Helper()
	code, err := jsvm.Compile(context.Background(), runtimetest.QuickJS(t), codeFolder)
	if err != nil {
		t.Fatal(err)
	}
	return code
}

func newEngine(t testing.TB, change ...func(*jsvm.Config)) *jsvm.Engine {
	t.Helper()
	cfg := jsvm.Config{WASM: runtimetest.QuickJS(t), SDK: runtimetest.KernelOnly(t)}
	cfg.Code = compiled(t)
	for _, c := range change {
		c(&cfg)
	}
	e, err := jsvm.New(context.Background(), cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(e.Close)
	return e
}

// snapshot builds and opens an app.
func snapshot(t testing.TB, e *jsvm.Engine, src jsvm.Source) *jsvm.Image {
	t.Helper()
	b, err := e.Build(src, nil, jsvm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	if b.Snapshot == nil {
		t.Fatal("no snapshot:", b.Reason)
	}
	img, err := image.Compose(e.Base().Image, "app", b.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	dup, err := e.Open(img.File)
	if err != nil {
		t.Fatal(err)
	}
	return dup
}

type recorder struct {
	calls  []hostCall
	timers map[uint32]time.Duration
	logs   []string
}

type hostCall struct {
	id     uint32
	method string
	head   string
	body   []byte
}

func (r *recorder) Call(id uint32, method string, head, body []byte) {
	r.calls = append(r.calls, hostCall{id, method, string(head), body})
}
func (r *recorder) Timer(id uint32, d time.Duration) {
	if r.timers == nil {
		r.timers = map[uint32]time.Duration{}
	}
	r.timers[id] = d
}
func (r *recorder) Untimer(id uint32) { delete(r.timers, id) }
func (r *recorder) Log(level string, args []byte) {
	r.logs = append(r.logs, level+" "+string(args))
}
func (r *recorder) File(string) ([]byte, bool) { return nil, false }

const counterApp = `
let n = 0;
async function count(payload) { n++; await null; return { n, echo: payload, pad: "x".repeat(900) }; }
__annex_register({ index: { count } });
`

func start(in *jsvm.Instance, fn, payload string) {
	var body []byte
	if payload != "" {
		body = []byte(payload)
	}
	in.Start(jsvm.Start{Kind: "invoke", Function: fn, Envelope: []byte(`{"id":"call-1","module":"m"}`), Context: []byte(`{"a":1}`), Body: body, Text: true, Seed: 42, Remaining: 25 * time.Second})
}

func invoke(t testing.TB, e *jsvm.Engine, img *jsvm.Image, fn, payload string) *jsvm.Outcome {
	t.Helper()
	in, err := e.Acquire(img, &recorder{}, jsvm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	defer in.Release()
	start(in, fn, payload)
	o := in.Outcome()
	if o == nil {
		t.Fatal("the call waits")
	}
	return o
}

func TestEachCallIsTheFirst(t *testing.T) {
	e := newEngine(t)
	img := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(counterApp)})
	for range 2000 {
		o := invoke(t, e, img, "index.count", `{"hello":"wörld"}`)
		if !o.OK {
			t.Fatalf("%s %v", o.Head, o.Fault)
		}
		var got struct{ N int }
		if err := json.Unmarshal(o.Body, &got); err != nil || got.N != 1 {
			t.Fatalf("a call saw another call: %.60s %v", o.Body, err)
		}
	}
}

func TestSkippedResetShows(t *testing.T) {
	e := newEngine(t, func(c *jsvm.Config) { c.SkipReset = true })
	img := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(counterApp)})
	invoke(t, e, img, "index.count", "1")
	var got struct{ N int }
	if err := json.Unmarshal(invoke(t, e, img, "index.count", "1").Body, &got); err != nil || got.N != 2 {
		t.Fatalf("without resets the second call must see the first: n = %d", got.N)
	}
}
