package product

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"slices"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/pieces"
)

// underway is an answer that its function may take piece by piece; see package pieces.
type underway struct {
	body *answerBody
	let  *pass
	as   string
	room *pieces.Lasting
	// alone says that the host call that began it is over.
	alone func()
}

// inPieces is the room of an answer that may be taken piece by piece, nil where it is held whole.
func (c *caller) inPieces(req *call.Request, h *head) *pieces.Lasting {
	if !h.Pieces || req.Streams {
		return nil
	}
	return c.answers.Begin(req.Lasting)
}

// notOpened gives back what inPieces took for an answer that never came.
func (c *caller) notOpened(l *pieces.Lasting) {
	c.answers.Begun()
	l.GiveAll()
}

// begin gives the head of an answer with its first piece, and keeps what is left.
func (c *caller) begin(ctx context.Context, req call.Request, out call.Reply, u *underway) (call.Reply, error) {
	defer c.answers.Begun()
	out.Stream = nil
	first, whole, err := pieces.Fill(u.body.raw(), req.Room)
	if err == nil && whole {
		out.Body, err = cleaned(first, u.body.secret, req.Room)
	}
	if err == nil && !whole {
		err = u.room.Take(pieces.PerOpen)
	}
	if err != nil || whole {
		u.end()
		return out, err
	}
	u.body.clean.r = io.MultiReader(bytes.NewReader(first), u.body.body)
	out.Body, whole, err = pieces.Fill(u.body, req.Room)
	if err != nil || whole {
		u.end()
		return out, err
	}
	var head replyHead
	if err := json.Unmarshal(out.Head, &head); err != nil {
		return call.Reply{}, err
	}
	u.alone()
	head.Body = c.answers.Keep(ctx, &pieces.Answer{Body: u.body, Break: u.body.cancel, Room: u.room,
		Still: func(ctx context.Context, p *call.Policy) error { return c.still(ctx, p, u.let, u.as) }})
	out.Head, err = json.Marshal(head)
	return out, err
}

// end is the end of an answer; nobody reads it any more.
func (u *underway) end() {
	_ = u.body.Close()
	u.room.GiveAll()
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
