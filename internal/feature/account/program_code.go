package account

import (
	"context"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"encoding/json"
	"net"
	"net/url"
	"slices"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// A program that runs where its user's browser does can have the browser come back to it
// (OAuth 2.1's authorization code): no code is typed then. What comes back by the browser
// is worth nothing to others: the token is given to whoever has the secret whose hash came with
// the question (PKCE), once, within a minute.

const (
	// CodeLife is how long a program has to fetch its token.
	CodeLife = time.Minute
	// codeKept is how long a used code is known, so that its second use ends the token.
	codeKept   = ProgramLife
	codeSecret = "code"

	maxRedirects = 5
	maxRedirect  = 300
	clientPrefix = "anx-client."
)

// Client is what a program says of itself. Nobody keeps it: its id is what it said.
type Client struct {
	Name      string   `json:"n"`
	Redirects []string `json:"r"`
}

// ClientID is the id of a program that registers (RFC 7591). There is nothing to keep: whoever
// asks may register whatever it likes, so its word alone is as good as a row of it.
func ClientID(c Client) (string, error) {
	if err := c.check(); err != nil {
		return "", err
	}
	text, err := json.Marshal(c)
	return clientPrefix + base64.RawURLEncoding.EncodeToString(text), err
}

// ReadClient is the program that has an id.
func ReadClient(clientID string) (c Client, err error) {
	unknown := fault.New(fault.Usage, "INVALID_CLIENT", "the client_id is none that this server gave").WithFix("register the program anew")
	text, ok := strings.CutPrefix(clientID, clientPrefix)
	raw, err := base64.RawURLEncoding.DecodeString(text)
	if !ok || err != nil || len(raw) > 4096 || json.Unmarshal(raw, &c) != nil || c.check() != nil {
		return Client{}, unknown
	}
	return c, nil
}

func (c Client) check() error {
	if plainText(c.Name, 60) == "" {
		return fault.New(fault.Usage, "INVALID_CLIENT_METADATA", "client_name is what the program calls itself")
	}
	if len(c.Redirects) == 0 || len(c.Redirects) > maxRedirects {
		return fault.New(fault.Usage, "INVALID_REDIRECT_URI", "one to %d redirect_uris are needed", maxRedirects)
	}
	for _, r := range c.Redirects {
		u, err := url.Parse(r)
		if err == nil && !plainHost(u.Host) {
			return fault.New(fault.Usage, "INVALID_REDIRECT_URI", "the host of a redirect URI is written in ASCII, one of other letters as xn--…")
		}
		if err != nil || len(r) > maxRedirect || u.Host == "" || u.User != nil || u.Fragment != "" || strings.Contains(r, "#") ||
			u.Scheme != "https" && (u.Scheme != "http" || !loopback(u.Hostname())) {
			return fault.New(fault.Usage, "INVALID_REDIRECT_URI", "a redirect URI is https, or http on this machine (127.0.0.1, [::1], localhost), without a fragment")
		}
	}
	return nil
}

// plainHost says whether a host can be shown to a person: letters of other scripts look like
// another host's, and what turns the reading direction makes another one of it.
func plainHost(host string) bool {
	return !strings.ContainsFunc(host, func(c rune) bool {
		return !(c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.ContainsRune(".-:[]", c))
	})
}

// Redirect says whether browsers may be sent there. A program on its user's machine gets
// whatever port is free (RFC 8252).
func (c Client) Redirect(to string) bool {
	return slices.ContainsFunc(c.Redirects, func(r string) bool { return r == to || anyPort(r) != "" && anyPort(r) == anyPort(to) })
}

// anyPort is an address on the user's machine without its port, "" for any other.
func anyPort(text string) string {
	u, err := url.Parse(text)
	if err != nil || u.Scheme != "http" || !loopback(u.Hostname()) || u.User != nil || strings.Contains(text, "#") {
		return ""
	}
	u.Host = u.Hostname()
	return u.String()
}

func loopback(host string) bool {
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// Asking is what a program asks of its user by the browser.
type Asking struct {
	ClientID, Redirect string
	Challenge          string // the SHA-256 of the secret with which the token is fetched
	Site               id.Site
}

// ReadAsking checks what a program asks, but for the site.
func ReadAsking(a Asking) (Client, error) {
	c, err := ReadClient(a.ClientID)
	if err != nil {
		return c, err
	}
	if !c.Redirect(a.Redirect) {
		return c, fault.New(fault.Usage, "INVALID_REDIRECT_URI", "the program is not registered with that redirect_uri").WithFix("register the program anew")
	}
	return c, nil
}

// AllowProgram lets a program act for the user who was asked, and gives the code with which
// it fetches its token.
func (s *Service) AllowProgram(ctx context.Context, user id.Principal, a Asking) (code string, err error) {
	who, err := userOf(user)
	if err != nil {
		return "", err
	}
	c, err := ReadAsking(a)
	if err != nil {
		return "", err
	}
	if a.Site != who.Site {
		return "", fault.New(fault.Denied, "ANOTHER_SITE", "the program asks for another site than the one you are signed in to")
	}
	if sum, err := base64.RawURLEncoding.DecodeString(a.Challenge); err != nil || len(sum) != sha256.Size {
		return "", fault.New(fault.Usage, "INVALID_CHALLENGE", "code_challenge is no SHA-256 in base64url")
	}
	if code, err = newSecret(s.Rand, codeSecret); err != nil {
		return "", err
	}
	now := s.Now()
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		if _, err := s.DB.Exec(ctx, oldCodes, now.Add(-codeKept).UnixMilli()); err != nil {
			return err
		}
		_, err := s.DB.Exec(ctx, addCode, hashOf(code), hashOf(a.ClientID), a.Redirect, a.Challenge, plainText(c.Name, 60), who.Site, who.Product, who.User, now.Add(CodeLife).UnixMilli())
		return err
	})
	return code, fault.Op("account.AllowProgram", err)
}

