// Package egress is the broker: every request that an app's code makes leaves through
// it. Its promise (SPEC 5, egress-security 5 and 6): a byte leaves only to a
// destination that the installation's policy names at that very moment, at an address
// that is public, with one host in URL, Host header and TLS server name.
//
// The order of a decision is fixed: take in the URL, the platform's own names, the
// policy, headers and method, budgets; only then is the name resolved, its addresses
// checked, one of them dialled, TLS verified, and the answer read within its limits.
// So a name that is refused is never looked up: its labels cannot carry data out.
//
// Redirects are not followed. A 3xx goes back to the app, whose fetch asks again, so
// that each hop is a decision of its own.
package egress

import (
	"context"
	"log/slog"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/netguard"
)

// Network gives each installation a way out of its own. It is *netguard.Guard.
type Network interface {
	Transport(class netguard.Class, tenant string) http.RoundTripper
	// PrivateTransport is the way into a private network that was opened for a remote.
	PrivateTransport(tenant string, to netguard.Opening) http.RoundTripper
	// IdentifiedTransport is either of them, with connections that say by a certificate who
	// calls; into is nil for what is public.
	IdentifiedTransport(tenant string, into *netguard.Opening, as netguard.Identity) http.RoundTripper
}

// Decisions learns of each request. It must not block.
type Decisions interface {
	// Allowed is called once the request has ended; its outcome is in the decision.
	Allowed(ctx context.Context, d Decision)
	// Denied is called for a request of which no byte left, or whose address was refused.
	Denied(ctx context.Context, d Decision)
}

// Receipts writes down each request that is sent.
type Receipts interface {
	// Intent is called before the first byte of a request leaves, and before its name is
	// looked up. When it fails, nothing leaves.
	Intent(ctx context.Context, d Decision, body []byte) (Receipt, error)
}

// Receipt is the record of one request that is under way.
type Receipt interface {
	// Done is called once, with what came of the request. It must not block.
	Done(d Decision)
}

// Decision is what was decided about one request and what came of it. It holds no
// path, query, header or body.
type Decision struct {
	ReasonID   string // also in the app's error and in the log's line
	Install    id.Install
	Site       id.Site
	App        id.App
	Version    id.Version
	Epoch      uint64
	Invocation id.Invocation
	Function   string       // handler, "file.export"
	Actor      id.Principal // for whom the call runs
	Via        string       // fetch, remote or provider
	Key        string       // of the remote or provider, "" for fetch
	Endpoint   string       // of the module that names the remote, "" where the app did
	Remote     string       // of the provider, of a request that went nowhere
	Method     string
	// Origin, Scheme, Host and Port are empty when the URL could not be taken in.
	Origin, Scheme, Host string
	Port                 uint16
	Type                 string // FETCH_BACKEND_SIDE; REMOTE or PROVIDER for what Pinned sends
	Allow                bool
	Rule                 string // stable id of the rule that decided
	Reason               string // for the log; may name an address
	// AddressClass is what kind of address answered or was refused (netguard.Verdict.Class),
	// "" when none was looked at.
	AddressClass string
	AllowedBy    string // the pattern that admits it
	// Matched are all patterns that admit it, of a type whose patterns may hold a path, and
	// Missed those that do not because of their path.
	Matched, Missed []string
	// Mints are the places where declared providers give out credentials that the request was
	// for, Clear those of its host that it was not for.
	Mints, Clear []string
	// Opened says that it went into a private network.
	Opened bool
	// Never is set of a refused request that no policy would let go, and Keyed of one that had
	// no provider and for which there is a credential.
	Never, Keyed   bool
	Status         int    // the answer's, 0 if there was none
	Code           string // of the error, "" if there was none
	Fix            string // what the error says would allow or mend it
	Sent, Received int64  // bytes of the bodies, as they were on the wire
	// Echoes counts credentials of the request that its answer held, and that were taken out.
	Echoes int
	Took   time.Duration

	receipt Receipt // nil as long as nothing was sent
}

// Config is what the broker stands on; the zero value of a limit takes the documented
// figure.
type Config struct {
	Network   Network
	Decisions Decisions
	Receipts  Receipts // may be nil: then nothing is written down
	// Quota counts a request over all calls and servers, or refuses it; it may be nil.
	Quota func(p *call.Policy) error
	// Current is an installation's policy of now, nil for none; it must not wait. It may be nil.
	Current func(install id.Install) *call.Policy
	Log     *slog.Logger
	// Reserved are host names of the platform itself; they and everything below them
	// are refused whatever a policy says.
	Reserved []string
	// Timeout bounds one request, LongTimeout one of a consumer or schedule.
	Timeout, LongTimeout time.Duration
	// PerMinute bounds the requests of one call per started minute.
	PerMinute int
	// Concurrent bounds an installation's requests in flight; more wait.
	Concurrent int
	// PerSecond and Burst bound an installation's requests over all its calls.
	PerSecond, Burst int
	// Hosts bounds how many different hosts an installation asks within a minute.
	Hosts int
	// PerDay bounds the bytes of an installation's bodies, both ways.
	PerDay int64
	// Slow is how long an answer may bring next to nothing.
	Slow time.Duration
	// MaxBody bounds a request's body and an answer's, on the wire and decoded.
	MaxBody int64
	Now     func() time.Time // time.Now when nil
}

const (
	defaultTimeout     = 25 * time.Second
	defaultLongTimeout = 180 * time.Second
	defaultPerMinute   = 100
	defaultConcurrent  = 32
	defaultPerSecond   = 200
	defaultBurst       = 400
	defaultMaxBody     = 10 << 20
	defaultHosts       = 100
	defaultPerDay      = 20 << 30
	defaultSlow        = 10 * time.Second
)

// Broker makes the requests of all installations. It is safe for concurrent use.
type Broker struct {
	cfg     Config
	budgets *budgets
	flights flights
}

// New makes a broker.
func New(cfg Config) *Broker {
	or := func(d *time.Duration, def time.Duration) {
		if *d == 0 {
			*d = def
		}
	}
	or(&cfg.Timeout, defaultTimeout)
	or(&cfg.LongTimeout, defaultLongTimeout)
	orInt(&cfg.PerMinute, defaultPerMinute)
	orInt(&cfg.Concurrent, defaultConcurrent)
	orInt(&cfg.PerSecond, defaultPerSecond)
	orInt(&cfg.Burst, defaultBurst)
	orInt(&cfg.MaxBody, defaultMaxBody)
	orInt(&cfg.Hosts, defaultHosts)
	orInt(&cfg.PerDay, defaultPerDay)
	or(&cfg.Slow, defaultSlow)
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	cfg.Reserved = normalNames(cfg.Reserved)
	return &Broker{cfg: cfg, budgets: newBudgets(cfg)}
}

func orInt[T int | int64](v *T, def T) {
	if *v == 0 {
		*v = def
	}
}

const (
	fetchMethod = "fetch"
	bodyMethod  = "fetch.body" // of whatever Pinned sent
)

// Methods are the host calls that the broker answers.
func (b *Broker) Methods() []string { return []string{fetchMethod, bodyMethod} }

// Bind gives the handler of one call, with the call's own budget.
func (b *Broker) Bind(binding call.Binding) call.Handler {
	return (&caller{broker: b, call: binding.Call, allowance: b.budgets.ofCall(binding.Call, b.cfg.Now())}).serve
}

// timeout is how long one request of a call may take.
func (b *Broker) timeout(k call.Kind) time.Duration {
	if k == call.Queue || k == call.Schedule {
		return b.cfg.LongTimeout
	}
	return b.cfg.Timeout
}
