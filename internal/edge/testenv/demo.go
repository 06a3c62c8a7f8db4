package testenv

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/annexhq/annex/examples"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/cli"
)

// DemoConfig is what `annex demo` was asked for.
type DemoConfig struct {
	Options      cli.DemoOptions
	Version      string
	ChildCommand func() *exec.Cmd
}

// Demo runs a deployment with the sample apps until ctx ends. When it is ready it
// writes Dir/demo.json and says what can be tried.
func Demo(ctx context.Context, d DemoConfig) error {
	network, err := Upstreams(d.Options.Upstreams, d.Options.UpstreamCA)
	if err != nil {
		return err
	}
	log, file, err := d.log()
	if err != nil {
		return err
	}
	defer file.Close()
	e, err := Start(ctx, Setup{
		Dir: d.Options.Data, Listen: d.Options.Listen, Network: network, ChildCommand: d.ChildCommand, Version: d.Version,
		InsecureNoSandbox: d.Options.InsecureNoSandbox, QuotasFile: d.Options.Quotas,
		Log: log,
	})
	if err != nil {
		return err
	}
	err = e.demo(ctx, d.Options.Out)
	if err == nil {
		<-ctx.Done()
		fmt.Fprintln(d.Options.Out, "\nstopping; the data stays in", d.Options.Data)
	}
	return errors.Join(err, e.Close())
}

// logName is the file of the server's log in the data directory.
const logName = "server.log"

// log writes the server's log to a file, and what needs attention to the terminal too.
func (d DemoConfig) log() (*slog.Logger, io.Closer, error) {
	err := os.MkdirAll(d.Options.Data, 0o700)
	var file *os.File
	if err == nil {
		file, err = os.OpenFile(filepath.Join(d.Options.Data, logName), os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o600)
	}
	if err != nil {
		return nil, nil, fault.New(fault.Unavailable, "DATA_DIR", "the data directory %s cannot be written", d.Options.Data).Because(err).
			WithFix("name another one with --data")
	}
	return slog.New(slog.NewMultiHandler(
		slog.NewTextHandler(file, &slog.HandlerOptions{Level: slog.LevelInfo}),
		slog.NewTextHandler(d.Options.Err, &slog.HandlerOptions{Level: slog.LevelWarn}),
	)), file, nil
}

// demo deploys and installs the samples as a person would, by the annex command. A later
// start finds them as they are: what its admin ended or a restore stopped stays so.
func (e *Env) demo(ctx context.Context, out io.Writer) error {
	operator, err := e.operatorToken(ctx)
	if err != nil {
		return err
	}
	apps, err := e.unpackSamples()
	if err != nil {
		return err
	}
	hooks := map[string]string{}
	for _, name := range examples.Names {
		if err := e.sample(ctx, filepath.Join(apps, name), hooks); err != nil {
			return fault.Op("testenv.demo: "+name, err)
		}
	}
	if err := e.Write(); err != nil {
		return err
	}
	e.explain(out, apps, operator, hooks)
	return nil
}

// operatorToken is the file of the first operator's token, "" when it opens nothing any more.
func (e *Env) operatorToken(ctx context.Context) (string, error) {
	file, err := e.System.FirstOperatorToken(ctx)
	if err != nil || file != "" {
		return file, err
	}
	file = filepath.Join(filepath.Dir(e.Access.file), "operator.token") // of an earlier start
	if _, err := os.Stat(file); err != nil {
		return "", nil
	}
	return file, nil
}

// unpackSamples writes the sources beside the data, where their reader can change and
// deploy them again. What was changed there is kept.
func (e *Env) unpackSamples() (string, error) {
	dir := filepath.Join(filepath.Dir(e.Access.file), "apps")
	return dir, fault.Op("testenv.unpackSamples", fs.WalkDir(examples.Apps, "apps", func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		to := filepath.Join(filepath.Dir(dir), filepath.FromSlash(path))
		if d.IsDir() {
			return os.MkdirAll(to, 0o755)
		}
		if _, err := os.Stat(to); err == nil {
			return nil
		}
		data, err := fs.ReadFile(examples.Apps, path)
		if err != nil {
			return err
		}
		return os.WriteFile(to, data, 0o644)
	}))
}

