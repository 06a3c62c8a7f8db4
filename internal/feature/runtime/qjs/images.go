package qjs

import (
	"encoding/json"
	"errors"

	"github.com/annexhq/annex/internal/infra/hostcall"
)

// given is an image that the worker was given, or is being given until sent is closed.
type given struct {
	id   uint32
	sent chan struct{}
	err  error
}

// give makes sure that the worker has the version's image, and gives its number. It waits
// for room to send no longer than until done is closed.
func (w *worker) give(done <-chan struct{}, v *version) (uint32, error) {
	w.mu.Lock()
	if w.dead {
		w.mu.Unlock()
		return 0, lost()
	}
	if g, ok := w.images[v]; ok {
		w.mu.Unlock()
		select {
		case <-g.sent:
			return g.id, g.err
		case <-done:
			return 0, hostcall.ErrUnsent
		}
	}
	w.nextID++
	g := &given{id: w.nextID, sent: make(chan struct{})}
	w.images[v] = g
	w.mu.Unlock()
	defer close(g.sent)
	head, err := json.Marshal(hostcall.ImageHead{Image: g.id, Source: v.image == nil})
	if err == nil {
		err = w.send(done, hostcall.Message{Type: hostcall.Image, Head: head, Body: v.files, File: v.file()})
	}
	if err != nil {
		if !errors.Is(err, hostcall.ErrUnsent) {
			err = lost()
		}
		g.err = err
		w.mu.Lock()
		delete(w.images, v)
		w.mu.Unlock()
	}
	return g.id, g.err
}

// forget takes an image back.
func (w *worker) forget(v *version) {
	w.mu.Lock()
	g, ok := w.images[v]
	if ok {
		delete(w.images, v)
	}
	dead := w.dead
	w.mu.Unlock()
	if !ok || dead {
		return
	}
	select {
	case <-g.sent:
	default:
		return // nobody has a call of it: who gives it has gone away
	}
	head, err := json.Marshal(hostcall.ImageHead{Image: g.id, Drop: true})
	if err == nil {
		_ = w.post(hostcall.Message{Type: hostcall.Image, Head: head})
	}
}
