package kvstore_test

import (
	"context"
	"encoding/json"
	"fmt"
	"path/filepath"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/kvstore"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
	"github.com/annexhq/annex/manifest"
)

// declared are versions' manifests.
type declared map[id.Version][]manifest.Entity

func (d declared) Manifest(_ context.Context, v id.Version) (*manifest.Manifest, error) {
	return &manifest.Manifest{App: manifest.App{Storage: manifest.Storage{Entities: d[v]}}}, nil
}

var versions = declared{
	"v1": {{Name: "build", Attributes: map[string]manifest.Attribute{"state": {Type: "string"}, "at": {Type: "integer"}}}},
	"v2": {{Name: "build", Attributes: map[string]manifest.Attribute{"state": {Type: "string"}, "at": {Type: "integer"}},
		Indexes: []manifest.Index{{Name: "state"}, {Name: "by-at", Partition: []string{"state"}, Range: []string{"at"}}}}},
}

// calls does host calls as an installation that runs a version.
func calls(t *testing.T, d *db.DB) func(install id.Install, version id.Version, method, head, body string) (string, string, error) {
	t.Helper()
	if err := d.Migrate(t.Context(), kvstore.Migrations); err != nil {
		t.Fatal(err)
	}
	ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring"), true)
	if err != nil {
		t.Fatal(err)
	}
	s := kvstore.New(d, ring, versions)
	s.SetQuota(kvstore.Quota{Keys: 60, Bytes: 1 << 20})
	return func(install id.Install, version id.Version, method, head, body string) (string, string, error) {
		p := policy(t, install)
		p.Version = version
		r, err := s.Bind(call.Binding{})(t.Context(), p, call.Request{Method: method, Head: json.RawMessage(head), Body: []byte(body)})
		return times.ReplaceAllString(string(r.Head), ""), times.ReplaceAllString(string(r.Body), ""), err
	}
}

