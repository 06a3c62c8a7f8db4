package tenancy

import (
	"context"
	"errors"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/openapi"
	"github.com/annexhq/annex/manifest"
)

// Findings is a refusal with the problems that explain it, each at its place.
type Findings struct {
	refusal *fault.Error
	found   manifest.Diagnostics
}

func invalid(what string, found manifest.Diagnostics) error {
	return &Findings{fault.New(fault.Invalid, "PRODUCT_INVALID", "%s has %d problem(s)", what, len(found)).
		WithFix("mend each and try again"), found}
}

// Error is the refusal's text and the problems, one per line.
func (f *Findings) Error() string { return f.refusal.Error() + "\n" + f.found.String() }

// Unwrap gives the refusal itself.
func (f *Findings) Unwrap() error { return f.refusal }

// Diagnostics are the problems.
func (f *Findings) Diagnostics() []manifest.Diagnostic { return f.found }

// AddProduct registers a product without a document, or replaces the one with the same
// key: none of its operations is known, so none is open.
func (s *Service) AddProduct(ctx context.Context, p id.Principal, name string, data []byte) (*Product, error) {
	c, err := s.Declare(ctx, p, Declaration{Name: name, Data: data})
	if err != nil {
		return nil, err
	}
	return c.Product, nil
}

// Declare registers a product with its document, or replaces the one with the same key.
// Only an operator may. The error for what is invalid is a *Findings.
func (s *Service) Declare(ctx context.Context, p id.Principal, d Declaration) (*Checked, error) {
	if !p.Is(id.Operator) {
		return nil, denied("only an operator registers products")
	}
	c, err := Check(d)
	if err != nil {
		return nil, err
	}
	source, read, err := c.document.pack(d.Document)
	if err != nil {
		return nil, fault.Op("tenancy.Declare", err)
	}
	product := c.Product
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		now := s.Now().UnixMilli()
		if _, err := s.DB.Exec(ctx, putProduct, product.Key, string(d.Data), now, now); err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, dropDocument, product.Key); err != nil {
			return err
		}
		if d.Document != nil {
			if _, err := s.DB.Exec(ctx, putDocument, product.Key, source, read, openapi.Version); err != nil {
				return err
			}
		}
		if _, err := s.DB.Exec(ctx, dropProductNames, product.Key); err != nil {
			return err
		}
		for _, n := range product.Names() {
			if err := s.claim(ctx, n, product.Key); err != nil {
				return err
			}
		}
		if err := s.distinctModules(ctx, product); err != nil {
			return err
		}
		return s.Audit.Append(ctx, "", "", p, "product.add", map[string]any{"product": product.Key})
	})
	if err != nil {
		return nil, fault.Op("tenancy.Declare", err)
	}
	s.apis.forget(product.Key)
	return c, nil
}

// claim takes a name for a product; two products cannot share one, or a manifest
// would mean two things.
func (s *Service) claim(ctx context.Context, name string, product id.Product) error {
	var owner string
	switch err := s.DB.QueryRow(ctx, productOfName, name).Scan(&owner); {
	case err == nil:
		return fault.New(fault.Conflict, "PRODUCT_NAME_TAKEN", "the key or alias %q belongs to the product %q", name, owner).
			WithFix("choose another alias")
	case !errors.Is(err, db.ErrNoRows):
		return err
	}
	_, err := s.DB.Exec(ctx, putProductName, name, product)
	return err
}

// distinctModules refuses module types that another product declares.
func (s *Service) distinctModules(ctx context.Context, product *Product) error {
	all, err := s.Products(ctx)
	if err != nil {
		return err
	}
	mine := map[string]bool{}
	for _, n := range moduleNames(product) {
		mine[n] = true
	}
	for i := range all {
		if all[i].Key == product.Key {
			continue
		}
		for _, n := range moduleNames(&all[i]) {
			if mine[n] {
				return fault.New(fault.Conflict, "MODULE_TYPE_TAKEN", "the module type %q belongs to the product %q", n, all[i].Key).
					WithFix("choose another type or alias")
			}
		}
	}
	return nil
}

// Products are the registered products by key.
func (s *Service) Products(ctx context.Context) ([]Product, error) {
	rows, err := s.DB.Query(ctx, allProducts)
	if err != nil {
		return nil, fault.Op("tenancy.Products", err)
	}
	defer rows.Close()
	var out []Product
	for rows.Next() {
		var source string
		if err := rows.Scan(&source); err != nil {
			return nil, fault.Op("tenancy.Products", err)
		}
		p, err := stored(source)
		if err != nil {
			return nil, fault.Op("tenancy.Products", err)
		}
		out = append(out, *p)
	}
	return out, fault.Op("tenancy.Products", rows.Err())
}

// ProductByKeyOrAlias finds a product.
func (s *Service) ProductByKeyOrAlias(ctx context.Context, name string) (*Product, error) {
	var source string
	err := s.DB.QueryRow(ctx, productSource, name).Scan(&source)
	if errors.Is(err, db.ErrNoRows) {
		return nil, fault.New(fault.NotFound, "PRODUCT_UNKNOWN", "there is no product with the key or alias %q", name).
			WithFix("annex product list names the registered ones")
	}
	if err != nil {
		return nil, fault.Op("tenancy.ProductByKeyOrAlias", err)
	}
	return stored(source)
}

// ManifestProducts is what manifests may name of the registered products.
func (s *Service) ManifestProducts(ctx context.Context) ([]manifest.Product, error) {
	all, err := s.Products(ctx)
	if err != nil {
		return nil, err
	}
	out := make([]manifest.Product, len(all))
	for i := range all {
		out[i] = all[i].ForManifest()
	}
	return out, nil
}

// stored reads a registered product again.
func stored(source string) (*Product, error) {
	p, problems := read(&reader{file: "product.yaml", stored: true}, []byte(source))
	if p == nil {
		return nil, invalid("a registered product", problems)
	}
	return p, nil
}

// Words are the words that a product gives its scopes, for admins.
func (s *Service) Words(ctx context.Context, product id.Product) (perm.Words, error) {
	p, err := s.ProductByKeyOrAlias(ctx, string(product))
	if err != nil {
		return nil, err
	}
	return wordsOf(*p), nil
}

// AllWords gives the words of every registered product's scopes; where two products
// word one scope, the first in the order of Products counts.
func (s *Service) AllWords(ctx context.Context) (perm.Words, error) {
	products, err := s.Products(ctx)
	if err != nil {
		return nil, err
	}
	return wordsOf(products...), nil
}

func wordsOf(products ...Product) perm.Words {
	scopes := map[string]Scope{}
	for _, p := range products {
		for _, x := range p.Scopes {
			if _, taken := scopes[x.Name]; !taken {
				scopes[x.Name] = x
			}
		}
	}
	return func(scope string) (title, detail, risk string, ok bool) {
		x, ok := scopes[scope]
		return x.Title, x.Data, x.Risk, ok
	}
}
