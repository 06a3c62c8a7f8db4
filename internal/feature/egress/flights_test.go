package egress

import (
	"io"
	"net/http"
	"testing"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// endless answers a beginning and no end, and says when whoever asked has gone.
func endless() (h http.Handler, began, gone chan struct{}) {
	began, gone = make(chan struct{}, 10), make(chan struct{}, 10)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "the beginning")
		_ = http.NewResponseController(w).Flush()
		began <- struct{}{}
		<-r.Context().Done()
		gone <- struct{}{}
	}), began, gone
}

// A request that is under way when its grant is taken away ends there and then; one that
// the new policy admits as well goes on, and so does another installation's.
func TestWhatIsUnderWayEndsWithItsGrant(t *testing.T) {
	for name, c := range map[string]struct {
		now  *call.Policy
		code string
	}{
		"taken away":            {policyFor(t, "i-1", "b.example.com"), CodeDenied},
		"the installation ends": {nil, "NOT_INSTALLED"},
	} {
		t.Run(name, func(t *testing.T) {
			b := newBench(t, Config{}, nil, "a.example.com")
			h, began, gone := endless()
			b.world.Host(t, "a.example.com", h)
			failed := make(chan error, 1)
			go func() {
				_, err := b.fetch(t.Context(), get("https://a.example.com/"), nil)
				failed <- err
			}()
			<-began
			b.broker.Changed("i-2", nil)
			b.broker.Changed("i-1", policyFor(t, "i-1", "a.example.com", "b.example.com"))
			select {
			case err := <-failed:
				t.Fatalf("it ended although it is granted: %v", err)
			case <-gone:
				t.Fatal("its connection was closed although it is granted")
			default:
			}
			b.broker.Changed("i-1", c.now)
			<-gone
			err := <-failed
			wantFault(t, err, fault.Denied, c.code)
			b.told.mu.Lock()
			defer b.told.mu.Unlock()
			if len(b.told.allowed) != 1 || b.told.allowed[0].Code != c.code || b.told.allowed[0].Reason == "" {
				t.Errorf("what is told of it: %+v, %+v", b.told.allowed, b.told.denied)
			}
			if n := len(b.broker.flights.of); n != 0 {
				t.Errorf("%d installations' requests are still kept", n)
			}
		})
	}
}

// A change that comes between a request's decision and its first byte counts.
func TestWhatChangedBeforeItLeft(t *testing.T) {
	now := policyFor(t, "i-1")
	b := newBench(t, Config{Current: func(id.Install) *call.Policy { return now }}, nil, "a.example.com")
	reached := 0
	b.world.Host(t, "a.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) { reached++ }))
	_, err := b.fetch(t.Context(), get("https://a.example.com/"), nil)
	wantFault(t, err, fault.Denied, CodeDenied)
	if allowed, denied := b.told.counts(); reached != 0 || len(b.world.Resolved()) != 0 || allowed != 0 || denied != 1 {
		t.Errorf("%d requests arrived, %v was looked up; %d allowed, %d denied", reached, b.world.Resolved(), allowed, denied)
	}
	now = b.policy
	if _, err := b.fetch(t.Context(), get("https://a.example.com/"), nil); err != nil || reached != 1 {
		t.Errorf("what did not change: %v, %d", err, reached)
	}
}
