package console_test

import (
	"context"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/erasure"
	"github.com/annexhq/annex/internal/feature/session"
)

// Was says that everything but the fresh one has ended, as an app on the tracker.
func (w *world) Was(_ context.Context, scope tenant.Scope) (erasure.Was, error) {
	return erasure.Was{Install: scope.Install(), App: "notes", EnvName: "production", Product: "tracker", Number: "1.0.0", Active: scope.Install() == "fresh"}, nil
}

func (w *world) Export(_ context.Context, _ tenant.Scope, emit func(any) error) error {
	return emit("a thing")
}

func (w *world) Move(context.Context, tenant.Scope, tenant.Scope) (int, error) { return 0, nil }

// What an uninstalled app left is listed for the site's admins, can be taken along, and is
// given back only to an app that is installed.
func TestWhatUninstalledAppsLeft(t *testing.T) {
	w := newWorld(t)
	for install, site := range map[id.Install]id.Site{"ours": w.site, "foreign": "another"} {
		scope, err := tenant.ForInstall(operator, site, install)
		if err == nil {
			err = w.Erasures.Ended(t.Context(), scope)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	admin := w.alice()
	list := admin.ask("GET", "/apps", nil, nil)
	if page := list.Body.String(); !strings.Contains(page, "/left/ours/propose") || strings.Contains(page, "foreign") || strings.Contains(page, "Give it back") {
		t.Error(page)
	}
	file := admin.ask("GET", "/left/ours/stored.ndjson", nil, nil)
	if file.Code != http.StatusOK || file.Header().Get("Content-Type") != "application/x-ndjson" || !strings.Contains(file.Body.String(), `"things":1}`) {
		t.Errorf("%d %s", file.Code, file.Body)
	}
	for _, path := range []string{"/left/foreign/stored.ndjson", "/left/never/stored.ndjson", "/apps/foreign/stored.ndjson"} {
		if a := admin.ask("GET", path, nil, nil); a.Code != http.StatusNotFound {
			t.Errorf("%s: %d", path, a.Code)
		}
	}
	bob := w.person()
	bob.arrive("/sign-in", session.Assertion{User: "bob", Name: "Bob"})
	if a := bob.ask("GET", "/left/ours/stored.ndjson", nil, nil); a.Code != http.StatusForbidden {
		t.Errorf("bob reads %d %s", a.Code, a.Body)
	}
	if a := admin.ask("POST", "/left/ours/propose", admin.form("/apps", url.Values{"act": {"relink"}}), nil); a.Code != http.StatusBadRequest {
		t.Errorf("%d: there is nobody to give it to", a.Code)
	}
	if a := admin.ask("POST", "/left/ours/propose", admin.form("/apps", url.Values{"act": {"erase-left"}}), nil); a.Code != http.StatusOK || !strings.Contains(a.Body.String(), "?decision=") {
		t.Errorf("%d %s", a.Code, a.Body)
	}
	if _, err := w.Erasures.Relink(t.Context(), id.Principal{Kind: id.SiteAdmin, Account: "alice", Site: w.site}, "fresh", "ours"); err != nil {
		t.Fatal(err)
	}
	page := admin.ask("GET", "/apps", nil, nil).Body.String()
	if !strings.Contains(page, "what it stored was given to") || strings.Contains(page, "stored.ndjson") || strings.Contains(page, "Give it back") {
		t.Errorf("what was given back is listed as what is left: %s", page)
	}
}
