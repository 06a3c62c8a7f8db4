package attack

import (
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/quota"
)

// An app stores as much as its installation, its environment on all sites and its site may,
// by whichever call and however many installations, and no more. Each refusal names which of
// them is full; how much others have stored it tells neither the app nor whoever may not know.
// Who deletes has room at once, and what was erased counts no more.
func TestAttackFillWhatOthersShare(t *testing.T) {
	limits := quota.None()
	limits.Installation = quota.Figures{StoredKeys: 100, StoredBytes: 40_000}
	limits.App = quota.Figures{StoredBytes: 60_000}
	limits.Site = quota.Figures{StoredBytes: 77_000}
	p := newPlatformWith(t, func(s *testenv.Setup) { s.Quotas = limits })
	code := `
const { default: kvs, BatchSetItem } = __annex_require("@annex/kvs");
const text = (n) => "v".repeat(n - 10); // with the key of 8 bytes and the quotes n bytes
async function filled(n, set) {
  let done = 0;
  for (let i = 0; i < n; i++) {
    try { await set("key-" + String(i).padStart(4, "0")); done++; }
    catch (err) { return { done, code: err.code, status: err.status, said: JSON.stringify({ ...err, message: err.message }), ...(err.context ?? err.fields ?? err) }; }
  }
  return { done };
}
async function values(n) { return filled(n, (key) => kvs.set(key, text(1000))); }
async function secrets(n) { return filled(n, (key) => kvs.setSecret(key, text(1000))); }
async function one(n) { return filled(1, (key) => kvs.set(key, text(n))); }
async function transact(n) { return filled(1, () => { let t = kvs.transact(); for (let i = 0; i < 20; i++) t = t.set("key-" + String(500 + i).padStart(4, "0"), text(n)); return t.execute(); }); }
async function drop(n) { for (let i = 0; i < n; i++) await kvs.delete("key-" + String(i).padStart(4, "0")); return {}; }`
	app := source{also: []string{"values", "secrets", "one", "transact", "drop"}, scopes: []string{"storage:app"}, code: code}
	type done struct {
		Done   int
		Code   string
		Status int
		Said   string
		Scope  string
		Limit  int
		Figure int
	}
	expect := func(at place, function string, n, most int, scope string, limit int) (got done) {
		t.Helper()
		at.result(function, n, &got)
		if got.Done != most || scope != "" && (got.Code != "LIMIT_STORAGE" || got.Scope != scope || got.Limit != limit) {
			t.Errorf("%s of %d: %+v, want %d and what the %s may have", function, n, got, most, scope)
		}
		return got
	}
	one := p.deploy("development", app)
	expect(one, "values", 90, 40, "installation", 40_000)
	expect(one, "one", 2000, 0, "installation", 40_000)
	expect(one, "transact", 1000, 0, "installation", 40_000)
	expect(one, "values", 40, 40, "", 0) // what it has it may write again

	elsewhere := one.on("elsewhere", p.site("elsewhere"))
	if got := expect(elsewhere, "values", 90, 20, "app", 60_000); got.Figure != 60_000 || strings.Contains(got.Said, "61") {
		t.Errorf("it learns how much its other installations have: %s", got.Said)
	}
	neighbour := p.deploy("staging", source{also: app.also, scopes: app.scopes, code: code})
	if got := expect(neighbour, "values", 90, 37, "site", 77_000); got.Figure != 77_000 || strings.Contains(got.Said, "78") {
		t.Errorf("it learns how much its neighbours have: %s", got.Said)
	}
	expect(neighbour, "secrets", 1, 0, "site", 77_000)
	var none map[string]any
	one.result("drop", 10, &none)
	expect(neighbour, "transact", 149, 1, "", 0) // 20 of them, where 10,000 bytes are free
	expect(elsewhere, "transact", 500, 1, "", 0)

	type stored struct{ Bytes, MaxBytes int }
	usage := func(at place, token string) (u struct {
		Stored struct {
			stored
			App, Site *stored
		}
		Days []struct {
			What    string
			Refused int
		}
	}) {
		t.Helper()
		p.api("GET", "/api/v1/installations/"+at.installation+"/usage", token, nil).must(t).into(t, &u)
		return u
	}
	if u := usage(one, one.admin); u.Stored.stored != (stored{30_000, 40_000}) || u.Stored.App != nil || u.Stored.Site == nil || *u.Stored.Site != (stored{69_980, 77_000}) {
		t.Errorf("the admin reads %+v", u.Stored)
	}
	if u := usage(one, one.developer); u.Stored.stored != (stored{30_000, 40_000}) || u.Stored.Site != nil || u.Stored.App == nil || *u.Stored.App != (stored{60_000, 60_000}) {
		t.Errorf("the developer reads %+v", u.Stored)
	}
	refused := 0
	for _, d := range usage(one, one.admin).Days {
		if d.What == "stored" {
			refused = d.Refused
		}
	}
	if refused != 3 {
		t.Errorf("%d refusals are counted", refused)
	}
	if a := p.api("DELETE", "/api/v1/installations/"+neighbour.installation+"?erase=true", neighbour.admin, nil); a.status/100 != 2 {
		t.Fatal(a)
	}
	eventually(t, "the site has what is left", func() bool { return *usage(one, one.admin).Stored.Site == stored{30_000, 77_000} })
}
