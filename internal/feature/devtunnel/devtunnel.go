// Package devtunnel has calls of an app's developer run on the developer's machine. A
// tunnel is of one development environment and one account, the app's owner. What goes
// through it: the calls that this account makes itself, requests to web triggers that carry
// the tunnel's key, and what a person does in pages of one installation who agreed to that.
// Everybody else's calls run what is deployed. The machine runs code and decides nothing:
// host calls come back here under the call's handle and are decided by the policy in force
// at each.
//
// A tunnel ends within a second after its developer's token is revoked, the app is not
// theirs any more or is suspended, the environment is gone, or a person whose calls it
// carries does not agree any more.
package devtunnel

import (
	"context"
	"encoding/json"
	"log/slog"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/hostcall/weblink"
)

const (
	// checkEach is how often it is asked whether a tunnel may still be open: what changes is
	// heeded within a second.
	checkEach = 400 * time.Millisecond
	// seenEach is how often its server says that it holds it, and trustFor how long others
	// believe that.
	seenEach = time.Second
	trustFor = 8 * time.Second
	// maxOfAccount and maxOpen are how many tunnels one account and one server have open.
	maxOfAccount = 8
	maxOpen      = 500
)

// Guest runs calls at the other end of a tunnel.
type Guest interface {
	Run(ctx context.Context, a call.Artifact, c *call.Call, app json.RawMessage, h call.Host) (call.Result, error)
	Gone() <-chan struct{}
	// Leave ends the calls that run there, and has nothing heard of them any more.
	Leave()
	Close() error
}

// Auditor keeps what was done.
type Auditor interface {
	Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error
}

// Place is what a tunnel is of.
type Place struct {
	App         id.App
	Environment id.Env
	Name        string // the environment's
}

// Config is what a Service needs.
type Config struct {
	DB    *db.DB
	Audit Auditor
	// Lend gives calls to whoever is at the link's other end.
	Lend func(link *weblink.Link) Guest
	// May says whether a developer may have a tunnel of an environment now. It is asked again
	// and again while the tunnel is open.
	May func(ctx context.Context, p id.Principal, app id.App, environment string) (Place, error)
	// Agreed is the agreement that a proof is of, as it is now. It is asked at each call of a
	// person, and again and again while the tunnel is open.
	Agreed func(ctx context.Context, proof string) (Agreement, error)
	Log    *slog.Logger
	Now    func() time.Time // time.Now when nil
}

// Service holds this server's tunnels.
type Service struct {
	cfg Config

	mu     sync.Mutex
	open   map[whose]*tunnel
	mine   map[string]bool // ids of tunnels that this server notes in the database
	closed bool
	all    sync.WaitGroup
}

type whose struct {
	environment id.Env
	account     id.Account
}

type tunnel struct {
	whose
	id     string
	guest  Guest
	link   *weblink.Link
	key    string // SHA-256 of the key of requests to web triggers, "" for none
	people []agreed
	over   chan struct{}
	once   sync.Once
	words  string
	final  bool
}

// end closes a tunnel with a word to the developer; the first word counts.
func (t *tunnel) end(final bool, words string) {
	t.once.Do(func() {
		t.words, t.final = words, final
		close(t.over)
	})
}

// New makes the service; Migrations must have been applied to cfg.DB.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Service{cfg: cfg, open: map[whose]*tunnel{}, mine: map[string]bool{}}
}

// May says whether the caller may open a tunnel, before anything is opened.
func (s *Service) May(ctx context.Context, p id.Principal, app id.App, environment string) (Place, error) {
	if !p.Is(id.Developer) {
		return Place{}, fault.New(fault.Denied, "TUNNEL_DEVELOPER_ONLY", "only an app's developer opens a tunnel, with a developer's token")
	}
	place, err := s.cfg.May(ctx, p, app, environment)
	if err != nil {
		return Place{}, fault.Op("devtunnel.May", err)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return place, s.room(whose{place.Environment, p.Account})
}

// room refuses one tunnel too many; s.mu is held. One that takes another's place needs none.
func (s *Service) room(w whose) error {
	if s.open[w] != nil {
		return nil
	}
	mine := 0
	for other := range s.open {
		if other.account == w.account {
			mine++
		}
	}
	switch {
	case mine >= maxOfAccount:
		return fault.New(fault.Limit, "LIMIT_TUNNELS", "%d tunnels of yours are open", mine).With("limit", "tunnels").With("figure", maxOfAccount).
			WithFix("close one of them")
	case len(s.open) >= maxOpen:
		return fault.New(fault.Limit, "LIMIT_TUNNELS", "this server has %d tunnels open", len(s.open)).With("limit", "tunnels").With("figure", maxOpen).
			WithFix("try again later")
	}
	return nil
}

// Serve holds a tunnel until it is over. again proves the developer's token anew.
func (s *Service) Serve(ctx context.Context, p id.Principal, place Place, more Offer, link *weblink.Link, again func(context.Context) (id.Principal, error)) error {
	ctx = context.WithoutCancel(ctx)
	t := &tunnel{whose: whose{place.Environment, p.Account}, id: uuid.NewString(), link: link, key: more.Key, people: more.people, over: make(chan struct{})}
	if _, err := link.Greet(hostcall.HelloHead{Features: []string{"tunnel"}}); err != nil {
		link.End(true, "no hello that this server understands")
		return fault.Op("devtunnel.Serve", err)
	}
	t.guest = s.cfg.Lend(link)
	defer func() { _ = t.guest.Close() }()
	s.mu.Lock()
	s.mine[t.id] = true
	s.mu.Unlock()
	defer func() {
		s.mu.Lock()
		defer s.mu.Unlock()
		delete(s.mine, t.id)
	}()
	detail := map[string]any{"app": place.App, "environment": place.Environment, "request": t.id}
	carries, err := t.told()
	if err != nil {
		return fault.Op("devtunnel.Serve", err)
	}
	err = s.cfg.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.cfg.DB.Exec(ctx, putHolder, t.environment, t.account, t.id, t.key, carries, s.cfg.Now().UnixMilli()); err != nil {
			return err
		}
		return s.record(ctx, p, t, "tunnel.open", detail)
	})
	if err != nil {
		link.End(false, "the server could not note the tunnel")
		return fault.Op("devtunnel.Serve", err)
	}
	if err := s.add(t); err != nil {
		t.end(over(err))
	}
	s.watch(ctx, t, p, place, again)
	s.remove(t)
	t.guest.Leave() // before anything that may take a while: whoever lost the right is not waited for
	if _, err := s.cfg.DB.Exec(ctx, dropHolder, t.environment, t.account, t.id); err != nil {
		s.cfg.Log.WarnContext(ctx, "a tunnel's end is not noted; others wait for its time", "err", err)
	}
	err = s.record(ctx, p, t, "tunnel.close", detail)
	link.End(t.final, t.words)
	s.all.Done()
	return fault.Op("devtunnel.Serve", err)
}

