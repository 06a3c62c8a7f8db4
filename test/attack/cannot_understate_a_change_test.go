package attack

import (
	"maps"
	"net/http"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/edge/testenv"
)

// doer does what it is told to, by each way on which a request leaves the server.
const doer = `
const { asApp, assumeTrustedRoute, invokeRemote, requestRemote } = __annex_require("@annex/api");
const ways = {
  fetch: (to) => fetch(to),
  remote: (to, path) => invokeRemote(to, { path }),
  plainly: (to, path) => requestRemote(to, { path }),
  provider: (to, path) => asApp().withProvider(to).fetch(path),
  product: (to) => asApp().requestJira(assumeTrustedRoute(to)),
};
async function deed({ way, to, path }) { try { const res = await ways[way](to, path ?? "/x"); return { status: res.status }; } catch (err) { return { code: err.code, status: err.status }; } }
`

// deeds are what the app does, by name.
var deeds = map[string]map[string]string{
	"one host":             {"way": "fetch", "to": "https://one.example.com/"},
	"another port of it":   {"way": "fetch", "to": "https://one.example.com:8443/"},
	"a host of a wildcard": {"way": "fetch", "to": "https://a.wild.example.com/"},
	"another one":          {"way": "fetch", "to": "https://b.wild.example.com/"},
	"an undeclared host":   {"way": "fetch", "to": "https://never.example.com/"},
	"a remote":             {"way": "remote", "to": "home"},
	"another remote":       {"way": "remote", "to": "second"},
	"it without tokens":    {"way": "plainly", "to": "second"},
	"no remote of its":     {"way": "remote", "to": "third"},
	"no name at all":       {"way": "remote", "to": "a name\nof its own"},
	"a site's key":         {"way": "provider", "to": "keyed"},
	"no provider of its":   {"way": "provider", "to": "elsewhere"},
	// What is refused whatever is granted.
	"a way out of a remote":  {"way": "remote", "to": "home", "path": "/a/../../x"},
	"a way out of a service": {"way": "provider", "to": "keyed", "path": "https://one.example.com/x"},
	"no key":                 {"way": "provider", "to": "unkeyed"},
	// What is refused because of what is granted: credentials are given out there.
	"where keys are":         {"way": "fetch", "to": "https://keyed.example.com/mint/key"},
	"beside them":            {"way": "fetch", "to": "https://keyed.example.com/x"},
	"keys by the remote":     {"way": "plainly", "to": "keyed", "path": "/mint"},
	"beside, by the remote":  {"way": "plainly", "to": "keyed"},
	"keys with the very key": {"way": "provider", "to": "keyed", "path": "/mint"},
	"reading":                {"way": "product", "to": "/rest/api/3/search/jql?jql=project%3DDEMO"},
	"users":                  {"way": "product", "to": "/rest/api/3/users/search"},
}

// never is how many of the deeds do not go with all that is declared.
const never = 10

const oneHost, wild = "egress:FETCH_BACKEND_SIDE:one.example.com", "egress:FETCH_BACKEND_SIDE:*.wild.example.com"

// doing is an installation whose deeds are counted by hand.
type doing struct {
	t             *testing.T
	p             *platform
	at            place
	went, refused map[string]int64
	done          []deedDone
}

// deedDone is one deed that was counted.
type deedDone struct {
	name string
	went bool
}

// ofCall finds the call that a decision was made for.
var ofCall = regexp.MustCompile(`CANONICAL-(?:EGRESS|PRODUCT)-DECISION .* invocation=([0-9a-f-]+)`)

// times says of so many calls, one after the other, how often each asked: one of a worker that
// was silent for a while is made once more, and asks once more.
func (p *platform) times(t *testing.T, calls int) (out []int64) {
	t.Helper()
	eventually(t, "all is decided", func() bool {
		out = out[:0]
		nth := map[string]int{}
		for _, m := range ofCall.FindAllStringSubmatch(p.log.String(), -1) {
			n, known := nth[m[1]]
			if !known {
				n = len(out)
				nth[m[1]], out = n, append(out, 0)
			}
			out[n]++
		}
		return len(out) == calls
	})
	return out
}

// settles wants that two counts become the same: what was foretold, and what was counted by
// hand. A call that was given away may still be about to ask.
func settles[T comparable](t *testing.T, what string, counts func() (foretold, byHand T)) {
	t.Helper()
	var foretold, byHand T
	for range 200 {
		if foretold, byHand = counts(); foretold == byHand {
			return
		}
		time.Sleep(20 * time.Millisecond)
	}
	t.Errorf("%s: %+v; by hand %+v", what, foretold, byHand)
}

