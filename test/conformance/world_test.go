package conformance

import (
	"cmp"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/intl"
	"github.com/annexhq/annex/internal/infra/jsvm"
)

// world is an engine with the base image that ships, and everything that its calls can
// see: a clock that only timers move, so that waiting takes no time, and a folder of files
// that fetch finds at origin.
type world struct {
	vm   *jsvm.Engine
	now  time.Time
	root string // files that can be fetched
}

// origin is where the files of a suite seem to lie.
const origin = "http://web-platform.test:8000/"

func newWorld(t *testing.T, root string) *world {
	t.Helper()
	wasm, err := assets.QuickJS()
	if errors.Is(err, assets.ErrNotBuilt) {
		t.Skip(err)
	}
	if err != nil {
		t.Fatal(err)
	}
	sdk, err := assets.SDK()
	if err != nil {
		t.Fatal(err)
	}
	w := &world{root: root, now: time.Date(2026, time.January, 1, 12, 0, 0, 0, time.UTC)}
	w.vm, err = jsvm.New(context.Background(), jsvm.Config{
		WASM: wasm, SDK: sdk, Intl: intl.New(assets.Locales),
		Now: func() time.Time {
			w.now = w.now.Add(10 * time.Microsecond) // who waits in a loop comes to an end
			return w.now
		},
		Random: rand.NewChaCha8([32]byte{1}),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(w.vm.Close)
	return w
}

// patience is the time that one file may take. What a call may take is not tested here.
const patience = 2 * time.Minute

// run loads scripts one after the other into a fresh instance, as scripts of one page are,
// and then calls the function that the last of them registers as "t.run".
// A script that throws ends the run with its error.
func (w *world) run(payload []byte, scripts ...string) (*jsvm.Outcome, []string, error) {
	h := &host{w: w, timers: map[uint32]time.Time{}}
	in, err := w.vm.Acquire(w.vm.Base(), h, jsvm.Limits{CPU: patience, Wall: time.Now().Add(2 * patience)})
	if err != nil {
		return nil, nil, err
	}
	defer in.Release()
	for _, s := range scripts {
		if err := in.Load(jsvm.Source{Bundle: []byte(s)}); err != nil {
			return nil, h.lines, err
		}
	}
	in.Start(jsvm.Start{
		Kind: "invoke", Function: "t.run", Envelope: []byte(`{"id":"call-1","module":"m"}`),
		Body: payload, Text: true, Seed: 42, Remaining: time.Hour,
	})
	for in.Outcome() == nil && h.serve(in) {
	}
	if in.Outcome() == nil {
		return nil, h.lines, errors.New("the call waits for nothing")
	}
	return in.Outcome(), h.lines, nil
}

// problem says in a line how a run went wrong, "" if it did not.
func problem(o *jsvm.Outcome, err error) (name, message string) {
	var app *jsvm.AppFailure
	var f *fault.Error
	var head []byte
	switch {
	case errors.As(err, &app):
		head = app.Head
	case errors.As(err, &f):
		return f.Code, f.Error()
	case err != nil:
		return "Error", err.Error()
	case o.Fault != nil:
		return o.Fault.Code, o.Fault.Error()
	case !o.OK:
		head = o.Head
	default:
		return "", ""
	}
	var e struct{ Name, Message string }
	if json.Unmarshal(head, &e) != nil {
		return "Error", string(head)
	}
	return cmp.Or(e.Name, "Error"), e.Message
}

// host answers one instance.
type host struct {
	w      *world
	calls  []hostCall
	timers map[uint32]time.Time
	lines  []string
}

type hostCall struct {
	id     uint32
	method string
	head   []byte
}

func (h *host) Call(id uint32, method string, head, _ []byte) {
	h.calls = append(h.calls, hostCall{id, method, slices.Clone(head)})
}
func (h *host) Timer(id uint32, d time.Duration) { h.timers[id] = h.w.now.Add(d) }
func (h *host) Untimer(id uint32)                { delete(h.timers, id) }
func (h *host) Log(_ string, args []byte)        { h.lines = append(h.lines, string(args)) }
func (h *host) File(string) ([]byte, bool)       { return nil, false }

// serve answers the call that waits for longest, or lets the next timer fire.
func (h *host) serve(in *jsvm.Instance) bool {
	if len(h.calls) > 0 {
		c := h.calls[0]
		h.calls = h.calls[1:]
		ok, head, body := h.w.answer(c)
		in.Reply(c.id, ok, head, body)
		return true
	}
	if len(h.timers) == 0 {
		return false
	}
	// Timers of one moment fire in the order in which they were set.
	next := slices.MinFunc(slices.Collect(maps.Keys(h.timers)), func(a, b uint32) int {
		return cmp.Or(h.timers[a].Compare(h.timers[b]), cmp.Compare(a, b))
	})
	if at := h.timers[next]; at.After(h.w.now) {
		h.w.now = at
	}
	delete(h.timers, next)
	in.Timer(next)
	return true
}

// answer serves the suite's own files. There is no server behind it that could run the
// suite's scripts.
func (w *world) answer(c hostCall) (ok bool, head, body []byte) {
	var in struct{ URL, Method string }
	refuse := func(why string) (bool, []byte, []byte) {
		text, _ := json.Marshal(map[string]string{"name": "TypeError", "message": why})
		return false, text, nil
	}
	if c.method != "fetch" || json.Unmarshal(c.head, &in) != nil {
		return refuse("no host call " + c.method)
	}
	u, err := url.Parse(in.URL)
	if err != nil || !strings.HasPrefix(in.URL, origin) {
		return refuse(fmt.Sprintf("%s is outside of the suite", in.URL))
	}
	path := filepath.Clean("/" + u.Path)
	body, err = os.ReadFile(filepath.Join(w.root, path))
	if err != nil || strings.HasSuffix(path, ".py") {
		return refuse(in.URL + " is no file of the suite")
	}
	if in.Method == "HEAD" {
		body = nil
	}
	text, _ := json.Marshal(map[string]any{"status": 200, "statusText": "OK", "url": in.URL, "headers": [][2]string{{"content-type", contentType(path)}}})
	return true, text, body
}

func contentType(path string) string {
	switch filepath.Ext(path) {
	case ".json":
		return "application/json"
	case ".html":
		return "text/html"
	case ".js":
		return "text/javascript"
	case ".png":
		return "image/png"
	}
	return "text/plain"
}
