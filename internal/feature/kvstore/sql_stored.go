package kvstore

import (
	"strings"

	"github.com/annexhq/annex/internal/infra/db"
)

// stored counts what is stored: of each installation, of each app's environment and of each
// site. The databases count themselves, by triggers: whatever adds, replaces or removes a row
// changes the counts with it, in the same commit. A count is the sum of its stripes: a
// connection to Postgres writes its own, so that writers of one site do not wait for each
// other. kv_owners says to whom an installation's rows count.
var stored = db.Migration{ID: "kvstore/3", SQL: `
		CREATE TABLE kv_owners (
			install_id     TEXT NOT NULL,
			site_id        TEXT NOT NULL,
			environment_id TEXT NOT NULL,
			PRIMARY KEY (install_id)
		);
		CREATE TABLE kv_stored (
			install_id TEXT   NOT NULL,
			stripe     BIGINT NOT NULL,
			keys       BIGINT NOT NULL,
			bytes      BIGINT NOT NULL,
			PRIMARY KEY (install_id, stripe)
		);
		CREATE TABLE kv_stored_apps (
			environment_id TEXT   NOT NULL,
			stripe         BIGINT NOT NULL,
			keys           BIGINT NOT NULL,
			bytes          BIGINT NOT NULL,
			PRIMARY KEY (environment_id, stripe)
		);
		CREATE TABLE kv_stored_sites (
			site_id TEXT   NOT NULL,
			stripe  BIGINT NOT NULL,
			keys    BIGINT NOT NULL,
			bytes   BIGINT NOT NULL,
			PRIMARY KEY (site_id, stripe)
		);
		INSERT INTO kv_stored (install_id, stripe, keys, bytes)
			SELECT install_id, 0, COUNT(*), SUM(n) FROM (
				SELECT install_id, OCTET_LENGTH(key) + OCTET_LENGTH(value) AS n FROM kv
				UNION ALL SELECT install_id, OCTET_LENGTH(key) + OCTET_LENGTH(value) AS n FROM kv_secrets
				UNION ALL SELECT install_id, OCTET_LENGTH(key) + OCTET_LENGTH(value) AS n FROM kv_entities) AS everything
			GROUP BY install_id;`,
	SQLite: sqliteTriggers(), Postgres: postgresTriggers()}

// sqliteTriggers count each row, into one stripe: SQLite has one writer.
func sqliteTriggers() (out []string) {
	const trigger = `CREATE TRIGGER {table}_{act} AFTER {ACT} ON {table}{when} BEGIN
		INSERT INTO kv_stored (install_id, stripe, keys, bytes) VALUES ({row}.install_id, 0, {keys}, {bytes})
			ON CONFLICT (install_id, stripe) DO UPDATE SET keys = keys + excluded.keys, bytes = bytes + excluded.bytes;
		INSERT INTO kv_stored_apps (environment_id, stripe, keys, bytes)
			SELECT environment_id, 0, {keys}, {bytes} FROM kv_owners WHERE install_id = {row}.install_id
			ON CONFLICT (environment_id, stripe) DO UPDATE SET keys = keys + excluded.keys, bytes = bytes + excluded.bytes;
		INSERT INTO kv_stored_sites (site_id, stripe, keys, bytes)
			SELECT site_id, 0, {keys}, {bytes} FROM kv_owners WHERE install_id = {row}.install_id
			ON CONFLICT (site_id, stripe) DO UPDATE SET keys = keys + excluded.keys, bytes = bytes + excluded.bytes;
		END`
	const of = `OCTET_LENGTH({row}.key) + OCTET_LENGTH({row}.value)`
	now, was := strings.ReplaceAll(of, "{row}", "NEW"), strings.ReplaceAll(of, "{row}", "OLD")
	for _, table := range countedTables {
		for _, act := range []struct{ name, when, row, keys, bytes string }{
			{"INSERT", "", "NEW", "1", now}, {"DELETE", "", "OLD", "-1", "-(" + was + ")"},
			{"UPDATE", " WHEN OCTET_LENGTH(NEW.value) <> OCTET_LENGTH(OLD.value)", "NEW", "0", now + " - " + strings.ReplaceAll(was, " + ", " - ")},
		} {
			out = append(out, strings.NewReplacer("{table}", table, "{act}", "counted_"+strings.ToLower(act.name), "{ACT}", act.name, "{when}", act.when,
				"{row}", act.row, "{keys}", act.keys, "{bytes}", act.bytes).Replace(trigger))
		}
	}
	return out
}

