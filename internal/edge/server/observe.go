package server

import (
	"context"
	"encoding/hex"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"sync"
	"time"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/feature/invoke"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/tracing"
)

// What an operator sees from outside: figures for Prometheus, traces for a collector.
// Features know of neither; they are told to from here.

// classOf is how something ended, a word of a closed list.
func classOf(err error) string {
	if err == nil {
		return "ok"
	}
	return fault.KindOf(err).String()
}

func (s *System) hostCalled(method string, took time.Duration, err error) {
	s.metrics.HostCall(method, classOf(err), took)
}

// checkObservers refuses what cannot be listened on or told.
func (c *Config) checkObservers() error {
	if c.MetricsListen != "" {
		if err := checkAddress(c.MetricsListen); err != nil {
			return err
		}
	}
	if c.TracesPercent <= 0 || c.TracesPercent > 100 {
		c.TracesPercent = 100
	}
	if c.TracesEndpoint == "" {
		return nil
	}
	if u, err := url.Parse(c.TracesEndpoint); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || u.User != nil {
		return fault.New(fault.Usage, "TRACES_ENDPOINT", "the collector's address is no http or https URL").WithFix("for instance --traces-endpoint http://127.0.0.1:4318/v1/traces")
	}
	return nil
}

// collector is the one address that traces go to, as the network knows addresses.
func (s *System) collector() []string {
	u, err := url.Parse(s.Config.TracesEndpoint)
	if err != nil || u.Host == "" {
		return nil
	}
	port := u.Port()
	if port == "" {
		port = map[string]string{"http": "80", "https": "443"}[u.Scheme]
	}
	return []string{net.JoinHostPort(u.Hostname(), port)}
}

func (s *System) openTraces(ctx context.Context) (err error) {
	if s.Config.TracesEndpoint == "" {
		return nil
	}
	if err := s.Guard.SetOperator(s.collector()...); err != nil {
		return err
	}
	s.traces, err = tracing.New(ctx, tracing.Config{
		Endpoint: s.Config.TracesEndpoint, Client: s.Guard.Client(netguard.Operator, "traces"), Ratio: float64(s.Config.TracesPercent) / 100,
		Version: s.Config.Version,
	})
	return fault.Op("server.openTraces", err)
}

// network is the way out of a feature. Products are the operator's own and learn of a trace;
// hosts that apps choose do not.
func (s *System) network(step string) network {
	return network{s.Guard, s.traces, step}
}

type network struct {
	guard  *netguard.Guard
	traces *tracing.Tracer
	step   string
}

func (n network) Transport(class netguard.Class, tenant string) http.RoundTripper {
	return n.traced(class, n.guard.Transport(class, tenant))
}

// PrivateTransport is the way into a private network that was opened for a remote; it
// learns of no trace either.
func (n network) PrivateTransport(tenant string, to netguard.Opening) http.RoundTripper {
	return n.traced(netguard.App, n.guard.PrivateTransport(tenant, to))
}

// IdentifiedTransport is one of both, with a certificate.
func (n network) IdentifiedTransport(tenant string, into *netguard.Opening, as netguard.Identity) http.RoundTripper {
	return n.traced(netguard.App, n.guard.IdentifiedTransport(tenant, into, as))
}

func (n network) traced(class netguard.Class, rt http.RoundTripper) http.RoundTripper {
	if n.traces == nil {
		return rt
	}
	return n.traces.Transport(n.step, class == netguard.Operator, rt)
}

// follow begins a call's trace, nil when nobody is told of traces.
func (s *System) follow() func(context.Context, *call.Policy, *call.Call, time.Time) (context.Context, invoke.Trail) {
	if s.traces == nil {
		return nil
	}
	return func(ctx context.Context, p *call.Policy, c *call.Call, began time.Time) (context.Context, invoke.Trail) {
		if c.Span != "" {
			ctx = tracing.Below(ctx, c.Trace, c.Span)
		}
		ctx, span := s.traces.Begin(ctx, c.Trace, "call "+string(c.Kind), began,
			tracing.Fact{Key: "annex.invocation", Value: string(c.ID)}, tracing.Fact{Key: "annex.installation", Value: string(p.Install)},
			tracing.Fact{Key: "annex.site", Value: string(p.Site)}, tracing.Fact{Key: "annex.app", Value: string(p.App)},
			tracing.Fact{Key: "annex.version", Value: string(p.Version)})
		return ctx, trail{span}
	}
}

// followed gives each request that may make a call a trace, before anything is decided of it:
// what it makes happen, now or later, says in traces and in the log that it is of that one.
// What a caller says of a trace is not taken over.
func (s *System) followed(family string, next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if family != "hook" && (r.Method == http.MethodGet || r.Method == http.MethodHead) {
			next.ServeHTTP(w, r) // a page, a list
			return
		}
		u, err := uuid.NewV7()
		if err != nil {
			next.ServeHTTP(w, r)
			return
		}
		o := call.Origin{Trace: hex.EncodeToString(u[:])}
		if s.traces == nil {
			next.ServeHTTP(w, r.WithContext(call.WithOrigin(r.Context(), o)))
			return
		}
		s.traces.Serve(w, r, o.Trace, "request "+family, func(w http.ResponseWriter, r *http.Request, span string) {
			o.Span = span
			next.ServeHTTP(w, r.WithContext(call.WithOrigin(r.Context(), o)))
		})
	})
}

