package devtunnel

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/hostcall/weblink"
)

// guest stands for a machine that runs nothing.
type guest struct {
	link *weblink.Link
	gone chan struct{}
	left chan struct{}
}

func (g *guest) Run(context.Context, call.Artifact, *call.Call, json.RawMessage, call.Host) (call.Result, error) {
	return call.Result{}, nil
}
func (g *guest) Gone() <-chan struct{} { return g.gone }
func (g *guest) Leave()                { close(g.left) }
func (g *guest) Close() error          { return g.link.Close() }

type noTrail struct{}

func (noTrail) Append(context.Context, id.Site, id.Install, id.Principal, string, any) error {
	return nil
}

var alice = id.Principal{Kind: id.Developer, Account: "alice"}

// house is one server; houses share the database.
type house struct {
	*Service
	t   *testing.T
	url string

	mu     sync.Mutex
	may    error
	agreed map[string]Agreement // by proof
	guests []*guest
}

func newHouse(t *testing.T, d *db.DB) *house {
	h := &house{t: t}
	h.Service = New(Config{DB: d, Audit: noTrail{}, Log: slog.New(slog.DiscardHandler),
		Lend: func(link *weblink.Link) Guest {
			g := &guest{link, make(chan struct{}), make(chan struct{})}
			h.mu.Lock()
			h.guests = append(h.guests, g)
			h.mu.Unlock()
			go func() {
				defer close(g.gone)
				for {
					if _, err := link.Receive(); err != nil {
						return
					}
				}
			}()
			return g
		},
		May: func(_ context.Context, _ id.Principal, app id.App, environment string) (Place, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			return Place{App: app, Environment: id.Env("env-" + environment), Name: environment}, h.may
		},
		Agreed: func(_ context.Context, proof string) (Agreement, error) {
			h.mu.Lock()
			defer h.mu.Unlock()
			a, ok := h.agreed[proof]
			if !ok {
				return a, fault.New(fault.Denied, "TUNNEL_AGREEMENT_ENDED", "it ended")
			}
			return a, nil
		},
	})
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		place, err := h.May(r.Context(), alice, "app", "development")
		if err != nil {
			t.Error(err)
			return
		}
		offer, err := h.Offered(r.Context(), alice, r.Header.Get("Annex-Tunnel-Key"), r.Header.Values("Annex-Tunnel-Person"))
		if err != nil {
			http.Error(w, fault.CodeOf(err), http.StatusForbidden)
			return
		}
		link, err := weblink.Accept(w, r)
		if err != nil {
			t.Error(err)
			return
		}
		if err := h.Serve(r.Context(), alice, place, offer, link, func(context.Context) (id.Principal, error) { return alice, nil }); err != nil {
			t.Error(err)
		}
	}))
	t.Cleanup(s.Close)
	t.Cleanup(h.Service.Close)
	h.url = s.URL
	return h
}

// dial opens a tunnel of Alice's and gives the server's last word when it is over.
func (h *house) dial() (last chan string) { return h.dialWith(nil) }

func (h *house) dialWith(header http.Header) (last chan string) {
	h.t.Helper()
	link, _, err := weblink.Dial(h.t.Context(), h.url, header, http.DefaultClient)
	if err != nil {
		h.t.Fatal(err)
	}
	h.t.Cleanup(func() { _ = link.Close() })
	if _, err := link.Greet(hostcall.HelloHead{}); err != nil {
		h.t.Fatal(err)
	}
	last = make(chan string, 1)
	go func() {
		_, err := link.Receive()
		last <- err.Error()
	}()
	return last
}

func own() (*call.Policy, *call.Call) {
	return &call.Policy{EnvType: call.Development, Environment: "env-development", Owner: "alice"}, &call.Call{Kind: call.Invoke, Principal: alice}
}

// goes says where a call goes: "tunnel", "deployed" or an error's code.
func (h *house) goes(p *call.Policy, c *call.Call) string {
	g, err := h.Divert(h.t.Context(), p, c)
	switch {
	case err != nil:
		return fault.CodeOf(err)
	case g != nil:
		return "tunnel"
	}
	return "deployed"
}

func (h *house) eventually(want string) {
	h.t.Helper()
	got := ""
	for range 400 {
		if got = h.goes(own()); got == want {
			return
		}
		time.Sleep(25 * time.Millisecond)
	}
	h.t.Fatalf("an own call goes to %q, want %q", got, want)
}

