package attack

import (
	"encoding/json"
	"fmt"
	"strings"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
)

// issueCache is the mistake of the security overview, as many apps make it: what was
// read for one site is kept by its key, and given to whoever asks for that key next.
const issueCache = `
const { kvs } = __annex_require("@annex/kvs");
const cache = {};
async function issue(key) {
  if (!cache[key]) cache[key] = await kvs.get(key);
  return cache[key];
}
async function put(given) { await kvs.set(given.key, given.text); return cache[given.key] ?? null; }
`

// SPEC 1: an app that caches issues in a global serves sites A and B, which both have an
// issue KEY-1. Of 1,000 interleaved calls, none on B sees A's, and none on A sees B's.
func TestAttackSeeAnotherSitesIssue(t *testing.T) {
	p := newPlatformOf(t, 2)
	a := p.deploy("production", source{also: []string{"issue", "put"}, code: issueCache})
	b := a.on("b", p.site("b"))
	sites := []place{a, b}
	ask := func(at place, function string, payload any) (string, call.Stats) {
		raw, err := json.Marshal(payload)
		if err != nil {
			t.Error(err)
			return "", call.Stats{}
		}
		res, err := p.System.Door.Invoke(t.Context(), &call.Call{
			Kind: call.Invoke, Installation: id.Install(at.installation), Function: "index." + function, Module: function,
			Context: json.RawMessage("{}"), Payload: raw, ContentType: "application/json",
		})
		if err != nil {
			t.Errorf("%s: %v", function, err)
		}
		return string(res.Body), res.Stats
	}
	for i, at := range sites {
		if left, _ := ask(at, "put", map[string]string{"key": "KEY-1", "text": fmt.Sprintf("the secret of site %d", i)}); left != "null" {
			t.Fatalf("the cache holds %s", left)
		}
	}
	const callers, each = 8, 125
	var wg sync.WaitGroup
	for caller := range callers {
		wg.Go(func() {
			for i := range each {
				site := (caller + i) % len(sites)
				got, stats := ask(sites[site], "issue", "KEY-1")
				if want := fmt.Sprintf(`"the secret of site %d"`, site); got != want {
					t.Errorf("site %d was shown %s", site, strings.Trim(got, `"`))
					return
				}
				if stats.HostCalls == 0 { // a call that ran again elsewhere made more
					t.Errorf("a call found the issue in its cache")
					return
				}
			}
		})
	}
	wg.Wait()
}
