package cli

import (
	"cmp"
	"fmt"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) receiptsCommand() *cobra.Command {
	var site string
	export := &cobra.Command{
		Use:   "export",
		Short: "Write a site's receipts to stdout, as JSON lines that end with a signed checkpoint",
		Long:  "Write them to a file: `annex receipts export > FILE`. `annex audit verify FILE` checks them, without a server.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			return api.ReceiptsExport(cmd.Context(), site, c.ui.out)
		},
	}
	export.Flags().StringVarP(&site, "site", "s", "", "`site` whose receipts are meant; an operator names it")
	return parent("receipts", "What the server sent for apps, chained and signed (admin)", export)
}

func (c *cli) egressCommand() *cobra.Command {
	var f targetFlags
	var since string
	report := &cobra.Command{
		Use:   "report [INSTALLATION]",
		Short: "Show where an installation's requests went, and what may leave uncounted",
		Long: "Shows each destination with its requests, bytes and refusals, from the broker's own records, and what admins configured.\n" +
			"What pages in browsers load does not pass the server: those destinations are listed as possible, and nobody counts them.\n" +
			"An admin sees this of the site's installations, a developer of those from development and staging.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, id, err := c.at(cmd.Context(), f, args)
			if err != nil {
				return err
			}
			s, err := api.Sent(cmd.Context(), id, since, "")
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(s)
				return nil
			}
			c.printSent(s)
			return nil
		},
	}
	f.add(report)
	report.Flags().StringVar(&since, "since", "", "not older than this `time` (RFC 3339); 30 days ago unless given")
	return parent("egress", "Where apps send, and what leaves", jsonFlag(report))
}

func (c *cli) printSent(s client.Sent) {
	c.printSignal(s.Signal)
	var rows [][]string
	for _, d := range s.Destinations {
		to := whither(d.Origin, d.Type)
		last := ""
		if d.Last != nil {
			last = d.Last.Local().Format(time.DateTime)
		}
		rows = append(rows, []string{cmp.Or(strings.TrimSpace(d.Via+" "+d.Key), "-"), to, fmt.Sprint(d.Requests), fmt.Sprint(d.Refused), bytesText(int(d.Sent)), bytesText(int(d.Received)), last})
	}
	if len(rows) == 0 {
		c.ui.printf("The server sent nothing for it since %s.", s.Since.Local().Format(time.DateTime))
	} else {
		c.ui.table("BY TO SENT REFUSED BYTES ANSWERS LAST", rows)
	}
	for _, x := range s.Configured {
		c.ui.printf("configured: %s %s by %s, %s", x.Type, inline(x.Pattern), inline(cmp.Or(x.ByName, x.By, "an admin")), x.At.Local().Format(time.DateTime))
	}
	for _, r := range s.Remotes {
		c.ui.printf("remote: %s at %s", inline(r.Key), inline(cmp.Or(r.URL, "no address yet")))
	}
	for _, n := range s.Networks {
		c.ui.printf("private network: %s:%d for remote %s", inline(n.Host), n.Port, inline(n.Remote))
	}
	for _, p := range s.Possible {
		c.ui.printf("possible, uncounted: %s %s (browsers load it, not the server)", p.Type, inline(p.Pattern))
	}
}

// signalWords are the words of signals.
var signalWords = map[perm.SignalValue]string{
	perm.StaysInside: "Stays inside", perm.StaysInsideToday: "Stays inside today", perm.SendsDataOut: "Sends data out",
}

func (c *cli) printSignal(s client.Signal) {
	c.ui.printf("%s", c.ui.paint(bold, signalWords[s.Value]))
	for _, r := range s.Reasons {
		c.ui.printf("  %s: %s %s", r.Code, r.Text, inline(strings.Join(r.Where, ", ")))
	}
}

func (c *cli) eligibilityCommand() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "eligibility [INSTALLATION]",
		Short: "Say whether data can leave a site by the app, and why",
		Long: "Says one of three things with its reasons: stays inside, stays inside today (the app may ask an admin for a way out), sends data out.\n" +
			"Without an installation it is computed from the manifest, as if all of it were granted, and asks no server; of an\n" +
			"installation from what it may do there.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if len(args) == 0 && f.site == "" && f.product == "" {
				m, _, err := c.twoManifests("manifest.yml", "manifest.yml")
				if err != nil {
					return err
				}
				return c.printEligibility(perm.SignalOf(m.Permissions(), perm.Circumstances{}))
			}
			api, id, err := c.at(cmd.Context(), f, args)
			if err != nil {
				return err
			}
			s, err := api.Sent(cmd.Context(), id, "", "")
			if err != nil {
				return err
			}
			return c.printEligibility(s.Signal)
		},
	}
	f.add(cmd)
	return jsonFlag(cmd)
}

func (c *cli) printEligibility(s perm.Signal) error {
	if c.json {
		c.ui.printJSON(s)
		return nil
	}
	c.printSignal(s)
	return nil
}

