package jsvm

import (
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"math"
	"slices"
	"sort"
	"time"

	"github.com/annexhq/annex/internal/infra/jsvm/image"
)

// A session of UI Kit is one call with many events. Between two of them its memory is all
// that there is of it: the pages that differ from its image are taken when it rests, and put
// over the image again at the next event, perhaps in another process.

// Emitter is a Host that takes what a session tells whoever holds it.
type Emitter interface {
	// Emit takes one message, a JSON object. It must not block.
	Emit(message []byte)
}

const (
	// MaxEmit bounds one message of a session.
	MaxEmit = 2 << 20
	// awake is how far a timer must lie ahead for a session to be parked until then.
	awake = time.Second
	// maxRest bounds what a parked session's notes may say.
	maxRest = 1 << 20
)

// rest is what is pending in a parked session, besides its memory.
type rest struct {
	Timers map[uint32]int64 `json:"timers,omitempty"` // when each is due, in Unix milliseconds
	Calls  []uint32         `json:"calls,omitempty"`  // host calls that it was parked without
	Of     []int64          `json:"of,omitempty"`     // the event of each of them
	Texts  []bool           `json:"texts,omitempty"`  // whether the head of its answer is wanted as a text
}

// Session begins one event of a session. At the first one the instance reads as its image;
// before any other, Resume makes it what it was.
func (in *Instance) Session(s Start) {
	in.session, in.sp.single, in.yields, in.room = true, true, false, false
	in.event = s.Event
	in.begin("session", s)
}

// rests says whether a session has nothing to wait for that comes soon.
func (in *Instance) rests() bool {
	if len(in.calls) > 0 && !in.room {
		return false
	}
	if in.yields {
		return true
	}
	wake, any := in.Wake()
	return !any || wake > awake
}

// Yield has a session rest as soon as it waits for no answer: its timers run on when it is
// resumed. Where room is set it rests also while it waits for answers: Resume, Carry and Reply
// bring them to it.
func (in *Instance) Yield(room bool) {
	in.step(func() error {
		in.yields, in.room = true, in.room || room
		return nil
	})
}

// MadeRoom says whether a parked session waits for answers that may still come.
func (in *Instance) MadeRoom() bool { return in.room && len(in.calls) > 0 }

// Open are the events of a session that wait for answers of host calls.
func (in *Instance) Open() []int64 {
	var out []int64
	for id := range in.calls {
		out = append(out, in.of[id])
	}
	slices.Sort(out)
	return slices.Compact(out)
}

// Settled gives the events that wait for answers, when others do no longer; false while
// nothing changed. The end of all is the end of what runs.
func (in *Instance) Settled() ([]int64, bool) {
	if !in.session || len(in.calls) == 0 {
		return nil, false
	}
	open, was := in.Open(), in.was
	in.was = open
	for _, event := range was {
		if !slices.Contains(open, event) {
			return open, true
		}
	}
	return nil, false
}

// doing makes the event that made a host call the one whose doing runs: what follows from the
// answer is its.
func (in *Instance) doing(id uint32) {
	if in.session {
		in.event = in.of[id]
		delete(in.of, id)
	}
}

// asks notes which event made a host call.
func (in *Instance) asks(id uint32) {
	if in.session {
		if in.of == nil {
			in.of = map[uint32]int64{}
		}
		in.of[id] = in.event
	}
}

// Wake is when the next timer of a parked session is due; false when there is none.
func (in *Instance) Wake() (time.Duration, bool) {
	first := time.Time{}
	for _, at := range in.timers {
		if first.IsZero() || at.Before(first) {
			first = at
		}
	}
	return max(0, time.Until(first)), !first.IsZero()
}

