package tracker

import (
	"crypto/rand"
	"crypto/sha256"
	"net/http"
	"sync"
	"time"
)

// A state of Annex's belongs to the browser that came here with it first. It stands in that
// browser's address bar and history while its person types a password; whoever reads it there
// would else have Annex take this browser for signed in as himself.

const (
	arrivalCookie = "tracker_arrival"
	arrivalLife   = 10 * time.Minute // a state's at Annex
	maxArrivals   = 1 << 16
)

// arrivals knows which browser came first with which state. Products with several servers keep
// this where they keep their sessions.
type arrivals struct {
	now   func() time.Time
	mu    sync.Mutex
	first map[[sha256.Size]byte]arrival
}

type arrival struct {
	browser string
	at      time.Time
}

func newArrivals(now func() time.Time) *arrivals {
	return &arrivals{now: now, first: map[[sha256.Size]byte]arrival{}}
}

// take says whether a browser is the first that came with a state; room is false when no more
// can be remembered.
func (a *arrivals) take(state, browser string) (first, room bool) {
	a.mu.Lock()
	defer a.mu.Unlock()
	now, key := a.now(), sha256.Sum256([]byte(state))
	if had, ok := a.first[key]; ok && now.Sub(had.at) < arrivalLife {
		return had.browser == browser, true
	}
	if len(a.first) >= maxArrivals {
		for k, had := range a.first {
			if now.Sub(had.at) >= arrivalLife {
				delete(a.first, k)
			}
		}
	}
	if len(a.first) >= maxArrivals {
		return false, false
	}
	a.first[key] = arrival{browser, now}
	return true, true
}

// firstBrowser lets the browser on that came first with its state, and no other.
func (t *Tracker) firstBrowser(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		var browser string
		if c, err := r.Cookie(arrivalCookie); err == nil {
			browser = c.Value
		}
		if len(browser) < 20 {
			browser = rand.Text()
			http.SetCookie(w, &http.Cookie{Name: arrivalCookie, Value: browser, Path: "/annex/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
		}
		switch first, room := t.arrivals.take(r.URL.Query().Get("state"), browser); {
		case !room:
			http.Error(w, "Too many people are signing in to Annex now. Try again in a few minutes.", http.StatusServiceUnavailable)
		case !first:
			http.Error(w, "This sign-in was begun in another browser. Begin again where you came from; if somebody sent you a link, do not use it.", http.StatusForbidden)
		default:
			next.ServeHTTP(w, r)
		}
	})
}
