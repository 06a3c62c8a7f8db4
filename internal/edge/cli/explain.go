package cli

import (
	"maps"
	"slices"

	"github.com/spf13/cobra"
)

// explainCSPCommand prints the policy of an installation's pages, source by source.
func (c *cli) explainCSPCommand() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "csp [INSTALLATION]",
		Short: "Show what bounds an installation's pages in a browser, and the grant behind each source",
		Long: "Prints each source of the Content-Security-Policy that every answer of the installation's origin carries, with the key of the\n" +
			"permission that it comes from (`annex grants` takes those keys), and what browsers reported that it blocked. An admin sees\n" +
			"this of the site's installations, a developer of those from development and staging.",
		Args: cobra.MaximumNArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, id, err := c.at(cmd.Context(), f, args)
			if err != nil {
				return err
			}
			p, err := api.Pages(cmd.Context(), id)
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(p)
				return nil
			}
			c.ui.printf("Origin: %s", p.Origin)
			for _, name := range slices.Sorted(maps.Keys(p.Documents)) {
				c.ui.printf("  %s: %s", inline(name), inline(p.Documents[name]))
			}
			directive := ""
			for _, s := range p.Sources {
				if s.Directive != directive {
					directive = s.Directive
					c.ui.printf("%s", directive)
				}
				why := s.Text
				if s.Grant != "" {
					why = "from " + s.Grant
				}
				c.ui.printf("  %-40s %s", inline(s.Source), inline(why))
			}
			c.ui.printf("Connection-Allowlist: %s", inline(p.Allowlist))
			if len(p.Blocked) > 0 {
				c.ui.printf("Browsers reported that they blocked (the app's pages can write such reports themselves):")
			}
			for _, b := range p.Blocked {
				c.ui.printf("  %s %s, %s: %s", inline(b.Directive), inline(b.Origin), plural(int(b.Times), "time"), inline(b.Allow))
			}
			return nil
		},
	}
	f.add(cmd)
	return jsonFlag(cmd)
}
