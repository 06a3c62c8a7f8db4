package attack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
)

// guesser stores under ordinary keys, and reads under every key that could lead
// elsewhere.
const guesser = `
const { kvs, WhereConditions } = __annex_require("@annex/kvs");
const { storage, webTrigger } = __annex_require("@annex/api");
async function plant(canary) {
  for (let i = 0; i < 30; i++) await kvs.set("shared:" + String(i).padStart(2, "0"), canary);
  await kvs.set("key", canary);
  await kvs.setSecret("key", canary);
  return [(await kvs.query().limit(5).getMany()).nextCursor, await webTrigger.getUrl("hook")];
}
async function guess({ keys, prefixes, cursors, urls }) {
  const got = {};
  const note = async (name, f) => { try { got[name] = (await f()) ?? "nothing"; } catch (err) { got[name] = "refused " + (err.code ?? err.name); } };
  for (const key of keys) {
    await note("get " + key, () => kvs.get(key));
    await note("secret " + key, () => kvs.getSecret(key));
    if (storage) { await note("storage " + key, () => storage.get(key)); await note("storage secret " + key, () => storage.getSecret(key)); }
    await note("delete " + key, () => kvs.delete(key));
    await note("delete secret " + key, () => kvs.deleteSecret(key));
  }
  for (const prefix of prefixes) await note("query " + prefix, async () => (await kvs.query().where("key", WhereConditions.beginsWith(prefix)).limit(100).getMany()).results);
  await note("query all", async () => (await kvs.query().limit(100).getMany()).results);
  for (const cursor of cursors) await note("cursor " + cursor, async () => (await kvs.query().cursor(cursor).limit(100).getMany()).results);
  for (const url of urls) await note("delete " + url, () => webTrigger.deleteUrl(url));
  return got;
}
async function check() {
  const all = (await kvs.query().limit(100).getMany()).results;
  return [all.length, await kvs.get("key"), await kvs.getSecret("key"), ...new Set(all.map((r) => r.value))];
}
function hook() { return { statusCode: 200, body: "here" }; }
`

// SPEC 1: the isolation key is the installation: not the app, the site, the environment
// or the developer.
func TestAttackReadAnotherInstallationsValues(t *testing.T) {
	p := newPlatform(t)
	s := source{hooks: []string{"hook"}, also: []string{"plant", "guess", "check"}, code: guesser}
	victim := p.deploy("development", s)
	staging := victim
	staging.environment = "staging"
	staging.redeploy(s)
	attackers := map[string]place{
		"the same app on another site":     victim.on("other", p.site("other")),
		"the same app's other environment": staging.install(),
		"another app of the developer":     p.deploy("development", s),
	}
	eve := place{p: p, environment: "development", site: victim.site, admin: victim.admin, developer: p.developer("eve")}
	eve.app = eve.redeploy(s)
	attackers["another developer's app"] = eve.install()

	const canary = "the-victims-canary"
	var planted []string
	victim.result("plant", canary, &planted)
	cursor, url := planted[0], planted[1]
	if cursor == "" {
		t.Fatal("there is no cursor")
	}
	var keys []string
	for _, prefix := range []string{"", victim.installation + ":", victim.installation + "#", victim.installation + ".", "-", " ", victim.site + ":", victim.app + ":", "../" + victim.installation + "/", "a' OR '1'='1", "%", "_", "*", "\x00", "key\x00", victim.installation + "\x00"} {
		keys = append(keys, prefix+"key", prefix+"shared:01")
	}
	for who, at := range attackers {
		var got map[string]any
		at.result("guess", map[string]any{
			"keys": keys, "prefixes": []string{"", "s", "shared", "%", "_", "shared:%", "' OR ''='", victim.installation, "\\"},
			"cursors": []string{cursor, "", "0", cursor + cursor, strings.ToUpper(cursor), "../", strings.Repeat("A", 5000)}, "urls": []string{url, strings.ToUpper(url), url + "/x"},
		}, &got)
		told, _ := json.Marshal(got)
		if strings.Contains(string(told), canary) || strings.Contains(string(told), victim.installation+`"`) && strings.Contains(string(told), `"value"`) {
			t.Errorf("%s read: %s", who, told)
		}
		for name, v := range got {
			list, ok := v.([]any)
			if ok && len(list) > 0 {
				t.Errorf("%s: %s gave %v", who, name, v)
			}
		}
		if len(got) < 100 {
			t.Errorf("%s: only %d guesses were made", who, len(got))
		}
	}
	var left []any
	victim.result("check", nil, &left)
	if fmt.Sprint(left) != fmt.Sprintf("[31 %s %s %s]", canary, canary, canary) {
		t.Errorf("the victim finds %v", left)
	}
	if a := p.get(url); a.body != "here" {
		t.Errorf("the victim's address answers %d %s", a.status, a.body)
	}
}

