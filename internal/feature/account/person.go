package account

import (
	"context"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// PersonLife is how long a token lives that `annex login` gets at the console. In the
// console a product vouches for an admin at every decision; a command line cannot ask it,
// so its token is short, and ends at once when the product says that its owner is no admin.
const PersonLife = time.Hour

// wholeSite demands that a product's admins are the site's: a token of the control API is
// for a whole site, and another product's admins are others.
func (s *Service) wholeSite(ctx context.Context, site id.Site, product id.Product) error {
	products, err := s.Sites.ProductsOf(ctx, site)
	if err != nil && fault.KindOf(err) != fault.NotFound {
		return fault.Op("account.wholeSite", err)
	}
	if len(products) != 1 || products[0] != product {
		return fault.New(fault.Denied, "SITE_OF_SEVERAL", "the site has several products, and a command line decides for all of them").
			WithFix("use a token that an operator made for the site: annex login --token-stdin")
	}
	return nil
}

// accountOf is how acts of a product's admins are written down.
func accountOf(w Person) id.Account { return id.Account(string(w.Product) + "/" + string(w.User)) }

// class is what a person let in: an admin's command line, a program, or a developer's tunnel.
// Each has a column's value of its own, and none is ever found as another.
type class int64

const (
	ofAdmin class = iota
	ofProgram
	ofTunnel
)

func (s *Service) putPerson(ctx context.Context, who Person, _, note string, now time.Time) (Token, string, error) {
	secret, err := newSecret(s.Rand, id.SiteAdmin)
	if err != nil {
		return Token{}, "", err
	}
	t := Token{ID: id.Token(newID()), Kind: id.SiteAdmin, Account: accountOf(who), AccountName: string(who.User), Site: who.Site, Product: who.Product, User: who.User,
		Note: note, Created: now, Expires: now.Add(PersonLife)}
	if _, err := s.DB.Exec(ctx, addPerson, string(t.ID), hashOf(secret), int64(ofAdmin), who.Site, who.Product, who.User, "", note, now.UnixMilli(), t.Expires.UnixMilli()); err != nil {
		return Token{}, "", err
	}
	return t, secret, s.Audit.Append(ctx, who.Site, "", t.principal(), "token.create", map[string]any{"token": t.ID, "kind": t.Kind, "account": t.Account, "expires": t.Expires.UTC(), "login": true})
}

func (t Token) principal() id.Principal {
	return id.Principal{Kind: t.Kind, Account: t.Account, Token: t.ID, Site: t.Site, Product: t.Product, User: t.User, App: t.App, Environments: t.Environments}
}

// person finds a token that a command line got at the console. The site may have got other
// products since.
func (s *Service) person(ctx context.Context, hash string) (Token, error) {
	t, err := scanPerson(s.DB.QueryRow(ctx, personByHash, hash, int64(ofAdmin)))
	if err != nil || t.Revoked {
		return t, err
	}
	if s.wholeSite(ctx, t.Site, t.Product) != nil {
		t.Revoked = true
	}
	return t, nil
}

// Persons lists the command lines that admins of a product let in on their site.
func (s *Service) Persons(ctx context.Context, p id.Principal) ([]Token, error) {
	if !p.Is(id.SiteAdmin) || p.Site == "" {
		return nil, denied("an admin of the site sees its command lines")
	}
	rows, err := s.DB.Query(ctx, personsOfSite, p.Site, p.Product, s.Now().UnixMilli())
	if err != nil {
		return nil, fault.Op("account.Persons", err)
	}
	defer rows.Close()
	var out []Token
	for rows.Next() {
		t, err := scanPerson(rows)
		if err != nil {
			return nil, fault.Op("account.Persons", err)
		}
		out = append(out, t)
	}
	return out, fault.Op("account.Persons", rows.Err())
}

// RevokePerson ends a command line's token. Each admin of the product may: less is left then.
func (s *Service) RevokePerson(ctx context.Context, p id.Principal, token id.Token) error {
	if !p.Is(id.SiteAdmin) || p.Product == "" {
		return denied("an admin of the site ends its command lines")
	}
	err := s.DB.Tx(ctx, func(ctx context.Context) error {
		n, err := s.DB.Exec(ctx, revokePerson, s.Now().UnixMilli(), string(token), p.Site, p.Product)
		if err != nil || n == 0 {
			return err
		}
		return s.Audit.Append(ctx, p.Site, "", p, "token.revoke", map[string]any{"token": token})
	})
	if err == nil {
		s.forget()
	}
	return fault.Op("account.RevokePerson", err)
}

// Demoted ends the command lines of somebody of whom the product says: no admin.
func (s *Service) Demoted(ctx context.Context, site id.Site, product id.Product, user id.User) error {
	n, err := s.DB.Exec(ctx, demotePerson, s.Now().UnixMilli(), site, product, user, int64(ofAdmin))
	if n > 0 {
		s.forget()
	}
	if err == nil {
		_, err = s.DB.Exec(ctx, demoteDevices, site, product, user, commandLine)
	}
	return fault.Op("account.Demoted", err)
}

func scanPerson(row interface{ Scan(...any) error }) (Token, error) {
	t := Token{Kind: id.SiteAdmin}
	var created, expires, revoked int64
	err := row.Scan((*string)(&t.ID), (*string)(&t.Site), (*string)(&t.Product), (*string)(&t.User), &t.Note, &created, &expires, &revoked)
	t.Account, t.AccountName = accountOf(Person{t.Site, t.Product, t.User}), string(t.User)
	t.Created, t.Expires, t.Revoked = time.UnixMilli(created), time.UnixMilli(expires), revoked != 0
	return t, err
}
