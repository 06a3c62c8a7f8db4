package kvstore

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/db"
)

// Quota is how much may be stored, values, secrets and entities together.
type Quota struct {
	Keys  int64
	Bytes int64 // of keys and values
}

// Quotas bound what an installation stores, what all installations of its app's environment
// do, and all of its site. A figure of 0 or less bounds nothing.
type Quotas struct{ Install, App, Site Quota }

// DefaultQuotas are those where nothing else is said.
var DefaultQuotas = Quotas{
	Install: Quota{1_000_000, 1 << 30}, App: Quota{100_000_000, 100 << 30}, Site: Quota{50_000_000, 50 << 30},
}

// Owner is to whom an installation's rows count, beside itself.
type Owner struct {
	App         id.App
	Environment id.Env
}

// Owners tells whose an installation is, also one that has ended.
type Owners interface {
	Owner(ctx context.Context, sc tenant.Scope) (Owner, error)
}

// The scopes of quotas, as refusals name them.
const (
	OfInstallation = "installation"
	OfApp          = "app"
	OfSite         = "site"
)

// Stored is what a scope has stored, and may; of a figure of 0 as much as it likes.
type Stored struct {
	Of       string
	Has, May Quota
}

// Stored is what an installation, all of its app's environment and all of its site have
// stored. What has expired counts until it is swept.
func (s *Store) Stored(ctx context.Context, sc tenant.Scope) ([]Stored, error) {
	if !sc.Valid() || sc.Install() == "" {
		return nil, fault.New(fault.Denied, "NOT_YOURS", "no installation was named")
	}
	counts, err := s.counts(ctx, sc)
	if err != nil {
		return nil, err
	}
	var out []Stored
	for _, c := range counts {
		has, err := s.has(ctx, c)
		if err != nil {
			return nil, err
		}
		out = append(out, Stored{c.of, has, c.may})
	}
	return out, nil
}

// count is what one quota bounds.
type count struct {
	of, who string
	read    string // the statement
	may     Quota
	usage   *usage
}

// counts are what a write of an installation is held against.
func (s *Store) counts(ctx context.Context, sc tenant.Scope) ([]count, error) {
	o, err := s.owner(ctx, sc)
	if err != nil {
		return nil, err
	}
	q := DefaultQuotas
	if s.Quotas != nil {
		q = s.Quotas(o.App, sc.Install())
	}
	out := []count{{OfInstallation, string(sc.Install()), storedByInstall, q.Install, nil}, {OfApp, string(o.Environment), storedByApp, q.App, nil}, {OfSite, string(sc.Site()), storedBySite, q.Site, nil}}
	for i := range out {
		out[i].usage = s.usages.of(out[i].of + " " + out[i].who)
	}
	return out, nil
}

func (s *Store) has(ctx context.Context, c count) (q Quota, err error) {
	err = s.db.QueryRow(ctx, c.read, c.who).Scan(&q.Keys, &q.Bytes)
	return q, fault.Op("kvstore.has", err)
}

// owner says whose an installation is. Once in each process it sees to it that the database
// knows as well, and counts there what was stored before.
func (s *Store) owner(ctx context.Context, sc tenant.Scope) (o Owner, err error) {
	if have, ok := s.owners.Get(sc.Install()); ok {
		return have, nil
	}
	if s.Owners != nil {
		if o, err = s.Owners.Owner(ctx, sc); err != nil {
			return Owner{}, fault.Op("kvstore.owner", err)
		}
	}
	err = s.db.Tx(ctx, func(ctx context.Context) error {
		n, err := s.db.Exec(ctx, addOwner, sc.Install(), sc.Site(), o.Environment)
		if err != nil || n == 0 {
			return err
		}
		return s.countFor(ctx, sc, o)
	})
	if err != nil {
		return Owner{}, fault.Op("kvstore.owner", err)
	}
	s.owners.Add(sc.Install(), o)
	return o, nil
}

// countFor adds what an installation has stored to its owners' counts.
func (s *Store) countFor(ctx context.Context, sc tenant.Scope, o Owner) error {
	has, err := s.has(ctx, count{who: string(sc.Install()), read: storedByInstall})
	if err != nil || has == (Quota{}) {
		return err
	}
	if _, err := s.db.Exec(ctx, addToApp, o.Environment, has.Keys, has.Bytes); err != nil {
		return err
	}
	_, err = s.db.Exec(ctx, addToSite, sc.Site(), has.Keys, has.Bytes)
	return err
}

