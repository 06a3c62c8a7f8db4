package unattended

import (
	"context"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/jobs"
)

// Room is what an installation may have queued, dead letters included; a negative figure bounds
// nothing.
type Room struct {
	Jobs  int64
	Bytes int64
}

const (
	// maxHeld bounds of how many installations a server knows what they have queued.
	maxHeld = 10_000
	// fullFor is how long an installation that was found without room is not counted again.
	fullFor = 10 * time.Second
)

// held is what an installation had queued when it was counted, and what this server added. What
// was handled since is not taken off: it is counted again when it matters.
type held struct {
	found, added Room
	at           time.Time
}

// lacks says what there is no room for, "" when there is.
func (h held) lacks(most, more Room) (what string, figure int64) {
	switch {
	case most.Bytes >= 0 && h.found.Bytes+h.added.Bytes+more.Bytes > most.Bytes:
		return "bytes of queued events", most.Bytes
	case most.Jobs >= 0 && h.found.Jobs+h.added.Jobs+more.Jobs > most.Jobs:
		return "queued events", most.Jobs
	}
	return "", 0
}

// stale says that an eighth of a figure was added since it was counted, so that n servers let
// through n eighths more than one would.
func (h held) stale(most Room) bool {
	return most.Bytes >= 0 && h.added.Bytes > most.Bytes/8 || most.Jobs >= 0 && h.added.Jobs > most.Jobs/8
}

// room refuses events for which an installation has none: consumers that fail, or never come to
// an end, would have it fill the disk of all.
func (s *Service) room(ctx context.Context, p *call.Policy, list []jobs.Job) error {
	if s.Room == nil {
		return nil
	}
	most, more := s.Room(p), Room{Jobs: int64(len(list))}
	if most.Bytes < 0 && most.Jobs < 0 {
		return nil
	}
	for _, j := range list {
		more.Bytes += int64(len(j.Body) + len(j.Head))
	}
	what, figure, count := s.reserve(p.Install, most, more)
	if count {
		n, size, err := s.Jobs.Held(ctx, string(p.Install))
		if err != nil {
			return fault.Op("unattended.room", err)
		}
		s.rooms.Lock()
		s.held.Add(p.Install, held{found: Room{n, size}, at: s.Now()})
		s.rooms.Unlock()
		what, figure, _ = s.reserve(p.Install, most, more)
	}
	if what == "" {
		return nil
	}
	if s.NoRoom != nil {
		s.NoRoom(p, len(list))
	}
	return fault.New(fault.Limit, "LIMIT_QUEUE", "an installation may have %d %s, dead letters included", figure, what).
		With("limit", what+" of an installation").With("figure", figure).With("retryAfter", int(fullFor/time.Second)).
		WithFix("have consumers come to an end, and dead letters dropped by a site's admin, or ask the operator for another figure")
}

// reserve adds to what an installation has queued if there is room for it as far as is known, and
// otherwise says what there is no room for; count says that it is to be counted first, and asked
// again. What is added here and fails then is too much, until it is counted again.
func (s *Service) reserve(install id.Install, most, more Room) (what string, figure int64, count bool) {
	s.rooms.Lock()
	defer s.rooms.Unlock()
	h, known := s.held.Get(install)
	what, figure = h.lacks(most, more)
	if !known || h.stale(most) || what != "" && s.Now().Sub(h.at) >= fullFor {
		return what, figure, true
	}
	if what == "" {
		h.added.Jobs, h.added.Bytes = h.added.Jobs+more.Jobs, h.added.Bytes+more.Bytes
		s.held.Add(install, h)
	}
	return what, figure, false
}
