package registry

import (
	"context"
	"encoding/json"
	"errors"
	"maps"
	"slices"
	"strconv"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/csp"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/manifest"
)

// Kinds of a Deployment: what its number says against the version before it.
const (
	First = "first"
	Major = "major" // it declares more
	Minor = "minor"
	Same  = "same" // these bytes were deployed here before
)

// Deployment is what a deploy did.
type Deployment struct {
	App         id.App
	AppName     string
	AppCreated  bool
	Environment string
	Version     id.Version
	Number      string
	Hash        string
	Created     bool // false when these bytes were deployed here before
	Kind        string
	Growth      perm.Set // what it declares that the version before did not
	Upgraded    int      // installations that run it now
	Waiting     int      // installations that wait for their admin's decision about what it asks for
	Scheduled   int      // installations that it reaches later, or by hand
	AppManaged  bool     // it runs before what it asks for is granted
	Diagnostics manifest.Diagnostics
	Prepared    call.Prepared
}

// candidate is an upload on its way to a version.
type candidate struct {
	upload   Upload
	manifest *manifest.Manifest
	declared perm.Set
	hash     string // of the version
	bundle   string // hashes of stored bytes, "" for none
	mapHash  string
	files    []file

	app        App
	appCreated bool
	env        Environment
	id         id.Version // that the version has, or gets
}

// Deploy decides about an upload and makes it what the environment runs.
func (s *Service) Deploy(ctx context.Context, p id.Principal, u Upload) (Deployment, error) {
	if !p.Is(id.Developer, id.CI) {
		return Deployment{}, denied("only a developer or a CI token deploys")
	}
	if err := u.check(); err != nil {
		return Deployment{}, err
	}
	m, findings, err := s.readManifest(ctx, u.Manifest)
	if err != nil {
		return Deployment{}, err
	}
	c := &candidate{upload: u, manifest: m, declared: m.Permissions(), hash: Hash(m.Canonical(), u.Bundle, u.Files), id: id.Version(newID())}
	if c.declared.Isolation == "process" && !s.AllowProcess {
		return Deployment{}, fault.New(fault.Denied, "ISOLATION_PROCESS_OFF", "this server runs apps in the sandbox only, not as processes of their own").
			WithFix("leave app.runtime.isolation out")
	}
	// What an admin could not allow is not shown to one.
	for _, e := range c.declared.Egress {
		if err := e.Pattern.CheckReserved(s.Reserved); err != nil {
			return Deployment{}, fault.New(fault.Invalid, "PLATFORM_HOST", "permissions.external (%s): %v", e.Type, err)
		}
	}
	if err := csp.Fits(c.declared); err != nil {
		return Deployment{}, err
	}
	pages, err := checkPages(m, u.Files, c.declared)
	if err != nil {
		return Deployment{}, err
	}
	findings = append(findings, pages...)
	if n := len(m.App.Package.ExtraFiles); n > maxGlobs {
		return Deployment{}, tooLarge("app.package.extraFiles", n, maxGlobs, "globs")
	}
	if err := s.place(ctx, p, c); err != nil {
		return Deployment{}, fault.Op("registry.Deploy", err)
	}
	prepared, err := s.prepare(ctx, c)
	if err != nil {
		return Deployment{}, fault.Op("registry.Deploy", err)
	}
	if err := s.keep(ctx, c); err != nil {
		return Deployment{}, fault.Op("registry.Deploy", err)
	}
	var out Deployment
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		out, err = s.commit(ctx, p, c)
		return err
	})
	if err != nil {
		return Deployment{}, fault.Op("registry.Deploy", err)
	}
	s.Installations.Refresh(ctx)
	out.Diagnostics, out.Prepared = findings, prepared
	return out, nil
}

