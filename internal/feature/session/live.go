package session

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
)

// Get is the session that a cookie's secret opens.
func (s *Service) Get(ctx context.Context, secret string) (Session, error) {
	row, _, err := s.bySecret(ctx, "console", secret)
	if err != nil {
		return Session{}, err
	}
	row.CSRF = csrfOf(secret)
	return row, nil
}

// bySecret finds a session that is alive, and notes that it was used.
func (s *Service) bySecret(ctx context.Context, use, secret string) (out Session, panel Panel, err error) {
	if secret == "" || len(secret) > 100 {
		return out, panel, signedOut()
	}
	return s.read(ctx, use, s.DB.QueryRow(ctx, sessionBySecret, hashOf(use, secret)))
}

// read gives a session, if it is alive.
func (s *Service) read(ctx context.Context, use string, row interface{ Scan(...any) error }) (out Session, panel Panel, err error) {
	var asserted, seen, expires int64
	var sealed []byte
	err = row.Scan(&out.ID, (*string)(&out.Site), (*string)(&out.Product),
		(*string)(&out.User), &panel.Module, &out.Admin, &asserted, &seen, &expires, &sealed)
	if errors.Is(err, db.ErrNoRows) {
		return Session{}, Panel{}, signedOut()
	}
	if err != nil {
		return Session{}, Panel{}, fault.Op("session.Get", err)
	}
	now := s.Now()
	if now.UnixMilli() >= expires || use == "console" && now.Sub(time.UnixMilli(seen)) > idleLife {
		return Session{}, Panel{}, signedOut()
	}
	if err := s.offers(ctx, out.Site, out.Product); err != nil {
		return Session{}, Panel{}, err
	}
	f, err := s.openFacts(out.Site, "people_sessions", out.ID, sealed)
	if err != nil {
		return Session{}, Panel{}, fault.Op("session.Get", err)
	}
	out.Asserted, out.Name, out.Locale, out.TimeZone = time.UnixMilli(asserted), f.Name, f.Locale, f.TimeZone
	panel.Extension = f.Extension
	if use == "bridge" && f.Page != nil {
		// What a page of the console opened ends with the console's session.
		panel.Only = f.Page.Only
		if _, _, err := s.read(ctx, "console", s.DB.QueryRow(ctx, sessionOfTicket, f.Page.Session, out.Site)); err != nil {
			return Session{}, Panel{}, err
		}
	}
	if use == "console" && now.Sub(time.UnixMilli(seen)) > time.Minute {
		if _, err := s.DB.Exec(ctx, seeSession, now.UnixMilli(), out.ID, out.Site); err != nil {
			return Session{}, Panel{}, fault.Op("session.Get", err)
		}
	}
	return out, panel, nil
}

// End ends the session that a cookie's secret opens, and what was let in to act for its person.
func (s *Service) End(ctx context.Context, secret string) error {
	who, err := s.Get(ctx, secret)
	if err == nil && s.SignedOut != nil {
		if err := s.SignedOut(ctx, who.Site, who.Product, who.User); err != nil {
			return fault.Op("session.End", err)
		}
	}
	_, err = s.DB.Exec(ctx, endSession, hashOf("console", secret))
	return fault.Op("session.End", err)
}

// Panel is what a bridge's session is about: what the product's back end signed, which a
// page can neither choose nor change.
type Panel struct {
	// Module is the type of module that the panel is for, "" for any that the user has.
	Module    string
	Extension json.RawMessage
	// Only is the one module that a page of the console shows, "" for any of the type.
	Only string
}

// OpenPanel makes a bridge's session of a panel's token, or of a page's ticket, which counts once. The secret is
// for a page's memory: it is no cookie. before is the secret that the page has had until now,
// "" for none: if the token is about the same person in the same place, that session goes on
// under the new secret, and what the person opened by it goes on too.
func (s *Service) OpenPanel(ctx context.Context, token, before string) (secret string, out Session, panel Panel, life time.Duration, err error) {
	if strings.HasPrefix(token, pagePrefix) {
		return s.openBridge(ctx, s.ofPage, token, before)
	}
	return s.openBridge(ctx, s.Assertions.Panel, token, before)
}

// OpenUser makes a bridge's session of what a product's back end says of a user, for calls
// that the back end makes itself.
func (s *Service) OpenUser(ctx context.Context, assertion string) (secret string, out Session, life time.Duration, err error) {
	secret, out, _, life, err = s.openBridge(ctx, s.Assertions.User, assertion, "")
	return secret, out, life, err
}

