package account

import (
	"context"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// A program of a user's, an assistant's client for instance, is let in like a command line,
// but to less: it calls the actions of apps on one site, as that user. Its token opens
// nothing of the control API, and no token of the control API opens actions.

// ProgramLife is how long a program acts for its user, who lets it in again then.
const ProgramLife = 8 * time.Hour

// StartProgram begins the login of a program that asks for the actions of a site.
func (s *Service) StartProgram(ctx context.Context, name, address string, site id.Site) (Started, error) {
	if site == commandLine || ofATunnel(site) {
		return Started{}, fault.New(fault.Usage, "MISSING", "the site is missing")
	}
	out, err := s.startLogin(ctx, name, address, site, "")
	return out, fault.Op("account.StartProgram", err)
}

// ProgramByCode is the program that waits for the user's site with a typed code.
func (s *Service) ProgramByCode(ctx context.Context, user id.Principal, typed string) (Device, error) {
	who, err := userOf(user)
	if err != nil {
		return Device{}, err
	}
	out, err := s.byCode(ctx, who, typed, who.Site)
	return out, fault.Op("account.ProgramByCode", err)
}

// LetProgramIn lets a program act for the user who typed its code.
func (s *Service) LetProgramIn(ctx context.Context, user id.Principal, typed string) error {
	d, err := s.ProgramByCode(ctx, user, typed)
	if err != nil {
		return err
	}
	n, err := s.DB.Exec(ctx, letIn, user.Site, user.Product, user.User, d.ID, user.Site, s.Now().UnixMilli())
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "NO_CODE", "the program does not wait any more").WithFix("have it ask again")
	}
	return fault.Op("account.LetProgramIn", err)
}

// TurnProgramAway refuses the program whose code the user typed.
func (s *Service) TurnProgramAway(ctx context.Context, user id.Principal, typed string) error {
	d, err := s.ProgramByCode(ctx, user, typed)
	if err != nil {
		return err
	}
	_, err = s.DB.Exec(ctx, turnAway, d.ID, user.Site)
	return fault.Op("account.TurnProgramAway", err)
}

// PollProgram is a program's question whether it was let in.
func (s *Service) PollProgram(ctx context.Context, secret string) (Token, string, error) {
	t, token, err := s.poll(ctx, secret, func(forSite id.Site, _ string) bool { return forSite != commandLine && !ofATunnel(forSite) }, s.putProgram)
	return t, token, fault.Op("account.PollProgram", err)
}

func (s *Service) putProgram(ctx context.Context, who Person, _, note string, now time.Time) (Token, string, error) {
	secret, err := newSecret(s.Rand, id.EndUser)
	if err != nil {
		return Token{}, "", err
	}
	t := programToken(Token{ID: id.Token(newID()), Site: who.Site, Product: who.Product, User: who.User, Note: note, Created: now, Expires: now.Add(ProgramLife)})
	if _, err := s.DB.Exec(ctx, addPerson, string(t.ID), hashOf(secret), int64(ofProgram), who.Site, who.Product, who.User, "", note, now.UnixMilli(), t.Expires.UnixMilli()); err != nil {
		return Token{}, "", err
	}
	return t, secret, s.Audit.Append(ctx, who.Site, "", t.principal(), "token.create", map[string]any{"token": t.ID, "kind": t.Kind, "expires": t.Expires.UTC(), "login": true})
}

// programToken is a token of a user's: it belongs to no account.
func programToken(t Token) Token {
	t.Kind, t.Account, t.AccountName = id.EndUser, "", string(t.User)
	return t
}

