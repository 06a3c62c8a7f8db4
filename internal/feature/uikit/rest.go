package uikit

import (
	"bytes"
	"compress/flate"
	"context"
	"encoding/json"
	"errors"
	"io"
	"strconv"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/uitree"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

// state is a session at rest, besides its memory.
type state struct {
	Spec    Spec            `json:"spec"`
	Tree    json.RawMessage `json:"tree,omitempty"`
	Effects []string        `json:"fx,omitempty"`
	Seq     uint64          `json:"seq"`
	Event   int64           `json:"event,omitempty"`
	Wake    int64           `json:"wake,omitempty"`
}

var errBusy = errors.New("uikit: an event of the session is under way")

// Rest lets the sessions go whose last event was before a time.
func (s *Service) Rest(before time.Time) {
	for _, l := range s.all() {
		l.mu.Lock()
		// Who waits for an admin's answer stays: at rest it would be of the policy before.
		idle := !l.running && !l.resting && !l.asksNow() && !l.used.After(before) && (l.wake.IsZero() || l.out == nil || l.wake.Sub(s.Now()) > s.Idle)
		l.mu.Unlock()
		if !idle {
			continue
		}
		ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
		if err := s.let(ctx, l, false); err != nil && !errors.Is(err, errBusy) {
			s.Logger.Warn("a session cannot be put to rest; it stays in memory", "err", err)
		}
		cancel()
	}
}

// let seals a session, writes it down and lets its memory go. Its stream stays, unless
// another server is to have it: then the page connects again.
func (s *Service) let(ctx context.Context, l *live, handOver bool) error {
	l.mu.Lock()
	if l.running || len(l.queue) > 0 || l.over {
		l.hurry() // the next time it may be free
		l.mu.Unlock()
		return errBusy
	}
	resting := l.resting
	l.running = true // nothing begins meanwhile
	l.mu.Unlock()
	kept, err := true, error(nil)
	if !resting {
		kept, err = s.keep(ctx, l, handOver)
	}
	l.mu.Lock()
	l.running = false
	l.settled.Broadcast()
	if err != nil || !kept {
		l.begin()
		l.mu.Unlock()
		return err
	}
	l.resting = true
	l.drop()
	l.parked, l.tree, l.rested, l.backlog, l.size, l.spec.Context, l.fx = nil, nil, nil, nil, 0, nil, map[string]bool{}
	again := len(l.queue) > 0 // something came meanwhile
	out, leaving := l.out, l.leaving
	l.mu.Unlock()
	if leaving && !again {
		l.end(nil)
		return nil
	}
	if again {
		if err := s.bring(ctx, l); err != nil {
			return err
		}
		l.mu.Lock()
		defer l.mu.Unlock()
		l.begin()
		return errBusy
	}
	if out == nil || handOver {
		s.mu.Lock()
		delete(s.live, l.id)
		s.mu.Unlock()
	}
	if out != nil && handOver {
		out.finish()
	}
	return nil
}

// keep writes a session down; false where there is nothing to write, or nobody wants it.
func (s *Service) keep(ctx context.Context, l *live, handOver bool) (bool, error) {
	l.mu.Lock()
	st := state{Spec: l.spec, Seq: l.seq, Event: l.event}
	if l.rested != nil {
		st.Tree = l.rested.JSON()
	}
	for h := range l.fx {
		st.Effects = append(st.Effects, h)
	}
	if !l.wake.IsZero() {
		st.Wake = l.wake.UnixMilli()
	}
	parked, used, gen, epoch, streamer := l.parked, l.used, l.gen+1, l.epoch, ""
	if l.out != nil && !handOver {
		streamer = s.name
	}
	l.mu.Unlock()
	if parked == nil {
		return false, nil // its first event failed or is to come
	}
	head, err := json.Marshal(st)
	if err != nil {
		return false, fault.Op("uikit.keep", err)
	}
	var packed bytes.Buffer
	w, err := flate.NewWriter(&packed, flate.BestSpeed)
	if err != nil {
		return false, fault.Op("uikit.keep", err)
	}
	for _, b := range [][]byte{[]byte(strconv.Itoa(len(head)) + "\n"), head, parked} {
		if _, err := w.Write(b); err != nil {
			return false, fault.Op("uikit.keep", err)
		}
	}
	if err := w.Close(); err != nil {
		return false, fault.Op("uikit.keep", err)
	}
	sealed, err := s.Sealer.Seal(seal.ForInstall(l.spec.Install), seal.UISession, place(l.id, string(l.who.Principal.User), l.who.Session, l.version, epoch, gen), packed.Bytes())
	if err != nil {
		return false, fault.Op("uikit.keep", err)
	}
	n, err := s.DB.Exec(ctx, keepState, sealed, gen, int64(st.Seq), streamer, used.UnixMilli(), l.id, l.spec.Install, s.name)
	if err != nil {
		return false, fault.Op("uikit.keep", err)
	}
	if n == 0 { // it was ended from outside
		go l.end(nil)
		return false, nil
	}
	l.mu.Lock()
	l.gen = gen
	l.mu.Unlock()
	return true, nil
}

// place binds what is sealed to session, user, sign-in, version and policy: a row that
// somebody moved, or that is of another policy, does not open.
func place(session, user, person, version string, epoch uint64, generation int64) seal.Place {
	row, err := json.Marshal([]any{session, user, person, version, epoch})
	if err != nil {
		row = []byte(session) // texts and a number only
	}
	return seal.Place{Table: "ui_sessions", Column: "state", Row: string(row), Generation: generation}
}

// find gives a session that rests in the database, without its memory.
func (s *Service) find(ctx context.Context, p *call.Policy, who Person, name string) (*live, error) {
	r, err := s.row(ctx, p, name)
	if err != nil {
		return nil, err
	}
	if r.user != string(who.Principal.User) || r.person != who.Session {
		return nil, Gone()
	}
	l := newLive(s, name, p, who, Spec{Install: p.Install}, s.Now())
	l.opened, l.used, l.seq, l.resting = r.opened, r.used, r.seq, true
	s.mu.Lock()
	defer s.mu.Unlock()
	if other := s.live[name]; other != nil {
		return other, nil
	}
	if s.closed {
		return nil, stopping()
	}
	s.live[name] = l
	return l, nil
}

type row struct {
	user, person, version, holder string
	epoch, seq                    uint64
	opened, used, until           time.Time
	generation                    int64
}

func (s *Service) row(ctx context.Context, p *call.Policy, name string) (r row, err error) {
	var epoch, opened, used, until, seq int64
	err = s.DB.QueryRow(ctx, findSession, name, p.Scope.Install()).Scan(&r.user, &r.person, &r.version, &epoch, &opened, &used, &r.holder, &until, &r.generation, &seq)
	if errors.Is(err, db.ErrNoRows) {
		return r, Gone()
	}
	r.epoch, r.seq, r.opened, r.used, r.until = uint64(epoch), uint64(seq), time.UnixMilli(opened), time.UnixMilli(used), time.UnixMilli(until)
	return r, fault.Op("uikit.row", err)
}

// bring has a session's memory here: it takes it from the database, and asks another server
// that has it to let it go.
func (s *Service) bring(ctx context.Context, l *live) error {
	l.bringing.Lock()
	defer l.bringing.Unlock()
	deadline := time.Now().Add(handOverFor)
	for {
		l.mu.Lock()
		here, over := !l.resting, l.over
		l.mu.Unlock()
		if over {
			return Gone()
		}
		if here {
			return nil
		}
		if err := s.take(ctx, l); err != nil {
			if fault.CodeOf(err) == "SESSION_GONE" {
				l.end(nil)
			}
			return err
		}
		l.mu.Lock()
		here = !l.resting
		l.mu.Unlock()
		if here {
			return nil
		}
		if time.Now().After(deadline) {
			return fault.New(fault.Unavailable, "SESSION_ELSEWHERE", "another server has the view and does not let it go").With("retryable", true)
		}
		select {
		case <-ctx.Done():
			return fault.New(fault.Unavailable, "SESSION_ELSEWHERE", "another server has the view and does not let it go").With("retryable", true).Because(ctx.Err())
		case <-time.After(25 * time.Millisecond):
		}
	}
}

// take is bring, or nothing while another server has the session.
func (s *Service) take(ctx context.Context, l *live) error {
	p, err := s.Policies.Policy(ctx, l.spec.Install)
	if err != nil {
		return fault.Op("uikit.take", err)
	}
	r, err := s.row(ctx, p, l.id)
	if err != nil {
		return err
	}
	now := s.Now()
	lost := r.holder != "" && (r.holder == s.name || r.until.Before(now)) // it died with the memory of a server
	if r.user != string(l.who.Principal.User) || r.person != l.who.Session || r.epoch != p.Epoch || r.version != string(p.Version) ||
		now.Sub(r.used) > maxIdle || now.Sub(r.opened) > maxAge || lost {
		return Gone()
	}
	if r.holder != "" {
		_, err := s.DB.Exec(ctx, wantSession, l.id, p.Scope.Install())
		return fault.Op("uikit.take", err)
	}
	n, err := s.DB.Exec(ctx, takeSession, s.name, now.Add(holdFor).UnixMilli(), l.id, p.Scope.Install())
	if err != nil || n == 0 {
		return fault.Op("uikit.take", err)
	}
	var sealed []byte
	if err := s.DB.QueryRow(ctx, readState, l.id, p.Scope.Install(), s.name).Scan(&sealed); err != nil {
		return fault.Op("uikit.take", err)
	}
	if err := l.open(p, sealed, r.generation); err != nil {
		s.Logger.WarnContext(ctx, "a session at rest does not open: it was changed, or moved from another row", "session", l.id, "err", err)
		return Gone()
	}
	_, err = s.DB.Exec(ctx, emptyState, l.id, p.Scope.Install(), s.name)
	return fault.Op("uikit.take", err)
}

// open makes the session what was sealed.
func (l *live) open(p *call.Policy, sealed []byte, gen int64) error {
	packed, err := l.s.Sealer.Open(seal.ForInstall(p.Install), seal.UISession,
		place(l.id, string(l.who.Principal.User), l.who.Session, string(p.Version), p.Epoch, gen), sealed)
	if err != nil {
		return err
	}
	plain, err := io.ReadAll(flate.NewReader(bytes.NewReader(packed)))
	if err != nil {
		return err
	}
	size, rest, ok := bytes.Cut(plain, []byte("\n"))
	n, err := strconv.Atoi(string(size))
	if !ok || err != nil || n < 0 || n > len(rest) {
		return errors.New("uikit: a session at rest is cut off")
	}
	var st state
	if err := json.Unmarshal(rest[:n], &st); err != nil {
		return err
	}
	var tree *uitree.Tree
	if len(st.Tree) > 0 {
		// It was checked under the same policy.
		if tree, err = uitree.Parse(st.Tree, uitree.Rules{Image: func(string) bool { return true }}); err != nil {
			return err
		}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	l.spec, l.gen, l.seq, l.event, l.parked = st.Spec, gen, st.Seq, st.Event, bytes.Clone(rest[n:])
	l.tree, l.rested, l.resting, l.used = tree, tree, false, l.s.Now()
	for _, h := range st.Effects {
		l.fx[h] = true
	}
	l.wake = time.Time{}
	if st.Wake != 0 {
		l.wake = time.UnixMilli(st.Wake)
	}
	return nil
}

// hold says again that our sessions are ours.
func (s *Service) hold() {
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	if _, err := s.DB.Exec(ctx, holdAgain, s.Now().Add(holdFor).UnixMilli(), s.name); err != nil {
		s.Logger.Warn("the sessions of user interfaces are not held", "err", err)
	}
}

// handOver lets those sessions go that another server wants.
func (s *Service) handOver() {
	if !s.DB.Postgres() || len(s.all()) == 0 {
		return
	}
	ctx, cancel := context.WithTimeout(context.Background(), 5*time.Second)
	defer cancel()
	names := s.names(ctx, wantedFrom, s.name)
	names = append(names, s.names(ctx, takenFrom, s.name, s.name)...)
	for _, name := range names {
		s.mu.Lock()
		l := s.live[name]
		s.mu.Unlock()
		if l == nil {
			continue
		}
		if err := s.let(ctx, l, true); err != nil && !errors.Is(err, errBusy) {
			s.Logger.Warn("a session is not handed over", "err", err)
		}
	}
}

// names are ids of sessions; none where the database does not answer, which is asked again in
// a moment.
func (s *Service) names(ctx context.Context, query string, args ...any) (out []string) {
	rows, err := s.DB.Query(ctx, query, args...)
	if err != nil {
		return nil
	}
	defer rows.Close()
	for rows.Next() {
		var name string
		if rows.Scan(&name) == nil {
			out = append(out, name)
		}
	}
	if rows.Err() != nil {
		return nil
	}
	return out
}
