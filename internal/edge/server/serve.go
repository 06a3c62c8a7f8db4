package server

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/httpapi"
	"github.com/annexhq/annex/internal/infra/rawsock"
)

const (
	// DefaultGrace is longer than all but the longest calls may take.
	DefaultGrace = 30 * time.Second
	// lastWords is how long the answers of calls that were ended may take.
	lastWords = 5 * time.Second
)

// Serve answers requests until ctx ends. Then it stops in this order: /readyz answers
// 503; after the delay no connection is accepted and no further request taken on those
// that are open; running calls finish; those that outlast the grace end with
// SHUTTING_DOWN, which their callers are still told.
func (s *System) Serve(ctx context.Context) error {
	srv := &http.Server{
		Handler:           newAnswers().of(s.Handler),
		ReadHeaderTimeout: 10 * time.Second,
		ReadTimeout:       2 * time.Minute,
		IdleTimeout:       2 * time.Minute,
		MaxHeaderBytes:    64 << 10,
		ErrorLog:          slog.NewLogLogger(s.Config.Log.Handler(), slog.LevelWarn),
	}
	s.Config.Log.Info("serving", "address", s.Listener.Addr().String(), "url", s.Origins.ControlURL(), "version", s.Config.Version,
		"isolation", s.Jail.Grade().String(), "workers", s.Config.Workers)
	s.serveMetrics(ctx)
	failed := make(chan error, 1)
	listener := bounded(srv, rawsock.Listener(s.Listener))
	go func() { failed <- srv.Serve(listener) }()
	select {
	case err := <-failed:
		return fault.Op("server.Serve", err)
	case <-ctx.Done():
	}
	s.stopping.Store(true)
	s.Config.Log.Info("stopping", "delay", s.Config.ShutdownDelay.String(), "grace", s.Config.ShutdownGrace.String())
	if s.Config.ShutdownDelay > 0 {
		select {
		case <-time.After(s.Config.ShutdownDelay):
		case err := <-failed:
			return fault.Op("server.Serve", err)
		}
	}
	return s.drain(srv)
}

func (s *System) drain(srv *http.Server) error {
	grace, cancel := context.WithTimeout(context.Background(), s.Config.ShutdownGrace)
	defer cancel()
	err := srv.Shutdown(grace)
	if err == nil {
		s.Config.Log.Info("stopped: every call has finished")
		return nil
	}
	if !errors.Is(err, context.DeadlineExceeded) {
		return fault.Op("server.Serve", err)
	}
	s.Config.Log.Warn("calls were still running after the grace and are ended", "grace", s.Config.ShutdownGrace.String())
	s.Runtime.EndCalls()
	last, cancel := context.WithTimeout(context.Background(), lastWords)
	defer cancel()
	if err := srv.Shutdown(last); err != nil {
		_ = srv.Close()
		s.Config.Log.Warn("requests that did not end are cut off")
	}
	s.Config.Log.Info("stopped")
	return nil
}

// notReady are the reasons why the server should get no requests now. It asks nobody, since
// anybody may ask it: whether the database answers is known from the policies, which are
// confirmed four times a second.
func (s *System) notReady() []httpapi.Reason {
	out := []httpapi.Reason{}
	add := func(code, words string) { out = append(out, httpapi.Reason{Code: code, Message: words}) }
	if s.stopping.Load() {
		add("STOPPING", "the server was told to stop and finishes running calls")
	}
	if !s.Installs.Confirmed() {
		add("POLICY_STALE", "the database does not answer, so policies cannot be confirmed; calls end with POLICY_STALE")
	}
	if s.Runtime.Ready() == 0 {
		add("WORKERS", "no worker process is ready")
	}
	return out
}
