package cli

import (
	"context"
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/applint"
	"github.com/annexhq/annex/internal/edge/cli/client"
	"github.com/annexhq/annex/internal/infra/bundle"
)

// lintResult is what `annex lint --json` prints.
type lintResult struct {
	OK          bool                `json:"ok"`
	Errors      int                 `json:"errors"`
	Warnings    int                 `json:"warnings"`
	Diagnostics []bundle.Diagnostic `json:"diagnostics"`
	Fixed       []bundle.Diagnostic `json:"fixed,omitempty"`
	// Undecided is what may be used and nothing visibly uses.
	Undecided []applint.Undecided `json:"undecided,omitempty"`
	// CodeUnread says that errors of the manifest kept the code from being checked.
	CodeUnread bool `json:"codeUnread,omitempty"`
}

func (c *cli) lintCommand() *cobra.Command {
	var fix bool
	cmd := &cobra.Command{
		Use:   "lint",
		Short: "Check manifest and code, all problems in one run",
		Long: "Checks the manifest, bundles the code and holds both against each other. Where a server is known, names of its\n" +
			"products are checked too, and which scopes the operations need that the code calls. What is declared and nothing uses is\n" +
			"named, unless a request or page that is made at run time may use it: that is a note. Each problem is one line: file:line:column: rule: what is wrong: how to mend it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			var fixed []bundle.Diagnostic
			products := c.knownProducts(cmd.Context())
			if fix {
				var err error
				if fixed, err = c.fix(cmd.Context(), products); err != nil {
					return err
				}
			}
			report, err := c.check(cmd.Context(), products)
			if err != nil {
				return err
			}
			return c.printLint(report, fixed)
		},
	}
	cmd.Flags().BoolVar(&fix, "fix", false, "mend the manifest where that needs no decision: scopes and hosts that the code needs are added")
	return jsonFlag(cmd)
}

// knownProducts asks the server, if one is known. Lint works without.
func (c *cli) knownProducts(ctx context.Context) []client.Product {
	k, err := c.server()
	if f, ok := fault.As(err); ok {
		c.ui.note("note: names of products are not checked: %s", f.Public)
	}
	if err != nil || k.URL == "" || k.Token == "" {
		return nil
	}
	api, err := c.client(k)
	if err != nil {
		return nil
	}
	products, err := api.ProductsWithOperations(ctx)
	if err != nil {
		f, _ := fault.As(err)
		if f != nil {
			c.ui.note("note: names of products are not checked: %s", f.Public)
		}
		return nil
	}
	return products
}

func (c *cli) printLint(r *applint.Report, fixed []bundle.Diagnostic) error {
	res := lintResult{OK: r.OK(), Diagnostics: r.Diagnostics, Fixed: fixed, Undecided: r.Undecided, CodeUnread: r.CodeUnread}
	if res.Diagnostics == nil {
		res.Diagnostics = []bundle.Diagnostic{}
	}
	for _, d := range r.Diagnostics {
		if d.Severity == bundle.Error {
			res.Errors++
		} else {
			res.Warnings++
		}
	}
	if c.json {
		c.ui.printJSON(res)
	} else {
		for _, d := range fixed {
			c.ui.printf("fixed: %s", d)
		}
		c.ui.diagnostics(r.Diagnostics)
		for _, u := range r.Undecided {
			c.ui.note("note: %s", u)
		}
		if r.CodeUnread {
			c.ui.note("note: the code was not checked; correct the manifest first")
		}
		switch {
		case res.Errors > 0:
			c.ui.printf("%s, %s", plural(res.Errors, "error"), plural(res.Warnings, "warning"))
		case res.Warnings > 0:
			c.ui.printf("No errors, %s", plural(res.Warnings, "warning"))
		default:
			c.ui.printf("No problems")
		}
	}
	if !res.OK {
		return silent{fault.Invalid}
	}
	return nil
}

// fix mends the manifest in place.
func (c *cli) fix(ctx context.Context, products []client.Product) ([]bundle.Diagnostic, error) {
	text, err := applint.ReadManifest(c.dir)
	if err != nil {
		return nil, err
	}
	o, err := lintOptions(products)
	if err != nil {
		return nil, err
	}
	o.Products = nil // a scope of a product that the server does not know is not for --fix to judge
	mended, applied, err := applint.Fix(ctx, c.dir, text, o)
	if err != nil || len(applied) == 0 {
		return nil, err
	}
	file := filepath.Join(c.dir, applint.ManifestName)
	mode := os.FileMode(0o644)
	if info, err := os.Stat(file); err == nil {
		mode = info.Mode().Perm()
	}
	return applied, writeFile(file, mended, mode, 0o755)
}
