package cli

import (
	"cmp"
	"context"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) grantsCommand() *cobra.Command {
	return parent("grants", "What an installed app may do, and taking it away (admin)",
		c.grantsShowCommand(),
		c.grantsChangeCommand("trim", "Take permissions away until they are given back", "Took away",
			func(ch *client.GrantChange, keys []string) { ch.Trim = keys }),
		c.grantsChangeCommand("restore", "Give back what was taken away or never granted, as the running version asks for it", "Gave back",
			func(ch *client.GrantChange, keys []string) { ch.Restore = keys }),
		c.grantsChangeCommand("off", "Switch permissions off, whatever versions come; also egress:TYPE and analytics", "Switched off",
			func(ch *client.GrantChange, keys []string) { ch.Off = keys }),
		c.grantsChangeCommand("on", "Switch permissions on again", "Switched on",
			func(ch *client.GrantChange, keys []string) { ch.On = keys }),
		c.grantsReplaceCommand(), c.shareLogsCommand(),
		c.grantsEgressCommand("allow", "Let the app send to a host in one way more, where its manifest says that this may be configured"),
		c.grantsEgressCommand("disallow", "Take a host away that was configured"))
}

func (c *cli) grantsShowCommand() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "show [INSTALLATION]",
		Short: "Show each permission with its key and whether it is granted",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ofInstallation(cmd.Context(), f, args, func(api *client.Client, id string) (client.InstallationDetail, string, error) {
				d, err := api.InstallationDetail(cmd.Context(), id)
				return d, "", err
			})
		},
	}
	f.add(cmd)
	return jsonFlag(cmd)
}

// ofInstallation does something to the installation that the command line names, and
// shows it afterwards.
func (c *cli) ofInstallation(ctx context.Context, f targetFlags, args []string, do func(*client.Client, string) (client.InstallationDetail, string, error)) error {
	api, id, err := c.at(ctx, f, args)
	if err != nil {
		return err
	}
	d, did, err := do(api, id)
	if err != nil {
		return err
	}
	if c.json {
		c.ui.printJSON(d)
		return nil
	}
	if did != "" {
		c.ui.printf("%s", did)
	}
	c.printDetail(d)
	return nil
}

func (c *cli) printDetail(d client.InstallationDetail) {
	i := d.Installation
	c.ui.printf("%s %s (%s) on %s of %s, %s", name(i.AppName, i.App), i.Number, i.Environment, i.Product, i.Site, i.State)
	if d.Handover != nil {
		c.ui.printf("  ! Its owner was %s and is %s; it stands still until you confirm that: annex install %s", inline(d.Handover.From), inline(d.Handover.To), i.ID)
	}
	if d.Blocked != "" {
		c.ui.printf("  ! The operator has suspended the app: %s", inline(d.Blocked))
	}
	var rows [][]string
	for _, p := range d.Permissions {
		rows = append(rows, []string{p.State, p.Key, wordsOf(p)})
	}
	if len(rows) > 0 {
		c.ui.table("STATE KEY WHAT", rows)
	}
	if d.Configurable != nil {
		hosts := "any host"
		if len(d.Configurable.Patterns) > 0 {
			hosts = strings.Join(d.Configurable.Patterns, ", ")
		}
		c.ui.printf("May be configured: %s to %s", strings.Join(d.Configurable.Types, ", "), hosts)
	}
	if len(d.Asks) > 0 {
		c.ui.printf("It asks for more, and runs without it:")
		c.printLines(d.Asks)
	}
	if w := d.Waiting; w != nil {
		c.ui.printf("Version %s waits: %s", w.Number, reasonText(*w))
		c.printLines(w.More)
	}
	if d.Pinned {
		c.ui.printf("It is pinned to version %s.", i.Number)
	}
}

func wordsOf(p client.Permission) string {
	var out []string
	for _, l := range p.Words {
		text := l.Text
		if len(l.Items) > 0 {
			text += ": " + strings.Join(l.Items, ", ")
		}
		out = append(out, text)
	}
	text := strings.Join(out, "; ")
	if p.By != "" {
		text += " (configured by " + inline(cmp.Or(p.ByName, p.By)) + ")"
	}
	return text
}

func reasonText(w client.Waiting) string {
	switch w.Reason {
	case "growth":
		return "it asks for more"
	case "scheduled":
		return "it runs by itself at " + stamp(w.Due)
	case "manual":
		return "the site lets updates in by hand"
	case "pinned":
		return "the installation is pinned"
	case "declined":
		return "it was declined"
	}
	return w.Reason
}

