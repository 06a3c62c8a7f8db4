package unattended_test

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/unattended"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/manifest"
)

// consumers is one installation with a consumer of each style, on a clock of the test's; what
// a call answers is the test's to say.
type consumers struct {
	room unattended.Room
	world
	t      *testing.T
	s      *unattended.Service
	calls  chan *call.Call
	answer chan any // an error, or what the function returned
	pushes int      // that the quota saw
}

func (c *consumers) Manifest(context.Context, id.Version) (*manifest.Manifest, error) {
	m := &manifest.Manifest{}
	m.Modules.Function = []manifest.Function{{Key: "f", Handler: "index.f"}, {Key: "slow", Handler: "index.slow", TimeoutSeconds: 900}}
	m.Modules.Consumer = []manifest.Consumer{
		{Key: "new", Queue: "work", Function: "f"}, {Key: "long", Queue: "long", Function: "slow"},
		{Key: "old", Queue: "old", Resolver: manifest.ConsumerResolver{Function: "f", Method: "listen"}},
	}
	return m, nil
}

func (c *consumers) Invoke(_ context.Context, made *call.Call) (call.Result, error) {
	c.calls <- made
	switch a := (<-c.answer).(type) {
	case error:
		return call.Result{}, a
	case string:
		return call.Result{Body: []byte(a)}, nil
	}
	return call.Result{Body: []byte("null")}, nil
}

func newConsumers(t *testing.T, d *db.DB) *consumers {
	t.Helper()
	for _, m := range [][]db.Migration{jobs.Migrations, unattended.Migrations} {
		if err := d.Migrate(t.Context(), m); err != nil {
			t.Fatal(err)
		}
	}
	c := &consumers{
		world: world{now: time.Date(2026, 1, 2, 3, 4, 5, 0, time.UTC), policy: &call.Policy{Install: "i", Site: "s", Version: "one"}},
		room:  unattended.Room{Jobs: -1, Bytes: -1}, t: t, calls: make(chan *call.Call, 10), answer: make(chan any),
	}
	q := jobs.New(jobs.Config{DB: d, Now: c.clock, Poll: 2 * time.Millisecond, Lease: 1000 * time.Hour})
	c.s = unattended.New(unattended.Config{DB: d, Jobs: q, Installed: c, Manifests: c, Products: c, Invoker: c, Now: c.clock,
		Quota: func(_ *call.Policy, events int) error { c.pushes += events; return nil },
		Room:  func(*call.Policy) unattended.Room { return c.room }, NoRoom: func(_ *call.Policy, events int) { c.pushes -= events }})
	if err := q.Start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(q.Close)
	return c
}

// ask is a host call of the app's, made by a call.
func (c *consumers) ask(by id.Invocation, method string, head, body any) (map[string]any, error) {
	c.t.Helper()
	h, _ := json.Marshal(head)
	b, _ := json.Marshal(body)
	rep, err := c.s.Bind(call.Binding{Call: &call.Call{ID: by}})(c.t.Context(), c.policy, call.Request{Method: method, Head: h, Body: b})
	if err != nil {
		return nil, err
	}
	var out map[string]any
	if err := json.Unmarshal(rep.Head, &out); err != nil {
		c.t.Fatal(err)
	}
	return out, nil
}

type object = map[string]any

func (c *consumers) push(queue string, events ...object) (job string) {
	c.t.Helper()
	out, err := c.ask("c", "queue.push", object{}, object{"queue": queue, "events": events})
	if err != nil {
		c.t.Fatal(err)
	}
	return out["jobId"].(string)
}

func (c *consumers) stats(job string) string {
	c.t.Helper()
	out, err := c.ask("c", "queue.stats", object{"jobId": job}, nil)
	if err != nil {
		c.t.Fatal(err)
	}
	return fmt.Sprintf("%v done, %v to do, %v failed", out["success"], out["inProgress"], out["failed"])
}

// becomes waits for what is written down a moment after a call ended.
func (c *consumers) becomes(job, want string) {
	c.t.Helper()
	for range 5000 {
		if counts, err := c.s.Jobs.Counts(c.t.Context(), "i"); err != nil {
			c.t.Fatal(err)
		} else if !slices.ContainsFunc(counts, func(n jobs.Count) bool { return n.Running > 0 }) && c.stats(job) == want {
			return
		}
		time.Sleep(time.Millisecond)
	}
	c.t.Fatalf("%s, want %s", c.stats(job), want)
}

