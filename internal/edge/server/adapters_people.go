package server

import (
	"context"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/people"
	"github.com/annexhq/annex/internal/feature/productauth"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/infra/signer"
)

// directories tells how products are asked who their people are.
type directories struct{ products *products }

// Directory implements people.Directories.
func (d directories) Directory(ctx context.Context, product id.Product) (*people.Directory, error) {
	a, err := d.products.declared(ctx, product)
	if err != nil || a.People == nil {
		return nil, err
	}
	p := a.People
	return &people.Directory{
		BaseURL: a.BaseURL, Person: p.Person, Search: p.Search, List: p.List, ID: p.ID, Name: p.Name,
		Avatar: p.Avatar, AvatarPath: p.AvatarPath(), AvatarHosts: p.AvatarHosts, Scopes: p.Scopes,
	}, nil
}

// platformName stands where an app's names do in a token with which the platform itself asks
// a product, as docs/PROTOCOL.md says. No app has it: apps and installations have UUIDs.
const platformName = "annex"

// peopleAsked proves to a product that the platform asks for a person who is in front of it.
type peopleAsked struct {
	signer   *signer.Signer
	products *products
	accounts *productauth.Service
}

// Credential implements people.Credentials.
func (c peopleAsked) Credential(ctx context.Context, v people.Viewer, scopes []string) (people.Credential, error) {
	a, err := c.products.tenancy.API(ctx, v.Product)
	if err != nil {
		return people.Credential{}, err
	}
	var token string
	if a.Auth == tenancy.AuthOAuth2 {
		token, err = c.accounts.Token(ctx, v.Site, v.Product, v.User)
	} else {
		token, _, err = c.signer.ReuseAccess(signer.Access{
			Audience: string(v.Product), Subject: "user:" + string(v.User), ClientID: platformName, Actor: signer.Actor{Subject: "app:" + platformName, Name: "Annex"},
			Scope: scopes, Site: string(v.Site), Installation: platformName,
		})
	}
	return people.Credential{Header: "Authorization", Value: "Bearer " + token, Secret: token}, err
}
