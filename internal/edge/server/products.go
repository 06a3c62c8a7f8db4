package server

import (
	"cmp"
	"context"
	"net"
	"net/http"
	"net/url"
	"slices"
	"sync"
	"time"

	"github.com/hashicorp/golang-lru/v2/expirable"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/applog"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/consent"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/product"
	"github.com/annexhq/annex/internal/feature/productauth"
	"github.com/annexhq/annex/internal/feature/receipts"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/infra/metrics"
	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/signer"
)

// products gives other features what the operator declared of products, and keeps the
// network's list of the operator's destinations in step with it.
type products struct {
	tenancy *tenancy.Service
	guard   *netguard.Guard

	mu     sync.Mutex
	always []string // what the operator's configuration names besides products
	known  map[id.Product]*tenancy.API
}

func newProducts(t *tenancy.Service, g *netguard.Guard, always ...string) *products {
	return &products{always: always, tenancy: t, guard: g, known: map[id.Product]*tenancy.API{}}
}

// declared is a product's API; whatever it names can be dialled once it is returned.
func (p *products) declared(ctx context.Context, key id.Product) (*tenancy.API, error) {
	api, err := p.tenancy.API(ctx, key)
	if err != nil {
		return nil, err
	}
	p.mu.Lock()
	defer p.mu.Unlock()
	if p.known[key] == api {
		return api, nil
	}
	p.known[key] = api
	all := slices.Clone(p.always)
	for _, a := range p.known {
		all = append(all, destinationsOf(a)...)
	}
	slices.Sort(all)
	return api, p.guard.SetOperator(slices.Compact(all)...)
}

// destinationsOf are the addresses that the operator named for a product.
func destinationsOf(a *tenancy.API) []string {
	addresses := []string{}
	if a.BaseURL != nil {
		addresses = append(addresses, a.BaseURL.String())
	}
	if a.Keys != nil {
		addresses = append(addresses, a.Keys.URL)
	}
	if a.OAuth != nil {
		addresses = append(addresses, a.OAuth.TokenURL, a.OAuth.RevocationURL)
	}
	if a.People != nil {
		addresses = append(addresses, a.People.AvatarHosts...)
	}
	if a.OIDC != nil {
		addresses = append(append(addresses, a.OIDC.Issuer), a.OIDC.Hosts...)
	}
	var out []string
	for _, text := range addresses {
		u, err := url.Parse(text)
		if err != nil || u.Hostname() == "" {
			continue
		}
		port := u.Port()
		if port == "" {
			port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
		}
		out = append(out, net.JoinHostPort(u.Hostname(), port))
	}
	return out
}

// API implements product.APIs.
func (p *products) API(ctx context.Context, key id.Product) (*product.API, error) {
	a, err := p.declared(ctx, key)
	if err != nil {
		return nil, err
	}
	out := &product.API{Product: a.Product, BaseURL: a.BaseURL, Table: a.Table, Unclaimed: a.Auth == tenancy.AuthOAuth2}
	for _, c := range a.Containers {
		out.Containers = append(out.Containers, product.Containers{Type: c.Type, Parameters: c.Parameters, Open: c.Metadata})
	}
	if g := a.Graph; g != nil {
		out.Graph = &product.Graph{Path: g.Path, Query: g.Query, Mutation: g.Mutation, MaxDepth: g.MaxDepth, MaxFields: g.MaxFields}
	}
	return out, nil
}

// Named implements product.APIs: "" and the names of the preferred product are that one.
func (p *products) Named(ctx context.Context, name string, preferred id.Product) (id.Product, bool, error) {
	if name == "" || name == string(preferred) {
		return preferred, true, nil
	}
	a, err := p.tenancy.API(ctx, preferred)
	if err != nil {
		return "", false, err
	}
	if slices.Contains(a.Aliases, name) {
		return preferred, true, nil
	}
	other, err := p.tenancy.ProductByKeyOrAlias(ctx, name)
	if f, ok := fault.As(err); ok && f.Kind == fault.NotFound {
		return "", false, nil
	}
	if err != nil {
		return "", false, err
	}
	return other.Key, true, nil
}

// ConsentRules implements consent.Products.
func (p *products) ConsentRules(ctx context.Context, key id.Product) (consent.Rules, error) {
	a, err := p.tenancy.API(ctx, key)
	if err != nil {
		return consent.Rules{}, err
	}
	r := consent.Rules{Scopes: make(map[string]bool, len(a.Scopes)), Admin: a.Consent.Admin, Offline: a.Consent.Offline, External: consent.External(a.Consent.External)}
	for name := range a.Scopes {
		r.Scopes[name] = true
	}
	return r, nil
}

// asks reports whether a product's people agree to where an app may send data.
func (p *products) asks(ctx context.Context, key id.Product) (bool, error) {
	r, err := p.ConsentRules(ctx, key)
	return r.External == consent.User || r.External == "", err
}

// Words implements consent.Products.
func (p *products) Words(ctx context.Context, key id.Product) (perm.Words, error) {
	return p.tenancy.Words(ctx, key)
}

// Client implements productauth.Clients.
func (p *products) Client(ctx context.Context, key id.Product) (*productauth.Client, error) {
	a, err := p.declared(ctx, key)
	if err != nil {
		return nil, err
	}
	o := a.OAuth
	if o == nil || o.User == nil {
		return nil, fault.New(fault.Invalid, "NO_OAUTH", "the product %s has no authorization server of its own", key).
			WithFix("declare auth: oauth2 in product.yaml")
	}
	names := make([]string, 0, len(a.Scopes))
	for name := range a.Scopes {
		names = append(names, name)
	}
	return &productauth.Client{
		Product: key, AuthorizationURL: o.AuthorizationURL, TokenURL: o.TokenURL, RevocationURL: o.RevocationURL, ClientID: o.ClientID, Auth: o.ClientAuth,
		Scopes: o.Native(names), Separator: o.Separator, Who: a.BaseURL.JoinPath(o.User.Path), ID: o.User.ID, Name: o.User.Name, Admin: o.User.Admin,
		AdminIs: a.Admins.Users,
	}, nil
}

