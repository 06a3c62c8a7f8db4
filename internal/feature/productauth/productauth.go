// Package productauth holds people's accounts on products that have an authorization
// server of their own (OAuth 2.0, RFC 6749 with PKCE, RFC 7636): there Annex is a client.
// It also learns from OpenID providers who somebody is, and keeps no token of theirs.
// Its promise: a token is asked for with the product's own, narrow scopes, is kept sealed,
// is refreshed by one at a time on all servers together, goes nowhere but to the product,
// and is never seen by an app, an admin or a developer.
//
// A product's server gives one token a user and client, so the token is the site's for
// that user, and what each app may do with it is decided by the gate, operation by
// operation. The account with the user "" is the service account that a site's admin
// connects; apps act through it as themselves.
package productauth

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"

	"golang.org/x/oauth2"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

// Client is what the operator declared of a product's authorization server.
type Client struct {
	Product                                   id.Product
	AuthorizationURL, TokenURL, RevocationURL string
	ClientID                                  string
	Auth                                      string   // basic, body or none
	Scopes                                    []string // the server's own names
	Separator                                 string   // between them, a space when ""
	// Who is the address that tells whose a token is; ID, Name and Admin are fields of its answer.
	Who             *url.URL
	ID, Name, Admin string
	AdminIs         []string // users who are admins whatever Admin says; then nobody else is
}

// Clients gives products' clients, and a way to them.
type Clients interface {
	// Client refuses with NO_OAUTH a product that has no authorization server.
	Client(ctx context.Context, product id.Product) (*Client, error)
	HTTP(product id.Product) *http.Client
}

// Sealer keeps tokens unreadable at rest; *seal.Ring is one.
type Sealer interface {
	Seal(s seal.Subject, p seal.Purpose, at seal.Place, plain []byte) ([]byte, error)
	Open(s seal.Subject, p seal.Purpose, at seal.Place, sealed []byte) ([]byte, error)
}

// Audit writes an act's entry into the act's transaction.
type Audit interface {
	Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error
}

// Config is what the service stands on. All but Now are required.
type Config struct {
	DB      *db.DB
	Sealer  Sealer
	Audit   Audit
	Clients Clients
	// Providers may be nil where no product has an OpenID provider.
	Providers Providers
	// Callback is the address below which products send browsers back, OpenIDCallback the
	// one for OpenID providers: an answer of one kind never ends a flow of the other. Each
	// product has its own, CALLBACK/PRODUCT: where all share one, a server that sends its
	// visitor on to another product's gets that one's code (RFC 9700, 4.4).
	Callback, OpenIDCallback string
	Now                      func() time.Time // time.Now when nil
}

// Service holds accounts.
type Service struct {
	Config
	mu    sync.Mutex
	found map[string]*found // by issuer
}

// New makes the service; Migrations must have been applied to cfg.DB.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{Config: cfg, found: map[string]*found{}}
}

// config is the client in the form of the library, with its secret.
func (s *Service) config(ctx context.Context, product id.Product) (*oauth2.Config, *Client, error) {
	c, err := s.Clients.Client(ctx, product)
	if err != nil {
		return nil, nil, err
	}
	out := &oauth2.Config{
		ClientID: c.ClientID, RedirectURL: s.Callback + "/" + string(product), Scopes: c.Scopes,
		Endpoint: oauth2.Endpoint{AuthURL: c.AuthorizationURL, TokenURL: c.TokenURL, AuthStyle: oauth2.AuthStyleInHeader},
	}
	if c.Auth != "basic" && c.Auth != "" {
		out.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	}
	if c.Auth != "none" {
		if out.ClientSecret, err = s.secret(ctx, product); err != nil {
			return nil, nil, err
		}
	}
	return out, c, nil
}

// wire gives the library the operator's way to the product.
func (s *Service) wire(ctx context.Context, product id.Product) context.Context {
	return context.WithValue(ctx, oauth2.HTTPClient, s.Clients.HTTP(product))
}

// SetSecret keeps the secret that the product's server gave its client Annex.
func (s *Service) SetSecret(ctx context.Context, p id.Principal, product id.Product, secret string) error {
	return s.setSecret(ctx, p, product, product, secret, func(ctx context.Context) error {
		_, err := s.Clients.Client(ctx, product)
		return err
	})
}

func (s *Service) setSecret(ctx context.Context, p id.Principal, product, client id.Product, secret string, declared func(context.Context) error) error {
	if !p.Is(id.Operator) {
		return fault.New(fault.Denied, "ROLE_REQUIRED", "only an operator sets a product's client secret")
	}
	if len(secret) < 8 || len(secret) > 4096 {
		return fault.New(fault.Invalid, "INVALID_SECRET", "a client secret has 8 to 4096 characters")
	}
	if err := declared(ctx); err != nil {
		return fault.Op("productauth.SetSecret", err)
	}
	return fault.Op("productauth.SetSecret", s.DB.Tx(ctx, func(ctx context.Context) error {
		generation := s.Now().UnixMilli()
		sealed, err := s.Sealer.Seal(seal.ForPlatform(), seal.ProductData, secretPlace(client, generation), []byte(secret))
		if err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, putSecret, client, sealed, generation); err != nil {
			return err
		}
		return s.Audit.Append(ctx, "", "", p, "product.secret", map[string]any{"product": product, "signIn": client != product})
	}))
}

func secretPlace(product id.Product, generation int64) seal.Place {
	return seal.Place{Table: "product_clients", Column: "secret", Row: string(product), Generation: generation}
}

func (s *Service) secret(ctx context.Context, product id.Product) (string, error) {
	var sealed []byte
	var generation int64
	err := s.DB.QueryRow(ctx, secretOf, product).Scan(&sealed, &generation)
	if errors.Is(err, db.ErrNoRows) {
		return "", fault.New(fault.Unavailable, "NO_CLIENT_SECRET", "the server has no client secret for the product %s", strings.TrimSuffix(string(product), "#sign-in")).
			WithFix("an operator gives it: %s", secretCommand(product))
	}
	if err != nil {
		return "", err
	}
	plain, err := s.Sealer.Open(seal.ForPlatform(), seal.ProductData, secretPlace(product, generation), sealed)
	return string(plain), err
}

func secretCommand(client id.Product) string {
	if product, ok := strings.CutSuffix(string(client), "#sign-in"); ok {
		return "annex product secret " + product + " --sign-in"
	}
	return "annex product secret " + string(client)
}