// next is the next call, which then ends as it is said.
func (c *consumers) next(answer any) (made *call.Call, payload object) {
	c.t.Helper()
	select {
	case made = <-c.calls:
	case <-time.After(20 * time.Second):
		c.t.Fatal("nothing is called")
	}
	if err := json.Unmarshal(made.Payload, &payload); err != nil {
		c.t.Fatal(err)
	}
	c.answer <- answer
	return made, payload
}

// Consumers of both styles are given what they look for; one that asks for another try, or
// fails, is called again with what it needs to know, under the id it had.
func TestConsumers(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newConsumers(t, d)
		job := c.push("work", object{"body": object{"n": 1}})
		made, event := c.next(`{"_retry":true,"retryOptions":{"retryAfter":60,"retryReason":"FUNCTION_UPSTREAM_RATE_LIMITED","retryData":{"page":3}}}`)
		if made.Module != "new" || made.Function != "index.f" || made.Kind != call.Queue || made.Principal.Kind != id.Application || made.Deadline.Sub(c.clock()) != 55*time.Second {
			t.Errorf("%+v", made)
		}
		if event["jobId"] != job || event["queueName"] != "work" || event["eventId"] != string(made.ID) || fmt.Sprint(event["body"]) != "map[n:1]" || event["retryContext"] != nil {
			t.Errorf("%v", event)
		}
		c.becomes(job, "0 done, 1 to do, 0 failed")
		c.pass(59 * time.Second)
		select {
		case <-c.calls:
			t.Fatal("it came before its time")
		case <-time.After(50 * time.Millisecond):
		}
		c.pass(time.Second)
		again, event := c.next(fault.New(fault.Limit, "LIMIT_WALL", "too slow"))
		if again.ID != made.ID || again.Attempt != 2 {
			t.Errorf("%s at try %d, it was %s", again.ID, again.Attempt, made.ID)
		}
		said := event["retryContext"].(object)
		window := said["retentionWindow"].(object)
		if said["retryCount"] != 1.0 || said["retryReason"] != "FUNCTION_UPSTREAM_RATE_LIMITED" || fmt.Sprint(said["retryData"]) != "map[page:3]" ||
			window["startTime"] != "2026-01-02T03:04:05Z" || window["remainingTimeMs"] != float64((24*time.Hour-time.Minute).Milliseconds()) {
			t.Errorf("%v", said)
		}
		c.becomes(job, "0 done, 1 to do, 0 failed")
		c.pass(15 * time.Minute)
		if _, event = c.next(nil); event["retryContext"].(object)["retryReason"] != "FUNCTION_TIME_OUT" || event["retryContext"].(object)["retryCount"] != 2.0 {
			t.Errorf("%v", event)
		}
		c.becomes(job, "1 done, 0 to do, 0 failed")

		// A resolver's method has the payload as it was pushed, of whatever kind, and what is said of
		// earlier tries inside it where it is an object.
		job = c.push("old", object{"body": object{"n": 1}}, object{"body": "text"})
		for range 2 {
			made, event := c.next(`{"_retry":true,"retryOptions":{"retryAfter":1,"retryData":"kept"}}`)
			asked := event["call"].(object)
			if made.Module != "old" || asked["functionKey"] != "listen" || asked["jobId"] != job || event["context"].(object)["jobId"] != job {
				t.Errorf("%v", event)
			}
			if p := asked["payload"]; fmt.Sprint(p) != "map[n:1]" && p != "text" {
				t.Errorf("%v", p)
			}
		}
		c.becomes(job, "0 done, 2 to do, 0 failed")
		c.pass(time.Second)
		for range 2 {
			_, event := c.next(nil)
			if x := event["context"].(object)["retryContext"].(object); x["retryData"] != "kept" || x["retryReason"] != "FUNCTION_RETRY_REQUEST" {
				t.Errorf("%v", x)
			}
			if p, is := event["call"].(object)["payload"].(object); is && p["retryContext"].(object)["retryCount"] != 1.0 {
				t.Errorf("%v", p)
			}
		}
		c.becomes(job, "2 done, 0 to do, 0 failed")
	})
}

