package attack

import (
	"fmt"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/quota"
)

// An app whose triggers' conditions take all the steps that there are, and lead to no call, has no
// more of them looked at than it may have calls; its neighbours are told in the meantime.
func TestAttackStarveByConditions(t *testing.T) {
	t.Parallel()
	const app, far = "0195d7a8-0000-7000-8000-0000000000ab", 12
	limits := quota.None()
	limits.Apps = map[string]quota.Figures{app: {Calls: far}}
	p := newPlatformWith(t, func(s *testenv.Setup) { s.Quotas = limits })
	e := &ears{}
	p.Host(t, "beat.example", e)
	event := "avi:cloud:ecosystem::event/" + app + "/ping"
	const ten = "[1,2,3,4,5,6,7,8,9,10]"
	endless := ten + ".every(a => " + ten + ".every(b => " + ten + ".every(c => " + ten + ".every(d => " + ten + ".every(x => x > 0)))))"
	var triggers strings.Builder
	trigger := func(key string) string {
		return fmt.Sprintf("    - {key: %s, function: hear, events: ['%s'], filter: {onError: IGNORE, expression: '%s'}}\n", key, event, endless)
	}
	for n := range 20 {
		triggers.WriteString(trigger(fmt.Sprint("t", n)))
	}
	manifest := func(triggers string) source {
		return source{
			id: app, also: []string{"begin", "hear"}, egress: []string{"beat.example"},
			modules: "  event:\n    - {key: ping, name: Ping, allowedRecipients: ['*']}\n  trigger:\n" + triggers,
			code: `
const { appEvents } = __annex_require("@annex/events");
const begin = () => appEvents.publish([{ key: "ping" }, { key: "ping" }, { key: "ping" }]);
const hear = () => {};`,
		}
	}
	neighbour := p.deploy("staging", source{
		also: []string{"hear"}, egress: []string{"beat.example"}, modules: "  trigger:\n    - {key: t, function: hear, events: ['" + event + "']}\n",
		code: `
const { fetch } = __annex_require("@annex/api");
const hear = async (event) => { await fetch("https://beat.example/neighbour", { method: "POST", body: JSON.stringify({ heard: event }) }); };`,
	})
	one := p.deploy("development", manifest(triggers.String()))
	if a := one.invoke("begin", nil); a.status != 200 {
		t.Fatal(a.body)
	}
	eventually(t, "the neighbour is told of all", func() bool { return len(e.of("neighbour", "heard")) == 3 })
	refused := func(at place) (n int) {
		var u struct {
			Days []struct {
				What    string
				Refused int
			}
		}
		p.api("GET", "/api/v1/installations/"+at.installation+"/usage", at.admin, nil).must(t).into(t, &u)
		for _, d := range u.Days {
			if d.What == "calls" {
				n += d.Refused
			}
		}
		return n
	}
	eventually(t, "what it has looked at counts", func() bool { return refused(one) > 0 })
	if refused(neighbour) > 0 {
		t.Error("the neighbour is refused")
	}
	// Each trigger is a job: an app has no thousand of them for one event.
	upload := manifest(triggers.String() + trigger("more"))
	if a := p.upload(one.developer, upload.parts("development")); a.status != 422 || !strings.Contains(a.body, "too-many-triggers") {
		t.Errorf("%d %s", a.status, a.body)
	}
}

// An app whose queued events never come to an end, or are given up, fills no more of the disk than
// an installation may, however long it goes on.
func TestAttackFillByQueues(t *testing.T) {
	t.Parallel()
	limits := quota.None()
	limits.Installation.QueuedBytes = 500_000
	p := newPlatformWith(t, func(s *testenv.Setup) { s.Quotas = limits })
	app := source{
		also: []string{"fill", "consume"}, modules: "  consumer:\n    - {key: c, queue: work, function: consume}\n",
		code: `
const { Queue } = __annex_require("@annex/events");
async function fill(n) {
  for (let i = 0; i < n; i++) {
    try { await new Queue({ key: "work" }).push({ body: { x: "x".repeat(100_000) }, delayInSeconds: 900 }); }
    catch (err) { return { pushed: i, name: err.name, code: err.code, status: err.status, figure: err.figure, retryAfter: err.retryAfter }; }
  }
  return { pushed: n };
}
const consume = () => { throw new Error("never"); };`,
	}
	type filled struct {
		Pushed         int
		Name, Code     string
		Status, Figure int
		RetryAfter     int
	}
	one, other := p.deploy("development", app), p.deploy("staging", app)
	var got filled
	one.result("fill", 20, &got)
	if want := (filled{Pushed: 4, Name: "RateLimitError", Code: "LIMIT_QUEUE", Status: 429, Figure: 500_000, RetryAfter: 10}); got != want {
		t.Errorf("%+v, want %+v", got, want)
	}
	var u struct {
		Queued struct{ Events, Bytes, MaxEvents, MaxBytes int }
		Days   []struct {
			What          string
			Used, Refused int
		}
	}
	p.api("GET", "/api/v1/installations/"+one.installation+"/usage", one.admin, nil).must(t).into(t, &u)
	if q := u.Queued; q.Events != 4 || q.Bytes < 400_000 || q.MaxEvents != -1 || q.MaxBytes != 500_000 {
		t.Errorf("%+v", q)
	}
	for _, d := range u.Days {
		if d.What == "pushes" && (d.Used != 4 || d.Refused != 1) {
			t.Errorf("%+v", d)
		}
	}
	// Given up they are still there.
	if _, err := p.System.DB.Exec(p.ctx, `UPDATE jobs SET state = 2, ended_at = ? WHERE owner = ?`, int64(1)<<50, one.installation); err != nil {
		t.Fatal(err)
	}
	if one.result("fill", 1, &got); got.Pushed != 0 {
		t.Errorf("%+v", got)
	}
	if other.result("fill", 4, &got); got.Pushed != 4 {
		t.Errorf("the neighbour has no room: %+v", got)
	}
}
