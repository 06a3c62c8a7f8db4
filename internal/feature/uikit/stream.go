package uikit

import (
	"context"
	"encoding/json"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// pingEvery is how often a stream shows that it lives, and asks whether its person is still
// signed in.
const pingEvery = 15 * time.Second

// stream is the one connection of a session. Its writer is woken by more.
type stream struct {
	more chan struct{} // of size one
	done chan struct{}
	once sync.Once
}

func (o *stream) wake() {
	select {
	case o.more <- struct{}{}:
	default:
	}
}

func (o *stream) finish() { o.once.Do(func() { close(o.done) }) }

// say adds a message to the stream; l.mu is held.
func (l *live) say(message map[string]any) {
	l.seq++
	message["seq"] = l.seq
	text, err := marshal(message)
	if err != nil {
		l.s.Logger.Error("a session's message cannot be written", "err", err)
		return
	}
	l.backlog = append(l.backlog, line{l.seq, text})
	l.size += len(text)
	for len(l.backlog) > maxBacklog || l.size > maxBacklogBytes && len(l.backlog) > 1 {
		l.size -= len(l.backlog[0].text)
		l.backlog = l.backlog[1:]
	}
	if l.out != nil {
		l.out.wake()
	}
}

// since are the messages after the one that was seen. Where they are no longer all there, the
// whole tree is said anew; l.mu is held.
func (l *live) since(seen uint64) [][]byte {
	var out [][]byte
	if seen > l.seq || seen < l.seq && (len(l.backlog) == 0 || l.backlog[0].seq > seen+1) {
		if l.tree == nil {
			return nil
		}
		message := map[string]any{"seq": l.seq, "tree": l.tree.JSON()}
		if !l.running && len(l.queue) == 0 && l.event != 0 { // nothing else will say that they are handled
			message["idle"], message["event"] = true, l.event
		}
		text, err := marshal(message)
		if err != nil {
			return nil
		}
		return append(out, text)
	}
	for _, b := range l.backlog {
		if b.seq > seen {
			out = append(out, b.text)
		}
	}
	return out
}

// Stream writes what a session says, from what was seen on, until ctx ends, the session does,
// or another stream takes its place. signedIn is asked now and then whether the person still
// is: SESSION_EXPIRED ends the stream alone, any other refusal the session.
func (s *Service) Stream(ctx context.Context, who Person, name string, seen uint64, signedIn func(context.Context) error, write func([]byte) error) error {
	l, err := s.get(ctx, who, name)
	if err != nil {
		return err
	}
	l.mu.Lock()
	missed := l.resting && seen != l.seq
	l.mu.Unlock()
	if missed {
		if err := s.bring(ctx, l); err != nil {
			return err
		}
	}
	o := &stream{more: make(chan struct{}, 1), done: make(chan struct{})}
	l.mu.Lock()
	last := l.out
	l.out = o
	resting := l.resting
	if !resting {
		l.used = s.Now()
	}
	if !l.running {
		l.setAlarm()
	}
	l.mu.Unlock()
	defer l.leave(o)
	if last != nil {
		last.finish()
	}
	if resting {
		if _, err := s.DB.Exec(ctx, streamSession, s.name, l.id, l.spec.Install); err != nil {
			return fault.Op("uikit.Stream", err)
		}
	}
	ping := time.NewTicker(s.ping)
	defer ping.Stop()
	for first := true; ; first = false {
		l.mu.Lock()
		lines := l.since(seen)
		now := l.seq
		l.mu.Unlock()
		if first && len(lines) == 0 {
			lines = [][]byte{[]byte(`{"ping":true}` + "\n")}
		}
		for _, text := range lines {
			if err := write(text); err != nil {
				return fault.Op("uikit.Stream", err)
			}
		}
		seen = now
		select {
		case <-o.more:
		case <-o.done:
			l.mu.Lock()
			lines := l.since(seen)
			over := l.over
			l.mu.Unlock()
			for _, text := range lines {
				if over {
					_ = write(text)
				}
			}
			return nil
		case <-ctx.Done():
			return nil
		case <-ping.C:
			if err := signedIn(ctx); err != nil {
				// One that is over may be renewed: the view waits for that, as long as one
				// waits for an event.
				if fault.KindOf(err) == fault.Unauthenticated && fault.CodeOf(err) != "SESSION_EXPIRED" {
					l.end(nil)
				}
				return fault.Op("uikit.Stream", err)
			}
			if err := l.alive(ctx); err != nil {
				continue // its last word is on the way
			}
			if err := write([]byte(`{"ping":true}` + "\n")); err != nil {
				return fault.Op("uikit.Stream", err)
			}
		}
	}
}

// leave takes a stream off. A session at rest that nobody looks at is forgotten here.
func (l *live) leave(o *stream) {
	l.mu.Lock()
	forget := false
	if l.out == o {
		l.out = nil
		l.setAlarm()
		forget = l.resting
	}
	l.mu.Unlock()
	if forget {
		l.s.mu.Lock()
		delete(l.s.live, l.id)
		l.s.mu.Unlock()
	}
}

func marshal(v any) ([]byte, error) {
	text, err := json.Marshal(v)
	return append(text, '\n'), err
}

// mailbox hands messages on, one after another and outside of whoever puts them in.
type mailbox struct {
	mu     sync.Mutex
	list   [][]byte
	more   chan struct{}
	closed bool
	done   chan struct{}
}

func newMailbox(take func([]byte)) *mailbox {
	m := &mailbox{more: make(chan struct{}, 1), done: make(chan struct{})}
	go func() {
		defer close(m.done)
		for {
			m.mu.Lock()
			list, closed := m.list, m.closed
			m.list = nil
			m.mu.Unlock()
			for _, b := range list {
				take(b)
			}
			if len(list) == 0 {
				if closed {
					return
				}
				<-m.more
			}
		}
	}()
	return m
}

func (m *mailbox) put(b []byte) {
	m.mu.Lock()
	if !m.closed {
		m.list = append(m.list, b)
	}
	m.mu.Unlock()
	m.signal()
}

func (m *mailbox) signal() {
	select {
	case m.more <- struct{}{}:
	default:
	}
}

// close waits until all messages were taken.
func (m *mailbox) close() {
	m.mu.Lock()
	m.closed = true
	m.mu.Unlock()
	m.signal()
	<-m.done
}
