package crash

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"syscall"
	"time"
)

// load is who writes, and what each was told. Writers of a kind write one after the
// other, so that what is there after a crash is what was acknowledged last or what was
// sent last.
type load struct {
	*client
	place  place
	result *result
	ready  []time.Duration // from each start to /readyz

	// One app is deployed and configured again and again, one stores and logs, one is
	// granted less and more; the others come and go.
	deployed, stores, granted struct{ app, install, hook string }
	guests                    []*guest

	unwatched *unwatched // nil where nothing runs unwatched
	counters  []*counter
	entries   []*entries
	writers   []func() answer

	mu    sync.Mutex
	marks map[string]time.Time // log lines → when the call that wrote them was answered
	wrote time.Time            // the latest time at which an act began that was acknowledged
	read  int64                // number of the last log line that was looked at

	acknowledged chan struct{}
	dying        atomic.Bool // the server is about to be killed
	running      sync.WaitGroup
}

// counter counts upwards in one place.
type counter struct {
	name       string
	write      func(n int) answer
	sent, told int // the last numbers
	done       int // how often it was told so
}

func (c *counter) next() answer {
	c.sent++
	a := c.write(c.sent)
	if a.acknowledged() {
		c.told, c.done = c.sent, c.done+1
	}
	return a
}

// entries are keys that are set once and, some time later, deleted. The app stores a
// secret as a value too, so the names of secrets are their own.
type entries struct {
	prefix   string
	secret   bool
	n        int
	deleting bool
	want     map[string]fate
}

// fate is what a key must be: there, gone, or either when the answer did not come.
type fate int

const (
	either fate = iota
	there
	gone
)

// guest is an app that is installed and uninstalled.
type guest struct {
	app     string
	install string // "" when it was told that there is none
	ended   []string
	doubt   bool // the last answer did not come
}

const guests = 3

func newLoad(c *client, p place, r *result) *load {
	l := &load{client: c, place: p, result: r, marks: map[string]time.Time{}}
	for _, at := range []*struct{ app, install, hook string }{&l.deployed, &l.stores, &l.granted} {
		at.app, at.install, at.hook = c.fresh()
	}
	for range guests {
		g := &guest{}
		g.app, g.install, _ = c.fresh()
		l.guests = append(l.guests, g)
	}
	variables := "/api/v1/apps/" + l.deployed.app + "/environments/development/variables/"
	l.counters = []*counter{
		{name: "deploy", write: func(n int) answer { return l.deploy(l.deployed.app, n, "") }},
		{name: "variable", write: func(n int) answer {
			return l.ask("PUT", variables+"SEQ", l.developer, object{"value": fmt.Sprint(n)})
		}},
		{name: "sealed", write: func(n int) answer {
			return l.ask("PUT", variables+"SEALED", l.developer, object{"value": fmt.Sprint(n), "sealed": true})
		}},
		// An odd number grants less, an even one all.
		{name: "grant", write: func(n int) answer { return l.grant(l.granted.app, n%2 == 0) }},
	}
	l.entries = []*entries{{prefix: "k", want: map[string]fate{}}, {prefix: "s", secret: true, want: map[string]fate{}}}
	for _, c := range l.counters {
		l.writers = append(l.writers, c.next)
	}
	for _, e := range l.entries {
		l.writers = append(l.writers, func() answer { return l.store(e) })
	}
	turn := 0
	l.writers = append(l.writers, func() answer {
		turn++
		return l.visit(l.guests[turn%guests])
	})
	return l
}

// store sets the next key, or deletes the one of some time ago. A key's name and value
// are the same text.
func (l *load) store(e *entries) answer {
	const kept = 20
	query := url.Values{}
	if e.secret {
		query.Set("secret", "1")
	}
	var key string
	want := there
	if e.deleting = e.n > kept && !e.deleting; e.deleting {
		key, want = fmt.Sprint(e.prefix, e.n-kept), gone
		query.Set("delete", key)
	} else {
		e.n++
		key = fmt.Sprint(e.prefix, e.n)
		query.Set("set", key)
		query.Set("value", key)
	}
	mark := fmt.Sprintf("mark %v %d %v", e.secret, e.n, e.deleting)
	query.Set("mark", mark)
	a := l.call(l.stores.hook, query)
	if !a.acknowledged() {
		e.want[key] = either
		return a
	}
	// The answer is this call's, and the call saw this request.
	if !strings.Contains(a.body, strconv.Quote(mark)) || !strings.Contains(a.body, strconv.Quote(key)) {
		l.t.Errorf("the call %q about %q was answered with %s", mark, key, a.body)
	}
	e.want[key] = want
	l.mu.Lock()
	defer l.mu.Unlock()
	l.marks[mark] = time.Now()
	return a
}