func (s *Service) readManifest(ctx context.Context, text []byte) (*manifest.Manifest, manifest.Diagnostics, error) {
	products, err := s.Products.ManifestProducts(ctx)
	if err != nil {
		return nil, nil, fault.Op("registry.readManifest", err)
	}
	m, ds := manifest.Load("manifest.yml", text, manifest.Options{Products: products})
	if m == nil || ds.HasErrors() {
		return nil, ds, &Findings{fault.New(fault.Invalid, "MANIFEST_INVALID", "the manifest has %d error(s)", len(ds.Errors())).
			WithFix("mend each; annex lint shows them too"), ds}
	}
	return m, ds, nil
}

// place finds the app and environment that an upload is for, before anything is
// written. An id that nobody registered becomes the deploying developer's.
func (s *Service) place(ctx context.Context, p id.Principal, c *candidate) error {
	app, err := appID(c.upload.App, c.manifest)
	if err != nil {
		return err
	}
	if p.Is(id.CI) {
		if app == "" {
			app = p.App
		}
		if !ciMay(p, app, c.upload.Environment) {
			return fault.New(fault.Denied, "CI_SCOPE", "this CI token deploys another app or to other environments").
				WithFix("a developer makes one for this app and environment: annex token create")
		}
	}
	var have *App
	if app == "" {
		app = id.App(newID())
	} else if have, err = s.find(ctx, app); err != nil {
		return err
	}
	switch {
	case have != nil && have.Owner != p.Account, have == nil && p.Is(id.CI):
		return notYours()
	case have != nil:
		c.app = *have
		if c.env, err = s.environment(ctx, app, c.upload.Environment); err != nil {
			return err
		}
		same, err := s.version(ctx, versionByHash, c.env.ID, c.hash)
		if err == nil {
			c.id = same.ID
		} else if !errors.Is(err, db.ErrNoRows) {
			return err
		}
		return nil
	}
	c.appCreated = true
	c.app = App{ID: app, Name: appName(c.manifest, c.upload.Name), Owner: p.Account, Created: s.Now().Truncate(time.Millisecond)}
	if e := c.upload.Environment; e != "development" && e != "staging" && e != "production" {
		return noEnvironment(e)
	}
	c.env = Environment{ID: id.Env(newID()), App: app, Name: c.upload.Environment}
	return nil
}

func ciMay(p id.Principal, app id.App, environment string) bool {
	return p.App != "" && p.App == app && slices.Contains(p.Environments, environment)
}

// prepare has the version made ready, which runs its module scope in the sandbox: a
// bundle that does not parse, throws, or lacks a handler never becomes a version.
func (s *Service) prepare(ctx context.Context, c *candidate) (call.Prepared, error) {
	if len(c.upload.Bundle) == 0 && len(c.manifest.Functions())+len(c.manifest.Interfaces()) > 0 {
		return call.Prepared{}, fault.New(fault.Invalid, "BUNDLE_REQUIRED", "the manifest has functions or UI Kit front ends and the upload has no bundle")
	}
	return s.prepareFor(ctx, c.manifest, call.Artifact{
		Version: c.id, Environment: c.env.ID, Owner: c.app.Owner, Key: artifactKey(c.hash, c.env.ID, c.env.Revision), Snapshots: c.manifest.Snapshots(), MemoryMB: c.manifest.MemoryMB(),
		Load: func(ctx context.Context) (call.Source, error) {
			variables, err := s.opened(ctx, c.env.ID)
			return call.Source{Bundle: c.upload.Bundle, SourceMap: c.upload.SourceMap, Variables: variables,
				Files: runtimeFiles(c.manifest, c.upload.Files)}, err
		},
	})
}

