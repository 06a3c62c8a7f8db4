package session_test

import (
	"context"
	"net/url"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
)

// world is a service whose product signs whatever the test says.
type world struct {
	*testing.T
	*session.Service
	now    time.Time
	signed map[string]session.Assertion
	gone   bool // the site lost the product
}

func (w *world) User(_ context.Context, token string) (session.Assertion, error) {
	return w.verify(token, false)
}

func (w *world) Panel(_ context.Context, token string) (session.Assertion, error) {
	return w.verify(token, true)
}

func (w *world) verify(token string, panel bool) (session.Assertion, error) {
	a, ok := w.signed[token]
	if !ok || panel != (a.Module != "") {
		return a, fault.New(fault.Unauthenticated, "BAD_ASSERTION", "no product signed this")
	}
	return a, nil
}

func (w *world) SignIn(_ context.Context, product string) (id.Product, string, error) {
	switch product {
	case "tracker", "jira":
		return "tracker", "https://tracker.example/annex?lang=en", nil
	case "silent":
		return "silent", "", nil
	}
	return "", "", fault.New(fault.NotFound, "PRODUCT_UNKNOWN", "no such product")
}

func (w *world) SiteOffers(_ context.Context, site id.Site, _ id.Product) (bool, bool, error) {
	return strings.HasPrefix(string(site), "site") && !w.gone, false, nil
}

func each(t *testing.T, test func(w *world)) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		if err := d.Migrate(t.Context(), session.Migrations); err != nil {
			t.Fatal(err)
		}
		ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring"), true)
		if err != nil {
			t.Fatal(err)
		}
		w := &world{T: t, now: time.Date(2026, 11, 22, 12, 0, 0, 0, time.UTC), signed: map[string]session.Assertion{}}
		w.Service = session.New(session.Config{DB: d, Sealer: ring, Assertions: w, Products: w, Sites: w, Now: func() time.Time { return w.now }})
		test(w)
	})
}

// alice is what Tracker says of Alice now; change makes it say something else.
func (w *world) alice(token string, change ...func(*session.Assertion)) string {
	a := session.Assertion{ID: token, Product: "tracker", Site: "site-1", User: "alice", Name: "Alice", Admin: true,
		AuthTime: w.now.Add(-time.Minute), Issued: w.now, Expires: w.now.Add(2 * time.Minute)}
	for _, f := range change {
		f(&a)
	}
	w.signed[token] = a
	return token
}

func (w *world) begin(s session.Start) (state string, h session.Handoff) {
	w.Helper()
	if s.Product == "" {
		s.Product = "tracker"
	}
	h, err := w.Begin(w.Context(), s)
	if err != nil {
		w.Fatal(err)
	}
	u, err := url.Parse(h.URL)
	if err != nil {
		w.Fatal(err)
	}
	return u.Query().Get("state"), h
}

func (w *world) exchange(token, state string) string {
	w.Helper()
	code, err := w.Exchange(w.Context(), token, state)
	if err != nil {
		w.Fatal(err)
	}
	return code
}

func (w *world) signIn(token string, next string) session.Arrived {
	w.Helper()
	state, h := w.begin(session.Start{Next: next})
	a, err := w.Finish(w.Context(), w.exchange(token, state), h.Browser, "")
	if err != nil {
		w.Fatal(err)
	}
	return a
}

func (w *world) refused(err error, code string) {
	w.Helper()
	if fault.CodeOf(err) != code {
		w.Errorf("want %s, got %v", code, err)
	}
}

func TestSignIn(t *testing.T) {
	each(t, func(w *world) {
		state, h := w.begin(session.Start{Product: "jira", Next: "/apps?x=1"})
		if !strings.HasPrefix(h.URL, "https://tracker.example/annex?") || !strings.Contains(h.URL, "lang=en") || strings.Contains(h.URL, h.Browser) {
			w.Errorf("handed off to %s", h.URL)
		}
		a, err := w.Finish(w.Context(), w.exchange(w.alice("a1"), state), h.Browser, "")
		if err != nil || a.Next != "/apps?x=1" || a.Session.User != "alice" || !a.Session.Admin || a.Session.Name != "Alice" {
			w.Fatalf("arrived %+v, %v", a, err)
		}
		got, err := w.Get(w.Context(), a.Secret)
		if err != nil || got.ID != a.Session.ID || got.CSRF != a.Session.CSRF || got.CSRF == "" || got.Name != "Alice" {
			w.Fatalf("got %+v, %v", got, err)
		}
		if _, _, err := w.Bridge(w.Context(), a.Secret); err == nil {
			w.Error("the console's cookie opens the bridge")
		}
		if err := w.End(w.Context(), a.Secret); err != nil {
			w.Error(err)
		}
		_, err = w.Get(w.Context(), a.Secret)
		w.refused(err, "SIGNED_OUT")
		_, err = w.Begin(w.Context(), session.Start{Product: "silent"})
		w.refused(err, "NO_SIGN_IN")
	})
}

