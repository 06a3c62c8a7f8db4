// Package product is the managed API of products: the one gate for every call that an app
// makes of a product, whichever door it came through. Its promise (SPEC 3 and 4): a
// request is sent only where the app is installed on that product of that site, for an
// operation that the product's description names and nobody closed, with scopes that the
// site's admin granted, and, with a user as its subject, only what that user agreed to;
// what is sent holds nothing that the operation does not declare; and it proves who asks
// with a credential that exists only between this server and the product.
//
// The order of a decision is fixed: product, installation, path and operation, scopes,
// user and consent, access rules, parameters, destinations that the product itself would contact. Only
// then is a credential made, for this operation's scopes alone.
package product

import (
	"context"
	"hash"
	"log/slog"
	"net/http"
	"net/url"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/scopemap"
	"github.com/annexhq/annex/internal/infra/netguard"
)

// API is a product's API, as its operator declared it.
type API struct {
	Product id.Product
	// BaseURL is what the paths of operations stand below.
	BaseURL *url.URL
	// Table has the operations, none where the product was declared without a description.
	Table *scopemap.Table
	Graph *Graph // nil where there is none
	// Containers are the parts of the product from which rules may keep apps.
	Containers []Containers
	// Unclaimed says that what proves who asks is the product's own and says nothing of such
	// rules: the product cannot keep to them, so the gate alone does.
	Unclaimed bool
}

// APIs gives products' APIs. It must be cheap: it is asked at each call.
type APIs interface {
	API(ctx context.Context, product id.Product) (*API, error)
	// Named is the product of a key or an alias, with a preference for one of several that
	// share an alias.
	Named(ctx context.Context, name string, preferred id.Product) (id.Product, bool, error)
}

// Installations finds the installation of an app's environment on another product of its site.
type Installations interface {
	On(ctx context.Context, env id.Env, site id.Site, product id.Product) (*call.Policy, error)
}

// Consents refuses with NEEDS_AUTHENTICATION_ERR what a user has not agreed to.
type Consents interface {
	Check(ctx context.Context, p *call.Policy, user id.Principal, scopes []string, offline bool) error
}

// Ask is what a credential is asked for: one operation's scopes, for the app or a user.
type Ask struct {
	Policy *call.Policy // of the installation on the product
	User   id.User      // "" for the app's own account
	Scopes []string
}

// Credentials proves to a product who asks. What it gives never reaches app code.
type Credentials interface {
	Credential(ctx context.Context, api *API, ask Ask) (Credential, error)
}

// Credential is what one request carries.
type Credential struct {
	Header, Value string
	// Secret is the part of Value that nobody may see in an answer.
	Secret string
}

// Network gives each installation a way out of its own. It is *netguard.Guard.
type Network interface {
	Transport(class netguard.Class, tenant string) http.RoundTripper
}

// Decisions learns of each request. It must not block.
type Decisions interface {
	Decided(ctx context.Context, d Decision)
}

// Receipts writes down each request that is sent.
type Receipts interface {
	// Intent is called before the first byte of a request leaves. When it fails, nothing leaves.
	Intent(ctx context.Context, d Decision, body []byte) (Receipt, error)
}

// Receipt is the record of one request that is under way.
type Receipt interface {
	// Hash is of what of a body cannot be hashed before the first byte leaves.
	Hash() hash.Hash
	// Done is called once, with what came of the request. It must not block.
	Done(d Decision)
}

// Decision is what was decided about one request and what came of it. It holds no path,
// query, header, body or name of a user.
type Decision struct {
	ReasonID   string // also in the app's error and in the log's line
	Install    id.Install
	On         id.Install // whose grant counts: the app's installation on the product
	Site       id.Site
	App        id.App
	Version    id.Version
	Epoch      uint64
	Invocation id.Invocation
	Function   string       // handler, "file.export"
	Actor      id.Principal // for whom the call runs
	Product    id.Product
	Origin     string // of the product's API, "" as long as no product was found
	As         string // app, user or offline
	Method     string
	Operation  string // its id, or method and template; "" when none was found
	Scopes     []string
	// Alternatives are the scopes that the operation takes, one list for each way.
	Alternatives [][]string
	// Agreed says of a request that was refused for want of a scope that its user agreed to
	// what Alternatives hold, Never that the user agreed to none.
	Agreed, Never bool
	// Contacts are the origins that the operation has the product send to.
	Contacts []string
	Allow    bool
	Rule     string // stable id of the rule that decided
	Reason   string
	Code     string // of the error, "" if there was none
	Fix      string // what the error says would allow or mend it
	Status   int    // the product's answer, 0 if there was none
	Sent     int64
	Received int64
	Took     time.Duration
	// Streamed says that the body went on while it arrived: Sent was announced at first, and
	// counted at the end, when Digest is of what was sent.
	Streamed bool
	Digest   []byte

	receipt Receipt // nil as long as nothing was sent
}

// Config is what the gate stands on; the zero value of a limit takes the documented figure.
type Config struct {
	APIs          APIs
	Installations Installations
	Consents      Consents
	Credentials   Credentials
	Network       Network
	Decisions     Decisions // may be nil
	Receipts      Receipts  // may be nil: then nothing is written down
	// Quota counts a request over all calls and servers, or refuses it; it may be nil.
	Quota func(p *call.Policy, by id.Principal) error
	// Register takes down what the installation's app registers at run time; nil where
	// nothing can be.
	Register func(ctx context.Context, p *call.Policy, m Module) error
	Log      *slog.Logger
	// Reserved are host names of the platform itself: a product is not made to contact them.
	Reserved []string
	// Timeout bounds one request, LongTimeout one of a consumer or schedule.
	Timeout, LongTimeout time.Duration
	// PerMinute bounds the requests of one call per started minute.
	PerMinute int
	// MaxBody bounds a request's body and an answer's, in bytes.
	MaxBody int64
	Slow    time.Duration
	Now     func() time.Time // time.Now when nil
}

const (
	defaultTimeout     = 25 * time.Second
	defaultLongTimeout = 180 * time.Second
	defaultPerMinute   = 500
	defaultMaxBody     = 25 << 20
	defaultSlow        = 10 * time.Second
)

// Gate decides about and makes the requests of all installations to products. It is safe
// for concurrent use.
type Gate struct{ cfg Config }

// New makes a gate.
func New(cfg Config) *Gate {
	for _, d := range []struct {
		v   *time.Duration
		def time.Duration
	}{{&cfg.Timeout, defaultTimeout}, {&cfg.LongTimeout, defaultLongTimeout}, {&cfg.Slow, defaultSlow}} {
		if *d.v == 0 {
			*d.v = d.def
		}
	}
	if cfg.PerMinute == 0 {
		cfg.PerMinute = defaultPerMinute
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = defaultMaxBody
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Gate{cfg: cfg}
}

const (
	requestMethod = "product.request"
	graphMethod   = "product.graph"
	bodyMethod    = "product.body"
	sendMethod    = "product.send"
)

// Methods are the host calls that the gate answers.
func (g *Gate) Methods() []string {
	return []string{requestMethod, graphMethod, bodyMethod, sendMethod}
}

// Bind gives the handler of one call; its allowance begins with it.
func (g *Gate) Bind(b call.Binding) call.Handler {
	c := &caller{gate: g, call: b.Call, began: g.cfg.Now()}
	return c.serve
}
