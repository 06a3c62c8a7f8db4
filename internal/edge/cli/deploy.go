package cli

import (
	"context"
	"encoding/json"
	"os"
	"path/filepath"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/applint"
	"github.com/annexhq/annex/internal/edge/cli/client"
	"github.com/annexhq/annex/internal/infra/bundle"
)

// maxBundle is the server's limit.
const maxBundle = 25 << 20

func (c *cli) deployCommand() *cobra.Command {
	var f appFlags
	var message string
	var approve bool
	cmd := &cobra.Command{
		Use:   "deploy",
		Short: "Bundle the app and deploy it to one environment",
		Long: "Checks, bundles and uploads the app. The server decides everything again and prepares the version. One that asks for\n" +
			"nothing new reaches installations as their sites let updates in; one that asks for more waits for each site's admin, and\n" +
			"is deployed only with --approve: without, the command says what grows and ends with exit code 4.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.deploy(cmd.Context(), f, message, approve)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVarP(&message, "message", "m", "", "`text` to keep with the version")
	cmd.Flags().BoolVar(&approve, "approve", false, "deploy also a version that asks for more than the one before")
	return jsonFlag(cmd)
}

func (c *cli) deploy(ctx context.Context, f appFlags, message string, approve bool) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	report, err := c.bundleStep(ctx, api)
	if err != nil {
		return err
	}
	up, err := c.upload(report, f, message)
	if err != nil {
		return err
	}
	up.StopAtGrowth = !approve
	s := c.ui.sending(up)
	d, err := api.Deploy(ctx, up, s.progress)
	s.end(d, err)
	if err != nil {
		return c.growth(err)
	}
	if plainID(report.Manifest.App.ID) == "" && f.app == "" && d.App != up.App {
		if err := c.saveState(appState{App: d.App}); err != nil {
			return err
		}
	}
	for _, found := range fromWire(d.Diagnostics) {
		if found.Rule != applint.BlankID && !slices.Contains(report.Diagnostics, found) { // what both found is out already
			c.ui.diagnosticsUnlessQuiet([]bundle.Diagnostic{found})
		}
	}
	if c.json {
		c.ui.printJSON(d)
		return nil
	}
	c.printDeployment(d)
	return nil
}

// growth shows what a version that was refused for it would newly ask for.
func (c *cli) growth(err error) error {
	f, ok := fault.As(err)
	if !ok || f.Code != "GROWTH_NOT_APPROVED" || c.json {
		return err
	}
	text, marshalErr := json.Marshal(f.Fields["growth"])
	var lines []client.Line
	if marshalErr != nil || json.Unmarshal(text, &lines) != nil {
		return err
	}
	c.ui.printf("It would newly:")
	c.printLines(lines)
	return err
}

// bundleStep lints and bundles; with errors it is the command's end.
func (c *cli) bundleStep(ctx context.Context, api *client.Client) (*applint.Report, error) {
	products, err := api.ProductsWithOperations(ctx)
	if err != nil {
		return nil, err
	}
	s := c.ui.step("Bundle")
	report, err := c.check(ctx, products)
	if err != nil {
		s.failed()
		return nil, err
	}
	if !report.OK() {
		s.failed()
		n := 0
		for _, d := range report.Diagnostics {
			if d.Severity == bundle.Error {
				n++
			}
		}
		f := fault.New(fault.Invalid, "LINT", "the app has %s; nothing was deployed", plural(n, "error")).
			WithFix("correct what is listed; `annex lint` checks again")
		return nil, &client.Failure{Fault: f, Diagnostics: toWire(report.Diagnostics)}
	}
	if n := len(report.Bundle.Code); n > maxBundle {
		s.failed()
		return nil, fault.New(fault.Limit, "BUNDLE_TOO_BIG", "the bundle has %s; the limit is %s", bytesText(n), bytesText(maxBundle)).
			WithFix("import less: whole packages are in the bundle").With("limit", maxBundle).With("size", n)
	}
	s.done("%s from %s", bytesText(len(report.Bundle.Code)), plural(len(report.Bundle.Inputs), "file"))
	c.ui.diagnosticsUnlessQuiet(report.Diagnostics)
	return report, nil
}

// upload gathers what is sent.
func (c *cli) upload(r *applint.Report, f appFlags, message string) (client.Upload, error) {
	up := client.Upload{App: plainID(f.app), Environment: f.environment, Name: c.packageName(), Message: message,
		Manifest: r.Source, Bundle: r.Bundle.Code, SourceMap: r.Bundle.SourceMap}
	if len(r.Manifest.Environment.Variables) > 0 {
		// ${NAME} takes its value from here, where the command runs; the server sees the outcome.
		up.Manifest = r.Manifest.Canonical()
	}
	if up.App == "" && plainID(r.Manifest.App.ID) == "" {
		s, err := c.loadState()
		if err != nil {
			return up, err
		}
		up.App = s.App
	}
	files, err := applint.StaticFiles(c.dir, r.Manifest)
	if _, ok := fault.As(err); ok {
		return up, err
	}
	if err != nil {
		return up, fault.New(fault.Invalid, "FILES", "the app's files cannot be read: %v", err).WithFix("check the files and their permissions").Because(err)
	}
	for name, data := range r.Bundle.Files {
		files[name] = data
	}
	up.Files = files
	return up, nil
}

// packageName is what package.json calls the app, "" when it does not say.
func (c *cli) packageName() string {
	text, err := os.ReadFile(filepath.Join(c.dir, "package.json"))
	if err != nil {
		return ""
	}
	var p struct{ Name string }
	if json.Unmarshal(text, &p) != nil {
		return "" // the bundler says what is wrong with it
	}
	return p.Name
}

