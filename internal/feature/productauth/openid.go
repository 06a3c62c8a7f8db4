package productauth

import (
	"context"
	"crypto/rand"
	"crypto/subtle"
	"encoding/json"
	"errors"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/coreos/go-oidc/v3/oidc"
	"golang.org/x/oauth2"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/seal"
)

// Identity finds out at an OpenID provider who is in front of the browser. Nothing is
// connected and no token is kept.
const Identity Kind = "identity"

// Provider is an OpenID provider as the operator declared it.
type Provider struct {
	Product              id.Product
	Issuer, ClientID     string
	Auth                 string   // basic, body or none
	Scopes               []string // besides openid
	Subject, Name, Site  string   // claims; Site is "" where the product is on one site only
	AdminClaim           string
	AdminValues, AdminIs []string // values of the claim; users by id
}

// Providers gives products' OpenID providers. It refuses with NO_OPENID a product that has none.
type Providers interface {
	Provider(ctx context.Context, product id.Product) (*Provider, error)
}

// algorithms are those of public keys only: a token "signed" with a secret, or with none,
// is nobody's.
var algorithms = []string{oidc.RS256, oidc.RS384, oidc.RS512, oidc.PS256, oidc.PS384, oidc.PS512, oidc.ES256, oidc.ES384, oidc.ES512, oidc.EdDSA}

// found is a provider as its discovery document says; it is read again after a while.
type found struct {
	*oidc.Provider
	needsIssuer bool // its answers name it (RFC 9207)
	until       time.Time
}

const (
	discoveryLife = 10 * time.Minute
	maxDiscovery  = 1 << 20
	clockSkew     = time.Minute
)

// asked is what a flow remembers of the question, sealed.
type asked struct {
	Verifier string `json:"verifier"`
	Nonce    string `json:"nonce"`
	MaxAge   int    `json:"max_age,omitempty"`
}

// discover reads what a provider says of itself; its issuer has to be the declared one.
func (s *Service) discover(ctx context.Context, p *Provider) (*found, error) {
	s.mu.Lock()
	have := s.found[p.Issuer]
	s.mu.Unlock()
	if have != nil && s.Now().Before(have.until) {
		return have, nil
	}
	got, err := oidc.NewProvider(s.openIDWire(ctx, p.Product), p.Issuer)
	if err != nil {
		return nil, noProvider(p.Product, err)
	}
	var says struct {
		Issuer bool `json:"authorization_response_iss_parameter_supported"`
	}
	if err := got.Claims(&says); err != nil {
		return nil, noProvider(p.Product, err)
	}
	have = &found{Provider: got, needsIssuer: says.Issuer, until: s.Now().Add(discoveryLife)}
	s.mu.Lock()
	s.found[p.Issuer] = have
	s.mu.Unlock()
	return have, nil
}

// openIDWire gives the library the operator's way to the provider, with bounded answers.
func (s *Service) openIDWire(ctx context.Context, product id.Product) context.Context {
	c := *s.Clients.HTTP(product)
	c.Transport = bounded{c.Transport}
	return oidc.ClientContext(ctx, &c)
}

type bounded struct{ http.RoundTripper }

func (b bounded) RoundTrip(r *http.Request) (*http.Response, error) {
	res, err := b.RoundTripper.RoundTrip(r)
	if err == nil {
		res.Body = struct {
			io.Reader
			io.Closer
		}{io.LimitReader(res.Body, maxDiscovery), res.Body}
	}
	return res, err
}

func (s *Service) openID(ctx context.Context, product id.Product) (*Provider, *found, *oauth2.Config, error) {
	p, err := s.Providers.Provider(ctx, product)
	if err != nil {
		return nil, nil, nil, err
	}
	at, err := s.discover(ctx, p)
	if err != nil {
		return nil, nil, nil, err
	}
	cfg := &oauth2.Config{ClientID: p.ClientID, RedirectURL: s.OpenIDCallback + "/" + string(product), Endpoint: at.Endpoint(), Scopes: append([]string{oidc.ScopeOpenID}, p.Scopes...)}
	cfg.Endpoint.AuthStyle = oauth2.AuthStyleInParams
	if p.Auth == "basic" {
		cfg.Endpoint.AuthStyle = oauth2.AuthStyleInHeader
	}
	if p.Auth != "none" {
		if cfg.ClientSecret, err = s.secret(ctx, signInClient(product)); err != nil {
			return nil, nil, nil, err
		}
	}
	return p, at, cfg, nil
}

