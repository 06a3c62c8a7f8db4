package provider

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/credential"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
	"github.com/annexhq/annex/manifest"
)

// A provider's credential can be the site's in place of people's: an admin gives it for one
// installation, by the rule of accounts: it is used and never read, and goes to the origins
// that the admin was shown.

// SiteKey is what may be known of a provider with a credential of the site's.
type SiteKey struct {
	Key, Name, Type string
	// Sends are the origins that the credential goes to, and that it is given for.
	Sends []string
	// Given says whether there is one for them; Client, By and At are of that.
	Given  bool
	Client string
	By     string
	At     time.Time
}

// SiteCredential is what an admin gives.
type SiteCredential struct {
	// Sends are the origins that the admin was shown.
	Sends []string
	// Client is the client's id, of client_credentials.
	Client string
	Secret string
}

// siteKept is what is sealed of it.
type siteKept struct {
	Type   string   `json:"type"`
	Client string   `json:"client,omitempty"`
	Secret string   `json:"secret"`
	Pins   []string `json:"pins"`
}

// fits reports whether it was given for the provider as it is now.
func (k siteKept) fits(d *declared, pins []string) bool {
	return k.Type == d.Type && slices.Equal(k.Pins, pins)
}

// A shorter one is not looked for in answers: it stands in them by chance.
const minSiteSecret, maxSiteSecret = 8, 8 << 10

func (d *declared) check(c SiteCredential) error {
	bad := func(format string, args ...any) *fault.Error {
		return fault.New(fault.Invalid, "BAD_CREDENTIAL", format, args...)
	}
	switch {
	case len(c.Secret) < minSiteSecret || len(c.Secret) > maxSiteSecret:
		return bad("a secret has %d to %d bytes", minSiteSecret, maxSiteSecret)
	case d.Type == manifest.APIKey && !credential.Visible(c.Secret):
		return bad("the key holds characters that no header has")
	case d.Type == manifest.ClientCredentials && (!credential.Visible(c.Client) || len(c.Client) > 200):
		return bad("%s needs the client's id beside its secret", quote.Line(d.Name, 80)).WithFix("`annex providers configure %s --installation ID --client CLIENT`", d.Key)
	case d.Type != manifest.ClientCredentials && c.Client != "":
		return bad("the credential of %s has no client", quote.Line(d.Name, 80)).WithFix("leave the client out")
	}
	return nil
}

// SiteKeys lists an installation's providers whose credential is the site's, for its admin.
func (s *Service) SiteKeys(ctx context.Context, by id.Principal, install id.Install) ([]SiteKey, error) {
	p, scope, err := s.ofAdmin(ctx, by, install)
	if err != nil {
		return nil, fault.Op("provider.SiteKeys", err)
	}
	m, err := s.Manifests.Manifest(ctx, p.Version)
	if err != nil {
		return nil, fault.Op("provider.SiteKeys", err)
	}
	out := []SiteKey{}
	for _, each := range m.Providers.Auth {
		if !each.OfSite() {
			continue
		}
		d, err := s.declared(ctx, p, each.Key)
		if fault.CodeOf(err) == "PROVIDER_NOT_GRANTED" {
			continue
		}
		if err != nil {
			return nil, fault.Op("provider.SiteKeys", err)
		}
		one, err := s.siteKey(ctx, scope, d)
		if err != nil {
			return nil, fault.Op("provider.SiteKeys", err)
		}
		out = append(out, one)
	}
	return out, nil
}

func (s *Service) siteKey(ctx context.Context, scope tenant.Scope, d *declared) (SiteKey, error) {
	out := SiteKey{Key: d.Key, Name: d.Name, Type: d.Type}
	var err error
	if out.Sends, err = d.pins(); err != nil {
		return out, err
	}
	r, err := s.siteRow(ctx, scope, d.Key)
	if err != nil || r == nil || !r.fits(d, out.Sends) {
		return out, err
	}
	out.Given, out.Client, out.By, out.At = true, r.Client, r.by, r.at
	return out, nil
}

