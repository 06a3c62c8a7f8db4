package attack

import (
	"bufio"
	"encoding/json"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// SPEC 5: every byte that leaves goes to what is declared and granted; and a refused
// name is not even looked up, since its labels could carry data out.
func TestAttackReachUndeclaredHost(t *testing.T) {
	o := newOutside(t, "annex.example")
	o.Play(t, "93.184.216.50", canary(t), netguardtest.Certificate{Names: []string{
		"evil.example", "c2VjcmV0.evil.example", "example.com", "api.example.com.evil.example", "apis.example.com", "api.annex.example",
	}})
	for _, name := range []string{"evil.example", "c2vjcmv0.evil.example", "example.com", "api.example.com.evil.example", "notapi.example.com", "api.annex.example"} {
		o.Resolve(name, []string{"93.184.216.50"})
	}
	a := o.app(t, "api.example.com", "*.wild.example.com", "*.annex.example")
	for _, url := range []string{
		"https://evil.example/", "https://c2VjcmV0.evil.example/", "https://example.com/", "https://api.example.com.evil.example/",
		"https://notapi.example.com/", "https://wild.example.com/", "https://api.example.com:8443/", "https://api.example.com./",
		"https://api.example.com@evil.example/", `https://evil.example\@api.example.com/`, "https://evil.example#@api.example.com/",
		"https://evil.example%2F.wild.example.com/", "//evil.example/", "https:evil.example", "http://api.example.com/", "wss://api.example.com/",
		"ftp://api.example.com/", "file:///etc/passwd", "data:text/plain,x", "https://93.184.216.50/", "https://api.annex.example/", "",
	} {
		_, err := a.get(url)
		refused(t, url, err)
	}
	if got := o.Resolved(); len(got) != 0 {
		t.Errorf("refused names were looked up: %v", got)
	}
}

// A revoked grant ends at the next request, also of a call that is running and holds
// an open connection.
func TestAttackReachHostAfterRevocation(t *testing.T) {
	o := newOutside(t)
	n := 0
	o.Host(t, "api.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { n++ }))
	a := o.app(t, "api.example.com")
	if _, err := a.get("https://api.example.com/"); err != nil {
		t.Fatal(err)
	}
	a.grant()
	_, err := a.get("https://api.example.com/")
	refused(t, "https://api.example.com/", err)
	if n != 1 {
		t.Errorf("%d requests arrived", n)
	}
}

// The widest grant there is does not reach into the platform or the network around it.
func TestAttackReachPlatformWithWildcard(t *testing.T) {
	o := newOutside(t, "annex.example", "annex-apps.example")
	a := o.app(t, "*")
	for _, url := range []string{
		"https://api.annex.example/", "https://annex.example/", "https://x.hooks.annex-apps.example/", "https://localhost/", "https://a.localhost/",
		"https://vault.internal/", "https://printer.local/", "https://metadata/", "https://127.0.0.1/", "https://[::1]/", "https://0x7f.1/",
		"https://2130706433/", "https://169.254.169.254/", "https://[::ffff:169.254.169.254]/", "https://①②⑦.0.0.1/", "https://evil.example:22/",
		// "*" is https on 443, and no other port or protocol.
		"https://evil.example:8443/", "https://evil.example:80/", "wss://evil.example/", "ws://evil.example/", "http://evil.example/",
	} {
		_, err := a.get(url)
		refused(t, url, err)
	}
	if got := o.Resolved(); len(got) != 0 {
		t.Errorf("looked up: %v", got)
	}
}

// No second way of dialling stands beside the first: a WebSocket is refused where it would be
// granted as such, before anything is looked up, and whatever a request says of upgrading.
func TestAttackLeaveByWebSocket(t *testing.T) {
	o := newOutside(t)
	var upgrades []string
	o.Host(t, "api.example.com", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		upgrades = append(upgrades, r.Header.Get("Upgrade")+r.Header.Get("Connection")+r.Header.Get("Sec-WebSocket-Key"))
	}))
	a := o.app(t, "wss://api.example.com", "wss://*.example.com")
	for _, url := range []string{"wss://api.example.com/", "wss://x.example.com/", "WSS://api.example.com/", "ws://api.example.com/", "https://api.example.com/"} {
		_, err := a.get(url)
		refused(t, url, err)
	}
	if got := o.Resolved(); len(got) != 0 || len(o.Dialled()) != 0 {
		t.Errorf("looked up: %v, dialled: %v", got, o.Dialled())
	}
	a.grant("api.example.com")
	if _, err := a.fetch(map[string]any{"url": "https://api.example.com/", "headers": [][2]string{{"Upgrade", "websocket"}, {"Connection", "Upgrade"}}}, ""); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(upgrades, []string{""}) {
		t.Errorf("the host was asked to change the protocol: %v", upgrades)
	}
}

// Every vector that has to be refused is, by the whole broker: a URL against patterns, and
// what an app cannot declare it cannot reach.
func TestAttackByEveryVector(t *testing.T) {
	f, err := os.Open("../../internal/core/hostrule/testdata/egress.jsonl")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	tried := 0
	lines := bufio.NewScanner(f)
	for lines.Scan() {
		var v struct {
			ID, Kind, URL string
			Patterns      []string
			Allow         *bool
			Redirects     []string
			Context       json.RawMessage
		}
		if err := json.Unmarshal(lines.Bytes(), &v); err != nil {
			t.Fatal(err)
		}
		if v.Kind != "backend" || v.Allow == nil || *v.Allow || len(v.Redirects) > 0 || len(v.Context) > 0 {
			continue
		}
		t.Run(v.ID, func(t *testing.T) {
			o := newOutside(t)
			granted := slices.DeleteFunc(slices.Clone(v.Patterns), func(p string) bool {
				_, err := hostrule.ParsePattern(p, hostrule.Backend)
				return err != nil // what is no pattern is granted nowhere
			})
			_, err := o.app(t, granted...).get(v.URL)
			refused(t, strings.ToValidUTF8(v.URL, "?"), err)
			if len(o.Resolved())+len(o.Dialled()) != 0 {
				t.Errorf("looked up %v, dialled %v", o.Resolved(), o.Dialled())
			}
		})
		tried++
	}
	if err := lines.Err(); err != nil || tried < 30 {
		t.Fatalf("%d vectors: %v", tried, err)
	}
}
