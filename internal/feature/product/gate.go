package product

import (
	"context"
	"net/url"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/scopemap"
)

// The ways in which an app asks.
const (
	asApp   = "app"
	asUser  = "user"    // the user who is present
	offline = "offline" // a user who is not
)

// pass is what the gate let through: everything that sending needs.
type pass struct {
	api    *API
	policy *call.Policy // of the installation on the product
	op     *scopemap.Operation
	user   id.Principal // nobody for the app's own account
	scopes []string     // of the alternative that was taken
	method string
	path   string // escaped, below the API's base
	query  url.Values
}

// reach is the product that a request is for, with the installation whose grant counts.
func (c *caller) reach(ctx context.Context, p *call.Policy, h *head, d *Decision) (*pass, error) {
	g := c.gate
	product, ok, err := g.cfg.APIs.Named(ctx, h.Product, p.Product)
	if err != nil {
		return nil, err
	}
	if !ok {
		return nil, deny(d, "product-unknown", fault.New(fault.Denied, "PRODUCT_NOT_INSTALLED", "the site has no product %.64q on which the app is installed", h.Product).
			WithFix("have the site's admin install the app on that product"))
	}
	d.Product = product
	on, err := c.installed(ctx, p, product, d)
	if err != nil {
		return nil, err
	}
	d.On = on.Install
	api, err := g.cfg.APIs.API(ctx, product)
	if err != nil {
		return nil, err
	}
	if api.BaseURL != nil {
		d.Origin = api.BaseURL.Scheme + "://" + api.BaseURL.Host
	}
	return &pass{api: api, policy: on, method: d.Method}, nil
}

// admit decides about one request. Refusals that answer the request itself, as the
// product would, are *refusal; others reject.
func (c *caller) admit(ctx context.Context, p *call.Policy, h *head, d *Decision) (*pass, error) {
	out, err := c.reach(ctx, p, h, d)
	if err != nil {
		return nil, err
	}
	path, rawQuery, _ := strings.Cut(h.Path, "?")
	out.path = path
	if out.op, err = out.api.Table.Find(d.Method, path); err != nil {
		return nil, answer(d, err)
	}
	d.Operation = operationName(out.op)
	if out.op.Closed != "" {
		return nil, answer(d, closed("OPERATION_CLOSED", "the operation %s is closed: %s", d.Operation, out.op.Closed).
			WithFix("the product's operator opens an operation in product.yaml, with a reason"))
	}
	if err := c.authorise(ctx, out, h, d); err != nil {
		return nil, err
	}
	if out.query, err = url.ParseQuery(rawQuery); err != nil {
		return nil, answer(d, closed("PATH_REFUSED", "the query of the request is malformed").WithFix("encode the query, with URLSearchParams for instance"))
	}
	if err := out.kept(out.policy); err != nil {
		return nil, answer(d, err)
	}
	return out, nil
}

// installed is the installation under whose grant the request is decided: the calling
// one, or the same app environment's on that product of the same site.
func (c *caller) installed(ctx context.Context, p *call.Policy, product id.Product, d *Decision) (*call.Policy, error) {
	if product == p.Product {
		return p, nil
	}
	on, err := c.gate.cfg.Installations.On(ctx, p.Environment, p.Site, product)
	if err != nil {
		if fault.CodeOf(err) != "NOT_INSTALLED" {
			return nil, err
		}
		return nil, deny(d, "product-not-installed", fault.New(fault.Denied, "PRODUCT_NOT_INSTALLED", "the app is not installed on %s of this site", product).
			WithFix("have the site's admin install the app on that product"))
	}
	return on, nil
}

// authorise finds an alternative of scopes that the admin granted and, with a user, that
// the user agreed to. The first that passes is taken, so that a call carries no scope more
// than its operation needs.
func (c *caller) authorise(ctx context.Context, out *pass, h *head, d *Decision) error {
	var err error
	if out.user, d.As, err = c.subject(out, h); err != nil {
		return deny(d, "no-user", err)
	}
	d.Alternatives = out.op.Scopes
	granted := grantedOf(out.op.Scopes, out.policy.Set)
	if len(granted) == 0 {
		if err := c.agreed(ctx, out, d); err != nil {
			return err
		}
		return answer(d, closed("SCOPE_NOT_GRANTED", "the app has not been granted what %s needs", d.Operation).
			WithFix("declare %s under permissions.scopes and have the site's admin grant it", alternatives(out.op.Scopes)).
			With("scopes", out.op.Scopes))
	}
	if d.As == asApp {
		out.scopes = granted[0]
		d.Scopes = out.scopes
		return nil
	}
	var first error
	for _, scopes := range granted {
		err := c.mayAct(ctx, out, scopes, d.As == offline)
		if err == nil {
			out.scopes, d.Scopes = scopes, scopes
			return nil
		}
		if first == nil {
			first = err
		}
	}
	return deny(d, "consent", first)
}

