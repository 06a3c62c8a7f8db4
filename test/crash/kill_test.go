package crash

import (
	"encoding/json"
	"math/rand/v2"
	"os"
	"slices"
	"strconv"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

// seed is printed with each run, so that a run that failed can be made again.
func seed(t *testing.T) (uint64, *rand.Rand) {
	t.Helper()
	n := rand.Uint64()
	if text := os.Getenv("ANNEX_CRASH_SEED"); text != "" {
		var err error
		if n, err = strconv.ParseUint(text, 10, 64); err != nil {
			t.Fatal(err)
		}
	}
	t.Logf("ANNEX_CRASH_SEED=%d", n)
	return n, rand.New(rand.NewPCG(n, n))
}

// kills is how many kills a run makes of each database: few in `make test`, what
// ANNEX_CRASH_KILLS says in `make test-crash`.
func kills(t *testing.T, few int) int {
	t.Helper()
	text := os.Getenv("ANNEX_CRASH_KILLS")
	if text == "" {
		return few
	}
	n, err := strconv.Atoi(text)
	if err != nil || n < 1 {
		t.Fatalf("ANNEX_CRASH_KILLS=%s is no number of kills", text)
	}
	return n
}

// Killed at random moments while apps are deployed, installed, granted less and more,
// configured and called, a server has all that it acknowledged when it is started again,
// and nothing of which a part is missing; and it goes on when its workers are killed.
func TestCrashLosesNothingAcknowledged(t *testing.T) {
	all := report{}
	for _, of := range []struct {
		name     string
		few      int
		database func(testing.TB) string
	}{
		{"sqlite", 8, func(testing.TB) string { return "" }},
		{"postgres", 4, dbtest.PostgresURL},
	} {
		t.Run(of.name, func(t *testing.T) {
			p := newPlace(t)
			p.database = of.database(t)
			r := &result{}
			all[of.name] = r
			var random *rand.Rand
			r.Seed, random = seed(t)
			s := p.start(t)
			l := newLoad(newClient(t, p, s), p, r)
			l.watch()
			for most := kills(t, of.few); r.Kills < most && !t.Failed(); {
				s = l.life(random, s, most)
			}
			began := time.Now()
			l.verifyUnwatched()
			r.Spent.Rest = time.Since(began)
			s.stop()
			slices.Sort(l.ready)
			r.ReadyMedian, r.ReadyMax = l.ready[len(l.ready)/2], l.ready[len(l.ready)-1]
			t.Logf("%+v", *r)
			for kind, u := range r.Unattended {
				t.Logf("%s: %+v", kind, *u)
			}
		})
	}
	all.write(t)
}

// life lets all write, kills workers meanwhile, then the server, starts another one and
// looks at what is there.
func (l *load) life(random *rand.Rand, s *process, most int) *process {
	l.t.Helper()
	loaded := time.Now()
	l.begin()
	for range min(random.IntN(4), most-l.result.Kills-1) {
		l.some(1 + random.IntN(25))
		if l.killWorker(random, s) {
			l.result.Kills++
			l.result.WorkerKills++
		}
	}
	l.some(1 + random.IntN(40))
	after(l.t.Context(), time.Duration(random.Int64N(int64(20*time.Millisecond))))
	l.end(s)
	l.result.Kills++
	l.result.ServerKills++

	began := time.Now()
	l.result.Spent.Load += began.Sub(loaded)
	next := l.place.start(l.t)
	l.meet(next)
	eventually(l.t, func() string {
		if a := l.ask("GET", "/readyz", "", nil); !a.acknowledged() {
			return a.String()
		}
		return ""
	})
	ready := time.Now()
	l.ready = append(l.ready, ready.Sub(began))
	l.result.Spent.Start += ready.Sub(began)
	l.verify()
	s.gone()
	l.result.Spent.Verify += time.Since(ready)
	return next
}

// report is what CRASH_JSON gets: a result for each database.
type report map[string]*result

type result struct {
	Kills        int `json:"kills"`
	Acknowledged int `json:"acknowledged"`
	Lost         int `json:"lost"`
	HalfDone     int `json:"half_done"`
	// Unattended is what nobody waited for, by how it came.
	Unattended map[string]*unattended `json:"unattended,omitempty"`

	// The rest is said in the test's own words, for whoever runs it.
	ServerKills, WorkerKills int                                               `json:"-"`
	ReadyMedian, ReadyMax    time.Duration                                     `json:"-"` // from the start of the process to /readyz
	Seed                     uint64                                            `json:"-"`
	Spent                    struct{ Load, Start, Verify, Rest time.Duration } `json:"-"`
}

func (r report) write(t *testing.T) {
	t.Helper()
	file := os.Getenv("CRASH_JSON")
	if file == "" {
		return
	}
	text, err := json.MarshalIndent(r, "", "  ")
	if err == nil {
		err = os.WriteFile(file, append(text, '\n'), 0o644)
	}
	if err != nil {
		t.Error(err)
	}
}
