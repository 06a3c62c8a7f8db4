package api

import (
	"encoding/json"
	"strings"
)

// app is what is deployed in these tests: it answers, keeps values, logs and fails.
type app struct {
	id     string // "" for the manifest's
	name   string
	egress string
	answer string // what the web trigger says first
	// configurable says that an admin may add hosts below example.com.
	configurable bool
	// provider says that people connect accounts of another service.
	provider bool
	// remote says that an admin may set where its log server is.
	remote bool
}

const code = `(function(__annex_require, __annex_register) {
  const kvs = __annex_require("@annex/kvs").default;
  const started = process.env.GREETING;
  async function hook() {
    console.log("called", { with: [1, true, null] });
    const n = ((await kvs.get("n")) ?? 0) + 1;
    await kvs.set("n", n);
    return { statusCode: 200, headers: { "content-type": ["text/plain"] }, body: [ANSWER, n, process.env.GREETING, process.env.SEALED, started].join(" ") };
  }
  function noted() { return { outputKey: "ok" }; }
  function echo(payload) { return { payload }; }
  function nothing() {}
  async function register(payload) {
    const res = await __annex_require("@annex/api").asApp().requestGraph(
      'mutation ($input: RegisterModuleInput!) { registerModule(input: $input) { success errors { message code } } }', { input: payload });
    return (await res.json()).data.registerModule;
  }
  function fail() { throw new TypeError("it was meant to fail"); }
  __annex_register({ index: { hook, noted, echo, nothing, fail, register } });
})`

func (a app) manifest() string {
	id := a.id
	if id != "" {
		id = "ari:cloud:ecosystem::app/" + id
	}
	text := "app:\n  id: '" + id + "'\n  name: " + a.name + "\n  runtime:\n    name: nodejs22.x\npermissions:\n  scopes: [storage:app]\n"
	if a.egress != "" || a.configurable {
		text += "  external:\n"
	}
	if a.egress != "" {
		text += "    fetch:\n      backend: ['" + a.egress + "']\n"
	}
	if a.configurable {
		text += "    configurable:\n      enabled: true\n      types: [IMAGES, FETCH_BACKEND_SIDE]\n      patterns: ['*.example.com']\n"
	}
	if a.remote {
		text += "remotes:\n  - {key: logs, operations: [compute], configurable: {name: Log server, description: Where logs go}}\n"
	}
	if a.provider {
		text += "remotes:\n  - {key: music, baseUrl: 'https://music.example', operations: [other]}\n" +
			"providers:\n  auth:\n    - key: music\n      name: Music\n      type: oauth2\n      clientId: c\n      scopes: [read]\n      remotes: [music]\n      bearerMethod: authorization-header\n" +
			"      actions:\n        authorization: {remote: music, path: /authorize}\n        exchange: {remote: music, path: /token}\n" +
			"        retrieveProfile: {remote: music, path: /me, resolvers: {id: id}}\n" +
			"    - {key: keyed, name: Keyed, type: api_key, remotes: [music], bearerMethod: {type: authorization-header, parameter: X-Api-Key}}\n"
	}
	text += "modules:\n  webtrigger:\n    - key: hook\n      function: hook\n      response:\n        type: dynamic\n" +
		"    - key: guarded\n      function: noted\n      request: {authentication: bearer}\n      response: {type: static, outputs: [{key: ok, statusCode: 202}]}\n  function:\n"
	for _, f := range []string{"hook", "noted", "echo", "nothing", "fail", "register"} {
		text += "    - key: " + f + "\n      handler: index." + f + "\n"
	}
	return text
}

func (a app) parts(environment string) []part {
	meta, _ := json.Marshal(object{"app": a.id, "environment": environment, "message": "by hand"})
	return []part{
		{"meta", "", string(meta)}, {"manifest", "", a.manifest()},
		{"bundle", "", strings.Replace(code, "ANSWER", `"`+a.answer+`"`, 1)},
		{"file", "docs/read.me", "read me"},
	}
}

const product = `key: desk
name: Desk
aliases: [helpdesk]
apiBaseUrl: http://127.0.0.1:9
containers:
  - {type: project, parameters: [project]}
modules:
  - type: desk:ticketPanel
    aliases: ["helpdesk:ticketPanel"]
    slots: [ticket]
scopes:
  - name: read:tickets
    title: Read tickets
    data: tickets and their history
    access: read
    risk: low
`
