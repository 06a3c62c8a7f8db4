package registry

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"strconv"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/blob"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/manifest"
)

// versionRow is a version as it lies in the table.
type versionRow struct {
	Version
	number       number
	manifest     string // canonical JSON
	declaredText string
	declared     perm.Set
	bundle       string // hashes of blobs, "" for none
	sourceMap    string
	files        string
}

// version finds one version; db.ErrNoRows when there is none.
func (s *Service) version(ctx context.Context, query string, args ...any) (versionRow, error) {
	return scanVersion(s.DB.QueryRow(ctx, query, args...))
}

func scanVersion(row interface{ Scan(...any) error }) (versionRow, error) {
	var (
		v       versionRow
		by      string
		created int64
	)
	err := row.Scan((*string)(&v.ID), (*string)(&v.App), (*string)(&v.Env), &v.number.major, &v.number.minor, &v.number.patch, &v.Hash,
		&v.manifest, &v.declaredText, &v.bundle, &v.sourceMap, &v.files, &v.Message, &by, &created)
	if err != nil {
		return versionRow{}, err
	}
	v.Number, v.Created = v.number.String(), time.UnixMilli(created)
	return v, json.Unmarshal([]byte(v.declaredText), &v.declared)
}

// current is what an environment runs, nil before its first deploy.
func (s *Service) current(ctx context.Context, env Environment) (*versionRow, error) {
	if env.Version == "" {
		return nil, nil
	}
	v, err := s.version(ctx, versionByID, env.Version)
	if err != nil {
		return nil, err
	}
	return &v, nil
}

// nextNumber numbers a new version: growth against what runs raises major.
func (s *Service) nextNumber(ctx context.Context, env Environment, before *versionRow, grows bool) (kind string, n number, err error) {
	if before == nil {
		kind = First
	} else {
		kind = Minor
	}
	if before == nil || grows {
		if grows {
			kind = Major
		}
		var highest int64
		err = s.DB.QueryRow(ctx, highestMajor, env.ID).Scan(&highest)
		return kind, number{highest + 1, 0, 0}, err
	}
	var highest int64
	err = s.DB.QueryRow(ctx, highestMinor, env.ID, before.number.major).Scan(&highest)
	return kind, number{before.number.major, highest + 1, 0}, err
}

func (s *Service) putVersion(ctx context.Context, p id.Principal, v versionRow) error {
	_, err := s.DB.Exec(ctx, putVersion, v.ID, v.App, v.Env, v.number.major, v.number.minor, v.number.patch, v.Hash, v.manifest,
		v.declaredText, v.bundle, v.sourceMap, v.files, v.Message, p.Account, v.Created.UnixMilli())
	if db.IsUnique(err) {
		return fault.New(fault.Conflict, "NUMBER_TAKEN", "the environment has another version %s already", v.Number).
			WithFix("deploy there instead of promoting")
	}
	return err
}

// Versions lists an environment's versions, newest first.
func (s *Service) Versions(ctx context.Context, p id.Principal, app id.App, environment string) ([]Version, error) {
	env, err := s.readable(ctx, p, app, environment)
	if err != nil {
		return nil, fault.Op("registry.Versions", err)
	}
	rows, err := s.DB.Query(ctx, versionsOf, env.ID)
	if err != nil {
		return nil, fault.Op("registry.Versions", err)
	}
	defer rows.Close()
	var out []Version
	for rows.Next() {
		v, err := scanVersion(rows)
		if err != nil {
			return nil, fault.Op("registry.Versions", err)
		}
		v.Current = v.ID == env.Version
		out = append(out, v.Version)
	}
	return out, fault.Op("registry.Versions", rows.Err())
}

// named finds a version of an environment by its id or its number.
func (s *Service) named(ctx context.Context, env Environment, name string) (versionRow, error) {
	rows, err := s.DB.Query(ctx, versionsOf, env.ID)
	if err != nil {
		return versionRow{}, err
	}
	defer rows.Close()
	for rows.Next() {
		v, err := scanVersion(rows)
		if err != nil {
			return versionRow{}, err
		}
		if string(v.ID) == name || v.Number == name {
			return v, nil
		}
	}
	if err := rows.Err(); err != nil {
		return versionRow{}, err
	}
	return versionRow{}, fault.New(fault.NotFound, "VERSION_UNKNOWN", "the environment %q has no version %q", env.Name, name).
		WithFix("`annex versions list` shows them")
}