// Two servers share a database. The one that holds a tunnel runs its developer's calls in
// it; the other one refuses them, and never runs what is deployed in their place. A tunnel
// that opens there takes the first one's place.
func TestTwoServers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), Migrations); err != nil {
			t.Fatal(err)
		}
		one, two := newHouse(t, d), newHouse(t, d)
		one.eventually("deployed")
		first := one.dial()
		one.eventually("tunnel")
		two.eventually("TUNNEL_ELSEWHERE")
		if who, err := two.Open(t.Context(), "env-development", "i"); err != nil || len(who) != 1 || who[0].Account != "alice" || len(who[0].Users) != 0 {
			t.Errorf("open are %v, %v", who, err)
		}
		for name, change := range map[string]func(*call.Policy, *call.Call){
			"another person's":      func(_ *call.Policy, c *call.Call) { c.Principal.Account = "bob" },
			"nobody's":              func(_ *call.Policy, c *call.Call) { c.Principal = id.Principal{} },
			"CI's":                  func(_ *call.Policy, c *call.Call) { c.Principal.Kind = id.CI },
			"a web trigger's":       func(_ *call.Policy, c *call.Call) { c.Kind = call.WebTrigger },
			"a queue's":             func(_ *call.Policy, c *call.Call) { c.Kind = call.Queue },
			"production's":          func(p *call.Policy, _ *call.Call) { p.EnvType = call.Production },
			"staging's":             func(p *call.Policy, _ *call.Call) { p.EnvType = call.Staging },
			"another owner's app":   func(p *call.Policy, _ *call.Call) { p.Owner = "bob" },
			"another environment's": func(p *call.Policy, _ *call.Call) { p.Environment = "env-other" },
		} {
			p, c := own()
			change(p, c)
			if got := one.goes(p, c); got != "deployed" {
				t.Errorf("%s call goes to %q", name, got)
			}
		}
		two.dial()
		two.eventually("tunnel")
		if word := <-first; !strings.Contains(word, replaced) {
			t.Errorf("the first tunnel is told %q", word)
		}
		one.eventually("TUNNEL_ELSEWHERE")
		two.mu.Lock()
		two.may = fault.New(fault.Denied, "APP_SUSPENDED", "it is suspended")
		two.mu.Unlock()
		one.eventually("deployed")
		two.eventually("deployed")
	})
}

// Whoever lost the right to a tunnel is not waited for: its calls end before a last word is
// said, which takes as long as the other end likes.
func TestCallsEndBeforeTheLastWord(t *testing.T) {
	d := dbtest.SQLite(t)
	if err := d.Migrate(t.Context(), Migrations); err != nil {
		t.Fatal(err)
	}
	h := newHouse(t, d)
	last := h.dial()
	h.eventually("tunnel")
	h.mu.Lock()
	h.may = fault.New(fault.Denied, "NOT_YOURS", "the app is not yours")
	g := h.guests[0]
	h.mu.Unlock()
	if word := <-last; !strings.Contains(word, "NOT_YOURS") {
		t.Error(word)
	}
	select {
	case <-g.left:
	default:
		t.Error("the last word was said while its calls ran")
	}
}

// However many come at once, and whatever each was told before, no more are open than may be.
func TestRoom(t *testing.T) {
	d := dbtest.SQLite(t)
	if err := d.Migrate(t.Context(), Migrations); err != nil {
		t.Fatal(err)
	}
	s := New(Config{DB: d})
	add := func(account id.Account, environment int) error {
		return s.add(&tunnel{whose: whose{id.Env(strconv.Itoa(environment)), account}, over: make(chan struct{})})
	}
	for n := range maxOfAccount {
		if err := add("alice", n); err != nil {
			t.Fatal(err)
		}
	}
	f, ok := fault.As(add("alice", maxOfAccount))
	if !ok || f.Code != "LIMIT_TUNNELS" || f.Fields["figure"] != maxOfAccount {
		t.Errorf("%+v", f)
	}
	if err := add("alice", 0); err != nil {
		t.Errorf("one in another's place: %v", err)
	}
	for n := len(s.open); n < maxOpen; n++ {
		if err := add(id.Account(strconv.Itoa(n)), n); err != nil {
			t.Fatal(err)
		}
	}
	if f, ok = fault.As(add("bob", 0)); !ok || f.Fields["figure"] != maxOpen {
		t.Errorf("%+v", f)
	}
}
