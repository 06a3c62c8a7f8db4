package provider

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"mime"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/infra/exchange"
	"github.com/annexhq/annex/manifest"
)

// granted is a token answer.
type granted struct {
	access, refresh, idToken string
	expires                  time.Time // zero where the provider does not say
	scopes                   []string  // nil where it does not say
}

// errRefused is a token endpoint's error, by its code.
type errRefused struct{ code string }

func (e errRefused) Error() string { return "token endpoint: " + e.code }

const (
	maxToken   = 64 << 10
	tokenWait  = 10 * time.Second
	formType   = "application/x-www-form-urlencoded"
	jsonType   = "application/json"
	maxSeconds = 10 * 365 * 24 * 60 * 60
)

// token asks a token endpoint. No redirect is followed: one would be an answer without a
// token, and the secret stays where it was sent.
func (s *Service) token(ctx context.Context, d *declared, action manifest.TokenAction, c client, fields map[string]string, secrets ...string) (granted, error) {
	to, err := d.to(action.Remote)
	if err != nil {
		return granted{}, err
	}
	to.Mints = true
	ask := Ask{Path: action.Path, Method: http.MethodPost, Timeout: tokenWait}
	withBasic := action.UseBasicAuth != nil && *action.UseBasicAuth
	body := map[string]any{"client_id": c.id}
	if c.secret != "" && !withBasic {
		body["client_secret"] = c.secret
	}
	for k, v := range fields {
		body[k] = v
	}
	auth := ""
	if withBasic {
		delete(body, "client_id")
		auth = "Basic " + basic(c.id, c.secret)
	}
	more := map[string]string{"authorization_code": fields["code"], "refresh_token": fields["refresh_token"], "redirect_uri": s.redirect(c.callback)}
	if err := s.shape(&ask, &to, body, auth, action.Overrides, c.templates(more)); err != nil {
		return granted{}, err
	}
	for _, secret := range secrets {
		to.Secrets = append(to.Secrets, []byte(secret))
	}
	a, err := s.Broker.Ask(ctx, d.policy, s.own(d.policy), to, ask)
	if err != nil {
		return granted{}, err
	}
	return read(a, action.Resolvers, s.Now())
}

// own is the call as which the platform asks for itself.
func (s *Service) own(p *call.Policy) *call.Call {
	return &call.Call{ID: id.Invocation(uuid.NewString()), Attempt: 1, Installation: p.Install, Site: p.Site, Version: p.Version,
		Principal: id.Principal{Kind: id.Application, App: p.App, Install: p.Install, Site: p.Site}}
}

// shape writes a request's head and body, with what the manifest overrides.
func (s *Service) shape(ask *Ask, to *Destination, body map[string]any, auth string, o manifest.Overrides, t map[string]string) error {
	for k, v := range o.Body {
		if v == nil {
			delete(body, k)
			continue
		}
		body[k] = filled(v, t)
	}
	contentType := formType
	headers := http.Header{"Accept": {jsonType}}
	for k, v := range o.Headers {
		headers.Set(k, fill(v, t))
	}
	if given := headers.Get("Authorization"); given != "" {
		auth = given
		headers.Del("Authorization")
	}
	if given := headers.Get("Content-Type"); given != "" {
		contentType = given
	}
	headers.Set("Content-Type", contentType)
	var err error
	if kind, _, _ := mime.ParseMediaType(contentType); kind == jsonType {
		ask.Body, err = json.Marshal(body)
	} else {
		form := url.Values{}
		for k, v := range body {
			form.Set(k, wordOf(v))
		}
		ask.Body = []byte(form.Encode())
	}
	if ask.Method == http.MethodGet {
		ask.Body = nil
		headers.Del("Content-Type")
	}
	for k, list := range headers {
		for _, v := range list {
			ask.Headers = append(ask.Headers, [2]string{k, v})
		}
	}
	if auth != "" {
		to.Inject = func(r *http.Request) error { r.Header.Set("Authorization", auth); return nil }
	}
	return err
}

