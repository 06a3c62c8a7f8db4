package tracker

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"slices"
	"sync"
	"time"
)

const cookieName = "tracker_session"

// sessions knows who is signed in. Sessions live as long as the process.
type sessions struct {
	now   func() time.Time
	mu    sync.Mutex
	users []User
	byID  map[string]signedIn
}

type signedIn struct {
	user string // id
	at   time.Time
}

func newSessions(users []User, now func() time.Time) *sessions {
	return &sessions{now: now, users: slices.Clone(users), byID: map[string]signedIn{}}
}

func (s *sessions) user(id string) (User, bool) {
	for _, u := range s.all() {
		if u.ID == id {
			return u, true
		}
	}
	return User{}, false
}

func (s *sessions) all() []User {
	s.mu.Lock()
	defer s.mu.Unlock()
	return slices.Clone(s.users)
}

// SetAdmin makes a user an admin, or no admin any more. It counts at once, in sessions that
// are open too.
func (t *Tracker) SetAdmin(user string, admin bool) {
	t.sessions.mu.Lock()
	defer t.sessions.mu.Unlock()
	for i := range t.sessions.users {
		if t.sessions.users[i].ID == user {
			t.sessions.users[i].Admin = admin
		}
	}
}

// check compares a password in constant time.
func (s *sessions) check(login, password string) (User, bool) {
	for _, u := range s.all() {
		if u.Login != login && u.Email != login {
			continue
		}
		want, got := sha256.Sum256([]byte(u.Password)), sha256.Sum256([]byte(password))
		return u, u.Password != "" && subtle.ConstantTimeCompare(want[:], got[:]) == 1
	}
	return User{}, false
}

func (s *sessions) start(w http.ResponseWriter, u User) {
	var raw [32]byte
	_, _ = rand.Read(raw[:])
	session := base64.RawURLEncoding.EncodeToString(raw[:])
	s.mu.Lock()
	s.byID[session] = signedIn{u.ID, s.now()}
	s.mu.Unlock()
	http.SetCookie(w, &http.Cookie{Name: cookieName, Value: session, Path: "/", HttpOnly: true, SameSite: http.SameSiteLaxMode})
}

func (s *sessions) end(w http.ResponseWriter, r *http.Request) {
	if c, err := r.Cookie(cookieName); err == nil {
		s.mu.Lock()
		delete(s.byID, c.Value)
		s.mu.Unlock()
	}
	http.SetCookie(w, &http.Cookie{Name: cookieName, Path: "/", MaxAge: -1})
}

// who finds the user of a request: a session, or Basic credentials for programs.
func (s *sessions) who(r *http.Request) (User, bool) {
	if login, password, ok := r.BasicAuth(); ok {
		return s.check(login, password)
	}
	c, err := r.Cookie(cookieName)
	if err != nil {
		return User{}, false
	}
	s.mu.Lock()
	in, ok := s.byID[c.Value]
	s.mu.Unlock()
	if !ok {
		return User{}, false
	}
	return s.user(in.user)
}

// since is when the user of a request signed in.
func (s *sessions) since(r *http.Request) (time.Time, bool) {
	c, err := r.Cookie(cookieName)
	if err != nil {
		return time.Time{}, false
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	in, ok := s.byID[c.Value]
	return in.at, ok
}
