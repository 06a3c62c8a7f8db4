// Package call is the vocabulary of one call of an app's function: the Call that a
// trigger makes, the Result that comes back, the host calls that the function makes
// on its way, and the Policy under which each of them is decided. It has no
// behaviour; features share it because a feature never imports another.
package call

import (
	"context"
	"encoding/json"
	"io"
	"time"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
)

// Kind says what made the call; it decides the default limits and how the SDK in the
// sandbox turns payload and context into a Forge function's arguments.
type Kind string

const (
	WebTrigger Kind = "webtrigger" // an HTTP request; Payload is its raw body
	Invoke     Kind = "invoke"     // `annex invoke`; Payload is JSON
	Schedule   Kind = "schedule"
	Event      Kind = "event"
	Queue      Kind = "queue"
	UI         Kind = "ui"      // a resolver, asked by a user interface
	Action     Kind = "action"  // an agent or automation, for a user
	Session    Kind = "session" // one event of a UI Kit session; see Activation
)

// Call is one call of a function of an installed version.
type Call struct {
	ID           id.Invocation
	Attempt      int // 1 for the first
	Kind         Kind
	Version      id.Version
	Installation id.Install
	Site         id.Site // of the installation; the door fills it in
	Module       string  // module key, for instance a web trigger's
	Function     string  // handler, "file.export"
	Principal    id.Principal
	// Context is a JSON object of what the trigger knows of the call; for a web
	// trigger it holds "request" (see WebRequest). The door adds the app's own facts.
	Context     json.RawMessage
	Payload     []byte
	ContentType string
	// TunnelKey is what a web trigger's caller said to have a developer's tunnel run the call,
	// "" for any other call. App code never sees it.
	TunnelKey string
	Seed      [16]byte // for Math.random; differs between calls
	Deadline  time.Time
	// Trace is a W3C trace id, 32 hexadecimal digits: the request's that made the call, or the
	// ID without its dashes. Span is the request's in it, where the request is over.
	Trace, Span string
	// Session is set when the call is one event of a UI Kit session.
	Session *Activation
}

// Activation is what one event of a UI Kit session needs besides its call. The instance is
// what Parked says it was; the result's body is what it was parked as afterwards, and its
// head a Rest.
type Activation struct {
	Session string
	// Epoch is of the policy under which the event began, and GoesOn says whether the session
	// lives on under a later one; nil says that it does not. Where it does not, each host call
	// is refused.
	Epoch  uint64
	GoesOn func(ctx context.Context, p *Policy) bool
	Parked []byte // nil at the session's first event
	// Portable asks for a parked form that every server that shares the database can resume.
	Portable bool
	// Resolver is the handler of the function that answers the interface, "" for none.
	Resolver string
	// Yield is closed when the session is to rest as soon as it waits for nothing but its own
	// timers: something else is to be handled, or nobody is there to be shown more. Nil is never.
	Yield <-chan struct{}
	// Room is closed when another event of the session waits: this one is to rest also while it
	// waits for answers of host calls, which the event after it is told. Nil is never.
	Room <-chan struct{}
	// Number names the event among those of its session; 0 is one that nobody waits for.
	Number int64
	// Carried are the host calls that events before this one left under way; nil for none.
	Carried Carried
	// Emit takes what the session tells, a JSON object at a time. It must not block.
	Emit func(message []byte)
}

// LivesUnder reports whether the event goes on under a policy. A call of no session does.
func (a *Activation) LivesUnder(ctx context.Context, p *Policy) bool {
	return a == nil || p.Epoch == a.Epoch || a.GoesOn != nil && a.GoesOn(ctx, p)
}

// Rest is the head of a parked session's result.
type Rest struct {
	// WakeMS is when the next timer of the session is due, -1 when none is.
	WakeMS int64 `json:"wake"`
	// Open are the numbers of the events that wait for answers of host calls.
	Open []int64 `json:"open,omitempty"`
}

