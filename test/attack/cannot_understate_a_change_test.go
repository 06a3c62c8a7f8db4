package attack

import (
	"maps"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/edge/testenv"
)

// doer does what it is told to, by each way on which a request leaves the server.
const doer = `
const { asApp, assumeTrustedRoute, invokeRemote } = __annex_require("@annex/api");
const ways = {
  fetch: (to) => fetch(to),
  remote: (to) => invokeRemote(to, { path: "/x" }),
  product: (to) => asApp().requestJira(assumeTrustedRoute(to)),
};
async function deed({ way, to }) { try { const res = await ways[way](to); return { status: res.status }; } catch (err) { return { code: err.code, status: err.status }; } }
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
	"reading":              {"way": "product", "to": "/rest/api/3/search/jql?jql=project%3DDEMO"},
	"users":                {"way": "product", "to": "/rest/api/3/users/search"},
}

const oneHost, wild = "egress:FETCH_BACKEND_SIDE:one.example.com", "egress:FETCH_BACKEND_SIDE:*.wild.example.com"

// doing is an installation whose deeds are counted by hand.
type doing struct {
	t             *testing.T
	p             *platform
	at            place
	went, refused map[string]int64
}

func newDoing(t *testing.T) *doing {
	p := newPlatformWith(t, func(s *testenv.Setup) { s.NoProduct = false })
	for _, name := range []string{"one", "a.wild", "b.wild", "home", "second", "never"} {
		p.Host(t, name+".example.com", &backEnd{})
	}
	at := p.deploy("development", source{also: []string{"deed"}, code: doer, scopes: []string{"read:jira-work", "write:jira-work", "read:jira-user"},
		egress: []string{"one.example.com", "https://one.example.com:8443", "*.wild.example.com", "unused.example.com"},
		after:  "remotes:\n  - {key: home, baseUrl: \"https://home.example.com/base\", operations: [compute]}\n  - {key: second, baseUrl: \"https://second.example.com\", operations: [compute]}\n"})
	return &doing{t, p, at, map[string]int64{}, map[string]int64{}}
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
			d.went[name]++
		case out.Code == "FETCH_FAILED": // nobody answers there, but it was let go
			goes[name] = true
			d.went[name]++
		case deeds[name]["way"] == "remote":
			// A remote that is not granted has no address: there is no request to be counted.
		default:
			d.refused[name]++
		}
	}
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
	if len(before) != len(deeds)-1 || before["an undeclared host"] {
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
				if before[name] && !after[name] {
					lost += went[name] + refused[name]
				}
				if !before[name] && after[name] {
					won += went[name] + refused[name]
				}
			}
			if said.Seen != seen || said.Refused != lost || said.Allowed != won || said.Unsure != 0 {
				t.Errorf("%v: of %d requests %d were said to be refused, %d to be let go, %d unsure; of %d they were %d and %d: %v",
					body, said.Seen, said.Refused, said.Allowed, said.Unsure, seen, lost, won, said.Differences)
			}
			before = after
		}
	}
	if len(before) != len(deeds)-1 {
		t.Errorf("with everything given back %v goes", before)
	}
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
	want := []string{oneHost, oneHost + ":8443", "egress:FETCH_BACKEND_SIDE:a.wild.example.com", "egress:FETCH_BACKEND_SIDE:b.wild.example.com",
		"remote:home", "remote:second", "scope:read:jira-user", "scope:read:jira-work"}
	slices.Sort(keys)
	if slices.Sort(want); !slices.Equal(keys, want) || s.Calls != int64(len(first)) {
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
