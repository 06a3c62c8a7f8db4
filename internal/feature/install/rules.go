package install

import (
	"context"
	"slices"
	"strings"
	"time"
	"unicode"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// AccessRule keeps one app, or all, from a container of a product on a site: a project for
// instance. It takes from what apps may do there and gives nothing.
type AccessRule struct {
	ID        string
	Site      id.Site
	Product   id.Product
	Container call.Container
	App       id.App // "" for all apps, also those that are installed later
	By        string
	At        time.Time
}

const (
	// maxRules bounds the rules of a site, maxRuleText the containers' names of one of its
	// products all together: tokens for the product carry them.
	maxRules         = 100
	maxRuleText      = 3000
	maxContainerName = 200
)

// siteRules are those of one site.
type siteRules []AccessRule

func (r AccessRule) concerns(i *Installation) bool {
	return r.Product == i.Product && (r.App == "" || r.App == i.App)
}

// about are the rules that concern an installation, each container once.
func (all siteRules) about(i *Installation) (out []call.AccessRule) {
	for _, r := range all {
		if r.concerns(i) && !slices.ContainsFunc(out, func(have call.AccessRule) bool { return have.Container == r.Container }) {
			out = append(out, call.AccessRule{Container: r.Container, Rule: r.ID})
		}
	}
	return out
}

// bar reports whether one of the rules keeps an installation from a container.
func (all siteRules) bar(i *Installation, c call.Container) bool {
	return slices.ContainsFunc(all, func(r AccessRule) bool { return r.concerns(i) && r.Container.Is(c) })
}

// AccessRules are the rules of a site, for its admins.
func (s *Service) AccessRules(ctx context.Context, p id.Principal, site id.Site) ([]AccessRule, error) {
	if !p.Is(id.SiteAdmin) || p.Site != site {
		return nil, denied("only an admin of the site sees its access rules")
	}
	all, err := s.rules(ctx, rulesOfSite, site)
	if p.Product != "" {
		all = slices.DeleteFunc(all, func(r AccessRule) bool { return r.Product != p.Product })
	}
	return all, fault.Op("install.AccessRules", err)
}

// Block makes a rule. It counts within a second, also for calls that are under way.
func (s *Service) Block(ctx context.Context, p id.Principal, r AccessRule) (AccessRule, error) {
	if err := s.mayRule(p, r.Site, r.Product); err != nil {
		return r, err
	}
	r.Container.ID = strings.TrimSpace(r.Container.ID)
	if err := s.checkRule(ctx, r); err != nil {
		return r, fault.Op("install.Block", err)
	}
	r.ID, r.By, r.At = uuid.Must(uuid.NewV7()).String(), p.String(), s.Now().UTC().Truncate(time.Millisecond)
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.tick(ctx); err != nil { // in turn with other servers
			return err
		}
		have, err := s.rules(ctx, rulesOfSite, r.Site)
		if err != nil {
			return err
		}
		if err := r.fits(have); err != nil {
			return err
		}
		if err := s.appThere(ctx, r); err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, addRule, r.ID, r.Site, r.Product, r.Container.Type, r.Container.ID, r.App, r.By, r.At.UnixMilli()); err != nil {
			return err
		}
		return s.ruled(ctx, p, r, "access.block", s.Barred)
	})
	if err != nil {
		return r, fault.Op("install.Block", err)
	}
	s.Refresh(ctx)
	return r, nil
}

// Unblock ends a rule.
func (s *Service) Unblock(ctx context.Context, p id.Principal, site id.Site, rule string) error {
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.tick(ctx); err != nil {
			return err
		}
		have, err := s.AccessRules(ctx, p, site)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(have, func(r AccessRule) bool { return r.ID == rule })
		if at < 0 {
			return fault.New(fault.NotFound, "NO_SUCH_RULE", "the site has no access rule %.64q", rule).WithFix("`annex access-rules list` has them with their ids")
		}
		if _, err := s.DB.Exec(ctx, dropRule, rule, site); err != nil {
			return err
		}
		left := siteRules(slices.Delete(slices.Clone(have), at, at+1))
		return s.ruled(ctx, p, have[at], "access.unblock", func(ctx context.Context, p id.Principal, i *Installation, c call.Container) error {
			if s.Unbarred == nil || left.bar(i, c) {
				return nil
			}
			return s.Unbarred(ctx, p, i, c)
		})
	})
	if err != nil {
		return fault.Op("install.Unblock", err)
	}
	s.Refresh(ctx)
	return nil
}

func (s *Service) mayRule(p id.Principal, site id.Site, product id.Product) error {
	if !p.Is(id.SiteAdmin) || p.Site != site {
		return denied("only an admin of the site decides what apps are kept from")
	}
	if p.Product != "" && p.Product != product {
		return denied("an admin of one product does not decide for another one")
	}
	return nil
}

