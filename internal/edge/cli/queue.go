package cli

import (
	"encoding/json"
	"strconv"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) queueCommand() *cobra.Command {
	return parent("queue", "What an installation has queued, and what was given up", c.queueListCommand(), c.queueShowCommand(), c.queueRetryCommand(), c.queueDropCommand())
}

// onQueue does something to the queue of the installation that the command line names.
func (c *cli) onQueue(cmd *cobra.Command, f targetFlags, args []string, do func(api *client.Client, installation string) (any, func(), error)) error {
	api, installation, err := c.at(cmd.Context(), f, args)
	if err != nil {
		return err
	}
	out, say, err := do(api, installation)
	if err != nil {
		return err
	}
	if c.json {
		c.ui.printJSON(out)
		return nil
	}
	say()
	return nil
}

func (c *cli) queueListCommand() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "list [INSTALLATION]",
		Short: "Count what waits, runs and was given up, and list the last dead letters",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.onQueue(cmd, f, args, func(api *client.Client, installation string) (any, func(), error) {
				q, err := api.Queue(cmd.Context(), installation)
				return q, func() { c.printQueue(q) }, err
			})
		},
	}
	f.add(cmd)
	return jsonFlag(cmd)
}

func (c *cli) printQueue(q client.Queue) {
	var rows [][]string
	for _, n := range q.Counts {
		rows = append(rows, []string{n.Kind, n.Name, strconv.Itoa(n.Waiting), strconv.Itoa(n.Running), strconv.Itoa(n.Dead)})
	}
	if len(rows) == 0 {
		c.ui.printf("Nothing is queued.")
		return
	}
	c.ui.table("KIND NAME WAITING RUNNING DEAD", rows)
	rows = nil
	for _, l := range q.Dead {
		rows = append(rows, []string{l.ID, l.Kind, l.Name, l.Class, strconv.Itoa(l.Attempts), stamp(l.EndedAt)})
	}
	if len(rows) > 0 {
		c.ui.table("DEAD-LETTER KIND NAME CLASS ATTEMPTS ENDED", rows)
	}
}

func (c *cli) queueShowCommand() *cobra.Command {
	var letter string
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "show [INSTALLATION]",
		Short: "Show a dead letter; its body for the site's admin",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.onQueue(cmd, f, args, func(api *client.Client, installation string) (any, func(), error) {
				l, err := api.DeadLetter(cmd.Context(), installation, letter)
				return l, func() {
					c.ui.printf("%s of %s %s, given up %s after %s: %s", l.ID, l.Kind, inline(l.Name), stamp(l.EndedAt), plural(l.Attempts, "attempt"), l.Class)
					if len(l.Body) > 0 {
						c.ui.printf("%s", inline(string(l.Body)))
					}
				}, err
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&letter, "letter", "", "`id` of the dead letter")
	return required(jsonFlag(cmd), "letter")
}

func (c *cli) queueRetryCommand() *cobra.Command {
	var letters []string
	var all bool
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "retry [INSTALLATION]",
		Short: "Have dead letters handled again, under their old ids",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			if all == (len(letters) > 0) {
				return usage("name dead letters with --letter, or say --all").WithFix("`annex queue list` shows them")
			}
			return c.onQueue(cmd, f, args, func(api *client.Client, installation string) (any, func(), error) {
				n, err := api.RetryLetters(cmd.Context(), installation, letters)
				return map[string]int{"retried": n}, func() { c.ui.printf("%s to be handled again", plural(n, "dead letter")) }, err
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringSliceVar(&letters, "letter", nil, "`id` of a dead letter; may be given again")
	cmd.Flags().BoolVar(&all, "all", false, "all of the installation's")
	return jsonFlag(cmd)
}

func (c *cli) queueDropCommand() *cobra.Command {
	var letter string
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "drop [INSTALLATION]",
		Short: "End a dead letter for good (admin)",
		Args:  cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			return c.onQueue(cmd, f, args, func(api *client.Client, installation string) (any, func(), error) {
				err := api.DropLetter(cmd.Context(), installation, letter)
				return json.RawMessage(`{}`), func() { c.ui.printf("It is gone.") }, err
			})
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&letter, "letter", "", "`id` of the dead letter")
	return required(jsonFlag(cmd), "letter")
}
