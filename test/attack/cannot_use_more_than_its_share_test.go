package attack

import (
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/quota"
)

// Whatever an app does more than its figures say, by whichever door, is refused with the
// figure, and its neighbour on the same site does what it did before. What was refused is
// counted for the admin; what is queued in vain is not kept.
func TestAttackUseMoreThanItsShare(t *testing.T) {
	limits := quota.None()
	limits.Installation = quota.Figures{Calls: 40, Outbound: 15, ProductCalls: -1, Pushes: 60, LogLines: 30, StorageReads: 7, StorageWrites: 9}
	now := time.Now() // what is counted is all of one minute, however long this takes
	p := newPlatformWith(t, func(s *testenv.Setup) { s.Quotas, s.QuotaClock = limits, func() time.Time { return now } })
	e := &ears{}
	p.Host(t, "beat.example", e)
	flood := source{
		also: []string{"push", "publish", "fetches", "logs", "reads", "writes", "consume"}, egress: []string{"beat.example"}, scopes: []string{"storage:app"},
		modules: "  consumer:\n    - {key: c, queue: work, function: consume}\n  event:\n    - {key: told, name: Told, allowedRecipients: ['*']}\n",
		code: `
const { Queue, appEvents } = __annex_require("@annex/events");
const kvs = __annex_require("@annex/kvs").default;
const { fetch } = __annex_require("@annex/api");
const queue = new Queue({ key: "work" });
async function times(n, what) {
  let done = 0, code;
  for (let i = 0; i < n; i++) { try { await what(); done++; } catch (err) { code = err.code; } }
  return { done, code };
}
async function push(n) { return times(n, () => queue.push(Array(20).fill({ body: {}, delayInSeconds: 900 }))); }
async function publish(n) { return times(n, () => appEvents.publish(Array(10).fill({ key: "told" }))); }
async function reads(n) { return times(n, () => kvs.get("large")); }
async function writes(n) { return times(n, () => kvs.set("large", "x".repeat(35000))); }
async function fetches(n) { return times(n, () => fetch("https://beat.example/x", { method: "POST", body: "{}" })); }
async function logs(n) { for (let i = 0; i < n; i++) console.log("line"); return {}; }
async function consume() {}`}
	at := p.deploy("development", flood)
	neighbour := p.deploy("staging", flood)
	type done struct {
		Done int
		Code string
	}
	expect := func(at place, function string, n, most int, code string) {
		t.Helper()
		var got done
		at.result(function, n, &got)
		if got.Done != most || got.Code != code {
			t.Errorf("%s of %d: %+v, want %d and %q", function, n, got, most, code)
		}
	}
	expect(at, "push", 10, 3, "LIMIT_QUEUE")
	expect(at, "publish", 1, 0, "LIMIT_QUEUE") // what it tells others is work too
	expect(at, "fetches", 20, 15, "LIMIT_OUTBOUND")
	expect(at, "writes", 5, 2, "RATE_LIMIT_EXCEEDED") // each counts as four
	expect(at, "reads", 5, 2, "RATE_LIMIT_EXCEEDED")
	var none map[string]any
	at.result("logs", 90, &none)
	refused := 0
	var last answer
	for range 60 {
		if a := at.invoke("logs", 0); a.status == http.StatusTooManyRequests {
			refused, last = refused+1, a
		}
	}
	if refused < 20 || !strings.Contains(last.body, "LIMIT_INVOCATIONS") || last.header.Get("Retry-After") == "" || strings.Contains(last.body, `"invocation"`) {
		t.Errorf("%d were refused: %s", refused, last.body)
	}
	expect(neighbour, "push", 2, 2, "")
	expect(neighbour, "publish", 2, 2, "")
	expect(neighbour, "writes", 2, 2, "")
	expect(neighbour, "reads", 2, 2, "")
	expect(neighbour, "fetches", 15, 15, "")
	var u struct {
		Days []struct {
			What          string
			Used, Refused int
		}
	}
	p.api("GET", "/api/v1/installations/"+at.installation+"/usage", at.admin, nil).must(t).into(t, &u)
	got := map[string][2]int{}
	for _, d := range u.Days {
		got[d.What] = [2]int{d.Used, d.Refused}
	}
	if got["pushes"] != [2]int{60, 150} || got["outbound"] != [2]int{15, 5} || got["calls"][0] != 40 || got["logLines"][0] > 30 || got["logLines"][1] < 60 ||
		got["storageWrites"] != [2]int{8, 12} || got["storageReads"] != [2]int{8, 3} {
		t.Errorf("%v", got)
	}
	var q struct {
		Counts []struct{ Waiting int }
	}
	p.api("GET", "/api/v1/installations/"+at.installation+"/queue", at.admin, nil).must(t).into(t, &q)
	if len(q.Counts) != 1 || q.Counts[0].Waiting != 60 {
		t.Errorf("%v", q)
	}
	for _, token := range []string{p.developer("Bob"), p.operator} {
		if a := p.api("GET", "/api/v1/installations/"+at.installation+"/usage", token, nil); a.status/100 != 4 {
			t.Errorf("a stranger reads %d %s", a.status, a.body)
		}
	}
}
