package jobs

import "github.com/annexhq/annex/internal/infra/db"

// A job's state.
const (
	live   = 0 // waits until due, or is held by a process until then: the lease
	parked = 1 // is due, and waits for another one with its key to end
	dead   = 2
)

// never is when an owner without jobs is served.
const never = int64(1) << 62

// Migrations are the package's tables. job_owners has one row for each owner that ever had
// a job; serve_at is when its first job is due, or, if that is past, when it was served last.
// A job that is held has the holder's token, and due is the end of the lease: a process that
// ends needs nobody to clean up after it.
var Migrations = []db.Migration{{ID: "jobs/1", SQL: `
CREATE TABLE job_owners (
	owner    TEXT PRIMARY KEY,
	serve_at BIGINT NOT NULL
);
CREATE INDEX job_owners_turn ON job_owners (serve_at);
CREATE TABLE jobs (
	id         TEXT PRIMARY KEY,
	owner      TEXT NOT NULL,
	kind       TEXT NOT NULL,
	name       TEXT NOT NULL,
	batch      TEXT NOT NULL,
	state      BIGINT NOT NULL,
	due        BIGINT NOT NULL,
	attempt    BIGINT NOT NULL,
	token      TEXT NOT NULL,
	limit_key  TEXT NOT NULL,
	most       BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	ended_at   BIGINT NOT NULL,
	class      TEXT NOT NULL,
	head       TEXT NOT NULL,
	body       BLOB NOT NULL
);
CREATE INDEX jobs_due ON jobs (owner, due, id) WHERE state = 0;
CREATE INDEX jobs_parked ON jobs (owner, limit_key, due, id) WHERE state = 1;
CREATE INDEX jobs_holding ON jobs (owner, limit_key) WHERE token <> '' AND limit_key <> '';
CREATE INDEX jobs_token ON jobs (token) WHERE token <> '';
CREATE INDEX jobs_of_batch ON jobs (owner, batch, state) WHERE batch <> '';
CREATE INDEX jobs_of_owner ON jobs (owner, kind, name, state);
CREATE INDEX jobs_dead ON jobs (owner, ended_at, id) WHERE state = 2;
CREATE INDEX jobs_old ON jobs (ended_at) WHERE state = 2;
CREATE TABLE job_batches (
	owner      TEXT NOT NULL,
	batch      TEXT NOT NULL,
	succeeded  BIGINT NOT NULL,
	failed     BIGINT NOT NULL,
	cancelled  BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (owner, batch)
);
CREATE INDEX job_batches_old ON job_batches (created_at);
CREATE TABLE job_chains (
	owner      TEXT NOT NULL,
	origin     TEXT NOT NULL,
	used       BIGINT NOT NULL,
	created_at BIGINT NOT NULL,
	PRIMARY KEY (owner, origin)
);
CREATE INDEX job_chains_old ON job_chains (created_at);
`}}