func (s *Service) openBridge(ctx context.Context, verify func(context.Context, string) (Assertion, error), assertion, before string) (secret string, out Session, panel Panel, life time.Duration, err error) {
	fail := func(err error) (string, Session, Panel, time.Duration, error) {
		return "", Session{}, Panel{}, 0, fault.Op("session.OpenBridge", err)
	}
	a, err := verify(ctx, assertion)
	if err != nil {
		return fail(err)
	}
	if err := s.offers(ctx, a.Site, a.Product); err != nil {
		return fail(err)
	}
	if len(a.Extension) > 32<<10 {
		return fail(fault.New(fault.Limit, "LIMIT_EXTENSION", "the panel's context is larger than 32 KB"))
	}
	if secret, err = s.secret(); err != nil {
		return fail(err)
	}
	var row string
	now := s.Now()
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		if err := s.use(ctx, a); err != nil {
			return err
		}
		row = newID()
		last, err := s.renews(ctx, before, a)
		if err != nil {
			return err
		}
		if last != "" {
			row = last
		}
		sealed, err := s.sealFacts(a.Site, "people_sessions", row, a)
		if err != nil {
			return err
		}
		if last != "" {
			_, err := s.DB.Exec(ctx, renewSession, hashOf("bridge", secret), a.Admin, a.Issued.UnixMilli(), now.UnixMilli(), now.Add(bridgeLife).UnixMilli(), sealed,
				row, a.Site)
			return err
		}
		_, err = s.DB.Exec(ctx, addSession, row, hashOf("bridge", secret), a.Site, a.Product, a.User, a.Module, a.Admin, a.Issued.UnixMilli(),
			now.UnixMilli(), now.Add(bridgeLife).UnixMilli(), sealed)
		return err
	})
	if err != nil {
		return fail(err)
	}
	return secret, sessionOf(row, secret, a), Panel{a.Module, a.Extension, a.page.only()}, bridgeLife, nil
}

// renews is the session that a page had and that an assertion is about again, "" for none: it
// is of the same user of the same product, and of the same place in it, and it is over for
// half an hour at most. One that was ended is not there any more.
func (s *Service) renews(ctx context.Context, before string, a Assertion) (string, error) {
	if before == "" || len(before) > 100 {
		return "", nil
	}
	var last Session
	var panel Panel
	var asserted, seen, expires int64
	var sealed []byte
	err := s.DB.QueryRow(ctx, sessionBySecret, hashOf("bridge", before)).Scan(&last.ID, (*string)(&last.Site), (*string)(&last.Product),
		(*string)(&last.User), &panel.Module, &last.Admin, &asserted, &seen, &expires, &sealed)
	if errors.Is(err, db.ErrNoRows) {
		return "", nil
	}
	if err != nil {
		return "", fault.Op("session.renews", err)
	}
	if last.Site != a.Site || last.Product != a.Product || last.User != a.User || panel.Module != a.Module ||
		s.Now().UnixMilli() >= expires+renewFor.Milliseconds() {
		return "", nil
	}
	f, err := s.openFacts(last.Site, "people_sessions", last.ID, sealed)
	if err != nil {
		return "", fault.Op("session.renews", err)
	}
	if !bytes.Equal(f.Extension, a.Extension) || f.Page.only() != a.page.only() {
		return "", nil
	}
	return last.ID, nil
}

// Alive answers for what was opened by a bridge's session and is still open: nil while the
// session is, SESSION_EXPIRED while it could be renewed, SIGNED_OUT where it was ended.
func (s *Service) Alive(ctx context.Context, of *Session) error {
	_, _, err := s.read(ctx, "bridge", s.DB.QueryRow(ctx, sessionOfTicket, of.ID, of.Site))
	if fault.CodeOf(err) != "SIGNED_OUT" {
		return err
	}
	var site, product, user string
	if s.DB.QueryRow(ctx, sessionByID, of.ID, of.Site).Scan(&site, &product, &user) == nil {
		return expired()
	}
	return err
}

// Present takes what a product's page was given for one question to this server: who is in
// front of it now, and whether that is an admin. It opens no session and counts once.
func (s *Service) Present(ctx context.Context, token string) (Assertion, error) {
	a, err := s.Assertions.Panel(ctx, token)
	if err != nil {
		return Assertion{}, fault.Op("session.Present", err)
	}
	if err := s.offers(ctx, a.Site, a.Product); err != nil {
		return Assertion{}, err
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		if err := s.use(ctx, a); err != nil {
			return err
		}
		return s.demoted(ctx, a)
	})
	return a, fault.Op("session.Present", err)
}

