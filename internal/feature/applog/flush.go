package applog

import (
	"context"
	"fmt"
	"maps"
	"runtime/debug"
	"slices"
	"sort"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// most is how many rows one transaction writes, so that others get their turn.
const most = 500

// Flush writes what was collected before it was called. It goes on when ctx ends: what
// it has taken out of the buffer belongs to others than the one who asked for it.
func (s *Service) Flush(ctx context.Context) (err error) {
	ctx = context.WithoutCancel(ctx)
	s.flushing.Lock()
	defer s.flushing.Unlock()
	// Lines are apps' text: a panic over one costs its batch, not the server.
	defer func() {
		if v := recover(); v != nil {
			err = fault.New(fault.Internal, "INTERNAL", "the log could not be written").Because(fmt.Errorf("panic: %v\n%s", v, debug.Stack()))
		}
	}()
	b := s.take()
	if b.empty() {
		return nil
	}
	b.sayDropped(s.cfg.Now().UnixMilli())
	full := map[id.Install]bool{}
	parts := b.parts()
	for i, part := range parts {
		if err := s.write(ctx, part, full); err != nil {
			s.putBack(parts[i:], fault.KindOf(err) == fault.Unavailable)
			return fault.Op("applog.Flush", err)
		}
	}
	for install := range full {
		if err := s.trim(ctx, install, 0); err != nil {
			return fault.Op("applog.Flush", err)
		}
	}
	return nil
}

// flushForReader writes what readers may be waiting for. When that fails they still
// get what is stored.
func (s *Service) flushForReader(ctx context.Context) {
	if err := s.Flush(ctx); err != nil {
		s.cfg.Logger.Error("app logs were not written", "err", err)
	}
}

func (s *Service) take() *batch {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.forgetTalks(s.cfg.Now())
	b := s.batch
	s.batch = newBatch()
	for install, at := range s.erased {
		b.forget(install)
		if s.cfg.Now().Sub(at) > lastCalls {
			delete(s.erased, install)
		}
	}
	return b
}

// lastCalls is how long calls of an erased installation may still end.
const lastCalls = time.Hour

// forget drops what was collected of an installation.
func (b *batch) forget(install id.Install) {
	if b.places[install] == nil && b.used[install] == nil {
		return
	}
	b.lines = slices.DeleteFunc(b.lines, func(l line) bool { return l.install == install })
	b.calls = slices.DeleteFunc(b.calls, func(c callRow) bool { return c.install == install })
	maps.DeleteFunc(b.counts, func(k countKey, _ *count) bool { return k.install == install })
	delete(b.places, install)
	delete(b.used, install)
}

// putBack takes back what could not be written. When the database is away its rows wait
// for it in the buffer, as far as that has room; rows that the database refuses would be
// refused again, and are lost. What is lost is counted, and the log will say so.
func (s *Service) putBack(parts []*batch, away bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.batch
	var lines []line
	var calls []callRow
	for _, part := range parts {
		for install, p := range part.places {
			b.places[install] = p
		}
		for key, n := range part.counts {
			if have, ok := b.counts[key]; ok {
				have.calls += n.calls
				have.duration += n.duration
				have.cpu += n.cpu
				continue
			}
			if len(b.counts) < maxCounts {
				b.counts[key] = n
			}
		}
		for _, l := range part.lines {
			switch {
			case l.stands > 0: // it is said anew, with what is lost until then
				b.use(l.install).dropped += l.stands
			case !away:
				b.use(l.install).dropped++
			case b.fits(l.install, l.size(), s.cfg.Buffer):
				lines = append(lines, l)
			}
		}
		for _, c := range part.calls {
			if !away {
				b.use(c.install).dropped++
			} else if b.fits(c.install, rowSize, s.cfg.Buffer) {
				calls = append(calls, c)
			}
		}
	}
	b.lines = append(lines, b.lines...) // they are older than what came meanwhile
	b.calls = append(calls, b.calls...)
	signal(s.some) // the next try comes without a next call
}

// maxCounts bounds the counts that wait while the database is away.
const maxCounts = 50_000

// sayDropped turns the numbers of dropped rows into lines that can be read.
func (b *batch) sayDropped(now int64) {
	for install, u := range b.used {
		if p := b.places[install]; p != nil && u.dropped > 0 {
			b.lines = append(b.lines, line{
				install: install, version: p.Number, at: now, level: "warn", stands: u.dropped,
				args: said("%d lines or records of this installation were lost: they came faster than they could be written", u.dropped),
			})
		}
	}
}

// parts cuts a batch into pieces of at most "most" rows, in order.
func (b *batch) parts() []*batch {
	var out []*batch
	for len(b.lines) > 0 || len(b.calls) > 0 {
		p := newBatch()
		n := min(most, len(b.lines))
		p.lines, b.lines = b.lines[:n], b.lines[n:]
		n = min(most-n, len(b.calls))
		p.calls, b.calls = b.calls[:n], b.calls[n:]
		for _, l := range p.lines {
			p.places[l.install] = b.places[l.install]
		}
		for _, c := range p.calls {
			p.places[c.install] = b.places[c.install]
		}
		out = append(out, p)
	}
	p := newBatch()
	for key, n := range b.counts {
		if len(p.counts) == most {
			out = append(out, p)
			p = newBatch()
		}
		p.counts[key] = n
		p.places[key.install] = b.places[key.install]
	}
	if len(p.counts) > 0 {
		out = append(out, p)
	}
	return out
}

// write stores one part and notes the installations that have too much now.
func (s *Service) write(ctx context.Context, b *batch, full map[id.Install]bool) error {
	return s.db.Tx(ctx, func(ctx context.Context) error {
		if err := s.writePlaces(ctx, b, full); err != nil {
			return err
		}
		var last int64
		if n := len(b.lines); n > 0 {
			if err := s.db.QueryRow(ctx, takeNumbersAllTenants, n).Scan(&last); err != nil {
				return err
			}
		}
		var lines, calls [][]any
		for i, l := range b.lines {
			lines = append(lines, []any{l.install, last - int64(len(b.lines)-1-i), l.at, l.invocation, l.trace, l.version,
				l.function, l.level, l.args, l.size()})
		}
		if err := s.db.InsertAll(ctx, putLine, lines); err != nil {
			return err
		}
		for _, c := range b.calls {
			calls = append(calls, []any{c.install, c.invocation, c.attempt, c.version, c.function, c.kind,
				c.started, c.duration.Microseconds(), c.cpu.Microseconds(), c.outcome, c.class, c.location})
		}
		if err := s.db.InsertAll(ctx, putCall, calls); err != nil {
			return err
		}
		for key, n := range b.counts {
			if _, err := s.db.Exec(ctx, putCount, key.install, key.minute, key.function, key.outcome,
				n.calls, n.duration.Microseconds(), n.cpu.Microseconds()); err != nil {
				return err
			}
		}
		return nil
	})
}

func (s *Service) writePlaces(ctx context.Context, b *batch, full map[id.Install]bool) error {
	type kept struct{ lines, bytes, calls int64 }
	add := map[id.Install]kept{}
	for _, l := range b.lines {
		k := add[l.install]
		k.lines++
		k.bytes += int64(l.size())
		add[l.install] = k
	}
	for _, c := range b.calls {
		k := add[c.install]
		k.calls++
		add[c.install] = k
	}
	for _, p := range sorted(b.places) {
		k := add[p.Install]
		if err := s.db.QueryRow(ctx, putPlace, p.Install, p.Site, p.App, p.Owner, p.Environment, p.EnvName, p.EnvType,
			k.lines, k.bytes, k.calls).Scan(&k.lines, &k.bytes, &k.calls); err != nil {
			return err
		}
		// A tenth more is let be, so that not every batch has to trim.
		keep := s.cfg.Keep
		if k.lines*10 > int64(keep.Lines)*11 || k.bytes*10 > int64(keep.Bytes)*11 || k.calls*10 > int64(keep.Calls)*11 {
			full[p.Install] = true
		}
	}
	return nil
}

// sorted gives every server the same order of locking rows.
func sorted(places map[id.Install]*call.Policy) []*call.Policy {
	out := make([]*call.Policy, 0, len(places))
	for _, p := range places {
		out = append(out, p)
	}
	sort.Slice(out, func(i, j int) bool { return out[i].Install < out[j].Install })
	return out
}
