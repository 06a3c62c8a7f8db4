package cli

import (
	"cmp"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strconv"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) networkCommand() *cobra.Command {
	return parent("network", "Private networks: listed for a site by the operator, opened for single remotes by its admins",
		c.networkListCommand(), c.networkAddCommand(), c.networkRemoveCommand(), c.networkGrantCommand(), c.networkRevokeCommand())
}

func (c *cli) networkListCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "list SITE",
		Short: "List the private networks of which a site's admins may open single hosts",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			all, err := api.Networks(cmd.Context(), args[0])
			if err != nil {
				return err
			}
			return listed(c, "networks", all, "ID NETWORK PORTS EXPIRES BY NOTE", fmt.Sprintf("No private network is listed for %s.", args[0]), func(n client.Network) []string {
				expires := "never"
				if n.Expires != nil {
					expires = n.Expires.Local().Format(time.DateTime)
				}
				return []string{n.ID, n.CIDR, portsText(n.Ports), expires, inline(cmp.Or(n.ByName, n.By)), inline(n.Note)}
			})
		},
	})
}

func portsText(ports []uint16) string {
	var out []string
	for _, p := range ports {
		out = append(out, strconv.Itoa(int(p)))
	}
	return strings.Join(out, ",")
}

func (c *cli) networkAddCommand() *cobra.Command {
	var n client.NewNetwork
	var ports []uint
	var ca, until string
	cmd := &cobra.Command{
		Use:   "add SITE CIDR",
		Short: "List a private network for a site (operator)",
		Long: "Lists a network, such as 10.20.0.0/16, for one site. Nothing is opened by that: an admin of the site opens single hosts and\n" +
			"ports of it for single remotes. Loopback, link-local addresses, metadata services and multicast are never listed.",
		Args: cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			n.CIDR = args[1]
			for _, p := range ports {
				if p == 0 || p > 65535 {
					return usage("--port %d is no port", p)
				}
				n.Ports = append(n.Ports, uint16(p))
			}
			if n.CA, err = c.readText(ca); err != nil {
				return err
			}
			if until != "" {
				at, err := time.Parse(time.RFC3339, until)
				if err != nil {
					return usage("--expires must be an RFC 3339 time, such as 2027-01-31T08:00:00Z")
				}
				n.Expires = &at
			}
			got, err := api.AddNetwork(cmd.Context(), args[0], n)
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(got)
				return nil
			}
			c.ui.printf("Listed %s, ports %s, for %s as %s", got.CIDR, portsText(got.Ports), args[0], got.ID)
			return nil
		},
	}
	cmd.Flags().UintSliceVar(&ports, "port", nil, "`port` that may be opened there; repeatable")
	cmd.Flags().StringVar(&ca, "ca", "", "`file` with the certificates of the authority that signs certificates there")
	cmd.Flags().StringVar(&n.Note, "note", "", "what it is, for the site's admins")
	cmd.Flags().StringVar(&until, "expires", "", "`time` (RFC 3339) at which every grant inside it ends")
	return jsonFlag(required(cmd, "port"))
}

// readText reads a small file that a flag names, "" for none.
func (c *cli) readText(name string) (string, error) {
	if name == "" {
		return "", nil
	}
	if !filepath.IsAbs(name) {
		name = filepath.Join(c.env.Dir, name)
	}
	text, err := os.ReadFile(name)
	if err != nil {
		return "", usage("%v", err)
	}
	return string(text), nil
}

func (c *cli) networkRemoveCommand() *cobra.Command {
	return jsonFlag(&cobra.Command{
		Use:   "remove SITE ID",
		Short: "Take a network from a site's list, and every grant inside it with it (operator)",
		Args:  cobra.ExactArgs(2),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			if err := api.RemoveNetwork(cmd.Context(), args[0], args[1]); err != nil {
				return err
			}
			c.gone("network", args[1], "Took %s from the list of %s, with every grant inside it", args[1], args[0])
			return nil
		},
	})
}

func hostPort(text string) (string, uint16, error) {
	host, port, err := net.SplitHostPort(text)
	if err == nil {
		if n, perr := strconv.ParseUint(port, 10, 16); perr == nil && n > 0 {
			return host, uint16(n), nil
		}
	}
	return "", 0, usage("%q is not HOST:PORT", text).WithFix("such as logs.internal:8088 or 10.20.0.5:8088")
}

func (c *cli) networkGrantCommand() *cobra.Command {
	var in client.NetworkGrant
	var ca string
	whatIf := false
	cmd := &cobra.Command{
		Use:   "grant INSTALLATION REMOTE HOST:PORT",
		Short: "Open one host and port of a listed network for one remote (admin)",
		Long: "Opens one host and port, inside a network that the operator listed for the site, for one remote of one installation. Only\n" +
			"then, and only there, may the remote's URL be plain http or an address. `annex remote set` says the URL.",
		Args: cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			var err error
			if in.Host, in.Port, err = hostPort(args[2]); err != nil {
				return err
			}
			if in.CA, err = c.readText(ca); err != nil {
				return err
			}
			if whatIf {
				return c.whatIf(cmd.Context(), args[0], client.WhatIfChange{OpenNetworks: []client.NetworkOfRemote{{Remote: args[1], Network: in.Network, Host: in.Host, Port: in.Port}}})
			}
			return c.ofRemotes(cmd.Context(), args[0], func(api *client.Client, now client.Remotes) (client.Remotes, string, error) {
				in.Epoch = now.Epoch
				all, err := api.GrantNetwork(cmd.Context(), args[0], args[1], in)
				return all, "Opened " + args[2] + " for the remote " + args[1], err
			})
		},
	}
	cmd.Flags().StringVar(&in.Network, "network", "", "`id` of the operator's entry: `annex network list`")
	cmd.Flags().StringVar(&ca, "ca", "", "`file` with the certificates of the authority that signs the host's; the network's own unless given")
	whatIfFlag(cmd, &whatIf)
	return jsonFlag(required(cmd, "network"))
}

func (c *cli) networkRevokeCommand() *cobra.Command {
	whatIf := false
	cmd := &cobra.Command{
		Use:   "revoke INSTALLATION REMOTE HOST:PORT",
		Short: "Close a host and port of a private network for a remote; in force within a second (admin)",
		Args:  cobra.ExactArgs(3),
		RunE: func(cmd *cobra.Command, args []string) error {
			host, port, err := hostPort(args[2])
			if err != nil {
				return err
			}
			if whatIf {
				return c.whatIf(cmd.Context(), args[0], client.WhatIfChange{CloseNetworks: []client.NetworkOfRemote{{Remote: args[1], Host: host, Port: port}}})
			}
			return c.ofRemotes(cmd.Context(), args[0], func(api *client.Client, _ client.Remotes) (client.Remotes, string, error) {
				all, err := api.RevokeNetwork(cmd.Context(), args[0], args[1], host, port)
				return all, fmt.Sprintf("Closed %s for the remote %s", args[2], args[1]), err
			})
		},
	}
	whatIfFlag(cmd, &whatIf)
	return jsonFlag(cmd)
}
