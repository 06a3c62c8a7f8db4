package cli

import (
	"cmp"
	"context"
	"crypto/rand"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"errors"
	"io/fs"
	"log/slog"
	"maps"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/spf13/cobra"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/cli/applint"
	"github.com/annexhq/annex/internal/edge/cli/client"
	"github.com/annexhq/annex/internal/edge/laptop"
	"github.com/annexhq/annex/internal/infra/bundle"
	"github.com/annexhq/annex/internal/infra/hostcall/weblink"
)

func (c *cli) tunnelCommand() *cobra.Command {
	var f targetFlags
	var insecure bool
	cmd := &cobra.Command{
		Use:   "tunnel",
		Short: "Run your own calls in development on this machine, from the source as it is",
		Long: "While it runs, calls that you make with `annex invoke` in this development environment run here, from the app's folder as\n" +
			"it is: a change counts as soon as it is saved. So do requests to the environment's web triggers that carry the header\n" +
			"annex-tunnel with the key that is shown. With --site it first shows a code: who types it at the console, signed in to that\n" +
			"site, agrees that what they do in the app's pages there runs here too (resolvers, not the components of UI Kit).\n" +
			"What the code asks for (fetch, storage, products) goes to the server, is decided there, and is of the installation and\n" +
			"the person of the call. Everybody else's calls, and those of schedules, events and queues, run what is deployed. Variables\n" +
			"are this command's own: ANNEX_USER_VAR_NAME or FORGE_USER_VAR_NAME becomes process.env.NAME; those of the server stay\n" +
			"there. A changed manifest counts when it is deployed. An interrupt ends it.",
		Args: cobra.NoArgs,
		RunE: func(cmd *cobra.Command, _ []string) error {
			if c.hooks.ChildCommand == nil {
				return errors.New("this program holds no engine")
			}
			if f.product != "" && f.site == "" {
				return usage("--product says on which product of a site: name the site with --site")
			}
			api, err := c.connect()
			if err != nil {
				return err
			}
			return c.tunnel(cmd.Context(), api, f, insecure)
		},
	}
	f.appFlags.add(cmd)
	cmd.Flags().StringVarP(&f.site, "site", "s", "", "carry a person's calls too: `name` or id of the site on which they agree at the console")
	cmd.Flags().StringVarP(&f.product, "product", "p", "", "`key` or alias of the product, if the app is installed on several of the site")
	cmd.Flags().BoolVar(&insecure, "insecure-no-sandbox", false, insecureUsage)
	return jsonFlag(cmd)
}

const (
	// lookEach is how often the app's folder is looked at for changes.
	lookEach = 300 * time.Millisecond
	// maxWatched bounds how many files are looked at.
	maxWatched = 20_000
	// firstPause and longestPause are between two attempts to reach the server again.
	firstPause, longestPause = time.Second, 15 * time.Second
)

// tunnelling is one run of the command.
type tunnelling struct {
	c        *cli
	products []client.Product
	engine   *laptop.Engine
	manifest []byte // as it was at the start
	key      string // that requests to web triggers carry
	carries  client.Carries
	persons  []client.TunnelAgreement

	mu sync.Mutex // of what is printed
}

func (c *cli) tunnel(ctx context.Context, api *client.Client, f targetFlags, insecure bool) error {
	app, err := c.appID(f.app)
	if err != nil {
		return err
	}
	products, err := api.ProductsWithOperations(ctx)
	if err != nil {
		return err
	}
	t := &tunnelling{c: c, products: products}
	seen := fingerprint(c.dir)
	report, err := c.bundleStep(ctx, api)
	if err != nil {
		return err
	}
	t.manifest = report.Manifest.Canonical()
	log := slog.New(slog.NewTextHandler(c.env.Err, &slog.HandlerOptions{Level: slog.LevelError}))
	t.engine, err = laptop.Open(ctx, laptop.Config{ChildCommand: c.hooks.ChildCommand, Insecure: insecure, Log: log})
	if err != nil {
		return err
	}
	defer func() { _ = t.engine.Close() }()
	if _, err := t.engine.Use(ctx, code(report)); err != nil {
		return err
	}
	if t.key, err = tunnelKey(); err != nil {
		return err
	}
	sum := sha256.Sum256([]byte(t.key))
	t.carries.KeyHash = hex.EncodeToString(sum[:])
	if f.site != "" {
		if err := t.ask(ctx, api, f); err != nil {
			return err
		}
	}
	ctx, stop := context.WithCancel(ctx)
	defer stop()
	go t.watch(ctx, seen)
	return t.serve(ctx, api, app, f.environment)
}

