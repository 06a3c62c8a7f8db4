package compat

import (
	"encoding/json"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/infra/bundle"
)

// TestIDsNeverRepeat: libraries that make identifiers are loaded and prepared at module
// scope, which every call's memory is a copy of; 1,000 calls never draw the same.
func TestIDsNeverRepeat(t *testing.T) {
	version(t, "nanoid")
	p := newPlatform(t)
	build := func(handler string) *bundle.Result {
		res, diags, err := bundle.Build(t.Context(), bundle.Options{Dir: "ids", Handlers: []string{handler}, Table: p.table})
		if err != nil || bundle.HasErrors(diags) {
			t.Fatal(err, diags)
		}
		return res
	}
	if err := p.deploy(t.Context(), manifest("", "index.draw"), build("index.draw")); err != nil {
		t.Fatal(err)
	}
	seen := map[string]bool{}
	for range 1000 {
		text, err := p.api(t.Context(), "/api/v1/invocations", p.Access.DeveloperToken, p.target("function", "run", "payload", nil))
		if err != nil {
			t.Fatal(err)
		}
		var answer struct{ Result []string }
		if err := json.Unmarshal(text, &answer); err != nil || len(answer.Result) != 12 {
			t.Fatalf("%s: %v", text, err)
		}
		for _, drawn := range answer.Result {
			if seen[drawn] {
				t.Fatalf("%q was drawn twice", drawn)
			}
			seen[drawn] = true
		}
	}
	err := p.deploy(t.Context(), manifest(p.app, "frozen.draw"), build("frozen.draw"))
	if err == nil || !strings.Contains(err.Error(), "MODULE_SCOPE_RANDOM") || !strings.Contains(err.Error(), "src/frozen.js:5") {
		t.Errorf("what module scope draws is refused with its place: %v", err)
	}
	each := strings.Replace(manifest(p.app, "frozen.draw"), "    name: nodejs22.x\n", "    name: nodejs22.x\n    snapshots: false\n", 1)
	if err := p.deploy(t.Context(), each, build("frozen.draw")); err != nil {
		t.Errorf("where module scope runs at each call it may draw: %v", err)
	}
}
