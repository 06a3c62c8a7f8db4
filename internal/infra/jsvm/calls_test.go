package jsvm_test

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
	"github.com/annexhq/annex/internal/infra/jsvm"
	"golang.org/x/sys/unix"
	"os"
)

func TestBaseImagesAreTheSame(t *testing.T) {
	a, b := newEngine(t), newEngine(t)
	if a.Base().Hash != b.Base().Hash {
		t.Error("two builds of one base image differ: snapshots of one could not be used with the other")
	}
}

func TestBaseImageIsTakenOver(t *testing.T) {
	a := newEngine(t)
	again := func() *os.File {
		fd, err := unix.Dup(int(a.Base().File.Fd()))
		if err != nil {
			t.Fatal(err)
		}
		return os.NewFile(uintptr(fd), "base")
	}
	b := newEngine(t, func(c *jsvm.Config) { c.Base = again() })
	img := snapshot(t, b, jsvm.Source{Bundle: runtimetest.Bundle(counterApp)})
	if o := invoke(t, b, img, "index.count", "1"); !o.OK {
		t.Errorf("%+v", o)
	}
	_, err := jsvm.New(t.Context(), jsvm.Config{WASM: runtimetest.QuickJS(t), SDK: []byte("other"), Base: again()})
	if err == nil {
		t.Error("a base image of another SDK was taken")
	}
}

const waitingApp = `
const { kernel } = __annex_require("test:kernel");
let n = 0;
__annex_register({ index: {
  ask: async (p) => { n++; const r = await kernel.call("echo", { p }, new Uint8Array([1, 2])); return [n, r.head, [...(r.body ?? [])]] },
  never: () => new Promise(() => {}),
  loop: () => { for (;;); },
  grow: () => { const b = new Uint8Array(8 << 20); b.fill(1); return b.length },
  eat: () => { const all = []; for (;;) all.push(new Uint8Array(1 << 20).fill(1)) },
  ok: () => "ok",
}});`

func acquire(t *testing.T, e *jsvm.Engine, img *jsvm.Image, r *recorder, l jsvm.Limits) *jsvm.Instance {
	t.Helper()
	in, err := e.Acquire(img, r, l)
	if err != nil {
		t.Fatal(err)
	}
	return in
}

// Many calls of one image wait at once; each is answered with its own data.
func TestParkedInstancesAreApart(t *testing.T) {
	e := newEngine(t)
	img := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(waitingApp)})
	const n = 50
	ins, recs := make([]*jsvm.Instance, n), make([]*recorder, n)
	for i := range ins {
		recs[i] = &recorder{}
		ins[i] = acquire(t, e, img, recs[i], jsvm.Limits{})
		p, _ := json.Marshal(i)
		start(ins[i], "index.ask", string(p))
		if ins[i].Outcome() != nil || len(recs[i].calls) != 1 {
			t.Fatalf("call %d: %+v", i, ins[i].Outcome())
		}
	}
	for i := n - 1; i >= 0; i-- {
		c := recs[i].calls[0]
		if c.method != "echo" || !bytes.Equal(c.body, []byte{1, 2}) {
			t.Fatalf("%+v", c)
		}
		ins[i].Reply(c.id+1000, true, nil, nil) // of no call: ignored
		ins[i].Reply(c.id, true, []byte(c.head), []byte{byte(i)})
		want, _ := json.Marshal([]any{1, json.RawMessage(c.head), []int{i}})
		if o := ins[i].Outcome(); o == nil || string(o.Body) != string(want) {
			t.Fatalf("call %d: %+v, want %s", i, o, want)
		}
		ins[i].Release()
	}
}

// An answer's body is bytes. To who asks for a text a short one in ASCII is that text, with
// each of its characters; a refusal is made an error, and what is thrown on the way rejects.
func TestBodiesAsTexts(t *testing.T) {
	e := newEngine(t)
	img := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(`
const { kernel } = __annex_require("test:kernel");
const shape = (head, body, along) => [head, typeof body, body === undefined ? [] : typeof body === "string" ? [...body].map((c) => c.charCodeAt(0)) : [...body], along];
const ask = (asText) => kernel.ask(ask, "echo", "{}", undefined, asText, shape, (err) => new Error(err.code + "!"), 7);
__annex_register({ index: {
  text: () => ask(true),
  bytes: () => ask(false),
  refused: () => ask(true).catch((err) => err.message),
  thrown: () => kernel.ask(ask, "echo", "{}", undefined, true, () => { throw new Error("unread") }).catch((err) => err.message),
  again: () => kernel.ask(ask, "echo", "{}", undefined, true, () => ask(true)),
} });`)})
	numbers := func(b []byte) []int {
		out := make([]int, len(b))
		for i, c := range b {
			out[i] = int(c)
		}
		return out
	}
	for _, tc := range []struct {
		fn, kind string
		body     []byte
	}{
		{"index.text", "string", []byte("a\x00\x7f\"b")},
		{"index.text", "string", []byte{}},
		{"index.text", "undefined", nil},
		{"index.text", "object", []byte("\xef\xbb\xbfa")},
		{"index.text", "object", []byte("a\x80")},
		{"index.text", "object", bytes.Repeat([]byte("a"), 64<<10+1)},
		{"index.text", "string", bytes.Repeat([]byte("a"), 64<<10)},
		{"index.bytes", "object", []byte("ab")},
		{"index.again", "string", []byte("ab")},
	} {
		r := &recorder{}
		in := acquire(t, e, img, r, jsvm.Limits{})
		start(in, tc.fn, "")
		for i := 0; in.Outcome() == nil; i++ {
			in.Reply(r.calls[i].id, true, []byte(`{"n":1}`), tc.body)
		}
		head := any(`{"n":1}`)
		if tc.fn == "index.bytes" {
			head = map[string]int{"n": 1}
		}
		want, _ := json.Marshal([]any{head, tc.kind, numbers(tc.body), 7})
		if got := in.Outcome(); string(got.Body) != string(want) {
			t.Errorf("%s %.20q: %.200s %s, want %.200s", tc.fn, tc.body, got.Body, got.Head, want)
		}
		in.Release()
	}
	for fn, want := range map[string]string{"index.refused": `"NO!"`, "index.thrown": `"unread"`} {
		r := &recorder{}
		in := acquire(t, e, img, r, jsvm.Limits{})
		start(in, fn, "")
		in.Reply(r.calls[0].id, fn != "index.refused", []byte(`{"code":"NO"}`), []byte("a"))
		if got := in.Outcome(); got == nil || string(got.Body) != want {
			t.Errorf("%s: %+v", fn, got)
		}
		in.Release()
	}
}

