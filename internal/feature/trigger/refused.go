package trigger

import (
	"encoding/json"
	"net/http"
	"strconv"
	"sync"
	"time"

	lru "github.com/hashicorp/golang-lru/v2"
)

// maxRefusals is how many requests of a module a minute are told that they proved
// nothing; the rest is told to slow down. Those that prove themselves are never counted,
// so nobody is shut out by a stranger's flood.
const maxRefusals = 120

var proofWanted = func() []byte {
	b, _ := json.Marshal(problem{Code: "PROOF_WANTED", Message: "The request does not prove who sent it."})
	return b
}()

// challenges are what an answer says of the proof that is wanted.
var challenges = map[string][]string{byBearer: {`Bearer realm="web trigger"`}, byHMAC: {`Annex-HMAC-SHA256 realm="web trigger"`}}

// refused counts refused requests by module.
type refused struct {
	now     func() time.Time
	mu      sync.Mutex
	modules *lru.Cache[secretKey, *refusals]
}

// refusals are those of a module in a minute, and what was not told yet.
type refusals struct {
	since   time.Time
	count   int
	reasons map[string]int
}

func newRefused(now func() time.Time) *refused {
	modules, _ := lru.New[secretKey, *refusals](4096) // the only error is a size below one
	return &refused{now: now, modules: modules}
}

// add counts one. tell is what the app's log is to say now, and wait is how long the
// sender should stay away, 0 below the limit.
func (c *refused) add(key secretKey, reason string) (tell map[string]int, wait time.Duration) {
	c.mu.Lock()
	defer c.mu.Unlock()
	of, ok := c.modules.Get(key)
	if !ok {
		of = &refusals{reasons: map[string]int{}}
		c.modules.Add(key, of)
	}
	of.reasons[reason]++
	if now := c.now(); now.Sub(of.since) >= time.Minute || now.Before(of.since) {
		of.since, of.count = now, 0
		tell, of.reasons = of.reasons, map[string]int{}
	}
	if of.count++; of.count > maxRefusals {
		wait = of.since.Add(time.Minute).Sub(c.now())
	}
	return tell, wait
}

// refuse answers a request that did not prove itself. The answer is one and the same for
// whatever was wrong with it.
func (s *Service) refuse(w http.ResponseWriter, t *target, why *refusal) {
	tell, wait := s.refused.add(keyOf(t.place.install, t.place.module), why.reason)
	if tell != nil && s.cfg.Refusals != nil {
		s.cfg.Refusals.Refused(t.policy, t.place.module, tell)
	}
	if wait > 0 {
		w.Header()["Retry-After"] = []string{strconv.Itoa(int(wait/time.Second) + 1)}
		body, _ := json.Marshal(problem{Code: "LIMIT_REFUSALS", Message: "Too many requests did not prove who sent them.", Limit: "refused requests a minute", Figure: maxRefusals})
		writeProblem(w, http.StatusTooManyRequests, body)
		return
	}
	w.Header()["Www-Authenticate"] = challenges[t.module.proof()]
	writeProblem(w, http.StatusUnauthorized, proofWanted)
}