// RedeemProgram gives the token for a code, once. A code that comes a second time is in
// wrong hands, so the token that it was exchanged for ends.
func (s *Service) RedeemProgram(ctx context.Context, code, clientID, redirect, verifier string, site id.Site) (Token, string, error) {
	invalid := fault.New(fault.Invalid, "INVALID_GRANT", "the code is unknown, used or too old, or is another program's").WithFix("begin again")
	var (
		out     Token
		secret  string
		refusal error
	)
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		refusal = nil
		now := s.Now().Truncate(time.Millisecond)
		var who Person
		var client, to, challenge, name, token string
		var expires int64
		err := s.DB.QueryRow(ctx, codeByHash, hashOf(code)).Scan(&client, &to, &challenge, &name, (*string)(&who.Site), (*string)(&who.Product), (*string)(&who.User), &token, &expires)
		if isNoRows(err) {
			refusal = invalid
			return nil
		}
		if err != nil {
			return err
		}
		if token != "" {
			refusal = invalid
			_, err := s.DB.Exec(ctx, endProgram, now.UnixMilli(), token, who.Site, who.Product, who.User)
			return err
		}
		sum := sha256.Sum256([]byte(verifier))
		proves := subtle.ConstantTimeCompare([]byte(base64.RawURLEncoding.EncodeToString(sum[:])), []byte(challenge)) == 1 && len(verifier) >= 43 && len(verifier) <= 128
		if now.UnixMilli() >= expires || client != hashOf(clientID) || to != redirect || !proves || site != who.Site {
			refusal = invalid // and nobody tries again with it
			_, err := s.DB.Exec(ctx, dropCode, hashOf(code))
			return err
		}
		if out, secret, err = s.putProgram(ctx, who, "", name, now); err != nil {
			return err
		}
		_, err = s.DB.Exec(ctx, useCode, string(out.ID), hashOf(code))
		return err
	})
	if err == nil {
		err = refusal
	}
	if refusal != nil {
		s.forget()
	}
	if err != nil {
		return Token{}, "", fault.Op("account.RedeemProgram", err)
	}
	return out, secret, nil
}
