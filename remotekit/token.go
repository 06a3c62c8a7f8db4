package remotekit

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"time"
	"unicode/utf8"
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

// parts are those of a compact token.
type parts struct {
	header, claims map[string]json.RawMessage
	signed         string
	signature      []byte
}

// split takes a token apart, in the one form that its bytes have: readers differ in what
// else they take.
func split(token string) (t parts, err error) {
	texts := strings.Split(token, ".")
	if len(texts) != 3 {
		return t, refuse(Malformed, "it has %d parts instead of three", len(texts))
	}
	decoded := make([][]byte, 3)
	for i, text := range texts {
		decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(text)
		if err != nil || text == "" || strings.ContainsAny(text, "\r\n") { // the decoder passes over line ends
			return t, refuse(Malformed, "a part is not base64url in its canonical form")
		}
	}
	if t.header, err = object(decoded[0]); err == nil {
		t.claims, err = object(decoded[1])
	}
	if err != nil {
		return t, refuse(Malformed, "%v", err)
	}
	t.signed, t.signature = texts[0]+"."+texts[1], decoded[2]
	return t, nil
}

// keyID takes a header of exactly three members: nothing in a token says which rule counts.
func (t parts) keyID() (string, error) {
	alg, typ, kid := text(t.header, "alg"), text(t.header, "typ"), text(t.header, "kid")
	if len(t.header) != 3 || alg != "RS256" || typ != tokenType || kid == "" {
		return "", refuse(Malformed, "its header is not alg RS256, typ %s and kid", tokenType)
	}
	return kid, nil
}

// object reads one JSON object in which no name is there twice, at any depth.
func object(data []byte) (out map[string]json.RawMessage, err error) {
	if !utf8.Valid(data) {
		return nil, errors.New("not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := once(dec, 0); err != nil {
		return nil, err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return nil, errors.New("something after the JSON value")
	}
	if err := json.Unmarshal(data, &out); err != nil || out == nil {
		return nil, errors.New("not a JSON object")
	}
	return out, nil
}

func once(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil || depth > 32 {
		return errors.New("not JSON, or too deep")
	}
	open, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	seen := map[any]bool{}
	for dec.More() {
		if open == '{' {
			name, err := dec.Token()
			if err != nil || seen[name] {
				return errors.New("not JSON, or a name is there twice")
			}
			seen[name] = true
		}
		if err := once(dec, depth+1); err != nil {
			return err
		}
	}
	if _, err = dec.Token(); err != nil {
		return errors.New("not JSON")
	}
	return nil
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
	app, err := object(c["app"])
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