// A worker that was taken over writes its own host calls. Whatever it names, the
// server works on the installation of the call's handle.
func TestAttackNameAnotherInstallationInHostCalls(t *testing.T) {
	p := newPlatform(t)
	s := source{hooks: []string{"hook"}, also: []string{"plant", "guess", "check"}, egress: []string{"api.example.com"}, code: guesser}
	victim, hostile := p.deploy("development", s), p.deploy("development", s)
	const canary = "the-victims-canary"
	var planted []string
	victim.result("plant", canary, &planted)
	policy, err := p.System.Installs.Policy(t.Context(), id.Install(hostile.installation))
	if err != nil {
		t.Fatal(err)
	}
	other, err := p.System.Installs.Policy(t.Context(), id.Install(victim.installation))
	if err != nil {
		t.Fatal(err)
	}
	binding := call.Binding{Policy: policy, Call: &call.Call{ID: "c-1", Kind: call.Invoke, Installation: policy.Install, Version: policy.Version}}
	names, _ := json.Marshal(map[string]any{
		"key": "key", "prefix": "", "limit": 100, "moduleKey": "hook", "url": planted[1], "cursor": planted[0],
		"install": victim.installation, "installation": victim.installation, "installationId": victim.installation, "install_id": victim.installation,
		"Install": victim.installation, "scope": map[string]any{"install": victim.installation, "site": victim.site}, "site": string(other.Site), "siteId": other.Site,
		"app": victim.app, "owner": other.Owner, "version": other.Version, "policy": map[string]any{"Install": victim.installation}, "handle": victim.installation,
	})
	heads := []string{
		string(names), "", "null", "0", `"x"`, "[]", "{", "{}{}", `{"key":null}`, `{"key":{}}`, `{"key":["key"]}`, `{"key":1}`, `{"key":"key","key":"../key"}`, `{"limit":-1}`, `{"limit":1e99}`,
		`{"limit":"all"}`, `{"ttlSeconds":-1,"key":"k"}`, `{"ttlSeconds":1e300,"key":"k"}`, `{"url":null}`, `{"url":1}`, `{"url":"https://api.example.com/","headers":{}}`, `{"headers":[[]]}`,
		`{"url":"https://api.example.com/","headers":[["a"]]}`, `{"url":"https://api.example.com/","method":"` + strings.Repeat("A", 50000) + `"}`, strings.Repeat("[", 50000), "\xff\xfe", `{"moduleKey":"` + strings.Repeat("x", 50000) + `"}`,
	}
	bodies := []string{"", "null", "{", `"x"`, "\xff", strings.Repeat("[", 100000), `{"a":1}{}`}
	methods := append(append(p.System.KV.Methods(), p.System.Triggers.Methods()...), p.System.Broker.Methods()...)
	serve := map[string]call.Handler{}
	for _, m := range p.System.KV.Methods() {
		serve[m] = p.System.KV.Bind(binding)
	}
	for _, m := range p.System.Triggers.Methods() {
		serve[m] = p.System.Triggers.Bind(binding)
	}
	for _, m := range p.System.Broker.Methods() {
		serve[m] = p.System.Broker.Bind(binding)
	}
	for _, method := range methods {
		for _, asked := range []string{method, method + "\x00", strings.ToUpper(method), "", "kvs.*"} {
			for _, head := range heads {
				for _, body := range bodies {
					r, err := serve[method](t.Context(), policy, call.Request{Method: asked, Head: json.RawMessage(head), Body: []byte(body)})
					if told := fmt.Sprint(string(r.Head), string(r.Body), err); strings.Contains(told, canary) || strings.Contains(told, planted[1]) {
						t.Errorf("%s %.200s %.50s: %.500s", asked, head, body, told)
					}
				}
			}
		}
	}
	var left []any
	victim.result("check", nil, &left)
	if fmt.Sprint(left) != fmt.Sprintf("[31 %s %s %s]", canary, canary, canary) {
		t.Errorf("the victim finds %v", left)
	}
	if a := p.get(planted[1]); a.body != "here" {
		t.Errorf("the victim's address answers %d %s", a.status, a.body)
	}
}
