package signer

import (
	"context"
	"crypto/rand"
	"encoding/json"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

const (
	// ContextLife is how long a context token counts.
	ContextLife = 15 * time.Minute
	// ContextIssuer and ContextAudience are what apps that were written for Forge expect.
	ContextIssuer   = "forge/context-token"
	ContextAudience = "forge"
)

// Context says in whose place a function runs that nobody called: docs/PROTOCOL.md has the
// claims. A token of it opens nothing. An app sends it to a back end of its own, which learns
// by it that this server ran the module there. Every field is required.
type Context struct {
	Site, Module string
	// ExtensionID is the module's ARI, ExtensionType its type with "core:" before it.
	ExtensionID, ExtensionType string
	ContextIDs                 []string // ARIs of where the app is installed
	AppID                      string   // ARI
	AppVersion                 string
	Installation               string // ARI
}

// contextClaims has the order of docs/PROTOCOL.md.
type contextClaims struct {
	Issuer        string         `json:"iss"`
	Server        string         `json:"server"`
	Audience      string         `json:"aud"`
	Context       contextOfToken `json:"context"`
	ExtensionID   string         `json:"extensionId"`
	ExtensionType string         `json:"extensionType"`
	ContextIDs    []string       `json:"contextIds"`
	AppID         string         `json:"appId"`
	AppVersion    string         `json:"appVersion"`
	Installation  string         `json:"installationId"`
	Unlicensed    bool           `json:"unlicensed"`
	IssuedAt      int64          `json:"iat"`
	NotBefore     int64          `json:"nbf"`
	Expires       int64          `json:"exp"`
	ID            string         `json:"jti"`
}

type contextOfToken struct {
	CloudID   string `json:"cloudId"`
	ModuleKey string `json:"moduleKey"`
}

// Context makes the token that a call without a user is given.
func (s *Signer) Context(ctx context.Context, c Context) (string, error) {
	for _, text := range []string{c.Site, c.Module, c.ExtensionID, c.ExtensionType, c.AppID, c.AppVersion, c.Installation} {
		if text == "" || len(c.ContextIDs) == 0 {
			return "", fault.New(fault.Internal, "TOKEN_INCOMPLETE", "a context token was asked for without all that it says")
		}
	}
	k, now, err := s.late(ctx, surroundings)
	if err != nil {
		return "", fault.Op("signer.Context", err)
	}
	issued := now.Truncate(time.Second)
	claims, err := json.Marshal(contextClaims{
		Issuer: ContextIssuer, Server: s.Issuer, Audience: ContextAudience, Context: contextOfToken{c.Site, c.Module},
		ExtensionID: c.ExtensionID, ExtensionType: c.ExtensionType, ContextIDs: c.ContextIDs,
		AppID: c.AppID, AppVersion: c.AppVersion, Installation: c.Installation,
		IssuedAt: issued.Unix(), NotBefore: issued.Unix(), Expires: issued.Add(ContextLife).Unix(), ID: rand.Text(),
	})
	if err != nil {
		return "", fault.Op("signer.Context", err)
	}
	signed, err := k.signer.Sign(claims)
	if err != nil {
		return "", fault.Op("signer.Context", err)
	}
	token, err := signed.CompactSerialize()
	return token, fault.Op("signer.Context", err)
}
