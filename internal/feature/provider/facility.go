package provider

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/quote"
)

// Methods are the host calls of asUser().withProvider(…).
func (s *Service) Methods() []string {
	return []string{"provider.accounts", "provider.has", "provider.request", "provider.fetch"}
}

// head is what each of them names. Whose accounts they are is the call's, never the app's, to say.
type head struct {
	Provider string   `json:"provider"`
	Remote   string   `json:"remote"`
	Account  string   `json:"account"`
	Scopes   []string `json:"scopes"`
	// App says asApp() in place of asUser(): for the site's credentials alone.
	App bool `json:"app"`
}

// closed are the errors of requests that go nowhere because the provider or its remote is not
// there for the app, with the rules that they are counted under.
var closed = map[string]string{
	"PROVIDER_UNKNOWN": "provider-not-declared", "PROVIDER_NOT_DECLARED": "provider-not-declared", "PROVIDER_NOT_GRANTED": "provider-not-granted",
	"REMOTE_NOT_OF_PROVIDER": "remote-not-of-provider", "REMOTE_NOT_CONFIGURED": "remote-not-configured",
}

// Bind gives the handler of one call's host calls.
func (s *Service) Bind(b call.Binding) call.Handler {
	serve := s.bind(b)
	return func(ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
		reply, err := serve(ctx, p, req)
		if rule := closed[fault.CodeOf(err)]; rule != "" && req.Method == "provider.fetch" {
			var h head
			if json.Unmarshal(req.Head, &h) == nil {
				tried := Attempt{Provider: h.Provider, Remote: s.remoteOf(ctx, p, h), Rule: rule}
				s.would(ctx, p, b.Call, h, &tried)
				err = s.Broker.Refused(ctx, p, b.Call, tried, req, err)
			}
		}
		return reply, err
	}
}

func (s *Service) bind(b call.Binding) call.Handler {
	return func(ctx context.Context, p *call.Policy, req call.Request) (call.Reply, error) {
		var h head
		if err := json.Unmarshal(req.Head, &h); err != nil {
			return call.Reply{}, fault.New(fault.Usage, "INVALID_ARGUMENT", "the arguments of withProvider are malformed").Because(err)
		}
		d, err := s.declared(ctx, p, h.Provider)
		if err == nil {
			err = d.usedBy(b.Call.Function)
		}
		if err != nil {
			return call.Reply{}, err
		}
		if h.Scopes, err = d.wanted(h.Scopes); err != nil {
			return call.Reply{}, err
		}
		if d.OfSite() {
			return s.bySite(ctx, d, b.Call, h, req)
		}
		if h.App {
			return call.Reply{}, fault.New(fault.Usage, "PROVIDER_OF_USERS", "the accounts of %s are people's", quote.Line(d.Name, 80)).WithFix("write asUser().withProvider(…)")
		}
		o, err := s.ownerOf(ctx, p, b.Call.Principal)
		if err != nil {
			return call.Reply{}, err
		}
		switch req.Method {
		case "provider.accounts":
			return s.told(ctx, o, d)
		case "provider.has":
			a, err := s.pick(ctx, o, d, h.Account, h.Scopes)
			return call.Reply{Head: plain(map[string]any{"has": a != nil})}, err
		case "provider.request":
			return call.Reply{}, missing(d, h.Scopes)
		}
		return s.fetch(ctx, o, d, b.Call, h, req)
	}
}

// usedBy refuses functions that do not say that they use the provider.
func (d *declared) usedBy(handler string) error {
	for _, f := range d.all.Functions() {
		if f.Handler != handler {
			continue
		}
		for _, use := range f.Providers.Auth {
			if use.Provider == d.Key {
				return nil
			}
		}
	}
	return fault.New(fault.Denied, "PROVIDER_NOT_DECLARED", "the function does not say that it uses the provider %s", d.Key).
		WithFix("list it in the manifest under the function's providers.auth")
}

// told is what the app sees of the user's accounts.
func (s *Service) told(ctx context.Context, o owner, d *declared) (call.Reply, error) {
	all, err := s.accounts(ctx, o, d.Key)
	if err != nil {
		return call.Reply{}, err
	}
	out := []map[string]any{}
	for _, a := range all {
		one := map[string]any{"id": a.ID, "displayName": a.Name, "scopes": a.Scopes}
		if a.Avatar != "" {
			one["avatarUrl"] = a.Avatar
		}
		out = append(out, one)
	}
	return call.Reply{Head: plain(map[string]any{"accounts": out})}, nil
}

// pick finds the account of an id, or the first one, that has the scopes; nil where there is none.
func (s *Service) pick(ctx context.Context, o owner, d *declared, account string, scopes []string) (*Account, error) {
	all, err := s.accounts(ctx, o, d.Key)
	if err != nil {
		return nil, err
	}
	for i := range all {
		if account != "" && all[i].ID != account {
			continue
		}
		if slices.ContainsFunc(scopes, func(sc string) bool { return !slices.Contains(all[i].Scopes, sc) }) {
			if account == "" {
				continue // another one may have them
			}
			return nil, nil
		}
		return &all[i], nil
	}
	return nil, nil
}

// fetch makes the app's request with the account's credential. When the provider refuses
// the credential it is renewed and the request made once more.
func (s *Service) fetch(ctx context.Context, o owner, d *declared, c *call.Call, h head, req call.Request) (call.Reply, error) {
	to, err := d.toRemote(h.Remote)
	if err != nil {
		return call.Reply{}, err
	}
	a, err := s.pick(ctx, o, d, h.Account, nil)
	if err == nil && a == nil {
		err = missing(d, nil)
	}
	if err != nil {
		return call.Reply{}, err
	}
	to.Still = func(ctx context.Context) error {
		now, err := s.pick(ctx, o, d, a.ID, nil)
		if err == nil && now == nil {
			err = missing(d, nil)
		}
		return err
	}
	refused := int64(0)
	for {
		have, err := s.use(ctx, o, d, a.ID, refused)
		if err != nil {
			return call.Reply{}, err
		}
		if have.fits(d, to.Base.Origin()) != nil {
			return call.Reply{}, missing(d, a.Scopes)
		}
		if have.generation == refused {
			return s.send(ctx, d, c, to, have, req)
		}
		reply, err := s.send(ctx, d, c, to, have, req)
		if err != nil || refused != 0 || have.Refresh == "" || !s.stale(c, reply) {
			return reply, err
		}
		refused = have.generation
	}
}

func (s *Service) send(ctx context.Context, d *declared, c *call.Call, to Destination, h held, req call.Request) (call.Reply, error) {
	d.inject(&to, h.Access, h.Refresh)
	return s.Broker.Fetch(ctx, d.policy, c, to, req)
}

// stale reports whether a credential was refused. Then the answer is nobody's: the request is
// made once more.
func (s *Service) stale(c *call.Call, r call.Reply) bool {
	var h struct {
		Status int `json:"status"`
	}
	if json.Unmarshal(r.Head, &h) != nil || h.Status != 401 {
		return false
	}
	s.Broker.GiveUp(c, r)
	return true
}
