package server

import (
	"context"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"time"

	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/edge/ask"
	"github.com/annexhq/annex/internal/edge/bridge"
	"github.com/annexhq/annex/internal/edge/console"
	"github.com/annexhq/annex/internal/edge/httpapi"
	"github.com/annexhq/annex/internal/edge/outflow"
	"github.com/annexhq/annex/internal/edge/shell"
	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/feature/applog"
	"github.com/annexhq/annex/internal/feature/asking"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/consent"
	"github.com/annexhq/annex/internal/feature/devtunnel"
	"github.com/annexhq/annex/internal/feature/egress"
	"github.com/annexhq/annex/internal/feature/erasure"
	"github.com/annexhq/annex/internal/feature/hosting"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/invoke"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/feature/people"
	"github.com/annexhq/annex/internal/feature/product"
	"github.com/annexhq/annex/internal/feature/productauth"
	"github.com/annexhq/annex/internal/feature/provider"
	"github.com/annexhq/annex/internal/feature/quota"
	"github.com/annexhq/annex/internal/feature/receipts"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/remote"
	"github.com/annexhq/annex/internal/feature/runtime/qjs"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/feature/trigger"
	"github.com/annexhq/annex/internal/feature/uikit"
	"github.com/annexhq/annex/internal/feature/unattended"
	"github.com/annexhq/annex/internal/infra/blob"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/jail"
	"github.com/annexhq/annex/internal/infra/jobs"
	"github.com/annexhq/annex/internal/infra/metrics"
	"github.com/annexhq/annex/internal/infra/netguard"
	"github.com/annexhq/annex/internal/infra/seal"
	"github.com/annexhq/annex/internal/infra/signer"
	"github.com/annexhq/annex/internal/infra/tracing"
)

// System is every part of a running server, in the order in which they are made.
type System struct {
	Config   Config
	Listener net.Listener
	// MetricsListener is what Prometheus asks, nil for nothing.
	MetricsListener net.Listener
	Origins         Origins

	lock  *db.DirLock
	DB    *db.DB
	Ring  *seal.Ring
	Blobs blob.Store
	Guard *netguard.Guard
	Audit *audit.Log
	// Receipts are of what the server sends for apps.
	Receipts *receipts.Log
	Signer   *signer.Signer
	Tenancy  *tenancy.Service
	Registry *registry.Service
	Installs *install.Service
	Accounts *account.Service
	KV       *kvstore.Store
	Logs     *applog.Service
	Broker   *egress.Broker
	Consents *consent.Service
	Asking   *asking.Service
	Erasures *erasure.Service
	Products *product.Gate
	Remotes  *remote.Service
	Linked   *productauth.Service
	// Providers holds accounts at other services that apps use.
	Providers *provider.Service
	Jobs      *jobs.Queue
	// Unattended runs what nobody waits for; Events verifies what products say happened.
	Unattended *unattended.Service
	Quotas     *quota.Service
	Events     *signer.Assertions
	declared   *products
	Jail       *jail.Jail
	Runtime    *qjs.Runtime
	Tunnels    *devtunnel.Service
	Triggers   *trigger.Service
	Hosting    *hosting.Service
	Door       *invoke.Door
	Sessions   *session.Service
	Interfaces *uikit.Service
	Console    *console.Console
	API        *httpapi.API
	Handler    http.Handler
	stopping   atomic.Bool
	metrics    *metrics.Metrics
	traces     *tracing.Tracer // nil when no collector is named
	snapshots  *snapshots
	prepared   *os.File // nil where workers find nothing made
	// attendance tells a restore that a server uses the database.
	attendance func()
	// changed is who else is told of changed policies, once it is there.
	changed   atomic.Pointer[uikit.Service]
	closeRest []func()
}

// migrations are all tables, each feature's own.
func migrations() []db.Migration {
	var all []db.Migration
	for _, m := range [][]db.Migration{
		audit.Migrations, tenancy.Migrations, account.Migrations, registry.Migrations, install.Migrations,
		kvstore.Migrations, applog.Migrations, trigger.Migrations, ringMigrations,
		signer.Migrations, consent.Migrations, asking.Migrations, hosting.Migrations, productauth.Migrations, session.Migrations, uikit.Migrations, erasure.Migrations, endedBefore, ownedBefore, jobs.Migrations, unattended.Migrations, quota.Migrations, receipts.Migrations, provider.Migrations, remote.Migrations, devtunnel.Migrations,
	} {
		all = append(all, m...)
	}
	return all
}

