// Package session knows which person is in front of a browser. Its promise: a session
// begins only where a product vouched for the person to the very browser that asked
// (CONTRACTS 3), and what an admin decides stands on an assertion that the product made
// for that decision, so that a right which the product took back decides nothing, however
// old the session. No assertion is ever in a URL, and none counts twice.
//
// There are two kinds of sessions: those of the console, which a cookie holds, and those
// of the bridge, which a page keeps in memory and which see one panel, or one user's.
package session

import (
	"context"
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"io"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

const (
	// MaxAge is how long ago a person may have signed in to the product for a decision.
	MaxAge = 5 * time.Minute

	signInLife   = 10 * time.Minute // the person may have to type a password at the product
	codeLife     = 30 * time.Second
	decisionLife = 10 * time.Minute
	assertedLife = 2 * time.Minute // of what an assertion says for a decision: the longest that one lives
	idleLife     = 30 * time.Minute
	sessionLife  = 8 * time.Hour
	adminView    = 15 * time.Minute // how long an admin's pages are shown on one assertion
	bridgeLife   = 15 * time.Minute
	renewFor     = 30 * time.Minute // after its end a page's session may still be renewed
)

// Assertion is what a product's back end signed about a user.
type Assertion struct {
	ID       string // single use
	Product  id.Product
	Site     id.Site
	User     id.User
	Name     string
	Locale   string
	TimeZone string
	Admin    bool
	// State is the sign-in's that the product answers, if it says so.
	State    string
	AuthTime time.Time // when the person proved who they are to the product
	Issued   time.Time
	Expires  time.Time
	// Module and Extension are a panel's; a sign-in has none.
	Module    string
	Extension json.RawMessage

	page *ofPage // where no product vouched, but the console's own session
}

// Assertions verifies what products sign: signature, issuer, audience and times. Each kind
// of token has a function of its own, so that none passes for the other.
type Assertions interface {
	// User verifies what a back end says of a user. It never goes into a page.
	User(ctx context.Context, token string) (Assertion, error)
	// Panel verifies what a page holds for one place in it.
	Panel(ctx context.Context, token string) (Assertion, error)
}

// Products tells where a product's people sign in; key is the product's own, also for an alias.
type Products interface {
	SignIn(ctx context.Context, product string) (key id.Product, url string, err error)
}

// Sites tells whether a site has a product.
type Sites interface {
	SiteOffers(ctx context.Context, site id.Site, product id.Product) (has, development bool, err error)
}

// Sealer keeps what is personal unreadable at rest; *seal.Ring is one.
type Sealer interface {
	Seal(s seal.Subject, p seal.Purpose, at seal.Place, plain []byte) ([]byte, error)
	Open(s seal.Subject, p seal.Purpose, at seal.Place, sealed []byte) ([]byte, error)
}

// Config is what the service stands on. All but Now and Rand are required.
type Config struct {
	DB         *db.DB
	Sealer     Sealer
	Assertions Assertions
	Products   Products
	Sites      Sites
	// Demoted is told when a product says of somebody who signs in: no admin. It may be nil.
	Demoted func(ctx context.Context, site id.Site, product id.Product, user id.User) error
	// SignedOut is told of somebody who signs out, of the console or of the product; it may be nil.
	SignedOut func(ctx context.Context, site id.Site, product id.Product, user id.User) error
	Now       func() time.Time // time.Now when nil
	Rand      io.Reader        // crypto/rand when nil
}

// Service answers for sessions.
type Service struct{ Config }

// New makes the service; Migrations must have been applied to cfg.DB.
func New(cfg Config) *Service {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	return &Service{cfg}
}

// Session is a person who is signed in.
type Session struct {
	ID       string
	Site     id.Site
	Product  id.Product
	User     id.User
	Name     string
	Locale   string
	TimeZone string
	// Admin is what the last assertion said. It opens pages, and decides nothing.
	Admin bool
	// Asserted is when the product last vouched for the person.
	Asserted time.Time
	// CSRF is what each form of the session carries.
	CSRF string
}

// Principal is the person as a user of the product.
func (s *Session) Principal() id.Principal {
	return id.Principal{Kind: id.EndUser, Site: s.Site, Product: s.Product, User: s.User}
}

// admin is the person as an admin of the site. Account says for the audit who it was.
func (s *Session) admin() id.Principal {
	return id.Principal{Kind: id.SiteAdmin, Site: s.Site, Product: s.Product, User: s.User,
		Account: id.Account(string(s.Product) + "/" + string(s.User))}
}

// Viewer is the person as one who may see an admin's pages, ok if that may be shown now;
// stale says that the product has to be asked again first.
func (s *Session) Viewer(now time.Time) (p id.Principal, ok, stale bool) {
	if !s.Admin {
		return id.Principal{}, false, false
	}
	if now.Sub(s.Asserted) > adminView {
		return id.Principal{}, false, true
	}
	return s.admin(), true, false
}

// facts are what is personal about a session, sealed at rest.
type facts struct {
	Name      string          `json:"name,omitempty"`
	Locale    string          `json:"locale,omitempty"`
	TimeZone  string          `json:"timezone,omitempty"`
	Extension json.RawMessage `json:"extension,omitempty"`
	Page      *ofPage         `json:"page,omitempty"`
}

func (s *Service) sealFacts(site id.Site, table, row string, a Assertion) ([]byte, error) {
	plain, err := json.Marshal(facts{clip(a.Name, 200), clip(a.Locale, 40), clip(a.TimeZone, 60), a.Extension, a.page})
	if err != nil {
		return nil, err
	}
	return s.Sealer.Seal(seal.ForSite(site), seal.Session, factsAt(table, row), plain)
}

func (s *Service) openFacts(site id.Site, table, row string, sealed []byte) (f facts, err error) {
	plain, err := s.Sealer.Open(seal.ForSite(site), seal.Session, factsAt(table, row), sealed)
	if err != nil {
		return f, err
	}
	return f, json.Unmarshal(plain, &f)
}

func factsAt(table, row string) seal.Place {
	return seal.Place{Table: table, Column: "facts", Row: row}
}

func clip(text string, most int) string {
	if r := []rune(text); len(r) > most {
		return string(r[:most])
	}
	return text
}

func newID() string { return uuid.Must(uuid.NewV7()).String() }

// secret makes 256 random bits as text.
func (s *Service) secret() (string, error) {
	var bits [32]byte
	if _, err := io.ReadFull(s.Rand, bits[:]); err != nil {
		return "", err
	}
	return base64.RawURLEncoding.EncodeToString(bits[:]), nil
}

// hashOf is what is stored of a secret: 256 random bits cannot be guessed backwards, and
// a look-up by hash compares no secret byte by byte. use keeps secrets of different uses apart.
func hashOf(use, secret string) string {
	sum := sha256.Sum256([]byte(use + "\x00" + secret))
	return hex.EncodeToString(sum[:])
}

// csrfOf binds forms to the session: whoever cannot read the cookie cannot make it.
func csrfOf(secret string) string {
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte("annex form"))
	return base64.RawURLEncoding.EncodeToString(mac.Sum(nil)[:18])
}

// offers refuses sites that do not have the product (any more).
func (s *Service) offers(ctx context.Context, site id.Site, product id.Product) error {
	has, _, err := s.Sites.SiteOffers(ctx, site, product)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return err
	}
	if err != nil || !has {
		return refused("the product vouched for a user of a site that does not have it")
	}
	return nil
}

func refused(format string, args ...any) *fault.Error {
	return fault.New(fault.Unauthenticated, "SIGN_IN_REFUSED", format, args...)
}

func expired() error {
	return fault.New(fault.Unauthenticated, "SESSION_EXPIRED", "the page's session is over").WithFix("put another token on the element, or open another session with one")
}

func signedOut() error {
	return fault.New(fault.Unauthenticated, "SIGNED_OUT", "nobody is signed in").WithFix("sign in through the product")
}
