package install

import (
	"cmp"
	"context"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/csp"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
)

// Preview shows what installing (or approving a waiting version) would grant. The
// site's admin may see it, and the app's developer.
func (s *Service) Preview(ctx context.Context, p id.Principal, t Target) (Preview, error) {
	return s.PreviewOf(ctx, p, t, "")
}

// PreviewOf is Preview of one version: the environment's when it is "", otherwise one
// that ran there before.
func (s *Service) PreviewOf(ctx context.Context, p id.Principal, t Target, version id.Version) (Preview, error) {
	release, development, err := s.release(ctx, p, t)
	if err != nil {
		return Preview{}, err
	}
	have, err := s.at(ctx, p, t)
	if err != nil {
		return Preview{}, fault.Op("install.Preview", err)
	}
	if release.EnvType != call.Production && !development {
		return Preview{}, developmentOff()
	}
	if have != nil && p.Is(id.Developer) && release.EnvType == call.Production {
		// What the site's admin allowed, and which hosts they named, is the site's.
		shown := *have
		shown.Granted, shown.Decided, shown.Held = have.Declared, have.Declared, nil
		shown.Configured, shown.Remotes, shown.Registered = nil, nil, nil
		have = &shown
	}
	release, before, err := s.moving(ctx, t, release, have, version)
	if err != nil {
		return Preview{}, fault.Op("install.Preview", err)
	}
	return s.preview(ctx, t, release, have, before)
}

// moving is the release that an installation is to run: the environment's, or one that
// ran there before, with what was granted then.
func (s *Service) moving(ctx context.Context, t Target, current *call.Release, have *Installation, version id.Version) (*call.Release, *Past, error) {
	if version == "" {
		version = current.Version
	}
	before, err := s.ran(ctx, have, version)
	if err != nil {
		return nil, nil, err
	}
	if version == current.Version {
		if have != nil && !slices.Contains(have.Declined, version) {
			return current, nil, nil // a way forward, even if it ran once
		}
		return current, before, nil
	}
	if before == nil {
		return nil, nil, fault.New(fault.NotFound, "VERSION_NEVER_RAN", "that version neither runs in the environment nor ran here before").
			WithFix("`annex updates list` shows the versions that ran here")
	}
	release, err := s.Releases.ReleaseOf(ctx, t.App, t.Environment, version)
	if err != nil {
		return nil, nil, err
	}
	release.Suspended = current.Suspended
	return release, before, nil
}

func (s *Service) preview(ctx context.Context, t Target, release *call.Release, have *Installation, before *Past) (Preview, error) {
	proposed := propose(have, release, before)
	words, err := s.words(ctx, t.Product)
	if err != nil {
		return Preview{}, fault.Op("install.Preview", err)
	}
	out := Preview{Release: *release, Declared: perm.Normal(release.Set), Proposed: proposed}
	out.Effective = proposed
	if have != nil {
		then := *have
		then.Granted, then.Declared = proposed, out.Declared
		out.Effective = then.Allowed()
		out.Installation = have.ID
		out.Waiting = have.Version != release.Version
		out.Restored = have.Held != nil
		out.Back = before != nil && out.Waiting
		out.Handover = have.Handover
		out.Growth = perm.Describe(perm.Diff(have.Granted, proposed), words)
	}
	out.Words = perm.Describe(perm.Located(proposed, out.Effective), words)
	if release.EnvType != call.Production {
		out.DevelopmentWarning = DevelopmentWarning
	}
	if out.Digest, err = digestOf(t, release, have, proposed); err != nil {
		return Preview{}, fault.Op("install.Preview", err)
	}
	return out, nil
}

// Install installs, approves a waiting version, or changes the grant of what is
// installed: afterwards the target runs its environment's release under the grant. It
// needs the site's admin; a developer files a Request instead, which comes back as a
// fault of kind Waiting.
func (s *Service) Install(ctx context.Context, p id.Principal, t Target, c Confirmation) (Outcome, error) {
	if p.Is(id.Developer) {
		return Outcome{}, s.Request(ctx, p, t)
	}
	if err := adminOf(p, t.Site); err != nil {
		return Outcome{}, err
	}
	var out Outcome
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		release, development, err := s.release(ctx, p, t)
		if err != nil {
			return err
		}
		have, err := s.at(ctx, p, t)
		if err != nil {
			return err
		}
		latest := release.Version
		release, before, err := s.moving(ctx, t, release, have, c.Version)
		if err != nil {
			return err
		}
		grant, err := s.decide(t, release, have, before, development, c)
		if err != nil {
			return err
		}
		out, err = s.put(ctx, p, t, release, have, grant, latest)
		return err
	})
	if err != nil {
		return Outcome{}, fault.Op("install.Install", err)
	}
	s.Refresh(ctx)
	return out, nil
}

