package httpapi

import (
	"context"
	_ "embed"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
)

//go:embed openapi.yaml
var document []byte

func load(t *testing.T) *openapi3.T {
	t.Helper()
	doc, err := openapi3.NewLoader().LoadFromData(document)
	if err != nil {
		t.Fatal(err)
	}
	if err := doc.Validate(context.Background()); err != nil {
		t.Fatal(err)
	}
	return doc
}

// The document and the code must not drift apart: same routes, same roles.
func TestRoutesAreTheDocuments(t *testing.T) {
	want := map[string][]string{}
	for path, item := range load(t).Paths.Map() {
		for method, op := range item.Operations() {
			roles, err := rolesOf(op)
			if err != nil {
				t.Errorf("%s %s: %v", method, path, err)
			}
			want[method+" "+path] = roles
		}
	}
	for _, r := range routes {
		key := r.method + " " + r.path
		roles, ok := want[key]
		if !ok {
			t.Errorf("%s is served and not in openapi.yaml", key)
			continue
		}
		delete(want, key)
		var have []string
		for _, k := range r.roles {
			have = append(have, string(k))
		}
		if len(have) == 0 {
			have = []string{"anyone"}
		}
		slices.Sort(have)
		slices.Sort(roles)
		if !slices.Equal(have, roles) {
			t.Errorf("%s is for %v, openapi.yaml says %v", key, have, roles)
		}
	}
	for key := range want {
		t.Errorf("%s is in openapi.yaml and not served", key)
	}
}

func rolesOf(op *openapi3.Operation) ([]string, error) {
	raw, ok := op.Extensions["x-annex-roles"]
	if !ok {
		return nil, fmt.Errorf("names no role")
	}
	text, err := json.Marshal(raw)
	if err != nil {
		return nil, err
	}
	var roles []string
	if err := json.Unmarshal(text, &roles); err != nil || len(roles) == 0 {
		return nil, fmt.Errorf("x-annex-roles must be a list of roles")
	}
	return roles, nil
}

// What probes ask, and the public keys, are for anyone; another such route would be a door without a lock.
func TestOnlyProbesAreOpen(t *testing.T) {
	var open []string
	for _, r := range routes {
		if len(r.roles) == 0 {
			open = append(open, r.path)
		}
	}
	if !slices.Equal(open, []string{"/healthz", "/readyz", "/.well-known/jwks.json", "/api/v1/sign-ins", "/api/v1/events", "/api/v1/device-logins", "/api/v1/device-logins/token"}) {
		t.Errorf("routes without a role: %s", strings.Join(open, ", "))
	}
}
