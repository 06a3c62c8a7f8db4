package account

import (
	"context"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// RemoveAccount ends an account's roles and tokens at once. Its name and id stay, since
// apps and the audit trail name it: an operator who adds the name again gives the same
// account its apps back. Only an operator may, and not the own account, so that one is
// always left.
func (s *Service) RemoveAccount(ctx context.Context, p id.Principal, account id.Account) (tokens int64, err error) {
	if !p.Is(id.Operator) {
		return 0, denied("only an operator removes accounts")
	}
	if account == p.Account {
		return 0, fault.New(fault.Conflict, "OWN_ACCOUNT", "an operator does not remove the own account").
			WithFix("another operator can; `annex token revoke` ends a token of yours")
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		a, err := s.AccountByID(ctx, account)
		if err != nil {
			return err
		}
		for _, q := range []string{endRoles, endSitesOf} {
			if _, err := s.DB.Exec(ctx, q, string(a.ID)); err != nil {
				return err
			}
		}
		if tokens, err = s.DB.Exec(ctx, endTokensOf, s.Now().UnixMilli(), string(a.ID)); err != nil {
			return err
		}
		return s.Audit.Append(ctx, "", "", p, "account.remove", map[string]any{
			"account": a.ID, "operator": a.Operator, "developer": a.Developer, "adminOf": a.AdminOf, "tokens": tokens})
	})
	if err != nil {
		return 0, fault.Op("account.RemoveAccount", err)
	}
	s.forget()
	return tokens, nil
}

// EndSite ends what accounts may do on a site, in the transaction that removes it. Forget
// comes after its commit.
func (s *Service) EndSite(ctx context.Context, site id.Site) (tokens int64, err error) {
	if _, err := s.DB.Exec(ctx, endAdminsOf, string(site)); err != nil {
		return 0, fault.Op("account.EndSite", err)
	}
	if tokens, err = s.DB.Exec(ctx, endTokensSite, s.Now().UnixMilli(), string(site)); err != nil {
		return 0, fault.Op("account.EndSite", err)
	}
	for _, q := range []string{endPersonsSite, endDevicesSite, endCodesSite, endWrongSite} {
		n, err := s.DB.Exec(ctx, q, string(site))
		if err != nil {
			return 0, fault.Op("account.EndSite", err)
		}
		if q == endPersonsSite {
			tokens += n
		}
	}
	return tokens, fault.Op("account.EndSite", err)
}

// Forget makes this process ask the database about every token anew.
func (s *Service) Forget() { s.forget() }
