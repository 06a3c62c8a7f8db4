// Package install knows which app is installed where and what it was granted there.
// Its promise: an app can do only what a site's admin granted it; a version that asks
// for more waits while the old one goes on; and whatever an admin takes away is gone
// within a second for every host call on every server process, also of calls that are
// already running.
//
// granted and declared are kept apart per installation: what counts is
// granted ∩ declared(running version), under an epoch that rises with each change.
package install

import (
	"context"
	"log/slog"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
)

// Audit writes an act's entry into the act's transaction.
type Audit interface {
	Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error
}

// Releases tells what runs in an app's environments. A release comes as a Policy
// without an installation: app, owner, environment, version and number, and as Set
// everything that the version declares.
type Releases interface {
	Release(ctx context.Context, app id.App, environment string) (*call.Policy, error)
}

// Sites tells whether a site has a product and takes development apps.
type Sites interface {
	SiteOffers(ctx context.Context, site id.Site, product id.Product) (has, development bool, err error)
}

// Words gives the words of a product's scopes, for people.
type Words interface {
	Words(ctx context.Context, product id.Product) (perm.Words, error)
}

// Config is what the service stands on. DB, Audit, Releases and Sites are required.
type Config struct {
	DB       *db.DB
	Audit    Audit
	Releases Releases
	Sites    Sites
	// Removed is told of an installation's end, in its transaction; it may be nil.
	Removed func(ctx context.Context, scope tenant.Scope) error
	// Changed is told of each installation whose policy is another one now, or none,
	// whichever process changed it; it may be nil and must not block.
	Changed func(install id.Install)
	Words   Words
	Now     func() time.Time // time.Now when nil
	Log     *slog.Logger
}

// Service answers for installations and their policies.
type Service struct {
	Config
	policies *policies
}

// New makes the service; Migrations must have been applied to cfg.DB. Until Start
// every policy is refused as stale.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	s := &Service{Config: cfg}
	s.policies = newPolicies(s.changed, cfg.Now, cfg.Log)
	s.policies.told = func(i id.Install) {
		if s.Changed != nil {
			s.Changed(i)
		}
	}
	return s
}

// Target is where an app is, or is to be, installed.
type Target struct {
	App         id.App
	Environment string // by name
	Site        id.Site
	Product     id.Product
}

// Installation is an app environment on one product of one site.
type Installation struct {
	ID          id.Install
	App         id.App
	Owner       id.Account
	Environment id.Env
	EnvName     string
	EnvType     call.EnvType
	Site        id.Site
	Product     id.Product
	Version     id.Version // that runs
	Number      string
	Declared    perm.Set // by the running version
	Granted     perm.Set
	Epoch       uint64
	// Waiting is a newer version that asks for more than was granted, "" when none does.
	Waiting         id.Version
	WaitingNumber   string
	WaitingDeclared perm.Set
	Installed       time.Time
	InstalledBy     string
	Active          bool
	// Suspended says that it stands still: the site takes no development apps at present.
	Suspended bool
	// Held is set after a restore until the site's admin has confirmed what it gave back.
	Held *Held
}

// Held is what a restored backup would widen: it waits for the site's admin.
type Held struct {
	// Granted is what the backup had granted; until it is confirmed, Granted of the
	// installation is what was granted both then and before the restore.
	Granted perm.Set `json:"granted"`
	// Stopped says that nothing runs until then: before the restore it was not installed,
	// or nobody knows what it was.
	Stopped bool `json:"stopped"`
}

// Effective is what the app may do: granted ∩ declared(running version).
func (i *Installation) Effective() perm.Set { return perm.Intersect(i.Granted, i.Declared) }

// Preview is what an admin is shown before deciding.
type Preview struct {
	Release  call.Policy // app, owner, environment, version, number
	Declared perm.Set    // what the version asks for
	Proposed perm.Set    // what a confirmation grants
	Words    []perm.Line // Proposed, in words
	Growth   []perm.Line // what is new against the present grant, in words
	Digest   string      // binds a confirmation to what was shown
	// Installation is set when it is installed already, Waiting when a version waits.
	Installation id.Install
	Waiting      bool
	// Restored says that the confirmation is also the one that a restored backup waits for.
	Restored bool
	// DevelopmentWarning is set for development and staging apps.
	DevelopmentWarning string
}

// Confirmation is an admin's decision about a Preview.
type Confirmation struct {
	Digest string    // of the preview that was shown
	Grant  *perm.Set // as proposed when nil; at most what is declared
	// Development confirms that the app's developer can read logs and change code.
	Development bool
}

// Outcome says what Install did.
type Outcome struct {
	Installation Installation
	Created      bool // it was not installed before
	Changed      bool // version or grant changed
}

// Request is what a developer asked a site's admin to install.
type Request struct {
	ID          string
	Target      Target
	RequestedBy id.Account
	RequestedAt time.Time
}

// DevelopmentWarning is what an admin confirms separately for an app that is not in
// production.
const DevelopmentWarning = "This is not a production app: its developer can read its logs and change its code without asking."

func newID() string { return uuid.Must(uuid.NewV7()).String() }