// claim is what one value needs room for. size is the statement that tells how much its
// key, at, has already: near the limit, what replaces a value needs only what it has more.
type claim struct {
	size  string
	at    []any
	bytes int
}

// room takes room for values, or refuses all of them. Whoever is given room calls written
// when the values are stored, or were not.
//
// Far from every limit a write costs no look: it counts as if it replaced nothing. From seven
// eighths of one on, each write reads that count, which is of a bounded number of rows. Each
// server also looks once it has let through an eighth itself: two servers let through no more
// than the limit, but for what is under way at the same moment, and n of them n - 2 eighths.
func (s *Store) room(ctx context.Context, sc tenant.Scope, claims ...claim) (written func(), err error) {
	if _, err := installOf(sc); err != nil {
		return nil, err
	}
	counts, err := s.counts(ctx, sc)
	if err != nil {
		return nil, err
	}
	var need Quota
	for _, c := range claims {
		need.Keys, need.Bytes = need.Keys+1, need.Bytes+int64(c.bytes)
	}
	counts = slices.DeleteFunc(counts, func(c count) bool { return c.may.Keys <= 0 && c.may.Bytes <= 0 })
	for i := range counts {
		if err := s.known(ctx, &counts[i]); err != nil {
			return nil, err
		}
	}
	if c, _ := take(counts, need, Quota.near); c == nil {
		return given(counts, need), nil
	}
	if need, err = s.lacking(ctx, sc.Install(), need, claims); err != nil {
		return nil, err
	}
	for first := true; ; first = false {
		now := time.Now()
		for i := range counts {
			if !counts[i].usage.room(counts[i].may.near(), need) {
				if err := s.learn(ctx, &counts[i], now); err != nil {
					return nil, err
				}
			}
		}
		full, figure := take(counts, need, func(q Quota) Quota { return q })
		if full == nil {
			return given(counts, need), nil
		}
		if first { // what has expired is not in anybody's way
			if some, err := s.expired(ctx); err != nil {
				return nil, err
			} else if some {
				if _, err := s.Sweep(ctx); err != nil {
					return nil, err
				}
				continue
			}
		}
		if s.Count != nil {
			s.Count.Full(sc)
		}
		return nil, refusal(full, figure, need)
	}
}

// lacking is what values need more than those that they replace.
func (s *Store) lacking(ctx context.Context, install id.Install, need Quota, claims []claim) (Quota, error) {
	for _, c := range claims {
		var old int64
		switch err := s.db.QueryRow(ctx, c.size, append([]any{install}, c.at...)...).Scan(&old); {
		case err == nil:
			need = Quota{need.Keys - 1, need.Bytes - min(old, int64(c.bytes))} // less than nothing is needed by none
		case !errors.Is(err, db.ErrNoRows):
			return need, fault.Op("kvstore.room", err)
		}
	}
	return need, nil
}

// expired says whether anything has expired and is still counted.
func (s *Store) expired(ctx context.Context) (bool, error) {
	now := s.clock.millis()
	for _, statement := range []string{anyExpiredValueAllTenants, anyExpiredSecretAllTenants, anyExpiredEntityAllTenants} {
		var one int
		err := s.db.QueryRow(ctx, statement, now).Scan(&one)
		if err == nil || !errors.Is(err, db.ErrNoRows) {
			return err == nil, fault.Op("kvstore.expired", err)
		}
	}
	return false, nil
}

func refusal(c *count, has, need Quota) error {
	whose := map[string]string{OfInstallation: "the installation", OfApp: "the installations of the app's environment", OfSite: "the apps of the site"}[c.of]
	limit, figure, what := c.may.Bytes, has.Bytes, "bytes"
	if need.Keys > 0 && c.may.Keys > 0 && has.Keys > c.may.Keys {
		limit, figure, what = c.may.Keys, has.Keys, "keys"
	}
	e := fault.New(fault.Limit, "LIMIT_STORAGE", "%s may have %d %s stored", whose, limit, what).
		With("scope", c.of).With("what", what).With("limit", limit)
	if c.of != OfInstallation { // how much others have stored is not this app's to know
		return e.With("figure", limit).WithFix("delete what is not needed, or ask the operator for another figure")
	}
	return e.With("figure", figure).WithFix("delete what is not needed, store values with a time to live, or ask the operator for another figure")
}

// learnAfter is how long a count far from its limit is relied on: what other servers stored is
// known after this time.
const learnAfter = time.Second
