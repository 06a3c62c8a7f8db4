package product

import (
	"context"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/scopemap"
	"github.com/annexhq/annex/internal/infra/netguard"
)

// token is what the fake credentials give; it has no meaning anywhere.
const token = "not-a-real-credential"

// world is a product, an app installed on it, and what was seen of both.
type world struct {
	gate    *Gate
	policy  *call.Policy
	present id.Principal
	answer  http.HandlerFunc
	mu      sync.Mutex
	got     []*http.Request
	bodies  [][]byte
	asked   []Ask
	decided []Decision
	agreed  map[string]bool // "alice read", "alice read offline"
	table   *scopemap.Table
	base    *url.URL
	graph   *Graph
	// containers are what rules may be about.
	containers []Containers
	method     string // of the host call
	via        http.RoundTripper
}

func (w *world) API(_ context.Context, p id.Product) (*API, error) {
	return &API{Product: p, BaseURL: w.base, Table: w.table, Graph: w.graph, Containers: w.containers}, nil
}

func (w *world) Named(_ context.Context, name string, preferred id.Product) (id.Product, bool, error) {
	switch name {
	case "", "jira", "tracker":
		return "tracker", true, nil
	case "wiki":
		return "wiki", true, nil
	}
	return "", false, nil
}

func (w *world) On(context.Context, id.Env, id.Site, id.Product) (*call.Policy, error) {
	return nil, fault.New(fault.Denied, "NOT_INSTALLED", "no")
}

func (w *world) Check(_ context.Context, _ *call.Policy, user id.Principal, scopes []string, offline bool) error {
	for _, s := range scopes {
		key := string(user.User) + " " + s
		if offline {
			key += " offline"
		}
		if !w.agreed[key] {
			return fault.New(fault.Unauthenticated, "NEEDS_AUTHENTICATION_ERR", "no")
		}
	}
	return nil
}

func (w *world) Credential(_ context.Context, _ *API, ask Ask) (Credential, error) {
	w.asked = append(w.asked, ask)
	return Credential{Header: "Authorization", Value: "Bearer " + token, Secret: token}, nil
}

func (w *world) Transport(class netguard.Class, tenant string) http.RoundTripper {
	if class != netguard.Operator || tenant != "i" {
		panic("wrong way out")
	}
	if w.via != nil {
		return w.via
	}
	return http.DefaultTransport
}

func (w *world) Decided(_ context.Context, d Decision) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.decided = append(w.decided, d)
}

func newWorld(t *testing.T, scopes ...string) *world {
	t.Helper()
	w := &world{agreed: map[string]bool{}, method: requestMethod}
	server := httptest.NewServer(http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		w.mu.Lock() // a request that was given up may still be here when the next one comes
		w.got, w.bodies = append(w.got, r), append(w.bodies, body)
		w.mu.Unlock()
		if w.answer != nil {
			w.answer(rw, r)
			return
		}
		rw.Header().Set("Content-Type", "application/json")
		_, _ = io.WriteString(rw, `{"ok":true}`)
	}))
	t.Cleanup(server.Close)
	w.base, _ = url.Parse(server.URL + "/api")
	op := func(method, path, scope string, more ...func(*scopemap.Described)) scopemap.Described {
		d := scopemap.Described{ID: method + path, Method: method, Path: path, Security: []map[string][]string{{"app": {scope}}}}
		for _, m := range more {
			m(&d)
		}
		return d
	}
	body := func(d *scopemap.Described) { d.Body, d.MediaTypes = true, []string{"application/json"} }
	either := op("GET", "/either", "write")
	either.Security = append(either.Security, map[string][]string{"app": {"read", "other"}}, map[string][]string{"app": {"read"}})
	unmapped := op("GET", "/unmapped", "x")
	unmapped.Security = nil
	fields := op("GET", "/issue/{key}", "read")
	fields.Parameters = []scopemap.Parameter{{Name: "fields", In: "query"}, {Name: "X-Declared", In: "header"}}
	doc := scopemap.Document{
		Schemes: map[string]scopemap.Scheme{"app": {Type: "oauth2"}},
		Described: []scopemap.Described{
			fields, op("POST", "/issue", "write", body), op("DELETE", "/issue/{key}", "write"), either, unmapped, op("POST", "/hook", "write", body),
			op("POST", "/upload", "write", func(d *scopemap.Described) { d.Body, d.MediaTypes = true, []string{"multipart/form-data"} }),
		},
	}
	table, findings, err := scopemap.Compile(doc, scopemap.Rules{
		Words: map[string]bool{"read": true, "write": true, "other": true},
		Decisions: []scopemap.Decision{{ID: "POST/hook", Open: true, Reason: "the app's own address only",
			Egress: []scopemap.EgressField{{In: "body", Name: "/config/url"}}}},
	})
	if err != nil {
		t.Fatal(findings, err)
	}
	w.table = table
	w.policy = &call.Policy{Install: "i", Site: "s", Product: "tracker", App: "a", Environment: "e", Version: "v"}
	for _, s := range scopes {
		w.policy.Set.Scopes = append(w.policy.Set.Scopes, perm.Scope{Name: s})
	}
	w.gate = New(Config{APIs: w, Installations: w, Consents: w, Credentials: w, Network: w, Decisions: w})
	return w
}

// mayImpersonate lets the app use its scopes for users who are not present.
func (w *world) mayImpersonate() {
	for i := range w.policy.Set.Scopes {
		w.policy.Set.Scopes[i].Impersonation = true
	}
}

func (w *world) maySendTo(t *testing.T, host string) {
	t.Helper()
	p, err := hostrule.ParsePattern(host, hostrule.Backend)
	if err != nil {
		t.Fatal(err)
	}
	w.policy.Set.Egress = append(w.policy.Set.Egress, perm.Egress{Type: perm.Backend, Pattern: p})
}

// answered is a reply as the app sees it.
type answered struct {
	replyHead
	body string
}

func (a answered) header(name string) string {
	for _, kv := range a.Headers {
		if kv[0] == name {
			return kv[1]
		}
	}
	return ""
}

func (a answered) code() string {
	var v struct{ Code string }
	_ = json.Unmarshal([]byte(a.body), &v)
	return v.Code
}

func (w *world) ask(h map[string]any, body string) (answered, error) {
	text, _ := json.Marshal(h)
	handler := w.gate.Bind(call.Binding{Call: &call.Call{ID: "c", Installation: "i", Principal: w.present}, Policy: w.policy})
	reply, err := handler(context.Background(), w.policy, call.Request{Method: w.method, Head: text, Body: []byte(body)})
	if err != nil {
		return answered{}, err
	}
	a := answered{body: string(reply.Body)}
	return a, json.Unmarshal(reply.Head, &a.replyHead)
}
