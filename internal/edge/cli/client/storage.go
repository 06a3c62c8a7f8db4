package client

import (
	"context"
	"io"
	"time"
)

// Left is what an ended installation left.
type Left struct {
	ID          string    `json:"id"`
	App         string    `json:"app"`
	AppName     string    `json:"appName"`
	Environment string    `json:"environment"`
	Product     string    `json:"product"`
	Number      string    `json:"number"`
	EndedAt     time.Time `json:"endedAt"`
	ErasedAt    time.Time `json:"erasedAt"`
	GivenTo     string    `json:"givenTo,omitempty"` // the installation that has what it stored now
}

// LeftStorage lists the ended installations of the admin's site of which something is kept.
func (c *Client) LeftStorage(ctx context.Context) ([]Left, error) {
	out, err := get[struct{ Left []Left }](ctx, c, seg("left-storage"), nil)
	return out.Left, err
}

// StorageExport copies what an installation stored to w.
func (c *Client) StorageExport(ctx context.Context, installation string, w io.Writer) error {
	return c.download(ctx, seg("installations", installation, "storage"), nil, w)
}

// RelinkStorage gives an installation what an ended one stored, and says how many things.
func (c *Client) RelinkStorage(ctx context.Context, installation, from string) (int, error) {
	out, err := post[struct{ Moved int }](ctx, c, seg("installations", installation, "storage"), map[string]any{"from": from})
	return out.Moved, err
}
