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
	asked, went := map[string]int64{}, map[string]int64{}
	ask := func(o open) bool {
		t.Helper()
		got := at.as("alice", "resolver", map[string]any{"remote": o.remote})
		asked[o.remote]++
		if got.Status == 200 {
			went[o.remote]++
		}
		return got.Status == 200
	}
	said := func(change map[string]any) (out struct{ Refused, Allowed, Unsure int64 }) {
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
		if got := said(map[string]any{"closeNetworks": []any{body(o, nil)}}); got.Refused != 2 || got.Allowed+got.Unsure != 0 {
			p.wrong(t, "closing %s, of 2 requests: %+v", o.url, got)
		}
		if _, err := installs.RevokeNetwork(p.ctx, admin, here, o.remote, o.host, o.port); err != nil {
			t.Fatal(err)
		}
		if ask(o) {
			p.wrong(t, "%s goes into a closed network", o.remote)
		}
		again := said(map[string]any{"openNetworks": []any{body(o, map[string]any{"network": network.ID})}})
		// Of what the dialler refused nobody knows where its name leads inside the network.
		if want := asked[o.remote]; again.Refused != 0 || again.Allowed+again.Unsure != want || again.Allowed < went[o.remote] || o == logs && again.Unsure != 0 {
			p.wrong(t, "opening %s again, of %d requests: %+v", o.url, want, again)
		}
		grant(o)
		if !ask(o) {
			p.wrong(t, "%s does not go when its network is open again", o.remote)
		}
	}
	if got := said(map[string]any{"removeModules": []any{"extra"}}); got.Refused != went["extra"] || got.Allowed != 0 {
		p.wrong(t, "removing what went %d times: %+v", went["extra"], got)
	}
	if !ask(extra) {
		t.Error("what was only supposed was done")
	}
	for code, change := range map[string]map[string]any{
		"NOT_GRANTED":     {"closeNetworks": []any{body(open{"logs", "10.20.0.9", 8088, ""}, nil)}},
		"NO_SUCH_NETWORK": {"openNetworks": []any{body(logs, map[string]any{"network": "another"})}},
		"NO_SUCH_REMOTE":  {"removeModules": []any{"home"}},
	} {
		if got := p.api("POST", "/api/v1/installations/"+at.installation+"/what-if", at.admin, change); got.code() != code {
			p.wrong(t, "%v: %s", change, got.code())
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
