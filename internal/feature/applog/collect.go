package applog

import (
	"encoding/json"
	"fmt"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
)

const (
	linesPerMinute = 100       // of one call, per started minute
	bytesPerMinute = 200 << 10 // the same
	maxLine        = 32 << 10  // bytes of one line's arguments
	cutTo          = 4 << 10   // what is kept of a longer one
	rowSize        = 300       // what a row takes beside its texts, roughly
	rowsAtOnce     = 1000      // of one installation in one batch
	shares         = 4         // an installation may fill this part of the buffer
)

// batch is what waits to be written.
type batch struct {
	lines  []line
	calls  []callRow
	counts map[countKey]*count
	places map[id.Install]*call.Policy
	used   map[id.Install]*use
	bytes  int
}

// use is what an installation has of a batch. It is bounded, so that one that writes
// without end does not take the others' room.
type use struct {
	rows    int
	bytes   int
	dropped int // rows that did not fit
}

func (b *batch) use(install id.Install) *use {
	u := b.used[install]
	if u == nil {
		u = &use{}
		b.used[install] = u
	}
	return u
}

// fits takes room for one row, or notes that there is none.
func (b *batch) fits(install id.Install, size, buffer int) bool {
	u := b.use(install)
	if b.bytes+size > buffer || u.bytes+size > buffer/shares || u.rows == rowsAtOnce {
		u.dropped++
		return false
	}
	b.bytes += size
	u.bytes += size
	u.rows++
	return true
}

type line struct {
	install    id.Install
	invocation id.Invocation
	trace      string // "" of what no call said
	version    string
	function   string
	at         int64
	level      string
	args       string
	stands     int // for so many rows that were dropped, if it says so
}

func (l line) size() int { return rowSize + len(l.args) }

type callRow struct {
	install    id.Install
	invocation id.Invocation
	attempt    int
	version    string
	function   string
	kind       call.Kind
	started    int64
	duration   time.Duration
	cpu        time.Duration
	failure
}

// countKey is one cell of the counts. Minute is in Unix milliseconds.
type countKey struct {
	install  id.Install
	minute   int64
	function string
	outcome  string
}

type count struct {
	calls    int64
	duration time.Duration
	cpu      time.Duration
}

// talk is how much a running call has written.
type talk struct {
	since   time.Time // of its first line
	last    time.Time // of its last one
	lines   int
	bytes   int
	dropped int
}

func newBatch() *batch {
	return &batch{
		counts: map[countKey]*count{}, places: map[id.Install]*call.Policy{}, used: map[id.Install]*use{},
	}
}

func (b *batch) empty() bool {
	return len(b.lines) == 0 && len(b.calls) == 0 && len(b.counts) == 0 && len(b.used) == 0
}

// Record keeps how a call went: always as a count, and with a row of its own when it
// logged or failed.
func (s *Service) Record(p *call.Policy, c *call.Call, started time.Time, stats call.Stats, err error) {
	f := failureOf(err)
	duration := s.cfg.Now().Sub(started)
	key := countKey{p.Install, started.Truncate(time.Minute).UnixMilli(), c.Function, f.outcome}

	s.mu.Lock()
	defer s.mu.Unlock()
	b := s.batch
	n, ok := b.counts[key]
	if !ok {
		n = &count{}
		if len(b.counts) < maxCounts {
			b.counts[key] = n
		} else {
			b.use(p.Install).dropped++
		}
		b.places[p.Install] = p
		signal(s.some)
	}
	n.calls++
	n.duration += duration
	n.cpu += stats.CPU

	t := s.talks[c.ID]
	if t == nil && stats.Logs+stats.LogsDropped == 0 && err == nil {
		return
	}
	dropped := stats.LogsDropped
	if t != nil {
		delete(s.talks, c.ID)
		dropped += t.dropped
	}
	if dropped > 0 {
		s.add(p, line{
			install: p.Install, invocation: c.ID, trace: c.Trace, version: p.Number, function: c.Function,
			at: s.cfg.Now().UnixMilli(), level: "warn",
			args: overLimit(dropped),
		})
	}
	if !b.fits(p.Install, rowSize, s.cfg.Buffer) {
		return
	}
	b.calls = append(b.calls, callRow{
		install: p.Install, invocation: c.ID, attempt: c.Attempt, version: p.Number, function: c.Function,
		kind: c.Kind, started: started.UnixMilli(), duration: duration, cpu: stats.CPU, failure: f,
	})
	signal(s.urgent)
}

