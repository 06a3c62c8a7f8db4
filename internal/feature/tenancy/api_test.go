package tenancy_test

import (
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// reference is Tracker as its folder declares it.
func reference(t testing.TB) tenancy.Declaration {
	t.Helper()
	read := func(name string) []byte {
		data, err := os.ReadFile("../../../examples/product/" + name)
		if err != nil {
			t.Fatal(err)
		}
		return data
	}
	return tenancy.Declaration{Name: "product.yaml", Data: read("product.yaml"), Document: read("openapi.yaml")}
}

func TestAPIOfTheReferenceProduct(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s := setup(t, d)
		if _, err := s.Declare(t.Context(), operator, reference(t)); err != nil {
			t.Fatal(err)
		}
		api, err := s.API(t.Context(), "tracker")
		if err != nil {
			t.Fatal(err)
		}
		if api.Auth != tenancy.AuthAnnex || api.BaseURL.Host == "" || api.Users != tenancy.FromAssertion || api.Consent.External != tenancy.ExternalUser {
			t.Errorf("%+v", api)
		}
		for _, x := range []struct{ method, path, id, scope string }{
			{"GET", "/rest/api/3/issue/TRK-1", "getIssue", "read:jira-work"},
			{"PUT", "/rest/api/3/issue/TRK-1", "editIssue", "write:jira-work"},
			{"GET", "/rest/api/2/issue/TRK-1/comment/7", "getComment", "read:jira-work"},
			{"GET", "/rest/api/3/myself", "getMyself", "read:jira-user"},
			{"GET", "/rest/api/3/serverInfo", "getServerInfo", ""},
		} {
			op, err := api.Table.Find(x.method, x.path)
			if err != nil || op.ID != x.id || op.Closed != "" || len(op.Scopes) != 1 || strings.Join(op.Scopes[0], " ") != x.scope {
				t.Errorf("%s %s is %+v, %v", x.method, x.path, op, err)
			}
		}
		_, err = s.API(t.Context(), "wiki")
		want(t, err, "PRODUCT_UNKNOWN")
	})
}

// Another server process sees a changed product within a second, without being told.
func TestChangedProductIsSeenByOtherProcesses(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		here := setup(t, d)
		now := time.Now()
		there := tenancy.New(tenancy.Config{DB: d, Audit: audit.New(d, nil), Now: func() time.Time { return now }})
		decl := reference(t)
		if _, err := here.Declare(t.Context(), operator, decl); err != nil {
			t.Fatal(err)
		}
		first, err := there.API(t.Context(), "tracker")
		if err != nil {
			t.Fatal(err)
		}
		decl.Data = append(slices.Clone(decl.Data), "  - {operation: getIssue, open: false, reason: for the test}\n"...)
		if _, err := here.Declare(t.Context(), operator, decl); err != nil {
			t.Fatal(err)
		}
		if again, err := there.API(t.Context(), "tracker"); err != nil || again != first {
			t.Errorf("the database is asked at each call: %v", err)
		}
		now = now.Add(900 * time.Millisecond)
		api, err := there.API(t.Context(), "tracker")
		if err != nil || api.Table.Operation("getIssue").Closed == "" {
			t.Errorf("the change is not seen: %v", err)
		}
		if api, err := here.API(t.Context(), "tracker"); err != nil || api.Table.Operation("getIssue").Closed == "" {
			t.Errorf("the change is not seen at once where it was made: %v", err)
		}
	})
}

func TestDeclarationSaysWhatItNames(t *testing.T) {
	s := setup(t, dbtest.SQLite(t))
	decl := reference(t)
	for name, change := range map[string]func(*tenancy.Declaration){
		"an operation that is not there": func(d *tenancy.Declaration) {
			d.Data = append(slices.Clone(d.Data), "  - {operation: getIsue, open: false, reason: x}\n"...)
		},
		"a scope without words": func(d *tenancy.Declaration) {
			d.Data = append(slices.Clone(d.Data), "  - {operation: getIssue, open: true, reason: x, scopes: [read:all]}\n"...)
		},
		"no OpenAPI document": func(d *tenancy.Declaration) { d.Document = []byte("key: value\n") },
		"a reference outside": func(d *tenancy.Declaration) {
			d.Document = []byte("openapi: 3.0.0\ninfo: {title: a, version: '1'}\npaths:\n  /a: {$ref: 'file:///etc/passwd'}\n")
		},
	} {
		x := decl
		change(&x)
		if _, err := s.Declare(t.Context(), operator, x); fault.CodeOf(err) != "PRODUCT_INVALID" {
			t.Errorf("%s: %v", name, err)
		}
	}
	_, err := s.Declare(t.Context(), admin("x"), decl)
	want(t, err, "ROLE_REQUIRED")
}
