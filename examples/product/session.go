package tracker

import (
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/base64"
	"net/http"
	"sync"
)

const cookieName = "tracker_session"

// sessions knows who is signed in. Sessions live as long as the process.
type sessions struct {
	users []User
	mu    sync.Mutex
	byID  map[string]string // session → user id
}

func newSessions(users []User) *sessions {
	return &sessions{users: users, byID: map[string]string{}}
}

func (s *sessions) user(id string) (User, bool) {
	for _, u := range s.users {
		if u.ID == id {
			return u, true
		}
	}
	return User{}, false
}

// check compares a password in constant time.
func (s *sessions) check(login, password string) (User, bool) {
	for _, u := range s.users {
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
	s.byID[session] = u.ID
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
	id, ok := s.byID[c.Value]
	s.mu.Unlock()
	if !ok {
		return User{}, false
	}
	return s.user(id)
}
