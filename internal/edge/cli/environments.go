package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/edge/cli/client"
)

// ofApp runs f with a client and the id of the app that --app or the folder names.
func (c *cli) ofApp(flag string, f func(api *client.Client, app string) error) error {
	app, err := c.appID(flag)
	if err != nil {
		return err
	}
	api, err := c.connect()
	if err != nil {
		return err
	}
	return f(api, app)
}

func (c *cli) versionsCommand() *cobra.Command {
	var f appFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List an environment's versions, newest first",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.ofApp(f.app, func(api *client.Client, app string) error {
				all, err := api.Versions(cmd.Context(), app, f.environment)
				if err != nil {
					return err
				}
				return listed(c, "versions", all, "VERSION CURRENT HASH DEPLOYED MESSAGE", "", func(v client.Version) []string {
					current := ""
					if v.Current {
						current = "yes"
					}
					return []string{v.Number, current, short(v.Hash), stamp(v.CreatedAt), v.Message}
				})
			})
		},
	}
	f.add(cmd)
	return parent("versions", "What was deployed: list, compare, promote, go back",
		jsonFlag(cmd), c.versionsDiffCommand(), c.promoteCommand(), c.versionsRollbackCommand())
}

func (c *cli) environmentsCommand() *cobra.Command {
	return parent("environments", "Development, staging, production, and more development ones",
		c.environmentsCreateCommand(), c.environmentsListCommand(), c.environmentsDeleteCommand())
}

func (c *cli) environmentsCreateCommand() *cobra.Command {
	var app string
	cmd := &cobra.Command{
		Use:   "create NAME",
		Short: "Add a development environment",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ofApp(app, func(api *client.Client, id string) error {
				e, err := api.CreateEnvironment(cmd.Context(), id, args[0])
				if err != nil {
					return err
				}
				if c.json {
					c.ui.printJSON(e)
					return nil
				}
				c.ui.printf("Added environment %s", e.Name)
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&app, "app", "", "the app's `id` (default: the one of the app's folder)")
	return jsonFlag(cmd)
}

func (c *cli) environmentsListCommand() *cobra.Command {
	var app string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List the app's environments and what runs in each",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.ofApp(app, func(api *client.Client, id string) error {
				all, err := api.Environments(cmd.Context(), id)
				if err != nil {
					return err
				}
				return listed(c, "environments", all, "ENVIRONMENT TYPE VERSION DEPLOYED", "", func(e client.Environment) []string {
					return []string{e.Name, strings.ToLower(e.Type), e.Version, stamp(e.DeployedAt)}
				})
			})
		},
	}
	cmd.Flags().StringVar(&app, "app", "", "the app's `id` (default: the one of the app's folder)")
	return jsonFlag(cmd)
}

func (c *cli) environmentsDeleteCommand() *cobra.Command {
	var app string
	cmd := &cobra.Command{
		Use:   "delete NAME",
		Short: "Delete a development environment that has no installations",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ofApp(app, func(api *client.Client, id string) error {
				if err := api.DeleteEnvironment(cmd.Context(), id, args[0]); err != nil {
					return err
				}
				if c.json {
					c.ui.printJSON(map[string]string{"deleted": args[0]})
					return nil
				}
				c.ui.printf("Deleted environment %s", args[0])
				return nil
			})
		},
	}
	cmd.Flags().StringVar(&app, "app", "", "the app's `id` (default: the one of the app's folder)")
	return jsonFlag(cmd)
}

func (c *cli) variablesCommand() *cobra.Command {
	return parent("variables", "What functions read as process.env",
		c.variablesSetCommand(), c.variablesUnsetCommand(), c.variablesListCommand())
}

func (c *cli) variablesUnsetCommand() *cobra.Command {
	var f appFlags
	cmd := &cobra.Command{
		Use:   "unset KEY",
		Short: "Remove a variable",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.ofApp(f.app, func(api *client.Client, app string) error {
				if err := api.UnsetVariable(cmd.Context(), app, f.environment, args[0]); err != nil {
					return err
				}
				if c.json {
					c.ui.printJSON(map[string]string{"removed": args[0]})
					return nil
				}
				c.ui.printf("Removed %s from %s", args[0], f.environment)
				return nil
			})
		},
	}
	f.add(cmd)
	return jsonFlag(cmd)
}

func (c *cli) variablesListCommand() *cobra.Command {
	var f appFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List an environment's variables",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return c.ofApp(f.app, func(api *client.Client, app string) error {
				all, err := api.Variables(cmd.Context(), app, f.environment)
				if err != nil {
					return err
				}
				return listed(c, "variables", all, "KEY VALUE CHANGED", "", func(v client.Variable) []string {
					value := v.Value
					if v.Sealed {
						value = "(encrypted)"
					}
					return []string{v.Key, value, stamp(v.UpdatedAt)}
				})
			})
		},
	}
	f.add(cmd)
	return jsonFlag(cmd)
}