// fill puts values in the place of {{name}}; an unknown name stays as it is.
func fill(text string, t map[string]string) string {
	for name, value := range t {
		for _, spelling := range []string{"{{" + name + "}}", "{{ " + name + " }}"} {
			text = strings.ReplaceAll(text, spelling, value)
		}
	}
	return text
}

func filled(v any, t map[string]string) any {
	switch v := v.(type) {
	case string:
		return fill(v, t)
	case map[string]any:
		out := map[string]any{}
		for k, member := range v {
			out[k] = filled(member, t)
		}
		return out
	case []any:
		out := make([]any, len(v))
		for i := range v {
			out[i] = filled(v[i], t)
		}
		return out
	}
	return v
}

func wordOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case map[string]any, []any:
		return string(plain(v))
	}
	return fmt.Sprint(v)
}

// read takes in a token answer. What it says beside codes stays out of every error: it
// can hold what was sent.
func read(a exchange.Answer, r manifest.TokenResolvers, now time.Time) (g granted, err error) {
	if len(a.Body) > maxToken {
		return g, errRefused{"answer_too_large"}
	}
	facts := facts(a)
	if code, _ := facts["error"].(string); code != "" { // some say so with 200
		return g, errRefused{quote.Line(code, 64)}
	}
	if a.Status < 200 || a.Status > 299 {
		return g, errRefused{"status_" + strconv.Itoa(a.Status)}
	}
	or := func(path, usual string) any {
		if path == "" {
			path = usual
		}
		return at(facts, path)
	}
	g.access = textOf(or(r.AccessToken, "access_token"))
	g.refresh = textOf(or(r.RefreshToken, "refresh_token"))
	g.idToken = textOf(facts["id_token"])
	if g.access == "" || len(g.access) > 32<<10 || strings.ContainsAny(g.access, "\r\n\x00") {
		return g, errRefused{"no_access_token"}
	}
	if n, err := strconv.ParseFloat(textOf(or(r.AccessTokenExpires, "expires_in")), 64); err == nil && n > 0 {
		g.expires = now.Add(time.Duration(min(n, maxSeconds)) * time.Second)
	}
	if text, ok := facts["scope"].(string); ok {
		g.scopes = strings.FieldsFunc(text, func(c rune) bool { return c == ' ' || c == ',' })
	}
	return g, nil
}

// facts reads an answer's JSON, or its form where it is one.
func facts(a exchange.Answer) map[string]any {
	var out map[string]any
	d := json.NewDecoder(strings.NewReader(string(a.Body)))
	d.UseNumber()
	if d.Decode(&out) == nil && out != nil {
		return out
	}
	out = map[string]any{}
	if form, err := url.ParseQuery(string(a.Body)); err == nil {
		for k := range form {
			out[k] = form.Get(k)
		}
	}
	return out
}

// at follows a dotted path; a number steps into a list.
func at(v any, path string) any {
	for step := range strings.SplitSeq(path, ".") {
		switch in := v.(type) {
		case map[string]any:
			v = in[step]
		case []any:
			n, err := strconv.Atoi(step)
			if err != nil || n < 0 || n >= len(in) {
				return nil
			}
			v = in[n]
		default:
			return nil
		}
	}
	return v
}

func textOf(v any) string {
	switch v := v.(type) {
	case string:
		return v
	case json.Number:
		return v.String()
	case float64:
		return strconv.FormatFloat(v, 'f', -1, 64)
	}
	return ""
}

// dead reports whether a provider says that a grant is over, and not only now.
func dead(err error) bool {
	var e errRefused
	return errors.As(err, &e) && slices.Contains([]string{"invalid_grant", "bad_refresh_token"}, e.code)
}

// failed words a provider's refusal; the network's own failures go through as they are.
func failed(d *declared, what string, err error) error {
	var e errRefused
	if !errors.As(err, &e) {
		return err
	}
	return fault.New(fault.Unavailable, "PROVIDER_ERR", "%s: the provider %s answered %s", what, quote.Line(d.Name, 80), e.code).
		WithFix("the app's developer checks client, secret and actions of the provider").With("status", 502).Because(err)
}
