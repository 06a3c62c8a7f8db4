package perm

import "testing"

// The platform's own scopes have its own words: a product cannot reword them.
func TestWordsOfThePlatformsScopes(t *testing.T) {
	reword := func(string) (title, detail, risk string, ok bool) { return "Nothing at all", "", "low", true }
	for _, scope := range []string{"storage:app", "read:app-system-token", "read:app-user-token", "report:personal-data", "read:chat:rovo"} {
		for _, words := range []Words{nil, reword} {
			l := Describe(Set{Scopes: []Scope{{Name: scope}}}, words)[0]
			if l.Title == scope || l.Title == "Nothing at all" || l.Title == "" || l.Detail == "" || l.Risk == "" {
				t.Errorf("%s: an admin reads %q (%q, %q)", scope, l.Title, l.Detail, l.Risk)
			}
		}
	}
	unknown := func(string) (title, detail, risk string, ok bool) { return "", "", "", false }
	if l := Describe(Set{Scopes: []Scope{{Name: "read:nothing"}}}, unknown)[0]; l.Risk != "" {
		t.Errorf("words for a scope that nobody knows: %+v", l)
	}
}
