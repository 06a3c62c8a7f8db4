package cli

import (
	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) providersCommand() *cobra.Command {
	return parent("providers", "External services whose accounts people connect",
		c.providersListCommand(), c.providersConfigureCommand())
}

func (c *cli) providersListCommand() *cobra.Command {
	var f appFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List an environment's providers, with the redirect URI to register at each",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.ofApp(f.app, func(api *client.Client, app string) error {
				all, err := api.Providers(cmd.Context(), app, f.environment)
				if err != nil {
					return err
				}
				if c.json {
					c.ui.printJSON(map[string]any{"providers": list(all)})
					return nil
				}
				var rows [][]string
				for _, p := range all {
					secret := "none"
					if p.Secret {
						secret = "set"
					}
					rows = append(rows, []string{p.Key, p.Name, p.ClientID, secret, p.RedirectURI})
				}
				c.ui.table("KEY NAME CLIENT SECRET REDIRECT", rows)
				return nil
			})
		},
	}
	f.add(cmd)
	return jsonFlag(cmd)
}

func (c *cli) providersConfigureCommand() *cobra.Command {
	var f appFlags
	cmd := &cobra.Command{
		Use:   "configure KEY",
		Short: "Set the client secret that a provider gave the app",
		Long: "Sets the client secret of one environment. It is read from stdin, at a terminal without echo, so that it stays out of\n" +
			"the shell's history. It is sealed and never shown again. A public client needs none.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			secret, err := c.variableValue(args, true)
			if err != nil {
				return err
			}
			if secret == "" {
				return usage("stdin holds no client secret")
			}
			return c.ofApp(f.app, func(api *client.Client, app string) error {
				p, err := api.ConfigureProvider(cmd.Context(), app, f.environment, args[0], secret)
				if err != nil {
					return err
				}
				if c.json {
					c.ui.printJSON(p)
					return nil
				}
				c.ui.printf("Set the client secret of %s in %s", p.Key, f.environment)
				c.ui.printf("Register this redirect URI at %s: %s", p.Name, p.RedirectURI)
				return nil
			})
		},
	}
	f.add(cmd)
	return jsonFlag(cmd)
}
