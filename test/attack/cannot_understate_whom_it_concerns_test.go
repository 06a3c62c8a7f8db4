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
	asked := func(who string) bool { return at.as(who, "resolver", myself).Status == 200 }
	type prediction struct{ Seen, Refused, Allowed, Unsure int64 }
	said := func(change map[string]any) (out prediction) {
		t.Helper()
		p.api("POST", here+"/what-if", at.admin, change).must(t).into(t, &out)
		return out
	}
	if !asked("alice") {
		t.Fatal("what alice agreed to is refused")
	}
	const scope = "scope:read:jira-user"
	if got := said(map[string]any{"trim": []string{scope}}); got != (prediction{Seen: 1, Refused: 1}) {
		p.wrong(t, "without the scope: %+v", got)
	}
	p.api("PATCH", here+"/grant", at.admin, map[string]any{"trim": []string{scope}}).must(t)
	if asked("alice") || asked("bob") || asked("bob") {
		t.Error("without its scope a request goes")
	}
	back := map[string]any{"restore": []string{scope}, "epoch": at.epoch()}
	if got := said(back); got != (prediction{Seen: 4, Allowed: 2}) {
		p.wrong(t, "with the scope again, of two requests of hers and two of one who did not agree: %+v", got)
	}
	p.api("PATCH", here+"/grant", at.admin, back).must(t)
	if !asked("alice") || asked("bob") {
		t.Error("it is not as it was said")
	}
	// Three of hers are known to have gone, or to go now.
	more := map[string]any{"allow": []any{map[string]any{"type": "FETCH_BACKEND_SIDE", "host": "more.example.com"}}}
	if got := said(more); got.Refused != 0 || got.Allowed != 0 || got.Unsure != 3 {
		p.wrong(t, "where more may leave: %+v", got)
	}
	if _, err := p.System.Installs.AddEgress(p.ctx, at.siteAdmin(), id.Install(at.installation), perm.Backend, "more.example.com"); err != nil {
		t.Fatal(err)
	}
	if got := at.as("alice", "resolver", myself); got.Code != "NEEDS_AUTHENTICATION_ERR" {
		p.wrong(t, "alice was not asked anew: %+v", got)
	}
	at.agree("alice")
	if got := said(map[string]any{"disallow": more["allow"]}); !asked("alice") || got.Refused+got.Allowed+got.Unsure != 0 {
		p.wrong(t, "with less again: %+v", got)
	}
}
