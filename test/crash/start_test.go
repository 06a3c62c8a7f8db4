package crash

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"
)

// Killed while it starts, also for the first time and again and again, a server starts,
// and its operator gets in.
func TestCrashDuringStart(t *testing.T) {
	_, random := seed(t)
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
