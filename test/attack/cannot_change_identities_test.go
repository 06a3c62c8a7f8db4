package attack

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/scopemap"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

// identityLike are operations of a product whose document maps every one of them to a
// scope that an app can be granted.
var identityLike = map[string][]string{
	scopemap.Identity: {"POST /users", "PUT /users/{id}", "DELETE /users/{id}", "PUT /users/{id}/password", "POST /user/keys", "POST /users/{id}/tokens", "PUT /orgs/{org}/members/{id}",
		"PUT /teams/{team}/members/{id}", "PUT /repos/{repo}/collaborators/{id}", "PUT /projects/{id}/roles/{role}", "POST /permissions", "POST /admin/users/{id}/rename", "POST /oauth2/applications",
		"POST /invitations", "POST /repos/{repo}/transfer", "PUT /secrets/{name}", "POST /sessions", "PUT /branches/{branch}/protection", "PATCH /user/settings"},
	scopemap.Credential: {"GET /users/{id}/tokens", "GET /applications", "GET /runners/registration-token", "GET /secrets"},
	scopemap.Egress:     {"POST /repos/{repo}/hooks", "PATCH /hooks/{id}", "POST /repos/{repo}/push_mirrors", "POST /repos/migrate", "POST /import", "POST /mail", "POST /previews", "GET /unfurl"},
	scopemap.Tunnel:     {"POST /graphql", "POST /batch"},
}

func identityDocument() string {
	var b strings.Builder
	b.WriteString("openapi: 3.0.3\ninfo: {title: Desk, version: '1'}\n" +
		"components: {securitySchemes: {app: {type: oauth2, flows: {clientCredentials: {tokenUrl: https://desk.example/t, scopes: {all: All}}}}}}\nsecurity: [{app: [all]}]\npaths:\n")
	paths := map[string][]string{}
	for _, all := range identityLike {
		for _, line := range all {
			method, path, _ := strings.Cut(line, " ")
			paths[path] = append(paths[path], method)
		}
	}
	paths["/issues"] = []string{"GET", "POST"}
	for path, methods := range paths {
		fmt.Fprintf(&b, "  %s:\n", path)
		for _, method := range methods {
			extra := ""
			switch path {
			case "/applications": // nothing but a field of its answer tells
				extra = "content: {application/json: {schema: {type: array, items: {type: object, properties: {clientSecret: {type: string}}}}}}"
			case "/previews", "/unfurl":
				extra = ""
			}
			fmt.Fprintf(&b, "    %s:\n      responses: {'200': {description: ok, %s}}\n", strings.ToLower(method), extra)
			switch path {
			case "/previews":
				b.WriteString("      requestBody: {content: {application/json: {schema: {type: object, properties: {image: {type: object, properties: {url: {type: string}}}}}}}}\n")
			case "/unfurl":
				b.WriteString("      parameters: [{name: url, in: query, schema: {type: string}}]\n")
			}
		}
	}
	return b.String()
}

// SPEC 3.4: what changes who may do what, hands out a credential, or makes the product
// itself send or fetch elsewhere is closed, whatever scopes the document names for it,
// until product.yaml decides each with a reason. The server decides that from the bytes
// that it was sent, whoever checked them before.
func TestAttackChangeIdentities(t *testing.T) {
	p := newPlatform(t)
	const yaml = "key: desk\napiBaseUrl: https://desk.example\nopenapi: openapi.yaml\nscopes:\n  - {name: all, title: Everything, access: change}\n"
	declare := func(more string) (*tenancy.API, error) {
		d := tenancy.Declaration{Name: "product.yaml", Data: []byte(yaml + more), Document: []byte(identityDocument())}
		if _, err := p.System.Tenancy.Declare(t.Context(), testenv.Operator, d); err != nil {
			return nil, err
		}
		return p.System.Tenancy.API(t.Context(), "desk")
	}
	api, err := declare("")
	if err != nil {
		t.Fatal(err)
	}
	find := func(line string) *scopemap.Operation {
		method, path, _ := strings.Cut(line, " ")
		op, err := api.Table.Find(method, strings.NewReplacer("{", "", "}", "").Replace(path))
		if err != nil {
			t.Fatalf("%s: %v", line, err)
		}
		return op
	}
	for class, all := range identityLike {
		for _, line := range all {
			if op := find(line); op.Closed == "" || op.Class != class {
				t.Errorf("%s is %q, closed %q; want %s", line, op.Class, op.Closed, class)
			}
		}
	}
	for _, line := range []string{"GET /issues", "POST /issues"} {
		if op := find(line); op.Closed != "" {
			t.Errorf("%s is closed: %s", line, op.Closed)
		}
	}
	// A decision names the operation and a reason, and opens that one alone.
	for _, half := range []string{
		"operations: [{method: POST, path: /users, open: true}]\n", "operations: [{method: POST, path: /users, open: true, reason: ''}]\n", "operations: [{method: POST, path: '/**', open: true, reason: all}]\n",
		"operations: [{open: true, reason: all}]\n", "rules: [{path: /users, scopes: []}]\n", "operations: [{method: POST, path: /users, reason: r}]\n",
	} {
		if _, err := declare(half); err == nil {
			t.Errorf("registered: %s", half)
		}
	}
	if api, err = declare("rules: [{path: '/**', scopes: [all]}]\noperations: [{method: POST, path: /users, open: true, reason: the desk has guests only}]\n"); err != nil {
		t.Fatal(err)
	}
	if op := find("POST /users"); op.Closed != "" || op.Reason == "" {
		t.Errorf("decided open: %+v", op)
	}
	for _, line := range []string{"PUT /users/{id}", "POST /user/keys", "GET /secrets", "POST /repos/{repo}/hooks", "POST /graphql"} {
		if op := find(line); op.Closed == "" {
			t.Errorf("%s was opened with another one", line)
		}
	}
	// Only an operator registers a product.
	for _, token := range []string{p.developer("alice"), p.Access.AdminToken, ""} {
		if a := p.api("POST", "/api/v1/products", token, map[string]any{}); a.status != http.StatusForbidden && a.status != http.StatusUnauthorized {
			t.Errorf("%d %s", a.status, a.body)
		}
	}
}
