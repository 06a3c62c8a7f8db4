package attack

import (
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/annexhq/annex/internal/core/perm"
)

// lingerer holds on to its call: it asks for everything again and again, tells a host
// that it does, and in the end says what it got.
const lingerer = `
const { fetch, webTrigger } = __annex_require("@annex/api");
const { kvs } = __annex_require("@annex/kvs");
const code = (err) => err.code ?? String(err);
async function linger() {
  const got = { rounds: 0, last: null };
  const fetchIt = fetch;
  await kvs.set("mine", "before");
  for (; got.rounds < 400; got.rounds++) {
    const round = await Promise.all([
      fetchIt("https://beat.example/").then(() => "ok", code),
      kvs.get("mine").then(() => "ok", code),
      kvs.set("mine", got.rounds).then(() => "ok", code),
      kvs.query().getMany().then(() => "ok", code),
      kvs.getSecret("mine").then(() => "ok", code),
      webTrigger.getUrl("hook").then(() => "ok", code),
    ]);
    const text = round.join();
    if (got.last !== null && got.last !== text) (got.changes ??= []).push(text);
    got.last = text;
    if (round[0] !== "ok" && ++got.refused > 20 || (got.refused ??= 0) < 0) break;
    await new Promise((r) => setTimeout(r, 2));
  }
  return got;
}
function hook() { return { statusCode: 200, body: "here" }; }
async function look() { return [(await kvs.get("mine")) ?? null, (await kvs.query().getMany()).results.length]; }
`

type lingered struct {
	Rounds  int
	Last    string
	Changes []string
}

// lingering starts a call that holds on, and returns when it is at it.
func (at place) lingering(t *testing.T, beats *atomic.Int64) <-chan answer {
	t.Helper()
	done := make(chan answer, 1)
	go func() { done <- at.invoke("linger", nil) }()
	eventually(t, "the call runs", func() bool { return beats.Load() > 3 })
	return done
}

// SPEC 3.8: whatever is taken away is gone for every host call, also of calls that run.
func TestAttackCallAfterUninstall(t *testing.T) {
	t.Parallel()
	p := newPlatform(t)
	var beats atomic.Int64
	p.Host(t, "beat.example", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { beats.Add(1) }))
	at := p.deploy("development", source{hooks: []string{"hook"}, also: []string{"linger", "look"}, egress: []string{"beat.example"}, code: lingerer})
	url := at.hook("hook")
	done := at.lingering(t, &beats)
	if a := at.uninstall(); a.status != 204 {
		t.Fatalf("%d %s", a.status, a.body)
	}
	atEnd := beats.Load()
	a := <-done
	// A request that was decided before the uninstall may arrive after it; no other does.
	if late := beats.Load() - atEnd; late > 1 {
		t.Errorf("%d requests arrived after the uninstall", late)
	}
	var out struct{ Result lingered }
	a.must(t).into(t, &out)
	// The uninstall may fall between the decisions of one round; each later one is refused whole.
	if got := out.Result; strings.Contains(got.Last, "ok") || !strings.HasPrefix(got.Last, "NOT_INSTALLED,") || len(got.Changes) > 2 {
		t.Errorf("the call that ran on got %+v", got)
	}
	unknown := p.get("http://" + strings.Repeat("0", 32) + ".hooks.localhost/")
	if a := p.get(url); a.status != 404 || a.body != unknown.body {
		t.Errorf("the address answers %d %s", a.status, a.body)
	}
	for _, f := range []string{"look", "linger", "hook"} {
		if a := at.invoke(f, nil); a.status != 404 {
			t.Errorf("%s: %d %s", f, a.status, a.body)
		}
	}
	if a := p.api("POST", "/api/v1/webtriggers", at.admin, map[string]any{
		"app": at.app, "environment": at.environment, "site": at.site, "product": p.Access.Product, "module": "hook"}); a.status != 404 {
		t.Errorf("another address: %d %s", a.status, a.body)
	}

	// Installed again it is another installation: it finds nothing, and the old address stays gone.
	again := at.install()
	if again.installation == at.installation {
		t.Error("the id is used again")
	}
	var found []any
	if again.result("look", nil, &found); found[0] != nil || found[1] != float64(0) {
		t.Errorf("the new installation found %v", found)
	}
	if a := p.get(url); a.status != 404 || again.hook("hook") == url {
		t.Errorf("the old address answers %d %s", a.status, a.body)
	}
}

// An admin who narrows the grant reaches the call that runs.
func TestAttackGoOnAfterNarrowing(t *testing.T) {
	p := newPlatform(t)
	var beats atomic.Int64
	p.Host(t, "beat.example", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { beats.Add(1) }))
	at := p.deploy("development", source{hooks: []string{"hook"}, also: []string{"linger"}, egress: []string{"beat.example"}, code: lingerer})
	url := at.hook("hook")
	done := at.lingering(t, &beats)
	body := at.confirmation()
	body["grant"] = perm.Set{}
	p.api("POST", "/api/v1/installations", at.admin, body).must(t)
	atEnd := beats.Load()
	a := <-done
	if late := beats.Load() - atEnd; late > 1 {
		t.Errorf("%d requests arrived after the grant was narrowed", late)
	}
	var out struct{ Result lingered }
	a.must(t).into(t, &out)
	if got := out.Result; strings.Contains(got.Last, "ok") || len(got.Changes) > 2 || !strings.HasPrefix(got.Last, "REQUEST_EGRESS_ALLOWLIST_ERR,STORAGE_NOT_GRANTED,") {
		t.Errorf("at its end the call got %+v", got)
	}
	if a := p.get(url); a.status != 404 {
		t.Errorf("the address answers %d %s", a.status, a.body)
	}
}
