package cli

import (
	"bufio"
	"context"
	"slices"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) updatesCommand() *cobra.Command {
	return parent("updates", "Versions that wait for an installation: approve, decline, pin, go back (admin)",
		c.updatesListCommand(), c.updatesApproveCommand(), c.updatesDeclineCommand(), c.updatesRollbackCommand(),
		c.pinCommand("pin", "Keep the version that runs", true), c.pinCommand("unpin", "Let newer versions in again, as the site wants it", false))
}

func (c *cli) updatesListCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "list [INSTALLATION]",
		Short: "List what waits for a decision, or the versions that ran in one installation",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			if len(args) == 1 {
				return c.listPast(cmd.Context(), api, args[0])
			}
			all, err := api.Installations(cmd.Context(), "", "", "")
			if err != nil {
				return err
			}
			waiting := slices.DeleteFunc(all, func(i client.Installation) bool { return i.WaitingNumber == "" && !i.Asks && i.State != "handed over" })
			return listed(c, "installations", waiting, "INSTALLATION APP ENVIRONMENT PRODUCT RUNS WAITING WHY AT", "", func(i client.Installation) []string {
				why := i.WaitingReason
				if i.Asks {
					why = "asks for more"
				}
				if i.State == "handed over" {
					why = "new owner"
				}
				return []string{i.ID, name(i.AppName, i.App), i.Environment, i.Product, i.Number, i.WaitingNumber, why, stamp(i.WaitingDue)}
			})
		},
	}
	return jsonFlag(cmd)
}

func (c *cli) listPast(ctx context.Context, api *client.Client, installation string) error {
	d, err := api.InstallationDetail(ctx, installation)
	if err != nil {
		return err
	}
	return listed(c, "past", d.Past, "VERSION ID HASH STATE LAST", "", func(v client.PastVersion) []string {
		state := ""
		switch {
		case v.Current:
			state = "runs"
		case v.Declined:
			state = "declined"
		}
		return []string{v.Number, v.Version, short(v.Hash), state, stamp(v.LastAt)}
	})
}

type approveFlags struct {
	confirm bool
	expect  string
	without []string
	replace []string
	whatIf  bool
}

func (f *approveFlags) add(cmd *cobra.Command) {
	cmd.Flags().BoolVar(&f.confirm, "confirm", false, "do it without asking")
	cmd.Flags().StringVar(&f.expect, "expect", "", "only if what is shown has this `digest`")
	cmd.Flags().StringSliceVar(&f.without, "without", nil, "do not grant the permission of this `key`; repeatable")
	cmd.Flags().StringArrayVar(&f.replace, "replace", nil, "grant hosts in a wildcard's place, as `KEY=HOST,HOST`; repeatable")
	whatIfFlag(cmd, &f.whatIf)
}

func (c *cli) updatesApproveCommand() *cobra.Command {
	var f approveFlags
	cmd := &cobra.Command{
		Use:   "approve INSTALLATION",
		Short: "Show what the waiting version asks for, and allow it or less of it",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.move(cmd.Context(), args[0], "", f)
		},
	}
	f.add(cmd)
	return jsonFlag(cmd)
}

func (c *cli) updatesRollbackCommand() *cobra.Command {
	var f approveFlags
	var to string
	cmd := &cobra.Command{
		Use:   "rollback INSTALLATION",
		Short: "Go back to a version that ran there, with the grant of then",
		Long: "Goes back to a version that ran in the installation, with what was granted then less what was taken away since. The newer\n" +
			"version counts as declined: only one after it comes by itself.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.move(cmd.Context(), args[0], to, f)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&to, "to", "", "`number` or id of the version")
	return jsonFlag(required(cmd, "to"))
}

// move has an installation run another version, after showing what that means.
func (c *cli) move(ctx context.Context, installation, to string, f approveFlags) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	version, err := c.pastVersion(ctx, api, installation, to)
	if err != nil {
		return err
	}
	p, err := api.Review(ctx, installation, version)
	if err != nil {
		return err
	}
	if f.expect != "" && f.expect != p.Digest {
		return fault.New(fault.Conflict, "DIGEST_CHANGED", "this is not what was shown: its digest is %s", p.Digest).
			WithFix("look again, then use --expect %s", p.Digest).With("digest", p.Digest)
	}
	if !c.json {
		c.printPreview(p)
	}
	replace, err := replacements(f.replace)
	if err != nil {
		return err
	}
	decision := client.Confirmation{Digest: p.Digest, Version: version, ConfirmDevelopment: p.DevelopmentWarning != "", Without: f.without, Replace: replace}
	if f.whatIf {
		return c.whatIf(ctx, installation, client.WhatIfChange{Approval: &decision})
	}
	if !f.confirm {
		if !c.env.Interactive || c.json {
			return usage("nobody can be asked here").WithFix("look at it, then add --confirm --expect %s", p.Digest).
				With("digest", p.Digest).With("words", list(p.Words)).With("growth", list(p.Growth)).With("pieces", list(p.Pieces))
		}
		if err := c.ask(bufio.NewReader(c.env.In), "Run version "+p.Number+" with these permissions?"); err != nil {
			return err
		}
	}
	d, err := api.Approve(ctx, installation, decision)
	if err != nil {
		return err
	}
	if c.json {
		c.ui.printJSON(d)
		return nil
	}
	c.printDetail(d)
	return nil
}