// decide checks a confirmation against what is true now and gives the grant.
func (s *Service) decide(t Target, release *call.Release, have *Installation, before *Past, development bool, c Confirmation) (perm.Set, error) {
	if release.Suspended != "" {
		return perm.Set{}, blocked.refusal()
	}
	if release.EnvType != call.Production {
		if !development {
			return perm.Set{}, developmentOff()
		}
		if !c.Development {
			return perm.Set{}, fault.New(fault.Usage, "CONFIRM_DEVELOPMENT", "%s", DevelopmentWarning).
				WithFix("confirm that separately")
		}
	}
	proposed := propose(have, release, before)
	digest, err := digestOf(t, release, have, proposed)
	if err != nil {
		return perm.Set{}, err
	}
	if c.Digest == "" {
		return perm.Set{}, fault.New(fault.Usage, "DIGEST_REQUIRED", "a confirmation names the digest of the permissions that were shown").
			WithFix("ask for the preview first and send its digest")
	}
	if c.Digest != digest {
		return perm.Set{}, fault.New(fault.Conflict, "PREVIEW_CHANGED", "what the app asks for is not what was shown").
			WithFix("look at the permissions again and confirm those").With("digest", digest)
	}
	grant := proposed
	if c.Grant != nil {
		grant = *c.Grant
	}
	if grant, err = narrowed(grant, c.Without, c.Replace); err != nil {
		return perm.Set{}, err
	}
	if !perm.Covers(release.Set, grant) {
		return perm.Set{}, fault.New(fault.Invalid, "GRANT_EXCEEDS_REQUEST", "the grant holds more than the app asks for").
			WithFix("grant what the preview shows, or less of it")
	}
	return grant, nil
}

// put writes an admin's decision.
func (s *Service) put(ctx context.Context, p id.Principal, t Target, release *call.Release, have *Installation, grant perm.Set, latest id.Version) (Outcome, error) {
	if _, err := s.DB.Exec(ctx, dropRequest, t.Site, t.App, t.Environment, t.Product); err != nil {
		return Outcome{}, err
	}
	if have == nil {
		i := Installation{
			ID: id.Install(newID()), App: release.App, Owner: release.Owner, Environment: release.Environment,
			EnvName: release.EnvName, EnvType: release.EnvType, Site: t.Site, Product: t.Product,
			Installed: s.Now().Truncate(time.Millisecond), InstalledBy: p.String(), Active: true, Epoch: 1,
		}
		i.approve(release, grant)
		if err := csp.Fits(i.Allowed()); err != nil {
			return Outcome{}, err
		}
		if err := s.insert(ctx, &i); err != nil {
			if db.IsUnique(err) { // another admin was faster
				return Outcome{}, fault.New(fault.Conflict, "PREVIEW_CHANGED", "the app was installed there a moment ago").
					WithFix("look at the permissions again and confirm those")
			}
			return Outcome{}, err
		}
		return Outcome{Installation: i, Created: true, Changed: true}, s.record(ctx, p, &i, "install.install")
	}
	i := *have
	i.Held, i.Handover = nil, nil // the admin has decided
	i.approve(release, grant)
	i.Declined = without(i.Declined, release.Version)
	if err := csp.Fits(i.Allowed()); err != nil {
		return Outcome{}, err
	}
	if i.Version == have.Version && have.Held == nil && have.Handover == nil && perm.Equal(i.Granted, have.Granted) && perm.Equal(i.Decided, have.Decided) {
		return Outcome{Installation: *have}, nil
	}
	if release.Version != latest {
		if err := s.stayBehind(ctx, t, &i, latest); err != nil {
			return Outcome{}, err
		}
	}
	act := "install.approve"
	switch {
	case have.Held != nil:
		act = "install.reconfirm"
	case have.Handover != nil:
		act = "install.confirm-owner"
	case release.Version != latest:
		act = "install.rollback"
	case i.Version == have.Version:
		act = "install.grant"
	}
	if err := s.save(ctx, &i); err != nil {
		return Outcome{}, err
	}
	return Outcome{Installation: i, Changed: true}, s.record(ctx, p, &i, act)
}

