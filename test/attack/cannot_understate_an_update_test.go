package attack

import (
	"maps"
	"net/http"
	"testing"

	"github.com/annexhq/annex/internal/edge/testenv"
)

// Issue 6: what an admin is told that approving a version, or going back to one, would refuse
// and let go is what it does; being told changes nothing, and is bound to what was shown as the
// decision is.
func TestAttackUnderstateAnUpdate(t *testing.T) {
	t.Parallel()
	p := newPlatformWith(t, func(s *testenv.Setup) { s.NoProduct = false })
	const one, two, three = "one.example.com", "two.example.com", "three.example.com"
	hosts := []string{one, two, three}
	for _, host := range hosts {
		p.Host(t, host, &backEnd{})
	}
	at := p.deploy("development", source{also: []string{"deed"}, code: doer, egress: []string{one}})
	var done []string
	fetched := func() map[string]bool {
		t.Helper()
		goes := map[string]bool{}
		for _, host := range hosts {
			var out got
			at.result("deed", map[string]string{"way": "fetch", "to": "https://" + host + "/"}, &out)
			goes[host] = out.Code == ""
			done = append(done, host)
		}
		return goes
	}
	of := func(host string) (n int64) {
		t.Helper()
		for i, times := range p.times(t, len(done)) {
			if done[i] == host {
				n += times
			}
		}
		return n
	}
	onlyOne, onlyTwo := map[string]bool{one: true, two: false, three: false}, map[string]bool{one: false, two: true, three: false}
	here := "/api/v1/installations/" + at.installation
	type prediction struct{ Seen, Refused, Allowed, Unsure int64 }
	tried := func(decision map[string]any, refused, allowed string) {
		t.Helper()
		var said prediction
		p.api("POST", here+"/what-if", at.admin, map[string]any{"approval": decision}).must(t).into(t, &said)
		if want := (prediction{of(one) + of(two) + of(three), of(refused), of(allowed), 0}); said != want {
			t.Errorf("%v: said %+v, is %+v", decision, said, want)
		}
	}
	shown := func(query string) string {
		t.Helper()
		var review struct{ Digest string }
		p.api("GET", here+"/review"+query, at.admin, nil).must(t).into(t, &review)
		return review.Digest
	}
	if got := fetched(); !maps.Equal(got, onlyOne) {
		t.Fatalf("%v goes", got)
	}
	at.redeploy(source{also: []string{"deed"}, code: doer, egress: []string{two, three}})
	decision := map[string]any{"digest": shown(""), "confirmDevelopment": true, "without": []string{"egress:FETCH_BACKEND_SIDE:" + three}}
	tried(decision, one, two)
	if got := fetched(); !maps.Equal(got, onlyOne) {
		t.Fatalf("after what-if alone %v goes", got)
	}
	for _, x := range []struct {
		token, code string
		status      int
		body        map[string]any
	}{
		{at.admin, "PREVIEW_CHANGED", http.StatusConflict, map[string]any{"approval": map[string]any{"digest": "another", "confirmDevelopment": true}}},
		{at.admin, "CONFIRM_DEVELOPMENT", http.StatusBadRequest, map[string]any{"approval": map[string]any{"digest": decision["digest"]}}},
		{at.admin, "DIGEST_REQUIRED", http.StatusBadRequest, map[string]any{"approval": map[string]any{}}},
		{at.admin, "APPROVAL_ALONE", http.StatusBadRequest, map[string]any{"approval": decision, "trim": []string{"egress:FETCH_BACKEND_SIDE:" + one}}},
		{at.admin, "UNINSTALL_ALONE", http.StatusBadRequest, map[string]any{"approval": decision, "uninstall": true}},
		{at.developer, "ROLE_REQUIRED", http.StatusForbidden, map[string]any{"approval": decision}},
	} {
		if got := p.api("POST", here+"/what-if", x.token, x.body); got.status != x.status || got.code() != x.code {
			t.Errorf("%v: %d %s, not %s", x.body, got.status, got.code(), x.code)
		}
	}
	p.api("POST", here+"/approval", at.admin, decision).must(t)
	if got := fetched(); !maps.Equal(got, onlyTwo) {
		t.Fatalf("after the approval %v goes", got)
	}
	var now struct {
		Past []struct {
			Version string
			Current bool
		}
	}
	p.api("GET", here, at.admin, nil).must(t).into(t, &now)
	before := ""
	for _, x := range now.Past {
		if !x.Current {
			before = x.Version
		}
	}
	decision = map[string]any{"digest": shown("?version=" + before), "version": before, "confirmDevelopment": true}
	tried(decision, two, one)
	p.api("POST", here+"/approval", at.admin, decision).must(t)
	if got := fetched(); !maps.Equal(got, onlyOne) {
		t.Fatalf("with the version before %v goes", got)
	}
}
