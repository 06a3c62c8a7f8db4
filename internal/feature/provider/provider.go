// Package provider is the vault of external accounts: a user connects an account of theirs
// at another service (OAuth 2.0 authorization code with PKCE), or a site's admin gives a key,
// a secret for signatures or a client's credentials, and an app uses it. Its
// promise (SPEC 6, CONTRACTS 12): an app uses an account and never holds its credential;
// the credential goes to the hosts that the manifest's remotes named when the user
// connected, and to no other; it is kept sealed, is refreshed by one at a time on all
// servers together, and what a provider rotated is on the disk before it is used.
//
// An account belongs to (app environment, site, person, provider, account). Connected once,
// it serves every product of that site on which the app is installed and which knows the
// person by the same directory; never another site.
package provider

import (
	"context"
	"encoding/json"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/credential"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/exchange"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/internal/infra/seal"
	"github.com/annexhq/annex/manifest"
)

// Destination is where one request goes: a remote that the provider names.
type Destination struct {
	Provider, Remote string
	Base             hostrule.URL
	Inject           func(*http.Request) error
	Secrets          [][]byte
	// Still says why no further piece of a long answer may be given, nil if it may.
	Still func(ctx context.Context) error
	// Mints is set when the platform itself asks where the provider gives out credentials.
	Mints bool
}

// Ask is a request without its destination.
type Ask struct {
	Path, Method string
	Headers      [][2]string
	Body         []byte
	Timeout      time.Duration
}

// Broker makes requests to named destinations only, and follows no redirect.
type Broker interface {
	// Fetch is a request of app code, as the SDK writes it; its url is the path.
	Fetch(ctx context.Context, p *call.Policy, c *call.Call, to Destination, req call.Request) (call.Reply, error)
	// GiveUp ends what Fetch gave and no app will take.
	GiveUp(c *call.Call, r call.Reply)
	// Ask is one of the platform's own.
	Ask(ctx context.Context, p *call.Policy, c *call.Call, to Destination, ask Ask) (exchange.Answer, error)
	// Refused takes down a request of app code that goes nowhere, and gives err with the id of
	// that.
	Refused(ctx context.Context, p *call.Policy, c *call.Call, tried Attempt, req call.Request, err error) error
}

// Attempt is a request for which the provider or its remote is not there.
type Attempt struct {
	Provider, Remote string // keys
	Origin           string // where it would go with both, "" where that is not known
	Rule             string // that refused it
	// Keyed says that there is a credential for it, Never that with both it would be refused
	// too. Where neither is set nobody knows.
	Keyed, Never bool
}

// Policies answers what an installation may do now.
type Policies interface {
	Policy(ctx context.Context, install id.Install) (*call.Policy, error)
}

// Manifests gives the manifest of a version.
type Manifests interface {
	Manifest(ctx context.Context, version id.Version) (*manifest.Manifest, error)
}

// Apps knows apps' environments.
type Apps interface {
	// Owned refuses unless p may change the environment, and gives its id and what it runs.
	Owned(ctx context.Context, p id.Principal, app id.App, environment string) (id.Env, *manifest.Manifest, error)
	// Elsewhere reports whether the environment is installed on the site besides the installation.
	Elsewhere(ctx context.Context, env id.Env, site id.Site, besides id.Install) (bool, error)
}

// People knows which products know people by the same ids.
type People interface {
	// Directory is the name of the ids of a product's users; where two products have one,
	// the same id is the same person.
	Directory(ctx context.Context, product id.Product) (string, error)
}

// Invoker runs a function that reads a profile.
type Invoker interface {
	Invoke(ctx context.Context, c *call.Call) (call.Result, error)
}

// Sealer keeps credentials unreadable at rest; *seal.Ring is one.
type Sealer interface {
	Seal(s seal.Subject, p seal.Purpose, at seal.Place, plain []byte) ([]byte, error)
	Open(s seal.Subject, p seal.Purpose, at seal.Place, sealed []byte) ([]byte, error)
}

// Audit writes an act's entry into the act's transaction.
type Audit interface {
	Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error
}

// Later keeps work until it is done; *jobs.Queue is one.
type Later interface {
	Enqueue(ctx context.Context, list ...jobs.Job) error
}

// Config is what the service stands on. All but Now are required.
type Config struct {
	DB        *db.DB
	Sealer    Sealer
	Audit     Audit
	Broker    Broker
	Policies  Policies
	Manifests Manifests
	Apps      Apps
	People    People
	Invoker   Invoker
	// Jobs tells providers of what was disconnected.
	Jobs Later
	// Callback is the address below which providers send browsers back; each client has its
	// own, CALLBACK/ID: an answer of one never ends a flow of another.
	Callback string
	Now      func() time.Time // time.Now when nil
}

// Service holds accounts.
type Service struct {
	Config
	tokens credential.Minted[mintKey] // of clients whose credential is a site's
}

// New makes the service; Migrations must have been applied to cfg.DB.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{Config: cfg}
}

// Account is what may be shown of an account: to its user, to the site's admin and, but
// for whose it is, to the app.
type Account struct {
	Env       id.Env
	App       id.App
	Site      id.Site
	Directory string
	User      id.User
	Provider  string
	ID        string // at the provider
	Name      string // for people
	Avatar    string
	Scopes    []string
	Connected time.Time
}

// owner is whose accounts they are.
type owner struct {
	env       id.Env
	site      id.Site
	directory string
	user      id.User
}

// ownerOf is the person as whom a call acts.
func (s *Service) ownerOf(ctx context.Context, p *call.Policy, who id.Principal) (owner, error) {
	if who.Kind != id.EndUser || who.User == "" || who.Site != p.Site {
		return owner{}, nobody()
	}
	directory, err := s.People.Directory(ctx, who.Product)
	return owner{p.Environment, p.Site, directory, who.User}, err
}

// profile is who the provider says the account is.
type profile struct {
	ID          string `json:"id"`
	DisplayName string `json:"displayName"`
	AvatarURL   string `json:"avatarUrl"`
}

func plain(v any) json.RawMessage {
	text, err := json.Marshal(v)
	if err != nil {
		return json.RawMessage("null")
	}
	return text
}
