package mcp

import (
	"context"
	"net"
	"net/http"
	"net/url"
	"strings"
	"time"
	"unicode"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/pagejson"
	"github.com/annexhq/annex/internal/feature/account"
)

const (
	codeGrant   = "authorization_code"
	deviceGrant = "urn:ietf:params:oauth:grant-type:device_code"
	// scope is the only one: to call actions as the user.
	scope = "actions"
)

// resource says where tokens for a site's actions come from (RFC 9728). It says the same of
// every name: which sites there are is nobody's business.
func (s *Server) resource(w http.ResponseWriter, r *http.Request) {
	pagejson.Write(w, http.StatusOK, map[string]any{
		"resource": s.cfg.URL + strings.TrimPrefix(r.URL.EscapedPath(), "/.well-known/oauth-protected-resource"), "resource_name": "Actions of apps",
		"authorization_servers": []string{s.cfg.URL}, "bearer_methods_supported": []string{"header"}, "scopes_supported": []string{scope},
	})
}

// authorization says how tokens are asked for (RFC 8414): by a browser that comes back to the
// program with a code (PKCE), or by a code that the user types where no browser can come back.
func (s *Server) authorization(w http.ResponseWriter, _ *http.Request) {
	pagejson.Write(w, http.StatusOK, map[string]any{
		"issuer": s.cfg.URL, "device_authorization_endpoint": s.cfg.URL + "/oauth/device_authorization", "token_endpoint": s.cfg.URL + "/oauth/token",
		"revocation_endpoint": s.cfg.URL + "/oauth/revoke", "registration_endpoint": s.cfg.URL + "/oauth/register",
		"authorization_endpoint": s.cfg.UIURL + "/my/programs/authorize", "response_types_supported": []string{"code"}, "response_modes_supported": []string{"query"},
		"grant_types_supported": []string{codeGrant, deviceGrant}, "code_challenge_methods_supported": []string{"S256"}, "authorization_response_iss_parameter_supported": true,
		"token_endpoint_auth_methods_supported": []string{"none"}, "revocation_endpoint_auth_methods_supported": []string{"none"},
		"scopes_supported": []string{scope},
	})
}

// startLogin begins a program's login (RFC 8628). Its client_id is what it calls itself:
// nobody is registered here, and the user is told so.
func (s *Server) startLogin(w http.ResponseWriter, r *http.Request) {
	form, ok := s.form(w, r)
	if !ok {
		return
	}
	name := form.Get("client_id")
	if strings.TrimSpace(name) == "" || strings.ContainsFunc(name, unicode.IsControl) {
		oauthError(w, http.StatusBadRequest, "invalid_request", "client_id is what the program calls itself")
		return
	}
	if asked := form.Get("scope"); asked != "" && asked != scope {
		oauthError(w, http.StatusBadRequest, "invalid_scope", "the only scope is "+scope)
		return
	}
	site, err := s.named(r.Context(), form["resource"])
	if err != nil {
		s.failLogin(w, r, err)
		return
	}
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	if !s.logins.allow(address) {
		oauthError(w, http.StatusTooManyRequests, "slow_down", "too many logins are begun from this address")
		return
	}
	started, err := s.cfg.Programs.StartProgram(r.Context(), name, address, site)
	if err != nil {
		s.failLogin(w, r, err)
		return
	}
	pagejson.Write(w, http.StatusOK, map[string]any{
		"device_code": started.Secret, "user_code": started.Code, "verification_uri": s.cfg.UIURL + "/my/programs",
		"expires_in": int(account.DeviceLife / time.Second), "interval": int(account.DeviceInterval / time.Second),
	})
}

