package productkit

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"
)

const (
	maxKeySet = 64 << 10
	maxKeys   = 32
)

// KeySet is the public keys of an issuer (RFC 7517) that tokens of this protocol may be
// signed with: on the curve P-256, for ES256, each with a kid.
type KeySet struct {
	byID map[string]*jose.JSONWebKey
	// sites are those that a key signs for, where it does not sign for all.
	sites map[string][]string
}

// ParseKeySet reads a JSON Web Key Set. Keys for other purposes are left out; a set that
// holds a private or secret key is refused, since whoever published it must know. A key
// with a member "sites", a list of sites' ids, signs for those only.
func ParseKeySet(jwks []byte) (*KeySet, error) {
	if len(jwks) > maxKeySet {
		return nil, fmt.Errorf("productkit: a key set has at most %d bytes", maxKeySet)
	}
	var doc struct{ Keys []json.RawMessage }
	if err := json.Unmarshal(jwks, &doc); err != nil || doc.Keys == nil {
		return nil, errors.New("productkit: not a JSON Web Key Set")
	}
	if len(doc.Keys) > maxKeys {
		return nil, fmt.Errorf("productkit: a key set has at most %d keys", maxKeys)
	}
	set := &KeySet{byID: map[string]*jose.JSONWebKey{}, sites: map[string][]string{}}
	for i, raw := range doc.Keys {
		k, sites, err := parseKey(raw)
		if err != nil {
			return nil, fmt.Errorf("productkit: key %d of the set: %w", i+1, err)
		}
		if k == nil {
			continue
		}
		if set.byID[k.KeyID] != nil {
			return nil, fmt.Errorf("productkit: key %d of the set has the kid of another one", i+1)
		}
		set.byID[k.KeyID] = k
		if sites != nil {
			set.sites[k.KeyID] = sites
		}
	}
	return set, nil
}

// parseKey gives nil for a key that is for something else.
func parseKey(raw json.RawMessage) (k *jose.JSONWebKey, sites []string, err error) {
	var about struct {
		Type    string          `json:"kty"`
		Curve   string          `json:"crv"`
		Use     string          `json:"use"`
		Alg     string          `json:"alg"`
		ID      string          `json:"kid"`
		Private json.RawMessage `json:"d"`
		Secret  json.RawMessage `json:"k"`
		Sites   json.RawMessage `json:"sites"`
	}
	if err := json.Unmarshal(raw, &about); err != nil {
		return nil, nil, errors.New("not a JSON Web Key")
	}
	if about.Private != nil || about.Secret != nil {
		return nil, nil, errors.New("a private key: publish its public half, and never use it again")
	}
	if about.Type != "EC" || about.Curve != "P-256" || about.ID == "" ||
		about.Use != "" && about.Use != "sig" || about.Alg != "" && about.Alg != string(jose.ES256) {
		return nil, nil, nil
	}
	if about.Sites != nil && (json.Unmarshal(about.Sites, &sites) != nil || sites == nil || slices.Contains(sites, "")) {
		return nil, nil, errors.New("sites is no list of sites' ids")
	}
	k = &jose.JSONWebKey{}
	if err := k.UnmarshalJSON(raw); err != nil || !k.Valid() || !k.IsPublic() {
		return nil, nil, errors.New("not a point of P-256")
	}
	return k, sites, nil
}

// Keys makes a set a source that always gives itself.
func (s *KeySet) Keys(context.Context, Claimed) (*KeySet, error) { return s, nil }

// Len is the number of keys.
func (s *KeySet) Len() int { return len(s.byID) }
