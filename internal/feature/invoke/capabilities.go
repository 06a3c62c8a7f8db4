package invoke

import (
	"context"
	"strings"
	"sync"
	"sync/atomic"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// Capabilities is what one call may do. It is handed to the runtime, which holds it
// under the call's handle; the zero value refuses everything, and so does a value
// whose call has ended.
type Capabilities struct {
	door   *Door
	call   *call.Call
	policy *call.Policy // at the call's start
	trail  Trail        // nil when nobody follows the call

	mu     sync.Mutex
	bound  map[int]call.Handler
	ended  atomic.Bool
	served atomic.Int64
}

// Admit takes in one host call; none once the call has ended.
func (c *Capabilities) Admit(req call.Request) func(ctx context.Context) (call.Reply, error) {
	if c == nil || c.door == nil || c.ended.Load() {
		return func(context.Context) (call.Reply, error) {
			return call.Reply{}, fault.New(fault.Denied, "NO_CAPABILITY", "this call has no capabilities")
		}
	}
	c.served.Add(1)
	if len(req.Body) > 0 && !takesBody[req.Method] {
		refusal := fault.New(fault.Usage, "NO_BODY", "%s takes no body", clip(req.Method))
		return func(context.Context) (call.Reply, error) { return call.Reply{}, refusal }
	}
	return func(ctx context.Context) (call.Reply, error) { return c.serve(ctx, req) }
}

// takesBody are the host calls that bring a body. Any other one's would only take room in
// the server until it is answered.
var takesBody = map[string]bool{"fetch": true, "product.request": true, "product.send": true, "product.graph": true, "kvs.set": true, "queue.push": true, "kvs.secret.set": true,
	"kvs.batch.delete": true, "kvs.batch.get": true, "kvs.batch.set": true, "kvs.entity.query": true, "kvs.entity.set": true, "kvs.transact": true,
	"ui.invoke": true, "remote.request": true, "provider.fetch": true}

// clip shortens what an app calls something.
func clip(name string) string {
	if len(name) > 64 {
		name = strings.ToValidUTF8(name[:64], "") + "…"
	}
	return name
}

// serve answers one host call under the policy that is in force now. It compares the
// policy's epoch with the one the call began with, so that an uninstall or a narrowed
// grant reaches calls already running.
func (c *Capabilities) serve(ctx context.Context, req call.Request) (call.Reply, error) {
	ctx = call.WithOrigin(ctx, call.Origin{Trace: c.call.Trace}) // of what the wire kept, nothing says so
	p, err := c.current(ctx)
	if err != nil {
		return call.Reply{}, fault.Op("invoke.Serve", err)
	}
	i, ok := c.door.facilities[req.Method]
	if !ok {
		return call.Reply{}, fault.New(fault.Denied, "NOT_OFFERED", "%s is not offered by this server", clip(req.Method))
	}
	if c.trail == nil && c.door.cfg.HostCalled == nil {
		return c.handler(i)(ctx, p, req)
	}
	return c.watched(ctx, i, p, req)
}

// watched is a host call that somebody counts or follows.
func (c *Capabilities) watched(ctx context.Context, facility int, p *call.Policy, req call.Request) (call.Reply, error) {
	began := c.door.cfg.Now()
	var step Trail
	if c.trail != nil {
		ctx, step = c.trail.Step(ctx, req.Method)
		ctx = call.WithOrigin(ctx, call.Origin{Trace: c.call.Trace, Span: step.ID()}) // what it leaves for later is below it
	}
	reply, err := c.handler(facility)(ctx, p, req)
	if step != nil {
		step.End(err)
	}
	if count := c.door.cfg.HostCalled; count != nil {
		count(req.Method, c.door.cfg.Now().Sub(began), err)
	}
	return reply, err
}

// current is the policy now. A version that was replaced while the call ran keeps
// running, under what the installation is granted now.
func (c *Capabilities) current(ctx context.Context) (*call.Policy, error) {
	p, err := c.door.cfg.Policies.Policy(ctx, c.call.Installation)
	if err != nil {
		return nil, err
	}
	if p.Epoch < c.policy.Epoch {
		return nil, fault.New(fault.Unavailable, "POLICY_STALE", "the policy went back from epoch %d to %d", c.policy.Epoch, p.Epoch)
	}
	if !c.call.Session.LivesUnder(ctx, p) {
		return nil, sessionEnded()
	}
	return p, nil
}

func (c *Capabilities) handler(i int) call.Handler {
	c.mu.Lock()
	defer c.mu.Unlock()
	h, ok := c.bound[i]
	if !ok {
		h = c.door.cfg.Facilities[i].Bind(call.Binding{Call: c.call, Policy: c.policy})
		if c.bound == nil {
			c.bound = make(map[int]call.Handler, 2)
		}
		c.bound[i] = h
	}
	return h
}

// Log keeps one line of the call's output under the environment's policy.
func (c *Capabilities) Log(line call.LogLine) {
	if c == nil || c.door == nil || c.ended.Load() {
		return
	}
	if q := c.door.cfg.Quota; q != nil && !q.Line(c.policy) {
		return
	}
	c.door.cfg.Recorder.Log(c.policy, c.call, line)
}

// end makes the capabilities refuse: a handle that outlives its call opens nothing.
func (c *Capabilities) end() { c.ended.Store(true) }
