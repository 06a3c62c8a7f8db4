package install

import (
	"cmp"
	"context"
	"log/slog"
	"maps"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

const (
	// pollEvery is how often the changes of other processes are read.
	pollEvery = 250 * time.Millisecond
	// staleAfter is how long a policy counts without being confirmed.
	staleAfter = time.Second
	// A hanging reading is given up and tried again: after startPatience for the first,
	// which reads everything, pollPatience for later ones, askPatience while a call waits.
	startPatience = 30 * time.Second
	pollPatience  = 2 * time.Second
	askPatience   = 500 * time.Millisecond
)

// change is an installation's policy after a change, nil when it ended or is halted.
type change struct {
	install id.Install
	policy  *call.Policy
	halt    halt
	at      int64 // of the policy clock
}

// halt is why an installation that exists runs nothing.
type halt uint8

const (
	running        halt = iota
	noDevelopment       // the site takes no development apps at present
	notReconfirmed      // a backup brought it back, and no admin has confirmed that
	blocked             // the operator suspended the app
	handedOver          // the app has another owner, and no admin has confirmed that
)

func (i *Installation) halt() halt {
	switch {
	case i.Blocked != "":
		return blocked
	case i.Held != nil && i.Held.Stopped:
		return notReconfirmed
	case i.Handover != nil:
		return handedOver
	case i.Suspended:
		return noDevelopment
	}
	return running
}

func (h halt) refusal() error {
	switch h {
	case blocked:
		return fault.New(fault.Denied, "APP_SUSPENDED", "the operator of this server has suspended the app")
	case handedOver:
		return fault.New(fault.Denied, "OWNER_UNCONFIRMED", "the app has another owner, and no admin of the site has confirmed that yet").
			WithFix("an admin of the site looks at it with `annex grants show` and confirms it with `annex install`")
	case notReconfirmed:
		return fault.New(fault.Denied, "RESTORE_UNCONFIRMED", "the installation was brought back from a backup, and no admin of its site has confirmed it since").
			WithFix("an admin of the site looks at it with `annex install list` and confirms it with `annex install`")
	}
	return developmentOff()
}

// source reads what changed after a value of the policy clock; 0 asks for everything.
type source func(ctx context.Context, after int64) ([]change, error)

// snapshot is all policies as of a moment. It is never changed, only replaced.
type snapshot struct {
	policies  map[id.Install]*call.Policy
	halted    map[id.Install]halt
	confirmed time.Time // when the reading that confirmed it began
	// sites are the policies of each site, found out when somebody asks.
	sites func() map[id.Site][]*call.Policy
}

// bySite sorts policies into their sites, in the order of their ids.
func bySite(policies map[id.Install]*call.Policy) func() map[id.Site][]*call.Policy {
	return sync.OnceValue(func() map[id.Site][]*call.Policy {
		out := map[id.Site][]*call.Policy{}
		for _, p := range policies {
			out[p.Site] = append(out[p.Site], p)
		}
		for _, list := range out {
			slices.SortFunc(list, func(a, b *call.Policy) int { return cmp.Compare(a.Install, b.Install) })
		}
		return out
	})
}

// policies holds the policies of all installations in memory and keeps them confirmed.
type policies struct {
	source source
	now    func() time.Time
	log    *slog.Logger
	told   func(id.Install) // of each change but the first reading's; may be nil
	state  atomic.Pointer[snapshot]

	// turn is held by the one who reads. It is a channel, so that waiting for a hanging
	// reading has an end.
	turn  chan struct{}
	last  int64     // highest value of the policy clock seen
	tried time.Time // when the last reading began, successful or not

	mu     sync.Mutex
	cancel context.CancelFunc
	done   chan struct{}
}

func newPolicies(s source, now func() time.Time, log *slog.Logger) *policies {
	return &policies{source: s, now: now, log: log, turn: make(chan struct{}, 1)}
}

// get gives an installation's policy from memory.
func (p *policies) get(ctx context.Context, install id.Install) (*call.Policy, error) {
	asked := p.now()
	s := p.state.Load()
	if s.fresh(asked) {
		if policy, ok := s.policies[install]; ok {
			return policy, nil
		}
		if h := s.halted[install]; h != running {
			return nil, h.refusal()
		}
	}
	return p.look(ctx, install, asked)
}

// look is get's slow path: the installation is unknown, perhaps because another
// process made it a moment ago, or the policies are stale. The database is asked once
// more before refusing, but not for each of many askers.
func (p *policies) look(ctx context.Context, install id.Install, asked time.Time) (*call.Policy, error) {
	if err := p.readIfOlder(ctx, asked); err != nil {
		p.log.WarnContext(ctx, "policies cannot be read", "err", err)
	}
	s := p.state.Load()
	if !s.fresh(p.now()) {
		return nil, fault.New(fault.Unavailable, "POLICY_STALE", "what the installation may do cannot be confirmed at present").
			WithFix("try again; the server cannot reach its database")
	}
	policy, ok := s.policies[install]
	if h := s.halted[install]; h != running {
		return nil, h.refusal()
	}
	if !ok {
		return nil, fault.New(fault.Denied, "NOT_INSTALLED", "there is no such installation, or it has ended")
	}
	return policy, nil
}

func (s *snapshot) fresh(now time.Time) bool {
	return s != nil && now.Sub(s.confirmed) < staleAfter
}

// readIfOlder reads unless somebody else's reading began after asked. After one that began
// a moment before, it waits: readings that strangers cause come one by one, with pauses.
func (p *policies) readIfOlder(ctx context.Context, asked time.Time) error {
	const pause = 20 * time.Millisecond
	// The caller's own end must not end a reading that others profit from.
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), askPatience)
	defer cancel()
	for waited := false; ; waited = true {
		if err := p.take(ctx); err != nil {
			return err
		}
		since := p.now().Sub(p.tried)
		switch {
		case !p.tried.Before(asked):
			p.release()
			return nil
		case since >= pause || waited:
			defer p.release()
			return p.readOn(ctx)
		}
		p.release()
		select {
		case <-time.After(pause - since):
		case <-ctx.Done():
			return ctx.Err()
		}
	}
}

