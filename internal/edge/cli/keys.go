package cli

import (
	"time"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) keysCommand() *cobra.Command {
	return parent("keys", "The platform's signing keys (operator)", c.keysListCommand(), c.keysRotateCommand())
}

func (c *cli) keysListCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "list",
		Short: "List the keys that products verify the platform's tokens with",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			keys, err := api.SigningKeys(cmd.Context())
			if err != nil {
				return err
			}
			return c.printKeys(keys)
		},
	})
}

func (c *cli) printKeys(keys []client.SigningKey) error {
	return listed(c, "keys", keys, "KEY FAMILY ALGORITHM STATE SIGNS-FROM LEAVES", "", func(k client.SigningKey) []string {
		leaves := "-"
		if k.Leaves != nil {
			leaves = k.Leaves.Format(time.RFC3339)
		}
		return []string{k.ID, k.Family, k.Algorithm, k.State, k.SignsFrom.Format(time.RFC3339), leaves}
	})
}

func (c *cli) keysRotateCommand() *cobra.Command {
	withdraw := false
	cmd := &cobra.Command{
		Use:   "rotate",
		Short: "Make the next keys now instead of when they are due",
		Long: `Make the next keys now. They are published at once, and sign a quarter of an hour later, when every verifier knows them.

With --withdraw, for when a key may be known to others, they sign at once and all earlier ones leave the key set at once:
a product that keeps an older set refuses calls until it asks again, and takes a withdrawn key's tokens until then, for
five minutes at most.`,
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			keys, err := api.RotateSigningKeys(cmd.Context(), withdraw)
			if err != nil {
				return err
			}
			return c.printKeys(keys)
		},
	}
	cmd.Flags().BoolVar(&withdraw, "withdraw", false, "withdraw all earlier keys at once")
	return jsonFlag(cmd)
}
