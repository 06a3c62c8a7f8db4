package product

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/pieces"
)

// A function gives a long body piece by piece, each by a host call of its own that is answered
// when the product has taken the piece: the engine has what comes next, and the server holds
// no more than a piece. The first one opens the request; the product's answer is the answer
// of the last, or of an earlier one where the product does not wait for the rest.

// maxSending is how many bodies of a call may be under way; the SDK waits with further ones.
const maxSending = 16

// sending is a request of whose body its function has not given everything.
type sending struct {
	room    *pieces.Lasting
	decided *Decision
	started time.Time
	let     *pass // set before anything is read of the body

	next   chan lump     // to who reads
	wants  chan struct{} // who reads has nothing left
	result chan sent

	mu     sync.Mutex // one host call at a time
	told   bool       // somebody has the result
	unhook func() bool

	over chan struct{} // nobody gives any more
	once sync.Once
	err  error // what is read then

	left []byte // of the piece that is being read
	last bool
}

// lump is a piece of a body.
type lump struct {
	bytes []byte
	last  bool
}

// sent is what came of a request.
type sent struct {
	out  call.Reply
	body *sentBody
	err  error
}

// Read implements io.Reader. One at a time reads.
func (s *sending) Read(p []byte) (int, error) {
	for len(s.left) == 0 {
		if s.last {
			return 0, io.EOF
		}
		select {
		case s.wants <- struct{}{}:
		case <-s.over:
			return 0, s.err
		}
		select {
		case l := <-s.next:
			s.left, s.last = l.bytes, l.last
		case <-s.over:
			return 0, s.err
		}
	}
	n := copy(p, s.left)
	if s.left = s.left[n:]; len(s.left) == 0 {
		s.left = nil // what it was cut from is not kept
	}
	return n, nil
}

// stop ends the body: err is read in place of what was not given.
func (s *sending) stop(err error) {
	s.once.Do(func() {
		s.err = err
		close(s.over)
	})
}

