// Package httpapi is the control API: what the CLI, continuous integration and
// administrators' scripts talk to. openapi.yaml is its contract; a test demands that
// routes, roles and answers are what it says. It takes bearer tokens only, sets no
// cookie and serves no HTML.
package httpapi

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/edge/outflow"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/feature/applog"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/consent"
	"github.com/annexhq/annex/internal/feature/devtunnel"
	"github.com/annexhq/annex/internal/feature/erasure"
	"github.com/annexhq/annex/internal/feature/hosting"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/feature/productauth"
	"github.com/annexhq/annex/internal/feature/provider"
	"github.com/annexhq/annex/internal/feature/quota"
	"github.com/annexhq/annex/internal/feature/receipts"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/remote"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/feature/trigger"
	"github.com/annexhq/annex/internal/feature/unattended"
	"github.com/annexhq/annex/internal/infra/signer"
	"github.com/annexhq/annex/productkit"
)

// Invoker is the door into app code.
type Invoker interface {
	Invoke(ctx context.Context, c *call.Call) (call.Result, error)
}

// Config is what the API stands on; all of it is required.
type Config struct {
	Accounts  *account.Service
	Tenancy   *tenancy.Service
	Linked    *productauth.Service
	Providers *provider.Service
	Remotes   *remote.Service
	Registry  *registry.Service
	Installs  *install.Service
	Erasures  *erasure.Service
	Triggers  *trigger.Service
	Tunnels   *devtunnel.Service
	Consents  *consent.Service
	Hosting   *hosting.Service
	Logs      *applog.Service
	// Quotas counts what installations use, KV has what they stored.
	Quotas *quota.Service
	KV     *kvstore.Store
	// Unattended has what apps queued; TakeEvents takes what a product signed.
	Unattended *unattended.Service
	TakeEvents func(ctx context.Context, m productkit.Message) error
	Signer     *signer.Signer
	// Sessions take products' assertions; UIURL is where people's browsers go on.
	Sessions *session.Service
	UIURL    string
	Audit    *audit.Log
	Receipts *receipts.Log
	Outflow  *outflow.Service
	Invoker  Invoker
	// Changed is called after a deploy or a change of variables, so that the next call
	// runs with it.
	Changed func()
	Health  func() Health
	// NotReady gives the reasons why the server should get no requests now.
	NotReady func() []Reason
	// Words gives the words of all products' scopes.
	Words func(context.Context) (perm.Words, error)
	Log   *slog.Logger
}

// Health is what /healthz answers.
type Health struct {
	Status    string `json:"status"`
	Isolation string `json:"isolation"` // "two walls", "one wall" or "engine only": that of the class with the fewest
	Walls     Walls  `json:"walls"`
	Version   string `json:"version"`
	Workers   int    `json:"workers"`
}

// Reason is why a server is not ready.
type Reason struct {
	Code    string `json:"code"`
	Message string `json:"message"`
}

// Walls are those that stand between app code and each class of what the machine has, and
// the layers that they are made of.
type Walls struct {
	Network   []string `json:"network"`
	Files     []string `json:"files"`
	Processes []string `json:"processes"`
	Layers    []string `json:"layers"`
	Landlock  int      `json:"landlock"` // the kernel's version of it, 0 for none
}

// API serves the routes.
type API struct {
	Config
	mux    *http.ServeMux
	reads  reads
	logins paces
}

// ownLimit are the routes that bound their bodies themselves.
var ownLimit = map[string]bool{"POST /api/v1/deployments": true, "POST /api/v1/products": true}

