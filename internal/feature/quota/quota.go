// Package quota says how much one installation, app, site and user may use of what all
// share: calls, requests that leave, product calls, queued events, log lines, storage.
//
// Promises:
//
//   - What is over its figure is refused with an error that names limit, figure and when to
//     come again, and costs next to nothing.
//   - Nobody's use counts against somebody else's figure.
//   - Each server counts in memory and asks no database on the way. What one has let through
//     of a figure is known to the other servers of the database a second later, once it is an
//     eighth of the figure; so that n servers let through n/8 of it too much, and what comes
//     within that second.
//   - What was used and refused each day is kept for the site's admin and the app's
//     developer, as counts.
package quota

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
)

// Config is what the service stands on; DB is required.
type Config struct {
	DB     *db.DB
	Limits Limits
	// Settle is how often counts are written, a second when zero.
	Settle time.Duration
	Now    func() time.Time
	Log    *slog.Logger
}

// Service counts. It is safe for concurrent use.
type Service struct {
	cfg Config

	mu      sync.Mutex
	windows map[subject]*window
	used    map[day]*count // what was not written yet
	began   time.Time      // of the minute that windows count in
	writing sync.Mutex     // held around what goes into the database

	cancel context.CancelFunc
	done   chan struct{}
}

// What is counted.
const (
	Calls        = "calls"
	Outbound     = "outbound"
	ProductCalls = "productCalls"
	Pushes       = "pushes"
	LogLines     = "logLines"

	StorageReads  = "storageReads"
	StorageWrites = "storageWrites"
	// Stored is what was to be stored and had no room; how much is stored is the store's to tell.
	Stored = "stored"
)

// subject is whose use of what a window counts.
type subject struct{ what, of, who string } // of: installation, app, site, user

// window is the use of a minute.
type window struct {
	mine, others int // others: of other servers, as far as it is known
	told         int // what of mine others can know
	limit        int
}

// day is one installation's use of one thing on one day.
type day struct {
	site    id.Site
	install id.Install
	what    string
	day     int64 // Unix days
}

type count struct{ used, refused int64 }

