package attack

import (
	"encoding/pem"
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/install"
)

// Issue 6: what an admin is told of opening or closing a private network, and of removing what
// the app registered, is what it does: for plain http, which stands on the network alone, and
// for a public name with a private address, which only the dialler refuses.
func TestAttackUnderstateAClosedNetwork(t *testing.T) {
	t.Parallel()
	p, at, _ := withRemotes(t)
	plain, secured := httptest.NewServer(&backEnd{}), httptest.NewTLSServer(&backEnd{})
	t.Cleanup(plain.Close)
	t.Cleanup(secured.Close)
	p.Route("10.20.0.5", plain.Listener.Addr().String())
	p.Route("10.20.0.6", secured.Listener.Addr().String())
	p.Resolve("example.com", []string{"10.20.0.6"})
	installs, admin, here := p.System.Installs, at.siteAdmin(), id.Install(at.installation)
	policy, err := installs.Policy(p.ctx, here)
	if err != nil {
		t.Fatal(err)
	}
	pattern, err := hostrule.ParsePattern("example.com", hostrule.Remote)
	if err != nil {
		t.Fatal(err)
	}
	if err := installs.RegisterRemote(p.ctx, policy.Scope, install.RegisteredRemote{Key: "extra", Name: "Extra", Patterns: []hostrule.Pattern{pattern}}); err != nil {
		t.Fatal(err)
	}
	ca := string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: secured.Certificate().Raw}))
	network, err := installs.ListNetwork(p.ctx, testenv.Operator, install.Network{Site: id.Site(at.siteID()), CIDR: netip.MustParsePrefix("10.20.0.0/16"), Ports: []uint16{443, 8088}, CA: ca})
	if err != nil {
		t.Fatal(err)
	}
	type open struct {
		remote, host string
		port         uint16
		url          string
	}
	logs, extra := open{"logs", "10.20.0.5", 8088, "http://10.20.0.5:8088"}, open{"extra", "example.com", 443, "https://example.com"}
	body := func(o open, more map[string]any) map[string]any {
		out := map[string]any{"remote": o.remote, "host": o.host, "port": o.port}
		for k, v := range more {
			out[k] = v
		}
		return out
	}
	grant := func(o open) {
		t.Helper()
		if _, err := installs.GrantNetwork(p.ctx, admin, here, network.ID, o.remote, o.host, o.port, "", at.epoch()); err != nil {
			t.Fatal(err)
		}
	}
	var done []deedDone
	ask := func(o open) bool {
		t.Helper()
		got := at.as("alice", "resolver", map[string]any{"remote": o.remote})
		done = append(done, deedDone{o.remote, got.Status == 200})
		return got.Status == 200
	}
	// counted says how often a remote was asked, and how often that went: a starved machine makes
	// a call again.
	counted := func(remote string) (asked, went int64) {
		t.Helper()
		for i, times := range p.times(t, len(done)) {
			if done[i].name != remote {
				continue
			}
			if asked += times; done[i].went {
				went += times
			}
		}
		return asked, went
	}
	type prediction struct{ Refused, Allowed, Unsure int64 }
	said := func(change map[string]any) (out prediction) {
		t.Helper()
		p.api("POST", "/api/v1/installations/"+at.installation+"/what-if", at.admin, change).must(t).into(t, &out)
		return out
	}
	for _, o := range []open{logs, extra} {
		grant(o)
		if err := at.setRemote(o.remote, o.url); err != nil {
			t.Fatal(err)
		}
		for range 2 {
			if !ask(o) {
				t.Fatalf("%s does not go into its open network", o.remote)
			}
		}
		settles(t, "closing "+o.url, func() (prediction, prediction) {
			got := said(map[string]any{"closeNetworks": []any{body(o, nil)}})
			_, went := counted(o.remote)
			return got, prediction{Refused: went}
		})
		if _, err := installs.RevokeNetwork(p.ctx, admin, here, o.remote, o.host, o.port); err != nil {
			t.Fatal(err)
		}
		if ask(o) {
			t.Errorf("%s goes into a closed network", o.remote)
		}
		settles(t, "opening "+o.url+" again", func() (prediction, prediction) {
			again := said(map[string]any{"openNetworks": []any{body(o, map[string]any{"network": network.ID})}})
			asked, went := counted(o.remote)
			// Of what the dialler refused nobody knows where its name leads inside the network.
			if o == extra && again.Allowed >= went && again.Unsure > 0 {
				return again, prediction{Allowed: asked - again.Unsure, Unsure: again.Unsure}
			}
			return again, prediction{Allowed: asked}
		})
		grant(o)
		if !ask(o) {
			t.Errorf("%s does not go when its network is open again", o.remote)
		}
	}
	settles(t, "removing what went", func() ([2]int64, [2]int64) {
		got := said(map[string]any{"removeModules": []any{"extra"}})
		_, went := counted("extra")
		return [2]int64{got.Refused, got.Allowed}, [2]int64{went, 0}
	})
	if !ask(extra) {
		t.Error("what was only supposed was done")
	}
	for code, change := range map[string]map[string]any{
		"NOT_GRANTED":     {"closeNetworks": []any{body(open{"logs", "10.20.0.9", 8088, ""}, nil)}},
		"NO_SUCH_NETWORK": {"openNetworks": []any{body(logs, map[string]any{"network": "another"})}},
		"NO_SUCH_REMOTE":  {"removeModules": []any{"home"}},
	} {
		if got := p.api("POST", "/api/v1/installations/"+at.installation+"/what-if", at.admin, change); got.code() != code {
			t.Errorf("%v: %s", change, got.code())
		}
	}
}

// epoch is the installation's policy's.
func (at place) epoch() uint64 {
	at.p.t.Helper()
	policy, err := at.p.System.Installs.Policy(at.p.ctx, id.Install(at.installation))
	if err != nil {
		at.p.t.Fatal(err)
	}
	return policy.Epoch
}