// count says how often each deed was done.
func (d *doing) count() {
	d.t.Helper()
	times := d.p.times(d.t, len(d.done))
	clear(d.went)
	clear(d.refused)
	for n, x := range d.done {
		if x.went {
			d.went[x.name] += times[n]
		} else {
			d.refused[x.name] += times[n]
		}
	}
}

func newDoing(t *testing.T) *doing {
	p := newPlatformWith(t, func(s *testenv.Setup) { s.NoProduct = false })
	for _, name := range []string{"one", "a.wild", "b.wild", "home", "second", "keyed", "never"} {
		p.Host(t, name+".example.com", &backEnd{})
	}
	at := p.deploy("development", source{also: []string{"deed"}, code: doer, scopes: []string{"read:jira-work", "write:jira-work", "read:jira-user"},
		egress: []string{"one.example.com", "https://one.example.com:8443", "*.wild.example.com", "unused.example.com", "keyed.example.com"},
		after: "remotes:\n  - {key: home, baseUrl: \"https://home.example.com/base\", operations: [compute]}\n  - {key: second, baseUrl: \"https://second.example.com\", operations: [compute]}\n" +
			"  - {key: keyed, baseUrl: \"https://keyed.example.com\"}\n" +
			"providers:\n  auth:\n    - {key: keyed, name: Keyed, type: api_key, remotes: [keyed], bearerMethod: {type: authorization-header, parameter: X-Api-Key}, mintPaths: [{remote: keyed, path: /mint}]}\n" +
			"    - {key: unkeyed, name: Unkeyed, type: api_key, remotes: [keyed], bearerMethod: {type: authorization-header, parameter: X-Api-Key}}\n", uses: []string{"keyed", "unkeyed"}})
	p.api("PUT", "/api/v1/installations/"+at.installation+"/providers/keyed/credential", at.admin, map[string]any{"sends": []string{"https://keyed.example.com"}, "secret": "a-key-of-the-site"}).must(t)
	return &doing{t: t, p: p, at: at, went: map[string]int64{}, refused: map[string]int64{}}
}

// all does each deed once, counts it, and gives those that were let go.
func (d *doing) all() (goes map[string]bool) {
	d.t.Helper()
	goes = map[string]bool{}
	for _, name := range slices.Sorted(maps.Keys(deeds)) {
		var out got
		d.at.result("deed", deeds[name], &out)
		switch {
		case out.Code == "" && out.Status > 0 && out.Status != 403:
			goes[name] = true
		case out.Code == "FETCH_FAILED": // nobody answers there, but it was let go
			goes[name] = true
		case out.Code == "PROVIDER_NOT_CONFIGURED": // it was not refused: it asks for a key
			continue
		}
		d.done = append(d.done, deedDone{name, goes[name]})
	}
	d.count()
	return goes
}

func (d *doing) epoch() (epoch float64) {
	d.t.Helper()
	var shown map[string]any
	d.p.api("GET", d.here(), d.at.admin, nil).must(d.t).into(d.t, &shown)
	epoch, _ = shown["epoch"].(float64)
	return epoch
}

func (d *doing) here() string { return "/api/v1/installations/" + d.at.installation }

