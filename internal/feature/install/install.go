// Package install knows which app is installed where and what it was granted there.
// Its promise: an app can do only what a site's admin granted it; a version that asks
// for more waits while the old one goes on; and whatever an admin takes away is gone
// within a second for every host call on every server process, also of calls that are
// already running.
//
// granted and declared are kept apart per installation: what counts is
// (granted ∩ declared(running version)) ∪ configured − switched off − blocked, under an
// epoch that rises with each change.
package install

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/rollout"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
)

// Audit writes an act's entry into the act's transaction.
type Audit interface {
	Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error
}

// Releases tells what runs in an app's environments, and what a version of one is.
type Releases interface {
	Release(ctx context.Context, app id.App, environment string) (*call.Release, error)
	ReleaseOf(ctx context.Context, app id.App, environment string, version id.Version) (*call.Release, error)
}

// Sites tells whether a site has a product and takes development apps, and when updates
// that ask for nothing new reach its installations.
type Sites interface {
	SiteOffers(ctx context.Context, site id.Site, product id.Product) (has, development bool, err error)
	SiteUpdates(ctx context.Context, site id.Site) (rollout.Policy, error)
}

// Words gives the words of a product's scopes, for people.
type Words interface {
	Words(ctx context.Context, product id.Product) (perm.Words, error)
}

// Containers tells which types of containers a product declares.
type Containers interface {
	ContainerTypes(ctx context.Context, product id.Product) ([]string, error)
}

// Config is what the service stands on. DB, Audit, Releases and Sites are required.
type Config struct {
	DB       *db.DB
	Audit    Audit
	Releases Releases
	Sites    Sites
	// Removed is told of an installation's end, in its transaction; it may be nil.
	Removed func(ctx context.Context, scope tenant.Scope) error
	// Leaving is told that an installation is about to be uninstalled, while all of it still
	// works, and takes a minute at most; it may be nil.
	Leaving func(ctx context.Context, install id.Install)
	// HandedOver is told of an app's new owner, in its transaction; it may be nil.
	HandedOver func(ctx context.Context, app id.App, to id.Account) error
	// Happened is told of each act on an installation, in the act's transaction, by its name
	// in the audit trail; it may be nil.
	Happened func(ctx context.Context, by id.Principal, i *Installation, act string) error
	// Changed is told of each installation whose policy is another one now, or none,
	// whichever process changed it; it may be nil and must not block.
	Changed func(install id.Install)
	// RemoteChanged is told of a remote whose endpoint was changed, in the act's
	// transaction; it may be nil.
	RemoteChanged func(ctx context.Context, scope tenant.Scope, remote string) error
	Words         Words
	// Containers tells whether a product declares a type of containers; nothing can be ruled
	// about where it is nil.
	Containers Containers
	// Barred is told of a rule that keeps an installation from a container, in its act's
	// transaction; it may be nil.
	Barred func(ctx context.Context, by id.Principal, i *Installation, c call.Container) error
	// Unbarred is told in the same way of a rule that ended, where no other one is about the same.
	Unbarred func(ctx context.Context, by id.Principal, i *Installation, c call.Container) error
	// Reserved are the platform's own hosts, which no admin allows an app.
	Reserved []string
	Now      func() time.Time // time.Now when nil
	Log      *slog.Logger
}

// Service answers for installations and their policies.
type Service struct {
	Config
	policies *policies
	due      *due
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
	s.due = newDue(s.runDue, cfg.Log)
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
	Hash        string   // of the running version's manifest and bytes
	Declared    perm.Set // by the running version
	Granted     perm.Set
	// Decided is what an admin was shown when granting, be it granted or not, as far as
	// the running version declares it.
	Decided perm.Set
	// AppManaged says that the running version bears with permissions it does not have.
	AppManaged bool
	Epoch      uint64
	// Waiting is a newer version that does not run yet, "" when there is none.
	Waiting         id.Version
	WaitingNumber   string
	WaitingHash     string
	WaitingDeclared perm.Set
	WaitingReason   Reason
	WaitingDue      time.Time // when it runs by itself, if it does
	Settings
	Installed   time.Time
	InstalledBy string
	Active      bool
	// Suspended says that it stands still: the site takes no development apps at present.
	Suspended bool
	// Held is set after a restore until the site's admin has confirmed what it gave back.
	Held *Held
}

// Reason is why a version waits.
type Reason string

// Reasons for which a version waits.
const (
	Growth    Reason = "growth"    // it asks for what no admin has decided about
	Scheduled Reason = "scheduled" // the site lets updates in after some time
	ByHand    Reason = "manual"    // the site lets updates in by hand
	Pinned    Reason = "pinned"    // an admin keeps the version that runs
	Declined  Reason = "declined"  // an admin declined this version
)

