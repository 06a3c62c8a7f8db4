// Package asking is how an app asks, while it runs, to be let send data elsewhere. Its
// promise: nobody but an admin of the site decides, who was shown exactly what is asked,
// right then, by the platform; what was shown is what is granted, or less; a request that
// is not decided within minutes, or whose installation changed meanwhile, grants nothing;
// and an app cannot wear an admin down: requests are counted, refusals make it wait, and an
// admin can have it never ask again.
//
// A request is kept while an admin is in front of it, one for an installation. Where none
// is present nothing is kept that could be approved: the request is counted, and an admin
// who reads of it in the console makes one of their own.
package asking

import (
	"context"
	"crypto/rand"
	"io"
	"log/slog"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
)

const (
	// Life is how long a request waits for its decision.
	Life = 5 * time.Minute
	// Fresh is how long ago an admin may have signed in for what needs a window of its own.
	Fresh = 5 * time.Minute
	// Prompts is how many requests of one app an admin sees in an hour.
	Prompts = 3

	firstPause  = time.Minute    // after a refusal; four times as long after each further one
	longest     = 24 * time.Hour // of those pauses
	keepOutcome = 10 * time.Minute
	maxHints    = 50 // of one installation
)

// Audit writes an act's entry into the act's transaction.
type Audit interface {
	Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error
}

// Destination is one pattern for one way of leaving.
type Destination struct {
	Type    perm.EgressType  `json:"type"`
	Pattern hostrule.Pattern `json:"pattern"`
}

// Group is what a named group is to hold, or holds. With the key "" it is the destinations
// that are in no group.
type Group struct {
	Key         string        `json:"key"`
	Description string        `json:"description,omitempty"` // the app's words
	Egress      []Destination `json:"egress"`
}

// Configured is what is configured for an installation.
type Configured struct {
	Groups []Group
	// Authority decides what of it counts.
	Authority perm.Authority
	Epoch     uint64
}

// Installs knows what is configured, and changes it. The changing ones join a transaction
// and fail with a fault of kind Conflict if the installation has another epoch than shown.
type Installs interface {
	Policy(ctx context.Context, install id.Install) (*call.Policy, error)
	Configured(ctx context.Context, scope tenant.Scope) (Configured, error)
	// Try reports why Grant would be refused.
	Try(ctx context.Context, scope tenant.Scope, groups []Group) error
	Grant(ctx context.Context, by id.Principal, install id.Install, groups []Group, shown uint64) error
	RemoveGroup(ctx context.Context, by id.Principal, install id.Install, key string, shown uint64) error
	RemoveDomain(ctx context.Context, by id.Principal, install id.Install, key, domain string, t perm.EgressType, shown uint64) error
	// Refresh makes what was committed count in this process.
	Refresh(ctx context.Context)
}

// Remote is a remote whose address an admin sets.
type Remote struct {
	Key         string
	Name        string // the app's words, as Description
	Description string
	// URL is the address in force, "" for none.
	URL string
	// Default is the address that a reset gives back, "" for none.
	Default string
}

// Remotes knows the remotes that an admin may set. Set joins a transaction as those of
// Installs do.
type Remotes interface {
	// Configurable gives one of them, or all with the key "".
	Configurable(ctx context.Context, p *call.Policy, key string) ([]Remote, error)
	// Check reads an address for a remote: its normal form, and whether it is on a private
	// network.
	Check(ctx context.Context, p *call.Policy, key, url string) (normal string, private bool, err error)
	// Set sets the address; "" gives the default back.
	Set(ctx context.Context, by id.Principal, install id.Install, key, url string, shown uint64) error
}

// Apps tells what is shown of an app, in the platform's words.
type Apps interface {
	// About gives the app's name and who publishes it.
	About(ctx context.Context, p *call.Policy) (name, publisher string, err error)
}

// Products tells what an operator decided.
type Products interface {
	// StepUp says whether each decision takes a window of its own and a fresh sign-in.
	StepUp(ctx context.Context, product id.Product) (bool, error)
}

// Config is what the service stands on. DB, Audit, Installs and Apps are required.
type Config struct {
	DB       *db.DB
	Audit    Audit
	Installs Installs
	Apps     Apps
	Remotes  Remotes  // nil where there are none to set
	Products Products // nil: only what is broad steps up
	Now      func() time.Time
	Rand     io.Reader // crypto/rand when nil
	// Pause lets the answer to a refusal wait for a moment that nobody can foretell, so that
	// an app does not learn from the time what an admin did. A fraction of a second when nil.
	Pause func(ctx context.Context)
	Log   *slog.Logger
}

// Service answers for requests.
type Service struct{ Config }

// New makes the service; Migrations must have been applied to cfg.DB.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Pause == nil {
		cfg.Pause = pause
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{cfg}
}

// Asker is the session in which an app asks: of a user in front of a product's page.
type Asker struct {
	Policy  *call.Policy
	User    id.Principal // an end user
	Session string       // of the bridge
	// Admin is what the product said of the user when the session began. It lets a request be
	// shown, and decides nothing.
	Admin bool
}

// Admin is what a product has just said of the person who decides.
type Admin struct {
	User  id.Principal // an end user
	Name  string
	Admin bool
	// SignedIn is when the person proved to the product who they are.
	SignedIn time.Time
}

// Ask is a request that was made.
type Ask struct {
	ID string `json:"id,omitempty"`
	// Ticket opens it, for the one who is shown it.
	Ticket string `json:"ticket,omitempty"`
	// Done is set where nobody has to be asked.
	Done *Outcome `json:"-"`
}

// Outcome is what came of a request.
type Outcome struct {
	State State
	Kind  Kind
	// Granted and Declined are destinations that were asked for; Granted also has those
	// that were granted before.
	Granted, Declined []Destination
	// Groups are those that were asked for, as they are now.
	Groups  []Group
	Remotes []RemoteWant
}

// State is how far a request is.
type State string

// States of a request.
const (
	Pending  State = "pending"
	Granted  State = "granted"
	Declined State = "declined" // or closed, or too late: an app sees no difference
)

// Decision is what an admin decided about a request.
type Decision struct {
	Ticket  string
	Digest  string // of what was shown
	Admin   Admin
	Approve bool
	// Items are the indexes of those that are granted, where they can be chosen; nil is all
	// that Shown has ticked.
	Items []int
	// Window says that it was made in a window of its own, at the top.
	Window bool
	// Block has the app not ask again.
	Block bool
	// Address is the network address that it came from, for the audit trail.
	Address string
}
