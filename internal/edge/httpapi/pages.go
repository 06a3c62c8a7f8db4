package httpapi

import (
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/csp"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/hosting"
)

type pagesJSON struct {
	Origin    string            `json:"origin"`
	Documents map[string]string `json:"documents"` // resource → URL
	Policy    string            `json:"policy"`
	Allowlist string            `json:"connectionAllowlist"`
	Sources   []csp.Reason      `json:"sources"`
	Blocked   []blockedJSON     `json:"blocked"`
}

type blockedJSON struct {
	Directive string          `json:"directive"`
	Type      perm.EgressType `json:"type,omitempty"`
	Origin    string          `json:"origin"`
	Times     int64           `json:"times"`
	FirstAt   time.Time       `json:"firstAt"`
	LastAt    time.Time       `json:"lastAt"`
	Allow     string          `json:"allow"` // how to
}

// showPages says where an installation's pages stand, the policy of each of their answers
// and what browsers reported that it stopped. What a site's admins allowed in production
// is the site's.
func (a *API) showPages(w http.ResponseWriter, r *request) error {
	d, err := a.Installs.Detail(r.ctx(), r.caller, r.installation())
	if err != nil {
		return err
	}
	if r.caller.Is(id.Developer) && d.EnvType == call.Production {
		return fault.New(fault.Denied, "NOT_SHARED", "what a site allows an app in production, and what its users' browsers block, is the site's").
			WithFix("ask an admin of the site, or look at an installation from development")
	}
	scope, err := tenant.ForInstall(r.caller, d.Site, d.ID)
	if r.caller.Is(id.Developer) {
		scope, err = tenant.ForOwner(r.caller, d.Owner, d.Site, d.ID)
	}
	if err != nil {
		return err
	}
	p, err := a.Installs.Policy(r.ctx(), d.ID)
	if err != nil {
		return err
	}
	out := pagesJSON{Origin: a.Hosting.Origin(d.ID), Documents: map[string]string{}, Blocked: []blockedJSON{}}
	if out.Policy, out.Allowlist, out.Sources, err = a.Hosting.Explain(r.ctx(), p); err != nil {
		return err
	}
	m, err := a.Registry.Manifest(r.ctx(), p.Version)
	if err != nil {
		return err
	}
	for _, res := range m.Resources {
		names := []string{res.Key}
		for entry := range res.Entry {
			names = append(names, res.Key+"/"+entry)
		}
		for _, name := range names {
			if url, err := a.Hosting.Document(r.ctx(), p, name); err == nil { // what is drawn on the server has none
				out.Documents[name] = url
			}
		}
	}
	blocked, err := a.Hosting.Reports(r.ctx(), scope)
	if err != nil {
		return err
	}
	for _, b := range blocked {
		out.Blocked = append(out.Blocked, blockedJSON{b.Directive, b.Type, b.Origin, b.Times, b.First, b.Last, hosting.Advice(b, d.Allowed(), d.Declared)})
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}
