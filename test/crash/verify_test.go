package crash

import (
	"encoding/json"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/infra/blob"
	"github.com/annexhq/annex/internal/infra/db"
)

// lost and half count what the report says.
func (l *load) lost(format string, args ...any) {
	l.t.Helper()
	l.result.Lost++
	l.t.Errorf("lost: "+format, args...)
}

func (l *load) half(format string, args ...any) {
	l.t.Helper()
	l.result.HalfDone++
	l.t.Errorf("half done: "+format, args...)
}

// verify holds what is there against what was acknowledged, and looks for what is there
// in part. Nobody writes meanwhile.
func (l *load) verify() {
	l.t.Helper()
	d := l.place.open(l.t)
	defer d.Close()
	l.verifyWhole(d)
	if l.t.Failed() {
		return // calls of what is half done fail
	}
	l.verifyCounters()
	l.verifyEntries(d)
	l.verifyStored(d)
	l.verifyGuests()
	l.verifyLines(d)
}

// open reads the database beside the server.
func (p place) open(t *testing.T) *db.DB {
	t.Helper()
	at := p.database
	if at == "" {
		at = "sqlite:" + filepath.Join(p.data, "annex.db")
	}
	d, err := db.OpenReadOnly(t.Context(), db.Config{URL: at, Readers: 1, Writers: 1})
	if err != nil {
		t.Fatal(err)
	}
	return d
}

func (l *load) verifyCounters() {
	l.t.Helper()
	var now kept // of the app that is deployed and configured, as the app itself sees it
	l.call(l.deployed.hook, url.Values{"get": {"none"}}).into(l.t, &now)
	for name, have := range map[string]string{"deploy": fmt.Sprint(now.Version), "variable": now.Variable, "sealed": now.Sealed} {
		c := l.counter(name)
		n, err := strconv.Atoi(have)
		switch {
		case have == "" && c.told == 0:
		case err != nil || n < c.told:
			l.lost("%s is %q, %d was acknowledged", name, have, c.told)
		case n > c.sent:
			l.half("%s is %q, %d was sent last", name, have, c.sent)
		}
	}
	var versions struct{ Versions []object }
	l.ask("GET", "/api/v1/apps/"+l.deployed.app+"/environments/development/versions", l.developer, nil).into(l.t, &versions)
	deploys := l.counter("deploy")
	if n := len(versions.Versions) - 1; n < deploys.done || n > deploys.sent { // the first one is not counted
		l.lost("there are %d versions, %d deploys were acknowledged and %d sent", n, deploys.done, deploys.sent)
	}
}

func (l *load) counter(name string) *counter {
	return l.counters[slices.IndexFunc(l.counters, func(c *counter) bool { return c.name == name })]
}

// verifyStored holds what is counted as stored, of installations, apps and sites, against what
// is there: in one statement, since what is queued may write meanwhile.
func (l *load) verifyStored(d *db.DB) {
	l.t.Helper()
	const differs = `WITH there AS (
			SELECT install_id, OCTET_LENGTH(key) + OCTET_LENGTH(value) AS n FROM kv
			UNION ALL SELECT install_id, OCTET_LENGTH(key) + OCTET_LENGTH(value) AS n FROM kv_secrets
			UNION ALL SELECT install_id, OCTET_LENGTH(key) + OCTET_LENGTH(value) AS n FROM kv_entities)
		SELECT who, CAST(SUM(k) AS BIGINT), CAST(SUM(b) AS BIGINT) FROM (
			SELECT 'installation ' || install_id AS who, keys AS k, bytes AS b FROM kv_stored
			UNION ALL SELECT 'installation ' || install_id, -1, -n FROM there
			UNION ALL SELECT 'app ' || environment_id, keys, bytes FROM kv_stored_apps
			UNION ALL SELECT 'app ' || environment_id, -1, -n FROM there JOIN kv_owners USING (install_id)
			UNION ALL SELECT 'site ' || site_id, keys, bytes FROM kv_stored_sites
			UNION ALL SELECT 'site ' || COALESCE(site_id, 'unknown'), -1, -n FROM there LEFT JOIN kv_owners USING (install_id)) AS everything
		GROUP BY who HAVING SUM(k) <> 0 OR SUM(b) <> 0`
	rows(l.t, d, func(scan func(...any) error) error {
		var who string
		var keys, bytes int64
		err := scan(&who, &keys, &bytes)
		l.half("of what %v has stored %d keys and %d bytes are counted that are not there", who, keys, bytes)
		return err
	}, differs)
}

