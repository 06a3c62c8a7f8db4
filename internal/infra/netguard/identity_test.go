package netguard_test

import (
	"context"
	"crypto/tls"
	"errors"
	"io"
	"net/http"
	"net/netip"
	"sync/atomic"
	"testing"

	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// A connection that was made with a certificate serves no request of another tenant or filling,
// nor one without; leads nowhere else; and the certificate is asked for at each handshake.
func TestIdentifiedConnectionsAreNobodyElses(t *testing.T) {
	w := netguardtest.New(t)
	// It answers with who is connected, and asks without insisting.
	who := http.HandlerFunc(func(rw http.ResponseWriter, r *http.Request) {
		if len(r.TLS.PeerCertificates) > 0 {
			_, _ = io.WriteString(rw, r.TLS.PeerCertificates[0].Subject.CommonName+" ")
		}
		_, _ = io.WriteString(rw, r.RemoteAddr)
	})
	w.Host(t, "a.example.com", who)
	w.Guarded(t, "b.example.com", who)
	g, err := netguard.New(netguard.Config{}, netguard.WithTestNetwork(w.Network()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(g.Close)
	pair := w.Issue(t, netguardtest.Certificate{Client: "alice"})
	var asked atomic.Int32
	var gone atomic.Bool
	identity := func(of, host string) netguard.Identity {
		return netguard.Identity{Of: of, Host: host, Port: 443, Certificate: func(context.Context) (*tls.Certificate, error) {
			if asked.Add(1); gone.Load() {
				return nil, errors.New("taken away")
			}
			return &pair, nil
		}}
	}
	ask := func(rt http.RoundTripper, url string) (string, error) {
		r, _ := http.NewRequestWithContext(t.Context(), "GET", url, nil)
		res, err := rt.RoundTrip(r)
		if err != nil {
			return "", err
		}
		defer func() { _ = res.Body.Close() }()
		text, err := io.ReadAll(res.Body)
		return string(text), err
	}
	must := func(rt http.RoundTripper, url string) string {
		t.Helper()
		text, err := ask(rt, url)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	const b = "https://b.example.com/"
	first := must(g.IdentifiedTransport("i", nil, identity("logs 1", "b.example.com")), b)
	if first[:6] != "alice " || asked.Load() != 1 {
		t.Fatalf("%q after %d handshakes", first, asked.Load())
	}
	if again := must(g.IdentifiedTransport("i", nil, identity("logs 1", "b.example.com")), b); again != first || asked.Load() != 1 {
		t.Errorf("%q: its own next request does not go by the same connection", again)
	}
	if _, err := ask(g.Transport(netguard.App, "i"), b); err == nil {
		t.Error("a request without the certificate was let in")
	}
	opening := netguard.Opening{Host: "b.example.com", Port: 443, CIDR: netip.MustParsePrefix("93.184.216.0/24")}
	for name, rt := range map[string]http.RoundTripper{
		"another tenant's":       g.IdentifiedTransport("j", nil, identity("logs 1", "b.example.com")),
		"another filling's":      g.IdentifiedTransport("i", nil, identity("logs 2", "b.example.com")),
		"another remote's":       g.IdentifiedTransport("i", nil, identity("home 1", "b.example.com")),
		"a private network's":    g.IdentifiedTransport("i", &opening, identity("logs 1", "b.example.com")),
		"once it was taken away": g.IdentifiedTransport("i", nil, identity("logs 3", "b.example.com")),
	} {
		gone.Store(name == "once it was taken away")
		text, err := ask(rt, b)
		if gone.Load() != (err != nil) || text == first {
			t.Errorf("%s: %q %v", name, text, err)
		}
	}
	gone.Store(false)
	// Nowhere else, not even where it is not asked for.
	for _, url := range []string{"https://a.example.com/", "https://b.example.com:8443/", "http://b.example.com/"} {
		if text, err := ask(g.IdentifiedTransport("i", nil, identity("logs 1", "b.example.com")), url); err == nil {
			t.Errorf("%s: %q", url, text)
		}
	}
	if text := must(g.IdentifiedTransport("i", nil, identity("logs 1", "a.example.com")), "https://a.example.com/"); text[0] == 'a' {
		t.Errorf("a server that does not ask was shown it: %q", text)
	}
}