// read reads what changed; what was committed before the call is seen after it.
func (p *policies) read(ctx context.Context, patience time.Duration) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	if err := p.take(ctx); err != nil {
		return err
	}
	defer p.release()
	return p.readOn(ctx)
}

func (p *policies) take(ctx context.Context) error {
	select {
	case p.turn <- struct{}{}:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (p *policies) release() { <-p.turn }

// readOn reads; the caller has the turn.
func (p *policies) readOn(ctx context.Context) error {
	began := p.now()
	p.tried = began
	before := p.state.Load()
	after := p.last
	if before == nil {
		after = 0
	}
	changes, err := p.source(ctx, after)
	if err != nil {
		return err
	}
	next := &snapshot{confirmed: began}
	if before != nil {
		next.policies, next.halted, next.sites = before.policies, before.halted, before.sites
	}
	if len(changes) > 0 || next.policies == nil {
		next.policies = maps.Clone(next.policies)
		if next.policies == nil {
			next.policies = make(map[id.Install]*call.Policy, len(changes))
		}
		next.halted = maps.Clone(next.halted)
		if next.halted == nil {
			next.halted = map[id.Install]halt{}
		}
		for _, c := range changes {
			delete(next.halted, c.install)
			if c.halt != running {
				next.halted[c.install] = c.halt
			}
			if c.policy == nil {
				delete(next.policies, c.install)
			} else {
				next.policies[c.install] = c.policy
			}
			p.last = max(p.last, c.at)
		}
	}
	if next.sites == nil || len(changes) > 0 {
		next.sites = bySite(next.policies)
	}
	p.state.Store(next)
	if before != nil && p.told != nil {
		for _, c := range changes {
			p.told(c.install)
		}
	}
	return nil
}

// start reads everything and then keeps reading what changed until stop.
func (p *policies) start(ctx context.Context) error {
	if err := p.read(ctx, startPatience); err != nil {
		return err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.cancel != nil {
		return nil
	}
	ctx, p.cancel = context.WithCancel(context.WithoutCancel(ctx))
	p.done = make(chan struct{})
	go p.poll(ctx, p.done)
	return nil
}

func (p *policies) poll(ctx context.Context, done chan<- struct{}) {
	defer close(done)
	t := time.NewTicker(pollEvery)
	defer t.Stop()
	failing := false
	for {
		select {
		case <-ctx.Done():
			return
		case <-t.C:
		}
		err := p.read(ctx, pollPatience)
		if err != nil && !failing && ctx.Err() == nil { // once, not four times a second
			p.log.ErrorContext(ctx, "policies cannot be read; calls are refused until they can", "err", err)
		}
		failing = err != nil
	}
}

// stop ends the reading and waits for it. Policies are stale a second later.
func (p *policies) stop() {
	p.mu.Lock()
	cancel, done := p.cancel, p.done
	p.cancel, p.done = nil, nil
	p.mu.Unlock()
	if cancel != nil {
		cancel()
		<-done
	}
}
