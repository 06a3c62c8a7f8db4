// Package remote calls the back ends of apps: remotes that a manifest names or an admin
// set the URL of. Its promise (SPEC 5, CONTRACTS 3): a request goes only to the one
// endpoint that the policy names for the remote at that very moment; it proves who calls
// with a token that counts for 25 seconds, at that endpoint and for that request alone; a
// credential that an admin gave for the endpoint is used and never read, by app, developer
// or admin, and is not there any more once the endpoint is another one; and what the remote
// gets to act with opens nothing but this server's gateway, which decides every request
// afresh.
package remote

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/credential"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/seal"
	"github.com/annexhq/annex/internal/infra/signer"
)

// Outgoing is one request to a remote.
type Outgoing struct {
	Remote string
	// Endpoint is the key of the module that names the remote, "" where the app did.
	Endpoint string
	Base     hostrule.URL // of the endpoint; Path is joined below it
	Path     string       // with its query
	Method   string
	Headers  [][2]string
	Body     []byte
	Timeout  time.Duration
	Room     call.Room
	Lasting  call.Room // for an answer that is taken piece by piece, nil where it is held whole
	// Inject puts in what the app does not set, Secrets are what it must not see of that.
	Inject  func(*http.Request) error
	Secrets [][]byte
	// As is the certificate that the connection shows, nil for none.
	As *netguard.Identity
	// Mint says that the platform itself asks for a token there; the answer is not the app's.
	Mint bool
}

// Broker makes the requests: the one way out.
type Broker interface {
	Send(ctx context.Context, p *call.Policy, c *call.Call, out Outgoing) (call.Reply, error)
	// Refused takes down a request that goes nowhere, and gives err with the id of that.
	Refused(ctx context.Context, p *call.Policy, c *call.Call, out Attempt, err error) error
}

// Attempt is a request to a remote that is not there for the app.
type Attempt struct {
	Remote, Endpoint string // keys, as the app or the manifest says them
	Origin           string // "" where there is none
	Path, Method     string
	Headers          [][2]string
	Body             []byte
	Rule             string // which of the rules below refused it
}

// The rules by which a request goes nowhere.
const (
	NoRemote   = "remote-not-granted"
	NoEndpoint = "endpoint-not-granted"
	NoAddress  = "remote-not-configured"
	NoNetwork  = "network-not-granted"
	BadRoute   = "remote-route"
)

// Signer makes invocation tokens.
type Signer interface {
	Invocation(ctx context.Context, i signer.Invocation) (string, error)
}

// Products is the one gate of every request to a product.
type Products interface {
	Bind(b call.Binding) call.Handler
}

// Policies answers what an installation may do now.
type Policies interface {
	Policy(ctx context.Context, install id.Install) (*call.Policy, error)
}

// Sealer keeps credentials and tokens closed.
type Sealer interface {
	Seal(s seal.Subject, p seal.Purpose, at seal.Place, plain []byte) ([]byte, error)
	Open(s seal.Subject, p seal.Purpose, at seal.Place, sealed []byte) ([]byte, error)
}

// Audit writes an act's entry into the act's transaction.
type Audit interface {
	Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error
}

// Config is what the service stands on; all but Now and Log is required.
type Config struct {
	DB       *db.DB
	Broker   Broker
	Signer   Signer
	Products Products
	Policies Policies
	Sealer   Sealer
	Audit    Audit
	// Facts are what an app may know of its own installation.
	Facts func(p *call.Policy) []byte
	// Resolver is the endpoint that answers for a module of a version, "" for none.
	Resolver func(ctx context.Context, p *call.Policy, module string) (string, error)
	// Gateway is the URL below which remotes act: of the control origin.
	Gateway string
	Now     func() time.Time
	Log     *slog.Logger
}

// Service calls remotes. It is safe for concurrent use.
type Service struct {
	Config
	turns  turns
	minted credential.Minted[mintKey] // access tokens of client credentials, by slot
}

// New makes the service; Migrations must have been applied to cfg.DB.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	return &Service{Config: cfg}
}

const requestMethod = "remote.request"

// Methods are the host calls that the service answers.
func (s *Service) Methods() []string { return []string{requestMethod} }

// Bind gives the handler of one call.
func (s *Service) Bind(b call.Binding) call.Handler {
	return func(ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
		a, err := readAsked(req)
		if err != nil {
			return call.Reply{}, err
		}
		if a.Resolver {
			if a.Endpoint, err = s.Resolver(ctx, p, b.Call.Module); err != nil {
				return call.Reply{}, fault.Op("remote.Bind", err)
			}
			if a.Endpoint == "" {
				return call.Reply{}, NoResolver()
			}
			a.Context = ContextOf(b.Call, "")
		}
		return s.Request(ctx, p, b.Call, a)
	}
}