// Open makes a system that is ready to serve. Close takes it down, also after an error
// half-way, which Open does itself.
func Open(ctx context.Context, cfg Config) (_ *System, err error) {
	if err := cfg.complete(); err != nil {
		return nil, fault.Op("server.Open", err)
	}
	s := &System{Config: cfg, metrics: metrics.New()}
	defer func() {
		if err != nil {
			s.Close()
		}
	}()
	for _, step := range []func(context.Context) error{s.openStorage, s.listen, s.openFeatures, s.openRuntime, s.openDoors} {
		if err := step(ctx); err != nil {
			return nil, fault.Op("server.Open", err)
		}
	}
	return s, nil
}

func (s *System) openStorage(ctx context.Context) (err error) {
	if err := os.MkdirAll(s.Config.DataDir, 0o700); err != nil {
		return fault.New(fault.Unavailable, "DATA_DIR", "the data directory %s cannot be made", s.Config.DataDir).Because(err).
			WithFix("name a directory that this user may write to")
	}
	if s.lock, err = db.LockDir(s.Config.DataDir); err != nil {
		return err
	}
	database, err := db.Destinations(s.Config.DatabaseURL)
	if err != nil {
		return err
	}
	if s.Guard, err = s.Config.Guard(netguard.Config{Database: database, Log: s.Config.Log}); err != nil {
		return err
	}
	if s.DB, err = db.Open(ctx, db.Config{URL: s.Config.DatabaseURL, Dial: s.Guard.Dialer(netguard.Database)}); err != nil {
		return err
	}
	if s.attendance, err = s.DB.Attend(ctx); err != nil {
		return err
	}
	if err := s.DB.Migrate(ctx, migrations()); err != nil {
		return err
	}
	if s.Ring, err = openRing(ctx, s.DB, s.Config.KeyRing); err != nil {
		return err
	}
	if s.Config.blobsApart() {
		s.Config.Log.WarnContext(ctx, "deployed bytes lie on this machine only; servers that share the database need one folder for them (--blobs)",
			"blobs", s.Config.Blobs)
	}
	s.Blobs, err = blob.OpenDir(s.Config.Blobs)
	return err
}

// listen comes before the features: with port 0 their addresses are known only then.
func (s *System) listen(ctx context.Context) (err error) {
	if s.Listener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.Config.Listen); err != nil {
		return cannotListen(s.Config.Listen, err)
	}
	if s.Config.MetricsListen != "" {
		if s.MetricsListener, err = (&net.ListenConfig{}).Listen(ctx, "tcp", s.Config.MetricsListen); err != nil {
			return cannotListen(s.Config.MetricsListen, err)
		}
	}
	s.Origins, err = newOrigins(s.Config.PlatformDomain, s.Config.AppsDomain, s.Config.Scheme, s.Listener.Addr().String())
	return err
}

func cannotListen(address string, err error) error {
	return fault.New(fault.Unavailable, "LISTEN", "cannot listen on %s", address).Because(err).
		WithFix("another program may have the address, or this user may not take it: give --listen another one")
}