// routes is the whole API; openapi.yaml says the same, with words.
var routes = []route{
	{"GET", "/healthz", nil, (*API).health},
	{"GET", "/readyz", nil, (*API).ready},
	{"GET", "/.well-known/jwks.json", nil, (*API).keySet},
	{"POST", "/api/v1/sign-ins", nil, (*API).signIn},
	{"POST", "/api/v1/events", nil, (*API).takeEvents},
	{"POST", "/api/v1/device-logins", nil, (*API).startDevice},
	{"POST", "/api/v1/device-logins/token", nil, (*API).pollDevice},
	{"GET", "/api/v1/whoami", []id.Kind{id.Operator, id.Developer, id.CI, id.SiteAdmin}, (*API).whoami},
	{"GET", "/api/v1/accounts", []id.Kind{id.Operator}, (*API).listAccounts},
	{"POST", "/api/v1/accounts", []id.Kind{id.Operator}, (*API).addAccount},
	{"DELETE", "/api/v1/accounts/{account}", []id.Kind{id.Operator}, (*API).removeAccount},
	{"GET", "/api/v1/tokens", []id.Kind{id.Operator, id.Developer, id.SiteAdmin}, (*API).listTokens},
	{"POST", "/api/v1/tokens", []id.Kind{id.Operator, id.Developer, id.SiteAdmin}, (*API).createToken},
	{"DELETE", "/api/v1/tokens/{token}", []id.Kind{id.Operator, id.Developer, id.SiteAdmin}, (*API).revokeToken},
	{"GET", "/api/v1/products", []id.Kind{id.Operator, id.Developer, id.CI, id.SiteAdmin}, (*API).listProducts},
	{"POST", "/api/v1/products", []id.Kind{id.Operator}, (*API).addProduct},
	{"PUT", "/api/v1/products/{product}/client-secret", []id.Kind{id.Operator}, (*API).setClientSecret},
	{"GET", "/api/v1/signing-keys", []id.Kind{id.Operator}, (*API).listSigningKeys},
	{"POST", "/api/v1/signing-keys/rotations", []id.Kind{id.Operator}, (*API).rotateSigningKeys},
	{"GET", "/api/v1/sites", []id.Kind{id.Operator, id.Developer, id.SiteAdmin}, (*API).listSites},
	{"POST", "/api/v1/sites", []id.Kind{id.Operator}, (*API).addSite},
	{"PATCH", "/api/v1/sites/{site}", []id.Kind{id.Operator, id.SiteAdmin}, (*API).updateSite},
	{"DELETE", "/api/v1/sites/{site}", []id.Kind{id.Operator}, (*API).removeSite},
	{"GET", "/api/v1/apps", []id.Kind{id.Operator, id.Developer}, (*API).listApps},
	{"POST", "/api/v1/apps", []id.Kind{id.Developer}, (*API).registerApp},
	{"GET", "/api/v1/app-offers", []id.Kind{id.Developer}, (*API).listOffers},
	{"PUT", "/api/v1/apps/{app}/offer", []id.Kind{id.Developer}, (*API).offerApp},
	{"DELETE", "/api/v1/apps/{app}/offer", []id.Kind{id.Developer}, (*API).withdrawOffer},
	{"POST", "/api/v1/apps/{app}/offer/acceptance", []id.Kind{id.Developer}, (*API).acceptApp},
	{"PUT", "/api/v1/apps/{app}/suspension", []id.Kind{id.Operator}, (*API).suspendApp},
	{"DELETE", "/api/v1/apps/{app}/suspension", []id.Kind{id.Operator}, (*API).resumeApp},
	{"GET", "/api/v1/apps/{app}/environments", []id.Kind{id.Operator, id.Developer}, (*API).listEnvironments},
	{"POST", "/api/v1/apps/{app}/environments", []id.Kind{id.Developer}, (*API).createEnvironment},
	{"DELETE", "/api/v1/apps/{app}/environments/{environment}", []id.Kind{id.Developer}, (*API).deleteEnvironment},
	{"GET", "/api/v1/apps/{app}/environments/{environment}/versions", []id.Kind{id.Operator, id.Developer, id.CI}, (*API).listVersions},
	{"GET", "/api/v1/apps/{app}/environments/{environment}/versions/{version}/diff", []id.Kind{id.Operator, id.Developer, id.CI}, (*API).diffVersions},
	{"POST", "/api/v1/apps/{app}/environments/{environment}/rollback", []id.Kind{id.Developer}, (*API).rollback},
	{"GET", "/api/v1/apps/{app}/environments/{environment}/variables", []id.Kind{id.Developer}, (*API).listVariables},
	{"PUT", "/api/v1/apps/{app}/environments/{environment}/variables/{key}", []id.Kind{id.Developer}, (*API).setVariable},
	{"DELETE", "/api/v1/apps/{app}/environments/{environment}/variables/{key}", []id.Kind{id.Developer}, (*API).unsetVariable},
	{"GET", "/api/v1/apps/{app}/environments/{environment}/providers", []id.Kind{id.Developer}, (*API).listProviders},
	{"PUT", "/api/v1/apps/{app}/environments/{environment}/providers/{key}", []id.Kind{id.Developer}, (*API).configureProvider},
	{"GET", "/api/v1/apps/{app}/environments/{environment}/tunnel", []id.Kind{id.Developer}, (*API).tunnel},
	{"POST", "/api/v1/apps/{app}/environments/{environment}/tunnel/logins", []id.Kind{id.Developer}, (*API).startTunnelLogin},
	{"POST", "/api/v1/apps/{app}/environments/{environment}/tunnel/logins/token", []id.Kind{id.Developer}, (*API).pollTunnelLogin},
	{"POST", "/api/v1/deployments", []id.Kind{id.Developer, id.CI}, (*API).deploy},
	{"POST", "/api/v1/apps/{app}/promotions", []id.Kind{id.Developer}, (*API).promote},
	{"POST", "/api/v1/installations/preview", []id.Kind{id.Developer, id.SiteAdmin}, (*API).previewInstallation},
	{"GET", "/api/v1/installations", []id.Kind{id.Operator, id.Developer, id.SiteAdmin}, (*API).listInstallations},
	{"POST", "/api/v1/installations", []id.Kind{id.Developer, id.SiteAdmin}, (*API).install},
	{"GET", "/api/v1/installations/{installation}", []id.Kind{id.Operator, id.Developer, id.SiteAdmin}, (*API).showInstallation},
	{"DELETE", "/api/v1/installations/{installation}", []id.Kind{id.SiteAdmin}, (*API).uninstall},
	{"GET", "/api/v1/installations/{installation}/storage", []id.Kind{id.SiteAdmin}, (*API).exportStorage},
	{"POST", "/api/v1/installations/{installation}/storage", []id.Kind{id.SiteAdmin}, (*API).relinkStorage},
	{"GET", "/api/v1/left-storage", []id.Kind{id.SiteAdmin}, (*API).listLeft},
	{"GET", "/api/v1/installations/{installation}/pages", []id.Kind{id.Developer, id.SiteAdmin}, (*API).showPages},
	{"GET", "/api/v1/installations/{installation}/review", []id.Kind{id.Developer, id.SiteAdmin}, (*API).reviewInstallation},
	{"POST", "/api/v1/installations/{installation}/approval", []id.Kind{id.SiteAdmin}, (*API).approveInstallation},
	{"POST", "/api/v1/installations/{installation}/decline", []id.Kind{id.SiteAdmin}, (*API).declineVersion},
	{"PATCH", "/api/v1/installations/{installation}/grant", []id.Kind{id.SiteAdmin}, (*API).changeGrant},
	{"PUT", "/api/v1/installations/{installation}/pin", []id.Kind{id.SiteAdmin}, (*API).pinInstallation},
	{"DELETE", "/api/v1/installations/{installation}/pin", []id.Kind{id.SiteAdmin}, (*API).unpinInstallation},
	{"GET", "/api/v1/installations/{installation}/agreements", []id.Kind{id.SiteAdmin}, (*API).listAgreements},
	{"DELETE", "/api/v1/installations/{installation}/agreements", []id.Kind{id.SiteAdmin}, (*API).endAgreements},
	{"GET", "/api/v1/installations/{installation}/log-sharing", []id.Kind{id.Developer, id.SiteAdmin}, (*API).showLogSharing},
	{"PUT", "/api/v1/installations/{installation}/log-sharing", []id.Kind{id.SiteAdmin}, (*API).shareLogs},
	{"DELETE", "/api/v1/installations/{installation}/log-sharing", []id.Kind{id.SiteAdmin}, (*API).unshareLogs},
	{"GET", "/api/v1/installations/{installation}/usage", []id.Kind{id.Developer, id.SiteAdmin}, (*API).showUsage},
	{"GET", "/api/v1/installations/{installation}/queue", []id.Kind{id.Developer, id.SiteAdmin}, (*API).showQueue},
	{"POST", "/api/v1/installations/{installation}/queue-retries", []id.Kind{id.Developer, id.SiteAdmin}, (*API).retryLetters},
	{"GET", "/api/v1/installations/{installation}/queue/{letter}", []id.Kind{id.Developer, id.SiteAdmin}, (*API).showLetter},
	{"DELETE", "/api/v1/installations/{installation}/queue/{letter}", []id.Kind{id.SiteAdmin}, (*API).dropLetter},
	{"POST", "/api/v1/installations/{installation}/egress", []id.Kind{id.SiteAdmin}, (*API).addEgress},
	{"DELETE", "/api/v1/installations/{installation}/egress", []id.Kind{id.SiteAdmin}, (*API).removeEgress},
	{"GET", "/api/v1/installations/{installation}/remotes", []id.Kind{id.SiteAdmin}, (*API).listRemotes},
	{"PUT", "/api/v1/installations/{installation}/remotes/{remote}", []id.Kind{id.SiteAdmin}, (*API).setRemote},
	{"DELETE", "/api/v1/installations/{installation}/remotes/{remote}", []id.Kind{id.SiteAdmin}, (*API).resetRemote},
	{"PUT", "/api/v1/installations/{installation}/remotes/{remote}/credential", []id.Kind{id.SiteAdmin}, (*API).setCredential},
	{"DELETE", "/api/v1/installations/{installation}/remotes/{remote}/credential", []id.Kind{id.SiteAdmin}, (*API).clearCredential},
	{"POST", "/api/v1/installations/{installation}/remotes/{remote}/networks", []id.Kind{id.SiteAdmin}, (*API).grantNetwork},
	{"DELETE", "/api/v1/installations/{installation}/remotes/{remote}/networks", []id.Kind{id.SiteAdmin}, (*API).revokeNetwork},
	{"GET", "/api/v1/installations/{installation}/providers", []id.Kind{id.SiteAdmin}, (*API).listSiteProviders},
	{"PUT", "/api/v1/installations/{installation}/providers/{key}/credential", []id.Kind{id.SiteAdmin}, (*API).giveProviderCredential},
	{"DELETE", "/api/v1/installations/{installation}/providers/{key}/credential", []id.Kind{id.SiteAdmin}, (*API).takeProviderCredential},
	{"GET", "/api/v1/installations/{installation}/modules", []id.Kind{id.SiteAdmin}, (*API).listModules},
	{"DELETE", "/api/v1/installations/{installation}/modules/{module}", []id.Kind{id.SiteAdmin}, (*API).removeModule},
	{"GET", "/api/v1/sites/{site}/access-rules", []id.Kind{id.SiteAdmin}, (*API).listAccessRules},
	{"POST", "/api/v1/sites/{site}/access-rules", []id.Kind{id.SiteAdmin}, (*API).addAccessRule},
	{"DELETE", "/api/v1/sites/{site}/access-rules/{rule}", []id.Kind{id.SiteAdmin}, (*API).removeAccessRule},
	{"GET", "/api/v1/sites/{site}/networks", []id.Kind{id.Operator, id.SiteAdmin}, (*API).listNetworks},
	{"POST", "/api/v1/sites/{site}/networks", []id.Kind{id.Operator}, (*API).addNetwork},
	{"DELETE", "/api/v1/sites/{site}/networks/{network}", []id.Kind{id.Operator}, (*API).removeNetwork},
	{"GET", "/api/v1/installation-requests", []id.Kind{id.Developer, id.SiteAdmin}, (*API).listInstallationRequests},
	{"GET", "/api/v1/webtriggers", []id.Kind{id.Developer, id.SiteAdmin}, (*API).listWebTriggers},
	{"POST", "/api/v1/webtriggers", []id.Kind{id.Developer, id.SiteAdmin}, (*API).createWebTrigger},
	{"DELETE", "/api/v1/webtriggers", []id.Kind{id.Developer, id.SiteAdmin}, (*API).deleteWebTrigger},
	{"POST", "/api/v1/webtriggers/secret", []id.Kind{id.Developer, id.SiteAdmin}, (*API).rotateWebTriggerSecret},
	{"DELETE", "/api/v1/webtriggers/secret", []id.Kind{id.Developer, id.SiteAdmin}, (*API).retireWebTriggerSecret},
	{"POST", "/api/v1/invocations", []id.Kind{id.Developer}, (*API).invoke},
	{"GET", "/api/v1/logs", []id.Kind{id.Developer, id.SiteAdmin}, (*API).readLogs},
	{"GET", "/api/v1/audit", []id.Kind{id.Operator, id.SiteAdmin}, (*API).listAudit},
	{"GET", "/api/v1/installations/{installation}/sent", []id.Kind{id.Operator, id.Developer, id.SiteAdmin}, (*API).showSent},
	{"GET", "/api/v1/installations/{installation}/suggestion", []id.Kind{id.Developer, id.SiteAdmin}, (*API).suggest},
	{"POST", "/api/v1/installations/{installation}/what-if", []id.Kind{id.SiteAdmin}, (*API).whatIf},
	{"GET", "/api/v1/receipts/export", []id.Kind{id.Operator, id.SiteAdmin}, (*API).exportReceipts},
	{"GET", "/api/v1/audit/export", []id.Kind{id.Operator, id.SiteAdmin}, (*API).exportAudit},
	{"GET", "/api/v1/activity", []id.Kind{id.Developer}, (*API).readActivity},
}

