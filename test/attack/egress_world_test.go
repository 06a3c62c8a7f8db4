package attack

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/netip"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/egress"
	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// outside is a hostile app's view of the way out: a real broker and guard in a fake
// internet whose names the app may script.
type outside struct {
	*netguardtest.World
	broker *egress.Broker
}

func newOutside(t *testing.T, reserved ...string) *outside {
	t.Helper()
	w := netguardtest.New(t)
	g, err := netguard.New(netguard.Config{}, netguard.WithTestNetwork(w.Network()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	return &outside{World: w, broker: egress.New(egress.Config{Network: g, Reserved: reserved})}
}

// app is one call of an app that was granted backend egress to the patterns.
type app struct {
	t      *testing.T
	policy *call.Policy
	handle call.Handler
}

func (o *outside) app(t *testing.T, granted ...string) *app {
	t.Helper()
	a := &app{t: t, policy: &call.Policy{Install: "i-hostile", Site: "s-1", App: "a-hostile", Version: "v-1", Epoch: 1}}
	a.grant(granted...)
	a.handle = o.broker.Bind(call.Binding{
		Call:   &call.Call{ID: id.Invocation("c-1"), Kind: call.WebTrigger, Installation: a.policy.Install},
		Policy: a.policy,
	})
	return a
}

func (a *app) grant(patterns ...string) {
	a.t.Helper()
	next := *a.policy
	next.Epoch++
	next.Set = perm.Set{}
	for _, text := range patterns {
		p, err := hostrule.ParsePattern(text, hostrule.Backend)
		if err != nil {
			a.t.Fatal(err)
		}
		next.Set.Egress = append(next.Set.Egress, perm.Egress{Type: perm.Backend, Pattern: p})
	}
	a.policy = &next
}

type fetched struct {
	Status  int         `json:"status"`
	Headers [][2]string `json:"headers"`
	body    string
}

func (f fetched) header(name string) string {
	for _, kv := range f.Headers {
		if kv[0] == name {
			return kv[1]
		}
	}
	return ""
}

func (a *app) fetch(head map[string]any, body string) (fetched, error) {
	raw, err := json.Marshal(head)
	if err != nil {
		a.t.Fatal(err)
	}
	reply, err := a.handle(context.Background(), a.policy, call.Request{Method: "fetch", Head: raw, Body: []byte(body)})
	if err != nil {
		return fetched{}, err
	}
	f := fetched{body: string(reply.Body)}
	if err := json.Unmarshal(reply.Head, &f); err != nil {
		a.t.Fatal(err)
	}
	return f, nil
}

func (a *app) get(url string) (fetched, error) { return a.fetch(map[string]any{"url": url}, "") }

// refused holds that a fetch was refused as such, and that nothing of the inside shows.
func refused(t *testing.T, url string, err error, inside ...string) {
	t.Helper()
	f, ok := fault.As(err)
	if !ok || f.Kind != fault.Denied || f.Code != "REQUEST_EGRESS_ALLOWLIST_ERR" || f.ReasonID == "" || f.Fields["status"] != 403 {
		t.Errorf("%s: %v", url, err)
		return
	}
	told, _ := json.Marshal(f.Fields)
	for _, secret := range inside {
		if strings.Contains(f.Public+f.Fix+string(told), secret) {
			t.Errorf("%s: the refusal tells %s", url, secret)
		}
	}
}

// canary answers wherever it is reached; a test fails if it ever is.
func canary(t *testing.T) http.Handler {
	return http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		t.Errorf("the canary was reached: %s %s of %s", r.Method, r.RequestURI, r.Host)
	})
}

func (o *outside) neverDialled(t *testing.T, addrs ...string) {
	t.Helper()
	for _, d := range o.Dialled() {
		for _, a := range addrs {
			if d.Addr() == netip.MustParseAddr(a) {
				t.Errorf("%s was dialled", d)
			}
		}
	}
}

func tlsOf(c tls.Certificate) *tls.Config { return &tls.Config{Certificates: []tls.Certificate{c}} }
