package attack

import (
	"bytes"
	"context"
	"errors"
	"net/http"
	"strings"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/feature/egress"
	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// ledger says in which order intents, bytes and outcomes come.
type ledger struct {
	mu     sync.Mutex
	events []string
	broken bool
}

func (l *ledger) note(what string) {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.events = append(l.events, what)
}

func (l *ledger) Intent(_ context.Context, d egress.Decision, _ []byte) (egress.Receipt, error) {
	if l.broken {
		return nil, errors.New("the disk is full")
	}
	l.note("intent " + d.Origin)
	return l, nil
}

func (l *ledger) Done(egress.Decision) { l.note("outcome") }

// CONTRACTS 11: no byte leaves before its intent is written, and none when that fails.
func TestAttackSendWithoutAReceipt(t *testing.T) {
	w := netguardtest.New(t)
	l := &ledger{}
	w.Host(t, "paid.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { l.note("bytes") }))
	g, err := netguard.New(netguard.Config{}, netguard.WithTestNetwork(w.Network()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	o := &outside{World: w, broker: egress.New(egress.Config{Network: g, Receipts: l})}
	a := o.app(t, "paid.example.com")
	if _, err := a.fetch(map[string]any{"url": "https://paid.example.com/", "method": "POST"}, "x"); err != nil {
		t.Fatal(err)
	}
	if got := strings.Join(l.events, ", "); got != "intent https://paid.example.com, bytes, outcome" {
		t.Errorf("it went: %s", got)
	}
	l.events, l.broken = nil, true
	if _, err := a.fetch(map[string]any{"url": "https://paid.example.com/", "method": "POST"}, "x"); err == nil || len(l.events) > 0 {
		t.Errorf("without a receipt: %v, %v", err, l.events)
	}
}

// reachAndTell sends a canary in all places of a request.
const reachAndTell = `
const { fetch } = __annex_require("@annex/api");
async function hook(request) {
  const r = await fetch("https://paid.example.com/CANARY-path?CANARY-query", { method: "POST", body: "CANARY-body", headers: { "x-canary": "CANARY-header", authorization: "Bearer CANARY-token" } });
  return { statusCode: 200, body: String(r.status) };
}
`

// CONTRACTS 2 and 11: receipts hold no path, query, header or body; they are for the site's
// admins and the operator, never for the app's developer; and what was altered is found.
func TestAttackReadOrAlterReceipts(t *testing.T) {
	p := newPlatform(t)
	at := p.deploy("production", source{hooks: []string{"hook"}, code: reachAndTell, egress: []string{"paid.example.com"}})
	if a := p.ask("POST", at.hook("hook"), nil, ""); a.status != 200 && a.status != 500 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	policy, err := p.System.Installs.Policy(t.Context(), id.Install(at.installation))
	if err != nil {
		t.Fatal(err)
	}
	scope, err := tenant.ForInstall(id.Principal{Kind: id.SiteAdmin, Site: policy.Site}, policy.Site, policy.Install)
	if err != nil {
		t.Fatal(err)
	}
	export := func() []byte {
		var out bytes.Buffer
		if err := p.System.Receipts.Export(t.Context(), scope, &out); err != nil {
			t.Fatal(err)
		}
		return out.Bytes()
	}
	text := export()
	check := func(file []byte) trail.Report {
		r, err := trail.Verify(bytes.NewReader(file), nil)
		if err != nil {
			t.Fatal(err)
		}
		return r
	}
	whole := check(text)
	if !whole.OK || whole.Entries != 2 || !bytes.Contains(text, []byte("https://paid.example.com")) {
		t.Fatalf("%+v\n%s", whole, text)
	}
	if told(string(text)) {
		t.Errorf("receipts hold what the app sent:\n%s", text)
	}
	for name, bad := range map[string][]byte{
		"another destination": bytes.Replace(text, []byte("paid.example.com"), []byte("good.example.com"), 1),
		"another size":        bytes.Replace(text, []byte(`"bytes":11`), []byte(`"bytes":1`), 1),
		"one line less":       append(bytes.Clone(text[:bytes.IndexByte(text, '\n')+1]), text[bytes.IndexByte(text[bytes.IndexByte(text, '\n')+1:], '\n')+bytes.IndexByte(text, '\n')+2:]...),
		"no end":              text[:bytes.LastIndexByte(text[:len(text)-1], '\n')+1],
		"as an audit trail":   bytes.Replace(text, []byte(`,"trail":"receipts"`), nil, 1),
	} {
		if bytes.Equal(bad, text) || check(bad).OK {
			t.Errorf("%s passes", name)
		}
	}
	// In the database: the line is changed, and then dropped.
	for _, change := range []string{`UPDATE receipts SET act = 'request.other' WHERE seq = 1`, `DELETE FROM receipts WHERE seq = 1`} {
		if _, err := p.System.DB.Exec(t.Context(), change); err != nil {
			t.Fatal(err)
		}
		if check(export()).OK {
			t.Errorf("%s passes", change)
		}
	}
	// The developer of a production app reads none of it, by no route.
	for _, path := range []string{"/api/v1/receipts/export", "/api/v1/receipts/export?site=" + string(policy.Site),
		"/api/v1/installations/" + at.installation + "/sent", "/api/v1/installations/" + at.installation + "/suggestion"} {
		if a := p.api("GET", path, at.developer, nil); a.status != 403 && a.status != 404 || strings.Contains(a.body, "paid.example.com") {
			t.Errorf("%s: the developer is told %d %s", path, a.status, a.body)
		}
	}
}
