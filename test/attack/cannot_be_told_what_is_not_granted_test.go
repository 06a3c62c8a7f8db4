package attack

import (
	"encoding/json"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"
	"time"

	tracker "github.com/annexhq/annex/examples/product"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/productkit"
)

// withEvents is a deployment with Tracker, whose events a worker is told of.
func withEvents(t *testing.T) (*platform, *ears, place) {
	t.Helper()
	p, e := workersOfTracker(t)
	return p, e, p.worker("development", "one", "read:jira-work")
}

// event is one that Tracker's back end could tell of the site.
func (at place) event(typ string, data map[string]any) productkit.Event {
	at.p.t.Helper()
	raw, err := json.Marshal(data)
	if err != nil {
		at.p.t.Fatal(err)
	}
	return productkit.Event{Product: at.p.Access.Product, Audience: at.p.Access.URL, Site: at.siteID(), Type: typ, User: "alice", Data: raw}
}

func (p *platform) signed(k *productkit.Key, e productkit.Event) string {
	p.t.Helper()
	token, err := productkit.SignEvent(k, e)
	if err != nil {
		p.t.Fatal(err)
	}
	return token
}

// tell sends an event as a product's back end does.
func (p *platform) tell(token string) answer {
	return p.send("POST", p.control(), "/api/v1/events", http.Header{"Content-Type": {"application/jwt"}}, []byte(token))
}

