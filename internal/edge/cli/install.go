package cli

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/client"
)

type installFlags struct {
	targetFlags
	confirm bool
	expect  string
	without []string
	replace []string
	whatIf  bool
}

func (c *cli) installCommand() *cobra.Command {
	var f installFlags
	cmd := &cobra.Command{
		Use:   "install [INSTALLATION]",
		Short: "Install the app on a site's product, or allow what a newer version asks",
		Long: "Shows in plain words what the app may do and the digest of exactly that, asks, and installs. It takes a token of the\n" +
			"site's admin; with a developer's it files a request and ends with exit code 5. --confirm confirms what the server\n" +
			"shows now, also that the developer of a development or staging app can read its logs and change its code; with\n" +
			"--expect only if that is still what was shown earlier. One that a restored backup brought back, which `annex install list`\n" +
			"shows as narrowed or stopped, is confirmed in the same way, and may be named by its id alone. Less than asked is granted with\n" +
			"--without and --replace, by the keys that --json shows under pieces; `annex grants` changes it later. With --what-if an admin\n" +
			"sees what allowing it to an app that is installed would have meant for what that did.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.install(cmd.Context(), f, args)
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&f.confirm, "confirm", false, "install without asking")
	cmd.Flags().StringSliceVar(&f.without, "without", nil, "do not grant the permission of this `key`; repeatable")
	cmd.Flags().StringArrayVar(&f.replace, "replace", nil, "grant hosts in a wildcard's place, as `KEY=HOST,HOST`; repeatable")
	cmd.Flags().StringVar(&f.expect, "expect", "", "install only if the permissions have this `digest`")
	whatIfFlag(cmd, &f.whatIf)
	jsonFlag(cmd)
	cmd.AddCommand(c.installListCommand(), c.installRequestsCommand())
	return cmd
}

// installTarget is what the command line names: a target, or an installation there is.
func (c *cli) installTarget(ctx context.Context, api *client.Client, f installFlags, args []string) (client.Target, error) {
	if len(args) == 0 {
		app, err := c.appID(f.app)
		return client.Target{App: app, Environment: f.environment, Site: f.site, Product: f.product}, err
	}
	all, err := api.Installations(ctx, "", "", "")
	if err != nil {
		return client.Target{}, err
	}
	for _, i := range all {
		if i.ID == args[0] {
			return client.Target{App: i.App, Environment: i.Environment, Site: i.Site, Product: i.Product}, nil
		}
	}
	return client.Target{}, fault.New(fault.NotFound, "NOT_INSTALLED", "there is no installation %q that you may see", args[0]).
		WithFix("`annex install list` shows the installations")
}

func (c *cli) install(ctx context.Context, f installFlags, args []string) error {
	if len(args) == 1 && uuid.Validate(args[0]) != nil {
		return usage("annex install has no command %q, and that is no installation's id", args[0]).WithFix("`annex install --help` lists the commands")
	}
	if len(args) == 0 && (f.site == "" || f.product == "") {
		return usage("required flag(s) \"product\", \"site\" not set").WithFix("name --site and --product, or an installation by its id")
	}
	api, err := c.connect()
	if err != nil {
		return err
	}
	t, err := c.installTarget(ctx, api, f, args)
	if err != nil {
		return err
	}
	p, err := api.Preview(ctx, t)
	if err != nil {
		return err
	}
	if f.expect != "" && f.expect != p.Digest {
		return fault.New(fault.Conflict, "DIGEST_CHANGED", "the app asks for something else than what was shown: its digest is %s", p.Digest).
			WithFix("look again at what it asks for, then use --expect %s", p.Digest).With("digest", p.Digest)
	}
	if !c.json {
		c.printPreview(p)
	}
	replace, err := replacements(f.replace)
	if err != nil {
		return err
	}
	decision := client.Confirmation{Digest: p.Digest, ConfirmDevelopment: p.DevelopmentWarning != "", Without: f.without, Replace: replace}
	if f.whatIf {
		if p.Installation == "" {
			return fault.New(fault.NotFound, "NOT_INSTALLED", "the app is not installed there, and did nothing that could be replayed").
				WithFix("without --what-if it is shown what it may do, and asked whether to install it")
		}
		return c.whatIf(ctx, p.Installation, client.WhatIfChange{Approval: &decision})
	}
	if !f.confirm {
		who, err := api.Whoami(ctx)
		if err != nil {
			return err
		}
		// A developer only files a request: what the app may do is for the site's admin to
		// confirm, who is asked then.
		if who.Kind != "developer" {
			if err := c.confirmInstall(p); err != nil {
				return err
			}
		}
	}
	s := c.ui.step("Install")
	i, created, err := api.Install(ctx, client.InstallRequest{Target: t, Confirmation: decision})
	if err != nil {
		s.failed()
		return err
	}
	if c.json {
		c.ui.printJSON(struct {
			client.Installation
			Digest  string `json:"digest"`
			Created bool   `json:"created"`
		}{i, p.Digest, created})
		return nil
	}
	grew := p.Installation != "" && len(p.Growth) > 0 && !p.Restored
	what := "installed"
	switch {
	case grew:
		what = "upgraded"
	case p.Restored:
		what = "confirmed"
	case !created:
		what = "up to date"
	}
	s.done("%s is %s on %s of %s, version %s", name(i.AppName, i.App), what, i.Product, i.Site, i.Number)
	if grew {
		c.ui.printf("It now runs version %s and newly may:", i.Number)
		c.printLines(p.Growth)
	}
	c.ui.printf("Installation %s", i.ID)
	return nil
}