// New makes the API.
func New(cfg Config) *API {
	a := &API{Config: cfg, mux: http.NewServeMux()}
	for _, r := range routes {
		a.mux.Handle(r.method+" "+r.path, a.guarded(r))
	}
	a.mux.HandleFunc("/", a.noRoute)
	return a
}

// ServeHTTP serves the API. A path that is not in its shortest form names no route: the
// mux would redirect it, with a page of HTML.
func (a *API) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != path.Clean(r.URL.Path) {
		a.noRoute(w, r)
		return
	}
	a.mux.ServeHTTP(w, r)
}

// noRoute answers what no route takes: 405 where the path has routes for other methods.
func (a *API) noRoute(w http.ResponseWriter, r *http.Request) {
	var allow []string
	if r.URL.Path == path.Clean(r.URL.Path) {
		for _, m := range []string{"DELETE", "GET", "PATCH", "POST", "PUT"} {
			at := &http.Request{Method: m, Host: r.Host, URL: &url.URL{Path: r.URL.Path, RawPath: r.URL.RawPath}}
			if _, pattern := a.mux.Handler(at); strings.HasPrefix(pattern, m+" ") {
				allow = append(allow, m)
			}
		}
	}
	if len(allow) == 0 {
		writeError(w, r, a.Log, fault.New(fault.NotFound, "NO_ROUTE", "the API has no route %s %s", r.Method, r.URL.Path))
		return
	}
	w.Header().Set("Allow", strings.Join(allow, ", "))
	writeJSON(w, http.StatusMethodNotAllowed, bodyOf(
		fault.New(fault.Usage, "NO_METHOD", "the API has no route %s %s", r.Method, r.URL.Path).WithFix("use %s", strings.Join(allow, " or "))))
}