// GiveSiteKey stores a credential for the origins that the admin was shown. One that was
// there before is replaced.
func (s *Service) GiveSiteKey(ctx context.Context, by id.Principal, install id.Install, key string, c SiteCredential) (SiteKey, error) {
	p, scope, err := s.ofAdmin(ctx, by, install)
	if err != nil {
		return SiteKey{}, fault.Op("provider.GiveSiteKey", err)
	}
	d, err := s.declared(ctx, p, key)
	if err != nil {
		return SiteKey{}, fault.Op("provider.GiveSiteKey", err)
	}
	if !d.OfSite() {
		return SiteKey{}, fault.New(fault.Denied, "PROVIDER_OF_USERS", "the accounts of %s are people's: each connects their own", quote.Line(d.Name, 80))
	}
	if err := d.check(c); err != nil {
		return SiteKey{}, err
	}
	pins, err := d.pins()
	if err != nil {
		return SiteKey{}, fault.Op("provider.GiveSiteKey", err)
	}
	if slices.Sort(c.Sends); !slices.Equal(c.Sends, pins) {
		return SiteKey{}, fault.New(fault.Conflict, "PREVIEW_CHANGED", "the credential of %s goes to %s by now", quote.Line(d.Name, 80), strings.Join(pins, ", ")).WithFix("look at it again")
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		generation := s.Now().UnixMicro() // not 1 again after it was taken away: an old value put back does not open
		sealed, err := s.Sealer.Seal(seal.ForInstall(install), seal.Credential, sitePlace(install, key, generation), plain(siteKept{d.Type, c.Client, c.Secret, pins}))
		if err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, putSiteKey, scope.Install(), scope.Site(), key, generation, sealed, by.String(), s.Now().UnixMilli()); err != nil {
			return err
		}
		return s.Audit.Append(ctx, scope.Site(), install, by, "provider.key-set", map[string]any{"provider": key, "type": d.Type, "sends": pins})
	})
	if err != nil {
		return SiteKey{}, fault.Op("provider.GiveSiteKey", err)
	}
	out, err := s.siteKey(ctx, scope, d)
	return out, fault.Op("provider.GiveSiteKey", err)
}

// TakeSiteKey takes a credential away.
func (s *Service) TakeSiteKey(ctx context.Context, by id.Principal, install id.Install, key string) error {
	_, scope, err := s.ofAdmin(ctx, by, install)
	if err != nil {
		return fault.Op("provider.TakeSiteKey", err)
	}
	return fault.Op("provider.TakeSiteKey", s.DB.Tx(ctx, func(ctx context.Context) error {
		n, err := s.DB.Exec(ctx, dropSiteKey, scope.Install(), scope.Site(), key)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.NotFound, "NO_CREDENTIAL", "there is no credential for the provider %.64q", key)
		}
		return s.Audit.Append(ctx, scope.Site(), install, by, "provider.key-clear", map[string]any{"provider": key})
	}))
}

// ofAdmin refuses all but an admin of the installation's own site; another's is not told
// whether it is there.
func (s *Service) ofAdmin(ctx context.Context, by id.Principal, install id.Install) (*call.Policy, tenant.Scope, error) {
	if !by.Is(id.SiteAdmin) {
		return nil, tenant.Scope{}, fault.New(fault.Denied, "ROLE_REQUIRED", "only an admin of the site gives credentials to providers")
	}
	scope, err := tenant.ForInstall(by, by.Site, install)
	if err != nil {
		return nil, scope, err
	}
	p, err := s.Policies.Policy(ctx, install)
	if fault.CodeOf(err) == "NOT_INSTALLED" || err == nil && p.Site != by.Site {
		return nil, scope, fault.New(fault.NotFound, "NOT_YOURS", "there is no such installation, or it is not yours")
	}
	return p, scope, err
}

// siteRow is a stored credential.
type siteRow struct {
	siteKept
	generation int64
	by         string
	at         time.Time
}

func (s *Service) siteRow(ctx context.Context, scope tenant.Scope, key string) (*siteRow, error) {
	var r siteRow
	var sealed []byte
	var at int64
	err := s.DB.QueryRow(ctx, siteKeyOf, scope.Install(), scope.Site(), key).Scan(&r.generation, &sealed, &r.by, &at)
	if errors.Is(err, db.ErrNoRows) {
		return nil, nil
	}
	if err != nil {
		return nil, err
	}
	text, err := s.Sealer.Open(seal.ForInstall(scope.Install()), seal.Credential, sitePlace(scope.Install(), key, r.generation), sealed)
	if err != nil {
		return nil, err
	}
	r.at = time.UnixMilli(at).UTC()
	return &r, json.Unmarshal(text, &r.siteKept)
}

func sitePlace(install id.Install, key string, generation int64) seal.Place {
	return seal.Place{Table: "provider_keys", Column: "credential", Row: string(install) + "\x00" + key, Generation: generation}
}

