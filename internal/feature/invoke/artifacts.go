package invoke

import (
	"context"
	"sync"
	"time"

	"golang.org/x/sync/singleflight"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
)

// artifactsFresh is how long a version's artifact is used before it is read again: a
// variable that another server process changed is seen by calls after this time.
const artifactsFresh = 250 * time.Millisecond

// maxArtifacts bounds the cache; it holds no bundles, only keys and loaders.
const maxArtifacts = 4096

// artifacts caches what to run. The artifact's key names the revision of the
// variables, so a stale entry runs with the old value and never with a mixture.
type artifacts struct {
	versions Versions
	now      func() time.Time
	flight   singleflight.Group

	mu      sync.RWMutex
	entries map[id.Version]entry
}

type entry struct {
	artifact call.Artifact
	read     time.Time
}

func newArtifacts(v Versions, now func() time.Time) *artifacts {
	return &artifacts{versions: v, now: now, entries: map[id.Version]entry{}}
}

func (a *artifacts) get(ctx context.Context, v id.Version) (call.Artifact, error) {
	a.mu.RLock()
	e, ok := a.entries[v]
	a.mu.RUnlock()
	if ok && a.now().Sub(e.read) < artifactsFresh {
		return e.artifact, nil
	}
	got, err, _ := a.flight.Do(string(v), func() (any, error) {
		art, err := a.versions.Artifact(context.WithoutCancel(ctx), v)
		if err != nil {
			return nil, err
		}
		a.mu.Lock()
		defer a.mu.Unlock()
		if len(a.entries) >= maxArtifacts {
			a.entries = map[id.Version]entry{}
		}
		a.entries[v] = entry{artifact: art, read: a.now()}
		return art, nil
	})
	if err != nil {
		return call.Artifact{}, err
	}
	return got.(call.Artifact), nil
}

func (a *artifacts) forget() {
	a.mu.Lock()
	defer a.mu.Unlock()
	a.entries = map[id.Version]entry{}
}
