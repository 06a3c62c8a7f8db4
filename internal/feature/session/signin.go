package session

import (
	"context"
	"crypto/subtle"
	"errors"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

// Start is what a sign-in is for.
type Start struct {
	Product string // key or alias
	Next    string // path of ours to go on at
	// Session and Decision are set when a person who is signed in has to be vouched for anew.
	Session  *Session
	Decision string
}

// Handoff sends a browser to the product.
type Handoff struct {
	URL     string // at the product, with the state
	Browser string // what the browser keeps in its cookie meanwhile
	Life    time.Duration
}

// Begin begins a sign-in: the browser gets a secret of its own, the product a state that
// stands for it.
func (s *Service) Begin(ctx context.Context, start Start) (Handoff, error) {
	key, at, err := s.Products.SignIn(ctx, start.Product)
	if err != nil {
		return Handoff{}, err
	}
	to, err := url.Parse(at)
	if err != nil || at == "" || to.Host == "" {
		return Handoff{}, fault.New(fault.NotFound, "NO_SIGN_IN", "the product %q has no sign-in for Annex", key).
			WithFix("its operator names signInUrl in product.yaml")
	}
	state, err := s.secret()
	if err != nil {
		return Handoff{}, fault.Op("session.Begin", err)
	}
	browser, err := s.secret()
	if err != nil {
		return Handoff{}, fault.Op("session.Begin", err)
	}
	of := ""
	if start.Session != nil {
		of = start.Session.ID
	}
	_, err = s.DB.Exec(ctx, addSignIn, newID(), hashOf("state", state), hashOf("browser", browser), key, LocalPath(start.Next), of,
		start.Decision, s.Now().Add(signInLife).UnixMilli())
	if err != nil {
		return Handoff{}, fault.Op("session.Begin", err)
	}
	q := to.Query()
	q.Set("state", state)
	if start.Decision != "" {
		q.Set("max_age", strconv.Itoa(int(MaxAge/time.Second)))
	}
	to.RawQuery = q.Encode()
	return Handoff{URL: to.String(), Browser: browser, Life: signInLife}, nil
}

// Exchange takes a product's assertion for a state, and gives the code that the product
// sends the browser back with. Both count once.
func (s *Service) Exchange(ctx context.Context, assertion, state string) (code string, err error) {
	a, err := s.Assertions.User(ctx, assertion)
	if err != nil {
		return "", err
	}
	return s.Answer(ctx, a, state)
}

// Answer is Exchange for what this server found out itself, at a product that has an
// authorization server in place of a back end that signs.
func (s *Service) Answer(ctx context.Context, a Assertion, state string) (code string, err error) {
	if a.Module != "" || a.Extension != nil {
		return "", refused("an assertion for a panel signs nobody in")
	}
	if a.State != "" && a.State != state {
		return "", refused("the assertion answers another sign-in")
	}
	if err := s.offers(ctx, a.Site, a.Product); err != nil {
		return "", err
	}
	if code, err = s.secret(); err != nil {
		return "", fault.Op("session.Exchange", err)
	}
	now := s.Now()
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		in, err := s.signIn(ctx, signInByState, hashOf("state", state))
		if err != nil {
			return err
		}
		if in.product != a.Product {
			return refused("another product was asked to sign the person in")
		}
		if err := s.use(ctx, a); err != nil {
			return err
		}
		if n, err := s.DB.Exec(ctx, spendState, hashOf("state", state)); err != nil || n != 1 {
			return errors.Join(err, refused("the sign-in was answered already"))
		}
		hash := hashOf("code", code)
		sealed, err := s.sealFacts(a.Site, "sign_in_codes", hash, a)
		if err != nil {
			return err
		}
		_, err = s.DB.Exec(ctx, addCode, hash, in.id, a.Site, a.User, a.Admin, a.AuthTime.UnixMilli(), a.Issued.UnixMilli(),
			earlier(a.Expires, a.Issued.Add(assertedLife)).UnixMilli(), now.Add(codeLife).UnixMilli(), sealed)
		return err
	})
	return code, fault.Op("session.Exchange", err)
}

// Begun refuses a state with which another browser was sent off than the one that keeps the
// secret, or none. Where this server finds out itself who is there, it asks before anybody is
// sent on: a state that somebody learnt takes nobody further.
func (s *Service) Begun(ctx context.Context, state, browser string) error {
	in, err := s.signIn(ctx, signInByState, hashOf("state", state))
	if err == nil && !in.isBegunBy(browser) {
		err = elsewhere()
	}
	return fault.Op("session.Begun", err)
}

