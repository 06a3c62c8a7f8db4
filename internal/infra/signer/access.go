package signer

import (
	"crypto/rand"
	"encoding/json"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/fault"
)

// AccessLife is how long a token for a product counts.
const AccessLife = 60 * time.Second

// Access says what a token for a product is for: an access token of RFC 9068, as
// docs/PROTOCOL.md has it. Every field but Scope is required.
type Access struct {
	Audience string // the product's key
	// Subject is "user:" and the product's own id of the user on whose behalf the call is
	// made, or "app:" and the installation for the app's own account.
	Subject string
	// ClientID is the app's id.
	ClientID string
	// Actor is the app that makes the call (RFC 8693).
	Actor Actor
	// Scope is what the operation needs; none for one that is open to every app.
	Scope        []string
	Site         string
	Installation string
	// Blocked are the product's containers from which an access rule keeps the app, by type;
	// none for no rule.
	Blocked map[string][]string
}

// Actor is who makes a call: "app:" and the installation, and the app's name for people.
type Actor struct {
	Subject string `json:"sub"`
	Name    string `json:"name,omitempty"`
}

// accessClaims has the order of docs/PROTOCOL.md.
type accessClaims struct {
	Issuer       string `json:"iss"`
	Audience     string `json:"aud"`
	Subject      string `json:"sub"`
	ClientID     string `json:"client_id"`
	Actor        Actor  `json:"act"`
	Scope        string `json:"scope"`
	Site         string `json:"site"`
	Installation string `json:"installation"`
	// Blocked is absent where no rule concerns the app.
	Blocked  map[string][]string `json:"blocked,omitempty"`
	IssuedAt int64               `json:"iat"`
	Expires  int64               `json:"exp"`
	ID       string              `json:"jti"`
}

// Access makes a token for one product. It reads nothing from the database: whoever calls
// it has decided, on the present policy, that the call may be made.
func (s *Signer) Access(a Access) (token string, expires time.Time, err error) {
	if missing := a.missing(); missing != "" {
		return "", time.Time{}, fault.New(fault.Internal, "TOKEN_INCOMPLETE", "a token for a product was asked for without %s", missing)
	}
	a.Actor.Name = readable(a.Actor.Name)
	now := s.Now()
	k := s.state.Load().signing(access, now)
	if k == nil {
		return "", time.Time{}, fault.New(fault.Unavailable, "NO_SIGNING_KEY", "there is no key to sign with at present").WithFix("try again")
	}
	issued := now.Truncate(time.Second)
	expires = issued.Add(AccessLife)
	claims, err := json.Marshal(accessClaims{
		Issuer: s.Issuer, Audience: a.Audience, Subject: a.Subject, ClientID: a.ClientID, Actor: a.Actor,
		Scope: strings.Join(a.Scope, " "), Site: a.Site, Installation: a.Installation, Blocked: a.Blocked,
		IssuedAt: issued.Unix(), Expires: expires.Unix(), ID: rand.Text(),
	})
	if err != nil {
		return "", time.Time{}, fault.Op("signer.Access", err)
	}
	signed, err := k.signer.Sign(claims)
	if err != nil {
		return "", time.Time{}, fault.Op("signer.Access", err)
	}
	token, err = signed.CompactSerialize()
	return token, expires, fault.Op("signer.Access", err)
}

// ReuseAccess is Access, or a token that was made for the very same in the last moments: a
// signature costs more than all else of a short call. Whoever calls it has decided on this
// call too. No token of a key that signs no more comes from here.
func (s *Signer) ReuseAccess(a Access) (token string, expires time.Time, err error) {
	now := s.Now()
	k := s.state.Load().signing(access, now)
	what := reusable{a.Audience, a.Subject, a.ClientID, a.Actor, strings.Join(a.Scope, " "), a.Site, a.Installation, blockedKey(a.Blocked)}
	if was, ok := s.recent.Get(what); ok && k != nil && was.kid == k.kid && !now.Before(was.made) && now.Sub(was.made) < accessReuse {
		return was.token, was.expires, nil
	}
	if token, expires, err = s.Access(a); err == nil && k != nil {
		s.recent.Add(what, recent{k.kid, token, now, expires})
	}
	return token, expires, err
}

const (
	// accessReuse is how long a token is given out again: what is left of its life then is
	// more than a request may take.
	accessReuse = 20 * time.Second
	// maxRecent bounds the tokens that are kept to be given out again.
	maxRecent = 4096
)

// reusable is all that a token says but when it was made and its id.
type reusable struct {
	audience, subject, client string
	actor                     Actor
	scope, site, installation string
	blocked                   string
}

// blockedKey tells two sets of blocked containers apart.
func blockedKey(blocked map[string][]string) string {
	if len(blocked) == 0 {
		return ""
	}
	text, err := json.Marshal(blocked) // its keys are sorted
	if err != nil {
		return rand.Text() // texts only: never
	}
	return string(text)
}

type recent struct {
	kid, token    string
	made, expires time.Time
}

func (a Access) missing() string {
	for _, f := range [][2]string{{"audience", a.Audience}, {"subject", a.Subject}, {"client", a.ClientID}, {"actor", a.Actor.Subject},
		{"site", a.Site}, {"installation", a.Installation}} {
		if f[1] == "" {
			return f[0]
		}
	}
	for _, s := range a.Scope {
		if s == "" || strings.ContainsAny(s, " \t\r\n\"\\") {
			return "a scope that can be written"
		}
	}
	return ""
}

// readable is a name as verifiers take it: without control characters, and not too long.
func readable(name string) string {
	const most = 200
	name = strings.Map(func(c rune) rune {
		if unicode.IsControl(c) || c == unicode.ReplacementChar {
			return -1
		}
		return c
	}, name)
	for i := range name {
		if i+utf8.UTFMax > most {
			return name[:i]
		}
	}
	return name
}