func TestNothingCountsTwice(t *testing.T) {
	each(t, func(w *world) {
		state, h := w.begin(session.Start{})
		code := w.exchange(w.alice("a1"), state)
		_, err := w.Exchange(w.Context(), w.alice("a2"), state)
		w.refused(err, "SIGN_IN_REFUSED") // the state was answered
		other, _ := w.begin(session.Start{})
		_, err = w.Exchange(w.Context(), "a1", other)
		w.refused(err, "SIGN_IN_REFUSED") // the assertion was used
		_, err = w.Exchange(w.Context(), w.alice("a3"), "invented")
		w.refused(err, "SIGN_IN_REFUSED")
		if _, err := w.Finish(w.Context(), code, h.Browser, ""); err != nil {
			w.Error(err)
		}
		_, err = w.Finish(w.Context(), code, h.Browser, "")
		w.refused(err, "SIGN_IN_REFUSED") // the code was used
		// A refused exchange leaves the assertion unused and the state open.
		state, _ = w.begin(session.Start{})
		_, err = w.Exchange(w.Context(), "unsigned", state)
		w.refused(err, "BAD_ASSERTION")
		w.exchange(w.alice("a4"), state)
	})
}

func TestOnlyTheBrowserThatAsked(t *testing.T) {
	each(t, func(w *world) {
		state, mallory := w.begin(session.Start{})
		_, alice := w.begin(session.Start{})
		for _, browser := range []string{alice.Browser, "", "x"} {
			code := w.exchange(w.alice("a"+browser), state)
			_, err := w.Finish(w.Context(), code, browser, "")
			w.refused(err, "SIGN_IN_REFUSED")
			_, err = w.Finish(w.Context(), code, mallory.Browser, "")
			w.refused(err, "SIGN_IN_REFUSED") // spent all the same
			state, mallory = w.begin(session.Start{})
		}
	})
}

func TestTimes(t *testing.T) {
	each(t, func(w *world) {
		state, h := w.begin(session.Start{})
		code := w.exchange(w.alice("a1"), state)
		w.now = w.now.Add(30 * time.Second)
		_, err := w.Finish(w.Context(), code, h.Browser, "")
		w.refused(err, "SIGN_IN_REFUSED")
		state, _ = w.begin(session.Start{})
		w.now = w.now.Add(10 * time.Minute)
		_, err = w.Exchange(w.Context(), w.alice("a2"), state)
		w.refused(err, "SIGN_IN_REFUSED")

		a := w.signIn(w.alice("a3"), "")
		w.now = w.now.Add(31 * time.Minute)
		_, err = w.Get(w.Context(), a.Secret)
		w.refused(err, "SIGNED_OUT")
		a = w.signIn(w.alice("a4"), "")
		for range 16 {
			w.now = w.now.Add(29 * time.Minute)
			if _, err = w.Get(w.Context(), a.Secret); err != nil {
				w.Fatal(err)
			}
		}
		w.now = w.now.Add(29 * time.Minute)
		_, err = w.Get(w.Context(), a.Secret)
		w.refused(err, "SIGNED_OUT") // eight hours, however busy
	})
}