// visit uninstalls a guest that is installed, and installs one that is not, with an
// address of its web trigger. After an answer that did not come it asks what is so.
func (l *load) visit(g *guest) answer {
	if g.doubt {
		have, a := l.installations()
		if !a.acknowledged() {
			return a
		}
		g.doubt, g.install = false, have[g.app]
	}
	var a answer
	if g.install != "" {
		if a = l.ask("DELETE", "/api/v1/installations/"+g.install, l.admin, nil); a.acknowledged() {
			g.ended, g.install = append(g.ended, g.install), ""
		}
	} else {
		var made struct{ ID string }
		if a = l.install(g.app); a.acknowledged() {
			if err := json.Unmarshal([]byte(a.body), &made); err != nil {
				return answer{err: err}
			}
			if g.install = made.ID; l.hook(g.app).err != nil { // the server is gone
				return a
			}
		}
	}
	g.doubt = !a.acknowledged()
	return a
}

// installations are those of the site, by app.
func (l *load) installations() (map[string]string, answer) {
	a := l.ask("GET", "/api/v1/installations", l.admin, nil)
	var list struct{ Installations []struct{ ID, App string } }
	if err := json.Unmarshal([]byte(a.body), &list); a.acknowledged() && err != nil {
		return nil, answer{err: err}
	}
	out := map[string]string{}
	for _, i := range list.Installations {
		out[i.App] = i.ID
	}
	return out, a
}

// begin starts all writers.
func (l *load) begin() {
	l.acknowledged = make(chan struct{}, 1<<20)
	l.dying.Store(false)
	for _, w := range l.writers {
		l.running.Go(func() {
			for !l.dying.Load() {
				began := time.Now()
				a := w()
				switch {
				case a.acknowledged():
					l.mu.Lock()
					if l.wrote.Before(began) {
						l.wrote = began
					}
					l.mu.Unlock()
					l.acknowledged <- struct{}{}
				case a.err != nil:
					if !l.dying.Load() {
						l.t.Errorf("the server hung up: %v", a)
					}
					return
				case a.status == http.StatusServiceUnavailable: // a worker was killed, or the database is away
					after(l.t.Context(), 10*time.Millisecond)
				default:
					l.t.Errorf("%v", a)
					return
				}
			}
		})
	}
}

// some waits for a number of acknowledged acts.
func (l *load) some(n int) {
	l.t.Helper()
	wedged := time.NewTimer(startTime)
	defer wedged.Stop()
	for range n {
		select {
		case <-l.acknowledged:
			l.result.Acknowledged++
		case <-wedged.C:
			l.t.Fatal("nothing is acknowledged any more")
		}
	}
}

// end kills the server.
func (l *load) end(s *process) {
	l.t.Helper()
	l.dying.Store(true)
	s.kill()
	l.running.Wait()
	l.result.Acknowledged += len(l.acknowledged)
}

// killWorker kills one of the server's children, or a child's child: a worker may have
// its first process as keeper of its room.
func (l *load) killWorker(random *rand.Rand, s *process) bool {
	l.t.Helper()
	all := descendants(s.cmd.Process.Pid)
	if len(all) == 0 {
		return false
	}
	slices.Sort(all)
	return syscall.Kill(all[random.IntN(len(all))], syscall.SIGKILL) == nil
}

func descendants(pid int) (out []int) {
	tasks, _ := os.ReadDir(fmt.Sprintf("/proc/%d/task", pid))
	for _, task := range tasks {
		text, err := os.ReadFile(fmt.Sprintf("/proc/%d/task/%s/children", pid, task.Name()))
		if err != nil {
			continue // it ended meanwhile
		}
		for field := range strings.FieldsSeq(string(text)) {
			if child, err := strconv.Atoi(field); err == nil {
				out = append(append(out, child), descendants(child)...)
			}
		}
	}
	return out
}
