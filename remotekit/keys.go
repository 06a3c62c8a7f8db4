package remotekit

import (
	"context"
	"crypto/rsa"
	"fmt"
	"net/http"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/annexhq/annex/internal/infra/keyset"
)

// KeySource gives the key of an id; nil for one that the server does not have.
type KeySource interface {
	Key(ctx context.Context, kid string) (*rsa.PublicKey, error)
}

// KeySet is a key set that is at hand, by kid.
type KeySet map[string]*rsa.PublicKey

// minBits is the least that RFC 7518 has for RS256; the most is go-jose's own.
const minBits = 2048

// ParseKeySet reads the keys for RS256 of a JSON Web Key Set (RFC 7517); those for other
// purposes are left out.
func ParseKeySet(jwks []byte) (KeySet, error) {
	keys, err := keyset.Parse(jwks, keyset.Kind{Type: "RSA", Algorithm: jose.RS256})
	if err != nil {
		return nil, fmt.Errorf("remotekit: %w", err)
	}
	set := KeySet{}
	for _, k := range keys {
		key, ok := k.Key.(*rsa.PublicKey)
		// crypto/rsa takes no exponent that is even or has more than 31 bits; better now than at a token.
		if !ok || key.N.BitLen() < minBits || key.E < 3 || key.E%2 == 0 || key.E>>31 != 0 {
			return nil, fmt.Errorf("remotekit: the key %q of the set is no key for RS256", k.KeyID)
		}
		set[k.KeyID] = key
	}
	return set, nil
}

// Key makes a set a source that gives itself.
func (s KeySet) Key(_ context.Context, kid string) (*rsa.PublicKey, error) { return s[kid], nil }

// serverKeys are a server's keys, kept in memory.
type serverKeys struct{ source *keyset.Source[KeySet] }

func newServerKeys(server string, now func() time.Time) (*serverKeys, error) {
	if !keyset.IsOrigin(server) {
		return nil, fmt.Errorf("remotekit: Server %q is not the https origin of an Annex server", server)
	}
	source, err := keyset.NewSource(server+keyset.Path, &http.Client{}, ParseKeySet, func(s KeySet, kid string) bool { return s[kid] != nil })
	if err != nil {
		return nil, fmt.Errorf("remotekit: %w", err)
	}
	source.Now = now
	return &serverKeys{source}, nil
}

func (k *serverKeys) Key(ctx context.Context, kid string) (*rsa.PublicKey, error) {
	set, err := k.source.Get(ctx, kid)
	return set[kid], err
}
