package annex

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"os"
	"os/exec"
	"runtime/debug"
	"time"

	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/edge/server"
	"github.com/annexhq/annex/internal/edge/worker"
	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/jail"
	"github.com/annexhq/annex/internal/infra/prepared"
)

// version is set when the command is built by make.
var version string

// Version names the build: a tag or commit.
func Version() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" && info.Main.Version != "(devel)" {
		return info.Main.Version
	}
	return "devel"
}

// Config says how a platform runs. Only DataDir is required.
type Config struct {
	// DataDir holds deployed bytes, snapshots and the SQLite database. One platform
	// uses it at a time, held by a lock; it is made with mode 0700.
	DataDir string
	// DatabaseURL is "postgres://…" when the database is Postgres.
	DatabaseURL string
	// KeyRing is the file of the keys that seal data at rest; by default it lies in the
	// user's configuration folder, so that a copy of DataDir opens nothing.
	KeyRing string
	// Blobs is the folder of deployed bytes, DataDir/blobs by default. Platforms that
	// share a Postgres database share this folder and the key ring too.
	Blobs string
	// Listen is the TCP address of all origins, "127.0.0.1:8480" by default.
	Listen string
	// PlatformDomain and AppsDomain are two different registrable domains: the control API
	// answers on api.<PlatformDomain>, web triggers below <AppsDomain>. Both empty means
	// *.localhost.
	PlatformDomain, AppsDomain string
	// Scheme is what browsers see in front of the domains, "https" by default: a proxy
	// in front of Listen ends TLS.
	Scheme string
	// Workers is the number of worker processes, the number of processors when 0.
	Workers int
	// WorkerIsolation says who shares a worker process: "shared" (all, the default), "site"
	// or "app". WorkerMemory is what the calls of one may hold together, in MB; half of the
	// machine's memory, divided by the workers, when 0.
	WorkerIsolation string
	WorkerMemory    int
	// EagerWorkers look for the server's answer for up to half a millisecond before they
	// sleep, where the last answer came that fast. It makes such host calls a good deal faster
	// and takes processor time that would be idle: not for where that time is limited or dear.
	// The annex program sets it where it has more than one processor and no limit on their time.
	EagerWorkers bool
	// Quotas is the file of the figures of what installations, apps, sites and users may
	// use; the documented ones when "".
	Quotas string
	// ShutdownDelay is how long a platform whose Run is to end still takes requests, while
	// /readyz answers 503; ShutdownGrace is how long running calls may take to finish then,
	// 30 seconds when 0. After it they end with the error SHUTTING_DOWN.
	ShutdownDelay, ShutdownGrace time.Duration
	// MetricsListen is an address of its own on which Prometheus asks for /metrics, without a
	// token; TracesEndpoint an OpenTelemetry collector's URL (OTLP over HTTP), which is told of
	// TracesPercent calls of a hundred, all when 0. Both are off when empty.
	MetricsListen, TracesEndpoint string
	TracesPercent                 int
	// ChildCommand makes the command of a worker process. By default it is this
	// executable again; then main must call Child first.
	ChildCommand func() *exec.Cmd
	// InsecureNoSandbox runs workers without the operating system's sandbox: whoever
	// escapes the engine has this user's rights. Without it, New refuses a host that has no
	// complete wall for network, files and processes.
	InsecureNoSandbox bool
	// Log receives the platform's own log; nothing of it when nil.
	Log *slog.Logger
}

// Platform is a platform that is ready to serve.
type Platform struct{ sys *server.System }

// New opens the data directory (making it when needed), starts the workers and takes
// the listening address. Errors name what is missing and how to mend it.
func New(ctx context.Context, cfg Config) (*Platform, error) {
	sys, err := server.Open(ctx, cfg.server())
	if err != nil {
		return nil, err
	}
	if sys.Guard.Tested() {
		sys.Close()
		return nil, fmt.Errorf("annex.New: the way out stands on a test network")
	}
	return &Platform{sys}, nil
}

// Check says what would keep a platform from starting with this configuration. It
// writes nothing, and may be asked beside a running platform.
func Check(ctx context.Context, cfg Config) error { return server.Check(ctx, cfg.server()) }

// What Backup and Restore are told, and what they tell.
type (
	BackupOptions  = server.BackupOptions
	BackupReport   = server.BackupReport
	RestoreOptions = server.RestoreOptions
	RestoreReport  = server.RestoreReport
)

// Backup writes the database and the deployed bytes of a platform into one file; it may
// run beside the platform.
func Backup(ctx context.Context, cfg Config, o BackupOptions) (BackupReport, error) {
	return server.Backup(ctx, cfg.server(), o)
}

// Restore puts a backup in the place of a platform's database, which must not run. Every
// token is void afterwards, and no app may do more than it may now until its site's admin
// confirms that.
func Restore(ctx context.Context, cfg Config, o RestoreOptions) (RestoreReport, error) {
	return server.Restore(ctx, cfg.server(), o)
}

