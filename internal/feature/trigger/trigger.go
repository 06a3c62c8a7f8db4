// Package trigger turns outside occasions into calls of an app's functions. So far
// these are web triggers: addresses at which any HTTP request runs a function
// (SPEC 7, CONTRACTS 1).
//
// Promises:
//
//   - An address is 128 random bits on an origin of its own. It stays the same for an
//     installation's module until it is deleted, whatever is deployed. Whoever knows it
//     can send the function anything; nobody can guess it, and unknown, deleted,
//     foreign and ungranted addresses give one and the same 404.
//   - A version may demand that callers prove themselves (hmac, bearer). Then no function
//     starts for a request without a valid proof, the proof does not reach the function,
//     and a signed request is taken once. The server makes the secrets, tells each once,
//     and keeps them sealed; two are valid while one replaces the other.
//   - The function gets the request as it was sent, less cookies and what proxies add:
//     an app must not learn a browser's session of a neighbouring origin, and must not
//     mistake a header that anybody can send for the proxy's word.
//   - The answer is the function's, less every header by which it could set state in
//     the browser or widen what its page may do; every answer, errors too, is sandboxed
//     into an opaque origin, and its page reaches what the installation's pages may.
//
// What a function returns: {statusCode, headers, body} from a dynamic trigger,
// {outputKey} from a static one. A function that returns nothing answers 204, since
// real apps have triggers that do so. Anything else is a 500 that names an incident;
// the details are in the app's log and the server's, never in the answer.
package trigger

