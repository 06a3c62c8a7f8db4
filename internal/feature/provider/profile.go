package provider

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/infra/exchange"
	"github.com/annexhq/annex/manifest"
)

// maxProfile bounds what a provider says of an account.
const maxProfile = 256 << 10

// profile finds out whose the account is.
func (s *Service) profile(ctx context.Context, d *declared, c client, g granted, by id.Principal) (profile, error) {
	a := d.Actions.RetrieveProfile
	if a.OIDC != nil && *a.OIDC && a.Path == "" {
		claims, err := d.claims(g.idToken)
		if err != nil {
			return profile{}, err
		}
		return d.resolve(claims, a.Resolvers)
	}
	answer, err := s.askProfile(ctx, d, c, g)
	if err != nil {
		return profile{}, err
	}
	if a.Function != "" {
		return s.readProfile(ctx, d, answer, by)
	}
	if answer.Status < 200 || answer.Status > 299 {
		return profile{}, fault.New(fault.Unavailable, "PROVIDER_ERR", "the profile cannot be retrieved: %s answered %d", quote.Line(d.Name, 80), answer.Status).With("status", 502)
	}
	return d.resolve(facts(answer), a.Resolvers)
}

func (s *Service) askProfile(ctx context.Context, d *declared, c client, g granted) (exchange.Answer, error) {
	a := d.Actions.RetrieveProfile
	to, err := d.to(a.Remote)
	if err != nil {
		return exchange.Answer{}, err
	}
	to.Mints = true // whose answer it is, the app's function may read: without the credential
	ask := Ask{Path: a.Path, Method: a.Method, Timeout: tokenWait}
	if err := s.shape(&ask, &to, map[string]any{}, "", a.Overrides, c.templates(nil)); err != nil {
		return exchange.Answer{}, err
	}
	if ask.Method == "" || ask.Method == http.MethodGet {
		ask.Body = nil
	}
	if len(a.QueryParameters) > 0 {
		q := url.Values{}
		for k, v := range a.QueryParameters {
			q.Set(k, fill(v, c.templates(nil)))
		}
		sep := "?"
		if strings.Contains(ask.Path, "?") {
			sep = "&"
		}
		ask.Path += sep + q.Encode()
	}
	d.inject(&to, g.access, g.refresh)
	answer, err := s.Broker.Ask(ctx, d.policy, s.own(d.policy), to, ask)
	if err == nil && len(answer.Body) > maxProfile {
		err = fault.New(fault.Unavailable, "PROVIDER_ERR", "the profile cannot be retrieved: the answer of %s is too large", quote.Line(d.Name, 80))
	}
	return answer, err
}

// resolve reads a profile by the manifest's dotted paths.
func (d *declared) resolve(facts any, r manifest.ProfileResolvers) (profile, error) {
	or := func(path, usual string) string {
		if path == "" {
			path = usual
		}
		return textOf(at(facts, path))
	}
	return d.checked(profile{or(r.ID, "sub"), or(r.DisplayName, "name"), or(r.AvatarURL, "picture")})
}

// checked makes a profile what can be shown.
func (d *declared) checked(p profile) (profile, error) {
	if p.ID == "" || len(p.ID) > 255 || quote.Line(p.ID, 255) != p.ID {
		return p, fault.New(fault.Unavailable, "PROVIDER_ERR", "%s does not say whose the account is: no id can be read from its profile", quote.Line(d.Name, 80)).
			WithFix("the app's developer corrects actions.retrieveProfile").With("status", 502)
	}
	if p.DisplayName = quote.Line(p.DisplayName, 200); p.DisplayName == "" {
		p.DisplayName = p.ID
	}
	if u, err := hostrule.ParseURL(p.AvatarURL); err != nil || u.Scheme != "https" || len(p.AvatarURL) > 2048 {
		p.AvatarURL = ""
	}
	return p, nil
}

// readProfile has the app's function read the answer; it gets neither token nor headers.
func (s *Service) readProfile(ctx context.Context, d *declared, a exchange.Answer, by id.Principal) (profile, error) {
	f, ok := d.all.Function(d.Actions.RetrieveProfile.Function)
	if !ok {
		return profile{}, fault.New(fault.Invalid, "FUNCTION_UNKNOWN", "the function of retrieveProfile is not declared")
	}
	var body any = string(a.Body)
	var parsed any
	if json.Unmarshal(a.Body, &parsed) == nil {
		body = parsed
	}
	payload, err := json.Marshal(map[string]any{"status": a.Status, "body": body})
	if err != nil {
		return profile{}, err
	}
	res, err := s.Invoker.Invoke(ctx, &call.Call{
		Kind: call.Invoke, Installation: d.policy.Install, Function: f.Handler, Principal: by, Payload: payload, ContentType: jsonType,
	})
	if err != nil {
		return profile{}, fault.New(fault.Unavailable, "PROVIDER_ERR", "the app's function could not read the profile of %s", quote.Line(d.Name, 80)).Because(err)
	}
	var p profile
	if err := json.Unmarshal(res.Body, &p); err != nil {
		return p, fault.New(fault.Unavailable, "PROVIDER_ERR", "the app's function gave no profile of %s", quote.Line(d.Name, 80)).Because(err)
	}
	return d.checked(p)
}

// claims reads an identity token that came from the token endpoint itself, over TLS: then its
// signature proves nothing more (OpenID Connect Core 3.1.3.7, 6). It has to be for this client.
func (d *declared) claims(token string) (map[string]any, error) {
	bad := fault.New(fault.Unavailable, "PROVIDER_ERR", "%s gave no identity token for this app", quote.Line(d.Name, 80)).With("status", 502)
	parts := strings.Split(token, ".")
	if len(parts) != 3 || len(token) > 64<<10 {
		return nil, bad
	}
	text, err := base64.RawURLEncoding.DecodeString(parts[1])
	if err != nil {
		return nil, bad
	}
	var claims map[string]any
	if json.Unmarshal(text, &claims) != nil {
		return nil, bad
	}
	audience := []any{claims["aud"]}
	if list, ok := claims["aud"].([]any); ok {
		audience = list
	}
	if !slices.Contains(audience, any(d.ClientID)) || d.Issuer != "" && claims["iss"] != d.Issuer {
		return nil, bad
	}
	return claims, nil
}
