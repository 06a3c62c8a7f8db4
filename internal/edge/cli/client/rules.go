package client

import (
	"context"
	"net/http"
	"time"
)

type (
	// AccessRule keeps one app, or all, from a container of a product.
	AccessRule struct {
		ID        string    `json:"id"`
		Product   string    `json:"product"`
		Type      string    `json:"type"`
		Container string    `json:"container"`
		App       string    `json:"app,omitempty"`
		By        string    `json:"by"`
		ByName    string    `json:"byName"`
		At        time.Time `json:"at"`
	}
	// NewAccessRule is a rule to be made.
	NewAccessRule struct {
		Product   string `json:"product"`
		Type      string `json:"type"`
		Container string `json:"container"`
		App       string `json:"app,omitempty"`
	}
)

// AccessRules lists a site's access rules.
func (c *Client) AccessRules(ctx context.Context, site string) ([]AccessRule, error) {
	var out struct{ Rules []AccessRule }
	_, err := c.do(ctx, http.MethodGet, seg("sites", site, "access-rules"), nil, nil, &out)
	return out.Rules, err
}

// AddAccessRule makes one.
func (c *Client) AddAccessRule(ctx context.Context, site string, r NewAccessRule) (AccessRule, error) {
	return post[AccessRule](ctx, c, seg("sites", site, "access-rules"), r)
}

// RemoveAccessRule ends one.
func (c *Client) RemoveAccessRule(ctx context.Context, site, rule string) error {
	return c.del(ctx, seg("sites", site, "access-rules", rule), nil)
}
