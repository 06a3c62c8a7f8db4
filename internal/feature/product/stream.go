package product

import (
	"bytes"
	"context"
	"errors"
	"hash"
	"io"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/exchange"
)

// sentBody is a request's body that goes on while it arrives: it is counted, hashed and
// bounded on its way, and never held.
type sentBody struct {
	r     io.Reader
	limit int64

	mu   sync.Mutex // what is sent is asked for while it may still be sent
	n    int64
	hash hash.Hash
	err  error
}

// Read implements io.Reader.
func (b *sentBody) Read(p []byte) (int, error) {
	n, err := b.r.Read(p)
	b.mu.Lock()
	defer b.mu.Unlock()
	if b.n+int64(n) > b.limit {
		n, err = 0, requestTooLarge(b.limit)
	}
	b.n += int64(n)
	if b.hash != nil {
		b.hash.Write(p[:n])
	}
	if err == nil || errors.Is(err, io.EOF) {
		return n, err
	}
	if _, ok := fault.As(err); !ok {
		err = fault.New(fault.Usage, "BODY_BROKEN", "the body of the request did not arrive whole").Because(err)
	}
	b.err = err
	return n, err
}

// Close implements io.Closer.
func (b *sentBody) Close() error { return nil }

// count says how much has been sent; what is read afterwards is not sent any more.
func (b *sentBody) count(d *Decision) {
	b.mu.Lock()
	defer b.mu.Unlock()
	d.Sent = b.n
	if b.hash != nil {
		d.Digest = b.hash.Sum(nil)
	}
}

// failed is why the body ended early, nil if it did not.
func (b *sentBody) failed() error {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.err
}

func requestTooLarge(limit int64) error {
	return fault.New(fault.Limit, "LIMIT_REQUEST_BODY", "a request may have a body of %d bytes", limit).
		With("limit", "request body").With("figure", limit)
}

// whole reads a body that has to be known before anything of it may leave.
func whole(req *call.Request, limit int64) error {
	if req.Stream == nil {
		return nil
	}
	var body bytes.Buffer
	piece := make([]byte, 32<<10)
	for {
		n, err := req.Stream.Read(piece)
		if int64(body.Len()+n) > limit {
			return requestTooLarge(limit)
		}
		if body.Len()+n > body.Cap() {
			if err := room(req.Room, max(2*body.Cap(), len(piece))-body.Cap()); err != nil {
				return err
			}
		}
		body.Write(piece[:n])
		if errors.Is(err, io.EOF) {
			req.Body, req.Stream = body.Bytes(), nil
			return nil
		}
		if err != nil {
			if _, ok := fault.As(err); ok {
				return err
			}
			return fault.New(fault.Usage, "BODY_BROKEN", "the body of the request did not arrive whole").Because(err)
		}
	}
}

// begun finds out whether a body of unknown length has a first byte.
func begun(req *call.Request) error {
	if req.Stream == nil || req.Size > 0 {
		return nil
	}
	var first [1]byte
	switch n, err := io.ReadFull(req.Stream, first[:]); {
	case n == 1:
		req.Stream = io.MultiReader(bytes.NewReader(first[:]), req.Stream)
		req.Size = -1
		return nil
	case errors.Is(err, io.EOF):
		req.Stream, req.Size = nil, 0
		return nil
	default:
		return fault.New(fault.Usage, "BODY_BROKEN", "the body of the request did not arrive whole").Because(err)
	}
}

// answerBody is an answer's body while it arrives, without the credential. Whoever closes
// it ends the request, and what came of it is told.
type answerBody struct {
	body   *exchange.Body
	clean  *cleaner
	secret string
	// underway is set where a function takes it piece by piece.
	underway *underway
	timeout  time.Duration
	cancel   context.CancelFunc
	failed   func(error) error
	end      func(received int64)
	once     sync.Once
	err      error
}

// Read implements io.Reader.
func (b *answerBody) Read(p []byte) (int, error) {
	n, err := b.clean.Read(p)
	return n, b.told(err)
}

// raw reads what came as it came, with the credential that it may hold.
func (b *answerBody) raw() io.Reader {
	return readerFunc(func(p []byte) (int, error) {
		n, err := b.body.Read(p)
		return n, b.told(err)
	})
}

type readerFunc func([]byte) (int, error)

func (f readerFunc) Read(p []byte) (int, error) { return f(p) }

// told is an error of the body as the app learns of it.
func (b *answerBody) told(err error) error {
	if err != nil && !errors.Is(err, io.EOF) {
		if b.err == nil {
			b.err = b.failed(withoutSecret(err, b.secret))
		}
		err = b.err
	}
	return err
}

// Close implements io.Closer.
func (b *answerBody) Close() error {
	b.once.Do(func() {
		_ = b.body.Close()
		b.cancel()
		b.end(b.body.Received())
	})
	return nil
}

// cleaner takes a credential out of a stream, wherever that is cut into pieces.
type cleaner struct {
	r       io.Reader
	secret  []byte
	in, out []byte
	piece   []byte
	err     error
}

// Read implements io.Reader.
func (c *cleaner) Read(p []byte) (int, error) {
	for len(c.out) == 0 {
		if c.err != nil {
			return 0, c.err
		}
		if c.piece == nil {
			c.piece = make([]byte, 32<<10)
		}
		n, err := c.r.Read(c.piece)
		c.in, c.err = append(c.in, c.piece[:n]...), err
		c.out = c.out[:0]
		for {
			at := bytes.Index(c.in, c.secret)
			if at < 0 {
				break
			}
			c.out = append(append(c.out, c.in[:at]...), removed...)
			c.in = c.in[at+len(c.secret):]
		}
		keep := 0
		if err == nil { // else nothing more comes
			keep = min(len(c.in), len(c.secret)-1)
		}
		c.out = append(c.out, c.in[:len(c.in)-keep]...)
		c.in = append([]byte(nil), c.in[len(c.in)-keep:]...)
	}
	n := copy(p, c.out)
	c.out = c.out[n:]
	return n, nil
}