func (c *cli) printPreview(p client.Preview) {
	c.ui.printf("%s %s (%s) on %s of %s", name(p.AppName, p.App), p.Number, p.Environment, p.Product, p.Site)
	if len(p.Words) == 0 {
		c.ui.printf("  asks for no permission.")
	} else {
		c.ui.printf("  may:")
		c.printLines(p.Words)
	}
	if p.Handover != nil {
		c.ui.printf("  ! Its owner was %s and is %s. Confirming says that this is all right.", inline(p.Handover.From), inline(p.Handover.To))
	}
	if p.Restored {
		c.ui.printf("  ! A backup brought it back. Confirming gives it what was granted then; if it stands still since, it runs again.")
	}
	if p.Installation != "" && len(p.Growth) > 0 {
		c.ui.printf("  New against what it may now:")
		c.printLines(p.Growth)
	}
	if p.Signal != nil {
		c.printSignal(*p.Signal)
	}
	if p.DevelopmentWarning != "" {
		c.ui.printf("  ! %s", p.DevelopmentWarning)
	}
	c.ui.printf("  digest %s", p.Digest)
}

// confirmInstall asks a person; a development app is asked about apart.
func (c *cli) confirmInstall(p client.Preview) error {
	if !c.env.Interactive || c.json {
		return usage("nobody can be asked here").
			WithFix("look at what the app may do, then add --confirm --expect %s", p.Digest).
			With("digest", p.Digest).With("words", list(p.Words)).With("growth", list(p.Growth)).With("pieces", list(p.Pieces)).With("developmentWarning", p.DevelopmentWarning)
	}
	answers := bufio.NewReader(c.env.In)
	if p.DevelopmentWarning != "" {
		if err := c.ask(answers, "Its developer can read logs and change code without asking. Go on?"); err != nil {
			return err
		}
	}
	return c.ask(answers, "Install it with these permissions?")
}

// ask takes yes for yes and everything else for no.
func (c *cli) ask(in *bufio.Reader, question string) error {
	fmt.Fprintf(c.env.Err, "%s [y/N] ", question)
	line, err := in.ReadString('\n')
	if err != nil && err != io.EOF {
		return fmt.Errorf("stdin: %w", err)
	}
	if a := strings.ToLower(strings.TrimSpace(line)); a != "y" && a != "yes" {
		return fault.New(fault.Denied, "DECLINED", "declined; nothing was changed")
	}
	return nil
}

func name(name, id string) string {
	if name != "" {
		return inline(name)
	}
	return id
}

func (c *cli) installListCommand() *cobra.Command {
	var app, environment, site string
	var logs bool
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List installations that you may see",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			all, err := api.Installations(cmd.Context(), plainID(app), environment, site)
			if err != nil {
				return err
			}
			type line struct {
				client.Installation
				Logs string `json:"logs,omitempty"`
			}
			var lines []line
			for _, i := range all {
				x := line{Installation: i}
				if logs {
					if x.Logs, err = readers(cmd.Context(), api, i.ID); err != nil {
						return err
					}
				}
				lines = append(lines, x)
			}
			head := "INSTALLATION APP ENVIRONMENT SITE PRODUCT VERSION WAITING STATE"
			if logs {
				head += " LOGS"
			}
			return listed(c, "installations", lines, head, "", func(i line) []string {
				row := []string{i.ID, name(i.AppName, i.App), i.Environment, i.Site, i.Product, i.Number, i.WaitingNumber, i.State}
				if logs {
					row = append(row, i.Logs)
				}
				return row
			})
		},
	}
	cmd.Flags().StringVar(&app, "app", "", "only of the app with this `id`")
	cmd.Flags().StringVarP(&environment, "environment", "e", "", "only of this `environment`")
	cmd.Flags().StringVarP(&site, "site", "s", "", "only on this `site`")
	cmd.Flags().BoolVar(&logs, "logs", false, "say of each whether its developer reads its logs, and until when")
	return jsonFlag(cmd)
}

// readers says in a few words who, of those who wrote the app, reads an installation's logs.
func readers(ctx context.Context, api *client.Client, install string) (string, error) {
	s, err := api.LogSharing(ctx, install)
	switch {
	case fault.CodeOf(err) == "LOGS_OPEN":
		return "open to its developer", nil
	case err != nil:
		return "", err
	case s.Shared:
		return "shared with " + inline(s.With) + " until " + stamp(s.Until), nil
	}
	return "not shared", nil
}

