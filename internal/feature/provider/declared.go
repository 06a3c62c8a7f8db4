package provider

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/manifest"
)

// declared is a provider as the running version declares it and the policy admits it.
type declared struct {
	manifest.Provider
	policy *call.Policy
	all    *manifest.Manifest
}

// declared finds a provider. One that the policy does not hold, because an admin switched
// it off or never granted it, is none.
func (s *Service) declared(ctx context.Context, p *call.Policy, key string) (*declared, error) {
	m, err := s.Manifests.Manifest(ctx, p.Version)
	if err != nil {
		return nil, err
	}
	d, ok := m.Provider(key)
	if !ok {
		return nil, fault.New(fault.NotFound, "PROVIDER_UNKNOWN", "the app declares no provider %.64q", key).
			WithFix("declare it in the manifest under providers.auth")
	}
	if !perm.HasProvider(p.Set, key) {
		return nil, fault.New(fault.Denied, "PROVIDER_NOT_GRANTED", "the site's admin has not allowed the provider %.64q here", key)
	}
	if d.Integration != "" {
		return nil, fault.New(fault.Denied, "NOT_OFFERED", "the integration %q is not known here", d.Integration).
			WithFix("describe the provider with type and actions")
	}
	return &declared{d, p, m}, nil
}

// base is where a remote is under the policy.
func (d *declared) base(remote string) (hostrule.URL, error) {
	text := perm.URLOf(d.policy.Set, remote)
	if text == "" {
		return hostrule.URL{}, fault.New(fault.Denied, "REMOTE_NOT_CONFIGURED", "the remote %.64q has no address", remote).
			WithFix("an admin of the site sets it")
	}
	u, err := hostrule.ParseBaseURL(text)
	if err != nil {
		return hostrule.URL{}, fault.New(fault.Denied, "REMOTE_NOT_CONFIGURED", "the remote %.64q has no address for a credential", remote).Because(err)
	}
	return u, nil
}

// to is a destination of the provider's.
func (d *declared) to(remote string) (Destination, error) {
	base, err := d.base(remote)
	return Destination{Provider: d.Key, Remote: remote, Base: base}, err
}

// toRemote is where an app's request with a credential goes: to the provider's own remotes,
// the first of them unless one is named.
func (d *declared) toRemote(remote string) (Destination, error) {
	if remote == "" && len(d.Remotes) > 0 {
		remote = d.Remotes[0]
	}
	if !slices.Contains(d.Remotes, remote) {
		return Destination{}, fault.New(fault.Denied, "REMOTE_NOT_OF_PROVIDER", "the provider %s does not name the remote %.64q", d.Key, remote).
			WithFix("add it to the provider's remotes")
	}
	return d.to(remote)
}

// pins are the origins to which the provider's credentials may go: those of now, written
// down when an account is connected.
func (d *declared) pins() ([]string, error) {
	remotes := append(slices.Clone(d.Remotes), d.Actions.Exchange.Remote, d.refresh().Remote, d.Actions.RetrieveProfile.Remote)
	if d.Actions.RevokeToken != nil {
		remotes = append(remotes, d.Actions.RevokeToken.Remote)
	}
	var out []string
	for _, r := range remotes {
		if r == "" { // a provider without that part
			continue
		}
		u, err := d.base(r)
		if err != nil {
			return nil, err
		}
		out = append(out, u.Origin())
	}
	slices.Sort(out)
	return slices.Compact(out), nil
}

// refresh is where tokens are renewed.
func (d *declared) refresh() manifest.TokenAction {
	if d.Actions.RefreshToken != nil {
		return *d.Actions.RefreshToken
	}
	return d.Actions.Exchange
}

// client is what the provider knows the app's environment by.
type client struct {
	id       string // at the provider
	secret   string // "" for a public client
	callback string
}

// client gives the environment's client, and makes the address to which the provider sends
// browsers back when there is none yet.
func (s *Service) client(ctx context.Context, env id.Env, d *declared) (client, error) {
	callback, secret, err := s.clientRow(ctx, env, d.Key)
	return client{d.ClientID, secret, callback}, err
}

// templates are what may stand in double braces in overrides.
func (c client) templates(more map[string]string) map[string]string {
	out := map[string]string{"client_id": c.id, "client_secret": c.secret, "http_basic_auth_credentials": basic(c.id, c.secret)}
	for k, v := range more {
		out[k] = v
	}
	return out
}

// kept is what is sealed of an account.
type kept struct {
	Access  string `json:"access"`
	Refresh string `json:"refresh,omitempty"`
	// Pins are the origins that the credential may go to, Client whose it is.
	Pins   []string `json:"pins"`
	Client string   `json:"client"`
}

// fits refuses when the manifest has come to name other hosts, or another client, than
// those for which the user connected the account.
func (k kept) fits(d *declared, origin string) error {
	if k.Client != d.holder() || !slices.Contains(k.Pins, origin) {
		return fault.New(fault.Unauthenticated, call.NeedsAuthentication, "the app's provider %s is at another place than when the account was connected", d.Name)
	}
	return nil
}

// holder says whose a credential is: the app's client's at the provider, or a person's own key.
func (d *declared) holder() string {
	if d.OfKeys() {
		return "type=" + d.Type
	}
	return d.ClientID
}

func texts(list []string) string {
	if list == nil {
		list = []string{}
	}
	text, err := json.Marshal(list)
	if err != nil {
		return "[]"
	}
	return string(text)
}