// named is the site of a resource indicator (RFC 8707): one, of this server, by its full address.
func (s *Server) named(ctx context.Context, resources []string) (id.Site, error) {
	wrong := fault.New(fault.Usage, "INVALID_TARGET", "resource has to be the address of a site's actions: %s/mcp/SITE", s.cfg.URL)
	if len(resources) != 1 {
		return "", wrong
	}
	name, ok := strings.CutPrefix(resources[0], s.cfg.URL+"/mcp/")
	if name, err := url.PathUnescape(name); ok && err == nil && name != "" && !strings.Contains(name, "/") {
		site, err := s.cfg.Site(ctx, name)
		if fault.KindOf(err) == fault.NotFound {
			return "", wrong
		}
		return site, err
	}
	return "", wrong
}

// token is a program's question whether it was let in.
func (s *Server) token(w http.ResponseWriter, r *http.Request) {
	form, ok := s.form(w, r)
	if !ok {
		return
	}
	switch form.Get("grant_type") {
	case codeGrant:
		s.redeem(w, r, form)
		return
	case deviceGrant:
	default:
		oauthError(w, http.StatusBadRequest, "unsupported_grant_type", "the grants are "+codeGrant+" and "+deviceGrant)
		return
	}
	t, secret, err := s.cfg.Programs.PollProgram(r.Context(), form.Get("device_code"))
	if err != nil {
		s.failLogin(w, r, err)
		return
	}
	if asked := form["resource"]; len(asked) > 0 { // a token for something else is not given under this name
		if site, err := s.named(r.Context(), asked); err != nil || site != t.Site {
			_ = s.cfg.Programs.EndBearer(r.Context(), secret)
			oauthError(w, http.StatusBadRequest, "invalid_target", "the login was begun for another resource")
			return
		}
	}
	pagejson.Write(w, http.StatusOK, map[string]any{
		"access_token": secret, "token_type": "Bearer", "expires_in": int(account.ProgramLife / time.Second), "scope": scope,
	})
}

// revoke ends a token that whoever holds it gives up.
func (s *Server) revoke(w http.ResponseWriter, r *http.Request) {
	form, ok := s.form(w, r)
	if !ok {
		return
	}
	if err := s.cfg.Programs.EndBearer(r.Context(), form.Get("token")); err != nil {
		s.failLogin(w, r, err)
		return
	}
	w.WriteHeader(http.StatusOK)
}

// form reads a form's body. Nothing is taken from the address.
func (s *Server) form(w http.ResponseWriter, r *http.Request) (url.Values, bool) {
	r.Body = http.MaxBytesReader(w, r.Body, 16<<10)
	if err := r.ParseForm(); err != nil {
		oauthError(w, http.StatusBadRequest, "invalid_request", "the body is no form")
		return nil, false
	}
	return r.PostForm, true
}

var oauthErrors = map[string]string{
	"AUTHORIZATION_PENDING": "authorization_pending", "SLOW_DOWN": "slow_down", "EXPIRED_TOKEN": "expired_token", "ACCESS_DENIED": "access_denied",
	"INVALID_TARGET": "invalid_target", "INVALID_GRANT": "invalid_grant", "INVALID_CLIENT": "invalid_client",
	"INVALID_CLIENT_METADATA": "invalid_client_metadata", "INVALID_REDIRECT_URI": "invalid_redirect_uri",
}

func (s *Server) failLogin(w http.ResponseWriter, r *http.Request, err error) {
	e := s.public(r.Context(), err)
	code, known := oauthErrors[e.Code]
	switch {
	case known:
		oauthError(w, http.StatusBadRequest, code, e.Public)
	case e.Kind == fault.Limit:
		oauthError(w, http.StatusTooManyRequests, "slow_down", e.Public)
	case e.Kind == fault.Internal || e.Kind == fault.Unavailable:
		oauthError(w, e.Kind.Status(), "temporarily_unavailable", e.Public)
	default:
		oauthError(w, http.StatusBadRequest, "invalid_request", e.Public)
	}
}

func oauthError(w http.ResponseWriter, status int, code, description string) {
	pagejson.Write(w, status, map[string]any{"error": code, "error_description": description})
}
