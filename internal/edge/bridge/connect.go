package bridge

import (
	"encoding/json"
	"net/http"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/feature/session"
)

// Connecting is what a ticket to the page of an account says.
type Connecting struct {
	Install  string   `json:"install"`
	Provider string   `json:"provider"`
	Scopes   []string `json:"scopes,omitempty"`
}

// connect says whether the user has connected an account of a provider with the scopes, and
// where to do so. The page opens in a window of its own; the ticket in its address says whose
// it is, once, for a minute.
func (b *Bridge) connect(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		ofModule
		Provider string   `json:"provider"`
		Scopes   []string `json:"scopes"`
		// Open asks for the page's address as well.
		Open bool `json:"open"`
	}
	x, err := b.stand(w, r, &in)
	if err != nil {
		return nil, err
	}
	d, ok := x.manifest.Provider(in.Provider)
	if !ok {
		return nil, fault.New(fault.NotFound, "PROVIDER_UNKNOWN", "the app declares no provider %.64q", in.Provider)
	}
	scopes := in.Scopes
	if len(scopes) == 0 {
		scopes = d.Scopes
	}
	has, err := b.Providers.Has(r.Context(), x.who.Principal(), x.policy.Install, in.Provider, scopes)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"connected": has, "name": quote.Line(d.Name, 80)}
	if in.Open {
		about, err := json.Marshal(Connecting{string(x.policy.Install), in.Provider, scopes})
		if err != nil {
			return nil, err
		}
		ticket, err := b.Sessions.Ticket(r.Context(), &x.who, session.ForConnect, string(about))
		if err != nil {
			return nil, err
		}
		out["url"] = b.URL + "/connect/" + ticket
	}
	return out, nil
}
