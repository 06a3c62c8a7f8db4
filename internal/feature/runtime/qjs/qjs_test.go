package qjs_test

import (
	"context"
	"log/slog"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
	"testing"

	"github.com/annexhq/annex/internal/edge/worker"
	"github.com/annexhq/annex/internal/feature/runtime/qjs"
	"github.com/annexhq/annex/internal/feature/runtime/runtimetest"
	"github.com/annexhq/annex/internal/infra/hostcall"
	"github.com/annexhq/annex/internal/infra/jail"
	"github.com/annexhq/annex/internal/infra/prepared"
)

// The test binary is its own worker: it finds the engine in files that the parent names.
func TestMain(m *testing.M) {
	if os.Getenv("QJS_TEST_WORKER") != "" {
		os.Exit(child())
	}
	os.Exit(m.Run())
}

func child() int {
	if err := work(context.Background()); err != nil {
		slog.Error("worker", "err", err)
		return 1
	}
	return 0
}

func work(ctx context.Context) error {
	o := worker.Options{SkipReset: worker.SkipReset()}
	var err error
	if o.WASM, err = os.ReadFile(os.Getenv("QJS_TEST_WASM")); err != nil {
		return err
	}
	if o.SDK, err = os.ReadFile(os.Getenv("QJS_TEST_SDK")); err != nil {
		return err
	}
	if dir, ok := prepared.Asked(os.Args); ok {
		return worker.Prepare(ctx, dir, o)
	}
	if dir, ok := prepared.Given(os.Args); ok {
		if o.Ready, err = worker.Load(ctx, dir, o.WASM); err != nil {
			return err
		}
	}
	if o.Cell, err = jail.Enter(); err != nil {
		return err
	}
	sock, err := hostcall.NewSocket(jail.Socket)
	if err != nil {
		return err
	}
	return worker.Main(ctx, sock, o)
}

// atHand is what workers find made for them, as with a server: of all tests, the first has
// it made.
func atHand(t testing.TB, child func() *exec.Cmd) *os.File {
	t.Helper()
	root, err := prepared.DefaultRoot()
	if err != nil {
		return nil
	}
	dir, err := prepared.Open(t.Context(), root, child)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = dir.Close() })
	return dir
}

func newRuntime(t testing.TB, change ...func(*qjs.Config)) *qjs.Runtime {
	t.Helper()
	dir := t.TempDir()
	if err := os.WriteFile(dir+"/quickjs.wasm", runtimetest.QuickJS(t), 0o600); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(dir+"/sdk.js", runtimetest.KernelOnly(t), 0o600); err != nil {
		t.Fatal(err)
	}
	// The child is another user, where the tests are root's.
	for _, path := range []string{filepath.Dir(dir), dir, dir + "/quickjs.wasm", dir + "/sdk.js"} {
		if err := os.Chmod(path, 0o755); err != nil {
			t.Fatal(err)
		}
	}
	child := func() *exec.Cmd {
		cmd := exec.Command(os.Args[0])
		cmd.Env = append(os.Environ(), "QJS_TEST_WORKER=1", "QJS_TEST_WASM="+dir+"/quickjs.wasm", "QJS_TEST_SDK="+dir+"/sdk.js")
		return cmd
	}
	room, err := jail.Open(t.Context(), jail.Config{Log: slog.New(slog.NewTextHandler(os.Stderr, nil))}, child)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(room.Close)
	cfg := qjs.Config{
		Workers:      2,
		ChildCommand: child,
		Prepared:     atHand(t, child),
		Jail:         room,
		Snapshots:    &memStore{},
		Log:          slog.New(slog.NewTextHandler(os.Stderr, &slog.HandlerOptions{Level: slog.LevelWarn})),
	}
	for _, c := range change {
		c(&cfg)
	}
	rt, err := qjs.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := rt.Close(); err != nil {
			t.Error(err)
		}
	})
	return rt
}

type memStore struct {
	mu   sync.Mutex
	data map[string][]byte
	puts int
}

func (m *memStore) Get(_ context.Context, key string) ([]byte, error) {
	m.mu.Lock()
	defer m.mu.Unlock()
	return m.data[key], nil
}

func (m *memStore) Put(_ context.Context, key string, b []byte) error {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.data == nil {
		m.data = map[string][]byte{}
	}
	m.data[key] = b
	m.puts++
	return nil
}

func TestConformance(t *testing.T) { runtimetest.Run(t, newRuntime(t)) }

var _ runtimetest.Runtime = (*qjs.Runtime)(nil)
