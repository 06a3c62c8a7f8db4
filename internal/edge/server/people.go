package server

import (
	"context"
	"net/url"
	"slices"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/infra/signer"
)

// signIns tells sessions where a product's people sign in.
type signIns struct {
	products *tenancy.Service
	ui       string
}

func (s signIns) SignIn(ctx context.Context, product string) (id.Product, string, error) {
	p, err := s.products.ProductByKeyOrAlias(ctx, product)
	if err != nil {
		return "", "", err
	}
	if p.Users == tenancy.FromOAuth2 { // its authorization server signs people in, by way of this server
		return p.Key, s.ui + "/oauth/sign-in?product=" + url.QueryEscape(string(p.Key)), nil
	}
	if p.Users == tenancy.FromOIDC {
		return p.Key, s.ui + "/openid/sign-in?product=" + url.QueryEscape(string(p.Key)), nil
	}
	return p.Key, p.SignInURL, nil
}

// productKeys tells with which keys a product signs, and lets its key set be fetched.
type productKeys struct{ products *products }

// Keys implements signer.Products.
func (p productKeys) Keys(ctx context.Context, product id.Product) (signer.ProductKeys, error) {
	api, err := p.products.declared(ctx, product)
	if err != nil {
		return signer.ProductKeys{}, err
	}
	if api.Keys == nil {
		return signer.ProductKeys{}, fault.New(fault.NotFound, "PRODUCT_KEYS", "the product has no keys to sign with").WithFix("add keys to its product.yaml")
	}
	return signer.ProductKeys{Set: api.Keys.JWKS, URL: api.Keys.URL}, nil
}

// assertions gives sessions what products say of their users, verified.
type assertions struct {
	verifier *signer.Assertions
	products *products
}

// User implements session.Assertions.
func (a assertions) User(ctx context.Context, token string) (session.Assertion, error) {
	u, err := a.verifier.VerifyUser(ctx, token)
	if err != nil {
		return session.Assertion{}, err
	}
	return a.of(ctx, u)
}

// Panel implements session.Assertions.
func (a assertions) Panel(ctx context.Context, token string) (session.Assertion, error) {
	p, err := a.verifier.VerifyPanel(ctx, token)
	if err != nil {
		return session.Assertion{}, err
	}
	out, err := a.of(ctx, p.User)
	out.Module, out.Extension = p.Module, p.Extension
	return out, err
}

// of is what counts of an assertion: who is an admin is said where the operator declared it.
func (a assertions) of(ctx context.Context, u signer.User) (session.Assertion, error) {
	declared, err := a.products.declared(ctx, u.Product)
	if err != nil {
		return session.Assertion{}, err
	}
	admin := u.Admin && declared.Admins.From == tenancy.FromAssertion
	if len(declared.Admins.Users) > 0 {
		admin = slices.Contains(declared.Admins.Users, string(u.ID))
	}
	return session.Assertion{
		ID: u.TokenID, Product: u.Product, Site: u.Site, User: u.ID, Name: u.Name, Locale: u.Locale, TimeZone: u.Timezone,
		Admin: admin, State: u.State, AuthTime: u.AuthTime, Issued: u.IssuedAt, Expires: u.Expires,
	}, nil
}
