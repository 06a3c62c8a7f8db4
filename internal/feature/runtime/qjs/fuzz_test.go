package qjs

import (
	"context"
	"log/slog"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/sourcemap"
	"github.com/annexhq/annex/internal/infra/hostcall"
)

// Whatever a worker that was taken over sends, the server ends the one call, or hangs up.
func FuzzWorkerMessages(f *testing.F) {
	for _, s := range []struct {
		kind       byte
		head, body string
	}{
		{byte(hostcall.Result), `{"ok":true,"head":{"statusCode":200},"cpu":1}`, `"x"`},
		{byte(hostcall.Result), `{"ok":false,"cpu":1}`, `{"name":"Error","message":"m","stack":"at f (app.js:1:1)","code":{"a":1},"cause":[1]}`},
		{byte(hostcall.Call), `{"id":1,"method":"fetch","head":{}}`, "body"},
		{byte(hostcall.Log), `{"level":"error","time":1}`, `["at app.js:1:9"]`},
		{byte(hostcall.Beat), `{"seen":1}`, ""},
		{byte(hostcall.Built), `{"took":1}`, "[\"index.run\"]\nsnapshot"},
	} {
		f.Add(s.kind, []byte(s.head), []byte(s.body), true)
	}
	places, err := sourcemap.Parse([]byte(`{"version":3,"sources":["src/index.js"],"names":[],"mappings":"AAAA,SAAS"}`))
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, kind byte, head, body []byte, ours bool) {
		w := newWorker(slog.New(slog.DiscardHandler))
		a, b, err := hostcall.Pair()
		if err != nil {
			t.Fatal(err)
		}
		if w.conn, err = hostcall.NewConn(a); err != nil {
			t.Fatal(err)
		}
		_ = b.Close()
		defer func() { _ = w.conn.Close() }()
		v := &version{tally: &tally{owner: "e"}}
		fl := newFlight(&call.Call{ID: id.Invocation("i")}, v, answerer(func(context.Context, call.Request) (call.Reply, error) {
			return call.Reply{Head: []byte("{}")}, nil
		}), nil)
		fl.bodies = newBudget()
		fl.lines.places = func() (*sourcemap.Map, bool) { return places, true }
		at := &attempt{flight: fl, ctx: t.Context(), handle: hostcall.NewHandle(), began: time.Now(), done: make(chan ended, 1)}
		w.attempts[at.handle] = at
		building := make(chan built, 1)
		m := hostcall.Message{Type: hostcall.Type(kind), Head: head, Body: body}
		if ours {
			m.Handle = at.handle
			w.builds[at.handle] = building
		}
		_ = w.handle(m)
		at.serving.Wait()
		select {
		case e := <-at.done:
			if app, ok := e.err.(*appError); ok {
				if got := app.fault(places); got.Code == "" || got.Public == "" {
					t.Errorf("an error without a word: %+v", got)
				}
			}
		default:
		}
	})
}