// use counts an assertion; a second time it is refused.
func (s *Service) use(ctx context.Context, a Assertion) error {
	if a.ID == "" {
		return refused("the assertion has no id, so it could be used twice")
	}
	// The clock of whoever verifies may differ a little: a minute more is remembered.
	_, err := s.DB.Exec(ctx, useAssertion, hashOf("assertion", string(a.Product)+"\x00"+a.ID), a.Expires.Add(time.Minute).UnixMilli())
	if db.IsUnique(err) {
		return refused("the assertion was used before")
	}
	return err
}

// signIn is a row of sign_ins that is alive.
type signIn struct {
	id, browser       string
	product           id.Product
	next              string
	session, decision string
}

func (in *signIn) isBegunBy(browser string) bool {
	return browser != "" && subtle.ConstantTimeCompare([]byte(hashOf("browser", browser)), []byte(in.browser)) == 1
}

func elsewhere() error {
	return refused("this browser did not ask for the sign-in").
		WithFix("begin again from here; if somebody sent you a link, do not use it")
}

func (s *Service) signIn(ctx context.Context, by, key string) (in signIn, err error) {
	var expires int64
	err = s.DB.QueryRow(ctx, by, key).Scan(&in.id, &in.browser, (*string)(&in.product), &in.next, &in.session, &in.decision, &expires)
	if errors.Is(err, db.ErrNoRows) || err == nil && s.Now().UnixMilli() >= expires {
		return signIn{}, refused("this server did not ask for the sign-in, or it took too long")
	}
	return in, err
}

// Arrived is a browser that came back from the product.
type Arrived struct {
	Secret  string // of the session, for its cookie
	Session Session
	Next    string
	// Decision is the one that the sign-in was for, "" for none.
	Decision string
}

// Finish ends a sign-in in the browser that began it, and in no other. The code is spent
// whatever comes of it. The session has a secret that nobody knew before; old is the secret
// of the session that the browser had, which ends.
func (s *Service) Finish(ctx context.Context, code, browser, old string) (Arrived, error) {
	var (
		a       Assertion
		in      signIn
		until   int64
		refusal error
	)
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		var err error
		if a, in, until, err = s.takeCode(ctx, code); err != nil {
			refusal = err
			if fault.KindOf(err) == fault.Unauthenticated { // what was taken stays taken
				return nil
			}
			return err
		}
		refusal = nil
		_, err = s.DB.Exec(ctx, endSignIn, in.id)
		return err
	})
	if err == nil {
		err = refusal
	}
	if err != nil {
		return Arrived{}, fault.Op("session.Finish", err)
	}
	if !in.isBegunBy(browser) {
		return Arrived{}, elsewhere()
	}
	a.Product = in.product
	if err := s.offers(ctx, a.Site, a.Product); err != nil {
		return Arrived{}, err
	}
	secret, err := s.secret()
	if err != nil {
		return Arrived{}, fault.Op("session.Finish", err)
	}
	out := Arrived{Secret: secret, Next: in.next, Decision: in.decision}
	if in.decision == "" {
		out.Session, err = s.open(ctx, secret, old, a)
	} else {
		out.Session, err = s.vouch(ctx, secret, in, a, until)
	}
	return out, fault.Op("session.Finish", err)
}

func (s *Service) takeCode(ctx context.Context, code string) (a Assertion, in signIn, until int64, err error) {
	var (
		of                      string
		auth, asserted, expires int64
		sealed                  []byte
	)
	hash := hashOf("code", code)
	err = s.DB.QueryRow(ctx, takeCode, hash).Scan(&of, (*string)(&a.Site), (*string)(&a.User), &a.Admin, &auth, &asserted, &until, &expires, &sealed)
	switch {
	case errors.Is(err, db.ErrNoRows):
		return a, in, 0, refused("the code is not known, or was used")
	case err != nil:
		return a, in, 0, err
	case s.Now().UnixMilli() >= expires:
		return a, in, 0, refused("the code is older than %d seconds", int(codeLife/time.Second))
	}
	f, err := s.openFacts(a.Site, "sign_in_codes", hash, sealed)
	if err != nil {
		return a, in, 0, err
	}
	a.Name, a.Locale, a.TimeZone = f.Name, f.Locale, f.TimeZone
	a.AuthTime, a.Issued = time.UnixMilli(auth), time.UnixMilli(asserted)
	in, err = s.signIn(ctx, signInByID, of)
	return a, in, until, err
}

