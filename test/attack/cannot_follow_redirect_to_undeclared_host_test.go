package attack

import (
	"net/http"
	"testing"

	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// SPEC 5: redirects start again from the top. The broker follows none: the answer goes
// back, and the next hop is a request that is decided about like any other.
func TestCannotFollowRedirectToUndeclaredHost(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		for _, location := range []string{
			"https://evil.example/?stolen=1", "//evil.example/", "https://127.0.0.1/", "https://api.example.com@evil.example/",
			"http://api.example.com/", "https://metadata.internal/",
		} {
			o := newOutside(t)
			o.Play(t, "93.184.216.60", canary(t), netguardtest.Certificate{Names: []string{"evil.example"}})
			o.Resolve("evil.example", []string{"93.184.216.60"})
			hits := 0
			o.Host(t, "api.example.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				hits++
				w.Header().Set("Location", location)
				w.WriteHeader(status)
			}))
			a := o.app(t, "api.example.com")
			f, err := a.fetch(map[string]any{
				"url": "https://api.example.com/upload", "method": "POST", "redirect": "follow",
				"headers": [][2]string{{"Authorization", "Bearer secret"}},
			}, "secret")
			if err != nil || f.Status != status || f.header("location") != location || hits != 1 {
				t.Fatalf("%d %s: %+v after %d hits, %v", status, location, f, hits, err)
			}
			next := location
			if next == "//evil.example/" {
				next = "https:" + next
			}
			_, err = a.get(next)
			refused(t, next, err)
			for _, name := range o.Resolved() {
				if name != "api.example.com" {
					t.Errorf("%s was looked up", name)
				}
			}
		}
	}
}
