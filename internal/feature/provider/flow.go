package provider

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"net/url"
	"slices"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

// flowLife is how long somebody may take at the provider.
const flowLife = 10 * time.Minute

// flow is a browser's way to a provider and back.
type flow struct {
	site     id.Site
	install  id.Install
	product  id.Product
	user     id.User
	provider string
	scopes   []string
	callback string
	verifier string
}

func (f *flow) by() id.Principal {
	return id.Principal{Kind: id.EndUser, Site: f.site, Product: f.product, User: f.user}
}

// Question is what a person is shown before they leave for a provider.
type Question struct {
	Provider, Name string   // key and name for people
	Host           string   // where the person is sent
	Scopes         []string // the provider's own names
	Sends          []string // origins that get the credential
	// Key says that the person gives a key of theirs here, and is sent nowhere.
	Key bool
	// Connected are the person's accounts there, which the app uses already.
	Connected []Account
}

// Ask is what a person has to know to decide about connecting an account.
func (s *Service) Ask(ctx context.Context, user id.Principal, install id.Install, key string, scopes []string) (Question, error) {
	d, o, err := s.here(ctx, user, install, key)
	if err != nil {
		return Question{}, fault.Op("provider.Ask", err)
	}
	q := Question{Provider: d.Key, Name: d.Name}
	if q.Scopes, err = d.wanted(scopes); err != nil {
		return q, fault.Op("provider.Ask", err)
	}
	if q.Key = d.OfKeys(); !q.Key {
		at, err := d.base(d.Actions.Authorization.Remote)
		if err != nil {
			return q, fault.Op("provider.Ask", err)
		}
		q.Host = at.Host
	}
	if q.Sends, err = d.pins(); err != nil {
		return q, fault.Op("provider.Ask", err)
	}
	q.Connected, err = s.accounts(ctx, o, key)
	return q, fault.Op("provider.Ask", err)
}

// Has reports whether the user has an account with the scopes connected.
func (s *Service) Has(ctx context.Context, user id.Principal, install id.Install, key string, scopes []string) (bool, error) {
	d, o, err := s.here(ctx, user, install, key)
	if err != nil {
		return false, fault.Op("provider.Has", err)
	}
	a, err := s.pick(ctx, o, d, "", scopes)
	return a != nil, fault.Op("provider.Has", err)
}

func (s *Service) here(ctx context.Context, user id.Principal, install id.Install, key string) (*declared, owner, error) {
	p, err := s.Policies.Policy(ctx, install)
	if err != nil {
		return nil, owner{}, err
	}
	if p.Site != user.Site || p.Product != user.Product {
		return nil, owner{}, fault.New(fault.Denied, "NOT_INSTALLED", "there is no such installation, or it has ended")
	}
	d, err := s.declared(ctx, p, key)
	if err != nil {
		return nil, owner{}, err
	}
	if d.OfSite() {
		return nil, owner{}, fault.New(fault.Denied, "PROVIDER_OF_SITE", "%s has no accounts of users: its credential is the site's", quote.Line(d.Name, 80))
	}
	o, err := s.ownerOf(ctx, p, user)
	return d, o, err
}

// wanted are the scopes to ask for: all of the manifest's, or some of them.
func (d *declared) wanted(scopes []string) ([]string, error) {
	if len(scopes) == 0 {
		return d.Scopes, nil
	}
	for _, sc := range scopes {
		if !slices.Contains(d.Scopes, sc) {
			return nil, fault.New(fault.Denied, "SCOPE_NOT_DECLARED", "the app asks for a scope of %s that its manifest does not name: %.64q", quote.Line(d.Name, 80), sc).
				WithFix("add it to the provider's scopes")
		}
	}
	return scopes, nil
}

// Sent is where the browser goes, and what it keeps meanwhile.
type Sent struct{ URL, Browser string }