// Difference is what one version may ask for that another may not, both ways.
type Difference struct {
	From, To      Version
	More, Less    perm.Set // of To against From
	SameBytes     bool
	Waiting       int // installations that would wait for their admins if To were deployed
	AppManaged    bool
	CounterSample string // the least thing that To may and From may not
}

// Diff compares two versions of an environment, by id or number; from is the one that
// runs when "".
func (s *Service) Diff(ctx context.Context, p id.Principal, app id.App, environment, from, to string) (Difference, error) {
	env, err := s.readable(ctx, p, app, environment)
	if err != nil {
		return Difference{}, fault.Op("registry.Diff", err)
	}
	if from == "" {
		from = string(env.Version)
	}
	a, err := s.named(ctx, env, from)
	if err != nil {
		return Difference{}, fault.Op("registry.Diff", err)
	}
	b, err := s.named(ctx, env, to)
	if err != nil {
		return Difference{}, fault.Op("registry.Diff", err)
	}
	m, err := s.parsed(b.ID, b.manifest)
	if err != nil {
		return Difference{}, fault.Op("registry.Diff", err)
	}
	a.Current, b.Current = a.ID == env.Version, b.ID == env.Version
	out := Difference{From: a.Version, To: b.Version, More: perm.Diff(a.declared, b.declared), Less: perm.Diff(b.declared, a.declared),
		SameBytes: a.Hash == b.Hash, AppManaged: m.Perms.Enforcement == appManaged}
	if e, grows := perm.Counterexample(a.declared, b.declared); grows {
		out.CounterSample = e.Text
	}
	out.Waiting, err = s.Installations.WouldWait(ctx, env.ID, &call.Release{Policy: call.Policy{Version: b.ID, Set: b.declared}})
	return out, fault.Op("registry.Diff", err)
}

// Release tells what runs in an environment.
func (s *Service) Release(ctx context.Context, app id.App, environment string) (*call.Release, error) {
	r, err := s.scanRelease(ctx, s.DB.QueryRow(ctx, releaseOf, app, environment))
	if errors.Is(err, db.ErrNoRows) {
		return nil, notDeployed(environment)
	}
	return r, fault.Op("registry.Release", err)
}

// ReleaseOf is a version that was deployed to an environment, as Release was then.
func (s *Service) ReleaseOf(ctx context.Context, app id.App, environment string, version id.Version) (*call.Release, error) {
	r, err := s.scanRelease(ctx, s.DB.QueryRow(ctx, releaseOfVersion, app, environment, version))
	if errors.Is(err, db.ErrNoRows) {
		return nil, noVersion()
	}
	return r, fault.Op("registry.ReleaseOf", err)
}

func (s *Service) scanRelease(ctx context.Context, row interface{ Scan(...any) error }) (*call.Release, error) {
	var (
		r        call.Release
		n        number
		declared string
	)
	err := row.Scan((*string)(&r.App), (*string)(&r.Owner), &r.Suspended, (*string)(&r.Environment), &r.EnvName,
		(*string)(&r.EnvType), (*string)(&r.Version), &n.major, &n.minor, &n.patch, &declared, &r.Hash)
	if err != nil {
		return nil, err
	}
	r.Number = n.String()
	if err := json.Unmarshal([]byte(declared), &r.Set); err != nil {
		return nil, err
	}
	m, err := s.Manifest(ctx, r.Version)
	if err != nil {
		return nil, err
	}
	r.AppManaged = m.Perms.Enforcement == appManaged
	return &r, nil
}

// notDeployed is the same for an unknown app: ids cannot be tried out.
func notDeployed(environment string) error {
	return fault.New(fault.NotFound, "NOT_DEPLOYED", "there is no such app, or nothing is deployed in its environment %q", environment).
		WithFix("annex deploy --environment %s", environment)
}

// stores names where a version's bytes are: hashes of blobs, files a JSON list.
type stores struct {
	number                         string // of the version, for people
	hash, bundle, sourceMap, files string
}

// Artifact gives a version as something that can be run, with the variables that its
// environment has now.
func (s *Service) Artifact(ctx context.Context, version id.Version) (call.Artifact, error) {
	var (
		at       stores
		text     string
		env      id.Env
		revision int64
		n        number
	)
	err := s.DB.QueryRow(ctx, versionFacts, version).Scan(&n.major, &n.minor, &n.patch, &at.hash, &at.bundle, &at.sourceMap, &at.files, &text, (*string)(&env), &revision)
	if errors.Is(err, db.ErrNoRows) {
		return call.Artifact{}, noVersion()
	}
	if err != nil {
		return call.Artifact{}, fault.Op("registry.Artifact", err)
	}
	m, err := s.parsed(version, text)
	if err != nil {
		return call.Artifact{}, fault.Op("registry.Artifact", err)
	}
	at.number = n.String()
	return s.artifact(m, version, env, revision, at), nil
}

