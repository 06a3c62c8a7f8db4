// Package bridge is how a product's page or back end has apps act for the user who is
// present. Its promise: who the user is, which panel it is and what stands around it comes
// from what the product's back end signed, never from the page; and a page of another
// origin than the product declared reads no answer.
//
// It lies on the ui origin, takes no cookie and sets none: a session is a bearer token that
// its holder keeps in memory.
package bridge

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"log/slog"
	"mime"
	"net/http"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/manifest"
)

// maxBody bounds what a page sends to an app's function.
const maxBody = 600 << 10

// Invoker is the door into app code.
type Invoker interface {
	Invoke(ctx context.Context, c *call.Call) (call.Result, error)
}

// Config is what the bridge stands on; all of it is required.
type Config struct {
	URL      string // of the ui origin
	Sessions *session.Service
	Installs *install.Service
	Registry *registry.Service
	Tenancy  *tenancy.Service
	Invoker  Invoker
	Log      *slog.Logger
}

// Bridge serves /bridge/.
type Bridge struct {
	Config
	mux *http.ServeMux
}

// New makes the bridge.
func New(cfg Config) *Bridge {
	b := &Bridge{Config: cfg, mux: http.NewServeMux()}
	b.mux.HandleFunc("POST /bridge/session", b.answer(b.open))
	b.mux.HandleFunc("POST /bridge/invoke", b.answer(b.invoke))
	b.mux.HandleFunc("OPTIONS /bridge/", b.preflight)
	b.mux.HandleFunc("/", b.answer(func(http.ResponseWriter, *http.Request) (any, error) {
		return nil, fault.New(fault.NotFound, "NO_ROUTE", "the bridge has no such route")
	}))
	return b
}

// ServeHTTP implements http.Handler.
func (b *Bridge) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h := w.Header()
	h.Set("Content-Security-Policy", "default-src 'none'; frame-ancestors 'none'")
	h.Set("X-Content-Type-Options", "nosniff")
	h.Set("Referrer-Policy", "no-referrer")
	h.Set("Cache-Control", "no-store")
	h.Add("Vary", "Origin")
	r.Body = http.MaxBytesReader(w, r.Body, maxBody)
	b.mux.ServeHTTP(w, r)
}

// preflight says to pages of products that they may ask. Which product's page may read an
// answer is decided when the answer is made.
func (b *Bridge) preflight(w http.ResponseWriter, r *http.Request) {
	origin := r.Header.Get("Origin")
	products, err := b.Tenancy.Products(r.Context())
	if err != nil || origin == "" || !slices.ContainsFunc(products, func(p tenancy.Product) bool { return slices.Contains(p.PageOrigins, origin) }) {
		w.WriteHeader(http.StatusForbidden)
		return
	}
	h := w.Header()
	h.Set("Access-Control-Allow-Origin", origin)
	h.Set("Access-Control-Allow-Methods", "POST")
	h.Set("Access-Control-Allow-Headers", "Authorization, Content-Type")
	h.Set("Access-Control-Max-Age", "600")
	w.WriteHeader(http.StatusNoContent)
}

// admit lets a page read answers about a product's users only from an origin that the
// product declared. A back end sends no Origin.
func (b *Bridge) admit(w http.ResponseWriter, r *http.Request, product id.Product) error {
	origin := r.Header.Get("Origin")
	if origin == "" || origin == b.URL {
		return nil
	}
	p, err := b.Tenancy.ProductByKeyOrAlias(r.Context(), string(product))
	if err != nil {
		return err
	}
	if !slices.Contains(p.PageOrigins, origin) {
		return fault.New(fault.Denied, "FOREIGN_ORIGIN", "the product does not show panels on this origin").
			WithFix("its operator lists the origins of its pages as pageOrigins in product.yaml")
	}
	w.Header().Set("Access-Control-Allow-Origin", origin)
	return nil
}

type module struct {
	Module string `json:"module"` // "INSTALLATION/KEY", what invoke takes
	Type   string `json:"type"`
	Title  string `json:"title"`
}

