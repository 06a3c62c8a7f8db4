// Package account knows who may talk to the control API: accounts with their
// roles, and the bearer tokens that act for them. Its promise: a token's secret is
// shown once and never stored, and a revoked or expired token stops within a second
// on every server process. It knows the programs too that users of products let in to
// call actions: their tokens open one site's actions and nothing of the control API.
package account

import (
	"context"
	"crypto/rand"
	"io"
	"time"

	"github.com/google/uuid"
	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

// Account is a person or program that operates, develops or administers.
type Account struct {
	ID        id.Account
	Name      string
	Operator  bool
	Developer bool
	AdminOf   []id.Site
	Created   time.Time
}

// Token is what may be known of an API token after it was made: never its secret.
type Token struct {
	ID          id.Token
	Kind        id.Kind // operator, developer, ci, admin
	Account     id.Account
	AccountName string
	Site        id.Site // admin
	// Product and User are set for one that a person got at the console by annex login.
	Product      id.Product
	User         id.User
	App          id.App   // ci
	Environments []string // ci
	Note         string
	Created      time.Time
	Expires      time.Time
	Revoked      bool
}

// Audit writes an act's entry into the act's transaction.
type Audit interface {
	Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error
}

// Apps tells who owns an app; "" when there is no such app.
type Apps interface {
	Owner(ctx context.Context, app id.App) (id.Account, error)
}

// Sites tells whether a site exists, and which products it has.
type Sites interface {
	SiteExists(ctx context.Context, site id.Site) (bool, error)
	ProductsOf(ctx context.Context, site id.Site) ([]id.Product, error)
}

// Config is what the service stands on. DB, Audit, Apps and Sites are required.
type Config struct {
	DB    *db.DB
	Audit Audit
	Apps  Apps
	Sites Sites
	// FirstEnded is told when the token that Bootstrap made has been replaced; it may be nil.
	FirstEnded func()
	Now        func() time.Time // time.Now when nil
	Rand       io.Reader        // crypto/rand when nil
}

// Service answers for accounts and tokens.
type Service struct {
	Config
	seen *lru.Cache[string, sighting]
	gate generation
}

// New makes the service; Migrations must have been applied to cfg.DB.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	seen, err := lru.New[string, sighting](4096)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return &Service{Config: cfg, seen: seen}
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }
