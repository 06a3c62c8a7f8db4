package product

import (
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

func ruled(t *testing.T) *world {
	t.Helper()
	w := newWorld(t, "read", "write")
	w.containers = []Containers{{Type: "project", Parameters: []string{"key", "fields"}, Open: []string{"DELETE/issue/{key}"}}}
	w.policy.AccessRules = []call.AccessRule{{Container: call.Container{Type: "project", ID: "DEMO"}, Rule: "rule-1"}}
	return w
}

func TestAccessRule(t *testing.T) {
	w := ruled(t)
	for path, refused := range map[string]bool{
		"/issue/DEMO": true, "/issue/demo": true, "/issue/X?fields=%44EMO": true, "/issue/DEMO.": true, "/issue/X?fields=DEMO": true, "/issue/X?fields=a,%20demo": true,
		"/issue/X?Fields=DEMO": true, "/issue/X?fields=a&fields=DEMO": true, "/issue/DEMOS": false, "/issue/X": false, "/issue/X?fields=DEM": false,
	} {
		a, err := w.ask(request("app", "GET", path), "")
		if err != nil || (a.code() == "ACCESS_RULE") != refused || (a.Status == 403) != refused {
			t.Errorf("%s: %+v, %v", path, a, err)
		}
	}
	if a, err := w.ask(request("app", "DELETE", "/issue/DEMO"), ""); err != nil || a.Status != 200 {
		t.Errorf("an operation about the container itself: %+v, %v", a, err)
	}
	w.present, w.agreed["alice read"] = aliceHere, true
	if a, err := w.ask(request("user", "GET", "/issue/DEMO"), ""); err != nil || a.code() != "ACCESS_RULE" {
		t.Errorf("as a user: %+v, %v", a, err)
	}
	d := w.decided[len(w.decided)-1]
	if d.Allow || d.Rule != "access-rule" || d.Code != "ACCESS_RULE" || d.Fix == "" {
		t.Errorf("%+v", d)
	}
}

// A rule that is made while an answer is under way ends it.
func TestAccessRuleEndsWhatIsUnderWay(t *testing.T) {
	w := ruled(t)
	let := &pass{api: &API{Product: "tracker"}, policy: &call.Policy{}}
	c := &caller{gate: w.gate, call: &call.Call{}}
	now := *w.policy
	now.Product = "tracker"
	if err := c.still(t.Context(), &now, let, asApp); fault.CodeOf(err) != "ACCESS_RULE" {
		t.Errorf("got %v", err)
	}
	let.policy = &now
	if err := c.still(t.Context(), &now, let, asApp); err != nil {
		t.Errorf("a rule that it knew: %v", err)
	}
}

func TestAccessRuleOfTwoParameters(t *testing.T) {
	w := ruled(t)
	w.containers = []Containers{{Type: "project", Parameters: []string{"key/fields"}}}
	w.policy.AccessRules[0].ID = "Alice/Plans"
	for path, refused := range map[string]bool{"/issue/alice?fields=plans": true, "/issue/alice?fields=other": false, "/issue/plans?fields=alice": false} {
		if a, err := w.ask(request("app", "GET", path), ""); err != nil || (a.code() == "ACCESS_RULE") != refused {
			t.Errorf("%s: %+v, %v", path, a, err)
		}
	}
}