// Bridge is the session that a bridge's secret opens.
func (s *Service) Bridge(ctx context.Context, secret string) (Session, Panel, error) {
	return s.bySecret(ctx, "bridge", secret)
}

// SignOut ends every session of a user and what was let in to act for them, by the word of the
// product's back end that the user signed out there. It gives the sessions' ids and the product.
// The assertion counts once.
func (s *Service) SignOut(ctx context.Context, assertion string) (ended []string, product id.Product, err error) {
	a, err := s.Assertions.User(ctx, assertion)
	if err != nil {
		return nil, "", fault.Op("session.SignOut", err)
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		ended = nil
		if err := s.use(ctx, a); err != nil {
			return err
		}
		rows, err := s.DB.Query(ctx, endUser, a.Site, a.Product, a.User)
		if err != nil {
			return err
		}
		defer rows.Close()
		for rows.Next() {
			var one string
			if err := rows.Scan(&one); err != nil {
				return err
			}
			ended = append(ended, one)
		}
		if err := rows.Err(); err != nil || s.SignedOut == nil {
			return err
		}
		_ = rows.Close()
		return s.SignedOut(ctx, a.Site, a.Product, a.User)
	})
	return ended, a.Product, fault.Op("session.SignOut", err)
}

// Sweep removes what is past its time.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.Now()
	for _, q := range []string{sweepStates, sweepCodes, sweepAssertions, sweepDecisions, sweepTickets} {
		if _, err := s.DB.Exec(ctx, q, now.UnixMilli()); err != nil {
			return fault.Op("session.Sweep", err)
		}
	}
	_, err := s.DB.Exec(ctx, sweepSessions, now.Add(-renewFor).UnixMilli())
	return fault.Op("session.Sweep", err)
}

// Void ends every session, sign-in and decision under way, in the transaction that restores
// a backup: some may have ended since it was made. Used assertions stay used.
func (s *Service) Void(ctx context.Context) error {
	for _, q := range []string{voidSessions, voidDecisions, voidCodes, voidStates, voidTickets} {
		if _, err := s.DB.Exec(ctx, q); err != nil {
			return fault.Op("session.Void", err)
		}
	}
	return nil
}

// Decision is what an admin is about to decide.
type Decision struct {
	ID   string
	Kind string
	Body json.RawMessage
	// Vouched says that the product vouched for the admin, for this decision, until then.
	Vouched time.Time
}

// Propose keeps what an admin is about to decide. Before it can be taken, the product has
// to vouch for the admin: see Begin with Start.Decision.
func (s *Service) Propose(ctx context.Context, of *Session, kind string, body any) (string, error) {
	text, err := json.Marshal(body)
	if err != nil {
		return "", fault.Op("session.Propose", err)
	}
	if len(text) > 256<<10 {
		return "", fault.New(fault.Limit, "LIMIT_DECISION", "the decision is too large")
	}
	row := newID()
	_, err = s.DB.Exec(ctx, addDecision, row, of.ID, of.Site, kind, string(text), s.Now().Add(decisionLife).UnixMilli())
	return row, fault.Op("session.Propose", err)
}

// Proposed reads a decision of the session's own.
func (s *Service) Proposed(ctx context.Context, of *Session, decision string) (Decision, error) {
	d := Decision{ID: decision}
	var until, expires int64
	var body string
	err := s.DB.QueryRow(ctx, decisionByID, decision, of.ID, of.Site).Scan(&d.Kind, &body, &until, &expires)
	if errors.Is(err, db.ErrNoRows) || err == nil && s.Now().UnixMilli() >= expires {
		return Decision{}, gone()
	}
	d.Body, d.Vouched = json.RawMessage(body), time.UnixMilli(until)
	return d, fault.Op("session.Proposed", err)
}

// Take takes a decision out, once, and gives the admin in whose name it is carried out. It
// needs a product that vouched for the admin for this decision, a moment ago.
func (s *Service) Take(ctx context.Context, of *Session, decision, kind string) (body json.RawMessage, by id.Principal, err error) {
	now := s.Now().UnixMilli()
	var text, got string
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		return s.DB.QueryRow(ctx, takeDecision, decision, of.ID, of.Site, now, now).Scan(&got, &text)
	})
	if errors.Is(err, db.ErrNoRows) || err == nil && got != kind {
		return nil, id.Principal{}, gone()
	}
	if err != nil {
		return nil, id.Principal{}, fault.Op("session.Take", err)
	}
	return json.RawMessage(text), of.admin(), nil
}

func gone() error {
	return fault.New(fault.Conflict, "DECIDE_AGAIN", "this decision was carried out, or it waited too long").
		WithFix("look at the app again and decide anew")
}
