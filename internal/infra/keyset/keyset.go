// Package keyset reads key sets (RFC 7517) of others and keeps the one at a URL, for the
// kits with which back ends verify what was signed for them.
//
// Its promise: a set is taken whole or not at all, none that shows a private key is, and
// whatever tokens come, its URL is asked at most once in ten seconds, or once a second while
// it fails, and no other that it points to is.
package keyset

import (
	"encoding/json"
	"errors"
	"fmt"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxSet  = 64 << 10
	maxKeys = 32
)

// Kind is which keys of a set count. Curve is "" where the type has none.
type Kind struct {
	Type, Curve string
	Algorithm   jose.SignatureAlgorithm
}

// Key is a public key with a kid, and its text for members that not every set has.
type Key struct {
	jose.JSONWebKey
	Text json.RawMessage
}

// Parse reads the keys of one kind, each with a kid of its own. Keys for other purposes are
// left out; a set that holds a private or secret key is refused, since whoever published it
// must know.
func Parse(jwks []byte, kind Kind) ([]Key, error) {
	if len(jwks) > maxSet {
		return nil, fmt.Errorf("a key set has at most %d bytes", maxSet)
	}
	var doc struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(jwks, &doc); err != nil || doc.Keys == nil {
		return nil, errors.New("not a JSON Web Key Set")
	}
	if len(doc.Keys) > maxKeys {
		return nil, fmt.Errorf("a key set has at most %d keys", maxKeys)
	}
	var keys []Key
	seen := map[string]bool{}
	for i, text := range doc.Keys {
		k, err := kind.parse(text)
		if err != nil {
			return nil, fmt.Errorf("key %d of the set: %w", i+1, err)
		}
		if k == nil {
			continue
		}
		if seen[k.KeyID] {
			return nil, fmt.Errorf("key %d of the set has the kid of another one", i+1)
		}
		seen[k.KeyID] = true
		keys = append(keys, *k)
	}
	return keys, nil
}

// parse gives nil for a key that is for something else.
func (kind Kind) parse(text json.RawMessage) (*Key, error) {
	var about struct {
		Type    string          `json:"kty"`
		Curve   string          `json:"crv"`
		Use     string          `json:"use"`
		Alg     string          `json:"alg"`
		ID      string          `json:"kid"`
		Private json.RawMessage `json:"d"`
		Secret  json.RawMessage `json:"k"`
	}
	if err := json.Unmarshal(text, &about); err != nil {
		return nil, errors.New("not a JSON Web Key")
	}
	if about.Private != nil || about.Secret != nil {
		return nil, errors.New("a private key: publish its public half, and never use it again")
	}
	if about.Type != kind.Type || kind.Curve != "" && about.Curve != kind.Curve || about.ID == "" ||
		about.Use != "" && about.Use != "sig" || about.Alg != "" && about.Alg != string(kind.Algorithm) {
		return nil, nil
	}
	k := &Key{Text: text}
	if err := k.UnmarshalJSON(text); err != nil || !k.Valid() || !k.IsPublic() {
		return nil, fmt.Errorf("no public key for %s", kind.Algorithm)
	}
	return k, nil
}
