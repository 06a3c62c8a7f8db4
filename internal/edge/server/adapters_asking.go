package server

import (
	"context"
	"slices"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/feature/asking"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

// askInstalls lets requests read and change what is configured.
type askInstalls struct{ *install.Service }

// Configured implements asking.Installs.
func (a askInstalls) Configured(ctx context.Context, scope tenant.Scope) (asking.Configured, error) {
	set, authority, epoch, err := a.ConfiguredNow(ctx, scope)
	if err != nil {
		return asking.Configured{}, err
	}
	out := asking.Configured{Authority: authority, Epoch: epoch}
	for _, g := range append([]install.Group{{}}, set.Groups...) {
		group := asking.Group{Key: g.Key, Description: g.Description}
		for _, c := range set.Configured {
			if c.Group == g.Key {
				group.Egress = append(group.Egress, asking.Destination{Type: c.Type, Pattern: c.Pattern})
			}
		}
		out.Groups = append(out.Groups, group)
	}
	return out, nil
}

func groupSets(groups []asking.Group) []install.GroupSet {
	out := make([]install.GroupSet, 0, len(groups))
	for _, g := range groups {
		set := install.GroupSet{Key: g.Key, Description: g.Description}
		for _, d := range g.Egress {
			set.Egress = append(set.Egress, install.Destination{Type: d.Type, Pattern: d.Pattern})
		}
		out = append(out, set)
	}
	return out
}

// Try implements asking.Installs.
func (a askInstalls) Try(ctx context.Context, scope tenant.Scope, groups []asking.Group) error {
	return a.TryGroups(ctx, scope, groupSets(groups))
}

// Grant implements asking.Installs.
func (a askInstalls) Grant(ctx context.Context, by id.Principal, i id.Install, groups []asking.Group, shown uint64) error {
	_, err := a.SetGroups(ctx, by, i, groupSets(groups), shown)
	return err
}

// RemoveGroup implements asking.Installs.
func (a askInstalls) RemoveGroup(ctx context.Context, by id.Principal, i id.Install, key string, shown uint64) error {
	_, err := a.Service.RemoveGroup(ctx, by, i, key, shown)
	return err
}

// RemoveDomain implements asking.Installs.
func (a askInstalls) RemoveDomain(ctx context.Context, by id.Principal, i id.Install, key, domain string, t perm.EgressType, shown uint64) error {
	_, err := a.Service.RemoveDomain(ctx, by, i, key, domain, t, shown)
	return err
}

// askRemotes are the remotes whose address an admin sets.
type askRemotes struct {
	installs *install.Service
	registry *registry.Service
}

// Configurable implements asking.Remotes.
func (a askRemotes) Configurable(ctx context.Context, p *call.Policy, key string) ([]asking.Remote, error) {
	set, authority, _, err := a.installs.ConfiguredNow(ctx, p.Scope)
	if err != nil {
		return nil, err
	}
	m, err := a.registry.Manifest(ctx, p.Version)
	if err != nil {
		return nil, err
	}
	effective := authority.Effective()
	reset := authority
	reset.Remotes = nil
	byDefault := reset.Effective()
	var out []asking.Remote
	add := func(r asking.Remote) {
		if (key == "" || key == r.Key) && !slices.ContainsFunc(out, func(x asking.Remote) bool { return x.Key == r.Key }) {
			r.URL, r.Default = perm.URLOf(effective, r.Key), perm.URLOf(byDefault, r.Key)
			out = append(out, r)
		}
	}
	granted := perm.Intersect(authority.Granted, authority.Declared)
	for _, r := range m.Remotes {
		if may, ok := perm.RemoteOf(granted, r.Key); ok && may.Configurable && r.Configurable != nil {
			add(asking.Remote{Key: r.Key, Name: r.Configurable.Name, Description: r.Configurable.Description})
		}
	}
	if perm.MayRegister(granted) {
		for _, r := range set.Registered {
			add(asking.Remote{Key: r.Key, Name: r.Name, Description: r.Description})
		}
	}
	return out, nil
}

// Check implements asking.Remotes.
func (a askRemotes) Check(ctx context.Context, p *call.Policy, key, url string) (string, bool, error) {
	return a.installs.CheckRemote(ctx, p.Scope, key, url)
}

// askedWhy is what stands beside a remote whose address an app asked for.
const askedWhy = "The app asked for it."

// Set implements asking.Remotes.
func (a askRemotes) Set(ctx context.Context, by id.Principal, i id.Install, key, url string, shown uint64) error {
	_, err := a.installs.SetRemote(ctx, by, i, key, url, askedWhy, shown)
	return err
}

// askApps says whose an app is, in the platform's words.
type askApps struct {
	registry *registry.Service
	accounts *account.Service
}

// About implements asking.Apps.
func (a askApps) About(ctx context.Context, p *call.Policy) (name, publisher string, err error) {
	app, err := a.registry.App(ctx, p.App)
	if err != nil {
		return "", "", err
	}
	owner, err := a.accounts.AccountByID(ctx, p.Owner)
	if err != nil {
		return "", "", err
	}
	return app.Name, owner.Name, nil
}

// askProducts says what a product's operator decided about decisions.
type askProducts struct{ tenancy *tenancy.Service }

// StepUp implements asking.Products.
func (a askProducts) StepUp(ctx context.Context, product id.Product) (bool, error) {
	api, err := a.tenancy.API(ctx, product)
	return err == nil && api.Consent.StepUp, err
}

var (
	_ asking.Installs = askInstalls{}
	_ asking.Remotes  = askRemotes{}
)
