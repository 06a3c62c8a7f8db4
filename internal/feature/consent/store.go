package consent

import (
	"context"
	"encoding/json"
	"errors"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
)

// Give records that the user agreed to the question of that digest.
func (s *Service) Give(ctx context.Context, user id.Principal, install id.Install, digest string) error {
	return fault.Op("consent.Give", s.DB.Tx(ctx, func(ctx context.Context) error {
		q, scope, err := s.ask(ctx, user, install)
		if err != nil {
			return err
		}
		if q.Digest != digest {
			return fault.New(fault.Conflict, "CONSENT_CHANGED", "what the app asks for has changed since it was shown").
				WithFix("read what it asks for now, and decide again")
		}
		text, err := json.Marshal(q.Asked)
		if err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, put, scope.Install(), scope.Site(), user.Product, user.User, string(text), s.Now().UnixMilli()); err != nil {
			return err
		}
		return s.Audit.Append(ctx, scope.Site(), scope.Install(), user, "consent.give", map[string]any{"app": q.Policy.App, "digest": digest})
	}))
}

// Revoke takes back what a user agreed: the user themself, or an admin of the site.
// What was never agreed is revoked without an error.
func (s *Service) Revoke(ctx context.Context, by id.Principal, site id.Site, install id.Install, product id.Product, user id.User) error {
	scope, err := tenant.ForUser(by, install)
	if err != nil || by.Site != site || by.Product != product || by.User != user {
		if scope, err = tenant.ForInstall(by, site, install); err != nil {
			return fault.Op("consent.Revoke", err)
		}
	}
	return fault.Op("consent.Revoke", s.DB.Tx(ctx, func(ctx context.Context) error {
		if n, err := s.DB.Exec(ctx, remove, scope.Install(), product, user); err != nil || n == 0 {
			return err
		}
		detail := map[string]any{"own": by.Kind == id.EndUser}
		if by.Kind != id.EndUser { // whose it was; of their own the entry's actor says it
			detail["product"], detail["user"] = product, user
		}
		return s.Audit.Append(ctx, scope.Site(), scope.Install(), by, "consent.revoke", detail)
	}))
}

// OfUser lists what a user has agreed to on their site.
func (s *Service) OfUser(ctx context.Context, user id.Principal) ([]Consent, error) {
	if user.Kind != id.EndUser || user.Site == "" || user.User == "" {
		return nil, fault.New(fault.Denied, "ROLE_REQUIRED", "only a user has consents of their own")
	}
	return s.list(ctx, ofUser, user.Site, user.Product, user.User)
}

// OfInstallation lists who has agreed to what of an installation, for an admin of its site.
func (s *Service) OfInstallation(ctx context.Context, scope tenant.Scope) ([]Consent, error) {
	if !scope.Valid() || scope.Install() == "" {
		return nil, fault.New(fault.Denied, "NOT_YOURS", "no installation was named")
	}
	return s.list(ctx, ofInstall, scope.Install())
}

// DeleteAll forgets every consent of an installation; it joins the transaction that ends it.
func (s *Service) DeleteAll(ctx context.Context, scope tenant.Scope) error {
	_, err := s.DB.Exec(ctx, removeAll, scope.Install())
	return fault.Op("consent.DeleteAll", err)
}

func (s *Service) list(ctx context.Context, q string, args ...any) ([]Consent, error) {
	rows, err := s.DB.Query(ctx, q, args...)
	if err != nil {
		return nil, fault.Op("consent.list", err)
	}
	defer rows.Close()
	var out []Consent
	for rows.Next() {
		var c Consent
		var text string
		var given int64
		if err := rows.Scan(&c.Install, &c.User, &c.Product, &text, &given); err != nil {
			return nil, fault.Op("consent.list", err)
		}
		if err := json.Unmarshal([]byte(text), &c.Agreed); err != nil {
			return nil, fault.Op("consent.list", err)
		}
		c.Given = time.UnixMilli(given)
		out = append(out, c)
	}
	return out, fault.Op("consent.list", rows.Err())
}

// agreed is what the user has agreed to, nothing if they never did.
func (s *Service) agreed(ctx context.Context, scope tenant.Scope, user id.Principal) (set perm.Set, err error) {
	var text string
	switch err := s.DB.QueryRow(ctx, agreedOf, scope.Install(), user.Product, user.User).Scan(&text); {
	case errors.Is(err, db.ErrNoRows):
		return set, nil
	case err != nil:
		return set, err
	}
	return set, json.Unmarshal([]byte(text), &set)
}
