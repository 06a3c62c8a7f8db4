package cli

import (
	"fmt"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) productListCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "list",
		Short: "List the registered products",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			all, err := api.Products(cmd.Context())
			if err != nil {
				return err
			}
			return listed(c, "products", all, "PRODUCT NAME ALIASES MODULES SCOPES", "", func(p client.Product) []string {
				return []string{p.Key, p.Name, strings.Join(p.Aliases, ", "), fmt.Sprint(len(p.Modules)), fmt.Sprint(len(p.Scopes))}
			})
		},
	})
}

func (c *cli) siteCommand() *cobra.Command {
	return parent("site", "Customers' tenants (operator)", c.siteAddCommand(), c.siteListCommand(), c.siteUpdateCommand(), c.siteRemoveCommand())
}

func (c *cli) siteAddCommand() *cobra.Command {
	var s client.NewSite
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add a site with its products",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			s.Name = args[0]
			site, err := api.AddSite(cmd.Context(), s)
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(site)
				return nil
			}
			c.ui.printf("Added site %s (%s) with %s", site.Name, site.ID, strings.Join(site.Products, ", "))
			return nil
		},
	}
	cmd.Flags().StringSliceVarP(&s.Products, "product", "p", nil, "`key` of a product; repeatable")
	cmd.Flags().BoolVar(&s.DevelopmentApps, "development-apps", false, "allow development and staging apps")
	return jsonFlag(required(cmd, "product"))
}

func (c *cli) siteListCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "list",
		Short: "List the sites that you may see",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			all, err := api.Sites(cmd.Context())
			if err != nil {
				return err
			}
			return listed(c, "sites", all, "SITE ID PRODUCTS DEVELOPMENT-APPS UPDATES", "", func(s client.Site) []string {
				return []string{s.Name, s.ID, strings.Join(s.Products, ", "), onOff(s.DevelopmentApps), s.Updates}
			})
		},
	})
}

func onOff(b bool) string {
	if b {
		return "on"
	}
	return "off"
}

func (c *cli) siteUpdateCommand() *cobra.Command {
	var dev, updates string
	var products []string
	cmd := &cobra.Command{
		Use:     "set SITE",
		Aliases: []string{"update"},
		Short:   "Switch development apps of a site, say when updates reach it (admin), or which products it has (operator)",
		Long: "Switches development apps on or off, and says when versions that ask for nothing new reach the site's installations:\n" +
			"now, after:24h (1m to 90d), or manual. What asks for more always waits for an admin.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			var change client.SiteChange
			switch {
			case dev == "on" || dev == "off":
				on := dev == "on"
				change.DevelopmentApps = &on
			case dev != "":
				return usage("--development-apps is on or off")
			case updates == "" && len(products) == 0:
				return usage("annex site set needs --development-apps, --updates or --product").WithFix("--updates now, after:24h or manual")
			}
			change.Products = products
			if updates != "" {
				change.Updates = &updates
			}
			api, err := c.connect()
			if err != nil {
				return err
			}
			site, err := api.SetSite(cmd.Context(), args[0], change)
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(site)
				return nil
			}
			if dev != "" {
				c.ui.printf("Development apps of %s are %s", site.Name, onOff(site.DevelopmentApps))
			}
			if updates != "" {
				c.ui.printf("Updates that ask for nothing new reach %s: %s", site.Name, site.Updates)
			}
			return nil
		},
	}
	cmd.Flags().StringVar(&dev, "development-apps", "", "`on` or off")
	cmd.Flags().StringVar(&updates, "updates", "", "`when`: now, after:24h or manual")
	cmd.Flags().StringSliceVarP(&products, "product", "p", nil, "`key` of a product that the site is to have; repeat it for all of them")
	return jsonFlag(cmd)
}

func (c *cli) accountCommand() *cobra.Command {
	return parent("account", "People and their rights (operator)", c.accountAddCommand(), c.accountListCommand(), c.accountRemoveCommand())
}

func (c *cli) accountAddCommand() *cobra.Command {
	var a client.NewAccount
	cmd := &cobra.Command{
		Use:   "add NAME",
		Short: "Add an account; its tokens are shown once",
		Long:  "Adds an account with a token for each role. One that exists gets the roles that it lacks, and tokens only with --token.",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			a.Name = args[0]
			added, err := api.AddAccount(cmd.Context(), a)
			if e, ok := fault.As(err); ok && e.Code == "ACCOUNT_EXISTS" {
				return e.WithFix("name another role with --developer or --admin-of, or add --token for another token")
			}
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(added)
				return nil
			}
			if len(added.Tokens) == 0 {
				c.ui.printf("Added the roles to account %s (%s), which exists; --token gives a token for them", added.Account.Name, added.Account.ID)
				return nil
			}
			c.ui.printf("Added account %s (%s)", added.Account.Name, added.Account.ID)
			for _, t := range added.Tokens {
				c.printSecret(t)
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&a.Developer, "developer", false, "may own apps")
	cmd.Flags().StringSliceVar(&a.AdminOf, "admin-of", nil, "`site` that the account administers; repeatable")
	cmd.Flags().BoolVar(&a.Token, "token", false, "give an account that exists another token for these roles")
	return jsonFlag(cmd)
}

