package kvstore

import (
	"bytes"
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
)

// scope is the permission without which an app has no storage.
const scope = "storage:app"

// method answers one host call.
type method func(s *Store, ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error)

var methods = map[string]method{
	"kvs.batch.delete":  batchOf(Delete),
	"kvs.batch.get":     batchGet,
	"kvs.batch.set":     batchOf(Set),
	"kvs.entity.delete": removeEntity,
	"kvs.entity.get":    getEntity,
	"kvs.entity.query":  queryEntities,
	"kvs.entity.set":    setEntityOf,
	"kvs.transact":      transact,
	"kvs.get":           get((*Store).Read),
	"kvs.set":           setValueOf,
	"kvs.delete":        remove((*Store).Delete),
	"kvs.query":         query,
	"kvs.secret.get":    get((*Store).ReadSecret),
	"kvs.secret.set":    setSecretOf,
	"kvs.secret.delete": remove((*Store).DeleteSecret),
}

// Methods are the host calls that the store answers.
func (s *Store) Methods() []string {
	names := make([]string, 0, len(methods))
	for name := range methods {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

// Bind gives a call the store of its own installation, as long as it is granted.
func (s *Store) Bind(call.Binding) call.Handler {
	return func(ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
		if !slices.ContainsFunc(p.Set.Scopes, func(sc perm.Scope) bool { return sc.Name == scope }) {
			return call.Reply{}, fault.New(fault.Denied, "STORAGE_NOT_GRANTED", "the app has no permission to store data").
				WithFix("declare the scope %s under permissions.scopes and have the site's admin grant it", scope)
		}
		m, ok := methods[req.Method]
		if !ok {
			return call.Reply{}, fault.New(fault.Denied, "NOT_OFFERED", "%s is not offered by this server", req.Method)
		}
		return s.counted(ctx, p, req, m)
	}
}

// piece is what is counted as one.
const piece = 10_000

func pieces(bytes int) int { return max(1, (bytes+piece-1)/piece) }

// reads are the methods that change nothing.
var reads = map[string]bool{"kvs.batch.get": true, "kvs.entity.get": true, "kvs.entity.query": true, "kvs.get": true, "kvs.query": true, "kvs.secret.get": true}

// counted answers what the installation's figures have room for. How much is read is known
// only afterwards: what is beyond the first piece may go over the figure, and what is asked next is refused.
func (s *Store) counted(ctx context.Context, p *call.Policy, req call.Request, m method) (call.Reply, error) {
	if s.Count == nil {
		return m(s, ctx, p, req)
	}
	if !reads[req.Method] {
		if err := s.Count.Write(p, pieces(len(req.Body))); err != nil {
			return call.Reply{}, err
		}
		return m(s, ctx, p, req)
	}
	if err := s.Count.Read(p, 1); err != nil {
		return call.Reply{}, err
	}
	rep, err := m(s, ctx, p, req)
	if more := pieces(len(rep.Body)) - 1; err == nil && more > 0 {
		s.Count.HasRead(p, more)
	}
	return rep, err
}

func get(read func(*Store, context.Context, tenant.Scope, string) (Item, bool, error)) method {
	return func(s *Store, ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
		var head struct {
			Key string `json:"key"`
		}
		if err := decode(req.Head, &head); err != nil {
			return call.Reply{}, err
		}
		return found(read(s, ctx, p.Scope, head.Key))
	}
}

// found answers with an item.
func found(i Item, is bool, err error) (call.Reply, error) {
	switch {
	case err != nil:
		return call.Reply{}, err
	case !is:
		return call.Reply{Head: json.RawMessage(`{"found":false}`)}, nil
	}
	head := append([]byte(`{"found":true,`), i.times()...)
	return call.Reply{Head: append(head, '}'), Body: i.Value}, nil
}

// times are the members of an answer that say when.
func (i Item) times() string {
	out := fmt.Sprintf(`"createdAt":%d,"updatedAt":%d`, i.Created, i.Updated)
	if i.Expires > 0 {
		out += fmt.Sprintf(`,"expiresAt":%d`, i.Expires)
	}
	return out
}

// options are those of a write, as they are sent.
type options struct {
	TTLSeconds *float64 `json:"ttlSeconds"`
	KeyPolicy  string   `json:"keyPolicy"`
	Return     string   `json:"returnValue"`
}

func (in options) read() (o SetOptions, err error) {
	switch in.KeyPolicy {
	case "", "OVERRIDE":
	case "FAIL_IF_EXISTS":
		o.FailIfExists = true
	default:
		return o, refuse("INVALID_KEY_POLICY", "there is no such key policy").WithFix("use OVERRIDE or FAIL_IF_EXISTS")
	}
	switch {
	case in.Return != "" && in.Return != "PREVIOUS" && in.Return != "LATEST":
		return o, refuse("INVALID_RETURN_VALUE", "there is no such value to return").WithFix("use PREVIOUS or LATEST")
	case in.Return != "" && o.FailIfExists:
		return o, refuse("INVALID_RETURN_VALUE", "returnValue goes with the key policy OVERRIDE only")
	}
	if t := in.TTLSeconds; t != nil {
		if !(*t > 0 && *t <= maxTTL.Seconds()) {
			return o, refuse("INVALID_TTL", "the time to live must be positive and at most one year")
		}
		o.TTL = max(time.Duration(*t*float64(time.Second)), time.Millisecond)
	}
	return o, nil
}

func setSecretOf(s *Store, ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
	var head struct {
		Key string `json:"key"`
		options
	}
	if err := decode(req.Head, &head); err != nil {
		return call.Reply{}, err
	}
	o, err := head.read()
	if err == nil && head.Return != "" {
		err = refuse("INVALID_RETURN_VALUE", "a secret is not returned by the write that replaces it").WithFix("use getSecret")
	}
	if err != nil {
		return call.Reply{}, err
	}
	return empty(s.SetSecret(ctx, p.Scope, head.Key, req.Body, o))
}

func setValueOf(s *Store, ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
	var head struct {
		Key string `json:"key"`
		options
	}
	if err := decode(req.Head, &head); err != nil {
		return call.Reply{}, err
	}
	o, err := head.read()
	if err != nil {
		return call.Reply{}, err
	}
	if head.Return == "" {
		return empty(s.Set(ctx, p.Scope, head.Key, req.Body, o))
	}
	return s.exchange(ctx, p.Scope, Op{Do: Set, Key: head.Key, Value: req.Body, SetOptions: o}, head.Return)
}

// exchange sets and answers with the value before or after.
func (s *Store) exchange(ctx context.Context, sc tenant.Scope, o Op, which string) (call.Reply, error) {
	before, was, after, err := s.Exchange(ctx, sc, o)
	if which == "PREVIOUS" {
		return found(before, was, err)
	}
	after.Value = nil // the caller has it
	return found(after, true, err)
}

func remove(del func(*Store, context.Context, tenant.Scope, string) error) method {
	return func(s *Store, ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
		var head struct {
			Key string `json:"key"`
		}
		if err := decode(req.Head, &head); err != nil {
			return call.Reply{}, err
		}
		return empty(del(s, ctx, p.Scope, head.Key))
	}
}

func query(s *Store, ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
	var head struct {
		Prefix string `json:"prefix"`
		Limit  *int   `json:"limit"`
		Cursor string `json:"cursor"`
		Times  bool   `json:"times"`
	}
	if err := decode(req.Head, &head); err != nil {
		return call.Reply{}, err
	}
	q := Query{Prefix: head.Prefix, Cursor: head.Cursor}
	if head.Limit != nil {
		if q.Limit = *head.Limit; q.Limit == 0 {
			q.Limit = -1 // asked for, unlike a limit that was left out
		}
	}
	page, err := s.Query(ctx, p.Scope, q)
	if err != nil {
		return call.Reply{}, err
	}
	body, err := page.json(head.Times)
	return call.Reply{Head: json.RawMessage(`{}`), Body: body}, err
}

// json writes the page. Values are JSON already and are copied as they are.
func (p Page) json(times bool) ([]byte, error) {
	var b bytes.Buffer
	b.WriteString(`{"results":[`)
	for i, e := range p.Entries {
		key, err := json.Marshal(e.Key)
		if err != nil {
			return nil, err
		}
		if i > 0 {
			b.WriteByte(',')
		}
		b.WriteString(`{"key":`)
		b.Write(key)
		b.WriteString(`,"value":`)
		b.Write(e.Value)
		if times {
			b.WriteString("," + e.times())
		}
		b.WriteByte('}')
	}
	b.WriteByte(']')
	if p.Next != "" {
		b.WriteString(`,"nextCursor":"` + p.Next + `"`) // of base64's alphabet
	}
	b.WriteByte('}')
	return b.Bytes(), nil
}

func empty(err error) (call.Reply, error) {
	if err != nil {
		return call.Reply{}, err
	}
	return call.Reply{Head: json.RawMessage(`{}`)}, nil
}

func decode(head json.RawMessage, into any) error {
	if err := json.Unmarshal(head, into); err != nil {
		return refuse("INVALID_REQUEST", "the storage request is malformed").Because(err)
	}
	return nil
}
