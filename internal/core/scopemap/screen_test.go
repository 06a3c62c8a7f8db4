package scopemap

import (
	"slices"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
)

func TestScreen(t *testing.T) {
	op := &Operation{Query: map[string]bool{"fields": true, "method": true, "sudo": true, "list[]": true}, Header: map[string]bool{"x-declared": true, "content-encoding": true},
		Form: map[string]bool{"file": true, "tags": true}, deep: map[string]bool{"filter": true}}
	kept, err := op.Screen(Sent{
		Query:  map[string][]string{"fields": {"a"}, "method": {"x"}, "other": {"b"}, "filter[name]": {"c"}, "list[]": {"d"}, "nope[x]": {"e"}},
		Header: map[string][]string{"Accept": {"a"}, "X-Declared": {"b"}, "X-Other": {"c"}, "Content-Encoding": {"gzip"}},
		Form:   map[string][]string{"file": {""}, "tags[]": {"a"}},
	})
	if err != nil {
		t.Fatal(err)
	}
	if got := namesOf(kept.Query); !slices.Equal(got, []string{"fields", "filter[name]", "list[]", "method"}) {
		t.Errorf("query %v", got)
	}
	if got := namesOf(kept.Header); !slices.Equal(got, []string{"Accept", "X-Declared"}) {
		t.Errorf("header %v", got)
	}
}

func TestScreenRefusesByName(t *testing.T) {
	op := &Operation{Query: map[string]bool{"sudo": true}, anyName: true}
	for _, name := range []string{"sudo", "Sudo", "SUDO", "sudo[]", "sudo[0]", "su_do", "access_token", "access-token", "accessToken", "_method", "_METHOD", "http_method", "X-HTTP-Method-Override",
		"X_HTTP_METHOD_OVERRIDE", "x-method-override", "private_token", "authorization", "cookie", "run_as", "X-Original-URL"} {
		for kind, s := range map[string]Sent{
			"query": {Query: map[string][]string{name: {"x"}}}, "header": {Header: map[string][]string{name: {"x"}}}, "form": {Form: map[string][]string{name: {"x"}}},
		} {
			if _, err := op.Screen(s); fault.CodeOf(err) != "PARAMETER_REFUSED" {
				t.Errorf("%s in the %s: %v", name, kind, err)
			}
		}
	}
	if _, err := (&Operation{Form: map[string]bool{"a": true}}).Screen(Sent{Form: map[string][]string{"b": {"x"}}}); fault.CodeOf(err) != "PARAMETER_REFUSED" {
		t.Errorf("an undeclared form field: %v", err)
	}
	if _, err := (&Operation{}).Screen(Sent{Form: map[string][]string{"method": {"x"}}}); err != nil {
		t.Errorf("a field named method: %v", err)
	}
}

func namesOf(m map[string][]string) []string {
	var out []string
	for k := range m {
		out = append(out, k)
	}
	slices.Sort(out)
	return out
}