// prepareFor prepares an artifact for all functions and UI Kit front ends of its manifest.
func (s *Service) prepareFor(ctx context.Context, m *manifest.Manifest, a call.Artifact) (call.Prepared, error) {
	handlers := []string{}
	for _, f := range m.Functions() {
		if !slices.Contains(handlers, f.Handler) {
			handlers = append(handlers, f.Handler)
		}
	}
	for _, u := range m.Interfaces() {
		handlers = append(handlers, "ui:"+u.Key)
	}
	if len(handlers) == 0 {
		return call.Prepared{}, nil
	}
	prepared, err := s.Preparer.Prepare(ctx, a, handlers)
	if err != nil {
		return call.Prepared{}, unusable(err)
	}
	if len(prepared.Missing) > 0 {
		return call.Prepared{}, missingHandlers(m, prepared.Missing)
	}
	return prepared, nil
}

// unusable words an error of the app's own code for the one who deploys it: what was
// sent is wrong, and nothing failed on the way.
func unusable(err error) error {
	e, ok := fault.As(err)
	if !ok || e.Kind != fault.App {
		return err
	}
	out := *e
	out.Kind, out.Code, out.Err = fault.Invalid, "MODULE_SCOPE_ERR", err
	out.Public = "the app fails when its code is loaded: " + e.Public
	return out.WithFix("mend the line that the stack names")
}

// keep stores the bytes, which are named by their hash: storing twice stores once.
func (s *Service) keep(ctx context.Context, c *candidate) error {
	put := func(data []byte) (string, error) {
		if len(data) == 0 {
			return "", nil
		}
		h, err := s.Blobs.Put(ctx, data)
		return string(h), err
	}
	var err error
	if c.bundle, err = put(c.upload.Bundle); err != nil {
		return err
	}
	if c.mapHash, err = put(c.upload.SourceMap); err != nil {
		return err
	}
	c.files = []file{}
	for _, path := range slices.Sorted(maps.Keys(c.upload.Files)) {
		h, err := s.Blobs.Put(ctx, c.upload.Files[path])
		if err != nil {
			return err
		}
		c.files = append(c.files, file{Path: path, Hash: h, Size: len(c.upload.Files[path])})
	}
	return nil
}

// commit makes the candidate a version and what its environment runs, and gives it to
// the environment's installations.
func (s *Service) commit(ctx context.Context, p id.Principal, c *candidate) (Deployment, error) {
	app, err := s.find(ctx, c.app.ID)
	if err != nil {
		return Deployment{}, err
	}
	switch {
	case app == nil && c.appCreated:
		if err := s.register(ctx, p, c.app, c.env); err != nil {
			return Deployment{}, err
		}
	case app == nil || app.Owner != p.Account:
		return Deployment{}, notYours()
	}
	name := c.app.Name
	if app != nil && c.manifest.App.Name != "" {
		if name = appName(c.manifest, ""); name != app.Name {
			if _, err := s.DB.Exec(ctx, renameApp, name, app.ID); err != nil {
				return Deployment{}, err
			}
		}
	}
	env, err := s.environment(ctx, c.app.ID, c.upload.Environment)
	if err != nil {
		return Deployment{}, err
	}
	declared, err := json.Marshal(c.declared)
	if err != nil {
		return Deployment{}, err
	}
	files, err := json.Marshal(c.files)
	if err != nil {
		return Deployment{}, err
	}
	v := versionRow{
		Version:  Version{ID: c.id, App: c.app.ID, Env: env.ID, Hash: c.hash, Message: c.upload.Message},
		manifest: string(c.manifest.Canonical()), declaredText: string(declared), declared: c.declared,
		bundle: c.bundle, sourceMap: c.mapHash, files: string(files),
	}
	if err := s.keepsEntities(ctx, env, v); err != nil {
		return Deployment{}, err
	}
	d, err := s.release(ctx, p, env, v, nil, !c.upload.StopAtGrowth)
	d.AppName, d.AppCreated = name, c.appCreated
	return d, err
}

