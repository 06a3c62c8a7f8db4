package attack

import (
	"net/http/httptest"
	"net/netip"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/install"
)

// N1 to N3, SPEC 5: a private network opens with two keys, for one remote's host and port:
// not by one of them, not for a site that it is not listed for, not for an address outside
// of it or one that is never lifted, and no longer once either key is taken back.
func TestAttackReachAnotherSitesNetwork(t *testing.T) {
	p, at, _ := withRemotes(t)
	inside := &backEnd{}
	server := httptest.NewServer(inside)
	t.Cleanup(server.Close)
	for _, addr := range []string{"10.20.0.5", "10.21.0.5", "169.254.169.254", "127.0.0.1"} {
		p.Route(addr, server.Listener.Addr().String())
	}
	ask := func() got { return at.as("alice", "resolver", map[string]any{"remote": "logs"}) }
	installs, admin, here := p.System.Installs, at.siteAdmin(), id.Install(at.installation)
	epoch := func() uint64 {
		policy, err := installs.Policy(p.ctx, here)
		if err != nil {
			t.Fatal(err)
		}
		return policy.Epoch
	}
	if err := at.setRemote("logs", "http://10.20.0.5:8088"); fault.CodeOf(err) != "BAD_REMOTE_URL" {
		t.Errorf("without a grant: %v", err)
	}
	list := func(site id.Site, cidr string) install.Network {
		n, err := installs.ListNetwork(p.ctx, testenv.Operator, install.Network{Site: site, CIDR: netip.MustParsePrefix(cidr), Ports: []uint16{8088}})
		if err != nil {
			t.Fatal(err)
		}
		return n
	}
	elsewhere := list(id.Site(p.site("elsewhere")), "10.20.0.0/16")
	if _, err := installs.GrantNetwork(p.ctx, admin, here, elsewhere.ID, "logs", "10.20.0.5", 8088, "", epoch()); fault.CodeOf(err) != "NO_SUCH_NETWORK" {
		t.Errorf("a network that is listed for another site: %v", err)
	}
	network := list(id.Site(at.siteID()), "10.20.0.0/16")
	if err := at.setRemote("logs", "http://10.20.0.5:8088"); fault.CodeOf(err) != "BAD_REMOTE_URL" {
		t.Errorf("the operator's key alone: %v", err)
	}
	grant := func(host string) {
		t.Helper()
		if _, err := installs.GrantNetwork(p.ctx, admin, here, network.ID, "logs", host, 8088, "", epoch()); err != nil {
			t.Fatal(err)
		}
		if err := at.setRemote("logs", "http://"+host+":8088"); err != nil {
			t.Fatal(err)
		}
	}
	grant("10.20.0.5")
	if got := ask(); got.Status != 200 || inside.count() != 1 {
		t.Fatalf("with both keys: %+v", got)
	}
	// Names decide by every address that they have.
	for name, answers := range map[string][]string{
		"outside.corp.example": {"10.21.0.5"}, "both.corp.example": {"10.20.0.5", "10.21.0.5"},
		"metadata.corp.example": {"169.254.169.254"}, "loop.corp.example": {"127.0.0.1"},
	} {
		p.Resolve(name, answers)
		grant(name)
		if got := ask(); got.Status == 200 || inside.count() != 1 {
			t.Errorf("%s: %+v, %d requests inside", name, got, inside.count())
		}
	}
	p.Resolve("splunk", []string{"10.20.0.5"})
	grant("splunk")
	if got := ask(); got.Status != 200 || inside.count() != 2 {
		t.Errorf("a name of the network: %+v", got)
	}
	if err := installs.UnlistNetwork(p.ctx, testenv.Operator, id.Site(at.siteID()), network.ID); err != nil {
		t.Fatal(err)
	}
	if got := ask(); got.Code != "REMOTE_NOT_CONFIGURED" || inside.count() != 2 {
		t.Errorf("the operator has taken the network back: %+v", got)
	}
}
