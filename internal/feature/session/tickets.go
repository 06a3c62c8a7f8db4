package session

import (
	"context"
	"errors"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

const ticketLife = time.Minute

// Use is what a ticket is for. One of another use opens nothing.
type Use string

// Uses of tickets.
const (
	ForShell   Use = "shell"   // the page that shows one module
	ForConsent Use = "consent" // the page where the session's user agrees to something
	ForAsk     Use = "ask"     // the window where an admin decides what an app asks for
	ForConnect Use = "connect" // the page where they connect an account at another service
	ForPage    Use = "page"    // an app's page in the console; the session that made it is the console's
)

// Ticket makes what a page's address may carry in place of a session: it is taken once,
// within a minute, for one use. About is what it is for; it is not secret.
func (s *Service) Ticket(ctx context.Context, of *Session, use Use, about string) (string, error) {
	if len(about) > 4<<10 {
		return "", fault.New(fault.Limit, "LIMIT_TICKET", "what the page is to show has a name that is too long")
	}
	secret, err := s.secret()
	if err != nil {
		return "", fault.Op("session.Ticket", err)
	}
	_, err = s.DB.Exec(ctx, addTicket, hashOf("ticket "+string(use), secret), of.ID, of.Site, about, s.Now().Add(ticketLife).UnixMilli())
	return secret, fault.Op("session.Ticket", err)
}

// TakeTicket takes a ticket out and gives the bridge's session that made it, if that is
// still alive.
func (s *Service) TakeTicket(ctx context.Context, use Use, ticket string) (out Session, panel Panel, about string, err error) {
	return s.takeTicket(ctx, use, "bridge", ticket)
}

// takeTicket takes a ticket out that a session of a kind made.
func (s *Service) takeTicket(ctx context.Context, use Use, kind, ticket string) (out Session, panel Panel, about string, err error) {
	fail := func(err error) (Session, Panel, string, error) {
		return Session{}, Panel{}, "", fault.Op("session.TakeTicket", err)
	}
	if ticket == "" || len(ticket) > 100 {
		return fail(ticketSpent())
	}
	var session string
	var site id.Site
	var expires int64
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		return s.DB.QueryRow(ctx, takeTicket, hashOf("ticket "+string(use), ticket)).Scan(&session, (*string)(&site), &about, &expires)
	})
	switch {
	case errors.Is(err, db.ErrNoRows):
		return fail(ticketSpent())
	case err != nil:
		return fail(err)
	case s.Now().UnixMilli() >= expires:
		return fail(ticketSpent())
	}
	if out, panel, err = s.read(ctx, kind, s.DB.QueryRow(ctx, sessionOfTicket, session, site)); err != nil {
		return fail(err)
	}
	return out, panel, about, nil
}

func ticketSpent() error {
	return fault.New(fault.Unauthenticated, "TICKET_SPENT", "this address counted once, for a minute").WithFix("go back to the page that it came from and open it again")
}
