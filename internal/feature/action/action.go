// Package action is how agents and automations have apps do something for a user. Its
// promise: an action is listed and runs where the app is installed on the user's product and
// site and the site's admin left it switched on, at the moment of each call; it runs as that
// user, through the one door, so that scopes, the user's own agreement, limits and records
// are those of every other call; what it is given is what its schema says.
//
// What an app says of its actions is read by machines that may take it for an order. It is
// cleaned of what cannot be seen, bounded, and always under the app's name.
package action

import (
	"cmp"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/manifest"
)

// Policies knows what is installed, from memory. Policy refuses what was not confirmed.
type Policies interface {
	OnSite(site id.Site) []*call.Policy
	Policy(ctx context.Context, install id.Install) (*call.Policy, error)
}

// Versions gives what a version declares, and what its app is called.
type Versions interface {
	Manifest(ctx context.Context, version id.Version) (*manifest.Manifest, error)
	AppName(ctx context.Context, app id.App) (string, error)
}

// Invoker is the door into app code.
type Invoker interface {
	Invoke(ctx context.Context, c *call.Call) (call.Result, error)
}

// Config is what the service stands on; all of it is required.
type Config struct {
	Policies Policies
	Versions Versions
	Invoker  Invoker
	// ConsentURL is the page on which a user agrees that an installation acts as them.
	ConsentURL func(install id.Install) string
}

// Service lists and runs actions.
type Service struct{ cfg Config }

// New makes the service.
func New(cfg Config) *Service { return &Service{cfg} }

// Action is one thing that an app does when it is asked.
type Action struct {
	// Name is what it is called by: the key in the manifest and what tells installations
	// apart. No app can choose the latter, and so none takes another's name.
	Name         string          `json:"name"`
	Key          string          `json:"key"`
	Title        string          `json:"title"`
	App          string          `json:"app"`
	Installation id.Install      `json:"installation"`
	Environment  string          `json:"environment,omitempty"` // of an app that is not production
	Verb         string          `json:"verb"`
	Description  string          `json:"description"`
	InputSchema  json.RawMessage `json:"inputSchema"`
	// SendsOut says that the app may send data to hosts outside, as its grant is now.
	SendsOut bool `json:"sendsOut"`

	inputs  map[string]manifest.ActionInput
	handler string
	policy  *call.Policy
}

// List gives what a user may have done now, in a fixed order.
func (s *Service) List(ctx context.Context, user id.Principal) ([]Action, error) {
	if !user.Is(id.EndUser) || user.Site == "" || user.Product == "" || user.User == "" {
		return nil, fault.New(fault.Denied, "USER_REQUIRED", "actions run as a user of a product, and nobody is there")
	}
	out := []Action{}
	for _, known := range s.cfg.Policies.OnSite(user.Site) {
		if known.Product != user.Product || len(known.Set.Actions) == 0 {
			continue
		}
		p, err := s.cfg.Policies.Policy(ctx, known.Install)
		if fault.CodeOf(err) == "POLICY_STALE" {
			return nil, err
		}
		if err != nil || p.Site != user.Site || p.Product != user.Product {
			continue // gone meanwhile
		}
		of, err := s.of(ctx, p)
		if err != nil {
			return nil, fault.Op("action.List", err)
		}
		out = append(out, of...)
	}
	slices.SortFunc(out, func(a, b Action) int { return cmp.Or(cmp.Compare(a.App, b.App), cmp.Compare(a.Name, b.Name)) })
	return out, nil
}

// of are the actions of one installation that its admin left switched on.
func (s *Service) of(ctx context.Context, p *call.Policy) ([]Action, error) {
	m, err := s.cfg.Versions.Manifest(ctx, p.Version)
	if err != nil {
		return nil, err
	}
	name, err := s.cfg.Versions.AppName(ctx, p.App)
	if err != nil {
		return nil, err
	}
	var out []Action
	for _, a := range m.Modules.Action {
		f, runs := m.Function(a.Function)
		if !runs || !perm.HasAction(p.Set, a.Key) {
			continue
		}
		schema, err := schemaOf(a.Inputs)
		if err != nil {
			return nil, err
		}
		x := Action{
			Name: nameOf(a.Key, p.Install), Key: a.Key, Title: plain(cmp.Or(a.Name, a.Key), 80), App: plain(name, 80), Installation: p.Install,
			Verb: verbOf(a.ActionVerb), Description: plain(a.Description, 1000), InputSchema: schema, SendsOut: sendsOut(p.Set),
			inputs: a.Inputs, handler: f.Handler, policy: p,
		}
		if p.EnvType != call.Production {
			x.Environment = plain(p.EnvName, 40)
		}
		out = append(out, x)
	}
	return out, nil
}

// nameOf fits what clients of the Model Context Protocol take for a tool's name.
func nameOf(key string, install id.Install) string {
	sum := sha256.Sum256([]byte(install))
	if len(key) > 48 {
		key = key[:48]
	}
	return key + "_" + hex.EncodeToString(sum[:6])
}

// verbOf takes a verb that nobody knows for one that changes things.
func verbOf(verb string) string {
	switch verb {
	case "GET", "CREATE", "UPDATE", "DELETE":
		return verb
	}
	return "TRIGGER"
}

// sendsOut reports whether a set has any way out but the product itself.
func sendsOut(s perm.Set) bool {
	return len(s.Egress)+len(s.Remotes)+len(s.Providers)+len(s.WebTriggers)+len(s.Endpoints) > 0
}