// AuthenticateProgram gives the user of a site as whom a program acts.
func (s *Service) AuthenticateProgram(ctx context.Context, bearer string, site id.Site) (id.Principal, error) {
	refused := func(why string) (id.Principal, error) {
		return id.Principal{}, fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "%s", why).WithFix("let the program in again: it shows a code for that")
	}
	if bearer == "" {
		return refused("no token was presented")
	}
	if !wellFormed(bearer) {
		return refused("the token is not one of this server's")
	}
	generation, hash, now := s.gate.n.Load(), hashOf(bearer), s.Now()
	// Remembered apart: what opens actions is never taken for what opens the control API.
	if seen, ok := s.seen.Get(programKey + hash); ok && seen.generation == generation && now.Sub(seen.asOf) < trust && now.Before(seen.expires) {
		if seen.principal.Site != site {
			return refused("the token is for something else")
		}
		return seen.principal, nil
	}
	t, err := scanPerson(s.DB.QueryRow(ctx, personByHash, hash, int64(ofProgram)))
	switch {
	case isNoRows(err):
		return refused("the token opens no actions")
	case err != nil:
		return id.Principal{}, fault.Op("account.AuthenticateProgram", err)
	case t.Revoked:
		return refused("the token was ended")
	case !now.Before(t.Expires):
		return refused("the token expired")
	case t.Site != site:
		return refused("the token is for something else")
	}
	p := programToken(t).principal()
	s.seen.Add(programKey+hash, sighting{principal: p, expires: t.Expires, asOf: now, generation: generation})
	return p, nil
}

const programKey = "program:"

// Programs lists what acts for a user at present.
func (s *Service) Programs(ctx context.Context, user id.Principal) ([]Token, error) {
	who, err := userOf(user)
	if err != nil {
		return nil, err
	}
	rows, err := s.DB.Query(ctx, programsOf, who.Site, who.Product, who.User, s.Now().UnixMilli())
	if err != nil {
		return nil, fault.Op("account.Programs", err)
	}
	defer rows.Close()
	var out []Token
	for rows.Next() {
		t, err := scanPerson(rows)
		if err != nil {
			return nil, fault.Op("account.Programs", err)
		}
		out = append(out, programToken(t))
	}
	return out, fault.Op("account.Programs", rows.Err())
}

// EndProgram ends one of the user's programs.
func (s *Service) EndProgram(ctx context.Context, user id.Principal, token id.Token) error {
	who, err := userOf(user)
	if err != nil {
		return err
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		n, err := s.DB.Exec(ctx, endProgram, s.Now().UnixMilli(), string(token), who.Site, who.Product, who.User)
		if err != nil || n == 0 {
			return err
		}
		return s.Audit.Append(ctx, who.Site, "", user, "token.revoke", map[string]any{"token": token})
	})
	s.forget()
	return fault.Op("account.EndProgram", err)
}

// EndBearer ends the token that a program presents itself (RFC 7009). An unknown one is
// ended already.
func (s *Service) EndBearer(ctx context.Context, bearer string) error {
	if !wellFormed(bearer) {
		return nil
	}
	hash := hashOf(bearer)
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		t, err := scanPerson(s.DB.QueryRow(ctx, personByHash, hash, int64(ofProgram)))
		if isNoRows(err) {
			return nil
		}
		if err != nil {
			return err
		}
		n, err := s.DB.Exec(ctx, endProgram, s.Now().UnixMilli(), string(t.ID), t.Site, t.Product, t.User)
		if err != nil || n == 0 {
			return err
		}
		return s.Audit.Append(ctx, t.Site, "", programToken(t).principal(), "token.revoke", map[string]any{"token": t.ID})
	})
	s.forget()
	return fault.Op("account.EndBearer", err)
}

// SignedOut ends what acts for a user who signs out, and what waits to be told that it may.
func (s *Service) SignedOut(ctx context.Context, site id.Site, product id.Product, user id.User) error {
	n, err := s.DB.Exec(ctx, demotePerson, s.Now().UnixMilli(), site, product, user, int64(ofProgram))
	if n > 0 {
		s.forget()
	}
	if err == nil {
		err = s.tunnelsSignedOut(ctx, site, product, user)
	}
	if err == nil {
		_, err = s.DB.Exec(ctx, demoteDevices, site, product, user, site)
	}
	if err == nil {
		_, err = s.DB.Exec(ctx, demoteCodes, site, product, user)
	}
	return fault.Op("account.SignedOut", err)
}

// userOf demands a user of a product on a site.
func userOf(p id.Principal) (Person, error) {
	if !p.Is(id.EndUser) || p.Site == "" || p.Product == "" || p.User == "" {
		return Person{}, denied("a user who is signed in lets programs in")
	}
	return Person{p.Site, p.Product, p.User}, nil
}
