package cli

import (
	"cmp"
	"context"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) providersCommand() *cobra.Command {
	return parent("providers", "External services: accounts that people connect, and credentials that a site's admin gives",
		c.providersListCommand(), c.providersConfigureCommand(), c.providersClearCommand())
}

// siteFlag makes a command one of a site's admin.
func siteFlag(cmd *cobra.Command, into *string) {
	cmd.Flags().StringVar(into, "installation", "", "for a site's admin: the `installation` whose credentials are meant")
}

func (c *cli) providersListCommand() *cobra.Command {
	var f appFlags
	var installation string
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List an environment's providers, with the redirect URI to register at each; or what an installation needs credentials for",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if installation != "" {
				return c.listSiteProviders(cmd.Context(), installation)
			}
			return c.ofApp(f.app, func(api *client.Client, app string) error {
				all, err := api.Providers(cmd.Context(), app, f.environment)
				if err != nil {
					return err
				}
				return listed(c, "providers", all, "KEY NAME TYPE CLIENT SECRET REDIRECT", "", func(p client.Provider) []string {
					secret := "none"
					switch {
					case p.FilledBy == "site-admin":
						secret = "of each site"
					case p.FilledBy == "user":
						secret = "of each user"
					case p.Secret:
						secret = "set"
					}
					return []string{p.Key, p.Name, p.Type, p.ClientID, secret, p.RedirectURI}
				})
			})
		},
	}
	f.add(cmd)
	siteFlag(cmd, &installation)
	return jsonFlag(cmd)
}

func (c *cli) listSiteProviders(ctx context.Context, installation string) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	all, err := api.SiteProviders(ctx, installation)
	if err != nil {
		return err
	}
	return listed(c, "providers", all, "KEY NAME TYPE CLIENT CREDENTIAL TO", "The app needs no credential of the site's.", func(p client.SiteProvider) []string {
		given := "missing"
		if p.Given {
			given = "given by " + inline(cmp.Or(p.ByName, p.By))
		}
		return []string{inline(p.Key), inline(p.Name), p.Type, inline(p.Client), given, inline(strings.Join(p.Sends, " "))}
	})
}

func (c *cli) providersConfigureCommand() *cobra.Command {
	var f appFlags
	var installation, clientID string
	cmd := &cobra.Command{
		Use:   "configure KEY",
		Short: "Set the client secret that a provider gave the app; or, for a site's admin, an installation's credential",
		Long: "Sets the client secret of one environment, or with --installation the key, secret for signatures or client's credentials of\n" +
			"one installation. It is read from stdin, at a terminal without echo, so that it stays out of the shell's history. It is\n" +
			"sealed and never shown again. A public client needs none. An installation's goes to the origins that\n" +
			"`annex providers list --installation` names, and nowhere else.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if installation != "" {
				return c.configureSite(cmd.Context(), installation, args[0], clientID)
			}
			if clientID != "" {
				return usage("--client goes with --installation: the app's own client id is in the manifest")
			}
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
	siteFlag(cmd, &installation)
	cmd.Flags().StringVar(&clientID, "client", "", "of client_credentials, with --installation: the client's `id`")
	return jsonFlag(cmd)
}

// configureSite gives a credential for where it goes now.
func (c *cli) configureSite(ctx context.Context, installation, key, clientID string) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	all, err := api.SiteProviders(ctx, installation)
	if err != nil {
		return err
	}
	at := slices.IndexFunc(all, func(p client.SiteProvider) bool { return p.Key == key })
	if at < 0 {
		return fault.New(fault.NotFound, "PROVIDER_UNKNOWN", "the installation needs no credential of the site's for %s", inline(key)).
			WithFix("`annex providers list --installation %s` names those it needs", installation)
	}
	in := client.NewSiteCredential{Sends: all[at].Sends, Client: clientID}
	if in.Secret, err = c.variableValue([]string{"the credential for " + inline(strings.Join(in.Sends, ", "))}, true); err != nil {
		return err
	}
	if in.Secret == "" {
		return usage("stdin holds no secret")
	}
	p, err := api.GiveProviderCredential(ctx, installation, key, in)
	if err != nil {
		return err
	}
	if c.json {
		c.ui.printJSON(p)
		return nil
	}
	c.ui.printf("Stored the credential of %s, which goes to %s alone", inline(p.Key), inline(strings.Join(p.Sends, ", ")))
	return nil
}

func (c *cli) providersClearCommand() *cobra.Command {
	var installation string
	cmd := &cobra.Command{
		Use:   "clear KEY",
		Short: "Take an installation's credential for a provider away (admin)",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if installation == "" {
				return usage("--installation says whose credential it is")
			}
			api, err := c.connect()
			if err != nil {
				return err
			}
			if err := api.TakeProviderCredential(cmd.Context(), installation, args[0]); err != nil {
				return err
			}
			c.gone("provider", args[0], "Took the credential of %s away", args[0])
			return nil
		},
	}
	siteFlag(cmd, &installation)
	return jsonFlag(cmd)
}
