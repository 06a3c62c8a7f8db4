package uikit

import (
	"context"
	"crypto/rand"
	"encoding/base32"
	"encoding/json"
	"errors"
	"log/slog"
	"strings"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

// Invoker is the door into app code.
type Invoker interface {
	Invoke(ctx context.Context, c *call.Call) (call.Result, error)
}

// Policies answers what an installation may do now.
type Policies interface {
	Policy(ctx context.Context, install id.Install) (*call.Policy, error)
}

// Log takes what a developer should know of a session.
type Log func(p *call.Policy, c *call.Call, level, what string, facts map[string]any)

// Config is what the service stands on.
type Config struct {
	DB       *db.DB
	Sealer   *seal.Ring
	Invoker  Invoker
	Policies Policies
	Lines    Log // may be nil
	Logger   *slog.Logger
	Now      func() time.Time // time.Now when nil
	// ConsentURL gives the address at which a user agrees to what an app wants of them.
	ConsentURL func(id.Install) string
	// Idle is how long a session stays in memory after its last event; a minute when 0.
	Idle time.Duration
}

// The life of a session.
const (
	maxIdle     = 30 * time.Minute
	maxAge      = 8 * time.Hour
	inMemory    = time.Minute
	holdFor     = 90 * time.Second
	maxOfUser   = 50 // sessions of one user of one installation
	maxQueued   = 64 // events of one session that wait
	maxArgs     = 512 << 10
	leastWake   = 10 * time.Millisecond
	handOverFor = 5 * time.Second
	leaveFor    = 25 * time.Second // as long as an event has
	eventWithin = time.Minute      // the door ends it before
	staleFor    = 15 * time.Second // as long as an event waits for a policy that is known
	staleEvery  = 100 * time.Millisecond
)

// Service keeps the sessions. It is safe for concurrent use.
type Service struct {
	Config
	name string        // of this process, among those that share the database
	ping time.Duration // how often a stream asks whether it goes on
	// leave is for how long after a view was closed what was done before it may begin, and within
	// is the end of any event.
	leave, within time.Duration

	mu     sync.Mutex
	live   map[string]*live
	last   map[string]lastWords
	closed bool
	stop   chan struct{}
	work   sync.WaitGroup
}

// New makes the service. Close lets its sessions go, so that another process resumes them.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Idle == 0 {
		cfg.Idle = inMemory
	}
	if cfg.Logger == nil {
		cfg.Logger = slog.New(slog.DiscardHandler)
	}
	s := &Service{Config: cfg, name: secret(), ping: pingEvery, leave: leaveFor, within: eventWithin, live: map[string]*live{}, last: map[string]lastWords{}, stop: make(chan struct{})}
	return s
}

// Start lets idle sessions leave the memory, until Close.
func (s *Service) Start() {
	every := 15 * time.Second
	if s.DB.Postgres() {
		every = 250 * time.Millisecond // others may want one of ours
	}
	s.work.Go(func() {
		tick := time.NewTicker(every)
		defer tick.Stop()
		held := time.Time{}
		for {
			select {
			case <-s.stop:
				return
			case <-tick.C:
			}
			if s.Now().Sub(held) > holdFor/3 {
				held = s.Now()
				s.hold()
			}
			s.handOver()
			s.Rest(s.Now().Add(-s.Idle))
		}
	})
}

// secret is a name that nobody guesses, of 128 bits.
func secret() string {
	var b [16]byte
	_, _ = rand.Read(b[:])
	return strings.ToLower(base32.StdEncoding.WithPadding(base32.NoPadding).EncodeToString(b[:]))
}

// Person is who a request is of: a user in front of a page, as the bridge's session says.
type Person struct {
	Session   string // of the bridge
	Principal id.Principal
}

// same says whether it is the same user, by the same sign-in.
func (p Person) same(other Person) bool {
	a, b := p.Principal, other.Principal
	return p.Session == other.Session && a.Kind == b.Kind && a.User == b.User && a.Site == b.Site
}

// Spec is what a session shows.
type Spec struct {
	Install  id.Install
	Module   string
	Function string // "ui:RESOURCE", or the handler of a UI Kit 1 function
	Resolver string // handler of the function that answers, "" for none
	Config   bool   // the module's configuration and not the module
	// Context is a JSON object of what the trigger knows, as of a call.
	Context json.RawMessage
	// Shell is what the page says of itself: theme, location. A JSON object, or nil.
	Shell json.RawMessage
	// Containers are those in which it stands: a rule that keeps the app from one ends it.
	Containers []call.Container `json:",omitempty"`
}