// open makes a session of a panel's token, or of what a back end says of a user.
func (b *Bridge) open(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Panel string `json:"panel"`
		User  string `json:"user"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	var (
		token string
		who   session.Session
		panel session.Panel
		life  time.Duration
		err   error
	)
	switch {
	case (in.Panel == "") == (in.User == ""):
		return nil, fault.New(fault.Usage, "MISSING", "one of panel and user is given")
	case in.Panel != "":
		token, who, panel, life, err = b.Sessions.OpenPanel(r.Context(), in.Panel)
	default:
		token, who, life, err = b.Sessions.OpenUser(r.Context(), in.User)
	}
	if err != nil {
		return nil, err
	}
	if err := b.admit(w, r, who.Product); err != nil {
		return nil, err
	}
	modules, err := b.modules(r.Context(), &who, panel)
	if err != nil {
		return nil, err
	}
	return map[string]any{"token": token, "expiresIn": int(life / time.Second), "modules": modules}, nil
}

// modules are those that the session may call.
func (b *Bridge) modules(ctx context.Context, who *session.Session, panel session.Panel) ([]module, error) {
	all, err := b.Installs.List(ctx, id.Principal{Kind: id.SiteAdmin, Site: who.Site}, install.Filter{Site: who.Site})
	if err != nil {
		return nil, err
	}
	product, err := b.Tenancy.ProductByKeyOrAlias(ctx, string(who.Product))
	if err != nil {
		return nil, err
	}
	out := []module{}
	for _, i := range all {
		if i.Product != who.Product {
			continue
		}
		m, err := b.Registry.Manifest(ctx, i.Version)
		if err != nil {
			return nil, err
		}
		for _, u := range m.UIModules() {
			if t := typeOf(product, u.Type); t != "" && (panel.Module == "" || t == typeOf(product, panel.Module)) {
				out = append(out, module{string(i.ID) + "/" + u.Key, t, u.Title.Text})
			}
		}
	}
	return out, nil
}

// typeOf is the product's own name of a module type, "" if it has no such type.
func typeOf(p *tenancy.Product, typ string) string {
	for _, m := range p.Modules {
		if m.Type == typ || slices.Contains(m.Aliases, typ) {
			return m.Type
		}
	}
	return ""
}

// invoke runs the resolver of a module for the user who is present.
func (b *Bridge) invoke(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Module      string          `json:"module"`
		FunctionKey string          `json:"functionKey"`
		Payload     json.RawMessage `json:"payload"`
	}
	if err := decode(r, &in); err != nil {
		return nil, err
	}
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		token = ""
	}
	who, panel, err := b.Sessions.Bridge(r.Context(), token)
	if err != nil {
		return nil, err
	}
	if err := b.admit(w, r, who.Product); err != nil {
		return nil, err
	}
	c, err := b.callOf(r.Context(), &who, panel, in.Module)
	if err != nil {
		return nil, err
	}
	payload := map[string]any{"call": map[string]any{"functionKey": in.FunctionKey, "payload": in.Payload}, "context": map[string]any{}}
	if c.Payload, err = json.Marshal(payload); err != nil {
		return nil, err
	}
	res, err := b.Invoker.Invoke(r.Context(), c)
	if err != nil {
		return nil, b.failed(c, err)
	}
	out := map[string]any{"invocation": c.ID}
	if len(res.Body) > 0 {
		out["result"] = json.RawMessage(res.Body)
	}
	return out, nil
}

// callOf makes the call of a module that the session may call. What the function learns of
// the user and of the place comes from the session.
func (b *Bridge) callOf(ctx context.Context, who *session.Session, panel session.Panel, name string) (*call.Call, error) {
	unknown := fault.New(fault.NotFound, "NO_MODULE", "there is no such module here, or nothing answers for it").
		WithFix("ask /bridge/session which modules there are")
	inst, key, ok := strings.Cut(name, "/")
	if !ok {
		return nil, unknown
	}
	p, err := b.Installs.Policy(ctx, id.Install(inst))
	if err != nil && fault.CodeOf(err) == "POLICY_STALE" {
		return nil, err
	}
	if err != nil || p.Site != who.Site || p.Product != who.Product {
		return nil, unknown
	}
	m, err := b.Registry.Manifest(ctx, p.Version)
	if err != nil {
		return nil, err
	}
	u, ok := m.Module(key)
	if !ok {
		return nil, unknown
	}
	product, err := b.Tenancy.ProductByKeyOrAlias(ctx, string(who.Product))
	if err != nil {
		return nil, err
	}
	typ := typeOf(product, u.Type)
	if typ == "" {
		return nil, unknown
	}
	if panel.Module != "" && typ != typeOf(product, panel.Module) {
		return nil, fault.New(fault.Denied, "ANOTHER_PANEL", "the panel's token is for another place in the product's pages")
	}
	f, ok := m.Function(resolver(u))
	if !ok {
		return nil, unknown
	}
	extension := map[string]any{}
	if len(panel.Extension) > 0 {
		if err := json.Unmarshal(panel.Extension, &extension); err != nil {
			return nil, err
		}
	}
	extension["type"] = u.Type
	facts, err := json.Marshal(map[string]any{
		"accountId": who.User, "principal": map[string]any{"accountId": who.User}, "moduleKey": key, "extension": extension,
		"locale": who.Locale, "timezone": who.TimeZone,
	})
	if err != nil {
		return nil, err
	}
	return &call.Call{
		Kind: call.UI, Installation: p.Install, Version: p.Version, Module: key, Function: f.Handler, Principal: who.Principal(),
		Context: facts, ContentType: "application/json",
	}, nil
}

// resolver is the function that answers a module's front end.
func resolver(u manifest.Module) string {
	if u.Resolver.Function != "" {
		return u.Resolver.Function
	}
	return u.Function
}

// failed words an app's failure for the page: what the app's own code said, no place in its
// source. Where the user's agreement is missing it says where to give it.
func (b *Bridge) failed(c *call.Call, err error) error {
	e, ok := fault.As(err)
	if !ok || e.Kind == fault.Internal {
		return err
	}
	out := *e
	out.Fields = map[string]any{"invocation": c.ID}
	for _, k := range []string{"name", "message", "limit", "figure"} {
		if v, ok := e.Fields[k]; ok {
			out.Fields[k] = v
		}
	}
	if name, _ := e.Fields["name"].(string); e.Code == needsAuthentication || e.Fields["code"] == needsAuthentication ||
		name == needsAuthentication || name == "NeedsAuthenticationError" {
		out.Kind, out.Code = fault.Unauthenticated, needsAuthentication
		out.Public = "the user has not agreed that the app does this as them"
		out.Fields["consentUrl"] = b.URL + "/consent/" + string(c.Installation)
	}
	return &out
}

const needsAuthentication = "NEEDS_AUTHENTICATION_ERR"

// decode reads a JSON body strictly: a page that says more than it may is not taken at its word.
func decode(r *http.Request, into any) error {
	if got, _, err := mime.ParseMediaType(r.Header.Get("Content-Type")); err != nil || got != "application/json" {
		return fault.New(fault.Usage, "CONTENT_TYPE", "the body must be application/json")
	}
	dec := json.NewDecoder(r.Body)
	dec.DisallowUnknownFields()
	err := dec.Decode(into)
	if err == nil {
		if _, end := dec.Token(); !errors.Is(end, io.EOF) {
			err = errors.New("something after its value")
		}
	}
	var tooLarge *http.MaxBytesError
	if errors.As(err, &tooLarge) {
		return fault.New(fault.Limit, "LIMIT_REQUEST", "the request is larger than %d bytes", tooLarge.Limit)
	}
	if err != nil {
		return fault.New(fault.Usage, "BAD_JSON", "the body is not the JSON that this route takes: %s", strings.TrimPrefix(err.Error(), "json: "))
	}
	return nil
}

// answer writes what a route gives, or says why not.
func (b *Bridge) answer(serve func(http.ResponseWriter, *http.Request) (any, error)) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		status := http.StatusOK
		v, err := serve(w, r)
		if err != nil {
			e, ok := fault.As(err)
			if !ok || e.Public == "" || e.Kind == fault.Internal {
				incident := uuid.NewString()
				b.Log.ErrorContext(r.Context(), "incident", "incident", incident, "path", r.URL.Path, "err", err)
				e = fault.New(fault.Internal, "INTERNAL", "the server failed; the incident's id is in its log")
				e.ReasonID = incident
			}
			status = e.Kind.Status()
			v = map[string]any{"error": map[string]any{
				"kind": e.Kind.String(), "code": e.Code, "message": e.Public, "fix": e.Fix, "reasonId": e.ReasonID, "fields": e.Fields}}
		}
		text, err := json.Marshal(v)
		if err != nil {
			status, text = http.StatusInternalServerError, []byte(`{"error":{"kind":"internal","code":"INTERNAL"}}`)
		}
		w.Header().Set("Content-Type", "application/json")
		w.WriteHeader(status)
		_, _ = w.Write(append(text, '\n'))
	}
}
