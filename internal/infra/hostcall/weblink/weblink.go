// Package weblink carries hostcall's messages over a WebSocket: one frame of theirs in
// each binary message, and no HTTP inside. Both ends are alike. Neither trusts the other:
// what is received is bounded, what is to be sent waits in a bounded queue, and an end
// that reads or answers nothing for a while is hung up on.
package weblink

import (
	"context"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"sync"
	"sync/atomic"
	"time"

	"github.com/coder/websocket"

	"github.com/annexhq/annex/internal/infra/hostcall"
)

const (
	// Path of the upgrade is the API's; Protocol is the subprotocol that both ends name.
	Protocol = "annex-hostcall.v1"
	// maxBody is what one message from the other end may hold: the largest body of a host
	// call, with room to refuse it by its own words.
	maxBody = 26 << 20
	// maxQueued is what may wait to be sent when somebody sends, and maxPosted what there may
	// be besides without waiting.
	maxQueued = 8 << 20
	maxPosted = maxQueued + 32<<20
	// frameTime is how long the other end may take to read one frame, and pingEach and
	// pingTime how often it is asked whether it lives and how long it may take to say so.
	frameTime = 15 * time.Second
	pingEach  = 5 * time.Second
	pingTime  = 15 * time.Second
	// helloTime is how long the other end may take to say hello.
	helloTime = 10 * time.Second

	// final closes for good; the other end need not come again.
	final websocket.StatusCode = 4000
	// again closes for now.
	again = websocket.StatusServiceRestart
)

// Ended is how the other end closed, in its own words.
type Ended struct {
	Final bool // coming again is of no use
	Words string
}

// Error implements error.
func (e *Ended) Error() string { return "the tunnel was closed: " + e.Words }

var (
	errStuck  = errors.New("weblink: the other end does not read")
	errClosed = errors.New("weblink: closed")
)

// Link is one end.
type Link struct {
	ws   *websocket.Conn
	ctx  context.Context
	stop context.CancelFunc
	in   hostcall.Decoder
	sent atomic.Uint64

	mu      sync.Mutex
	out     [][]byte      // one message each
	queued  int           // bytes in out
	drained chan struct{} // closed when out has room again, or the link is over
	wake    chan struct{} // one value when out has something
	err     error
}

// Accept takes a request for a tunnel. After an error the answer is written.
func Accept(w http.ResponseWriter, r *http.Request) (*Link, error) {
	ws, err := websocket.Accept(w, r, &websocket.AcceptOptions{Subprotocols: []string{Protocol}, CompressionMode: websocket.CompressionDisabled})
	if err != nil {
		return nil, fmt.Errorf("weblink.Accept: %w", err)
	}
	return newLink(ws), nil
}

// Dial opens a tunnel. With an error there may be an answer, whose body is short and whole.
func Dial(ctx context.Context, url string, header http.Header, by *http.Client) (*Link, *http.Response, error) {
	ws, res, err := websocket.Dial(ctx, url, &websocket.DialOptions{
		HTTPClient: by, HTTPHeader: header, Subprotocols: []string{Protocol}, CompressionMode: websocket.CompressionDisabled,
	})
	if err != nil {
		return nil, res, fmt.Errorf("weblink.Dial: %w", err)
	}
	return newLink(ws), res, nil
}

func newLink(ws *websocket.Conn) *Link {
	ws.SetReadLimit(hostcall.MaxFrame)
	ctx, stop := context.WithCancel(context.Background())
	l := &Link{ws: ws, ctx: ctx, stop: stop, in: hostcall.Decoder{Most: maxBody}, drained: make(chan struct{}), wake: make(chan struct{}, 1)}
	go l.write()
	go l.ping()
	return l
}

// Greet says hello and takes the other end's. It comes before all else, once.
func (l *Link) Greet(h hostcall.HelloHead) (theirs hostcall.HelloHead, err error) {
	h.Protocol = hostcall.Protocol
	head, err := hostcall.JSON(h)
	if err != nil {
		return theirs, fmt.Errorf("weblink.Greet: %w", err)
	}
	if err := l.Send(hostcall.Message{Type: hostcall.Hello, Head: head}); err != nil {
		return theirs, err
	}
	late := time.AfterFunc(helloTime, func() { _ = l.Close() })
	defer late.Stop()
	m, err := l.Receive()
	if err != nil {
		return theirs, err
	}
	if m.Type != hostcall.Hello {
		return theirs, fmt.Errorf("%w: no hello", hostcall.ErrProtocol)
	}
	if err := json.Unmarshal(m.Head, &theirs); err != nil {
		return theirs, fmt.Errorf("%w: hello: %w", hostcall.ErrProtocol, err)
	}
	_, err = hostcall.Negotiate(theirs.Protocol)
	return theirs, err
}

// Sent is how many messages were taken to be sent.
func (l *Link) Sent() uint64 { return l.sent.Load() }

// Done is closed when the link is over.
func (l *Link) Done() <-chan struct{} { return l.ctx.Done() }

// Send queues a message; it waits while too much is queued.
func (l *Link) Send(m hostcall.Message) error { return l.SendBefore(nil, m) }

