package qjs

import (
	"context"
	"log/slog"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/annexhq/annex/internal/core/sourcemap"
)

const (
	// Parsed maps are large and wanted seldom: a few are kept, for as long as an error
	// may soon come again.
	maxMaps      = 32
	maxMapsBytes = 64 << 20
	mapsFresh    = 5 * time.Minute
	// maxMapReads is how many maps are read at once.
	maxMapReads = 2
)

// mapCache keeps the source maps of the versions that failed last. A map that cannot be
// read is kept too, as none: it is not tried again at each error.
type mapCache struct {
	flight singleflight.Group
	reads  chan struct{}
	log    *slog.Logger

	mu      sync.Mutex
	entries map[string]*mapEntry
	bytes   int
}

type mapEntry struct {
	places *sourcemap.Map
	used   time.Time
	drop   *time.Timer
}

func newMapCache(log *slog.Logger) *mapCache {
	return &mapCache{log: log, reads: make(chan struct{}, maxMapReads), entries: map[string]*mapEntry{}}
}

// get gives the version's map, nil when it has none that can be read or ctx ends first.
func (c *mapCache) get(ctx context.Context, key string, load func(context.Context) ([]byte, error)) *sourcemap.Map {
	if places, ok := c.have(key); ok {
		return places
	}
	read := c.flight.DoChan(key, func() (any, error) {
		var places *sourcemap.Map
		err := safely(func() error {
			// Whoever asked first may go away; the others still want it.
			ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), time.Minute)
			defer cancel()
			select {
			case c.reads <- struct{}{}:
				defer func() { <-c.reads }()
			case <-ctx.Done():
				return ctx.Err()
			}
			text, err := load(ctx)
			if err != nil {
				return err
			}
			places = parseMap(text)
			return nil
		})
		if logPanic(c.log, err) == nil {
			c.keep(key, places)
		}
		return places, nil
	})
	select {
	case res := <-read:
		places, _ := res.Val.(*sourcemap.Map)
		return places
	case <-ctx.Done():
		return nil
	}
}

func (c *mapCache) have(key string) (*sourcemap.Map, bool) {
	c.mu.Lock()
	defer c.mu.Unlock()
	e, ok := c.entries[key]
	if !ok {
		return nil, false
	}
	e.used = time.Now()
	return e.places, true
}

func (c *mapCache) keep(key string, places *sourcemap.Map) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.remove(key)
	c.bytes += places.Size()
	for len(c.entries) > 0 && (len(c.entries) >= maxMaps || c.bytes > maxMapsBytes) {
		oldest := ""
		for k, e := range c.entries {
			if oldest == "" || e.used.Before(c.entries[oldest].used) {
				oldest = k
			}
		}
		c.remove(oldest)
	}
	e := &mapEntry{places: places, used: time.Now()}
	e.drop = time.AfterFunc(mapsFresh, func() {
		c.mu.Lock()
		defer c.mu.Unlock()
		if c.entries[key] == e {
			c.remove(key)
		}
	})
	c.entries[key] = e
}

// remove takes an entry out; c.mu is held.
func (c *mapCache) remove(key string) {
	if e, ok := c.entries[key]; ok {
		e.drop.Stop()
		c.bytes -= e.places.Size()
		delete(c.entries, key)
	}
}

// parseMap reads a map that was accepted at its upload, perhaps by another release: what
// cannot be read leaves stacks with the bundle's lines.
func parseMap(text []byte) *sourcemap.Map {
	if len(text) == 0 {
		return nil
	}
	places, err := sourcemap.Parse(text)
	if err != nil {
		return nil
	}
	return places
}
