package install

import (
	"fmt"
	"testing"
	"time"

	"pgregory.net/rapid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/rollout"
)

// anySet draws small sets that overlap often, with wild hosts that cover others.
func anySet(t *rapid.T, label string) perm.Set {
	var s perm.Set
	for _, name := range []string{"read", "write", "admin"} {
		if rapid.Bool().Draw(t, label+" "+name) {
			s.Scopes = append(s.Scopes, perm.Scope{Name: name})
		}
	}
	for _, p := range []hostrule.Pattern{
		{Scheme: "https", Host: "a.example.com", Port: 443}, {Scheme: "https", Wild: true, Host: "example.com", Port: 443}, {Any: true},
	} {
		if rapid.Bool().Draw(t, fmt.Sprint(label, " ", p)) {
			s.Egress = append(s.Egress, perm.Egress{Type: perm.Backend, Pattern: p})
		}
	}
	return s
}

// TestOnlyAnAdminMakesAnAppMorePowerful: whatever a developer deploys and in whatever
// order, what the app may do grows in no step that is not an admin's, and is never more
// than the running version declares.
func TestOnlyAnAdminMakesAnAppMorePowerful(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		release := &call.Release{Policy: call.Policy{Version: "v0", Set: anySet(t, "first")}}
		i := &Installation{}
		i.approve(release, anySet(t, "first grant"))
		for n := range rapid.IntRange(1, 12).Draw(t, "steps") {
			before := i.Effective()
			byAdmin := rapid.Bool().Draw(t, "admin")
			if byAdmin {
				grant := propose(i, release, nil)
				if rapid.Bool().Draw(t, "narrows") {
					grant = perm.Intersect(grant, anySet(t, "narrow"))
				}
				if !perm.Covers(release.Set, grant) {
					t.Fatalf("proposed %+v, declared %+v", grant, release.Set)
				}
				i.approve(release, grant)
				if i.Version != release.Version || i.Waiting != "" || !perm.Equal(i.Granted, grant) {
					t.Fatalf("after a decision: %+v", i)
				}
			} else {
				release = &call.Release{Policy: call.Policy{Version: id.Version(fmt.Sprint("v", n+1)), Set: anySet(t, "declares")}, AppManaged: rapid.Bool().Draw(t, "app-managed")}
				runs := i.take(release, rollout.Policy{}, time.Time{})
				if runs != (i.Version == release.Version) || runs == (i.Waiting == release.Version) {
					t.Fatalf("runs and waits at once, or neither: %+v", i)
				}
			}
			after := i.Effective()
			if !byAdmin && !perm.Covers(before, after) {
				t.Fatalf("a deploy made %+v of %+v", after, before)
			}
			if !perm.Covers(i.Declared, after) || !perm.Covers(i.Granted, after) {
				t.Fatalf("more than declared or granted: %+v", i)
			}
		}
	})
}