func (l *load) verifyEntries(d *db.DB) {
	l.t.Helper()
	for _, e := range l.entries {
		query := `SELECT key, value FROM kv WHERE install_id = ?`
		if e.secret {
			query = `SELECT key, value FROM kv_secrets WHERE install_id = ?`
		}
		have := map[string]string{}
		rows(l.t, d, func(scan func(...any) error) error {
			var key string
			var value []byte
			err := scan(&key, &value)
			have[key] = string(value)
			return err
		}, query, l.stores.install)
		for key, want := range e.want {
			value, is := have[key]
			switch {
			case want == there && !is:
				l.lost("%q was stored (secret: %v)", key, e.secret)
			case want == gone && is:
				l.lost("%q was deleted (secret: %v)", key, e.secret)
			case is && !e.secret && value != strconv.Quote(key):
				l.half("%q is %s", key, value)
			}
			if want == gone || !is {
				delete(e.want, key) // and never comes back: keys are used once
			} else {
				e.want[key] = there
			}
		}
		if e.n == 0 {
			continue
		}
		key := fmt.Sprint(e.prefix, e.n)
		if _, is := have[key]; is { // as the app sees it, which opens what is sealed
			var now kept
			l.call(l.stores.hook, url.Values{"get": {key}}).into(l.t, &now)
			if got := map[bool]string{false: now.Value, true: now.Secret}[e.secret]; got != key {
				l.half("the app reads %q as %q (secret: %v)", key, got, e.secret)
			}
		}
	}
}

func (l *load) verifyGuests() {
	l.t.Helper()
	have, a := l.installations()
	if !a.acknowledged() {
		l.t.Fatal(a)
	}
	for _, g := range l.guests {
		switch {
		case slices.Contains(g.ended, have[g.app]):
			l.lost("the end of installation %s", have[g.app])
		case !g.doubt && have[g.app] != g.install:
			l.lost("app %s is installed as %q, %q was acknowledged", g.app, have[g.app], g.install)
		}
		g.doubt, g.install = false, have[g.app]
	}
}

// verifyLines demands the log lines of calls that were answered a second before an act began
// that was acknowledged: the disk wrote since, so it could have written them too. On a
// machine that stands still nothing is written, and nothing acknowledged either.
func (l *load) verifyLines(d *db.DB) {
	l.t.Helper()
	have := map[string]bool{}
	rows(l.t, d, func(scan func(...any) error) error {
		var (
			args  string
			texts []any // a mark, or what the platform says of a call
		)
		if err := scan(&l.read, &args); err != nil {
			return err
		}
		err := json.Unmarshal([]byte(args), &texts)
		for _, text := range texts {
			if mark, ok := text.(string); ok {
				have[mark] = true
			}
		}
		return err
	}, `SELECT seq, args FROM applog_lines WHERE install_id = ? AND seq > ? ORDER BY seq`, l.stores.install, l.read)
	for mark, answered := range l.marks {
		if age := l.wrote.Sub(answered); age > time.Second && !have[mark] {
			l.lost("the log line %q, %v old when something else was written", mark, age)
		}
	}
	clear(l.marks)
}

// halves are the questions whose answer is a number of things of which a part is missing.
var halves = map[string]string{
	"environments that run a version that is not theirs": `SELECT COUNT(*) FROM environments e WHERE e.version_id <> ''
		AND NOT EXISTS (SELECT 1 FROM versions v WHERE v.id = e.version_id AND v.env_id = e.id AND v.app_id = e.app_id)`,
	"apps without their environments": `SELECT COUNT(*) FROM apps a WHERE 3 <> (SELECT COUNT(*) FROM environments e WHERE e.app_id = a.id)`,
	"installations of what is not there": `SELECT COUNT(*) FROM installations i WHERE NOT EXISTS
		(SELECT 1 FROM versions v JOIN environments e ON e.id = v.env_id WHERE v.id = i.version_id AND e.id = i.env_id AND e.app_id = i.app_id)`,
	"installations without a policy": `SELECT COUNT(*) FROM installations WHERE epoch < 1 OR changed < 1 OR granted NOT LIKE '{%' OR declared NOT LIKE '{%'
		OR changed > (SELECT value FROM policy_clock WHERE one = 1)`,
	"installations that a deploy did not reach": `SELECT COUNT(*) FROM installations i JOIN environments e ON e.id = i.env_id
		WHERE i.active = 1 AND i.version_id <> e.version_id AND i.waiting_version <> e.version_id`,
	"installations that ended without a time, or have one and run": `SELECT COUNT(*) FROM installations WHERE (active = 0) <> (removed_at > 0)`,
	"variables ahead of their environment's revision":              `SELECT COUNT(*) FROM variables v JOIN environments e ON e.id = v.env_id WHERE v.generation > e.revision`,
	"variables that are sealed and open, or neither":               `SELECT COUNT(*) FROM variables WHERE (sealed = 1) <> (LENGTH(secret) > 0) OR (sealed = 1) <> (value = '')`,
	"revisions without an act": `SELECT COUNT(*) FROM (SELECT SUM(revision) AS n FROM environments) r
		WHERE n <> (SELECT COUNT(*) FROM audit WHERE act = 'variable.set' OR act = 'variable.unset')`,
	"versions without an act": `SELECT COUNT(*) FROM (SELECT COUNT(*) AS n FROM versions) v WHERE n <> (SELECT COUNT(*) FROM audit WHERE act = 'app.deploy')`,
	"installations without an act": `SELECT COUNT(*) FROM installations i LEFT JOIN ` + acts + `
		WHERE COALESCE(a.begun, 0) <> 1 OR (i.active = 0) <> (COALESCE(a.ended, 0) > 0)`,
	"epochs without an act": `SELECT COUNT(*) FROM installations i LEFT JOIN ` + acts + ` WHERE i.epoch <> COALESCE(a.n, 0)`,
	"acts that do not follow the one before": `SELECT COUNT(*) FROM audit a WHERE a.seq > 1 AND NOT EXISTS
		(SELECT 1 FROM audit b WHERE b.site_id = a.site_id AND b.segment = a.segment AND b.seq = a.seq - 1 AND b.hash = a.prev)`,
	"chains whose head is not their last act": `SELECT COUNT(*) FROM audit_heads h WHERE NOT EXISTS
		(SELECT 1 FROM audit a WHERE a.site_id = h.site_id AND a.segment = h.segment AND a.seq = h.seq AND a.hash = h.hash)`,
	"stored values of nobody":                  `SELECT COUNT(*) FROM kv WHERE install_id NOT IN (SELECT id FROM installations)`,
	"secrets of nobody":                        `SELECT COUNT(*) FROM kv_secrets WHERE install_id NOT IN (SELECT id FROM installations)`,
	"web triggers of installations that ended": `SELECT COUNT(*) FROM web_triggers WHERE install_id NOT IN (SELECT id FROM installations WHERE active = 1)`,
	"log lines of nobody, or not numbered": `SELECT COUNT(*) FROM applog_lines WHERE install_id NOT IN (SELECT install_id FROM applog_places)
		OR seq > (SELECT seq FROM applog_head WHERE one = 1)`,
	"log lines that are not counted": `SELECT COUNT(*) FROM applog_places p
		WHERE kept_lines <> (SELECT COUNT(*) FROM applog_lines l WHERE l.install_id = p.install_id)`,
}

