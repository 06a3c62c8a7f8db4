package receipts

import (
	"context"
	"encoding/json"
	"errors"
	"os"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/trail"
)

const (
	// flushEvery is how long a line waits for the database, and wakeAt how many wait.
	flushEvery = time.Second
	wakeAt     = 500
	// every is how long a line waits for its checkpoint, and many how many wait at most.
	every = 10 * time.Second
	many  = 1000
)

// Start takes in what an ended process left, and then writes, signs and forgets until Close.
func (l *Log) Start(ctx context.Context) error {
	if err := l.recover(ctx); err != nil {
		return fault.Op("receipts.Start", err)
	}
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	l.stop = func() { cancel(); <-done }
	go func() {
		defer close(done)
		tick := time.NewTicker(flushEvery)
		defer tick.Stop()
		signed := l.Now()
		for {
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			case <-l.wake:
			}
			err := l.Flush(ctx)
			if l.Now().Sub(signed) >= every || l.due() {
				signed = l.Now()
				err = errors.Join(err, l.sign(ctx))
			}
			l.report(ctx, err)
		}
	}()
	return nil
}

// report tells the server's log once that writing fails, and not again until it works.
func (l *Log) report(ctx context.Context, err error) {
	l.mu.Lock()
	first := err != nil && !l.failed
	l.failed = err != nil
	l.mu.Unlock()
	if first && ctx.Err() == nil {
		l.Log.ErrorContext(ctx, "receipts wait in the data directory: the database does not take them", "err", err)
	}
}

// Close ends what Start began, and writes and signs what is left.
func (l *Log) Close() error {
	if l.stop == nil {
		return nil
	}
	l.stop()
	l.stop = nil
	ctx, cancel := context.WithTimeout(context.Background(), every)
	defer cancel()
	return l.Tend(ctx)
}

// Tend writes and signs all that is there, of this process or of one that died.
func (l *Log) Tend(ctx context.Context) error {
	return fault.Op("receipts.Tend", errors.Join(l.Flush(ctx), l.sign(ctx)))
}

// due reports whether a site has too many lines for its next checkpoint to wait.
func (l *Log) due() bool {
	l.mu.Lock()
	defer l.mu.Unlock()
	due := false
	for _, n := range l.since {
		due = due || n >= many
	}
	if due {
		clear(l.since)
	}
	return due
}

// Flush writes what waits into the database, in one transaction.
func (l *Log) Flush(ctx context.Context) error {
	l.writing.Lock()
	defer l.writing.Unlock()
	l.mu.Lock()
	entries, counts := l.pending, l.counts
	if len(entries) == 0 && len(counts) == 0 {
		l.mu.Unlock()
		return nil
	}
	l.pending, l.counts = nil, map[place]*count{}
	upTo := l.spool.turn()
	l.mu.Unlock()

	err := l.DB.Tx(ctx, func(ctx context.Context) error {
		if err := l.put(ctx, entries); err != nil {
			return err
		}
		return l.putCounts(ctx, counts)
	})
	if err != nil {
		l.mu.Lock()
		l.pending = append(entries, l.pending...)
		for at, n := range counts {
			l.counts[at] = n.plus(l.counts[at])
		}
		l.mu.Unlock()
		return fault.Op("receipts.Flush", err)
	}
	return fault.Op("receipts.Flush", l.spool.drop(upTo))
}

// put adds entries, which stand in the order of their chains, and moves the chains' heads.
func (l *Log) put(ctx context.Context, entries []trail.Entry) error {
	type name struct {
		site    id.Site
		segment string
	}
	heads, rows := map[name]trail.Entry{}, make([][]any, 0, len(entries))
	for _, e := range entries {
		rows = append(rows, []any{e.Site, e.Segment, e.Seq, e.Install, e.At, e.Actor, e.Act, string(e.Detail), e.Prev, e.Hash})
		heads[name{e.Site, e.Segment}] = e
	}
	if err := l.DB.InsertAll(ctx, insert, rows); err != nil {
		return err
	}
	for n, e := range heads {
		if _, err := l.DB.Exec(ctx, moveHead, n.site, n.segment, e.Seq, e.Hash); err != nil {
			return err
		}
	}
	return nil
}

// recover takes in the lines of processes that ended before the database had them.
func (l *Log) recover(ctx context.Context) error {
	files, err := l.spool.left()
	if err != nil {
		return err
	}
	for _, file := range files {
		entries, err := linesOf(file)
		if err != nil {
			return err
		}
		err = l.DB.Tx(ctx, func(ctx context.Context) error {
			fresh := map[place]*count{}
			for _, e := range entries {
				if known, err := l.knows(ctx, e); err != nil || known {
					if err != nil {
						return err
					}
					continue
				}
				if err := l.put(ctx, []trail.Entry{e}); err != nil {
					return err
				}
				recount(fresh, e)
			}
			return l.putCounts(ctx, fresh)
		})
		if err != nil {
			return err
		}
		if err := os.Remove(file); err != nil {
			return err
		}
	}
	return nil
}

func (l *Log) knows(ctx context.Context, e trail.Entry) (bool, error) {
	var n int
	err := l.DB.QueryRow(ctx, isThere, e.Site, e.Segment, e.Seq).Scan(&n)
	return n > 0, err
}

// recount counts what a recovered line says was about to be sent.
func recount(into map[place]*count, e trail.Entry) {
	var d intent
	if e.Act != Intent || json.Unmarshal(e.Detail, &d) != nil {
		return
	}
	u := Use{Via: d.Via, Key: d.Key, Type: d.Type, Origin: d.To, Operation: d.Operation, As: d.As}
	if d.AllowedBy != "" {
		u.Matched = []string{d.AllowedBy}
	}
	at := placeOf(e.Site, e.Install, e.At, u)
	one := &count{use: u, requests: 1, sent: d.Bytes, last: e.At}
	into[at] = one.plus(into[at])
}
