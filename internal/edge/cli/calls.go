package cli

import (
	"bytes"
	"cmp"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"time"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli/client"
)

// maxPayload is the server's limit.
const maxPayload = 5 << 20

func (c *cli) invokeCommand() *cobra.Command {
	var f targetFlags
	var payload string
	cmd := &cobra.Command{
		Use:   "invoke FUNCTION",
		Short: "Call a function of an installed development or staging version",
		Long: "Calls the function module of that key and prints what it returns. --payload is its first argument: JSON, - for\n" +
			"stdin, or @FILE. A resolver takes the key that it defined: --payload '{\"call\": {\"functionKey\": \"KEY\", \"payload\": {}}}'.",
		Args: cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			body, err := c.payload(payload)
			if err != nil {
				return err
			}
			api, err := c.connect()
			if err != nil {
				return err
			}
			t, err := c.target(cmd.Context(), api, f)
			if err != nil {
				return err
			}
			out, err := api.Invoke(cmd.Context(), client.InvokeRequest{Target: t, Function: args[0], Payload: body})
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(out)
				return nil
			}
			c.ui.note("%s in %.1f ms (%.1f ms CPU)", out.Invocation, out.DurationMs, out.CPUMs)
			c.ui.printf("%s", pretty(out.Result))
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&payload, "payload", "", "`JSON`, - for stdin, or @FILE")
	return jsonFlag(cmd)
}

func (c *cli) payload(flag string) (json.RawMessage, error) {
	text := []byte(flag)
	var err error
	switch {
	case flag == "":
		return nil, nil
	case flag == "-":
		text, err = io.ReadAll(io.LimitReader(c.env.In, maxPayload+1))
	case strings.HasPrefix(flag, "@"):
		file := flag[1:]
		if !filepath.IsAbs(file) {
			file = filepath.Join(c.env.Dir, file)
		}
		text, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, fault.New(fault.Invalid, "PAYLOAD", "the payload cannot be read: %v", err).WithFix("name a file that exists after @").Because(err)
	}
	if len(text) > maxPayload {
		return nil, fault.New(fault.Limit, "PAYLOAD_TOO_BIG", "the payload has more than %s", bytesText(maxPayload)).With("limit", maxPayload)
	}
	if !json.Valid(text) {
		return nil, fault.New(fault.Invalid, "PAYLOAD", "the payload is not JSON").WithFix(`quote texts: --payload '"text"'`)
	}
	return bytes.TrimSpace(text), nil
}

func pretty(raw json.RawMessage) string {
	if len(raw) == 0 {
		return "undefined"
	}
	var out bytes.Buffer
	if err := json.Indent(&out, raw, "", "  "); err != nil {
		return string(raw)
	}
	return out.String()
}

func (c *cli) webtriggerCommand() *cobra.Command {
	return parent("webtrigger", "Addresses by which the world calls the app",
		c.webtriggerCreateCommand(), c.webtriggerListCommand(), c.webtriggerDeleteCommand(), c.webtriggerSecretCommand())
}

func (c *cli) webtriggerCreateCommand() *cobra.Command {
	var f targetFlags
	var module string
	cmd := &cobra.Command{
		Use:   "create",
		Short: "Print the address of a web trigger module",
		Long: "Gives the address of the module for one installation: the same one until it is deleted. Whoever has it can call it.\n" +
			"Where the manifest says that callers prove themselves (request.authentication), the first secret is made too. It is shown once.\n" +
			"--function may be left out where the app's folder declares one webtrigger module only.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, t, err := c.webTriggerModule(cmd, f, "annex webtrigger create", &module)
			if err != nil {
				return err
			}
			w, err := api.CreateWebTrigger(cmd.Context(), client.WebTriggerRequest{Target: t, Module: module})
			if err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(w)
				return nil
			}
			c.ui.printf("%s", w.URL)
			switch {
			case w.Secret != "":
				c.ui.printf("Secret (%s), shown this once: %s", w.Authentication, w.Secret)
			case w.Authentication != "":
				c.ui.note("Callers prove themselves (%s) by a secret that was shown when it was made; annex webtrigger secret rotate makes another one.", w.Authentication)
			}
			return nil
		},
	}
	f.add(cmd)
	cmd.Flags().StringVarP(&module, "function", "f", "", "`key` of the webtrigger module")
	return jsonFlag(cmd)
}

// onlyWebTrigger is the one web trigger of the app's folder.
func (c *cli) onlyWebTrigger(app, command string) (string, error) {
	missing := usage("%s needs --function", command)
	if app != "" {
		return "", missing.WithFix("name the key of a webtrigger module of the app")
	}
	m, err := c.manifest()
	if err != nil {
		return "", err
	}
	var keys []string
	for _, w := range m.Modules.WebTrigger {
		keys = append(keys, w.Key)
	}
	switch len(keys) {
	case 1:
		return keys[0], nil
	case 0:
		return "", missing.WithFix("the manifest declares no webtrigger module: add one and deploy again")
	}
	return "", missing.WithFix("choose one of: %s", strings.Join(keys, ", "))
}

