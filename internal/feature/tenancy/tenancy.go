// Package tenancy knows the products that apps extend and the sites on which they do.
// Its promise: a product is what its product.yaml says, checked in full before it is
// registered; a site has exactly the products that the operator gave it, and
// development apps only while its switch is on.
package tenancy

import (
	"context"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/rollout"
	"github.com/annexhq/annex/internal/infra/db"
)

// Audit writes an act's entry into the act's transaction.
type Audit interface {
	Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error
}

// Config is what the service stands on. DB and Audit are required.
type Config struct {
	DB    *db.DB
	Audit Audit
	Now   func() time.Time // time.Now when nil
}

// Accounts end with a site as far as they administer it.
type Accounts interface {
	// EndSite belongs into the transaction that removes the site, Forget comes after its
	// commit.
	EndSite(ctx context.Context, site id.Site) (tokens int64, err error)
	Forget()
}

// Installations follow a site's switch for development apps, and its end.
type Installations interface {
	// SwitchDevelopment belongs into the transaction that turns the switch, Refresh comes
	// after its commit.
	SwitchDevelopment(ctx context.Context, by id.Principal, site id.Site, on bool) error
	// SwitchUpdates belongs into the transaction that changes the policy.
	SwitchUpdates(ctx context.Context, by id.Principal, site id.Site, updates rollout.Policy) error
	// EndSite belongs into the transaction that removes the site.
	EndSite(ctx context.Context, by id.Principal, site id.Site) (ended int, err error)
	Refresh(ctx context.Context)
}

// Service answers for products and sites.
type Service struct {
	Config
	// Installations is set once, before the service is used; nil where there are none.
	Installations Installations
	// Accounts likewise.
	Accounts Accounts
	// Ends are told of a site's end, in its transaction; filled before the service is used.
	Ends []func(ctx context.Context, site id.Site) error
	apis apis
}

// New makes the service; Migrations must have been applied to cfg.DB.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{Config: cfg}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

func denied(format string, args ...any) error {
	return fault.New(fault.Denied, "ROLE_REQUIRED", format, args...)
}
