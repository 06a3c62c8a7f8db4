// Package tenant makes the Scope that every store method on a tenant's table
// demands. A Scope cannot be written down: it is derived from a principal that has
// a right to that installation or site, so a query cannot be run for a tenant that
// nobody authorised.
package tenant

import (
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// Scope names the one installation (and its site) that a store method works on.
// Its zero value names none, and stores refuse it.
type Scope struct {
	install id.Install
	site    id.Site
}

// Install is the installation of the scope, "" for a site's scope.
func (s Scope) Install() id.Install { return s.install }

// Site is the site of the scope.
func (s Scope) Site() id.Site { return s.site }

// Valid reports whether the scope names a tenant.
func (s Scope) Valid() bool { return s.site != "" }

// ForApp is the scope of an app acting through its installation.
func ForApp(p id.Principal) (Scope, error) {
	if p.Kind != id.Application || p.Install == "" || p.Site == "" {
		return Scope{}, denied(p)
	}
	return Scope{install: p.Install, site: p.Site}, nil
}

// ForInstall is the scope of one installation of site, for that site's admin or the operator.
func ForInstall(p id.Principal, site id.Site, install id.Install) (Scope, error) {
	s, err := ForSite(p, site)
	if err != nil || install == "" {
		return Scope{}, denied(p)
	}
	s.install = install
	return s, nil
}

// ForSite is the scope of one site, for its admin or the operator.
func ForSite(p id.Principal, site id.Site) (Scope, error) {
	if site == "" || !p.Is(id.SiteAdmin, id.Operator) || (p.Kind == id.SiteAdmin && p.Site != site) {
		return Scope{}, denied(p)
	}
	return Scope{site: site}, nil
}

// ForOwner is the scope of an installation for the developer of its app. The caller
// states the app's owner; what the developer may then read is the feature's rule.
func ForOwner(p id.Principal, owner id.Account, site id.Site, install id.Install) (Scope, error) {
	if p.Kind != id.Developer || p.Account == "" || p.Account != owner || site == "" || install == "" {
		return Scope{}, denied(p)
	}
	return Scope{install: install, site: site}, nil
}

// ForUser is the scope of an installation on the user's own site. It says where, not
// which rows: whoever takes it reads and writes what is that user's.
func ForUser(p id.Principal, install id.Install) (Scope, error) {
	if p.Kind != id.EndUser || p.User == "" || p.Product == "" || p.Site == "" || install == "" {
		return Scope{}, denied(p)
	}
	return Scope{install: install, site: p.Site}, nil
}

func denied(p id.Principal) error {
	return fault.New(fault.Denied, "NOT_YOURS", "%s has no right to this site or installation", p.Kind)
}