// agreed finds out what would become of a request with the scopes that it lacks: of its
// alternatives those are left to which its user agreed.
func (c *caller) agreed(ctx context.Context, out *pass, d *Decision) error {
	if d.As == asApp {
		return nil
	}
	d.Alternatives = nil
	for _, scopes := range out.op.Scopes {
		err := c.gate.cfg.Consents.Check(ctx, out.policy, out.user, scopes, d.As == offline)
		if fault.KindOf(err) == fault.Internal && err != nil {
			return err
		}
		if err == nil {
			d.Alternatives = append(d.Alternatives, scopes)
		}
	}
	d.Agreed, d.Never = len(d.Alternatives) > 0, len(d.Alternatives) == 0
	return nil
}

// mayAct is the gate of every request with a user as its subject.
func (c *caller) mayAct(ctx context.Context, out *pass, scopes []string, offline bool) error {
	if offline {
		for _, s := range scopes {
			if !perm.MayImpersonate(out.policy.Set, s) {
				return closed("IMPERSONATION_NOT_GRANTED", "the app may not use %q for a user who is not present", s).
					WithFix("declare allowImpersonation for the scope and have the site's admin grant it")
			}
		}
	}
	return c.gate.cfg.Consents.Check(ctx, out.policy, out.user, scopes, offline)
}

// subject is who the request is made as.
func (c *caller) subject(out *pass, h *head) (id.Principal, string, error) {
	present := c.call.Principal
	switch {
	case h.As != asUser:
		return id.Principal{}, asApp, nil
	case h.AccountID != "" && (present.Kind != id.EndUser || present.User != id.User(h.AccountID) || present.Product != out.api.Product):
		return id.Principal{Kind: id.EndUser, Site: out.policy.Site, Product: out.api.Product, User: id.User(h.AccountID)}, offline, nil
	case present.Kind != id.EndUser:
		return present, asUser, fault.New(fault.Unauthenticated, call.NeedsAuthentication, "nobody is present in this call as whom the app could act").
			WithFix("use asApp(), or asUser(accountId) with a scope that allows it: web triggers, schedules and events have no user").
			With("status", 401).With("serviceKey", string(out.api.Product)).With("options", map[string]any{"isExpectedError": false})
	case present.Product != out.api.Product || present.Site != out.policy.Site:
		// A user is somebody on one product: the same name elsewhere is another person.
		return present, asUser, fault.New(fault.Denied, "USER_OF_ANOTHER_PRODUCT", "the user is known on %s, not on %s", present.Product, out.api.Product).
			WithFix("use asApp() for this product")
	default:
		return present, asUser, nil
	}
}

// grantedOf are the alternatives of which the set has every scope, the shortest first.
func grantedOf(all [][]string, set perm.Set) [][]string {
	var out [][]string
	for _, scopes := range all {
		if !slices.ContainsFunc(scopes, func(s string) bool { return !perm.HasScope(set, s) }) {
			out = append(out, scopes)
		}
	}
	slices.SortStableFunc(out, func(a, b []string) int { return len(a) - len(b) })
	return out
}

func alternatives(all [][]string) string {
	texts := make([]string, len(all))
	for i, scopes := range all {
		texts[i] = strings.Join(scopes, " and ")
	}
	return strings.Join(texts, ", or ")
}

func operationName(op *scopemap.Operation) string {
	if op.ID != "" {
		return op.ID
	}
	return op.Method + " " + op.Template
}

// contacts refuses a request that would make the product contact a host to which the app
// itself may send nothing: a product can be the way out.
func (c *caller) contacts(out *pass, values []string, d *Decision) error {
	for _, v := range values {
		u, err := hostrule.ParseURL(v)
		if err != nil {
			return answer(d, closed("REQUEST_EGRESS_ALLOWLIST_ERR", "%s names a destination that cannot be taken in", d.Operation).
				WithFix("name it as an absolute https URL"))
		}
		if !slices.Contains(d.Contacts, u.Origin()) {
			d.Contacts = append(d.Contacts, u.Origin())
		}
		verdict := out.policy.Rules.AllowsURL(out.policy.Set, perm.Backend, u)
		if !verdict.Allow || c.gate.reserved(u.Host) {
			return answer(d, closed("REQUEST_EGRESS_ALLOWLIST_ERR", "%s would make the product contact %s, to which the app may not send", d.Operation, u.Origin()).
				WithFix("allowed by permissions.external.fetch.backend: %s", u.Origin()).
				With("origin", u.Origin()).With("type", string(perm.Backend)))
		}
	}
	return nil
}

func (g *Gate) reserved(host string) bool {
	return slices.ContainsFunc(g.cfg.Reserved, func(n string) bool { return host == n || strings.HasSuffix(host, "."+n) })
}
