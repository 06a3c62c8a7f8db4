// Package apps checks that public apps written for Forge answer under Annex with their
// source unchanged: docs/compat.md says which, and what of them works. Their code is not
// here. ANNEX_REAL_APPS names a folder that holds one folder for each app, named as its
// repository, and in `data` the data directory of an `annex demo` to which somebody
// deployed them; what is missing there is skipped. `test/apps/run` runs this.
//
// Each app is installed anew in a copy of that data, so that it begins without values,
// and runs in a fake internet that knows the hosts its manifest names.
package apps

import (
	"encoding/json"
	"errors"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// The test binary is the worker too: a deployment starts it again.
func TestMain(m *testing.M) {
	annex.Child()
	os.Exit(m.Run())
}

const folderVariable = "ANNEX_REAL_APPS"

// realApps are the apps by the names of their repositories, in the order of
// docs/compat.md. dir is the app's folder below the repository's.
var realApps = []struct {
	repository, dir string
	check           func(*app)
}{
	{"appscan-native-jira-integration", "", appscan},
	{"circleci-for-jira", "apps/forge", circleci},
	{"issue-status-helper", "", issueStatusHelper},
	{"forge-spotify", "", spotify},
	{"forge-jira-plugin", "", jiraPlugin},
	{"jira-app", "", growthbook},
	{"unsplash-rovo-agent-example", "", unsplash},
	{"forge-data-handling-demo", "", dataHandling},
	{"Forge-ToDo-List-Example", "", todoList},
	{"forge-scheduled-trigger-lab", "", scheduledTriggerLab},
	{"forge-jira-checklist", "", checklist},
	{"jira-forge-remote-demo", "", remoteDemo},
	{"jenkins-for-jira", "app", jenkins},
	{"ghe-for-jira", "", gheForJira},
	{"forge-user-notifier-demo-app", "", userNotifier},
	{"cvefeedio-jira-forge-app", "", cvefeed},
	{"openai-image-gen-rovo-agent", "", imageGenerator},
	{"forge_aar_checker_jira", "", issueReader},
}

func TestRealApps(t *testing.T) {
	folder := os.Getenv(folderVariable)
	if folder == "" {
		t.Skipf("%s names no folder of apps; docs/compat.md says what it holds", folderVariable)
	}
	data := t.TempDir()
	if err := copyFolder(data, os.DirFS(filepath.Join(folder, "data"))); err != nil {
		t.Fatalf("%s lacks the data of an `annex demo` (stop it first): %v", folder, err)
	}
	internet := netguardtest.New(t)
	fakes(t, internet)
	network := internet.Network()
	env, err := testenv.Start(t.Context(), testenv.Setup{Dir: data, Listen: "127.0.0.1:0", Workers: 2, Network: &network,
		ChildCommand: annex.ChildCommand, Version: "apps"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	})
	for _, r := range realApps {
		t.Run(r.repository, func(t *testing.T) {
			a := &app{T: t, env: env, dir: filepath.Join(folder, r.repository, filepath.FromSlash(r.dir))}
			if _, err := os.Stat(filepath.Join(a.dir, "manifest.yml")); err != nil {
				t.Skip("not there: ", err)
			}
			a.install()
			r.check(a)
		})
	}
}

// copyFolder is os.CopyFS with each file's own mode: keys stay their owner's.
func copyFolder(to string, from fs.FS) error {
	return fs.WalkDir(from, ".", func(name string, d fs.DirEntry, err error) error {
		if err != nil || d.IsDir() {
			return errors.Join(err, os.MkdirAll(filepath.Join(to, name), 0o700))
		}
		info, err := d.Info()
		if err != nil {
			return err
		}
		data, err := fs.ReadFile(from, name)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, name), data, info.Mode().Perm())
	})
}

// app is one app, installed.
type app struct {
	*testing.T
	env   *testenv.Env
	dir   string
	since time.Time // of the installation
}

func (a *app) where(args ...string) []string {
	return append(args, "--site", a.env.Access.Site, "--product", a.env.Access.Product, "--environment", "development", "--json")
}

// install makes an installation that has no values yet.
func (a *app) install() {
	a.Helper()
	raw, err := a.env.Annex(a.Context(), a.env.Access.AdminToken, a.dir, a.where("install", "--confirm")...)
	if err != nil {
		if code := codeOf(raw); code == "NOT_DEPLOYED" || code == "NOT_YOURS" || code == "NO_APP_ID" {
			a.Skipf("not deployed to %s: %s", folderVariable, code)
		}
		a.Fatal(err)
	}
	a.since = time.Now()
	if _, err := a.env.Annex(a.Context(), a.env.Access.AdminToken, a.dir, a.where("uninstall", "--confirm")...); err != nil {
		a.Fatal(err)
	}
	if _, err := a.env.Annex(a.Context(), a.env.Access.AdminToken, a.dir, a.where("install", "--confirm")...); err != nil {
		a.Fatal(err)
	}
}