// Identify sends a browser to the product's OpenID provider. maxAge is how long ago the
// person may have proved who they are there, 0 for any time.
func (s *Service) Identify(ctx context.Context, product id.Product, answers string, maxAge time.Duration) (Sent, error) {
	_, _, cfg, err := s.openID(ctx, product)
	if err != nil {
		return Sent{}, fault.Op("productauth.Identify", err)
	}
	state, browser := rand.Text(), rand.Text()
	ask := asked{Verifier: oauth2.GenerateVerifier(), Nonce: rand.Text(), MaxAge: int(maxAge / time.Second)}
	plain, err := json.Marshal(ask)
	if err != nil {
		return Sent{}, fault.Op("productauth.Identify", err)
	}
	key := hash("state", state)
	sealed, err := s.Sealer.Seal(seal.ForPlatform(), seal.Session, flowPlace(key), plain)
	if err != nil {
		return Sent{}, fault.Op("productauth.Identify", err)
	}
	now := s.Now()
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.DB.Exec(ctx, oldFlows, now.UnixMilli()); err != nil {
			return err
		}
		_, err := s.DB.Exec(ctx, addFlow, key, hash("browser", browser), Identity, "", product, "", answers, "", sealed, now.Add(flowLife).UnixMilli())
		return err
	})
	if err != nil {
		return Sent{}, fault.Op("productauth.Identify", err)
	}
	options := []oauth2.AuthCodeOption{oauth2.S256ChallengeOption(ask.Verifier), oidc.Nonce(ask.Nonce)}
	if maxAge > 0 {
		options = append(options, oauth2.SetAuthURLParam("max_age", strconv.Itoa(ask.MaxAge)))
	}
	return Sent{URL: cfg.AuthCodeURL(state, options...), Browser: browser}, nil
}

// Person is whom an OpenID provider names.
type Person struct {
	Product id.Product
	Answers string // the sign-in
	User    id.User
	Name    string
	Site    string // its name; "" where the declaration names no claim for it
	Admin   bool
	// AuthTime is when the person proved who they are, zero where the provider does not say.
	AuthTime time.Time
}

// Identified ends a flow that Identify began, in the browser that began it.
func (s *Service) Identified(ctx context.Context, b Back) (Person, error) {
	out := Person{}
	done, plain, err := s.take(ctx, b, Identity)
	if err != nil {
		return out, fault.Op("productauth.Identified", err)
	}
	var ask asked
	if err := json.Unmarshal([]byte(plain), &ask); err != nil {
		return out, fault.Op("productauth.Identified", err)
	}
	p, at, cfg, err := s.openID(ctx, done.Product)
	if err != nil {
		return out, fault.Op("productauth.Identified", err)
	}
	// Before anything is sent: another provider's answer is not taken to this one.
	if b.Issuer != p.Issuer && (b.Issuer != "" || at.needsIssuer) {
		return out, refused("another provider answered than the one that was asked")
	}
	if b.Error != "" || b.Code == "" {
		return out, fault.New(fault.Denied, "NOT_AUTHORIZED", "the sign-in was not completed at the provider: %.64q", b.Error).WithFix("begin again")
	}
	wire := s.openIDWire(ctx, done.Product)
	token, err := cfg.Exchange(wire, b.Code, oauth2.VerifierOption(ask.Verifier))
	if err != nil {
		return out, refusedBy(done.Product, err)
	}
	raw, _ := token.Extra("id_token").(string)
	if raw == "" || len(raw) > 100<<10 {
		return out, noProvider(done.Product, errors.New("no id token in the answer"))
	}
	claims, err := s.verifyID(wire, p, at, raw, ask.Nonce)
	if err != nil {
		return out, err
	}
	out = Person{Product: done.Product, Answers: done.Answers}
	return out, fault.Op("productauth.Identified", out.read(p, claims, s.Now()))
}