// Issue 6: what an admin is told a change would do is what it does. Each piece of a grant is
// taken away and given back: of all requests of the app so far, those that were said to be
// refused, or to be let go, are those that are, by every way that leads out.
func TestAttackUnderstateAChange(t *testing.T) {
	t.Parallel()
	d := newDoing(t)
	before := d.all()
	if len(before) != len(deeds)-never || before["an undeclared host"] {
		t.Fatalf("%v goes of %d", before, len(deeds))
	}
	type predicted struct {
		Seen, Refused, Allowed, Unsure int64
		Differences                    []struct{ Origin, Operation string }
	}
	for _, change := range []struct{ away, back map[string]any }{
		{map[string]any{"trim": []string{oneHost}}, map[string]any{"restore": []string{oneHost}}},
		{map[string]any{"replace": map[string]any{wild: []string{"a.wild.example.com"}}}, map[string]any{"restore": []string{wild}}},
		{map[string]any{"trim": []string{"remote:home"}}, map[string]any{"restore": []string{"remote:home"}}},
		{map[string]any{"off": []string{"remote:second"}}, map[string]any{"on": []string{"remote:second"}}},
		{map[string]any{"trim": []string{"provider:keyed"}}, map[string]any{"restore": []string{"provider:keyed"}}},
		{map[string]any{"off": []string{"provider:keyed"}}, map[string]any{"on": []string{"provider:keyed"}}},
		{map[string]any{"trim": []string{"provider:unkeyed"}}, map[string]any{"restore": []string{"provider:unkeyed"}}},
		{map[string]any{"trim": []string{"provider:keyed", "remote:keyed"}}, map[string]any{"restore": []string{"provider:keyed", "remote:keyed"}}},
		{map[string]any{"trim": []string{"egress:FETCH_BACKEND_SIDE:keyed.example.com"}}, map[string]any{"restore": []string{"egress:FETCH_BACKEND_SIDE:keyed.example.com"}}},
		{map[string]any{"trim": []string{"remote:keyed"}}, map[string]any{"restore": []string{"remote:keyed"}}},
		{map[string]any{"off": []string{"egress:FETCH_BACKEND_SIDE"}}, map[string]any{"on": []string{"egress:FETCH_BACKEND_SIDE"}}},
		{map[string]any{"trim": []string{"scope:read:jira-work"}}, map[string]any{"restore": []string{"scope:read:jira-work"}}},
		{map[string]any{"trim": []string{"scope:write:jira-work"}}, map[string]any{"restore": []string{"scope:write:jira-work"}}},
	} {
		for _, body := range []map[string]any{change.away, change.back} {
			if body["restore"] != nil || body["on"] != nil {
				body["epoch"] = d.epoch()
			}
			var said predicted
			d.p.api("POST", d.here()+"/what-if", d.at.admin, body).must(t).into(t, &said)
			went, refused := maps.Clone(d.went), maps.Clone(d.refused)
			d.p.api("PATCH", d.here()+"/grant", d.at.admin, body).must(t)
			after := d.all()
			var seen, lost, won int64
			for name := range deeds {
				seen += went[name] + refused[name]
				// All that was done of it is replayed, however often the grant changed meanwhile.
				if before[name] == after[name] {
					continue
				}
				n := went[name] + refused[name]
				if after[name] {
					won += n
				} else {
					lost += n
				}
			}
			if said.Seen != seen || said.Refused != lost || said.Allowed != won || said.Unsure != 0 {
				t.Errorf("%v: of %d requests %d were said to be refused, %d to be let go, %d unsure; of %d they were %d and %d: %v",
					body, said.Seen, said.Refused, said.Allowed, said.Unsure, seen, lost, won, said.Differences)
			}
			for _, x := range said.Differences {
				if x.Origin == "" {
					t.Errorf("%v: it is not said where requests go: %v", body, said.Differences)
				}
			}
			before = after
		}
	}
	if len(before) != len(deeds)-never {
		t.Errorf("with everything given back %v goes", before)
	}
}

func sum(of map[string]int64) (n int64) {
	for _, x := range of {
		n += x
	}
	return n
}

// Issue 6: what is proposed as the least is enough for all that was done, and each line of it
// is needed: without it something breaks that the app really did.
func TestAttackKeepMoreThanIsNeeded(t *testing.T) {
	t.Parallel()
	d := newDoing(t)
	first := d.all()
	var s struct {
		Calls    int64
		Proposed perm.Set
		Unused   perm.Set
	}
	d.p.api("GET", d.here()+"/suggestion", d.at.developer, nil).must(t).into(t, &s)
	var keys []string
	for _, p := range perm.Pieces(s.Proposed) {
		keys = append(keys, p.Key)
	}
	want := []string{oneHost, oneHost + ":8443", "egress:FETCH_BACKEND_SIDE:keyed.example.com", "egress:FETCH_BACKEND_SIDE:a.wild.example.com", "egress:FETCH_BACKEND_SIDE:b.wild.example.com",
		"provider:keyed", "remote:home", "remote:keyed", "remote:second", "scope:read:jira-user", "scope:read:jira-work"}
	slices.Sort(keys)
	if slices.Sort(want); !slices.Equal(keys, want) || s.Calls != sum(d.went) {
		t.Fatalf("proposed of %d requests: %v", s.Calls, keys)
	}
	for _, unneeded := range []string{"scope:write:jira-work", "egress:FETCH_BACKEND_SIDE:unused.example.com"} {
		if !slices.ContainsFunc(perm.Pieces(s.Unused), func(p perm.Piece) bool { return p.Key == unneeded }) {
			t.Errorf("%s is not said to be needless", unneeded)
		}
	}
	// The proposal as the grant: everything goes on.
	d.p.api("PATCH", d.here()+"/grant", d.at.admin, map[string]any{"trim": []string{"scope:write:jira-work", "egress:FETCH_BACKEND_SIDE:unused.example.com"},
		"replace": map[string]any{wild: []string{"a.wild.example.com", "b.wild.example.com"}}}).must(t)
	if again := d.all(); !maps.Equal(first, again) {
		t.Fatalf("with what is proposed alone %v goes, not %v", again, first)
	}
	for _, key := range keys {
		d.p.api("PATCH", d.here()+"/grant", d.at.admin, map[string]any{"trim": []string{key}}).must(t)
		if less := d.all(); maps.Equal(first, less) {
			t.Errorf("%s is proposed, and without it everything goes on", key)
		}
		back := key
		if strings.Contains(key, ".wild.") {
			back = wild
		}
		restore := map[string]any{"restore": []string{back}, "epoch": d.epoch()}
		d.p.api("PATCH", d.here()+"/grant", d.at.admin, restore).must(t)
		if back == wild {
			d.p.api("PATCH", d.here()+"/grant", d.at.admin, map[string]any{"replace": map[string]any{wild: []string{"a.wild.example.com", "b.wild.example.com"}}}).must(t)
		}
	}
}

