package cli

import (
	"strings"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) webtriggerSecretCommand() *cobra.Command {
	return parent("secret", "Secrets by which callers of a web trigger prove themselves",
		c.webtriggerSecretRotateCommand(), c.webtriggerSecretRetireCommand())
}

func (c *cli) webtriggerSecretRotateCommand() *cobra.Command {
	var f targetFlags
	var module string
	var retire bool
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make another secret; it is shown once",
		Long: "Makes another secret for a webtrigger module whose callers prove themselves. The one before stays valid until it is\n" +
			"retired or the next rotation, so that senders can change over. With --retire no earlier one is valid any more.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, t, err := c.webTriggerModule(cmd, f, "annex webtrigger secret rotate", &module)
			if err != nil {
				return err
			}
			made, err := api.RotateWebTriggerSecret(cmd.Context(), client.WebTriggerRotation{Target: t, Module: module, Retire: retire})
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(made)
				return nil
			}
			c.ui.printf("%s", made.Secret)
			if len(made.Secrets) > 1 {
				c.ui.note("It is shown this once. The one of %s is valid too, until annex webtrigger secret retire.", stamp(&made.Secrets[1].CreatedAt))
			} else {
				c.ui.note("It is shown this once. No other is valid.")
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVarP(&module, "function", "f", "", "`key` of the webtrigger module")
	cmd.Flags().BoolVar(&retire, "retire", false, "end the earlier secrets at once")
	return jsonFlag(cmd)
}

func (c *cli) webtriggerSecretRetireCommand() *cobra.Command {
	var f targetFlags
	var module string
	cmd := &cobra.Command{
		Use:   "retire",
		Short: "End the secret before the newest",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, t, err := c.webTriggerModule(cmd, f, "annex webtrigger secret retire", &module)
			if err != nil {
				return err
			}
			if err := api.RetireWebTriggerSecret(cmd.Context(), t, module); err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(map[string]string{"retired": module})
				return nil
			}
			c.ui.printf("The newest secret of %s is the only one now", module)
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVarP(&module, "function", "f", "", "`key` of the webtrigger module")
	return jsonFlag(cmd)
}

// webTriggerModule finds what a command on a web trigger's module is about.
func (c *cli) webTriggerModule(cmd *cobra.Command, f targetFlags, command string, module *string) (*client.Client, client.Target, error) {
	api, err := c.connect()
	if err != nil {
		return nil, client.Target{}, err
	}
	if *module == "" {
		if *module, err = c.onlyWebTrigger(f.app, command); err != nil {
			return nil, client.Target{}, err
		}
	}
	t, err := c.target(cmd.Context(), api, f)
	return api, t, err
}

// secretAges is when the valid secrets were made, newest first.
func secretAges(all []client.WebTriggerSecretAge) string {
	out := make([]string, 0, len(all))
	for _, s := range all {
		out = append(out, stamp(&s.CreatedAt))
	}
	return strings.Join(out, ", ")
}
