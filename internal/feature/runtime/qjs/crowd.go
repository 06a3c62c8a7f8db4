package qjs

import (
	"sync"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// How many calls of one installation, and of all installations of one environment of an
// app, are under way at once. Workers hold many more, so that an app whose calls all wait
// leaves room for the others.
const (
	maxOfInstall     = 1000
	maxOfEnvironment = 2000
)

// crowd counts calls under way.
type crowd struct {
	mu       sync.Mutex
	installs map[id.Install]int
	envs     map[id.Env]int
}

func newCrowd() *crowd { return &crowd{installs: map[id.Install]int{}, envs: map[id.Env]int{}} }

// enter counts a call until leave is called, or refuses it.
func (c *crowd) enter(env id.Env, install id.Install) (leave func(), err error) {
	c.mu.Lock()
	defer c.mu.Unlock()
	switch {
	case c.installs[install] >= maxOfInstall:
		return nil, tooMany("this installation", maxOfInstall)
	case env != "" && c.envs[env] >= maxOfEnvironment:
		return nil, tooMany("this app's environment", maxOfEnvironment)
	}
	c.installs[install]++
	c.envs[env]++
	return func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.installs[install]--; c.installs[install] == 0 {
			delete(c.installs, install)
		}
		if c.envs[env]--; c.envs[env] == 0 {
			delete(c.envs, env)
		}
	}, nil
}

func tooMany(whose string, limit int) *fault.Error {
	return fault.New(fault.Limit, "LIMIT_CONCURRENCY", "%d calls of %s are under way", limit, whose).
		With("limit", "calls at once").With("figure", limit).With("retryable", true).
		WithFix("try again when some of them have ended")
}
