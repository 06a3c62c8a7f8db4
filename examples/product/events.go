package tracker

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/annexhq/annex/productkit"
)

// maxNews bounds what waits to be told: a product that must lose nothing keeps it in its
// database beside the change, as an outbox.
const maxNews = 10000

// publishTime bounds telling one event, with all tries.
const publishTime = 30 * time.Second

// eventTypes are what Tracker tells apps of, by what it writes into its own records.
var eventTypes = map[string]string{
	"issue.create": "tracker:issue:created", "issue.edit": "tracker:issue:updated", "issue.transition": "tracker:issue:updated",
	"issue.delete": "tracker:issue:deleted", "comment.add": "tracker:comment:created", "comment.edit": "tracker:comment:updated",
	"comment.delete": "tracker:comment:deleted",
}

// news are events that are not told yet, in their order.
type news struct {
	mu      sync.Mutex
	waiting []productkit.Event
	telling bool
}

// happened notes what apps may be told of. It does not wait for anybody to take it.
func (t *Tracker) happened(act string, in Project, i Issue, by caller, changes []Change) {
	a, typ := t.annex.Load(), eventTypes[act]
	if a == nil || typ == "" {
		return
	}
	data, err := json.Marshal(newsOf(typ, i, changes))
	if err != nil {
		t.cfg.Log.Error("an event cannot be told", "err", err)
		return
	}
	e := productkit.Event{Site: a.Site, Type: typ, Time: t.cfg.Now(), User: by.ID, Installation: by.via(), Data: data,
		Containers: []productkit.Container{{Type: "project", ID: in.ID}, {Type: "project", ID: in.Key}}}
	t.news.mu.Lock()
	defer t.news.mu.Unlock()
	if len(t.news.waiting) >= maxNews {
		t.cfg.Log.Error("an event is not told: too many wait", "type", typ, "issue", i.Key)
		return
	}
	t.news.waiting = append(t.news.waiting, e)
	if !t.news.telling {
		t.news.telling = true
		go t.tell(a)
	}
}

// tell publishes what waits, one after the other, and ends when nothing does.
func (t *Tracker) tell(a *Annex) {
	p := &productkit.Publisher{Key: t.key, Product: a.Product, Server: a.ControlURL, Client: a.Client}
	for {
		t.news.mu.Lock()
		if len(t.news.waiting) == 0 {
			t.news.telling = false
			t.news.mu.Unlock()
			return
		}
		e := t.news.waiting[0]
		t.news.waiting = t.news.waiting[1:]
		t.news.mu.Unlock()
		ctx, cancel := context.WithTimeout(context.Background(), publishTime)
		if err := p.Publish(ctx, e); err != nil {
			t.cfg.Log.Warn("an event was not taken", "type", e.Type, "err", err)
		}
		cancel()
	}
}

// newsOf is what an event says: who wants more asks, as somebody who may see it.
func newsOf(typ string, i Issue, changes []Change) map[string]any {
	who := func(id string) any {
		if id == "" {
			return nil
		}
		return map[string]any{"accountId": id}
	}
	out := map[string]any{"issue": map[string]any{"id": i.ID, "key": i.Key, "fields": map[string]any{
		"summary": i.Summary, "project": map[string]any{"key": i.Project}, "issuetype": map[string]any{"name": i.Type},
		"status": map[string]any{"name": i.Status}, "priority": map[string]any{"name": i.Priority}, "labels": i.Labels,
		"assignee": who(i.Assignee), "reporter": who(i.Reporter), "created": jiraTime(i.Created), "updated": jiraTime(i.Updated),
	}}}
	if typ == "tracker:issue:updated" {
		items := []any{}
		for _, c := range changes {
			items = append(items, map[string]any{"field": c.Field, "fieldId": c.Field, "fieldtype": "jira", "fromString": c.From, "toString": c.To})
		}
		out["changelog"] = map[string]any{"items": items}
	}
	if typ == "tracker:comment:created" && len(i.Comments) > 0 {
		c := i.Comments[len(i.Comments)-1]
		out["comment"] = map[string]any{"id": c.ID, "body": c.Body, "author": who(c.Author), "created": jiraTime(c.Created)}
	}
	return out
}
