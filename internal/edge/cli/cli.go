// Package cli is the annex command: it reads an app's folder, speaks to a server by
// its control API alone, and says in words, colours or one JSON object what happened.
// It decides nothing about authority; the server decides everything it sends again.
//
// docs/cli.md lists the commands, exit codes and environment variables.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/exec"
	"os/signal"
	"slices"
	"strings"
	"syscall"
	"time"

	"golang.org/x/term"

	"github.com/annexhq/annex/internal/core/fault"
)

// Hooks are the parts of the binary that the command starts but does not hold.
type Hooks struct {
	// Version is what `annex version` prints.
	Version string
	// Serve runs the platform until ctx ends.
	Serve func(ctx context.Context, o ServeOptions) error
	// Backup writes a server's data to a file, Restore puts it back.
	Backup  func(ctx context.Context, o ServeOptions, b BackupOptions) (BackupReport, error)
	Restore func(ctx context.Context, o ServeOptions, r RestoreOptions) (RestoreReport, error)
	// Demo runs platform, reference product and sample apps until ctx ends.
	Demo func(ctx context.Context, o DemoOptions) error
	// ChildCommand makes the command of a process that runs app code, for `annex tunnel`.
	ChildCommand func() *exec.Cmd
}

// ServeOptions are the settings of `annex serve` (package settings).
type ServeOptions struct {
	Data           string // data directory
	Database       string // "" for SQLite in Data, or postgres://…
	KeyRing        string // file of the keys, "" for the one in the user's configuration folder
	Blobs          string // folder of deployed bytes, "" for the one in Data
	Listen         string
	PlatformDomain string
	AppsDomain     string
	Workers        int // 0 lets the server choose
	// WorkerIsolation is shared, site or app; WorkerMemory is in MB, 0 lets the server choose.
	WorkerIsolation string
	WorkerMemory    int
	Quotas          string // a file
	// What happens between the signal to stop and the end.
	ShutdownDelay, ShutdownGrace time.Duration
	// What observers get: Prometheus on MetricsListen, a collector at TracesEndpoint.
	MetricsListen, TracesEndpoint string
	TracesPercent                 int
	LogJSON                       bool
	LogLevel                      string // debug, info, warn or error
	// InsecureNoSandbox starts workers without the operating system's sandbox.
	InsecureNoSandbox bool
	// Check only checks the configuration.
	Check    bool
	Out, Err io.Writer
}

// DemoOptions are the flags of `annex demo`.
type DemoOptions struct {
	Data   string
	Listen string
	// Upstreams maps host names to addresses that stand in for them.
	Upstreams  map[string]string
	UpstreamCA string // PEM file
	Quotas     string // a file, as of ServeOptions
	// InsecureNoSandbox starts workers without the operating system's sandbox.
	InsecureNoSandbox bool
	Out, Err          io.Writer
}

// Env is what a run of the command sees of its surroundings.
type Env struct {
	Args   []string // without the program's name
	Getenv func(string) string
	// Lookup tells a variable that is set and empty from one that is not; without it
	// empty means unset.
	Lookup func(string) (string, bool)
	Dir    string // working directory
	In     io.Reader
	Out    io.Writer
	Err    io.Writer
	// Interactive says that a person sits at stdin and stdout: only then is anything asked.
	Interactive bool
	// Live says that Err is a terminal: only then are lines rewritten and coloured.
	Live bool
	// ErrTerminal says that Err is any terminal, also one that cannot rewrite lines.
	ErrTerminal bool
	// Sleep waits between two questions to a server; the clock does when it is nil.
	Sleep func(ctx context.Context, d time.Duration) error
	// Host is this machine's name, as a login is shown at the console.
	Host string
	// ConfigDir holds the credentials file.
	ConfigDir string
}

// Main runs the command of this process and exits.
func Main(h Hooks) {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	// The first signal asks to end, the second one ends the process as if nobody listened.
	context.AfterFunc(ctx, stop)
	code := Run(ctx, OSEnv(), h)
	stop()
	os.Exit(code)
}

