package server

import (
	"errors"
	"net/http"
	"sync/atomic"
	"time"
)

const (
	// answerChunk is what a client has to take of an answer in each chunkTime, or in
	// pressedTime when answers that wait for their clients are many.
	answerChunk = 64 << 10
	chunkTime   = 10 * time.Second
	pressedTime = time.Second
	// maxWaiting is what the answers that are being written may be together. From half of
	// it on clients are pressed; beyond it further large answers are given up.
	maxWaiting = 256 << 20
)

// answers lets no client hold an answer's memory by not reading it.
type answers struct {
	waiting                atomic.Int64
	max                    int64
	chunkTime, pressedTime time.Duration
	deadline               func(w http.ResponseWriter, at time.Time) error
}

func newAnswers() *answers {
	return &answers{
		max: maxWaiting, chunkTime: chunkTime, pressedTime: pressedTime,
		deadline: func(w http.ResponseWriter, at time.Time) error {
			return http.NewResponseController(w).SetWriteDeadline(at)
		},
	}
}

// of is next with deadlines on what it writes.
func (a *answers) of(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		// A deadline stays with the connection, which had other requests.
		_ = a.deadline(w, time.Time{})
		next.ServeHTTP(&answer{ResponseWriter: w, all: a}, r)
		_ = a.deadline(w, time.Now().Add(a.chunkTime)) // what is left in buffers
	})
}

type answer struct {
	http.ResponseWriter
	all *answers
	err error
}

// Unwrap is for http.ResponseController.
func (w *answer) Unwrap() http.ResponseWriter { return w.ResponseWriter }

var errTooManyAnswers = errors.New("server: too many answers wait for their clients")

// Write implements http.ResponseWriter.
func (w *answer) Write(b []byte) (int, error) {
	if w.err != nil {
		return 0, w.err
	}
	if len(b) > answerChunk {
		defer w.all.waiting.Add(-int64(len(b)))
		if w.all.waiting.Add(int64(len(b))) > w.all.max {
			// The client must not take what it got for the whole.
			w.err = errTooManyAnswers
			_ = w.all.deadline(w.ResponseWriter, time.Now())
			return 0, w.err
		}
	}
	done := 0
	for {
		patience := w.all.chunkTime
		if w.all.waiting.Load() > w.all.max/2 {
			patience = w.all.pressedTime
		}
		_ = w.all.deadline(w.ResponseWriter, time.Now().Add(patience))
		var n int
		n, w.err = w.ResponseWriter.Write(b[done:min(done+answerChunk, len(b))])
		if done += n; w.err != nil || done >= len(b) {
			return done, w.err
		}
	}
}
