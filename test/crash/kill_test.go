package crash

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// seed is printed with each run, so that a run that failed can be made again.
func seed(t *testing.T) *rand.Rand {
	t.Helper()
	n := rand.Uint64()
	if text := os.Getenv("ANNEX_CRASH_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ANNEX_CRASH_SEED=%d", n)
	return rand.New(rand.NewPCG(n, n))
}

// Killed at random moments while it deploys, installs, uninstalls and stores, a server
// has all that it acknowledged when it is started again.
func TestCrashLosesNothingAcknowledged(t *testing.T) {
	for name, of := range map[string]struct {
		kills    int
		database func(testing.TB) string
	}{
		"sqlite":   {10, func(testing.TB) string { return "" }},
		"postgres": {2, dbtest.PostgresURL},
	} {
		t.Run(name, func(t *testing.T) {
			p := newPlace(t)
			p.database = of.database(t)
			random := seed(t)
			s := p.start(t)
			l := newLoad(newClient(t, p, s))
			total := 0
			for range of.kills {
				killed := s
				total += l.until(random, s)
				s = p.start(t)
				l.meet(s)
				l.verify()
				killed.gone()
				if t.Failed() {
					return
				}
			}
			t.Logf("%d acknowledged acts, %d kills", total, of.kills)
			s.stop()
		})
	}
}

// load is who writes, and what each was told.
type load struct {
	*client
	app, hook string // of the app that is deployed again and again, and stores
	writers   []*writer

	mu        sync.Mutex
	installed map[string]string // installation → app, acknowledged
	ended     map[string]bool   // uninstallations, acknowledged
	ending    map[string]bool   // asked for
}

// writer counts upwards: what is there after a crash is at least what was acknowledged
// and at most what was sent.
type writer struct {
	name       string
	write      func(n int) answer
	sent, told int // the last number
	done       int // how often it was told so
}

func newLoad(c *client) *load {
	l := &load{client: c, installed: map[string]string{}, ended: map[string]bool{}, ending: map[string]bool{}}
	var installation string
	l.app, installation, l.hook = c.fresh()
	l.installed[installation] = l.app
	variables := "/api/v1/apps/" + l.app + "/environments/development/variables/"
	number := func(n int) string { return fmt.Sprint(n) }
	l.writers = []*writer{
		{name: "deploy", write: func(n int) answer { return l.deploy(l.app, n, "") }},
		{name: "variable", write: func(n int) answer { return l.ask("PUT", variables+"SEQ", l.developer, object{"value": number(n)}) }},
		{name: "sealed", write: func(n int) answer {
			return l.ask("PUT", variables+"SEALED", l.developer, object{"value": number(n), "sealed": true})
		}},
		{name: "value", write: func(n int) answer {
			return l.call(l.hook, url.Values{"set": {"value"}, "value": {number(n)}})
		}},
		{name: "secret", write: func(n int) answer {
			return l.call(l.hook, url.Values{"set": {"secret"}, "secret": {"1"}, "value": {number(n)}})
		}},
		{name: "install", write: l.installOne},
	}
	return l
}

// installOne deploys another app, installs it, and uninstalls every second one.
func (l *load) installOne(n int) answer {
	var made struct{ App, ID string }
	a := l.deploy("", n, "")
	if !a.acknowledged() {
		return a
	}
	if err := json.Unmarshal([]byte(a.body), &made); err != nil {
		return answer{err: err}
	}
	if a = l.install(made.App); !a.acknowledged() {
		return a
	}
	if err := json.Unmarshal([]byte(a.body), &made); err != nil {
		return answer{err: err}
	}
	l.mu.Lock()
	l.installed[made.ID] = made.App
	l.ending[made.ID] = n%2 == 0
	l.mu.Unlock()
	if n%2 != 0 {
		return a
	}
	if a = l.ask("DELETE", "/api/v1/installations/"+made.ID, l.admin, nil); a.acknowledged() {
		l.mu.Lock()
		l.ended[made.ID] = true
		l.mu.Unlock()
	}
	return a
}

