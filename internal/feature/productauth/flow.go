package productauth

import (
	"context"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strconv"
	"strings"
	"time"

	"golang.org/x/oauth2"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

// Kind is what somebody is sent to a product's authorization server for.
type Kind string

const (
	// SignIn finds out who is in front of the browser, and connects their account.
	SignIn Kind = "sign-in"
	// ServiceAccount connects the account through which the site's apps act as themselves.
	ServiceAccount Kind = "service"
)

// Flow is a browser's way to a product's server and back.
type Flow struct {
	Kind    Kind
	Site    id.Site
	Product id.Product
	By      id.Principal // who connects a service account
	// Answers is the sign-in that the flow answers.
	Answers string
	Next    string
}

// Sent is where the browser goes, and what it keeps meanwhile.
type Sent struct{ URL, Browser string }

// Done is a flow that came back.
type Done struct {
	Flow
	User  id.User
	Name  string
	Admin bool // the product says so
}

// flowLife is how long somebody may take at the product.
const flowLife = 10 * time.Minute

// Begin sends a browser to the product. The state stands for the browser that is given
// the secret, and for no other.
func (s *Service) Begin(ctx context.Context, f Flow) (Sent, error) {
	cfg, client, err := s.config(ctx, f.Product)
	if err != nil {
		return Sent{}, fault.Op("productauth.Begin", err)
	}
	if f.Kind == ServiceAccount && (!f.By.Is(id.SiteAdmin) || f.By.Site != f.Site) {
		return Sent{}, fault.New(fault.Denied, "ADMIN_REQUIRED", "an admin of the site connects the service account")
	}
	state, browser, verifier := rand.Text(), rand.Text(), oauth2.GenerateVerifier()
	key := hash("state", state)
	sealed, err := s.Sealer.Seal(seal.ForSite(f.Site), seal.Session, flowPlace(key), []byte(verifier))
	if err != nil {
		return Sent{}, fault.Op("productauth.Begin", err)
	}
	now := s.Now()
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.DB.Exec(ctx, oldFlows, now.UnixMilli()); err != nil {
			return err
		}
		_, err := s.DB.Exec(ctx, addFlow, key, hash("browser", browser), f.Kind, f.Site, f.Product, f.By.Account, f.Answers, f.Next,
			sealed, now.Add(flowLife).UnixMilli())
		return err
	})
	if err != nil {
		return Sent{}, fault.Op("productauth.Begin", err)
	}
	if client.Separator != "" && len(cfg.Scopes) > 0 {
		cfg.Scopes = []string{strings.Join(cfg.Scopes, client.Separator)}
	}
	return Sent{URL: cfg.AuthCodeURL(state, oauth2.S256ChallengeOption(verifier)), Browser: browser}, nil
}

// Back is what a browser brought back.
type Back struct {
	Product     id.Product // to whose address it came back
	State, Code string
	Error       string // the product's error parameter
	Issuer      string // its iss parameter (RFC 9207)
	Browser     string // the secret that the browser kept
}

// Finish ends a flow: the state counts once, in the browser that began it. The account is
// connected when it returns.
func (s *Service) Finish(ctx context.Context, b Back) (Done, error) {
	done, verifier, err := s.take(ctx, b, SignIn, ServiceAccount)
	if err != nil {
		return Done{}, fault.Op("productauth.Finish", err)
	}
	if b.Error != "" || b.Code == "" {
		return done, fault.New(fault.Denied, "NOT_AUTHORIZED", "the product did not give its consent: %.64q", b.Error).WithFix("begin again and agree at the product")
	}
	cfg, client, err := s.config(ctx, done.Product)
	if err != nil {
		return done, fault.Op("productauth.Finish", err)
	}
	token, err := cfg.Exchange(s.wire(ctx, done.Product), b.Code, oauth2.VerifierOption(verifier))
	if err != nil {
		return done, refusedBy(done.Product, err)
	}
	if err := s.who(ctx, client, token.AccessToken, &done); err != nil {
		return done, fault.Op("productauth.Finish", err)
	}
	user := done.User
	if done.Kind == ServiceAccount {
		if done.Admin {
			return done, fault.New(fault.Denied, "ADMINS_ACCOUNT", "%.64q is an admin of the product: apps would act with an admin's rights", done.Name).
				WithFix("sign in to the product with an account made for apps, and connect that one")
		}
		user = ""
	}
	return done, fault.Op("productauth.Finish", s.keep(ctx, &done, user, token))
}

