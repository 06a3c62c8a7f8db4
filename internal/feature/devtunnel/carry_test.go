package devtunnel

import (
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/hostcall/weblink"
)

var (
	key     = "anx_tunnel_" + strings.Repeat("a1", 32)
	another = "anx_tunnel_" + strings.Repeat("a2", 32)
)

func hashed(key string) string {
	sum := sha256.Sum256([]byte(key))
	return hex.EncodeToString(sum[:])
}

func requested(key string) (*call.Policy, *call.Call) {
	p, c := own()
	c.Kind, c.Principal, c.TunnelKey = call.WebTrigger, id.Principal{Kind: id.Application, Install: "i"}, key
	return p, c
}

var bob = Agreement{Account: "alice", Install: "i", Site: "s", Product: "p", User: "bob"}

func pressed() (*call.Policy, *call.Call) {
	p, c := own()
	c.Kind, c.Installation, c.Principal = call.UI, "i", id.Principal{Kind: id.EndUser, Site: "s", Product: "p", User: "bob"}
	return p, c
}

// What a tunnel carries beside its developer's own calls: requests with its key, and the
// pages of who agreed, in that installation; on the other server of the two they wait for it.
func TestCarries(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), Migrations); err != nil {
			t.Fatal(err)
		}
		one, two := newHouse(t, d), newHouse(t, d)
		one.agreed = map[string]Agreement{"proof": bob}
		two.agreed = one.agreed
		expect := func(h *house, want string, p *call.Policy, c *call.Call) {
			t.Helper()
			if got := h.goes(p, c); got != want {
				t.Errorf("%s call of %s goes to %q, want %q", c.Kind, c.Principal, got, want)
			}
		}
		with := func(f func() (*call.Policy, *call.Call), change func(*call.Policy, *call.Call)) (*call.Policy, *call.Call) {
			p, c := f()
			change(p, c)
			return p, c
		}
		keyed := func() (*call.Policy, *call.Call) { return requested(key) }
		p, c := keyed()
		expect(one, "TUNNEL_UNKNOWN", p, c)
		p, c = pressed()
		expect(one, "deployed", p, c)
		last := one.dialWith(http.Header{"Annex-Tunnel-Key": {hashed(key)}, "Annex-Tunnel-Person": {"proof"}})
		one.eventually("tunnel")

		for _, h := range []*house{one, two} {
			carried := "tunnel"
			if h == two {
				carried = "TUNNEL_ELSEWHERE"
			}
			p, c = keyed()
			expect(h, carried, p, c)
			p, c = pressed()
			expect(h, carried, p, c)
			for _, wrong := range []string{another, hashed(key), "anx_tunnel_", key + "," + key, strings.ToUpper(key), key + " "} {
				p, c = requested(wrong)
				expect(h, "TUNNEL_UNKNOWN", p, c)
			}
			for _, change := range []func(*call.Policy, *call.Call){
				func(_ *call.Policy, c *call.Call) { c.TunnelKey = "" },
				func(_ *call.Policy, c *call.Call) { c.Kind = call.Event },
				func(_ *call.Policy, c *call.Call) { c.Kind = call.Queue },
			} {
				p, c = with(keyed, change)
				expect(h, "deployed", p, c)
			}
			p, c = with(keyed, func(p *call.Policy, _ *call.Call) { p.Environment = "env-other" })
			expect(h, "TUNNEL_UNKNOWN", p, c)
			p, c = with(keyed, func(p *call.Policy, _ *call.Call) { p.EnvType = call.Production })
			expect(h, "TUNNEL_DEVELOPMENT_ONLY", p, c)
			p, c = with(keyed, func(p *call.Policy, _ *call.Call) { p.EnvType = call.Staging })
			expect(h, "TUNNEL_DEVELOPMENT_ONLY", p, c)
			for name, change := range map[string]func(*call.Policy, *call.Call){
				"another user's":         func(_ *call.Policy, c *call.Call) { c.Principal.User = "carol" },
				"another installation's": func(_ *call.Policy, c *call.Call) { c.Installation = "j" },
				"a view's own":           func(_ *call.Policy, c *call.Call) { c.Kind = call.Session },
				"an agent's":             func(_ *call.Policy, c *call.Call) { c.Kind = call.Action },
				"an admin's":             func(_ *call.Policy, c *call.Call) { c.Principal.Kind = id.SiteAdmin },
				"production's":           func(p *call.Policy, _ *call.Call) { p.EnvType = call.Production },
				"another owner's":        func(p *call.Policy, _ *call.Call) { p.Owner = "bob" },
			} {
				p, c = with(pressed, change)
				if got := h.goes(p, c); got != "deployed" {
					t.Errorf("%s call goes to %q", name, got)
				}
			}
		}
		for _, change := range []func(*call.Policy, *call.Call){
			func(_ *call.Policy, c *call.Call) { c.Principal.Site = "t" },
			func(_ *call.Policy, c *call.Call) { c.Principal.Product = "q" },
		} {
			p, c = with(pressed, change)
			expect(one, "deployed", p, c)
		}
		if who, err := two.Open(t.Context(), "env-development", "i"); err != nil || len(who) != 1 || len(who[0].Users) != 1 || who[0].Users[0] != "bob" {
			t.Errorf("open are %v, %v", who, err)
		}
		// Whose agreement ended is asked at the very call, and ends the tunnel.
		one.mu.Lock()
		one.agreed = nil
		one.mu.Unlock()
		p, c = pressed()
		expect(one, "deployed", p, c)
		if word := <-last; !strings.Contains(word, "TUNNEL_AGREEMENT_ENDED") {
			t.Errorf("the developer is told %q", word)
		}
		two.eventually("deployed")
	})
}

// What is offered has to be somebody's word to this developer, now.
func TestOffers(t *testing.T) {
	d := dbtest.SQLite(t)
	if err := d.Migrate(t.Context(), Migrations); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, d)
	theirs := bob
	theirs.Account = "eve"
	h.agreed = map[string]Agreement{"proof": bob, "theirs": theirs}
	for _, bad := range []struct{ key, proof string }{{"key", ""}, {strings.ToUpper(hashed(key)), ""}, {"", "theirs"}, {"", "made up"}} {
		o, err := h.Offered(t.Context(), alice, bad.key, []string{bad.proof}[:min(len(bad.proof), 1)])
		if code := fault.CodeOf(err); code != "TUNNEL_KEY" && code != "TUNNEL_AGREEMENT_ENDED" {
			t.Errorf("%+v is taken: %+v %v", bad, o, err)
		}
	}
	if _, err := h.Offered(t.Context(), alice, "", make([]string, maxPeople+1)); fault.CodeOf(err) != "LIMIT_TUNNELS" {
		t.Error(err)
	}
	if link, _, err := weblink.Dial(t.Context(), h.url, http.Header{"Annex-Tunnel-Person": {"theirs"}}, http.DefaultClient); err == nil {
		_ = link.Close()
		t.Error("a tunnel opened by what was agreed with another developer")
	}
}