// The signature is all that lets an event in: whoever does not hold the product's key, and
// what the product did not declare, or said to somebody else, is refused; what was said
// once is told once.
func TestAttackForgeEvents(t *testing.T) {
	p, e, at := withEvents(t)
	key := p.Tracker.Key()
	other, err := productkit.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	good := at.event("tracker:issue:created", map[string]any{"n": 1})
	good.ID = "event-0123456789abcdef"
	token := p.signed(key, good)
	elsewhere := good
	elsewhere.Audience = "https://api.other.example"
	foreign := good
	foreign.Product = "desk"
	nowhere := good
	nowhere.Site = "0199a1b2-0000-7000-8000-0000000000ff"
	undeclared := good
	undeclared.Type, undeclared.ID = "desk:issue:created", "event-0123456789abcdeg"
	user, err := productkit.SignUser(key, productkit.User{Product: at.p.Access.Product, Audience: p.Access.URL, Site: at.siteID(), ID: "alice", Name: "Alice", Locale: "en-US", Timezone: "UTC", AuthTime: time.Now()})
	if err != nil {
		t.Fatal(err)
	}
	cut := strings.SplitN(token, ".", 3)
	for name, c := range map[string]struct {
		token  string
		status int
	}{
		"another key": {p.signed(other, good), 401}, "for another server": {p.signed(key, elsewhere), 401}, "of another product": {p.signed(key, foreign), 401},
		"a type that is not the product's": {p.signed(key, undeclared), 404}, "a sign-in": {user, 401}, "of a site that is not": {p.signed(key, nowhere), 404}, "no signature": {cut[0] + "." + cut[1] + ".", 401},
		"nothing": {"", 401}, "an operator's token": {p.operator, 401},
	} {
		if a := p.tell(c.token); a.status != c.status {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	for range 3 {
		if a := p.tell(token); a.status != 202 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	again := p.signed(key, good) // another signature of the same event
	if a := p.tell(again); a.status != 202 {
		t.Errorf("%d %s", a.status, a.body)
	}
	last := at.event("tracker:issue:created", map[string]any{"n": 2})
	if a := p.tell(p.signed(key, last)); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	heard := func(n float64) (count int) {
		for _, x := range e.of("one", "heard") {
			if x["n"] == n {
				count++
			}
		}
		return count
	}
	eventually(t, "the last event is heard", func() bool { return heard(2) == 1 })
	eventually(t, "the first event is heard", func() bool { return heard(1) > 0 })
	for _, x := range e.of("one", "heard") {
		if x["eventType"] != "avi:forge:installed:app" && x["eventType"] != "tracker:issue:created" {
			t.Errorf("told of %v", x)
		}
	}
	if heard(1) != 1 {
		t.Errorf("one event was told %d times", heard(1))
	}
}

// rekey has the operator register Tracker with other keys.
func (p *platform) rekey(keys string) {
	p.t.Helper()
	own := regexp.MustCompile(`(?m)^keys: .*$`)
	text := strings.NewReplacer("http://127.0.0.1:8481", p.Access.ProductURL, "http://tracker.localhost:8481", p.Access.ProductPageURL).
		Replace(own.ReplaceAllLiteralString(string(tracker.ProductYAML), "keys: "+keys))
	if _, err := p.System.Tenancy.Declare(p.ctx, testenv.Operator, tenancy.Declaration{Name: "product.yaml", Data: []byte(text), Document: tracker.OpenAPI}); err != nil {
		p.t.Fatal(err)
	}
}

// CloudEvents come by the same rules: the signature is over every byte of the body, by a key of
// the product that is for that site, for this server, now; and what was said is told once,
// whichever form it comes in.
func TestAttackForgeCloudEvents(t *testing.T) {
	p, e, at := withEvents(t)
	key := p.Tracker.Key()
	other, err := productkit.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	good := at.event("tracker:issue:created", map[string]any{"n": 1})
	good.ID = "event-0123456789abcdef"
	sign := func(k *productkit.Key, events ...productkit.Event) productkit.Message {
		m, err := productkit.SignCloudEvents(k, events...)
		if err != nil {
			t.Fatal(err)
		}
		return m
	}
	send := func(m productkit.Message, also ...string) answer {
		h := http.Header{"Content-Type": {m.ContentType}, productkit.SignatureHeader: append([]string{m.Signature}, also...)}
		if m.Signature == "" {
			h.Del(productkit.SignatureHeader)
		}
		return p.send("POST", p.control(), "/api/v1/events", h, m.Body)
	}
	m := sign(key, good)
	changed := func(change func(*productkit.Message)) productkit.Message {
		c := m
		change(&c)
		return c
	}
	with := func(change func(*productkit.Event)) productkit.Message {
		c := good
		change(&c)
		return sign(key, c)
	}
	second := good
	second.ID, second.Type = "event-0123456789abcdeh", "desk:issue:created"
	for name, c := range map[string]struct {
		m      productkit.Message
		status int
	}{
		"another key":                      {sign(other, good), 401},
		"for another server":               {with(func(e *productkit.Event) { e.Audience = "https://api.other.example" }), 401},
		"of another product":               {with(func(e *productkit.Event) { e.Product = "desk" }), 401},
		"a type that is not the product's": {with(func(e *productkit.Event) { e.Type = "desk:issue:created" }), 404},
		"a batch with one of those":        {sign(key, good, second), 404},
		"other data":                       {changed(func(m *productkit.Message) { m.Body = []byte(strings.Replace(string(m.Body), `"n":1`, `"n":3`, 1)) }), 401},
		"another user":                     {changed(func(m *productkit.Message) { m.Body = []byte(strings.Replace(string(m.Body), "alice", "bobby", 1)) }), 401},
		"no signature":                     {changed(func(m *productkit.Message) { m.Signature = "" }), 401},
		"another's signature":              {changed(func(m *productkit.Message) { m.Signature = sign(key, second).Signature }), 401},
		"an operator's token":              {changed(func(m *productkit.Message) { m.Signature = p.operator }), 401},
		"plain JSON":                       {changed(func(m *productkit.Message) { m.ContentType = "application/json" }), 400},
		"called a batch":                   {changed(func(m *productkit.Message) { m.ContentType = productkit.CloudEventBatchType }), 401},
		"the older form's body":            {changed(func(m *productkit.Message) { m.Body = []byte(p.signed(key, good)) }), 401},
		"too much":                         {changed(func(m *productkit.Message) { m.Body = append(m.Body, make([]byte, 500_000)...) }), 429},
	} {
		if a := send(c.m); a.status != c.status {
			t.Errorf("%s: %d %s", name, a.status, a.body)
		}
	}
	if a := send(m, m.Signature); a.status != 401 {
		t.Errorf("two signatures: %d %s", a.status, a.body)
	}
	// The same event in every form and company: by itself, again, in a batch, as a token.
	beside := good
	beside.Data = json.RawMessage(`{"n":4}`)
	beside.Source = "https://tracker.example.com/elsewhere" // another event of the same id
	for _, m := range []productkit.Message{m, m, sign(key, good), sign(key, good, beside), sign(key, beside)} {
		if a := send(m); a.status != 202 {
			t.Fatalf("%d %s", a.status, a.body)
		}
	}
	if a := p.tell(p.signed(key, good)); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	last := at.event("tracker:issue:created", map[string]any{"n": 2})
	if a := send(sign(key, last)); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	heard := func(n float64) (count int) {
		for _, x := range e.of("one", "heard") {
			if x["n"] == n {
				count++
			}
		}
		return count
	}
	eventually(t, "all are heard", func() bool { return heard(1) > 0 && heard(2) == 1 && heard(4) > 0 })
	if heard(1) != 1 || heard(3) != 0 || heard(4) != 1 {
		t.Errorf("told %d times, %d of what was forged, %d of the other source", heard(1), heard(3), heard(4))
	}
	// A key that the operator binds to another site does not speak for this one.
	elsewhere := at.event("tracker:issue:created", map[string]any{"n": 5})
	p.rekey(string(productkit.PublicKeys(key.For("0199a1b2-0000-7000-8000-0000000000ff"))))
	if a := send(sign(key, elsewhere)); a.status != 401 || !strings.Contains(string(a.body), "site") {
		t.Errorf("a key of another site: %d %s", a.status, a.body)
	}
	p.rekey(string(productkit.PublicKeys(key.For(at.siteID()))))
	if a := send(sign(key, elsewhere)); a.status != 202 {
		t.Errorf("a key of this site: %d %s", a.status, a.body)
	}
}

// What was kept for an app before something was taken from it is not told afterwards: the
// event, or the scope that its product asks for.
func TestAttackHearAfterRevocation(t *testing.T) {
	t.Parallel()
	for name, trim := range map[string]string{"the event": "event:tracker:issue:created", "its scope": "scope:read:jira-work"} {
		t.Run(name, func(t *testing.T) {
			p, e, at := withEvents(t)
			control := p.worker("staging", "two", "read:jira-work")
			// Each asks for another try much later; before it comes one of them loses its right.
			if a := p.tell(p.signed(p.Tracker.Key(), at.event("tracker:issue:created", map[string]any{"again": 900}))); a.status != 202 {
				t.Fatalf("%d %s", a.status, a.body)
			}
			heard := func(who string) (count int) {
				for _, x := range e.of(who, "heard") {
					if x["again"] != nil {
						count++
					}
				}
				return count
			}
			eventually(t, "both hear it", func() bool { return heard("one") == 1 && heard("two") == 1 })
			p.api("PATCH", "/api/v1/installations/"+at.installation+"/grant", at.admin, map[string]any{"trim": []string{trim}}).must(t)
			later := func(of place) bool { // an answer that is still being written down is put off after this
				p.dueNow(of)
				return p.waiting(of) == 0
			}
			eventually(t, "the other one hears it again", func() bool { return later(control) && heard("two") == 2 })
			eventually(t, "nothing waits any more", func() bool { return later(at) })
			if heard("one") != 1 {
				t.Errorf("it was told after %s was taken away", trim)
			}
		})
	}
}

// What an app queued does not run once it is uninstalled.
func TestAttackRunQueuedAfterUninstall(t *testing.T) {
	p, e := workers(t)
	at, control := p.worker("development", "one"), p.worker("staging", "two")
	event := map[string]any{"body": map[string]any{}, "delayInSeconds": 900}
	var out map[string]any
	at.result("push", event, &out)
	control.result("push", event, &out)
	if a := at.uninstall(); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if p.turns(at) != 0 {
		t.Error("it has a turn still")
	}
	p.dueNow(at)
	p.dueNow(control)
	eventually(t, "the other one's event is consumed", func() bool { return len(e.of("two", "consumed")) == 1 })
	eventually(t, "nothing of it waits", func() bool { return p.waiting(at) == 0 })
	if got := e.of("one", "consumed"); len(got) != 0 {
		t.Errorf("%v", got)
	}
}

// An app that is called before it is uninstalled cannot stay by that: not by failing, nor by
// what it leaves in its queue. Where its admin wants it gone at once it is not called.
func TestAttackStayByPreUninstall(t *testing.T) {
	p, e := workers(t)
	at, control, gone := p.worker("development", "one"), p.worker("staging", "two"), p.worker("production", "three")
	if a := p.api("DELETE", "/api/v1/installations/"+gone.installation+"?now=true", gone.admin, nil); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if a := at.uninstall(); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	if said := e.of("one", "leaving"); len(said) != 1 {
		t.Errorf("it was called %d times", len(said))
	}
	if said := e.of("three", "leaving"); len(said) != 0 {
		t.Error("it was called though its admin wanted it gone")
	}
	var out map[string]any
	control.result("push", map[string]any{"body": map[string]any{}}, &out)
	p.dueNow(at) // what it pushed with its last breath
	eventually(t, "the other one's event is consumed", func() bool { return len(e.of("two", "consumed")) == 1 })
	eventually(t, "nothing of it waits", func() bool { return p.waiting(at) == 0 })
	if got := e.of("one", "consumed"); len(got) != 0 {
		t.Errorf("%v", got)
	}
	if a := at.invoke("stats", out); a.status/100 == 2 {
		t.Errorf("it runs: %s", a.body)
	}
}

// A dead letter's body, and the app's own words, are the site's: a production app's
// developer sees what happened and may have it tried again, unread.
func TestAttackReadDeadLetters(t *testing.T) {
	p, _ := workersOfTracker(t)
	at := p.worker("production", "one", "read:jira-work")
	const canary = "canary-of-the-site"
	if a := p.tell(p.signed(p.Tracker.Key(), at.event("tracker:issue:created", map[string]any{"fails": true, "secret": canary}))); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	var q struct {
		Dead []struct{ ID, Class, Name string }
	}
	path := "/api/v1/installations/" + at.installation + "/queue"
	eventually(t, "it is given up", func() bool {
		p.api("GET", path, at.developer, nil).must(t).into(t, &q)
		return len(q.Dead) == 1
	})
	if d := q.Dead[0]; d.Class != "FUNCTION_ERR" || d.Name != "hearer" {
		t.Errorf("%+v", d)
	}
	if a := p.api("GET", path+"/"+q.Dead[0].ID, at.admin, nil); a.status != 200 || !strings.Contains(a.body, canary) {
		t.Errorf("the admin reads %d %s", a.status, a.body)
	}
	for _, from := range []string{path, path + "/" + q.Dead[0].ID} {
		if a := p.api("GET", from, at.developer, nil); a.status != 200 || strings.Contains(a.body, canary) || strings.Contains(a.body, "own words") {
			t.Errorf("the developer reads %d %s", a.status, a.body)
		}
	}
	stranger := p.developer("Bob")
	for _, token := range []string{stranger, p.operator} {
		if a := p.api("GET", path+"/"+q.Dead[0].ID, token, nil); a.status/100 != 4 {
			t.Errorf("a stranger reads %d %s", a.status, a.body)
		}
		if a := p.api("POST", path+"-retries", token, map[string]any{"ids": []string{}}); a.status/100 != 4 {
			t.Errorf("a stranger retries: %d %s", a.status, a.body)
		}
	}
	var retried struct{ Retried int }
	p.api("POST", path+"-retries", at.developer, map[string]any{"ids": []string{}}).must(t).into(t, &retried)
	if retried.Retried != 1 {
		t.Error(retried)
	}
	if a := p.api("DELETE", path+"/"+q.Dead[0].ID, at.developer, nil); a.status != 403 {
		t.Errorf("the developer drops it: %d %s", a.status, a.body)
	}
	eventually(t, "it is given up again, and the admin drops it", func() bool { return p.api("DELETE", path+"/"+q.Dead[0].ID, at.admin, nil).status == 204 })
	at.lettersInTheConsole(canary)
}

// lettersInTheConsole has the site's admin do in a browser what may be done with a dead letter.
func (at place) lettersInTheConsole(canary string) {
	t, p := at.p.t, at.p
	t.Helper()
	if a := p.tell(p.signed(p.Tracker.Key(), at.event("tracker:issue:created", map[string]any{"fails": true, "secret": canary}))); a.status != 202 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	type letter struct{ ID, EndedAt string }
	dead := func() []letter {
		var q struct{ Dead []letter }
		p.api("GET", "/api/v1/installations/"+at.installation+"/queue", at.admin, nil).must(t).into(t, &q)
		return q.Dead
	}
	eventually(t, "it is given up", func() bool { return len(dead()) == 1 })
	first := dead()[0]
	app := "/apps/" + at.installation
	alice := (&people{p, strings.TrimPrefix(p.Access.UIURL, "http://"), strings.TrimPrefix(p.Access.ProductPageURL, "http://")}).signedIn("alice")
	if shown := alice.get(app + "/running"); shown.status != 200 || !strings.Contains(shown.body, "FUNCTION_ERR") || !strings.Contains(shown.body, "Try all again") || strings.Contains(shown.body, canary) {
		t.Errorf("%d %s", shown.status, shown.body)
	}
	act := func(act string, form url.Values) {
		t.Helper()
		from := alice.get(app + "/running/" + first.ID)
		if from.status != 200 || !strings.Contains(from.body, canary) {
			t.Fatalf("%d %s", from.status, from.body)
		}
		form.Set("act", act)
		asked := alice.post(from, app+"/propose", form)
		decision := found(asked.body, `/sign-in\?decision=([0-9a-f-]+)`)
		if done := alice.post(alice.get("/sign-in?decision="+decision), "/decide/"+decision, url.Values{}); done.status != http.StatusSeeOther {
			t.Fatalf("%s: %d %s", act, done.status, done.body)
		}
	}
	act("retry-letters", url.Values{}) // all of them
	eventually(t, "it is given up once more", func() bool { d := dead(); return len(d) == 1 && d[0].ID == first.ID && d[0].EndedAt != first.EndedAt })
	act("drop-letter", url.Values{"letter": {first.ID}})
	if d := dead(); len(d) != 0 {
		t.Errorf("%v", d)
	}
}

// An app that keeps pushing to itself ends.
func TestAttackPushForEver(t *testing.T) {
	t.Parallel()
	p, e := workers(t)
	at := p.deploy("development", source{
		also: []string{"push", "consume"}, egress: []string{"beat.example"}, modules: "  consumer:\n    - {key: c, queue: work, function: consume}\n",
		code: `
const { Queue } = __annex_require("@annex/events");
const { fetch } = __annex_require("@annex/api");
const queue = new Queue({ key: "work" });
async function push(event) { return queue.push(event); }
async function consume({ body }) {
  if (body.leaf) return; // so that a thousand of them cost little
  try {
    for (let i = 0; i < 100; i++) await queue.push({ body: { depth: body.depth + 1, leaf: i > 0 } });
  } catch (err) {
    await fetch("https://beat.example/one", { method: "POST", body: JSON.stringify({ ended: { code: err.code, name: err.name } }) });
  }
}`})
	var out map[string]any
	at.result("push", map[string]any{"body": map[string]any{"depth": 0}}, &out)
	eventually(t, "the chain ends", func() bool { return len(e.of("one", "ended")) > 0 })
	for _, x := range e.of("one", "ended") {
		if x["code"] != "INVOCATION_LIMIT_REACHED" || x["name"] != "InvocationLimitReachedError" {
			t.Errorf("%v", x)
		}
	}
	eventually(t, "nothing is queued any more", func() bool {
		var q struct{ Counts []map[string]any }
		p.api("GET", "/api/v1/installations/"+at.installation+"/queue", at.admin, nil).must(t).into(t, &q)
		return len(q.Counts) == 0
	})
}

// Apps that tell each other of events of their own end too: what a trigger publishes counts
// with what first caused the trigger, also once it went by a queue.
func TestAttackTellForEver(t *testing.T) {
	t.Parallel()
	p, e := workers(t)
	const app = "0195d7a8-0000-7000-8000-0000000000aa"
	at := p.deploy("development", source{
		id: app, also: []string{"begin", "hear", "consume"}, egress: []string{"beat.example"},
		modules: `  event:
    - {key: ping, name: Ping, allowedRecipients: ['*']}
  trigger:
    - {key: t, function: hear, events: ['avi:cloud:ecosystem::event/` + app + `/ping']}
  consumer:
    - {key: c, queue: work, function: consume}
`,
		code: `
const { Queue, appEvents } = __annex_require("@annex/events");
const { fetch } = __annex_require("@annex/api");
async function until(what) {
  try {
    await what();
  } catch (err) {
    await fetch("https://beat.example/one", { method: "POST", body: JSON.stringify({ ended: { code: err.code, name: err.name } }) });
  }
}
const begin = () => until(() => appEvents.publish({ key: "ping" }));
const hear = () => until(async () => { for (let i = 0; i < 40; i++) await new Queue({ key: "work" }).push({ body: { leaf: i > 0 } }); });
const consume = async ({ body }) => { if (!body.leaf) await begin(); };`})
	if a := at.invoke("begin", nil); a.status != 200 {
		t.Fatal(a.body)
	}
	eventually(t, "it ends", func() bool { return len(e.of("one", "ended")) > 0 })
	for _, x := range e.of("one", "ended") {
		if x["code"] != "INVOCATION_LIMIT_REACHED" {
			t.Errorf("%v", x)
		}
	}
	eventually(t, "nothing is queued any more", func() bool { return p.waiting(at) == 0 })
}
