package attack

import (
	"encoding/json"
	"strings"
	"testing"
)

// refuses has the platform refuse it something, and says what it was told, or lets the error
// through.
const refuses = `
const api = __annex_require("@annex/api"), { kvs } = __annex_require("@annex/kvs");
const ways = {
  fetch: () => api.fetch("https://elsewhere.example/path?secret=1"),
  scope: async () => JSON.parse(await (await api.asApp().requestProduct("jira", api.assumeTrustedRoute("/rest/api/3/user?accountId=bob"))).text()),
  product: () => api.asApp().requestProduct("unheard-of", api.assumeTrustedRoute("/")),
  storage: () => kvs.set("a", 1),
};
async function caught(way) {
  let err;
  try { err = await ways[way](); } catch (e) { err = e; }
  return { code: err.code, fix: err.fix, reasonId: err.reasonId, all: JSON.stringify(err) + err.message };
}
async function thrown(way) {
  const told = await ways[way]();
  throw Object.assign(new Error(told.message), told);
}
`

// An app that was refused something is told what would allow it, and so is whoever reads its
// log, under one id. What they are told is about the app: nothing of other sites, of the
// people who decide there or here, or of what somebody else was granted.
func TestAttackFixesTellOfNobodyElse(t *testing.T) {
	p, at := onTrackerWith(t, source{also: []string{"caught", "thrown"}, scopes: []string{"read:jira-work"}, code: refuses})
	other := at.on("canary-ward", p.site("canary-ward"))
	second := p.deploy("development", source{also: []string{"caught"}, scopes: []string{"storage:app"}, egress: []string{"elsewhere.example", "canary-host.example"}, code: refuses})
	foreign := []string{"canary", "secret=1", other.siteID(), other.installation, second.installation, second.app, at.admin, p.Access.AdminToken, "admin-of"}
	nothingOf := func(what, text string) {
		t.Helper()
		for _, f := range foreign {
			if strings.Contains(strings.ToLower(text), strings.ToLower(f)) {
				t.Errorf("%s tells of %s: %s", what, f, text)
			}
		}
	}
	lines := func() string {
		return p.api("GET", "/api/v1/logs?limit=1000&"+at.query(), at.developer, nil).must(t).body
	}
	for way, names := range map[string]string{
		"fetch": "permissions.external.fetch.backend: https://elsewhere.example",
		"scope": "permissions.scopes", "product": "install the app on that product", "storage": "storage:app",
	} {
		var told struct{ Code, Fix, ReasonID, All string }
		at.result("caught", way, &told)
		if told.Code == "" || !strings.Contains(told.Fix, names) {
			t.Errorf("%s: the app is told %+v", way, told)
		}
		nothingOf(way, told.All)
		if told.ReasonID != "" { // the decision has a line of its own
			eventually(t, way+" in the log, with its fix", func() bool { return explained(t, lines(), told.ReasonID, told.Fix) })
		}

		a := at.invoke("thrown", way)
		var failed struct {
			Error struct {
				Fields struct{ Fix, ReasonID string }
			}
		}
		a.into(t, &failed)
		if got := failed.Error.Fields; got.Fix != told.Fix || (got.ReasonID == "") != (told.ReasonID == "") {
			t.Errorf("%s, not caught: %s", way, a.body)
		}
		nothingOf(way+", not caught", a.body)
		eventually(t, way+", not caught, in the log with its fix", func() bool {
			return explained(t, lines(), failed.Error.Fields.ReasonID, told.Fix, "the call failed")
		})
	}
	nothingOf("the log", lines())
}

// explained says whether a line of the log holds all of the texts.
func explained(t *testing.T, log string, texts ...string) bool {
	t.Helper()
	var page struct{ Entries []json.RawMessage }
	if err := json.Unmarshal([]byte(log), &page); err != nil {
		t.Fatal(err)
	}
	for _, line := range page.Entries {
		missing := false
		for _, text := range texts {
			missing = missing || !strings.Contains(string(line), text)
		}
		if !missing {
			return true
		}
	}
	return false
}
