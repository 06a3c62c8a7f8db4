package cli

import (
	"cmp"
	"fmt"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) accessRulesCommand() *cobra.Command {
	return parent("access-rules", "Rules by which a site's admin keeps apps from parts of its products, such as projects",
		c.accessRulesListCommand(), c.accessRulesBlockCommand(), c.accessRulesUnblockCommand())
}

func (c *cli) accessRulesListCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "list SITE",
		Short: "List a site's access rules",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			all, err := api.AccessRules(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return listed(c, "rules", all, "ID PRODUCT TYPE CONTAINER APP BY", fmt.Sprintf("No app is kept from any part of %s.", args[0]), func(r client.AccessRule) []string {
				return []string{r.ID, inline(r.Product), inline(r.Type), inline(r.Container), cmp.Or(inline(r.App), "all"), inline(cmp.Or(r.ByName, r.By))}
			})
		},
	})
}

func (c *cli) accessRulesBlockCommand() *cobra.Command {
	var in client.NewAccessRule
	cmd := &cobra.Command{
		Use:   "block SITE TYPE CONTAINER",
		Short: "Keep one app, or all, from a container of a product",
		Long: "Keeps apps from a container, such as the project DEMO: annex access-rules block acme project DEMO --product tracker. It counts\n" +
			"within a second, also for calls that are under way, and without --app also for apps that are installed later. What is in the\n" +
			"container is not theirs to read, find or change, whoever they act for; that it exists they may learn. A product with an\n" +
			"authorization server of its own cannot be told: there only requests are refused that name the container themselves.",
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			in.Type, in.Container = args[1], args[2]
			got, err := api.AddAccessRule(cmd.Context(), args[0], in)
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(got)
				return nil
			}
			who := "all apps are"
			if got.App != "" {
				who = "the app " + inline(got.App) + " is"
			}
			c.ui.printf("From now on %s kept from the %s %s of %s, by the rule %s", who, inline(got.Type), inline(got.Container), inline(got.Product), got.ID)
			return nil
		},
	}
	cmd.Flags().StringVar(&in.Product, "product", "", "`key` of the product")
	cmd.Flags().StringVar(&in.App, "app", "", "`id` of the app; all apps unless given")
	return jsonFlag(required(cmd, "product"))
}

func (c *cli) accessRulesUnblockCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "unblock SITE RULE",
		Short: "End an access rule",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			if err := api.RemoveAccessRule(cmd.Context(), args[0], args[1]); err != nil {
				return err
			}
			c.gone("rule", args[1], "Ended the rule %s of %s", args[1], args[0])
			return nil
		},
	})
}
