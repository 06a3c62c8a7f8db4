package db_test

import (
	"bufio"
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// crashURL makes the test binary the process that is killed.
const crashURL = "ANNEX_TEST_CRASH_URL"

func TestMain(m *testing.M) {
	if url := os.Getenv(crashURL); url != "" {
		writeUntilKilled(url, os.Getenv("ANNEX_TEST_CRASH_DIR"))
	}
	os.Exit(m.Run())
}

// writeUntilKilled says the name of each row after it was acknowledged.
func writeUntilKilled(url, dir string) {
	fail := func(err error) {
		fmt.Println("failed:", err)
		os.Exit(1)
	}
	ctx := context.Background()
	if _, err := db.LockDir(dir); err != nil {
		fail(err)
	}
	d, err := db.Open(ctx, db.Config{URL: url})
	if err != nil {
		fail(err)
	}
	if err := d.Migrate(ctx, steps); err != nil {
		fail(err)
	}
	for i := 0; ; i++ {
		id := fmt.Sprintf("row-%d", i)
		if i%2 == 0 {
			err = insert(ctx, d, id)
		} else {
			err = d.Tx(ctx, func(ctx context.Context) error {
				if err := insert(ctx, d, id); err != nil {
					return err
				}
				return insert(ctx, d, id+"-twin")
			})
		}
		if err != nil {
			fail(err)
		}
		fmt.Println(id)
	}
}

// urls name an empty database each.
var urls = map[string]func(t testing.TB) string{
	"sqlite":   func(t testing.TB) string { return "sqlite:" + filepath.Join(t.TempDir(), "annex.db") },
	"postgres": dbtest.PostgresURL,
}

// What was acknowledged is there after kill -9, whole units only, and the killed
// process's lock on the data directory is gone.
func TestAcknowledgedSurvivesKill(t *testing.T) {
	for name, newURL := range urls {
		t.Run(name, func(t *testing.T) {
			url := newURL(t)
			dir := t.TempDir()
			child := exec.Command(os.Args[0])
			child.Env = append(os.Environ(), crashURL+"="+url, "ANNEX_TEST_CRASH_DIR="+dir)
			out, err := child.StdoutPipe()
			if err != nil {
				t.Fatal(err)
			}
			if err := child.Start(); err != nil {
				t.Fatal(err)
			}
			var acknowledged []string
			lines := bufio.NewScanner(out)
			for lines.Scan() {
				acknowledged = append(acknowledged, lines.Text())
				if len(acknowledged) == 20 {
					break
				}
			}
			if err := child.Process.Kill(); err != nil {
				t.Fatal(err)
			}
			for lines.Scan() { // what it said before it died counts too
				acknowledged = append(acknowledged, lines.Text())
			}
			_ = child.Wait()

			lock, err := db.LockDir(dir)
			if err != nil {
				t.Fatal(err)
			}
			defer lock.Unlock()
			d, err := db.Open(t.Context(), db.Config{URL: url})
			if err != nil {
				t.Fatal(err)
			}
			defer d.Close()
			if len(acknowledged) < 20 {
				t.Fatal(acknowledged)
			}
			for _, id := range acknowledged {
				if strings.HasPrefix(id, "failed") {
					t.Fatal(id)
				}
				var n int
				if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM things WHERE id = ?`, id).Scan(&n); err != nil || n != 1 {
					t.Errorf("%s: %d, %v", id, n, err)
				}
			}
			var single, twins int
			if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM things WHERE id LIKE '%-twin'`).Scan(&twins); err != nil {
				t.Fatal(err)
			}
			if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM things a WHERE id NOT LIKE '%-twin'
				AND EXISTS (SELECT 1 FROM things b WHERE b.id = a.id || '-twin')`).Scan(&single); err != nil {
				t.Fatal(err)
			}
			if twins != single || twins == 0 {
				t.Errorf("%d twins of %d", twins, single)
			}
		})
	}
}
