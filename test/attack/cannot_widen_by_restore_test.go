package attack

import (
	"bytes"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/edge/server"
	"github.com/annexhq/annex/internal/edge/testenv"
)

func (p *platform) serverConfig() server.Config {
	return server.Config{DataDir: p.dir, KeyRing: filepath.Join(p.dir, "keyring"), Listen: "127.0.0.1:0", ChildCommand: annex.ChildCommand}
}

// backup makes a backup beside the running server.
func (p *platform) backup() (file string) {
	p.t.Helper()
	file = filepath.Join(p.t.TempDir(), "backup")
	if _, err := server.Backup(p.t.Context(), p.serverConfig(), server.BackupOptions{To: file}); err != nil {
		p.t.Fatal(err)
	}
	return file
}

// restore stops the deployment, restores the backup and starts it again.
func (p *platform) restore(file string) server.RestoreReport {
	p.t.Helper()
	if err := p.Env.Close(); err != nil {
		p.t.Fatal(err)
	}
	r, err := server.Restore(p.t.Context(), p.serverConfig(), server.RestoreOptions{From: file, Replace: true})
	if err != nil {
		p.t.Fatal(err)
	}
	network := p.World.Network()
	e, err := testenv.Start(p.t.Context(), testenv.Setup{
		Dir: p.dir, Listen: "127.0.0.1:0", Workers: 1, Network: &network, ChildCommand: annex.ChildCommand, Version: "attack", NoProduct: true,
		Log: slog.New(slog.NewTextHandler(p.log, &slog.HandlerOptions{Level: slog.LevelDebug})),
	})
	if err != nil {
		p.t.Fatal(err)
	}
	p.t.Cleanup(func() { _ = e.Close() })
	p.Env = e
	return r
}

// again is the place on a deployment that was started anew, with its new tokens.
func (at place) again() place {
	at.developer, at.admin = at.p.Access.DeveloperToken, at.p.Access.AdminToken
	return at
}

// state is how the list of installations shows the place.
func (at place) state() string {
	at.p.t.Helper()
	var all struct {
		Installations []struct{ ID, State string }
	}
	at.p.api("GET", "/api/v1/installations", at.admin, nil).must(at.p.t).into(at.p.t, &all)
	for _, i := range all.Installations {
		if i.ID == at.installation {
			return i.State
		}
	}
	return ""
}

