// Package uikit tells the story of a UI Kit panel over HTTP, as a page would live it.
package uikit

import (
	"context"
	"encoding/json"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/productkit"
	"github.com/annexhq/annex/test/uikit/client"
)

func TestMain(m *testing.M) {
	annex.Child()
	os.Exit(m.Run())
}

// world is a deployment with its product.
type world struct {
	*testenv.Env
	t   testing.TB
	ctx context.Context
	log *lockedBuffer
}

type lockedBuffer struct {
	mu sync.Mutex
	b  strings.Builder
}

func (l *lockedBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.Write(p)
}

func (l *lockedBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.b.String()
}

// highQuotas are more than thousands of sessions use in a minute.
const highQuotas = `installation: &all {calls: 1000000000, logLines: 1000000000, storageReads: 1000000000, storageWrites: 1000000000}
app: *all
site: *all
user: *all
`

func newWorld(t testing.TB) *world {
	t.Helper()
	if _, err := assets.SDKTable(); err != nil {
		t.Skip(err)
	}
	w := &world{t: t, ctx: t.Context(), log: &lockedBuffer{}}
	dir := t.TempDir()
	quotas := filepath.Join(dir, "quotas.yaml")
	if err := os.WriteFile(quotas, []byte(highQuotas), 0o600); err != nil {
		t.Fatal(err)
	}
	e, err := testenv.Start(t.Context(), testenv.Setup{
		QuotasFile: quotas, Dir: dir, Listen: "127.0.0.1:0", Workers: 1, ChildCommand: annex.ChildCommand, Version: "test",
		Log: slog.New(slog.NewTextHandler(w.log, nil)),
	})
	if err != nil {
		t.Fatal(err)
	}
	w.Env = e
	t.Cleanup(func() {
		if err := e.Close(); err != nil {
			t.Error(err)
		}
		if t.Failed() {
			text := w.log.String()
			t.Logf("the server's log ends with:\n%s", text[max(0, len(text)-4000):])
		}
	})
	return w
}

// app deploys and installs an app's folder, as its developer and the site's admin do.
func (w *world) app(dir string) (installation string) {
	w.t.Helper()
	if _, err := w.Annex(w.ctx, w.Access.DeveloperToken, dir, "deploy", "--environment", "development", "--json"); err != nil {
		w.t.Fatal(err)
	}
	raw, err := w.Annex(w.ctx, w.Access.AdminToken, dir, "install", "--confirm", "--site", w.Access.Site, "--product", w.Access.Product, "--environment", "development", "--json")
	if err != nil {
		w.t.Fatal(err)
	}
	var made struct{ ID, Installation string }
	if err := json.Unmarshal(raw, &made); err != nil {
		w.t.Fatalf("%s: %v", raw, err)
	}
	return made.ID + made.Installation
}

// page is a product's page of a user, beside an issue.
func (w *world) page(user, issue string) *client.Page {
	w.t.Helper()
	return w.pageAt(user, "tracker:issuePanel", map[string]any{"issue": map[string]any{"key": issue}})
}

// pageAt is a product's page of a user with a place for apps.
func (w *world) pageAt(user, place string, extension map[string]any) *client.Page {
	w.t.Helper()
	signed, err := productkit.SignPanel(w.Tracker.Key(), productkit.Panel{User: w.user(user), Module: place, Extension: extension})
	if err != nil {
		w.t.Fatal(err)
	}
	p := &client.Page{T: w.t, Server: w.System.Listener.Addr().String(), Host: strings.TrimPrefix(w.Access.UIURL, "http://")}
	_, _, text := p.Ask("POST", "/bridge/session", map[string]any{"panel": signed})
	var made struct{ Token string }
	if err := json.Unmarshal([]byte(text), &made); err != nil || made.Token == "" {
		w.t.Fatal(text)
	}
	p.Token = made.Token
	return p
}

func (w *world) user(name string) productkit.User {
	w.t.Helper()
	site, err := w.System.Tenancy.SiteByName(w.ctx, w.Access.Site)
	if err != nil {
		w.t.Fatal(err)
	}
	return productkit.User{Product: w.Access.Product, Audience: w.Access.UIURL, Site: string(site.ID), ID: name, Name: name, Locale: "en-US",
		Timezone: "Europe/Berlin", AuthTime: time.Now()}
}

