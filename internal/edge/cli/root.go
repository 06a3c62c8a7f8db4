package cli

import (
	"errors"
	"os"
	"path/filepath"
	"strings"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
)

// root makes the tree of commands.
func (c *cli) root() *cobra.Command {
	root := &cobra.Command{
		Use:           "annex",
		Short:         "Run apps of other people inside your product, without trusting them",
		SilenceErrors: true,
		SilenceUsage:  true,
		Args:          cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			return cmd.Help()
		},
		PersistentPreRunE: func(cmd *cobra.Command, _ []string) error {
			c.path = cmd.CommandPath()
			if f := cmd.Flags().Lookup("json"); f != nil && f.Value.String() == "true" {
				c.json, c.ui.quiet = true, true
			}
			return c.enterDir()
		},
	}
	root.PersistentFlags().StringVarP(&c.dir, "dir", "C", "", "the app's `folder` (default: the working directory)")
	root.SetFlagErrorFunc(func(cmd *cobra.Command, err error) error {
		return usage("%v", err).WithFix("`%s --help` lists the flags", cmd.CommandPath())
	})
	root.AddGroup(
		&cobra.Group{ID: "app", Title: "Making apps:"},
		&cobra.Group{ID: "run", Title: "Installing and calling:"},
		&cobra.Group{ID: "server", Title: "Running a server:"},
	)
	group := func(id string, cmds ...*cobra.Command) {
		for _, cmd := range cmds {
			cmd.GroupID = id
			root.AddCommand(cmd)
		}
	}
	group("app", c.createCommand(), c.registerCommand(), c.lintCommand(), c.deployCommand(), c.promoteCommand(),
		c.versionsCommand(), c.environmentsCommand(), c.variablesCommand(), c.providersCommand(), c.permissionsCommand(), c.eligibilityCommand(), c.explainCommand())
	group("run", c.installCommand(), c.uninstallCommand(), c.grantsCommand(), c.agreementsCommand(), c.remoteCommand(), c.moduleCommand(), c.egressCommand(), c.receiptsCommand(), c.appCommand(), c.updatesCommand(), c.webtriggerCommand(), c.invokeCommand(), c.tunnelCommand(), c.logsCommand(), c.queueCommand(), c.storageCommand(), c.usageCommand())
	group("server", c.serveCommand(), c.backupCommand(), c.restoreCommand(), c.demoCommand(), c.productCommand(), c.keysCommand(), c.siteCommand(), c.networkCommand(), c.accessRulesCommand(), c.accountCommand(), c.tokenCommand(), c.auditCommand())
	root.AddCommand(c.loginCommand(), c.logoutCommand(), c.whoamiCommand(), c.versionCommand())
	strict(root)
	return root
}

// strict makes every command refuse what it does not understand, in one voice: a
// misspelt sub-command must not succeed by printing help.
func strict(cmd *cobra.Command) {
	if args := cmd.Args; args != nil {
		cmd.Args = func(cmd *cobra.Command, a []string) error {
			if err := args(cmd, a); err != nil {
				var f *fault.Error
				if errors.As(err, &f) {
					return err
				}
				return wrongArgs(cmd, a)
			}
			return nil
		}
	} else if cmd.HasSubCommands() {
		cmd.Args = func(cmd *cobra.Command, a []string) error {
			if len(a) > 0 {
				return usage("%s has no command %q", cmd.CommandPath(), a[0]).WithFix("`%s --help` lists the commands", cmd.CommandPath())
			}
			return usage("%s needs a command", cmd.CommandPath()).WithFix("`%s --help` lists the commands", cmd.CommandPath())
		}
		cmd.RunE = func(*cobra.Command, []string) error { return nil }
	}
	for _, sub := range cmd.Commands() {
		strict(sub)
	}
}

// wrongArgs words what cobra says of a command's arguments.
func wrongArgs(cmd *cobra.Command, args []string) error {
	_, takes, _ := strings.Cut(cmd.Use, " ")
	switch {
	case !cmd.HasParent():
		return usage("annex has no command %q", args[0]).WithFix("`annex --help` lists the commands")
	case cmd.HasSubCommands() && takes == "":
		return usage("%s has no command %q", cmd.CommandPath(), args[0]).WithFix("`%s --help` lists the commands", cmd.CommandPath())
	case takes == "":
		return usage("%s takes no argument and got %q", cmd.CommandPath(), args[0]).WithFix("usage: %s", cmd.UseLine())
	}
	return usage("%s takes %s and got %s", cmd.CommandPath(), takes, plural(len(args), "argument")).WithFix("usage: %s", cmd.UseLine())
}

// enterDir makes --dir absolute and sure to be a folder.
func (c *cli) enterDir() error {
	dir := c.dir
	if !filepath.IsAbs(dir) {
		dir = filepath.Join(c.env.Dir, dir)
	}
	if c.dir != "" {
		if info, err := os.Stat(dir); err != nil || !info.IsDir() {
			return usage("--dir: %s is not a folder", c.dir).WithFix("name the folder that holds manifest.yml")
		}
	}
	c.dir = dir
	return nil
}

// jsonFlag gives a command --json.
func jsonFlag(cmd *cobra.Command) *cobra.Command {
	cmd.Flags().Bool("json", false, "print one JSON object")
	return cmd
}

// parent is a command that only has sub-commands.
func parent(use, short string, subs ...*cobra.Command) *cobra.Command {
	cmd := &cobra.Command{Use: use, Short: short}
	cmd.AddCommand(subs...)
	return cmd
}

// required marks flags without which a command makes no sense.
func required(cmd *cobra.Command, names ...string) *cobra.Command {
	run := cmd.RunE
	cmd.RunE = func(cmd *cobra.Command, args []string) error {
		for _, n := range names {
			if f := cmd.Flags().Lookup(n); f.Value.String() == "" || f.Value.String() == "[]" {
				return usage("%s needs --%s", cmd.CommandPath(), n).WithFix("--%s: %s", n, strings.ReplaceAll(f.Usage, "`", ""))
			}
		}
		return run(cmd, args)
	}
	return cmd
}
