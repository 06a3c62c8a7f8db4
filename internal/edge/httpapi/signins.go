package httpapi

import (
	"net/http"
	"net/url"

	"github.com/annexhq/annex/internal/core/fault"
)

// signIn takes what a product's back end says of the person who came with a state. The
// assertion is its own proof: no token goes with it. The answer is where the product sends
// the person's browser; only the browser that began the sign-in gets further there.
func (a *API) signIn(w http.ResponseWriter, r *request) error {
	var in struct {
		State     string `json:"state"`
		Assertion string `json:"assertion"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	if err := required("state", in.State, "assertion", in.Assertion); err != nil {
		return err
	}
	if len(in.State) > 200 || len(in.Assertion) > 20000 {
		return fault.New(fault.Usage, "TOO_LONG", "no state has more than 200 bytes, and no assertion more than 20000")
	}
	code, err := a.Sessions.Exchange(r.ctx(), in.Assertion, in.State)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusCreated, map[string]any{"location": a.UIURL + "/sign-in/callback?code=" + url.QueryEscape(code)})
	return nil
}
