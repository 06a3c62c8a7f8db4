package attack

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/quota"
	"github.com/annexhq/annex/productkit"
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

// Whichever door a call comes by, one that is over the figure is refused in the same words: the
// code, the figure, and when to come again.
func TestAttackUseMoreThanItsShareByAnyDoor(t *testing.T) {
	limits := quota.None()
	limits.Installation.Calls = 5
	now := time.Now() // all of it is one minute
	platform := newPlatformWith(t, func(s *testenv.Setup) {
		s.NoProduct, s.Quotas, s.QuotaClock = false, limits, func() time.Time { return now }
	})
	p := &people{platform, strings.TrimPrefix(platform.Access.UIURL, "http://"), strings.TrimPrefix(platform.Access.ProductPageURL, "http://")}
	at := p.deploy("development", source{
		hooks: []string{"hook"}, also: []string{"me", "plain", "resolve"}, scopes: []string{"read:jira-user"},
		modules: actionModules + "  tracker:issuePanel:\n    - {key: panel, title: Panel, function: resolve}\n",
		code: actionCode + `
const { default: Resolver } = __annex_require("@annex/resolver");
const r = new Resolver();
r.define("plain", async () => ({}));
const resolve = r.getDefinitions();
async function hook() { return { statusCode: 204 }; }`,
	})
	token := p.signedIn("bob").program(at.siteID())
	var listed struct{ Actions []struct{ Name, Key string } }
	p.api("GET", "/mcp/"+at.siteID()+"/actions", token, nil).must(t).into(t, &listed)
	action := listed.Actions[slices.IndexFunc(listed.Actions, func(a struct{ Name, Key string }) bool { return a.Key == "plain" })].Name
	client, err := p.client(at.siteID(), token)
	if err != nil {
		t.Fatal(err)
	}
	defer client.Close()
	signed, err := productkit.SignPanel(p.Tracker.Key(), productkit.Panel{User: p.user("bob"), Module: "tracker:issuePanel", Extension: map[string]any{}})
	if err != nil {
		t.Fatal(err)
	}
	bridge := func(path, bearer string, body map[string]any) answer {
		raw, _ := json.Marshal(body)
		return p.send("POST", p.ui, path, http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + bearer}}, raw)
	}
	var session struct{ Token string }
	bridge("/bridge/session", "", map[string]any{"panel": signed}).must(t).into(t, &session)
	address := at.hook("hook")
	doors := map[string]func() answer{
		"control API": func() answer { return at.invoke("plain", map[string]any{}) },
		"web trigger": func() answer { return p.get(address) },
		"bridge": func() answer {
			return bridge("/bridge/invoke", session.Token, map[string]any{"module": at.installation + "/panel", "functionKey": "plain"})
		},
		"action": func() answer { return p.api("POST", "/mcp/"+at.siteID()+"/actions/"+action, token, map[string]any{}) },
	}
	for name, door := range doors { // four of the five
		if a := door(); a.status/100 != 2 {
			t.Fatalf("%s: %d %s", name, a.status, a.body)
		}
	}
	if text, failed := calls(t, client, action, map[string]any{}); failed {
		t.Fatal(text)
	}
	for name, door := range doors {
		a := door()
		after, err := strconv.Atoi(a.header.Get("Retry-After"))
		if a.status != http.StatusTooManyRequests || !strings.Contains(a.body, "LIMIT_INVOCATIONS") || !strings.Contains(a.body, `"figure":5`) || err != nil || after < 1 || after > 60 {
			t.Errorf("%s: %d %v %s", name, a.status, a.header["Retry-After"], a.body)
		}
	}
	text, failed := calls(t, client, action, map[string]any{})
	if !failed || !strings.Contains(text, "LIMIT_INVOCATIONS") || !strings.Contains(text, `"figure":5`) || !strings.Contains(text, `"retryAfter":`) {
		t.Errorf("MCP: %s", text)
	}
}

// An app asks the product for one user so often and no more; for another user it goes on.
func TestAttackUseUpAUsersProductCalls(t *testing.T) {
	limits := quota.None()
	limits.User.ProductCalls = 3
	now := time.Now()
	p := newPlatformWith(t, func(s *testenv.Setup) {
		s.NoProduct, s.Network, s.Quotas, s.QuotaClock = false, nil, limits, func() time.Time { return now }
	})
	at := p.deploy("development", source{also: []string{"ask", "resolver", "until"}, scopes: []string{"read:jira-user", "read:jira-work"}, code: asker})
	at.agree("alice")
	at.agree("bob")
	me := map[string]any{"who": "user", "path": "/rest/api/3/myself"}
	for n := range 5 {
		got := at.as("bob", "resolver", me)
		if over := n >= 3; got.Rejected != over || over && (got.Status != http.StatusTooManyRequests || got.Code != "LIMIT_PRODUCT_CALLS" || !strings.Contains(got.Text, `"figure":3`)) {
			t.Errorf("call %d: %+v", n, got)
		}
	}
	if got := at.as("alice", "resolver", me); got.Status != http.StatusOK {
		t.Errorf("for another user: %+v", got)
	}
}
