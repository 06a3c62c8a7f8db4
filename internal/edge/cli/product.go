package cli

import (
	"bufio"
	"cmp"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/scopemap"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/infra/bundle"
	"github.com/annexhq/annex/internal/infra/openapi"
	"github.com/annexhq/annex/manifest"
)

func (c *cli) productCommand() *cobra.Command {
	return parent("product", "Products that apps extend (operator)", c.productAddCommand(), c.productValidateCommand(), c.productListCommand(), c.productSecretCommand())
}

func (c *cli) productAddCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "add FILE",
		Short: "Register a product.yaml with the OpenAPI document that it names, or replace the product with its key",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			d, err := c.declaration(args[0])
			if err != nil {
				return err
			}
			api, err := c.connect()
			if err != nil {
				return err
			}
			p, err := api.AddProduct(cmd.Context(), d.Data, d.Document, false)
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(p)
				return nil
			}
			c.ui.printf("Registered product %s", p.Product.Key)
			if n := p.Operations; n.Total > 0 {
				c.ui.printf("%s: %d open, %d closed; annex product validate says which and why", plural(n.Total, "operation"), n.Open, n.Closed)
			}
			return nil
		},
	})
}

func (c *cli) productValidateCommand() *cobra.Command {
	var all bool
	cmd := jsonFlag(&cobra.Command{
		Use:   "validate FILE",
		Short: "Check a product.yaml and its OpenAPI document, without a server",
		Long: "Reads a product.yaml and the OpenAPI document that it names as the server does when it registers them: every mistake with\n" +
			"its file and line, which operations are of a class that stays closed until product.yaml decides it with a reason\n" +
			"(identity, credential, egress, tunnel), which are closed because nothing maps them to scopes, and how many are open.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			d, err := c.declaration(args[0])
			if err != nil {
				return err
			}
			checked, err := tenancy.Check(d)
			if err != nil {
				var found *tenancy.Findings
				if !errors.As(err, &found) {
					return err
				}
				return c.productInvalid(args[0], found.Diagnostics())
			}
			c.printProduct(args[0], d, checked, all)
			return nil
		},
	})
	cmd.Flags().BoolVar(&all, "all", false, "list every closed operation, not only the first of each kind")
	return cmd
}

// declaration reads a product.yaml and the document that it names, which lies below its
// folder. What is wrong with the file is for whoever reads it next to say.
func (c *cli) declaration(name string) (tenancy.Declaration, error) {
	file := name
	if !filepath.IsAbs(file) {
		file = filepath.Join(c.env.Dir, file)
	}
	d := tenancy.Declaration{Name: filepath.Base(name)}
	var err error
	if d.Data, err = readAtMost(os.Open, file, tenancy.MaxProductSize); err != nil {
		return d, fault.New(fault.Invalid, "NO_FILE", "%s cannot be read: %v", name, err).WithFix("name a product.yaml that exists").Because(err)
	}
	p, _ := tenancy.ValidateProduct(d.Name, d.Data)
	if p == nil || p.OpenAPI == "" {
		return d, nil
	}
	beside := func(path string) (*os.File, error) { return os.OpenInRoot(filepath.Dir(file), path) }
	if d.Document, err = readAtMost(beside, filepath.FromSlash(p.OpenAPI), openapi.MaxSize); err != nil {
		return d, fault.New(fault.Invalid, "NO_FILE", "the OpenAPI document %s, which %s names, cannot be read: %v", p.OpenAPI, name, err).
			WithFix("put it beside product.yaml, or correct openapi:").Because(err)
	}
	return d, nil
}

// readAtMost reads a file and one byte more than the limit, which is refused later with
// the limit's own words.
func readAtMost(open func(string) (*os.File, error), name string, limit int64) ([]byte, error) {
	f, err := open(name)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	return io.ReadAll(io.LimitReader(f, limit+1))
}

func (c *cli) productInvalid(name string, found []manifest.Diagnostic) error {
	ds := fromManifest(found)
	if c.json {
		c.ui.printJSON(validated{Diagnostics: ds})
		return silent{fault.Invalid}
	}
	c.ui.diagnostics(ds)
	return fault.New(fault.Invalid, "PRODUCT_INVALID", "%s has %s", name, plural(len(ds), "problem")).WithFix("mend each and try again")
}

func fromManifest(found []manifest.Diagnostic) []bundle.Diagnostic {
	out := []bundle.Diagnostic{}
	for _, d := range found {
		out = append(out, bundle.Diagnostic{File: d.File, Line: d.Line, Column: d.Column, Rule: d.Rule, Severity: bundle.Severity(d.Severity), Message: d.Message, Fix: d.Fix})
	}
	return out
}

