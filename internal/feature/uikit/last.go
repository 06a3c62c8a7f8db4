package uikit

import (
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// A view may be over before its page asked for its stream. Why is kept for a moment, so that
// the page can say it and does not take it for one whose time was over, which it opens anew.
const (
	lastWordsFor = time.Minute
	maxLastWords = 1000
)

// lastWords is why a session ended, for the person whose it was.
type lastWords struct {
	who  Person
	why  *fault.Error
	said time.Time
}

// remember keeps why a session ended.
func (s *Service) remember(l *live, why *fault.Error) {
	now := s.Now()
	said := publicly(why)
	kind := why.Kind
	if kind == fault.Internal {
		kind = fault.Unavailable // said in general words, and no incident of its own
	}
	message, _ := said["message"].(string)
	e := fault.New(kind, why.Code, "%s", message).With("gone", true)
	if fix, _ := said["fix"].(string); fix != "" {
		e = e.WithFix("%s", fix)
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	for name, w := range s.last {
		if now.Sub(w.said) > lastWordsFor || len(s.last) >= maxLastWords {
			delete(s.last, name)
		}
	}
	s.last[l.id] = lastWords{l.who, e, now}
}

// why is what was kept of a session that ended, for whoever it was of.
func (s *Service) why(who Person, name string) error {
	s.mu.Lock()
	w, ok := s.last[name]
	s.mu.Unlock()
	if !ok || !w.who.same(who) || s.Now().Sub(w.said) > lastWordsFor {
		return nil
	}
	return w.why
}
