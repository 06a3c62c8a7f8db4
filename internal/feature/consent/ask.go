package consent

import (
	"context"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
)

// Check refuses with NEEDS_AUTHENTICATION_ERR unless the user has agreed that the
// installation uses the scopes as them now. Offline says that the user is not present;
// that takes an agreement of its own, and one that no admin can give for them.
func (s *Service) Check(ctx context.Context, p *call.Policy, user id.Principal, scopes []string, offline bool) error {
	rules, err := s.Products.ConsentRules(ctx, user.Product)
	if err != nil {
		return fault.Op("consent.Check", err)
	}
	if offline {
		for _, name := range scopes {
			if !rules.Offline[name] {
				return fault.New(fault.Denied, "OFFLINE_NOT_OFFERED", "the product does not let an app use %q for a user who is not present", name).
					WithFix("the product's operator lists such scopes in product.yaml under consent.offline")
			}
		}
	}
	need := needed(rules, p.Set, scopes, offline)
	if perm.Empty(need) {
		return nil
	}
	scope, err := tenant.ForUser(user, p.Install)
	if err != nil || user.Site != p.Site {
		return fault.New(fault.Denied, "NOT_YOURS", "this is no user of the installation's site")
	}
	agreed, err := s.agreed(ctx, scope, user)
	if err != nil {
		return fault.Op("consent.Check", err)
	}
	if !perm.Covers(agreed, need) {
		return refusal(user, scopes)
	}
	return nil
}

// refusal is what the app gets, in the shape that apps written for Forge look for.
func refusal(user id.Principal, scopes []string) error {
	return fault.New(fault.Unauthenticated, call.NeedsAuthentication, "the user has not agreed that the app does this as them").
		WithFix("the user agrees on the page that the platform shows them; the call can then be made again").
		With("status", 401).With("serviceKey", string(user.Product)).
		With("options", map[string]any{"scopes": scopes, "isExpectedError": true})
}

// needed is what the user must have agreed to, for a call with these scopes.
func needed(r Rules, effective perm.Set, scopes []string, offline bool) perm.Set {
	var need perm.Set
	for _, name := range scopes {
		if offline || !r.Admin[name] {
			need.Scopes = append(need.Scopes, perm.Scope{Name: name, Impersonation: offline})
		}
	}
	if r.External == User || r.External == "" {
		need = perm.Union(need, perm.Outgoing(effective))
	}
	return need
}

// asked is all that a user can be asked about a set at once.
func asked(r Rules, effective perm.Set) perm.Set {
	var out perm.Set
	for _, sc := range effective.Scopes {
		sc.Impersonation = sc.Impersonation && r.Offline[sc.Name]
		if r.Scopes[sc.Name] && (sc.Impersonation || !r.Admin[sc.Name]) {
			out.Scopes = append(out.Scopes, sc)
		}
	}
	if r.External == User || r.External == "" {
		out = perm.Union(out, perm.Outgoing(effective))
	}
	return perm.Normal(out)
}

// Ask is the question that a user is shown about an installation of their site.
func (s *Service) Ask(ctx context.Context, user id.Principal, install id.Install) (Question, error) {
	q, _, err := s.ask(ctx, user, install)
	return q, fault.Op("consent.Ask", err)
}

func (s *Service) ask(ctx context.Context, user id.Principal, install id.Install) (q Question, scope tenant.Scope, err error) {
	if scope, err = tenant.ForUser(user, install); err != nil {
		return q, scope, err
	}
	p, err := s.Policies.Policy(ctx, install)
	if err != nil {
		return q, scope, err
	}
	if p.Site != user.Site {
		// As for an installation that does not exist: a foreign site's are nobody's business.
		return q, scope, fault.New(fault.Denied, "NOT_INSTALLED", "there is no such installation, or it has ended")
	}
	rules, err := s.Products.ConsentRules(ctx, user.Product)
	if err != nil {
		return q, scope, err
	}
	words, err := s.Products.Words(ctx, user.Product)
	if err != nil {
		return q, scope, err
	}
	agreed, err := s.agreed(ctx, scope, user)
	if err != nil {
		return q, scope, err
	}
	q.Policy, q.Asked = p, asked(rules, p.Set)
	q.Acts = perm.Describe(perm.Set{Scopes: q.Asked.Scopes}, words)
	q.Sends = perm.Describe(perm.Outgoing(p.Set), words)
	q.Informed = rules.External == Inform
	if rules.External == None {
		q.Sends = nil
	}
	if !perm.Empty(agreed) {
		q.New = perm.Describe(perm.Diff(agreed, q.Asked), words)
	}
	q.Agreed = perm.Covers(agreed, q.Asked)
	q.Digest = perm.Digest(q.Asked)
	return q, scope, nil
}
