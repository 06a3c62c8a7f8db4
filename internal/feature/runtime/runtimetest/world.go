package runtimetest

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// Runtime is what the suite exercises.
type Runtime interface {
	Prepare(ctx context.Context, art call.Artifact, handlers []string) (call.Prepared, error)
	Run(ctx context.Context, art call.Artifact, c *call.Call, app json.RawMessage, host call.Host) (call.Result, error)
}

// App is an artifact whose bundle is the given body; see Bundle.
func App(name, module string) call.Artifact {
	return call.Artifact{
		Version: id.Version(name), Key: name, Snapshots: true,
		Load: func(context.Context) (call.Source, error) {
			return call.Source{Bundle: Bundle(module), Variables: map[string]string{"GREETING": "hello"}}, nil
		},
	}
}

// Call makes a call of a function with a JSON payload, due in 20 seconds.
func Call(fn, payload string) *call.Call {
	c := &call.Call{
		ID: id.Invocation(uuid.NewString()), Attempt: 1, Kind: call.Invoke, Function: fn, Module: "module",
		Context: json.RawMessage(`{"moduleKey":"module"}`), Payload: []byte(payload), ContentType: "application/json",
		Deadline: time.Now().Add(20 * time.Second),
	}
	_, _ = rand.Read(c.Seed[:])
	return c
}

// Host answers host calls: "echo" with its own head and body, "never" and requests to products not before the
// call's end, "refuse" with a refusal; anything else is unknown.
type Host struct {
	mu    sync.Mutex
	lines []call.LogLine
	calls []string
	// Reached is signalled at each "never", when not nil.
	Reached chan struct{}
	// Release lets a "late" go on, which then tells Late how its context is.
	Release chan struct{}
	Late    chan error
}

// Admit implements call.Host.
func (h *Host) Admit(req call.Request) func(context.Context) (call.Reply, error) {
	return func(ctx context.Context) (call.Reply, error) { return h.answer(ctx, req) }
}

func (h *Host) answer(ctx context.Context, req call.Request) (call.Reply, error) {
	h.mu.Lock()
	h.calls = append(h.calls, req.Method)
	h.mu.Unlock()
	switch req.Method {
	case "echo", "fetch", "kvs.get":
		return call.Reply{Head: req.Head, Body: req.Body}, nil
	case "never", "kvs.query", "product.request":
		if h.Reached != nil {
			h.Reached <- struct{}{}
		}
		<-ctx.Done()
		return call.Reply{}, ctx.Err()
	case "late":
		<-h.Release
		h.Late <- ctx.Err()
		return call.Reply{}, nil
	case "refuse":
		return call.Reply{}, fault.New(fault.Denied, "REQUEST_EGRESS_ALLOWLIST_ERR", "not on the list").With("origin", "https://example.com")
	}
	return call.Reply{}, fmt.Errorf("no method %s", req.Method)
}

// Log implements call.Host.
func (h *Host) Log(line call.LogLine) {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.lines = append(h.lines, line)
}

// Lines are the console lines up to now.
func (h *Host) Lines() []call.LogLine {
	h.mu.Lock()
	defer h.mu.Unlock()
	return append([]call.LogLine(nil), h.lines...)
}

// must runs a call that has to end well and decodes what it returned.
func must[T any](t *testing.T, rt Runtime, art call.Artifact, fn, payload string) T {
	t.Helper()
	res, err := rt.Run(t.Context(), art, Call(fn, payload), nil, &Host{})
	if err != nil {
		t.Fatalf("%s: %v", fn, err)
	}
	var v T
	if err := json.Unmarshal(res.Body, &v); err != nil {
		t.Fatalf("%s answered %s: %v", fn, res.Body, err)
	}
	return v
}

// mustFail runs a call that has to end with the code.
func mustFail(t *testing.T, rt Runtime, art call.Artifact, c *call.Call, code string) *fault.Error {
	t.Helper()
	res, err := rt.Run(t.Context(), art, c, nil, &Host{})
	f, ok := fault.As(err)
	if !ok || f.Code != code {
		t.Fatalf("%s: %s expected, got %v (body %.100s)", c.Function, code, err, res.Body)
	}
	return f
}