func (s *System) openFeatures(ctx context.Context) (err error) {
	log := s.Config.Log
	if err := s.openTraces(ctx); err != nil {
		return err
	}
	s.Audit = audit.New(s.DB, nil)
	s.Signer, err = signer.New(ctx, signer.Config{DB: s.DB, Sealer: s.Ring, Issuer: s.Origins.ControlURL(), Audit: s.Audit, Log: log})
	if err != nil {
		return err
	}
	s.Signer.Start()
	s.Audit.Signer, s.Audit.Issuer, s.Audit.Logger = s.Signer, s.Origins.ControlURL(), log
	s.Audit.Start()
	s.Receipts = receipts.New(receipts.Config{DB: s.DB, Dir: filepath.Join(s.Config.DataDir, "receipts"), Signer: s.Signer, Issuer: s.Origins.ControlURL(), Log: log})
	if err := s.Receipts.Start(ctx); err != nil {
		return err
	}
	s.Tenancy = tenancy.New(tenancy.Config{DB: s.DB, Audit: s.Audit})
	s.Registry = registry.New(registry.Config{DB: s.DB, Blobs: s.Blobs, Sealer: s.Ring, Audit: s.Audit, Products: s.Tenancy, Reserved: s.Origins.Reserved(), Log: log})
	s.Installs = install.New(install.Config{
		DB: s.DB, Audit: s.Audit, Releases: s.Registry, Sites: s.Tenancy, Words: s.Tenancy, Reserved: s.Origins.Reserved(), Log: log,
		// An open connection is of the policy under which it was made.
		Changed: func(install id.Install) {
			s.Guard.Forget(string(install))
			s.Broker.Changed(install, s.Installs.Running()[install])
			if ui := s.changed.Load(); ui != nil {
				ui.Changed(install)
			}
		},
	})
	s.Registry.Installations = s.Installs
	s.Tenancy.Installations = s.Installs
	s.Accounts = account.New(account.Config{DB: s.DB, Audit: s.Audit, Apps: s.Registry, Sites: s.Tenancy, FirstEnded: s.removeFirstToken})
	s.Tenancy.Accounts = s.Accounts
	s.Quotas = quota.New(quota.Config{DB: s.DB, Limits: s.Config.Quotas, Now: s.Config.QuotaClock, Log: log})
	s.KV = kvstore.New(s.DB, s.Ring, s.Registry)
	s.KV.Count = s.Quotas
	s.KV.Owners = storageOwners{s.Installs}
	s.KV.Quotas = func(app id.App, install id.Install) kvstore.Quotas {
		i, a, site := s.Quotas.Stored(app, install)
		return kvstore.Quotas{Install: kvstore.Quota(i), App: kvstore.Quota(a), Site: kvstore.Quota(site)}
	}
	s.Logs = applog.New(s.DB, applog.Config{Logger: log, Audit: s.Audit, Policy: s.Installs.Policy})
	s.Registry.Entities = entitiesKept{s.Installs, func() *kvstore.Store { return s.KV }}
	s.Installs.HandedOver = s.Logs.HandOver
	s.Broker = egress.New(egress.Config{
		Network: s.network("egress"), Decisions: denials{logs: s.Logs, policies: s.Installs, audit: s.Audit, receipts: s.Receipts, metrics: s.metrics}, Receipts: brokerReceipts{s.Receipts}, Quota: s.Quotas.Request, Log: log, Reserved: s.Origins.Reserved(),
		Current: func(install id.Install) *call.Policy { return s.Installs.Running()[install] },
	})
	declared := newProducts(s.Tenancy, s.Guard, s.collector()...)
	s.declared = declared
	s.Sessions = session.New(session.Config{
		DB: s.DB, Sealer: s.Ring, Products: signIns{s.Tenancy, s.Origins.UIURL()}, Sites: s.Tenancy, Demoted: s.Accounts.Demoted, SignedOut: s.Accounts.SignedOut,
		Assertions: assertions{signer.NewAssertions(signer.AssertionsConfig{
			Audience: s.Origins.UIURL(), Products: productKeys{declared}, Client: s.Guard.Client(netguard.Operator, "keys"),
		}), declared},
	})
	s.Erasures = erasure.New(erasure.Config{DB: s.DB, Audit: s.Audit, Parts: []erasure.Erase{s.KV.Erase, s.Logs.Erase}, Log: log,
		Installations: everInstalled{s.Installs}, Storage: keptStorage{s.KV}})
	s.Consents = consent.New(consent.Config{DB: s.DB, Audit: s.Audit, Policies: s.Installs, Products: declared})
	s.Asking = asking.New(asking.Config{
		DB: s.DB, Audit: s.Audit, Installs: askInstalls{s.Installs}, Remotes: askRemotes{s.Installs, s.Registry}, Apps: askApps{s.Registry, s.Accounts},
		Products: askProducts{s.Tenancy}, Log: log,
	})
	s.Linked = productauth.New(productauth.Config{
		DB: s.DB, Sealer: s.Ring, Audit: s.Audit, Clients: declared, Providers: declared, Callback: s.Origins.UIURL() + "/oauth/callback",
		OpenIDCallback: s.Origins.UIURL() + "/openid/callback",
	})
	s.Tenancy.Ends = append(s.Tenancy.Ends, s.Linked.EndSite, s.Asking.EndSite, s.Erasures.SiteEnded)
	s.Products = product.New(product.Config{
		APIs: declared, Installations: s.Installs, Consents: s.Consents,
		Credentials: credentials{tokens{s.Signer, newAppNames(s.Registry)}, declared, s.Linked},
		Network:     s.network("product"), Decisions: productDecisions{logs: s.Logs, policies: s.Installs, audit: s.Audit, receipts: s.Receipts, metrics: s.metrics}, Receipts: productReceipts{s.Receipts}, Quota: s.Quotas.Product, Register: s.registerModule, Log: log, Reserved: s.Origins.Reserved(),
	})
	return s.Installs.Start(ctx)
}

