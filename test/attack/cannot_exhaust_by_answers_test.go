package attack

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/feature/egress"
	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

const tenMB = 10 << 20

// SPEC 5, egress-security B11 and B12: an answer is bounded on the wire and decoded.
func TestAttackExhaustByAnswers(t *testing.T) {
	o := newOutside(t)
	zeros := make([]byte, 1<<20)
	pack := func(coding string, megabytes int) []byte {
		var buf bytes.Buffer
		if coding == "br" {
			w := brotli.NewWriter(&buf)
			for range megabytes {
				_, _ = w.Write(zeros)
			}
			_ = w.Close()
			return buf.Bytes()
		}
		w := gzip.NewWriter(&buf)
		for range megabytes {
			_, _ = w.Write(zeros)
		}
		_ = w.Close()
		return buf.Bytes()
	}
	o.Host(t, "bombs.example", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		switch coding := r.URL.Query().Get("how"); coding {
		case "endless":
			for {
				if _, err := w.Write(zeros); err != nil {
					return
				}
			}
		default:
			w.Header().Set("Content-Encoding", coding)
			_, _ = w.Write(pack(coding, 40))
		}
	}))
	a := o.app(t, "bombs.example")
	for _, how := range []string{"gzip", "br", "endless"} {
		got, err := a.get("https://bombs.example/?how=" + how)
		if f, _ := fault.As(err); f == nil || f.Code != "LIMIT_RESPONSE_BODY" {
			t.Errorf("%s: %d bytes came through, %v", how, len(got.body), err)
		}
	}
}

// Answers under way are counted before they are read: what one call lets come in at once
// is bounded, and so is what the hosts can get rid of.
func TestAttackFillTheServerWithAnswers(t *testing.T) {
	t.Parallel()
	const requests = 14
	p := newPlatform(t)
	var sent atomic.Int64
	var arrived sync.WaitGroup
	arrived.Add(requests)
	p.Host(t, "large.example", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(tenMB))
		w.(http.Flusher).Flush()
		arrived.Done()
		arrived.Wait() // all answers are under way at once
		piece := make([]byte, 64<<10)
		for n := 0; n < tenMB; n += len(piece) {
			if _, err := w.Write(piece); err != nil {
				return
			}
			sent.Add(int64(len(piece)))
		}
	}))
	at := p.deploy("development", source{also: []string{"hoard"}, egress: []string{"large.example"}, code: fmt.Sprintf(`
const { fetch } = __annex_require("@annex/api");
async function hoard() {
  const all = [];
  for (let i = 0; i < %d; i++) all.push(fetch("https://large.example/" + i).then((r) => "ok " + r.status, (err) => err.code ?? String(err)));
  return (await Promise.all(all)).sort();
}`, requests)})
	var got []string
	at.result("hoard", nil, &got)
	full, came := 0, 0
	for _, how := range got {
		switch how {
		case "ok 200":
			came++
		case "LIMIT_HOSTCALLS":
			full++
		default:
			t.Errorf("an answer ended with %s", how)
		}
	}
	if came == 0 || came > 3 || full != requests-came {
		t.Errorf("%d answers of 10 MB came in at once, %d were refused", came, full)
	}
	if n := sent.Load(); n > 45<<20 {
		t.Errorf("the hosts got rid of %d MB", n>>20)
	}
}

// A host that sends a byte now and then does not hold a place that others wait for.
func TestAttackHoldPlacesByTrickling(t *testing.T) {
	w := netguardtest.New(t)
	g, err := netguard.New(netguard.Config{}, netguard.WithTestNetwork(w.Network()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	o := &outside{World: w, broker: egress.New(egress.Config{Network: g, Slow: 200 * time.Millisecond, Timeout: 15 * time.Second})}
	o.Host(t, "slow.example", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Length", "100000")
		for tick := time.NewTicker(20 * time.Millisecond); r.Context().Err() == nil; <-tick.C {
			if _, err := w.Write([]byte("x")); err != nil {
				return
			}
			w.(http.Flusher).Flush()
		}
	}))
	began := time.Now()
	_, err = o.app(t, "slow.example").get("https://slow.example/")
	if f, _ := fault.As(err); f == nil || f.Code != "FETCH_TIMEOUT" || !strings.Contains(f.Public, "less than") {
		t.Errorf("after %s: %v", time.Since(began), err)
	}
}

// Mail and chat servers take the lines of an HTTP request for commands.
func TestAttackSpeakToServersOfOtherProtocols(t *testing.T) {
	o := newOutside(t)
	o.Host(t, "mail.example", canary(t))
	for _, port := range []string{"25", "22", "6667", "143"} {
		url := "https://mail.example:" + port + "/"
		_, err := o.app(t, "https://mail.example:"+port).get(url)
		refused(t, url, err)
	}
}

// A connection is of one installation, and of the policy under which it was made: when
// the policy changes it is closed.
func TestAttackKeepConnections(t *testing.T) {
	p := newPlatform(t)
	var open atomic.Int64
	s := httptest.NewUnstartedServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) { fmt.Fprint(w, r.RemoteAddr) }))
	s.TLS = tlsOf(p.Issue(t, certificateOf("kept.example")))
	s.Config.ConnContext = func(ctx context.Context, _ net.Conn) context.Context {
		open.Add(1)
		return ctx
	}
	s.Config.ConnState = func(_ net.Conn, state http.ConnState) {
		if state == http.StateClosed {
			open.Add(-1)
		}
	}
	s.StartTLS()
	t.Cleanup(s.Close)
	p.Resolve("kept.example", []string{"93.184.219.1"})
	p.Route("93.184.219.1", s.Listener.Addr().String())

	app := source{also: []string{"ask"}, egress: []string{"kept.example"}, code: `
const { fetch } = __annex_require("@annex/api");
async function ask() { return (await fetch("https://kept.example/")).text(); }`}
	a := p.deploy("development", app)
	b := a.on("other", p.site("other"))
	ask := func(at place) (connection string) {
		at.result("ask", nil, &connection)
		return connection
	}
	first, second := ask(a), ask(b)
	if first == second {
		t.Error("two installations share a connection")
	}
	if again := ask(a); again != first {
		t.Fatalf("an installation does not keep its own connection: %s, then %s", first, again)
	}
	eventually(t, "both connections are open", func() bool { return open.Load() == 2 })
	app.egress = nil // what the new version does not declare is taken away
	a.redeploy(app)
	eventually(t, "the connections are closed", func() bool { return open.Load() == 0 })
}