// verifyID is the one function that takes id tokens.
func (s *Service) verifyID(ctx context.Context, p *Provider, at *found, raw, nonce string) (map[string]any, error) {
	verified, err := at.VerifierContext(ctx, &oidc.Config{ClientID: p.ClientID, SupportedSigningAlgs: algorithms, Now: s.Now}).Verify(ctx, raw)
	if err != nil {
		return nil, badToken("the provider's token does not verify").Because(err)
	}
	if verified.Issuer != p.Issuer {
		return nil, badToken("the token is of another provider")
	}
	if nonce == "" || subtle.ConstantTimeCompare([]byte(verified.Nonce), []byte(nonce)) != 1 {
		return nil, badToken("the token answers another sign-in")
	}
	if verified.IssuedAt.After(s.Now().Add(clockSkew)) {
		return nil, badToken("the token is from the future")
	}
	var claims map[string]any
	if err := verified.Claims(&claims); err != nil {
		return nil, badToken("the token's claims cannot be read").Because(err)
	}
	if azp, said := claims["azp"]; said && azp != p.ClientID || !said && len(verified.Audience) > 1 {
		return nil, badToken("the token was made for another client")
	}
	return claims, nil
}

// read takes what the declaration names out of the claims.
func (out *Person) read(p *Provider, claims map[string]any, now time.Time) error {
	user, _ := claims[p.Subject].(string)
	if user == "" || len(user) > 255 || strings.TrimSpace(user) != user {
		return badToken("the provider names no user: its token has no claim %q that is a text", p.Subject)
	}
	if verified, _ := claims["email_verified"].(bool); p.Subject == "email" && !verified {
		return badToken("the provider did not verify the person's e-mail address, and people are known by it")
	}
	out.User = id.User(user)
	if out.Name, _ = claims[p.Name].(string); out.Name == "" {
		out.Name = user
	}
	if p.Site != "" {
		if out.Site, _ = claims[p.Site].(string); out.Site == "" {
			return badToken("the provider does not say of which site the person is: its token has no claim %q that is a text", p.Site)
		}
	}
	out.Admin = slices.Contains(p.AdminIs, user) || p.AdminClaim != "" && holds(claims[p.AdminClaim], p.AdminValues)
	if at, ok := claims["auth_time"].(float64); ok && at > 0 && at < 1e11 {
		out.AuthTime = time.Unix(int64(at), 0)
		if out.AuthTime.After(now.Add(clockSkew)) {
			return badToken("the token says that the person signs in in the future")
		}
	}
	return nil
}

// holds reports whether a claim is, or contains, one of the values; with no values,
// whether it is true.
func holds(claim any, values []string) bool {
	if len(values) == 0 {
		is, _ := claim.(bool)
		return is
	}
	switch claim := claim.(type) {
	case string:
		return slices.Contains(values, claim)
	case []any:
		return slices.ContainsFunc(claim, func(one any) bool {
			text, ok := one.(string)
			return ok && slices.Contains(values, text)
		})
	}
	return false
}

func badToken(format string, args ...any) *fault.Error {
	return fault.New(fault.Unauthenticated, "SIGN_IN_REFUSED", format, args...).WithFix("begin again; if it stays, the operator looks at product.yaml and the provider")
}

// noProvider says that the provider does not answer as it was declared; its own words stay
// in the log, without bodies.
func noProvider(product id.Product, err error) error {
	var other *oidc.IssuerMismatchError
	if errors.As(err, &other) {
		return fault.New(fault.Unavailable, "PROVIDER_UNAVAILABLE", "the sign-in provider of %s says that it is another one", product).Because(err).
			WithFix("the operator writes issuer exactly as the provider does")
	}
	return fault.New(fault.Unavailable, "PROVIDER_UNAVAILABLE", "the sign-in provider of %s does not answer as it was declared", product).
		Because(errors.New(strings.ToValidUTF8(clipped(err.Error(), 200), ""))).WithFix("try again later; the operator sees in the log why")
}

func clipped(text string, most int) string {
	if len(text) > most {
		return text[:most]
	}
	return text
}

// signInClient is under which name the secret of the client at the OpenID provider is
// kept: a product can have one at its own authorization server too.
func signInClient(product id.Product) id.Product { return product + "#sign-in" }

// SetSignInSecret keeps the secret that the OpenID provider gave its client Annex.
func (s *Service) SetSignInSecret(ctx context.Context, p id.Principal, product id.Product, secret string) error {
	return s.setSecret(ctx, p, product, signInClient(product), secret, func(ctx context.Context) error {
		_, err := s.Providers.Provider(ctx, product)
		return err
	})
}
