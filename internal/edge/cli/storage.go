package cli

import (
	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) storageCommand() *cobra.Command {
	return parent("storage", "What apps stored on a site: see what ended ones left, export it, bring it back (admin)",
		c.storageLeftCommand(), c.storageExportCommand(), c.storageRelinkCommand())
}

func (c *cli) storageLeftCommand() *cobra.Command {
	cmd := &cobra.Command{
		Use:   "left",
		Short: "List the site's uninstalled apps of which something is still kept",
		Long: "What an app stored is kept for 28 days after it was uninstalled. `annex uninstall ID --erase` erases it now.\n" +
			"What was given to the same app installed anew (`annex storage relink`) is listed for another hour, with the installation that has it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			all, err := api.LeftStorage(cmd.Context())
			if err != nil {
				return err
			}
			return listed(c, "", all, "INSTALLATION APP ENVIRONMENT PRODUCT ENDED ERASED GIVEN-TO", "Nothing is left of apps that were uninstalled.", func(l client.Left) []string {
				return []string{l.ID, inline(l.AppName), l.Environment, l.Product, stamp(&l.EndedAt), stamp(&l.ErasedAt), l.GivenTo}
			})
		},
	}
	return jsonFlag(cmd)
}

func (c *cli) storageExportCommand() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "export [INSTALLATION]",
		Short: "Write what an installation stored to stdout, as JSON lines",
		Long: "Writes values and entities, and of secrets the keys: `annex storage export ID > FILE`. Also of an installation that ended within\n" +
			"the last 28 days. The first line says what it is of, the last how many things it has; without it the file is not whole.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, id, err := c.at(cmd.Context(), f, args)
			if err != nil {
				return err
			}
			return api.StorageExport(cmd.Context(), id, c.ui.out)
		},
	}
	f.add(cmd)
	return cmd
}

func (c *cli) storageRelinkCommand() *cobra.Command {
	var f targetFlags
	var from string
	cmd := &cobra.Command{
		Use:   "relink [INSTALLATION]",
		Short: "Give an installation what the same app stored before it was uninstalled",
		Long: "An app that is installed again is a new installation with empty storage. This gives it the values, secrets and entities of one\n" +
			"that ended within the last 28 days, of the same app, environment and product on the same site. What it has stored since stays,\n" +
			"and what the ended one had under the same keys is dropped; the figure that is printed is of what it has more. If it is interrupted,\n" +
			"what was moved is there; the same command moves the rest. What else is kept of the ended one, its log for instance, is erased within\n" +
			"two hours.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, id, err := c.at(cmd.Context(), f, args)
			if err != nil {
				return err
			}
			n, err := api.RelinkStorage(cmd.Context(), id, from)
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(map[string]int{"moved": n})
				return nil
			}
			c.ui.printf("%s has %s more", id, plural(n, "stored thing"))
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&from, "from", "", "`id` of the ended installation; `annex storage left` lists them")
	return required(jsonFlag(cmd), "from")
}
