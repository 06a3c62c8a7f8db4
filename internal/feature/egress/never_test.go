package egress

import (
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

// A request that the policy refuses, and that would be refused for what it is in any case, is
// taken down as such: a wider policy does not let it go.
func TestWhatNoPolicyLetsGo(t *testing.T) {
	b, to := pinnedBench(t)
	whole := b.policy.Set
	b.policy.Whole = func() perm.Set { return whole }
	b.policy.Set, b.policy.Rules = perm.Set{}, nil
	c := &call.Call{ID: "c-1", Kind: call.WebTrigger}
	last := func() Decision {
		t.Helper()
		b.told.mu.Lock()
		defer b.told.mu.Unlock()
		return b.told.denied[len(b.told.denied)-1]
	}
	large := strings.Repeat("x", defaultMaxBody+1)
	for name, x := range map[string]struct {
		head  map[string]any
		body  string
		never bool
	}{
		"plain":      {map[string]any{"url": "https://api.example.com/"}, "", false},
		"its method": {map[string]any{"url": "https://api.example.com/", "method": "CONNECT"}, "", true},
		"its header": {map[string]any{"url": "https://api.example.com/", "headers": [][2]string{{"a b", "c"}}}, "", true},
		"its size":   {map[string]any{"url": "https://api.example.com/", "method": "POST"}, large, true},
	} {
		if _, err := b.fetch(t.Context(), x.head, []byte(x.body)); fault.CodeOf(err) != CodeDenied || last().Never != x.never {
			t.Errorf("fetch, %s: %v, %+v", name, err, last())
		}
	}
	refusal := fault.New(fault.Denied, "INVALID_REMOTE_ERR", "none")
	for name, x := range map[string]struct {
		a     Attempt
		never bool
		mints int
	}{
		"a remote":                 {Attempt{Kind: ToRemote, Key: "api", Ask: Ask{Path: "/x"}}, false, 0},
		"out of its path":          {Attempt{Kind: ToRemote, Key: "api", Ask: Ask{Path: "/../x"}}, true, 0},
		"where credentials are":    {Attempt{Kind: ToRemote, Key: "api", Ask: Ask{Path: "/tokens"}}, false, 1},
		"one without an address":   {Attempt{Kind: ToRemote, Key: "nowhere", Ask: Ask{Path: "/x"}}, false, 0},
		"out of any path":          {Attempt{Kind: ToRemote, Key: "nowhere", Ask: Ask{Path: "/%2e%2e/x"}}, true, 0},
		"a provider":               {Attempt{Kind: ToProvider, Key: "p", Remote: "api", Keyed: true, Ask: Ask{Path: "things"}}, false, 0},
		"its credentials":          {Attempt{Kind: ToProvider, Key: "p", Remote: "api", Keyed: true, Ask: Ask{Path: "/v1/tokens"}}, false, 1},
		"to another host":          {Attempt{Kind: ToProvider, Key: "p", Remote: "api", Ask: Ask{Path: "https://evil.test/"}}, true, 0},
		"one that has no key":      {Attempt{Kind: ToProvider, Key: "p", Remote: "api", Never: true, Ask: Ask{Path: "things"}}, true, 0},
		"by a method that is none": {Attempt{Kind: ToRemote, Key: "api", Ask: Ask{Path: "/x", Method: "a b"}}, true, 0},
	} {
		err := b.broker.Refused(t.Context(), b.policy, c, x.a, refusal)
		if d := last(); fault.CodeOf(err) != "INVALID_REMOTE_ERR" || d.Never != x.never || len(d.Mints) != x.mints || d.Keyed != x.a.Keyed {
			t.Errorf("%s: %v, %+v", name, err, d)
		}
	}
	// With all of it granted the same places are known by the same names.
	b.policy.Set = whole
	u, err := hostrule.ParseURL("https://api.example.com/v1/tokens")
	if err != nil {
		t.Fatal(err)
	}
	if at, clear := perm.Minting(whole, u); len(at) != 1 || len(clear) != 0 {
		t.Errorf("%v %v", at, clear)
	}
	_, err = b.broker.Pinned(t.Context(), b.policy, c, to(ToRemote, "api", "", "https://api.example.com/v1"), Ask{Path: "/tokens"})
	if d := last(); fault.CodeOf(err) != CodeDenied || d.Rule != "provider-token-endpoint" || len(d.Mints) != 1 {
		t.Errorf("%v, %+v", err, d)
	}
}
