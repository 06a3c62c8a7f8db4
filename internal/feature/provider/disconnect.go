package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/internal/infra/seal"
)

// OfUser lists a person's own accounts on their site.
func (s *Service) OfUser(ctx context.Context, user id.Principal) ([]Account, error) {
	if user.Kind != id.EndUser || user.Site == "" || user.User == "" {
		return nil, fault.New(fault.Denied, "ROLE_REQUIRED", "only a user has accounts of their own")
	}
	directory, err := s.People.Directory(ctx, user.Product)
	if err != nil {
		return nil, fault.Op("provider.OfUser", err)
	}
	all, err := s.list(ctx, ofUser, user.Site, directory, user.User)
	return all, fault.Op("provider.OfUser", err)
}

// OfSite lists a site's accounts, for its admin.
func (s *Service) OfSite(ctx context.Context, scope tenant.Scope) ([]Account, error) {
	if !scope.Valid() {
		return nil, fault.New(fault.Denied, "NOT_YOURS", "no site was named")
	}
	all, err := s.list(ctx, ofSite, scope.Site())
	return all, fault.Op("provider.OfSite", err)
}

// Disconnect removes an account, here and, where it can be told, at the provider: a user
// their own, an admin of the site any.
func (s *Service) Disconnect(ctx context.Context, by id.Principal, site id.Site, a Account) error {
	if by.Kind == id.EndUser {
		directory, err := s.People.Directory(ctx, by.Product)
		if err != nil {
			return fault.Op("provider.Disconnect", err)
		}
		if by.Site != site || by.User == "" || by.User != a.User || directory != a.Directory {
			return fault.New(fault.Denied, "NOT_YOURS", "the account is somebody else's")
		}
	} else if _, err := tenant.ForSite(by, site); err != nil {
		return fault.Op("provider.Disconnect", err)
	}
	return fault.Op("provider.Disconnect", s.remove(ctx, by, site, a))
}

// remove forgets an account. In the same transaction it is noted that the provider has to
// be told so; that is tried for a day, and whatever comes of it, here the account is gone.
func (s *Service) remove(ctx context.Context, by id.Principal, site id.Site, a Account) error {
	o := owner{a.Env, site, a.Directory, a.User}
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		var sealed []byte
		var generation int64
		var install id.Install
		var version id.Version
		var app id.App
		err := s.DB.QueryRow(ctx, disconnect, site, o.env, o.directory, o.user, a.Provider, a.ID).Scan(&sealed, &generation, &install, &version, &app)
		if errors.Is(err, db.ErrNoRows) {
			return nil
		}
		if err != nil {
			return err
		}
		if k, err := s.open(o, a.Provider, a.ID, generation, sealed); err == nil { // what cannot be read cannot be told
			if err := s.later(ctx, revocation{Install: install, Version: version, Env: a.Env, Site: site, App: app, Provider: a.Provider}, k); err != nil {
				return err
			}
		}
		return s.Audit.Append(ctx, site, install, by, "provider.disconnect", map[string]any{"provider": a.Provider, "app": app, "own": by.Kind == id.EndUser})
	})
}

// revocation is a credential that a provider has to be told of. The version says where: the
// installation may have ended.
type revocation struct {
	Install  id.Install `json:"install"`
	Version  id.Version `json:"version"`
	Env      id.Env     `json:"env"`
	Site     id.Site    `json:"site"`
	App      id.App     `json:"app"`
	Provider string     `json:"provider"`
}

const (
	jobKind  = "provider.revoke"
	jobOwner = "providers"
)

func (s *Service) later(ctx context.Context, r revocation, k kept) error {
	name := uuid.NewString()
	sealed, err := s.Sealer.Seal(seal.ForSite(r.Site), seal.Credential, jobPlace(name), plain(k))
	if err != nil {
		return err
	}
	return s.Jobs.Enqueue(ctx, jobs.Job{
		ID: name, Owner: jobOwner, Kind: jobKind, Name: r.Provider, Due: s.Now(), Expires: s.Now().Add(24 * time.Hour), Head: plain(r), Body: sealed,
	})
}

func jobPlace(name string) seal.Place { return seal.Place{Table: "jobs", Column: "body", Row: name} }

