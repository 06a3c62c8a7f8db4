package attack

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/trigger"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
)

// hooks is a server of web triggers in front of apps that a test writes in Go.
type hooks struct {
	*trigger.Service
	policies map[id.Install]*call.Policy
	// run is the app's function.
	run func(c *call.Call) (head any, body string)
	ran []*call.Call
	// proof is what the app's version demands of callers.
	proof string
	ring  *seal.Ring
	clock time.Time // zero: the real one
}

func newHooks(t *testing.T, installs ...id.Install) *hooks {
	t.Helper()
	h := &hooks{policies: map[id.Install]*call.Policy{}}
	h.run = func(*call.Call) (any, string) { return map[string]any{"statusCode": 200}, "secret of the app" }
	for _, i := range installs {
		scope, err := tenant.ForApp(id.Principal{Kind: id.Application, Install: i, Site: "s-1"})
		if err != nil {
			t.Fatal(err)
		}
		h.policies[i] = &call.Policy{Install: i, Site: "s-1", App: "a-1", Version: "v-1", Scope: scope,
			Set: perm.Set{WebTriggers: []perm.WebTrigger{{Key: "hook"}}}}
	}
	ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring"), true)
	if err != nil {
		t.Fatal(err)
	}
	h.ring = ring
	d := dbtest.SQLite(t)
	if err := d.Migrate(t.Context(), trigger.Migrations); err != nil {
		t.Fatal(err)
	}
	s, err := trigger.New(trigger.Config{BaseURL: "https://hooks.apps.example", DB: d, Modules: h, Policies: h, Invoker: h, Sealer: h.ring, Audit: h, Now: h.now})
	if err != nil {
		t.Fatal(err)
	}
	h.Service = s
	return h
}

// Policy implements trigger.Policies.
func (h *hooks) Policy(_ context.Context, i id.Install) (*call.Policy, error) {
	if p, ok := h.policies[i]; ok {
		return p, nil
	}
	return nil, fault.New(fault.NotFound, "NOT_INSTALLED", "there is no such installation")
}

// WebTrigger implements trigger.Modules.
func (h *hooks) WebTrigger(context.Context, id.Version, string) (trigger.Module, error) {
	return trigger.Module{Function: "index.run", Authentication: h.proof}, nil
}

// Append implements trigger.Audit.
func (h *hooks) Append(context.Context, id.Site, id.Install, id.Principal, string, any) error {
	return nil
}

func (h *hooks) now() time.Time {
	if h.clock.IsZero() {
		return time.Now()
	}
	return h.clock
}

// Invoke implements trigger.Invoker.
func (h *hooks) Invoke(_ context.Context, c *call.Call) (call.Result, error) {
	h.ran = append(h.ran, c)
	head, body := h.run(c)
	raw, err := json.Marshal(head)
	return call.Result{Head: raw, Body: []byte(body)}, err
}

func (h *hooks) address(t *testing.T, i id.Install) string {
	t.Helper()
	made, err := h.Create(t.Context(), h.policies[i].Scope, "hook", false)
	if err != nil {
		t.Fatal(err)
	}
	return made.URL
}

// ask is one request of a stranger.
func (h *hooks) ask(url string, header http.Header) *httptest.ResponseRecorder {
	r := httptest.NewRequest("POST", url, nil)
	for name, values := range header {
		r.Header[name] = values
	}
	w := httptest.NewRecorder()
	h.ServeHTTP(w, r)
	return w
}
