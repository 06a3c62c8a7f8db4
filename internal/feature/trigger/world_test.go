package trigger

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
)

// platform plays what the service stands on.
type platform struct {
	mu       sync.Mutex
	policies map[id.Install]*call.Policy
	modules  map[id.Version]map[string]Module
	invoke   func(ctx context.Context, c *call.Call) (call.Result, error)
	calls    []*call.Call
	incident []string
	refused  []map[string]int
	acts     []string
	ring     *seal.Ring
	clock    time.Time // zero: the real one
}

func newPlatform() *platform {
	p := &platform{policies: map[id.Install]*call.Policy{}, modules: map[id.Version]map[string]Module{}}
	p.install("i-alice", "s-1", "v-1", "hook", "other")
	p.modules["v-1"] = map[string]Module{
		"hook":   {Function: "index.run"},
		"other":  {Function: "index.other"},
		"hidden": {Function: "index.hidden"},
		"fixed": {Function: "index.fixed", Static: true, Outputs: map[string]Output{
			"ok":   {StatusCode: 201, ContentType: "text/plain", Body: "done"},
			"none": {StatusCode: 204},
		}},
		"signed":           {Function: "index.signed", Authentication: "hmac"},
		"bearer":           {Function: "index.bearer", Authentication: "bearer"},
		"fixed and signed": {Function: "index.fixed", Static: true, Authentication: "bearer", Outputs: map[string]Output{"ok": {StatusCode: 201, Body: "done"}}},
	}
	p.answers(`{"statusCode":200}`, "")
	return p
}

func (p *platform) install(install id.Install, site id.Site, version id.Version, granted ...string) {
	p.mu.Lock()
	defer p.mu.Unlock()
	scope, err := tenant.ForApp(id.Principal{Kind: id.Application, Install: install, Site: site})
	if err != nil {
		panic(err)
	}
	pol := &call.Policy{Install: install, Site: site, App: "a-1", Version: version, Scope: scope}
	for _, key := range granted {
		pol.Set.WebTriggers = append(pol.Set.WebTriggers, perm.WebTrigger{Key: key})
	}
	p.policies[install] = pol
}

func (p *platform) uninstall(install id.Install) {
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.policies, install)
}

func (p *platform) answers(head, body string) {
	p.invoke = func(context.Context, *call.Call) (call.Result, error) {
		return call.Result{Head: json.RawMessage(head), Body: []byte(body)}, nil
	}
}

func (p *platform) fails(err error) {
	p.invoke = func(context.Context, *call.Call) (call.Result, error) { return call.Result{}, err }
}

// Policy implements Policies.
func (p *platform) Policy(_ context.Context, install id.Install) (*call.Policy, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if pol, ok := p.policies[install]; ok {
		return pol, nil
	}
	return nil, fault.New(fault.NotFound, "NOT_INSTALLED", "there is no such installation")
}

// WebTrigger implements Modules.
func (p *platform) WebTrigger(_ context.Context, version id.Version, key string) (Module, error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	if m, ok := p.modules[version][key]; ok {
		return m, nil
	}
	return Module{}, fault.New(fault.NotFound, "NO_SUCH_MODULE", "there is no web trigger %q", key)
}

// Invoke implements Invoker.
func (p *platform) Invoke(ctx context.Context, c *call.Call) (call.Result, error) {
	p.mu.Lock()
	p.calls = append(p.calls, c)
	p.mu.Unlock()
	return p.invoke(ctx, c)
}

// taken are the calls since the last time.
func (p *platform) taken() []*call.Call {
	p.mu.Lock()
	defer p.mu.Unlock()
	calls := p.calls
	p.calls = nil
	return calls
}

// Incident implements Incidents.
func (p *platform) Incident(_ *call.Policy, _ *call.Call, incident string, err error) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.incident = append(p.incident, incident+" "+err.Error())
}

// Refused implements Refusals.
func (p *platform) Refused(_ *call.Policy, _ string, reasons map[string]int) {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.refused = append(p.refused, reasons)
}

// Append implements Audit.
func (p *platform) Append(_ context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.acts = append(p.acts, fmt.Sprint(act, " ", site, " ", install, " ", by.Account, " ", detail))
	return nil
}

func (p *platform) now() time.Time {
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.clock.IsZero() {
		return time.Now()
	}
	return p.clock
}

func newService(t testing.TB, d *db.DB, p *platform) *Service {
	t.Helper()
	if p.ring == nil {
		ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring"), true)
		if err != nil {
			t.Fatal(err)
		}
		p.ring = ring
	}
	if err := d.Migrate(t.Context(), Migrations); err != nil {
		t.Fatal(err)
	}
	s, err := New(Config{
		BaseURL: "https://hooks.apps.example", DB: d, Modules: p, Policies: p, Invoker: p, Incidents: p, Refusals: p, Sealer: p.ring, Audit: p, Now: p.now,
	})
	if err != nil {
		t.Fatal(err)
	}
	return s
}

func one(t testing.TB) (*Service, *platform) {
	t.Helper()
	p := newPlatform()
	return newService(t, dbtest.SQLite(t), p), p
}

func scopeOf(t testing.TB, p *platform, install id.Install) tenant.Scope {
	t.Helper()
	pol, err := p.Policy(t.Context(), install)
	if err != nil {
		t.Fatal(err)
	}
	return pol.Scope
}

func address(t testing.TB, s *Service, p *platform, install id.Install, module string) string {
	t.Helper()
	made, err := s.Create(t.Context(), scopeOf(t, p, install), module, false)
	if err != nil {
		t.Fatal(err)
	}
	return made.URL
}

func request(method, url, body string) *http.Request {
	if body == "" {
		return httptest.NewRequest(method, url, nil)
	}
	return httptest.NewRequest(method, url, strings.NewReader(body))
}

func serve(s *Service, r *http.Request) *httptest.ResponseRecorder {
	w := httptest.NewRecorder()
	s.ServeHTTP(w, r)
	return w
}
