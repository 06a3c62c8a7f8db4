package client

import (
	"context"
	"net/http"
	"net/url"
	"time"
)

// Agreement is what one person agreed to on an installation.
type Agreement struct {
	Kind      string     `json:"kind"` // consent or tunnel
	User      string     `json:"user"`
	Since     time.Time  `json:"since"`
	ExpiresAt *time.Time `json:"expiresAt,omitempty"`
	Developer string     `json:"developer,omitempty"`
	Words     []Line     `json:"words,omitempty"`
}

// Agreements lists what people agreed to on an installation.
func (c *Client) Agreements(ctx context.Context, installation string) ([]Agreement, error) {
	out, err := get[struct{ Agreements []Agreement }](ctx, c, seg("installations", installation, "agreements"), nil)
	return out.Agreements, err
}

// EndAgreements ends what one person agreed to, of both kinds when kind is "".
func (c *Client) EndAgreements(ctx context.Context, installation, user, kind string) (ended int, err error) {
	q := url.Values{"user": {user}}
	if kind != "" {
		q.Set("kind", kind)
	}
	var out struct{ Ended int }
	_, err = c.do(ctx, http.MethodDelete, seg("installations", installation, "agreements"), q, nil, &out)
	return out.Ended, err
}