// Run tells a provider; it is the handler of the queue.
func (s *Service) Run(ctx context.Context, j jobs.Job) jobs.Verdict {
	var r revocation
	var k kept
	if json.Unmarshal(j.Head, &r) != nil {
		return jobs.Verdict{Next: jobs.Done}
	}
	sealed, err := s.Sealer.Open(seal.ForSite(r.Site), seal.Credential, jobPlace(j.ID), j.Body)
	if err != nil || json.Unmarshal(sealed, &k) != nil {
		return jobs.Verdict{Next: jobs.Done}
	}
	m, err := s.Manifests.Manifest(ctx, r.Version)
	if err != nil {
		return s.again(j)
	}
	d, ok := m.Provider(r.Provider)
	if !ok {
		return jobs.Verdict{Next: jobs.Done}
	}
	p, err := s.Policies.Policy(ctx, r.Install)
	if err != nil || p.Version != r.Version {
		p = &call.Policy{Install: r.Install, Site: r.Site, App: r.App, Environment: r.Env, Version: r.Version}
		all := m.Permissions()
		p.Set.Remotes, p.Set.Providers = all.Remotes, all.Providers
	}
	if !s.revoke(ctx, &declared{d, p, m}, r.Env, k) {
		return s.again(j)
	}
	return jobs.Verdict{Next: jobs.Done}
}

// again tries later, each time twice as late.
func (s *Service) again(j jobs.Job) jobs.Verdict {
	if !s.Now().Before(j.Expires) {
		return jobs.Verdict{Next: jobs.Done}
	}
	return jobs.Verdict{Next: jobs.Again, At: s.Now().Add(time.Minute << min(j.Attempt-1, 6))}
}

// revoke tells the provider (RFC 7009); it is forgotten here whatever the provider says.
// It reports whether nothing is left to do.
func (s *Service) revoke(ctx context.Context, d *declared, env id.Env, k kept) bool {
	a := d.Actions.RevokeToken
	if a == nil {
		return true
	}
	to, err := d.to(a.Remote)
	if err != nil || k.fits(d, to.Base.Origin()) != nil {
		return true // there is nobody any more to whom it may be sent
	}
	c, err := s.client(ctx, env, d)
	if err != nil {
		return false
	}
	to.Mints = true
	token, hint := k.Refresh, "refresh_token"
	if token == "" {
		token, hint = k.Access, "access_token"
	}
	body := map[string]any{"token": token, "token_type_hint": hint, "client_id": c.id}
	auth := ""
	switch {
	case a.UseBasicAuth != nil && *a.UseBasicAuth:
		delete(body, "client_id")
		auth = "Basic " + basic(c.id, c.secret)
	case c.secret != "":
		body["client_secret"] = c.secret
	}
	for name, v := range a.QueryParameters {
		body[name] = fill(v, c.templates(map[string]string{"refresh_token": k.Refresh}))
	}
	ask := Ask{Path: a.Path, Method: http.MethodPost, Timeout: tokenWait}
	if s.shape(&ask, &to, body, auth, a.Overrides, c.templates(map[string]string{"refresh_token": k.Refresh})) != nil {
		return true
	}
	answer, err := s.Broker.Ask(ctx, d.policy, s.own(d.policy), to, ask)
	return err == nil && answer.Status < 500
}

// Ended forgets the credentials that were given for an installation, and the accounts that an
// app's environment had on a site when its last installation there ends. It joins the
// transaction that ends it.
func (s *Service) Ended(ctx context.Context, by id.Principal, env id.Env, site id.Site, install id.Install) error {
	if _, err := s.DB.Exec(ctx, dropSiteKeys, install, site); err != nil {
		return fault.Op("provider.Ended", err)
	}
	elsewhere, err := s.Apps.Elsewhere(ctx, env, site, install)
	if err != nil || elsewhere {
		return fault.Op("provider.Ended", err)
	}
	all, err := s.list(ctx, ofEnv, site, env)
	if err != nil {
		return fault.Op("provider.Ended", err)
	}
	for _, a := range all {
		if err := s.remove(ctx, by, site, a); err != nil {
			return fault.Op("provider.Ended", err)
		}
	}
	return nil
}

// EndSite forgets a site's accounts and credentials; it joins the transaction that ends it.
func (s *Service) EndSite(ctx context.Context, site id.Site) error {
	if _, err := s.DB.Exec(ctx, endSite, site); err != nil {
		return fault.Op("provider.EndSite", err)
	}
	if _, err := s.DB.Exec(ctx, endSiteKeys, site); err != nil {
		return fault.Op("provider.EndSite", err)
	}
	_, err := s.DB.Exec(ctx, endFlows, site)
	return fault.Op("provider.EndSite", err)
}
