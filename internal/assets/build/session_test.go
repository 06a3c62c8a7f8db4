package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/infra/bundle"
	"github.com/annexhq/annex/internal/infra/intl"
	"github.com/annexhq/annex/internal/infra/jsvm"
	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

// stage runs the sessions of one app in the real engine, without a server.
type stage struct {
	t      testing.TB
	vm     *jsvm.Engine
	app    *jsvm.Image
	parked []byte
	told   []message
	answer func(c pendingCall) (bool, string, string)
	wake   time.Duration
	logs   []string
}

type message struct {
	Tree   *node           `json:"tree"`
	Effect json.RawMessage `json:"effect"`
	Error  json.RawMessage `json:"error"`
}

type node struct {
	Type     string         `json:"type"`
	Key      string         `json:"key"`
	Props    map[string]any `json:"props"`
	Children []*node        `json:"children"`
}

func (n *node) text() string {
	if n.Type == "String" {
		return fmt.Sprint(n.Props["text"])
	}
	var out strings.Builder
	for _, c := range n.Children {
		out.WriteString(c.text())
	}
	return out.String()
}

func (n *node) all(typ string) []*node {
	var out []*node
	var prop func(v any)
	visit := func(n *node) {
		if n.Type == typ {
			out = append(out, n)
		}
		for _, c := range n.Children {
			out = append(out, c.all(typ)...)
		}
	}
	prop = func(v any) {
		switch v := v.(type) {
		case map[string]any:
			if el, ok := v["$el"]; ok {
				b, _ := json.Marshal(el)
				var in node
				if json.Unmarshal(b, &in) == nil {
					out = append(out, in.all(typ)...)
				}
				return
			}
			for _, x := range v {
				prop(x)
			}
		case []any:
			for _, x := range v {
				prop(x)
			}
		}
	}
	visit(n)
	for _, v := range n.Props {
		prop(v)
	}
	return out
}

func newEngine(t testing.TB) *jsvm.Engine {
	web := mustAbs("../../../web")
	wasm, err := engine(web)
	if err != nil {
		t.Skip(err)
	}
	list, err := readList(filepath.Join(web, "packages/runtime/modules.json"))
	if err != nil {
		t.Fatal(err)
	}
	sdk, err := baseImage(web, list)
	if err != nil {
		t.Fatal(err)
	}
	vm, err := jsvm.New(context.Background(), jsvm.Config{WASM: wasm, SDK: sdk, Intl: intl.New(assets.Locales)})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(vm.Close)
	return vm
}

// perform bundles an app of the given files and makes its snapshot.
func perform(t testing.TB, vm *jsvm.Engine, files map[string]string, handlers []string, interfaces ...bundle.Interface) *stage {
	t.Helper()
	web := mustAbs("../../../web")
	list, err := readList(filepath.Join(web, "packages/runtime/modules.json"))
	if err != nil {
		t.Fatal(err)
	}
	table, err := exportTable(web, list)
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	for name, text := range files {
		file := filepath.Join(dir, filepath.FromSlash(name))
		if err := os.MkdirAll(filepath.Dir(file), 0o755); err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	res, ds, err := bundle.Build(t.Context(), bundle.Options{Dir: dir, Handlers: handlers, Interfaces: interfaces,
		Table: &bundle.Table{Modules: table.Modules, Aliases: table.Aliases, TypesOnly: table.TypesOnly}})
	if err != nil || bundle.HasErrors(ds) {
		t.Fatal(err, ds)
	}
	began := time.Now()
	built, err := vm.Build(jsvm.Source{Bundle: res.Code}, nil, jsvm.Limits{})
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("bundle %d bytes, module scope %v, snapshot %d bytes, exports %v", len(res.Code), time.Since(began), len(built.Snapshot), built.Exports)
	img, err := image.Compose(vm.Base().Image, "app", built.Snapshot)
	if err != nil {
		t.Fatal(err)
	}
	app, err := vm.Open(img.File)
	if err != nil {
		t.Fatal(err)
	}
	return &stage{t: t, vm: vm, app: app}
}

type stageHost struct {
	host
	s *stage
}

func (h *stageHost) Emit(b []byte) {
	var m message
	if err := json.Unmarshal(b, &m); err != nil {
		h.s.t.Errorf("%s: %v", b, err)
	}
	h.s.told = append(h.s.told, m)
}

// event runs one event of the session and gives what was told.
func (s *stage) event(fn, event string) []message {
	s.t.Helper()
	s.told = nil
	h := &stageHost{host{timers: map[uint32]bool{}}, s}
	in, err := s.vm.Acquire(s.app, h, jsvm.Limits{})
	if err != nil {
		s.t.Fatal(err)
	}
	defer in.Release()
	if s.parked != nil {
		if err := in.Resume(s.parked); err != nil {
			s.t.Fatal(err)
		}
	}
	ctx, err := json.Marshal(map[string]any{"accountId": "alice", "locale": "en-US", "extension": map[string]any{"issue": map[string]any{"key": "T-1", "id": "7"}},
		"permissions": map[string]any{"scopes": []string{"storage:app"}}})
	if err != nil {
		s.t.Fatal(err)
	}
	in.Session(jsvm.Start{Kind: "session", Function: fn, Envelope: []byte(`{"id":"s","module":"m"}`), Context: ctx, Body: []byte(event), Text: true, Seed: 3, Remaining: 25 * time.Second})
	in.Overdue()
	for in.Outcome() == nil {
		if len(h.pending) > 0 && s.answer != nil {
			c := h.pending[0]
			h.pending = h.pending[1:]
			ok, head, body := s.answer(c)
			in.Reply(c.id, ok, []byte(head), []byte(body))
			continue
		}
		if !h.serve(in) {
			s.t.Fatal("the session waits for nothing")
		}
	}
	for _, l := range h.logs {
		s.logs = append(s.logs, fmt.Sprint(l))
		s.t.Log(l)
	}
	if o := in.Outcome(); !o.Parked {
		s.t.Fatalf("%s %v", o.Head, o.Fault)
	}
	if s.parked, err = in.Park(false); err != nil {
		s.t.Fatal(err)
	}
	s.wake = -1
	if d, any := in.Wake(); any {
		s.wake = d
	}
	return s.told
}

func (s *stage) click(fn string, n *node, prop string, args ...any) []message {
	s.t.Helper()
	f, ok := n.Props[prop].(map[string]any)
	if !ok {
		s.t.Fatalf("%s has no %s: %v", n.Type, prop, n.Props)
	}
	event, err := json.Marshal(map[string]any{"type": "event", "handle": f["$fn"], "args": append([]any{}, args...)})
	if err != nil {
		s.t.Fatal(err)
	}
	return s.event(fn, string(event))
}

func last(ms []message) *node {
	for i := len(ms) - 1; i >= 0; i-- {
		if ms[i].Tree != nil {
			return ms[i].Tree
		}
	}
	return nil
}
