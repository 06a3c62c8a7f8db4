package trigger

import (
	"context"
	"errors"
	"regexp"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

func TestAddresses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := newPlatform()
		p.install("i-bob", "s-1", "v-1", "hook")
		s := newService(t, d, p)
		alice, bob := scopeOf(t, p, "i-alice"), scopeOf(t, p, "i-bob")

		first, err := s.Create(t.Context(), alice, "hook", false)
		if err != nil {
			t.Fatal(err)
		}
		if !regexp.MustCompile(`^https://[0-9a-f]{32}\.hooks\.apps\.example/$`).MatchString(first.URL) || first.Module != "hook" || first.Created.IsZero() {
			t.Errorf("first = %+v", first)
		}
		if again, err := s.Create(t.Context(), alice, "hook", false); err != nil || again.URL != first.URL {
			t.Errorf("asking again gave %v, %v", again.URL, err)
		}
		other := address(t, s, p, "i-alice", "other")
		if other == first.URL || address(t, s, p, "i-bob", "hook") == first.URL {
			t.Error("two modules or installations share an address")
		}
		fresh, err := s.Create(t.Context(), alice, "hook", true)
		if err != nil || fresh.URL == first.URL {
			t.Fatalf("a fresh one is %v, %v", fresh.URL, err)
		}
		if now := address(t, s, p, "i-alice", "hook"); now != fresh.URL {
			t.Error("the newest address is not the one that is handed out")
		}
		if list, err := s.List(t.Context(), alice, ""); err != nil || len(list) != 3 {
			t.Errorf("list = %v, %v", list, err)
		}
		if list, err := s.List(t.Context(), alice, "other"); err != nil || len(list) != 1 || list[0].URL != other {
			t.Errorf("list of one module = %v, %v", list, err)
		}

		if err := s.Delete(t.Context(), bob, fresh.URL); fault.KindOf(err) != fault.NotFound {
			t.Errorf("a foreign installation deletes: %v", err)
		}
		if err := s.Delete(t.Context(), alice, fresh.URL); err != nil {
			t.Fatal(err)
		}
		if err := s.Delete(t.Context(), alice, fresh.URL); fault.KindOf(err) != fault.NotFound {
			t.Errorf("deleted twice: %v", err)
		}
		if now := address(t, s, p, "i-alice", "hook"); now != first.URL {
			t.Error("the address before the deleted one is not handed out")
		}
		if err := s.DeleteAll(t.Context(), alice); err != nil {
			t.Fatal(err)
		}
		if list, err := s.List(t.Context(), alice, ""); err != nil || len(list) != 0 {
			t.Errorf("after DeleteAll: %v, %v", list, err)
		}
		if list, err := s.List(t.Context(), bob, ""); err != nil || len(list) != 1 {
			t.Errorf("the neighbour's addresses: %v, %v", list, err)
		}
		if now := address(t, s, p, "i-alice", "hook"); now == first.URL {
			t.Error("a deleted address came back")
		}
	})
}

// TestCreateTogether: many callers at once get one address.
func TestCreateTogether(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := newPlatform()
		s := newService(t, d, p)
		scope := scopeOf(t, p, "i-alice")
		var wg sync.WaitGroup
		urls := make([]string, 16)
		for i := range urls {
			wg.Go(func() {
				made, err := s.Create(t.Context(), scope, "hook", false)
				if err != nil {
					t.Error(err)
				}
				urls[i] = made.URL
			})
		}
		wg.Wait()
		for _, u := range urls {
			if u != urls[0] {
				t.Fatalf("addresses %q and %q", u, urls[0])
			}
		}
	})
}