// Uninstall ends an installation, after its app was called for a last time if it declares
// that: see UninstallNow.
func (s *Service) Uninstall(ctx context.Context, p id.Principal, install id.Install) error {
	if !p.Is(id.SiteAdmin) || s.Leaving == nil {
		return s.UninstallNow(ctx, p, install)
	}
	scope, err := tenant.ForInstall(p, p.Site, install)
	if err != nil {
		return err
	}
	if have, err := s.byID(ctx, scope); err != nil || have == nil {
		return fault.Op("install.Uninstall", cmp.Or(err, error(notYours())))
	}
	ctx = context.WithoutCancel(ctx) // what was begun is done, whoever waits for it
	s.Leaving(ctx, install)
	return s.UninstallNow(ctx, p, install)
}

// UninstallNow ends an installation at once, also for calls that are running. What it
// stored is erased later; a later install gets a new id and does not see it.
func (s *Service) UninstallNow(ctx context.Context, p id.Principal, install id.Install) error {
	if !p.Is(id.SiteAdmin) {
		return denied("only the site's admin uninstalls")
	}
	scope, err := tenant.ForInstall(p, p.Site, install)
	if err != nil {
		return err
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		have, err := s.byID(ctx, scope)
		if err != nil {
			return err
		}
		if have == nil {
			return notYours()
		}
		return s.end(ctx, p, scope, have)
	})
	if err != nil {
		return fault.Op("install.Uninstall", err)
	}
	s.Refresh(ctx)
	return nil
}

// EndSite ends every installation and request of a site, in the transaction that removes
// it. Call Refresh after the commit.
func (s *Service) EndSite(ctx context.Context, by id.Principal, site id.Site) (ended int, err error) {
	if !by.Is(id.Operator) {
		return 0, denied("only an operator ends a site")
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		rows, err := s.query(ctx, ofSite, site)
		if err != nil {
			return err
		}
		ended = len(rows)
		for n := range rows {
			i := &rows[n].Installation
			scope, err := tenant.ForInstall(by, site, i.ID)
			if err != nil {
				return err
			}
			if err := s.end(ctx, by, scope, i); err != nil {
				return err
			}
		}
		_, err = s.DB.Exec(ctx, dropRequestsOn, site)
		return err
	})
	return ended, fault.Op("install.EndSite", err)
}

// end ends one installation, in the caller's transaction.
func (s *Service) end(ctx context.Context, by id.Principal, scope tenant.Scope, i *Installation) error {
	now, err := s.tick(ctx)
	if err != nil {
		return err
	}
	if _, err := s.DB.Exec(ctx, remove, s.Now().UnixMilli(), now, i.ID, i.Site); err != nil {
		return err
	}
	if _, err := s.DB.Exec(ctx, dropPast, i.ID, i.Site); err != nil {
		return err
	}
	if s.Removed != nil {
		if err := s.Removed(ctx, scope); err != nil {
			return err
		}
	}
	return s.record(ctx, by, i, "install.uninstall")
}

// Request files a developer's wish to install; it answers with a fault of kind
// Waiting once it is filed. Asking again does not ask twice.
func (s *Service) Request(ctx context.Context, p id.Principal, t Target) error {
	if !p.Is(id.Developer) {
		return denied("only the app's developer files a request")
	}
	release, development, err := s.release(ctx, p, t)
	if err != nil {
		return err
	}
	if release.EnvType != call.Production && !development {
		return developmentOff()
	}
	var request string
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		err := s.DB.QueryRow(ctx, fileRequest, newID(), t.App, t.Environment, t.Site, t.Product, p.Account, s.Now().UnixMilli()).Scan(&request)
		if err != nil {
			return err
		}
		return s.Audit.Append(ctx, t.Site, "", p, "install.request", map[string]any{
			"request": request, "app": t.App, "environment": release.Environment, "product": t.Product})
	})
	if err != nil {
		return fault.Op("install.Request", err)
	}
	return fault.New(fault.Waiting, "WAITING_FOR_ADMIN", "the request is filed; an admin of the site has to install the app").
		WithFix("an admin of the site runs the same command with an admin token").With("request", request)
}

