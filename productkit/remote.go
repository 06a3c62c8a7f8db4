package productkit

import (
	"context"
	"errors"
	"fmt"
	"net/http"

	"github.com/annexhq/annex/internal/infra/keyset"
)

// RemoteKeys are an issuer's keys by URL. They are kept in memory, asked for again when
// they are old or a token names one that is not known, and never more than once in ten
// seconds, whatever tokens come.
type RemoteKeys struct{ source *keyset.Source[*KeySet] }

// NewRemoteKeys makes a source of the key set at an https URL; plain http is for this
// machine only. With a nil client it makes one of its own. It asks nobody yet.
func NewRemoteKeys(keysURL string, client *http.Client) (*RemoteKeys, error) {
	if client == nil {
		client = &http.Client{}
	}
	source, err := keyset.NewSource(keysURL, client, parseSome, func(s *KeySet, kid string) bool { return s.byID[kid] != nil })
	if err != nil {
		return nil, fmt.Errorf("productkit: %w", err)
	}
	return &RemoteKeys{source}, nil
}

// parseSome takes no empty set in place of one that had keys: an issuer that signs has one.
func parseSome(jwks []byte) (*KeySet, error) {
	set, err := ParseKeySet(jwks)
	if err == nil && set.Len() == 0 {
		err = errors.New("the key set has no key for ES256")
	}
	return set, err
}

// Keys gives the set, from memory where that is enough.
func (r *RemoteKeys) Keys(ctx context.Context, c Claimed) (*KeySet, error) {
	set, err := r.source.Get(ctx, c.KeyID)
	if err != nil {
		return nil, &Error{Reason: NoKeys, Detail: "the keys of its issuer cannot be had at present", err: err}
	}
	return set, nil
}
