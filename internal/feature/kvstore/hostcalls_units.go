package kvstore

import (
	"context"
	"encoding/json"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// entityHead names an entity.
type entityHead struct {
	Entity string `json:"entity"`
	Key    string `json:"key"`
	options
}

func (s *Store) entityOf(ctx context.Context, p *call.Policy, req call.Request) (head entityHead, k *Kind, err error) {
	if err := decode(req.Head, &head); err != nil {
		return head, nil, err
	}
	k, err = s.kind(ctx, p.Version, head.Entity)
	return head, k, err
}

func getEntity(s *Store, ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
	head, k, err := s.entityOf(ctx, p, req)
	if err != nil {
		return call.Reply{}, err
	}
	return found(s.GetEntity(ctx, p.Scope, k, head.Key))
}

func setEntityOf(s *Store, ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
	head, k, err := s.entityOf(ctx, p, req)
	if err != nil {
		return call.Reply{}, err
	}
	o, err := head.read()
	if err != nil {
		return call.Reply{}, err
	}
	op := Op{Do: Set, Kind: k, Key: head.Key, Value: req.Body, SetOptions: o}
	if head.Return == "" {
		_, _, _, err := s.Exchange(ctx, p.Scope, op)
		return empty(err)
	}
	return s.exchange(ctx, p.Scope, op, head.Return)
}

func removeEntity(s *Store, ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
	head, k, err := s.entityOf(ctx, p, req)
	if err != nil {
		return call.Reply{}, err
	}
	return empty(s.DeleteEntity(ctx, p.Scope, k, head.Key))
}

// queryEntities takes the query as its body: filters may be longer than a head.
func queryEntities(s *Store, ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
	var in struct {
		Entity string `json:"entity"`
		Times  bool   `json:"times"`
		EntityQuery
	}
	if err := decode(req.Body, &in); err != nil {
		return call.Reply{}, err
	}
	k, err := s.kind(ctx, p.Version, in.Entity)
	if err != nil {
		return call.Reply{}, err
	}
	page, err := s.QueryEntities(ctx, p.Scope, k, in.EntityQuery)
	if err != nil {
		return call.Reply{}, err
	}
	body, err := page.json(in.Times)
	return call.Reply{Head: json.RawMessage(`{}`), Body: body}, err
}

// sentOp is an operation as it is sent.
type sentOp struct {
	Do         Do              `json:"do"` // of a transaction
	Key        string          `json:"key"`
	EntityName string          `json:"entityName"`
	Value      json.RawMessage `json:"value"`
	Conditions Filter          `json:"conditions"`
	options
}

// read makes an operation of what was sent. Of a kind that is not declared it is none.
func (in sentOp) read(ctx context.Context, s *Store, p *call.Policy) (op Op, err error) {
	op = Op{Do: in.Do, Key: in.Key, Value: in.Value, Conditions: in.Conditions}
	if in.EntityName != "" {
		if op.Kind, err = s.kind(ctx, p.Version, in.EntityName); err != nil {
			return op, err
		}
	}
	op.SetOptions, err = in.options.read()
	if err == nil && in.Return != "" {
		err = refuse("INVALID_RETURN_VALUE", "batches and transactions return no values")
	}
	return op, err
}

func sentOps(req call.Request) (in []sentOp, err error) {
	if len(req.Body) > 2*maxPayload {
		return nil, refuse("MAX_SIZE", "the request has %d bytes, the limit of its keys and values is %d", len(req.Body), maxPayload)
	}
	return in, decode(req.Body, &in)
}

func transact(s *Store, ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
	in, err := sentOps(req)
	if err != nil {
		return call.Reply{}, err
	}
	ops := make([]Op, len(in))
	for i := range in {
		if ops[i], err = in[i].read(ctx, s, p); err != nil {
			return call.Reply{}, err
		}
		if d := ops[i].Do; d != Set && d != Delete && d != Check {
			return call.Reply{}, refuse("INVALID_REQUEST", "a transaction sets, deletes and checks")
		}
	}
	return empty(s.Transact(ctx, p.Scope, ops))
}

// outcome is a batch's answer.
type outcome struct {
	Successful []done   `json:"successfulKeys"`
	Failed     []failed `json:"failedKeys"`
}

type done struct {
	Key        string          `json:"key"`
	EntityName string          `json:"entityName,omitempty"`
	Value      json.RawMessage `json:"value,omitempty"`
	CreatedAt  int64           `json:"createdAt,omitempty"`
	UpdatedAt  int64           `json:"updatedAt,omitempty"`
	ExpiresAt  int64           `json:"expiresAt,omitempty"`
}

type failed struct {
	Key        string `json:"key"`
	EntityName string `json:"entityName,omitempty"`
	Error      struct {
		Code    string `json:"code"`
		Message string `json:"message"`
	} `json:"error"`
}

func (o *outcome) fail(in sentOp, err error) error {
	e, ok := fault.As(err)
	if !ok {
		return err
	}
	f := failed{Key: in.Key, EntityName: in.EntityName}
	f.Error.Code, f.Error.Message = e.Code, e.Public
	o.Failed = append(o.Failed, f)
	return nil
}

func (o *outcome) reply() (call.Reply, error) {
	body, err := json.Marshal(o)
	return call.Reply{Head: json.RawMessage(`{}`), Body: body}, err
}

// readAll makes operations of what was sent; those that cannot be are in the outcome.
func readAll(ctx context.Context, s *Store, p *call.Policy, req call.Request, do Do) (sent []sentOp, ops []Op, out *outcome, err error) {
	in, err := sentOps(req)
	if err != nil {
		return nil, nil, nil, err
	}
	out = &outcome{Successful: []done{}, Failed: []failed{}}
	all := make([]Op, len(in))
	for i := range in {
		in[i].Do, in[i].Conditions = do, nil
		op, refused := in[i].read(ctx, s, p)
		all[i] = op
		if refused != nil {
			if op.Kind == nil && in[i].EntityName != "" {
				all[i].Kind = &Kind{Name: in[i].EntityName} // for the names below
			}
			if err := out.fail(in[i], refused); err != nil {
				return nil, nil, nil, err
			}
			continue
		}
		sent, ops = append(sent, in[i]), append(ops, op)
	}
	return sent, ops, out, checkUnit(all)
}

func batchOf(do Do) method {
	return func(s *Store, ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
		sent, ops, out, err := readAll(ctx, s, p, req, do)
		if err != nil {
			return call.Reply{}, err
		}
		if len(ops) == 0 {
			return out.reply()
		}
		errs, err := s.Batch(ctx, p.Scope, ops)
		if err != nil {
			return call.Reply{}, err
		}
		for i, in := range sent {
			if errs[i] == nil {
				out.Successful = append(out.Successful, done{Key: in.Key, EntityName: in.EntityName})
			} else if err := out.fail(in, errs[i]); err != nil {
				return call.Reply{}, err
			}
		}
		return out.reply()
	}
}

func batchGet(s *Store, ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
	sent, ops, out, err := readAll(ctx, s, p, req, Check)
	if err != nil {
		return call.Reply{}, err
	}
	for i, op := range ops {
		var item Item
		var found bool
		if op.Kind == nil {
			item, found, err = s.Read(ctx, p.Scope, op.Key)
		} else {
			item, found, err = s.GetEntity(ctx, p.Scope, op.Kind, op.Key)
		}
		if err == nil && !found {
			err = fault.New(fault.NotFound, "KEY_NOT_FOUND", "nothing is stored under the key")
		}
		if err != nil {
			if err := out.fail(sent[i], err); err != nil {
				return call.Reply{}, err
			}
			continue
		}
		out.Successful = append(out.Successful, done{op.Key, sent[i].EntityName, item.Value, item.Created, item.Updated, item.Expires})
	}
	return out.reply()
}