// Requests are the open requests of an admin's site, or a developer's own.
func (s *Service) Requests(ctx context.Context, p id.Principal) ([]Request, error) {
	query, arg := requestsOfSite, any(p.Site)
	switch {
	case p.Is(id.SiteAdmin):
	case p.Is(id.Developer):
		query, arg = requestsOfAccount, p.Account
	default:
		return nil, denied("only site admins and developers see requests")
	}
	rows, err := s.DB.Query(ctx, query, arg)
	if err != nil {
		return nil, fault.Op("install.Requests", err)
	}
	defer rows.Close()
	var out []Request
	for rows.Next() {
		var (
			r       Request
			created int64
		)
		err := rows.Scan(&r.ID, (*string)(&r.Target.App), &r.Target.Environment, (*string)(&r.Target.Site),
			(*string)(&r.Target.Product), (*string)(&r.RequestedBy), &created)
		if err != nil {
			return nil, fault.Op("install.Requests", err)
		}
		r.RequestedAt = time.UnixMilli(created)
		out = append(out, r)
	}
	return out, fault.Op("install.Requests", rows.Err())
}

// Filter narrows a List; empty fields do not.
type Filter struct {
	App         id.App
	Environment string
	Site        id.Site
}

// List gives the installations on an admin's site, those of a developer's apps, or all
// for an operator.
func (s *Service) List(ctx context.Context, p id.Principal, f Filter) ([]Installation, error) {
	var rows []row
	var err error
	switch {
	case p.Is(id.SiteAdmin):
		rows, err = s.query(ctx, ofSite, p.Site)
	case p.Is(id.Developer):
		rows, err = s.query(ctx, ofOwner, p.Account)
	case p.Is(id.Operator):
		rows, err = s.query(ctx, allListed)
	default:
		return nil, denied("this token may not list installations")
	}
	if err != nil {
		return nil, fault.Op("install.List", err)
	}
	var out []Installation
	for _, r := range rows {
		if (f.App == "" || f.App == r.App) && (f.Environment == "" || f.Environment == r.EnvName) && (f.Site == "" || f.Site == r.Site) {
			out = append(out, r.Installation)
		}
	}
	return slices.Clip(out), nil
}

// Was gives an installation of a site, also one that has ended.
func (s *Service) Was(ctx context.Context, scope tenant.Scope) (Installation, error) {
	if !scope.Valid() || scope.Install() == "" {
		return Installation{}, notYours()
	}
	i, err := s.one(ctx, anyByID, scope.Install(), scope.Site())
	if err == nil && i == nil {
		err = notYours()
	}
	if err != nil {
		return Installation{}, fault.Op("install.Was", err)
	}
	return *i, nil
}

// Find gives the installation of a target, for its site's admin and its app's developer.
func (s *Service) Find(ctx context.Context, p id.Principal, t Target) (Installation, error) {
	var i *Installation
	var err error
	if !p.Is(id.SiteAdmin) || p.Site == t.Site {
		i, err = s.at(ctx, p, t)
	}
	if err != nil {
		return Installation{}, fault.Op("install.Find", err)
	}
	if i == nil {
		return Installation{}, fault.New(fault.NotFound, "NOT_INSTALLED", "the app is not installed there, or it is not yours").
			WithFix("annex install --site SITE --product PRODUCT --environment ENVIRONMENT")
	}
	return *i, nil
}

func (s *Service) record(ctx context.Context, p id.Principal, i *Installation, act string) error {
	if s.Happened != nil {
		if err := s.Happened(ctx, p, i, act); err != nil {
			return err
		}
	}
	return s.Audit.Append(ctx, i.Site, i.ID, p, act, map[string]any{
		"app": i.App, "environment": i.Environment, "product": i.Product, "version": i.Version, "number": i.Number,
		"hash": i.Hash, "granted": i.Granted, "waiting": i.Waiting, "why": i.WaitingReason, "settings": i.Settings, "epoch": i.Epoch})
}