func (s *Service) take(ctx context.Context, b Back, kinds ...Kind) (done Done, verifier string, err error) {
	var browser, actor string
	var sealed []byte
	var expires int64
	key := hash("state", b.State)
	// What was taken stays taken, whatever comes of it.
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		return s.DB.QueryRow(ctx, takeFlow, key).Scan(&browser, (*string)(&done.Kind), (*string)(&done.Site), &actor, &done.Answers, &done.Next,
			(*string)(&done.Product), &sealed, &expires)
	})
	if errors.Is(err, db.ErrNoRows) || err == nil && s.Now().UnixMilli() >= expires {
		return done, "", refused("this server did not send anybody to the product for this, or it took too long")
	}
	if err != nil {
		return done, "", err
	}
	if b.Browser == "" || subtle.ConstantTimeCompare([]byte(hash("browser", b.Browser)), []byte(browser)) != 1 {
		return done, "", refused("this browser did not ask for it")
	}
	// Before anything is sent: what another product's server gave is not taken to this one.
	if b.Product != done.Product {
		return done, "", refused("another product answered than the one that was asked")
	}
	if !slices.Contains(kinds, done.Kind) {
		return done, "", refused("the browser came back for something else than it was sent for")
	}
	if done.Kind == ServiceAccount {
		done.By = id.Principal{Kind: id.SiteAdmin, Account: id.Account(actor), Site: done.Site, Product: done.Product}
	}
	subject := seal.ForPlatform() // an OpenID provider says of which site somebody is
	if done.Kind != Identity {
		subject = seal.ForSite(done.Site)
	}
	plain, err := s.Sealer.Open(subject, seal.Session, flowPlace(key), sealed)
	return done, string(plain), err
}

func refused(format string, args ...any) error {
	return fault.New(fault.Unauthenticated, "SIGN_IN_REFUSED", format, args...).WithFix("begin again from here; if somebody sent you a link, do not use it")
}

// maxWho bounds what a product says of a user.
const maxWho = 256 << 10

// who asks the product whose the token is.
func (s *Service) who(ctx context.Context, c *Client, token string, done *Done) error {
	r, err := http.NewRequestWithContext(ctx, http.MethodGet, c.Who.String(), nil)
	if err != nil {
		return err
	}
	r.Header.Set("Authorization", "Bearer "+token)
	r.Header.Set("Accept", "application/json")
	res, err := s.Clients.HTTP(c.Product).Do(r)
	if err != nil {
		return unreachable(c.Product, err)
	}
	defer res.Body.Close()
	body, err := io.ReadAll(io.LimitReader(res.Body, maxWho))
	if err != nil {
		return unreachable(c.Product, err)
	}
	var facts map[string]any
	dec := json.NewDecoder(strings.NewReader(string(body)))
	dec.UseNumber()
	if res.StatusCode != http.StatusOK || dec.Decode(&facts) != nil {
		return unreachable(c.Product, fmt.Errorf("it answered %d", res.StatusCode))
	}
	switch v := facts[c.ID].(type) {
	case string:
		done.User = id.User(v)
	case json.Number:
		done.User = id.User(v.String())
	}
	if done.User == "" || len(done.User) > 255 {
		return unreachable(c.Product, errors.New("it names no user"))
	}
	done.Name, _ = facts[c.Name].(string)
	if done.Name == "" {
		done.Name = string(done.User)
	}
	done.Admin, _ = facts[c.Admin].(bool)
	if len(c.AdminIs) > 0 && done.Kind == SignIn { // a service account may be no admin's at the product itself
		done.Admin = slices.Contains(c.AdminIs, string(done.User))
	}
	return nil
}

// refusedBy says what a product's server answered; its own words can hold what was sent.
func refusedBy(product id.Product, err error) error {
	var e *oauth2.RetrieveError
	if errors.As(err, &e) && e.ErrorCode != "" {
		return fault.New(fault.Denied, "NOT_AUTHORIZED", "the product %s refused: %.64q", product, e.ErrorCode).WithFix("begin again").Because(errors.New("token endpoint: " + e.ErrorCode))
	}
	return unreachable(product, err)
}

func unreachable(product id.Product, err error) error {
	// The library's errors quote answers, which can hold tokens.
	var e *oauth2.RetrieveError
	if errors.As(err, &e) {
		err = errors.New("token endpoint: status " + strconv.Itoa(e.Response.StatusCode))
	}
	return fault.New(fault.Unavailable, "PRODUCT_UNAVAILABLE", "the product %s does not answer as it was declared", product).Because(err).WithFix("try again later")
}

func flowPlace(key string) seal.Place {
	return seal.Place{Table: "product_flows", Column: "verifier", Row: key}
}

func hash(kind, text string) string {
	sum := sha256.Sum256([]byte(kind + "\x00" + text))
	return hex.EncodeToString(sum[:])
}
