package db

import (
	"context"
	"database/sql"
	"runtime"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/stdlib"

	"github.com/annexhq/annex/internal/core/fault"
)

const postgresWriters = 8

func openPostgres(ctx context.Context, cfg Config) (*DB, error) {
	writers, readers := cfg.Writers, cfg.Readers
	if writers <= 0 {
		writers = postgresWriters
	}
	if readers <= 0 {
		readers = max(4, 2*runtime.GOMAXPROCS(0))
	}
	d := &DB{dialect: postgres}
	var err error
	// Read-modify-write closures are only safe when no other transaction can slip in
	// between, hence serializable; Tx runs the loser again.
	d.write, err = openPostgresPool(cfg, writers, map[string]string{
		"default_transaction_isolation": "serializable",
		"synchronous_commit":            map[bool]string{true: "off", false: "on"}[cfg.Relaxed],
	})
	if err != nil {
		return nil, err
	}
	if d.read, err = openPostgresPool(cfg, readers, map[string]string{
		"default_transaction_read_only": "on",
	}); err != nil {
		d.write.close()
		return nil, err
	}
	if err := d.Ping(ctx); err != nil {
		d.Close()
		return nil, err
	}
	return d, nil
}

func openPostgresPool(cfg Config, size int, params map[string]string) (*pool, error) {
	c, err := pgx.ParseConfig(cfg.URL)
	if err != nil {
		// The cause would print the URL, and with it a password.
		return nil, fault.New(fault.Usage, "DATABASE_URL", "the Postgres URL cannot be read").
			WithFix("write postgres://user:password@host:5432/database")
	}
	for k, v := range params {
		c.RuntimeParams[k] = v
	}
	c.RuntimeParams["application_name"] = "annex"
	c.RuntimeParams["client_encoding"] = "UTF8"
	if cfg.Dial != nil {
		c.DialFunc = cfg.Dial
		// The dialer resolves names itself: it must see what was configured.
		c.LookupFunc = func(_ context.Context, host string) ([]string, error) { return []string{host}, nil }
	}
	var db *sql.DB = stdlib.OpenDB(*c)
	db.SetMaxOpenConns(size)
	db.SetMaxIdleConns(size)
	// pgx keeps prepared statements itself.
	return newPool(db, false), nil
}

// Destinations are what opening the URL dials: "host:port", or the path of a Unix
// socket. SQLite has none.
func Destinations(url string) ([]string, error) {
	if !strings.HasPrefix(url, "postgres") {
		return nil, nil
	}
	c, err := pgx.ParseConfig(url)
	if err != nil {
		return nil, fault.New(fault.Usage, "DATABASE_URL", "the Postgres URL cannot be read").
			WithFix("write postgres://user:password@host:5432/database")
	}
	var out []string
	add := func(host string, port uint16) {
		if _, address := pgconn.NetworkAddress(host, port); !slices.Contains(out, address) {
			out = append(out, address)
		}
	}
	add(c.Host, c.Port)
	for _, f := range c.Fallbacks {
		add(f.Host, f.Port)
	}
	return out, nil
}
