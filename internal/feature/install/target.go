package install

import (
	"context"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
)

// release finds what a target would run, for its site's admin or its app's developer,
// and whether the site takes development apps.
func (s *Service) release(ctx context.Context, p id.Principal, t Target) (release *call.Release, development bool, err error) {
	switch {
	case p.Is(id.SiteAdmin):
		if err := adminOf(p, t.Site); err != nil {
			return nil, false, err
		}
	case !p.Is(id.Developer):
		return nil, false, denied("only the site's admin or the app's developer may ask for an installation")
	}
	release, err = s.Releases.Release(ctx, t.App, t.Environment)
	if err != nil {
		return nil, false, err
	}
	if p.Is(id.Developer) && release.Owner != p.Account {
		return nil, false, fault.New(fault.NotFound, "NOT_YOURS", "there is no such app, or it is not yours")
	}
	has, development, err := s.Sites.SiteOffers(ctx, t.Site, t.Product)
	if err != nil {
		return nil, false, err
	}
	if !has {
		return nil, false, fault.New(fault.NotFound, "PRODUCT_NOT_ON_SITE", "the site does not have the product %q", t.Product)
	}
	return release, development, nil
}

// at is the active installation of a target, nil if there is none that the caller may
// know of: a site's admin knows those of the site, a developer those of own apps.
func (s *Service) at(ctx context.Context, p id.Principal, t Target) (*Installation, error) {
	switch p.Kind {
	case id.SiteAdmin:
		scope, err := tenant.ForSite(p, t.Site)
		if err != nil {
			return nil, err
		}
		return s.byTarget(ctx, scope, t)
	case id.Developer:
		return s.one(ctx, byTargetOfOwner, p.Account, t.Site, t.App, t.Environment, t.Product)
	default:
		return nil, nil
	}
}

func adminOf(p id.Principal, site id.Site) error {
	if !p.Is(id.SiteAdmin) || site == "" || p.Site != site {
		return denied("only an admin of the site installs, approves and uninstalls there")
	}
	return nil
}

func developmentOff() error {
	return fault.New(fault.Denied, "DEVELOPMENT_APPS_OFF", "the site takes no development and staging apps").
		WithFix("an admin of the site allows them (`annex site set SITE --development-apps on`), or install the production environment")
}

func denied(format string, args ...any) error {
	return fault.New(fault.Denied, "ROLE_REQUIRED", format, args...)
}

// words are the words that a product gives its scopes.
func (s *Service) words(ctx context.Context, product id.Product) (perm.Words, error) {
	if s.Words == nil {
		return nil, nil
	}
	return s.Words.Words(ctx, product)
}
