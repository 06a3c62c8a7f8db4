package trigger

import (
	"net/http"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// refused counts refused requests by module.
type refused struct {
	now     func() time.Time
	mu      sync.Mutex
	modules *lru.Cache[secretKey, *refusals]
}

// refusals are those of a module that were not told yet, and when some were told last.
type refusals struct {
	told    time.Time
	reasons map[string]int
}

func newRefused(now func() time.Time) *refused {
	modules, _ := lru.New[secretKey, *refusals](4096) // the only error is a size below one
	return &refused{now: now, modules: modules}
}

// add counts one, and gives what the app's log is to say now: nothing for a minute after it
// said something.
func (c *refused) add(key secretKey, reason string) (tell map[string]int) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of, ok := c.modules.Get(key)
	if !ok {
		of = &refusals{reasons: map[string]int{}}
		c.modules.Add(key, of)
	}
	of.reasons[reason]++
	if now := c.now(); now.Sub(of.told) >= time.Minute || now.Before(of.told) {
		tell, of.reasons, of.told = of.reasons, map[string]int{}, now
	}
	return tell
}

// refuse answers a request that did not prove itself as one to an address that does not
// exist, whatever was wrong with it: who tries addresses or secrets learns nothing.
func (s *Service) refuse(w http.ResponseWriter, r *http.Request, t *target, why *refusal) {
	tell := s.refused.add(keyOf(t.place.install, t.place.module), why.reason)
	if tell != nil && s.cfg.Refusals != nil {
		s.cfg.Refusals.Refused(t.policy, t.place.module, tell)
	}
	s.fail(w, r, nil, nil, notFound())
}