func (s *System) openRuntime(ctx context.Context) (err error) {
	if s.Jail, err = openJail(ctx, s.Config); err != nil {
		return err
	}
	s.warnInsecure(ctx)
	snapshots, err := openSnapshots(s.Config.snapshots(), s.Ring, s.Config.Log)
	if err != nil {
		return err
	}
	s.snapshots = snapshots
	grade, err := qjs.Grade(s.Config.WorkerIsolation)
	if err != nil {
		return err
	}
	s.prepared = openPrepared(ctx, s.Config)
	s.Runtime, err = qjs.New(qjs.Config{
		ChildCommand: s.Config.ChildCommand, Prepared: s.prepared, Jail: s.Jail, Workers: s.Config.Workers, Snapshots: snapshots, Log: s.Config.Log,
		Isolation: grade, Memory: s.Config.WorkerMemory << 20, Eager: s.Config.EagerWorkers,
	})
	s.Registry.Preparer = s.Runtime
	s.openTunnels()
	return err
}

func (s *System) openDoors(ctx context.Context) (err error) {
	log := s.Config.Log
	recorder := recorder{s.Logs, s.metrics}
	s.Hosting, err = hosting.New(ctx, hosting.Config{
		Scheme: s.Origins.Scheme(), Base: s.Origins.AppBase(), UIURL: s.Origins.UIURL(), DB: s.DB, Sealer: s.Ring, Blobs: s.Blobs,
		Policies: s.Installs, Versions: served{s.Registry}, Pages: newPageOrigins(s.Tenancy), Developer: recorder, Bridge: bridgeScript(ctx, s.Origins.UIURL(), log), Script: appScript(ctx, log), Texts: s.Registry, Log: log,
	})
	if err != nil {
		return err
	}
	door := &lateDoor{}
	s.Triggers, err = trigger.New(trigger.Config{
		BaseURL: s.Origins.HookBase(), DB: s.DB, Modules: declared{s.Registry}, Policies: s.Installs,
		Invoker: door, Incidents: recorder, Refusals: recorder, Sealer: s.Ring, Audit: s.Audit, Log: log,
	})
	if err != nil {
		return err
	}
	s.openRemotes()
	s.openUnattended(door, s.declared)
	s.openProviders(door)
	s.Interfaces = uikit.New(uikit.Config{
		DB: s.DB, Sealer: s.Ring, Invoker: door, Policies: s.Installs, Lines: recorder.line, Logger: log,
		ConsentURL: func(install id.Install) string { return bridge.ConsentURL(s.Origins.UIURL(), install) },
	})
	s.Interfaces.Start()
	s.changed.Store(s.Interfaces)
	s.Door, err = invoke.New(invoke.Config{
		Policies: s.Installs, Versions: s.Registry, Runtime: s.Runtime, Recorder: recorder,
		Facilities: []invoke.Facility{s.Broker, s.Products, s.KV, s.Triggers, s.Interfaces, s.Unattended, s.Asking, s.Providers, s.Remotes}, Log: log, Place: s.place, Quota: s.Quotas,
		HostCalled: s.hostCalled, Follow: s.follow(),
		Endpoints: s.Remotes, Ready: s.Providers.Ready, Divert: s.divert,
	})
	if err != nil {
		return err
	}
	door.Door = s.Door
	s.Installs.Removed = func(ctx context.Context, scope tenant.Scope) error {
		if err := s.Consents.DeleteAll(ctx, scope); err != nil {
			return err
		}
		if err := s.Asking.DeleteAll(ctx, scope); err != nil {
			return err
		}
		if err := s.Triggers.DeleteAll(ctx, scope); err != nil {
			return err
		}
		if err := s.Interfaces.DeleteAll(ctx, scope); err != nil {
			return err
		}
		if err := s.Hosting.DeleteAll(ctx, scope); err != nil {
			return err
		}
		if err := s.Unattended.Ended(ctx, scope); err != nil {
			return err
		}
		return s.Erasures.Ended(ctx, scope)
	}
	out := &outflow.Service{Installs: s.Installs, Receipts: s.Receipts, Logs: s.Logs, Outward: s.outward, Slots: s.Remotes.Slots, Manifest: s.Registry.Manifest, Asks: s.declared.asks, Name: s.Accounts.NameOf}
	s.API = httpapi.New(httpapi.Config{
		Receipts: s.Receipts, Outflow: out,
		Accounts: s.Accounts, Tenancy: s.Tenancy, Linked: s.Linked, Providers: s.Providers, Remotes: s.Remotes, Registry: s.Registry, Installs: s.Installs, Erasures: s.Erasures, Triggers: s.Triggers, Hosting: s.Hosting, Logs: s.Logs, Unattended: s.Unattended, Quotas: s.Quotas, KV: s.KV, TakeEvents: s.TakeEvents, Tunnels: s.Tunnels, Consents: s.Consents,
		Sessions: s.Sessions, UIURL: s.Origins.UIURL(),
		Signer: s.Signer, Audit: s.Audit, Invoker: s.Door, Changed: s.Door.Forget, Health: s.Health, NotReady: s.notReady, Log: log, Words: s.Tenancy.AllWords,
	})
	s.Console = console.New(console.Config{
		Outflow: out,
		URL:     s.Origins.UIURL(), Sessions: s.Sessions, Installs: s.Installs, Registry: s.Registry, Tenancy: s.Tenancy, Accounts: s.Accounts,
		Audit: s.Audit, Linked: s.Linked, Providers: s.Providers, Remotes: s.Remotes, Consents: s.Consents, Hosting: s.Hosting, Logs: s.Logs, Asking: s.Asking, Unattended: s.Unattended, Quotas: s.Quotas, Erasures: s.Erasures, Stored: s.KV.Stored, Tunnels: s.Tunnels.Open, Server: s.about, Log: log,
	})
	who := people.New(people.Config{
		Directories: directories{s.declared}, Credentials: peopleAsked{signer: s.Signer, products: s.declared, accounts: s.Linked}, Network: s.network("people"),
	})
	apps := bridge.New(bridge.Config{
		URL: s.Origins.UIURL(), Sessions: s.Sessions, Installs: s.Installs, Registry: s.Registry, Tenancy: s.Tenancy,
		Consents: s.Consents, Providers: s.Providers, Products: s.Products, Remotes: s.Remotes, Invoker: s.Door, Interfaces: s.Interfaces, Hosting: s.Hosting, People: who, Asking: s.Asking, Log: log,
	})
	frames := shell.New(shell.Config{
		URL: s.Origins.UIURL(), Sessions: s.Sessions, Installs: s.Installs, Registry: s.Registry, Tenancy: s.Tenancy, Hosting: s.Hosting, Asset: assets.Page, Log: log,
	})
	asks := ask.New(ask.Config{URL: s.Origins.UIURL(), Sessions: s.Sessions, Tenancy: s.Tenancy, Asks: s.Asking, Asset: assets.Page, Log: log})
	icons := s.Hosting.Icons()
	ui := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if strings.HasPrefix(r.URL.Path, "/bridge/") {
			apps.ServeHTTP(w, r)
			return
		}
		if shell.Serves(r.URL.Path) {
			frames.ServeHTTP(w, r)
			return
		}
		if ask.Serves(r.URL.Path) {
			asks.ServeHTTP(w, r)
			return
		}
		if strings.HasPrefix(r.URL.Path, hosting.IconPrefix) {
			icons.ServeHTTP(w, r)
			return
		}
		s.Console.ServeHTTP(w, r)
	})
	count := func(family string, h http.Handler) http.Handler {
		return s.metrics.Requests(family, s.followed(family, h))
	}
	s.Handler = s.Origins.route(families{control: count("control", s.control()), ui: count("ui", ui), hook: count("hook", s.Triggers), app: s.metrics.Requests("app", s.Hosting)})
	s.gauges()
	s.sweepHourly()
	return s.startUnattended(ctx)
}

