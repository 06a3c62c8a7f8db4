// Package consent knows what the users of a product have agreed that apps do as them.
// Its promise (SPEC 3.6): nothing reaches a product with a user as its subject unless
// that user agreed to it, or the product's operator has said of that very scope that the
// site's admin agrees for everybody; the user was shown in words what the app does as
// them and where it may send data; when either grows they are asked again; what they take
// back is gone at the next call, on every server.
//
// A consent is a perm.Set: what was agreed, compared by perm.Covers like every other
// authority. It is read from the database at each use, so that no memory can be stale.
package consent

import (
	"context"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/db"
)

// Audit writes an act's entry into the act's transaction.
type Audit interface {
	Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error
}

// Policies answers what an installation may do now.
type Policies interface {
	Policy(ctx context.Context, install id.Install) (*call.Policy, error)
}

// Rules are what a product's operator decided about the consent of its users.
type Rules struct {
	// Scopes are the product's scopes; others (the platform's own) never act as a user.
	Scopes map[string]bool
	// Admin are those to which the site's admin agrees for everybody.
	Admin map[string]bool
	// Offline are those that an app may use for a user who is not present.
	Offline map[string]bool
	// External says what users are asked about destinations.
	External External
}

// External is what users are asked about where an app may send data.
type External string

// What may be asked. The zero value asks.
const (
	User   External = "user"   // the user agrees, and is asked again when it grows
	Inform External = "inform" // the user is told
	None   External = "none"   // the site's admin has decided
)

// Products gives a product's rules and the words of its scopes.
type Products interface {
	ConsentRules(ctx context.Context, product id.Product) (Rules, error)
	Words(ctx context.Context, product id.Product) (perm.Words, error)
}

// Config is what the service stands on. All but Now are required.
type Config struct {
	DB       *db.DB
	Audit    Audit
	Policies Policies
	Products Products
	Now      func() time.Time // time.Now when nil
}

// Service asks and remembers.
type Service struct{ Config }

// New makes the service; Migrations must have been applied to cfg.DB.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{cfg}
}

// Consent is what one user has agreed of one installation.
type Consent struct {
	Install id.Install
	Product id.Product
	User    id.User
	Agreed  perm.Set
	Given   time.Time
}

// Question is what a user is shown before agreeing.
type Question struct {
	Policy *call.Policy
	// Asked is what agreeing agrees to; Acts and Sends are its words, what the app does as
	// the user and where it may send data.
	Asked perm.Set
	Acts  []perm.Line
	Sends []perm.Line
	// New are the lines that an earlier consent does not hold; it is empty on a first one.
	New []perm.Line
	// Informed says that Sends is told, not asked.
	Informed bool
	// Digest binds an agreement to what was shown.
	Digest string
	// Agreed says that nothing is left to ask.
	Agreed bool
}
