package cli

import (
	"cmp"
	"context"
	"slices"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) remoteCommand() *cobra.Command {
	return parent("remote", "Where an app's back ends are, and what they are called with (admin)",
		c.remoteListCommand(), c.remoteSetCommand(), c.remoteResetCommand(), c.credentialCommand())
}

func (c *cli) remoteListCommand() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "list [INSTALLATION]",
		Short: "List an installation's remotes: where each is, who set that, and what it was used for",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, id, err := c.at(cmd.Context(), f, args)
			if err != nil {
				return err
			}
			all, err := api.Remotes(cmd.Context(), id)
			return c.showRemotes(all, "", err)
		},
	}
	f.add(cmd)
	return jsonFlag(cmd)
}

// showRemotes shows the remotes as they are after an act.
func (c *cli) showRemotes(all client.Remotes, did string, err error) error {
	if err != nil {
		return err
	}
	if c.json {
		c.ui.printJSON(all)
		return nil
	}
	if did != "" {
		c.ui.printf("%s", did)
	}
	if len(all.Remotes) == 0 {
		c.ui.printf("The app has no remotes.")
	}
	for _, r := range all.Remotes {
		c.printRemote(r)
	}
	return nil
}

func (c *cli) printRemote(r client.RemoteDetail) {
	kind := "fixed by the manifest"
	switch {
	case r.Registered:
		kind = "registered by the app"
	case r.Configurable:
		kind = "an admin may set it"
	}
	c.ui.printf("%s at %s (%s)", c.ui.paint(bold, inline(r.Key)), inline(cmp.Or(r.URL, "no address yet")), kind)
	if r.Title != "" {
		c.ui.printf("  it says: %s", inline(strings.TrimSuffix(r.Title+": "+r.Description, ": ")))
	}
	if len(r.Patterns) > 0 {
		c.ui.printf("  within %s", inline(strings.Join(r.Patterns, ", ")))
	}
	if r.Set != r.URL && r.Set != "" {
		c.ui.printf("  %s: it is outside what the app supports or the networks that are open", c.ui.paint(red, "set to "+inline(r.Set)+", which is not in force"))
	}
	if r.At != nil {
		c.ui.printf("  set by %s, %s", inline(cmp.Or(r.ByName, r.By)), stamp(r.At))
	}
	if r.Why != "" {
		c.ui.printf("  why: %s", inline(r.Why))
	}
	if r.Requests+r.Refused > 0 {
		last := ""
		if r.Last != nil {
			last = ", last " + r.Last.Local().Format(time.DateTime)
		}
		c.ui.printf("  %s, %s out, %d refused%s", plural(int(r.Requests), "request"), bytesText(int(r.Sent)), r.Refused, last)
	}
	if x := r.Credential; x != nil {
		c.ui.printf("  credential: %s for %s, by %s", inline(strings.TrimSpace(x.Kind+" "+x.Name)), inline(x.Origin), inline(cmp.Or(x.ByName, x.By)))
		c.printCertificate(x.Certificate)
	}
	for _, n := range r.Networks {
		c.ui.printf("  private network: %s:%d in %s, by %s", inline(n.Host), n.Port, n.CIDR, inline(cmp.Or(n.ByName, n.By)))
	}
}

// ofRemotes does something that is bound to the list as it is now.
func (c *cli) ofRemotes(ctx context.Context, installation string, do func(*client.Client, client.Remotes) (client.Remotes, string, error)) error {
	api, err := c.connect()
	if err != nil {
		return err
	}
	now, err := api.Remotes(ctx, installation)
	if err != nil {
		return err
	}
	all, did, err := do(api, now)
	return c.showRemotes(all, did, err)
}

func (c *cli) remoteSetCommand() *cobra.Command {
	var why string
	whatIf := false
	cmd := &cobra.Command{
		Use:   "set INSTALLATION REMOTE URL",
		Short: "Set where a remote is, within what its app supports",
		Long: "Sets where a remote is that may be configured, or that the app registered. It is in force within a second, for running\n" +
			"calls too. The remote's credential is emptied when the endpoint is another one. A URL in a private network needs\n" +
			"`annex network grant` first.",
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			if whatIf {
				return c.whatIf(cmd.Context(), args[0], client.WhatIfChange{Remotes: []client.RemoteURL{{Key: args[1], URL: args[2]}}})
			}
			return c.ofRemotes(cmd.Context(), args[0], func(api *client.Client, now client.Remotes) (client.Remotes, string, error) {
				all, err := api.SetRemote(cmd.Context(), args[0], args[1], args[2], why, now.Epoch)
				return all, "Set the remote " + args[1], err
			})
		},
	}
	cmd.Flags().StringVar(&why, "why", "", "a `note` for those who look at it later")
	whatIfFlag(cmd, &whatIf)
	return jsonFlag(cmd)
}

func (c *cli) remoteResetCommand() *cobra.Command {
	whatIf := false
	cmd := &cobra.Command{
		Use:   "reset INSTALLATION REMOTE",
		Short: "Take away what was set; what the manifest says counts again, if it says anything",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if whatIf {
				return c.whatIf(cmd.Context(), args[0], client.WhatIfChange{Remotes: []client.RemoteURL{{Key: args[1]}}})
			}
			return c.ofRemotes(cmd.Context(), args[0], func(api *client.Client, now client.Remotes) (client.Remotes, string, error) {
				all, err := api.ResetRemote(cmd.Context(), args[0], args[1], now.Epoch)
				return all, "Reset the remote " + args[1], err
			})
		},
	}
	whatIfFlag(cmd, &whatIf)
	return jsonFlag(cmd)
}