// validated is what `annex product validate --json` prints.
type validated struct {
	Valid       bool                `json:"valid"`
	Product     string              `json:"product,omitempty"`
	Diagnostics []bundle.Diagnostic `json:"diagnostics"`
	Operations  *tenancy.Counts     `json:"operations,omitempty"`
	Closed      []closedOperation   `json:"closed,omitempty"`
	Open        []openOperation     `json:"open,omitempty"`
}

type closedOperation struct {
	Operation string `json:"operation,omitempty"`
	Method    string `json:"method"`
	Path      string `json:"path"`
	Class     string `json:"class,omitempty"`
	Why       string `json:"why"`
	Line      int    `json:"line,omitempty"`
}

type openOperation struct {
	Operation string                 `json:"operation,omitempty"`
	Method    string                 `json:"method"`
	Path      string                 `json:"path"`
	Class     string                 `json:"class,omitempty"`
	Scopes    [][]string             `json:"scopes"`
	Reason    string                 `json:"reason,omitempty"`
	Egress    []scopemap.EgressField `json:"egress,omitempty"`
}

func (c *cli) printProduct(name string, d tenancy.Declaration, checked *tenancy.Checked, all bool) {
	counts := checked.Summary()
	out := validated{Valid: true, Product: string(checked.Product.Key), Operations: &counts}
	var found []manifest.Diagnostic
	for _, f := range checked.Findings {
		if f.Rule != "operation-closed" && !strings.HasPrefix(f.Rule, "undecided-") { // listed below
			found = append(found, checked.Diagnostic(d.Name, f))
		}
	}
	out.Diagnostics = fromManifest(found)
	for _, op := range checked.API.Table.Operations() {
		if op.Closed != "" {
			out.Closed = append(out.Closed, closedOperation{op.ID, op.Method, op.Template, op.Class, op.Closed, op.Line})
		} else {
			out.Open = append(out.Open, openOperation{op.ID, op.Method, op.Template, op.Class, op.Scopes, op.Reason, op.Egress})
		}
	}
	if c.json {
		c.ui.printJSON(out)
		return
	}
	c.ui.diagnostics(out.Diagnostics)
	c.ui.printf("%s is valid", name)
	if counts.Total == 0 {
		c.ui.printf("No operation is described: apps can call none of the product.")
		return
	}
	c.ui.printf("%s: %d open, %d closed", plural(counts.Total, "operation"), counts.Open, counts.Closed)
	for _, class := range []string{scopemap.Identity, scopemap.Credential, scopemap.Egress, scopemap.Tunnel} {
		if n := counts.Classes[class]; n.Total > 0 {
			c.ui.printf("  %-10s %4d, %d decided, %d open", class, n.Total, n.Decided, n.Open)
		}
	}
	c.printClosed(checked.Product.OpenAPI, out.Closed, all)
}

const shownOfKind = 5

// printClosed lists the closed operations by class, the first few of each unless all.
func (c *cli) printClosed(document string, closed []closedOperation, all bool) {
	slices.SortStableFunc(closed, func(a, b closedOperation) int { return strings.Compare(b.Class, a.Class) })
	shown, left := map[string]int{}, 0
	for _, o := range closed {
		if shown[o.Class]++; shown[o.Class] > shownOfKind && !all {
			left++
			continue
		}
		c.ui.printf("closed: %s:%d: %s %s (%s): %s", document, max(o.Line, 1), o.Method, o.Path, cmp.Or(o.Operation, "no operationId"), o.Why)
	}
	if left > 0 {
		c.ui.printf("%s", fmt.Sprintf("… and %d more; --all lists them", left))
	}
}

func (c *cli) productSecretCommand() *cobra.Command {
	var signIn bool
	cmd := &cobra.Command{
		Use:   "secret PRODUCT",
		Short: "Give the server the secret of its client at a product's own authorization server (read from stdin)",
		Long: "For a product of auth: oauth2, or with --sign-in for one of users: oidc. The secret is read from stdin, at a terminal without echo: other users of the machine\n" +
			"can read command lines. The server keeps it sealed and shows it to nobody.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			secret, err := c.readSecret("Client secret")
			if err != nil {
				return err
			}
			api, err := c.connect()
			if err != nil {
				return err
			}
			if err := api.SetClientSecret(cmd.Context(), args[0], secret, signIn); err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(map[string]string{"product": args[0]})
				return nil
			}
			c.ui.printf("Kept the client secret for %s", args[0])
			return nil
		},
	}
	cmd.Flags().BoolVar(&signIn, "sign-in", false, "the secret is of the OpenID provider at which the product's people sign in")
	return jsonFlag(cmd)
}

// readSecret takes one line from stdin or, at a terminal, without echo.
func (c *cli) readSecret(what string) (string, error) {
	if c.env.Interactive {
		return c.readHidden(what)
	}
	line, err := bufio.NewReader(io.LimitReader(c.env.In, 8192)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("stdin: %w", err)
	}
	return strings.TrimSpace(line), nil
}