// open makes a session, and ends the one that the browser had.
func (s *Service) open(ctx context.Context, secret, old string, a Assertion) (Session, error) {
	row := newID()
	sealed, err := s.sealFacts(a.Site, "people_sessions", row, a)
	if err != nil {
		return Session{}, err
	}
	now := s.Now()
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		if err := s.demoted(ctx, a); err != nil {
			return err
		}
		if old != "" {
			if _, err := s.DB.Exec(ctx, endSession, hashOf("console", old)); err != nil {
				return err
			}
		}
		_, err := s.DB.Exec(ctx, addSession, row, hashOf("console", secret), a.Site, a.Product, a.User, "", a.Admin, a.Issued.UnixMilli(),
			now.UnixMilli(), now.Add(sessionLife).UnixMilli(), sealed)
		return err
	})
	return sessionOf(row, secret, a), err
}

func sessionOf(row, secret string, a Assertion) Session {
	return Session{ID: row, Site: a.Site, Product: a.Product, User: a.User, Name: a.Name, Locale: a.Locale, TimeZone: a.TimeZone,
		Admin: a.Admin, Asserted: a.Issued, CSRF: csrfOf(secret)}
}

// vouch says of a decision that the product vouches for the admin now. It must be the same
// person, an admin still, who proved who they are a short while ago.
func (s *Service) vouch(ctx context.Context, secret string, in signIn, a Assertion, until int64) (Session, error) {
	var site id.Site
	var product id.Product
	var user id.User
	now := s.Now()
	sealed, err := s.sealFacts(a.Site, "people_sessions", in.session, a)
	if err != nil {
		return Session{}, err
	}
	var refusal error
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		refusal = nil
		err := s.DB.QueryRow(ctx, sessionByID, in.session, a.Site).Scan((*string)(&site), (*string)(&product), (*string)(&user))
		if errors.Is(err, db.ErrNoRows) || err == nil && (product != a.Product || user != a.User) {
			refusal = refused("another person came back from the product than the one who decides").
				WithFix("sign in to the product as the person who decides, and begin again")
			return nil
		}
		if err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, raiseSession, hashOf("console", secret), a.Admin, a.Issued.UnixMilli(), now.UnixMilli(), sealed, in.session, a.Site); err != nil {
			return err
		}
		if err := s.demoted(ctx, a); err != nil {
			return err
		}
		switch {
		case !a.Admin:
			refusal = fault.New(fault.Denied, "ADMIN_REQUIRED", "the product says that you are no admin of this site").
				WithFix("an admin of the site decides this")
		case now.Sub(a.AuthTime) > MaxAge:
			refusal = fault.New(fault.Denied, "STEP_UP_REQUIRED", "the product did not ask who you are within the last %d minutes", int(MaxAge/time.Minute)).
				WithFix("sign out of the product and in again, then decide")
		}
		if refusal != nil {
			_, err := s.DB.Exec(ctx, dropDecision, in.decision, in.session, a.Site)
			return err
		}
		_, err = s.DB.Exec(ctx, vouchDecision, until, in.decision, in.session, a.Site)
		return err
	})
	if err != nil {
		return Session{}, err
	}
	out := sessionOf(in.session, secret, a)
	if refusal != nil && fault.KindOf(refusal) == fault.Unauthenticated {
		return Session{}, refusal
	}
	return out, refusal
}

func (s *Service) demoted(ctx context.Context, a Assertion) error {
	if a.Admin || s.Demoted == nil {
		return nil
	}
	return s.Demoted(ctx, a.Site, a.Product, a.User)
}

func earlier(a, b time.Time) time.Time {
	if a.Before(b) {
		return a
	}
	return b
}

// LocalPath keeps a way back on this origin: a path of ours with its query, "/" for
// anything else. What a browser would read as another origin ("//x", "/\x", a tab inside)
// is nothing of ours.
func LocalPath(next string) string {
	if len(next) > 1000 || !strings.HasPrefix(next, "/") || strings.HasPrefix(next, "//") || strings.Contains(next, `\`) {
		return "/"
	}
	for _, r := range next {
		if r < 0x21 || r == 0x7f {
			return "/"
		}
	}
	u, err := url.Parse(next)
	if err != nil || u.Scheme != "" || u.Host != "" || u.Opaque != "" || strings.HasPrefix(u.Path, "//") || strings.HasPrefix(u.Path, "/sign-") || strings.HasPrefix(u.Path, "/openid/") || strings.HasPrefix(u.Path, "/oauth/") {
		return "/"
	}
	return next
}