// Issue 6: what an app tries is counted at each of the doors, also where there is nothing
// behind them for it: a page's own request, a module that an endpoint answers, a function's.
// So what giving something back would let go is known, and by which door.
func TestAttackTryUnseen(t *testing.T) {
	t.Parallel()
	q := newPeople(t)
	q.Host(t, "home.example.com", &backEnd{})
	at := q.deploy("development", source{
		also: []string{"resolver"}, scopes: []string{"read:jira-work"}, code: remoteCaller,
		modules: "  tracker:issuePanel:\n    - {key: panel, title: Panel, resource: main, render: native, resolver: {endpoint: desk}}\n" +
			"  webtrigger:\n    - {key: inbox, endpoint: mail, response: {type: dynamic}}\n" +
			"  endpoint:\n    - {key: desk, remote: home, route: {path: /desk}}\n    - {key: mail, remote: home, route: {path: /mail}}\n",
		after:      "remotes:\n  - {key: home, baseUrl: \"https://home.example.com\", operations: [compute]}\n",
		interfaces: map[string]string{"main": `__annex_require("@annex/react").default.render("x");`},
	})
	a, inbox := &asked{q, at}, at.hook("inbox")
	page := a.page("alice", false)
	ask := func(more map[string]any) (code string) {
		t.Helper()
		in := map[string]any{"module": at.installation + "/panel", "path": "/x", "method": "GET"}
		maps.Copy(in, more)
		_, code, _ = page.Ask("POST", "/bridge/remote", in)
		return code
	}
	doors := map[string]func() bool{
		"endpoint:desk": func() bool { return ask(nil) == "" },
		"endpoint:mail": func() bool {
			return q.ask("POST", inbox, http.Header{"Content-Type": {"text/plain"}}, "x").status == http.StatusOK
		},
		"page":     func() bool { return ask(map[string]any{"remote": "home"}) == "" },
		"function": func() bool { return at.as("alice", "resolver", map[string]any{"remote": "home"}).Status == 200 },
	}
	var done []deedDone
	everywhere := func(goes func(door string) bool) {
		t.Helper()
		for _, door := range slices.Sorted(maps.Keys(doors)) {
			went := doors[door]()
			if went != goes(door) {
				t.Errorf("by %s a request went: %v", door, went)
			}
			done = append(done, deedDone{door, went})
		}
	}
	asked := func(of func(deedDone) bool) (n int64) {
		t.Helper()
		for i, times := range q.times(t, len(done)) {
			if of(done[i]) {
				n += times
			}
		}
		return n
	}
	stayed := func(x deedDone) bool { return !x.went }
	here := "/api/v1/installations/" + at.installation
	refused := func() (n int64) {
		t.Helper()
		var sent struct {
			Destinations []struct {
				Via, Key string
				Refused  int64
			}
		}
		q.api("GET", here+"/sent", at.admin, nil).must(t).into(t, &sent)
		for _, x := range sent.Destinations {
			if x.Via == "remote" {
				n += x.Refused
			}
		}
		return n
	}
	everywhere(func(string) bool { return true })
	var s struct{ Keys []string }
	q.api("GET", here+"/suggestion", at.developer, nil).must(t).into(t, &s)
	for _, key := range []string{"endpoint:desk", "endpoint:mail", "remote:home"} {
		if !slices.Contains(s.Keys, key) {
			t.Errorf("%s is needed, and not proposed: %v", key, s.Keys)
		}
	}
	for _, key := range []string{"endpoint:desk", "endpoint:mail", "remote:home"} {
		q.api("PATCH", here+"/grant", at.admin, map[string]any{"trim": []string{key}}).must(t)
		goes := func(door string) bool { return door != key && key != "remote:home" }
		everywhere(goes)
		if n, tried := refused(), asked(stayed); n != tried {
			t.Errorf("without %s: %d refused requests are counted of %d", key, n, tried)
		}
		var shown map[string]any
		q.api("GET", here, at.admin, nil).must(t).into(t, &shown)
		back := map[string]any{"restore": []string{key}, "epoch": shown["epoch"]}
		if key == "remote:home" { // its endpoints went with it
			back["restore"] = []string{key, "endpoint:desk", "endpoint:mail"}
		}
		var said struct {
			Allowed, Unsure int64
			Differences     []struct{ Origin string }
		}
		q.api("POST", here+"/what-if", at.admin, back).must(t).into(t, &said)
		want := asked(func(x deedDone) bool { return !goes(x.name) })
		if said.Allowed != want || said.Unsure != 0 || len(said.Differences) != 1 || said.Differences[0].Origin != "https://home.example.com" {
			t.Errorf("with %s again: %+v, where %d were asked for", key, said, want)
		}
		q.api("PATCH", here+"/grant", at.admin, back).must(t)
	}
	everywhere(func(string) bool { return true })
	got := at.as("alice", "resolver", map[string]any{"remote": "home", "path": "/../../x"})
	done = append(done, deedDone{"out", false})
	if n, tried := refused(), asked(stayed); got.Code != "INVALID_ARGUMENT" || n != tried {
		t.Errorf("a way out of the remote's path: %+v, %d refused requests are counted of %d", got, n, tried)
	}
}