// countedTables are those whose rows an app stored.
var countedTables = []string{"kv", "kv_secrets", "kv_entities"}

// postgresTriggers do the same by one function.
func postgresTriggers() []string {
	out := []string{`CREATE OR REPLACE FUNCTION annex_kv_counted() RETURNS trigger LANGUAGE plpgsql AS $annex$
		DECLARE
			whose TEXT;
			k     BIGINT := 0;
			n     BIGINT := 0;
			s     BIGINT := pg_backend_pid() % 32;
		BEGIN
			IF TG_OP <> 'INSERT' THEN
				whose := OLD.install_id;
				k := k - 1;
				n := n - OCTET_LENGTH(OLD.key) - OCTET_LENGTH(OLD.value);
			END IF;
			IF TG_OP <> 'DELETE' THEN
				whose := NEW.install_id;
				k := k + 1;
				n := n + OCTET_LENGTH(NEW.key) + OCTET_LENGTH(NEW.value);
			END IF;
			IF k = 0 AND n = 0 THEN
				RETURN NULL;
			END IF;
			INSERT INTO kv_stored AS have (install_id, stripe, keys, bytes) VALUES (whose, s, k, n)
				ON CONFLICT (install_id, stripe) DO UPDATE SET keys = have.keys + excluded.keys, bytes = have.bytes + excluded.bytes;
			INSERT INTO kv_stored_apps AS have (environment_id, stripe, keys, bytes)
				SELECT environment_id, s, k, n FROM kv_owners WHERE install_id = whose
				ON CONFLICT (environment_id, stripe) DO UPDATE SET keys = have.keys + excluded.keys, bytes = have.bytes + excluded.bytes;
			INSERT INTO kv_stored_sites AS have (site_id, stripe, keys, bytes)
				SELECT site_id, s, k, n FROM kv_owners WHERE install_id = whose
				ON CONFLICT (site_id, stripe) DO UPDATE SET keys = have.keys + excluded.keys, bytes = have.bytes + excluded.bytes;
			RETURN NULL;
		END $annex$`}
	for _, table := range countedTables {
		out = append(out, `CREATE TRIGGER `+table+`_counted AFTER INSERT OR UPDATE OR DELETE ON `+table+` FOR EACH ROW EXECUTE FUNCTION annex_kv_counted()`)
	}
	return out
}

const (
	storedByInstall = `SELECT CAST(COALESCE(SUM(keys), 0) AS BIGINT), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM kv_stored WHERE install_id = ?`
	storedByApp     = `SELECT CAST(COALESCE(SUM(keys), 0) AS BIGINT), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM kv_stored_apps WHERE environment_id = ?`
	storedBySite    = `SELECT CAST(COALESCE(SUM(keys), 0) AS BIGINT), CAST(COALESCE(SUM(bytes), 0) AS BIGINT) FROM kv_stored_sites WHERE site_id = ?`

	addOwner = `INSERT INTO kv_owners (install_id, site_id, environment_id) VALUES (?, ?, ?) ON CONFLICT (install_id) DO NOTHING`

	// What an installation had stored before its owners were known.
	addToApp = `INSERT INTO kv_stored_apps (environment_id, stripe, keys, bytes) VALUES (?, 0, ?, ?)
		ON CONFLICT (environment_id, stripe) DO UPDATE SET keys = kv_stored_apps.keys + excluded.keys, bytes = kv_stored_apps.bytes + excluded.bytes`
	addToSite = `INSERT INTO kv_stored_sites (site_id, stripe, keys, bytes) VALUES (?, 0, ?, ?)
		ON CONFLICT (site_id, stripe) DO UPDATE SET keys = kv_stored_sites.keys + excluded.keys, bytes = kv_stored_sites.bytes + excluded.bytes`

	eraseStored = `DELETE FROM kv_stored WHERE install_id = ?`
	eraseOwner  = `DELETE FROM kv_owners WHERE install_id = ?`

	// Whether anything has expired that was not removed: a property of the row.
	anyExpiredValueAllTenants  = `SELECT 1 FROM kv WHERE expires_at > 0 AND expires_at <= ? LIMIT 1`
	anyExpiredSecretAllTenants = `SELECT 1 FROM kv_secrets WHERE expires_at > 0 AND expires_at <= ? LIMIT 1`
	anyExpiredEntityAllTenants = `SELECT 1 FROM kv_entities WHERE expires_at > 0 AND expires_at <= ? LIMIT 1`
)
