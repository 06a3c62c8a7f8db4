package egress

import (
	"context"
	"math"
	"sync"
	"time"
	"weak"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/pieces"
)

// maxTenants bounds how many installations' budgets are kept, maxCalls how many calls'; one
// that was forgotten starts with a full one.
const (
	maxTenants = 8192
	maxCalls   = 16384
)

// budgets bound what one installation may use of the shared way out.
type budgets struct {
	cfg   Config
	mu    sync.Mutex
	all   *lru.Cache[id.Install, *budget]
	calls *lru.Cache[weak.Pointer[call.Call], *allowance]
}

type budget struct {
	rate   *rate.Limiter
	volume *rate.Limiter // of bytes; a day's fill it
	slots  chan struct{}
	places chan struct{} // of answers that wait for their functions

	mu    sync.Mutex
	hosts map[string]struct{} // asked since the minute began
	since time.Time
}

func newBudgets(cfg Config) *budgets {
	all, _ := lru.New[id.Install, *budget](maxTenants) // the only error is a size below one
	calls, _ := lru.New[weak.Pointer[call.Call], *allowance](maxCalls)
	return &budgets{cfg: cfg, all: all, calls: calls}
}

// ofCall is the allowance of a call, which begins with its first request.
func (b *budgets) ofCall(c *call.Call, now time.Time) *allowance {
	b.mu.Lock()
	defer b.mu.Unlock()
	if got, ok := b.calls.Get(weak.Make(c)); ok {
		return got
	}
	made := &allowance{began: now}
	b.calls.Add(weak.Make(c), made)
	return made
}

func (b *budgets) of(install id.Install) *budget {
	b.mu.Lock()
	defer b.mu.Unlock()
	if got, ok := b.all.Get(install); ok {
		return got
	}
	made := &budget{
		rate:   rate.NewLimiter(rate.Limit(b.cfg.PerSecond), b.cfg.Burst),
		volume: rate.NewLimiter(rate.Limit(b.cfg.PerDay)/(24*60*60), int(b.cfg.PerDay)),
		slots:  make(chan struct{}, b.cfg.Concurrent),
		places: make(chan struct{}, b.cfg.Concurrent/2),
		hosts:  map[string]struct{}{},
	}
	b.all.Add(install, made)
	return made
}

// take waits for a free slot; too many requests per second are refused at once, since
// waiting would only pile them up. Once the request is done, release charges its bytes.
func (b *budgets) take(ctx context.Context, install id.Install, d *Decision) (release func(), err error) {
	budget := b.of(install)
	now := b.cfg.Now()
	if budget.volume.TokensAt(now) < 1 {
		return nil, fault.New(fault.Limit, "LIMIT_OUTBOUND_BYTES", "an installation may send and fetch %d bytes a day", b.cfg.PerDay).
			With("limit", "outbound bytes per day").With("figure", b.cfg.PerDay).With("retryAfter", 60)
	}
	if !budget.host(d.Host, b.cfg.Hosts, now) {
		return nil, fault.New(fault.Limit, "LIMIT_OUTBOUND_HOSTS", "an installation may ask %d different hosts within a minute", b.cfg.Hosts).
			With("limit", "outbound hosts per minute").With("figure", b.cfg.Hosts).With("retryAfter", 60)
	}
	if r := budget.rate.ReserveN(now, 1); !r.OK() || r.DelayFrom(now) > 0 {
		wait := max(1, int(math.Ceil(r.DelayFrom(now).Seconds())))
		r.CancelAt(now)
		return nil, fault.New(fault.Limit, "LIMIT_OUTBOUND_RATE", "an installation may make %d outbound requests per second", b.cfg.PerSecond).
			With("limit", "outbound requests per second").With("figure", b.cfg.PerSecond).With("retryAfter", wait)
	}
	select {
	case budget.slots <- struct{}{}:
		return func() {
			<-budget.slots
			// More than what is left is owed: requests are refused until it has come in.
			budget.volume.ReserveN(b.cfg.Now(), int(min(d.Sent+d.Received, b.cfg.PerDay)))
		}, nil
	case <-ctx.Done():
		return nil, fault.New(fault.Limit, "LIMIT_OUTBOUND_CONCURRENCY", "an installation may have %d outbound requests in flight", b.cfg.Concurrent).
			With("limit", "outbound requests in flight").With("figure", b.cfg.Concurrent).Because(ctx.Err())
	}
}

// host notes a host and says whether it is one of at most limit within its minute.
func (b *budget) host(name string, limit int, now time.Time) bool {
	b.mu.Lock()
	defer b.mu.Unlock()
	if now.Sub(b.since) >= time.Minute {
		b.since = now
		clear(b.hosts)
	}
	if _, known := b.hosts[name]; known {
		return true
	}
	if len(b.hosts) >= limit {
		return false
	}
	b.hosts[name] = struct{}{}
	return true
}

// allowance is the count of one call's requests, so many per started minute, and those of
// its answers that it takes piece by piece.
type allowance struct {
	began   time.Time
	mu      sync.Mutex
	used    int
	answers pieces.Answers
}

func (a *allowance) take(perMinute int, now time.Time) error {
	a.mu.Lock()
	defer a.mu.Unlock()
	minutes := int(now.Sub(a.began)/time.Minute) + 1
	if a.used >= perMinute*minutes {
		return fault.New(fault.Limit, "LIMIT_OUTBOUND_REQUESTS", "a call may make %d outbound requests per started minute", perMinute).
			With("limit", "outbound requests per started minute").With("figure", perMinute)
	}
	a.used++
	return nil
}
