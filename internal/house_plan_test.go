package internal_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/feature/account"
	"github.com/annexhq/annex/internal/feature/applog"
	"github.com/annexhq/annex/internal/feature/asking"
	"github.com/annexhq/annex/internal/feature/audit"
	"github.com/annexhq/annex/internal/feature/consent"
	"github.com/annexhq/annex/internal/feature/devtunnel"
	"github.com/annexhq/annex/internal/feature/erasure"
	"github.com/annexhq/annex/internal/feature/hosting"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/feature/productauth"
	"github.com/annexhq/annex/internal/feature/provider"
	"github.com/annexhq/annex/internal/feature/quota"
	"github.com/annexhq/annex/internal/feature/receipts"
	"github.com/annexhq/annex/internal/feature/registry"
	"github.com/annexhq/annex/internal/feature/remote"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/feature/trigger"
	"github.com/annexhq/annex/internal/feature/uikit"
	"github.com/annexhq/annex/internal/feature/unattended"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// Every statement of every feature finds its rows by an index, on both databases, when
// the tables are full; on a tenant's table by one that begins with the tenant or by the
// name of one row, so that its cost does not grow with the rows of others. What reads all
// on purpose is listed with its reason.
func TestStatementsUseIndexes(t *testing.T) {
	golden, across := listed(t, "testdata/full-scans.txt"), listed(t, "testdata/cross-tenant.txt")
	needed := map[string]bool{}
	all := stores(t)
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		fillTables(t, d)
		seen := 0
		for _, f := range all {
			for _, s := range f.statements {
				if strings.HasPrefix(strings.TrimSpace(s.text), "INSERT") {
					continue // finds nothing; what it conflicts with is found by the constraint's index
				}
				seen++
				for _, r := range plan(t, d, s) {
					wrong := r.wrong(all, across[s.key()] != "")
					if wrong == "" {
						continue
					}
					needed[s.key()] = true
					if golden[s.key()] == "" {
						t.Errorf("%s: %s\n%s\nadd an index, or list it in testdata/full-scans.txt with the reason", s.key(), wrong, strings.TrimSpace(s.text))
					}
				}
			}
		}
		if seen < 60 {
			t.Errorf("only %d statements were found", seen)
		}
	})
	for key := range golden {
		if !needed[key] && !t.Failed() {
			t.Errorf("testdata/full-scans.txt lists %s, which reads no more than it needs", key)
		}
	}
}

// access is how a plan reads one table.
type access struct {
	table     string
	condition string // what the index is asked for, "" when all of it is read
}

// wrong says why an access reads more than it should, "" if it does not. What reaches
// beyond one tenant on purpose still has an index to go by.
func (a access) wrong(all map[string]*store, across bool) string {
	var columns []string
	for _, f := range all {
		if c := f.tables[a.table]; c != nil {
			columns = c
		}
	}
	switch {
	case columns == nil: // a subquery's own rows
		return ""
	case a.condition == "":
		return "reads all of " + a.table
	case !across && len(tenant(columns)) > 0 && !bounded.MatchString(a.condition):
		return "reads " + a.table + " by " + a.condition + ", which is not one tenant's"
	}
	return ""
}

// bounded are the conditions that are one tenant's, or one row's.
var bounded = regexp.MustCompile(`\b(install_id|site_id|id|trigger_id)\b[^=<>]*=`)

// fillTables makes every table, each with many rows of many tenants.
func fillTables(t *testing.T, d *db.DB) {
	t.Helper()
	var steps []db.Migration
	for _, m := range [][]db.Migration{audit.Migrations, receipts.Migrations, tenancy.Migrations, account.Migrations, registry.Migrations,
		install.Migrations, kvstore.Migrations, applog.Migrations, trigger.Migrations, consent.Migrations, asking.Migrations, hosting.Migrations, productauth.Migrations, provider.Migrations, session.Migrations, uikit.Migrations, erasure.Migrations, unattended.Migrations, quota.Migrations, remote.Migrations, devtunnel.Migrations} {
		steps = append(steps, m...)
	}
	if err := d.Migrate(t.Context(), steps); err != nil {
		t.Fatal(err)
	}
	const rows = 3000
	for _, step := range steps {
		for _, at := range createTable.FindAllStringSubmatch(step.SQL, -1) {
			for _, few := range []bool{true, false} {
				var names, values []string
				for name, kind := range columnTypes(t, d, at[1]) {
					names, values = append(names, name), append(values, sample(d, name, kind, few))
				}
				fill := fmt.Sprintf(`WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < %d)
					INSERT INTO %s (%s) SELECT %s FROM n WHERE i > 0 ON CONFLICT DO NOTHING`,
					rows, at[1], strings.Join(names, ", "), strings.Join(values, ", "))
				n, err := d.Exec(t.Context(), fill)
				if err != nil {
					t.Fatalf("%s: %v", fill, err)
				}
				if n == rows { // a table with one row for each tenant has many tenants
					break
				}
			}
		}
	}
	if _, err := d.Exec(t.Context(), `ANALYZE`); err != nil {
		t.Fatal(err)
	}
}

// groups are the columns whose values have many rows each.
var groups = append([]string{"owner", "owner_id", "account_id"}, tenantColumns...)

