package productkit

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"

	"github.com/go-jose/go-jose/v4"

	"github.com/annexhq/annex/internal/infra/keyset"
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
	keys, err := keyset.Parse(jwks, keyset.Kind{Type: "EC", Curve: "P-256", Algorithm: jose.ES256})
	if err != nil {
		return nil, fmt.Errorf("productkit: %w", err)
	}
	set := &KeySet{byID: map[string]*jose.JSONWebKey{}, sites: map[string][]string{}}
	for _, k := range keys {
		set.byID[k.KeyID] = &k.JSONWebKey
		var about struct {
			Sites json.RawMessage `json:"sites"`
		}
		if err := json.Unmarshal(k.Text, &about); err != nil {
			return nil, fmt.Errorf("productkit: the key %q: %w", k.KeyID, err)
		}
		if about.Sites == nil {
			continue
		}
		var sites []string
		if json.Unmarshal(about.Sites, &sites) != nil || sites == nil || slices.Contains(sites, "") {
			return nil, fmt.Errorf("productkit: the key %q: sites is no list of sites' ids", k.KeyID)
		}
		set.sites[k.KeyID] = sites
	}
	return set, nil
}

// Keys makes a set a source that always gives itself.
func (s *KeySet) Keys(context.Context, Claimed) (*KeySet, error) { return s, nil }

// Len is the number of keys.
func (s *KeySet) Len() int { return len(s.byID) }
