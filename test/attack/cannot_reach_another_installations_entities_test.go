package attack

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

const rowOptions = `  storage:
    entities:
      - name: row
        attributes: {owner: {type: string}, at: {type: integer}}
        indexes: [owner, {name: by-at, partition: [owner], range: [at]}]
`

// rower stores entities under ordinary keys, and tries everything that takes a key, a cursor
// or a condition on another one's.
const rower = `
const { kvs, WhereConditions, FilterConditions, Filter } = __annex_require("@annex/kvs");
const rows = () => kvs.entity("row");
async function plant(canary) {
  for (let i = 0; i < 12; i++) await rows().set("e" + i, { owner: canary, at: i });
  for (const key of ["key", "key2", "key3"]) await kvs.set(key, canary);
  return [(await rows().query().index("owner").limit(3).getMany()).nextCursor, (await rows().query().index("by-at", { partition: [canary] }).limit(3).getMany()).nextCursor];
}
async function tries({ canary, cursors }) {
  const got = {};
  const note = async (name, f) => { try { got[name] = (await f()) ?? "nothing"; } catch (err) { got[name] = "refused " + (err.code ?? err.name); } };
  await note("get", () => rows().get("e1"));
  await note("all", async () => (await rows().query().index("owner").limit(100).getMany()).results);
  await note("by key", async () => (await rows().query().index("by-key").limit(100).getMany()).results);
  await note("partition", async () => (await rows().query().index("by-at", { partition: [canary] }).limit(100).getMany()).results);
  await note("filter", async () => (await rows().query().index("owner").filters(new Filter().and("owner", FilterConditions.contains(canary.slice(0, 3)))).limit(100).getMany()).results);
  for (const cursor of cursors) {
    await note("cursor " + cursor, async () => (await rows().query().index("owner").cursor(cursor).limit(100).getMany()).results);
    await note("cursor of a partition " + cursor, async () => (await rows().query().index("by-at", { partition: [canary] }).cursor(cursor).limit(100).getMany()).results);
  }
  await note("batch get", async () => (await kvs.batchGet([{ key: "e1", entityName: "row" }, { key: "key" }])).successfulKeys);
  // What a condition says of a row that is not one's own is what it says of none.
  for (const [name, key] of [["theirs", "e1"], ["nobody's", "none"]]) {
    for (const [which, conditions] of [["exists", new Filter().and("owner", FilterConditions.exists())], ["not", new Filter().and("owner", FilterConditions.notExists())],
      ["equal", new Filter().and("owner", FilterConditions.equalTo(canary))]]) {
      await note("condition " + which + " of " + name, async () => { await kvs.transact().check(key, { entityName: "row", conditions }).execute(); return "held"; });
    }
  }
  // In place of what is there: by one, by a batch, in a transaction.
  await note("fail if exists", () => rows().set("e2", { owner: "mine" }, { keyPolicy: "FAIL_IF_EXISTS" }).then(() => "stored"));
  await note("batch set", async () => (await kvs.batchSet([{ key: "e3", entityName: "row", value: { owner: "mine" } }, { key: "key", value: "mine" }])).successfulKeys.length);
  await note("transact", () => kvs.transact().set("e4", { owner: "mine" }, { entityName: "row" }).delete("e5", { entityName: "row" }).delete("key2").execute().then(() => "done"));
  await note("batch delete", async () => (await kvs.batchDelete([{ key: "e6", entityName: "row" }, { key: "e7", entityName: "row" }, { key: "key3" }])).successfulKeys.length);
  // One whose place in every index is that of theirs comes and goes.
  await note("twin", async () => { await rows().set("e9", { owner: canary, at: 9 }); await rows().delete("e9"); return "done"; });
  await note("delete", async () => { await rows().set("e8", { owner: "mine" }); await rows().delete("e8"); return (await rows().get("e8")) ? "still there" : "done"; });
  return got;
}
async function check(canary) {
  const all = (await rows().query().index("owner").limit(100).getMany()).results;
  return [all.length, (await rows().query().index("by-at", { partition: [canary] }).limit(100).getMany()).results.length, await kvs.get("key"), await kvs.get("key2"), await kvs.get("key3"), ...new Set(all.map((r) => r.value.owner))];
}
`

// SPEC 1, issue 7: no entity, batch, transaction, condition or cursor reaches another installation's
// rows, whatever they are called.
func TestAttackReachAnotherInstallationsEntities(t *testing.T) {
	p := newPlatform(t)
	s := source{also: []string{"plant", "tries", "check"}, options: rowOptions, code: rower}
	victim := p.deploy("development", s)
	staging := victim
	staging.environment = "staging"
	staging.redeploy(s)
	attackers := map[string]place{
		"the same app on another site":     victim.on("other", p.site("other")),
		"the same app's other environment": staging.install(),
		"another app of the developer":     p.deploy("development", s),
	}
	const canary = "the-victims-canary"
	var cursors []string
	victim.result("plant", canary, &cursors)
	if len(cursors) != 2 || cursors[0] == "" || cursors[1] == "" {
		t.Fatalf("%q", cursors)
	}
	for who, at := range attackers {
		var got map[string]any
		at.result("tries", map[string]any{"canary": canary, "cursors": cursors}, &got)
		told, _ := json.Marshal(got)
		if strings.Contains(string(told), `"owner":"`+canary) || strings.Contains(string(told), `"value":"`+canary) {
			t.Errorf("%s reads: %s", who, told)
		}
		for name, v := range got {
			if list, ok := v.([]any); ok && len(list) > 0 {
				t.Errorf("%s: %s gives %v", who, name, v)
			}
		}
		for _, which := range []string{"exists", "not", "equal"} {
			if theirs, none := got["condition "+which+" of theirs"], got["condition "+which+" of nobody's"]; theirs != none || theirs == nil {
				t.Errorf("%s learns by a condition (%s): %v, of what is not there %v", who, which, theirs, none)
			}
		}
		// Each does its own work, as if nobody else were there.
		for name, want := range map[string]any{"fail if exists": "stored", "batch set": 2.0, "transact": "done", "batch delete": 3.0, "delete": "done", "twin": "done"} {
			if got[name] != want {
				t.Errorf("%s: %s: %v", who, name, got[name])
			}
		}
	}
	var left []any
	victim.result("check", canary, &left)
	if fmt.Sprint(left) != fmt.Sprintf("[12 12 %[1]s %[1]s %[1]s %[1]s]", canary) {
		t.Errorf("the victim finds %v", left)
	}
}