// tunnelKey makes the key of one run of the command. The server is told its hash alone.
func tunnelKey() (string, error) {
	var bits [32]byte
	if _, err := rand.Read(bits[:]); err != nil {
		return "", err
	}
	return "anx_tunnel_" + hex.EncodeToString(bits[:]), nil
}

// ask has a person of the site agree at the console.
func (t *tunnelling) ask(ctx context.Context, api *client.Client, f targetFlags) error {
	at, err := t.c.target(ctx, api, f)
	if err != nil {
		return err
	}
	login, err := api.AskTunnel(ctx, at, cmp.Or(t.c.env.Host, "a machine without a name"))
	if err != nil {
		return err
	}
	return t.c.awaitConsole(ctx, login, func() error {
		a, err := api.PollTunnel(ctx, at.App, at.Environment, login.DeviceCode)
		if err == nil {
			t.persons, t.carries.Proofs = append(t.persons, a), append(t.carries.Proofs, a.Proof)
		}
		return err
	})
}

// opened says what runs here now.
func (t *tunnelling) opened(app, environment string) {
	people := []map[string]any{}
	for _, a := range t.persons {
		people = append(people, map[string]any{"site": a.Site, "product": a.Product, "user": a.User, "expiresAt": a.ExpiresAt.UTC()})
	}
	t.say(map[string]any{"event": "open", "app": app, "environment": environment, "key": t.key, "people": people},
		"Tunnel open: what you call with `annex invoke` in %s runs here. An interrupt ends it.", environment)
	if t.c.json {
		return
	}
	t.say(nil, "Requests to its web triggers run here with the header   annex-tunnel: %s", t.key)
	for _, a := range t.persons {
		t.say(nil, "What %s of %s does in the app's pages runs here, until %s at most.", inline(a.User), inline(a.Product), a.ExpiresAt.Local().Format("15:04"))
	}
}

// code is what runs here.
func code(r *applint.Report) laptop.Code {
	out := laptop.Code{Snapshots: r.Manifest.Snapshots(), MemoryMB: r.Manifest.MemoryMB(), Source: call.Source{
		Bundle: r.Bundle.Code, SourceMap: r.Bundle.SourceMap, Files: r.Bundle.Files, Variables: ownVariables(os.Environ()),
	}}
	return out
}

// ownVariables are what process.env holds here. Annex's own prefix wins over Forge's.
func ownVariables(environ []string) map[string]string {
	out := map[string]string{}
	for _, prefix := range []string{"FORGE_USER_VAR_", "ANNEX_USER_VAR_"} {
		for _, e := range environ {
			name, value, _ := strings.Cut(e, "=")
			if key, ok := strings.CutPrefix(name, prefix); ok && key != "" {
				out[key] = value
			}
		}
	}
	return out
}

// serve holds the tunnel open, and opens it again when it was lost.
func (t *tunnelling) serve(ctx context.Context, api *client.Client, app, environment string) error {
	pause, was := firstPause, false
	for {
		link, err := api.Tunnel(ctx, app, environment, t.carries)
		if err == nil {
			t.opened(app, environment)
			pause, was = firstPause, true
			err = t.engine.Serve(ctx, link, laptop.Told{Line: t.line, Ended: t.ended})
		}
		if ctx.Err() != nil {
			return nil // an interrupt is how it ends
		}
		var last *weblink.Ended
		if errors.As(err, &last) && last.Final {
			return fault.New(fault.Denied, "TUNNEL_CLOSED", "the server closed the tunnel: %s", last.Words)
		}
		f, ok := fault.As(err)
		if ok && f.Kind != fault.Unavailable && f.Kind != fault.Internal || !was {
			return err
		}
		words := err.Error()
		if last != nil {
			words = last.Words
		} else if ok {
			words = f.Public
		}
		t.say(map[string]any{"event": "lost", "message": words, "againInMs": pause.Milliseconds()}, "Tunnel closed: %s; again in %s", words, pause)
		select {
		case <-ctx.Done():
			return nil
		case <-time.After(pause):
		}
		pause = min(2*pause, longestPause)
	}
}

