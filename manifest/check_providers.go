package manifest

import (
	"fmt"
	"maps"
	"slices"

	"github.com/annexhq/annex/internal/core/hostrule"
)

func (l *loader) checkProviders(m *Manifest, x *index) {
	for i, p := range m.Providers.Auth {
		at := fmt.Sprintf("providers.auth[%d]", i)
		for j, r := range p.Remotes {
			l.providerRemote(m, fmt.Sprintf("%s.remotes[%d]", at, j), r, x)
		}
		if b := p.BearerMethod; b.Type == "authorization-header" && b.Parameter != "" && !hostrule.FreeHeader(b.Parameter) {
			l.path(at+".bearerMethod", Error, "provider-header", "no credential goes into the header "+quote(b.Parameter), "name the header that the service reads it from, X-Api-Key for instance")
		}
		for j, mint := range p.MintPaths {
			l.reference(fmt.Sprintf("%s.mintPaths[%d].remote", at, j), "remote", mint.Remote, x.remotes)
		}
		if p.OfSite() || p.OfKeys() {
			l.checkSiteProvider(m, at, p, x)
			continue
		}
		if p.Integration != "" {
			if p.Type != "" {
				l.path(at+".integration", Error, "provider-form", at+" has a type and an integration", "keep one of the two")
			}
			continue
		}
		l.checkProviderActions(m, at, p, x)
		for _, f := range []struct {
			missing bool
			name    string
		}{
			{p.Type == "", "type"}, {p.ClientID == "", "clientId"}, {len(p.Remotes) == 0, "remotes"}, {p.BearerMethod.Type == "", "bearerMethod"},
			{p.Actions.Authorization.Path == "", "actions.authorization"}, {p.Actions.Exchange.Path == "", "actions.exchange"}, {p.Actions.RetrieveProfile.Path == "", "actions.retrieveProfile"},
		} {
			if _, written := l.positions[at+"."+f.name]; f.missing && !written {
				l.path(at, Error, "missing-field", at+" has no "+f.name, "add "+f.name+", or name a known integration")
			}
		}
	}
}

// checkSiteProvider checks a provider for which an admin of each site gives a credential, or
// each person a key: where it goes, how, and for a client where it gets its tokens.
func (l *loader) checkSiteProvider(m *Manifest, at string, p Provider, x *index) {
	needs, takes := []string{"remotes", "bearerMethod"}, []string{"key", "name", "type", "remotes", "bearerMethod", "mintPaths"}
	if p.Type == ClientCredentials {
		needs, takes = []string{"remotes", "actions.exchange"}, append(takes, "scopes", "actions", "actions.exchange")
		l.providerRemote(m, at+".actions.exchange.remote", p.Actions.Exchange.Remote, x)
	}
	for _, name := range needs {
		if _, written := l.positions[at+"."+name]; !written {
			l.path(at, Error, "missing-field", at+" has no "+name, "add "+name+", which a provider of the type "+p.Type+" needs")
		}
	}
	for _, name := range []string{"clientId", "integration", "issuer", "pkce", "scopes", "actions", "actions.authorization", "actions.exchange", "actions.refreshToken", "actions.revokeToken", "actions.retrieveProfile"} {
		if _, written := l.positions[at+"."+name]; written && !slices.Contains(takes, name) {
			l.path(at+"."+name, Error, "provider-form", "a provider of the type "+p.Type+" has no "+name, "take it out: "+siteGives(p.Type))
		}
	}
	switch b := p.BearerMethod; {
	case p.Type == HMAC && (b.Type != "authorization-header" || b.Parameter == "" || b.Prefix != ""):
		if _, written := l.positions[at+".bearerMethod"]; written {
			l.path(at+".bearerMethod", Error, "provider-form", "a signature goes into a header of its own", "write bearerMethod: {type: authorization-header, parameter: X-Signature}")
		}
	case (p.Type == APIKey || p.OfKeys()) && (b.Type == "uri-query" || b.Type == "form-encoded") && b.Parameter == "":
		l.path(at+".bearerMethod", Error, "provider-form", "nothing says which parameter the key goes into", "add parameter, the name of it")
	}
}

func siteGives(kind string) string {
	if kind == UserAPIKey {
		return "each person gives a key of theirs, and it is used as it is"
	}
	if kind == ClientCredentials {
		return "an admin of each site gives client and secret, and no user takes part"
	}
	return "an admin of each site gives the key, and it is used as it is"
}

func (l *loader) checkProviderActions(m *Manifest, at string, p Provider, x *index) {
	a := p.Actions
	remotes := map[string]string{
		"authorization": a.Authorization.Remote, "exchange": a.Exchange.Remote, "retrieveProfile": a.RetrieveProfile.Remote,
	}
	if a.RefreshToken != nil {
		remotes["refreshToken"] = a.RefreshToken.Remote
	}
	if a.RevokeToken != nil {
		remotes["revokeToken"] = a.RevokeToken.Remote
	}
	for _, name := range slices.Sorted(maps.Keys(remotes)) {
		l.providerRemote(m, at+".actions."+name+".remote", remotes[name], x)
	}
	profile := at + ".actions.retrieveProfile"
	l.reference(profile+".function", "function", a.RetrieveProfile.Function, x.functions)
	oidc := a.RetrieveProfile.OIDC != nil && *a.RetrieveProfile.OIDC
	if _, written := l.positions[profile]; written && a.RetrieveProfile.Function == "" && a.RetrieveProfile.Resolvers.ID == "" && !oidc {
		l.path(profile, Error, "provider-profile", "nothing says where the account's id stands in the answer", "add resolvers.id, or function")
	}
}

// requiredScopes checks that a provider is asked for what a function demands of it.
func (l *loader) requiredScopes(m *Manifest, at string, use ProviderUse) {
	d, ok := m.Provider(use.Provider)
	for _, sc := range use.RequiredScopes {
		if ok && !slices.Contains(d.Scopes, sc) {
			l.path(at, Error, "provider-scope", "the provider "+quote(d.Key)+" has no scope "+quote(sc)+", so nobody could agree to it", "add it to the provider's scopes")
		}
	}
}

// providerRemote checks a remote that takes part in a provider's protocol: its host
// must not depend on the region or on an admin's setting, since a credential is sent
// to it.
func (l *loader) providerRemote(m *Manifest, path, key string, x *index) {
	l.reference(path, "remote", key, x.remotes)
	r, ok := m.Remote(key)
	if !ok {
		return
	}
	switch {
	case r.Configurable != nil:
		l.path(path, Error, "provider-remote", "the remote "+quote(key)+" can be set by an admin, and a provider's credential needs a fixed host", "use a remote that is not configurable")
	case len(r.BaseURL) > 1:
		l.path(path, Error, "provider-remote", "the remote "+quote(key)+" differs by region, and a provider's credential needs a fixed host", "use a remote with one baseUrl")
	}
}
