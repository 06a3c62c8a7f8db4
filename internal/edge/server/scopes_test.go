package server

import (
	"testing"

	"github.com/annexhq/annex/internal/feature/tenancy"
)

func TestWordsOfThePlatformsScopes(t *testing.T) {
	reworded := tenancy.Product{Scopes: []tenancy.Scope{{Name: "storage:app", Title: "Nothing at all", Risk: "low"}}}
	words := scopeWords([]tenancy.Product{reworded})
	for _, scope := range []string{"storage:app", "read:app-system-token", "read:app-user-token", "report:personal-data", "read:chat:rovo"} {
		title, detail, risk, ok := words(scope)
		if !ok || title == "" || title == "Nothing at all" || detail == "" || risk == "" {
			t.Errorf("%s: an admin reads %q (%q, %q)", scope, title, detail, risk)
		}
	}
	if _, _, _, ok := words("read:nothing"); ok {
		t.Error("words for a scope that nobody knows")
	}
}