// Carried are host calls that events of a session left under way to make room for another
// one. They go on as what they began as: calls of those events, with their time. The event that
// is under way when one is answered is told.
type Carried interface {
	// Waits says whether there still are any.
	Waits() bool
	// Drop has nobody told of what comes of them: the session does not go on.
	Drop()
}

// WebRequest is the "request" member of a web trigger call's Context. Header names
// are lower-case; repeated headers and query values are kept in order.
type WebRequest struct {
	Method          string              `json:"method"`
	Path            string              `json:"path"`     // path of the URL below the trigger's address, "/" at least
	UserPath        string              `json:"userPath"` // the same without the leading trigger part; "" or "/…"
	RawQuery        string              `json:"rawQuery"`
	QueryParameters map[string][]string `json:"queryParameters"`
	Headers         map[string][]string `json:"headers"`
}

// WebResponse is the Head of a web trigger call's Result; the body is Result.Body.
type WebResponse struct {
	StatusCode int                 `json:"statusCode"`
	StatusText string              `json:"statusText,omitempty"`
	Headers    map[string][]string `json:"headers,omitempty"`
	// OutputKey names a declared static output; then nothing else is set.
	OutputKey string `json:"outputKey,omitempty"`
}

// Result is what a call returned.
type Result struct {
	// Head is kind-specific JSON (WebResponse for web triggers), or nil.
	Head json.RawMessage
	// Body is the JSON of the returned value, or a web trigger's raw answer body.
	Body  []byte
	Stats Stats
	// Carried are the host calls that a session's event made room without; nil for none.
	Carried Carried
}

// Stats are the figures of one call.
type Stats struct {
	CPU       time.Duration // spent inside the engine
	HostCalls int
	Logs      int
	// LogsDropped are log lines over the limit, which nobody has.
	LogsDropped int
	Effects     bool // a host call with an effect was made: the call must not be run again elsewhere
}

// Request is one host call of app code, as it arrived at the server.
type Request struct {
	Method string          // "fetch", "kvs.get", …
	Head   json.RawMessage // method-specific, ≤ 60 KiB
	Body   []byte          // ≤ 10 MiB
	Room   Room            // for the answer; nil does not bound it
	// Lasting is for what outlives the answer: whoever takes gives back. Nil where nothing does.
	Lasting Room
	// Stream is the body in place of Body where it may be passed on while it arrives: Size
	// bytes, -1 when nobody knows. A handler that needs it whole reads it.
	Stream io.Reader
	Size   int64
	// Streams says that whoever asks takes an answer that arrives while it is passed on.
	Streams bool
	// Later takes what is to be done once the answer is on its way, and before the call that
	// asked is said to have ended: nobody waits for it. Nil where there is no later.
	Later func(do func())
}

// Afterwards does something that the answer need not wait for.
func (r Request) Afterwards(do func()) {
	if r.Later == nil {
		do()
		return
	}
	r.Later(do)
}

// Room is the part of the server's memory that a host call's answer may take up. Whoever
// reads an answer of a size that others decide takes room before the bytes arrive. What
// was taken and not given is given back when the answer has been delivered.
type Room interface {
	// Take reserves n bytes more, or says what is full.
	Take(n int) error
	// Give gives n of the bytes back.
	Give(n int)
}

// Reply answers a Request. A refusal is an error (a *fault.Error), never a Reply.
type Reply struct {
	Head json.RawMessage
	Body []byte
	// Stream is the body in place of Body, for those who said Streams. It is closed by
	// whoever got it; what came of the request is known then. An error of it is the request's.
	Stream io.ReadCloser
}

// Handler answers host calls of one bound call. The door passes the policy that is
// in force at this very host call, so a revocation reaches calls already running.
type Handler func(ctx context.Context, p *Policy, req Request) (Reply, error)

// Host answers the host calls of one running call; a runtime holds it under the
// call's handle and forgets it at the call's end.
type Host interface {
	// Admit takes in one host call when it arrives, and gives what answers it. It does
	// not block. What it gives may run after the call has ended: a host call that app code
	// made and did not await still does what it began, and its answer goes nowhere.
	Admit(req Request) func(ctx context.Context) (Reply, error)
	// Log takes one line of app output. It must not block.
	Log(line LogLine)
}

