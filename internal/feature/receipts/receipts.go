// Package receipts writes down what the server sends for apps, and tells it to the admins
// whose data it may be. Its promise (CONTRACTS 11): before the first byte of a request
// leaves, a line about it is in a file of this machine, and what came of it follows; the
// lines of a site hang together by hashes, checkpoints over them are signed and linked,
// and package trail checks an export without a server. A request whose line cannot be
// written is not sent.
//
// The lines hold ids, origins, sizes and keyed hashes: no path, query, header, body, or
// name of a person. Beside them the same requests are counted by hour and destination,
// with those that were refused: what leaves, what a change would have refused, and the
// least that an app needs are read from those counts.
package receipts

import (
	"context"
	"hash"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/ledger"
)

// The ways in which a request leaves.
const (
	Fetch    = "fetch"
	Remote   = "remote"
	Provider = "provider"
	Product  = "product"
)

// Request is one request that an app makes the server send.
type Request struct {
	ID         string // also in the app's error and in the server's log
	Site       id.Site
	Install    id.Install
	On         id.Install // whose grant decides, where another installation's does
	App        id.App
	Version    id.Version
	Function   string
	Invocation id.Invocation
	Epoch      uint64
	Actor      id.Principal
	Use
	Method    string
	AllowedBy string
	Bytes     int64
	// Streamed says that the body goes on while it arrives: how much it is and its hash are
	// known when it has, and stand in the outcome.
	Streamed bool
}

// Use is what of a request decides whether it may be sent: requests of the same use are
// counted together.
type Use struct {
	Via       string     `json:"via"`
	Key       string     `json:"key,omitempty"`      // of the remote, provider or product
	Endpoint  string     `json:"endpoint,omitempty"` // of the module that named the remote
	Remote    string     `json:"remote,omitempty"`   // of the provider, of what went nowhere; through whose token a product was asked
	Type      string     `json:"type,omitempty"`     // of the egress
	Origin    string     `json:"origin,omitempty"`
	Operation string     `json:"operation,omitempty"` // of the product
	As        string     `json:"as,omitempty"`        // app, user or offline
	Needs     [][]string `json:"needs,omitempty"`     // the operation's scopes, one list for each way
	// Matched are the patterns that admitted it, where patterns may hold a path, and Missed
	// those that did not because of theirs.
	Matched []string `json:"matched,omitempty"`
	Missed  []string `json:"missed,omitempty"`
	// Mints are the places where declared providers give out credentials that it was for, Clear
	// those of its host that it was not for; see perm.Minting.
	Mints []string `json:"mints,omitempty"`
	Clear []string `json:"clear,omitempty"`
	// Opened says that it went to an address that nothing but a private network has.
	Opened bool `json:"opened,omitempty"`
	// Never says that no policy lets it go; Keyed that there is a credential for what had no
	// provider, or that its user agreed to what had no scope.
	Never bool `json:"never,omitempty"`
	Keyed bool `json:"keyed,omitempty"`
	// Contacts are the origins that the operation has the product send to.
	Contacts []string `json:"contacts,omitempty"`
	// Rule is what refused it, "" when it was sent.
	Rule string `json:"rule,omitempty"`
	// Rest says that more destinations were asked within an hour than are told apart.
	Rest bool `json:"rest,omitempty"`
}

// Outcome is what came of a request.
type Outcome struct {
	Allow    bool // false when the address was refused: no byte left
	Rule     string
	Code     string
	Status   int
	Received int64
	Took     time.Duration
	// Sent is how much of a streamed body left, and Digest what Open.Hash made of that.
	Sent   int64
	Digest []byte
}

// Config is what the log stands on.
type Config struct {
	DB     *db.DB
	Dir    string        // for lines that are not in the database yet; this process's alone
	Signer ledger.Signer // without one nothing is signed
	Issuer string
	// Keep is how long lines and counts are kept, 90 days when 0.
	Keep time.Duration
	Now  func() time.Time // time.Now when nil
	Log  *slog.Logger
}

const (
	defaultKeep = 90 * 24 * time.Hour
	// maxPending bounds the lines that wait for the database; then nothing is sent any more.
	maxPending = 50_000
)

// Log is the trail of what this process sends. It is safe for concurrent use.
type Log struct {
	Config
	segment string

	mu      sync.Mutex
	chains  map[id.Site]*chain
	pending []trail.Entry
	counts  map[place]*count
	told    map[hourOf]map[string]bool // the uses that are told apart, by their hashes
	spool   *spool
	since   map[id.Site]int
	failed  bool // the last writing to the database did

	keys sync.Map // id.Site → []byte
	wake chan struct{}
	stop func()

	writing sync.Mutex // one writes to the database at a time
}