// tracedLog adds to each line the trace of what it is said of.
type tracedLog struct{ slog.Handler }

func withTraces(log *slog.Logger) *slog.Logger {
	if _, ok := log.Handler().(tracedLog); ok {
		return log
	}
	return slog.New(tracedLog{log.Handler()})
}

// Handle implements slog.Handler.
func (l tracedLog) Handle(ctx context.Context, r slog.Record) error {
	if o := call.OriginOf(ctx); o.Trace != "" {
		r = r.Clone()
		r.AddAttrs(slog.String("trace", o.Trace))
	}
	return l.Handler.Handle(ctx, r)
}

// WithAttrs implements slog.Handler.
func (l tracedLog) WithAttrs(attrs []slog.Attr) slog.Handler {
	return tracedLog{l.Handler.WithAttrs(attrs)}
}

// WithGroup implements slog.Handler.
func (l tracedLog) WithGroup(name string) slog.Handler { return tracedLog{l.Handler.WithGroup(name)} }

// trail is a span as the door knows it.
type trail struct{ span tracing.Span }

func (t trail) Step(ctx context.Context, name string) (context.Context, invoke.Trail) {
	ctx, step := t.span.Step(ctx, name)
	return ctx, trail{step}
}

func (t trail) ID() string { return t.span.ID() }

func (t trail) End(err error) {
	if err != nil {
		// Not the error's code: an app names its own.
		t.span.Fail(classOf(err))
	}
	t.span.End()
}

// gauges are figures that are looked up when somebody asks.
func (s *System) gauges() {
	m := s.metrics
	m.Gauge("annex_workers_ready", "Worker processes that take calls.", func() float64 { return float64(s.Runtime.Ready()) })
	m.Gauge("annex_installations_running", "Installations whose policy this process holds.", func() float64 { return float64(len(s.Installs.Running())) })
	m.Gauge("annex_policies_confirmed", "1 while policies were confirmed within the last second; calls are refused otherwise.", func() float64 {
		if s.Installs.Confirmed() {
			return 1
		}
		return 0
	})
	load := &queueLoad{queue: s.Jobs}
	m.Gauge("annex_queue_due_jobs", "Jobs that are due and wait, counted to 100,000.", func() float64 { return float64(load.now().Due) })
	m.Gauge("annex_queue_dead_jobs", "Dead letters, counted to 100,000.", func() float64 { return float64(load.now().Dead) })
	m.Gauge("annex_queue_oldest_seconds", "How long the installation that waits longest has waited for its turn.", func() float64 { return load.now().Waits.Seconds() })
	for name, of := range map[string]func() db.Connections{"read": s.DB.Readers, "write": s.DB.Writers} {
		m.GaugeOf("annex_db_connections_open", "Open connections to the database.", "pool", name, func() float64 { return float64(of().Open) })
		m.GaugeOf("annex_db_connections_in_use", "Connections that are in use.", "pool", name, func() float64 { return float64(of().InUse) })
		m.GaugeOf("annex_db_waited_seconds_total", "Time that was waited for a connection.", "pool", name, func() float64 { return of().Waited.Seconds() })
	}
}

// queueLoad asks the database about the queue once in some seconds, however many ask.
type queueLoad struct {
	queue *jobs.Queue
	mu    sync.Mutex
	at    time.Time
	load  jobs.Load
}

func (q *queueLoad) now() jobs.Load {
	q.mu.Lock()
	defer q.mu.Unlock()
	if time.Since(q.at) < 5*time.Second {
		return q.load
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if load, err := q.queue.Load(ctx); err == nil {
		q.load = load
	}
	q.at = time.Now()
	return q.load
}

// serveMetrics answers on the operator's own address until ctx ends.
func (s *System) serveMetrics(ctx context.Context) {
	if s.MetricsListener == nil {
		return
	}
	mux := http.NewServeMux()
	mux.Handle("GET /metrics", s.metrics.Handler())
	mux.Handle("GET /healthz", s.API)
	mux.Handle("GET /readyz", s.API)
	srv := &http.Server{Handler: mux, ReadHeaderTimeout: 5 * time.Second, ReadTimeout: 10 * time.Second, WriteTimeout: 20 * time.Second, MaxHeaderBytes: 16 << 10}
	s.Config.Log.Info("metrics", "address", s.MetricsListener.Addr().String())
	go func() { _ = srv.Serve(s.MetricsListener) }()
	context.AfterFunc(ctx, func() { _ = srv.Close() })
}