func TestOtherProductsAndSites(t *testing.T) {
	each(t, func(w *world) {
		state, _ := w.begin(session.Start{})
		_, err := w.Exchange(w.Context(), w.alice("a1", func(a *session.Assertion) { a.Product = "wiki" }), state)
		w.refused(err, "SIGN_IN_REFUSED")
		_, err = w.Exchange(w.Context(), w.alice("a2", func(a *session.Assertion) { a.Site = "elsewhere" }), state)
		w.refused(err, "SIGN_IN_REFUSED")
		_, err = w.Exchange(w.Context(), w.alice("a3", func(a *session.Assertion) { a.Module = "m/panel" }), state)
		w.refused(err, "BAD_ASSERTION") // a page holds such a token
		_, err = w.Exchange(w.Context(), w.alice("a6", func(a *session.Assertion) { a.State = "another" }), state)
		w.refused(err, "SIGN_IN_REFUSED")
		_, err = w.Exchange(w.Context(), w.alice("a5", func(a *session.Assertion) { a.ID = "" }), state)
		w.refused(err, "SIGN_IN_REFUSED")
		a := w.signIn(w.alice("a4"), "")
		w.gone = true
		_, err = w.Get(w.Context(), a.Secret)
		w.refused(err, "SIGN_IN_REFUSED")
	})
}

func TestSessionIsNew(t *testing.T) {
	each(t, func(w *world) {
		first := w.signIn(w.alice("a1"), "")
		state, h := w.begin(session.Start{})
		second, err := w.Finish(w.Context(), w.exchange(w.alice("a2"), state), h.Browser, first.Secret)
		if err != nil || second.Secret == first.Secret {
			w.Fatal(err, "the secret stayed")
		}
		_, err = w.Get(w.Context(), first.Secret)
		w.refused(err, "SIGNED_OUT")
	})
}

// vouch takes a decision by the product and back.
func (w *world) vouch(s session.Session, decision, token string) (session.Arrived, error) {
	w.Helper()
	state, h := w.begin(session.Start{Session: &s, Decision: decision, Next: "/decide/" + decision})
	if !strings.Contains(h.URL, "max_age=300") {
		w.Errorf("the product is not asked for a fresh sign-in: %s", h.URL)
	}
	return w.Finish(w.Context(), w.exchange(token, state), h.Browser, "")
}

func TestDecisions(t *testing.T) {
	each(t, func(w *world) {
		a := w.signIn(w.alice("a1"), "")
		s := a.Session
		propose := func() string {
			d, err := w.Propose(w.Context(), &s, "grant", map[string]string{"app": "x"})
			if err != nil {
				w.Fatal(err)
			}
			return d
		}
		take := func(d string) error {
			_, _, err := w.Take(w.Context(), &s, d, "grant")
			return err
		}
		d := propose()
		w.refused(take(d), "DECIDE_AGAIN") // nobody vouched
		raised, err := w.vouch(s, d, w.alice("v1"))
		if err != nil || raised.Decision != d || raised.Session.ID != s.ID || raised.Secret == a.Secret {
			w.Fatalf("%+v, %v", raised, err)
		}
		_, err = w.Get(w.Context(), a.Secret)
		w.refused(err, "SIGNED_OUT") // the old secret opens nothing
		body, by, err := w.Take(w.Context(), &s, d, "grant")
		if err != nil || string(body) != `{"app":"x"}` || by.Kind != id.SiteAdmin || by.Site != "site-1" || by.String() != "admin:tracker/alice" {
			w.Fatal(string(body), by, err)
		}
		w.refused(take(d), "DECIDE_AGAIN") // once

		d = propose()
		if _, err := w.vouch(s, d, w.alice("v2")); err != nil {
			w.Fatal(err)
		}
		other := propose()
		w.refused(take(other), "DECIDE_AGAIN") // vouched for one is not vouched for another
		w.now = w.now.Add(2 * time.Minute)
		w.refused(take(d), "DECIDE_AGAIN") // a while ago

		d = propose()
		_, err = w.vouch(s, d, w.alice("v3", func(a *session.Assertion) { a.Admin = false }))
		w.refused(err, "ADMIN_REQUIRED")
		w.refused(take(d), "DECIDE_AGAIN")
		d = propose()
		_, err = w.vouch(s, d, w.alice("v4", func(a *session.Assertion) { a.AuthTime = w.now.Add(-session.MaxAge - time.Second) }))
		w.refused(err, "STEP_UP_REQUIRED")
		w.refused(take(d), "DECIDE_AGAIN")
		d = propose()
		_, err = w.vouch(s, d, w.alice("v5", func(a *session.Assertion) { a.User = "bob" }))
		w.refused(err, "SIGN_IN_REFUSED")
		w.refused(take(d), "DECIDE_AGAIN")
		_, err = w.vouch(s, d, w.alice("v6", func(a *session.Assertion) { a.Site = "site-2" }))
		w.refused(err, "SIGN_IN_REFUSED")

		d = propose()
		if _, err := w.vouch(s, d, w.alice("v7")); err != nil {
			w.Fatal(err)
		}
		bob := w.signIn(w.alice("b1", func(a *session.Assertion) { a.User = "bob" }), "").Session
		_, _, err = w.Take(w.Context(), &bob, d, "grant")
		w.refused(err, "DECIDE_AGAIN") // another's
		_, err = w.Proposed(w.Context(), &bob, d)
		w.refused(err, "DECIDE_AGAIN")
		if err := w.Void(w.Context()); err != nil {
			w.Fatal(err)
		}
		w.refused(take(d), "DECIDE_AGAIN")
	})
}

