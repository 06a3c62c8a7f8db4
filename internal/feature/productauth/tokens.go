package productauth

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

const (
	// early is how long before its end a token is renewed.
	early = 30 * time.Second
	// leaseLife is how long one server may take to renew a token; patience how long others wait.
	leaseLife = 15 * time.Second
	patience  = 20 * time.Second
	pause     = 100 * time.Millisecond
)

// kept is what is sealed of an account.
type kept struct {
	Access  string `json:"access"`
	Refresh string `json:"refresh,omitempty"`
}

// held is an account as it lies in the database.
type held struct {
	kept
	name            string
	generation      int64
	expires, leased int64
}

// Account is what may be shown of an account.
type Account struct {
	Product   id.Product
	User      id.User // "" for the service account
	Name      string  // at the product
	Connected time.Time
	By        string
}

// Token is the present access token of a user's account on a product, or, with the user
// "", of the service account. It is renewed when it is about to end, by one at a time.
// Errors: NEEDS_AUTHENTICATION_ERR, SERVICE_ACCOUNT_REQUIRED, PRODUCT_UNAVAILABLE.
func (s *Service) Token(ctx context.Context, site id.Site, product id.Product, user id.User) (string, error) {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	for {
		h, err := s.load(ctx, site, product, user)
		if err != nil {
			return "", fault.Op("productauth.Token", err)
		}
		now := s.Now()
		if h.expires == 0 || now.Add(early).UnixMilli() < h.expires {
			return h.Access, nil
		}
		if h.Refresh == "" {
			return "", s.forget(ctx, site, product, user, h.generation)
		}
		n, err := s.DB.Exec(ctx, lease, now.Add(leaseLife).UnixMilli(), site, product, user, h.generation, now.UnixMilli())
		if err != nil {
			return "", fault.Op("productauth.Token", err)
		}
		if n == 1 {
			return s.renew(ctx, site, product, user, h)
		}
		select { // another one renews it
		case <-time.After(pause):
		case <-ctx.Done():
			return "", unreachable(product, ctx.Err())
		}
	}
}

func (s *Service) load(ctx context.Context, site id.Site, product id.Product, user id.User) (h held, err error) {
	var sealed []byte
	err = s.DB.QueryRow(ctx, accountOf, site, product, user).Scan(&h.name, &sealed, &h.generation, &h.expires, &h.leased)
	if errors.Is(err, db.ErrNoRows) {
		return h, missing(product, user)
	}
	if err != nil {
		return h, err
	}
	plain, err := s.Sealer.Open(seal.ForSite(site), seal.Credential, accountPlace(site, product, user, h.generation), sealed)
	if err != nil {
		return h, err
	}
	return h, json.Unmarshal(plain, &h.kept)
}

// missing is what an app is told where nobody connected an account.
func missing(product id.Product, user id.User) error {
	if user == "" {
		return fault.New(fault.Denied, "SERVICE_ACCOUNT_REQUIRED", "no admin has connected an account of %s for apps", product).
			WithFix("an admin of the site connects one, on the page of connected apps")
	}
	return fault.New(fault.Unauthenticated, call.NeedsAuthentication, "the user has not connected their account of %s", product).
		WithFix("the user signs in to %s through the platform", product).
		With("status", 401).With("serviceKey", string(product)).With("options", map[string]any{"isExpectedError": true})
}

// renew exchanges the refresh token. It was leased by the caller, so nobody else spends it.
func (s *Service) renew(ctx context.Context, site id.Site, product id.Product, user id.User, h held) (string, error) {
	cfg, _, err := s.config(ctx, product)
	if err != nil {
		return "", fault.Op("productauth.renew", err)
	}
	token, err := cfg.TokenSource(s.wire(ctx, product), &oauth2.Token{RefreshToken: h.Refresh}).Token()
	if err != nil {
		var e *oauth2.RetrieveError
		if errors.As(err, &e) && (e.ErrorCode == "invalid_grant" || e.ErrorCode == "unauthorized_client") {
			return "", s.forget(ctx, site, product, user, h.generation)
		}
		return "", refusedBy(product, err)
	}
	if token.RefreshToken == "" {
		token.RefreshToken = h.Refresh
	}
	next := h.generation + 1
	sealed, err := s.seal(site, product, user, next, token)
	if err != nil {
		return "", fault.Op("productauth.renew", err)
	}
	// What the product rotated must not be lost because the caller went away.
	n, err := s.DB.Exec(context.WithoutCancel(ctx), renew, sealed, next, expiry(token), site, product, user, h.generation)
	if err == nil && n == 0 { // disconnected meanwhile
		s.revoke(ctx, product, held{kept: kept{token.AccessToken, token.RefreshToken}})
		err = missing(product, user)
	}
	if err != nil {
		return "", fault.Op("productauth.renew", err)
	}
	return token.AccessToken, nil
}

// forget removes an account that the product does not know any more.
func (s *Service) forget(ctx context.Context, site id.Site, product id.Product, user id.User, generation int64) error {
	if _, err := s.DB.Exec(ctx, expire, site, product, user, generation); err != nil {
		return fault.Op("productauth.forget", err)
	}
	return missing(product, user)
}

