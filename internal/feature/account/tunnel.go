package account

import (
	"context"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// A developer's tunnel asks a person of a product like a program does, for less and for more:
// it calls nothing, but code that nobody deployed answers what that person does in the pages
// of one installation. What is agreed to is that installation and that developer, no others.

// TunnelLife is how long a person's agreement to a tunnel lasts.
const TunnelLife = 8 * time.Hour

// TunnelOf is what a tunnel is asked for.
type TunnelOf struct {
	Install id.Install
	Account id.Account // the developer, on whose machine calls run
}

func (t TunnelOf) subject() string { return string(t.Install) + " " + string(t.Account) }

func tunnelOf(subject string) TunnelOf {
	install, account, _ := strings.Cut(subject, " ")
	return TunnelOf{id.Install(install), id.Account(account)}
}

// Agreement is what a person agreed to.
type Agreement struct {
	TunnelOf
	Token   id.Token
	Site    id.Site
	Product id.Product
	User    id.User
	Note    string // what the machine is called
	Created time.Time
	Expires time.Time
}

const tunnelPrefix = "tunnel:"

// forTunnel is where the logins of a site's tunnels are found, and no program's.
func forTunnel(site id.Site) id.Site { return tunnelPrefix + site }

func ofATunnel(forSite id.Site) bool { return strings.HasPrefix(string(forSite), tunnelPrefix) }

// StartTunnel begins to ask a person of a site.
func (s *Service) StartTunnel(ctx context.Context, developer id.Principal, name, address string, site id.Site, install id.Install) (Started, error) {
	if !developer.Is(id.Developer) || developer.Account == "" || site == "" || install == "" {
		return Started{}, denied("an app's developer asks whether a tunnel may carry a person's calls")
	}
	out, err := s.startLogin(ctx, name, address, forTunnel(site), TunnelOf{install, developer.Account}.subject())
	return out, fault.Op("account.StartTunnel", err)
}

// TunnelByCode is the tunnel that waits for the user's site with a typed code.
func (s *Service) TunnelByCode(ctx context.Context, user id.Principal, typed string) (Device, TunnelOf, error) {
	who, err := userOf(user)
	if err != nil {
		return Device{}, TunnelOf{}, err
	}
	d, err := s.byCode(ctx, who, typed, forTunnel(who.Site))
	return d, tunnelOf(d.subject), fault.Op("account.TunnelByCode", err)
}

// AgreeToTunnel has the calls of the user who typed a code go through the tunnel that showed it.
func (s *Service) AgreeToTunnel(ctx context.Context, user id.Principal, typed string) error {
	d, _, err := s.TunnelByCode(ctx, user, typed)
	if err != nil {
		return err
	}
	n, err := s.DB.Exec(ctx, letIn, user.Site, user.Product, user.User, d.ID, forTunnel(user.Site), s.Now().UnixMilli())
	if err == nil && n == 0 {
		return fault.New(fault.Conflict, "NO_CODE", "the tunnel does not wait any more").WithFix("run annex tunnel again")
	}
	return fault.Op("account.AgreeToTunnel", err)
}

// TurnTunnelAway refuses the tunnel whose code the user typed.
func (s *Service) TurnTunnelAway(ctx context.Context, user id.Principal, typed string) error {
	d, _, err := s.TunnelByCode(ctx, user, typed)
	if err != nil {
		return err
	}
	_, err = s.DB.Exec(ctx, turnAway, d.ID, forTunnel(user.Site))
	return fault.Op("account.TurnTunnelAway", err)
}

// PollTunnel is the question of the developer who asked, whether the person agreed. What it
// gives proves the agreement when a tunnel is opened, and opens nothing else.
func (s *Service) PollTunnel(ctx context.Context, developer id.Principal, secret string) (Agreement, string, error) {
	if !developer.Is(id.Developer) || developer.Account == "" {
		return Agreement{}, "", denied("an app's developer asks whether a person agreed")
	}
	var of TunnelOf
	mine := func(forSite id.Site, subject string) bool {
		of = tunnelOf(subject)
		return ofATunnel(forSite) && of.Account == developer.Account
	}
	t, proof, err := s.poll(ctx, secret, mine, s.putTunnel)
	if err != nil {
		return Agreement{}, "", fault.Op("account.PollTunnel", err)
	}
	return Agreement{of, t.ID, t.Site, t.Product, t.User, t.Note, t.Created, t.Expires}, proof, nil
}

func (s *Service) putTunnel(ctx context.Context, who Person, subject, note string, now time.Time) (Token, string, error) {
	secret, err := newSecret(s.Rand, id.EndUser)
	if err != nil {
		return Token{}, "", err
	}
	of := tunnelOf(subject)
	t := programToken(Token{ID: id.Token(newID()), Site: who.Site, Product: who.Product, User: who.User, Note: note, Created: now, Expires: now.Add(TunnelLife)})
	if _, err := s.DB.Exec(ctx, addPerson, string(t.ID), hashOf(secret), int64(ofTunnel), who.Site, who.Product, who.User, subject, note, now.UnixMilli(), t.Expires.UnixMilli()); err != nil {
		return Token{}, "", err
	}
	return t, secret, s.Audit.Append(ctx, who.Site, of.Install, t.principal(), "tunnel.agree",
		map[string]any{"token": t.ID, "account": of.Account, "expires": t.Expires.UTC()})
}

// AgreedTo is the agreement that a proof is of, as it is now.
func (s *Service) AgreedTo(ctx context.Context, proof string) (Agreement, error) {
	ended := func(why string) (Agreement, error) {
		return Agreement{}, fault.New(fault.Denied, "TUNNEL_AGREEMENT_ENDED", "%s", why).
			WithFix("run annex tunnel with --site again: it shows a code for a person to agree, or without it to have your own calls carried alone")
	}
	if !wellFormed(proof) {
		return ended("this proves nobody's agreement")
	}
	var a Agreement
	var subject string
	var expires, revoked int64
	err := s.DB.QueryRow(ctx, agreedByHash, hashOf(proof)).
		Scan((*string)(&a.Token), (*string)(&a.Site), (*string)(&a.Product), (*string)(&a.User), &subject, &expires, &revoked)
	switch {
	case isNoRows(err):
		return ended("this proves nobody's agreement")
	case err != nil:
		return Agreement{}, fault.Op("account.AgreedTo", err)
	case revoked != 0:
		return ended("the person whose calls the tunnel carried does not agree any more, or signed out")
	case s.Now().UnixMilli() >= expires:
		return ended("the time of the agreement is over")
	}
	a.TunnelOf, a.Expires = tunnelOf(subject), time.UnixMilli(expires)
	return a, nil
}

// Agreements lists what a user's calls may go through at present.
func (s *Service) Agreements(ctx context.Context, user id.Principal) ([]Agreement, error) {
	who, err := userOf(user)
	if err != nil {
		return nil, err
	}
	rows, err := s.DB.Query(ctx, agreedOf, who.Site, who.Product, who.User, s.Now().UnixMilli())
	if err != nil {
		return nil, fault.Op("account.Agreements", err)
	}
	defer rows.Close()
	var out []Agreement
	for rows.Next() {
		a := Agreement{Site: who.Site, Product: who.Product, User: who.User}
		var subject string
		var created, expires int64
		if err := rows.Scan((*string)(&a.Token), &a.Note, &subject, &created, &expires); err != nil {
			return nil, fault.Op("account.Agreements", err)
		}
		a.TunnelOf, a.Created, a.Expires = tunnelOf(subject), time.UnixMilli(created), time.UnixMilli(expires)
		out = append(out, a)
	}
	return out, fault.Op("account.Agreements", rows.Err())
}

// EndAgreement ends one of the user's agreements.
func (s *Service) EndAgreement(ctx context.Context, user id.Principal, token id.Token) error {
	who, err := userOf(user)
	if err != nil {
		return err
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		var subject string
		err := s.DB.QueryRow(ctx, agreedSubject, string(token), who.Site, who.Product, who.User).Scan(&subject)
		if isNoRows(err) {
			return nil // it ended before
		}
		if err != nil {
			return err
		}
		if n, err := s.DB.Exec(ctx, endAgreed, s.Now().UnixMilli(), string(token), who.Site, who.Product, who.User); err != nil || n == 0 {
			return err
		}
		return s.Audit.Append(ctx, who.Site, tunnelOf(subject).Install, user, "tunnel.disagree", map[string]any{"token": token})
	})
	return fault.Op("account.EndAgreement", err)
}

// tunnelsSignedOut ends the agreements of a user who signs out, and what waits to be told of one.
func (s *Service) tunnelsSignedOut(ctx context.Context, site id.Site, product id.Product, user id.User) error {
	if _, err := s.DB.Exec(ctx, demotePerson, s.Now().UnixMilli(), site, product, user, int64(ofTunnel)); err != nil {
		return err
	}
	_, err := s.DB.Exec(ctx, demoteDevices, site, product, user, forTunnel(site))
	return err
}
