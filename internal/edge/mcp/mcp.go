// Package mcp serves what apps do for agents and automations: as tools of the Model Context
// Protocol (Streamable HTTP) and as two plain routes. Its promise: whoever asks holds a token
// that a user made at the console for this site's actions and for nothing else; it is asked
// for at every request, so that what is ended is over; no page of a browser is a client.
//
//	POST /mcp/{site}                      the protocol
//	GET  /mcp/{site}/actions              what the user may have done
//	POST /mcp/{site}/actions/{action}     does it
//	GET  /.well-known/oauth-protected-resource/mcp/{site}   RFC 9728
//	GET  /.well-known/oauth-authorization-server            RFC 8414
//	POST /oauth/device_authorization, /oauth/token          RFC 8628, with RFC 8707's resource
//	POST /oauth/register                                    RFC 7591, which keeps nothing
//	POST /oauth/revoke                                      RFC 7009
package mcp

import (
	"context"
	"encoding/json"
	"log/slog"
	"net/http"
	"net/url"
	"path"
	"strings"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/pagejson"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/feature/action"
)

// maxBody bounds a request: an action's input and what the protocol puts around it.
const maxBody = 600 << 10

// What a user's programs may ask, all of them together.
const callsPerSecond, callsAtOnce = 10, 60

// Actions lists and runs what apps offer.
type Actions interface {
	List(ctx context.Context, user id.Principal) ([]action.Action, error)
	Run(ctx context.Context, user id.Principal, name string, input json.RawMessage) (action.Outcome, error)
}

// Programs knows what users let in.
type Programs interface {
	StartProgram(ctx context.Context, name, address string, site id.Site) (account.Started, error)
	PollProgram(ctx context.Context, secret string) (account.Token, string, error)
	RedeemProgram(ctx context.Context, code, clientID, redirect, verifier string, site id.Site) (account.Token, string, error)
	AuthenticateProgram(ctx context.Context, bearer string, site id.Site) (id.Principal, error)
	EndBearer(ctx context.Context, bearer string) error
}

// Config is what the surface stands on; all of it is required.
type Config struct {
	URL      string // of the control origin
	UIURL    string // of the ui origin, where people type codes
	Version  string
	Actions  Actions
	Programs Programs
	// Site finds a site by name or id.
	Site func(ctx context.Context, name string) (id.Site, error)
	Log  *slog.Logger
}

// Server serves the surface.
type Server struct {
	cfg    Config
	mux    *http.ServeMux
	logins paces // by address
	calls  paces // by user
}

// New makes the surface.
func New(cfg Config) *Server {
	s := &Server{cfg: cfg, mux: http.NewServeMux(), logins: newPaces(1, 20), calls: newPaces(callsPerSecond, callsAtOnce)}
	protocol := s.protocol()
	s.mux.Handle("/mcp/{site}", s.entered(func(w http.ResponseWriter, r *http.Request, user id.Principal) error {
		protocol.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), userKey{}, user)))
		return nil
	}))
	s.mux.Handle("GET /mcp/{site}/actions", s.entered(s.list))
	s.mux.Handle("POST /mcp/{site}/actions/{action}", s.entered(s.run))
	s.mux.HandleFunc("GET /.well-known/oauth-protected-resource/mcp/{site}", s.resource)
	s.mux.HandleFunc("GET /.well-known/oauth-authorization-server", s.authorization)
	s.mux.HandleFunc("POST /oauth/device_authorization", s.startLogin)
	s.mux.HandleFunc("POST /oauth/token", s.token)
	s.mux.HandleFunc("POST /oauth/register", s.register)
	s.mux.HandleFunc("POST /oauth/revoke", s.revoke)
	s.mux.HandleFunc("/", func(w http.ResponseWriter, r *http.Request) {
		s.refuse(w, r, fault.New(fault.NotFound, "NO_ROUTE", "there is no route %s %s", r.Method, r.URL.Path))
	})
	return s
}

// Serves reports whether a path of the control origin is this surface's.
func Serves(p string) bool {
	return strings.HasPrefix(p, "/mcp/") || strings.HasPrefix(p, "/oauth/") || strings.HasPrefix(p, "/.well-known/oauth-")
}

