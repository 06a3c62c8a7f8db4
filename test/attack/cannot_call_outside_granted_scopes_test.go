package attack

import (
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

// SPEC 3.1, 3.4: an app does what its installation was granted, on operations that the
// product's operator mapped, and hears why it may not do the rest.
func TestAttackCallOutsideGrantedScopes(t *testing.T) {
	_, at := onTracker(t, "read:jira-work")
	ask := func(method, path string, body any) got {
		var g got
		at.result("ask", map[string]any{"method": method, "path": path, "body": body}, &g)
		return g
	}
	if g := ask("GET", "/rest/api/3/issue/DEMO-1?fields=summary", nil); g.Status != 200 || !strings.Contains(g.Text, "DEMO-1") {
		t.Fatalf("what was granted: %+v", g)
	}
	for _, tt := range []struct {
		method, path string
		body         any
		code         string
	}{
		{"POST", "/rest/api/3/issue/DEMO-1/comment", map[string]any{"body": map[string]any{"type": "doc", "version": 1, "content": []any{}}}, "SCOPE_NOT_GRANTED"},
		{"DELETE", "/rest/api/3/issue/DEMO-1", nil, "SCOPE_NOT_GRANTED"},
		{"GET", "/rest/api/3/user?accountId=bob", nil, "SCOPE_NOT_GRANTED"},
		{"GET", "/rest/api/3/unheard-of", nil, "OPERATION_UNKNOWN"},
		{"GET", "/", nil, "OPERATION_UNKNOWN"},
		{"GET", "/rest/api/3/issue/../user?accountId=bob", nil, "PATH_REFUSED"},
		{"GET", "/rest/api/3/issue/%2e%2e/user?accountId=bob", nil, "PATH_REFUSED"},
		{"GET", "/rest/api/3/issue/..%2fuser?accountId=bob", nil, "PATH_REFUSED"},
		{"GET", "/rest/api/3//user?accountId=bob", nil, "PATH_REFUSED"},
	} {
		if g := ask(tt.method, tt.path, tt.body); g.Status != 403 || g.Code != tt.code || g.Rejected {
			t.Errorf("%s %s: %+v", tt.method, tt.path, g)
		}
	}
}

// SPEC 3.5: an app calls a product only where it is installed on that product of that site.
func TestAttackCallAProductWhereItIsNotInstalled(t *testing.T) {
	p, at := onTracker(t, "read:jira-work")
	// A second product of the same site; its API happens to be at the same address.
	yaml := "key: wiki\nname: Wiki\naliases: [confluence]\napiBaseUrl: " + p.Access.ProductURL + "\nscopes:\n  - {name: read:jira-work, title: Read, access: read}\n"
	if _, err := p.System.Tenancy.AddProduct(t.Context(), testenv.Operator, "product.yaml", []byte(yaml)); err != nil {
		t.Fatal(err)
	}
	if _, err := p.System.Tenancy.UpdateSite(t.Context(), testenv.Operator, id.Site(at.siteID()), func(s *tenancy.Site) error {
		s.Products = append(s.Products, "wiki")
		return nil
	}); err != nil {
		t.Fatal(err)
	}
	for _, product := range []string{"wiki", "confluence", "unheard-of", "../tracker"} {
		var g got
		at.result("ask", map[string]any{"product": product, "method": "GET", "path": "/rest/api/3/issue/DEMO-1"}, &g)
		if !g.Rejected || g.Code != "PRODUCT_NOT_INSTALLED" {
			t.Errorf("%s: %+v", product, g)
		}
	}
}
