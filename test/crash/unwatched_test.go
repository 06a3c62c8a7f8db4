package crash

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"net/http"
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
	form               int
}

// numbers are things that were sent, several at once or one: which of them were acknowledged,
// and which of those were sent together that were not.
type numbers struct {
	n     int
	told  []string
	doubt [][]string
}

const unwatchedBundle = `(function(__annex_require, __annex_register) {` + told + `
  const kvs = __annex_require("@annex/kvs").default;
  const { Queue } = __annex_require("@annex/events");
  const queue = new Queue({ key: "work" });
  async function keep(request) {
    const list = request.queryParameters.push.map((n) => ({ body: { n } }));
    await queue.push(list.length === 1 ? list[0] : list);
    return { statusCode: 200, body: "{}" };
  }
  async function note(key, id) {
    const had = await kvs.get(key);
    if (had !== undefined && had !== id) await kvs.set("changed." + key + "." + id, had);
    await kvs.set(key, id);
  }
  __annex_register({ index: {
    keep: (request) => keep(request).catch(told),
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
		func() answer { return u.queue.send(u.queue.next(), l.push) },
		l.publish)
}

// together is how many events are sent at once, by turns.
const together = 3

// next are the names of what is sent next: of one, or of some at once.
func (m *numbers) next() []string {
	m.n++
	if m.n%together != 0 {
		return []string{fmt.Sprint(m.n)}
	}
	var names []string
	for part := range together {
		names = append(names, fmt.Sprintf("%d-%d", m.n, part))
	}
	return names
}

func (m *numbers) send(names []string, do func(names []string) answer) answer {
	a := do(names)
	if a.acknowledged() {
		m.told = append(m.told, names...)
	} else {
		m.doubt = append(m.doubt, names)
	}
	return a
}

// push has the app queue.
func (l *load) push(names []string) answer {
	return l.call(l.unwatched.hook, url.Values{"push": names})
}

// publish sends events as a product does. After an answer that did not come it sends some of
// them again under their ids, in another form, and others never: those were taken whole or
// not at all.
func (l *load) publish() answer {
	m := &l.unwatched.events
	names := m.next()
	if last := len(m.doubt) - 1; last >= 0 && m.n%2 == 0 {
		names, m.doubt = m.doubt[last], m.doubt[:last]
	}
	return m.send(names, l.tell)
}

// tell signs events in each of the forms that a server takes: several are a batch, one is a
// compact token or CloudEvents' JSON with a signature beside it.
func (l *load) tell(names []string) answer {
	var events []productkit.Event
	for _, name := range names {
		data, err := json.Marshal(object{"n": name})
		if err != nil {
			return answer{err: err}
		}
		events = append(events, productkit.Event{
			Product: "desk", Audience: l.url, Site: l.siteID(), ID: "event-00000000000000" + name, Type: "desk:thing:happened", Data: data,
		})
	}
	l.unwatched.form++
	if len(events) == 1 && l.unwatched.form%2 == 0 {
		token, err := productkit.SignEvent(l.productKey, events[0])
		if err != nil {
			return answer{err: err}
		}
		return l.send("POST", "/api/v1/events", "", "application/jwt", []byte(token))
	}
	m, err := productkit.SignCloudEvents(l.productKey, events...)
	if err != nil {
		return answer{err: err}
	}
	r, err := http.NewRequestWithContext(context.WithoutCancel(l.t.Context()), "POST", l.url+"/api/v1/events", bytes.NewReader(m.Body))
	if err != nil {
		return answer{err: err}
	}
	r.Header.Set("Content-Type", m.ContentType)
	r.Header.Set(productkit.SignatureHeader, m.Signature)
	return l.do(r)
}

// verifyUnwatched waits until all that was acknowledged is handled, and counts what is not.
func (l *load) verifyUnwatched() {
	l.t.Helper()
	var have map[string]string
	ended := time.Now()
	whole := func(kind string, told []string) (lost int) {
		for _, n := range told {
			if _, ok := have[fmt.Sprint(kind, ".", n)]; !ok {
				lost++
			}
		}
		return lost
	}
	part := func(doubt [][]string, kind string) (some int) {
		for _, names := range doubt {
			if lost := whole(kind, names); lost > 0 && lost < len(names) {
				some++
			}
		}
		return some
	}
	u := l.unwatched
	// What a killed server held on Postgres is handled when its leases have run out.
	for deadline := time.Now().Add(90 * time.Second); ; after(l.t.Context(), 100*time.Millisecond) {
		d := l.place.open(l.t)
		have = l.handled(d)
		d.Close()
		if whole("queue", u.queue.told)+whole("events", u.events.told)+part(u.queue.doubt, "queue")+part(u.events.doubt, "events") == 0 || time.Now().After(deadline) {
			break
		}
	}
	for kind, told := range map[string][]string{"queue": u.queue.told, "events": u.events.told} {
		r := l.result.Unattended[kind]
		r.Acknowledged, r.Lost = len(told), whole(kind, told)
		r.Handled = r.Acknowledged - r.Lost
	}
	for kind, doubt := range map[string][][]string{"queue": u.queue.doubt, "events": u.events.doubt} {
		if n := part(doubt, kind); n > 0 {
			l.half("of %d %s that were sent together a part was handled", n, kind)
		}
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
