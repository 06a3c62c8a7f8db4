package asking_test

import (
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/asking"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

func TestFlatFormIsChosen(t *testing.T) {
	w := setup(t, dbtest.SQLite(t), anything)
	ask := w.ask("egress.requestDomains", `{"domains":["files.example.com"],"purpose":"Look at https://evil.example.org/x \u202eand раypal.com\u0000 now"}`)
	s := w.shown(ask)
	if !s.Choose || len(s.Items) != len(asking.AllTypes) || !s.Broad || strings.ContainsAny(s.Messages[0].Text, "\u202e\x00") || strings.Contains(s.Messages[0].Text, "evil") || strings.Contains(s.Messages[0].Text, "рaypal") {
		t.Errorf("%+v", s)
	}
	for _, i := range s.Items {
		code := i.Type == perm.Scripts || i.Type == perm.Styles || i.Type == perm.Frames
		if i.Ticked == code || i.Broad != code || i.Words == "" {
			t.Errorf("%+v", i)
		}
	}
	only := slices.IndexFunc(s.Items, func(i asking.Item) bool { return i.Type == perm.Images })
	script := slices.IndexFunc(s.Items, func(i asking.Item) bool { return i.Type == perm.Scripts })
	w.want(w.yes(ask, func(d *asking.Decision) { d.Items = []int{only, script} }), "STEP_UP")
	w.want(w.yes(ask, func(d *asking.Decision) {
		d.Items, d.Window = []int{script}, true
		d.Admin.SignedIn = w.now().Add(-asking.Fresh)
	}), "STEP_UP")
	w.want(w.yes(ask, func(d *asking.Decision) { d.Items = []int{99} }), "NO_ITEM")
	if err := w.yes(ask, func(d *asking.Decision) { d.Items = []int{only, only} }); err != nil {
		t.Fatal(err)
	}
	result, err := w.outcome(ask)
	text, _ := json.Marshal(result)
	if err != nil || !strings.HasPrefix(string(text), `{"declined":[{"domain":"files.example.com","type":["FETCH_BACKEND_SIDE"`) || !strings.HasSuffix(string(text), `"granted":[{"domain":"files.example.com","type":["IMAGES"]}]}`) {
		t.Errorf("%s %v", text, err)
	}
	if !w.may(perm.Images, "files.example.com") || w.may(perm.Scripts, "files.example.com") || w.may(perm.Backend, "files.example.com") {
		t.Error("another thing was granted than chosen")
	}
	result, _, err = w.run(bob, false, "egress.domains", "")
	if text, _ := json.Marshal(result); err != nil || string(text) != `{"domains":["files.example.com"]}` {
		t.Errorf("%s %v", text, err)
	}
	later := w.ask("egress.requestDomains", `{"domains":["scripts.example.com"],"types":["SCRIPTS"]}`)
	if err := w.yes(later, func(d *asking.Decision) { d.Items, d.Window = []int{0}, true }); err != nil || !w.may(perm.Scripts, "scripts.example.com") {
		t.Error(err)
	}
	if _, _, err := w.run(bob, false, "egress.removeDomains", `{"domains":["files.example.com"]}`); fault.CodeOf(err) != "ADMIN_REQUIRED" {
		t.Error(err)
	}
	if _, ask, err := w.run(alice, true, "egress.removeDomains", `{"domains":["files.example.com"]}`); err != nil || ask != nil || w.may(perm.Images, "files.example.com") {
		t.Error("taking away asked, or took nothing", err)
	}
	declined := w.ask("egress.requestDomains", `{"domains":["no.example.com"]}`)
	if result, err := w.outcome(declined); result != false || err != nil {
		t.Errorf("%v %v", result, err)
	}
}

func TestWhatMayNotBeAskedFor(t *testing.T) {
	bounded := perm.Set{Configurable: &perm.Configurable{Types: []perm.EgressType{perm.Images}, Patterns: []hostrule.Pattern{{Scheme: "https", Wild: true, Host: "example.com", Port: 443}}}}
	w := setup(t, dbtest.SQLite(t), bounded)
	for payload, code := range map[string]string{
		images("p", "img.example.org"):                "OUTSIDE_BOUNDS",
		images("p", "*.example.org"):                  "OUTSIDE_BOUNDS",
		images("p", "*"):                              "OUTSIDE_BOUNDS",
		images("p", "*.co.uk"):                        "BAD_DOMAIN",
		images("p", "127.0.0.1"):                      "BAD_DOMAIN",
		images("p", "http://a.example.com"):           "BAD_DOMAIN",
		images("p", "раypal.example.com"):             "BAD_DOMAIN",
		images("p", "a.example.com", "a.example.com"): "DUPLICATE_DOMAIN",
		`{"egresses":[{"key":"p","configured":[{"domain":"a.example.com","type":["SCRIPTS"]}]}]}`:    "OUTSIDE_BOUNDS",
		`{"egresses":[{"key":"p","configured":[{"domain":"a.example.com","type":["EVERYTHING"]}]}]}`: "BAD_REQUEST",
		`{"egresses":[{"key":"p q","configured":[{"domain":"a.example.com","type":["IMAGES"]}]}]}`:   "BAD_REQUEST",
		`{"egresses":[]}`: "BAD_REQUEST",
		`[]`:              "BAD_REQUEST",
	} {
		_, ask, err := w.run(alice, true, "egress.set", payload)
		if w.want(err, code); ask != nil {
			t.Errorf("%s is asked for", payload)
		}
	}
	ask := w.ask("egress.requestDomains", `{"domains":["a.example.com"]}`) // all is all that may be asked for
	if s := w.shown(ask); len(s.Items) != 1 || s.Items[0].Type != perm.Images {
		t.Errorf("%+v", s.Items)
	}
	many := make([]string, 11)
	for n := range many {
		many[n] = fmt.Sprintf("h%d.example.com", n)
	}
	_, _, err := w.run(alice, true, "egress.set", images("p", many...))
	w.want(err, "LIMIT_CONFIGURED")
	var f *fault.Error
	if !errors.As(err, &f) || f.Fields["status"] != 400 {
		t.Errorf("an app reads no status beside the code: %v", f.Fields)
	}

	closed := setup(t, dbtest.SQLite(t), perm.Set{})
	_, _, err = closed.run(alice, true, "egress.set", images("p", "a.example.com"))
	closed.want(err, "NOT_CONFIGURABLE")
}

func TestWhatIsSwitchedOffStaysOff(t *testing.T) {
	w := setup(t, dbtest.SQLite(t), anything)
	if _, err := w.installs.Change(t.Context(), siteAdmin, w.install, install.Change{Off: []string{"egress:IMAGES"}}); err != nil {
		t.Fatal(err)
	}
	_, _, err := w.run(alice, true, "egress.set", images("p", "a.example.com"))
	w.want(err, "SWITCHED_OFF")
}

func TestGetTellsHostsAndNothingElse(t *testing.T) {
	w := setup(t, dbtest.SQLite(t), anything)
	if err := w.yes(w.ask("egress.set", images("pics", "img.example.com"))); err != nil {
		t.Fatal(err)
	}
	result, _, err := w.run(bob, false, "egress.get", "")
	text, _ := json.Marshal(result)
	if err != nil || string(text) != `{"results":[{"configured":[{"domain":"img.example.com","type":["IMAGES"]}],"key":"pics"}]}` {
		t.Errorf("%s %v", text, err)
	}
	// Another owner of the app voids what was configured for it.
	if _, err := w.installs.HandOver(t.Context(), id.Principal{Kind: id.Operator, Account: "op"}, "app", "bob", "carol"); err != nil {
		t.Fatal(err)
	}
	scope, err := tenant.ForInstall(siteAdmin, "s", w.install)
	if err != nil {
		t.Fatal(err)
	}
	if set, _, _, err := w.installs.ConfiguredNow(t.Context(), scope); err != nil || len(set.Configured)+len(set.Groups) != 0 {
		t.Errorf("%+v %v", set, err)
	}
}
