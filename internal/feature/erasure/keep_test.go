package erasure_test

import (
	"bytes"
	"context"
	"errors"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/erasure"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// known are installations, by id; each is of site s.
type known map[id.Install]erasure.Was

func (k known) Was(_ context.Context, scope tenant.Scope) (erasure.Was, error) {
	w, ok := k[scope.Install()]
	if !ok || scope.Site() != "s" {
		return w, fault.New(fault.NotFound, "NOT_YOURS", "there is no such installation")
	}
	return w, nil
}

// moves notes what is given to whom.
type moves struct {
	done  []string
	fails error
}

func (m *moves) Export(_ context.Context, scope tenant.Scope, emit func(any) error) error {
	return errors.Join(emit("a of "+string(scope.Install())), m.fails, emit("b"))
}

func (m *moves) Move(_ context.Context, from, to tenant.Scope) (int, error) {
	m.done = append(m.done, string(from.Install())+" to "+string(to.Install()))
	return 2, m.fails
}

// What an ended installation left is given back to the same app in the same place alone, by
// the site's admin, before it is erased, and is not erased meanwhile.
func TestWhatAnAdminKeeps(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w, m := newWorld(t, d), &moves{}
		was := func(install id.Install, app id.App, env id.Env, product id.Product, active bool) erasure.Was {
			return erasure.Was{Install: install, App: app, Environment: env, Product: product, Active: active}
		}
		w.Installations, w.Storage = known{
			"old": was("old", "app", "env", "desk", false), "now": was("now", "app", "env", "desk", true), "staging": was("staging", "app", "other", "desk", true),
			"another": was("another", "second", "env", "desk", true), "elsewhere": was("elsewhere", "app", "env", "wiki", true), "erased": was("erased", "app", "env", "desk", false),
		}, m
		w.ended("s", "old")
		w.ended("other", "k")
		relink := func(by id.Principal, install, from id.Install) error {
			_, err := w.Relink(t.Context(), by, install, from)
			return err
		}
		code(t, relink(bob, "now", "old"), "NOT_YOURS")
		code(t, relink(id.Principal{Kind: id.Developer, Account: "d"}, "now", "old"), "ROLE_REQUIRED")
		for _, into := range []id.Install{"staging", "another", "elsewhere"} {
			code(t, relink(alice, into, "old"), "ANOTHER_APP")
		}
		code(t, relink(alice, "old", "old"), "NOT_YOURS")
		code(t, relink(alice, "now", "staging"), "STILL_INSTALLED")
		code(t, relink(alice, "now", "k"), "NOT_YOURS")
		code(t, relink(alice, "now", "erased"), "NOT_YOURS") // nothing is left of it
		if m.done != nil || len(w.acts("s")) != 0 {
			t.Fatal(m.done, w.acts("s"))
		}
		if left, err := w.Left(t.Context(), alice); err != nil || len(left) != 1 || left[0].Install != "old" || left[0].Erased.Sub(left[0].Ended) != erasure.Grace {
			t.Errorf("%+v, %v", left, err)
		}
		if _, err := w.Left(t.Context(), operator); fault.CodeOf(err) != "ROLE_REQUIRED" {
			t.Error(err)
		}
		var out bytes.Buffer
		code(t, w.Export(t.Context(), bob, "old", &out), "NOT_YOURS")
		code(t, w.Export(t.Context(), alice, "erased", &out), "NOT_YOURS")
		code(t, w.Export(t.Context(), operator, "old", &out), "ROLE_REQUIRED")
		if out.Len() != 0 {
			t.Error(out.String())
		}
		if err := w.Export(t.Context(), alice, "old", &out); err != nil || !strings.HasSuffix(out.String(), "\"a of old\"\n\"b\"\n{\"kind\":\"end\",\"things\":2}\n") {
			t.Error(out.String(), err)
		}
		w.now = w.now.Add(erasure.Grace - time.Minute)
		if err := relink(alice, "now", "old"); err != nil || strings.Join(m.done, ",") != "old to now" {
			t.Error(m.done, err)
		}
		if left, err := w.Left(t.Context(), alice); err != nil || len(left) != 1 || left[0].GivenTo != "now" || left[0].Erased.Sub(w.now) != time.Hour {
			t.Errorf("after it was given back: %+v, %v", left, err)
		}
		w.now = w.now.Add(2 * time.Minute)
		w.sweeps("a of k on other", "b of k on other") // what is being given back waits
		w.now = w.now.Add(time.Hour)
		w.sweeps("a of old on s", "b of old on s")
		code(t, relink(alice, "now", "old"), "NOT_YOURS")
		if left, err := w.Left(t.Context(), alice); err != nil || len(left) != 0 {
			t.Errorf("an hour after it was given back: %+v, %v", left, err)
		}
		// It does not wait for the end of what is kept of others.
		w.ended("s", "young")
		w.Installations.(known)["young"] = was("young", "app", "env", "desk", false)
		if err := relink(alice, "now", "young"); err != nil {
			t.Error(err)
		}
		w.now = w.now.Add(time.Hour)
		w.sweeps("a of young on s", "b of young on s")
		if got := strings.Join(w.acts("s"), ","); got != "storage.export old,storage.relink now,install.erased old,storage.relink now,install.erased young" {
			t.Error(got)
		}
		m.fails = errors.New("the database is away")
		out.Reset()
		if err := w.Export(t.Context(), alice, "now", &out); err == nil || strings.Contains(out.String(), "things") {
			t.Error("an export that broke off looks whole", out.String())
		}
	})
}
