package outflow

import (
	"context"
	"time"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/remote"
	"github.com/annexhq/annex/internal/infra/credential"
)

// Remotes is what an admin is shown of an installation's remotes before deciding about one.
type Remotes struct {
	Epoch   uint64         `json:"epoch"` // what is decided is bound to
	Remotes []RemoteDetail `json:"remotes"`
}

// RemoteDetail is a remote with all that admins may set for it.
type RemoteDetail struct {
	Remote
	Title       string      `json:"title,omitempty"` // the app's words
	Description string      `json:"description,omitempty"`
	Patterns    []string    `json:"patterns"`          // that a URL has to match; empty for none
	Set         string      `json:"set,omitempty"`     // what an admin set, also where it is not in force
	Default     string      `json:"default,omitempty"` // where it is when nothing is set
	Registered  bool        `json:"registered"`        // by the app, at run time
	Credential  *Credential `json:"credential,omitempty"`
	Networks    []Network   `json:"networks"`

	registeredAt *time.Time
}

// Credential is what may be known of a stored credential.
type Credential struct {
	Kind   string    `json:"kind"`
	Name   string    `json:"name,omitempty"`
	Origin string    `json:"origin"`
	By     string    `json:"by"`
	ByName string    `json:"byName,omitempty"`
	At     time.Time `json:"at"`
	// Certificate is what may be known of one.
	Certificate *Certificate `json:"certificate,omitempty"`
}

// Certificate is a client's certificate, and how it stands with it.
type Certificate struct {
	credential.Certificate
	State string `json:"state"` // valid, ending within a month, or ended
}

// The states of a certificate.
const (
	Valid  = "valid"
	Ending = "ending"
	Ended  = "ended"
)

const warnBefore = 30 * 24 * time.Hour

// CredentialOf is what may be known of a stored credential at that time.
func CredentialOf(s remote.Slot, now time.Time) *Credential {
	c := &Credential{Kind: s.Kind, Name: s.Name, Origin: s.Origin, By: s.By, At: s.At}
	if s.Certificate != nil {
		c.Certificate = &Certificate{Certificate: *s.Certificate, State: Valid}
		switch left := s.Certificate.Expires.Sub(now); {
		case left <= 0:
			c.Certificate.State = Ended
		case left <= warnBefore:
			c.Certificate.State = Ending
		}
	}
	return c
}

// Remotes tells an admin of the installation's site what is set for its remotes.
func (s *Service) Remotes(ctx context.Context, p id.Principal, ref id.Install) (Remotes, error) {
	slots, err := s.Slots(ctx, p, ref)
	if err != nil {
		return Remotes{}, err
	}
	i, _, err := s.installation(ctx, p, ref)
	if err != nil {
		return Remotes{}, err
	}
	sent, err := s.Sent(ctx, p, ref, time.Time{}, time.Time{})
	if err != nil {
		return Remotes{}, err
	}
	m, err := s.Manifest(ctx, i.Version)
	if err != nil {
		return Remotes{}, err
	}
	unset := i
	unset.Settings.Remotes = nil
	byDefault := unset.Allowed()
	out := Remotes{Epoch: i.Epoch, Remotes: []RemoteDetail{}}
	for _, r := range sent.Remotes {
		d := RemoteDetail{Remote: r, Patterns: []string{}, Networks: []Network{}, Default: perm.URLOf(byDefault, r.Key)}
		if x, ok := m.Remote(r.Key); ok && x.Configurable != nil {
			d.Title, d.Description = x.Configurable.Name, x.Configurable.Description
		}
		whole, _ := perm.RemoteOf(perm.Intersect(i.Granted, i.Declared), r.Key)
		patterns := whole.Patterns
		if x := registered(&i, r.Key); x != nil && !perm.HasRemote(i.Declared, r.Key) {
			at := x.At.UTC()
			d.registeredAt, d.Registered, d.Title, d.Description, patterns = &at, true, x.Name, x.Description, x.Patterns
		}
		for _, x := range patterns {
			d.Patterns = append(d.Patterns, x.String())
		}
		for _, n := range sent.Networks {
			if n.Remote == r.Key {
				d.Networks = append(d.Networks, n)
			}
		}
		for _, c := range i.Settings.Remotes {
			if c.Key == r.Key {
				d.Set = c.URL
			}
		}
		for _, c := range slots {
			if c.Remote == r.Key {
				d.Credential = CredentialOf(c, s.Time())
				d.Credential.ByName = s.nameOf(ctx, c.By)
			}
		}
		out.Remotes = append(out.Remotes, d)
	}
	return out, nil
}

func registered(i *install.Installation, key string) *install.RegisteredRemote {
	for n := range i.Registered {
		if i.Registered[n].Key == key {
			return &i.Registered[n]
		}
	}
	return nil
}

// Module is what an app registered at run time.
type Module struct {
	Key         string     `json:"key"`
	Type        string     `json:"type"` // remote
	Name        string     `json:"name"`
	Description string     `json:"description,omitempty"`
	Patterns    []string   `json:"patterns"`
	URL         string     `json:"url,omitempty"` // that an admin set; it is of no use without
	At          *time.Time `json:"registered,omitempty"`
}

// Module is the remote as a registered module; ok is false for one of the manifest.
func (d RemoteDetail) Module() (m Module, ok bool) {
	return Module{Key: d.Key, Type: "remote", Name: d.Title, Description: d.Description, Patterns: d.Patterns, URL: d.URL, At: d.registeredAt}, d.Registered
}