// add makes a tunnel the one of its developer and environment; the one before ends. What May
// found may have changed: others open tunnels too.
func (s *Service) add(t *tunnel) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.all.Add(1)
	if s.closed {
		return fault.New(fault.Unavailable, "SHUTTING_DOWN", "the server stops")
	}
	if err := s.room(t.whose); err != nil {
		return err
	}
	if before := s.open[t.whose]; before != nil {
		before.end(true, replaced)
	}
	s.open[t.whose] = t
	return nil
}

const replaced = "another tunnel of yours took this one's place"

func (s *Service) remove(t *tunnel) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.open[t.whose] == t {
		delete(s.open, t.whose)
	}
}

// watch returns when the tunnel is over.
func (s *Service) watch(ctx context.Context, t *tunnel, p id.Principal, place Place, again func(context.Context) (id.Principal, error)) {
	tick := time.NewTicker(checkEach)
	defer tick.Stop()
	said := time.Now()
	for {
		select {
		case <-t.over:
			return
		case <-t.guest.Gone():
			t.end(false, "the connection was lost")
			return
		case now := <-tick.C:
			if err := s.check(ctx, p, place, t, again); err != nil {
				t.end(over(err))
				return
			}
			if now.Sub(said) < seenEach {
				continue
			}
			said = now
			if mine, err := s.say(ctx, t); err == nil && !mine {
				t.end(true, replaced)
				return
			}
		}
	}
}

// over is what a developer is told of a check that failed, and whether coming again helps.
func over(err error) (final bool, words string) {
	f, ok := fault.As(err)
	switch {
	case ok && f.Code == "SHUTTING_DOWN":
		return false, f.Public
	case !ok || f.Kind == fault.Internal || f.Kind == fault.Unavailable:
		return false, "the server cannot tell whether the tunnel may stay open"
	}
	return true, f.Code + ": " + f.Public
}

// check asks whether a tunnel may be open still.
func (s *Service) check(ctx context.Context, p id.Principal, place Place, t *tunnel, again func(context.Context) (id.Principal, error)) error {
	ctx, cancel := context.WithTimeout(ctx, time.Second)
	defer cancel()
	now, err := again(ctx)
	if err != nil {
		return err
	}
	if now.Kind != p.Kind || now.Account != p.Account {
		return fault.New(fault.Denied, "TUNNEL_DEVELOPER_ONLY", "the token is not this developer's any more")
	}
	here, err := s.cfg.May(ctx, now, place.App, place.Name)
	if err == nil && here.Environment != place.Environment {
		err = fault.New(fault.NotFound, "ENVIRONMENT_UNKNOWN", "the environment was deleted")
	}
	if err != nil {
		return err
	}
	return s.stillAgreed(ctx, t)
}

// say tells other servers that this one holds the tunnel; mine is false when another does.
func (s *Service) say(ctx context.Context, t *tunnel) (mine bool, err error) {
	n, err := s.cfg.DB.Exec(ctx, seenHolder, s.cfg.Now().UnixMilli(), t.environment, t.account, t.id)
	if err != nil {
		return false, err
	}
	return n > 0, nil
}

// at is the tunnel that this server holds, nil when it is over.
func (s *Service) at(w whose) *tunnel {
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.open[w]
	if t == nil {
		return nil
	}
	select {
	case <-t.guest.Gone():
		return nil
	default:
		return t
	}
}

// Close ends all tunnels; their developers' machines come again, to another server or later.
func (s *Service) Close() {
	s.mu.Lock()
	s.closed = true
	for _, t := range s.open {
		t.end(false, "the server stops")
	}
	s.mu.Unlock()
	s.all.Wait()
}