// Open begins a session and its first event. Its id names its installation.
func (s *Service) Open(ctx context.Context, who Person, spec Spec) (string, error) {
	p, err := s.Policies.Policy(ctx, spec.Install)
	if err != nil {
		return "", fault.Op("uikit.Open", err)
	}
	now := s.Now()
	name := string(spec.Install) + "." + secret()
	l := newLive(s, name, p, who, spec, now)
	l.begins = true
	// Counted and added in one transaction: those who open at once share the room.
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		if err := s.room(ctx, p.Scope, who, now); err != nil {
			return err
		}
		_, err := s.DB.Exec(ctx, addSession, l.id, p.Install, p.Site, who.Principal.User, who.Session, p.Version, int64(p.Epoch), now.UnixMilli(), now.UnixMilli(),
			s.name, now.Add(holdFor).UnixMilli())
		return err
	})
	if err != nil {
		return "", fault.Op("uikit.Open", err)
	}
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return "", stopping()
	}
	s.live[name] = l
	s.mu.Unlock()
	event := map[string]any{"type": "open", "config": spec.Config}
	if len(spec.Shell) > 0 {
		event["shell"] = spec.Shell
	}
	return name, fault.Op("uikit.Open", l.enqueue(event, first, false))
}

// room refuses a user who has too many sessions.
func (s *Service) room(ctx context.Context, scope tenant.Scope, who Person, now time.Time) error {
	var n int
	err := s.DB.QueryRow(ctx, countSessions, scope.Install(), who.Principal.User, now.Add(-maxIdle).UnixMilli()).Scan(&n)
	if err != nil {
		return err
	}
	if n >= maxOfUser {
		return fault.New(fault.Limit, "LIMIT_SESSIONS", "you have %d views of this app open", maxOfUser).
			With("limit", "sessions of a user").With("figure", maxOfUser).WithFix("close tabs that show it, or wait for half an hour")
	}
	return nil
}

// Event is something that a user did.
type Event struct {
	// Number counts a page's events; the newest that comes again counts once.
	Number int64             `json:"event"`
	Handle string            `json:"handle"`
	Args   []json.RawMessage `json:"args"`
	// Shell is told by the page itself: an event's name, what goes with it, and what of the
	// page is another now.
	Shell json.RawMessage `json:"shell"`
}

// Event takes what a user did and answers at once; what comes of it goes to the stream.
func (s *Service) Event(ctx context.Context, who Person, name string, e Event) error {
	err := s.event(ctx, who, name, e, false)
	if fault.KindOf(err) == fault.Conflict { // it may be ending just now
		if why := s.why(who, name); why != nil {
			return why
		}
	}
	return err
}

func (s *Service) event(ctx context.Context, who Person, name string, e Event, last bool) error {
	size := len(e.Shell)
	for _, a := range e.Args {
		size += len(a)
	}
	if size > maxArgs || len(e.Args) > 20 {
		return fault.New(fault.Limit, "LIMIT_ARGUMENTS", "the event brings %d bytes; %d are allowed", size, maxArgs).With("limit", "event").With("figure", maxArgs)
	}
	l, err := s.get(ctx, who, name)
	if err != nil {
		return err
	}
	if err := s.bring(ctx, l); err != nil {
		return err
	}
	e.Number = max(e.Number, 0)
	if l.taken(e.Number) {
		return nil
	}
	if len(e.Shell) > 0 {
		var shell struct {
			Event   string          `json:"event"`
			Payload json.RawMessage `json:"payload,omitempty"`
			State   json.RawMessage `json:"state,omitempty"`
		}
		if err := json.Unmarshal(e.Shell, &shell); err != nil || len(shell.Event) > 200 {
			return fault.New(fault.Usage, "BAD_EVENT", "what the page tells is no event")
		}
		if shell.Event == "permissions.settled" {
			l.answered(shell.Payload)
		}
		return l.enqueue(map[string]any{"type": "shell", "event": shell.Event, "payload": shell.Payload, "state": shell.State}, e.Number, last)
	}
	if !l.allows(e.Handle) {
		return fault.New(fault.Conflict, "HANDLE_GONE", "what was clicked is no longer shown")
	}
	args := e.Args
	if args == nil {
		args = []json.RawMessage{}
	}
	return l.enqueue(map[string]any{"type": "event", "event": e.Number, "handle": e.Handle, "args": args}, e.Number, last)
}

