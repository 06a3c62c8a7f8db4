// Package hosting serves the files of apps' own front ends, each installation's on an
// origin of its own. Its promise: every answer, errors too, carries the policy that the
// installation's grant makes at this moment; an origin serves the files of the version
// that its installation runs, and nothing of anybody else's; it knows no cookie, runs no
// code, and keeps nothing in a browser that could outlive a decision.
package hosting

import (
	"context"
	"errors"
	"log/slog"
	"net/url"
	"path"
	"strings"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/csp"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/blob"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

// Policies tells what an installation may do now.
type Policies interface {
	Policy(ctx context.Context, install id.Install) (*call.Policy, error)
}

// Version is what hosting serves of one version. It never changes.
type Version struct {
	Hash      string
	Resources map[string]Resource // front ends by key
	Icons     map[string]string   // module key → "resource:KEY;PATH"
}

// Resource is a folder of files by their path below it.
type Resource struct {
	Files   map[string]blob.Hash
	Entries map[string]string
}

// Versions tells what there is to serve.
type Versions interface {
	Served(ctx context.Context, version id.Version) (*Version, error)
}

// Pages tells on which origins a product shows its pages.
type Pages interface {
	PageOrigins(ctx context.Context, product id.Product) ([]string, error)
}

// Developer is told what browsers blocked, where an app's developer may read it.
type Developer interface {
	Blocked(ctx context.Context, p *call.Policy, b Blocked)
}

// Texts gives a version's translations.
type Texts interface {
	// Languages are those that there are files for, and which stands in for which.
	Languages(ctx context.Context, version id.Version) ([]byte, error)
	// Texts are one language's, as JSON; nil where there are none.
	Texts(ctx context.Context, version id.Version, locale string, fallback bool) (string, []byte, error)
}

// Sealer seals the key of origins; *seal.Ring is one.
type Sealer interface {
	Seal(s seal.Subject, p seal.Purpose, at seal.Place, plain []byte) ([]byte, error)
	Open(s seal.Subject, p seal.Purpose, at seal.Place, sealed []byte) ([]byte, error)
}

// Config is what the service stands on; Now and Log may be nil.
type Config struct {
	Scheme string // of all origins
	Base   string // "apps.example.net:8443": origins lie one label below
	UIURL  string // of the shell, which frames apps
	DB     *db.DB
	Sealer Sealer
	Blobs  blob.Store

	Policies  Policies
	Versions  Versions
	Pages     Pages
	Developer Developer
	// Bridge is the script that stands first in each document.
	Bridge []byte
	// Script is what documents may import, /_annex/sdk.js; nil where there is none.
	Script []byte
	// Texts are apps' translations; nil where there are none.
	Texts Texts
	Now   func() time.Time
	Log   *slog.Logger
}

// Service answers on apps' origins.
type Service struct {
	cfg      Config
	labels   *labels
	bridge   script
	script   script
	versions *lru.Cache[id.Version, *Version]
	store    *store
	reports  *reports
}

// New makes the service; Migrations must have been applied to cfg.DB.
func New(ctx context.Context, cfg Config) (*Service, error) {
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.Scheme == "" || cfg.Base == "" || cfg.Policies == nil || cfg.Versions == nil || cfg.Pages == nil || cfg.Blobs == nil {
		return nil, errors.New("hosting: the configuration lacks a part")
	}
	key, err := openKey(ctx, cfg.DB, cfg.Sealer)
	if err != nil {
		return nil, fault.Op("hosting.New", err)
	}
	names, err := newLabels(key)
	if err != nil {
		return nil, fault.Op("hosting.New", err)
	}
	versions, err := lru.New[id.Version, *Version](1024)
	if err != nil {
		return nil, fault.Op("hosting.New", err)
	}
	s := &Service{cfg: cfg, labels: names, bridge: newScript(cfg.Bridge), script: newScript(cfg.Script), versions: versions}
	s.store = newStore(cfg.Blobs, s.bridge)
	s.reports = newReports(cfg.Now)
	return s, nil
}

// Origin is the origin of an installation's pages, without a slash at its end.
func (s *Service) Origin(install id.Install) string {
	label, err := s.labels.of(install)
	if err != nil {
		return s.cfg.Scheme + "://unknown." + s.cfg.Base
	}
	return s.cfg.Scheme + "://" + label + "." + s.cfg.Base
}

// Place is where an installation's documents stand: what csp.Compose and csp.Shell ask.
func (s *Service) Place(ctx context.Context, p *call.Policy) (csp.Place, error) {
	pages, err := s.cfg.Pages.PageOrigins(ctx, p.Product)
	return csp.Place{App: s.Origin(p.Install), Shell: s.cfg.UIURL, Pages: pages}, fault.Op("hosting.Place", err)
}

// Document is the URL of a front end's document in the version that the policy runs.
// resource is KEY or KEY/ENTRY, as a module names it.
func (s *Service) Document(ctx context.Context, p *call.Policy, resource string) (string, error) {
	v, err := s.version(ctx, p.Version)
	if err != nil {
		return "", fault.Op("hosting.Document", err)
	}
	key, entry, named := strings.Cut(resource, "/")
	r, ok := v.Resources[key]
	file := "index.html"
	if ok && named {
		file, ok = r.Entries[entry]
	} else if other, has := r.Entries["index"]; has && r.Files[file] == "" {
		file = other
	}
	if _, there := r.Files[file]; !ok || !there {
		return "", fault.New(fault.NotFound, "NO_RESOURCE", "the running version has no front end %q", resource).
			WithFix("its developer builds it and deploys again")
	}
	return s.Origin(p.Install) + "/" + path.Join(v.Hash, url.PathEscape(key)) + "/" + (&url.URL{Path: file}).EscapedPath(), nil
}

// Explain gives each source of the policy of an installation's documents with its grant.
func (s *Service) Explain(ctx context.Context, p *call.Policy) (header, allowlist string, reasons []csp.Reason, err error) {
	at, err := s.Place(ctx, p)
	if err != nil {
		return "", "", nil, fault.Op("hosting.Explain", err)
	}
	if header, err = csp.Compose(p.Set, at); err != nil {
		return "", "", nil, fault.Op("hosting.Explain", err)
	}
	reasons, err = csp.Explain(p.Set, at)
	return header, csp.Allowlist(p.Set), reasons, fault.Op("hosting.Explain", err)
}

func (s *Service) version(ctx context.Context, v id.Version) (*Version, error) {
	if have, ok := s.versions.Get(v); ok {
		return have, nil
	}
	have, err := s.cfg.Versions.Served(ctx, v)
	if err != nil {
		return nil, err
	}
	s.versions.Add(v, have)
	return have, nil
}

// nothing is what an origin without an installation may do.
var nothing perm.Set
