package mcp

import (
	"sync"

	lru "github.com/hashicorp/golang-lru/v2"
	"golang.org/x/time/rate"
)

// paces bounds how often each of many may ask.
type paces struct {
	mu     *sync.Mutex
	all    *lru.Cache[string, *rate.Limiter]
	every  rate.Limit
	atOnce int
}

func newPaces(perSecond, atOnce int) paces {
	all, err := lru.New[string, *rate.Limiter](4096)
	if err != nil {
		panic(err) // only a size below one fails
	}
	return paces{&sync.Mutex{}, all, rate.Limit(perSecond), atOnce}
}

func (p *paces) allow(who string) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	l, ok := p.all.Get(who)
	if !ok {
		l = rate.NewLimiter(p.every, p.atOnce)
		p.all.Add(who, l)
	}
	return l.Allow()
}
