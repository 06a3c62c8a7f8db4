package productkit

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"slices"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/annexhq/annex/internal/core/compact"
)

const (
	accessType = "at+jwt" // RFC 9068
	userType   = "annex-user+jwt"
	panelType  = "annex-panel+jwt"
	eventType  = "annex-event+jwt"
	cloudType  = "annex-cloudevents+jws"

	maxToken = 16 << 10
	maxEvent = 400 << 10

	// leeway is what the clocks of issuer and verifier may differ by.
	leeway = 10 * time.Second
)

// Claimed is what a token says of itself and nobody has verified yet: good for finding
// keys, for nothing else.
type Claimed struct {
	Issuer, Site, KeyID string
}

// KeySource gives the keys that an issuer signs with. *KeySet and *RemoteKeys are ones.
type KeySource interface {
	Keys(ctx context.Context, c Claimed) (*KeySet, error)
}

// open reads a token of one kind and verifies its signature.
func open(ctx context.Context, token, typ string, limit int, keys KeySource) (claims, error) {
	c, _, err := opened(ctx, token, typ, limit, nil, keys)
	return c, err
}

// opened reads what was signed, of one kind: a token, whose payload is its claims, or a
// payload whose claims are in the header, under the names of envelope. Everything that two
// implementations could read differently is refused before any key is looked at.
func opened(ctx context.Context, token, typ string, limit int, envelope []string, keys KeySource) (c claims, payload []byte, err error) {
	if len(token) > limit {
		return nil, nil, refuse(TooLarge, "it has more than %d bytes", limit)
	}
	head, payload, err := compact.Split(token)
	if err != nil {
		return nil, nil, refuse(Malformed, "%v", err)
	}
	c, kid, err := checkHeader(head, typ, envelope)
	if err != nil {
		return nil, nil, err
	}
	if envelope == nil {
		c, err = compact.Object(payload)
	} else {
		err = compact.Strict(payload)
	}
	if err != nil {
		return nil, nil, refuse(Malformed, "its claims: %v", err)
	}
	claimed := Claimed{KeyID: kid}
	_ = json.Unmarshal(c["iss"], &claimed.Issuer)
	_ = json.Unmarshal(c["site"], &claimed.Site)
	set, err := keys.Keys(ctx, claimed)
	if err != nil {
		var e *Error
		if errors.As(err, &e) {
			return nil, nil, err
		}
		return nil, nil, &Error{Reason: NoKeys, Detail: "the keys of its issuer cannot be had at present", err: err}
	}
	key, ok := set.byID[kid]
	if !ok {
		return nil, nil, refuse(UnknownKey, "its issuer has no such key")
	}
	signed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		return nil, nil, &Error{Reason: Malformed, Detail: "it is no signed token", err: err}
	}
	if verified, err := signed.Verify(key); err != nil || !bytes.Equal(verified, payload) {
		return nil, nil, refuse(BadSign, "it was not signed with that key")
	}
	if sites, bound := set.sites[kid]; bound && !slices.Contains(sites, claimed.Site) {
		return nil, nil, refuse(WrongSite, "its key is not for that site")
	}
	return c, payload, nil
}

// checkHeader takes a header of exactly three members, and those of the kind's envelope:
// nothing else may say which key or rule counts.
func checkHeader(head []byte, typ string, envelope []string) (h claims, kid string, err error) {
	h, err = compact.Object(head)
	if err != nil {
		return nil, "", refuse(Malformed, "its header: %v", err)
	}
	for name := range h {
		if name != "alg" && name != "typ" && name != "kid" && !slices.Contains(envelope, name) {
			return nil, "", refuse(BadHeader, "its header has a member that its kind does not have")
		}
	}
	r := reader{claims: h}
	gotAlg, gotType := r.text("alg", 100), r.text("typ", 100)
	kid = r.text("kid", 200)
	switch {
	case r.err != nil:
		return nil, "", refuse(BadHeader, "alg, typ and kid must be there, as texts")
	case gotAlg != string(jose.ES256):
		return nil, "", refuse(WrongAlg, "it must be ES256")
	case gotType != typ:
		return nil, "", refuse(WrongType, "its typ must be %s", typ)
	}
	return h, kid, nil
}

// claims are the members of a JSON object by their exact names.
type claims map[string]json.RawMessage