// release makes a version (a new one unless its hash is there already) what env runs.
// want fixes its number; otherwise growth decides. Without approved it refuses what
// grows.
func (s *Service) release(ctx context.Context, p id.Principal, env Environment, v versionRow, want *number, approved bool) (Deployment, error) {
	d := Deployment{App: env.App, Environment: env.Name, Hash: v.Hash}
	before, err := s.current(ctx, env)
	if err != nil {
		return d, err
	}
	if before != nil {
		d.Growth = perm.Diff(before.declared, v.declared)
	}
	if before != nil && !approved && !perm.Empty(d.Growth) {
		return d, s.stopAtGrowth(ctx, env, v, d.Growth)
	}
	have, err := s.version(ctx, versionByHash, env.ID, v.Hash)
	switch {
	case err == nil:
		v, d.Kind = have, Same
	case !errors.Is(err, db.ErrNoRows):
		return d, err
	default:
		if d.Kind, v.number, err = s.nextNumber(ctx, env, before, !perm.Empty(d.Growth)); err != nil {
			return d, err
		}
		if want != nil {
			v.number = *want
		}
		v.Number, v.Created, d.Created = v.number.String(), s.Now().Truncate(time.Millisecond), true
		if err := s.putVersion(ctx, p, v); err != nil {
			return d, err
		}
	}
	d.Version, d.Number = v.ID, v.Number
	if before != nil && before.ID == v.ID {
		return d, nil // it runs already: nothing changes, for nobody
	}
	if _, err := s.DB.Exec(ctx, setCurrent, v.ID, s.Now().UnixMilli(), env.ID); err != nil {
		return d, err
	}
	release, err := s.Release(ctx, env.App, env.Name)
	if err != nil {
		return d, err
	}
	if release.Suspended != "" {
		return d, suspended(release.Suspended)
	}
	d.AppManaged = release.AppManaged
	reached, err := s.Installations.OnDeploy(ctx, p, release)
	if err != nil {
		return d, err
	}
	d.Upgraded, d.Waiting, d.Scheduled = reached.Ran, reached.Growing, reached.Later
	return d, s.Audit.Append(ctx, "", "", p, "app.deploy", map[string]any{
		"app": env.App, "environment": env.ID, "version": v.ID, "number": v.Number, "hash": v.Hash,
		"upgraded": d.Upgraded, "waiting": d.Waiting})
}

// stopAtGrowth says what a version asks for beyond the one before it, and for how many
// installations it would wait.
func (s *Service) stopAtGrowth(ctx context.Context, env Environment, v versionRow, growth perm.Set) error {
	r := &call.Release{Policy: call.Policy{Version: v.ID, Set: v.declared}}
	n, err := s.Installations.WouldWait(ctx, env.ID, r)
	if err != nil {
		return err
	}
	m, err := s.parsed(v.ID, v.manifest)
	if err != nil {
		return err
	}
	return &Grows{fault.New(fault.Denied, "GROWTH_NOT_APPROVED", "the version asks for more than the one that runs in %s, %s; nothing was changed",
		env.Name, reach(n, m.Perms.Enforcement == appManaged)).
		WithFix("add --approve where that is meant").With("waiting", n).With("kind", Major), growth}
}

// reach says for how many installations a version that grows would wait.
func reach(n int, appManaged bool) string {
	if n == 0 {
		return "though no installation would have to wait for it"
	}
	where := strconv.Itoa(n) + " installation"
	if n > 1 {
		where += "s"
	}
	if appManaged {
		return "and would run without it in " + where + " until an admin allows it"
	}
	return "and would wait for an admin in " + where
}

// appManaged is the enforcement under which new code runs before its growth is granted.
const appManaged = "app-managed"

// Grows is the refusal of a version that grows, with its growth.
type Grows struct {
	refusal *fault.Error
	Growth  perm.Set
}

func (g *Grows) Error() string { return g.refusal.Error() }

// Unwrap gives the refusal itself.
func (g *Grows) Unwrap() error { return g.refusal }

