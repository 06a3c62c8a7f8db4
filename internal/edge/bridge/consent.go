package bridge

import (
	"net/http"
	"net/url"

	"github.com/annexhq/annex/internal/feature/session"
)

// consent says whether the user still has to agree that the app acts as them, and where.
// The page is opened in a window of its own and shown to this user alone: the ticket in its
// address says who that is, once, for a minute.
func (b *Bridge) consent(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		ofModule
		// Open asks for the page's address as well.
		Open bool `json:"open"`
	}
	x, err := b.stand(w, r, &in)
	if err != nil {
		return nil, err
	}
	q, err := b.Consents.Ask(r.Context(), x.who.Principal(), x.policy.Install)
	if err != nil {
		return nil, err
	}
	out := map[string]any{"agreed": q.Agreed}
	if in.Open {
		ticket, err := b.Sessions.Ticket(r.Context(), &x.who, session.ForConsent, string(x.policy.Install))
		if err != nil {
			return nil, err
		}
		out["url"] = b.URL + "/consent/" + string(x.policy.Install) + "?ticket=" + url.QueryEscape(ticket)
	}
	return out, nil
}
