// Package registry knows apps, their environments, variables and versions. Its
// promise: what is uploaded is hostile until it was decided here; a version never
// changes once it is deployed, and the same bytes are the same version; environments
// share nothing, so a change in one leaves the others as they were.
package registry

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/blob"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
	"github.com/annexhq/annex/manifest"
)

// Audit writes an act's entry into the act's transaction.
type Audit interface {
	Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error
}

// Installations learns of releases. OnDeploy runs in the deploy's transaction, Refresh
// after it.
type Installations interface {
	OnDeploy(ctx context.Context, by id.Principal, release *call.Release) (call.Rollout, error)
	// WouldWait counts those that would wait for their admins if it were deployed.
	WouldWait(ctx context.Context, env id.Env, release *call.Release) (int, error)
	// BlockApp and HandOver belong into the transaction of what they follow.
	BlockApp(ctx context.Context, by id.Principal, app id.App, reason string) (int, error)
	HandOver(ctx context.Context, by id.Principal, app id.App, from, to id.Account) (int, error)
	Refresh(ctx context.Context)
	InEnvironment(ctx context.Context, env id.Env) (int, error)
}

// Entities tells whether installations of an environment have stored entities of a kind.
type Entities interface {
	Stored(ctx context.Context, env id.Env, entity string) (bool, error)
}

// Preparer makes a version ready to run and says what it found: the handlers that the
// bundle lacks, whether it can be started from a snapshot.
type Preparer interface {
	Prepare(ctx context.Context, a call.Artifact, handlers []string) (call.Prepared, error)
}

// Products are what manifests may name of the registered products.
type Products interface {
	ManifestProducts(ctx context.Context) ([]manifest.Product, error)
}

// Sealer seals variables; *seal.Ring is one.
type Sealer interface {
	Seal(s seal.Subject, p seal.Purpose, at seal.Place, plain []byte) ([]byte, error)
	Open(s seal.Subject, p seal.Purpose, at seal.Place, sealed []byte) ([]byte, error)
}

// Config is what the service stands on. All but Now, Log and AllowProcess are required.
type Config struct {
	DB            *db.DB
	Blobs         blob.Store
	Sealer        Sealer
	Audit         Audit
	Installations Installations
	Preparer      Preparer
	Products      Products
	// Entities is asked before a version is released that drops some; nil for no storage.
	Entities Entities
	// AllowProcess admits app.runtime.isolation: process, which is weaker than the sandbox.
	AllowProcess bool
	// Reserved are the platform's own hosts, which no version may name as a destination.
	Reserved []string
	Now      func() time.Time // time.Now when nil
	Log      *slog.Logger
}

// Service answers for apps, environments, variables and versions.
type Service struct {
	Config
	manifests *lru.Cache[id.Version, *manifest.Manifest]
	// translations are texts by version and file; neither ever changes.
	translations *lru.Cache[string, []byte]
}

// New makes the service; Migrations must have been applied to cfg.DB.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	manifests, err := lru.New[id.Version, *manifest.Manifest](4096)
	if err != nil {
		panic(err) // only a size below one fails
	}
	translations, err := lru.New[string, []byte](512)
	if err != nil {
		panic(err) // only for a size below one
	}
	return &Service{Config: cfg, manifests: manifests, translations: translations}
}

// App is an app and its owner.
type App struct {
	ID      id.App
	Name    string
	Owner   id.Account
	Created time.Time
}

// Environment is one of an app's environments and what runs in it.
type Environment struct {
	ID       id.Env
	App      id.App
	Name     string
	Type     call.EnvType
	Version  id.Version // "" before the first deploy
	Number   string
	Deployed time.Time
	Revision int64 // of its variables
	Created  time.Time
}

// Version is an immutable deployment.
type Version struct {
	ID      id.Version
	App     id.App
	Env     id.Env
	Number  string
	Hash    string
	Message string
	Created time.Time
	Current bool
}

// Variable is an environment variable; the value of a sealed one is never shown.
type Variable struct {
	Key     string
	Sealed  bool
	Value   string
	Updated time.Time
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// notYours is the same for what does not exist and for what belongs to another, so
// that ids cannot be tried out.
func notYours() error {
	return fault.New(fault.NotFound, "NOT_YOURS", "there is no such app, or it is not yours")
}

func denied(format string, args ...any) error {
	return fault.New(fault.Denied, "ROLE_REQUIRED", format, args...)
}