// sample is a value of a column in row i. Everything but groups differs from row to row,
// and is what refers to it.
func sample(d *db.DB, name, kind string, few bool) string {
	switch {
	case few && slices.Contains(groups, name):
		return `'v' || CAST(1 + i % 50 AS TEXT)`
	case strings.EqualFold(kind, "text"):
		return `'v' || CAST(i AS TEXT)`
	case strings.EqualFold(kind, "blob"), strings.EqualFold(kind, "bytea"):
		return map[bool]string{true: `CAST('x' AS BYTEA)`, false: `CAST('x' AS BLOB)`}[d.Postgres()]
	case name == "active":
		return "1"
	}
	return "i"
}

func columnTypes(t *testing.T, d *db.DB, table string) map[string]string {
	t.Helper()
	q := `SELECT name, type FROM pragma_table_info(?)`
	if d.Postgres() {
		q = `SELECT column_name::text, data_type::text FROM information_schema.columns WHERE table_schema = current_schema() AND table_name = ?`
	}
	rows, err := d.Query(t.Context(), q, table)
	if err != nil {
		t.Fatal(err)
	}
	defer rows.Close()
	out := map[string]string{}
	for rows.Next() {
		var name, kind string
		if err := rows.Scan(&name, &kind); err != nil {
			t.Fatal(err)
		}
		out[name] = kind
	}
	if err := rows.Err(); err != nil || len(out) == 0 {
		t.Fatal(table, out, err)
	}
	return out
}

// plan is how a database would run a statement, whatever its arguments.
func plan(t *testing.T, d *db.DB, s statement) (out []access) {
	t.Helper()
	read := planSQLite
	if d.Postgres() {
		read = planPostgres
	}
	undo := errors.New("nothing was to be done")
	err := d.Tx(t.Context(), func(ctx context.Context) (err error) {
		if out, err = read(ctx, d, s.text); err != nil {
			return err
		}
		return undo
	})
	if !errors.Is(err, undo) {
		t.Fatalf("%s: %v", s.key(), err)
	}
	return out
}

var liteStep = regexp.MustCompile(`^(SCAN|SEARCH) (\w+)(?: AS \w+)?(?: USING .*\((.*)\))?`)

func planSQLite(ctx context.Context, d *db.DB, text string) (out []access, err error) {
	args := make([]any, strings.Count(text, "?"))
	rows, err := d.Query(ctx, "EXPLAIN QUERY PLAN "+text, args...)
	if err != nil {
		return nil, err
	}
	defer rows.Close()
	for rows.Next() {
		var id, parent, unused int
		var step string
		if err := rows.Scan(&id, &parent, &unused, &step); err != nil {
			return nil, err
		}
		if m := liteStep.FindStringSubmatch(step); m != nil {
			out = append(out, access{named(text, m[2]), m[3]})
		}
	}
	return out, rows.Err()
}

// named is the table that a statement calls by an alias.
func named(text, alias string) string {
	for _, b := range blocks(text) {
		for _, r := range b.tables {
			if r.alias == alias {
				return r.table
			}
		}
	}
	return alias
}

// partial are the indexes of a few rows only, all of which may be read.
var partial = map[string]bool{"tokens_operator": true}

// planNode is a node of Postgres's EXPLAIN (FORMAT JSON).
type planNode struct {
	Type      string     `json:"Node Type"`
	Relation  string     `json:"Relation Name"`
	Index     string     `json:"Index Name"`
	Condition string     `json:"Index Cond"`
	Plans     []planNode `json:"Plans"`
}

func planPostgres(ctx context.Context, d *db.DB, text string) ([]access, error) {
	for _, q := range []string{`SET LOCAL plan_cache_mode = force_generic_plan`, "PREPARE house AS " + text} {
		if _, err := d.Exec(ctx, q); err != nil {
			return nil, err
		}
	}
	execute := "house"
	if n := strings.Count(text, "?"); n > 0 {
		execute += "(" + strings.TrimSuffix(strings.Repeat("NULL, ", n), ", ") + ")"
	}
	var raw []byte
	if err := d.QueryRow(ctx, "EXPLAIN (FORMAT JSON) EXECUTE "+execute).Scan(&raw); err != nil {
		return nil, err
	}
	if _, err := d.Exec(ctx, `DEALLOCATE house`); err != nil {
		return nil, err
	}
	var roots []struct{ Plan planNode }
	if err := json.Unmarshal(raw, &roots); err != nil {
		return nil, err
	}
	var out []access
	for _, r := range roots {
		r.Plan.walk("", &out)
	}
	return out, nil
}

func (n planNode) walk(relation string, out *[]access) {
	if n.Relation != "" {
		relation = n.Relation
	}
	if n.Condition == "" && partial[n.Index] {
		n.Condition = "all of " + n.Index
	}
	switch n.Type {
	case "Seq Scan", "Index Scan", "Index Only Scan", "Bitmap Index Scan":
		*out = append(*out, access{relation, n.Condition})
	}
	for _, below := range n.Plans {
		below.walk(relation, out)
	}
}

// listed reads a list of statements with the reason of each: feature/file:name: reason.
func listed(t *testing.T, file string) map[string]string {
	t.Helper()
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	out := map[string]string{}
	for n, line := range strings.Split(string(text), "\n") {
		if line == "" || strings.HasPrefix(line, "#") {
			continue
		}
		key, reason, ok := strings.Cut(line, ": ")
		if !ok || len(strings.Fields(reason)) < 4 || out[key] != "" {
			t.Errorf("%s:%d: not feature/file:name: reason, or twice", file, n+1)
		}
		out[key] = reason
	}
	return out
}