func (s *Service) artifact(m *manifest.Manifest, version id.Version, env id.Env, revision int64, at stores) call.Artifact {
	return call.Artifact{
		Version: version, Environment: env, Key: artifactKey(at.hash, env, revision), Snapshots: m.Snapshots(), MemoryMB: m.MemoryMB(),
		Load: func(ctx context.Context) (call.Source, error) {
			src, err := s.load(ctx, m, version, env, at)
			return src, fault.Op("registry.Load", err)
		},
	}
}

// artifactKey names what a snapshot is made from.
func artifactKey(hash string, env id.Env, revision int64) string {
	return fmt.Sprintf("%s:%s:%d", hash, env, revision)
}

func (s *Service) load(ctx context.Context, m *manifest.Manifest, version id.Version, env id.Env, at stores) (src call.Source, err error) {
	get := func(what, hash string) ([]byte, error) {
		if hash == "" {
			return nil, nil
		}
		data, err := s.Blobs.Get(ctx, blob.Hash(hash))
		return data, unusableBytes(version, at.number, what, err)
	}
	if src.Bundle, err = get("bundle", at.bundle); err != nil {
		return src, err
	}
	// Without its source map a version runs, and its errors name lines of the bundle.
	if src.SourceMap, err = get("source map", at.sourceMap); err != nil {
		s.Log.WarnContext(ctx, "a version runs without its source map", "err", err)
	}
	if src.Variables, err = s.opened(ctx, env); err != nil {
		return src, err
	}
	var list []file
	if err := json.Unmarshal([]byte(at.files), &list); err != nil {
		return src, err
	}
	for _, f := range list {
		if !readAtRunTime(m, f.Path) {
			continue
		}
		if src.Files == nil {
			src.Files = map[string][]byte{}
		}
		if src.Files[f.Path], err = get("file "+strconv.Quote(f.Path), string(f.Hash)); err != nil {
			return src, err
		}
	}
	return src, nil
}

// unusableBytes says which version cannot run since its stored bytes are missing or were
// changed. They are never run: what a blob holds is held against its name first.
func unusableBytes(version id.Version, number, what string, err error) error {
	state := map[string]string{"BLOB_NOT_FOUND": "is missing", "BLOB_DAMAGED": "was changed on disk"}[fault.CodeOf(err)]
	if err == nil || state == "" {
		return err
	}
	return fault.New(fault.Unavailable, "VERSION_DAMAGED", "the version %s (%s) cannot run: its stored %s %s", number, version, what, state).
		WithFix("deploy the same version again, or restore the folder of stored files from a backup; servers that share a database need one folder (--blobs)").
		Because(err)
}

// Manifest is a version's manifest. It never changes and is kept in memory.
func (s *Service) Manifest(ctx context.Context, version id.Version) (*manifest.Manifest, error) {
	if m, ok := s.manifests.Get(version); ok {
		return m, nil
	}
	v, err := s.version(ctx, versionByID, version)
	if errors.Is(err, db.ErrNoRows) {
		return nil, noVersion()
	}
	if err != nil {
		return nil, fault.Op("registry.Manifest", err)
	}
	m, err := s.parsed(version, v.manifest)
	return m, fault.Op("registry.Manifest", err)
}

// Handler is the handler of a function module of a version.
func (s *Service) Handler(ctx context.Context, version id.Version, function string) (string, error) {
	m, err := s.Manifest(ctx, version)
	if err != nil {
		return "", err
	}
	f, ok := m.Function(function)
	if !ok {
		return "", fault.New(fault.NotFound, "FUNCTION_UNKNOWN", "the version has no function module %q", function).
			WithFix("use the key of a function module of the manifest")
	}
	return f.Handler, nil
}

func (s *Service) parsed(version id.Version, canonical string) (*manifest.Manifest, error) {
	if m, ok := s.manifests.Get(version); ok {
		return m, nil
	}
	m, ds := manifest.Load("manifest.yml", []byte(canonical), manifest.Options{})
	if m == nil {
		return nil, fmt.Errorf("the stored manifest of version %s does not load: %s", version, ds.Errors())
	}
	s.manifests.Add(version, m)
	return m, nil
}

func noVersion() error {
	return fault.New(fault.NotFound, "VERSION_UNKNOWN", "there is no such version")
}
