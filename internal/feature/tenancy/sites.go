package tenancy

import (
	"context"
	"errors"
	"regexp"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/rollout"
	"github.com/annexhq/annex/internal/infra/db"
)

// Site is a customer's tenant.
type Site struct {
	ID       id.Site
	Name     string
	Products []id.Product
	// AllowDevelopment lets development and staging apps be installed and run.
	AllowDevelopment bool
	// Updates says when versions that ask for nothing new reach the installations.
	Updates rollout.Policy
	Created time.Time
}

// NewSite is what an operator adds.
type NewSite struct {
	Name             string
	Products         []id.Product
	AllowDevelopment bool
}

var siteForm = regexp.MustCompile(`^[a-z0-9](?:[a-z0-9.-]{0,61}[a-z0-9])?$`)

// AddSite adds a site. Only an operator may.
func (s *Service) AddSite(ctx context.Context, p id.Principal, add NewSite) (Site, error) {
	if !p.Is(id.Operator) {
		return Site{}, denied("only an operator adds sites")
	}
	if err := checkSiteName(add.Name); err != nil {
		return Site{}, err
	}
	if len(add.Products) == 0 {
		return Site{}, fault.New(fault.Usage, "SITE_PRODUCTS", "a site needs at least one product").WithFix("add --product KEY")
	}
	site := Site{ID: id.Site(newID()), Name: add.Name, AllowDevelopment: add.AllowDevelopment, Created: s.Now().Truncate(time.Millisecond)}
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		site.Products = nil
		if _, err := s.DB.Exec(ctx, putSite, site.ID, site.Name, site.AllowDevelopment, site.Created.UnixMilli()); err != nil {
			return taken(err, add.Name)
		}
		for _, key := range add.Products {
			product, err := s.ProductByKeyOrAlias(ctx, string(key))
			if err != nil {
				return err
			}
			if slices.Contains(site.Products, product.Key) {
				continue
			}
			site.Products = append(site.Products, product.Key)
			if _, err := s.DB.Exec(ctx, putSiteProduct, site.ID, product.Key); err != nil {
				return err
			}
		}
		return s.Audit.Append(ctx, site.ID, "", p, "site.add", map[string]any{
			"products": site.Products, "developmentApps": site.AllowDevelopment})
	})
	slices.Sort(site.Products)
	return site, fault.Op("tenancy.AddSite", err)
}

// UpdateSite changes a site through change, in one transaction. The site's admin may
// switch development apps; name and products are the operator's.
func (s *Service) UpdateSite(ctx context.Context, p id.Principal, site id.Site, change func(*Site) error) (Site, error) {
	if !p.Is(id.Operator) && (!p.Is(id.SiteAdmin) || p.Site != site) {
		return Site{}, denied("only the site's admin or an operator changes a site")
	}
	var after Site
	var switched bool
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		before, err := s.SiteByID(ctx, site)
		if err != nil {
			return err
		}
		after = before
		after.Products = slices.Clone(before.Products)
		if err := change(&after); err != nil {
			return err
		}
		after.ID, after.Created = before.ID, before.Created
		slices.Sort(after.Products)
		after.Products = slices.Compact(after.Products)
		if !p.Is(id.Operator) && (after.Name != before.Name || !slices.Equal(after.Products, before.Products)) {
			return denied("a site's name and products are the operator's to change")
		}
		if err := checkSiteName(after.Name); err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, setSite, after.Name, after.AllowDevelopment, after.Updates.String(), site); err != nil {
			return taken(err, after.Name)
		}
		if err := s.setProducts(ctx, before, after); err != nil {
			return err
		}
		switched = after.AllowDevelopment != before.AllowDevelopment && s.Installations != nil
		if switched {
			if err := s.Installations.SwitchDevelopment(ctx, p, site, after.AllowDevelopment); err != nil {
				return err
			}
		}
		if after.Updates != before.Updates && s.Installations != nil {
			switched = true
			if err := s.Installations.SwitchUpdates(ctx, p, site, after.Updates); err != nil {
				return err
			}
		}
		return s.Audit.Append(ctx, site, "", p, "site.update", map[string]any{
			"products": after.Products, "developmentApps": after.AllowDevelopment, "updates": after.Updates.String()})
	})
	if err == nil && switched {
		s.Installations.Refresh(ctx)
	}
	return after, fault.Op("tenancy.UpdateSite", err)
}

