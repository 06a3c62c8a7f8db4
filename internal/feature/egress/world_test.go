package egress

import (
	"context"
	"encoding/json"
	"net/netip"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// bench is a broker in a fake internet, with a policy that a test may change.
type bench struct {
	world  *netguardtest.World
	guard  *netguard.Guard
	broker *Broker
	told   *told
	policy *call.Policy
	handle call.Handler
	// opened is a remote behind which a private network was opened; nil for none.
	opened *Destination
}

func newBench(t testing.TB, cfg Config, own []netip.Addr, patterns ...string) *bench {
	t.Helper()
	b := &bench{world: netguardtest.New(t), told: &told{}}
	g, err := netguard.New(netguard.Config{Own: own}, netguard.WithTestNetwork(b.world.Network()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	b.guard = g
	cfg.Network, cfg.Decisions = g, b.told
	b.broker = New(cfg)
	b.policy = policyFor(t, "i-1", patterns...)
	b.handle = b.bind()
	return b
}

func policyFor(t testing.TB, install id.Install, patterns ...string) *call.Policy {
	t.Helper()
	p := &call.Policy{Install: install, Site: "s-1", App: "a-1", Version: "v-1", Epoch: 7}
	for _, text := range patterns {
		pattern, err := hostrule.ParsePattern(text, hostrule.Backend)
		if err != nil {
			t.Fatal(err)
		}
		p.Set.Egress = append(p.Set.Egress, perm.Egress{Type: perm.Backend, Pattern: pattern})
	}
	p.Rules = perm.RulesOf(p.Set)
	return p
}

func (b *bench) bind() call.Handler {
	return b.broker.Bind(call.Binding{Call: &call.Call{ID: "c-1", Kind: call.WebTrigger, Installation: b.policy.Install}, Policy: b.policy})
}

type answered struct {
	replyHead
	body []byte
}

func (a answered) header(name string) (string, bool) {
	for _, kv := range a.Headers {
		if kv[0] == name {
			return kv[1], true
		}
	}
	return "", false
}

func (b *bench) fetch(ctx context.Context, h map[string]any, body []byte) (answered, error) {
	raw, err := json.Marshal(h)
	if err != nil {
		return answered{}, err
	}
	reply, err := b.handle(ctx, b.policy, call.Request{Method: "fetch", Head: raw, Body: body})
	if err != nil {
		return answered{}, err
	}
	a := answered{body: reply.Body}
	return a, json.Unmarshal(reply.Head, &a.replyHead)
}

// told collects decisions.
type told struct {
	mu              sync.Mutex
	allowed, denied []Decision
}

func (c *told) Allowed(_ context.Context, d Decision) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.allowed = append(c.allowed, d)
}

func (c *told) Denied(_ context.Context, d Decision) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.denied = append(c.denied, d)
}

func (c *told) counts() (allowed, denied int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	return len(c.allowed), len(c.denied)
}
