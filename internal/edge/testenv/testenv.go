// Package testenv makes a whole deployment from a declaration: the platform, the
// reference product with its users, accounts and sample apps, on this machine and
// offline. Tests, `annex demo` and developers use the same one. It is also the only
// place that may put the platform onto a test network.
package testenv

import (
	"context"
	"crypto/x509"
	"errors"
	"log/slog"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"time"

	"github.com/annexhq/annex/examples/product"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/server"
	"github.com/annexhq/annex/internal/feature/quota"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/infra/jail"
	"github.com/annexhq/annex/internal/infra/netguard"
)

// SiteName is the one site of a deployment.
const SiteName = "demo"

// Setup declares a deployment.
type Setup struct {
	// Dir holds everything; a second start on it finds its data.
	Dir string
	// Listen is the platform's address, port 0 for any. The product listens on the next
	// port, or on any.
	Listen string
	// Database is "" for SQLite in Dir.
	Database string
	Workers  int
	// Network replaces the outside world; nil leaves it as it is.
	Network *netguard.TestNetwork
	// ChildCommand starts a worker.
	ChildCommand func() *exec.Cmd
	// InsecureNoSandbox and WithoutLayers are those of server.Config.
	InsecureNoSandbox bool
	WithoutLayers     jail.Layers
	Version           string
	Log               *slog.Logger
	// Quotas are the figures of installations, apps, sites and users.
	// QuotasFile holds them, when it is not "".
	Quotas quota.Limits
	// QuotaClock is what their minutes are told by; time.Now when nil.
	QuotaClock func() time.Time
	QuotasFile string
	// NoProduct leaves out Tracker's own listener.
	NoProduct bool
	// MetricsListen and TracesEndpoint are those of server.Config.
	MetricsListen, TracesEndpoint string
}

// Env is a running deployment.
type Env struct {
	System  *server.System
	Tracker *tracker.Tracker
	Access  Access
	again   bool // an earlier start came to its end

	product *http.Server
	stop    context.CancelFunc
	serving bool
	closed  bool
	served  chan error
}

// Operator is who sets the deployment up.
var Operator = id.Principal{Kind: id.Operator, Account: "testenv"}

// Start makes the deployment and serves it until Close.
func Start(ctx context.Context, s Setup) (_ *Env, err error) {
	if s.Log == nil {
		s.Log = slog.New(slog.DiscardHandler)
	}
	cfg := server.Config{
		DataDir: s.Dir, DatabaseURL: s.Database, KeyRing: filepath.Join(s.Dir, "keyring"), Listen: s.Listen, Workers: s.Workers,
		ChildCommand: s.ChildCommand, InsecureNoSandbox: s.InsecureNoSandbox, WithoutLayers: s.WithoutLayers, Version: s.Version, Quotas: s.Quotas, QuotaClock: s.QuotaClock, QuotasFile: s.QuotasFile, Log: s.Log,
		MetricsListen: s.MetricsListen, TracesEndpoint: s.TracesEndpoint,
	}
	if s.Network != nil {
		cfg.Guard = func(n netguard.Config) (*netguard.Guard, error) {
			return netguard.New(n, netguard.WithTestNetwork(*s.Network))
		}
	}
	e := &Env{served: make(chan error, 1)}
	defer func() {
		if err != nil {
			_ = e.Close()
		}
	}()
	if e.System, err = server.Open(ctx, cfg); err != nil {
		return nil, err
	}
	run, stop := context.WithCancel(context.WithoutCancel(ctx))
	e.stop = stop
	if err := e.access(ctx, filepath.Join(s.Dir, "demo.json")); err != nil {
		return nil, err
	}
	if !s.NoProduct {
		if err := e.startTracker(ctx, s); err != nil {
			return nil, err
		}
	}
	if err := e.register(ctx); err != nil {
		return nil, err
	}
	e.serving = true
	go func() { e.served <- e.System.Serve(run) }()
	return e, nil
}