// Provider implements productauth.Providers.
func (p *products) Provider(ctx context.Context, key id.Product) (*productauth.Provider, error) {
	a, err := p.declared(ctx, key)
	if err != nil {
		return nil, err
	}
	o := a.OIDC
	if o == nil {
		return nil, fault.New(fault.Invalid, "NO_OPENID", "people of %s do not sign in at an OpenID provider", key).
			WithFix("declare users: oidc in product.yaml")
	}
	return &productauth.Provider{
		Product: key, Issuer: o.Issuer, ClientID: o.ClientID, Auth: cmp.Or(o.ClientAuth, "none"), Scopes: o.Scopes,
		Subject: cmp.Or(o.Subject, "sub"), Name: cmp.Or(o.Name, "name"), Site: o.Site,
		AdminClaim: a.Admins.Claim, AdminValues: a.Admins.Values, AdminIs: a.Admins.Users,
	}, nil
}

// HTTP implements productauth.Clients.
func (p *products) HTTP(key id.Product) *http.Client {
	c := p.guard.Client(netguard.Operator, "oauth:"+string(key))
	c.Timeout = 20 * time.Second
	return c
}

// credentials proves to a product who asks: with tokens of the platform's own, or, to a
// product with an authorization server, with an account that was connected there.
type credentials struct {
	tokens
	products *products
	accounts *productauth.Service
}

// Credential implements product.Credentials.
func (c credentials) Credential(ctx context.Context, api *product.API, ask product.Ask) (product.Credential, error) {
	a, err := c.products.tenancy.API(ctx, api.Product)
	if err != nil {
		return product.Credential{}, err
	}
	if a.Auth != tenancy.AuthOAuth2 {
		return c.tokens.Credential(ctx, api, ask)
	}
	token, err := c.accounts.Token(ctx, ask.Policy.Site, api.Product, ask.User)
	return product.Credential{Header: "Authorization", Value: "Bearer " + token, Secret: token}, err
}

// tokens proves to a product who asks with tokens of the platform's own.
type tokens struct {
	signer *signer.Signer
	names  *appNames
}

// Credential implements product.Credentials.
func (t tokens) Credential(ctx context.Context, api *product.API, ask product.Ask) (product.Credential, error) {
	p := ask.Policy
	app := "app:" + string(p.Install)
	subject := app
	if ask.User != "" {
		subject = "user:" + string(ask.User)
	}
	token, _, err := t.signer.ReuseAccess(signer.Access{
		Audience: string(api.Product), Subject: subject, ClientID: string(p.App), Actor: signer.Actor{Subject: app, Name: t.names.of(ctx, p.App)},
		Scope: ask.Scopes, Site: string(p.Site), Installation: string(p.Install), Blocked: blockedIn(p),
	})
	return product.Credential{Header: "Authorization", Value: "Bearer " + token, Secret: token}, err
}

// blockedIn are the containers from which rules keep an installation, by their types.
func blockedIn(p *call.Policy) map[string][]string {
	if len(p.AccessRules) == 0 {
		return nil
	}
	out := map[string][]string{}
	for _, r := range p.AccessRules {
		out[r.Type] = append(out[r.Type], r.ID)
	}
	return out
}

// ContainerTypes implements install.Containers.
func (p *products) ContainerTypes(ctx context.Context, key id.Product) ([]string, error) {
	a, err := p.tenancy.API(ctx, key)
	if err != nil {
		return nil, err
	}
	var out []string
	for _, c := range a.Containers {
		out = append(out, c.Type)
	}
	return out, nil
}

// appNames remembers what apps are called, for a little while.
type appNames struct {
	registry *registry.Service
	cache    *expirable.LRU[id.App, string]
}

func newAppNames(r *registry.Service) *appNames {
	return &appNames{r, expirable.NewLRU[id.App, string](4096, nil, 10*time.Second)}
}

// of is the app's name, "" when it cannot be read: it is for people only.
func (n *appNames) of(ctx context.Context, app id.App) string {
	if name, ok := n.cache.Get(app); ok {
		return name
	}
	a, err := n.registry.App(ctx, app)
	if err != nil {
		return ""
	}
	n.cache.Add(app, a.Name)
	return a.Name
}

// productDecisions writes refused product calls into the app's log, under the id that the
// app's answer carries.
type productDecisions struct {
	logs     *applog.Service
	policies *install.Service
	audit    *audit.Log
	receipts *receipts.Log
	metrics  *metrics.Metrics
}

func (d productDecisions) Decided(ctx context.Context, x product.Decision) {
	d.metrics.Leaving("product", x.Allow, x.Rule, x.Sent, x.Received)
	if x.Allow {
		return
	}
	refusedByGate(d.receipts, x)
	p, err := d.policies.Policy(ctx, x.Install)
	if err != nil {
		return // uninstalled meanwhile; the server's own log has the decision
	}
	d.audit.Refused(p.Site, x.Install, "product."+x.Rule)
	recorder{logs: d.logs}.line(p, &call.Call{ID: x.Invocation, Installation: x.Install, Version: x.Version}, "warn", "a product call was refused",
		map[string]any{"reasonId": x.ReasonID, "product": string(x.Product), "operation": x.Operation, "as": x.As, "rule": x.Rule, "code": x.Code, "fix": x.Fix})
}