// SendBefore is Send by someone who waits no longer than until done is closed.
func (l *Link) SendBefore(done <-chan struct{}, m hostcall.Message) error {
	l.mu.Lock()
	for l.queued > maxQueued && l.err == nil {
		drained := l.drained
		l.mu.Unlock()
		select {
		case <-drained:
		case <-done:
			return hostcall.ErrUnsent
		}
		l.mu.Lock()
	}
	defer l.mu.Unlock()
	return l.queue(m)
}

// Post queues a short message and never waits.
func (l *Link) Post(m hostcall.Message) error {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && l.queued > maxPosted {
		l.fail(errStuck)
	}
	return l.queue(m)
}

// TrySend is Send, or false where that would wait.
func (l *Link) TrySend(m hostcall.Message) (bool, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err == nil && l.queued > maxQueued {
		return false, nil
	}
	return true, l.queue(m)
}

// queue appends a message; l.mu is held.
func (l *Link) queue(m hostcall.Message) error {
	if l.err != nil {
		return l.err
	}
	if m.File != nil {
		return fmt.Errorf("%w: no descriptor passes here", hostcall.ErrProtocol)
	}
	b, err := hostcall.Append(nil, m)
	if err != nil {
		return err
	}
	l.out = append(l.out, b)
	l.queued += len(b)
	l.sent.Add(1)
	select {
	case l.wake <- struct{}{}:
	default:
	}
	return nil
}

// write sends what is queued, a frame at a time.
func (l *Link) write() {
	for {
		l.mu.Lock()
		var b []byte
		if len(l.out) > 0 {
			b, l.out = l.out[0], l.out[1:]
		}
		l.mu.Unlock()
		if b == nil {
			select {
			case <-l.wake:
				continue
			case <-l.ctx.Done():
				return
			}
		}
		for rest := b; len(rest) > 0; {
			n := int(binary.LittleEndian.Uint32(rest)) + 4 // of our own writing
			ctx, cancel := context.WithTimeout(l.ctx, frameTime)
			err := l.ws.Write(ctx, websocket.MessageBinary, rest[:n])
			cancel()
			if err != nil {
				l.end(fmt.Errorf("weblink: write: %w", err))
				return
			}
			rest = rest[n:]
		}
		l.mu.Lock()
		was := l.queued
		if l.queued -= len(b); was > maxQueued && l.queued <= maxQueued && l.err == nil {
			close(l.drained)
			l.drained = make(chan struct{})
		}
		l.mu.Unlock()
	}
}

// ping asks the other end whether it lives.
func (l *Link) ping() {
	tick := time.NewTicker(pingEach)
	defer tick.Stop()
	for {
		select {
		case <-l.ctx.Done():
			return
		case <-tick.C:
		}
		ctx, cancel := context.WithTimeout(l.ctx, pingTime)
		err := l.ws.Ping(ctx)
		cancel()
		if err != nil {
			l.end(fmt.Errorf("weblink: the other end is silent: %w", err))
			return
		}
	}
}

// Receive gives the next message. It is for one goroutine. An *Ended is the other end's
// last word; io.EOF means that it is gone, or that this end was closed.
func (l *Link) Receive() (hostcall.Message, error) {
	for {
		m, file, ok, err := l.in.Next()
		if err == nil && file {
			err = fmt.Errorf("%w: no descriptor passes here", hostcall.ErrProtocol)
		}
		if err != nil || ok {
			return m, err
		}
		kind, r, err := l.ws.Reader(l.ctx)
		if err != nil {
			return hostcall.Message{}, l.ended(err)
		}
		if kind != websocket.MessageBinary {
			return hostcall.Message{}, fmt.Errorf("%w: text", hostcall.ErrProtocol)
		}
		if err := l.fill(r); err != nil {
			return hostcall.Message{}, err
		}
	}
}

// fill reads one WebSocket message.
func (l *Link) fill(r io.Reader) error {
	for {
		n, err := r.Read(l.in.Room())
		l.in.Fed(n)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return l.ended(err)
		}
	}
}

// ended says why nothing more can be read.
func (l *Link) ended(err error) error {
	var close websocket.CloseError
	if errors.As(err, &close) && (close.Code == final || close.Code == again) {
		return &Ended{Final: close.Code == final, Words: close.Reason}
	}
	l.mu.Lock()
	defer l.mu.Unlock()
	if l.err != nil && !errors.Is(l.err, errClosed) {
		return l.err
	}
	return io.EOF
}

// fail is the end of the link; l.mu is held.
func (l *Link) fail(err error) {
	if l.err != nil {
		return
	}
	l.err = err
	l.out = nil
	close(l.drained)
	l.drained = make(chan struct{})
	l.stop()
}

func (l *Link) end(err error) {
	l.mu.Lock()
	l.fail(err)
	l.mu.Unlock()
	_ = l.ws.CloseNow()
}

// Close hangs up without a word.
func (l *Link) Close() error {
	l.end(errClosed)
	return nil
}

// maxWords is what a WebSocket's close can say.
const maxWords = 120

// End says why, and hangs up. forGood tells the other end not to come again.
func (l *Link) End(forGood bool, words string) {
	if len(words) > maxWords {
		words = words[:maxWords]
	}
	status := again
	if forGood {
		status = final
	}
	// Close waits for the other end's answer, and for whoever reads here.
	_ = l.ws.Close(status, words)
	l.end(errClosed)
}
