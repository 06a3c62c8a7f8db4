package cli

import (
	"cmp"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) agreementsCommand() *cobra.Command {
	var shown, ended targetFlags
	list := &cobra.Command{
		Use:   "list [INSTALLATION]",
		Short: "List who lets an app act as them, and whose work in its pages a developer's tunnel may carry",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, id, err := c.at(cmd.Context(), shown, args)
			if err != nil {
				return err
			}
			all, err := api.Agreements(cmd.Context(), id)
			if err != nil {
				return err
			}
			return listedAgreements(c, all)
		},
	}
	shown.add(list)
	var user, kind string
	end := &cobra.Command{
		Use:   "end [INSTALLATION]",
		Short: "End what one person agreed to; it counts within a second, and the person may be asked again",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, id, err := c.at(cmd.Context(), ended, args)
			if err != nil {
				return err
			}
			n, err := api.EndAgreements(cmd.Context(), id, user, kind)
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(map[string]int{"ended": n})
				return nil
			}
			c.ui.printf("Ended %s of %s", plural(n, "agreement"), inline(user))
			return nil
		},
	}
	ended.add(end)
	end.Flags().StringVar(&user, "user", "", "the person's `id` at the product, as list shows it")
	end.Flags().StringVar(&kind, "kind", "", "consent or tunnel; both if left out")
	return parent("agreements", "What people agreed to: that an app acts as them, that a tunnel carries their calls (admin)", jsonFlag(list), required(jsonFlag(end), "user"))
}

func listedAgreements(c *cli, all []client.Agreement) error {
	return listed(c, "agreements", all, "USER KIND SINCE UNTIL WHAT", "Nobody agreed to anything.", func(a client.Agreement) []string {
		what := "the tunnel of " + inline(a.Developer)
		if a.Kind == "consent" {
			var words []string
			for _, l := range a.Words {
				words = append(words, l.Text)
			}
			what = cmp.Or(inline(strings.Join(words, "; ")), "-")
		}
		return []string{inline(a.User), a.Kind, stamp(&a.Since), stamp(a.ExpiresAt), what}
	})
}