// Park gives what the session's memory differs by from the image that Resume will be given:
// from its own image or, where it is to be resumed by whoever has only that, from the base.
func (in *Instance) Park(portable bool) ([]byte, error) {
	e, s := in.e, in.sp
	if s == nil || in.outcome == nil || !in.outcome.Parked {
		return nil, errors.New("jsvm: only a session that rests can be parked")
	}
	img, written := s.image.Image, false
	if portable {
		img = e.base.Image
	}
	if e.scan != nil && img == s.image.Image {
		e.found = e.found[:0]
		written = e.scan.written(s.addr(), s.size/pageSize, e.onFound)
	}
	if !written {
		e.found = append(e.found[:0], run{0, s.size / pageSize})
	}
	// What lies below the stack pointer means nothing: the stack is empty.
	first := int(in.meta.StackPointer) / pageSize
	var pages []int
	for _, f := range e.found {
		for p := max(f.from, first); p < f.to; p++ {
			pages = append(pages, p)
		}
	}
	sort.Ints(pages)
	notes := rest{}
	for id, text := range in.calls {
		notes.Calls, notes.Of, notes.Texts = append(notes.Calls, id), append(notes.Of, in.of[id]), append(notes.Texts, text)
	}
	for id, at := range in.timers {
		if notes.Timers == nil {
			notes.Timers = map[uint32]int64{}
		}
		notes.Timers[id] = at.UnixMilli()
	}
	head, err := json.Marshal(notes)
	if err != nil {
		return nil, fmt.Errorf("jsvm: park: %w", err)
	}
	b := binary.LittleEndian.AppendUint32(nil, uint32(len(head)))
	return image.AppendPages(append(b, head...), img, s.mem(), pages), nil
}

// Resume makes a fresh instance what a parked session was. Its host calls under way are told
// that they took too long, and its timers run on, when the next event has begun.
func (in *Instance) Resume(parked []byte) error {
	e, s := in.e, in.sp
	if len(parked) < 4 {
		return image.ErrDamaged
	}
	n := binary.LittleEndian.Uint32(parked)
	if n > maxRest || int(n) > len(parked)-4 {
		return image.ErrDamaged
	}
	var notes rest
	if err := json.Unmarshal(parked[4:4+n], &notes); err != nil {
		return errors.Join(image.ErrDamaged, err)
	}
	if len(notes.Timers) > maxTimers || len(notes.Of) != len(notes.Calls) || len(notes.Texts) != len(notes.Calls) {
		return image.ErrDamaged
	}
	err := image.ApplyPages(s.image.Image, parked[4+n:], func(size int) ([]byte, error) {
		if size < s.size || !s.grow(size) {
			return nil, limitMemory(s.limit)
		}
		return s.mem(), nil
	})
	if err != nil {
		return err
	}
	in.calls, in.of, in.timers = map[uint32]bool{}, map[uint32]int64{}, map[uint32]time.Time{}
	for i, id := range notes.Calls {
		in.calls[id], in.of[id] = notes.Texts[i], notes.Of[i]
	}
	now := time.Now().UnixMilli()
	for id, ms := range notes.Timers {
		d := time.Duration(min(max(ms-now, 0), math.MaxInt32)) * time.Millisecond
		in.timers[id] = time.Now().Add(d)
		if in.host != nil {
			in.host.Timer(id, d)
		}
	}
	in.overdueCalls = notes.Calls
	// A space whose size changed has to be shown to the machine anew.
	if e.mapped == s {
		return e.point(e.home)
	}
	return nil
}

// overdueReply is what a host call is answered without which the session was parked.
const overdueReply = `{"name":"LIMIT_WALL","code":"LIMIT_WALL","status":429,"message":"the answer did not come before the event's time was up"}`

// Carry says which of the host calls that a session was parked without are answered yet, by
// Reply. It comes between Resume and the event.
func (in *Instance) Carry(calls []uint32) {
	in.overdueCalls = slices.DeleteFunc(in.overdueCalls, func(id uint32) bool { return slices.Contains(calls, id) })
}

// Overdue answers the host calls that a session was parked without.
func (in *Instance) Overdue() {
	calls := in.overdueCalls
	in.overdueCalls = nil
	for _, id := range calls {
		in.Reply(id, false, []byte(overdueReply), nil)
	}
}

// opEmit passes on what a session tells.
func (in *Instance) opEmit(message uint64) error {
	b, err := in.e.text(in.meta.Context, message, MaxEmit)
	var long *tooLongError
	if errors.As(err, &long) {
		return &jsError{"RangeError", fmt.Sprintf("what the interface shows takes %d bytes; %d are allowed", long.n, long.max), "LIMIT_TREE"}
	}
	if err != nil {
		return err
	}
	if !object(b) {
		return in.invalid("a session's message is no JSON object")
	}
	if e, ok := in.host.(Emitter); ok && !in.building {
		e.Emit(b)
	}
	return nil
}
