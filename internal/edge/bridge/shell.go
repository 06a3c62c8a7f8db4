package bridge

import (
	"encoding/json"
	"net/http"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/feature/session"
)

// Shown is what a ticket of the shell says: which module its page is to show, and which of
// the app's resources if not the module's own.
type Shown struct {
	Module   string `json:"module"`
	Resource string `json:"resource,omitempty"`
}

func (s Shown) module() string { return s.Module }

// shell gives the address of the page that shows a module: one use, for a minute. The page
// has the policy of this installation and is handed the session by whoever opened it.
func (b *Bridge) shell(w http.ResponseWriter, r *http.Request) (any, error) {
	var in Shown
	x, err := b.stand(w, r, &in)
	if err != nil {
		return nil, err
	}
	if in.Resource != "" {
		key, _, _ := strings.Cut(in.Resource, "/")
		if _, ok := x.manifest.Resource(key); !ok {
			return nil, fault.New(fault.NotFound, "NO_RESOURCE", "the app has no resource %.64q", in.Resource).WithFix("name one of the manifest's resources")
		}
	}
	text, err := json.Marshal(in)
	if err != nil {
		return nil, err
	}
	ticket, err := b.Sessions.Ticket(r.Context(), &x.who, session.ForShell, string(text))
	if err != nil {
		return nil, err
	}
	return map[string]any{"url": b.URL + "/shell/app/" + ticket}, nil
}

// document gives the address of one of the app's resources, for a frame inside what the
// shell draws.
func (b *Bridge) document(w http.ResponseWriter, r *http.Request) (any, error) {
	var in Shown
	x, err := b.stand(w, r, &in)
	if err != nil {
		return nil, err
	}
	at, err := b.Hosting.Document(r.Context(), x.policy, in.Resource)
	if err != nil {
		return nil, err
	}
	return map[string]any{"url": at, "origin": b.Hosting.Origin(x.policy.Install)}, nil
}