// Promote makes the version that runs in one environment what another one runs, with
// the same bytes and the same number.
func (s *Service) Promote(ctx context.Context, p id.Principal, app id.App, from, to string, approved bool) (Deployment, error) {
	v, prepared, err := s.promotable(ctx, p, app, from, to)
	if err != nil {
		return Deployment{}, fault.Op("registry.Promote", err)
	}
	var d Deployment
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		owned, err := s.owned(ctx, p, app)
		if err != nil {
			return err
		}
		target, err := s.environment(ctx, app, to)
		if err != nil {
			return err
		}
		v.Env = target.ID
		if err := s.keepsEntities(ctx, target, v); err != nil {
			return err
		}
		d, err = s.release(ctx, p, target, v, &v.number, approved)
		d.AppName = owned.Name
		return err
	})
	if err != nil {
		return Deployment{}, fault.Op("registry.Promote", err)
	}
	s.Installations.Refresh(ctx)
	d.Prepared = prepared
	return d, nil
}

// Rollback makes a version that was deployed to an environment before what it runs
// again. For installations it is a release like any other: one that asks for more than
// they grant by now waits for their admins.
func (s *Service) Rollback(ctx context.Context, p id.Principal, app id.App, environment, version string, approved bool) (Deployment, error) {
	if _, err := s.owned(ctx, p, app); err != nil {
		return Deployment{}, fault.Op("registry.Rollback", err)
	}
	env, err := s.environment(ctx, app, environment)
	if err != nil {
		return Deployment{}, fault.Op("registry.Rollback", err)
	}
	v, err := s.named(ctx, env, version)
	if err != nil {
		return Deployment{}, fault.Op("registry.Rollback", err)
	}
	m, err := s.parsed(v.ID, v.manifest)
	if err != nil {
		return Deployment{}, fault.Op("registry.Rollback", err)
	}
	prepared, err := s.prepareFor(ctx, m, s.artifact(m, v.ID, env.ID, env.Revision, stores{v.Number, v.Hash, v.bundle, v.sourceMap, v.files}))
	if err != nil {
		return Deployment{}, fault.Op("registry.Rollback", err)
	}
	var d Deployment
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		owned, err := s.owned(ctx, p, app)
		if err != nil {
			return err
		}
		if env, err = s.environment(ctx, app, environment); err != nil {
			return err
		}
		d, err = s.release(ctx, p, env, v, nil, approved)
		d.AppName = owned.Name
		return err
	})
	if err != nil {
		return Deployment{}, fault.Op("registry.Rollback", err)
	}
	s.Installations.Refresh(ctx)
	d.Prepared = prepared
	return d, nil
}

// promotable is what runs in from, prepared to run in to with that one's variables.
func (s *Service) promotable(ctx context.Context, p id.Principal, app id.App, from, to string) (versionRow, call.Prepared, error) {
	var prepared call.Prepared
	if _, err := s.owned(ctx, p, app); err != nil {
		return versionRow{}, prepared, err
	}
	source, err := s.environment(ctx, app, from)
	if err != nil {
		return versionRow{}, prepared, err
	}
	target, err := s.environment(ctx, app, to)
	if err != nil {
		return versionRow{}, prepared, err
	}
	if source.ID == target.ID {
		return versionRow{}, prepared, fault.New(fault.Usage, "PROMOTE_SELF", "a version is promoted to another environment, not to its own")
	}
	v, err := s.current(ctx, source)
	if err != nil {
		return versionRow{}, prepared, err
	}
	if v == nil {
		return versionRow{}, prepared, notDeployed(from)
	}
	m, err := s.parsed(v.ID, v.manifest)
	if err != nil {
		return versionRow{}, prepared, err
	}
	v.ID, v.Env = id.Version(newID()), target.ID
	prepared, err = s.prepareFor(ctx, m, s.artifact(m, v.ID, target.ID, target.Revision, stores{v.Number, v.Hash, v.bundle, v.sourceMap, v.files}))
	return *v, prepared, err
}