// End ends a session when what its person did in it is handled: a page that closes brings what
// it had not sent yet. Nothing is taken after that, and nobody is told what comes of it.
func (s *Service) End(ctx context.Context, who Person, name string, last []Event) error {
	if len(last) > maxQueued {
		return fault.New(fault.Limit, "LIMIT_EVENTS", "%d events with the end of a view; %d are allowed", len(last), maxQueued).With("limit", "events").With("figure", maxQueued)
	}
	l, err := s.get(ctx, who, name)
	if err != nil {
		return err
	}
	l.close()
	for _, e := range last {
		// One that cannot be taken, such as a press on what is no longer shown, does not keep the
		// view from its end, nor what came after it from being done.
		if err := s.event(ctx, who, name, e, true); err != nil {
			s.Logger.DebugContext(ctx, "an event that came with the end of a view is not taken", "err", err)
		}
	}
	l.finish()
	return nil
}

// Gone is the refusal of what is asked of a session that is over: the page opens another one.
func Gone() error {
	return fault.New(fault.Conflict, "SESSION_GONE", "the view is over").With("gone", true).WithFix("open the app again")
}

func stopping() error {
	return fault.New(fault.Unavailable, "SHUTTING_DOWN", "the server is stopping").With("retryable", true)
}

// get gives a session to whoever it is of; anybody else learns nothing. It may be at rest.
func (s *Service) get(ctx context.Context, who Person, name string) (*live, error) {
	install, _, ok := strings.Cut(name, ".")
	if !ok || len(name) > 100 {
		return nil, Gone()
	}
	s.mu.Lock()
	l, closed := s.live[name], s.closed
	s.mu.Unlock()
	if closed {
		return nil, stopping()
	}
	if l == nil {
		if err := s.why(who, name); err != nil {
			return nil, err
		}
		p, err := s.Policies.Policy(ctx, id.Install(install))
		if fault.CodeOf(err) == "POLICY_STALE" {
			return nil, err
		}
		if err != nil {
			return nil, Gone()
		}
		if l, err = s.find(ctx, p, who, name); err != nil {
			return nil, err
		}
	}
	if !l.of(who) {
		return nil, Gone()
	}
	return l, l.alive(ctx)
}

// Changed ends the sessions of an installation whose policy is another one now.
func (s *Service) Changed(install id.Install) {
	for _, l := range s.all() {
		if l.spec.Install != install {
			continue
		}
		s.work.Go(func() {
			ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
			defer cancel()
			_ = l.alive(ctx)
		})
	}
}

// DeleteAll ends the sessions of an installation, in the transaction that removes it.
func (s *Service) DeleteAll(ctx context.Context, scope tenant.Scope) error {
	if !scope.Valid() {
		return fault.New(fault.Internal, "NO_SCOPE", "a store was asked without a tenant")
	}
	_, err := s.DB.Exec(ctx, endInstall, scope.Install())
	return fault.Op("uikit.DeleteAll", err)
}

// EndPerson ends the sessions that were opened by a session of the bridge: its user signed out.
func (s *Service) EndPerson(session string) {
	for _, l := range s.all() {
		if l.who.Session == session {
			l.end(nil)
		}
	}
}

// Sweep removes sessions that are past their time, and those of a server that died.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.Now()
	_, err := s.DB.Exec(ctx, sweepSessions, now.Add(-maxAge).UnixMilli(), now.Add(-maxIdle).UnixMilli(), now.UnixMilli())
	return fault.Op("uikit.Sweep", err)
}

// Void ends every session, in the transaction that restores a backup.
func (s *Service) Void(ctx context.Context) error {
	_, err := s.DB.Exec(ctx, voidSessions)
	return fault.Op("uikit.Void", err)
}

func (s *Service) all() []*live {
	s.mu.Lock()
	defer s.mu.Unlock()
	out := make([]*live, 0, len(s.live))
	for _, l := range s.live {
		out = append(out, l)
	}
	return out
}

func (s *Service) stopped() bool {
	select {
	case <-s.stop:
		return true
	default:
		return false
	}
}

// Close lets every session go and waits for those that have an event under way.
func (s *Service) Close() {
	s.mu.Lock()
	if s.closed {
		s.mu.Unlock()
		return
	}
	s.closed = true
	close(s.stop)
	s.mu.Unlock()
	s.work.Wait()
	for _, l := range s.all() {
		l.mu.Lock()
		l.hurry()
		l.mu.Unlock()
		l.settle()
		if err := s.let(context.Background(), l, true); err != nil && !errors.Is(err, errBusy) {
			s.Logger.Warn("a session of a user interface is lost", "err", err)
		}
	}
}
