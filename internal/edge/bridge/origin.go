package bridge

import (
	"net/http"
	"slices"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

// preflight says to pages of products that they may ask. Which product's page may read an
// answer is decided when the answer is made.
func (b *Bridge) preflight(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	products, err := b.Tenancy.Products(r.Context())
	if err != nil || origin == "" || !slices.ContainsFunc(products, func(p tenancy.Product) bool { return slices.Contains(p.PageOrigins, origin) }) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Methods", "POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// admit lets a page read answers about a product's users only from an origin that the
// product declared. A back end sends no Origin.
func (b *Bridge) admit(w http.ResponseWriter, r *http.Request, product id.Product) error {
	origin := r.Header.Get("Origin")
	if origin == "" || origin == b.URL {
		return nil
	}
	p, err := b.Tenancy.ProductByKeyOrAlias(r.Context(), string(product))
	if err != nil {
		return err
	}
	if !slices.Contains(p.PageOrigins, origin) {
		return fault.New(fault.Denied, "FOREIGN_ORIGIN", "the product does not show panels on this origin").
			WithFix("its operator lists the origins of its pages as pageOrigins in product.yaml")
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	return nil
}
