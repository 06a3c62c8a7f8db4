package signer

import (
	"encoding/json"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/trail"
)

// Checkpoint signs a checkpoint of the audit trail: a JWS whose payload is left out, and
// the key that verifies it.
func (s *Signer) Checkpoint(payload []byte) (signature string, key trail.Key, err error) {
	k := s.state.Load().signing(checkpoint, s.Now())
	if k == nil {
		return "", key, fault.New(fault.Unavailable, "NO_SIGNING_KEY", "there is no key to sign with at present").WithFix("try again")
	}
	signed, err := k.signer.Sign(payload)
	if err == nil {
		signature, err = signed.DetachedCompactSerialize()
	}
	if err != nil {
		return "", key, fault.Op("signer.Checkpoint", err)
	}
	public, err := k.public.MarshalJSON()
	if err == nil {
		err = json.Unmarshal(public, &key)
	}
	return signature, key, fault.Op("signer.Checkpoint", err)
}