// What fails until its time is over is a dead letter, which is read by who may, and is tried
// again under its id when somebody says so, or dropped.
func TestDeadLetters(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newConsumers(t, d)
		admin := id.Principal{Kind: id.SiteAdmin, Site: "s"}
		scope, err := tenant.ForInstall(admin, "s", "i")
		if err != nil {
			t.Fatal(err)
		}
		job := c.push("work", object{"body": object{"n": 1}}, object{"body": object{"n": 2}, "delayInSeconds": 900})
		first, _ := c.next(fault.New(fault.App, "FUNCTION_ERR", "no"))
		c.becomes(job, "0 done, 2 to do, 0 failed")
		c.pass(24 * time.Hour) // its window ends
		for range 2 {          // the other one's has 15 minutes left
			made, _ := c.next(fault.New(fault.App, "FUNCTION_ERR", "no"))
			if made.ID == first.ID && made.Attempt != 2 {
				t.Errorf("%+v", made)
			}
		}
		c.becomes(job, "0 done, 1 to do, 1 failed")
		st, err := c.s.State(t.Context(), scope, 10)
		if err != nil || len(st.Dead) != 1 || len(st.Counts) != 1 || st.Counts[0].Waiting != 1 || st.Counts[0].Dead != 1 {
			t.Fatalf("%+v %v", st, err)
		}
		dead := st.Dead[0]
		if dead.ID != string(first.ID) || dead.Job != job || dead.Class != "FUNCTION_ERR" || dead.Attempts != 2 || dead.Name != "work" || dead.Body != nil {
			t.Errorf("%+v", dead)
		}
		developer := id.Principal{Kind: id.Developer}
		for _, x := range []struct {
			by   id.Principal
			env  call.EnvType
			body string
		}{{admin, call.Production, `{"n":1}`}, {developer, call.Production, ""}, {developer, call.Staging, `{"n":1}`}, {id.Principal{Kind: id.Operator}, call.Staging, ""}} {
			l, err := c.s.Letter(t.Context(), scope, x.by, x.env, dead.ID)
			if err != nil || strings.ReplaceAll(string(l.Body), " ", "") != x.body {
				t.Errorf("%v in %v reads %s %v", x.by.Kind, x.env, l.Body, err)
			}
		}
		if n, err := c.s.Retry(t.Context(), scope); n != 1 || err != nil {
			t.Fatal(n, err)
		}
		made, event := c.next(nil)
		if made.ID != first.ID || made.Attempt != 1 || fmt.Sprint(event["body"]) != "map[n:1]" {
			t.Errorf("%+v %v", made, event)
		}
		c.becomes(job, "1 done, 1 to do, 0 failed")
		c.pass(time.Hour)
		c.next(fault.New(fault.App, "FUNCTION_ERR", "no"))
		c.becomes(job, "1 done, 0 to do, 1 failed")
		if st, err = c.s.State(t.Context(), scope, 10); err != nil || len(st.Dead) != 1 {
			t.Fatalf("%+v %v", st, err)
		}
		if err := c.s.Drop(t.Context(), scope, st.Dead[0].ID); err != nil {
			t.Error(err)
		}
		if err := c.s.Drop(t.Context(), scope, st.Dead[0].ID); fault.CodeOf(err) != "NO_SUCH_LETTER" {
			t.Error(err)
		}
	})
}

// What waits can be cancelled, what runs goes on; events of one key run as many at once as it
// says, whichever queue they are of; a job of another installation is nobody's.
func TestCancelAndConcurrency(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		c := newConsumers(t, d)
		one := object{"key": "k", "limit": 1}
		job := c.push("work", object{"body": object{"n": 1}, "concurrency": one}, object{"body": object{"n": 2}, "concurrency": one}, object{"body": object{"n": 3}, "delayInSeconds": 60})
		other := c.push("old", object{"body": object{}, "concurrency": one})
		<-c.calls // one of the three with the key runs
		select {
		case <-c.calls:
			t.Fatal("two with one key run at once")
		case <-time.After(100 * time.Millisecond):
		}
		c.answer <- nil
		<-c.calls
		if out, err := c.ask("c", "queue.cancel", object{"jobId": job}, nil); err != nil || out["cancelled"] != 1.0 && out["cancelled"] != 2.0 {
			t.Errorf("%v %v", out, err)
		}
		c.answer <- nil
		for {
			a, b := c.stats(job), c.stats(other)
			if !strings.Contains(a, "0 to do") || !strings.Contains(b, "0 to do") {
				select {
				case <-c.calls:
					c.answer <- nil
				case <-time.After(time.Millisecond):
				}
				continue
			}
			if b != "1 done, 0 to do, 0 failed" || a == "3 done, 0 to do, 0 failed" {
				t.Errorf("%s; %s", a, b)
			}
			break
		}
		c.pass(time.Hour)
		select {
		case <-c.calls:
			t.Error("what was cancelled ran")
		case <-time.After(50 * time.Millisecond):
		}
		c.policy = &call.Policy{Install: "another", Site: "s", Version: "one"}
		for _, method := range []string{"queue.stats", "queue.cancel"} {
			if _, err := c.ask("c", method, object{"jobId": job}, nil); fault.CodeOf(err) != "JOB_DOES_NOT_EXIST" {
				t.Errorf("%s: %v", method, err)
			}
		}
	})
}

