package exchange

import (
	"context"
	"errors"
	"io"
	"net/http"

	"github.com/annexhq/annex/internal/core/fault"
)

// Body is an answer's body while it arrives. What is read of it was decoded; nothing of it
// is kept. It holds to the limits that Do holds to, and its errors are Do's.
type Body struct {
	o         Options
	ctx       context.Context
	giveUp    context.CancelCauseFunc
	stop      func()
	res       io.Closer
	wire      *counted
	coding    string
	announced int64
	decoded   io.Reader // nil until the first byte is wanted
}

// Open sends r once and gives the answer's head, and its body to be read and closed. The
// answer is given also with an error, as far as it had come; then there is no body.
// Secrets are not looked for in the body: that is for whoever reads it.
func Open(ctx context.Context, rt http.RoundTripper, r *http.Request, o Options) (Answer, *Body, error) {
	b, a, err := open(ctx, rt, r, o)
	return a, b, err
}

// Read implements io.Reader.
func (b *Body) Read(p []byte) (int, error) {
	if b.decoded == nil {
		in := &fruitful{r: b.wire}
		r, err := decoder(in, b.coding, &grown{room: b.o.Room})
		if err != nil {
			return 0, b.told(err)
		}
		if r == in {
			r = b.wire
		}
		decoded := &counted{r: r, limit: b.o.MaxBody}
		in.out, b.decoded = &decoded.n, decoded
	}
	n, err := b.decoded.Read(p)
	if errors.Is(err, io.EOF) {
		return n, io.EOF
	}
	return n, b.told(err)
}

// Received is how many bytes came, before they were decoded.
func (b *Body) Received() int64 { return b.wire.n.Load() }

// Close gives up what has not come.
func (b *Body) Close() error {
	b.end()
	return nil
}

func (b *Body) end() {
	b.stop()
	_ = b.res.Close()
	b.giveUp(nil)
}

// told is an error of the body as whoever reads it learns of it.
func (b *Body) told(err error) error {
	switch {
	case errors.Is(err, errTooLarge):
		return bodyTooLarge(b.o.MaxBody)
	case err != nil && errors.Is(context.Cause(b.ctx), errSlow):
		return fault.New(fault.Unavailable, "FETCH_TIMEOUT", "%s sent less than %d bytes of its answer within %s", b.o.Name, slowBytes, b.o.Slow).
			With("timeoutMs", b.o.Slow.Milliseconds()).Because(err)
	}
	return err
}