// ServeHTTP implements http.Handler. What a browser's page asks is refused: a token in a page
// is one that the page's scripts have.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	w.Header().Set("Cache-Control", "no-store")
	w.Header().Set("X-Content-Type-Options", "nosniff")
	if r.Header.Get("Origin") != "" {
		s.refuse(w, r, fault.New(fault.Denied, "NO_PAGES", "pages of browsers are no clients of this").WithFix("call it from a program"))
		return
	}
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	if r.URL.Path != path.Clean(r.URL.Path) {
		s.refuse(w, r, fault.New(fault.NotFound, "NO_ROUTE", "there is no such route"))
		return
	}
	s.mux.ServeHTTP(w, r)
}

type userKey struct{}

// entered admits whoever holds a token for the actions of the site that the path names.
func (s *Server) entered(serve func(http.ResponseWriter, *http.Request, id.Principal) error) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		user, err := s.enter(r)
		if err == nil && !s.calls.allow(string(user.Site)+"/"+string(user.Product)+"/"+string(user.User)) {
			err = fault.New(fault.Limit, "LIMIT_REQUESTS", "a user has %d requests a second here, and %d at once", callsPerSecond, callsAtOnce).
				WithFix("wait a moment").With("limit", "requests a second of a user").With("figure", callsPerSecond).With("retryAfter", 1)
		}
		if err == nil {
			err = serve(w, r, user)
		}
		if err != nil {
			s.refuse(w, r, err)
		}
	})
}

func (s *Server) enter(r *http.Request) (id.Principal, error) {
	unknown := fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "the token opens no actions of this site")
	token := bearer(r)
	if token == "" {
		return id.Principal{}, fault.New(fault.Unauthenticated, "UNAUTHENTICATED", "no token was presented")
	}
	site, err := s.cfg.Site(r.Context(), r.PathValue("site"))
	if fault.KindOf(err) == fault.NotFound {
		return id.Principal{}, unknown // as for a site that others have
	}
	if err != nil {
		return id.Principal{}, err
	}
	return s.cfg.Programs.AuthenticateProgram(r.Context(), token, site)
}

// bearer is the token of a request, "" for none. None is taken from an address.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

func (s *Server) list(w http.ResponseWriter, r *http.Request, user id.Principal) error {
	all, err := s.cfg.Actions.List(r.Context(), user)
	if err != nil {
		return err
	}
	pagejson.Write(w, http.StatusOK, map[string]any{"actions": all})
	return nil
}

func (s *Server) run(w http.ResponseWriter, r *http.Request, user id.Principal) error {
	var input json.RawMessage
	if err := json.NewDecoder(r.Body).Decode(&input); err != nil {
		return fault.New(fault.Usage, "BAD_JSON", "the body is no JSON object of the action's inputs")
	}
	out, err := s.cfg.Actions.Run(r.Context(), user, r.PathValue("action"), input)
	if err != nil {
		return err
	}
	answer := map[string]any{"invocation": out.Invocation}
	if out.Value != nil {
		answer["result"] = out.Value
	}
	pagejson.Write(w, http.StatusOK, answer)
	return nil
}

// refuse says what the outside may read of an error; the log gets the rest. A missing or dead
// token is told where tokens come from.
func (s *Server) refuse(w http.ResponseWriter, r *http.Request, err error) {
	e := s.public(r.Context(), err)
	if e.Kind == fault.Unauthenticated && e.Code == "UNAUTHENTICATED" {
		challenge := `Bearer resource_metadata="` + s.cfg.URL + "/.well-known/oauth-protected-resource" + "/mcp/" + url.PathEscape(r.PathValue("site")) + `", scope="` + scope + `"`
		if bearer(r) != "" {
			challenge += `, error="invalid_token"`
		}
		w.Header().Set("WWW-Authenticate", challenge)
	}
	pagejson.Refuse(w, e, problem(e))
}

// public is an error as it may be read outside.
func (s *Server) public(ctx context.Context, err error) *fault.Error {
	e, ok := fault.As(err)
	if ok && e.Public != "" && e.Kind != fault.Internal {
		return e
	}
	incident := uuid.NewString()
	s.cfg.Log.ErrorContext(ctx, "incident", "incident", incident, "err", err)
	e = fault.New(fault.Internal, "INTERNAL", "the server failed; the incident's id is in its log")
	e.ReasonID = incident
	return e
}

func problem(e *fault.Error) map[string]any {
	out := map[string]any{"kind": e.Kind.String(), "code": e.Code, "message": e.Public}
	if e.Fix != "" {
		out["fix"] = e.Fix
	}
	if e.ReasonID != "" {
		out["reasonId"] = e.ReasonID
	}
	if len(e.Fields) > 0 {
		out["fields"] = e.Fields
	}
	return out
}
