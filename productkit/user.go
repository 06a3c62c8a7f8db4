package productkit

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"regexp"
	"time"

	"github.com/annexhq/annex/internal/core/compact"
)

const (
	// assertionLife is how long an assertion counts; the protocol allows maxAssertion.
	assertionLife = 60 * time.Second
	maxAssertion  = 120 * time.Second
	maxExtension  = 8 << 10
)

// User is what a product says of one of its users, signed. It says it to one Annex server,
// once, and for two minutes at most.
type User struct {
	Product  string // the product's key
	Audience string // the ui origin of the Annex server
	Site     string // the site's id
	ID       string // the product's own id of the user
	Name     string
	Locale   string // "en-GB"
	Timezone string // "Europe/Berlin"
	// Admin says that the user administers the site now. It is never taken from anywhere
	// but a fresh assertion.
	Admin bool
	// AuthTime is when the user last proved who they are: a password, not a cookie.
	AuthTime time.Time
	// State is the sign-in's that this answers, "" otherwise.
	State string

	// TokenID, IssuedAt and Expires are set in a verified assertion.
	TokenID           string
	IssuedAt, Expires time.Time
}

// Panel is a User in one place of the product's pages. Apps act on what Extension says, so
// it is signed: the page's own attributes are the user's to edit.
type Panel struct {
	User
	Module    string         // the module's type, "tracker:issuePanel"
	Extension map[string]any // the context object, for instance {"issue": {"key": "TRK-1"}}
}

// userClaims has the order of docs/PROTOCOL.md.
type userClaims struct {
	Issuer   string `json:"iss"`
	Audience string `json:"aud"`
	Subject  string `json:"sub"`
	Site     string `json:"site"`
	Name     string `json:"name"`
	Locale   string `json:"locale"`
	Timezone string `json:"timezone"`
	Admin    bool   `json:"admin"`
	AuthTime int64  `json:"auth_time"`
	State    string `json:"state,omitempty"`
	IssuedAt int64  `json:"iat"`
	Expires  int64  `json:"exp"`
	ID       string `json:"jti"`
}

type panelClaims struct {
	userClaims
	Module    string         `json:"module"`
	Extension map[string]any `json:"extension"`
}

func (u User) claims(now time.Time) userClaims {
	return userClaims{
		Issuer: u.Product, Audience: u.Audience, Subject: u.ID, Site: u.Site, Name: u.Name, Locale: u.Locale, Timezone: u.Timezone,
		Admin: u.Admin, AuthTime: u.AuthTime.Unix(), State: u.State, IssuedAt: now.Unix(), Expires: now.Add(assertionLife).Unix(), ID: rand.Text(),
	}
}

// SignUser says who a user is, for signing in to Annex. It goes from back end to back end,
// never into a page or a URL.
func SignUser(k *Key, u User) (string, error) {
	token, err := k.sign(userType, u.claims(time.Now()))
	if err != nil {
		return "", err
	}
	// What the server would refuse fails here, where the mistake is.
	_, err = VerifyUser(context.Background(), token, Expect{Product: u.Product, Audience: u.Audience, Keys: k.public()})
	return token, err
}

// SignPanel says who a user is and where in the product a panel stands: the token of
// <annex-panel>. Sign one for each panel and page view.
func SignPanel(k *Key, p Panel) (string, error) {
	token, err := k.sign(panelType, panelClaims{p.claims(time.Now()), p.Module, p.Extension})
	if err != nil {
		return "", err
	}
	_, err = VerifyPanel(context.Background(), token, Expect{Product: p.Product, Audience: p.Audience, Keys: k.public()})
	return token, err
}

func (k *Key) public() *KeySet {
	set, err := ParseKeySet(PublicKeys(k))
	if err != nil {
		panic(err) // written by PublicKeys
	}
	return set
}

// Expect says which assertion or event is expected. Audience and Keys are required.
type Expect struct {
	// Product is whose it must be; "" takes any that Keys has keys for.
	Product  string
	Audience string
	Keys     KeySource
	Now      time.Time // the present when zero
}

func (e Expect) now() time.Time {
	if e.Now.IsZero() {
		return time.Now()
	}
	return e.Now
}

// VerifyUser verifies a user assertion. That its id was not used before is the caller's
// to see to.
func VerifyUser(ctx context.Context, token string, e Expect) (*User, error) {
	c, err := open(ctx, token, userType, maxToken, e.Keys)
	if err != nil {
		return nil, err
	}
	r := &reader{claims: c}
	u := readUser(r, e)
	if r.err != nil {
		return nil, r.err
	}
	return u, nil
}

// VerifyPanel verifies a panel token, likewise.
func VerifyPanel(ctx context.Context, token string, e Expect) (*Panel, error) {
	c, err := open(ctx, token, panelType, maxToken, e.Keys)
	if err != nil {
		return nil, err
	}
	r := &reader{claims: c}
	p := &Panel{User: *readUser(r, e), Module: r.text("module", 200)}
	extension, err := compact.Object(c["extension"])
	if err != nil || len(c["extension"]) > maxExtension || json.Unmarshal(c["extension"], &p.Extension) != nil || extension == nil {
		r.bad("extension", "an object of at most 8 KiB")
	}
	if r.err != nil {
		return nil, r.err
	}
	return p, nil
}

var (
	localeForm   = regexp.MustCompile(`^[A-Za-z]{2,8}(-[A-Za-z0-9]{1,8}){0,5}$`)
	timezoneForm = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_+-]*(/[A-Za-z0-9_+-]+){0,3}$`)
	idForm       = regexp.MustCompile(`^[A-Za-z0-9._:-]{16,128}$`)
)

func readUser(r *reader, e Expect) *User {
	now := e.now()
	r.from(e.Product, e.Audience)
	u := &User{Product: r.text("iss", 500), Audience: e.Audience}
	u.IssuedAt, u.Expires = r.times(now, maxAssertion)
	u.ID, u.Site, u.Name = r.text("sub", 255), r.text("site", 200), r.text("name", 300)
	u.Locale, u.Timezone, u.TokenID = r.text("locale", 50), r.text("timezone", 64), r.text("jti", 128)
	u.Admin, u.AuthTime, u.State = r.flag("admin"), r.seconds("auth_time"), r.optional("state", 200)
	switch {
	case r.err != nil:
	case !localeForm.MatchString(u.Locale):
		r.bad("locale", "a language tag, such as en-GB")
	case !timezoneForm.MatchString(u.Timezone):
		r.bad("timezone", "a time zone, such as Europe/Berlin")
	case !idForm.MatchString(u.TokenID):
		r.bad("jti", "16 to 128 letters, digits and . _ : -")
	case now.Add(leeway).Before(u.AuthTime):
		r.bad("auth_time", "in the past")
	}
	return u
}