func (c *cli) credentialCommand() *cobra.Command {
	var in client.NewCredential
	var certificate, key string
	set := &cobra.Command{
		Use:   "set INSTALLATION REMOTE",
		Short: "Give a remote a credential, which the app uses and never reads",
		Long: "The secret is read from stdin, at a terminal without echo. It is sealed, goes to the scheme, host and port where the remote\n" +
			"is now and nowhere else, and is never shown again, to nobody. Another endpoint empties it.\n" +
			"KIND is bearer, basic, header, query, hmac, client-credentials or client-certificate. The last one is mutual TLS:\n" +
			"--certificate names a file with the certificate, and the secret is its private key, both as PEM.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			now, err := api.Remotes(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			at := slices.IndexFunc(now.Remotes, func(r client.RemoteDetail) bool { return r.Key == args[1] })
			if at < 0 || now.Remotes[at].URL == "" {
				return fault.New(fault.Conflict, "REMOTE_NOT_CONFIGURED", "the remote %s is nowhere yet", args[1]).WithFix("`annex remote set` says where it is")
			}
			in.Origin = originOf(now.Remotes[at].URL)
			if in.Certificate, err = c.readText(certificate); err != nil {
				return err
			}
			switch {
			case key != "":
				in.Secret, err = c.readText(key)
			case certificate != "" && c.env.Interactive:
				err = usage("a private key has many lines, which nobody types").WithFix("name its file: --key client.key")
			default:
				in.Secret, err = c.variableValue([]string{"the credential for " + in.Origin}, true)
			}
			if err != nil {
				return err
			}
			if in.Secret == "" {
				return usage("stdin holds no secret").WithFix("give it by a file or pipe: annex remote credential set INSTALLATION REMOTE < secret.txt")
			}
			slot, err := api.SetCredential(cmd.Context(), args[0], args[1], in)
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(slot)
				return nil
			}
			c.ui.printf("Stored a %s credential for %s, which goes to %s alone", inline(slot.Kind), args[1], inline(slot.Origin))
			c.printCertificate(slot.Certificate)
			return nil
		},
	}
	set.Flags().StringVar(&in.Kind, "kind", "bearer", "what it is: a `KIND`")
	set.Flags().StringVar(&in.Name, "name", "", "`name` of the header, parameter, user or client")
	set.Flags().StringVar(&in.TokenPath, "token-path", "", "of client-credentials: `path` of the token endpoint, on the remote's origin")
	set.Flags().StringVar(&in.Scope, "scope", "", "of client-credentials: the `scope` that is asked for")
	set.Flags().StringVar(&certificate, "certificate", "", "of client-certificate: `file` with the certificate, and those that lead to its authority")
	set.Flags().StringVar(&key, "key", "", "of client-certificate: `file` with the private key (default: stdin)")
	clear := &cobra.Command{
		Use:   "clear INSTALLATION REMOTE",
		Short: "Take a remote's credential away",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			if err := api.ClearCredential(cmd.Context(), args[0], args[1]); err != nil {
				return err
			}
			c.gone("remote", args[1], "Took the credential of %s away", args[1])
			return nil
		},
	}
	return parent("credential", "What a remote is called with", jsonFlag(set), jsonFlag(clear))
}

// printCertificate says what may be known of a certificate, and whether it is time for another.
func (c *cli) printCertificate(x *client.Certificate) {
	if x == nil {
		return
	}
	until := "until " + x.Expires.Local().Format(time.DateOnly)
	switch x.State {
	case "ending":
		until = c.ui.paint(red, until+": store another one before")
	case "ended":
		until = c.ui.paint(red, until+": it has ended, and the remote is not called any more")
	}
	c.ui.printf("  certificate: %s, by %s, %s", inline(x.Subject), inline(x.Issuer), until)
	c.ui.printf("  fingerprint: %s", inline(x.Fingerprint))
}

// gone says what was taken away.
func (c *cli) gone(what, name, format string, args ...any) {
	if c.json {
		c.ui.printJSON(map[string]string{what: name})
		return
	}
	c.ui.printf(format, args...)
}

// originOf is a URL's scheme, host and port.
func originOf(url string) string {
	scheme, rest, _ := strings.Cut(url, "://")
	host, _, _ := strings.Cut(rest, "/")
	return scheme + "://" + host
}

func (c *cli) moduleCommand() *cobra.Command {
	var f targetFlags
	list := &cobra.Command{
		Use:   "list [INSTALLATION]",
		Short: "List what an app registered at run time; it grants nothing until an admin sets a URL for it",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, id, err := c.at(cmd.Context(), f, args)
			if err != nil {
				return err
			}
			all, err := api.Modules(cmd.Context(), id)
			if err != nil {
				return err
			}
			return listed(c, "modules", all, "KEY TYPE NAME WITHIN AT", "The app registered nothing.", func(m client.RegisteredModule) []string {
				return []string{inline(m.Key), m.Type, inline(m.Name), cmp.Or(inline(strings.Join(m.Patterns, ", ")), "any host"), cmp.Or(inline(m.URL), "no address yet")}
			})
		},
	}
	f.add(list)
	whatIf := false
	remove := &cobra.Command{
		Use:   "remove INSTALLATION KEY",
		Short: "Remove what an app registered, with what was set for it",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			if whatIf {
				return c.whatIf(cmd.Context(), args[0], client.WhatIfChange{RemoveModules: args[1:]})
			}
			api, err := c.connect()
			if err != nil {
				return err
			}
			if err := api.RemoveModule(cmd.Context(), args[0], args[1]); err != nil {
				return err
			}
			c.gone("module", args[1], "Removed %s", args[1])
			return nil
		},
	}
	whatIfFlag(remove, &whatIf)
	return parent("module", "What an app registered at run time (admin)", jsonFlag(list), jsonFlag(remove))
}
