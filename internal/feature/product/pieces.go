package product

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"sync"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/perm"
)

// A function takes a long answer piece by piece, each by a host call of its own: the engine
// has its memory, and the server holds no more than a piece. An answer that fits one piece
// comes with its head, as most do.
const (
	pieceSize = 256 << 10
	// perOpen is what an answer that is under way takes of the server besides its pieces.
	perOpen = 128 << 10
	// maxOpen is how many answers of a call may be under way; further ones are held whole.
	maxOpen = 16
)

// underway is an answer of which its function has not taken everything.
type underway struct {
	body *answerBody
	let  *pass
	as   string
	room *lasting
	// alone says that the host call that began it is over.
	alone func()

	mu sync.Mutex // one piece at a time
}

// lasting is what is taken of the server's memory until the answer is over.
type lasting struct {
	call.Room
	mu    sync.Mutex
	taken int
}

func (l *lasting) Take(n int) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	err := l.Room.Take(n)
	if err == nil {
		l.taken += n
	}
	return err
}

func (l *lasting) Give(n int) {
	l.mu.Lock()
	defer l.mu.Unlock()
	n = min(n, l.taken)
	l.taken -= n
	l.Room.Give(n)
}

// giveAll gives back what is still taken.
func (l *lasting) giveAll() {
	l.mu.Lock()
	defer l.mu.Unlock()
	l.Room.Give(l.taken)
	l.taken = 0
}

// inPieces is the room of an answer that may be taken piece by piece, nil where it is held whole.
func (c *caller) inPieces(req *call.Request, h *head) *lasting {
	if !h.Pieces || req.Lasting == nil || req.Streams {
		return nil
	}
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.open)+c.opening >= maxOpen {
		return nil
	}
	c.opening++
	return &lasting{Room: req.Lasting}
}

// notOpened gives back what inPieces took for an answer that never came.
func (c *caller) notOpened(l *lasting) {
	c.mu.Lock()
	c.opening--
	c.mu.Unlock()
	l.giveAll()
}

// begin gives the head of an answer with its first piece, and keeps what is left.
func (c *caller) begin(ctx context.Context, req call.Request, out call.Reply, u *underway) (call.Reply, error) {
	defer func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		c.opening--
	}()
	out.Stream = nil
	first, whole, err := fill(u.body.raw(), req.Room)
	if err == nil && whole {
		out.Body, err = cleaned(first, u.body.secret, req.Room)
	}
	if err == nil && !whole {
		err = u.room.Take(perOpen)
	}
	if err != nil || whole {
		u.end()
		return out, err
	}
	u.body.clean.r = io.MultiReader(bytes.NewReader(first), u.body.body)
	out.Body, whole, err = fill(u.body, req.Room)
	if err != nil || whole {
		u.end()
		return out, err
	}
	var head replyHead
	if err := json.Unmarshal(out.Head, &head); err != nil {
		return call.Reply{}, err
	}
	u.alone()
	head.Body = c.keep(ctx, u)
	out.Head, err = json.Marshal(head)
	return out, err
}

// keep numbers an answer that is under way. The call's end ends it.
func (c *caller) keep(ctx context.Context, u *underway) uint32 {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.open == nil {
		c.open = map[uint32]*underway{}
	}
	c.kept++
	n := c.kept
	c.open[n] = u
	context.AfterFunc(ctx, func() { c.drop(n) })
	return n
}

// end is the end of an answer; nobody reads it any more.
func (u *underway) end() {
	_ = u.body.Close()
	u.room.giveAll()
}

// drop ends an answer, also in the middle of a piece.
func (c *caller) drop(n uint32) {
	u := c.forget(n)
	if u == nil {
		return
	}
	u.body.cancel()
	u.mu.Lock()
	defer u.mu.Unlock()
	u.end()
}

// forget makes the number of an answer one that nothing is known of.
func (c *caller) forget(n uint32) *underway {
	c.mu.Lock()
	defer c.mu.Unlock()
	u := c.open[n]
	delete(c.open, n)
	return u
}

// more gives the next piece of an answer, as long as it might be asked for.
func (c *caller) more(ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
	var h struct {
		Body  uint32 `json:"body"`
		Close bool   `json:"close"`
	}
	if err := json.Unmarshal(req.Head, &h); err != nil {
		return call.Reply{}, fault.New(fault.Usage, "INVALID_ARGUMENT", "the arguments are malformed").Because(err)
	}
	c.mu.Lock()
	u := c.open[h.Body]
	c.mu.Unlock()
	if h.Close {
		c.drop(h.Body)
		return call.Reply{Head: json.RawMessage(`{"done":true}`)}, nil
	}
	if u == nil {
		return call.Reply{}, fault.New(fault.NotFound, "BODY_GONE", "nothing is left of this answer: it was read to its end, given up, or its call has ended")
	}
	u.mu.Lock()
	defer u.mu.Unlock()
	piece, whole, err := []byte(nil), true, c.still(ctx, p, u.let, u.as)
	if err == nil {
		piece, whole, err = fill(u.body, req.Room)
	}
	if err != nil || whole {
		c.forget(h.Body)
		u.end()
	}
	if err != nil {
		return call.Reply{}, err
	}
	return call.Reply{Head: json.RawMessage(fmt.Sprintf(`{"done":%t}`, whole)), Body: piece}, nil
}

// still says whether what is under way might be asked for now: what is revoked ends it in the middle.
func (c *caller) still(ctx context.Context, p *call.Policy, let *pass, as string) error {
	on, err := c.installed(ctx, p, let.api.Product, &Decision{})
	if err != nil {
		return err
	}
	if slices.ContainsFunc(let.scopes, func(s string) bool { return !perm.HasScope(on.Set, s) }) {
		return closed("SCOPE_NOT_GRANTED", "what this request was made with is not granted any more")
	}
	if err := let.since(on); err != nil {
		return err
	}
	if as == asApp {
		return nil
	}
	now := *let
	now.policy = on
	return c.mayAct(ctx, &now, now.scopes, as == offline)
}

// fill reads a piece, and says whether it was the last one.
func fill(r io.Reader, held call.Room) (piece []byte, whole bool, err error) {
	for {
		if len(piece) == cap(piece) {
			size := min(max(2*cap(piece), 8<<10), pieceSize)
			if err := room(held, size); err != nil {
				return nil, false, err
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
		case len(piece) == pieceSize:
			return piece, false, nil
		}
	}
}

// cleaned is a body without the credential.
func cleaned(body []byte, secret string, held call.Room) ([]byte, error) {
	n := bytes.Count(body, []byte(secret))
	if n == 0 {
		return body, nil
	}
	if err := room(held, len(body)+n*max(0, len(removed)-len(secret))); err != nil {
		return nil, err
	}
	return bytes.ReplaceAll(body, []byte(secret), []byte(removed)), nil
}