// Settings are what an installation's admins, and operators, set beside the grant.
type Settings struct {
	Configured []Configured `json:"configured,omitempty"`
	// Groups are those that the app asked for together, by key.
	Groups []Group `json:"groups,omitempty"`
	// Remotes are URLs that were set, Registered remotes that the app asked for at run
	// time, Networks the private networks that were opened for remotes.
	Remotes    []ConfiguredRemote `json:"remotes,omitempty"`
	Registered []RegisteredRemote `json:"registered,omitempty"`
	Networks   []NetworkGrant     `json:"networks,omitempty"`
	// Off are the keys of pieces (perm.Piece) that are switched off.
	Off []string `json:"off,omitempty"`
	// Pinned keeps the version that runs.
	Pinned bool `json:"pinned,omitempty"`
	// Declined are versions that run only when an admin says so after all.
	Declined []id.Version `json:"declined,omitempty"`
	// Blocked is the operator's reason for which the app runs nowhere at present.
	Blocked string `json:"blocked,omitempty"`
	// Handover is set after the app got another owner, until an admin confirms that.
	Handover *Handover `json:"handover,omitempty"`
}

// Configured is a destination that an admin added at run time.
type Configured struct {
	// Group is the key of the group that it is in, "" for none.
	Group   string           `json:"group,omitempty"`
	Type    perm.EgressType  `json:"type"`
	Pattern hostrule.Pattern `json:"pattern"`
	By      string           `json:"by"`
	At      time.Time        `json:"at"`
}

// Group is a named part of what is configured. Its key and description are the app's words.
type Group struct {
	Key         string `json:"key"`
	Description string `json:"description,omitempty"`
}

// Handover is a change of an app's owner.
type Handover struct {
	From id.Account `json:"from"`
	To   id.Account `json:"to"`
	At   time.Time  `json:"at"`
}

// Past is a version that ran here, and what was granted while it did.
type Past struct {
	Version  id.Version
	Number   string
	Hash     string
	Granted  perm.Set
	Last     time.Time // when it or its grant was last changed
	Declined bool
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

// Effective is what the app may do.
func (i *Installation) Effective() perm.Set { return i.authority().Effective() }

// Allowed is what it may do while it runs at all.
func (i *Installation) Allowed() perm.Set {
	a := i.authority()
	a.Blocked = false
	return a.Effective()
}

// whole is call.Policy's; it is found out when somebody asks.
func (i *Installation) whole() func() perm.Set {
	if len(i.Declared.Remotes)+len(i.Declared.Providers)+len(i.Registered) == 0 {
		return nil
	}
	a := i.authority()
	all := perm.Set{Remotes: i.Declared.Remotes, Endpoints: i.Declared.Endpoints, Providers: i.Declared.Providers, Configurable: i.Declared.Configurable}
	a.Granted, a.Declared, a.Off, a.Configured, a.Blocked = all, all, nil, nil, false
	return sync.OnceValue(a.Effective)
}

func (i *Installation) authority() perm.Authority {
	a := perm.Authority{Granted: i.Granted, Declared: i.Declared, Off: i.Off, Blocked: i.halt() != running}
	for _, c := range i.Configured {
		a.Configured = append(a.Configured, perm.Egress{Type: c.Type, Pattern: c.Pattern, InScopeEUD: true})
	}
	for _, r := range i.Remotes {
		a.Remotes = append(a.Remotes, perm.RemoteURL{Key: r.Key, URL: r.URL, Private: i.privateRemote(r.Key, r.URL)})
	}
	for _, r := range i.Registered {
		a.Registered = append(a.Registered, perm.Remote{Key: r.Key, Patterns: r.Patterns})
	}
	return a
}

// Preview is what an admin is shown before deciding.
type Preview struct {
	Release  call.Release
	Declared perm.Set // what the version asks for
	Proposed perm.Set // what a confirmation grants
	// Effective is what it could then do: with the hosts and addresses that admins set here.
	Effective perm.Set
	Words     []perm.Line // Proposed, in words, with the addresses that admins set
	Growth    []perm.Line // what is new against the present grant, in words
	Digest    string      // binds a confirmation to what was shown
	// Installation is set when it is installed already, Waiting when the version does not
	// run there.
	Installation id.Install
	Waiting      bool
	// Back is set when the version ran there before: it gets the grant of then.
	Back bool
	// Handover is set when the confirmation is also the one of a new owner.
	Handover *Handover
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
	// Version is the one that was shown, the environment's when "".
	Version id.Version
	// Without are keys of pieces that are not granted.
	Without []string
	// Replace grants hosts in the place of a wildcard, by the wildcard's key.
	Replace map[string][]string
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
