package provider

import (
	"context"
	"encoding/base64"
	"errors"
	"net/url"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

// Configured is what a developer registers at a provider, for one environment.
type Configured struct {
	Key, Name, ClientID string
	// Type is the manifest's. What a site's admin or a person gives has no client of the developer's.
	Type           string
	OfSite, OfKeys bool
	// RedirectURI is where the provider sends browsers back; it is this environment's own.
	RedirectURI string
	// Secret says whether a client secret was given; it is never shown.
	Secret bool
}

// Providers lists what the environment's version declares, for the app's developer.
func (s *Service) Providers(ctx context.Context, p id.Principal, app id.App, environment string) ([]Configured, error) {
	env, m, err := s.Apps.Owned(ctx, p, app, environment)
	if err != nil {
		return nil, fault.Op("provider.Providers", err)
	}
	out := []Configured{}
	for _, d := range m.Providers.Auth {
		if d.OfSite() {
			out = append(out, Configured{Key: d.Key, Name: d.Name, Type: d.Type, OfSite: true})
			continue
		}
		if d.OfKeys() {
			out = append(out, Configured{Key: d.Key, Name: d.Name, Type: d.Type, OfKeys: true})
			continue
		}
		callback, secret, err := s.clientRow(ctx, env, d.Key)
		if err != nil {
			return nil, fault.Op("provider.Providers", err)
		}
		out = append(out, Configured{Key: d.Key, Name: d.Name, Type: d.Type, ClientID: d.ClientID, RedirectURI: s.redirect(callback), Secret: secret != ""})
	}
	return out, nil
}

// Configure keeps the secret that the provider gave the environment's client.
func (s *Service) Configure(ctx context.Context, p id.Principal, app id.App, environment, key, secret string) (Configured, error) {
	if len(secret) < 8 || len(secret) > 4096 {
		return Configured{}, fault.New(fault.Invalid, "INVALID_SECRET", "a client secret has 8 to 4096 characters")
	}
	env, m, err := s.Apps.Owned(ctx, p, app, environment)
	if err != nil {
		return Configured{}, fault.Op("provider.Configure", err)
	}
	d, ok := m.Provider(key)
	if !ok {
		return Configured{}, fault.New(fault.NotFound, "PROVIDER_UNKNOWN", "what runs in %s declares no provider %.64q", environment, key).
			WithFix("deploy a version that declares it under providers.auth")
	}
	if d.OfSite() {
		return Configured{}, fault.New(fault.Denied, "PROVIDER_OF_SITE", "the credential of %s is not the app's: an admin of each site gives it", quote.Line(d.Name, 80)).
			WithFix("the admin runs `annex providers configure %s --installation ID`", key)
	}
	if d.OfKeys() {
		return Configured{}, fault.New(fault.Denied, "PROVIDER_OF_USERS", "the keys of %s are people's: each gives their own, where the platform asks them", quote.Line(d.Name, 80))
	}
	callback, _, _, err := s.row(ctx, env, key) // an old secret that does not open is replaced all the same
	if err != nil {
		return Configured{}, fault.Op("provider.Configure", err)
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		generation := s.Now().UnixMicro()
		sealed, err := s.Sealer.Seal(seal.ForEnv(env), seal.Credential, secretPlace(env, key, generation), []byte(secret))
		if err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, putSecret, sealed, generation, env, key); err != nil {
			return err
		}
		return s.Audit.Append(ctx, "", "", p, "provider.secret", map[string]any{"app": app, "environment": env, "provider": key})
	})
	return Configured{Key: key, Name: d.Name, Type: d.Type, ClientID: d.ClientID, RedirectURI: s.redirect(callback), Secret: true}, fault.Op("provider.Configure", err)
}

func (s *Service) redirect(callback string) string { return s.Callback + "/" + callback }

func (s *Service) clientRow(ctx context.Context, env id.Env, key string) (callback, secret string, err error) {
	callback, sealed, generation, err := s.row(ctx, env, key)
	if err != nil || len(sealed) == 0 {
		return callback, "", err
	}
	plain, err := s.Sealer.Open(seal.ForEnv(env), seal.Credential, secretPlace(env, key, generation), sealed)
	return callback, string(plain), err
}

// row is the environment's client at a provider; its callback address is made when it is
// first asked for, and stays.
func (s *Service) row(ctx context.Context, env id.Env, key string) (callback string, sealed []byte, generation int64, err error) {
	err = s.DB.QueryRow(ctx, clientOf, env, key).Scan(&callback, &sealed, &generation)
	if errors.Is(err, db.ErrNoRows) {
		if _, err = s.DB.Exec(ctx, addClient, env, key, uuid.NewString(), []byte{}); err != nil {
			return "", nil, 0, err
		}
		err = s.DB.QueryRow(ctx, clientOf, env, key).Scan(&callback, &sealed, &generation)
	}
	return callback, sealed, generation, err
}

func secretPlace(env id.Env, key string, generation int64) seal.Place {
	return seal.Place{Table: "provider_clients", Column: "secret", Row: string(env) + "\x00" + key, Generation: generation}
}

// basic are the credentials of RFC 6749, 2.3.1.
func basic(id, secret string) string {
	return base64.StdEncoding.EncodeToString([]byte(url.QueryEscape(id) + ":" + url.QueryEscape(secret)))
}