// What an admin's pages show rests on an assertion of the last quarter of an hour.
func TestViewer(t *testing.T) {
	now := time.Now()
	s := session.Session{Site: "site-1", Product: "tracker", User: "alice", Admin: true, Asserted: now}
	if p, ok, _ := s.Viewer(now.Add(14 * time.Minute)); !ok || !p.Is(id.SiteAdmin) || p.Site != "site-1" {
		t.Error("an admin sees nothing")
	}
	if _, ok, stale := s.Viewer(now.Add(16 * time.Minute)); ok || !stale {
		t.Error("an old assertion still opens an admin's pages")
	}
	s.Admin = false
	if _, ok, stale := s.Viewer(now); ok || stale {
		t.Error("who is no admin sees an admin's pages")
	}
}

func TestBridgeSessions(t *testing.T) {
	each(t, func(w *world) {
		panel := func(a *session.Assertion) { a.Module, a.Extension = "inst/panel", []byte(`{"issue":{"key":"TR-1"}}`) }
		secret, s, p, _, err := w.OpenPanel(w.Context(), w.alice("p1", panel), "")
		if err != nil || s.User != "alice" || p.Module != "inst/panel" {
			w.Fatal(s, p, err)
		}
		_, _, _, _, err = w.OpenPanel(w.Context(), "p1", "")
		w.refused(err, "SIGN_IN_REFUSED")
		s, p, err = w.Bridge(w.Context(), secret)
		if err != nil || s.User != "alice" || p.Module != "inst/panel" || string(p.Extension) != `{"issue":{"key":"TR-1"}}` {
			w.Fatal(s, p, err)
		}
		_, err = w.Get(w.Context(), secret)
		w.refused(err, "SIGNED_OUT") // a page's token is no cookie
		w.now = w.now.Add(15 * time.Minute)
		_, _, err = w.Bridge(w.Context(), secret)
		w.refused(err, "SIGNED_OUT")
	})
}

// A page of the console opens a session as who is signed in there: once, for one module, for
// no admin, and for as long as that person is signed in.
func TestPagesOfTheConsole(t *testing.T) {
	each(t, func(w *world) {
		arrived := w.signIn(w.alice("u1"), "/")
		of, err := w.Get(w.Context(), arrived.Secret)
		if err != nil || !of.Admin {
			w.Fatal(of, err)
		}
		shown := session.Page{Type: "tracker:annexPage", Module: "inst/overview", Extension: []byte(`{"type":"tracker:annexPage"}`)}
		token := func() string {
			text, err := w.PageToken(w.Context(), &of, shown)
			if err != nil {
				w.Fatal(err)
			}
			return text
		}
		first := token()
		secret, s, p, _, err := w.OpenPanel(w.Context(), first, "")
		if err != nil || s.User != "alice" || s.Admin || s.Site != of.Site || p.Only != "inst/overview" || p.Module != shown.Type {
			w.Fatal(s, p, err)
		}
		_, _, _, _, err = w.OpenPanel(w.Context(), first, "")
		w.refused(err, "TICKET_SPENT")
		for _, wrong := range []string{"page.", "page.x.y", "page.e30." + secret, "page." + strings.Repeat("x", 600)} {
			_, _, _, _, err = w.OpenPanel(w.Context(), wrong, "")
			w.refused(err, "TICKET_SPENT")
		}
		if s, p, err = w.Bridge(w.Context(), secret); err != nil || s.Admin || p.Only != "inst/overview" {
			w.Fatal(s, p, err)
		}
		// What the bridge opened makes no tickets for pages: those are the console's.
		nested, err := w.PageToken(w.Context(), &s, shown)
		if err == nil {
			_, _, _, _, err = w.OpenPanel(w.Context(), nested, "")
		}
		if err == nil {
			w.Error("a page's session opens another page")
		}
		late := token()
		w.now = w.now.Add(time.Minute)
		_, _, _, _, err = w.OpenPanel(w.Context(), late, "")
		w.refused(err, "TICKET_SPENT")
		// Another one of the same module goes on with the session, one of another module does not.
		renewed, again, _, _, err := w.OpenPanel(w.Context(), token(), secret)
		if err != nil || again.ID != s.ID {
			w.Fatal(again, err)
		}
		shown.Module = "inst/other"
		if _, other, _, _, err := w.OpenPanel(w.Context(), token(), renewed); err != nil || other.ID == s.ID {
			w.Fatal(other, err)
		}
		last := token()
		if err := w.End(w.Context(), arrived.Secret); err != nil {
			w.Fatal(err)
		}
		_, _, err = w.Bridge(w.Context(), renewed)
		w.refused(err, "SIGNED_OUT")
		_, _, _, _, err = w.OpenPanel(w.Context(), last, "")
		w.refused(err, "SIGNED_OUT")
	})
}