// acts are counted once for all installations: the trail has no index by them.
const acts = `(SELECT site_id, install_id, COUNT(*) AS n, SUM(CASE WHEN act = 'install.install' THEN 1 ELSE 0 END) AS begun,
		SUM(CASE WHEN act = 'install.uninstall' THEN 1 ELSE 0 END) AS ended
	FROM audit GROUP BY site_id, install_id) a ON a.site_id = i.site_id AND a.install_id = i.id`

// verifyWhole looks for what was done in part.
func (l *load) verifyWhole(d *db.DB) {
	l.t.Helper()
	for what, question := range halves {
		var n int
		if err := d.QueryRow(l.t.Context(), question).Scan(&n); err != nil {
			l.t.Fatalf("%s: %v", what, err)
		}
		if n > 0 {
			l.half("%d %s", n, what)
		}
	}
	l.verifyGrant(d)
	l.verifyBlobs(d)
}

// verifyGrant holds the grant that is in force against the last one that was asked for:
// an odd number takes the host away, an even one gives it back.
func (l *load) verifyGrant(d *db.DB) {
	l.t.Helper()
	var granted string
	if err := d.QueryRow(l.t.Context(), `SELECT granted FROM installations WHERE id = ?`, l.granted.install).Scan(&granted); err != nil {
		l.t.Fatal(err)
	}
	c, host := l.counter("grant"), strings.Contains(granted, "api.example.com")
	for n := c.told; n <= c.sent; n++ {
		if host == (n%2 == 0) {
			return
		}
	}
	l.lost("the grant is %s after %d", granted, c.told)
}

// verifyBlobs demands the bytes of every version.
func (l *load) verifyBlobs(d *db.DB) {
	l.t.Helper()
	type file struct {
		Hash string `json:"hash"`
	}
	rows(l.t, d, func(scan func(...any) error) error {
		var id, bundle, files string
		if err := scan(&id, &bundle, &files); err != nil {
			return err
		}
		var list []file
		if err := json.Unmarshal([]byte(files), &list); err != nil {
			return err
		}
		for _, f := range append(list, file{bundle}) {
			if data, err := os.ReadFile(filepath.Join(l.place.data, "blobs", f.Hash[:2], f.Hash)); err != nil || string(blob.Sum(data)) != f.Hash {
				l.half("version %s lacks its file %s: %v", id, f.Hash, err)
			}
		}
		return nil
	}, `SELECT id, bundle, files FROM versions ORDER BY created_at DESC LIMIT 50`)
}

// rows reads all rows of a query.
func rows(t *testing.T, d *db.DB, each func(scan func(...any) error) error, query string, args ...any) {
	t.Helper()
	found, err := d.Query(t.Context(), query, args...)
	if err != nil {
		t.Fatal(err)
	}
	defer found.Close()
	for found.Next() {
		if err := each(found.Scan); err != nil {
			t.Fatal(err)
		}
	}
	if err := found.Err(); err != nil {
		t.Fatal(err)
	}
}