// sample brings one sample app from its source to addresses that answer, which it adds
// to urls by their web trigger's key.
func (e *Env) sample(ctx context.Context, dir string, urls map[string]string) error {
	where := []string{"--site", e.Access.Site, "--product", e.Access.Product, "--environment", "development", "--json"}
	if !e.again {
		if _, err := e.Annex(ctx, e.Access.DeveloperToken, dir, "deploy", "--environment", "development", "--json"); err != nil {
			return err
		}
		if _, err := e.Annex(ctx, e.Access.AdminToken, dir, append([]string{"install", "--confirm"}, where...)...); err != nil {
			return err
		}
	}
	for _, key := range samples[filepath.Base(dir)] {
		raw, err := e.Annex(ctx, e.Access.DeveloperToken, dir, append([]string{"webtrigger", "create", "--function", key}, where...)...)
		if err != nil && e.again && ctx.Err() == nil {
			urls[key] = "(does not run any more)"
			continue
		}
		if err != nil {
			return err
		}
		var made struct{ URL string }
		if err := json.Unmarshal(raw, &made); err != nil {
			return fault.Op("testenv.sample", err)
		}
		urls[key] = made.URL
	}
	return nil
}

// samples names the web trigger modules of each sample app.
var samples = map[string][]string{"counter": {"count", "ask"}, "notes": {"http"}}

// Annex runs the annex command against this deployment and gives what it printed.
func (e *Env) Annex(ctx context.Context, token, dir string, args ...string) ([]byte, error) {
	var out, errs bytes.Buffer
	env := cli.Env{
		Args: args, Dir: dir, In: bytes.NewReader(nil), Out: &out, Err: &errs, ConfigDir: filepath.Join(dir, ".none"),
		Getenv: func(name string) string {
			return map[string]string{"ANNEX_URL": e.Access.URL, "ANNEX_TOKEN": token, "NO_COLOR": "1"}[name]
		},
	}
	if code := cli.Run(ctx, env, cli.Hooks{}); code != 0 {
		return out.Bytes(), fmt.Errorf("annex %s: exit code %d: %s%s", args[0], code, errs.Bytes(), out.Bytes())
	}
	return out.Bytes(), nil
}

// program is how the annex command that runs can be called again from here.
func program() string {
	exe, err := os.Executable()
	if err != nil {
		return "annex"
	}
	if found, err := exec.LookPath("annex"); err == nil && found == exe {
		return "annex"
	}
	return nearer(exe)
}

// nearer is a path as it is written from the working directory, if that is shorter.
func nearer(file string) string {
	dir, err := os.Getwd()
	if err != nil {
		return file
	}
	rel, err := filepath.Rel(dir, file)
	if err != nil || len(rel) >= len(file) {
		return file
	}
	if !strings.ContainsRune(rel, filepath.Separator) {
		return "." + string(filepath.Separator) + rel // a bare name would be looked for in PATH
	}
	return rel
}

func (e *Env) explain(out io.Writer, apps, operator string, hooks map[string]string) {
	a := e.Access
	annex, counter := program(), nearer(filepath.Join(apps, "counter"))
	fmt.Fprintf(out, `
Annex is running.   isolation: %s

  Tracker           %s   (alice: %s, bob: %s)
  Platform          %s
  Control API       %s

Six sample apps are installed on the site %q. Their sources are in %s.

  counter           %s
  notes             %s
  checklist         in Tracker: beside each issue, drawn from components (UI Kit)
  board             in Tracker: on each issue, on the dashboard, and under "Apps of the project" (custom UI)
  summary           in Tracker: what an issue is about, read as the person who looks at it (UI Kit, asUser)
  builds            in Tracker: what a build server reports to a web trigger; its address is on alice's "Admin"

Try:

  1. Each call runs in a fresh instance: what is stored counts up, what is at module scope starts anew.
       curl %s

  2. A host that the manifest does not name is refused, and the refusal says what would allow it.
       curl '%s?url=https://evil.example.net/'

  3. What happened, with the same reason id as the app saw.
       export ANNEX_URL=%s ANNEX_TOKEN=%s
       %s -C %s logs
     The server's own log, with a line for each outbound request, is %s.

To install apps of your own, as the site's admin:

       export ADMIN_TOKEN=%s

All of this is in %s too.
`, e.System.Health().Isolation, a.ProductPageURL, a.Users["alice"].Password, a.Users["bob"].Password, a.UIURL, a.URL,
		a.Site, apps, hooks["count"], hooks["http"], hooks["count"], hooks["ask"], a.URL, a.DeveloperToken,
		annex, counter, filepath.Join(filepath.Dir(a.file), logName), a.AdminToken, a.file)
	if operator != "" { // no operator has a token of their own yet
		fmt.Fprintf(out, `
The operator adds products, sites and accounts, and lists the private networks that remotes may be in. Their token is in a file, good for a day:

       ANNEX_URL=%s ANNEX_TOKEN=$(cat %s) %s network add %s 10.20.0.0/16 --port 8088
`, a.URL, nearer(operator), annex, a.Site)
	}
	fmt.Fprintln(out, "\nCtrl-C stops; the next start finds its data.")
}