// A page's session goes on under another secret when its product signs for the same user in
// the same place again: what was opened by it hangs on its id.
func TestRenewal(t *testing.T) {
	panel := func(a *session.Assertion) {
		a.Module, a.Extension = "tracker:issuePanel", []byte(`{"issue":{"key":"TR-1"}}`)
	}
	open := func(w *world, token, before string) (string, session.Session) {
		w.Helper()
		secret, s, _, _, err := w.OpenPanel(w.Context(), token, before)
		if err != nil {
			w.Fatal(err)
		}
		return secret, s
	}
	each(t, func(w *world) {
		first, was := open(w, w.alice("p1", panel), "")
		for n, later := range []time.Duration{14 * time.Minute, 20 * time.Minute, 44 * time.Minute} { // the last two are over
			w.now = w.now.Add(later)
			if err := w.Sweep(w.Context()); err != nil {
				w.Fatal(err)
			}
			switch err := w.Alive(w.Context(), &was); {
			case n == 0 && err != nil:
				w.Fatal(err)
			case n > 0:
				w.refused(err, "SESSION_EXPIRED")
			}
			second, is := open(w, w.alice("r"+later.String(), panel, func(a *session.Assertion) { a.Admin = false }), first)
			if is.ID != was.ID || second == first || is.Admin {
				w.Fatalf("after %s: %+v was %+v", later, is, was)
			}
			_, _, err := w.Bridge(w.Context(), first)
			w.refused(err, "SIGNED_OUT") // the secret of before opens nothing
			if now, _, err := w.Bridge(w.Context(), second); err != nil || now.ID != was.ID || now.Admin {
				w.Fatal(now, err)
			}
			if err := w.Alive(w.Context(), &was); err != nil {
				w.Error(err)
			}
			first = second
		}
		for name, other := range map[string]func(*session.Assertion){
			"another user":    func(a *session.Assertion) { panel(a); a.User = "bob" },
			"another site":    func(a *session.Assertion) { panel(a); a.Site = "site-2" },
			"another product": func(a *session.Assertion) { panel(a); a.Product = "wiki" },
			"another module":  func(a *session.Assertion) { panel(a); a.Module = "tracker:adminPage" },
			"another issue":   func(a *session.Assertion) { panel(a); a.Extension = []byte(`{"issue":{"key":"TR-2"}}`) },
		} {
			if secret, is := open(w, w.alice(name, other), first); is.ID == was.ID || secret == first {
				w.Errorf("%s: the session of Alice's panel goes on", name)
			}
		}
		if now, p, err := w.Bridge(w.Context(), first); err != nil || now.User != "alice" || string(p.Extension) != `{"issue":{"key":"TR-1"}}` {
			w.Errorf("what others opened changed Alice's session: %+v %s %v", now, p.Extension, err)
		}
		if _, is := open(w, w.alice("guess", panel), "nonsense"); is.ID == was.ID {
			w.Error("a secret that was never one renews")
		}
		w.now = w.now.Add(15*time.Minute + 30*time.Minute)
		if _, is := open(w, w.alice("late", panel), first); is.ID == was.ID {
			w.Error("renewed half an hour after its end")
		}
	})
	each(t, func(w *world) { // what was ended is over for good
		secret, was := open(w, w.alice("p1", panel), "")
		if _, _, err := w.SignOut(w.Context(), w.alice("out")); err != nil {
			w.Fatal(err)
		}
		w.refused(w.Alive(w.Context(), &was), "SIGNED_OUT")
		if _, is := open(w, w.alice("p2", panel), secret); is.ID == was.ID {
			w.Error("renewed after a sign-out")
		}
	})
}

