package trigger

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/csp"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

// sandboxed holds for every answer, errors too: the page is an opaque origin that nobody
// frames, and what it may load and send to is listed.
func sandboxed(t *testing.T, h http.Header) {
	t.Helper()
	got := h.Values("Content-Security-Policy")
	if len(got) != 1 || !strings.HasPrefix(got[0], "default-src 'none'; ") {
		t.Fatalf("Content-Security-Policy = %q", got)
	}
	directives := strings.Split(got[0], "; ")
	for _, d := range []string{"base-uri 'none'", "frame-ancestors 'none'", "sandbox allow-scripts allow-forms"} {
		if !slices.Contains(directives, d) {
			t.Errorf("the policy %q does not say %q", got[0], d)
		}
	}
	if got := h.Values("X-Content-Type-Options"); len(got) != 1 || got[0] != "nosniff" {
		t.Errorf("X-Content-Type-Options = %q", got)
	}
}

// TestThePolicyIsTheInstallations: what an answer's page may load and where it may send is what
// the installation is granted now, and nothing for an answer that is not the app's.
func TestThePolicyIsTheInstallations(t *testing.T) {
	s, p := one(t)
	allow := func(types ...perm.EgressType) {
		policy := *p.policies["i-alice"]
		policy.Set.Egress = nil
		for _, kind := range types {
			pattern, err := hostrule.ParsePattern("https://cdn.example.com", perm.UseOf(kind))
			if err != nil {
				t.Fatal(err)
			}
			policy.Set.Egress = append(policy.Set.Egress, perm.Egress{Type: kind, Pattern: pattern})
		}
		p.policies["i-alice"] = &policy
	}
	told := func(url, directive string) bool {
		t.Helper()
		w := serve(s, request("GET", url, ""))
		sandboxed(t, w.Header())
		return csp.Match(w.Header().Get("Content-Security-Policy"), directive, "https://cdn.example.com/a.png", "https://hooks.example")
	}
	url := address(t, s, p, "i-alice", "hook")
	for _, tt := range []struct {
		granted      []perm.EgressType
		image, fetch bool
	}{{nil, false, false}, {[]perm.EgressType{perm.Images}, true, false}, {[]perm.EgressType{perm.Client}, false, true}, {nil, false, false}} {
		allow(tt.granted...)
		if told(url, "img-src") != tt.image || told(url, "connect-src") != tt.fetch {
			t.Errorf("granted %v: images %v, fetch %v", tt.granted, told(url, "img-src"), told(url, "connect-src"))
		}
	}
	allow(perm.Images)
	p.invoke = func(context.Context, *call.Call) (call.Result, error) {
		allow() // an admin takes it away meanwhile
		return call.Result{Head: json.RawMessage(`{"statusCode":200}`)}, nil
	}
	if told(url, "img-src") {
		t.Error("the answer may load what was taken away while its function ran")
	}
	allow(perm.Images)
	if told("https://"+strings.Repeat("0", 32)+".hooks.example/", "img-src") {
		t.Error("an answer that is not the app's may load what the app may")
	}
}