// until lets all write and kills the server at a random moment: some acts after the
// start, and then anywhere inside those that run.
func (l *load) until(random *rand.Rand, s *process) (acts int) {
	l.t.Helper()
	enough, jitter := 1+random.IntN(40), time.Duration(random.Int64N(int64(20*time.Millisecond)))
	acknowledged := make(chan struct{}, 4096)
	var all sync.WaitGroup
	for _, w := range l.writers {
		all.Go(func() {
			for {
				w.sent++
				a := w.write(w.sent)
				if !a.acknowledged() {
					if a.err == nil && a.status != http.StatusServiceUnavailable {
						l.t.Errorf("%s: %v", w.name, a)
					}
					return // the server is gone
				}
				w.told, w.done = w.sent, w.done+1
				acknowledged <- struct{}{}
			}
		})
	}
	for range enough {
		<-acknowledged
	}
	after(l.t.Context(), jitter)
	s.kill()
	all.Wait()
	return enough + len(acknowledged)
}

// verify holds what is there against what was acknowledged.
func (l *load) verify() {
	l.t.Helper()
	between := func(name, have string) {
		l.t.Helper()
		w := l.writers[slices.IndexFunc(l.writers, func(w *writer) bool { return w.name == name })]
		n, err := strconv.Atoi(have)
		if have == "" && w.told > 0 || have != "" && (err != nil || n < w.told || n > w.sent) {
			l.t.Errorf("%s is %q, %d was acknowledged and %d sent", name, have, w.told, w.sent)
		}
	}
	var value, secret kept
	l.call(l.hook, url.Values{"get": {"value"}}).into(l.t, &value)
	l.call(l.hook, url.Values{"get": {"secret"}}).into(l.t, &secret)
	between("value", value.Value)
	between("secret", secret.Secret)
	between("variable", value.Variable)
	between("sealed", value.Sealed)
	between("deploy", fmt.Sprint(value.Version))

	var versions struct {
		Versions []struct{ Number, Hash string }
	}
	l.ask("GET", "/api/v1/apps/"+l.app+"/environments/development/versions", l.developer, nil).into(l.t, &versions)
	if deploys := l.writers[0]; len(versions.Versions)-1 < deploys.done || len(versions.Versions)-1 > deploys.sent { // the first one is not counted
		l.t.Errorf("there are %d versions, %d deploys were acknowledged and %d sent", len(versions.Versions), deploys.done, deploys.sent)
	}

	var list struct{ Installations []struct{ ID, App string } }
	l.ask("GET", "/api/v1/installations", l.admin, nil).into(l.t, &list)
	have := map[string]string{}
	for _, i := range list.Installations {
		have[i.ID] = i.App
	}
	for id, app := range l.installed {
		switch {
		case l.ended[id] && have[id] != "":
			l.t.Errorf("the installation %s was ended and is there", id)
		case !l.ended[id] && !l.ending[id] && have[id] != app:
			l.t.Errorf("the installation %s of %s is %q", id, app, have[id])
		}
	}
}

// Killed while it starts, also for the first time and again and again, a server starts,
// and its operator gets in.
func TestCrashDuringStart(t *testing.T) {
	random := seed(t)
	began := time.Now()
	newPlace(t).start(t).kill()
	usual := time.Since(began) // bounds the moments, nothing is demanded of it
	for range 2 {
		p := newPlace(t)
		var moments []time.Duration
		for range 4 {
			moments = append(moments, time.Duration(random.Int64N(int64(usual))))
			s, _ := p.begin(t)
			after(t.Context(), moments[len(moments)-1])
			s.kill()
		}
		s := p.start(t)
		token, err := os.ReadFile(filepath.Join(p.data, "operator.token"))
		if err != nil {
			t.Fatalf("killed after %v: %v", moments, err)
		}
		c := &client{t: t}
		c.meet(s)
		if a := c.ask("GET", "/api/v1/whoami", strings.TrimSpace(string(token)), nil); a.status != 200 {
			t.Errorf("killed after %v: %v", moments, a)
		}
		s.kill()
	}
}