// Ended says what ended with a site.
type Ended struct {
	Installations int
	Tokens        int64
}

// RemoveSite removes a site: its installations end at once, also for calls that run, its
// admins lose their right to it, and their tokens for it are void. Only an operator may.
func (s *Service) RemoveSite(ctx context.Context, p id.Principal, site id.Site) (out Ended, err error) {
	if !p.Is(id.Operator) {
		return Ended{}, denied("only an operator removes sites")
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) (err error) {
		if _, err := s.SiteByID(ctx, site); err != nil {
			return err
		}
		if s.Installations != nil {
			if out.Installations, err = s.Installations.EndSite(ctx, p, site); err != nil {
				return err
			}
		}
		if s.Accounts != nil {
			if out.Tokens, err = s.Accounts.EndSite(ctx, site); err != nil {
				return err
			}
		}
		for _, end := range s.Ends {
			if err := end(ctx, site); err != nil {
				return err
			}
		}
		for _, q := range []string{dropSiteProducts, dropSite} {
			if _, err := s.DB.Exec(ctx, q, site); err != nil {
				return err
			}
		}
		return s.Audit.Append(ctx, site, "", p, "site.remove", map[string]any{"installations": out.Installations, "tokens": out.Tokens})
	})
	if err != nil {
		return Ended{}, fault.Op("tenancy.RemoveSite", err)
	}
	if s.Installations != nil {
		s.Installations.Refresh(ctx)
	}
	if s.Accounts != nil {
		s.Accounts.Forget()
	}
	return out, nil
}

func (s *Service) setProducts(ctx context.Context, before, after Site) error {
	for _, k := range before.Products {
		if !slices.Contains(after.Products, k) {
			if _, err := s.DB.Exec(ctx, dropSiteProduct, before.ID, k); err != nil {
				return err
			}
		}
	}
	for _, k := range after.Products {
		if slices.Contains(before.Products, k) {
			continue
		}
		if _, err := s.ProductByKeyOrAlias(ctx, string(k)); err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, putSiteProduct, before.ID, k); err != nil {
			return err
		}
	}
	return nil
}

// SiteByID finds a site.
func (s *Service) SiteByID(ctx context.Context, site id.Site) (Site, error) {
	return s.oneSite(ctx, siteByID, string(site))
}

// SiteByName finds a site by its name or its id.
func (s *Service) SiteByName(ctx context.Context, name string) (Site, error) {
	out, err := s.oneSite(ctx, siteByName, name)
	if fault.KindOf(err) == fault.NotFound {
		return s.oneSite(ctx, siteByID, name)
	}
	return out, err
}

// SiteExists reports whether there is such a site.
func (s *Service) SiteExists(ctx context.Context, site id.Site) (bool, error) {
	_, err := s.SiteByID(ctx, site)
	if err != nil && fault.KindOf(err) == fault.NotFound {
		return false, nil
	}
	return err == nil, err
}

// SiteUpdates is a site's policy for updates.
func (s *Service) SiteUpdates(ctx context.Context, site id.Site) (rollout.Policy, error) {
	got, err := s.SiteByID(ctx, site)
	return got.Updates, err
}

// SiteOffers reports whether a site has a product, and whether development apps may
// be installed on it.
func (s *Service) SiteOffers(ctx context.Context, site id.Site, product id.Product) (has, development bool, err error) {
	got, err := s.SiteByID(ctx, site)
	if err != nil {
		return false, false, err
	}
	return slices.Contains(got.Products, product), got.AllowDevelopment, nil
}

// ProductsOf are the products of a site.
func (s *Service) ProductsOf(ctx context.Context, site id.Site) ([]id.Product, error) {
	got, err := s.SiteByID(ctx, site)
	return got.Products, err
}