// startTracker serves the product on an origin that is another site than the
// platform's, as in production.
func (e *Env) startTracker(ctx context.Context, s Setup) error {
	l, err := (&net.ListenConfig{}).Listen(ctx, "tcp", nextPort(s.Listen, e.System.Listener.Addr()))
	if err != nil {
		return fault.New(fault.Unavailable, "LISTEN", "Tracker cannot listen").Because(err).WithFix("give --listen another address")
	}
	port := l.Addr().(*net.TCPAddr).Port
	e.Access.setProduct(port)
	e.Tracker, err = tracker.New(tracker.Config{
		File: filepath.Join(s.Dir, "tracker.json"), Users: e.Access.trackerUsers(), URL: e.Access.ProductPageURL, Log: s.Log,
		KeyFile: filepath.Join(s.Dir, "tracker-key.pem"),
	})
	if err != nil {
		return errors.Join(err, l.Close())
	}
	e.product = &http.Server{Handler: e.Tracker, ReadHeaderTimeout: readHeaderTimeout}
	go func() { _ = e.product.Serve(l) }()
	return nil
}

// register makes the product, the site and the accounts known, again at each start:
// addresses may have changed.
func (e *Env) register(ctx context.Context) error {
	declaration := string(tracker.ProductYAML)
	if e.Access.ProductURL != "" {
		declaration = strings.NewReplacer("http://127.0.0.1:8481", e.Access.ProductURL, "http://tracker.localhost:8481", e.Access.ProductPageURL).Replace(declaration)
	}
	declared, err := e.System.Tenancy.Declare(ctx, Operator, tenancy.Declaration{Name: "product.yaml", Data: []byte(declaration), Document: tracker.OpenAPI})
	if err != nil {
		return fault.Op("testenv.register", err)
	}
	p := declared.Product
	site, err := e.System.Tenancy.SiteByName(ctx, SiteName)
	if fault.KindOf(err) == fault.NotFound && err != nil {
		site, err = e.System.Tenancy.AddSite(ctx, Operator, tenancy.NewSite{Name: SiteName, Products: []id.Product{p.Key}, AllowDevelopment: true})
	}
	if err != nil {
		return fault.Op("testenv.register", err)
	}
	e.Access.Site, e.Access.Product = site.Name, string(p.Key)
	if e.Tracker != nil {
		if err := e.Tracker.TakeCalls(tracker.Calls{Issuer: e.Access.URL, Site: string(site.ID)}); err != nil {
			return fault.Op("testenv.register", err)
		}
		e.Tracker.Connect(tracker.Annex{
			ControlURL: e.Access.URL, UIURL: e.Access.UIURL, Product: string(p.Key), Site: string(site.ID),
		})
	}
	return fault.Op("testenv.register", e.accounts(ctx, site.ID))
}

// Close stops everything that Start began and waits for it. It may be called again.
func (e *Env) Close() error {
	if e.closed {
		return nil
	}
	e.closed = true
	var err error
	if e.product != nil {
		err = e.product.Close()
	}
	if e.stop != nil {
		e.stop()
	}
	if e.System == nil {
		return err
	}
	if e.serving {
		err = errors.Join(err, <-e.served)
	}
	e.System.Close()
	return err
}

// Upstreams makes the network of `annex demo --upstream`: each host is checked as a
// public name and reaches its address. ca is a PEM file, "" for none.
func Upstreams(hosts map[string]string, ca string) (*netguard.TestNetwork, error) {
	if len(hosts) == 0 && ca == "" {
		return nil, nil
	}
	var roots *x509.CertPool
	if ca != "" {
		pem, err := os.ReadFile(ca)
		if err != nil {
			return nil, fault.New(fault.Usage, "UPSTREAM_CA", "the file %s cannot be read", ca).Because(err)
		}
		roots = x509.NewCertPool()
		if !roots.AppendCertsFromPEM(pem) {
			return nil, fault.New(fault.Usage, "UPSTREAM_CA", "%s holds no PEM certificate", ca)
		}
	}
	n := netguard.Upstreams(hosts, roots)
	return &n, nil
}
