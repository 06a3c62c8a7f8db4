package applog

import (
	"context"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
)

// place is an installation that has rows.
type place struct {
	install id.Install
	site    id.Site
	app     id.App
	owner   id.Account
	env     id.Env
	envName string
	envType call.EnvType
}

// readable is the rule of SPEC 9: may the principal, to whom the installation
// belongs in one way or the other, read what the app wrote?
func (l place) readable(p id.Principal) bool {
	switch p.Kind {
	case id.SiteAdmin:
		return true
	case id.Developer:
		return l.envType == call.Development || l.envType == call.Staging
	default:
		return false
	}
}

// scope proves the principal's right to the installation.
func (l place) scope(p id.Principal) (tenant.Scope, error) {
	if p.Kind == id.Developer {
		return tenant.ForOwner(p, l.owner, l.site, l.install)
	}
	return tenant.ForInstall(p, l.site, l.install)
}

// places are the installations of the query that belong to the principal: a
// developer's apps, an admin's site. Nobody else has any.
func (s *Service) places(ctx context.Context, p id.Principal, q Query) ([]place, error) {
	var statement, owner string
	switch {
	case p.Kind == id.Developer && p.Account != "":
		statement, owner = placesOfOwnerAllTenants, string(p.Account)
	case p.Kind == id.SiteAdmin && p.Site != "":
		statement, owner = placesOfSite, string(p.Site)
	default:
		return nil, fault.New(fault.Denied, "LOGS_DENIED", "only an app's developer and a site's admin read logs")
	}
	rows, err := s.db.Query(ctx, statement, owner)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []place
	for rows.Next() {
		var l place
		if err := rows.Scan(&l.install, &l.site, &l.app, &l.owner, &l.env, &l.envName, &l.envType); err != nil {
			return nil, err
		}
		if q.selects(l) {
			out = append(out, l)
		}
	}
	return out, rows.Err()
}

func (q Query) selects(l place) bool {
	return (q.App == "" || q.App == l.app) && (q.Env == "" || strings.EqualFold(q.Env, l.envName)) &&
		(q.Site == "" || q.Site == l.site) && (q.Install == "" || q.Install == l.install) && (len(q.Installs) == 0 || slices.Contains(q.Installs, l.install))
}

// isProduction: an app has one production environment, of this name.
func isProduction(env string) bool { return strings.EqualFold(env, string(call.Production)) }

func notShared() error {
	return fault.New(fault.Denied, "LOGS_NOT_SHARED", "the logs of production belong to the site, and only its admin reads them").
		WithFix("GET /api/v1/activity gives counts, error classes, places in the source and invocation ids; the site's admin reads the lines by one of those ids")
}
