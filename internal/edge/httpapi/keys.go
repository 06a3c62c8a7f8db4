package httpapi

import (
	"fmt"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/infra/signer"
)

// keySet gives the public keys that verifiers of the platform's tokens need. It is the one
// answer that may be stored: what it holds is public, and outlives its being stored.
func (a *API) keySet(w http.ResponseWriter, _ *request) error {
	h := w.Header()
	h.Set("Content-Type", "application/json")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Cache-Control", fmt.Sprintf("public, max-age=%d", int(signer.KeysMaxAge/time.Second)))
	_, _ = w.Write(a.Signer.JWKS())
	return nil
}

type signingKeyJSON struct {
	ID        string     `json:"id"`
	Family    string     `json:"family"`
	Algorithm string     `json:"algorithm"`
	State     string     `json:"state"`
	Published time.Time  `json:"published"`
	SignsFrom time.Time  `json:"signsFrom"`
	Leaves    *time.Time `json:"leaves,omitempty"`
}

func (a *API) listSigningKeys(w http.ResponseWriter, _ *request) error {
	a.writeKeys(w, http.StatusOK)
	return nil
}

func (a *API) writeKeys(w http.ResponseWriter, status int) {
	out := []signingKeyJSON{}
	for _, k := range a.Signer.Keys() {
		j := signingKeyJSON{ID: k.ID, Family: k.Family, Algorithm: k.Algorithm, State: k.State, Published: k.Published, SignsFrom: k.SignsFrom}
		if !k.Leaves.IsZero() {
			j.Leaves = &k.Leaves
		}
		out = append(out, j)
	}
	writeJSON(w, status, map[string]any{"keys": out})
}

func (a *API) rotateSigningKeys(w http.ResponseWriter, r *request) error {
	var in struct {
		Withdraw *bool `json:"withdraw"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if in.Withdraw == nil {
		return required("withdraw", "")
	}
	if err := a.Signer.Rotate(r.ctx(), r.caller, *in.Withdraw); err != nil {
		return err
	}
	a.writeKeys(w, http.StatusCreated)
	return nil
}