// keep connects an account.
func (s *Service) keep(ctx context.Context, done *Done, user id.User, token *oauth2.Token) error {
	now := s.Now()
	// Not 1 again after a disconnection: an old value put back into the row would open.
	generation := now.UnixMicro()
	sealed, err := s.seal(done.Site, done.Product, user, generation, token)
	if err != nil {
		return err
	}
	by := done.By
	if done.Kind == SignIn {
		by = id.Principal{Kind: id.EndUser, Site: done.Site, Product: done.Product, User: done.User}
	}
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		_, err := s.DB.Exec(ctx, connect, done.Site, done.Product, user, done.Name, sealed, generation, expiry(token), now.UnixMilli(), by.String())
		if err != nil {
			return err
		}
		return s.Audit.Append(ctx, done.Site, "", by, "account.connect", map[string]any{"product": done.Product, "service": user == ""})
	})
}

func (s *Service) seal(site id.Site, product id.Product, user id.User, generation int64, token *oauth2.Token) ([]byte, error) {
	plain, err := json.Marshal(kept{token.AccessToken, token.RefreshToken})
	if err != nil {
		return nil, err
	}
	return s.Sealer.Seal(seal.ForSite(site), seal.Credential, accountPlace(site, product, user, generation), plain)
}

func accountPlace(site id.Site, product id.Product, user id.User, generation int64) seal.Place {
	return seal.Place{Table: "product_accounts", Column: "tokens", Row: string(site) + "\x00" + string(product) + "\x00" + string(user), Generation: generation}
}

// expiry is when a token ends, 0 when its server does not say.
func expiry(t *oauth2.Token) int64 {
	if t.Expiry.IsZero() {
		return 0
	}
	return t.Expiry.UnixMilli()
}

// Disconnect removes an account, here and, where it can be told, at the product: a user
// their own, an admin of the site any.
func (s *Service) Disconnect(ctx context.Context, by id.Principal, site id.Site, product id.Product, user id.User) error {
	own := by.Kind == id.EndUser && by.Site == site && by.Product == product && by.User == user && user != ""
	if _, err := tenant.ForSite(by, site); err != nil && !own {
		return fault.Op("productauth.Disconnect", err)
	}
	h, err := s.load(ctx, site, product, user)
	switch fault.KindOf(err) {
	case fault.Unauthenticated, fault.Denied:
		return nil // there is none
	case fault.Unavailable: // it may well be there
		return fault.Op("productauth.Disconnect", err)
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		if n, err := s.DB.Exec(ctx, disconnect, site, product, user); err != nil || n == 0 {
			return err
		}
		return s.Audit.Append(ctx, site, "", by, "account.disconnect", map[string]any{"product": product, "service": user == ""})
	})
	if err != nil {
		return fault.Op("productauth.Disconnect", err)
	}
	s.revoke(ctx, product, h)
	return nil
}

// revoke tells the product (RFC 7009); it is forgotten here whatever the product says.
func (s *Service) revoke(ctx context.Context, product id.Product, h held) {
	cfg, client, err := s.config(ctx, product)
	if err != nil || client.RevocationURL == "" {
		return
	}
	token := h.Refresh
	if token == "" {
		token = h.Access
	}
	r, err := http.NewRequestWithContext(ctx, http.MethodPost, client.RevocationURL, strings.NewReader(url.Values{"token": {token}}.Encode()))
	if err != nil {
		return
	}
	r.Header.Set("Content-Type", "application/x-www-form-urlencoded")
	r.SetBasicAuth(url.QueryEscape(cfg.ClientID), url.QueryEscape(cfg.ClientSecret))
	if res, err := s.Clients.HTTP(product).Do(r); err == nil {
		_ = res.Body.Close()
	}
}

// Accounts lists a site's accounts, for its admin.
func (s *Service) Accounts(ctx context.Context, scope tenant.Scope) ([]Account, error) {
	if !scope.Valid() {
		return nil, fault.New(fault.Denied, "NOT_YOURS", "no site was named")
	}
	rows, err := s.DB.Query(ctx, ofSite, scope.Site())
	if err != nil {
		return nil, fault.Op("productauth.Accounts", err)
	}
	defer rows.Close()
	var out []Account
	for rows.Next() {
		var a Account
		var at int64
		if err := rows.Scan((*string)(&a.Product), (*string)(&a.User), &a.Name, &at, &a.By); err != nil {
			return nil, fault.Op("productauth.Accounts", err)
		}
		a.Connected = time.UnixMilli(at)
		out = append(out, a)
	}
	return out, fault.Op("productauth.Accounts", rows.Err())
}

// EndSite forgets a site's accounts; it joins the transaction that ends it.
func (s *Service) EndSite(ctx context.Context, site id.Site) error {
	_, err := s.DB.Exec(ctx, endSite, site)
	return fault.Op("productauth.EndSite", err)
}
