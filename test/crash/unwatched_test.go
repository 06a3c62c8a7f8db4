package crash

import (
	"encoding/json"
	"fmt"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/productkit"
)

// unwatched is an app that works when nobody waits for it: it pushes to its own queue, is
// told of the product's events, and has a schedule. It keeps the id of what it handled
// under its number, and the ids of what came with another one.
type unwatched struct {
	app, install, hook string
	began              time.Time
	queue, events      numbers
}

// numbers are things that were sent, in their order, and which of them were acknowledged.
type numbers struct {
	n    int
	told []int
}

const unwatchedBundle = `(function(__annex_require, __annex_register) {
  const kvs = __annex_require("@annex/kvs").default;
  const { Queue } = __annex_require("@annex/events");
  const queue = new Queue({ key: "work" });
  async function keep(request) {
    await queue.push({ body: { n: request.queryParameters.push[0] } });
    return { statusCode: 200, body: "{}" };
  }
  async function note(key, id) {
    const had = await kvs.get(key);
    if (had !== undefined && had !== id) await kvs.set("changed." + key + "." + id, had);
    await kvs.set(key, id);
  }
  __annex_register({ index: {
    keep,
    consume: (event) => note("queue." + event.body.n, event.eventId),
    hear: (event) => note("events." + event.n, event.eventId),
    tick: async (request) => { await note("schedules." + Date.parse(request.scheduledFor), request.scheduledFor); },
  } });
})`

const unwatchedModules = `  consumer:
    - {key: work, queue: work, function: consume}
  trigger:
    - {key: hear, function: hear, events: ['desk:thing:happened']}
  scheduledTrigger:
    - {key: tick, function: tick, cron: '* * * * *'}
`

// watch adds what runs unwatched to the load.
func (l *load) watch() {
	l.t.Helper()
	l.unwatched = &unwatched{began: time.Now()}
	u := l.unwatched
	text := strings.Replace(manifest, "modules:\n", "modules:\n"+unwatchedModules, 1)
	for _, f := range []string{"consume", "hear", "tick"} {
		text += "    - {key: " + f + ", handler: index." + f + "}\n"
	}
	l.client.other = &source{text, unwatchedBundle}
	u.app, u.install, u.hook = l.fresh()
	l.client.other = nil
	l.result.Unattended = map[string]*unattended{"events": {}, "queue": {}, "schedules": {}}
	l.writers = append(l.writers,
		func() answer {
			return u.queue.send(func(n int) answer { return l.call(u.hook, url.Values{"push": {fmt.Sprint(n)}}) })
		},
		func() answer { return u.events.send(l.tell) })
}

func (m *numbers) send(do func(n int) answer) answer {
	m.n++
	n := m.n
	a := do(n)
	if a.acknowledged() {
		m.told = append(m.told, n)
	}
	return a
}

// tell sends an event as the product does.
func (l *load) tell(n int) answer {
	site := l.siteID()
	data, err := json.Marshal(object{"n": n})
	if err != nil {
		return answer{err: err}
	}
	token, err := productkit.SignEvent(l.productKey, productkit.Event{
		Product: "desk", Audience: l.url, Site: site, ID: fmt.Sprintf("event-%020d", n), Type: "desk:thing:happened", Data: data,
	})
	if err != nil {
		return answer{err: err}
	}
	return l.send("POST", "/api/v1/events", "", "application/jwt", []byte(token))
}

// verifyUnwatched waits until all that was acknowledged is handled, and counts what is not.
func (l *load) verifyUnwatched() {
	l.t.Helper()
	var have map[string]string
	ended := time.Now()
	whole := func(kind string, told []int) (lost int) {
		for _, n := range told {
			if _, ok := have[fmt.Sprint(kind, ".", n)]; !ok {
				lost++
			}
		}
		return lost
	}
	u := l.unwatched
	// What a killed server held on Postgres is handled when its leases have run out.
	for deadline := time.Now().Add(90 * time.Second); ; after(l.t.Context(), 100*time.Millisecond) {
		d := l.place.open(l.t)
		have = l.handled(d)
		d.Close()
		if whole("queue", u.queue.told)+whole("events", u.events.told) == 0 || time.Now().After(deadline) {
			break
		}
	}
	for kind, told := range map[string][]int{"queue": u.queue.told, "events": u.events.told} {
		r := l.result.Unattended[kind]
		r.Acknowledged, r.Lost = len(told), whole(kind, told)
		r.Handled = r.Acknowledged - r.Lost
	}
	l.verifySchedule(have, ended)
	for key := range have {
		if rest, ok := strings.CutPrefix(key, "changed."); ok {
			kind, _, _ := strings.Cut(rest, ".")
			l.result.Unattended[kind].ChangedID++
			l.t.Errorf("it came with two ids: %s", key)
		}
	}
	for kind, r := range l.result.Unattended {
		if r.Lost > 0 {
			l.lost("%d of %d %s were acknowledged and never handled", r.Lost, r.Acknowledged, kind)
		}
	}
}

// verifySchedule demands a run for each minute; what a server that was away for longer
// missed is made up for once, and it never is.
func (l *load) verifySchedule(have map[string]string, ended time.Time) {
	var ran []int64
	for key := range have {
		var at int64
		if _, err := fmt.Sscanf(key, "schedules.%d", &at); err == nil {
			ran = append(ran, at)
		}
	}
	slices.Sort(ran)
	r := l.result.Unattended["schedules"]
	r.Handled = len(ran)
	if len(ran) == 0 {
		if minutes := int(ended.Sub(l.unwatched.began) / time.Minute); minutes > 1 {
			r.Acknowledged, r.Lost = minutes-1, minutes-1
		}
		return
	}
	r.Acknowledged = int((ran[len(ran)-1]-ran[0])/time.Minute.Milliseconds()) + 1
	r.Lost = r.Acknowledged - r.Handled
}

func (l *load) handled(d *db.DB) map[string]string {
	l.t.Helper()
	have := map[string]string{}
	rows(l.t, d, func(scan func(...any) error) error {
		var key string
		var value []byte
		err := scan(&key, &value)
		have[key] = string(value)
		return err
	}, `SELECT key, value FROM kv WHERE install_id = ?`, l.unwatched.install)
	return have
}

// unattended are the figures of what runs when nobody waits for it.
type unattended struct {
	Acknowledged int `json:"acknowledged"`
	Handled      int `json:"handled"`
	Lost         int `json:"lost"`
	ChangedID    int `json:"changed_id"`
}
