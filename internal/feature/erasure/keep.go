package erasure

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
)

// holdFor is how long what is being brought back is kept from being erased, and how long
// what was brought back is still listed, with where it went.
const holdFor = time.Hour

// Was is an installation, also one that has ended.
type Was struct {
	Install     id.Install
	App         id.App
	Environment id.Env
	EnvName     string
	Product     id.Product
	Number      string // of the version that ran
	Active      bool
}

// Installations knows those of a site, also the ended ones.
type Installations interface {
	Was(ctx context.Context, scope tenant.Scope) (Was, error)
}

// Storage is what installations stored.
type Storage interface {
	// Export calls emit with each thing that is stored, which JSON can hold.
	Export(ctx context.Context, scope tenant.Scope, emit func(thing any) error) error
	// Move gives what one stored to another one, whose own values stay; it may be called again.
	Move(ctx context.Context, from, to tenant.Scope) (moved int, err error)
}

// Left is what an ended installation left.
type Left struct {
	Was
	Ended, Erased time.Time
	GivenTo       id.Install // the installation that has what it stored now, "" for none
}

// Left are the installations of an admin's site that ended and of which something is kept.
func (s *Service) Left(ctx context.Context, by id.Principal) ([]Left, error) {
	scope, err := s.admins(by, "")
	if err != nil {
		return nil, fault.Op("erasure.Left", err)
	}
	rows, err := s.DB.Query(ctx, ofSite, scope.Site(), s.Now().UnixMilli())
	if err != nil {
		return nil, fault.Op("erasure.Left", err)
	}
	defer rows.Close()
	var out []Left
	for rows.Next() {
		var l Left
		var ended, due int64
		if err := rows.Scan((*string)(&l.Install), &ended, &due, (*string)(&l.GivenTo)); err != nil {
			return nil, fault.Op("erasure.Left", err)
		}
		l.Ended, l.Erased = time.UnixMilli(ended).UTC(), time.UnixMilli(due).UTC()
		out = append(out, l)
	}
	if err := rows.Err(); err != nil {
		return nil, fault.Op("erasure.Left", err)
	}
	for n := range out {
		one, err := s.admins(by, out[n].Install)
		if err == nil {
			out[n].Was, err = s.Installations.Was(ctx, one)
		}
		if err != nil {
			return nil, fault.Op("erasure.Left", err)
		}
	}
	return out, nil
}

// admins is the right of a site's admin to one of the site's installations, or to the site.
func (s *Service) admins(by id.Principal, install id.Install) (tenant.Scope, error) {
	if !by.Is(id.SiteAdmin) {
		return tenant.Scope{}, fault.New(fault.Denied, "ROLE_REQUIRED", "what apps stored on a site is for its admins")
	}
	if install == "" {
		return tenant.ForSite(by, by.Site)
	}
	return tenant.ForInstall(by, by.Site, install)
}

// kept is an installation of the admin's site that runs, or of which something is left.
func (s *Service) kept(ctx context.Context, by id.Principal, install id.Install) (tenant.Scope, Was, error) {
	scope, err := s.admins(by, install)
	if err != nil {
		return scope, Was{}, err
	}
	w, err := s.Installations.Was(ctx, scope)
	if err != nil || w.Active {
		return scope, w, err
	}
	var due int64
	err = s.DB.QueryRow(ctx, dueOf, scope.Install(), scope.Site()).Scan(&due)
	if errors.Is(err, db.ErrNoRows) || err == nil && due <= s.Now().UnixMilli() {
		return scope, w, notYours()
	}
	return scope, w, err
}

// Export writes what an installation stored as JSON lines: what it is, each thing, and a
// last line with their number, without which the file is not whole.
func (s *Service) Export(ctx context.Context, by id.Principal, install id.Install, to io.Writer) error {
	scope, w, err := s.kept(ctx, by, install)
	if err != nil {
		return fault.Op("erasure.Export", err)
	}
	if err := s.Audit.Append(ctx, scope.Site(), install, by, "storage.export", nil); err != nil {
		return fault.Op("erasure.Export", err)
	}
	out := json.NewEncoder(to)
	out.SetEscapeHTML(false)
	err = out.Encode(map[string]any{
		"kind": "installation", "installation": w.Install, "site": scope.Site(), "app": w.App, "environment": w.EnvName, "product": w.Product,
		"version": w.Number, "ended": !w.Active, "exportedAt": s.Now().UTC(),
	})
	n := 0
	if err == nil {
		err = s.Storage.Export(ctx, scope, func(thing any) error { n++; return out.Encode(thing) })
	}
	if err == nil {
		err = out.Encode(map[string]any{"kind": "end", "things": n})
	}
	return fault.Op("erasure.Export", err)
}

// Relink gives what an ended installation stored to one that the same app has now, from the
// same environment, on the same product of the same site. What that one stored since stays.
// When it fails midway, some is there; asking again brings the rest. What else is kept of
// the ended one, its log for instance, is erased soon after.
func (s *Service) Relink(ctx context.Context, by id.Principal, install, from id.Install) (moved int, err error) {
	to, now, err := s.kept(ctx, by, install)
	if err == nil && !now.Active {
		err = notYours()
	}
	if err != nil {
		return 0, fault.Op("erasure.Relink", err)
	}
	old, was, err := s.kept(ctx, by, from)
	switch {
	case err != nil:
		return 0, fault.Op("erasure.Relink", err)
	case was.Active:
		return 0, fault.New(fault.Conflict, "STILL_INSTALLED", "what an app stored is given to another installation only once it was uninstalled")
	case was.App != now.App || was.Environment != now.Environment || was.Product != now.Product:
		return 0, fault.New(fault.Conflict, "ANOTHER_APP", "what an app stored is given to an installation of the same app, environment and product alone").
			WithFix("`annex storage left` lists what apps left")
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		at, later := s.Now().UnixMilli(), s.Now().Add(holdFor).UnixMilli()
		n, err := s.DB.Exec(ctx, hold, later, later, old.Install(), old.Site(), at)
		if err == nil && n == 0 {
			err = notYours()
		}
		if err != nil {
			return err
		}
		return s.Audit.Append(ctx, to.Site(), install, by, "storage.relink", map[string]any{"from": from})
	})
	if err != nil {
		return 0, fault.Op("erasure.Relink", err)
	}
	ctx = context.WithoutCancel(ctx) // what was begun is done, whoever waits for it
	if moved, err = s.Storage.Move(ctx, old, to); err == nil {
		now := s.Now()
		_, err = s.DB.Exec(ctx, given, now.Add(holdFor).UnixMilli(), install, old.Install(), old.Site(), now.UnixMilli())
	}
	return moved, fault.Op("erasure.Relink", err)
}
