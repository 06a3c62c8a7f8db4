package server

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/productkit"
)

// signIns tells sessions where a product's people sign in.
type signIns struct{ products *tenancy.Service }

func (s signIns) SignIn(ctx context.Context, product string) (id.Product, string, error) {
	p, err := s.products.ProductByKeyOrAlias(ctx, product)
	if err != nil {
		return "", "", err
	}
	return p.Key, p.SignInURL, nil
}

// assertions verifies what products say of their users, with the keys that the operator
// registered for each product. Only its own keys speak for a product.
type assertions struct {
	products *products
	audience string // the ui origin
	client   *http.Client

	mu     sync.Mutex
	remote map[string]*productkit.RemoteKeys
}

// Keys implements productkit.KeySource.
func (a *assertions) Keys(ctx context.Context, c productkit.Claimed) (*productkit.KeySet, error) {
	api, err := a.products.declared(ctx, id.Product(c.Issuer))
	if fault.KindOf(err) == fault.NotFound || err == nil && api.Keys == nil {
		return nil, &productkit.Error{Reason: productkit.WrongIssuer, Detail: "no such product, or it has no keys"}
	}
	if err != nil {
		return nil, err
	}
	if api.Keys.URL == "" {
		return productkit.ParseKeySet(api.Keys.JWKS)
	}
	remote, err := a.at(api.Keys.URL)
	if err != nil {
		return nil, err
	}
	return remote.Keys(ctx, c)
}

func (a *assertions) at(url string) (*productkit.RemoteKeys, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if r := a.remote[url]; r != nil {
		return r, nil
	}
	r, err := productkit.NewRemoteKeys(url, a.client)
	if err != nil {
		return nil, err
	}
	if a.remote == nil {
		a.remote = map[string]*productkit.RemoteKeys{}
	}
	a.remote[url] = r
	return r, nil
}

// User implements session.Assertions.
func (a *assertions) User(ctx context.Context, token string) (session.Assertion, error) {
	u, err := productkit.VerifyUser(ctx, token, productkit.Expect{Audience: a.audience, Keys: a})
	if err != nil {
		return session.Assertion{}, refusedAssertion(err)
	}
	return assertionOf(u), nil
}

// Panel implements session.Assertions.
func (a *assertions) Panel(ctx context.Context, token string) (session.Assertion, error) {
	p, err := productkit.VerifyPanel(ctx, token, productkit.Expect{Audience: a.audience, Keys: a})
	if err != nil {
		return session.Assertion{}, refusedAssertion(err)
	}
	out := assertionOf(&p.User)
	out.Module = p.Module
	out.Extension, err = json.Marshal(p.Extension)
	return out, err
}

func assertionOf(u *productkit.User) session.Assertion {
	return session.Assertion{
		ID: u.TokenID, Product: id.Product(u.Product), Site: id.Site(u.Site), User: id.User(u.ID), Name: u.Name, Locale: u.Locale, TimeZone: u.Timezone,
		Admin: u.Admin, State: u.State, AuthTime: u.AuthTime, Issued: u.IssuedAt, Expires: u.Expires,
	}
}

// refusedAssertion says why; a reason holds nothing of the token.
func refusedAssertion(err error) error {
	var e *productkit.Error
	switch {
	case !errors.As(err, &e):
		return fault.Op("server.assertions", err)
	case e.Reason == productkit.NoKeys:
		return fault.New(fault.Unavailable, "NO_KEYS", "the product's keys cannot be had at present").WithFix("try again in a moment").Because(err)
	}
	return fault.New(fault.Unauthenticated, "ASSERTION_REFUSED", "what the product says of the user is refused: %s", e.Reason).
		With("reason", string(e.Reason)).With("detail", e.Detail)
}
