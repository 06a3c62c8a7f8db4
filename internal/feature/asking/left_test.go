package asking_test

import (
	"encoding/json"
	"slices"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/asking"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// An app that asks for a host in all ways each time it needs it is told what an admin left
// out, and nobody is shown the same boxes again before the pause of a refusal is over; one
// that names the type asks.
func TestWhatWasLeftOutIsNotAskedAgain(t *testing.T) {
	w := setup(t, dbtest.SQLite(t), anything)
	const all, scripts = `{"domains":["files.example.com"]}`, `{"domains":["files.example.com"],"types":["SCRIPTS"]}`
	const answer = `{"declined":[{"domain":"files.example.com","type":["SCRIPTS","STYLES","FRAMES"]}],"granted":[{"domain":"files.example.com","type":["FETCH_BACKEND_SIDE","FETCH_CLIENT_SIDE","IMAGES","MEDIA","FONTS"]}]}`
	told := func(result any, err error) {
		t.Helper()
		if text, _ := json.Marshal(result); err != nil || string(text) != answer {
			t.Errorf("the app is told %s, %v", text, err)
		}
	}
	items := func(ask *asking.Ask) (out []perm.EgressType) {
		t.Helper()
		for _, i := range w.shown(ask).Items {
			out = append(out, i.Type)
		}
		return out
	}
	first := w.ask("egress.requestDomains", all)
	if err := w.yes(first); err != nil {
		t.Fatal(err)
	}
	told(w.outcome(first))
	// Again, for the admin and for whoever else uses the app: the answer, and no page.
	for who, admin := range map[string]bool{"alice": true, "bob": false} {
		person := alice
		if who == "bob" {
			person = bob
		}
		result, ask, err := w.run(person, admin, "egress.requestDomains", all)
		if ask != nil {
			t.Fatalf("%s is shown it again: %v", who, items(ask))
		}
		told(result, err)
	}
	// A host that is new is asked for, and of the other one it is told what was left out.
	two := w.ask("egress.requestDomains", `{"domains":["files.example.com","new.example.com"]}`)
	for _, i := range w.shown(two).Items {
		if i.Domain != "new.example.com" {
			t.Errorf("%s to %s is shown again", i.Type, i.Domain)
		}
	}
	if err := w.yes(two); err != nil {
		t.Fatal(err)
	}
	result, err := w.outcome(two)
	if text, _ := json.Marshal(result); err != nil || string(text) != `{"declined":[{"domain":"files.example.com","type":["SCRIPTS","STYLES","FRAMES"]},{"domain":"new.example.com","type":["SCRIPTS","STYLES","FRAMES"]}],`+
		`"granted":[{"domain":"files.example.com","type":["FETCH_BACKEND_SIDE","FETCH_CLIENT_SIDE","IMAGES","MEDIA","FONTS"]},{"domain":"new.example.com","type":["FETCH_BACKEND_SIDE","FETCH_CLIENT_SIDE","IMAGES","MEDIA","FONTS"]}]}` {
		t.Errorf("%s %v", text, err)
	}
	// The type by its name is asked for at once; granted, it is left out no more.
	named := w.ask("egress.requestDomains", scripts)
	if got := items(named); !slices.Equal(got, []perm.EgressType{perm.Scripts}) {
		t.Errorf("%v is shown", got)
	}
	if err := w.yes(named, func(d *asking.Decision) { d.Items, d.Window = []int{0}, true }); err != nil {
		t.Fatal(err)
	}
	// After the pause it is asked again, for what is left; left out once more it pauses longer.
	w.later(61 * time.Minute) // an admin sees three requests in an hour
	again := w.ask("egress.requestDomains", all)
	if got := items(again); !slices.Equal(got, []perm.EgressType{perm.Styles, perm.Frames}) {
		t.Errorf("%v is shown", got)
	}
	if err := w.yes(again, func(d *asking.Decision) { d.Items, d.Window = []int{0}, true }); err != nil {
		t.Fatal(err)
	}
	w.later(2 * time.Minute)
	if _, ask, err := w.run(alice, true, "egress.requestDomains", all); ask != nil || err != nil {
		t.Errorf("after two minutes: %v", err)
	}
	w.later(3 * time.Minute)
	last := w.ask("egress.requestDomains", all)
	if got := items(last); !slices.Equal(got, []perm.EgressType{perm.Frames}) {
		t.Errorf("%v is shown", got)
	}
}

// What an admin switched off is left out of what an app asks for in all ways, and is told.
func TestWhatIsSwitchedOffIsLeftOut(t *testing.T) {
	w := setup(t, dbtest.SQLite(t), anything)
	if _, err := w.installs.Change(t.Context(), siteAdmin, w.install, install.Change{Off: []string{"egress:IMAGES"}}); err != nil {
		t.Fatal(err)
	}
	ask := w.ask("egress.requestDomains", `{"domains":["files.example.com"]}`)
	if slices.ContainsFunc(w.shown(ask).Items, func(i asking.Item) bool { return i.Type == perm.Images }) {
		t.Error("what is switched off is shown")
	}
	if err := w.yes(ask); err != nil {
		t.Fatal(err)
	}
	result, err := w.outcome(ask)
	if text, _ := json.Marshal(result); err != nil || string(text) != `{"declined":[{"domain":"files.example.com","type":["IMAGES","SCRIPTS","STYLES","FRAMES"]}],"granted":[{"domain":"files.example.com","type":["FETCH_BACKEND_SIDE","FETCH_CLIENT_SIDE","MEDIA","FONTS"]}]}` {
		t.Errorf("%s %v", text, err)
	}
	if _, _, err := w.run(alice, true, "egress.requestDomains", `{"domains":["files.example.com"],"types":["IMAGES"]}`); fault.CodeOf(err) != "SWITCHED_OFF" {
		t.Error(err)
	}
}