// Begin sends a person's browser to the provider. The state counts once, for this person,
// in the browser that keeps the secret.
func (s *Service) Begin(ctx context.Context, user id.Principal, install id.Install, key string, scopes []string) (Sent, error) {
	d, o, err := s.here(ctx, user, install, key)
	if err != nil {
		return Sent{}, fault.Op("provider.Begin", err)
	}
	if d.OfKeys() {
		return Sent{}, fault.New(fault.Usage, "KEY_WANTED", "%s asks nobody: the person gives a key of theirs", quote.Line(d.Name, 80))
	}
	if scopes, err = d.wanted(scopes); err != nil {
		return Sent{}, fault.Op("provider.Begin", err)
	}
	have, err := s.accounts(ctx, o, key)
	if err != nil {
		return Sent{}, fault.Op("provider.Begin", err)
	}
	c, err := s.client(ctx, o.env, d)
	if err != nil {
		return Sent{}, fault.Op("provider.Begin", err)
	}
	state, browser, verifier := secret(), secret(), oauth2.GenerateVerifier()
	to, err := d.authorize(c, s.redirect(c.callback), state, verifier, scopes, len(have) > 0)
	if err != nil {
		return Sent{}, fault.Op("provider.Begin", err)
	}
	row := hash("state", state)
	sealed, err := s.Sealer.Seal(seal.ForSite(o.site), seal.Session, flowPlace(row), []byte(verifier))
	if err != nil {
		return Sent{}, fault.Op("provider.Begin", err)
	}
	now := s.Now()
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.DB.Exec(ctx, oldFlows, now.UnixMilli()); err != nil {
			return err
		}
		_, err := s.DB.Exec(ctx, addFlow, row, hash("browser", browser), c.callback, o.site, install, user.Product, user.User, key, texts(scopes), sealed, now.Add(flowLife).UnixMilli())
		return err
	})
	return Sent{URL: to, Browser: browser}, fault.Op("provider.Begin", err)
}

// authorize is the address of the provider's question. What the protocol needs is ours: no
// parameter of the manifest stands in its place.
func (d *declared) authorize(c client, redirect, state, verifier string, scopes []string, again bool) (string, error) {
	a := d.Actions.Authorization
	base, err := d.base(a.Remote)
	if err != nil {
		return "", err
	}
	u, err := hostrule.JoinPath(base, a.Path)
	if err != nil {
		return "", err
	}
	q, _ := url.ParseQuery(strings.TrimPrefix(u.Query, "?"))
	if q == nil {
		q = url.Values{}
	}
	known := map[string]string{"client_id": c.id} // the address is the browser's to read: no secret
	for k, v := range a.QueryParameters {
		q.Set(k, fill(v, known))
	}
	if again {
		for k, v := range a.AdditionalConsentParameters {
			q.Set(k, fill(v, known))
		}
	}
	if len(scopes) > 0 {
		q.Set("scope", strings.Join(scopes, " "))
	}
	for k, v := range map[string]string{
		"response_type": "code", "client_id": c.id, "redirect_uri": redirect, "state": state,
		"code_challenge": oauth2.S256ChallengeFromVerifier(verifier), "code_challenge_method": "S256",
	} {
		q.Set(k, v)
	}
	q.Del("client_secret")
	u.Query = "?" + q.Encode()
	return u.String(), nil
}

// Back is what a browser brought back.
type Back struct {
	Callback    string // to which address it came back
	State, Code string
	Error       string       // the provider's error parameter
	Issuer      string       // its iss parameter (RFC 9207)
	Browser     string       // the secret that the browser kept
	User        id.Principal // who is signed in there
}

// Connected is what came of a flow.
type Connected struct {
	Install id.Install
	Account Account
	Name    string // of the provider
}