// LocalBlobs is the folder of deployed bytes when other servers could share the database
// but not this folder, "" otherwise.
func (s *System) LocalBlobs() string {
	if s.Config.blobsApart() {
		return s.Config.Blobs
	}
	return ""
}

// about is what the platform's first page says of the server.
func (s *System) about() console.Server {
	return console.Server{Control: s.Origins.ControlURL(), Version: s.Config.Version, Isolation: s.Jail.Grade().String()}
}

// Health says what the server is and how strongly it isolates.
func (s *System) Health() httpapi.Health {
	g := s.Jail.Grade()
	return httpapi.Health{
		Status: "ok", Isolation: g.String(), Walls: httpapi.Walls{Network: g.Network, Files: g.Files, Processes: g.Processes, Layers: g.Layers, Landlock: g.Landlock},
		Version: s.Config.Version, Workers: s.Runtime.Ready(),
	}
}

// Close takes everything down, doors first. It may be called on a half-made system.
func (s *System) Close() {
	for _, f := range s.closeRest {
		f()
	}
	if s.Listener != nil {
		_ = s.Listener.Close()
	}
	if s.MetricsListener != nil {
		_ = s.MetricsListener.Close()
	}
	if s.Tunnels != nil {
		s.Tunnels.Close()
	}
	if s.Interfaces != nil {
		s.Interfaces.Close()
	}
	if s.Unattended != nil {
		s.Unattended.Close()
	}
	if s.Quotas != nil {
		s.Quotas.Close()
	}
	if s.Jobs != nil { // before the runtime: what runs is given back as not done
		s.Jobs.Close()
	}
	if s.Runtime != nil {
		s.Runtime.Close()
	}
	if s.Jail != nil {
		s.Jail.Close()
	}
	if s.prepared != nil {
		_ = s.prepared.Close()
	}
	if s.Logs != nil {
		_ = s.Logs.Close()
	}
	if s.Installs != nil {
		s.Installs.Close()
	}
	if s.Audit != nil {
		if err := s.Audit.Close(); err != nil {
			s.Config.Log.Warn("the last entries of the audit trail are not signed yet; the next start signs them", "err", err)
		}
	}
	if s.Receipts != nil {
		if err := s.Receipts.Close(); err != nil {
			s.Config.Log.Warn("the last receipts are in the data directory; the next start takes them in", "err", err)
		}
	}
	if s.Signer != nil {
		s.Signer.Close()
	}
	if s.traces != nil {
		s.traces.Close()
	}
	if s.Guard != nil {
		s.Guard.Close()
	}
	if s.attendance != nil {
		s.attendance()
	}
	if s.DB != nil {
		_ = s.DB.Close()
	}
	if s.lock != nil {
		_ = s.lock.Unlock()
	}
}