func (c *cli) grantsChangeCommand(verb, short, done string, put func(*client.GrantChange, []string)) *cobra.Command {
	whatIf := false
	cmd := &cobra.Command{
		Use:   verb + " INSTALLATION KEY...",
		Short: short,
		Long:  short + ".\nThe keys are those that `annex grants show` lists. It is in force within a second, for running calls too.",
		Args:  cobra.MinimumNArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			var change client.GrantChange
			put(&change, args[1:])
			if whatIf {
				return c.whatIf(cmd.Context(), args[0], client.WhatIfChange{GrantChange: change})
			}
			return c.ofInstallation(cmd.Context(), targetFlags{}, args[:1], func(api *client.Client, id string) (client.InstallationDetail, string, error) {
				if len(change.Restore)+len(change.On) > 0 { // bound to what is shown now
					d, err := api.InstallationDetail(cmd.Context(), id)
					if err != nil {
						return d, "", err
					}
					change.Epoch = d.Epoch
				}
				d, err := api.ChangeGrant(cmd.Context(), id, change)
				return d, done + " " + strings.Join(args[1:], ", "), err
			})
		},
	}
	whatIfFlag(cmd, &whatIf)
	return jsonFlag(cmd)
}

func whatIfFlag(cmd *cobra.Command, to *bool) {
	cmd.Flags().BoolVar(to, "what-if", false, "change nothing; say what the change would have meant for the requests of the last 30 days")
}

// whatIf tells what a change would have meant.
func (c *cli) whatIf(ctx context.Context, installation string, change client.WhatIfChange) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	if len(change.Restore)+len(change.On) > 0 {
		d, err := api.InstallationDetail(ctx, installation)
		if err != nil {
			return err
		}
		change.Epoch = d.Epoch
	}
	p, err := api.WhatIf(ctx, installation, change)
	if err != nil {
		return err
	}
	if c.json {
		c.ui.printJSON(p)
		return nil
	}
	c.printPrediction(p)
	return nil
}

func (c *cli) grantsReplaceCommand() *cobra.Command {
	var hosts []string
	whatIf := false
	cmd := &cobra.Command{
		Use:   "replace INSTALLATION KEY",
		Short: "Grant hosts in the place of a wildcard",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if whatIf {
				return c.whatIf(cmd.Context(), args[0], client.WhatIfChange{GrantChange: client.GrantChange{Replace: map[string][]string{args[1]: hosts}}})
			}
			return c.ofInstallation(cmd.Context(), targetFlags{}, args[:1], func(api *client.Client, id string) (client.InstallationDetail, string, error) {
				d, err := api.ChangeGrant(cmd.Context(), id, client.GrantChange{Replace: map[string][]string{args[1]: hosts}})
				return d, "Granted " + strings.Join(hosts, ", ") + " in the place of " + args[1], err
			})
		},
	}
	whatIfFlag(cmd, &whatIf)
	cmd.Flags().StringSliceVar(&hosts, "with", nil, "`host` that is granted, within the wildcard; repeatable")
	return jsonFlag(required(cmd, "with"))
}

func (c *cli) grantsEgressCommand(verb, short string) *cobra.Command {
	whatIf := false
	cmd := &cobra.Command{
		Use:   verb + " INSTALLATION TYPE HOST",
		Short: short,
		Long: short + ".\nTYPE is FETCH_BACKEND_SIDE, FETCH_CLIENT_SIDE, IMAGES, MEDIA, SCRIPTS, STYLES, FONTS, FRAMES or NAVIGATION.\n" +
			"It is in force within a second.",
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if whatIf {
				one := []client.EgressHost{{Type: args[1], Host: args[2]}}
				if verb == "allow" {
					return c.whatIf(cmd.Context(), args[0], client.WhatIfChange{Allow: one})
				}
				return c.whatIf(cmd.Context(), args[0], client.WhatIfChange{Disallow: one})
			}
			return c.ofInstallation(cmd.Context(), targetFlags{}, args[:1], func(api *client.Client, id string) (client.InstallationDetail, string, error) {
				if verb == "allow" {
					d, err := api.AddEgress(cmd.Context(), id, args[1], args[2])
					return d, "Allowed " + args[1] + " to " + args[2], err
				}
				d, err := api.RemoveEgress(cmd.Context(), id, args[1], args[2])
				return d, "Took away " + args[1] + " to " + args[2], err
			})
		},
	}
	whatIfFlag(cmd, &whatIf)
	return jsonFlag(cmd)
}

// replacements reads KEY=HOST,HOST.
func replacements(texts []string) (map[string][]string, error) {
	var out map[string][]string
	for _, text := range texts {
		key, hosts, ok := strings.Cut(text, "=")
		if !ok || key == "" || hosts == "" {
			return nil, usage("--replace %q is not KEY=HOST,HOST", text)
		}
		if out == nil {
			out = map[string][]string{}
		}
		out[key] = append(out[key], strings.Split(hosts, ",")...)
	}
	return out, nil
}

var errNothingWaits = fault.New(fault.Conflict, "NOTHING_WAITS", "nothing waits for a decision there").
	WithFix("`annex grants show` tells what is granted")
