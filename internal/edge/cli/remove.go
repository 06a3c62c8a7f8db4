package cli

import (
	"bufio"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) accountRemoveCommand() *cobra.Command {
	var confirm bool
	cmd := &cobra.Command{
		Use:   "remove ACCOUNT",
		Short: "End an account's roles and tokens at once",
		Long: "Ends what the account may do. Its apps stay installed where they are, and nobody deploys them until the name is added\n" +
			"again, which gives the same account its apps back.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			all, err := api.Accounts(cmd.Context())
			if err != nil {
				return err
			}
			i := slices.IndexFunc(all, func(a client.Account) bool { return a.Name == args[0] || a.ID == args[0] })
			if i < 0 {
				return fault.New(fault.NotFound, "ACCOUNT_UNKNOWN", "there is no account %q", args[0]).WithFix("`annex account list` shows the accounts")
			}
			question := "Remove account " + inline(all[i].Name) + " (" + rolesOf(all[i]) + ")? Its roles and tokens end at once."
			if err := c.confirmed(confirm, question); err != nil {
				return err
			}
			r, err := api.RemoveAccount(cmd.Context(), all[i].ID)
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(r)
				return nil
			}
			c.ui.printf("Removed account %s: its roles and %s ended", inline(r.Name), plural(r.Tokens, "token"))
			return nil
		},
	}
	cmd.Flags().BoolVar(&confirm, "confirm", false, "remove without asking")
	return jsonFlag(cmd)
}

func rolesOf(a client.Account) string {
	var roles []string
	if a.Operator {
		roles = append(roles, "operator")
	}
	if a.Developer {
		roles = append(roles, "developer")
	}
	for _, s := range a.AdminOf {
		roles = append(roles, "admin of "+s)
	}
	if len(roles) == 0 {
		return "no roles"
	}
	return strings.Join(roles, ", ")
}

func (c *cli) siteRemoveCommand() *cobra.Command {
	var confirm bool
	cmd := &cobra.Command{
		Use:   "remove SITE",
		Short: "Remove a site; its installations end and what they stored is erased at once",
		Long: "Removes the site: every app on it is uninstalled, also for calls that run, web trigger addresses are gone, its admins lose\n" +
			"their right to it and their tokens for it. What apps stored there is erased at once, also of those uninstalled before.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			installed, err := api.Installations(cmd.Context(), "", "", args[0])
			if err != nil {
				return err
			}
			if err := c.confirmed(confirm, "Remove site "+inline(args[0])+"? It has "+plural(len(installed), "installation")+"; they end, and what they stored is erased now."); err != nil {
				return err
			}
			r, err := api.RemoveSite(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(r)
				return nil
			}
			c.ui.printf("Removed site %s: %s and %s ended", r.Name, plural(r.Installations, "installation"), plural(r.Tokens, "token"))
			return nil
		},
	}
	cmd.Flags().BoolVar(&confirm, "confirm", false, "remove without asking")
	return jsonFlag(cmd)
}

// confirmed asks unless the answer was given as a flag.
func (c *cli) confirmed(given bool, question string) error {
	if given {
		return nil
	}
	if !c.env.Interactive || c.json {
		return usage("nobody can be asked here").WithFix("add --confirm")
	}
	return c.ask(bufio.NewReader(c.env.In), question)
}
