package session

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// pagePrefix begins what a page of the console holds in place of a panel's token. The part
// in the middle says whose people it is about, where a panel's token says so too; only the
// ticket at the end counts.
const pagePrefix = "page."

// ofPage is what a session knows of the console's page that opened it.
type ofPage struct {
	Session string `json:"session"` // the console's
	Only    string `json:"only"`    // "INSTALLATION/MODULE"
}

func (p *ofPage) only() string {
	if p == nil {
		return ""
	}
	return p.Only
}

// Page is one module that a page of the console shows.
type Page struct {
	Type      string          `json:"type"`   // of the module, the product's own name
	Module    string          `json:"module"` // "INSTALLATION/MODULE"
	Extension json.RawMessage `json:"extension"`
}

// PageToken makes what a page of the console hands to the frame that shows an app, in place
// of what a product would sign: it counts once, for a minute. of is the console's session.
func (s *Service) PageToken(ctx context.Context, of *Session, p Page) (string, error) {
	if of.CSRF == "" { // only a cookie's session has it
		return "", fault.Op("session.PageToken", signedOut())
	}
	about, err := json.Marshal(p)
	if err != nil {
		return "", fault.Op("session.PageToken", err)
	}
	ticket, err := s.Ticket(ctx, of, ForPage, string(about))
	if err != nil {
		return "", fault.Op("session.PageToken", err)
	}
	issuer, err := json.Marshal(map[string]any{"iss": of.Product})
	if err != nil {
		return "", fault.Op("session.PageToken", err)
	}
	return pagePrefix + base64.RawURLEncoding.EncodeToString(issuer) + "." + ticket, nil
}

// ofPage is the person whose console's session made a page's token. Nobody vouches for an
// admin this way: what an admin decides, the product has to be asked for.
func (s *Service) ofPage(ctx context.Context, token string) (Assertion, error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > 500 {
		return Assertion{}, ticketSpent()
	}
	who, _, about, err := s.takeTicket(ctx, ForPage, "console", parts[2])
	if err != nil {
		return Assertion{}, err
	}
	var p Page
	if err := json.Unmarshal([]byte(about), &p); err != nil {
		return Assertion{}, fault.Op("session.ofPage", err)
	}
	now := s.Now()
	return Assertion{
		ID: newID(), Product: who.Product, Site: who.Site, User: who.User, Name: who.Name, Locale: who.Locale, TimeZone: who.TimeZone,
		AuthTime: who.Asserted, Issued: now, Expires: now.Add(time.Minute), Module: p.Type, Extension: p.Extension,
		page: &ofPage{Session: who.ID, Only: p.Module},
	}, nil
}
