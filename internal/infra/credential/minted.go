package credential

import (
	"sync"
	"time"
)

// Minted keeps access tokens of clients in memory until shortly before they end, by keys
// that name the filling of a slot: another filling has other tokens. It is safe for
// concurrent use; the zero value is ready.
type Minted[K comparable] struct {
	mu  sync.Mutex
	all map[K]mintedToken
}

type mintedToken struct {
	access  string
	expires time.Time
}

const (
	maxMinted = 1000
	// longest is how long a token is kept at most; early how long before its end it is given up.
	longest = time.Hour
	early   = 30 * time.Second
)

// Get gives a token that counts for a while, "" for none.
func (m *Minted[K]) Get(key K, now time.Time) string {
	m.mu.Lock()
	defer m.mu.Unlock()
	if t := m.all[key]; now.Before(t.expires) {
		return t.access
	}
	return ""
}

// Keep keeps a token that counts for life; one of unknown life is not kept.
func (m *Minted[K]) Keep(key K, access string, life time.Duration, now time.Time) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all == nil || len(m.all) >= maxMinted {
		m.all = map[K]mintedToken{}
	}
	m.all[key] = mintedToken{access, now.Add(min(life, longest) - early)}
}

// Drop forgets a token that was refused, unless another one is there by now.
func (m *Minted[K]) Drop(key K, access string) {
	m.mu.Lock()
	defer m.mu.Unlock()
	if m.all[key].access == access {
		delete(m.all, key)
	}
}
