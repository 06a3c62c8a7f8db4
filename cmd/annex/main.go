// Command annex runs the platform, its demo, and everything that developers, site
// admins and operators do with it. `annex help` lists the commands.
package main

import (
	"context"
	"fmt"
	"log/slog"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/edge/cli"
	"github.com/annexhq/annex/internal/edge/testenv"
)

func main() {
	annex.Child()
	cli.Main(cli.Hooks{Version: annex.Version(), Serve: serve, Demo: demo})
}

func serve(ctx context.Context, o cli.ServeOptions) error {
	cfg := annex.Config{
		DataDir: o.Data, DatabaseURL: o.Database, Listen: o.Listen, PlatformDomain: o.PlatformDomain, AppsDomain: o.AppsDomain,
		Workers: o.Workers, Log: slog.New(slog.NewTextHandler(o.Err, nil)),
	}
	p, err := annex.New(ctx, cfg)
	if err != nil {
		return err
	}
	if o.Check {
		p.Close()
		fmt.Fprintln(o.Out, "the configuration is usable")
		return nil
	}
	token, err := p.OperatorToken(ctx)
	if err != nil {
		p.Close()
		return err
	}
	fmt.Fprintf(o.Out, "annex serves on %s   isolation: %s\n", p.URL(), p.Isolation())
	if token != "" {
		fmt.Fprintf(o.Out, "a first operator token is in %s\n", token)
	}
	return p.Run(ctx)
}

func demo(ctx context.Context, o cli.DemoOptions) error {
	return testenv.Demo(ctx, testenv.DemoConfig{Options: o, Version: annex.Version(), ChildCommand: annex.ChildCommand})
}
