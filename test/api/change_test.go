package api

import (
	"fmt"
	"strings"
)

func (l *life) upgrade() {
	at := l.counted()
	// What asks for no more runs at once.
	l.app.answer = "two"
	l.upload(l.bob, l.app.parts("development")...).is(201).want("minor", "kind").want(1.0, "upgraded").want(0.0, "waiting")
	l.says("two " + at(1) + "  hush ")

	// What asks for more waits for the admin, and the old one goes on.
	l.app.answer, l.app.egress = "three", "api.example.com"
	a := l.upload(l.bob, l.app.parts("development")...).is(201).want("major", "kind").want(0.0, "upgraded").want(1.0, "waiting")
	if !strings.Contains(string(a.body), "api.example.com") || a.get("growth", 0) == nil {
		l.t.Errorf("the growth is not told: %s", a.body)
	}
	number := a.text("number")
	l.says("two " + at(2) + "  hush ")
	l.ask("GET", "/api/v1/installations", l.ada, nil).is(200).want(number, "installations", 0, "waitingNumber")
	shown := l.ask("POST", "/api/v1/installations/preview", l.ada, l.target()).is(200).want(l.installation, "installation").want(number, "number")
	if shown.get("growth", 0) == nil {
		l.t.Errorf("the preview shows no growth: %s", shown.body)
	}
	confirm := l.target("digest", shown.text("digest"), "confirmDevelopment", true)
	confirm["grant"] = object{"scopes": []object{{"name": "manage:everything"}}}
	l.ask("POST", "/api/v1/installations", l.ada, confirm).fails(422, "GRANT_EXCEEDS_REQUEST")
	delete(confirm, "grant")
	l.ask("POST", "/api/v1/installations", l.ada, confirm).is(200).want(number, "number").want(l.installation, "id")
	l.says("three " + at(3) + "  hush ")
	l.ask("GET", "/api/v1/apps/"+l.appID+"/environments/development/versions", l.bob, nil).is(200).length(3, "versions").want(number, "versions", 0, "number").
		want(true, "versions", 0, "current").want(false, "versions", 1, "current")
	l.version = number
}

func (l *life) promotions() {
	path := "/api/v1/apps/" + l.appID + "/promotions"
	from := func(from, to string) object { return object{"from": from, "to": to} }
	l.ask("POST", path, l.bob, from("development", "production")).is(201).want("production", "environment").want(l.version, "number").want(true, "created")
	// Promoting what runs there already says so, as a deploy does.
	l.ask("POST", path, l.bob, from("development", "production")).is(200).want(l.version, "number").want(false, "created").want("same", "kind")
	l.ask("POST", path, l.bob, from("development", "development")).fails(400, "PROMOTE_SELF")
	l.ask("POST", path, l.bob, from("staging", "production")).fails(404, "NOT_DEPLOYED")
	l.ask("POST", path, l.bob, from("gone", "production")).fails(404, "ENVIRONMENT_UNKNOWN")
	l.ask("POST", path, l.developer, from("development", "production")).fails(404, "NOT_YOURS")

	// Production is installed without the word about development apps, and is closed to its developer.
	production := l.target("environment", "production")
	shown := l.ask("POST", "/api/v1/installations/preview", l.ada, production).is(200)
	if shown.get("developmentWarning") != nil && shown.get("developmentWarning") != "" {
		l.t.Errorf("a word about development for production: %s", shown.body)
	}
	production["digest"] = shown.text("digest")
	l.ask("POST", "/api/v1/installations", l.ada, production).is(201).want("production", "environment")
	l.ask("POST", "/api/v1/invocations", l.bob, l.target("environment", "production", "function", "echo")).fails(403, "PRODUCTION_RESULTS")
	l.ask("GET", "/api/v1/activity?environment=production&app="+l.appID, l.bob, nil).is(200)
	l.ask("GET", "/api/v1/logs?environment=production&app="+l.appID, l.ada, nil).is(200)
}