func (c *cli) printSecret(t client.NewToken) {
	what := t.Kind + " token"
	if t.Site != "" {
		what += " for site " + t.Site
	}
	if t.App != "" {
		what += " for app " + t.App
	}
	until := ""
	if t.ExpiresAt != nil {
		until = ", until " + t.ExpiresAt.Local().Format("2006-01-02")
	}
	c.ui.printf("%s (%s%s), shown only now:", what, t.ID, until)
	c.ui.printf("%s", t.Secret)
}

func (c *cli) accountListCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "list",
		Short: "List all accounts",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			all, err := api.Accounts(cmd.Context())
			if err != nil {
				return err
			}
			return listed(c, "accounts", all, "ACCOUNT ID ROLES ADMIN-OF", "", func(a client.Account) []string {
				var roles []string
				if a.Operator {
					roles = append(roles, "operator")
				}
				if a.Developer {
					roles = append(roles, "developer")
				}
				if len(roles) == 0 && len(a.AdminOf) == 0 {
					roles = append(roles, "removed")
				}
				return []string{a.Name, a.ID, strings.Join(roles, ", "), strings.Join(a.AdminOf, ", ")}
			})
		},
	})
}

func (c *cli) tokenCommand() *cobra.Command {
	return parent("token", "Tokens for people, scripts and CI", c.tokenCreateCommand(), c.tokenListCommand(), c.tokenRevokeCommand())
}

func (c *cli) tokenCreateCommand() *cobra.Command {
	var r client.TokenRequest
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Make a token; it is shown once",
		Long: "Makes a token. Kind developer does what you may do; ci deploys one app to chosen environments and nothing else;\n" +
			"admin administers one site.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if r.Kind == "ci" {
				app, err := c.appID(r.App)
				if err != nil {
					return err
				}
				r.App = app
			}
			if r.Kind == "admin" && r.Site == "" {
				return usage("a token of kind admin needs --site")
			}
			api, err := c.connect()
			if err != nil {
				return err
			}
			t, err := api.CreateToken(cmd.Context(), r)
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(t)
				return nil
			}
			c.printSecret(t)
			return nil
		},
	}
	cmd.Flags().StringVar(&r.Kind, "kind", "developer", "`kind`: developer, ci, admin or operator")
	cmd.Flags().StringVar(&r.Account, "account", "", "for the account of this `name` (operator)")
	cmd.Flags().StringVarP(&r.Site, "site", "s", "", "`site` of an admin's token")
	cmd.Flags().StringVar(&r.App, "app", "", "`id` of a ci token's app (default: the one of the app's folder)")
	cmd.Flags().StringSliceVarP(&r.Environments, "environment", "e", nil, "`environment` that a ci token may deploy to; repeatable")
	cmd.Flags().IntVar(&r.ExpiresInDays, "expires-in-days", 0, "`days` until it ends (default: the server's)")
	cmd.Flags().StringVar(&r.Note, "note", "", "`text` to tell tokens apart")
	return jsonFlag(cmd)
}

func (c *cli) tokenListCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "list",
		Short: "List tokens, never their secrets",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			all, err := api.Tokens(cmd.Context())
			if err != nil {
				return err
			}
			return listed(c, "tokens", all, "TOKEN KIND ACCOUNT FOR STATE NOTE", "", func(t client.Token) []string {
				state := "until " + stamp(t.ExpiresAt)
				if t.ExpiresAt == nil {
					state = "no end"
				}
				if t.Revoked {
					state = "revoked"
				}
				scope := t.Site
				if t.App != "" {
					scope = t.App + " " + strings.Join(t.Environments, ",")
				}
				return []string{t.ID, t.Kind, t.Account, scope, state, t.Note}
			})
		},
	})
}

func (c *cli) tokenRevokeCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "revoke TOKEN",
		Short: "Revoke a token at once, by its id",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			if err := api.RevokeToken(cmd.Context(), args[0]); err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(map[string]string{"revoked": args[0]})
				return nil
			}
			c.ui.printf("Revoked %s", args[0])
			return nil
		},
	})
}
