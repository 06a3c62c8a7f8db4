package manifest

import (
	"fmt"
)

func (l *loader) checkProviders(m *Manifest, x *index) {
	for i, p := range m.Providers.Auth {
		at := fmt.Sprintf("providers.auth[%d]", i)
		for j, r := range p.Remotes {
			l.providerRemote(m, fmt.Sprintf("%s.remotes[%d]", at, j), r, x)
		}
		for j, mint := range p.MintPaths {
			l.reference(fmt.Sprintf("%s.mintPaths[%d].remote", at, j), "remote", mint.Remote, x.remotes)
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
	for _, name := range sortedKeys(remotes) {
		l.providerRemote(m, at+".actions."+name+".remote", remotes[name], x)
	}
	profile := at + ".actions.retrieveProfile"
	l.reference(profile+".function", "function", a.RetrieveProfile.Function, x.functions)
	oidc := a.RetrieveProfile.OIDC != nil && *a.RetrieveProfile.OIDC
	if _, written := l.positions[profile]; written && a.RetrieveProfile.Function == "" && a.RetrieveProfile.Resolvers.ID == "" && !oidc {
		l.path(profile, Error, "provider-profile", "nothing says where the account's id stands in the answer", "add resolvers.id, or function")
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