const checklist = "../../examples/apps/checklist"

// copied is an app's folder that may be written to.
func copied(t testing.TB, from string) string {
	t.Helper()
	dir := filepath.Join(t.TempDir(), "app")
	if err := os.CopyFS(dir, os.DirFS(from)); err != nil {
		t.Fatal(err)
	}
	return dir
}

func add(v *client.View, text string) *client.State {
	v.T.Helper()
	field := v.Now().Tree.All("Textfield")[0]
	v.Click(field, "onChange", map[string]any{"target": map[string]any{"value": text}})
	return v.Click(v.Now().Tree.All("Form")[0], "onSubmit")
}

func boxes(s *client.State) string {
	var out []string
	for _, c := range s.Tree.All("Checkbox") {
		out = append(out, fmt.Sprintf("%v:%v", c.Props["label"], c.Props["isChecked"]))
	}
	return strings.Join(out, " ")
}

func TestChecklist(t *testing.T) {
	w := newWorld(t)
	module := w.app(copied(t, checklist)) + "/checklist"
	alice := w.page("alice", "TR-1")

	v := alice.Open(module)
	empty := v.Until("the empty list", func(s *client.State) bool { return len(s.Tree.All("EmptyState")) > 0 })
	if len(empty.Tree.All("Spinner")) != 0 || empty.Tree.Type != "Root" {
		t.Errorf("%s", empty.JSON())
	}
	add(v, "milk")
	if got := boxes(add(v, "bread")); got != "milk:false bread:false" {
		t.Fatalf("%s", got)
	}
	s := v.Click(v.Now().Tree.All("Checkbox")[1], "onChange", map[string]any{"target": map[string]any{"checked": true}})
	if got := boxes(s); got != "milk:false bread:true" || !strings.Contains(s.Tree.Text(), "1 of 2 done") {
		t.Fatalf("%s %s", got, s.Tree.Text())
	}

	// The connection drops: what happened meanwhile comes with the next one, and nothing twice.
	before := v.Now()
	v.Disconnect()
	if status, code := v.Fire(before.Tree.All("Checkbox")[0].Handle("onChange")); status != http.StatusAccepted {
		t.Fatal(status, code)
	}
	v.Connect()
	s = v.Until("both are done", func(s *client.State) bool { return boxes(s) == "milk:true bread:true" })
	if s.Seen <= before.Seen {
		t.Errorf("seen %d after %d", s.Seen, before.Seen)
	}

	// At rest: no page of it is in the server's memory, and the next event goes on.
	w.System.Interfaces.Rest(time.Now().Add(time.Hour))
	s = v.Click(v.Now().Tree.All("Button")[0], "onClick")
	if got := boxes(s); got != "bread:true" {
		t.Fatalf("%s", got)
	}
	if len(s.Effects) != 1 || s.Effects[0].Command != "showFlag" || s.Effects[0].Payload["title"] != "Removed “milk”" {
		t.Errorf("%+v", s.Effects)
	}

	// Another user sees the same list in a session of their own; another issue has another list.
	bob := w.page("bob", "TR-1").Open(module)
	bob.Until("Bob's list", func(s *client.State) bool { return boxes(s) == "bread:true" })
	other := w.page("bob", "TR-2").Open(module)
	other.Until("another issue", func(s *client.State) bool { return len(s.Tree.All("EmptyState")) > 0 })

	// The policy changes: all sessions end, and say so.
	if _, err := w.Annex(w.ctx, w.Access.AdminToken, copied(t, checklist), "uninstall", "--confirm", strings.TrimSuffix(module, "/checklist")); err != nil {
		t.Fatal(err)
	}
	v.Until("the view is over", func(s *client.State) bool { return s.Over })
	<-v.Ended()
	if status, code := v.Fire("1:onClick"); status != http.StatusConflict || code != "SESSION_GONE" {
		t.Errorf("after the uninstallation: %d %s", status, code)
	}
}