// New makes the service; Migrations must have been applied to cfg.DB.
func New(cfg Config) *Service {
	if cfg.Settle == 0 {
		cfg.Settle = time.Second
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	cfg.Limits.defaults()
	return &Service{cfg: cfg, windows: map[subject]*window{}, used: map[day]*count{}}
}

// Call counts a call of app code.
func (s *Service) Call(p *call.Policy, c *call.Call) error {
	l := s.cfg.Limits
	is := s.subjects(p, Calls, l.Of(p.App, p.Install).Calls, l.App.Calls, l.Site.Calls)
	if c.Principal.Is(id.EndUser) {
		is = append(is, bound{subject{Calls, "user", string(p.Site) + " " + string(p.Environment) + " " + string(c.Principal.User)}, l.User.Calls})
	}
	return s.take(p, Calls, 1, is)
}

// Look counts a condition of a trigger that is looked at on its own, as a call.
func (s *Service) Look(p *call.Policy) error {
	l := s.cfg.Limits
	return s.take(p, Calls, 1, s.subjects(p, Calls, l.Of(p.App, p.Install).Calls, l.App.Calls, l.Site.Calls))
}

// Request counts a request that leaves.
func (s *Service) Request(p *call.Policy) error {
	l := s.cfg.Limits
	return s.take(p, Outbound, 1, s.subjects(p, Outbound, l.Of(p.App, p.Install).Outbound, l.App.Outbound, l.Site.Outbound))
}

// Product counts a call of a product's API, which a user's budget bounds for each app.
func (s *Service) Product(p *call.Policy, by id.Principal) error {
	l := s.cfg.Limits
	is := s.subjects(p, ProductCalls, l.Of(p.App, p.Install).ProductCalls, l.App.ProductCalls, l.Site.ProductCalls)
	if by.Is(id.EndUser) {
		is = append(is, bound{subject{ProductCalls, "user", string(p.Site) + " " + string(p.Environment) + " " + string(by.User)}, l.User.ProductCalls})
	}
	return s.take(p, ProductCalls, 1, is)
}

// Push counts events that an app queues.
func (s *Service) Push(p *call.Policy, events int) error {
	l := s.cfg.Limits
	return s.take(p, Pushes, events, s.subjects(p, Pushes, l.Of(p.App, p.Install).Pushes, l.App.Pushes, l.Site.Pushes))
}

// NotQueued counts events for which an installation had no room.
func (s *Service) NotQueued(p *call.Policy, events int) {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(now)
	today := s.today(p, Pushes, now)
	today.refused += int64(events)
	today.used -= int64(events) // as which Push counted them
}

// Read counts reading what is stored, so many pieces of 10 KB.
func (s *Service) Read(p *call.Policy, pieces int) error {
	return s.take(p, StorageReads, pieces, s.reads(p))
}

func (s *Service) reads(p *call.Policy) []bound {
	l := s.cfg.Limits
	return s.subjects(p, StorageReads, l.Of(p.App, p.Install).StorageReads, l.App.StorageReads, l.Site.StorageReads)
}

// HasRead counts what turned out to be read, which is not refused any more.
func (s *Service) HasRead(p *call.Policy, pieces int) {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(now)
	s.add(s.today(p, StorageReads, now), pieces, s.reads(p))
}

// Write counts writing, as Read does.
func (s *Service) Write(p *call.Policy, pieces int) error {
	l := s.cfg.Limits
	return s.take(p, StorageWrites, pieces, s.subjects(p, StorageWrites, l.Of(p.App, p.Install).StorageWrites, l.App.StorageWrites, l.Site.StorageWrites))
}

// Line counts a line that an app logs; false for one that is dropped.
func (s *Service) Line(p *call.Policy) bool {
	l := s.cfg.Limits
	return s.take(p, LogLines, 1, s.subjects(p, LogLines, l.Of(p.App, p.Install).LogLines, l.App.LogLines, l.Site.LogLines)) == nil
}

// bound is a subject and its figure; 0 bounds nothing.
type bound struct {
	subject
	limit int
}

func (s *Service) subjects(p *call.Policy, what string, install, app, site int) []bound {
	return []bound{
		{subject{what, "installation", string(p.Install)}, install},
		{subject{what, "app", string(p.App) + " " + string(p.Environment)}, app},
		{subject{what, "site", string(p.Site)}, site},
	}
}

// take counts n for all subjects, or for none of them.
func (s *Service) take(p *call.Policy, what string, n int, is []bound) error {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(now)
	today := s.today(p, what, now)
	for _, b := range is {
		if w := s.windows[b.subject]; b.limit > 0 && (w == nil && n > b.limit || w != nil && w.mine+w.others+n > b.limit) {
			today.refused += int64(n)
			return s.refusal(b, now)
		}
	}
	s.add(today, n, is)
	return nil
}

// add counts n for all subjects. The caller holds mu.
func (s *Service) add(today *count, n int, is []bound) {
	for _, b := range is {
		if b.limit <= 0 {
			continue
		}
		w := s.windows[b.subject]
		if w == nil {
			w = &window{}
			s.windows[b.subject] = w
		}
		w.mine, w.limit = w.mine+n, b.limit
	}
	today.used += int64(n)
}

// turn begins a new minute where the last one is over. The caller holds mu.
func (s *Service) turn(now time.Time) {
	if minute := now.Truncate(time.Minute); !minute.Equal(s.began) {
		s.began = minute
		s.windows = make(map[subject]*window, len(s.windows))
	}
}

// Full counts what an installation was to store and had no room for.
func (s *Service) Full(sc tenant.Scope) {
	now := s.cfg.Now()
	s.mu.Lock()
	defer s.mu.Unlock()
	s.turn(now)
	s.on(sc.Site(), sc.Install(), Stored, now).refused++
}

func (s *Service) today(p *call.Policy, what string, now time.Time) *count {
	return s.on(p.Site, p.Install, what, now)
}

func (s *Service) on(site id.Site, install id.Install, what string, now time.Time) *count {
	d := day{site, install, what, now.Unix() / (24 * 60 * 60)}
	c := s.used[d]
	if c == nil {
		c = &count{}
		s.used[d] = c
	}
	return c
}

// codes are those of the errors, which the SDK and the reasons of retries know.
var codes = map[string]string{
	Calls: "LIMIT_INVOCATIONS", Outbound: "LIMIT_OUTBOUND", ProductCalls: "LIMIT_PRODUCT_CALLS", Pushes: "LIMIT_QUEUE", LogLines: "LIMIT_LOG",
	StorageReads: "RATE_LIMIT_EXCEEDED", StorageWrites: "RATE_LIMIT_EXCEEDED", // as apps know it of the store
}

var words = map[string]string{
	Calls: "calls", Outbound: "outbound requests", ProductCalls: "calls of the product's API", Pushes: "queued events", LogLines: "log lines",
	StorageReads: "pieces of 10 KB read from the store", StorageWrites: "pieces of 10 KB written into the store",
}

var whose = map[string]string{"installation": "an installation", "app": "an app's environment", "site": "a site", "user": "a user and app"}

func (s *Service) refusal(b bound, now time.Time) error {
	wait := int(s.began.Add(time.Minute).Sub(now)/time.Second) + 1
	return fault.New(fault.Limit, codes[b.what], "%s may have %d %s a minute", whose[b.of], b.limit, words[b.what]).
		With("limit", words[b.what]+" a minute of "+whose[b.of]).With("figure", b.limit).With("retryAfter", wait).
		WithFix("try again in %d s, or ask the operator for another figure", wait)
}
