// Package exchange makes one HTTP exchange for app code. Its promise: whatever app code
// puts into a request, the message that leaves means the same to every server that reads
// it, and whatever comes back stays within its limits of size, decoded size, headers and
// patience before it takes up room.
//
// It decides nothing about destinations: who calls it has done so, and brings the round
// tripper that holds to the decision. No redirect is followed.
package exchange

import (
	"context"
	"errors"
	"net/http"
	"strconv"
	"strings"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/scrub"
)

// Options bound one exchange.
type Options struct {
	// Name is what errors call the other side, an origin for instance.
	Name string
	// MaxBody bounds the answer's body, on the wire and decoded, in bytes.
	MaxBody int64
	// Slow is how long an answer may bring next to nothing.
	Slow time.Duration
	// Cookies asks for the answer's cookies too.
	Cookies bool
	Room    call.Room // nil does not bound it
	// Secrets are taken out of the answer wherever they stand in it; see package scrub.
	Secrets [][]byte
}

// Answer is what came back.
type Answer struct {
	Status     int
	StatusText string
	Headers    [][2]string
	Body       []byte
	Received   int64 // bytes of the body on the wire
	Echoes     int   // secrets that the answer held
}

// Do sends r once and reads the answer. The answer is given also with an error, as far as
// it had come.
//
// Errors: LIMIT_RESPONSE_HEADERS, LIMIT_RESPONSE_BODY, FETCH_TIMEOUT for an answer that
// comes too slowly, FETCH_FAILED for one that switches protocols; others are the round
// tripper's own.
func Do(ctx context.Context, rt http.RoundTripper, r *http.Request, o Options) (a Answer, err error) {
	if len(o.Secrets) > 0 { // they are looked for in what can be decoded
		r.Header.Set("Accept-Encoding", accepted)
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer giveUp(nil)
	res, err := rt.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return a, err
	}
	defer res.Body.Close()
	a.Status = res.StatusCode
	a.StatusText = fromLatin1(strings.TrimSpace(strings.TrimPrefix(res.Status, strconv.Itoa(res.StatusCode))))
	if res.StatusCode < 200 {
		return a, fault.New(fault.Unavailable, "FETCH_FAILED", "the answer of %s switches protocols", o.Name).With("cause", "protocol")
	}
	if res.ContentLength > o.MaxBody {
		return a, bodyTooLarge(o.MaxBody)
	}
	a.Headers = ResponseHeaders(res.Header, o.Cookies)
	a.scrubHead(o.Secrets)
	if len(a.Headers) > MaxHeaders {
		return a, fault.New(fault.Limit, "LIMIT_RESPONSE_HEADERS", "an answer may have %d headers", MaxHeaders).With("limit", "response headers").With("figure", MaxHeaders)
	}
	wire := &counted{r: res.Body, limit: o.MaxBody}
	stop := pace(wire, o.Slow, giveUp)
	body := scrub.New(o.Secrets...)
	a.Body, err = readBody(wire, strings.Join(res.Header["Content-Encoding"], ", "), res.ContentLength, o.MaxBody, o.Room, body.Reader)
	stop()
	a.Echoes += body.Hits()
	a.Received = wire.n.Load()
	switch {
	case errors.Is(err, errTooLarge):
		return a, bodyTooLarge(o.MaxBody)
	case err != nil && errors.Is(context.Cause(ctx), errSlow):
		return a, fault.New(fault.Unavailable, "FETCH_TIMEOUT", "%s sent less than %d bytes of its answer within %s", o.Name, slowBytes, o.Slow).
			With("timeoutMs", o.Slow.Milliseconds()).Because(err)
	}
	return a, err
}

// scrubHead takes secrets out of the answer's head.
func (a *Answer) scrubHead(secrets [][]byte) {
	if len(secrets) == 0 {
		return
	}
	clean := func(text string) string {
		s := scrub.New(secrets...)
		out := string(s.Bytes([]byte(text)))
		a.Echoes += s.Hits()
		return out
	}
	a.StatusText = clean(a.StatusText)
	kept := a.Headers[:0]
	for _, kv := range a.Headers {
		if name := clean(kv[0]); name == kv[0] { // else the name is the secret
			kept = append(kept, [2]string{name, clean(kv[1])})
		}
	}
	a.Headers = kept
}

// slowBytes is the least that must come of an answer in each Options.Slow: whoever sends
// less holds a place that others of the installation wait for.
const slowBytes = 64

var errSlow = errors.New("the answer comes too slowly")

// pace gives an answer up that comes too slowly, until it is stopped.
func pace(wire *counted, slow time.Duration, giveUp context.CancelCauseFunc) (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	before, stopped := int64(0), false
	timer = time.AfterFunc(slow, func() {
		mu.Lock()
		defer mu.Unlock()
		if stopped {
			return
		}
		now := wire.n.Load()
		if now-before < slowBytes {
			giveUp(errSlow)
			return
		}
		before = now
		timer.Reset(slow)
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}
