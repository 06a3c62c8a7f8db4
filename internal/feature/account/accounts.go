package account

import (
	"context"
	"strings"
	"time"
	"unicode"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// NewAccount is what an operator adds.
type NewAccount struct {
	Name      string
	Operator  bool
	Developer bool
	AdminOf   []id.Site
}

// maxNameLength bounds account names and notes, in characters.
const maxNameLength = 100

// AddAccount adds an account; one of that name that exists gets the further roles
// and keeps those it has. Only an operator may.
func (s *Service) AddAccount(ctx context.Context, p id.Principal, add NewAccount) (Account, error) {
	if !p.Is(id.Operator) {
		return Account{}, denied("only an operator adds accounts")
	}
	if err := checkName(add.Name); err != nil {
		return Account{}, err
	}
	for _, site := range add.AdminOf {
		ok, err := s.Sites.SiteExists(ctx, site)
		if err != nil {
			return Account{}, fault.Op("account.AddAccount", err)
		}
		if !ok {
			return Account{}, fault.New(fault.NotFound, "SITE_UNKNOWN", "there is no site %q", site).
				WithFix("annex site add NAME --product KEY")
		}
	}
	var out Account
	err := s.DB.Tx(ctx, func(ctx context.Context) (err error) {
		if err = s.putAccount(ctx, add); err != nil {
			return err
		}
		if out, err = s.accountNamed(ctx, add.Name); err != nil {
			return err
		}
		for _, site := range add.AdminOf {
			if _, err = s.DB.Exec(ctx, addAccountSite, string(out.ID), string(site)); err != nil {
				return err
			}
		}
		if out.AdminOf, err = s.sitesOf(ctx, out.ID); err != nil {
			return err
		}
		return s.Audit.Append(ctx, "", "", p, "account.add", map[string]any{
			"account": out.ID, "operator": add.Operator, "developer": add.Developer, "adminOf": add.AdminOf})
	})
	return out, fault.Op("account.AddAccount", err)
}

// Accounts lists all accounts by name. Only an operator may.
func (s *Service) Accounts(ctx context.Context, p id.Principal) ([]Account, error) {
	if !p.Is(id.Operator) {
		return nil, denied("only an operator lists accounts")
	}
	rows, err := s.DB.Query(ctx, allAccounts)
	if err != nil {
		return nil, fault.Op("account.Accounts", err)
	}
	defer rows.Close()
	var out []Account
	for rows.Next() {
		a, err := scanAccount(rows)
		if err != nil {
			return nil, fault.Op("account.Accounts", err)
		}
		out = append(out, a)
	}
	if err := rows.Err(); err != nil {
		return nil, fault.Op("account.Accounts", err)
	}
	rows.Close()
	for i := range out {
		if out[i].AdminOf, err = s.sitesOf(ctx, out[i].ID); err != nil {
			return nil, fault.Op("account.Accounts", err)
		}
	}
	return out, nil
}

// AccountByName finds an account.
func (s *Service) AccountByName(ctx context.Context, name string) (Account, error) {
	a, err := s.accountNamed(ctx, name)
	return s.withSites(ctx, a, err)
}

// AccountByID finds an account.
func (s *Service) AccountByID(ctx context.Context, account id.Account) (Account, error) {
	a, err := scanAccount(s.DB.QueryRow(ctx, accountByID, string(account)))
	return s.withSites(ctx, a, err)
}

// NameOf is whom the text of a principal means, in words for people: "admin:ID" is the
// account's name, "admin:tracker/alice" that user of Tracker's. An account that is gone has
// its id alone.
func (s *Service) NameOf(ctx context.Context, actor string) string {
	_, who, ok := strings.Cut(actor, ":")
	if !ok {
		return actor
	}
	if product, user, ok := strings.Cut(who, "/"); ok {
		return user + " (" + product + ")"
	}
	if a, err := s.AccountByID(ctx, id.Account(who)); err == nil {
		return a.Name
	}
	return who
}

func (s *Service) withSites(ctx context.Context, a Account, err error) (Account, error) {
	if err == nil {
		a.AdminOf, err = s.sitesOf(ctx, a.ID)
	}
	if isNoRows(err) {
		return Account{}, fault.New(fault.NotFound, "ACCOUNT_UNKNOWN", "there is no such account")
	}
	return a, fault.Op("account.withSites", err)
}

func (s *Service) putAccount(ctx context.Context, add NewAccount) error {
	_, err := s.DB.Exec(ctx, addAccount, newID(), add.Name, flag(add.Operator), flag(add.Developer), s.Now().UnixMilli())
	return err
}

func (s *Service) accountNamed(ctx context.Context, name string) (Account, error) {
	return scanAccount(s.DB.QueryRow(ctx, accountByName, name))
}

func (s *Service) sitesOf(ctx context.Context, account id.Account) ([]id.Site, error) {
	rows, err := s.DB.Query(ctx, accountSites, string(account))
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	var out []id.Site
	for rows.Next() {
		var site string
		if err := rows.Scan(&site); err != nil {
			return nil, err
		}
		out = append(out, id.Site(site))
	}
	return out, rows.Err()
}

func scanAccount(row interface{ Scan(...any) error }) (Account, error) {
	var (
		a                   Account
		operator, developer int64
		created             int64
	)
	err := row.Scan((*string)(&a.ID), &a.Name, &operator, &developer, &created)
	a.Operator, a.Developer, a.Created = operator != 0, developer != 0, time.UnixMilli(created)
	return a, err
}

func checkName(name string) error {
	if name == "" || utf8.RuneCountInString(name) > maxNameLength || !utf8.ValidString(name) ||
		strings.TrimSpace(name) != name || strings.ContainsFunc(name, unicode.IsControl) {
		return fault.New(fault.Invalid, "ACCOUNT_NAME", "an account's name has 1 to %d printable characters and no blank at either end", maxNameLength)
	}
	return nil
}

func denied(format string, args ...any) error {
	return fault.New(fault.Denied, "ROLE_REQUIRED", format, args...)
}

func flag(b bool) int64 {
	if b {
		return 1
	}
	return 0
}
