package egress

import (
	"context"
	"errors"
	"sync"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// flights are the requests under way. What an admin takes away ends them too: the connection
// is closed, whether the request waits for its turn or its answer still comes.
type flights struct {
	mu sync.Mutex
	of map[id.Install]map[*flight]struct{}
}

// flight is one request under way.
type flight struct {
	// may reports whether a policy lets the request go.
	may func(p *call.Policy) bool
	end context.CancelCauseFunc
}

// The causes for which a request under way ends.
var (
	errTakenAway = errors.New("what admitted the request was taken away while it was under way")
	errOver      = errors.New("the installation ended while the request was under way")
)

// begin notes a request, until land is called.
func (f *flights) begin(install id.Install, x *flight) (land func()) {
	f.mu.Lock()
	defer f.mu.Unlock()
	if f.of == nil {
		f.of = map[id.Install]map[*flight]struct{}{}
	}
	if f.of[install] == nil {
		f.of[install] = map[*flight]struct{}{}
	}
	f.of[install][x] = struct{}{}
	return func() {
		f.mu.Lock()
		defer f.mu.Unlock()
		if delete(f.of[install], x); len(f.of[install]) == 0 {
			delete(f.of, install)
		}
	}
}

func (f *flights) under(install id.Install) []*flight {
	f.mu.Lock()
	defer f.mu.Unlock()
	out := make([]*flight, 0, len(f.of[install]))
	for x := range f.of[install] {
		out = append(out, x)
	}
	return out
}

// held ends the request if the policy of now, nil for none, would refuse it.
func (x *flight) held(now *call.Policy) {
	switch {
	case now == nil:
		x.end(errOver)
	case !x.may(now):
		x.end(errTakenAway)
	}
}

// Changed tells of an installation whose policy is another one now, or none: its requests
// under way which that one refuses are ended. It does not wait for them.
func (b *Broker) Changed(install id.Install, now *call.Policy) {
	for _, x := range b.flights.under(install) {
		x.held(now)
	}
}

// lifted notes a request as under way. What changed between its decision and that, nobody
// tells any more: so it is looked at here.
func (b *Broker) lifted(p *call.Policy, x *flight) (land func()) {
	land = b.flights.begin(p.Install, x)
	if b.cfg.Current != nil {
		if now := b.cfg.Current(p.Install); now != p {
			x.held(now)
		}
	}
	return land
}

// cutOff is the error of a request that was ended by a change of the policy, or err.
func (c *caller) cutOff(ctx context.Context, err error, d *Decision) error {
	switch cause := context.Cause(ctx); {
	case errors.Is(cause, errOver):
		d.Reason = cause.Error()
		return refused(fault.New(fault.Denied, "NOT_INSTALLED", "there is no such installation, or it has ended").Because(err), d)
	case errors.Is(cause, errTakenAway):
		if d.Reason = cause.Error(); !d.Allow {
			d.Rule = "egress-not-declared"
		}
		return denied(*d, d.AllowedBy).Because(err)
	}
	return err
}
