package account

import "github.com/annexhq/annex/internal/infra/db"

// Migrations are the package's tables. Times are milliseconds since 1970.
var Migrations = []db.Migration{{ID: "account/1", SQL: `
CREATE TABLE accounts (
	id         TEXT PRIMARY KEY,
	name       TEXT NOT NULL UNIQUE,
	operator   BIGINT NOT NULL,
	developer  BIGINT NOT NULL,
	created_at BIGINT NOT NULL
);
CREATE TABLE account_sites (
	account_id TEXT NOT NULL REFERENCES accounts(id),
	site_id    TEXT NOT NULL,
	PRIMARY KEY (account_id, site_id)
);
CREATE TABLE tokens (
	id           TEXT PRIMARY KEY,
	secret_hash  TEXT NOT NULL UNIQUE,
	kind         TEXT NOT NULL,
	account_id   TEXT NOT NULL REFERENCES accounts(id),
	site_id      TEXT NOT NULL,
	app_id       TEXT NOT NULL,
	environments TEXT NOT NULL,
	note         TEXT NOT NULL,
	created_at   BIGINT NOT NULL,
	expires_at   BIGINT NOT NULL,
	revoked_at   BIGINT NOT NULL
);
CREATE INDEX tokens_account ON tokens (account_id);
`}, {ID: "account/2", SQL: `
CREATE INDEX tokens_operator ON tokens (kind) WHERE kind = 'operator';
`}, {ID: "account/3", SQL: `
CREATE TABLE device_logins (
	id          TEXT PRIMARY KEY,
	secret_hash TEXT NOT NULL UNIQUE,
	code_hash   TEXT NOT NULL UNIQUE,
	name        TEXT NOT NULL,
	address     TEXT NOT NULL,
	state       TEXT NOT NULL,
	site_id     TEXT NOT NULL,
	product     TEXT NOT NULL,
	user_id     TEXT NOT NULL,
	created_at  BIGINT NOT NULL,
	asked_at    BIGINT NOT NULL,
	wait        BIGINT NOT NULL,
	expires_at  BIGINT NOT NULL
);
CREATE INDEX device_logins_expires ON device_logins (expires_at);
CREATE INDEX device_logins_person ON device_logins (site_id, product, user_id);
CREATE TABLE wrong_codes (
	site_id    TEXT NOT NULL,
	person     TEXT NOT NULL,
	wrong      BIGINT NOT NULL,
	expires_at BIGINT NOT NULL,
	PRIMARY KEY (site_id, person)
);
CREATE INDEX wrong_codes_expires ON wrong_codes (expires_at);
CREATE TABLE person_tokens (
	id          TEXT PRIMARY KEY,
	secret_hash TEXT NOT NULL UNIQUE,
	site_id     TEXT NOT NULL,
	product     TEXT NOT NULL,
	user_id     TEXT NOT NULL,
	note        TEXT NOT NULL,
	created_at  BIGINT NOT NULL,
	expires_at  BIGINT NOT NULL,
	revoked_at  BIGINT NOT NULL
);
CREATE INDEX person_tokens_expires ON person_tokens (expires_at);
CREATE INDEX person_tokens_site ON person_tokens (site_id, product, user_id);
`}, {ID: "account/4", SQL: `
ALTER TABLE device_logins ADD COLUMN for_site TEXT NOT NULL DEFAULT '';
ALTER TABLE person_tokens ADD COLUMN program BIGINT NOT NULL DEFAULT 0;
`}, {ID: "account/5", SQL: `
CREATE TABLE program_codes (
	code_hash  TEXT PRIMARY KEY,
	client     TEXT NOT NULL,
	redirect   TEXT NOT NULL,
	challenge  TEXT NOT NULL,
	name       TEXT NOT NULL,
	site_id    TEXT NOT NULL,
	product    TEXT NOT NULL,
	user_id    TEXT NOT NULL,
	token_id   TEXT NOT NULL,
	expires_at BIGINT NOT NULL
);
CREATE INDEX program_codes_expires ON program_codes (expires_at);
CREATE INDEX program_codes_person ON program_codes (site_id, product, user_id);
`}, {ID: "account/6", SQL: `
ALTER TABLE device_logins ADD COLUMN subject TEXT NOT NULL DEFAULT '';
ALTER TABLE person_tokens ADD COLUMN subject TEXT NOT NULL DEFAULT '';
`}}