import (
	"context"
	"crypto/rand"
	"encoding/hex"
	"io"
	"log/slog"
	"net/url"
	"slices"
	"strings"
	"sync/atomic"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

// maxPerModule bounds the addresses of one module of one installation.
const maxPerModule = 20

// Module is what a version declares of a web trigger.
type Module struct {
	Function string // handler, "file.export"
	Static   bool
	// Outputs are the answers of a static trigger, by key.
	Outputs map[string]Output
	// Authentication is "" or "none", "hmac" or "bearer": what the version demands of requests.
	Authentication string
}

// Output is one declared answer of a static trigger.
type Output struct {
	StatusCode  int
	ContentType string
	Body        string
}

// Modules tells what a version declares. Versions never change, so it may be cached
// for good; it is asked at each request and must be cheap.
type Modules interface {
	WebTrigger(ctx context.Context, version id.Version, key string) (Module, error)
}

// Policies answers what an installation may do now, from memory.
type Policies interface {
	Policy(ctx context.Context, install id.Install) (*call.Policy, error)
}

// Invoker is the door into app code.
type Invoker interface {
	Invoke(ctx context.Context, c *call.Call) (call.Result, error)
}

// Incidents learns of calls that ended in a 500, for the app's own log. It must not block.
type Incidents interface {
	Incident(p *call.Policy, c *call.Call, incident string, err error)
}

// Refusals learns of requests that did not prove themselves, for the app's own log: at
// most once a minute for a module, with what was refused since. It must not block.
type Refusals interface {
	Refused(p *call.Policy, module string, reasons map[string]int)
}

// Sealer is the key ring.
type Sealer interface {
	Seal(s seal.Subject, p seal.Purpose, at seal.Place, plain []byte) ([]byte, error)
	Open(s seal.Subject, p seal.Purpose, at seal.Place, sealed []byte) ([]byte, error)
}

// Audit writes an act's entry into the act's transaction.
type Audit interface {
	Append(ctx context.Context, site id.Site, install id.Install, by id.Principal, act string, detail any) error
}

// Config is what the service stands on. BaseURL, DB, Modules, Policies, Invoker, Sealer
// and Audit are required.
type Config struct {
	// BaseURL is the origin below which each trigger has a host of its own:
	// "https://hooks.apps.example" gives https://<id>.hooks.apps.example/.
	BaseURL  string
	DB       *db.DB
	Modules  Modules
	Policies Policies
	Invoker  Invoker
	Sealer   Sealer
	Audit    Audit
	// Incidents and Refusals may be nil.
	Incidents Incidents
	Refusals  Refusals
	Log       *slog.Logger
	Now       func() time.Time // time.Now when nil
	Rand      io.Reader        // crypto/rand when nil
	// MaxBody bounds a request's body and an answer's, in bytes; 5 MiB when zero.
	MaxBody int64
}

// Service keeps the addresses and serves them.
type Service struct {
	cfg    Config
	scheme string
	domain string // host below which triggers live, with a leading dot and its port
	suffix string // the same without the port, for matching
	seen   *seen[id.Trigger, place]
	pages  pages
	// secrets are those of modules, by secretKey, newest first.
	secrets *seen[secretKey, []secret]
	refused *refused
	swept   atomic.Int64 // when old proofs were last deleted, in milliseconds
}

// New makes the service.
func New(cfg Config) (*Service, error) {
	u, err := url.Parse(cfg.BaseURL)
	if err != nil || u.Host == "" || (u.Scheme != "https" && u.Scheme != "http") || strings.Trim(u.Path, "/") != "" {
		return nil, fault.New(fault.Usage, "INVALID_BASE_URL", "%q is no origin for web triggers", cfg.BaseURL).
			WithFix("write scheme and host, for instance https://hooks.apps.example")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	if cfg.Rand == nil {
		cfg.Rand = rand.Reader
	}
	if cfg.Log == nil {
		cfg.Log = slog.New(slog.DiscardHandler)
	}
	if cfg.MaxBody == 0 {
		cfg.MaxBody = 5 << 20
	}
	s := &Service{
		cfg:    cfg,
		scheme: u.Scheme,
		domain: "." + strings.ToLower(u.Host),
		suffix: "." + strings.ToLower(u.Hostname()),
	}
	s.seen = newSeen(cfg.Now, placeOf(cfg.DB))
	s.secrets = newSeen(cfg.Now, s.secretsOf)
	s.refused = newRefused(cfg.Now)
	return s, nil
}

// Trigger is one address.
type Trigger struct {
	ID      id.Trigger
	URL     string
	Module  string
	Created time.Time
}

// Create gives the address of a module of the scope's installation, making it if
// there is none: asking again gives the same one until it is deleted. fresh makes
// another one in any case.
func (s *Service) Create(ctx context.Context, scope tenant.Scope, moduleKey string, fresh bool) (Trigger, error) {
	t, err := s.create(ctx, scope, moduleKey, fresh)
	return t, fault.Op("trigger.Create", err)
}

func (s *Service) create(ctx context.Context, scope tenant.Scope, moduleKey string, fresh bool) (Trigger, error) {
	if err := wants(scope); err != nil {
		return Trigger{}, err
	}
	if err := s.offered(ctx, scope.Install(), moduleKey); err != nil {
		return Trigger{}, err
	}
	if !fresh {
		if t, err := s.current(ctx, scope, moduleKey); err == nil || !isNoRows(err) {
			return t, err
		}
	}
	var raw [16]byte
	if _, err := io.ReadFull(s.cfg.Rand, raw[:]); err != nil {
		return Trigger{}, err
	}
	trigger := hex.EncodeToString(raw[:])
	var made Trigger
	err := s.cfg.DB.Tx(ctx, func(ctx context.Context) error {
		last, count := int64(0), 0
		if err := s.cfg.DB.QueryRow(ctx, lastOfModule, string(scope.Install()), moduleKey).Scan(&last, &count); err != nil {
			return err
		}
		if count >= maxPerModule {
			return fault.New(fault.Limit, "LIMIT_WEB_TRIGGERS", "a module may have %d web trigger addresses", maxPerModule).
				With("limit", "web trigger addresses").With("figure", maxPerModule).WithFix("delete addresses that are no longer used")
		}
		if count == 0 || fresh {
			// On a conflict another caller made it first; the address read below is theirs.
			if _, err := s.cfg.DB.Exec(ctx, addTrigger, trigger, string(scope.Install()), string(scope.Site()), moduleKey, last+1, s.cfg.Now().UnixMilli()); err != nil {
				return err
			}
		}
		var err error
		made, err = s.current(ctx, scope, moduleKey)
		return err
	})
	return made, err
}

// offered refuses what no request could be served for, with what is wrong.
func (s *Service) offered(ctx context.Context, install id.Install, moduleKey string) error {
	p, err := s.cfg.Policies.Policy(ctx, install)
	if err != nil {
		return err
	}
	m, err := s.cfg.Modules.WebTrigger(ctx, p.Version, moduleKey)
	if err != nil {
		return err
	}
	if !granted(p, m, moduleKey) {
		return fault.New(fault.Denied, "NOT_GRANTED", "web trigger %q is not granted to this installation", moduleKey).
			WithFix("a site admin has to approve it")
	}
	return nil
}

// The ways in which a version may demand that callers prove themselves.
const (
	byHMAC   = "hmac"
	byBearer = "bearer"
)

// proof is how callers of the module prove themselves, "" when they need not.
func (m Module) proof() string {
	if m.Authentication == "none" {
		return ""
	}
	return m.Authentication
}

// granted decides whether the effective set holds the trigger as the version declares
// it. A dynamic trigger is authority: whoever has its address can be handed data. A
// static one is not, its answers are part of the version. Who may be called by anybody
// may also be called by those who prove themselves.
func granted(p *call.Policy, m Module, key string) bool {
	if m.Static {
		return true
	}
	ways := perm.WebTriggerAuthentications(p.Set, key)
	return slices.Contains(ways, "") || slices.Contains(ways, m.proof())
}

// List gives the addresses of the scope's installation, of one module or (with "") of all.
func (s *Service) List(ctx context.Context, scope tenant.Scope, moduleKey string) ([]Trigger, error) {
	if err := wants(scope); err != nil {
		return nil, fault.Op("trigger.List", err)
	}
	rows, err := s.cfg.DB.Query(ctx, listTriggers, string(scope.Install()))
	if err != nil {
		return nil, fault.Op("trigger.List", err)
	}
	defer rows.Close()
	list := []Trigger{}
	for rows.Next() {
		t, err := s.scan(rows)
		if err != nil {
			return nil, fault.Op("trigger.List", err)
		}
		if moduleKey == "" || t.Module == moduleKey {
			list = append(list, t)
		}
	}
	return list, fault.Op("trigger.List", rows.Err())
}

// Delete ends an address of the scope's installation at once. An address of another
// one is not found.
func (s *Service) Delete(ctx context.Context, scope tenant.Scope, address string) error {
	if err := wants(scope); err != nil {
		return fault.Op("trigger.Delete", err)
	}
	trigger, ok := s.parse(address)
	if !ok {
		return fault.Op("trigger.Delete", notFound())
	}
	n, err := s.cfg.DB.Exec(ctx, deleteTrigger, string(scope.Install()), string(trigger))
	s.seen.forget(trigger)
	if err == nil && n == 0 {
		err = notFound()
	}
	return fault.Op("trigger.Delete", err)
}

// DeleteAll ends every address and secret of the scope's installation, in the caller's
// transaction if there is one; the uninstallation calls it.
func (s *Service) DeleteAll(ctx context.Context, scope tenant.Scope) error {
	if err := wants(scope); err != nil {
		return fault.Op("trigger.DeleteAll", err)
	}
	for _, q := range []string{deleteTriggers, deleteSecrets, deleteProofs} {
		if _, err := s.cfg.DB.Exec(ctx, q, string(scope.Install())); err != nil {
			return fault.Op("trigger.DeleteAll", err)
		}
	}
	s.seen.forgetAll()
	s.secrets.forgetAll()
	return nil
}

func (s *Service) current(ctx context.Context, scope tenant.Scope, moduleKey string) (Trigger, error) {
	return s.scan(s.cfg.DB.QueryRow(ctx, currentTrigger, string(scope.Install()), moduleKey))
}

func (s *Service) scan(row interface{ Scan(...any) error }) (Trigger, error) {
	var trigger, module string
	var created int64
	if err := row.Scan(&trigger, &module, &created); err != nil {
		return Trigger{}, err
	}
	return Trigger{ID: id.Trigger(trigger), URL: s.url(id.Trigger(trigger)), Module: module, Created: time.UnixMilli(created).UTC()}, nil
}

func (s *Service) url(t id.Trigger) string { return s.scheme + "://" + string(t) + s.domain + "/" }

// parse finds the trigger in an address as it was handed out, with or without a path.
func (s *Service) parse(address string) (id.Trigger, bool) {
	u, err := url.Parse(address)
	if err != nil || u.Scheme != s.scheme {
		return "", false
	}
	return s.ofHost(u.Host)
}

// ofHost finds the trigger that a Host header names.
func (s *Service) ofHost(host string) (id.Trigger, bool) {
	if i := strings.LastIndexByte(host, ':'); i >= 0 {
		host = host[:i]
	}
	label, ok := strings.CutSuffix(strings.ToLower(host), s.suffix)
	if !ok || !wellFormed(label) {
		return "", false
	}
	return id.Trigger(label), true
}

func wellFormed(label string) bool {
	if len(label) != 32 {
		return false
	}
	for i := range len(label) {
		if c := label[i]; (c < '0' || c > '9') && (c < 'a' || c > 'f') {
			return false
		}
	}
	return true
}

func wants(scope tenant.Scope) error {
	if !scope.Valid() || scope.Install() == "" {
		return fault.New(fault.Denied, "NOT_YOURS", "no installation was named")
	}
	return nil
}

func notFound() error {
	return fault.New(fault.NotFound, "NO_SUCH_WEB_TRIGGER", "there is no such web trigger address")
}
