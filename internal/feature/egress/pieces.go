package egress

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"sync"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/infra/exchange"
	"github.com/annexhq/annex/internal/infra/pieces"
	"github.com/annexhq/annex/internal/infra/scrub"
)

// answer is what came of a request; rest is what its function has not taken yet, nil where it
// has come whole.
type answer struct {
	exchange.Answer
	rest *rest
}

// rest is an answer that its function takes piece by piece; see package pieces. It is under
// way, and may be ended, as long as it is not closed.
type rest struct {
	body *exchange.Body
	scan *scrub.Scanner
	// clean is the body without the credentials of the request, wherever its pieces are cut.
	clean   io.Reader
	keep    *keeping
	head    int // credentials that stood in the head
	d       *Decision
	may     func(p *call.Policy) bool
	besides func(ctx context.Context) error // see Destination.Still
	journey *journey
	giveUp  func()
	failed  func(error) error // an error of the body as the app learns of it
	told    func(error)       // what came of the request, at its end
	once    sync.Once
	err     error
}

// keeping is the place of an answer that may be taken piece by piece.
type keeping struct {
	room  *pieces.Lasting
	begun func() // called once
	leave func() // gives the place to another
}

// inPieces finds a place for an answer, nil where it is to be held whole. No more than half of
// what an installation may have in flight waits for its functions, so that the others go on.
func (c *caller) inPieces(p *call.Policy, o outgoing) *keeping {
	if o.lasting == nil {
		return nil
	}
	places := c.broker.budgets.of(p.Install).places
	select {
	case places <- struct{}{}:
	default:
		return nil
	}
	k := &keeping{begun: c.allowance.answers.Begun, leave: func() { <-places }}
	if k.room = c.allowance.answers.Begin(o.lasting); k.room == nil {
		k.leave()
		return nil
	}
	return k
}

// end gives a place back that was not needed.
func (k *keeping) end() {
	k.begun()
	k.room.GiveAll()
	k.leave()
}

// begin makes an exchange of whose answer the first piece is read; rest is nil if that was all.
func (c *caller) begin(ctx context.Context, rt http.RoundTripper, r *http.Request, o exchange.Options, k *keeping) (a answer, err error) {
	held := o.Room
	o.Room = k.room
	var body *exchange.Body
	if a.Answer, body, err = exchange.Open(ctx, rt, r, o); err != nil {
		k.end()
		return a, err
	}
	scan := scrub.New(o.Secrets...)
	rest := &rest{body: body, scan: scan, clean: scan.Reader(body), keep: k, head: a.Echoes}
	var whole bool
	a.Body, whole, err = pieces.Fill(rest.clean, held)
	if err == nil && !whole {
		err = k.room.Take(pieces.PerOpen)
	}
	a.Received, a.Echoes = body.Received(), rest.head+scan.Hits()
	if err != nil || whole {
		_ = body.Close()
		k.end()
		return a, err
	}
	a.rest = rest
	return a, nil
}

// given gives an answer to its function, with a number by which the rest is asked for. What
// came of the request is told when it is over.
func (c *caller) given(ctx context.Context, a answer, u hostrule.URL, told func(error)) (call.Reply, error) {
	head := replyHead{Status: a.Status, StatusText: a.StatusText, Headers: a.Headers, URL: u.String()}
	if rest := a.rest; rest != nil {
		rest.told = told
		head.Body = c.allowance.answers.Keep(ctx, &pieces.Answer{Body: rest, Break: rest.giveUp, Room: rest.keep.room, Still: rest.still})
		rest.keep.begun()
	} else {
		told(nil)
	}
	out, err := json.Marshal(head)
	if err != nil {
		return call.Reply{}, err
	}
	return call.Reply{Head: out, Body: a.Body}, nil
}

// GiveUp ends an answer of the call c that no function will take.
func (b *Broker) GiveUp(c *call.Call, r call.Reply) {
	var head replyHead
	if json.Unmarshal(r.Head, &head) == nil {
		b.budgets.ofCall(c, b.cfg.Now()).answers.Drop(head.Body)
	}
}

// still says whether what is under way might be asked for now. A change ends it by itself
// too, as soon as this server has heard of it.
func (r *rest) still(ctx context.Context, now *call.Policy) error {
	switch {
	case r.may != nil && !r.may(now):
		r.d.Reason = errTakenAway.Error()
		r.err = denied(*r.d, r.d.AllowedBy)
	case r.besides != nil:
		if r.err = r.besides(ctx); r.err != nil {
			r.err = refused(r.err, r.d)
		}
	}
	return r.err
}

// Read implements io.Reader.
func (r *rest) Read(p []byte) (int, error) {
	n, err := r.clean.Read(p)
	if err != nil && !errors.Is(err, io.EOF) {
		if r.err == nil {
			r.err = r.failed(err)
		}
		err = r.err
	}
	return n, err
}

// Close implements io.Closer. It ends the request.
func (r *rest) Close() error {
	r.once.Do(func() {
		_ = r.body.Close()
		r.d.Received, r.d.Echoes = r.body.Received(), r.head+r.scan.Hits()
		r.journey.end()
		r.keep.leave()
		r.told(r.err)
	})
	return nil
}