// sweepHourly removes what is past its time: what ended installations left, old log lines,
// expired values. What was to be erased when the last server stopped is erased at once.
func (s *System) sweepHourly() {
	ctx, cancel := context.WithCancel(context.Background())
	done := make(chan struct{})
	go func() {
		defer close(done)
		tick := time.NewTicker(time.Hour)
		defer tick.Stop()
		for {
			if _, err := s.Erasures.Due(ctx); err != nil && ctx.Err() == nil {
				s.Config.Log.WarnContext(ctx, "erasure of what ended installations left; it is tried again in an hour", "err", err)
			}
			select {
			case <-ctx.Done():
				return
			case <-tick.C:
			}
			if err := s.Receipts.Sweep(ctx); err != nil {
				s.Config.Log.WarnContext(ctx, "sweep of receipts", "err", err)
			}
			if err := s.Logs.Sweep(ctx); err != nil {
				s.Config.Log.WarnContext(ctx, "sweep of logs", "err", err)
			}
			if _, err := s.KV.Sweep(ctx); err != nil {
				s.Config.Log.WarnContext(ctx, "sweep of values", "err", err)
			}
			if err := s.Quotas.Sweep(ctx); err != nil {
				s.Config.Log.WarnContext(ctx, "old counts of what was used are not removed", "err", err)
			}
			if err := s.Unattended.Sweep(ctx); err != nil {
				s.Config.Log.WarnContext(ctx, "sweep of jobs", "err", err)
			}
			if err := s.Sessions.Sweep(ctx); err != nil {
				s.Config.Log.WarnContext(ctx, "sweep of sessions", "err", err)
			}
			if err := s.Asking.Sweep(ctx); err != nil {
				s.Config.Log.WarnContext(ctx, "sweep of requests", "err", err)
			}
			if err := s.Interfaces.Sweep(ctx); err != nil {
				s.Config.Log.WarnContext(ctx, "sweep of user interfaces", "err", err)
			}
			if err := s.snapshots.sweep(time.Now()); err != nil {
				s.Config.Log.WarnContext(ctx, "sweep of snapshots", "err", err)
			}
		}
	}()
	s.closeRest = append(s.closeRest, func() { cancel(); <-done })
}

// place gives the address of a product on a site, and the name that ARIs carry: apps
// written for a product that it is an alias of look for that name.
func (s *System) place(_ id.Site, product id.Product) (url, ariName string) {
	p, err := s.Tenancy.ProductByKeyOrAlias(context.Background(), string(product))
	if err != nil {
		return "", string(product)
	}
	if len(p.Aliases) > 0 {
		return p.APIBaseURL, p.Aliases[0]
	}
	return p.APIBaseURL, string(p.Key)
}