// say prints one line: an object with --json.
func (t *tunnelling) say(object map[string]any, format string, args ...any) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if t.c.json {
		t.c.ui.printJSON(object)
		return
	}
	t.c.ui.printf(format, args...)
}

func (t *tunnelling) line(invocation id.Invocation, l call.LogLine) {
	var args []json.RawMessage
	_ = json.Unmarshal(l.Args, &args) // a line that cannot be read has no text
	e := client.LogEntry{Time: l.Time, Level: l.Level, Invocation: string(invocation), Args: args}
	t.say(map[string]any{"event": "log", "time": l.Time.UTC(), "level": l.Level, "invocation": invocation, "args": args}, "%s", logText(e))
}

func (t *tunnelling) ended(invocation id.Invocation, function string, took time.Duration, err error) {
	object := map[string]any{"event": "call", "invocation": invocation, "function": function, "durationMs": float64(took.Microseconds()) / 1000}
	now := time.Now().UTC().Format("2006-01-02T15:04:05.000Z")
	if err == nil {
		t.say(object, "%s OK    %s %s in %.1f ms", now, invocation, inline(function), object["durationMs"])
		return
	}
	code, words := fault.CodeOf(err), "it failed"
	if f, ok := fault.As(err); ok {
		words = f.Public
	}
	object["error"] = map[string]any{"code": code, "message": words}
	t.say(object, "%s FAIL  %s %s in %.1f ms: %s", now, invocation, inline(function), object["durationMs"], indented(words))
}

// watch bundles again when the app's folder changes. What cannot be bundled, or does not
// begin, is told, and what ran before goes on.
func (t *tunnelling) watch(ctx context.Context, seen map[string]stampOf) {
	tick := time.NewTicker(lookEach)
	defer tick.Stop()
	for {
		select {
		case <-ctx.Done():
			return
		case <-tick.C:
		}
		now := fingerprint(t.c.dir)
		if maps.Equal(now, seen) {
			continue
		}
		seen = now
		t.again(ctx)
	}
}

func (t *tunnelling) again(ctx context.Context) {
	report, err := t.c.check(ctx, t.products)
	if err == nil && report.OK() {
		_, err = t.engine.Use(ctx, code(report))
	}
	switch {
	case ctx.Err() != nil:
	case err != nil:
		words := err.Error()
		if f, ok := fault.As(err); ok {
			words = f.Public
		}
		t.say(map[string]any{"event": "bundle", "ok": false, "message": words}, "The change does not run: %s; what ran before goes on", indented(words))
	case !report.OK():
		var found []bundle.Diagnostic
		for _, d := range report.Diagnostics {
			if d.Severity == bundle.Error {
				found = append(found, d)
			}
		}
		t.mu.Lock()
		t.c.ui.diagnosticsUnlessQuiet(found)
		t.mu.Unlock()
		t.say(map[string]any{"event": "bundle", "ok": false, "diagnostics": toWire(found)}, "The change has %s; what ran before goes on", plural(len(found), "error"))
	default:
		stale := !slices.Equal(report.Manifest.Canonical(), t.manifest)
		t.say(map[string]any{"event": "bundle", "ok": true, "bytes": len(report.Bundle.Code), "deployNeeded": stale}, "Changed: calls run the new code (%s)", bytesText(len(report.Bundle.Code)))
		if stale && !t.c.json {
			t.say(nil, "The manifest changed too: that counts when it is deployed (annex deploy)")
		}
	}
}

// stampOf tells two states of a file apart.
type stampOf struct {
	at   time.Time
	size int64
}

// fingerprint is of the app's files but those that others write.
func fingerprint(dir string) map[string]stampOf {
	out := map[string]stampOf{}
	_ = filepath.WalkDir(dir, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return nil // it went away meanwhile
		}
		if d.IsDir() {
			if path != dir && (d.Name() == "node_modules" || strings.HasPrefix(d.Name(), ".")) {
				return filepath.SkipDir
			}
			return nil
		}
		if len(out) >= maxWatched {
			return filepath.SkipAll
		}
		if i, err := d.Info(); err == nil {
			out[path] = stampOf{i.ModTime(), i.Size()}
		}
		return nil
	})
	return out
}
