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
	b, a, err := open(ctx, rt, r, o)
	if err != nil {
		return a, err
	}
	defer b.end()
	body := scrub.New(o.Secrets...)
	a.Body, err = readBody(b.wire, b.coding, b.announced, o.MaxBody, o.Room, body.Reader)
	a.Echoes += body.Hits()
	a.Received = b.wire.n.Load()
	return a, b.told(err)
}

// open sends r and takes in the head of its answer. Whoever gets a body ends it.
func open(ctx context.Context, rt http.RoundTripper, r *http.Request, o Options) (b *Body, a Answer, err error) {
	if len(o.Secrets) > 0 { // they are looked for in what can be decoded
		r.Header.Set("Accept-Encoding", accepted)
	}
	ctx, giveUp := context.WithCancelCause(ctx)
	defer func() {
		if err != nil {
			giveUp(nil)
		}
	}()
	res, err := rt.RoundTrip(r.WithContext(ctx))
	if err != nil {
		return nil, a, err
	}
	defer func() {
		if err != nil {
			_ = res.Body.Close()
		}
	}()
	a.Status = res.StatusCode
	a.StatusText = fromLatin1(strings.TrimSpace(strings.TrimPrefix(res.Status, strconv.Itoa(res.StatusCode))))
	if res.StatusCode < 200 {
		return nil, a, fault.New(fault.Unavailable, "FETCH_FAILED", "the answer of %s switches protocols", o.Name).With("cause", "protocol")
	}
	if res.ContentLength > o.MaxBody {
		return nil, a, bodyTooLarge(o.MaxBody)
	}
	a.Headers = ResponseHeaders(res.Header, o.Cookies)
	a.scrubHead(o.Secrets)
	if len(a.Headers) > MaxHeaders {
		return nil, a, fault.New(fault.Limit, "LIMIT_RESPONSE_HEADERS", "an answer may have %d headers", MaxHeaders).With("limit", "response headers").With("figure", MaxHeaders)
	}
	b = &Body{o: o, ctx: ctx, giveUp: giveUp, res: res.Body, wire: &counted{r: res.Body, limit: o.MaxBody},
		coding: strings.Join(res.Header["Content-Encoding"], ", "), announced: res.ContentLength}
	b.stop = pace(b.wire, o.Slow, giveUp)
	return b, a, nil
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

// pace gives an answer up that comes too slowly, until it is stopped. What nobody reads
// is not slow: it counts when somebody waits, now and already the time before.
func pace(wire *counted, slow time.Duration, giveUp context.CancelCauseFunc) (stop func()) {
	var mu sync.Mutex
	var timer *time.Timer
	before, stopped, waited := int64(0), false, true
	timer = time.AfterFunc(slow, func() {
		mu.Lock()
		defer mu.Unlock()
		if stopped {
			return
		}
		now, waits := wire.n.Load(), wire.waits.Load()
		if now-before < slowBytes && waits && waited {
			giveUp(errSlow)
			return
		}
		before, waited = now, waits
		timer.Reset(slow)
	})
	return func() {
		mu.Lock()
		defer mu.Unlock()
		stopped = true
		timer.Stop()
	}
}
