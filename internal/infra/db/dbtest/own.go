package dbtest

import (
	"io"
	"net/url"
	"os"
	"syscall"
	"testing"
)

// Own is a Postgres server that one test has for itself, to stop it and start it again.
type Own struct {
	// URL stays the same.
	URL string

	t    testing.TB
	bin  string
	attr *syscall.SysProcAttr
	dir  string
	s    *server
}

// OwnPostgres starts a server that ends with the test.
func OwnPostgres(t testing.TB) *Own {
	t.Helper()
	if os.Getenv("ANNEX_TEST_POSTGRES") == "off" {
		t.Skip("ANNEX_TEST_POSTGRES=off")
	}
	o := &Own{t: t}
	var err error
	if o.bin, o.dir, o.attr, err = initialise(); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if o.s != nil {
			o.s.stdin.Close()
			_ = o.s.sh.Wait()
		}
		os.RemoveAll(o.dir)
	})
	o.Start()
	q := url.Values{"host": {o.dir}, "user": {"postgres"}, "sslmode": {"disable"}}
	o.URL = (&url.URL{Scheme: "postgres", Path: "/postgres", RawQuery: q.Encode()}).String()
	return o
}

// Start starts the server and returns when it answers.
func (o *Own) Start() {
	o.t.Helper()
	var err error
	if o.s, err = supervised(o.bin, o.dir, o.attr, "kept"); err != nil {
		o.t.Fatal(err)
	}
}

// Stop stops the server and returns when it is gone: "INT" ends its connections in good
// order, "QUIT" as a crash does.
func (o *Own) Stop(how string) {
	o.t.Helper()
	if _, err := io.WriteString(o.s.stdin, how+"\n"); err != nil {
		o.t.Fatal(err)
	}
	_ = o.s.sh.Wait() // with the server's own exit code
	o.s = nil
}

// Pid is the process whose descendants are the server.
func (o *Own) Pid() int { return o.s.sh.Process.Pid }
