package apps

import (
	"context"
	"fmt"
	"log/slog"
	"slices"
	"strings"
	"sync"
)

// gate collects what the server said of each request that an app made to the product: it
// is the server's own log, not what an app says.
type gate struct {
	slog.Handler
	mu  sync.Mutex
	all map[string][]productCall // by installation
}

// productCall is one decision: as app or as user, the operation, what came of it.
type productCall struct{ As, Operation, Outcome string }

func newGate() *gate { return &gate{Handler: slog.DiscardHandler, all: map[string][]productCall{}} }

// Enabled implements slog.Handler.
func (g *gate) Enabled(context.Context, slog.Level) bool { return true }

// WithAttrs implements slog.Handler.
func (g *gate) WithAttrs([]slog.Attr) slog.Handler { return g }

// WithGroup implements slog.Handler.
func (g *gate) WithGroup(string) slog.Handler { return g }

// Handle implements slog.Handler.
func (g *gate) Handle(_ context.Context, r slog.Record) error {
	if r.Message != "CANONICAL-PRODUCT-DECISION" {
		return nil
	}
	at := map[string]string{}
	r.Attrs(func(a slog.Attr) bool {
		at[a.Key] = a.Value.String()
		return true
	})
	c := productCall{As: at["as"], Operation: at["operation"], Outcome: at["status"]}
	if at["decision"] != "allow" {
		c.Outcome = at["code"]
	}
	if c.Operation == "" {
		c.Operation = at["method"] + " of no operation"
	}
	g.mu.Lock()
	defer g.mu.Unlock()
	if all := g.all[at["installation"]]; !slices.Contains(all, c) {
		g.all[at["installation"]] = append(all, c)
	}
	return nil
}

func (g *gate) of(installation string) []productCall {
	g.mu.Lock()
	defer g.mu.Unlock()
	return slices.Clone(g.all[installation])
}

// productRow is the app's line of the table of product calls, "" if it made none.
func (r *result) productRow() string {
	if len(r.Product) == 0 {
		return ""
	}
	said := func(as string, refused bool) string {
		var out []string
		for _, c := range r.Product {
			status := len(c.Outcome) == 3
			if status == refused || as != "" && c.As != as {
				continue
			}
			text := fmt.Sprintf("`%s` %s", c.Operation, c.Outcome)
			if refused {
				text = fmt.Sprintf("`%s` as %s: `%s`", c.Operation, c.As, c.Outcome)
			}
			if !slices.Contains(out, text) {
				out = append(out, text)
			}
		}
		return strings.Join(out, ", ")
	}
	return fmt.Sprintf("| %s | %s | %s | %s | %s |\n", r.Repo, said("app", false), said("user", false), strings.Join(r.Consents, ", "), said("", true))
}
