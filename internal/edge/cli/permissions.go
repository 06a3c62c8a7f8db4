package cli

import (
	"os"
	"path/filepath"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/edge/cli/client"
	"github.com/annexhq/annex/manifest"
)

func (c *cli) permissionsCommand() *cobra.Command {
	return parent("permissions", "What a manifest lets an app do, and what it needs", c.permissionsDiffCommand(), c.permissionsSuggestCommand())
}

// permissionsDiff is what `annex permissions diff --json` prints.
type permissionsDiff struct {
	Grows   bool               `json:"grows"`
	Changes []permissionChange `json:"changes"`
	// Example is the least thing that the new manifest permits and the old one does not.
	Example *perm.Example `json:"example"`
}

type permissionChange struct {
	Grows bool `json:"grows"`
	perm.Change
}

func (c *cli) permissionsDiffCommand() *cobra.Command {
	var check bool
	cmd := &cobra.Command{
		Use:   "diff OLD.yml NEW.yml",
		Short: "Say whether a manifest permits more than another",
		Long: "Compares what the two manifests mean, not how they are written, by the rule that decides whether a new version waits\n" +
			"for site admins. When authority grows, one thing is shown that the new manifest permits and the old one does not:\n" +
			"the least in a fixed order, so that the same question has the same answer. Asks no server.",
		Args: cobra.ExactArgs(2),
		RunE: func(_ *cobra.Command, args []string) error {
			before, after, err := c.twoManifests(args[0], args[1])
			if err != nil {
				return err
			}
			if grows := c.printPermissions(before.Permissions(), after.Permissions()); grows && check {
				return silent{fault.Waiting}
			}
			return nil
		},
	}
	cmd.Flags().BoolVar(&check, "check", false, "exit with code 5 when authority grows: site admins would have to decide")
	return jsonFlag(cmd)
}

// twoManifests reads both files; what is wrong with either is said of both at once.
func (c *cli) twoManifests(oldFile, newFile string) (before, after *manifest.Manifest, err error) {
	var wrong []client.Diagnostic
	read := func(file string) (*manifest.Manifest, error) {
		path := file
		if !filepath.IsAbs(path) {
			path = filepath.Join(c.dir, path)
		}
		text, err := os.ReadFile(path)
		if err != nil {
			return nil, fault.New(fault.Invalid, "NO_MANIFEST", "%s cannot be read: %v", file, err).WithFix("name a manifest that exists").Because(err)
		}
		m, ds := manifest.Load(file, text, manifest.Options{Lookup: os.LookupEnv})
		for _, d := range ds.Errors() {
			wrong = append(wrong, client.Diagnostic{File: d.File, Line: d.Line, Column: d.Column, Rule: d.Rule,
				Severity: string(d.Severity), Message: d.Message, Fix: d.Fix})
		}
		return m, nil
	}
	if before, err = read(oldFile); err != nil {
		return nil, nil, err
	}
	if after, err = read(newFile); err != nil {
		return nil, nil, err
	}
	if len(wrong) > 0 {
		said := fault.New(fault.Invalid, "MANIFEST_INVALID", "a manifest with errors permits nothing that could be compared").WithFix("correct what is listed")
		return nil, nil, &client.Failure{Fault: said, Diagnostics: wrong}
	}
	return before, after, nil
}

func (c *cli) printPermissions(before, after perm.Set) (grows bool) {
	cmp := perm.Compare(before, after)
	if c.json {
		out := permissionsDiff{Grows: cmp.Grows, Changes: []permissionChange{}, Example: cmp.Example}
		for _, ch := range cmp.Grown {
			out.Changes = append(out.Changes, permissionChange{true, ch})
		}
		for _, ch := range cmp.Shrunk {
			out.Changes = append(out.Changes, permissionChange{false, perm.Change{Kind: ch.Kind, New: ch.Before, Before: ch.New}})
		}
		c.ui.printJSON(out)
		return cmp.Grows
	}
	switch {
	case cmp.Grows:
		c.ui.printf("%s", c.ui.paint(bold, "Authority grows: site admins have to approve it."))
	case len(cmp.Shrunk) > 0:
		c.ui.printf("Authority does not grow; it shrinks.")
	default:
		c.ui.printf("Both permit the same.")
	}
	if cmp.Example != nil {
		c.ui.printf("  %s", cmp.Example.Text)
		if cmp.Example.URL != "" {
			c.ui.printf("  for instance %s", cmp.Example.URL)
		}
	}
	for _, ch := range cmp.Grown {
		c.ui.printf("%s %s (before: %s)", c.ui.paint(red, "+"), ch.New, ch.Before)
	}
	for _, ch := range cmp.Shrunk {
		c.ui.printf("%s %s (now: %s)", c.ui.paint(green, "-"), ch.New, ch.Before)
	}
	return cmp.Grows
}
