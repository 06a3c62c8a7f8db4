package cli

import (
	"fmt"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/edge/cli/client"
)

// counted are the things that quotas count, in the order in which they are shown.
var counted = []struct{ key, words string }{
	{"calls", "calls"}, {"outbound", "outbound requests"}, {"productCalls", "product calls"}, {"pushes", "queued events"}, {"logLines", "log lines"},
	{"storageReads", "storage reads"}, {"storageWrites", "storage writes"},
}

func (c *cli) usageCommand() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "usage [INSTALLATION]",
		Short: "What an installation uses, was refused, and may use",
		Long: "Counts of the last days, what is stored and queued, and the figures of a minute, which the operator sets (`annex serve --quotas`). The site's\n" +
			"admin and the app's developer see the same: counts, and nothing of what was done. Beside it the admin sees what all apps of the\n" +
			"site have stored and may, the developer what all installations of the app's environment have.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.onQueue(cmd, f, args, func(api *client.Client, installation string) (any, func(), error) {
				u, err := api.Usage(cmd.Context(), installation)
				return u, func() { c.printUsage(u) }, err
			})
		},
	}
	f.add(cmd)
	return jsonFlag(cmd)
}

func (c *cli) printUsage(u client.Usage) {
	c.ui.printf("Stored: %s", stored(u.Stored.Stored))
	if u.Stored.App != nil {
		c.ui.printf("Stored by all installations of the app's environment: %s", stored(*u.Stored.App))
	}
	if u.Stored.Site != nil {
		c.ui.printf("Stored by all apps of the site: %s", stored(*u.Stored.Site))
	}
	c.ui.printf("Queued: %s events, %s bytes, dead letters included", outOf(u.Queued.Events, u.Queued.MaxEvents), outOf(u.Queued.Bytes, u.Queued.MaxBytes))
	var rows [][]string
	for _, k := range counted {
		figure := "unbounded"
		if n := u.PerMinute[k.key]; n >= 0 {
			figure = fmt.Sprint(n)
		}
		rows = append(rows, []string{k.words, figure})
	}
	c.ui.table("WHAT A-MINUTE", rows)
	rows = nil
	for _, d := range u.Days {
		rows = append(rows, []string{d.Day, d.What, fmt.Sprint(d.Used), fmt.Sprint(d.Refused)})
	}
	if len(rows) > 0 {
		c.ui.table("DAY WHAT USED REFUSED", rows)
	}
}

func stored(s client.Stored) string {
	return outOf(s.Keys, s.MaxKeys) + " keys, " + outOf(s.Bytes, s.MaxBytes) + " bytes"
}

func outOf(n, most int64) string {
	if most < 0 {
		return fmt.Sprint(n)
	}
	return fmt.Sprintf("%d of %d", n, most)
}