// CONTRACTS 12: a backup gives nobody more than they have now. What was granted when it
// was made and has been taken away since comes back only when the site's admin says so,
// having seen what it widens.
func TestAttackWidenByRestore(t *testing.T) {
	p := newPlatform(t)
	for _, name := range []string{"api.example.com", "other.example.com"} {
		p.Host(t, name, http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	}
	app := source{also: []string{"reach", "store"}, hooks: []string{"hook"}, egress: []string{"api.example.com", "other.example.com"}, scopes: []string{"storage:app"}, code: reacher("v1")}
	narrowed, ended, kept := p.deploy("development", app), p.deploy("development", app), p.deploy("development", app)
	rotated := kept.hook("hook")
	gone := ended.hook("hook")
	if got := narrowed.reach("https://other.example.com/"); got.Status != 200 {
		t.Fatalf("%+v", got)
	}
	admin, developer, operator := narrowed.admin, narrowed.developer, p.operator
	epochs := map[string]uint64{}
	file := p.backup()

	// Since then the operator withdrew the keys that the platform signs with.
	withdrawn := p.System.Signer.Keys()
	if err := p.System.Signer.Rotate(t.Context(), testenv.Operator, true); err != nil {
		t.Fatal(err)
	}

	// An admin took a host away, uninstalled an app and had an address deleted.
	fewer, trimmed := narrowed.confirmation(), narrowed.policy()
	trimmed.Egress = slices.DeleteFunc(slices.Clone(trimmed.Egress), func(e perm.Egress) bool { return strings.Contains(e.Pattern.String(), "other") })
	fewer["grant"] = trimmed
	p.api("POST", "/api/v1/installations", narrowed.admin, fewer).must(t)
	if got := narrowed.reach("https://other.example.com/"); got.Code != "REQUEST_EGRESS_ALLOWLIST_ERR" {
		t.Fatalf("%+v", got)
	}
	if a := ended.uninstall(); a.status != 204 {
		t.Fatal(a)
	}
	if a := p.api("DELETE", "/api/v1/webtriggers?"+kept.query()+"&url="+rotated, kept.admin, nil); a.status != 204 {
		t.Fatal(a)
	}
	for _, at := range []place{narrowed, kept} {
		policy, err := p.System.Installs.Policy(t.Context(), id.Install(at.installation))
		if err != nil {
			t.Fatal(err)
		}
		epochs[at.installation] = policy.Epoch
	}

	report := p.restore(file)
	if !report.Compared || report.Waiting != 2 || report.Stopped != 1 || report.Addresses != 1 || report.Tokens < 3 {
		t.Errorf("%+v", report)
	}
	for _, k := range withdrawn {
		if keys := p.api("GET", "/.well-known/jwks.json", "", nil).must(t); strings.Contains(keys.body, k.ID) {
			t.Errorf("a withdrawn key counts again: %s", keys.body)
		}
	}
	for name, token := range map[string]string{"admin": admin, "developer": developer, "operator": operator} {
		if a := p.api("GET", "/api/v1/whoami", token, nil); a.status != 401 {
			t.Errorf("the %s's token of before is taken: %d %s", name, a.status, a.body)
		}
	}
	narrowed, ended, kept = narrowed.again(), ended.again(), kept.again()
	for _, at := range []place{narrowed, kept} {
		policy, err := p.System.Installs.Policy(t.Context(), id.Install(at.installation))
		if err != nil {
			t.Fatal(err)
		}
		if policy.Epoch <= epochs[at.installation] {
			t.Errorf("the epoch %d is not above %d", policy.Epoch, epochs[at.installation])
		}
	}
	if got := narrowed.reach("https://other.example.com/"); got.Code != "REQUEST_EGRESS_ALLOWLIST_ERR" {
		t.Errorf("the host that was taken away is back: %+v", got)
	}
	if got := narrowed.reach("https://api.example.com/"); got.Status != 200 {
		t.Errorf("what was never taken away is gone: %+v", got)
	}
	if a := ended.invoke("store", nil); a.code() != "RESTORE_UNCONFIRMED" {
		t.Errorf("what was uninstalled runs: %d %s", a.status, a.body)
	}
	for name, address := range map[string]string{"of the uninstalled app": gone, "that was deleted": rotated} {
		u := strings.Replace(address, portOf(address), portOf(p.control()), 1)
		if a := p.get(u); a.status != 404 {
			t.Errorf("the address %s answers %d %s", name, a.status, a.body)
		}
	}
	for at, want := range map[place]string{narrowed: "narrowed", ended: "stopped", kept: "running"} {
		if got := at.state(); got != want {
			t.Errorf("%s is %q, want %q", at.installation, got, want)
		}
	}

	// The admin sees what a confirmation widens, and an older digest does not confirm it.
	var shown struct {
		Digest   string
		Restored bool
		Growth   []struct{ Text string }
	}
	p.api("POST", "/api/v1/installations/preview", narrowed.admin, narrowed.target()).must(t).into(t, &shown)
	if !shown.Restored || len(shown.Growth) != 1 || shown.Digest == fewer["digest"] {
		t.Errorf("%+v", shown)
	}
	narrowed.install()
	ended.install()
	if got := narrowed.reach("https://other.example.com/"); got.Status != 200 {
		t.Errorf("after the confirmation: %+v", got)
	}
	if a := ended.invoke("store", nil).must(t); !strings.Contains(a.body, "stored") {
		t.Error(a.body)
	}
	if narrowed.state() != "running" || ended.state() != "running" {
		t.Error(narrowed.state(), ended.state())
	}
}

func portOf(address string) string {
	_, rest, _ := strings.Cut(strings.TrimPrefix(address, "http://"), ":")
	port, _, _ := strings.Cut(rest, "/")
	return port
}

// Where the database is lost, nobody knows what was taken away: every app stands still
// until its admin has looked.
func TestAttackRunAfterALostDatabase(t *testing.T) {
	p := newPlatform(t)
	at := p.deploy("development", source{also: []string{"store"}, hooks: []string{"hook"}, code: reacher("v1")})
	hook := at.hook("hook")
	file := p.backup()
	fresh := *p
	fresh.dir = t.TempDir()
	ring, err := os.ReadFile(filepath.Join(p.dir, "keyring"))
	if err == nil {
		err = os.WriteFile(filepath.Join(fresh.dir, "keyring"), ring, 0o600)
	}
	if err != nil {
		t.Fatal(err)
	}
	if r := fresh.restore(file); r.Compared || r.Waiting != 1 || r.Stopped != 1 {
		t.Errorf("%+v", r)
	}
	at.p = &fresh
	at = at.again()
	if a := at.invoke("store", nil); a.code() != "RESTORE_UNCONFIRMED" {
		t.Errorf("%d %s", a.status, a.body)
	}
	u := strings.Replace(hook, portOf(hook), portOf(fresh.control()), 1)
	if a := fresh.get(u); a.status != 404 {
		t.Errorf("%d %s", a.status, a.body)
	}
	at.install()
	if a := at.invoke("store", nil).must(t); !strings.Contains(a.body, "stored") {
		t.Error(a.body)
	}
	if a := fresh.get(u); a.status != 200 || !bytes.Contains([]byte(a.body), []byte("v1")) {
		t.Errorf("%d %s", a.status, a.body)
	}
}
