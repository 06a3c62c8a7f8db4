package attack

import (
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
)

// Issue 6: of what an app does as people an admin is told whom a change concerns: with a scope
// given back those requests go whose user agreed, and no other; where more may leave, people
// are asked anew, and until then nothing goes.
func TestAttackUnderstateWhomItConcerns(t *testing.T) {
	t.Parallel()
	p, at := onTrackerWith(t, source{also: []string{"ask", "resolver", "until"}, scopes: []string{"read:jira-user", "read:jira-work"}, code: asker, later: true})
	at.agree("alice")
	myself := map[string]any{"who": "user", "method": "GET", "path": "/rest/api/3/myself"}
	here := "/api/v1/installations/" + at.installation
	made := 0
	asked := func(who string) bool { made++; return at.as(who, "resolver", myself).Status == 200 }
	// of says how often these calls asked, by their numbers: a starved machine makes one again.
	of := func(calls ...int) (n int64) {
		t.Helper()
		times := p.times(t, made)
		for _, i := range calls {
			n += times[i]
		}
		return n
	}
	type prediction struct{ Seen, Refused, Allowed, Unsure int64 }
	said := func(change map[string]any) (out prediction) {
		t.Helper()
		p.api("POST", here+"/what-if", at.admin, change).must(t).into(t, &out)
		return out
	}
	tells := func(what string, change map[string]any, want func() prediction) {
		t.Helper()
		settles(t, what, func() (prediction, prediction) { return said(change), want() })
	}
	if !asked("alice") { // call 0
		t.Fatal("what alice agreed to is refused")
	}
	const scope = "scope:read:jira-user"
	tells("without the scope", map[string]any{"trim": []string{scope}}, func() prediction { return prediction{Seen: of(0), Refused: of(0)} })
	p.api("PATCH", here+"/grant", at.admin, map[string]any{"trim": []string{scope}}).must(t)
	if asked("alice") || asked("bob") || asked("bob") { // calls 1 to 3
		t.Error("without its scope a request goes")
	}
	back := map[string]any{"restore": []string{scope}, "epoch": at.epoch()}
	// Of two requests of hers and two of one who did not agree.
	tells("with the scope again", back, func() prediction { return prediction{Seen: of(0, 1, 2, 3), Allowed: of(0, 1)} })
	p.api("PATCH", here+"/grant", at.admin, back).must(t)
	if !asked("alice") || asked("bob") { // calls 4 and 5
		t.Error("it is not as it was said")
	}
	// Hers are known to have gone, or to go now.
	more := map[string]any{"allow": []any{map[string]any{"type": "FETCH_BACKEND_SIDE", "host": "more.example.com"}}}
	tells("where more may leave", more, func() prediction { return prediction{Seen: of(0, 1, 2, 3, 4, 5), Unsure: of(0, 1, 4)} })
	if _, err := p.System.Installs.AddEgress(p.ctx, at.siteAdmin(), id.Install(at.installation), perm.Backend, "more.example.com"); err != nil {
		t.Fatal(err)
	}
	if got := at.as("alice", "resolver", myself); got.Code != "NEEDS_AUTHENTICATION_ERR" {
		t.Errorf("alice was not asked anew: %+v", got)
	}
	at.agree("alice")
	if got := said(map[string]any{"disallow": more["allow"]}); !asked("alice") || got.Refused+got.Allowed+got.Unsure != 0 {
		t.Errorf("with less again: %+v", got)
	}
}