func TestCreateRefuses(t *testing.T) {
	s, p := one(t)
	scope := scopeOf(t, p, "i-alice")
	for module, code := range map[string]string{"hidden": "NOT_GRANTED", "signed": "NOT_GRANTED", "nonsense": "NO_SUCH_MODULE"} {
		if _, err := s.Create(t.Context(), scope, module, false); fault.CodeOf(err) != code {
			t.Errorf("Create(%s) = %v, want %s", module, err, code)
		}
	}
	if _, err := s.Create(t.Context(), scope, "fixed", false); err != nil {
		t.Errorf("a static trigger needs no grant: %v", err)
	}
	if _, err := s.Create(t.Context(), tenant.Scope{}, "hook", false); fault.KindOf(err) != fault.Denied {
		t.Errorf("nobody creates: %v", err)
	}
	for range maxPerModule {
		if _, err := s.Create(t.Context(), scope, "hook", true); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := s.Create(t.Context(), scope, "hook", true); fault.CodeOf(err) != "LIMIT_WEB_TRIGGERS" {
		t.Errorf("one more than the limit: %v", err)
	}
	if _, err := New(Config{BaseURL: "hooks.apps.example"}); err == nil {
		t.Error("a base URL without a scheme was accepted")
	}
}

func TestHostCalls(t *testing.T) {
	s, p := one(t)
	p.install("i-bob", "s-1", "v-1", "hook")
	ask := func(install, method, head string) (string, error) {
		pol := p.policies[scopeOf(t, p, "i-alice").Install()]
		if install == "bob" {
			pol = p.policies["i-bob"]
		}
		r, err := s.Bind(call.Binding{})(t.Context(), pol, call.Request{Method: method, Head: []byte(head)})
		return string(r.Head), err
	}
	url := address(t, s, p, "i-alice", "hook")
	if got, err := ask("alice", "webtrigger.url", `{"moduleKey":"hook"}`); err != nil || got != `{"url":"`+url+`"}` {
		t.Errorf("url = %s, %v", got, err)
	}
	if got, err := ask("bob", "webtrigger.list", `{}`); err != nil || got != `{"urls":[]}` {
		t.Errorf("Bob's list = %s, %v", got, err)
	}
	if _, err := ask("bob", "webtrigger.delete", `{"url":"`+url+`"}`); fault.KindOf(err) != fault.NotFound {
		t.Errorf("Bob deletes Alice's: %v", err)
	}
	if got, err := ask("alice", "webtrigger.list", `{"moduleKey":"hook"}`); err != nil || got != `{"urls":["`+url+`"]}` {
		t.Errorf("list = %s, %v", got, err)
	}
	if _, err := ask("alice", "webtrigger.delete", `{"url":"`+url+`"}`); err != nil {
		t.Error(err)
	}
	if _, err := ask("alice", "webtrigger.url", `nonsense`); fault.KindOf(err) != fault.Usage {
		t.Errorf("malformed: %v", err)
	}
	if _, err := ask("alice", "webtrigger.all", `{}`); fault.CodeOf(err) != "NOT_OFFERED" {
		t.Errorf("unknown method: %v", err)
	}
}

// TestSeen: look-ups are remembered for a short while, a deletion is seen at once here
// and soon elsewhere, and unknown addresses are never remembered.
func TestSeen(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		p := newPlatform()
		s := newService(t, d, p)
		now := time.Unix(1000, 0)
		s.seen.now = func() time.Time { return now }
		made, err := s.Create(t.Context(), scopeOf(t, p, "i-alice"), "hook", false)
		if err != nil {
			t.Fatal(err)
		}
		find := func() error {
			_, err := s.seen.find(t.Context(), made.ID)
			return err
		}
		if err := find(); err != nil {
			t.Fatal(err)
		}
		// Another process deletes it.
		if _, err := d.Exec(t.Context(), deleteTrigger, "i-alice", string(made.ID)); err != nil {
			t.Fatal(err)
		}
		if err := find(); err != nil {
			t.Errorf("the database is on the path of each request: %v", err)
		}
		now = now.Add(trust)
		if err := find(); !errors.Is(err, db.ErrNoRows) {
			t.Errorf("a deletion elsewhere is not noticed: %v", err)
		}
		if s.seen.cache.Len() != 0 {
			t.Error("an unknown address is remembered")
		}
		made, err = s.Create(t.Context(), scopeOf(t, p, "i-alice"), "hook", false)
		if err != nil || find() != nil {
			t.Fatal(err, find())
		}
		if err := s.Delete(context.Background(), scopeOf(t, p, "i-alice"), made.URL); err != nil {
			t.Fatal(err)
		}
		if err := find(); !errors.Is(err, db.ErrNoRows) {
			t.Errorf("a deletion here is not seen at once: %v", err)
		}
	})
}