func (l *life) uninstall() {
	environment := "/api/v1/apps/" + l.appID + "/environments"
	l.ask("POST", environment, l.bob, object{"name": "try"}).is(201)
	l.upload(l.bob, l.app.parts("try")...).is(201)
	digest := l.ask("POST", "/api/v1/installations/preview", l.ada, l.target("environment", "try")).is(200).text("digest")
	try := l.ask("POST", "/api/v1/installations", l.ada, l.target("environment", "try", "digest", digest, "confirmDevelopment", true)).is(201).text("id")
	l.ask("DELETE", environment+"/try", l.bob, nil).fails(409, "ENVIRONMENT_INSTALLED")
	l.ask("DELETE", "/api/v1/installations/"+try, l.ada, nil).is(204)
	l.ask("DELETE", environment+"/try", l.bob, nil).is(204)

	l.ask("DELETE", "/api/v1/installations/"+l.installation, l.admin, nil).fails(404, "NOT_YOURS")
	l.open(l.url).is(200)
	l.ask("DELETE", "/api/v1/installations/"+l.installation, l.ada, nil).is(204)
	l.open(l.url).is(404)
	l.ask("DELETE", "/api/v1/installations/"+l.installation, l.ada, nil).fails(404, "NOT_YOURS")
	l.ask("POST", "/api/v1/invocations", l.bob, l.target("function", "echo")).fails(404, "NOT_INSTALLED")
	l.ask("POST", "/api/v1/webtriggers", l.bob, l.target("module", "hook")).fails(404, "NOT_INSTALLED")
	// Its lines are still its developer's to read, and its site's admin's; of another site there are none.
	for _, by := range []string{l.bob, l.ada} {
		l.ask("GET", "/api/v1/logs?environment=development&app="+l.appID, by, nil).is(200).want("called", "entries", 0, "args", 0)
	}
	l.ask("GET", "/api/v1/logs?environment=development&app="+l.appID, l.admin, nil).fails(404, "NOT_INSTALLED")

	// A new installation starts empty.
	digest = l.ask("POST", "/api/v1/installations/preview", l.ada, l.target()).is(200).text("digest")
	fresh := l.ask("POST", "/api/v1/installations", l.ada, l.target("digest", digest, "confirmDevelopment", true)).is(201).text("id")
	if fresh == l.installation {
		l.t.Error("an installation came back under its old id")
	}
	l.open(l.url).is(404)
	l.url = l.ask("POST", "/api/v1/webtriggers", l.bob, l.target("module", "hook")).is(200).text("url")
	l.says("three 1  hush ")

	// What the old one left is there until its site's admin has it erased, now or in 28 days.
	if left := l.left(l.installation); left["kv"] == 0 || left["applog_lines"] == 0 || left["erasures"] == 0 {
		l.t.Errorf("of an uninstalled app is left: %v", left)
	}
	l.takesAlong(fresh)
	erase := "/api/v1/installations/" + l.installation + "?erase="
	l.ask("DELETE", erase+"true", l.admin, nil).fails(404, "NOT_YOURS")
	l.ask("DELETE", erase+"perhaps", l.ada, nil).fails(400, "BAD_ERASE")
	l.ask("DELETE", erase+"false", l.ada, nil).fails(404, "NOT_YOURS")
	l.ask("DELETE", erase+"true", l.ada, nil).is(204)
	l.gone(l.installation)
	l.says("three 2  hush ") // the new one keeps its own
	l.ask("DELETE", "/api/v1/installations/"+fresh+"?erase=true", l.ada, nil).is(204)
	l.gone(fresh)

	// A site takes along what apps stored on it, also those uninstalled before.
	digest = l.ask("POST", "/api/v1/installations/preview", l.ada, l.target()).is(200).text("digest")
	last := l.ask("POST", "/api/v1/installations", l.ada, l.target("digest", digest, "confirmDevelopment", true)).is(201).text("id")
	l.url = l.ask("POST", "/api/v1/webtriggers", l.bob, l.target("module", "hook")).is(200).text("url")
	l.says("three 1  hush ")
	if left := l.left(last); left["kv"] == 0 {
		l.t.Errorf("of an installed app there is: %v", left)
	}
	l.ask("DELETE", "/api/v1/sites/"+l.site, l.operator, nil).is(200)
	l.gone(last)
	l.gone(try)
}