func (c *cli) installRequestsCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "requests",
		Short: "List what developers asked a site's admin to install",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			all, err := api.InstallationRequests(cmd.Context())
			if err != nil {
				return err
			}
			return listed(c, "requests", all, "REQUEST APP ENVIRONMENT SITE PRODUCT BY AT", "", func(r client.InstallationRequest) []string {
				return []string{r.ID, name(r.AppName, r.App), r.Environment, r.Site, r.Product, r.RequestedBy, stamp(r.RequestedAt)}
			})
		},
	})
}

func (c *cli) uninstallCommand() *cobra.Command {
	var f targetFlags
	var confirm, erase, now, whatIf bool
	cmd := &cobra.Command{
		Use:   "uninstall [INSTALLATION]",
		Short: "Uninstall the app; its access ends at once",
		Long: "Ends an installation, named by its id or by --site, --product and --environment. Calls that run lose access too. What it\n" +
			"stored, secrets and logs included, is erased 28 days later, with --erase at once. No app reads its values in between: one that is\n" +
			"installed again is a new installation. --erase with the id of one that was uninstalled erases what it left.\n" +
			"An app with preUninstall modules is called before, for 55 seconds at most; not with --now.\n" +
			"Before it asks, it says what stops working, and what the app did in the last 30 days; with --what-if it does no more than that.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && (f.site == "" || f.product == "") {
				return whichInstallation() // an end is of what was named
			}
			api, id, err := c.at(cmd.Context(), f, args)
			if err != nil {
				return err
			}
			if whatIf || !confirm && c.env.Interactive && !c.json {
				p, err := api.WhatIf(cmd.Context(), id, client.WhatIfChange{Uninstall: true})
				switch {
				case err == nil && whatIf && c.json:
					c.ui.printJSON(p)
				case err == nil:
					c.printEnding(p)
				case !whatIf && erase && fault.KindOf(err) == fault.NotFound: // it ended before: only what it left is erased
					err = nil
				}
				if whatIf || err != nil {
					return err
				}
			}
			if !confirm {
				if !c.env.Interactive || c.json {
					return usage("nobody can be asked here").WithFix("add --confirm")
				}
				erased := "What it stored is erased in 28 days."
				if erase {
					erased = "What it stored is erased now, and cannot be brought back."
				}
				if err := c.ask(bufio.NewReader(c.env.In), "End installation "+id+"? "+erased); err != nil {
					return err
				}
			}
			if err := api.Uninstall(cmd.Context(), id, erase, now); err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(struct {
					Uninstalled string `json:"uninstalled"`
					Erased      bool   `json:"erased"`
				}{id, erase})
				return nil
			}
			if erase {
				c.ui.printf("Uninstalled %s, and erased what it stored", id)
				return nil
			}
			c.ui.printf("Uninstalled %s. What it stored is erased in 28 days; `annex uninstall %s --erase` erases it now", id, id)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&confirm, "confirm", false, "uninstall without asking")
	cmd.Flags().BoolVar(&whatIf, "what-if", false, "change nothing; say what stops working")
	cmd.Flags().BoolVar(&now, "now", false, "without calling the app's preUninstall functions")
	cmd.Flags().BoolVar(&erase, "erase", false, "erase at once what it stored, also of one that was uninstalled before")
	return jsonFlag(cmd)
}

// at is the server, and the installation that arguments or flags name.
func (c *cli) at(ctx context.Context, f targetFlags, args []string) (*client.Client, string, error) {
	api, err := c.connect()
	if err != nil {
		return nil, "", err
	}
	install, err := c.installation(ctx, api, f, args)
	return api, install, err
}

func whichInstallation() error {
	return usage("which installation?").WithFix("name its id, or --site and --product; `annex install list` shows them")
}

// installation is the one that arguments or flags name, or the only one of the folder's app
// in the environment.
func (c *cli) installation(ctx context.Context, api *client.Client, f targetFlags, args []string) (string, error) {
	if len(args) == 1 {
		return args[0], nil
	}
	app, err := c.appID(f.app)
	if err != nil {
		if f.site == "" || f.product == "" {
			return "", whichInstallation() // there is no app here either
		}
		return "", err
	}
	all, err := api.Installations(ctx, app, f.environment, f.site)
	if err != nil {
		return "", err
	}
	fit := all
	if f.product != "" {
		fit = onProduct(all, c.productKey(ctx, api, f.product))
	}
	switch {
	case len(fit) == 1:
		return fit[0].ID, nil
	case f.site == "" || f.product == "":
		return "", whichInstallation()
	}
	return "", fault.New(fault.NotFound, "NOT_INSTALLED", "the app is not installed on %s of %s from %s", f.product, f.site, f.environment).
		WithFix("`annex install list` shows the installations")
}