// OSEnv is the process's own surroundings.
func OSEnv() Env {
	dir, _ := os.Getwd()            // without one, --dir must be absolute
	config, _ := os.UserConfigDir() // without one, login says so
	host, _ := os.Hostname()        // without one, a login has no name
	in, out, err := term.IsTerminal(int(os.Stdin.Fd())), term.IsTerminal(int(os.Stdout.Fd())), term.IsTerminal(int(os.Stderr.Fd()))
	return Env{
		Args: os.Args[1:], Getenv: os.Getenv, Lookup: os.LookupEnv, Dir: dir, ConfigDir: config, Host: host,
		In: os.Stdin, Out: os.Stdout, Err: os.Stderr,
		Interactive: in && out && os.Getenv("CI") == "",
		ErrTerminal: err,
		Live:        err && os.Getenv("TERM") != "dumb" && os.Getenv("CI") == "",
	}
}

// Run runs one command and gives its exit code.
func Run(ctx context.Context, env Env, h Hooks) int {
	c := &cli{env: env, hooks: h, ui: newUI(env)}
	root := c.root()
	root.SetArgs(env.Args)
	root.SetIn(env.In)
	root.SetOut(env.Out)
	root.SetErr(env.Err)
	err := root.ExecuteContext(ctx)
	if err == nil {
		return 0
	}
	if ctx.Err() != nil && (errors.Is(err, context.Canceled) || errors.Is(err, context.Cause(ctx))) {
		err = fault.New(fault.Internal, "INTERRUPTED", "interrupted")
	}
	return c.report(err)
}

// cli is one run of the command.
type cli struct {
	env   Env
	hooks Hooks
	ui    *ui
	dir   string // --dir
	json  bool   // --json of the command at hand
	path  string // the command at hand, "annex deploy"
}

// silent is an error whose words are out already; only its exit code is left.
type silent struct{ kind fault.Kind }

func (s silent) Error() string { return s.kind.String() }

// report writes an error for people, or with --json as one object, and gives the exit code.
func (c *cli) report(err error) int {
	var s silent
	if errors.As(err, &s) {
		return s.kind.ExitCode()
	}
	asJSON := c.json || slices.ContainsFunc(c.env.Args, func(a string) bool { return a == "--json" || a == "--json=true" })
	f, ok := fault.As(err)
	if !ok {
		// What is no fault comes from the machine: a file, a full disk.
		f = fault.New(fault.Internal, "FAILED", "%s", strings.TrimPrefix(err.Error(), "cli: "))
	}
	f = c.roleWords(f)
	if asJSON {
		c.ui.printJSON(errorObject(f, err))
	} else {
		c.ui.fault(f, err)
	}
	return f.Kind.ExitCode()
}

// roleWords says of a token without the right role what a person can do with it: name
// the command and the kinds of token that it takes.
func (c *cli) roleWords(f *fault.Error) *fault.Error {
	roles, _ := f.Fields["roles"].([]any)
	if f.Code != "ROLE_REQUIRED" || len(roles) == 0 || c.path == "" {
		return f
	}
	var kinds []string
	for _, r := range roles {
		kinds = append(kinds, tokenOf(fmt.Sprint(r)))
	}
	has := ""
	if role, ok := f.Fields["role"].(string); ok {
		has = ", not " + tokenOf(role)
	}
	said := *f
	said.Public = fmt.Sprintf("`%s` takes %s%s", c.path, strings.Join(kinds, " or "), has)
	return said.WithFix("set ANNEX_TOKEN to such a token, or log in with one: `annex login`")
}

func tokenOf(role string) string {
	switch role {
	case "admin":
		return "a site admin's token"
	case "operator":
		return "an operator's token"
	case "ci":
		return "a CI token"
	}
	return "a " + role + "'s token"
}

// usage is an error about the command line.
func usage(format string, args ...any) *fault.Error {
	return fault.New(fault.Usage, "USAGE", format, args...)
}