func (c *cli) webtriggerListCommand() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "list",
		Short: "List an installation's addresses",
		Args:  cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			t, err := c.target(cmd.Context(), api, f)
			if err != nil {
				return err
			}
			all, err := api.WebTriggers(cmd.Context(), t)
			if err != nil {
				return err
			}
			return listed(c, "webtriggers", all, "MODULE URL CREATED AUTHENTICATION SECRETS", "", func(w client.WebTrigger) []string {
				return []string{w.Module, w.URL, stamp(w.CreatedAt), cmp.Or(w.Authentication, "none"), secretAges(w.Secrets)}
			})
		},
	}
	f.add(cmd)
	return jsonFlag(cmd)
}

func (c *cli) webtriggerDeleteCommand() *cobra.Command {
	var f targetFlags
	cmd := &cobra.Command{
		Use:   "delete URL",
		Short: "Delete an address; it answers 404 from then on",
		Args:  cobra.ExactArgs(1),
		RunE: func(cmd *cobra.Command, args []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			t, err := c.target(cmd.Context(), api, f)
			if err != nil {
				return err
			}
			if err := api.DeleteWebTrigger(cmd.Context(), t, args[0]); err != nil {
				return err
			}
			if c.json {
				c.ui.printJSON(map[string]string{"deleted": args[0]})
				return nil
			}
			c.ui.printf("Deleted %s", args[0])
			return nil
		},
	}
	f.add(cmd)
	return jsonFlag(cmd)
}

func (c *cli) logsCommand() *cobra.Command {
	var f appFlags
	var q client.LogQuery
	var since string
	var follow bool
	cmd := &cobra.Command{
		Use:   "logs",
		Short: "Read what functions logged in development and staging",
		Long: "Prints log lines, oldest first. With --json and --follow each line is an object of its own. A line's trace, in --json, is the same\n" +
			"for all that one request led to: its call, what that queued, what was told of its event. The server's own log has it too.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			api, err := c.connect()
			if err != nil {
				return err
			}
			if q.App, err = c.appID(f.app); err != nil {
				return err
			}
			if q.Since, err = sinceText(since, c.ui.now()); err != nil {
				return err
			}
			if q.Limit < 1 || q.Limit > 1000 {
				return usage("--limit is a number from 1 to 1000")
			}
			q.Environment = f.environment
			return c.logs(cmd.Context(), api, q, follow)
		},
	}
	f.add(cmd)
	cmd.Flags().StringVar(&q.Site, "site", "", "only of installations on this `site`")
	cmd.Flags().StringVarP(&q.Product, "product", "p", "", "only of installations on this `product`")
	cmd.Flags().StringVarP(&q.Invocation, "invocation", "i", "", "only of the invocation with this `id`")
	cmd.Flags().StringVar(&q.Trace, "trace", "", "only of the trace with this `id`, over all calls of it")
	cmd.Flags().IntVarP(&q.Limit, "limit", "n", 100, "at most this many `lines`")
	cmd.Flags().StringVarP(&since, "since", "s", "", "only after this `time`: 10m, 2h, or 2026-01-31T12:00:00Z")
	cmd.Flags().BoolVar(&follow, "follow", false, "go on printing new lines until interrupted")
	return jsonFlag(cmd)
}

func sinceText(text string, now time.Time) (string, error) {
	if text == "" {
		return "", nil
	}
	if d, err := time.ParseDuration(text); err == nil && d >= 0 {
		return now.Add(-d).UTC().Format(time.RFC3339Nano), nil
	}
	if t, err := time.Parse(time.RFC3339, text); err == nil {
		return t.UTC().Format(time.RFC3339Nano), nil
	}
	return "", usage("--since: %q is neither a span nor a time", text).WithFix("write 10m, 2h or 2026-01-31T12:00:00Z")
}

// followPause is how long --follow waits when there was nothing new.
const followPause = time.Second

func (c *cli) logs(ctx context.Context, api *client.Client, q client.LogQuery, follow bool) error {
	for {
		page, err := api.Logs(ctx, q)
		if follow && ctx.Err() != nil {
			return nil // an interrupt is how --follow ends
		}
		if err != nil {
			return err
		}
		if c.json && !follow {
			page.Entries = list(page.Entries)
			c.ui.printJSON(page)
			return nil
		}
		for _, e := range page.Entries {
			if c.json {
				c.ui.printJSON(e)
			} else {
				c.ui.printf("%s", logText(e))
			}
		}
		if !follow {
			if len(page.Entries) == 0 {
				c.ui.note("no lines yet")
			}
			return nil
		}
		if page.Cursor != "" {
			q.Cursor = page.Cursor
		}
		if len(page.Entries) > 0 {
			continue
		}
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(followPause):
		}
	}
}

func logText(e client.LogEntry) string {
	text := e.Message
	if text == "" {
		var parts []string
		for _, a := range e.Args {
			var s string
			if json.Unmarshal(a, &s) == nil {
				parts = append(parts, s)
			} else {
				parts = append(parts, string(a))
			}
		}
		text = strings.Join(parts, " ")
	}
	return fmt.Sprintf("%s %-5s %s %s", e.Time.UTC().Format("2006-01-02T15:04:05.000Z"), strings.ToUpper(e.Level), e.Invocation, indented(text))
}
