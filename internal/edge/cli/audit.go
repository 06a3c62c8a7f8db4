package cli

import (
	"encoding/json"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/edge/cli/client"
)

func (c *cli) auditCommand() *cobra.Command {
	return parent("audit", "Who did what: the trail of grants, consents, deploys and reads", c.auditListCommand(), c.auditExportCommand(), c.auditVerifyCommand())
}

func (c *cli) auditListCommand() *cobra.Command {
	var q client.AuditQuery
	cmd := &cobra.Command{
		Use:   "list",
		Short: "Show entries of a trail, newest first",
		Long:  "Shows the trail of a site to its admin, and any trail to the operator: without --site the platform's own.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			page, err := api.Audit(cmd.Context(), q)
			if err != nil {
				return err
			}
			if c.json {
				page.Entries = list(page.Entries)
				c.ui.printJSON(page)
				return nil
			}
			var rows [][]string
			for _, e := range page.Entries {
				rows = append(rows, []string{e.Time.Local().Format(time.DateTime), e.Act, e.Actor, e.Installation, string(e.Detail)})
			}
			c.ui.table("TIME ACT WHO INSTALLATION DETAIL", rows)
			if page.Cursor != "" {
				c.ui.note("there is more: --cursor %s", page.Cursor)
			}
			return nil
		},
	}
	f := cmd.Flags()
	f.StringVarP(&q.Site, "site", "s", "", "`site` whose trail is meant")
	f.StringVar(&q.Kind, "kind", "", "an `act` (install.approve), or all of a kind (install)")
	f.StringVar(&q.Installation, "installation", "", "only of this installation (`id`)")
	f.StringVar(&q.Actor, "actor", "", "only what this `actor` did, as entries name them")
	f.StringVar(&q.Since, "since", "", "not older than this `time` (RFC 3339)")
	f.StringVar(&q.Until, "until", "", "older than this `time` (RFC 3339)")
	f.IntVar(&q.Limit, "limit", 100, "at most `n` entries")
	f.StringVar(&q.Cursor, "cursor", "", "go on from this `cursor` of an earlier answer")
	return jsonFlag(cmd)
}

func (c *cli) auditExportCommand() *cobra.Command {
	var site string
	cmd := &cobra.Command{
		Use:   "export",
		Short: "Write a whole trail to stdout, as JSON lines that end with a signed checkpoint",
		Long:  "Write it to a file: `annex audit export > FILE`. `annex audit verify FILE` checks it, without a server.",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			return api.AuditExport(cmd.Context(), site, c.ui.out)
		},
	}
	cmd.Flags().StringVarP(&site, "site", "s", "", "`site` whose trail is meant; an operator who names none gets the platform's own")
	return cmd
}

func (c *cli) auditVerifyCommand() *cobra.Command {
	var older string
	var keys []string
	cmd := &cobra.Command{
		Use:   "verify FILE",
		Short: "Check an export without a server",
		Long: "Finds entries that were edited, dropped, put into another order or doubled, a missing end, and checkpoints that another key\n" +
			"signed; with --extends also whether an older export is still told the same. docs/audit.md says what it cannot find.",
		Args: cobra.ExactArgs(1),
		RunE: func(_ *cobra.Command, args []string) error {
			pins, err := c.pins(keys)
			if err != nil {
				return err
			}
			file, err := c.open(args[0])
			if err != nil {
				return err
			}
			defer file.Close()
			var r trail.Report
			if older == "" {
				r, err = trail.Verify(file, pins)
			} else {
				old, openErr := c.open(older)
				if openErr != nil {
					return openErr
				}
				defer old.Close()
				r, err = trail.VerifyExtends(old, file, pins)
			}
			if err != nil {
				return fault.New(fault.Invalid, "NO_FILE", "the file cannot be read to its end: %v", err).WithFix("name an export, a file of JSON lines").Because(err)
			}
			return c.printTrail(args[0], r)
		},
	}
	cmd.Flags().StringVar(&older, "extends", "", "an older export (`file`) that this one must continue")
	cmd.Flags().StringSliceVar(&keys, "key", nil, "`key` that may sign: its thumbprint, or a file with an export or keys that hold it; repeatable")
	return jsonFlag(cmd)
}

func (c *cli) open(name string) (*os.File, error) {
	path := name
	if !filepath.IsAbs(path) {
		path = filepath.Join(c.dir, path)
	}
	f, err := os.Open(path)
	if err != nil {
		return nil, fault.New(fault.Invalid, "NO_FILE", "%s cannot be read: %v", name, err).WithFix("name an export that exists").Because(err)
	}
	return f, nil
}

// pins are the thumbprints of the keys that the reader trusts.
func (c *cli) pins(given []string) ([]string, error) {
	var out []string
	for _, g := range given {
		if len(g) == 43 && !strings.ContainsAny(g, "./\\") {
			out = append(out, g)
			continue
		}
		f, err := c.open(g)
		if err != nil {
			return nil, err
		}
		var set struct {
			Keys []trail.Key `json:"keys"`
		}
		err = json.NewDecoder(io.LimitReader(f, 4<<20)).Decode(&set)
		f.Close()
		if err != nil || len(set.Keys) == 0 {
			return nil, fault.New(fault.Invalid, "NO_KEYS", "%s holds no keys", g).WithFix("name a thumbprint, an export that you trust, or a JSON object with \"keys\"")
		}
		for _, k := range set.Keys {
			out = append(out, k.Thumbprint())
		}
	}
	return out, nil
}

func (c *cli) printTrail(file string, r trail.Report) error {
	if c.json {
		c.ui.printJSON(r)
	} else {
		for _, f := range r.Findings {
			c.ui.printf("%s:%d: %s: %s", inline(file), f.Line, f.Kind, f.Text)
		}
		for _, restore := range r.Restores {
			c.ui.note("note: a backup was put back: %s", restore)
		}
		if r.OK {
			of := "the platform"
			if r.Site != "" {
				of = "site " + string(r.Site)
			}
			c.ui.printf("%s of %s up to %s are whole: %s", plural(int(r.Entries), "entry"), of,
				time.UnixMilli(r.At).UTC().Format(time.RFC3339), plural(int(r.Checkpoints), "signed checkpoint"))
		} else {
			c.ui.printf("The export was tampered with, or is not whole: %s", plural(len(r.Findings), "finding"))
		}
		for _, k := range r.Keys {
			c.ui.printf("signed by the key %s", k)
		}
		if !r.Pinned {
			c.ui.note("note: whose key that is was not checked; name the key that you trust with --key")
		}
	}
	if !r.OK {
		return silent{fault.Invalid}
	}
	return nil
}