func (c *cli) permissionsSuggestCommand() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "suggest [INSTALLATION]",
		Short: "Propose the least permissions with which all that an installation did goes on",
		Long: "Looks at what an installation from development or staging really did within 30 days, and proposes the smallest scopes, hosts,\n" +
			"remotes and providers: without any line of it a request that was made would have been refused. What pages in browsers load\n" +
			"does not pass the server; what is declared for that is listed apart.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, id, err := c.at(cmd.Context(), f, args)
			if err != nil {
				return err
			}
			s, err := api.Suggest(cmd.Context(), id)
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(s)
				return nil
			}
			c.ui.printf("From %s within %d days:", plural(int(s.Calls), "request"), s.Days)
			c.printManifest(s.Proposed)
			for _, p := range perm.Pieces(s.Unused) {
				c.ui.printf("%s %s", c.ui.paint(green, "not needed:"), inline(p.Key))
			}
			for _, p := range perm.Pieces(s.Unmeasured) {
				c.ui.printf("not measured (browsers load it): %s", inline(p.Key))
			}
			if s.Rest > 0 {
				c.ui.note("note: %s went to more destinations than are told apart, and are not looked at", plural(int(s.Rest), "request"))
			}
			return nil
		},
	}
	f.add(cmd)
	return jsonFlag(cmd)
}

// printManifest writes a set as the lines of a manifest.
func (c *cli) printManifest(s perm.Set) {
	if perm.Empty(s) {
		c.ui.printf("  it needs no permission.")
		return
	}
	c.ui.printf("permissions:")
	if len(s.Scopes) > 0 {
		c.ui.printf("  scopes:")
	}
	for _, v := range s.Scopes {
		if v.Impersonation {
			c.ui.printf("    %s:\n      allowImpersonation: true", inline(v.Name))
			continue
		}
		c.ui.printf("    - %s", inline(v.Name))
	}
	sides := map[perm.EgressType]string{perm.Backend: "backend", perm.Client: "client"}
	if len(s.Egress) > 0 {
		c.ui.printf("  external:\n    fetch:")
	}
	last := ""
	for _, e := range s.Egress {
		if side := sides[e.Type]; side != last {
			c.ui.printf("      %s:", side)
			last = side
		}
		c.ui.printf("        - %s", inline(strings.TrimPrefix(e.Pattern.String(), "https://")))
	}
	for _, r := range s.Remotes {
		c.ui.printf("# and the remote %s", inline(r.Key))
	}
	for _, p := range s.Providers {
		c.ui.printf("# and the provider %s", inline(p.Key))
	}
}

var partWords = map[string]string{
	"webtrigger": "web address", "apiRoute": "route of its API", "scheduledTrigger": "schedule", "trigger": "what it does on events", "action": "action for agents",
}

// whither words where requests went, or would have: what has a type and no origin was tried
// where there is no address.
func whither(origin, typ string) string {
	switch {
	case origin != "":
		return origin
	case typ != "":
		return "nowhere: it has no address here"
	}
	return "others, counted together"
}

// printEnding says what stops when an app is uninstalled.
func (c *cli) printEnding(p client.Prediction) {
	c.ui.printf("What stops working:")
	for _, x := range p.Stops {
		c.ui.printf("  %s %s", cmp.Or(partWords[x.Type], inline(x.Type)), inline(cmp.Or(x.Title, x.Key)))
	}
	n := 0
	for _, d := range p.Differences {
		if d.Refused > 0 {
			n++
			c.ui.printf("  %s within %d days to %s", plural(int(d.Refused), "request"), p.Days, inline(strings.TrimSpace(whither(d.Origin, d.Type)+" "+d.Operation)))
		}
	}
	if n == 0 {
		c.ui.printf("  it sent nothing and called no product within %d days", p.Days)
	}
}

// printPrediction says what a change would have meant.
func (c *cli) printPrediction(p client.Prediction) {
	if p.Refused+p.Allowed+p.Unsure == 0 {
		c.ui.printf("Of %s within %d days none would have gone otherwise.", plural(int(p.Seen), "request"), p.Days)
	}
	for _, d := range p.Differences {
		to := strings.TrimSpace(whither(d.Origin, d.Type) + " " + d.Operation)
		unsure := "%s to %s: it depends on what is not kept, such as a path"
		if d.Via == "product" {
			unsure = "%s to %s: it depends on whether the people agree, who are asked when more may leave"
		}
		for _, x := range []struct {
			n    int64
			what string
		}{{d.Refused, "would have refused %s to %s"}, {d.Allowed, "would have let go %s to %s that were refused"}, {d.Unsure, unsure}} {
			if x.n > 0 {
				c.ui.printf(x.what, plural(int(x.n), "request"), inline(to))
			}
		}
	}
	if p.Before.Value != p.After.Value {
		c.ui.printf("%s; now: %s", signalWords[p.After.Value], strings.ToLower(signalWords[p.Before.Value]))
	}
}