// chain is where a site's chain of this process stands.
type chain struct {
	seq  int64
	hash string
}

// New makes the log; Migrations must have been applied.
func New(cfg Config) *Log {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Keep == 0 {
		cfg.Keep = defaultKeep
	}
	l := &Log{Config: cfg, segment: uuid.Must(uuid.NewV7()).String(), chains: map[id.Site]*chain{}, counts: map[place]*count{},
		told: map[hourOf]map[string]bool{}, since: map[id.Site]int{}, wake: make(chan struct{}, 1)}
	l.spool = newSpool(cfg.Dir, l.segment)
	return l
}

// Open is a request that is under way.
type Open struct {
	log *Log
	of  Request
}

// The acts of the trail.
const (
	Intent = "request.intent"
	Done   = "request.outcome"
)

// intent and outcome are the details of the two lines about a request.
type intent struct {
	ID         string        `json:"id"`
	App        id.App        `json:"app"`
	Version    id.Version    `json:"version"`
	Function   string        `json:"function,omitempty"`
	Invocation id.Invocation `json:"invocation"`
	Epoch      uint64        `json:"epoch"`
	Via        string        `json:"via"`
	Key        string        `json:"key,omitempty"`
	Type       string        `json:"type,omitempty"`
	To         string        `json:"to"`
	Operation  string        `json:"operation,omitempty"`
	As         string        `json:"as,omitempty"`
	Method     string        `json:"method"`
	AllowedBy  string        `json:"allowedBy,omitempty"`
	Bytes      int64         `json:"bytes"`
	Body       string        `json:"body,omitempty"` // keyed hash
	Streamed   bool          `json:"streamed,omitempty"`
	Decision   string        `json:"decision"`
}

type outcome struct {
	ID       string `json:"id"`
	Decision string `json:"decision"`
	Rule     string `json:"rule,omitempty"`
	Code     string `json:"code,omitempty"`
	Status   int    `json:"status"`
	Bytes    int64  `json:"bytes"`
	Ms       int64  `json:"ms"`
	Sent     *int64 `json:"sent,omitempty"` // of a streamed body
	Body     string `json:"body,omitempty"` // its keyed hash
}

// Intent writes down that a request is about to be sent. Unless it succeeds, nothing may be.
func (l *Log) Intent(ctx context.Context, r Request, body []byte) (*Open, error) {
	key, err := l.key(ctx, r.Site)
	if err != nil {
		return nil, fault.Op("receipts.Intent", err)
	}
	d := intent{
		ID: r.ID, App: r.App, Version: r.Version, Function: plain(r.Function, key), Invocation: r.Invocation, Epoch: r.Epoch,
		Via: r.Via, Key: r.Key, Type: r.Type, To: r.Origin, Operation: r.Operation, As: r.As, Method: r.Method,
		AllowedBy: r.AllowedBy, Bytes: r.Bytes, Streamed: r.Streamed, Decision: "allow",
	}
	if len(body) > 0 {
		d.Body = keyed(key, body)
	}
	if err := l.append(r, Intent, actor(r, key), d, true); err != nil {
		return nil, fault.Op("receipts.Intent", err)
	}
	return &Open{l, r}, nil
}

// Hash hashes a streamed body as Intent does another one, with the key of the site.
func (o *Open) Hash() hash.Hash {
	key, _ := o.log.keys.Load(o.of.Site) // Intent has put it there
	secret, _ := key.([]byte)
	return keyedHash(secret)
}

// Done writes down what came of the request.
func (o *Open) Done(out Outcome) {
	d := outcome{ID: o.of.ID, Decision: "allow", Code: out.Code, Status: out.Status, Bytes: out.Received, Ms: out.Took.Milliseconds()}
	if !out.Allow {
		d.Decision, d.Rule = "deny", out.Rule
	}
	if o.of.Streamed {
		o.of.Bytes, d.Sent = out.Sent, &out.Sent
		if out.Sent > 0 {
			d.Body = keyedText(out.Digest)
		}
	}
	key, _ := o.log.keys.Load(o.of.Site) // Intent has put it there
	secret, _ := key.([]byte)
	if err := o.log.append(o.of, Done, actor(o.of, secret), d, false); err != nil {
		o.log.Log.Error("what came of a request could not be written down", "id", o.of.ID, "err", err)
	}
	u := o.of.Use
	if !out.Allow {
		u.Rule = out.Rule
	}
	o.log.count(o.of, u, out)
}

// Refused counts a request of which nothing was sent.
func (l *Log) Refused(r Request, rule string) {
	u := r.Use
	u.Rule = rule
	l.count(r, u, Outcome{Rule: rule})
}
