package dbtest

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/url"
	"os"
	"os/exec"
	"os/user"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"

	"github.com/jackc/pgx/v5"
)

// server is the test binary's one Postgres, started by the first test that asks.
// It listens on a socket in its directory only, never on a port.
type server struct {
	dir   string
	stdin io.WriteCloser // held open: its end, however the binary ends, stops the server
	sh    *exec.Cmd
}

var (
	start   = sync.OnceValues(startServer)
	schemas atomic.Int64
)

// supervise runs the server until its standard input ends, then stops it in the way
// that is asked for, and removes it unless it is to be started again: so nothing is left
// behind, not even by a test binary that was killed.
const supervise = `
bin=$1 dir=$2 kept=$3
trap '' INT TERM HUP
"$bin/postgres" -D "$dir/data" -k "$dir" -c listen_addresses= -c fsync=off -c full_page_writes=off \
	-c max_connections=200 -c shared_buffers=32MB -c autovacuum=off </dev/null >"$dir/log" 2>&1 &
pid=$!
until [ -S "$dir/.s.PGSQL.5432" ] && "$bin/pg_ctl" -D "$dir/data" status >/dev/null 2>&1 && grep -q ready "$dir/log"; do
	kill -0 $pid 2>/dev/null || { echo failed; exit 1; }
	sleep 0.05
done
echo ready
read -r how
kill -${how:-QUIT} $pid
kill -CONT $pid # a test may have stopped it
wait $pid
[ "$how" ] && [ "$kept" ] || rm -rf "$dir"
`

func startServer() (*server, error) {
	bin, dir, attr, err := initialise()
	if err != nil {
		return nil, err
	}
	return supervised(bin, dir, attr, "")
}

// initialise makes a new cluster in a directory of its own.
func initialise() (bin, dir string, attr *syscall.SysProcAttr, err error) {
	if bin, err = binaries(); err != nil {
		return "", "", nil, err
	}
	if dir, err = os.MkdirTemp(shortTemp(), "annex-pg-"); err != nil {
		return "", "", nil, err
	}
	if attr, err = unprivileged(dir); err != nil {
		os.RemoveAll(dir)
		return "", "", nil, err
	}
	initdb := exec.Command(filepath.Join(bin, "initdb"), "-D", filepath.Join(dir, "data"),
		"-U", "postgres", "-A", "trust", "-E", "UTF8", "--no-locale", "--no-sync", "--no-instructions")
	initdb.Dir, initdb.SysProcAttr = dir, attr
	if out, err := initdb.CombinedOutput(); err != nil {
		os.RemoveAll(dir)
		return "", "", nil, fmt.Errorf("initdb: %w: %s", err, out)
	}
	return bin, dir, attr, nil
}

// supervised starts the server of a cluster.
func supervised(bin, dir string, attr *syscall.SysProcAttr, kept string) (*server, error) {
	sh := exec.Command("/bin/sh", "-c", supervise, "sh", bin, dir, kept)
	sh.Dir, sh.SysProcAttr = dir, attr
	in, err := sh.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := sh.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := sh.Start(); err != nil {
		os.RemoveAll(dir)
		return nil, err
	}
	word := make([]byte, len("ready"))
	if _, err := io.ReadFull(out, word); err != nil || string(word) != "ready" {
		log, _ := os.ReadFile(filepath.Join(dir, "log"))
		in.Close()
		os.RemoveAll(dir)
		return nil, fmt.Errorf("postgres did not start: %s", log)
	}
	return &server{dir: dir, stdin: in, sh: sh}, nil
}

// newSchema gives the URL of an empty schema.
func newSchema(ctx context.Context) (string, error) {
	s, err := start()
	if err != nil {
		return "", err
	}
	q := url.Values{"host": {s.dir}, "user": {"postgres"}, "sslmode": {"disable"}}
	u := url.URL{Scheme: "postgres", Path: "/postgres", RawQuery: q.Encode()}
	conn, err := pgx.Connect(ctx, u.String())
	if err != nil {
		return "", err
	}
	defer conn.Close(ctx)
	name := "t" + strconv.FormatInt(schemas.Add(1), 10)
	if _, err := conn.Exec(ctx, "CREATE SCHEMA "+name); err != nil {
		return "", err
	}
	q.Set("search_path", name)
	u.RawQuery = q.Encode()
	return u.String(), nil
}

// binaries finds the directory with initdb and postgres.
func binaries() (string, error) {
	if p, err := exec.LookPath("initdb"); err == nil {
		if p, err = filepath.EvalSymlinks(p); err == nil {
			return filepath.Dir(p), nil
		}
	}
	found, _ := filepath.Glob("/usr/lib/postgresql/*/bin/initdb")
	if len(found) == 0 {
		return "", errors.New("initdb is not on PATH")
	}
	version := func(p string) int {
		n, _ := strconv.Atoi(strings.Split(p, "/")[4])
		return n
	}
	newest := slices.MaxFunc(found, func(a, b string) int { return version(a) - version(b) })
	return filepath.Dir(newest), nil
}

// unprivileged makes the server run as the user "postgres" when we are root, since
// it refuses to run as root, and in a session of its own, away from Ctrl-C.
func unprivileged(dir string) (*syscall.SysProcAttr, error) {
	attr := &syscall.SysProcAttr{Setsid: true}
	if os.Getuid() != 0 {
		return attr, nil
	}
	u, err := user.Lookup("postgres")
	if err != nil {
		return nil, fmt.Errorf("postgres does not run as root: %w", err)
	}
	uid, err := strconv.Atoi(u.Uid)
	if err != nil {
		return nil, err
	}
	gid, err := strconv.Atoi(u.Gid)
	if err != nil {
		return nil, err
	}
	attr.Credential = &syscall.Credential{Uid: uint32(uid), Gid: uint32(gid)}
	return attr, os.Chown(dir, uid, gid)
}

// shortTemp is the directory for temporary files, unless a socket's path in it would
// be longer than the system allows.
func shortTemp() string {
	if d := os.TempDir(); len(d) < 60 {
		return d
	}
	return "/tmp"
}
