package attack

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/server"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// T122, SPEC 3.8: a tunnel ends by whichever server its right ends, and with an app's owner and
// environment; what it would carry runs nothing else meanwhile on a server that does not hold it.
func TestAttackKeepATunnel(t *testing.T) {
	t.Parallel()
	database := dbtest.PostgresURL(t)
	p := newPlatformWith(t, func(s *testenv.Setup) { s.Database = database; s.NoProduct = false })
	bob := p.account(account.NewAccount{Name: "bob", Developer: true})
	alice := p.account(account.NewAccount{Name: "alice", Developer: true})
	at := place{p: p, environment: "development", site: p.Access.Site, developer: p.token(alice, account.TokenRequest{Kind: id.Developer}), admin: p.Access.AdminToken}
	s := source{hooks: []string{"hook"}, also: []string{"ask"}, code: tunnelled}
	at.app = at.redeploy(s)
	at = at.install()
	other := p.beside(database)

	key := "anx_tunnel_" + strings.Repeat("c4", 32)
	sum := sha256.Sum256([]byte(key))
	code, secret := at.asks(t)
	if err := p.System.Accounts.AgreeToTunnel(t.Context(), at.user("bob"), code); err != nil {
		t.Fatal(err)
	}
	var agreed struct{ Proof string }
	p.api("POST", at.logins()+"/token", at.developer, map[string]string{"device_code": secret}).must(t).into(t, &agreed)
	more := http.Header{"Annex-Tunnel-Key": {hex.EncodeToString(sum[:])}, "Annex-Tunnel-Person": {agreed.Proof}}
	open := func(more http.Header) *machine {
		t.Helper()
		m, status := p.tunnelWith(t, at.app, "development", at.developer, more, answering(`"laptop"`))
		if m == nil {
			t.Fatal(status)
		}
		return m
	}
	goes := func(s *server.System, c call.Call) string {
		c.Installation, c.Function = id.Install(at.installation), "index.ask"
		if c.Kind == call.WebTrigger {
			c.Function = "index.hook"
		}
		res, err := s.Door.Invoke(t.Context(), &c)
		if err != nil {
			return fault.CodeOf(err)
		}
		if strings.Contains(string(res.Body), "deployed") {
			return "deployed"
		}
		return "laptop"
	}
	own := call.Call{Kind: call.Invoke, Payload: json.RawMessage("1"), Principal: id.Principal{Kind: id.Developer, Account: alice}}
	page := call.Call{Kind: call.UI, Payload: json.RawMessage("{}"), Principal: at.user("bob")}
	strangers := call.Call{Kind: call.UI, Payload: json.RawMessage("{}"), Principal: at.user("alice")}
	request := call.Call{Kind: call.WebTrigger, Context: json.RawMessage(`{"request":{"method":"GET","path":"/","headers":{}}}`), TunnelKey: key}

	m := open(more)
	until(t, "own calls go to the tunnel", func() bool { return goes(p.System, own) == "laptop" })
	for name, c := range map[string]call.Call{"own": own, "bob's": page, "one with the key": request} {
		if got := goes(p.System, c); got != "laptop" {
			t.Errorf("%s call on the server of the tunnel: %s", name, got)
		}
		if got := goes(other, c); got != "TUNNEL_ELSEWHERE" {
			t.Errorf("%s call on the other server: %s", name, got)
		}
	}
	for _, s := range []*server.System{p.System, other} {
		if got := goes(s, strangers); got != "deployed" {
			t.Errorf("another person's call: %s", got)
		}
	}
	// A lost connection is opened again; in between nothing else runs for the key.
	_ = m.link.Close()
	until(t, "the tunnel's end is noted", func() bool { return goes(other, own) == "deployed" })
	for _, s := range []*server.System{p.System, other} {
		if got := goes(s, request); got != "TUNNEL_UNKNOWN" {
			t.Errorf("a request with the key of a tunnel that is away: %s", got)
		}
	}
	m = open(more)
	until(t, "it is back", func() bool { return goes(p.System, page) == "laptop" && goes(p.System, own) == "laptop" })
	// The person ends it by the other server.
	all, err := other.Accounts.Agreements(t.Context(), at.user("bob"))
	if err != nil || len(all) != 1 {
		t.Fatal(all, err)
	}
	if err := other.Accounts.EndAgreement(t.Context(), at.user("bob"), all[0].Token); err != nil {
		t.Fatal(err)
	}
	if e := m.ended(); !strings.Contains(e.Words, "TUNNEL_AGREEMENT_ENDED") {
		t.Errorf("the developer is told %q", e.Words)
	}
	more.Del("Annex-Tunnel-Person")

	// An environment that is deleted takes its tunnel along.
	p.api("POST", "/api/v1/apps/"+at.app+"/environments", at.developer, map[string]string{"name": "mine"}).must(t)
	mine := at
	mine.environment = "mine"
	mine.redeploy(s)
	of, status := p.tunnelWith(t, at.app, "mine", at.developer, nil, answering(`"laptop"`))
	if of == nil {
		t.Fatal(status)
	}
	p.api("DELETE", "/api/v1/apps/"+at.app+"/environments/mine", at.developer, nil).mustBe(t, http.StatusNoContent)
	if e := of.ended(); !e.Final {
		t.Errorf("the tunnel of a deleted environment is told %q", e.Words)
	}

	// An app that is another's now takes it along too, and the new owner has none of it.
	m = open(more)
	until(t, "own calls go to the tunnel", func() bool { return goes(p.System, own) == "laptop" })
	p.api("PUT", "/api/v1/apps/"+at.app+"/offer", at.developer, map[string]string{"to": "bob"}).must(t)
	p.api("POST", "/api/v1/apps/"+at.app+"/offer/acceptance", p.token(bob, account.TokenRequest{Kind: id.Developer}), nil).must(t)
	if e := m.ended(); !e.Final {
		t.Errorf("the tunnel of an app that is another's is told %q", e.Words)
	}
	if n, status := p.tunnelWith(t, at.app, "development", at.developer, nil, nil); n != nil || status < 400 {
		t.Errorf("whose app it was opens a tunnel: %d", status)
	}
}