func TestSweep(t *testing.T) {
	each(t, func(w *world) {
		w.signIn(w.alice("a1"), "")
		w.now = w.now.Add(24 * time.Hour)
		if err := w.Sweep(w.Context()); err != nil {
			w.Fatal(err)
		}
		for _, table := range []string{"sign_ins", "sign_in_codes", "used_assertions", "people_sessions", "decisions"} {
			var n int
			if err := w.DB.QueryRow(w.Context(), `SELECT COUNT(*) FROM `+table).Scan(&n); err != nil || n != 0 {
				w.Errorf("%s keeps %d rows, %v", table, n, err)
			}
		}
	})
}

func TestNothingPersonalIsReadable(t *testing.T) {
	each(t, func(w *world) {
		w.signIn(w.alice("a1", func(a *session.Assertion) { a.Name = "Alice Canary" }), "")
		var facts string
		if err := w.DB.QueryRow(w.Context(), `SELECT facts FROM people_sessions`).Scan(&facts); err != nil || strings.Contains(facts, "Canary") {
			w.Error("a name lies readable in the database", err)
		}
	})
}

func TestLocalPath(t *testing.T) {
	for _, next := range []string{"/apps", "/apps/x?y=1&z=%2F%2Fevil.example", "/audit?from=2026-11-01"} {
		if session.LocalPath(next) != next {
			t.Errorf("%q is ours, and was refused", next)
		}
	}
	for _, next := range []string{"", "apps", "//evil.example", "/\\evil.example", "/\t/evil.example", "\n//evil.example", "https://evil.example", "/a\r\nSet-Cookie: x=1",
		"javascript:alert(1)", "/\u0000", "///evil.example", "/sign-in?next=/sign-in", "/sign-out", "/" + strings.Repeat("a", 1001), `/\\evil`, "/%2f%2fevil.example\\x"} {
		if got := session.LocalPath(next); got != "/" {
			t.Errorf("%q leads to %q", next, got)
		}
	}
}

// Signing out of the product ends every session of that user, and no other one's.
func TestSignOut(t *testing.T) {
	each(t, func(w *world) {
		open := func(token string, change ...func(*session.Assertion)) (secret, row string) {
			secret, s, _, err := w.OpenUser(t.Context(), w.alice(token, change...))
			if err != nil {
				t.Fatal(err)
			}
			return secret, s.ID
		}
		first, one := open("a")
		second, two := open("b")
		bob, _ := open("c", func(a *session.Assertion) { a.User = "bob" })
		elsewhere, _ := open("d", func(a *session.Assertion) { a.Site = "site-2" })
		var told []string
		w.SignedOut = func(_ context.Context, site id.Site, product id.Product, user id.User) error {
			told = append(told, string(site)+" "+string(product)+" "+string(user))
			return nil
		}
		ended, product, err := w.SignOut(t.Context(), w.alice("out"))
		if err != nil || product != "tracker" || len(ended) != 2 || !slices.Contains(ended, one) || !slices.Contains(ended, two) {
			t.Fatal(ended, product, err)
		}
		if !slices.Equal(told, []string{"site-1 tracker alice"}) {
			t.Errorf("of whose sign-out what was let in for them is told: %v", told)
		}
		for secret, want := range map[string]bool{first: false, second: false, bob: true, elsewhere: true} {
			if _, _, err := w.Bridge(t.Context(), secret); (err == nil) != want {
				t.Errorf("%v: %v", want, err)
			}
		}
		if _, _, err := w.SignOut(t.Context(), "out"); fault.CodeOf(err) == "" {
			t.Error("what was signed counted twice")
		}
		if _, _, err := w.SignOut(t.Context(), "nobody signed this"); fault.CodeOf(err) != "BAD_ASSERTION" {
			t.Error(err)
		}
	})
}