// unfilled is what an app gets where no admin has given the credential: who can, and where.
func unfilled(d *declared) error {
	return fault.New(fault.Denied, "PROVIDER_NOT_CONFIGURED", "no admin of this site has given the app its credential for %s", quote.Line(d.Name, 80)).
		WithFix("an admin of the site gives it: in the console under the app's Data, or `annex providers configure %s --installation ID`", d.Key).
		With("status", 403).With("provider", d.Key).With("filledBy", "site-admin")
}

// bySite answers the host calls for a provider with a credential of the site's. Nobody has
// to be present for it.
func (s *Service) bySite(ctx context.Context, d *declared, c *call.Call, h head, req call.Request) (call.Reply, error) {
	if h.Account != "" {
		return call.Reply{}, fault.New(fault.Usage, "PROVIDER_OF_SITE", "%s has no accounts of users: its credential is the site's", quote.Line(d.Name, 80)).WithFix("call fetch without asAccount")
	}
	if req.Method == "provider.accounts" {
		return call.Reply{Head: plain(map[string]any{"accounts": []any{}})}, nil
	}
	pins, err := d.pins()
	if err != nil {
		return call.Reply{}, err
	}
	have, err := s.siteRow(ctx, d.policy.Scope, d.Key)
	if err != nil {
		return call.Reply{}, err
	}
	given := have != nil && have.fits(d, pins)
	switch {
	case req.Method == "provider.has":
		return call.Reply{Head: plain(map[string]any{"has": given})}, nil
	case !given || req.Method == "provider.request":
		return call.Reply{}, unfilled(d)
	}
	to, err := d.toRemote(h.Remote)
	if err != nil {
		return call.Reply{}, err
	}
	return s.sendSite(ctx, d, c, to, have, req)
}

// sendSite makes the app's request. An access token that the provider refuses is fetched
// anew, once.
func (s *Service) sendSite(ctx context.Context, d *declared, c *call.Call, to Destination, have *siteRow, req call.Request) (call.Reply, error) {
	send := func(u credential.Use) (call.Reply, error) {
		to := to
		to.Inject, to.Secrets = u.Put, u.Hidden
		to.Still = func(ctx context.Context) error {
			now, err := s.siteRow(ctx, d.policy.Scope, d.Key)
			if err == nil && (now == nil || now.generation != have.generation) {
				err = unfilled(d)
			}
			return err
		}
		return s.Broker.Fetch(ctx, d.policy, c, to, req)
	}
	switch d.Type {
	case manifest.APIKey:
		return send(credential.At(d.place(""), have.Secret))
	case manifest.HMAC:
		return send(credential.Signed(d.BearerMethod.Parameter, have.Secret, s.Now))
	}
	for again := false; ; again = true {
		access, err := s.minted(ctx, d, have)
		if err != nil {
			return call.Reply{}, err
		}
		reply, err := send(credential.At(d.place("Bearer"), access, have.Secret))
		if err != nil || again || !s.stale(c, reply) {
			return reply, err
		}
		s.tokens.Drop(d.mintKey(have), access)
	}
}

// mintKey is a credential as it was given, and what is asked for with it.
type mintKey struct {
	install    id.Install
	version    id.Version
	provider   string
	generation int64
	scopes     string
}

func (d *declared) mintKey(have *siteRow) mintKey {
	return mintKey{d.policy.Install, d.policy.Version, d.Key, have.generation, strings.Join(d.Scopes, " ")}
}

// minted is an access token of the client that the admin named.
func (s *Service) minted(ctx context.Context, d *declared, have *siteRow) (string, error) {
	key := d.mintKey(have)
	if access := s.tokens.Get(key, s.Now()); access != "" {
		return access, nil
	}
	fields := map[string]string{"grant_type": "client_credentials"}
	if len(d.Scopes) > 0 {
		fields["scope"] = strings.Join(d.Scopes, " ")
	}
	g, err := s.token(ctx, d, d.Actions.Exchange, client{id: have.Client, secret: have.Secret}, fields)
	var refused errRefused
	if errors.As(err, &refused) {
		return "", fault.New(fault.Unavailable, "CREDENTIAL_REFUSED", "%s gave no token for the credential that the admin stored: it answered %s", quote.Line(d.Name, 80), refused.code).
			WithFix("have the site's admin look at the credential of %s", d.Key).With("status", http.StatusBadGateway).Because(err)
	}
	if err != nil {
		return "", err
	}
	if !g.expires.IsZero() {
		s.tokens.Keep(key, g.access, g.expires.Sub(s.Now()), s.Now())
	}
	return g.access, nil
}
