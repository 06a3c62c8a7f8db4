package server

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"os/exec"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/jail"
	"github.com/annexhq/annex/internal/infra/prepared"
)

// openJail finds the best room for workers that this host allows, and refuses a host on
// which app code would have no wall of the operating system around it.
func openJail(ctx context.Context, cfg Config) (*jail.Jail, error) {
	j, err := jail.Open(ctx, jail.Config{Insecure: cfg.InsecureNoSandbox, Without: cfg.WithoutLayers, Log: cfg.Log}, cfg.ChildCommand)
	var missing *jail.MissingError
	if errors.As(err, &missing) {
		return nil, fault.New(fault.Unavailable, "SANDBOX_MISSING", "%s", missing.Error()).
			WithFix("%s", missing.Remedy())
	}
	return j, fault.Op("server.openJail", err)
}

// openPrepared finds what workers would otherwise make at each start, or has it made. A
// server can do without, for instance where its user has no cache folder.
func openPrepared(ctx context.Context, cfg Config) *os.File {
	root, err := prepared.DefaultRoot()
	var dir *os.File
	if err == nil {
		dir, err = prepared.Open(ctx, root, cfg.ChildCommand)
	}
	if err != nil {
		cfg.Log.InfoContext(ctx, "workers compile the engine at each start", "err", err)
		return nil
	}
	return dir
}

// Walls makes the room for workers of a program that is no server, and finds what they would
// otherwise make at each start; that is nil where there is nothing.
func Walls(ctx context.Context, childCommand func() *exec.Cmd, insecure bool, log *slog.Logger) (*jail.Jail, *os.File, error) {
	cfg := Config{ChildCommand: childCommand, InsecureNoSandbox: insecure, Log: log}
	j, err := openJail(ctx, cfg)
	if err != nil {
		return nil, nil, fault.Op("server.Walls", err)
	}
	return j, openPrepared(ctx, cfg), nil
}

// Isolation says which walls a server with this configuration would stand behind, by
// trying them; it starts no server.
func Isolation(ctx context.Context, cfg Config) (jail.Grade, error) {
	if err := cfg.complete(); err != nil {
		return jail.Grade{}, fault.Op("server.Isolation", err)
	}
	cfg.Log = slog.New(slog.DiscardHandler) // what is said here is the answer
	j, err := openJail(ctx, cfg)
	if err != nil {
		return jail.Grade{}, err
	}
	defer j.Close()
	return j.Grade(), nil
}

// warnInsecure says at each start what the operator chose.
func (s *System) warnInsecure(ctx context.Context) {
	if s.Config.InsecureNoSandbox {
		s.Config.Log.WarnContext(ctx, "INSECURE: workers run without the operating system's sandbox (--insecure-no-sandbox); "+
			"whoever escapes the engine has this user's rights. Run only apps whose authors you trust.", "isolation", s.Jail.Grade().String())
	}
}
