package remotekit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/annexhq/annex/internal/core/compact"
)

// Call is who calls, as the server says.
type Call struct {
	ID      string // the token's; it is used once
	Remote  string // the remote's key
	Method  string
	URL     string // that was called, without its query
	Issued  time.Time
	Expires time.Time
	// Principal is the product's id of the user who is present, "" where nobody is.
	Principal string
	App       App
	// Context is what stands around the module, of calls that a front end makes; nil otherwise.
	Context json.RawMessage

	issuer, server, audience string
	begins                   time.Time
}

// App is the app that calls, and where it is installed.
type App struct {
	ID      string `json:"id"` // its ARI
	Version string `json:"appVersion"`
	// Installation is the ARI of the installation: what was sent is kept by it.
	Installation string `json:"installationId"`
	// APIBaseURL is where the tokens of the gateway count, if the request has any.
	APIBaseURL  string `json:"apiBaseUrl"`
	Environment struct {
		Type string `json:"type"`
		ID   string `json:"id"`
	} `json:"environment"`
	Module struct {
		Type string `json:"type"`
		Key  string `json:"key"`
	} `json:"module"`
}

// Reason says why a token is refused.
type Reason string

// The reasons for which a token is refused.
const (
	Malformed    Reason = "malformed"   // not one compact token of this kind in canonical form
	UnknownKey   Reason = "unknown_key" // no key of the server has the kid
	BadSign      Reason = "signature"   // the signature is not the key's
	BadClaim     Reason = "claim"       // a claim is missing or is not what it must be
	WrongServer  Reason = "issuer"      // of another server
	WrongRemote  Reason = "audience"    // for another remote
	WrongRequest Reason = "request"     // for another method or URL
	Expired      Reason = "expired"     // too late, too early, or for too long
	Replayed     Reason = "replayed"    // used already
	NoKeys       Reason = "no_keys"     // the server's keys, or what was used, cannot be had at present
)

// Error is the refusal of a token. It holds nothing of the token.
type Error struct {
	Reason Reason
	Detail string
	err    error
}

// Error says why.
func (e *Error) Error() string {
	return "remotekit: the token is refused (" + string(e.Reason) + "): " + e.Detail
}

// Unwrap gives the cause, if there is one.
func (e *Error) Unwrap() error { return e.err }

// ReasonOf is the reason of a refusal, "" for another error.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

func refuse(r Reason, format string, args ...any) *Error {
	return &Error{Reason: r, Detail: fmt.Sprintf(format, args...)}
}

// opened reads a token and verifies its signature. Everything that two implementations could
// read differently is refused before any key is looked at.
func opened(ctx context.Context, token string, keys KeySource) (claims map[string]json.RawMessage, err error) {
	if len(token) > maxToken {
		return nil, refuse(Malformed, "it has more than %d bytes", maxToken)
	}
	head, payload, err := compact.Split(token)
	if err != nil {
		return nil, refuse(Malformed, "%v", err)
	}
	kid, err := keyID(head)
	if err != nil {
		return nil, err
	}
	if claims, err = compact.Object(payload); err != nil {
		return nil, refuse(Malformed, "its claims: %v", err)
	}
	key, err := keys.Key(ctx, kid)
	if err != nil {
		return nil, &Error{Reason: NoKeys, Detail: "the server's keys cannot be had at present", err: err}
	}
	if key == nil {
		return nil, refuse(UnknownKey, "the server has no such key")
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return nil, &Error{Reason: Malformed, Detail: "it is no signed token", err: err}
	}
	if verified, err := signed.Verify(key); err != nil || !bytes.Equal(verified, payload) {
		return nil, refuse(BadSign, "it was not signed with that key")
	}
	return claims, nil
}

// keyID takes a header of exactly three members: nothing in a token says which rule counts.
func keyID(head []byte) (string, error) {
	h, err := compact.Object(head)
	if err != nil {
		return "", refuse(Malformed, "its header: %v", err)
	}
	kid := text(h, "kid")
	if len(h) != 3 || text(h, "alg") != string(jose.RS256) || text(h, "typ") != tokenType || kid == "" {
		return "", refuse(Malformed, "its header is not alg RS256, typ %s and kid", tokenType)
	}
	return kid, nil
}

// text is a claim that is a text, "" for anything else.
func text(c map[string]json.RawMessage, name string) (s string) {
	if raw := c[name]; len(raw) == 0 || raw[0] != '"' || json.Unmarshal(raw, &s) != nil {
		return ""
	}
	return s
}

// seconds is a claim that is a whole number of seconds since 1970, or the zero time.
func seconds(c map[string]json.RawMessage, name string) time.Time {
	var n int64
	if json.Unmarshal(c[name], &n) != nil || n <= 0 || n > 1<<40 {
		return time.Time{}
	}
	return time.Unix(n, 0)
}

// read takes the claims that have to be there.
func read(c map[string]json.RawMessage) (*Call, error) {
	out := &Call{
		ID: text(c, "jti"), Remote: text(c, "remote"), Method: text(c, "htm"), URL: text(c, "htu"), Principal: text(c, "principal"), Context: c["context"],
		Issued: seconds(c, "iat"), Expires: seconds(c, "exp"), issuer: text(c, "iss"), server: text(c, "server"), audience: text(c, "aud"),
	}
	app, err := compact.Object(c["app"])
	switch {
	case out.ID == "" || out.Remote == "" || out.Method == "" || out.URL == "":
		return nil, refuse(BadClaim, "jti, remote, htm and htu must be texts")
	case c["principal"] != nil && out.Principal == "":
		return nil, refuse(BadClaim, "principal must be a text where it is there")
	case out.Issued.IsZero() || out.Expires.IsZero():
		return nil, refuse(BadClaim, "iat and exp must be whole numbers of seconds since 1970")
	case err != nil || text(app, "id") == "" || text(app, "installationId") == "" || json.Unmarshal(c["app"], &out.App) != nil:
		return nil, refuse(BadClaim, "app must be an object with id and installationId")
	}
	if c["nbf"] != nil {
		if out.begins = seconds(c, "nbf"); out.begins.IsZero() {
			return nil, refuse(BadClaim, "nbf must be a whole number of seconds since 1970")
		}
	}
	return out, nil
}