const (
	put = `INSERT INTO jobs (id, owner, kind, name, batch, state, due, attempt, token, limit_key, most, created_at, expires_at, ended_at, class, head, body)
		VALUES (?, ?, ?, ?, ?, 0, ?, 0, '', ?, ?, ?, ?, 0, '', ?, ?) ON CONFLICT (id) DO NOTHING`
	putBatch  = `INSERT INTO job_batches (owner, batch, succeeded, failed, cancelled, created_at) VALUES (?, ?, 0, 0, 0, ?) ON CONFLICT (owner, batch) DO NOTHING`
	firstTurn = `SELECT COALESCE(MIN(serve_at), 4611686018427387904) FROM job_owners`
	countDue  = `SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE state = 0 AND due <= ? LIMIT ?) AS counted`
	countDead = `SELECT COUNT(*) FROM (SELECT 1 FROM jobs WHERE state = 2 LIMIT ?) AS counted`
	turnOf    = `SELECT serve_at FROM job_owners WHERE owner = ?`
	putOwner  = `INSERT INTO job_owners (owner, serve_at) VALUES (?, ?) ON CONFLICT (owner) DO UPDATE SET serve_at = excluded.serve_at`
	setTurn   = `UPDATE job_owners SET serve_at = ? WHERE owner = ?`
	dropOwner = `DELETE FROM job_owners WHERE owner = ?`

	nextTurn   = `SELECT serve_at FROM job_owners ORDER BY serve_at LIMIT 1`
	ownersDue  = `SELECT owner FROM job_owners WHERE serve_at <= ? ORDER BY serve_at LIMIT ?`
	skipLocked = ` FOR UPDATE SKIP LOCKED`
	columns    = `SELECT id, owner, kind, name, batch, due, attempt, limit_key, most, created_at, expires_at, ended_at, class, head, body FROM jobs`
	dueOf      = columns + ` WHERE owner = ? AND state = 0 AND due <= ? ORDER BY due, id LIMIT ?`
	nextOf     = `SELECT due FROM jobs WHERE owner = ? AND state = 0 ORDER BY due, id LIMIT 1`
	holding    = `SELECT COUNT(*) FROM jobs WHERE owner = ? AND limit_key = ? AND token <> '' AND limit_key <> '' AND id <> ?`
	park       = `UPDATE jobs SET state = 1, token = '' WHERE id = ?`
	hold       = `UPDATE jobs SET token = ?, attempt = attempt + 1, due = ? WHERE id IN (?)`

	done    = `DELETE FROM jobs WHERE token = ? AND attempt = ? AND id IN (?)`
	again   = `UPDATE jobs SET token = '', due = ?, head = ?, class = ? WHERE id = ? AND token = ? AND attempt = ?`
	recur   = `UPDATE jobs SET token = '', due = ?, head = ?, class = ?, attempt = 0 WHERE id = ? AND token = ? AND attempt = ?`
	bury    = `UPDATE jobs SET token = '', state = 2, ended_at = ?, head = ?, class = ? WHERE id = ? AND token = ? AND attempt = ?`
	count   = `UPDATE job_batches SET succeeded = succeeded + ?, failed = failed + ? WHERE owner = ? AND batch = ?`
	unpark  = `UPDATE jobs SET state = 0 WHERE id = (SELECT id FROM jobs WHERE owner = ? AND limit_key = ? AND state = 1 ORDER BY due, id LIMIT 1)`
	extend  = `UPDATE jobs SET due = ? WHERE token = ? AND token <> ''`
	release = `UPDATE jobs SET due = ?, token = '' WHERE token = ? AND token <> '' RETURNING owner, limit_key`
	// A SQLite database has one server: what anybody holds when it starts, nobody holds.
	releaseAll = `UPDATE jobs SET due = ?, token = '' WHERE token <> '' RETURNING owner, limit_key`

	// One look: a job that ends between two would be neither in progress nor done.
	stateOf      = `SELECT succeeded, failed, (SELECT COUNT(*) FROM jobs WHERE owner = ? AND batch = ? AND batch <> '' AND state < 2) FROM job_batches WHERE owner = ? AND batch = ?`
	batchOf      = `SELECT succeeded, failed, cancelled FROM job_batches WHERE owner = ? AND batch = ?`
	cancelBatch  = `DELETE FROM jobs WHERE owner = ? AND batch = ? AND batch <> '' AND state < 2 AND token = ''`
	countCancels = `UPDATE job_batches SET cancelled = cancelled + ? WHERE owner = ? AND batch = ?`

	counts    = `SELECT kind, name, state, CASE WHEN token = '' THEN 0 ELSE 1 END, COUNT(*) FROM jobs WHERE owner = ? GROUP BY kind, name, state, CASE WHEN token = '' THEN 0 ELSE 1 END ORDER BY kind, name`
	held      = `SELECT COUNT(*), COALESCE(SUM(LENGTH(body) + LENGTH(head)), 0) FROM jobs WHERE owner = ?`
	deadOf    = columns + ` WHERE owner = ? AND state = 2 ORDER BY ended_at DESC, id DESC LIMIT ?`
	deadOne   = columns + ` WHERE owner = ? AND id = ? AND state = 2`
	deadNames = `SELECT id, batch FROM jobs WHERE owner = ? AND state = 2 ORDER BY ended_at, id LIMIT ?`
	revive    = `UPDATE jobs SET state = 0, due = ?, attempt = 0, ended_at = 0, expires_at = ?, created_at = ? WHERE owner = ? AND id = ? AND state = 2`
	dropDead  = `DELETE FROM jobs WHERE owner = ? AND id = ? AND state = 2`
	unfail    = `UPDATE job_batches SET failed = failed - 1 WHERE owner = ? AND batch = ? AND failed > 0`

	// Its time is that of the last use: a slow chain that is still going on is not forgotten.
	useChain = `INSERT INTO job_chains (owner, origin, used, created_at) VALUES (?, ?, 1, ?)
		ON CONFLICT (owner, origin) DO UPDATE SET used = job_chains.used + 1, created_at = excluded.created_at RETURNING used`

	eraseJobs    = `DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE owner = ? LIMIT ?)`
	eraseBatches = `DELETE FROM job_batches WHERE owner = ?`
	eraseChains  = `DELETE FROM job_chains WHERE owner = ?`
	sweepDead    = `DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE state = 2 AND ended_at < ? ORDER BY ended_at LIMIT ?)`
	// Of no owner are more dead ones kept than these.
	manyDead     = `SELECT owner FROM jobs WHERE state = 2 GROUP BY owner HAVING COUNT(*) > ?`
	sweepMany    = `DELETE FROM jobs WHERE id IN (SELECT id FROM jobs WHERE owner = ? AND state = 2 ORDER BY ended_at DESC, id DESC LIMIT ? OFFSET ?)`
	sweepBatches = `DELETE FROM job_batches WHERE created_at < ?`
	sweepChains  = `DELETE FROM job_chains WHERE created_at < ?`
)