func codeOf(raw []byte) string {
	var answer struct{ Error struct{ Code string } }
	_ = json.Unmarshal(raw, &answer) // no code when it is something else
	return answer.Error.Code
}

// variable sets one of the app's variables.
func (a *app) variable(key, value string) {
	a.Helper()
	if _, err := a.env.Annex(a.Context(), a.env.Access.DeveloperToken, a.dir,
		"variables", "set", key, value, "--environment", "development", "--json"); err != nil {
		a.Fatal(err)
	}
}

// call calls a function as `annex invoke` does: what it returned, or the message of the
// error that it threw.
func (a *app) call(function string, payload any) (result, thrown string) {
	a.Helper()
	text, err := json.Marshal(payload)
	if err != nil {
		a.Fatal(err)
	}
	raw, err := a.env.Annex(a.Context(), a.env.Access.DeveloperToken, a.dir, a.where("invoke", function, "--payload", string(text))...)
	var answer struct {
		Result json.RawMessage
		Error  struct{ Code, Message string }
	}
	if uerr := json.Unmarshal(raw, &answer); uerr != nil {
		a.Fatalf("%s: %v", function, errors.Join(uerr, err))
	}
	if err == nil {
		return string(answer.Result), ""
	}
	if answer.Error.Code != "FUNCTION_ERR" {
		a.Fatalf("%s ended by the platform: %v", function, err)
	}
	return "", answer.Error.Message
}

// answers demands that a function's result holds all of these.
func (a *app) answers(function string, payload any, parts ...string) {
	a.Helper()
	result, thrown := a.call(function, payload)
	if thrown != "" {
		a.Errorf("%s threw %s", function, thrown)
	}
	a.holds(function, result, parts)
}

// throws demands that a function's error says this.
func (a *app) throws(function string, payload any, part string) {
	a.Helper()
	result, thrown := a.call(function, payload)
	if !strings.Contains(thrown, part) {
		a.Errorf("%s answered %s and threw %q, not %q", function, result, thrown, part)
	}
}

// refuses demands the typed error that names the member of a later issue.
func (a *app) refuses(function string, payload any, member string) {
	a.Helper()
	a.throws(function, payload, member+" is not offered by this version of Annex")
}

func (a *app) holds(what, text string, parts []string) {
	a.Helper()
	for _, p := range parts {
		if !strings.Contains(text, p) {
			a.Errorf("%s answered %s, which lacks %s", what, text, p)
		}
	}
}

// resolving is what a front end sends to a resolver.
func resolving(key string, payload any) any {
	if payload == nil {
		payload = struct{}{}
	}
	return map[string]any{"call": map[string]any{"functionKey": key, "payload": payload}, "context": map[string]any{}}
}

type object = map[string]any

// hook is the address of a web trigger.
func (a *app) hook(module string) string {
	a.Helper()
	raw, err := a.env.Annex(a.Context(), a.env.Access.DeveloperToken, a.dir, a.where("webtrigger", "create", "--function", module)...)
	var made struct{ URL string }
	if err := errors.Join(err, json.Unmarshal(raw, &made)); err != nil {
		a.Fatal(err)
	}
	return made.URL
}

// post sends a request to a web trigger and demands its status and parts of its body.
func (a *app) post(url, body string, headers []string, status int, parts ...string) *http.Response {
	a.Helper()
	r, err := http.NewRequestWithContext(a.Context(), http.MethodPost, url, strings.NewReader(body))
	if err != nil {
		a.Fatal(err)
	}
	for h := range slices.Chunk(headers, 2) {
		r.Header.Set(h[0], h[1])
	}
	r.Host, r.URL.Host = r.URL.Host, a.env.System.Listener.Addr().String() // names below localhost need not resolve
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		a.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	text, err := io.ReadAll(res.Body)
	if err != nil {
		a.Fatal(err)
	}
	if res.StatusCode != status {
		a.Errorf("%s with %q: status %d, not %d: %s", url, body, res.StatusCode, status, text)
	}
	a.holds(url, string(text), parts)
	return res
}

// logged demands a line in the app's log.
func (a *app) logged(part string) {
	a.Helper()
	raw, err := a.env.Annex(a.Context(), a.env.Access.DeveloperToken, a.dir, "logs", "--environment", "development",
		"--limit", "1000", "--since", a.since.UTC().Format(time.RFC3339Nano), "--json")
	if err != nil {
		a.Fatal(err)
	}
	a.holds("annex logs", string(raw), []string{part})
}