func TestOutcomes(t *testing.T) {
	e := newEngine(t)
	img := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(waitingApp), Memory: 24 << 20})
	code := func(fn string, l jsvm.Limits) string {
		t.Helper()
		in := acquire(t, e, img, &recorder{}, l)
		defer in.Release()
		start(in, fn, "1")
		o := in.Outcome()
		switch {
		case o == nil:
			return "waits"
		case o.Fault != nil:
			return o.Fault.Code
		case !o.OK:
			return "app: " + string(o.Head)
		}
		return string(o.Body)
	}
	for _, tc := range []struct {
		fn   string
		l    jsvm.Limits
		want string
	}{
		{"index.never", jsvm.Limits{}, "NEVER_SETTLED"},
		{"index.loop", jsvm.Limits{CPU: 20 * time.Millisecond}, "LIMIT_CPU"},
		{"index.loop", jsvm.Limits{Wall: time.Now().Add(20 * time.Millisecond)}, "LIMIT_WALL"},
		{"index.grow", jsvm.Limits{}, "8388608"},
		{"index.eat", jsvm.Limits{}, "LIMIT_MEMORY"},
		{"index.ok", jsvm.Limits{Response: 3}, "LIMIT_RESPONSE"},
		{"index.ok", jsvm.Limits{}, `"ok"`},
	} {
		if got := code(tc.fn, tc.l); got != tc.want {
			t.Errorf("%s: %s, want %s", tc.fn, got, tc.want)
		}
	}
	if got := code("index.gone", jsvm.Limits{}); !strings.Contains(got, "HANDLER_NOT_FOUND") {
		t.Errorf("a missing handler gave %s", got)
	}
}

// A long step is interrupted, others run in between, and it goes on where it was.
func TestOthersRunInsideALongStep(t *testing.T) {
	e := newEngine(t)
	img := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(waitingApp)})
	long := acquire(t, e, img, &recorder{}, jsvm.Limits{})
	served := 0
	e.OnTick(func() {
		err := e.Yield(func() {
			if o := invoke(t, e, img, "index.ok", "1"); o.OK {
				served++
			}
		})
		if err != nil {
			t.Error(err)
		}
		if served == 3 {
			long.End(fault.New(fault.Unavailable, "CANCELLED", "enough"))
		}
	})
	start(long, "index.loop", "1")
	if o := long.Outcome(); o == nil || o.Fault == nil || o.Fault.Code != "CANCELLED" || served != 3 {
		t.Errorf("%+v after %d others", long.Outcome(), served)
	}
	long.Release()
	e.OnTick(nil)
	if o := invoke(t, e, img, "index.ok", "1"); !o.OK {
		t.Errorf("%+v", o)
	}
}

func TestNatives(t *testing.T) {
	e := newEngine(t)
	img := snapshot(t, e, jsvm.Source{Bundle: runtimetest.Bundle(`
const { kernel } = __annex_require("test:kernel");
const n = kernel.native;
const hex = (b) => [...b].map((x) => x.toString(16).padStart(2, "0")).join("");
const message = (fn) => { try { return fn() } catch (err) { return err.name } };
__annex_register({ index: { run: () => [
  hex(n("hash", "SHA-256", n("utf8enc", "abc"))).slice(0, 8),
  hex(n("hmac", "sha1", n("utf8enc", "key"), n("utf8enc", "msg"))).slice(0, 8),
  n("utf8dec", new Uint8Array([0x68, 0xc3, 0xa9, 0xff, 0xe2, 0x82]), false),
  message(() => n("utf8dec", new Uint8Array([0xff]), true)),
  n("utf8dec", n("inflate", "gzip", n("deflate", "gzip", n("utf8enc", "round"))), true),
  message(() => n("inflate", "gzip", new Uint8Array([1, 2, 3]))),
  n("tz", "Europe/Berlin", 1750000000000), message(() => n("tz", "Nowhere/Land", 0)),
  n("equal", new Uint8Array([1]), new Uint8Array([1])), n("equal", new Uint8Array([1]), new Uint8Array(0)),
  message(() => n("hash", "crc", new Uint8Array(0))), message(() => n("nothing")), message(() => n("hash", {}, 1)),
  hex(n("hash", "md5", new Uint8Array(0))).slice(0, 8), kernel.random(0).length, typeof globalThis.__host,
] } });`)})
	o := invoke(t, e, img, "index.run", "1")
	const want = `["ba7816bf","102900b7","hé��","TypeError","round","TypeError",120,"RangeError",true,false,"TypeError","TypeError","TypeError","d41d8cd9",0,"undefined"]`
	if string(o.Body) != want {
		t.Errorf("%s %s\nwant %s", o.Body, o.Head, want)
	}
}
