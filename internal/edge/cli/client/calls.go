package client

import (
	"bytes"
	"context"
	"io"
	"mime/multipart"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

const api = "/api/v1"

func seg(parts ...string) string {
	var s strings.Builder
	s.WriteString(api)
	for i, p := range parts {
		s.WriteByte('/')
		if i%2 == 0 { // names of collections are ours, what stands between them is data
			s.WriteString(p)
		} else {
			s.WriteString(url.PathEscape(p))
		}
	}
	return s.String()
}

// get reads one answer.
func get[T any](ctx context.Context, c *Client, path string, query url.Values) (T, error) {
	var out T
	_, err := c.do(ctx, http.MethodGet, path, query, nil, &out)
	return out, err
}

// post sends a body and reads the answer.
func post[T any](ctx context.Context, c *Client, path string, in any) (T, error) {
	var out T
	_, err := c.do(ctx, http.MethodPost, path, nil, in, &out)
	return out, err
}

func (c *Client) del(ctx context.Context, path string, query url.Values) error {
	_, err := c.do(ctx, http.MethodDelete, path, query, nil, nil)
	return err
}

// Health asks whether the server serves.
func (c *Client) Health(ctx context.Context) (Health, error) {
	return get[Health](ctx, c, "/healthz", nil)
}

// Whoami is the principal of the token.
func (c *Client) Whoami(ctx context.Context) (Whoami, error) {
	return get[Whoami](ctx, c, seg("whoami"), nil)
}

// Accounts lists all accounts.
func (c *Client) Accounts(ctx context.Context) ([]Account, error) {
	out, err := get[struct{ Accounts []Account }](ctx, c, seg("accounts"), nil)
	return out.Accounts, err
}

// AddAccount adds an account and gives its first tokens.
func (c *Client) AddAccount(ctx context.Context, a NewAccount) (AddedAccount, error) {
	return post[AddedAccount](ctx, c, seg("accounts"), a)
}

// Tokens lists tokens, never their secrets.
func (c *Client) Tokens(ctx context.Context) ([]Token, error) {
	out, err := get[struct{ Tokens []Token }](ctx, c, seg("tokens"), nil)
	return out.Tokens, err
}

// CreateToken makes a token; its secret is in the answer only.
func (c *Client) CreateToken(ctx context.Context, t TokenRequest) (NewToken, error) {
	return post[NewToken](ctx, c, seg("tokens"), t)
}

// StartLogin begins the login of this command line; name is what it is called at the console.
func (c *Client) StartLogin(ctx context.Context, name string) (DeviceLogin, error) {
	return post[DeviceLogin](ctx, c, seg("device-logins"), map[string]string{"name": name})
}

// PollLogin asks whether it was let in.
func (c *Client) PollLogin(ctx context.Context, deviceCode string) (NewToken, error) {
	return post[NewToken](ctx, c, seg("device-logins", "token"), map[string]string{"device_code": deviceCode})
}

// RevokeToken revokes a token at once.
func (c *Client) RevokeToken(ctx context.Context, id string) error {
	return c.del(ctx, seg("tokens", id), nil)
}

// Products lists the registered products.
func (c *Client) Products(ctx context.Context) ([]Product, error) {
	out, err := get[struct{ Products []Product }](ctx, c, seg("products"), nil)
	return out.Products, err
}

// ProductsWithOperations lists them with the operations of their APIs.
func (c *Client) ProductsWithOperations(ctx context.Context) ([]Product, error) {
	out, err := get[struct{ Products []Product }](ctx, c, seg("products"), url.Values{"operations": {"true"}})
	return out.Products, err
}

// AddProduct registers a product.yaml with the OpenAPI document that it names (nil for
// none), or only checks it.
func (c *Client) AddProduct(ctx context.Context, yaml, document []byte, validate bool) (AddedProduct, error) {
	query := url.Values{}
	if validate {
		query.Set("validate", "true")
	}
	var body bytes.Buffer
	w := multipart.NewWriter(&body)
	err := writePart(w, map[string]string{"name": "product"}, "application/yaml", yaml)
	if err == nil && document != nil {
		err = writePart(w, map[string]string{"name": "openapi"}, "application/octet-stream", document)
	}
	if err == nil {
		err = w.Close()
	}
	if err != nil {
		return AddedProduct{}, fault.Op("client.AddProduct", err)
	}
	var out AddedProduct
	_, err = c.send(ctx, http.MethodPost, seg("products"), query, &body, w.FormDataContentType(), &out)
	return out, err
}

// SigningKeys lists the platform's signing keys.
func (c *Client) SigningKeys(ctx context.Context) ([]SigningKey, error) {
	out, err := get[struct{ Keys []SigningKey }](ctx, c, seg("signing-keys"), nil)
	return out.Keys, err
}

// RotateSigningKeys makes the next keys; with withdraw the earlier ones end at once.
func (c *Client) RotateSigningKeys(ctx context.Context, withdraw bool) ([]SigningKey, error) {
	out, err := post[struct{ Keys []SigningKey }](ctx, c, seg("signing-keys")+"/rotations", map[string]bool{"withdraw": withdraw})
	return out.Keys, err
}

// Sites lists the sites that the caller may know of.
func (c *Client) Sites(ctx context.Context) ([]Site, error) {
	out, err := get[struct{ Sites []Site }](ctx, c, seg("sites"), nil)
	return out.Sites, err
}

// AddSite adds a site with its products.
func (c *Client) AddSite(ctx context.Context, s NewSite) (Site, error) {
	return post[Site](ctx, c, seg("sites"), s)
}

// RemoveAccount ends an account's roles and tokens.
func (c *Client) RemoveAccount(ctx context.Context, account string) (RemovedAccount, error) {
	var out RemovedAccount
	_, err := c.do(ctx, http.MethodDelete, seg("accounts", account), nil, nil, &out)
	return out, err
}

// RemoveSite removes a site with its installations.
func (c *Client) RemoveSite(ctx context.Context, site string) (RemovedSite, error) {
	var out RemovedSite
	_, err := c.do(ctx, http.MethodDelete, seg("sites", site), nil, nil, &out)
	return out, err
}

// SiteChange is what an admin changes at a site; nil leaves as it is.
type SiteChange struct {
	DevelopmentApps *bool   `json:"developmentApps,omitempty"`
	Updates         *string `json:"updates,omitempty"`
	// Products are all products that the site is to have; an operator's.
	Products []string `json:"products,omitempty"`
}

// SetSite switches development apps of a site on or off, or says when updates come.
func (c *Client) SetSite(ctx context.Context, site string, change SiteChange) (Site, error) {
	var out Site
	_, err := c.do(ctx, http.MethodPatch, seg("sites", site), nil, change, &out)
	return out, err
}

// Apps lists the caller's apps.
func (c *Client) Apps(ctx context.Context) ([]App, error) {
	out, err := get[struct{ Apps []App }](ctx, c, seg("apps"), nil)
	return out.Apps, err
}

// RegisterApp makes an app id, or registers the id that the app has.
func (c *Client) RegisterApp(ctx context.Context, name, has string) (App, error) {
	in := map[string]string{"name": name}
	if has != "" {
		in["id"] = has
	}
	return post[App](ctx, c, seg("apps"), in)
}

// Environments lists an app's environments.
func (c *Client) Environments(ctx context.Context, app string) ([]Environment, error) {
	out, err := get[struct{ Environments []Environment }](ctx, c, seg("apps", app, "environments"), nil)
	return out.Environments, err
}

// CreateEnvironment adds a development environment.
func (c *Client) CreateEnvironment(ctx context.Context, app, name string) (Environment, error) {
	return post[Environment](ctx, c, seg("apps", app, "environments"), map[string]string{"name": name})
}

// DeleteEnvironment deletes a development environment without installations.
func (c *Client) DeleteEnvironment(ctx context.Context, app, name string) error {
	return c.del(ctx, seg("apps", app, "environments", name), nil)
}

// Versions lists an environment's versions, newest first.
func (c *Client) Versions(ctx context.Context, app, env string) ([]Version, error) {
	out, err := get[struct{ Versions []Version }](ctx, c, seg("apps", app, "environments", env, "versions"), nil)
	return out.Versions, err
}

// Provider is an external provider of an app's environment, as it is registered there.
type Provider struct {
	Key         string `json:"key"`
	Name        string `json:"name"`
	Type        string `json:"type"`
	FilledBy    string `json:"filledBy"`
	ClientID    string `json:"clientId"`
	RedirectURI string `json:"redirectUri"`
	Secret      bool   `json:"secret"`
}

// Providers lists an environment's external providers.
func (c *Client) Providers(ctx context.Context, app, env string) ([]Provider, error) {
	out, err := get[struct{ Providers []Provider }](ctx, c, seg("apps", app, "environments", env, "providers"), nil)
	return out.Providers, err
}

// ConfigureProvider sets the client secret that a provider gave.
func (c *Client) ConfigureProvider(ctx context.Context, app, env, key, secret string) (out Provider, err error) {
	_, err = c.do(ctx, http.MethodPut, seg("apps", app, "environments", env, "providers", key), nil, map[string]string{"secret": secret}, &out)
	return out, err
}

// SiteProvider is a service that an installation calls with a credential of the site's.
type SiteProvider struct {
	Key    string     `json:"key"`
	Name   string     `json:"name"`
	Type   string     `json:"type"`
	Sends  []string   `json:"sends"`
	Given  bool       `json:"given"`
	Client string     `json:"client,omitempty"`
	By     string     `json:"by,omitempty"`
	ByName string     `json:"byName,omitempty"`
	At     *time.Time `json:"at,omitempty"`
}

// NewSiteCredential is a credential for a provider, and where it goes as it was shown.
type NewSiteCredential struct {
	Sends  []string `json:"sends"`
	Client string   `json:"client,omitempty"`
	Secret string   `json:"secret"`
}

// SiteProviders lists what an installation calls with credentials of the site's.
func (c *Client) SiteProviders(ctx context.Context, installation string) ([]SiteProvider, error) {
	out, err := get[struct{ Providers []SiteProvider }](ctx, c, seg("installations", installation, "providers"), nil)
	return out.Providers, err
}

// GiveProviderCredential stores a credential for a provider.
func (c *Client) GiveProviderCredential(ctx context.Context, installation, key string, in NewSiteCredential) (out SiteProvider, err error) {
	_, err = c.do(ctx, http.MethodPut, seg("installations", installation, "providers", key, "credential"), nil, in, &out)
	return out, err
}

// TakeProviderCredential takes it away.
func (c *Client) TakeProviderCredential(ctx context.Context, installation, key string) error {
	return c.del(ctx, seg("installations", installation, "providers", key, "credential"), nil)
}

// Variables lists an environment's variables.
func (c *Client) Variables(ctx context.Context, app, env string) ([]Variable, error) {
	out, err := get[struct{ Variables []Variable }](ctx, c, seg("apps", app, "environments", env, "variables"), nil)
	return out.Variables, err
}

// SetVariable sets a variable, sealed or plain; a plain value over a sealed one needs Unseal.
func (c *Client) SetVariable(ctx context.Context, app, env, key string, in VariableValue) error {
	_, err := c.do(ctx, http.MethodPut, seg("apps", app, "environments", env, "variables", key), nil, in, nil)
	return err
}

// SetClientSecret keeps the secret of Annex as a client of a product's authorization
// server, or with signIn of its OpenID provider.
func (c *Client) SetClientSecret(ctx context.Context, product, secret string, signIn bool) error {
	_, err := c.do(ctx, http.MethodPut, seg("products", product, "client-secret"), nil, map[string]any{"secret": secret, "signIn": signIn}, nil)
	return err
}

// UnsetVariable removes a variable.
func (c *Client) UnsetVariable(ctx context.Context, app, env, key string) error {
	return c.del(ctx, seg("apps", app, "environments", env, "variables", key), nil)
}

// Promote deploys the bytes of one environment to another.
func (c *Client) Promote(ctx context.Context, app, from, to string, stopAtGrowth bool) (Deployment, error) {
	return post[Deployment](ctx, c, seg("apps", app, "promotions"), map[string]any{"from": from, "to": to, "stopAtGrowth": stopAtGrowth})
}

// Rollback makes an environment run a version again that was deployed to it before.
func (c *Client) Rollback(ctx context.Context, app, env, version string, stopAtGrowth bool) (Deployment, error) {
	return post[Deployment](ctx, c, seg("apps", app, "environments", env, "rollback"), map[string]any{"version": version, "stopAtGrowth": stopAtGrowth})
}

// VersionDiff compares two versions of an environment; from is the running one when "".
func (c *Client) VersionDiff(ctx context.Context, app, env, from, to string) (VersionDiff, error) {
	return get[VersionDiff](ctx, c, seg("apps", app, "environments", env, "versions", to, "diff"), values("from", from))
}

// InstallationDetail shows one installation with its permissions.
func (c *Client) InstallationDetail(ctx context.Context, installation string) (InstallationDetail, error) {
	return get[InstallationDetail](ctx, c, seg("installations", installation), nil)
}

// Pages tells where an installation's pages stand and what bounds them.
func (c *Client) Pages(ctx context.Context, installation string) (Pages, error) {
	return get[Pages](ctx, c, seg("installations", installation, "pages"), nil)
}

// Review shows what approving the waiting version, or a version of the past, would grant.
func (c *Client) Review(ctx context.Context, installation, version string) (Preview, error) {
	return get[Preview](ctx, c, seg("installations", installation, "review"), values("version", version))
}

// Approve approves what was shown, or less of it.
func (c *Client) Approve(ctx context.Context, installation string, in Confirmation) (InstallationDetail, error) {
	return post[InstallationDetail](ctx, c, seg("installations", installation, "approval"), in)
}

// Decline declines a version.
func (c *Client) Decline(ctx context.Context, installation, version string) (InstallationDetail, error) {
	return post[InstallationDetail](ctx, c, seg("installations", installation, "decline"), map[string]string{"version": version})
}

// ChangeGrant changes what is granted.
func (c *Client) ChangeGrant(ctx context.Context, installation string, in GrantChange) (InstallationDetail, error) {
	var out InstallationDetail
	_, err := c.do(ctx, http.MethodPatch, seg("installations", installation, "grant"), nil, in, &out)
	return out, err
}

// Pin keeps the version that runs, or no longer.
func (c *Client) Pin(ctx context.Context, installation string, pinned bool) (InstallationDetail, error) {
	var out InstallationDetail
	method := http.MethodPut
	if !pinned {
		method = http.MethodDelete
	}
	_, err := c.do(ctx, method, seg("installations", installation, "pin"), nil, nil, &out)
	return out, err
}

// LogSharing tells who reads an installation's logs at present.
func (c *Client) LogSharing(ctx context.Context, installation string) (LogSharing, error) {
	return get[LogSharing](ctx, c, seg("installations", installation, "log-sharing"), nil)
}

// ShareLogs lets the app's developer read logs for some time.
func (c *Client) ShareLogs(ctx context.Context, installation, how string) (LogSharing, error) {
	var out LogSharing
	_, err := c.do(ctx, http.MethodPut, seg("installations", installation, "log-sharing"), nil, map[string]string{"for": how}, &out)
	return out, err
}

// UnshareLogs ends that at once.
func (c *Client) UnshareLogs(ctx context.Context, installation string) error {
	return c.del(ctx, seg("installations", installation, "log-sharing"), nil)
}

// Usage is what an installation uses of what all share.
func (c *Client) Usage(ctx context.Context, installation string) (Usage, error) {
	return get[Usage](ctx, c, seg("installations", installation, "usage"), nil)
}

// Queue is what an installation has queued.
func (c *Client) Queue(ctx context.Context, installation string) (Queue, error) {
	return get[Queue](ctx, c, seg("installations", installation, "queue"), nil)
}

// DeadLetter is one of an installation's dead letters.
func (c *Client) DeadLetter(ctx context.Context, installation, letter string) (DeadLetter, error) {
	return get[DeadLetter](ctx, c, seg("installations", installation, "queue", letter), nil)
}

// RetryLetters has dead letters handled again, all when none is named.
func (c *Client) RetryLetters(ctx context.Context, installation string, letters []string) (int, error) {
	if letters == nil {
		letters = []string{}
	}
	out, err := post[struct{ Retried int }](ctx, c, seg("installations", installation, "queue-retries"), map[string]any{"ids": letters})
	return out.Retried, err
}

// DropLetter ends a dead letter.
func (c *Client) DropLetter(ctx context.Context, installation, letter string) error {
	return c.del(ctx, seg("installations", installation, "queue", letter), nil)
}

// Offers are the apps that others offer to the caller.
func (c *Client) Offers(ctx context.Context) ([]Offer, error) {
	out, err := get[struct{ Offers []Offer }](ctx, c, seg("app-offers"), nil)
	return out.Offers, err
}

// OfferApp offers an app to another developer; "" withdraws the offer.
func (c *Client) OfferApp(ctx context.Context, app, to string) error {
	if to == "" {
		return c.del(ctx, seg("apps", app, "offer"), nil)
	}
	_, err := c.do(ctx, http.MethodPut, seg("apps", app, "offer"), nil, map[string]string{"to": to}, nil)
	return err
}

// AcceptApp makes the caller the owner of an app; it gives how many installations wait.
func (c *Client) AcceptApp(ctx context.Context, app string) (int, error) {
	out, err := post[struct{ Installations int }](ctx, c, seg("apps", app, "offer")+"/acceptance", nil)
	return out.Installations, err
}

// SuspendApp has an app run nowhere; "" as the reason lifts that.
func (c *Client) SuspendApp(ctx context.Context, app, reason string) (int, error) {
	var out struct{ Installations int }
	path := seg("apps", app, "suspension")
	if reason == "" {
		_, err := c.do(ctx, http.MethodDelete, path, nil, nil, &out)
		return out.Installations, err
	}
	_, err := c.do(ctx, http.MethodPut, path, nil, map[string]string{"reason": reason}, &out)
	return out.Installations, err
}

// AddEgress configures one destination more.
func (c *Client) AddEgress(ctx context.Context, installation, kind, host string) (InstallationDetail, error) {
	return post[InstallationDetail](ctx, c, seg("installations", installation, "egress"), map[string]string{"type": kind, "host": host})
}

// RemoveEgress takes a configured destination away.
func (c *Client) RemoveEgress(ctx context.Context, installation, kind, host string) (InstallationDetail, error) {
	var out InstallationDetail
	_, err := c.do(ctx, http.MethodDelete, seg("installations", installation, "egress"), values("type", kind, "host", host), nil, &out)
	return out, err
}

// Preview says what an installation would grant.
func (c *Client) Preview(ctx context.Context, t Target) (Preview, error) {
	return post[Preview](ctx, c, seg("installations")+"/preview", t)
}

// Install installs or approves. A developer's request comes back as an error of kind
// waiting; created tells a first installation from an upgrade.
func (c *Client) Install(ctx context.Context, r InstallRequest) (i Installation, created bool, err error) {
	status, err := c.do(ctx, http.MethodPost, seg("installations"), nil, r, &i)
	return i, status == http.StatusCreated, err
}

// Installations lists installations; empty arguments do not narrow.
func (c *Client) Installations(ctx context.Context, app, env, site string) ([]Installation, error) {
	out, err := get[struct{ Installations []Installation }](ctx, c, seg("installations"), values("app", app, "environment", env, "site", site))
	return out.Installations, err
}

// Uninstall ends an installation at once; with erase what it stored is erased at once too.
func (c *Client) Uninstall(ctx context.Context, installation string, erase, now bool) error {
	query := url.Values{}
	if now {
		query.Set("now", "true")
	}
	if erase {
		query.Set("erase", "true")
	}
	return c.del(ctx, seg("installations", installation), query)
}

// InstallationRequests lists what developers asked admins to install.
func (c *Client) InstallationRequests(ctx context.Context) ([]InstallationRequest, error) {
	out, err := get[struct{ Requests []InstallationRequest }](ctx, c, seg("installation-requests"), nil)
	return out.Requests, err
}

// WebTriggers lists an installation's web trigger addresses.
func (c *Client) WebTriggers(ctx context.Context, t Target) ([]WebTrigger, error) {
	out, err := get[struct {
		WebTriggers []WebTrigger `json:"webtriggers"`
	}](ctx, c, seg("webtriggers"), t.values())
	return out.WebTriggers, err
}

// CreateWebTrigger gives the address of a web trigger module.
func (c *Client) CreateWebTrigger(ctx context.Context, r WebTriggerRequest) (WebTrigger, error) {
	return post[WebTrigger](ctx, c, seg("webtriggers"), r)
}

// DeleteWebTrigger deletes an address.
func (c *Client) DeleteWebTrigger(ctx context.Context, t Target, address string) error {
	query := t.values()
	query.Set("url", address)
	return c.del(ctx, seg("webtriggers"), query)
}

// RotateWebTriggerSecret makes another secret of a web trigger module.
func (c *Client) RotateWebTriggerSecret(ctx context.Context, r WebTriggerRotation) (WebTriggerSecret, error) {
	return post[WebTriggerSecret](ctx, c, seg("webtriggers", "secret"), r)
}

// RetireWebTriggerSecret ends the secret before the newest.
func (c *Client) RetireWebTriggerSecret(ctx context.Context, t Target, module string) error {
	query := t.values()
	query.Set("module", module)
	return c.del(ctx, seg("webtriggers", "secret"), query)
}

// Invoke calls a function.
func (c *Client) Invoke(ctx context.Context, r InvokeRequest) (Invocation, error) {
	return post[Invocation](ctx, c, seg("invocations"), r)
}

// Logs reads log lines, oldest first.
func (c *Client) Logs(ctx context.Context, q LogQuery) (Logs, error) {
	v := values("app", q.App, "environment", q.Environment, "site", q.Site, "product", q.Product, "invocation", q.Invocation, "trace", q.Trace, "since", q.Since, "cursor", q.Cursor)
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return get[Logs](ctx, c, seg("logs"), v)
}

func (t Target) values() url.Values {
	return values("app", t.App, "environment", t.Environment, "site", t.Site, "product", t.Product)
}

// values makes a query of name-value pairs, leaving out empty values.
func values(pairs ...string) url.Values {
	v := url.Values{}
	for i := 0; i < len(pairs); i += 2 {
		if pairs[i+1] != "" {
			v.Set(pairs[i], pairs[i+1])
		}
	}
	return v
}

// Audit reads a page of a trail, newest first.
func (c *Client) Audit(ctx context.Context, q AuditQuery) (AuditPage, error) {
	v := values("site", q.Site, "kind", q.Kind, "installation", q.Installation, "actor", q.Actor, "since", q.Since, "until", q.Until, "cursor", q.Cursor)
	if q.Limit > 0 {
		v.Set("limit", strconv.Itoa(q.Limit))
	}
	return get[AuditPage](ctx, c, seg("audit"), v)
}

// Sent tells where an installation's requests went.
func (c *Client) Sent(ctx context.Context, installation, since, until string) (Sent, error) {
	return get[Sent](ctx, c, seg("installations", installation, "sent"), values("since", since, "until", until))
}

// Suggest proposes the least that an installation needs.
func (c *Client) Suggest(ctx context.Context, installation string) (Suggestion, error) {
	return get[Suggestion](ctx, c, seg("installations", installation, "suggestion"), nil)
}

// WhatIf tells what a change would have meant.
func (c *Client) WhatIf(ctx context.Context, installation string, in WhatIfChange) (Prediction, error) {
	return post[Prediction](ctx, c, seg("installations", installation, "what-if"), in)
}

// ReceiptsExport copies a site's receipts to w.
func (c *Client) ReceiptsExport(ctx context.Context, site string, w io.Writer) error {
	return c.download(ctx, seg("receipts", "export"), values("site", site), w)
}

// AuditExport copies a whole trail to w.
func (c *Client) AuditExport(ctx context.Context, site string, w io.Writer) error {
	return c.download(ctx, seg("audit", "export"), values("site", site), w)
}
