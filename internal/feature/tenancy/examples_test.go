package tenancy_test

import (
	"os"
	"testing"

	"github.com/annexhq/annex/internal/feature/tenancy"
)

// The reference product has to be what this package reads.
func TestReferenceProductIsValid(t *testing.T) {
	const name = "../../../examples/product/product.yaml"
	data, err := os.ReadFile(name)
	if err != nil {
		t.Fatal(err)
	}
	p, problems := tenancy.ValidateProduct(name, data)
	if p == nil {
		t.Fatalf("\n%s", problems)
	}
	if p.Key != "tracker" || len(p.Scopes) == 0 || len(p.Modules) == 0 {
		t.Errorf("the reference product is %+v", p)
	}
}