// pastVersion finds a version that ran in an installation by number or id.
func (c *cli) pastVersion(ctx context.Context, api *client.Client, installation, name string) (string, error) {
	if name == "" {
		return "", nil
	}
	d, err := api.InstallationDetail(ctx, installation)
	if err != nil {
		return "", err
	}
	for _, v := range d.Past {
		if v.Number == name || v.Version == name {
			return v.Version, nil
		}
	}
	return "", fault.New(fault.NotFound, "VERSION_NEVER_RAN", "no version %q ran there", name).
		WithFix("`annex updates list %s` shows those that did", installation)
}

func (c *cli) updatesDeclineCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "decline INSTALLATION",
		Short: "Decline what waits; it stays declined until there is a newer version",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ofInstallation(cmd.Context(), targetFlags{}, args, func(api *client.Client, id string) (client.InstallationDetail, string, error) {
				d, err := api.InstallationDetail(cmd.Context(), id)
				if err != nil {
					return d, "", err
				}
				version := d.Installation.Version
				switch {
				case d.Waiting != nil && d.Waiting.Reason != "declined":
					version = d.Waiting.Version
				case len(d.Asks) == 0:
					return d, "", errNothingWaits
				}
				d, err = api.Decline(cmd.Context(), id, version)
				return d, "Declined", err
			})
		},
	})
}

func (c *cli) pinCommand(verb, short string, pinned bool) *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   verb + " INSTALLATION",
		Short: short,
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ofInstallation(cmd.Context(), targetFlags{}, args, func(api *client.Client, id string) (client.InstallationDetail, string, error) {
				d, err := api.Pin(cmd.Context(), id, pinned)
				return d, "", err
			})
		},
	})
}

func (c *cli) versionsDiffCommand() *cobra.Command {
	var f appFlags
	var from string
	cmd := &cobra.Command{
		Use:   "diff [[OLD] VERSION]",
		Short: "Say what a version asks for beyond another one, and no longer",
		Long: "Compares a version, by number or id, with the one that runs in the environment, or with OLD (--from says the same). Without\n" +
			"VERSION: the one that waits for an admin with the one that runs meanwhile.",
		Args: cobra.MaximumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ofApp(f.app, func(api *client.Client, app string) error {
				from, to, err := from, "", error(nil)
				if len(args) == 2 {
					if from != "" {
						return usage("the version to compare with is named twice, by --from and before VERSION")
					}
					from, to = args[0], args[1]
				} else if len(args) == 1 {
					to = args[0]
				} else if from != "" {
					return usage("--from compares with a VERSION, and none is named")
				} else if from, to, err = waiting(cmd.Context(), api, app, f.environment); err != nil {
					return err
				}
				d, err := api.VersionDiff(cmd.Context(), app, f.environment, from, to)
				if err != nil {
					return err
				}
				if c.json {
					c.ui.printJSON(d)
					return nil
				}
				c.ui.printf("Version %s (%s) against %s (%s)", d.To.Number, d.To.Hash, d.From.Number, d.From.Hash)
				if len(d.More) == 0 {
					c.ui.printf("It asks for nothing more.")
				} else {
					c.ui.printf("It asks for more, for example %s:", inline(d.Example))
					c.printLines(d.More)
					c.ui.printf("%s for an admin if it were deployed now.", verb(d.Waiting, "installation", "would wait", "would wait"))
				}
				if len(d.Less) > 0 {
					c.ui.printf("It no longer asks for:")
					c.printLines(d.Less)
				}
				return nil
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&from, "from", "", "`version` to compare with (default: the one that runs)")
	return jsonFlag(cmd)
}

// waiting is a version that waits in an environment, and the one that runs meanwhile.
func waiting(ctx context.Context, api *client.Client, app, environment string) (runs, waits string, err error) {
	all, err := api.Installations(ctx, app, environment, "")
	if err != nil {
		return "", "", err
	}
	for _, i := range all {
		if i.WaitingNumber != "" && i.Number != "" {
			return i.Number, i.WaitingNumber, nil
		}
	}
	return "", "", fault.New(fault.NotFound, "NOTHING_WAITS", "no version waits in an installation of %s", environment).
		WithFix("name a version, see annex versions list")
}

func (c *cli) versionsRollbackCommand() *cobra.Command {
	var f appFlags
	var approve bool
	cmd := &cobra.Command{
		Use:   "rollback VERSION",
		Short: "Run a version again that was deployed to the environment before",
		Long: "Makes the environment run an older version, by number or id; the same bytes. Installations that grant less by now than it\n" +
			"asks for wait for their admins, as with any version that grows.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ofApp(f.app, func(api *client.Client, app string) error {
				d, err := api.Rollback(cmd.Context(), app, f.environment, args[0], !approve)
				if err != nil {
					return c.growth(err)
				}
				if c.json {
					c.ui.printJSON(d)
					return nil
				}
				c.printDeployment(d)
				return nil
			})
		},
	}
	f.add(cmd)
	cmd.Flags().BoolVar(&approve, "approve", false, "go back also to a version that asks for more than the one that runs")
	return jsonFlag(cmd)
}