// Log keeps one line of a running call, within the call's limits.
func (s *Service) Log(p *call.Policy, c *call.Call, in call.LogLine) {
	l := line{
		install: p.Install, invocation: c.ID, trace: c.Trace, version: p.Number, function: c.Function,
		level: level(in.Level), args: arguments(in.Args),
	}
	now := s.cfg.Now()
	l.at = moment(in.Time, now).UnixMilli()
	s.mu.Lock()
	defer s.mu.Unlock()
	t := s.talks[c.ID]
	if t == nil {
		t = &talk{since: now}
		s.talks[c.ID] = t
	}
	t.last = now
	minutes := 1 + int(now.Sub(t.since)/time.Minute)
	if t.lines >= minutes*linesPerMinute || t.bytes+len(l.args) > minutes*bytesPerMinute {
		t.dropped++
		return
	}
	t.lines++
	t.bytes += len(l.args)
	s.add(p, l)
}

// add puts a line into the batch if it fits. The caller holds mu.
func (s *Service) add(p *call.Policy, l line) {
	b := s.batch
	b.places[p.Install] = p
	signal(s.some)
	signal(s.urgent)
	if b.fits(p.Install, l.size(), s.cfg.Buffer) {
		b.lines = append(b.lines, l)
	}
}

// Talks that are not ended by a Record, since their last line came after it, are
// forgotten when nothing more came for a while. Nobody gains by it: the limits are per
// minute. One that has something to say at its end waits for it, but not for ever.
const (
	talkPause = time.Minute
	talkEnd   = 20 * time.Minute // no call runs as long
)

// forgetTalks is called now and then. The caller holds mu.
func (s *Service) forgetTalks(now time.Time) {
	if now.Sub(s.forgot) < talkPause/4 {
		return
	}
	s.forgot = now
	for call, t := range s.talks {
		if quiet := now.Sub(t.last); quiet > talkEnd || quiet > talkPause && t.dropped == 0 {
			delete(s.talks, call)
		}
	}
}

// moment is the line's own time, if it can be: it comes from where the app runs.
func moment(at, now time.Time) time.Time {
	if at.Before(now.Add(-time.Hour)) || at.After(now) {
		return now
	}
	return at
}

func level(s string) string {
	switch s {
	case "debug", "info", "warn", "error":
		return s
	default:
		return "info"
	}
}

// arguments gives the JSON array to keep. The worker that sent it may have been taken
// over by the app, so nothing of its form is taken for granted.
func arguments(args json.RawMessage) string {
	if len(args) > maxLine {
		head := args[:cutTo]
		for !utf8.Valid(head) && len(head) > cutTo-utf8.UTFMax {
			head = head[:len(head)-1]
		}
		return said("%s… (cut: the line had %d bytes)", strings.ToValidUTF8(string(head), "\ufffd"), len(args))
	}
	if !utf8.Valid(args) || !json.Valid(args) || args[0] != '[' {
		return said("%s", strings.ToValidUTF8(string(args), "\ufffd"))
	}
	return string(args)
}

// overLimit says what is missing, by the typed name of the limit.
func overLimit(dropped int) string {
	text, err := json.Marshal([]any{
		fmt.Sprintf("%d more lines of this call were not kept: the limit is %d lines and %d KB for each started minute",
			dropped, linesPerMinute, bytesPerMinute>>10),
		map[string]any{"code": "LIMIT_LOG", "limit": "log lines and bytes per minute", "figure": linesPerMinute, "figureBytes": bytesPerMinute, "dropped": dropped},
	})
	if err != nil { // texts and numbers only
		return `[""]`
	}
	return string(text)
}

// said is a line's arguments for one text.
func said(format string, a ...any) string {
	text, err := json.Marshal([]string{fmt.Sprintf(format, a...)})
	if err != nil { // a string always has a JSON form
		return `[""]`
	}
	return string(text)
}