// What is done together is done whole or not at all, and what is done in a batch each by
// itself, whoever else is there; a version's index finds what was stored before it.
func TestUnitsAndEntitiesByHostCalls(t *testing.T) {
	many := func(name string, n int) string {
		out := make([]string, n)
		for i := range out {
			out[i] = fmt.Sprintf(`{"key":"%s%d","value":1}`, name, i)
		}
		return "[" + strings.Join(out, ",") + "]"
	}
	big := strings.Repeat("x", 239<<10)
	huge := make([]string, 18)
	for i := range huge {
		huge[i] = fmt.Sprintf(`{"do":"set","key":"h%d","value":%q}`, i, big)
	}
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		do := calls(t, d)
		for i, step := range []struct{ version, method, head, body, want, code string }{
			{"v1", "kvs.transact", `{}`, `[{"do":"set","key":"a","value":{"n":1}},{"do":"set","key":"b","value":null}]`, "", ""},
			{"v1", "kvs.transact", `{}`, `[{"do":"set","key":"a","value":2},{"do":"delete","key":"b"},{"do":"check","key":"none"}]`, "", "CONDITION_FAILED"},
			{"v1", "kvs.transact", `{}`, `[{"do":"set","key":"a","value":2},{"do":"set","key":"b","value":3,"keyPolicy":"FAIL_IF_EXISTS"}]`, "", "KEY_CONFLICT"},
			{"v1", "kvs.transact", `{}`, `[{"do":"set","key":"a","value":2},{"do":"set","key":"b"}]`, "", "INVALID_VALUE"},
			{"v1", "kvs.batch.get", `{}`, `[{"key":"a"},{"key":"b"},{"key":"none"},{"key":"%"}]`, `{"successfulKeys":[{"key":"a","value":{"n":1}},{"key":"b","value":null}],"failedKeys":[{"key":"none","error":{"code":"KEY_NOT_FOUND","message":"nothing is stored under the key"}},{"key":"%","error":{"code":"INVALID_KEY","message":"the key holds a character that is not allowed"}}]}`, ""},
			{"v1", "kvs.transact", `{}`, `[{"do":"check","key":"a"},{"do":"delete","key":"b"}]`, "", ""},
			{"v1", "kvs.transact", `{}`, `[]`, "", "NO_OPERATIONS"},
			{"v1", "kvs.transact", `{}`, `{}`, "", "INVALID_REQUEST"},
			{"v1", "kvs.transact", `{}`, `[{"do":"get","key":"a"}]`, "", "INVALID_REQUEST"},
			{"v1", "kvs.transact", `{}`, `[{"do":"delete","key":"a"},{"do":"check","key":"a"}]`, "", "DUPLICATE_KEY"},
			{"v1", "kvs.transact", `{}`, `[{"do":"check","key":"a","conditions":[{"field":"n","condition":"EXISTS","operator":"and"}]}]`, "", "INVALID_CONDITIONS"},
			{"v1", "kvs.transact", `{}`, "[" + strings.Join(huge, ",") + "]", "", "MAX_SIZE"},
			{"v1", "kvs.batch.set", `{}`, many("m", 26), "", "TOO_MANY_OPERATIONS"},
			{"v1", "kvs.batch.set", `{}`, `[{"key":"a","value":5,"keyPolicy":"FAIL_IF_EXISTS"},{"key":"c","value":6},{"key":"e","entityName":"none","value":{}}]`, `{"successfulKeys":[{"key":"c"}],"failedKeys":[{"key":"e","entityName":"none","error":{"code":"ENTITY_NOT_DECLARED","message":"the manifest declares no entity \"none\""}},{"key":"a","error":{"code":"KEY_CONFLICT","message":"the key exists already"}}]}`, ""},
			{"v1", "kvs.batch.delete", `{}`, `[{"key":"a"},{"key":"c"}]`, `{"successfulKeys":[{"key":"a"},{"key":"c"}],"failedKeys":[]}`, ""},
			{"v1", "kvs.query", `{}`, "", `{"results":[]}`, ""},
			{"v1", "kvs.set", `{"key":"r","returnValue":"PREVIOUS"}`, "1", "", ""},
			{"v1", "kvs.set", `{"key":"r","returnValue":"PREVIOUS"}`, "2", "1", ""},
			{"v1", "kvs.set", `{"key":"r","returnValue":"OTHER"}`, "2", "", "INVALID_RETURN_VALUE"},
			{"v1", "kvs.set", `{"key":"r","returnValue":"LATEST","keyPolicy":"FAIL_IF_EXISTS"}`, "2", "", "INVALID_RETURN_VALUE"},

			{"v1", "kvs.entity.set", `{"entity":"build","key":"one"}`, `{"state":"ok","at":3}`, "", ""},
			{"v1", "kvs.entity.set", `{"entity":"build","key":"two"}`, `{"state":"ok","at":-1}`, "", ""},
			{"v1", "kvs.entity.set", `{"entity":"build","key":"bad"}`, `{"state":"ok","at":1.5}`, "", "ATTRIBUTE_TYPE"},
			{"v1", "kvs.entity.set", `{"entity":"build","key":"bad"}`, `{"at":2147483648}`, "", "ATTRIBUTE_TYPE"},
			{"v1", "kvs.entity.set", `{"entity":"build","key":"bad"}`, `{"state":null}`, "", "ATTRIBUTE_TYPE"},
			{"v1", "kvs.entity.set", `{"entity":"build","key":"bad"}`, `{"other":1}`, "", "ATTRIBUTE_NOT_DECLARED"},
			{"v1", "kvs.entity.set", `{"entity":"build","key":"bad"}`, `[1]`, "", "INVALID_ENTITY_VALUE"},
			{"v1", "kvs.entity.set", `{"entity":"nothing","key":"bad"}`, `{}`, "", "ENTITY_NOT_DECLARED"},
			{"v1", "kvs.entity.query", `{}`, `{"entity":"build","index":"state"}`, "", "INDEX_NOT_DECLARED"},
			{"v2", "kvs.entity.query", `{}`, `{"entity":"build","index":"by-at","partition":["ok"]}`, `{"results":[{"key":"two","value":{"state":"ok","at":-1}},{"key":"one","value":{"state":"ok","at":3}}]}`, ""},
			{"v2", "kvs.entity.query", `{}`, `{"entity":"build","index":"by-at","partition":["ok"],"where":{"condition":"CONTAINS","value":1}}`, "", "QUERY_WHERE_INVALID"},
			{"v2", "kvs.entity.query", `{}`, `{"entity":"build","index":"by-at"}`, "", "INVALID_PARTITION"},
			{"v2", "kvs.entity.query", `{}`, `{"entity":"build","index":"by-at","partition":[1]}`, "", "INVALID_PARTITION"},
			{"v2", "kvs.entity.query", `{}`, `{"entity":"build","limit":101}`, "", "LIST_QUERY_LIMIT_EXCEEDED"},
			{"v2", "kvs.entity.query", `{}`, `{"entity":"build","sort":"UP"}`, "", "INVALID_SORT"},
			{"v2", "kvs.entity.query", `{}`, `{"entity":"build","cursor":"AgAA"}`, "", "INVALID_CURSOR"},
			{"v2", "kvs.entity.query", `{}`, `{"entity":"build","filters":[{"field":"at","condition":"EQUAL_TO","value":1,"operator":"and"},{"field":"at","condition":"EXISTS","operator":"or"}]}`, "", "INVALID_FILTER_COMBINATION"},
			{"v2", "kvs.entity.query", `{}`, `{"entity":"build","filters":[{"field":"no","condition":"EXISTS","operator":"and"}]}`, "", "INVALID_FILTER_ATTRIBUTE"},
			{"v2", "kvs.entity.query", `{}`, `{"entity":"build","filters":[{"field":"at","condition":"EQUAL_TO","value":"1","operator":"and"}]}`, "", "INVALID_FILTER_VALUE"},
			{"v2", "kvs.entity.query", `{}`, `{"entity":"build","where":{"condition":"BEGINS_WITH","value":"t"},"limit":1}`, `{"results":[{"key":"two","value":{"state":"ok","at":-1}}]}`, ""},
			{"v2", "kvs.transact", `{}`, `[{"do":"set","key":"one","entityName":"build","value":{"state":"late"},"conditions":[{"field":"at","condition":"GREATER_THAN","value":2,"operator":"and"}]},{"do":"delete","key":"two","entityName":"build"},{"do":"set","key":"one","value":1}]`, "", ""},
			{"v1", "kvs.entity.get", `{"entity":"build","key":"one"}`, "", `{"state":"late"}`, ""},
			{"v2", "kvs.entity.query", `{}`, `{"entity":"build","index":"state"}`, `{"results":[{"key":"one","value":{"state":"late"}}]}`, ""},
			{"v2", "kvs.entity.set", `{"entity":"build","key":"long"}`, fmt.Sprintf(`{"state":%q}`, strings.Repeat("s", 901)), "", "INDEX_VALUE_TOO_LONG"},
			{"v2", "kvs.entity.delete", `{"entity":"build","key":"one"}`, "", "", ""},
			{"v2", "kvs.entity.query", `{}`, `{"entity":"build","index":"state"}`, `{"results":[]}`, ""},
		} {
			_, body, err := do("alice", id.Version(step.version), step.method, step.head, step.body)
			if step.code != "" {
				wantCode(t, err, step.code)
				if err == nil || t.Failed() {
					t.Fatalf("step %d %s: %s", i, step.method, body)
				}
				continue
			}
			if err != nil || body != step.want {
				t.Errorf("%d %s %.200s: %s %v", i, step.method, step.body, body, err)
			}
		}
		// Another installation sees nothing of it, and a batch that is too much together is
		// stored as far as there is room.
		for _, name := range []string{"m", "n"} {
			if _, _, err := do("bob", "v2", "kvs.batch.set", `{}`, many(name, 25)); err != nil {
				t.Fatal(err)
			}
		}
		if _, _, err := do("bob", "v2", "kvs.entity.set", `{"entity":"build","key":"one"}`, `{"state":"bob's"}`); err != nil {
			t.Fatal(err)
		}
		for _, index := range []string{"", "state"} {
			if _, body, err := do("alice", "v2", "kvs.entity.query", `{}`, `{"entity":"build","index":"`+index+`"}`); err != nil || body != `{"results":[]}` {
				t.Error(body, err)
			}
		}
		_, body, err := do("bob", "v2", "kvs.batch.set", `{}`, many("o", 25))
		var out struct {
			SuccessfulKeys []any
			FailedKeys     []struct{ Error struct{ Code string } }
		}
		if json.Unmarshal([]byte(body), &out) != nil || err != nil || len(out.SuccessfulKeys) != 9 || len(out.FailedKeys) != 16 || out.FailedKeys[0].Error.Code != "LIMIT_STORAGE" {
			t.Error(body, err)
		}
	})
}
