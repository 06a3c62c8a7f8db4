// Package invoke is the only door into app code. Whatever makes a call — a web
// trigger, the CLI, a schedule, a page — comes through Door.Invoke, which looks up
// the installation's policy, binds the call's capabilities to it, has a runtime run
// the function in an instance that no other call has touched, and records the call.
//
// Promise (SPEC 3, CONTRACTS 4): a call can do what its installation is granted at
// the moment of each host call, and nothing else. The capabilities' zero value
// refuses everything.
package invoke

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"log/slog"
	"maps"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// Policies answers what an installation may do now. It must be cheap: it is asked at
// the start of each call and again at each of its host calls.
type Policies interface {
	Policy(ctx context.Context, install id.Install) (*call.Policy, error)
}

// Versions gives a version as something that can be run.
type Versions interface {
	Artifact(ctx context.Context, version id.Version) (call.Artifact, error)
}

// Runtime runs one call in an instance of its own. app is a JSON object of the
// installation's facts, merged into the context that the function sees.
type Runtime interface {
	Run(ctx context.Context, a call.Artifact, c *call.Call, app json.RawMessage, h call.Host) (call.Result, error)
}

// Recorder keeps what may be kept of a call. Neither method may block.
type Recorder interface {
	Record(p *call.Policy, c *call.Call, started time.Time, s call.Stats, err error)
	Log(p *call.Policy, c *call.Call, line call.LogLine)
}

// Quota counts what all share. Neither method may block.
type Quota interface {
	Call(p *call.Policy, c *call.Call) error
	// Line is false for a line that is one too many.
	Line(p *call.Policy) bool
}

// Facility is something in the server that app code can reach by host calls. Bind
// learns of the call once, before its first host call; the handler is then given the
// policy in force at each host call.
type Facility interface {
	// Methods are the host-call methods that the facility answers, "kvs.get" for instance.
	Methods() []string
	Bind(b call.Binding) call.Handler
}

// Endpoints calls the back ends of apps: an endpoint stands where a function could.
type Endpoints interface {
	Call(ctx context.Context, p *call.Policy, c *call.Call, endpoint string) (call.Result, error)
}

// Config is what a Door needs.
type Config struct {
	Policies   Policies
	Versions   Versions
	Runtime    Runtime
	Recorder   Recorder
	Facilities []Facility
	Log        *slog.Logger
	// Quota counts calls and what they log, over all servers; it may be nil.
	Quota Quota
	// Place gives a product's address on a site ("" for none) and the name that ARIs
	// carry for the product: its first alias, or its key.
	Place func(id.Site, id.Product) (url, ariName string)
	// HostCalled counts host calls, of methods that a facility answers; it may be nil.
	HostCalled func(method string, took time.Duration, err error)
	// Follow begins to follow a call, for whoever keeps traces; it may be nil, and then
	// nothing is done for it.
	Follow func(ctx context.Context, p *call.Policy, c *call.Call, began time.Time) (context.Context, Trail)
	// Divert gives the runtime of a call that runs elsewhere than the others, nil for those
	// that do not; it may be nil.
	Divert func(ctx context.Context, p *call.Policy, c *call.Call) (Runtime, error)
	// Endpoints runs calls whose function is an endpoint of a remote; it may be nil.
	Endpoints Endpoints
	// Ready refuses a call before it begins, where its user has to do something first; it may
	// be nil.
	Ready func(ctx context.Context, p *call.Policy, c *call.Call) error
	// Now is the clock; time.Now when nil.
	Now func() time.Time
}

// Trail follows one call, or one step of it.
type Trail interface {
	Step(ctx context.Context, name string) (context.Context, Trail)
	// ID is the step's in its trace, 16 hexadecimal digits; "" where it is not told.
	ID() string
	End(err error)
}

// Door is the only way into app code.
type Door struct {
	cfg        Config
	facilities map[string]int // method → index in cfg.Facilities
	artifacts  *artifacts
	facts      facts
}

// New makes a door. Two facilities that answer one method are a wiring mistake.
func New(cfg Config) (*Door, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	d := &Door{cfg: cfg, facilities: map[string]int{}, artifacts: newArtifacts(cfg.Versions, cfg.Now)}
	d.facts.place = cfg.Place
	for i, f := range cfg.Facilities {
		for _, m := range f.Methods() {
			if _, taken := d.facilities[m]; taken {
				return nil, fault.New(fault.Internal, "WIRING", "two facilities answer %q", m)
			}
			d.facilities[m] = i
		}
	}
	return d, nil
}