// Finish ends a flow: in the browser that began it, for the person who began it. The
// account is connected when it returns.
func (s *Service) Finish(ctx context.Context, b Back) (Connected, error) {
	f, err := s.take(ctx, b)
	if err != nil {
		return Connected{}, fault.Op("provider.Finish", err)
	}
	d, o, err := s.here(ctx, f.by(), f.install, f.provider)
	if err != nil {
		return Connected{}, fault.Op("provider.Finish", err)
	}
	out := Connected{Install: f.install, Name: d.Name}
	c, err := s.client(ctx, o.env, d)
	if err != nil {
		return out, fault.Op("provider.Finish", err)
	}
	if c.callback != f.callback {
		return out, refused("the app's client at the provider is another one by now")
	}
	// Before anything is sent: another provider's answer is not taken to this one.
	if err := d.issuedBy(b.Issuer); err != nil {
		return out, err
	}
	if b.Error != "" || b.Code == "" {
		return out, fault.New(fault.Denied, "NOT_CONNECTED", "%s did not connect the account: %.64q", quote.Line(d.Name, 80), quote.Line(b.Error, 64)).WithFix("begin again and agree there")
	}
	fields := map[string]string{"grant_type": "authorization_code", "code": b.Code, "redirect_uri": s.redirect(c.callback), "code_verifier": f.verifier}
	g, err := s.token(ctx, d, d.Actions.Exchange, c, fields)
	if err != nil {
		return out, failed(d, "the account could not be connected", err)
	}
	who, err := s.profile(ctx, d, c, g, f.by())
	if err != nil {
		return out, fault.Op("provider.Finish", err)
	}
	scopes := f.scopes
	if g.scopes != nil { // what was granted, where the provider says so
		scopes = g.scopes
	}
	if err := s.keep(ctx, f, d, o, who, g, scopes); err != nil {
		// What nobody keeps is not left open at the provider, as far as it can be told.
		if pins, bad := d.pins(); bad == nil {
			s.revoke(context.WithoutCancel(ctx), d, o.env, kept{Access: g.access, Refresh: g.refresh, Pins: pins, Client: d.ClientID})
		}
		return out, fault.Op("provider.Finish", err)
	}
	out.Account = Account{Env: o.env, App: d.policy.App, Site: o.site, Directory: o.directory, User: o.user, Provider: d.Key, ID: who.ID, Name: who.DisplayName, Avatar: who.AvatarURL, Scopes: scopes, Connected: s.Now()}
	return out, nil
}

// issuedBy refuses an answer that names another server than the one that was asked. Where
// the manifest names no issuer, one on the host that was asked is taken for it.
func (d *declared) issuedBy(issuer string) error {
	if d.Issuer != "" {
		if issuer != d.Issuer {
			return refused("another provider answered than the one that was asked")
		}
		return nil
	}
	if issuer == "" {
		return nil
	}
	at, err := d.base(d.Actions.Authorization.Remote)
	u, parsed := hostrule.ParseURL(issuer)
	if err != nil || parsed != nil || !u.SameOrigin(at) {
		return refused("another provider answered than the one that was asked")
	}
	return nil
}

func (s *Service) take(ctx context.Context, b Back) (*flow, error) {
	f := &flow{}
	var browser, scopes string
	var sealed []byte
	var expires int64
	row := hash("state", b.State)
	// What was taken stays taken, whatever comes of it.
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		return s.DB.QueryRow(ctx, takeFlow, row).Scan(&browser, &f.callback, &f.site, &f.install, &f.product, &f.user, &f.provider, &scopes, &sealed, &expires)
	})
	if errors.Is(err, db.ErrNoRows) || err == nil && s.Now().UnixMilli() >= expires {
		return nil, refused("this server did not send anybody to the provider for this, or it took too long")
	}
	if err != nil {
		return nil, err
	}
	if b.Browser == "" || subtle.ConstantTimeCompare([]byte(hash("browser", b.Browser)), []byte(browser)) != 1 {
		return nil, refused("this browser did not ask for it")
	}
	if b.Callback != f.callback {
		return nil, refused("another provider answered than the one that was asked")
	}
	if b.User.Kind != id.EndUser || b.User.Site != f.site || b.User.Product != f.product || b.User.User != f.user {
		return nil, refused("somebody else is signed in here than who asked for it")
	}
	if err := json.Unmarshal([]byte(scopes), &f.scopes); err != nil {
		return nil, err
	}
	plain, err := s.Sealer.Open(seal.ForSite(f.site), seal.Session, flowPlace(row), sealed)
	f.verifier = string(plain)
	return f, err
}

func refused(format string, args ...any) error {
	return fault.New(fault.Unauthenticated, "CONNECT_REFUSED", format, args...).WithFix("begin again from the app; if somebody sent you a link, do not use it")
}

func flowPlace(row string) seal.Place {
	return seal.Place{Table: "provider_flows", Column: "verifier", Row: row}
}

func hash(kind, text string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + text))
	return hex.EncodeToString(sum[:])
}

// secret has 256 bits.
func secret() string {
	var b [32]byte
	_, _ = rand.Read(b[:]) // it does not fail
	return base64.RawURLEncoding.EncodeToString(b[:])
}