// A push is taken whole or refused with the figure that it went over, and counted.
func TestPushLimits(t *testing.T) {
	c := newConsumers(t, dbtest.SQLite(t))
	large := func(n int) object { return object{"body": object{"x": strings.Repeat("x", n)}, "delayInSeconds": 900} }
	many := func(n int) (out []object) {
		for range n {
			out = append(out, object{"body": object{}, "delayInSeconds": 900})
		}
		return out
	}
	for name, x := range map[string]struct {
		queue  string
		events []object
		code   string
	}{
		"fifty": {"work", many(50), ""}, "fifty-one": {"work", many(51), "TOO_MANY_EVENTS"}, "none": {"work", nil, "NO_EVENTS_TO_PUSH"},
		"no queue": {"elsewhere", many(1), "INVALID_QUEUE_NAME"}, "200 KB": {"work", []object{large(198 << 10)}, ""}, "more": {"work", []object{large(201 << 10)}, "PAYLOAD_TOO_BIG"},
		"100 KB of a long one": {"long", []object{large(99 << 10)}, ""}, "more of it": {"long", []object{large(101 << 10)}, "PAYLOAD_TOO_BIG"},
		"901 s": {"work", []object{{"body": object{}, "delayInSeconds": 901}}, "INVALID_PUSH_SETTINGS"}, "before now": {"work", []object{{"body": object{}, "delayInSeconds": -1}}, "INVALID_PUSH_SETTINGS"},
		"no body": {"work", []object{{"delayInSeconds": 1}}, "INVALID_PUSH_SETTINGS"}, "no limit": {"work", []object{{"body": object{}, "concurrency": object{"key": "k", "limit": 0}}}, "INVALID_PUSH_SETTINGS"},
		"a word too many": {"work", []object{{"body": object{}, "priority": 1}}, "INVALID_PUSH_SETTINGS"},
	} {
		before := c.pushes
		_, err := c.ask("c", "queue.push", object{}, object{"queue": x.queue, "events": x.events})
		if x.code == "" && err != nil || x.code != "" && fault.CodeOf(err) != x.code {
			t.Errorf("%s: %v", name, err)
		}
		if got := c.pushes - before; err == nil && got != len(x.events) || err != nil && got != 0 {
			t.Errorf("%s: %d were counted", name, got)
		}
	}
}

// What an installation has queued has a bound, dead letters included. It is counted anew when
// it matters, and not at each push.
func TestRoom(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		for name, room := range map[string]unattended.Room{"jobs": {Jobs: 8, Bytes: -1}, "bytes": {Jobs: -1, Bytes: 8 * 1100}} {
			c := newConsumers(t, d)
			c.policy.Install, c.room = id.Install(name), room
			one := object{"body": object{"x": strings.Repeat("x", 1000)}, "delayInSeconds": 600}
			refused := func() bool {
				t.Helper()
				before := c.pushes
				_, err := c.ask("c", "queue.push", object{}, object{"queue": "work", "events": []object{one, one}})
				if err != nil && (fault.CodeOf(err) != "LIMIT_QUEUE" || fault.KindOf(err) != fault.Limit || c.pushes != before) {
					t.Fatalf("%s: %v, %d counted", name, err, c.pushes-before)
				}
				return err != nil
			}
			var last string
			for range 4 {
				last = c.push("work", one, one)
			}
			if !refused() {
				t.Errorf("%s: there is room for ten where there is room for eight", name)
			}
			if _, err := c.ask("c", "queue.cancel", object{"jobId": last}, nil); err != nil {
				t.Fatal(err)
			}
			if !refused() {
				t.Errorf("%s: it is counted at each push", name)
			}
			c.pass(10 * time.Second)
			if refused() || !refused() {
				t.Errorf("%s: room for two was made", name)
			}
		}
	})
}

// An answer that asks for another try without saying when does not come back at once.
func TestRetryWithoutATime(t *testing.T) {
	c := newConsumers(t, dbtest.SQLite(t))
	job := c.push("work", object{"body": object{}})
	c.next(`{"_retry":true}`)
	c.becomes(job, "0 done, 1 to do, 0 failed")
	select {
	case <-c.calls:
		t.Error("it came back at once")
	case <-time.After(50 * time.Millisecond):
	}
	c.pass(time.Second)
	c.next(nil)
	c.becomes(job, "1 done, 0 to do, 0 failed")
}