func (cfg Config) server() server.Config {
	if cfg.ChildCommand == nil {
		cfg.ChildCommand = ChildCommand
	}
	return server.Config{
		DataDir: cfg.DataDir, DatabaseURL: cfg.DatabaseURL, KeyRing: cfg.KeyRing, Blobs: cfg.Blobs, Listen: cfg.Listen,
		PlatformDomain: cfg.PlatformDomain, AppsDomain: cfg.AppsDomain, Scheme: cfg.Scheme, Workers: cfg.Workers, WorkerIsolation: cfg.WorkerIsolation, WorkerMemory: cfg.WorkerMemory, EagerWorkers: cfg.EagerWorkers, QuotasFile: cfg.Quotas,
		ShutdownDelay: cfg.ShutdownDelay, ShutdownGrace: cfg.ShutdownGrace,
		MetricsListen: cfg.MetricsListen, TracesEndpoint: cfg.TracesEndpoint, TracesPercent: cfg.TracesPercent,
		ChildCommand: cfg.ChildCommand, InsecureNoSandbox: cfg.InsecureNoSandbox, Version: Version(), Log: cfg.Log,
	}
}

// Handler serves all origins; it tells them apart by the request's Host.
func (p *Platform) Handler() http.Handler { return p.sys.Handler }

// URL is the origin of the control API.
func (p *Platform) URL() string { return p.sys.Origins.ControlURL() }

// Address is the local address that the platform listens on.
func (p *Platform) Address() string { return p.sys.Listener.Addr().String() }

// LocalBlobs is the folder of deployed bytes when it lies in DataDir although other
// servers could share the database, "" otherwise.
func (p *Platform) LocalBlobs() string { return p.sys.LocalBlobs() }

// Isolation says how strongly app code is kept apart from the machine: which walls stand
// between it and network, files and processes.
func (p *Platform) Isolation() string { return p.sys.Jail.Grade().Explain() }

// Isolation says it of this configuration and this host, by trying; nothing is started.
func Isolation(ctx context.Context, cfg Config) (string, error) {
	g, err := server.Isolation(ctx, cfg.server())
	return g.Explain(), err
}

// OperatorToken writes a one-time operator token to a file in DataDir (mode 0600) when
// no operator has a usable one, and gives the file's name, "" otherwise.
func (p *Platform) OperatorToken(ctx context.Context) (file string, err error) {
	return p.sys.FirstOperatorToken(ctx)
}

// Run serves until ctx ends, waits for requests in flight, and closes the platform.
func (p *Platform) Run(ctx context.Context) error {
	defer p.sys.Close()
	return p.sys.Serve(ctx)
}

// Close takes the platform down; Run does so itself.
func (p *Platform) Close() { p.sys.Close() }

// childName marks a process as a worker; the server puts it where programs find the name
// that they were called by.
const childName = "annex-worker"

// ChildCommand starts this executable again as a worker.
func ChildCommand() *exec.Cmd {
	// This file, whatever lies under its name by now.
	cmd := exec.Command("/proc/self/exe")
	cmd.Args = []string{childName}
	// A worker gets nothing of the server's environment: no credential can be in it.
	cmd.Env = []string{}
	if v, ok := os.LookupEnv(worker.SkipResetEnv); ok {
		cmd.Env = append(cmd.Env, worker.SkipResetEnv+"="+v)
	}
	return cmd
}

// Child runs a worker and ends the process if this process was started as one;
// otherwise it returns at once. Call it first in main, before flags are read.
func Child() {
	if len(os.Args) == 0 || os.Args[0] != childName {
		return
	}
	if err := child(); err != nil {
		fmt.Fprintln(os.Stderr, "annex worker:", err)
		os.Exit(1)
	}
	os.Exit(0)
}

func child() error {
	ctx := context.Background()
	wasm, err := assets.QuickJS()
	if err != nil {
		return err
	}
	sdk, err := assets.SDK()
	if err != nil {
		return err
	}
	o := worker.Options{WASM: wasm, SDK: sdk, Locales: assets.Locales, SkipReset: worker.SkipReset()}
	if dir, ok := prepared.Asked(os.Args); ok {
		return worker.Prepare(ctx, dir, o)
	}
	if dir, ok := prepared.Given(os.Args); ok {
		// Before the room is entered, in which there is no file, and long before the first
		// byte of an app.
		if o.Ready, err = worker.Load(ctx, dir, wasm); err != nil {
			fmt.Fprintln(os.Stderr, "annex worker: the engine is compiled again:", err)
		}
	}
	if o.Cell, err = jail.Enter(); err != nil {
		return err
	}
	sock, err := hostcall.NewSocket(jail.Socket)
	if err != nil {
		return err
	}
	return worker.Main(ctx, sock, o)
}