// Invoke runs one call and returns what the function returned. It fills in the
// call's id, attempt, version, seed, trace and deadline where they are empty.
//
// Errors: POLICY_STALE, NOT_INSTALLED, VERSION_CHANGED from the door; LIMIT_…,
// FUNCTION_ERR, HANDLER_NOT_FOUND, WORKER_LOST and others from the runtime.
func (d *Door) Invoke(ctx context.Context, c *call.Call) (call.Result, error) {
	started := d.cfg.Now()
	p, err := d.cfg.Policies.Policy(ctx, c.Installation)
	if err != nil {
		return call.Result{}, fault.Op("invoke.Invoke", err)
	}
	if c.Version != "" && c.Version != p.Version {
		return call.Result{}, fault.New(fault.Conflict, "VERSION_CHANGED",
			"the installation runs version %s now", p.Number).WithFix("make the call again without naming a version")
	}
	if !c.Session.LivesUnder(ctx, p) {
		return call.Result{}, sessionEnded()
	}
	if d.cfg.Quota != nil {
		if err := d.cfg.Quota.Call(p, c); err != nil {
			return call.Result{}, fault.Op("invoke.Invoke", err)
		}
	}
	if err := complete(ctx, c, p, started); err != nil {
		return call.Result{}, fault.Op("invoke.Invoke", err)
	}
	ctx = call.WithOrigin(ctx, call.Origin{Trace: c.Trace})
	if endpoint, ok := call.EndpointOf(c.Function); ok {
		if d.cfg.Endpoints == nil {
			return call.Result{}, fault.New(fault.Denied, "NOT_OFFERED", "endpoints are not offered by this server")
		}
		var whole Trail
		if d.cfg.Follow != nil {
			ctx, whole = d.cfg.Follow(ctx, p, c, started)
		}
		res, err := d.cfg.Endpoints.Call(ctx, p, c, endpoint)
		if whole != nil {
			whole.End(err)
		}
		d.cfg.Recorder.Record(p, c, started, res.Stats, err)
		return res, err
	}
	if d.cfg.Ready != nil {
		if err := d.cfg.Ready(ctx, p, c); err != nil {
			return call.Result{}, fault.Op("invoke.Invoke", err)
		}
	}
	artifact, err := d.artifacts.get(ctx, p.Version)
	if err != nil {
		return call.Result{}, fault.Op("invoke.Invoke", err)
	}
	at, err := d.runtime(ctx, p, c)
	if err != nil {
		return call.Result{}, fault.Op("invoke.Invoke", err)
	}
	// ctx carries no deadline: the runtime ends the call at c.Deadline itself, and has to
	// tell a worker that does not heed it, which it kills, from a caller who went away.
	caps := &Capabilities{door: d, call: c, policy: p}
	res, err := d.run(ctx, at, artifact, caps, started)
	caps.end()
	if res.Stats.HostCalls == 0 {
		res.Stats.HostCalls = int(caps.served.Load())
	}
	if p.EnvType == call.Production {
		err = withoutPlace(err)
	}
	d.cfg.Recorder.Record(p, c, started, res.Stats, err)
	return res, err
}

// runtime is where a call runs.
func (d *Door) runtime(ctx context.Context, p *call.Policy, c *call.Call) (Runtime, error) {
	if d.cfg.Divert == nil {
		return d.cfg.Runtime, nil
	}
	elsewhere, err := d.cfg.Divert(ctx, p, c)
	if err != nil || elsewhere != nil {
		return elsewhere, err
	}
	return d.cfg.Runtime, nil
}

func (d *Door) run(ctx context.Context, at Runtime, artifact call.Artifact, caps *Capabilities, started time.Time) (call.Result, error) {
	c, p := caps.call, caps.policy
	if d.cfg.Follow == nil {
		return at.Run(ctx, artifact, c, d.facts.of(p), caps)
	}
	ctx, whole := d.cfg.Follow(ctx, p, c, started)
	ctx, caps.trail = whole.Step(ctx, "function")
	res, err := at.Run(ctx, artifact, c, d.facts.of(p), caps)
	caps.trail.End(err)
	whole.End(err)
	return res, err
}

// sessionEnded is the refusal of what a UI Kit session wants after the policy changed under
// which it began. Its memory may hold what it may no longer know.
func sessionEnded() error {
	return fault.New(fault.Conflict, "SESSION_ENDED", "what the app may do was changed; its session is over").
		WithFix("open the app again")
}

// withoutPlace takes an error's place in the app's source away. It is read from a stack,
// which is the app's own text: in production an app could write what users gave it there,
// as the number of a line.
func withoutPlace(err error) error {
	f, ok := fault.As(err)
	if !ok || f.Fields["location"] == nil {
		return err
	}
	c := *f
	c.Fields = maps.Clone(f.Fields)
	delete(c.Fields, "location")
	return &c
}

// Facts are what an app may know of its own installation, a JSON object.
func (d *Door) Facts(p *call.Policy) json.RawMessage { return d.facts.of(p) }

// Forget drops what is cached of an environment's versions, after its variables changed.
func (d *Door) Forget() { d.artifacts.forget() }

// wall is how long a call may take by what made it (SPEC: limits of one call).
func wall(k call.Kind) time.Duration {
	switch k {
	case call.Schedule, call.Queue:
		return 900 * time.Second // what makes them says less, unless the manifest asks for it
	case call.WebTrigger, call.Event, call.Action:
		return 55 * time.Second
	default:
		return 25 * time.Second
	}
}

func complete(ctx context.Context, c *call.Call, p *call.Policy, now time.Time) error {
	c.Version, c.Site = p.Version, p.Site
	if c.Attempt == 0 {
		c.Attempt = 1
	}
	if c.ID == "" {
		u, err := uuid.NewV7()
		if err != nil {
			return err
		}
		c.ID = id.Invocation(u.String())
	}
	if c.Seed == [16]byte{} {
		if _, err := rand.Read(c.Seed[:]); err != nil {
			return err
		}
	}
	if c.Trace == "" {
		c.Trace = call.OriginOf(ctx).Trace
	}
	if c.Trace == "" {
		c.Trace = strings.ReplaceAll(string(c.ID), "-", "")
	}
	if limit := now.Add(wall(c.Kind)); c.Deadline.IsZero() || c.Deadline.After(limit) {
		c.Deadline = limit
	}
	return nil
}
