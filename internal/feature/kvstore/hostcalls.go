package kvstore

import (
	"bytes"
	"context"
	"encoding/json"
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
type method func(s *Store, ctx context.Context, sc tenant.Scope, req call.Request) (call.Reply, error)

var methods = map[string]method{
	"kvs.get":           get((*Store).Get),
	"kvs.set":           set((*Store).Set),
	"kvs.delete":        remove((*Store).Delete),
	"kvs.query":         query,
	"kvs.secret.get":    get((*Store).GetSecret),
	"kvs.secret.set":    set((*Store).SetSecret),
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
		return m(s, ctx, p.Scope, req)
	}
}

func get(read func(*Store, context.Context, tenant.Scope, string) ([]byte, bool, error)) method {
	return func(s *Store, ctx context.Context, sc tenant.Scope, req call.Request) (call.Reply, error) {
		var head struct {
			Key string `json:"key"`
		}
		if err := decode(req.Head, &head); err != nil {
			return call.Reply{}, err
		}
		value, found, err := read(s, ctx, sc, head.Key)
		if err != nil {
			return call.Reply{}, err
		}
		if !found {
			return call.Reply{Head: json.RawMessage(`{"found":false}`)}, nil
		}
		return call.Reply{Head: json.RawMessage(`{"found":true}`), Body: value}, nil
	}
}

func set(write func(*Store, context.Context, tenant.Scope, string, []byte, SetOptions) error) method {
	return func(s *Store, ctx context.Context, sc tenant.Scope, req call.Request) (call.Reply, error) {
		var head struct {
			Key        string   `json:"key"`
			TTLSeconds *float64 `json:"ttlSeconds"`
			KeyPolicy  string   `json:"keyPolicy"`
		}
		if err := decode(req.Head, &head); err != nil {
			return call.Reply{}, err
		}
		var o SetOptions
		switch head.KeyPolicy {
		case "", "OVERRIDE":
		case "FAIL_IF_EXISTS":
			o.FailIfExists = true
		default:
			return call.Reply{}, refuse("INVALID_KEY_POLICY", "there is no such key policy").
				WithFix("use OVERRIDE or FAIL_IF_EXISTS")
		}
		if t := head.TTLSeconds; t != nil {
			if !(*t > 0 && *t <= maxTTL.Seconds()) {
				return call.Reply{}, refuse("INVALID_TTL", "the time to live must be positive and at most one year")
			}
			o.TTL = max(time.Duration(*t*float64(time.Second)), time.Millisecond)
		}
		return empty(write(s, ctx, sc, head.Key, req.Body, o))
	}
}

func remove(del func(*Store, context.Context, tenant.Scope, string) error) method {
	return func(s *Store, ctx context.Context, sc tenant.Scope, req call.Request) (call.Reply, error) {
		var head struct {
			Key string `json:"key"`
		}
		if err := decode(req.Head, &head); err != nil {
			return call.Reply{}, err
		}
		return empty(del(s, ctx, sc, head.Key))
	}
}

func query(s *Store, ctx context.Context, sc tenant.Scope, req call.Request) (call.Reply, error) {
	var head struct {
		Prefix string `json:"prefix"`
		Limit  *int   `json:"limit"`
		Cursor string `json:"cursor"`
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
	page, err := s.Query(ctx, sc, q)
	if err != nil {
		return call.Reply{}, err
	}
	body, err := page.json()
	return call.Reply{Head: json.RawMessage(`{}`), Body: body}, err
}

// json writes the page. Values are JSON already and are copied as they are.
func (p Page) json() ([]byte, error) {
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