// guarded admits only callers with one of the route's roles. A route without roles is
// for anyone; a test lists them.
func (a *API) guarded(rt route) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		req := &request{Request: r}
		if len(rt.roles) > 0 {
			p, err := a.Accounts.Authenticate(r.Context(), bearer(r))
			if err == nil && !slices.Contains(rt.roles, p.Kind) {
				err = fault.New(fault.Denied, "ROLE_REQUIRED", "this is for %s, not for %s", words(rt.roles), article(p.Kind)).
					With("roles", rt.roles).With("role", p.Kind).With("route", rt.method+" "+rt.path)
			}
			if err != nil {
				a.refused(p, err)
				writeError(w, r, a.Log, err)
				return
			}
			req.caller = p
		}
		if !ownLimit[rt.method+" "+rt.path] {
			r.Body = http.MaxBytesReader(w, r.Body, maxJSON)
		}
		if err := rt.serve(a, w, req); err != nil {
			a.refused(req.caller, err)
			writeError(w, r, a.Log, err)
		}
	})
}

// refused counts what the API refuses to a caller that it knows.
func (a *API) refused(p id.Principal, err error) {
	if f, ok := fault.As(err); ok && f.Kind == fault.Denied && a.Audit != nil {
		a.Audit.Refused(p.Site, p.Install, "api."+f.Code)
	}
}

func article(k id.Kind) string {
	switch k {
	case id.SiteAdmin:
		return "a site admin"
	case id.Operator:
		return "an operator"
	case id.CI:
		return "a CI token"
	default:
		return "a " + string(k)
	}
}

func words(kinds []id.Kind) string {
	out := ""
	for i, k := range kinds {
		switch {
		case i > 0 && i == len(kinds)-1:
			out += " or "
		case i > 0:
			out += ", "
		}
		out += article(k)
	}
	return out
}

func (a *API) health(w http.ResponseWriter, _ *request) error {
	writeJSON(w, http.StatusOK, a.Health())
	return nil
}

// ready tells a load balancer whether to send requests here.
func (a *API) ready(w http.ResponseWriter, _ *request) error {
	reasons := a.NotReady()
	if len(reasons) > 0 {
		writeJSON(w, http.StatusServiceUnavailable, map[string]any{"status": "not ready", "reasons": reasons})
		return nil
	}
	writeJSON(w, http.StatusOK, map[string]any{"status": "ready", "reasons": reasons})
	return nil
}
