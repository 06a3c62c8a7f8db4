package signer

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

const (
	// InvocationLife is how long an invocation token counts.
	InvocationLife = 25 * time.Second
	// InvocationIssuer is what remotes that were written for Forge expect.
	InvocationIssuer = "forge/invocation-token"
)

// Invocation says what a remote is told of the call that is made of it. docs/PROTOCOL.md
// has the claims. Audience, App, Remote, URL and Method are required.
type Invocation struct {
	// Audience is the app's ARI for a remote with a fixed URL, the endpoint's origin for one
	// whose URL an admin set.
	Audience string
	App      any // an object: what the app is, where it is installed, which module calls
	Context  any // what stands around the module, of calls of a front end; or nil
	// Principal is the product's id of the user who is present, "" for none.
	Principal string
	Remote    string // the remote's key
	URL       string // that is called, without its query
	Method    string
}

// invocationClaims has the order of docs/PROTOCOL.md.
type invocationClaims struct {
	Issuer    string `json:"iss"`
	Server    string `json:"server"`
	Audience  string `json:"aud"`
	App       any    `json:"app"`
	Context   any    `json:"context,omitempty"`
	Principal string `json:"principal,omitempty"`
	Remote    string `json:"remote"`
	URL       string `json:"htu"`
	Method    string `json:"htm"`
	IssuedAt  int64  `json:"iat"`
	NotBefore int64  `json:"nbf"`
	Expires   int64  `json:"exp"`
	ID        string `json:"jti"`
}

// Invocation makes the token that one request to a remote carries.
func (s *Signer) Invocation(ctx context.Context, i Invocation) (string, error) {
	if i.Audience == "" || i.App == nil || i.Remote == "" || i.URL == "" || i.Method == "" {
		return "", fault.New(fault.Internal, "TOKEN_INCOMPLETE", "an invocation token was asked for without all that it says")
	}
	k, now, err := s.late(ctx, invocation)
	if err != nil {
		return "", fault.Op("signer.Invocation", err)
	}
	issued := now.Truncate(time.Second)
	claims, err := json.Marshal(invocationClaims{
		Issuer: InvocationIssuer, Server: s.Issuer, Audience: i.Audience, App: i.App, Context: i.Context, Principal: i.Principal,
		Remote: i.Remote, URL: i.URL, Method: i.Method,
		IssuedAt: issued.Unix(), NotBefore: issued.Unix(), Expires: issued.Add(InvocationLife).Unix(), ID: rand.Text(),
	})
	if err != nil {
		return "", fault.Op("signer.Invocation", err)
	}
	signed, err := k.signer.Sign(claims)
	if err != nil {
		return "", fault.Op("signer.Invocation", err)
	}
	token, err := signed.CompactSerialize()
	return token, fault.Op("signer.Invocation", err)
}

// late is the key that a family signs with now, whose first one is made when it is needed.
func (s *Signer) late(ctx context.Context, f family) (*key, time.Time, error) {
	if s.state.Load().newest(f) == nil {
		if err := s.first(ctx, f); err != nil {
			return nil, time.Time{}, err
		}
	}
	now := s.Now()
	k := s.state.Load().signing(f, now)
	if k == nil {
		return nil, now, fault.New(fault.Unavailable, "NO_SIGNING_KEY", "there is no key to sign with at present").WithFix("try again")
	}
	return k, now, nil
}

// first makes a family's first key; of several servers that do so at once, all use one.
func (s *Signer) first(ctx context.Context, f family) error {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.state.Load().newest(f) != nil {
		return nil
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), patience)
	defer cancel()
	if err := s.add(ctx, f, s.Now(), clock, false); err != nil {
		return err
	}
	return s.load(ctx)
}
