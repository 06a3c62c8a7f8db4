package inside

import (
	"database/sql"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"testing"
	"time"

	_ "github.com/jackc/pgx/v5/stdlib" // the driver of what is done by hand

	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// rounds is how often each of those that are compared has its turn.
const rounds = 5

// scaled is n at the scale that was asked for, at least one.
func scaled(n int) int {
	if percent, err := strconv.ParseFloat(os.Getenv("ANNEX_BENCH_SCALE"), 64); err == nil {
		n = int(float64(n) * percent / 100)
	}
	return max(1, n)
}

func micros(d time.Duration) float64 { return float64(d) / float64(time.Microsecond) }
func millis(d time.Duration) float64 { return float64(d) / float64(time.Millisecond) }

// at is the value below which the share of what was seen lies.
func at(share float64, seen []time.Duration) time.Duration {
	if len(seen) == 0 {
		return 0
	}
	s := slices.Sorted(slices.Values(seen))
	return s[min(len(s)-1, int(share*float64(len(s))))]
}

func median(xs []float64) float64 {
	if len(xs) == 0 {
		return 0
	}
	return slices.Sorted(slices.Values(xs))[len(xs)/2]
}

// store is an empty database, as a server opens it: a commit waits for the disk. The
// Postgres server is the tests' own, which leaves out the disk's part for all who use it.
type store struct {
	*db.DB
	url string
}

// eachStore runs a benchmark on both databases.
func eachStore(b *testing.B, run func(b *testing.B, s store)) {
	b.Run("sqlite", func(b *testing.B) { run(b, openStore(b, "sqlite:"+filepath.Join(b.TempDir(), "annex.db"))) })
	b.Run("postgres", func(b *testing.B) { run(b, openStore(b, dbtest.PostgresURL(b))) })
}

func openStore(b *testing.B, url string, migrations ...[]db.Migration) store {
	b.Helper()
	d, err := db.Open(b.Context(), db.Config{URL: url})
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.Close() })
	s := store{d, url}
	s.migrate(b, migrations...)
	return s
}

func (s store) migrate(b *testing.B, migrations ...[]db.Migration) {
	b.Helper()
	for _, m := range migrations {
		if err := s.Migrate(b.Context(), m); err != nil {
			b.Fatal(err)
		}
	}
}

// byHand is the same database through database/sql, with statements that were prepared.
func (s store) byHand(b *testing.B) *sql.DB {
	b.Helper()
	driver, name := "pgx", s.url
	if !s.Postgres() {
		q := url.Values{"_pragma": {"busy_timeout(5000)", "synchronous(FULL)", "cache_size(-8000)"}, "_txlock": {"immediate"}}
		driver, name = "sqlite", (&url.URL{Scheme: "file", Path: s.url[len("sqlite:"):], RawQuery: q.Encode()}).String()
	}
	d, err := sql.Open(driver, name)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { d.Close() })
	return d
}

func prepared(b *testing.B, d *sql.DB, text string) *sql.Stmt {
	b.Helper()
	s, err := d.PrepareContext(b.Context(), text)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { s.Close() })
	return s
}

// timed does it n times and adds how long each took.
func timed(b *testing.B, into *[]time.Duration, n int, do func(i int) error) {
	b.Helper()
	for i := range n {
		began := time.Now()
		if err := do(i); err != nil {
			b.Fatal(err)
		}
		*into = append(*into, time.Since(began))
	}
}
