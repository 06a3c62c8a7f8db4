package mcp

import (
	"encoding/json"
	"net"
	"net/http"
	"net/url"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/pagejson"
	"github.com/annexhq/annex/internal/feature/account"
)

// register gives a program an id (RFC 7591). Nothing is kept, so nothing can be used up: the
// id says what the program calls itself and where browsers go back to.
func (s *Server) register(w http.ResponseWriter, r *http.Request) {
	address, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		address = r.RemoteAddr
	}
	if !s.logins.allow(address) {
		oauthError(w, http.StatusTooManyRequests, "slow_down", "too many programs are registered from this address")
		return
	}
	var in struct {
		Name      string   `json:"client_name"`
		Redirects []string `json:"redirect_uris"`
		Method    string   `json:"token_endpoint_auth_method"`
	}
	if err := json.NewDecoder(http.MaxBytesReader(w, r.Body, 16<<10)).Decode(&in); err != nil {
		oauthError(w, http.StatusBadRequest, "invalid_client_metadata", "the body is no JSON object of client metadata")
		return
	}
	if in.Name == "" {
		in.Name = "a program without a name"
	}
	clientID, err := account.ClientID(account.Client{Name: in.Name, Redirects: in.Redirects})
	if err != nil {
		s.failLogin(w, r, err)
		return
	}
	// Whoever asks for a secret gets none: a program on its user's machine keeps none.
	pagejson.Write(w, http.StatusCreated, map[string]any{
		"client_id": clientID, "client_name": in.Name, "redirect_uris": in.Redirects, "token_endpoint_auth_method": "none",
		"grant_types": []string{codeGrant}, "response_types": []string{"code"}, "scope": scope,
	})
}

// redeem gives the token for a code that a browser brought back.
func (s *Server) redeem(w http.ResponseWriter, r *http.Request, form url.Values) {
	site, err := s.named(r.Context(), form["resource"])
	if err != nil {
		s.failLogin(w, r, err)
		return
	}
	_, secret, err := s.cfg.Programs.RedeemProgram(r.Context(), form.Get("code"), form.Get("client_id"), form.Get("redirect_uri"), form.Get("code_verifier"), site)
	if err != nil && fault.CodeOf(err) == "INVALID_GRANT" {
		oauthError(w, http.StatusBadRequest, "invalid_grant", s.public(r.Context(), err).Public)
		return
	}
	if err != nil {
		s.failLogin(w, r, err)
		return
	}
	pagejson.Write(w, http.StatusOK, map[string]any{
		"access_token": secret, "token_type": "Bearer", "expires_in": int(account.ProgramLife / time.Second), "scope": scope,
	})
}
