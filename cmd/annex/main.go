// Command annex runs the platform, its demo, and everything that developers, site
// admins and operators do with it. `annex help` lists the commands.
package main

import (
	"context"
	"fmt"
	"io"
	"log"
	"log/slog"
	"os"
	"runtime"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/edge/cli"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/infra/jail"
	"github.com/annexhq/annex/internal/infra/rawfile"
)

func main() {
	annex.Child()
	// net/http's client writes pieces of what hosts answer to the standard logger. No log of
	// ours goes there.
	log.SetOutput(io.Discard)
	cli.Main(cli.Hooks{Version: annex.Version(), Serve: serve, Demo: demo, Backup: backup, Restore: restore, ChildCommand: annex.ChildCommand})
}

func serve(ctx context.Context, o cli.ServeOptions) error {
	spare := leaveRoom()
	if err := jail.NoCoreDump(); err != nil {
		return err
	}
	cfg := config(o)
	cfg.EagerWorkers = spare
	if o.Check {
		if err := annex.Check(ctx, cfg); err != nil {
			return err
		}
		isolation, err := annex.Isolation(ctx, cfg)
		if err != nil {
			return err
		}
		fmt.Fprintf(o.Out, "the configuration is usable\nisolation: %s\n", isolation)
		return nil
	}
	p, err := annex.New(ctx, cfg)
	if err != nil {
		return err
	}
	token, err := p.OperatorToken(ctx)
	if err != nil {
		p.Close()
		return err
	}
	fmt.Fprintf(o.Out, "annex serves on %s   listens on: %s   isolation: %s\n", p.URL(), p.Address(), p.Isolation())
	if dir := p.LocalBlobs(); dir != "" {
		fmt.Fprintf(o.Out, "deployed bytes lie on this machine, in %s; further servers on this database need one shared folder: --blobs DIR\n", dir)
	}
	if token != "" {
		fmt.Fprintf(o.Out, "a first operator token is in %s\n", token)
	}
	return p.Run(ctx)
}

func config(o cli.ServeOptions) annex.Config {
	return annex.Config{
		DataDir: o.Data, DatabaseURL: o.Database, KeyRing: o.KeyRing, Blobs: o.Blobs, Listen: o.Listen, PlatformDomain: o.PlatformDomain, AppsDomain: o.AppsDomain,
		Workers: o.Workers, WorkerIsolation: o.WorkerIsolation, WorkerMemory: o.WorkerMemory, Quotas: o.Quotas, InsecureNoSandbox: o.InsecureNoSandbox,
		ShutdownDelay: o.ShutdownDelay, ShutdownGrace: o.ShutdownGrace, Log: logger(o),
		MetricsListen: o.MetricsListen, TracesEndpoint: o.TracesEndpoint, TracesPercent: o.TracesPercent,
	}
}

func backup(ctx context.Context, o cli.ServeOptions, b cli.BackupOptions) (cli.BackupReport, error) {
	r, err := annex.Backup(ctx, config(o), annex.BackupOptions(b))
	return cli.BackupReport(r), err
}

func restore(ctx context.Context, o cli.ServeOptions, r cli.RestoreOptions) (cli.RestoreReport, error) {
	done, err := annex.Restore(ctx, config(o), annex.RestoreOptions(r))
	return cli.RestoreReport(done), err
}

// logger writes the server's own log: one line an event, text or JSON.
func logger(o cli.ServeOptions) *slog.Logger {
	var level slog.Level
	if err := level.UnmarshalText([]byte(o.LogLevel)); err != nil {
		level = slog.LevelInfo // an embedding program's options; the command checks its own
	}
	out := o.Err
	if f, ok := out.(*os.File); ok {
		out = rawfile.New(f) // product calls write a line each
	}
	opts := &slog.HandlerOptions{Level: level}
	if o.LogJSON {
		return slog.New(slog.NewJSONHandler(out, opts))
	}
	return slog.New(slog.NewTextHandler(out, opts))
}

// leaveRoom keeps the server to half of the processors, unless the operator says
// otherwise: the other half is the workers', which run the apps. More would only make
// the scheduler's threads wake each other. It reports whether there are processors to spare: more than
// one, and no limit on the time that we may have of them.
func leaveRoom() (spare bool) {
	all := runtime.GOMAXPROCS(0) // in a container no more than its limit, rounded up
	if os.Getenv("GOMAXPROCS") == "" {
		runtime.GOMAXPROCS(max(1, all/2))
	}
	if os.Getenv("GOGC") == "" {
		collectRarely()
	}
	return all > 1 && all == runtime.NumCPU() && !timeLimited(os.DirFS("/"))
}

func demo(ctx context.Context, o cli.DemoOptions) error {
	leaveRoom()
	if err := jail.NoCoreDump(); err != nil {
		return err
	}
	return testenv.Demo(ctx, testenv.DemoConfig{Options: o, Version: annex.Version(), ChildCommand: annex.ChildCommand})
}
