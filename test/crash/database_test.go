package crash

import (
	"net/http"
	"net/url"
	"strings"
	"syscall"
	"testing"

	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// A database that goes away and comes back under load, in good order, as by a crash, and
// one that only stops to answer: whatever needs it is refused with an error that says so
// and may be tried again, no call runs under a policy that nobody confirms, /readyz says
// why; afterwards all goes on by itself, and nothing that was acknowledged is lost.
func TestDatabaseGoesAndComesBack(t *testing.T) {
	t.Parallel()
	pg := dbtest.OwnPostgres(t)
	p := newPlace(t)
	p.database = pg.URL
	s := p.start(t)
	l := newLoad(newClient(t, p, s), p, &result{})
	hung := func(sig syscall.Signal) {
		for _, pid := range descendants(pg.Pid()) {
			_ = syscall.Kill(pid, sig) // one may just have ended
		}
	}
	for _, way := range []struct {
		name       string
		away, back func()
	}{
		{"stopped", func() { pg.Stop("INT") }, pg.Start},
		{"crashed", func() { pg.Stop("QUIT") }, pg.Start},
		{"hung", func() { hung(syscall.SIGSTOP) }, func() { hung(syscall.SIGCONT) }},
	} {
		l.begin()
		l.some(20)
		way.away()
		l.without(way.name != "hung")
		way.back()
		eventually(t, func() string {
			if a := l.ask("GET", "/readyz", "", nil); a.status != http.StatusOK {
				return a.String()
			}
			return ""
		})
		for len(l.acknowledged) > 0 {
			<-l.acknowledged
		}
		l.some(20)
		l.rest()
		l.verify()
		if t.Failed() {
			for line := range strings.Lines(s.log.String()) {
				if strings.Contains(line, `"incident"`) && strings.Contains(line, `"path"`) {
					t.Log(line)
				}
			}
			t.Fatalf("the database was %s", way.name)
		}
	}
	s.stop()
}

// without demands how a server is whose database is away.
func (l *load) without(gone bool) {
	l.t.Helper()
	eventually(l.t, func() string {
		a := l.ask("GET", "/readyz", "", nil)
		if a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "POLICY_STALE") {
			return a.String()
		}
		return ""
	})
	if a := l.ask("GET", "/healthz", "", nil); a.status != http.StatusOK {
		l.t.Errorf("the process lives: %v", a)
	}
	a := l.call(l.stores.hook, url.Values{"get": {"k1"}})
	// The address is looked up too, unless that was done a moment ago.
	if a.status != http.StatusServiceUnavailable || !strings.Contains(a.body, "POLICY_STALE") && !strings.Contains(a.body, "STORAGE_UNAVAILABLE") {
		l.t.Errorf("a call without a policy: %v", a)
	}
	if !gone {
		return // who asks a database that hangs waits with it
	}
	for what, a := range map[string]answer{
		"register": l.ask("POST", "/api/v1/apps", l.developer, object{"name": "Another"}),
		"list":     l.ask("GET", "/api/v1/installations", l.admin, nil),
		"deploy":   l.deploy(l.stores.app, 99, ""),
	} {
		if a.status != http.StatusServiceUnavailable || a.code() != "STORAGE_UNAVAILABLE" {
			l.t.Errorf("%s without a database: %v", what, a)
		}
	}
}

// rest lets the writers come to their end.
func (l *load) rest() {
	l.dying.Store(true)
	l.running.Wait()
}
