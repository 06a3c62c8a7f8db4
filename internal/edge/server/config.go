package server

import (
	"log/slog"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"runtime"
	"strconv"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/feature/quota"
	"github.com/annexhq/annex/internal/feature/runtime/qjs"
	"github.com/annexhq/annex/internal/infra/jail"
	"github.com/annexhq/annex/internal/infra/netguard"
)

// Config says how a server runs. DataDir and ChildCommand are required.
type Config struct {
	// DataDir holds blobs, snapshots and, without DatabaseURL, the database.
	DataDir string
	// DatabaseURL is "postgres://…"; empty for SQLite in DataDir.
	DatabaseURL string
	// KeyRing is the file of the keys that seal data at rest; by default it lies in the
	// user's configuration folder, outside of DataDir, so that a copy of the data opens nothing.
	KeyRing string
	// Blobs is the folder of deployed bytes, DataDir/blobs by default. Servers that share
	// a database share this folder too: what was deployed through one runs on all.
	Blobs string
	// Listen is the address to serve on, "127.0.0.1:8480" by default; port 0 takes any.
	Listen string
	// PlatformDomain and AppsDomain are two registrable domains; both empty means
	// *.localhost, which only this machine can reach.
	PlatformDomain, AppsDomain string
	// Scheme of the origins as their users see them, "https" by default with domains.
	Scheme string
	// Workers is the number of worker processes, the number of processors when 0.
	Workers int
	// WorkerIsolation says who shares a worker process: shared, site or app. WorkerMemory is
	// what the calls of one may hold together, in MB; the runtime chooses when 0.
	WorkerIsolation string
	WorkerMemory    int
	// QuotasFile holds Quotas: the figures of what installations, apps, sites and users may use.
	QuotasFile string
	Quotas     quota.Limits
	// QuotaClock is the clock whose minutes quotas count in; time.Now when nil.
	QuotaClock func() time.Time
	// ShutdownDelay is how long a server that was told to stop still takes requests, so
	// that a load balancer sees /readyz fail first; ShutdownGrace is how long running calls
	// may then take, 30 seconds when 0. What still runs after it ends with SHUTTING_DOWN.
	ShutdownDelay, ShutdownGrace time.Duration
	// EagerWorkers look for the server's answer for up to half a millisecond before they
	// sleep. It makes host calls that are answered that fast a good deal faster, and takes time
	// of processors that would idle: not for where that time is limited or dear.
	EagerWorkers bool
	// ChildCommand makes the command of a worker process: this program again, which
	// calls Child first in its main.
	ChildCommand func() *exec.Cmd
	// InsecureNoSandbox starts workers without the operating system's sandbox.
	InsecureNoSandbox bool
	// WithoutLayers are layers of the sandbox that are not to be had. Only tests set it.
	WithoutLayers jail.Layers
	// Guard makes the way out; netguard.New when nil. Only testenv gives another.
	Guard func(netguard.Config) (*netguard.Guard, error)
	// MetricsListen is where Prometheus asks, "" for nowhere. Whoever reaches it reads.
	MetricsListen string
	// TracesEndpoint is an OpenTelemetry collector's URL (OTLP over HTTP), "" for none;
	// TracesPercent is how many calls of a hundred it is told of, all when 0.
	TracesEndpoint string
	TracesPercent  int
	Version        string
	Log            *slog.Logger
}

// complete checks what can be checked without the machine and fills in the defaults.
// It makes nothing.
func (c *Config) complete() error {
	if c.DataDir == "" {
		return fault.New(fault.Usage, "DATA_DIR", "no data directory is named").WithFix("give --data DIR")
	}
	if c.ChildCommand == nil {
		return fault.New(fault.Usage, "CHILD_COMMAND", "no command for worker processes is given")
	}
	if c.Listen == "" {
		c.Listen = "127.0.0.1:8480"
	}
	if err := checkAddress(c.Listen); err != nil {
		return err
	}
	if err := c.checkObservers(); err != nil {
		return err
	}
	if _, err := newOrigins(c.PlatformDomain, c.AppsDomain, c.Scheme, c.Listen); err != nil {
		return err
	}
	if c.QuotasFile != "" {
		text, err := os.ReadFile(c.QuotasFile)
		if err != nil {
			return fault.New(fault.Usage, "QUOTAS", "the quotas cannot be read from %s", c.QuotasFile).Because(err)
		}
		if c.Quotas, err = quota.Read(text); err != nil {
			return err
		}
	}
	dir, err := filepath.Abs(c.DataDir)
	if err != nil {
		return err
	}
	c.DataDir = dir
	if c.Blobs == "" {
		c.Blobs = c.localBlobs()
	}
	if c.Blobs, err = filepath.Abs(c.Blobs); err != nil {
		return err
	}
	if c.DatabaseURL == "" {
		c.DatabaseURL = "sqlite:" + filepath.Join(dir, "annex.db")
	}
	if c.KeyRing == "" {
		base, err := os.UserConfigDir()
		if err != nil {
			return fault.New(fault.Usage, "KEY_RING", "there is no configuration folder for the key ring").WithFix("give --key-ring FILE").Because(err)
		}
		c.KeyRing = filepath.Join(base, "annex", "keyring")
	}
	if c.Scheme == "" {
		c.Scheme = "https"
	}
	if c.Guard == nil {
		c.Guard = func(n netguard.Config) (*netguard.Guard, error) { return netguard.New(n) }
	}
	if _, err := qjs.Grade(c.WorkerIsolation); err != nil {
		return err
	}
	if c.Workers <= 0 {
		c.Workers = runtime.NumCPU()
	}
	if c.ShutdownGrace <= 0 {
		c.ShutdownGrace = DefaultGrace
	}
	if c.Version == "" {
		c.Version = "unknown"
	}
	if c.Log == nil {
		c.Log = slog.New(slog.DiscardHandler)
	}
	c.Log = withTraces(c.Log)
	return nil
}

func (c *Config) localBlobs() string { return filepath.Join(c.DataDir, "blobs") }

// blobsApart reports whether other servers could share the database but not the
// deployed bytes: then what was deployed through one would not run on another.
func (c *Config) blobsApart() bool {
	return !strings.HasPrefix(c.DatabaseURL, "sqlite:") && c.Blobs == c.localBlobs()
}

// checkAddress refuses what can be no address on any machine, before anything is made.
func checkAddress(listen string) error {
	bad := func(err error) error {
		return fault.New(fault.Usage, "LISTEN", "%q is not host:port", listen).WithFix("for instance --listen 127.0.0.1:8480").Because(err)
	}
	host, port, err := net.SplitHostPort(listen)
	if err != nil {
		return bad(err)
	}
	if _, err := strconv.ParseUint(port, 10, 16); err != nil {
		return bad(err)
	}
	if ip, _, _ := strings.Cut(host, "%"); host != "" && net.ParseIP(ip) == nil && !hostName.MatchString(host) {
		return bad(nil)
	}
	return nil
}

var hostName = regexp.MustCompile(`^[A-Za-z0-9_]([A-Za-z0-9_.-]{0,251}[A-Za-z0-9_.])?$`)