// kinds say what a deployment's kind means.
var kinds = map[string]string{
	"first": "It is the first one there: nothing is installed from it until an admin does.",
	"minor": "It asks for nothing that the version before did not: it reaches installations by itself, as their sites let updates in.",
	"major": "It asks for more than the version before: each installation waits for its admin, and the version before goes on there.",
	"same":  "These bytes were deployed there before, under this number.",
}

func (c *cli) printDeployment(d client.Deployment) {
	if d.AppCreated {
		c.ui.printf("Registered the app as %s", d.App)
	}
	if !d.Created {
		c.ui.printf("Nothing changed: version %s in %s has these bytes already (%s)", d.Number, d.Environment, d.Hash)
	} else {
		c.ui.printf("Deployed version %s to %s (%s)", d.Number, d.Environment, d.Hash)
	}
	switch {
	case d.Kind == "major" && d.AppManaged:
		c.ui.printf("It asks for more than the version before, and manages its permissions itself: it runs under the old grants until admins allow more.")
	case kinds[d.Kind] != "":
		c.ui.printf("%s", kinds[d.Kind])
	}
	if len(d.Growth) > 0 {
		c.ui.printf("It may do what the version before it might not:")
		c.printLines(d.Growth)
	}
	if d.Upgraded > 0 {
		c.ui.printf("%s it now.", verb(d.Upgraded, "installation", "runs", "run"))
	}
	if d.Waiting > 0 {
		c.ui.printf("%s for a site admin to allow it; until then the version before goes on.", verb(d.Waiting, "installation", "waits", "wait"))
	}
	if d.Scheduled > 0 {
		c.ui.printf("%s it later, or by hand: their sites or admins want it so.", verb(d.Scheduled, "installation", "gets", "get"))
	}
	if s := d.Snapshot; s != nil && !s.Snapshotted && s.Reason != "" {
		c.ui.printf("Each call runs module scope anew: %s", s.Reason)
	}
}

func verb(n int, noun, one, many string) string {
	if n == 1 {
		return plural(n, noun) + " " + one
	}
	return plural(n, noun) + " " + many
}

func (c *cli) printLines(lines []client.Line) {
	group := ""
	for _, l := range lines {
		if l.Group != "" && l.Group != group {
			group = l.Group
			c.ui.printf("  %s", inline(group))
		}
		mark := "-"
		if l.Loud {
			mark = "!"
		}
		text := l.Text
		if len(l.Items) > 0 {
			text += ": " + strings.Join(l.Items, ", ") // whole: an admin decides by these names
		}
		if l.Risk != "" {
			text += " [" + l.Risk + " risk]"
		}
		if l.Detail != "" {
			text += " (" + l.Detail + ")"
		}
		c.ui.printf("    %s %s", mark, inline(text))
	}
}

func short(hash string) string {
	if len(hash) > 12 {
		return hash[:12]
	}
	return hash
}

func (u *ui) diagnosticsUnlessQuiet(ds []bundle.Diagnostic) {
	if !u.quiet {
		u.diagnostics(ds)
	}
}

func toWire(ds []bundle.Diagnostic) []client.Diagnostic {
	var out []client.Diagnostic
	for _, d := range ds {
		out = append(out, client.Diagnostic{File: d.File, Line: d.Line, Column: d.Column, Rule: d.Rule,
			Severity: string(d.Severity), Message: d.Message, Fix: d.Fix})
	}
	return out
}

func (c *cli) promoteCommand() *cobra.Command {
	var app, from, to string
	var approve bool
	cmd := &cobra.Command{
		Use:   "promote",
		Short: "Deploy the running version of one environment to another, byte for byte",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			id, err := c.appID(app)
			if err != nil {
				return err
			}
			api, err := c.connect()
			if err != nil {
				return err
			}
			d, err := api.Promote(cmd.Context(), id, from, to, !approve)
			if err != nil {
				return c.growth(err)
			}
			if c.json {
				c.ui.printJSON(d)
				return nil
			}
			c.printDeployment(d)
			return nil
		},
	}
	cmd.Flags().StringVar(&app, "app", "", "the app's `id` (default: the one of the app's folder)")
	cmd.Flags().BoolVar(&approve, "approve", false, "promote also a version that asks for more than the one that runs there")
	cmd.Flags().StringVar(&from, "from", "staging", "`environment` whose version is taken")
	cmd.Flags().StringVar(&to, "to", "production", "`environment` that gets it")
	return jsonFlag(cmd)
}

func (c *cli) registerCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "register NAME",
		Short: "Get an id for an app",
		Long: "Registers an app of that name: under the app.id of the folder's manifest, or where that is blank under a new id, which\n" +
			"is kept in .annex/app.json and used from then on. Deploying does the same; registering first lets variables be set that\n" +
			"the app reads at module scope.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			has, unknown := c.appID("")
			app, err := api.RegisterApp(cmd.Context(), args[0], has)
			if err != nil {
				return err
			}
			keep := fault.CodeOf(unknown) == "NO_APP_ID"
			if keep {
				if err := c.saveState(appState{App: app.ID}); err != nil {
					return err
				}
			}
			if c.json {
				c.ui.printJSON(app)
				return nil
			}
			c.ui.printf("Registered %s as %s", app.Name, app.ID)
			if keep {
				c.ui.printf("Kept in %s", c.stateFile())
			} else if has == "" {
				c.ui.printf("To use it, write into manifest.yml: app: { id: %s%s }", appPrefix, app.ID)
			}
			return nil
		},
	}
	return jsonFlag(cmd)
}
