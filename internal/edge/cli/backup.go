package cli

import (
	"bufio"
	"errors"
	"time"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/settings"
)

// BackupOptions are the flags of `annex backup`.
type BackupOptions struct {
	To   string
	Keys bool
}

// BackupReport says what a backup holds.
type BackupReport struct {
	File    string    `json:"file"`
	Digest  string    `json:"digest"`
	Bytes   int64     `json:"bytes"`
	Made    time.Time `json:"made"`
	Rows    int       `json:"rows"`
	Blobs   int       `json:"blobs"`
	Missing []string  `json:"missing,omitempty"`
	Keys    bool      `json:"keys"`
}

// RestoreOptions are the flags of `annex restore`.
type RestoreOptions struct {
	From    string
	Keys    bool
	Replace bool
}

// RestoreReport says what a restore brought back, and what waits.
type RestoreReport struct {
	Made      time.Time `json:"made"`
	Digest    string    `json:"digest"`
	Missing   []string  `json:"missing,omitempty"`
	Compared  bool      `json:"compared"`
	Waiting   int       `json:"waiting"`
	Stopped   int       `json:"stopped"`
	Tokens    int64     `json:"tokens"`
	Addresses int       `json:"addresses"`
	Keys      bool      `json:"keys"`
}

// dataSettings are what says where a server's data lies.
var dataSettings = []string{"data", "database", "database-file", "key-ring", "blobs"}

func (c *cli) backupCommand() *cobra.Command {
	var o BackupOptions
	cmd := &cobra.Command{
		Use:   "backup",
		Short: "Write everything that a server keeps into one file",
		Long: "Writes the database, as of one moment, and the deployed bytes into a file that only you may read. The server may go on\n" +
			"meanwhile. It takes the settings of `annex serve` that say where the data lies. The key ring is not in the file unless\n" +
			"--with-keys asks for it: keep a copy of it elsewhere, since without it sealed values are lost.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.hooks.Backup == nil {
				return errors.New("this program holds no server")
			}
			serve, _, err := c.serverOptions(cmd)
			if err != nil {
				return err
			}
			o.To = c.absolute(o.To)
			if o.Keys {
				c.ui.note("warning: the key ring goes into the backup: whoever can read the file can read every secret, variable and token in it")
			}
			s := c.ui.step("Backup")
			r, err := c.hooks.Backup(cmd.Context(), serve, o)
			if err != nil {
				s.failed()
				return err
			}
			for _, m := range r.Missing {
				c.ui.note("warning: the deployed bytes %s are damaged or gone; the version that has them has to be deployed again", m)
			}
			if c.json {
				c.ui.printJSON(r)
				return nil
			}
			s.done("%s: %s, %s, %s", r.File, bytesText(int(r.Bytes)), plural(r.Rows, "row"), plural(r.Blobs, "deployed file"))
			c.ui.printf("digest %s", r.Digest)
			return nil
		},
	}
	settings.Flags(cmd.Flags(), dataSettings...)
	cmd.Flags().StringVar(&o.To, "to", "", "`file` to write; one that exists is not replaced")
	cmd.Flags().BoolVar(&o.Keys, "with-keys", false, "put the key ring into the file too")
	return jsonFlag(required(cmd, "to"))
}

func (c *cli) restoreCommand() *cobra.Command {
	var o RestoreOptions
	var confirm bool
	cmd := &cobra.Command{
		Use:   "restore",
		Short: "Put a backup in the place of a server's data",
		Long: "Checks the whole backup, then puts it in the place of the database in one step. The server has to be stopped. Afterwards\n" +
			"every token is void; the next `annex serve` writes a new operator token. An app may do what is granted both in the backup\n" +
			"and now; what the backup would give back beyond that waits until an admin of the site confirms it with `annex install`.\n" +
			"Where there is no database to compare with, every app stands still until then.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.hooks.Restore == nil {
				return errors.New("this program holds no server")
			}
			serve, _, err := c.serverOptions(cmd)
			if err != nil {
				return err
			}
			o.From = c.absolute(o.From)
			o.Replace = confirm
			r, err := c.hooks.Restore(cmd.Context(), serve, o)
			if e, ok := fault.As(err); ok && e.Code == "DATA_PRESENT" {
				if !c.env.Interactive || c.json {
					return e.WithFix("add --confirm; make a backup of it first if it may be needed")
				}
				if err := c.ask(bufio.NewReader(c.env.In), "There is a database already. Replace it?"); err != nil {
					return err
				}
				o.Replace = true
				r, err = c.hooks.Restore(cmd.Context(), serve, o)
			}
			if err != nil {
				return err
			}
			c.printRestore(r)
			return nil
		},
	}
	settings.Flags(cmd.Flags(), dataSettings...)
	cmd.Flags().StringVar(&o.From, "from", "", "`file` that `annex backup` wrote")
	cmd.Flags().BoolVar(&o.Keys, "with-keys", false, "take the key ring out of the backup, if there is none")
	cmd.Flags().BoolVar(&confirm, "confirm", false, "replace what is there without asking")
	return jsonFlag(required(cmd, "from"))
}

func (c *cli) printRestore(r RestoreReport) {
	for _, m := range r.Missing {
		c.ui.note("warning: the backup lacks the deployed bytes %s; the version that has them has to be deployed again", m)
	}
	if c.json {
		c.ui.printJSON(r)
		return
	}
	c.ui.printf("Restored the backup of %s", r.Made.UTC().Format("2006-01-02 15:04:05Z"))
	c.ui.printf("  %s void; the next start writes a new operator token", isAre(int(r.Tokens), "token"))
	if !r.Compared {
		c.ui.printf("  there was no database to compare grants with")
	}
	if r.Waiting > 0 {
		c.ui.printf("  %s for an admin of the site; %d of them run nothing until then:", plural(r.Waiting, "installation")+map[bool]string{true: " waits", false: " wait"}[r.Waiting == 1], r.Stopped)
		c.ui.printf("  `annex install list` shows them, `annex install` says what a confirmation widens, and confirms it")
	}
	if r.Addresses > 0 {
		c.ui.printf("  %s of web triggers had been deleted since, and stay deleted", plural(r.Addresses, "address"))
	}
	if r.Keys {
		c.ui.printf("  the key ring was taken out of the backup")
	}
}

func isAre(n int, one string) string {
	if n == 1 {
		return "1 " + one + " is"
	}
	return plural(n, one) + " are"
}