// give takes one host call of a body that goes piece by piece.
func (c *caller) give(ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
	var h struct {
		Sending uint32 `json:"sending"` // 0 opens a request
		Size    int64  `json:"size"`    // of the whole body, where it is known
		Done    bool   `json:"done"`
		Close   bool   `json:"close"`
	}
	if err := json.Unmarshal(req.Head, &h); err != nil {
		return call.Reply{}, fault.New(fault.Usage, "INVALID_ARGUMENT", "the arguments are malformed").Because(err)
	}
	if len(req.Body) > pieces.Size {
		return call.Reply{}, fault.New(fault.Limit, "LIMIT_REQUEST_BODY", "a piece of a body may have %d bytes", pieces.Size).
			With("limit", "piece of a request body").With("figure", pieces.Size)
	}
	if h.Sending == 0 {
		return c.beginSending(ctx, p, req, max(h.Size, 0))
	}
	c.mu.Lock()
	s := c.sending[h.Sending]
	c.mu.Unlock()
	if h.Close {
		if s != nil {
			s.stop(brokenBody())
			c.unsent(ctx, h.Sending, s)
		}
		return call.Reply{Head: json.RawMessage(`{"closed":true}`)}, nil
	}
	if s == nil {
		return call.Reply{}, fault.New(fault.NotFound, "BODY_GONE", "nothing more is sent of this body: its request was answered or given up, or its call has ended")
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told {
		return call.Reply{}, brokenBody()
	}
	if err := c.still(ctx, p, s.let, s.decided.As); err != nil {
		s.stop(err)
		return c.settle(ctx, req, h.Sending, s, <-s.result)
	}
	select {
	case s.next <- lump{req.Body, h.Done}:
		return c.passedOn(ctx, req, h.Sending, s)
	case r := <-s.result:
		return c.settle(ctx, req, h.Sending, s, r)
	case <-s.over:
		return c.settle(ctx, req, h.Sending, s, <-s.result)
	}
}

// beginSending opens a request with the first piece of its body.
func (c *caller) beginSending(ctx context.Context, p *call.Policy, req call.Request, size int64) (call.Reply, error) {
	if req.Lasting == nil {
		return call.Reply{}, fault.New(fault.Denied, "NOT_OFFERED", "bodies do not go piece by piece here")
	}
	s := &sending{
		room: pieces.NewLasting(req.Lasting), started: c.gate.cfg.Now(),
		next: make(chan lump), wants: make(chan struct{}), result: make(chan sent, 1), over: make(chan struct{}), left: req.Body,
	}
	s.mu.Lock() // whoever guesses its number waits until it has begun
	defer s.mu.Unlock()
	n, err := c.keepSending(s)
	if err != nil {
		return call.Reply{}, err
	}
	if err := room(s.room, pieces.PerOpen); err != nil {
		s.told = true
		c.forgetSending(n)
		return call.Reply{}, err
	}
	if size == 0 {
		size = -1
	}
	r := call.Request{Method: requestMethod, Head: req.Head, Room: s.room, Lasting: req.Lasting, Stream: s, Size: size}
	s.decided = c.decision(p, &r)
	go func() {
		out := sent{err: fault.New(fault.Internal, "INTERNAL", "the request ended without an answer")}
		defer func() {
			if v := recover(); v != nil {
				out.err = fmt.Errorf("product request: %v", v)
			}
			s.result <- out
		}()
		out.out, out.body, out.err = c.request(ctx, p, &r, s.decided)
	}()
	s.unhook = context.AfterFunc(ctx, func() {
		s.stop(brokenBody())
		c.unsent(ctx, n, s)
	})
	return c.passedOn(ctx, req, n, s)
}

// passedOn waits until a piece has left, or until the request is answered. s.mu is held.
func (c *caller) passedOn(ctx context.Context, req call.Request, n uint32, s *sending) (call.Reply, error) {
	select {
	case <-s.wants:
		return call.Reply{Head: json.RawMessage(fmt.Sprintf(`{"sending":%d}`, n))}, nil
	case r := <-s.result:
		return c.settle(ctx, req, n, s, r)
	}
}

// unsent takes the result of a request that nobody waits for.
func (c *caller) unsent(ctx context.Context, n uint32, s *sending) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.told {
		return
	}
	if out, err := c.settle(ctx, call.Request{Room: s.room}, n, s, <-s.result); err == nil && out.Stream != nil {
		_ = out.Stream.Close()
	}
}

// settle gives what came of a request. What the product has not taken of the body by then is
// read by nobody, and ends with the answer. s.mu is held.
func (c *caller) settle(ctx context.Context, req call.Request, n uint32, s *sending, r sent) (call.Reply, error) {
	s.told = true
	s.unhook()
	c.forgetSending(n)
	end := func() {
		s.stop(brokenBody())
		s.room.GiveAll()
	}
	if b, ok := r.out.Stream.(*answerBody); ok {
		cancel := b.cancel
		b.cancel = func() {
			cancel()
			end()
		}
	} else {
		defer end()
	}
	return c.finish(ctx, req, s.decided, s.started, r)
}

func (c *caller) keepSending(s *sending) (uint32, error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if len(c.sending) >= maxSending {
		return 0, fault.New(fault.Limit, "LIMIT_HOSTCALLS", "a call may send %d long bodies at once", maxSending).
			With("limit", "long bodies at once").With("figure", maxSending).WithFix("await some of them before sending more")
	}
	if c.sending == nil {
		c.sending = map[uint32]*sending{}
	}
	c.sent++
	c.sending[c.sent] = s
	return c.sent, nil
}

func (c *caller) forgetSending(n uint32) {
	c.mu.Lock()
	defer c.mu.Unlock()
	delete(c.sending, n)
}

func brokenBody() error {
	return fault.New(fault.Usage, "BODY_BROKEN", "the body of the request did not arrive whole")
}
