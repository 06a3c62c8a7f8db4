package signer

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"sync"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/productkit"
)

// ProductKeys are the public keys that an operator registered for a product: a key set,
// or the URL of one.
type ProductKeys struct {
	Set []byte
	URL string
}

// Products tells with which keys a product signs; an error of kind NotFound for none.
type Products interface {
	Keys(ctx context.Context, product id.Product) (ProductKeys, error)
}

// AssertionsConfig is what the verifier stands on; all but Now is required.
type AssertionsConfig struct {
	// Audience is the ui origin: nobody else's assertions count here.
	Audience string
	Products Products
	// Client fetches key sets from where operators said.
	Client *http.Client
	Now    func() time.Time
}

// Assertions verifies what products' back ends sign about their users. There is one
// function for each kind. It keeps no record of what was used: whoever acts on an
// assertion spends its id in the act's transaction.
type Assertions struct {
	cfg AssertionsConfig

	mu      sync.Mutex
	sources map[id.Product]source
}

// source is a product's keys as they were registered when it was made.
type source struct {
	set, url string
	keys     productkit.KeySource
}

// NewAssertions makes the verifier.
func NewAssertions(cfg AssertionsConfig) *Assertions {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	return &Assertions{cfg: cfg, sources: map[id.Product]source{}}
}

// User is a verified user assertion.
type User struct {
	Product id.Product
	Site    id.Site
	ID      id.User
	Name    string
	Locale  string
	// Timezone is an IANA name.
	Timezone string
	Admin    bool
	AuthTime time.Time
	// State is the sign-in's that the product answers; "" where it did not say.
	State string
	// TokenID counts once for the product.
	TokenID           string
	IssuedAt, Expires time.Time
}

// Panel is a verified panel token.
type Panel struct {
	User
	Module    string
	Extension json.RawMessage
}

// VerifyUser verifies a user assertion: signature, times, audience and every claim.
func (a *Assertions) VerifyUser(ctx context.Context, token string) (User, error) {
	u, err := productkit.VerifyUser(ctx, token, a.expect())
	if err != nil {
		return User{}, refused(err)
	}
	return userOf(u), nil
}

// VerifyPanel verifies a panel token, likewise.
func (a *Assertions) VerifyPanel(ctx context.Context, token string) (Panel, error) {
	p, err := productkit.VerifyPanel(ctx, token, a.expect())
	if err != nil {
		return Panel{}, refused(err)
	}
	extension, err := json.Marshal(p.Extension)
	if err != nil {
		return Panel{}, fault.Op("signer.VerifyPanel", err)
	}
	return Panel{User: userOf(&p.User), Module: p.Module, Extension: extension}, nil
}

// Event is a verified event of a product.
type Event struct {
	Product      id.Product
	Site         id.Site
	ID           string // counts once for the product and site; with the source, where that is not the product
	Type         string
	Time         time.Time
	User         id.User
	Installation id.Install
	Containers   []call.Container
	Data         json.RawMessage
}

// VerifyEvent verifies an event in its older form, a token. Whoever acts on it spends its id
// in the act's transaction.
func (a *Assertions) VerifyEvent(ctx context.Context, token string) (Event, error) {
	e, err := productkit.VerifyEvent(ctx, token, a.expect())
	if err != nil {
		return Event{}, refused(err)
	}
	return eventOf(e), nil
}

// VerifyCloudEvents verifies CloudEvents that came together, likewise.
func (a *Assertions) VerifyCloudEvents(ctx context.Context, m productkit.Message) ([]Event, error) {
	all, err := productkit.VerifyCloudEvents(ctx, m, a.expect())
	if err != nil {
		return nil, refused(err)
	}
	out := make([]Event, len(all))
	for i := range all {
		out[i] = eventOf(&all[i])
	}
	return out, nil
}

func eventOf(e *productkit.Event) Event {
	out := Event{
		Product: id.Product(e.Product), Site: id.Site(e.Site), ID: e.ID, Type: e.Type, Time: e.Time, User: id.User(e.User),
		Installation: id.Install(e.Installation), Data: e.Data,
	}
	for _, c := range e.Containers {
		out.Containers = append(out.Containers, call.Container{Type: c.Type, ID: c.ID})
	}
	if e.Source != e.Product {
		out.ID = e.Source + "#" + e.ID // a source has no fragment, so no other pair reads so
	}
	return out
}

func (a *Assertions) expect() productkit.Expect {
	return productkit.Expect{Audience: a.cfg.Audience, Keys: a, Now: a.cfg.Now()}
}

func userOf(u *productkit.User) User {
	return User{
		Product: id.Product(u.Product), Site: id.Site(u.Site), ID: id.User(u.ID), Name: u.Name, Locale: u.Locale, Timezone: u.Timezone,
		Admin: u.Admin, AuthTime: u.AuthTime, State: u.State, TokenID: u.TokenID, IssuedAt: u.IssuedAt, Expires: u.Expires,
	}
}

// refused words a refusal for whoever sent the assertion: a product's back end, which can
// mend it.
func refused(err error) error {
	f, ok := fault.As(err)
	var said *productkit.Error
	switch reason := productkit.ReasonOf(err); {
	case reason == productkit.NoKeys && ok:
		return f
	case reason == productkit.NoKeys:
		return fault.New(fault.Unavailable, "PRODUCT_KEYS", "the product's keys cannot be had at present").
			WithFix("see that keys in its product.yaml names a key set that this server can fetch").Because(err)
	case !errors.As(err, &said):
		return fault.Op("signer.Assertions", err)
	default:
		return fault.New(fault.Unauthenticated, "ASSERTION_REFUSED", "what the product signed is refused: %s", reason).
			With("reason", string(reason)).With("detail", said.Detail).WithFix("docs/PROTOCOL.md lists what an assertion must be").Because(err)
	}
}

// Keys implements productkit.KeySource: whose keys count is what the token claims, and that
// the key signed it is what is then verified.
func (a *Assertions) Keys(ctx context.Context, c productkit.Claimed) (*productkit.KeySet, error) {
	product := id.Product(c.Issuer)
	registered, err := a.cfg.Products.Keys(ctx, product)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		return nil, &productkit.Error{Reason: productkit.WrongIssuer, Detail: "its issuer is no product with keys here"}
	}
	if err != nil {
		return nil, err
	}
	from, err := a.source(product, registered)
	if err != nil {
		return nil, err
	}
	return from.Keys(ctx, c)
}

// source keeps what was fetched for as long as the operator's word is the same.
func (a *Assertions) source(product id.Product, registered ProductKeys) (productkit.KeySource, error) {
	a.mu.Lock()
	defer a.mu.Unlock()
	if s, ok := a.sources[product]; ok && s.set == string(registered.Set) && s.url == registered.URL {
		return s.keys, nil
	}
	s := source{set: string(registered.Set), url: registered.URL}
	var err error
	if registered.URL != "" {
		s.keys, err = productkit.NewRemoteKeys(registered.URL, a.cfg.Client)
	} else {
		s.keys, err = productkit.ParseKeySet(registered.Set)
	}
	if err != nil {
		return nil, fault.New(fault.Unavailable, "PRODUCT_KEYS", "the keys registered for the product cannot be used").
			WithFix("write keys in its product.yaml as docs/adopt.md has it").Because(err)
	}
	a.sources[product] = s
	return s.keys, nil
}
