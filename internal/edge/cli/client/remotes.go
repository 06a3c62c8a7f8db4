package client

import (
	"context"
	"net/http"
	"strconv"
	"time"
)

// The types of remotes, their credentials and private networks. They have the schemas' fields.
type (
	Remotes struct {
		Epoch   uint64         `json:"epoch"`
		Remotes []RemoteDetail `json:"remotes"`
	}
	RemoteDetail struct {
		SentRemote
		Title       string        `json:"title,omitempty"`
		Description string        `json:"description,omitempty"`
		Patterns    []string      `json:"patterns"`
		Set         string        `json:"set,omitempty"`
		Default     string        `json:"default,omitempty"`
		Registered  bool          `json:"registered"`
		Credential  *Credential   `json:"credential,omitempty"`
		Networks    []SentNetwork `json:"networks"`
	}
	Credential struct {
		Kind   string    `json:"kind"`
		Name   string    `json:"name,omitempty"`
		Origin string    `json:"origin"`
		By     string    `json:"by"`
		ByName string    `json:"byName,omitempty"`
		At     time.Time `json:"at"`
		// Certificate is what may be known of one.
		Certificate *Certificate `json:"certificate,omitempty"`
	}
	Certificate struct {
		Fingerprint string    `json:"fingerprint"`
		Subject     string    `json:"subject"`
		Issuer      string    `json:"issuer"`
		Expires     time.Time `json:"expires"`
		State       string    `json:"state"`
	}
	NewCredential struct {
		Origin    string `json:"origin"`
		Kind      string `json:"kind"`
		Name      string `json:"name,omitempty"`
		Secret    string `json:"secret"`
		TokenPath string `json:"tokenPath,omitempty"`
		Scope     string `json:"scope,omitempty"`
		// Certificate is a client's, as PEM; the secret is its key.
		Certificate string `json:"certificate,omitempty"`
	}
	NetworkGrant struct {
		Network string `json:"network"`
		Host    string `json:"host"`
		Port    uint16 `json:"port"`
		CA      string `json:"ca,omitempty"`
		Epoch   uint64 `json:"epoch"`
	}
	RegisteredModule struct {
		Key         string     `json:"key"`
		Type        string     `json:"type"`
		Name        string     `json:"name"`
		Description string     `json:"description,omitempty"`
		Patterns    []string   `json:"patterns"`
		URL         string     `json:"url,omitempty"`
		Registered  *time.Time `json:"registered,omitempty"`
	}
	Network struct {
		ID      string     `json:"id"`
		CIDR    string     `json:"cidr"`
		Ports   []uint16   `json:"ports"`
		CA      bool       `json:"ca"`
		Note    string     `json:"note,omitempty"`
		Expires *time.Time `json:"expires,omitempty"`
		By      string     `json:"by"`
		ByName  string     `json:"byName"`
		At      time.Time  `json:"at"`
	}
	NewNetwork struct {
		CIDR    string     `json:"cidr"`
		Ports   []uint16   `json:"ports"`
		CA      string     `json:"ca,omitempty"`
		Note    string     `json:"note,omitempty"`
		Expires *time.Time `json:"expires,omitempty"`
	}
)

func (c *Client) remotes(ctx context.Context, method, path string, query map[string][]string, in any) (Remotes, error) {
	var out Remotes
	_, err := c.do(ctx, method, path, query, in, &out)
	return out, err
}

// Remotes lists an installation's remotes.
func (c *Client) Remotes(ctx context.Context, installation string) (Remotes, error) {
	return c.remotes(ctx, http.MethodGet, seg("installations", installation, "remotes"), nil, nil)
}

// SetRemote sets where a remote is; epoch is of the list that was shown.
func (c *Client) SetRemote(ctx context.Context, installation, remote, url, why string, epoch uint64) (Remotes, error) {
	return c.remotes(ctx, http.MethodPut, seg("installations", installation, "remotes", remote), nil, map[string]any{"url": url, "why": why, "epoch": epoch})
}

// ResetRemote takes away what an admin set for a remote.
func (c *Client) ResetRemote(ctx context.Context, installation, remote string, epoch uint64) (Remotes, error) {
	return c.remotes(ctx, http.MethodDelete, seg("installations", installation, "remotes", remote), values("epoch", strconv.FormatUint(epoch, 10)), nil)
}

// SetCredential gives a remote a credential.
func (c *Client) SetCredential(ctx context.Context, installation, remote string, in NewCredential) (Credential, error) {
	var out Credential
	_, err := c.do(ctx, http.MethodPut, seg("installations", installation, "remotes", remote, "credential"), nil, in, &out)
	return out, err
}

// ClearCredential takes a remote's credential away.
func (c *Client) ClearCredential(ctx context.Context, installation, remote string) error {
	return c.del(ctx, seg("installations", installation, "remotes", remote, "credential"), nil)
}

// GrantNetwork opens a host of a private network for a remote.
func (c *Client) GrantNetwork(ctx context.Context, installation, remote string, in NetworkGrant) (Remotes, error) {
	return c.remotes(ctx, http.MethodPost, seg("installations", installation, "remotes", remote, "networks"), nil, in)
}

// RevokeNetwork closes it again.
func (c *Client) RevokeNetwork(ctx context.Context, installation, remote, host string, port uint16) (Remotes, error) {
	return c.remotes(ctx, http.MethodDelete, seg("installations", installation, "remotes", remote, "networks"), values("host", host, "port", strconv.Itoa(int(port))), nil)
}

// Modules lists what the app registered at run time.
func (c *Client) Modules(ctx context.Context, installation string) ([]RegisteredModule, error) {
	var out struct{ Modules []RegisteredModule }
	_, err := c.do(ctx, http.MethodGet, seg("installations", installation, "modules"), nil, nil, &out)
	return out.Modules, err
}

// RemoveModule removes one of them.
func (c *Client) RemoveModule(ctx context.Context, installation, module string) error {
	return c.del(ctx, seg("installations", installation, "modules", module), nil)
}

// Networks lists a site's private networks.
func (c *Client) Networks(ctx context.Context, site string) ([]Network, error) {
	var out struct{ Networks []Network }
	_, err := c.do(ctx, http.MethodGet, seg("sites", site, "networks"), nil, nil, &out)
	return out.Networks, err
}

// AddNetwork lists a private network for a site.
func (c *Client) AddNetwork(ctx context.Context, site string, n NewNetwork) (Network, error) {
	return post[Network](ctx, c, seg("sites", site, "networks"), n)
}

// RemoveNetwork takes one from the list.
func (c *Client) RemoveNetwork(ctx context.Context, site, network string) error {
	return c.del(ctx, seg("sites", site, "networks", network), nil)
}