const (
	addAccount = `INSERT INTO accounts (id, name, operator, developer, created_at) VALUES (?, ?, ?, ?, ?)
		ON CONFLICT (name) DO UPDATE SET
			operator = CASE WHEN excluded.operator > accounts.operator THEN excluded.operator ELSE accounts.operator END,
			developer = CASE WHEN excluded.developer > accounts.developer THEN excluded.developer ELSE accounts.developer END`
	addAccountSite = `INSERT INTO account_sites (account_id, site_id) VALUES (?, ?) ON CONFLICT (account_id, site_id) DO NOTHING`
	accountColumns = `SELECT id, name, operator, developer, created_at FROM accounts`
	accountByName  = accountColumns + ` WHERE name = ?`
	accountByID    = accountColumns + ` WHERE id = ?`
	allAccounts    = accountColumns + ` ORDER BY name`
	accountSites   = `SELECT site_id FROM account_sites WHERE account_id = ? ORDER BY site_id`

	addToken = `INSERT INTO tokens (id, secret_hash, kind, account_id, site_id, app_id, environments, note, created_at, expires_at, revoked_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`
	tokenColumns = `SELECT t.id, t.kind, t.account_id, a.name, t.site_id, t.app_id, t.environments, t.note, t.created_at, t.expires_at, t.revoked_at
		FROM tokens t JOIN accounts a ON a.id = t.account_id`
	tokenByHash     = tokenColumns + ` WHERE t.secret_hash = ?`
	tokenByID       = tokenColumns + ` WHERE t.id = ?`
	tokensOfAccount = tokenColumns + ` WHERE t.account_id = ? ORDER BY t.created_at, t.id`
	allTokens       = tokenColumns + ` ORDER BY t.created_at, t.id`
	revokeToken     = `UPDATE tokens SET revoked_at = ? WHERE id = ? AND revoked_at = 0`
	endRoles        = `UPDATE accounts SET operator = 0, developer = 0 WHERE id = ?`
	endSitesOf      = `DELETE FROM account_sites WHERE account_id = ?`
	endTokensOf     = `UPDATE tokens SET revoked_at = ? WHERE account_id = ? AND revoked_at = 0`
	endAdminsOf     = `DELETE FROM account_sites WHERE site_id = ?`
	endTokensSite   = `UPDATE tokens SET revoked_at = ? WHERE site_id = ? AND revoked_at = 0`
	voidTokens      = `UPDATE tokens SET revoked_at = ? WHERE revoked_at = 0`
	endFirst        = `UPDATE tokens SET revoked_at = ? WHERE kind = 'operator' AND note = ? AND revoked_at = 0`
	liveOperators   = `SELECT COUNT(*) FROM tokens WHERE kind = 'operator' AND revoked_at = 0 AND expires_at > ?`

	// for_site is the site whose actions a user's program asks for, '' for a command line, which
	// asks to be let in as an admin, and 'tunnel:' with a site for a developer's tunnel, of which
	// subject says more. None is ever found as another.
	addDevice = `INSERT INTO device_logins (id, secret_hash, code_hash, name, address, for_site, subject, state, site_id, product, user_id, created_at, asked_at, wait, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, 'pending', '', '', '', ?, 0, 5000, ?)`
	oldDevices     = `DELETE FROM device_logins WHERE expires_at < ?`
	countDevices   = `SELECT COUNT(*) FROM device_logins`
	deviceColumns  = `SELECT id, name, address, created_at, expires_at, subject FROM device_logins`
	deviceByCode   = deviceColumns + ` WHERE code_hash = ? AND for_site = ? AND state = 'pending'`
	deviceByID     = deviceColumns + ` WHERE id = ? AND for_site = ? AND state = 'pending'`
	deviceBySecret = `SELECT id, name, state, site_id, product, user_id, asked_at, wait, expires_at, for_site, subject FROM device_logins WHERE secret_hash = ?`
	deviceAsked    = `UPDATE device_logins SET asked_at = ?, wait = ? WHERE id = ?`
	letIn          = `UPDATE device_logins SET state = 'approved', site_id = ?, product = ?, user_id = ?
		WHERE id = ? AND for_site = ? AND state = 'pending' AND expires_at > ?`
	turnAway       = `UPDATE device_logins SET state = 'denied' WHERE id = ? AND for_site = ? AND state = 'pending'`
	takeDevice     = `DELETE FROM device_logins WHERE id = ? AND state = 'approved'`
	demoteDevices  = `DELETE FROM device_logins WHERE site_id = ? AND product = ? AND user_id = ? AND for_site = ?`
	endDevicesSite = `DELETE FROM device_logins WHERE site_id = ?`
	voidDevices    = `DELETE FROM device_logins`
	dropWaiting    = `DELETE FROM device_logins WHERE site_id = ? AND product = ? AND user_id = ? AND for_site = ? AND subject >= ? AND subject < ?`

	// A code keeps the token that it was exchanged for, so that its second use ends that.
	addCode = `INSERT INTO program_codes (code_hash, client, redirect, challenge, name, site_id, product, user_id, token_id, expires_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, '', ?)`
	codeByHash   = `SELECT client, redirect, challenge, name, site_id, product, user_id, token_id, expires_at FROM program_codes WHERE code_hash = ?`
	useCode      = `UPDATE program_codes SET token_id = ? WHERE code_hash = ?`
	dropCode     = `DELETE FROM program_codes WHERE code_hash = ?`
	oldCodes     = `DELETE FROM program_codes WHERE expires_at < ?`
	demoteCodes  = `DELETE FROM program_codes WHERE site_id = ? AND product = ? AND user_id = ?`
	endCodesSite = `DELETE FROM program_codes WHERE site_id = ?`
	voidCodes    = `DELETE FROM program_codes`

	wrongOf  = `SELECT wrong, expires_at FROM wrong_codes WHERE site_id = ? AND person = ?`
	putWrong = `INSERT INTO wrong_codes (site_id, person, wrong, expires_at) VALUES (?, ?, ?, ?)
		ON CONFLICT (site_id, person) DO UPDATE SET wrong = excluded.wrong, expires_at = excluded.expires_at`
	oldWrong     = `DELETE FROM wrong_codes WHERE expires_at < ?`
	endWrongSite = `DELETE FROM wrong_codes WHERE site_id = ?`

	// program is 1 for what a user let in to call actions, 0 for an admin's command line, 2 for a
	// tunnel that a user's calls may go through: of the installation and to the developer that
	// subject names.
	addPerson = `INSERT INTO person_tokens (id, secret_hash, program, site_id, product, user_id, subject, note, created_at, expires_at, revoked_at)
		VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, 0)`
	personColumns  = `SELECT id, site_id, product, user_id, note, created_at, expires_at, revoked_at FROM person_tokens`
	personByHash   = personColumns + ` WHERE secret_hash = ? AND program = ?`
	personsOfSite  = personColumns + ` WHERE site_id = ? AND product = ? AND program = 0 AND expires_at > ? AND revoked_at = 0 ORDER BY created_at, id`
	programsOf     = personColumns + ` WHERE site_id = ? AND product = ? AND user_id = ? AND program = 1 AND expires_at > ? AND revoked_at = 0 ORDER BY created_at, id`
	agreedByHash   = `SELECT id, site_id, product, user_id, subject, expires_at, revoked_at FROM person_tokens WHERE secret_hash = ? AND program = 2`
	agreedOf       = `SELECT id, note, subject, created_at, expires_at FROM person_tokens WHERE site_id = ? AND product = ? AND user_id = ? AND program = 2 AND expires_at > ? AND revoked_at = 0 ORDER BY created_at, id`
	agreedSubject  = `SELECT subject FROM person_tokens WHERE id = ? AND site_id = ? AND product = ? AND user_id = ? AND program = 2 AND revoked_at = 0`
	agreedOnSite   = `SELECT id, product, user_id, note, subject, created_at, expires_at FROM person_tokens WHERE site_id = ? AND program = 2 AND expires_at > ? AND revoked_at = 0 ORDER BY created_at, id`
	endAgreed      = `UPDATE person_tokens SET revoked_at = ? WHERE id = ? AND site_id = ? AND product = ? AND user_id = ? AND program = 2 AND revoked_at = 0`
	revokePerson   = `UPDATE person_tokens SET revoked_at = ? WHERE id = ? AND site_id = ? AND product = ? AND program = 0 AND revoked_at = 0`
	endProgram     = `UPDATE person_tokens SET revoked_at = ? WHERE id = ? AND site_id = ? AND product = ? AND user_id = ? AND program = 1 AND revoked_at = 0`
	demotePerson   = `UPDATE person_tokens SET revoked_at = ? WHERE site_id = ? AND product = ? AND user_id = ? AND program = ? AND revoked_at = 0`
	endPersonsSite = `DELETE FROM person_tokens WHERE site_id = ?`
	oldPersons     = `DELETE FROM person_tokens WHERE expires_at < ?`
	voidPersons    = `UPDATE person_tokens SET revoked_at = ? WHERE revoked_at = 0`
)