// Issue 6: what a remote did with the token that it was given is something the app did: the
// scope without which there is no token is proposed, and taking it away is said to refuse.
func TestAttackProposeTooLittle(t *testing.T) {
	t.Parallel()
	p, at, ends := withRemotes(t)
	if got := at.as("alice", "resolver", map[string]any{"remote": "home"}); got.Status != 200 {
		t.Fatalf("%+v", got)
	}
	system := ends["home"].last(t).Header.Get("X-Forge-Oauth-System")
	at.gateway("home", system, "/rest/api/3/issue/DEMO-1?fields=summary").must(t)
	here := "/api/v1/installations/" + at.installation
	var s struct{ Keys []string }
	p.api("GET", here+"/suggestion", at.developer, nil).must(t).into(t, &s)
	want := []string{"remote:home", "scope:read:app-system-token", "scope:read:jira-work"}
	if slices.Sort(s.Keys); !slices.Equal(s.Keys, want) {
		t.Errorf("proposed: %v, needed: %v", s.Keys, want)
	}
	// An address that is set or taken away is a change like any other.
	logs := func(url string) (said struct{ Refused, Allowed, Unsure int64 }) {
		t.Helper()
		p.api("POST", here+"/what-if", at.admin, map[string]any{"remotes": []any{map[string]any{"key": "logs", "url": url}}}).must(t).into(t, &said)
		return said
	}
	tried := at.as("alice", "resolver", map[string]any{"remote": "logs"})
	times := p.times(t, 3) // home, its back end at the gateway, logs
	if said := logs("https://logs.example.com"); tried.Code != "REMOTE_NOT_CONFIGURED" || said.Allowed != times[2] || said.Refused+said.Unsure != 0 {
		t.Errorf("%s; with an address: %+v", tried.Code, said)
	}
	if err := at.setRemote("logs", "https://logs.example.com"); err != nil {
		t.Fatal(err)
	}
	if said := logs("https://other.example.com"); said.Refused+said.Allowed+said.Unsure != 0 {
		t.Errorf("at another address: %+v", said) // the same requests go there
	}
	if said := logs(""); said.Refused != times[2] || said.Allowed+said.Unsure != 0 {
		t.Errorf("without an address: %+v", said)
	}
	for key, refused := range map[string]int64{"scope:read:app-system-token": times[1], "remote:home": times[0] + times[1], "remote:second": 0} {
		var said struct{ Refused, Allowed, Unsure int64 }
		p.api("POST", here+"/what-if", at.admin, map[string]any{"trim": []string{key}}).must(t).into(t, &said)
		if said.Refused != refused || said.Allowed+said.Unsure != 0 {
			t.Errorf("without %s: %+v", key, said)
		}
	}
}
