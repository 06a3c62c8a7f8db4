package cli

import (
	"strings"

	"github.com/google/uuid"
	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) appCommand() *cobra.Command {
	return parent("app", "Who owns an app, and suspending it everywhere",
		c.appActCommand("offer ACCOUNT", "Offer the app to another developer", 1, func(cmd *cobra.Command, api *client.Client, app string, args []string) (string, any, error) {
			return "Offered " + app + " to " + args[0], map[string]string{"offered": app, "to": args[0]}, api.OfferApp(cmd.Context(), app, args[0])
		}),
		c.appActCommand("withdraw", "Withdraw the offer", 0, func(cmd *cobra.Command, api *client.Client, app string, _ []string) (string, any, error) {
			return "Withdrew the offer of " + app, map[string]string{"withdrawn": app}, api.OfferApp(cmd.Context(), app, "")
		}),
		c.appOffersCommand(),
		c.appActCommand("accept", "Become the owner of an app that was offered; installations stand still until their admins confirm it", 0,
			func(cmd *cobra.Command, api *client.Client, app string, _ []string) (string, any, error) {
				n, err := api.AcceptApp(cmd.Context(), app)
				return "The app is yours; " + verb(n, "installation", "waits", "wait") + " for an admin to confirm that", map[string]any{"accepted": app, "installations": n}, err
			}),
		c.appActCommand("suspend REASON", "Have an app run, be deployed and be installed nowhere, at once (operator)", 1,
			func(cmd *cobra.Command, api *client.Client, app string, args []string) (string, any, error) {
				if named := strings.TrimPrefix(args[0], "ari:cloud:ecosystem::app/"); uuid.Validate(named) == nil {
					return "", nil, usage("annex app suspend takes a reason, and %s is the id of an app", named).WithFix("annex app suspend REASON --app %s", named)
				}
				n, err := api.SuspendApp(cmd.Context(), app, args[0])
				return "Suspended; " + verb(n, "installation", "stands", "stand") + " still", map[string]any{"suspended": app, "installations": n}, err
			}),
		c.appActCommand("resume", "Lift an app's suspension (operator)", 0,
			func(cmd *cobra.Command, api *client.Client, app string, _ []string) (string, any, error) {
				n, err := api.SuspendApp(cmd.Context(), app, "")
				return "Lifted; " + verb(n, "installation", "goes", "go") + " on", map[string]any{"resumed": app, "installations": n}, err
			}))
}

func (c *cli) appActCommand(use, short string, args int, act func(*cobra.Command, *client.Client, string, []string) (string, any, error)) *cobra.Command {
	var app string
	takes := cobra.NoArgs
	if args > 0 {
		takes = cobra.ExactArgs(args)
	}
	cmd := &cobra.Command{
		Use:   use,
		Short: short,
		Args:  takes,
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ofApp(app, func(api *client.Client, id string) error {
				said, out, err := act(cmd, api, id, args)
				if err != nil {
					return err
				}
				if c.json {
					c.ui.printJSON(out)
					return nil
				}
				c.ui.printf("%s", said)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&app, "app", "", "the app's `id` (default: the one of the app's folder)")
	return jsonFlag(cmd)
}

func (c *cli) appOffersCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "offers",
		Short: "List apps that other developers offer to you",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			all, err := api.Offers(cmd.Context())
			if err != nil {
				return err
			}
			return listed(c, "offers", all, "APP NAME FROM AT", "", func(o client.Offer) []string {
				return []string{o.App, o.Name, o.From, stamp(o.At)}
			})
		},
	})
}

func (c *cli) shareLogsCommand() *cobra.Command {
	var how string
	var stop bool
	cmd := &cobra.Command{
		Use:   "share-logs INSTALLATION",
		Short: "Share a production installation's logs with its developer for a stated time, or show whether they are",
		Long: "Lets the app's developer read what the installation writes from now on, until the time is over or --stop ends it. Each read\n" +
			"is in the audit trail. Without a flag it shows who reads at present.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			if how != "" && stop {
				return usage("--for and --stop exclude each other")
			}
			var s client.LogSharing
			switch {
			case stop:
				err = api.UnshareLogs(cmd.Context(), args[0])
			case how != "":
				s, err = api.ShareLogs(cmd.Context(), args[0], how)
			default:
				s, err = api.LogSharing(cmd.Context(), args[0])
			}
			if err != nil {
				return err
			}
			switch {
			case c.json:
				c.ui.printJSON(s)
			case s.Shared:
				c.ui.printf("%s reads the lines written since %s, until %s", inline(s.With), stamp(s.Since), stamp(s.Until))
			default:
				c.ui.printf("Its logs are not shared.")
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&how, "for", "", "`time`, from 1m to 30d, such as 24h or 7d")
	cmd.Flags().BoolVar(&stop, "stop", false, "end the sharing at once")
	return jsonFlag(cmd)
}
