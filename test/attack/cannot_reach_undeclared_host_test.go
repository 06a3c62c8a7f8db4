package attack

import (
	"net/http"
	"testing"

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
	} {
		_, err := a.get(url)
		refused(t, url, err)
	}
	if got := o.Resolved(); len(got) != 0 {
		t.Errorf("looked up: %v", got)
	}
}
