package jsvm

import (
	"bytes"
	"encoding/json"
	"fmt"
	"testing"
	"time"
	"unsafe"

	"github.com/annexhq/annex/internal/core/fault"
)

// nest is an app that leaves its caller's canary all over its memory, and ends in every
// way that a call can end.
const nest = `
const { kernel } = __annex_require("test:kernel");
const vault = new Uint8Array(400 * 4096).fill(1);
const kept = [];
const fill = (n, me) => { const b = new Uint8Array(n); for (let i = 0; i + 32 <= n; i += 512) for (let j = 0; j < me.length; j++) b[i + j] = me.charCodeAt(j); return b; };
async function leave([me, n, how]) {
  for (let i = 0; i < 3; i++) { const at = ((n * 7919 + i * 131) % 400) * 4096; for (let j = 0; j < me.length; j++) vault[at + j] = me.charCodeAt(j); }
  kept.push(me, { [me]: me }, fill(64, me), fill(20_000, me));
  globalThis[me] = me;
  let text = ""; for (let i = 0; i < 30; i++) text += me + i;
  if (how === "grow") for (let i = 0; i < 6; i++) kept.push(fill(1 << 20, me));
  if (how === "throw") throw new Error(me);
  if (how === "never") return new Promise(() => {});
  if (how === "wait") { await kernel.call("echo", { me }, fill(70_000, me)); }
  if (how === "timer") { setInterval(() => kept.push(me), 1); await new Promise((done) => setTimeout(done, 5)); }
  if (how === "recurse") return (function f() { return me + f(); })();
  if (how === "loop") for (;;) kept.push(me);
  return { me, seen: kept.length, text };
}
__annex_register({ index: { leave } });
`

// After each call the memory that the next one gets is the image's, byte for byte: no
// page that the call wrote is left, and none lies behind the image's end.
func TestCanaryMemory(t *testing.T) {
	e := testEngine(t)
	var images []*Image
	for i := range 3 {
		img, _ := built(t, e, fmt.Sprintf("const app = %d;\n", i)+nest)
		images = append(images, img)
	}
	hows := []string{"", "", "", "", "grow", "throw", "never", "wait", "", "timer", "", "recurse", "", "", "wait", "", "cancel", "loop"}
	h := &idleMemory{t: t, e: e}
	type parked struct {
		in  *Instance
		img *Image
	}
	var waiting []parked
	for n := range 540 {
		img, how := images[n%len(images)], hows[n%len(hows)]
		if how == "loop" && n%4 != 0 {
			how = ""
		}
		me := fmt.Sprintf("cnry-%08x-", n)
		limits := Limits{}
		if how == "loop" {
			limits.Wall = time.Now().Add(20 * time.Millisecond)
		}
		in, err := e.Acquire(img, silence{}, limits)
		if err != nil {
			t.Fatal(err)
		}
		env, _ := json.Marshal(map[string]any{"id": me, "module": me})
		payload, _ := json.Marshal([]any{me, n, how})
		in.Start(Start{Kind: "invoke", Function: "index.leave", Envelope: env, Context: []byte(`{"me":"` + me + `"}`), Body: payload, Text: true, Seed: 42, Remaining: time.Minute})
		if in.Outcome() == nil { // it waits for the host or a timer, while others run
			if waiting = append(waiting, parked{in, img}); len(waiting) < 5 {
				continue
			}
			in, img, how, waiting = waiting[0].in, waiting[0].img, "wait", waiting[1:]
			if n%2 == 0 {
				in.Reply(1, true, []byte(`{"me":"`+me+`"}`), bytes.Repeat([]byte(me), 4000))
				in.Timer(1)
			}
			in.End(fault.New(fault.Unavailable, "CANCELLED", "the caller went away"))
		}
		if o := in.Outcome(); how == "" && !o.OK {
			t.Fatalf("%s: %s %v", me, o.Head, o.Fault)
		}
		in.Release()
		h.idle(img, n%15 == 0)
	}
	for _, w := range waiting {
		w.in.Release()
	}
	for _, img := range images {
		h.idle(img, true)
	}
	if h.compared < 30 {
		t.Errorf("%d instances were compared", h.compared)
	}
}

// idleMemory looks at the memory of idle instances.
type idleMemory struct {
	t        *testing.T
	e        *Engine
	compared int
}

// idle looks at the instances that the next calls of img get; all is false to look only
// where a call is likely to have written.
func (h *idleMemory) idle(img *Image, all bool) {
	h.t.Helper()
	var mem []byte
	for _, s := range img.idle {
		if s.size != img.size {
			h.t.Fatalf("an idle instance has %d bytes, its image %d", s.size, img.size)
		}
		if h.e.scan != nil {
			behind := uintptr(unsafe.Pointer(unsafe.SliceData(s.buf))) + uintptr(img.size)
			h.e.scan.written(behind, (len(s.buf)-img.size)/pageSize, func(from, to int) {
				h.t.Fatalf("pages %d to %d behind the image's end are in use", from, to)
			})
		}
		if !all {
			continue
		}
		if mem == nil {
			mem = h.contents(img)
		}
		h.compared++
		if bytes.Equal(s.buf[:img.size], mem) {
			continue
		}
		for p := range img.size / pageSize {
			page := s.buf[p*pageSize : (p+1)*pageSize]
			if !bytes.Equal(page, mem[p*pageSize:(p+1)*pageSize]) {
				found := ""
				if at := bytes.Index(page, []byte("cnry-")); at >= 0 {
					found = fmt.Sprintf(", with %q", page[at:min(at+14, len(page))])
				}
				h.t.Fatalf("page %d of %d is not as in the image%s", p, img.size/pageSize, found)
			}
		}
	}
}

func (h *idleMemory) contents(img *Image) []byte {
	mem := contents(img)
	if bytes.Contains(mem, []byte("cnry-")) {
		h.t.Fatal("the image itself holds a canary")
	}
	return mem
}

// silence is a host that never answers by itself.
type silence struct{}

func (silence) Call(uint32, string, []byte, []byte) {}
func (silence) Timer(uint32, time.Duration)         {}
func (silence) Untimer(uint32)                      {}
func (silence) Log(string, []byte)                  {}
func (silence) File(string) ([]byte, bool)          { return nil, false }
