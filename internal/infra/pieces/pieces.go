// Package pieces gives long answers to the functions that asked for them piece by piece, each
// by a host call of its own: the engine has its memory, and the server holds no more than a
// piece. Its promise: no piece is given that might not be asked for at that very moment, and
// an answer that is under way ends with the interest of its function, with its call and with
// what admitted it, also in the middle of a piece; then nothing of it is held any more.
package pieces

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"sync"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

const (
	// Size is a piece. An answer that fits one comes with its head, as most do.
	Size = 256 << 10
	// PerOpen is what an answer that is under way takes of the server besides its pieces.
	PerOpen = 128 << 10
	// MaxOpen is how many answers of a call may be under way; further ones are held whole.
	MaxOpen = 16
	// least is the room that a piece begins with: most answers are short.
	least = 1 << 10
)

// Lasting is what is taken of the server's memory until an answer is over.
type Lasting struct {
	room  call.Room
	mu    sync.Mutex
	taken int
}

// NewLasting takes out of a room.
func NewLasting(r call.Room) *Lasting { return &Lasting{room: r} }

// Take implements call.Room.
func (l *Lasting) Take(n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.room.Take(n)
	if err == nil {
		l.taken += n
	}
	return err
}

// Give implements call.Room.
func (l *Lasting) Give(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, l.taken)
	l.taken -= n
	l.room.Give(n)
}

// GiveAll gives back what is still taken.
func (l *Lasting) GiveAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.room.Give(l.taken)
	l.taken = 0
}

// Answer is an answer of which its function has not taken everything.
type Answer struct {
	Body io.ReadCloser // closed once
	// Break ends a read that waits.
	Break func()
	Room  *Lasting
	// Still says why nothing more of it may be given under a policy, nil if it may.
	Still func(ctx context.Context, p *call.Policy) error

	mu sync.Mutex // one piece at a time
}

func (a *Answer) end() {
	_ = a.Body.Close()
	a.Room.GiveAll()
}

// Answers are those of one call. The zero value has none; it is safe for concurrent use.
type Answers struct {
	mu      sync.Mutex
	open    map[uint32]*Answer
	kept    uint32 // how many there were
	opening int    // how many are about to be among them
}

// Begin is the room of an answer that may be taken piece by piece, nil where it is held
// whole. Who gets one calls Begun when the answer is kept or over.
func (as *Answers) Begin(lasting call.Room) *Lasting {
	as.mu.Lock()
	defer as.mu.Unlock()
	if lasting == nil || len(as.open)+as.opening >= MaxOpen {
		return nil
	}
	as.opening++
	return NewLasting(lasting)
}

// Begun ends what Begin began.
func (as *Answers) Begun() {
	as.mu.Lock()
	defer as.mu.Unlock()
	as.opening--
}

// Keep numbers an answer that is under way. The end of ctx, the call's, ends it.
func (as *Answers) Keep(ctx context.Context, a *Answer) uint32 {
	as.mu.Lock()
	defer as.mu.Unlock()
	if as.open == nil {
		as.open = map[uint32]*Answer{}
	}
	as.kept++
	n := as.kept
	as.open[n] = a
	context.AfterFunc(ctx, func() { as.Drop(n) })
	return n
}

// Drop ends an answer, also in the middle of a piece.
func (as *Answers) Drop(n uint32) {
	a := as.forget(n)
	if a == nil {
		return
	}
	a.Break()
	a.mu.Lock()
	defer a.mu.Unlock()
	a.end()
}

// forget makes the number of an answer one that nothing is known of.
func (as *Answers) forget(n uint32) *Answer {
	as.mu.Lock()
	defer as.mu.Unlock()
	a := as.open[n]
	delete(as.open, n)
	return a
}

// Next answers the host call that asks for the next piece of an answer, or gives it up.
func (as *Answers) Next(ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
	var h struct {
		Body  uint32 `json:"body"`
		Close bool   `json:"close"`
	}
	if err := json.Unmarshal(req.Head, &h); err != nil {
		return call.Reply{}, fault.New(fault.Usage, "INVALID_ARGUMENT", "the arguments are malformed").Because(err)
	}
	as.mu.Lock()
	a := as.open[h.Body]
	as.mu.Unlock()
	if h.Close {
		as.Drop(h.Body)
		return call.Reply{Head: json.RawMessage(`{"done":true}`)}, nil
	}
	if a == nil {
		return call.Reply{}, fault.New(fault.NotFound, "BODY_GONE", "nothing is left of this answer: it was read to its end, given up, or its call has ended")
	}
	a.mu.Lock()
	defer a.mu.Unlock()
	piece, whole, err := []byte(nil), true, a.Still(ctx, p)
	if err == nil {
		piece, whole, err = Fill(a.Body, req.Room)
	}
	if (err != nil || whole) && as.forget(h.Body) != nil { // else who dropped it ends it
		a.end()
	}
	if err != nil {
		return call.Reply{}, err
	}
	return call.Reply{Head: json.RawMessage(fmt.Sprintf(`{"done":%t}`, whole)), Body: piece}, nil
}

// Fill reads a piece, and says whether it was the last one.
func Fill(r io.Reader, held call.Room) (piece []byte, whole bool, err error) {
	for {
		if len(piece) == cap(piece) {
			size := min(max(2*cap(piece), least), Size)
			if held != nil {
				if err := held.Take(size); err != nil {
					return nil, false, err
				}
			}
			was := cap(piece)
			piece = append(make([]byte, 0, size), piece...)
			if held != nil {
				held.Give(was)
			}
		}
		n, err := r.Read(piece[len(piece):cap(piece)])
		piece = piece[:len(piece)+n]
		switch {
		case errors.Is(err, io.EOF):
			return piece, true, nil
		case err != nil:
			return nil, false, err
		case len(piece) == Size:
			return piece, false, nil
		}
	}
}