// SiteOf is the site whose people sign in to a product: the named one, or the only one
// that has it.
func (s *Service) SiteOf(ctx context.Context, product id.Product, name string) (id.Site, error) {
	if name != "" {
		site, err := s.SiteByName(ctx, name)
		if err != nil {
			return "", err
		}
		if has, _, err := s.SiteOffers(ctx, site.ID, product); err != nil || has {
			return site.ID, err
		}
	}
	rows, err := s.DB.Query(ctx, sitesOffering, product)
	if err != nil {
		return "", fault.Op("tenancy.SiteOf", err)
	}
	defer rows.Close()
	var found []id.Site
	for rows.Next() {
		var site id.Site
		if err := rows.Scan((*string)(&site)); err != nil {
			return "", fault.Op("tenancy.SiteOf", err)
		}
		found = append(found, site)
	}
	if err := rows.Err(); err != nil {
		return "", fault.Op("tenancy.SiteOf", err)
	}
	if len(found) == 1 && name == "" {
		return found[0], nil
	}
	return "", fault.New(fault.NotFound, "NO_SITE", "which site's people sign in to %s has to be said", product).WithFix("add site=NAME to the address")
}

// Sites lists all sites for an operator, an admin's own one.
func (s *Service) Sites(ctx context.Context, p id.Principal) ([]Site, error) {
	switch {
	case p.Is(id.SiteAdmin):
		site, err := s.SiteByID(ctx, p.Site)
		return []Site{site}, err
	case !p.Is(id.Operator):
		return nil, denied("only operators and site admins list sites")
	}
	rows, err := s.DB.Query(ctx, allSites)
	if err != nil {
		return nil, fault.Op("tenancy.Sites", err)
	}
	defer rows.Close()
	var out []Site
	for rows.Next() {
		site, err := scanSite(rows)
		if err != nil {
			return nil, fault.Op("tenancy.Sites", err)
		}
		out = append(out, site)
	}
	if err := rows.Err(); err != nil {
		return nil, fault.Op("tenancy.Sites", err)
	}
	rows.Close()
	for i := range out {
		if out[i].Products, err = s.productsOf(ctx, out[i].ID); err != nil {
			return nil, fault.Op("tenancy.Sites", err)
		}
	}
	return out, nil
}

func (s *Service) oneSite(ctx context.Context, query, arg string) (Site, error) {
	site, err := scanSite(s.DB.QueryRow(ctx, query, arg))
	if errors.Is(err, db.ErrNoRows) {
		return Site{}, fault.New(fault.NotFound, "SITE_UNKNOWN", "there is no such site").WithFix("annex site add NAME --product KEY adds one")
	}
	if err == nil {
		site.Products, err = s.productsOf(ctx, site.ID)
	}
	return site, fault.Op("tenancy.oneSite", err)
}

func (s *Service) productsOf(ctx context.Context, site id.Site) ([]id.Product, error) {
	rows, err := s.DB.Query(ctx, siteProducts, site)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []id.Product
	for rows.Next() {
		var key string
		if err := rows.Scan(&key); err != nil {
			return nil, err
		}
		out = append(out, id.Product(key))
	}
	return out, rows.Err()
}

func scanSite(row interface{ Scan(...any) error }) (Site, error) {
	var (
		site        Site
		development int64
		updates     string
		created     int64
	)
	err := row.Scan((*string)(&site.ID), &site.Name, &development, &updates, &created)
	if err != nil {
		return site, err
	}
	site.AllowDevelopment, site.Created = development != 0, time.UnixMilli(created)
	site.Updates, err = rollout.Parse(updates)
	return site, err
}

func checkSiteName(name string) error {
	if !siteForm.MatchString(name) {
		return fault.New(fault.Invalid, "SITE_NAME", "a site's name has 1 to 63 lower-case letters, digits, dots and dashes, not %q", name)
	}
	return nil
}

func taken(err error, name string) error {
	if db.IsUnique(err) {
		return fault.New(fault.Conflict, "SITE_NAME_TAKEN", "there is a site named %q already", name)
	}
	return err
}
