package inside

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/egress"
	"github.com/annexhq/annex/internal/feature/receipts"
	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

const origin = "https://api.alice.example"

// written writes receipts for the broker as the server does.
type written struct{ log *receipts.Log }

func (w written) Intent(ctx context.Context, d egress.Decision, body []byte) (egress.Receipt, error) {
	open, err := w.log.Intent(ctx, receipts.Request{
		ID: d.ReasonID, Site: d.Site, Install: d.Install, App: d.App, Version: d.Version, Function: d.Function, Invocation: d.Invocation,
		Epoch: d.Epoch, Actor: d.Actor, Method: d.Method, AllowedBy: d.AllowedBy, Bytes: d.Sent,
		Use: receipts.Use{Via: d.Via, Key: d.Key, Type: d.Type, Origin: d.Origin},
	}, body)
	if err != nil {
		return nil, err
	}
	return ended{open}, nil
}

type ended struct{ *receipts.Open }

func (e ended) Done(d egress.Decision) {
	e.Open.Done(receipts.Outcome{Allow: d.Allow, Rule: d.Rule, Code: d.Code, Status: d.Status, Received: d.Received, Took: d.Took})
}

type silent struct{}

func (silent) Allowed(context.Context, egress.Decision) {}
func (silent) Denied(context.Context, egress.Decision)  {}

// way is one way to fetch the same URL: once over what is open, and after everything open was closed.
type way struct {
	name  string
	fetch func() error
	close func()
}

// BenchmarkBroker fetches a page of 1 KB over TLS on the loopback: by Go's own client, through a
// plain CONNECT proxy, through the broker, and through the broker with a receipt for each.
func BenchmarkBroker(b *testing.B) {
	world := netguardtest.New(b)
	page := make([]byte, 1<<10)
	server := world.Play(b, "93.184.216.34", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { _, _ = w.Write(page) }), netguardtest.Certificate{Names: []string{"api.alice.example"}})
	world.Resolve("api.alice.example", []string{"93.184.216.34"})
	guard, err := netguard.New(netguard.Config{}, netguard.WithTestNetwork(world.Network()))
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(guard.Close)
	s := openStore(b, "sqlite:"+filepath.Join(b.TempDir(), "annex.db"), receipts.Migrations)
	log := receipts.New(receipts.Config{DB: s.DB, Dir: b.TempDir()})
	if err := log.Start(b.Context()); err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { log.Close() })
	listener := server.Listener.Addr().String()
	ways := []way{
		byClient("direct", world, listener, nil),
		byClient("connect", world, listener, connectProxy(b, listener)),
		byBroker(b, "broker", guard, nil),
		byBroker(b, "receipt", guard, written{log}),
	}
	warm, cold := map[string][]time.Duration{}, map[string][]time.Duration{}
	for range rounds {
		for _, w := range ways {
			var none, seen, first []time.Duration
			timed(b, &none, 20, func(int) error { return w.fetch() })
			timed(b, &seen, scaled(400), func(int) error { return w.fetch() })
			timed(b, &first, scaled(40), func(int) error { w.close(); return w.fetch() })
			warm[w.name], cold[w.name] = append(warm[w.name], seen...), append(cold[w.name], first...)
		}
	}
	for _, w := range ways {
		b.ReportMetric(micros(at(0.5, warm[w.name])), w.name+"-µs")
		b.ReportMetric(micros(at(0.5, cold[w.name])), w.name+"-new-µs")
	}
	b.ReportMetric(micros(at(0.5, warm["receipt"])-at(0.5, warm["direct"])), "adds-µs")
	b.ReportMetric(micros(at(0.5, receiptsAlone(b, log))), "each-receipt-µs")
}