func (s *Service) checkRule(ctx context.Context, r AccessRule) error {
	name := r.Container.ID
	if name == "" || len(name) > maxContainerName || strings.ContainsFunc(name, func(c rune) bool { return unicode.IsControl(c) || c == unicode.ReplacementChar }) {
		return fault.New(fault.Invalid, "BAD_CONTAINER", "a container's id has 1 to %d bytes, none of them a control character", maxContainerName)
	}
	has, _, err := s.Sites.SiteOffers(ctx, r.Site, r.Product)
	if err != nil {
		return err
	}
	if !has {
		return fault.New(fault.NotFound, "PRODUCT_NOT_ON_SITE", "the site has no product %.64q", string(r.Product)).WithFix("`annex site list` has the sites and their products")
	}
	var types []string
	if s.Containers != nil {
		if types, err = s.Containers.ContainerTypes(ctx, r.Product); err != nil {
			return err
		}
	}
	if !slices.Contains(types, r.Container.Type) {
		f := fault.New(fault.Invalid, "BAD_CONTAINER", "the product %s declares no containers of the type %.64q", r.Product, r.Container.Type)
		if len(types) == 0 {
			return f.WithFix("the product's operator declares them under containers: in product.yaml")
		}
		return f.WithFix("it declares: %s", strings.Join(types, ", "))
	}
	return nil
}

// appThere refuses a rule for an app that is not there: a misspelt one would keep nobody
// from anything.
func (s *Service) appThere(ctx context.Context, r AccessRule) error {
	if r.App == "" {
		return nil
	}
	rows, err := s.query(ctx, ofSite, r.Site)
	if err != nil || slices.ContainsFunc(rows, func(x row) bool { return r.concerns(&x.Installation) }) {
		return err
	}
	return fault.New(fault.NotFound, "NOT_INSTALLED", "the app %.64q is not installed on %s of this site", string(r.App), r.Product).
		WithFix("`annex install list` has the apps with their ids; without an app the rule is for all, also later ones")
}

// fits refuses a rule beside which there is no room for it, or no need of it.
func (r AccessRule) fits(have []AccessRule) error {
	size := len(r.Container.ID)
	for _, h := range have {
		if h.Product == r.Product && h.Container == r.Container && h.App == r.App {
			return fault.New(fault.Conflict, "RULE_EXISTS", "there is such a rule already").With("rule", h.ID)
		}
		if h.Product == r.Product {
			size += len(h.Container.ID)
		}
	}
	if len(have) >= maxRules {
		return fault.New(fault.Limit, "LIMIT_ACCESS_RULES", "the site has %d access rules already", maxRules).With("limit", maxRules).WithFix("end one that is not needed: annex access-rules unblock")
	}
	if size > maxRuleText {
		return fault.New(fault.Limit, "LIMIT_ACCESS_RULES", "the ids of the containers in a product's rules have more than %d bytes together", maxRuleText).With("limit", maxRuleText).
			WithFix("name containers by their shorter ids, or end a rule that is not needed")
	}
	return nil
}

// ruled raises the epoch of each installation that a rule concerns, tells it, and writes
// the act down; it runs in the act's transaction.
func (s *Service) ruled(ctx context.Context, p id.Principal, r AccessRule, act string, tell func(context.Context, id.Principal, *Installation, call.Container) error) error {
	rows, err := s.query(ctx, ofSite, r.Site)
	if err != nil {
		return err
	}
	for n := range rows {
		i := &rows[n].Installation
		if !r.concerns(i) {
			continue
		}
		if err := s.save(ctx, i); err != nil {
			return err
		}
		if tell == nil || i.halt() != running {
			continue
		}
		if err := tell(ctx, p, i, r.Container); err != nil {
			return err
		}
	}
	return s.Audit.Append(ctx, r.Site, "", p, act, map[string]any{"rule": r.ID, "product": r.Product, "type": r.Container.Type, "container": r.Container.ID, "app": r.App})
}

// rulesFor are the rules of the sites of installations, of all sites where after is 0.
func (s *Service) rulesFor(ctx context.Context, after int64, rows []row) (map[id.Site]siteRules, error) {
	out := map[id.Site]siteRules{}
	if after == 0 {
		all, err := s.rules(ctx, allRules)
		for _, r := range all {
			out[r.Site] = append(out[r.Site], r)
		}
		return out, err
	}
	for n := range rows {
		site := rows[n].Site
		if _, known := out[site]; known {
			continue
		}
		all, err := s.rules(ctx, rulesOfSite, site)
		if err != nil {
			return nil, err
		}
		out[site] = all
	}
	return out, nil
}

func (s *Service) rules(ctx context.Context, query string, args ...any) ([]AccessRule, error) {
	rows, err := s.DB.Query(ctx, query, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []AccessRule
	for rows.Next() {
		var r AccessRule
		var at int64
		if err := rows.Scan(&r.ID, (*string)(&r.Site), (*string)(&r.Product), &r.Container.Type, &r.Container.ID, (*string)(&r.App), &r.By, &at); err != nil {
			return nil, err
		}
		r.At = time.UnixMilli(at).UTC()
		out = append(out, r)
	}
	return out, rows.Err()
}

// keepRules keeps what was ruled before a restore and is not in the backup: an old backup
// gives no app anything back.
func (s *Service) keepRules(ctx context.Context, before *Before) error {
	if before == nil {
		return nil
	}
	have, err := s.rules(ctx, allRules)
	if err != nil {
		return err
	}
	for _, r := range before.rules {
		if slices.ContainsFunc(have, func(h AccessRule) bool { return h.ID == r.ID }) {
			continue
		}
		if _, err := s.DB.Exec(ctx, addRule, r.ID, r.Site, r.Product, r.Container.Type, r.Container.ID, r.App, r.By, r.At.UnixMilli()); err != nil {
			return err
		}
	}
	return nil
}
