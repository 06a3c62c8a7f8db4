package attack

import (
	"bytes"
	"encoding/json"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/httpapi"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/jail"
)

// started is a deployment on a host that has not all layers.
func started(t *testing.T, insecure bool, without jail.Layers) (*testenv.Env, string, error) {
	t.Helper()
	var log bytes.Buffer
	e, err := testenv.Start(t.Context(), testenv.Setup{
		Dir: t.TempDir(), Listen: "127.0.0.1:0", Workers: 1, ChildCommand: annex.ChildCommand, Version: "attack", NoProduct: true,
		InsecureNoSandbox: insecure, WithoutLayers: without, Log: slog.New(slog.NewTextHandler(&log, nil)),
	})
	if err == nil {
		t.Cleanup(func() { _ = e.Close() })
	}
	return e, log.String(), err
}

func health(t *testing.T, e *testenv.Env) httpapi.Health {
	t.Helper()
	res, err := http.Get(e.Access.URL + "/healthz")
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	var h httpapi.Health
	if err := json.NewDecoder(res.Body).Decode(&h); err != nil {
		t.Fatal(err)
	}
	return h
}

// A server does not start where app code would meet no wall of the operating system, and
// says which one is missing and what helps; with the operator's word it starts and says so.
func TestAttackServeWithoutWalls(t *testing.T) {
	_, _, err := started(t, false, jail.Namespaces|jail.Landlock)
	f, ok := fault.As(err)
	if !ok || f.Code != "SANDBOX_MISSING" || !strings.Contains(f.Public, "network, files and processes") ||
		!strings.Contains(f.Public, "namespaces: ") || !strings.Contains(f.Fix, "docs/sandbox.md") || !strings.Contains(f.Fix, "--insecure-no-sandbox") {
		t.Fatalf("a server without walls: %v", err)
	}
	_, _, err = started(t, false, jail.Net|jail.Seccomp)
	if f, ok = fault.As(err); !ok || !strings.Contains(f.Public, "this machine's network") {
		t.Fatalf("a server without a wall for the network: %v", err)
	}
	e, log, err := started(t, true, 0)
	if err != nil {
		t.Fatal(err)
	}
	if h := health(t, e); h.Isolation != jail.EngineOnly || len(h.Walls.Network)+len(h.Walls.Files)+len(h.Walls.Processes)+len(h.Walls.Layers) > 0 {
		t.Errorf("health without a sandbox: %+v", h)
	}
	if !strings.Contains(log, "INSECURE") || !strings.Contains(log, "--insecure-no-sandbox") {
		t.Errorf("the log does not say that there is no sandbox: %s", log)
	}
}

// One wall is enough to start, and health says that it is one.
func TestOneWallIsEnoughAndNamed(t *testing.T) {
	for _, tc := range []struct {
		without jail.Layers
		wall    string
	}{{jail.Namespaces | jail.User, jail.WallLandlock}, {jail.Landlock, jail.WallNamespaces}} {
		t.Run(tc.wall, func(t *testing.T) {
			e, _, err := started(t, false, tc.without)
			if err != nil {
				t.Skipf("this host, or a binary linked with C, has no other wall: %v", err)
			}
			h := health(t, e)
			if want := []string{tc.wall}; h.Isolation != "one wall" || !slices.Equal(h.Walls.Network, want) || !slices.Equal(h.Walls.Files, want) || !slices.Equal(h.Walls.Processes, want) {
				t.Errorf("health says %+v", h)
			}
		})
	}
}

// A server looks at its workers from outside: one that says more of its room than is true
// gets no call.
func TestAttackBeBelievedOutsideTheRoom(t *testing.T) {
	room, err := jail.Open(t.Context(), jail.Config{}, inmateCommand(nil))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(room.Close)
	have, err := jail.ParseLayers(strings.Join(room.Grade().Layers, ","))
	if err != nil {
		t.Fatal(err)
	}
	said := jail.Report{Layers: have, Landlock: room.Grade().Landlock}
	run := func(in *jail.Jail) int {
		ours, theirs, err := hostcall.Pair()
		if err != nil {
			t.Fatal(err)
		}
		defer func() { _ = theirs.Close() }()
		cmd := inmateCommand(&world{})()
		if err := in.Start(cmd, theirs); err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() {
			_ = ours.Close()
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		})
		if _, err := ours.Read(make([]byte, 1)); err != nil { // it is in
			t.Fatal(err)
		}
		return cmd.Process.Pid
	}
	if err := room.Verify(run(room), said); err != nil {
		t.Fatalf("an honest worker is not believed: %v", err)
	}
	if err := room.Verify(run(room), jail.Report{Layers: have &^ jail.Seccomp}); err == nil {
		t.Error("a worker that says that it lacks a layer is taken")
	}
	for _, name := range room.Grade().Layers {
		l, err := jail.ParseLayers(name)
		if err != nil {
			t.Fatal(err)
		}
		if l == jail.Landlock || l == jail.User || l == jail.Caps && os.Geteuid() != 0 { // not to be seen, or the others need it, or nobody has any
			continue
		}
		in, err := jail.Partial(t.Context(), nil, have&^l, inmateCommand(nil))
		if err != nil {
			t.Logf("without %s: %v", name, err)
			continue
		}
		t.Cleanup(in.Close)
		if err := room.Verify(run(in), said); err == nil {
			t.Errorf("a worker that is not behind %s is believed", name)
		}
	}
}

// The workers of a real server, seen from outside.
func TestAttackFindMoreThanARoomAroundWorkers(t *testing.T) {
	p := newPlatform(t)
	at := p.deploy("development", source{also: []string{"run"}, code: `function run() { return 1; }`})
	var one int
	at.result("run", nil, &one)
	workers := 0
	for _, pid := range children(t) {
		dir := filepath.Join("/proc", pid)
		cmdline, err := os.ReadFile(filepath.Join(dir, "cmdline"))
		if err != nil || !bytes.HasPrefix(cmdline, []byte("annex-worker\x00")) {
			continue
		}
		workers++
		if env, err := os.ReadFile(filepath.Join(dir, "environ")); err != nil || len(env) > 0 {
			t.Errorf("worker %s has an environment: %q, %v", pid, env, err)
		}
		limits, err := os.ReadFile(filepath.Join(dir, "limits"))
		if err != nil {
			t.Fatal(err)
		}
		for _, want := range []string{"Max core file size 0 0", "Max locked memory 0 0", "Max msgqueue size 0 0"} {
			if !strings.Contains(strings.Join(strings.Fields(string(limits)), " "), want) {
				t.Errorf("worker %s: not %s:\n%s", pid, want, limits)
			}
		}
		// What belongs to a process that may not be dumped, root's is.
		st, err := os.Stat(filepath.Join(dir, "mem"))
		if err != nil {
			t.Fatal(err)
		}
		if owner := st.Sys().(*syscall.Stat_t).Uid; owner != 0 {
			t.Errorf("worker %s may be dumped: its memory is user %d's", pid, owner)
		}
	}
	if workers == 0 {
		t.Fatal("no worker was seen")
	}
}