// LogLine is one console line of app code.
type LogLine struct {
	Time  time.Time
	Level string          // debug, info, warn, error
	Args  json.RawMessage // JSON array of the structured arguments
}

// Policy is the authority of one installation at one epoch: everything that a
// decision about a call of it may depend on.
type Policy struct {
	Install     id.Install
	Site        id.Site
	Product     id.Product
	App         id.App
	Owner       id.Account // the developer account that owns the app
	Environment id.Env
	EnvName     string // "development", "staging", "production" or a development environment's name
	EnvType     EnvType
	Version     id.Version
	Number      string      // "major.minor.patch"
	Set         perm.Set    // the effective set of CONTRACTS 4
	Rules       *perm.Rules // of Set, for whoever asks often; may be nil
	// Whole gives the remotes, endpoints and providers that Set would have with all granted that
	// is declared, and none switched off. It is no authority: it tells whether what is refused
	// is refused for its want alone. nil where there are none.
	Whole func() perm.Set
	// Networks are the private networks that were opened for remotes.
	Networks []Network
	// Slots are the remotes that the app registered and that no admin has set a URL for.
	// They are no authority: they tell such a remote from one that does not exist.
	Slots []string
	// Configured is what of Set an admin added while the app ran.
	Configured []perm.Egress
	// AccessRules keep the app from parts of the product, whatever Set says.
	AccessRules []AccessRule
	Epoch       uint64
	Scope       tenant.Scope // of the app's own principal
}

// Release is what an environment runs: as Policy what an installation of it may do if
// everything declared were granted (its Install and Site are empty).
type Release struct {
	Policy
	// Hash is of the version's manifest and bytes: what an approval is bound to.
	Hash string
	// AppManaged says that the version runs before all that it asks for is granted.
	AppManaged bool
	// Suspended is the operator's reason for which the app runs nowhere, "" when it may.
	Suspended string
}

// Rollout counts the installations that a deploy reached.
type Rollout struct {
	Ran     int // run it now
	Growing int // wait for an admin to allow what it asks for
	Later   int // wait for their site's time or hand, are pinned, or declined it
}

// EnvType is the kind of an environment; more development ones may be added.
type EnvType string

const (
	Development EnvType = "DEVELOPMENT"
	Staging     EnvType = "STAGING"
	Production  EnvType = "PRODUCTION"
)

// Binding is what a facility learns of a call before its first host call.
type Binding struct {
	Call   *Call
	Policy *Policy // at the call's start
}

// Artifact is a runnable version in an environment with its variables.
type Artifact struct {
	Version     id.Version
	Environment id.Env
	// Owner is the account on whose behalf a new version is made ready, if one is.
	Owner id.Account
	// Key identifies what a snapshot is made from: version hash, environment and
	// the revision of its variables.
	Key string
	// Snapshots is false when the manifest says app.runtime.snapshots: false.
	Snapshots bool
	MemoryMB  int
	// Load gives the function bundle, its source map and the environment's variables
	// (opened). It is called only when a snapshot has to be made.
	Load func(ctx context.Context) (Source, error)
}

// Source is what a snapshot is made from.
type Source struct {
	Bundle    []byte            // JavaScript, see docs/bundle-format.md
	SourceMap []byte            // source map v3, may be empty
	Variables map[string]string // process.env
	Files     map[string][]byte // files bundled with the app, for fs reads; may be empty
}

// Prepared reports what making a version's snapshot found.
type Prepared struct {
	// Snapshotted is false when module scope has to run at each call; Reason says why.
	Snapshotted bool
	Reason      string
	// Missing are the handlers ("file.export") that the bundle does not export as functions.
	Missing []string
	// Bytes is the size of the snapshot's pages that differ from the base image.
	Bytes int
	// ModuleScope is the time that module scope took.
	ModuleScope time.Duration
}
