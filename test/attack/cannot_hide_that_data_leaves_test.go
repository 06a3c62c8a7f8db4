package attack

import (
	"html"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/manifest"
)

const signalRemote = "remotes:\n  - {key: r, baseUrl: \"https://r.example.com\"}\n"

// leaky is one app for each reason for which data can leave a site: it declares as little as
// that takes, and what is said of it has to be that.
var leaky = map[string]struct {
	source
	environment  string // production when ""
	product      string // the one of the demo when ""
	value        perm.SignalValue
	also         []string // reasons that come with it
	circumstance bool     // no manifest tells it
}{
	perm.SignalEgress:     {source: source{egress: []string{"https://api.example.com"}}},
	perm.SignalRemote:     {source: source{after: signalRemote}},
	perm.SignalProvider:   {source: source{after: vaultProviders}, also: []string{perm.SignalRemote}},
	perm.SignalWebTrigger: {source: source{hooks: []string{"hook"}}},
	perm.SignalAction: {source: source{
		modules: "  action:\n    - {key: tell, name: Tell, function: run, actionVerb: GET, description: Tells what it knows.}\n"}},
	perm.SignalRoute: {source: source{
		modules: "  apiRoute:\n    - {key: list, path: /list, operation: GET, function: run, scopes: [\"read:lists:custom\"]}\n"}},
	perm.SignalAppEvent: {source: source{
		modules: "  event:\n    - {key: happened, name: happened, allowedRecipients: [\"*\"]}\n"}},
	perm.SignalLogs:         {environment: "development", circumstance: true},
	perm.SignalNative:       {source: source{options: "    isolation: process\n"}},
	perm.SignalConfigurable: {source: source{later: true}, value: perm.StaysInsideToday},
	perm.SignalRemoteUnset: {source: source{after: "remotes:\n  - {key: r, configurable: {name: Log server, description: Where the logs go}}\n"},
		value: perm.StaysInsideToday},
	perm.SignalOutward: {source: source{scopes: []string{"write:desk"}}, product: "desk", circumstance: true},
}

// SPEC 5: what an app may do says by itself whether data can leave. An app for each reason is
// told from one that stays inside, before an admin installs it, in the console, to the
// command line and from the manifest alone.
func TestAttackHideThatDataLeaves(t *testing.T) {
	t.Parallel()
	tracker := newPeople(t)
	desk, _ := newDesk(t)
	tracker.System.Registry.AllowProcess = true
	alice := tracker.signedIn("alice")

	type said struct {
		Signal perm.Signal `json:"signal"`
	}
	codes := func(s perm.Signal) []string {
		out := []string{}
		for _, r := range s.Reasons {
			out = append(out, r.Code)
		}
		return out
	}
	try := func(t *testing.T, x source, environment, product string, value perm.SignalValue, want []string, fromManifest bool) {
		x.code, x.also = `const run = () => "ok", hook = () => ({ statusCode: 200, body: "ok" });`, []string{"run"}
		if x.scopes == nil {
			x.scopes = []string{"storage:app"}
		}
		p := tracker.platform
		if product == "desk" {
			p = desk.platform
		}
		p = p.as(t)
		at := place{p: p, environment: environment, site: p.Access.Site, developer: p.Access.DeveloperToken, admin: p.Access.AdminToken}
		at.app = at.redeploy(x)
		tell := func(where string, s perm.Signal) {
			t.Helper()
			if got := codes(s); s.Value != value || !slices.Equal(got, want) {
				t.Errorf("%s: %s %v, want %s %v", where, s.Value, got, value, want)
			}
		}
		var before, after said
		p.api("POST", "/api/v1/installations/preview", at.admin, at.target()).must(t).into(t, &before)
		tell("before it is installed", before.Signal)
		at = at.install()
		p.api("GET", "/api/v1/installations/"+at.installation+"/sent", at.admin, nil).must(t).into(t, &after)
		tell("installed", after.Signal)
		if fromManifest {
			m, problems := manifest.Load("manifest.yml", []byte(x.manifest()), manifest.Options{})
			if m == nil {
				t.Fatal(problems)
			}
			tell("from the manifest", perm.SignalOf(m.Permissions(), perm.Circumstances{}))
		}
		if product == "desk" {
			return // its people have no browser here
		}
		shown := alice.get("/apps/" + at.installation + "/data")
		text := html.UnescapeString(shown.body)
		for _, r := range before.Signal.Reasons {
			if !strings.Contains(text, r.Text) {
				t.Errorf("the console does not say %q: %d", r.Text, shown.status)
			}
		}
		word := map[perm.SignalValue]string{perm.StaysInside: "Stays inside", perm.StaysInsideToday: "Stays inside today", perm.SendsDataOut: "Sends data out"}[value]
		for _, path := range []string{"/data", ""} {
			if at := alice.get("/apps/" + at.installation + path); !strings.Contains(at.body, ">"+word+"</p>") {
				t.Errorf("the console%s does not say %q", path, word)
			}
		}
	}
	t.Run("none", func(t *testing.T) {
		try(t, source{}, "production", "", perm.StaysInside, []string{}, true)
	})
	for code, x := range leaky {
		t.Run(code, func(t *testing.T) {
			if x.environment == "" {
				x.environment = "production"
			}
			if x.value == "" {
				x.value = perm.SendsDataOut
			}
			order := []string{perm.SignalEgress, perm.SignalRemote, perm.SignalProvider}
			want := append(slices.Clone(x.also), code)
			slices.SortFunc(want, func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
			try(t, x.source, x.environment, x.product, x.value, want, !x.circumstance)
		})
	}
}

// What an admin set counts in what is said of the next decision: an app whose remote has an
// address, or that got a host, is not said to stay inside because its manifest names none.
func TestAttackHideWhatAnAdminSetBehindAVersion(t *testing.T) {
	p := newPeople(t)
	at := p.deploy("production", source{also: []string{"run"}, code: `const run = () => "ok";`, later: true,
		after: "remotes:\n  - {key: r, configurable: {name: Log server, description: Where the logs go}}\n"})
	alice := p.signedIn("alice")
	says := func(want perm.SignalValue, word string) {
		t.Helper()
		var out struct {
			Signal perm.Signal `json:"signal"`
		}
		p.api("POST", "/api/v1/installations/preview", at.admin, at.target()).must(t).into(t, &out)
		if out.Signal.Value != want {
			t.Errorf("the preview says %s %v, want %s", out.Signal.Value, out.Signal.Reasons, want)
		}
		if page := alice.get("/apps/" + at.installation + "/review"); !strings.Contains(page.body, ">"+word+"</span>") {
			t.Errorf("the page that asks does not say %q: %d", word, page.status)
		}
		var told struct {
			Signal perm.Signal `json:"signal"`
		}
		p.api("POST", "/api/v1/installations/preview", at.developer, at.target()).must(t).into(t, &told)
		for _, r := range told.Signal.Reasons {
			if strings.Contains(strings.Join(r.Where, " "), "logs.example.com") {
				t.Errorf("the developer of a production app reads %v", r)
			}
		}
	}
	says(perm.StaysInsideToday, "Stays inside today")
	if err := at.setRemote("r", "https://logs.example.com"); err != nil {
		t.Fatal(err)
	}
	says(perm.SendsDataOut, "Sends data out")
}