// byClient is Go's own client with the pool that it has by itself.
func byClient(name string, world *netguardtest.World, listener string, proxy *url.URL) way {
	t := &http.Transport{
		DialContext: func(ctx context.Context, network, address string) (net.Conn, error) {
			if proxy != nil { // the proxy is what is dialled
				return (&net.Dialer{}).DialContext(ctx, network, address)
			}
			return (&net.Dialer{}).DialContext(ctx, "tcp", listener)
		},
		TLSClientConfig: &tls.Config{RootCAs: world.Network().RootCAs}, ForceAttemptHTTP2: true,
	}
	if proxy != nil {
		t.Proxy = http.ProxyURL(proxy)
	}
	client := &http.Client{Transport: t}
	return way{name, func() error {
		res, err := client.Get(origin + "/page")
		if err != nil {
			return err
		}
		defer res.Body.Close()
		_, err = io.Copy(io.Discard, res.Body)
		return err
	}, t.CloseIdleConnections}
}

// byBroker is a function's fetch, from the host call on. Among its app's hosts are 1,000.
func byBroker(b *testing.B, name string, guard *netguard.Guard, r egress.Receipts) way {
	b.Helper()
	broker := egress.New(egress.Config{Network: guard, Decisions: silent{}, Receipts: r, PerMinute: 1 << 30, PerSecond: 1 << 20, Burst: 1 << 20})
	p := &call.Policy{Install: "i1", Site: "s1", App: "a1", Version: "v1", Epoch: 1}
	for i := range 1000 {
		p.Set.Egress = append(p.Set.Egress, perm.Egress{Type: perm.Backend, Pattern: hostrule.Pattern{Scheme: "https", Wild: true, Host: fmt.Sprintf("h%d.alice.example", i), Port: 443}})
	}
	p.Set.Egress = append(p.Set.Egress, perm.Egress{Type: perm.Backend, Pattern: hostrule.Pattern{Scheme: "https", Host: "api.alice.example", Port: 443}})
	p.Rules = perm.RulesOf(p.Set)
	head := json.RawMessage(`{"url":"` + origin + `/page","method":"GET","headers":[["accept","*/*"]]}`)
	handle := broker.Bind(call.Binding{Call: &call.Call{ID: "c1", Kind: call.WebTrigger, Installation: p.Install}, Policy: p})
	return way{name, func() error {
		reply, err := handle(b.Context(), p, call.Request{Method: "fetch", Head: head})
		if err == nil && len(reply.Body) != 1<<10 {
			err = errors.New("the page did not come whole")
		}
		return err
	}, func() { guard.Forget(string(p.Install)) }}
}

// connectProxy is what a CONNECT proxy does, and nothing more.
func connectProxy(b *testing.B, listener string) *url.URL {
	b.Helper()
	s := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method != http.MethodConnect || r.Host != "api.alice.example:443" {
			http.Error(w, "not allowed", http.StatusForbidden)
			return
		}
		to, err := net.Dial("tcp", listener)
		if err != nil {
			http.Error(w, err.Error(), http.StatusBadGateway)
			return
		}
		defer to.Close()
		from, buffered, err := http.NewResponseController(w).Hijack()
		if err != nil {
			return
		}
		defer from.Close()
		_, _ = io.WriteString(from, "HTTP/1.1 200 OK\r\n\r\n")
		go func() { _, _ = io.Copy(to, buffered); to.Close() }()
		_, _ = io.Copy(from, to)
	}))
	b.Cleanup(s.Close)
	u, err := url.Parse(s.URL)
	if err != nil {
		b.Fatal(err)
	}
	return u
}

// receiptsAlone is both lines of one request, the database written beside it.
func receiptsAlone(b *testing.B, log *receipts.Log) (seen []time.Duration) {
	d := egress.Decision{ReasonID: "r1", Site: "s1", Install: "i1", App: "a1", Version: "v1", Function: "index.f", Via: "fetch", Method: "GET", Origin: origin, Type: string(perm.Backend), AllowedBy: origin}
	timed(b, &seen, scaled(5000), func(int) error {
		open, err := written{log}.Intent(b.Context(), d, nil)
		if err == nil {
			open.Done(egress.Decision{Allow: true, Status: 200, Received: 1 << 10})
		}
		return err
	})
	return seen
}