// left counts an installation's rows in every table that knows of installations.
func (l *life) left(install string) map[string]int {
	l.t.Helper()
	d := l.env.System.DB
	tables := `SELECT DISTINCT table_name FROM information_schema.columns WHERE column_name = 'install_id' AND table_schema = current_schema()`
	if strings.HasPrefix(l.env.System.Config.DatabaseURL, "sqlite:") {
		tables = `SELECT m.name FROM sqlite_master m JOIN pragma_table_info(m.name) c WHERE m.type = 'table' AND c.name = 'install_id'`
	}
	rows, err := d.Query(l.t.Context(), tables)
	if err != nil {
		l.t.Fatal(err)
	}
	out := map[string]int{}
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			l.t.Fatal(err)
		}
		out[name] = 0
	}
	rows.Close()
	for name := range out {
		var n int
		if err := d.QueryRow(l.t.Context(), `SELECT COUNT(*) FROM `+name+` WHERE install_id = ?`, install).Scan(&n); err != nil {
			l.t.Fatal(name, err)
		}
		out[name] = n
	}
	return out
}

// gone demands that nothing of an installation is left but what says what was done to it.
func (l *life) gone(install string) {
	l.t.Helper()
	left := l.left(install)
	if len(left) < 8 {
		l.t.Errorf("only these tables know of installations: %v", left)
	}
	for table, n := range left {
		if n > 0 && table != "audit" && table != "erasures" {
			l.t.Errorf("%d rows of %s are left", n, table)
		}
	}
}

// takesAlong has the site's admin see and export what the old installation left, and give
// it to the new one, which keeps what it stored itself.
func (l *life) takesAlong(fresh string) {
	old, store := l.installation, "/api/v1/installations/"+l.installation+"/storage"
	left := l.ask("GET", "/api/v1/left-storage", l.ada, nil).is(200)
	left.want(old, "left", 0, "id").want("development", "left", 0, "environment")
	for _, stranger := range []string{l.bob, l.operator, l.ci} {
		l.ask("GET", "/api/v1/left-storage", stranger, nil).is(403)
		l.ask("GET", store, stranger, nil).is(403)
	}
	for _, of := range []string{store, "/api/v1/installations/" + fresh + "/storage"} {
		l.ask("GET", of, l.admin, nil).fails(404, "NOT_YOURS")
		l.ask("POST", of, l.admin, object{"from": old}).fails(404, "NOT_YOURS")
		export := l.ask("GET", of, l.ada, nil).is(200)
		lines := strings.Split(strings.TrimSpace(string(export.body)), "\n")
		if !strings.Contains(lines[0], `"kind":"installation"`) || !strings.Contains(lines[len(lines)-1], fmt.Sprintf(`"things":%d`, len(lines)-2)) || len(lines) < 3 {
			l.t.Errorf("%s", export.body)
		}
	}
	l.ask("POST", store, l.ada, object{"from": fresh}).fails(404, "NOT_YOURS") // it has ended
	to := "/api/v1/installations/" + fresh + "/storage"
	l.ask("POST", to, l.ada, object{"from": fresh}).fails(409, "STILL_INSTALLED")
	l.ask("POST", to, l.ada, object{"from": "never"}).fails(404, "NOT_YOURS")
	l.ask("POST", to, l.ada, object{"from": old}).is(200)
	if left := l.left(old); left["kv"]+left["kv_secrets"]+left["kv_entities"]+left["kv_entity_entries"] != 0 || left["erasures"] != 1 {
		l.t.Errorf("of what was given away is left: %v", left)
	}
	l.ask("POST", to, l.ada, object{"from": old}).is(200).want(0.0, "moved")
}
