package install

import (
	"context"
	"errors"
	"log/slog"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// memory is a database of policies that can be cut off.
type memory struct {
	mu      sync.Mutex
	changes []change
	cut     bool
	hangs   bool
	reads   int
}

var errCut = errors.New("cut off")

func (m *memory) read(ctx context.Context, after int64) ([]change, error) {
	m.mu.Lock()
	m.reads++
	hangs, cut := m.hangs, m.cut
	var out []change
	for _, c := range m.changes {
		if c.at > after {
			out = append(out, c)
		}
	}
	m.mu.Unlock()
	if hangs {
		<-ctx.Done()
		return nil, ctx.Err()
	}
	if cut {
		return nil, errCut
	}
	return out, nil
}

func (m *memory) put(install id.Install, epoch uint64) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes = append(m.changes, change{install: install, at: int64(len(m.changes) + 1), policy: &call.Policy{Install: install, Epoch: epoch}})
}

func (m *memory) end(install id.Install) {
	m.mu.Lock()
	defer m.mu.Unlock()
	m.changes = append(m.changes, change{install: install, at: int64(len(m.changes) + 1)})
}

func (m *memory) set(f func()) {
	m.mu.Lock()
	defer m.mu.Unlock()
	f()
}

func begin(t *testing.T, m *memory) *policies {
	t.Helper()
	p := newPolicies(m.read, time.Now, slog.New(slog.DiscardHandler))
	if err := p.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(p.stop)
	return p
}

func code(err error) string {
	if err == nil {
		return ""
	}
	return fault.CodeOf(err)
}

func TestChangeOfAnotherProcessIsSeenWithinASecond(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		m.put("one", 1)
		p := begin(t, m)
		if got, err := p.get(t.Context(), "one"); err != nil || got.Epoch != 1 {
			t.Fatalf("%+v, %v", got, err)
		}
		m.put("one", 2)
		time.Sleep(pollEvery + time.Millisecond)
		if got, err := p.get(t.Context(), "one"); err != nil || got.Epoch != 2 {
			t.Errorf("a quarter of a second later: %+v, %v", got, err)
		}
		m.end("one")
		time.Sleep(pollEvery + time.Millisecond)
		if _, err := p.get(t.Context(), "one"); code(err) != "NOT_INSTALLED" {
			t.Errorf("after its end: %v", err)
		}
	})
}

func TestUnconfirmedPolicyIsRefusedAfterASecond(t *testing.T) {
	for name, fail := range map[string]func(*memory){
		"refused": func(m *memory) { m.cut = true },
		"hanging": func(m *memory) { m.hangs = true },
	} {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				m := &memory{}
				m.put("one", 1)
				p := begin(t, m)
				last := time.Now() // of the last reading that succeeded
				m.set(func() { fail(m) })
				for time.Since(last) < staleAfter-time.Millisecond {
					if _, err := p.get(t.Context(), "one"); err != nil {
						t.Fatalf("%v after the last confirmation: %v", time.Since(last), err)
					}
					time.Sleep(time.Millisecond)
				}
				time.Sleep(time.Millisecond)
				if _, err := p.get(t.Context(), "one"); code(err) != "POLICY_STALE" || fault.KindOf(err) != fault.Unavailable {
					t.Errorf("a second after the last confirmation: %v", err)
				}
				m.set(func() { m.cut, m.hangs = false, false })
				time.Sleep(pollPatience + pollEvery)
				if _, err := p.get(t.Context(), "one"); err != nil {
					t.Errorf("when it can be read again: %v", err)
				}
			})
		})
	}
}

func TestPoliciesAreStaleBeforeStartAndAfterClose(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{cut: true}
		m.put("one", 1)
		p := newPolicies(m.read, time.Now, slog.New(slog.DiscardHandler))
		if _, err := p.get(t.Context(), "one"); code(err) != "POLICY_STALE" {
			t.Errorf("before start: %v", err)
		}
		if err := p.start(t.Context()); !errors.Is(err, errCut) {
			t.Errorf("start: %v", err)
		}
		m.set(func() { m.cut = false })
		if err := p.start(t.Context()); err != nil {
			t.Fatal(err)
		}
		if err := p.start(t.Context()); err != nil { // a second time changes nothing
			t.Fatal(err)
		}
		p.stop()
		p.stop()
		m.set(func() { m.cut = true })
		time.Sleep(staleAfter)
		if _, err := p.get(t.Context(), "one"); code(err) != "POLICY_STALE" {
			t.Errorf("a second after stop: %v", err)
		}
	})
}

// TestUnknownInstallationIsLookedForOnce: one that another process made a moment ago
// is found at once, and asking for one that is not there does not load the database.
func TestUnknownInstallationIsLookedForOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		m := &memory{}
		p := begin(t, m)
		time.Sleep(100 * time.Millisecond)
		m.put("new", 1)
		if _, err := p.get(t.Context(), "new"); err != nil {
			t.Errorf("made a moment ago: %v", err)
		}
		time.Sleep(time.Millisecond)
		m.put("newer", 1)
		if _, err := p.get(t.Context(), "newer"); err != nil {
			t.Errorf("made a moment after another was looked for: %v", err)
		}
		before := m.reads
		for range 1000 {
			if _, err := p.get(t.Context(), "none"); code(err) != "NOT_INSTALLED" {
				t.Fatal(err)
			}
		}
		if m.reads-before > 1 {
			t.Errorf("a thousand questions made %d readings", m.reads-before)
		}
	})
}

func TestReadersNeverSeeAnEpochGoBack(t *testing.T) {
	m := &memory{}
	m.put("one", 1)
	p := newPolicies(m.read, time.Now, slog.New(slog.DiscardHandler))
	if err := p.start(t.Context()); err != nil {
		t.Fatal(err)
	}
	defer p.stop()
	var done atomic.Bool
	var all sync.WaitGroup
	for range 4 {
		all.Go(func() {
			last := uint64(0)
			for !done.Load() {
				got, err := p.get(t.Context(), "one")
				if err != nil || got.Epoch < last {
					t.Errorf("%+v after epoch %d, %v", got, last, err)
					return
				}
				last = got.Epoch
			}
		})
	}
	for n := range 200 {
		m.put("one", uint64(n+2))
		if err := p.read(t.Context(), askPatience); err != nil {
			t.Error(err)
		}
		if got, err := p.get(t.Context(), "one"); err != nil || got.Epoch != uint64(n+2) {
			t.Errorf("after an own change: %+v, %v", got, err)
		}
	}
	done.Store(true)
	all.Wait()
}

func TestPolicyCostsNoAllocation(t *testing.T) {
	m := &memory{}
	m.put("one", 1)
	p := begin(t, m)
	ctx := context.Background()
	if n := testing.AllocsPerRun(1000, func() {
		if _, err := p.get(ctx, "one"); err != nil {
			t.Fatal(err)
		}
	}); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

func BenchmarkPolicy(b *testing.B) {
	m := &memory{}
	for _, i := range []id.Install{"one", "two", "three"} {
		m.put(i, 1)
	}
	p := newPolicies(m.read, time.Now, slog.New(slog.DiscardHandler))
	if err := p.start(b.Context()); err != nil {
		b.Fatal(err)
	}
	defer p.stop()
	ctx := context.Background()
	for b.Loop() {
		if _, err := p.get(ctx, "two"); err != nil {
			b.Fatal(err)
		}
	}
}
