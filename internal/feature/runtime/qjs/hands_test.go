package qjs

import (
	"sync"
	"testing"
	"testing/synctest"
)

// No task waits for another one, goroutines are kept up to a number, and none outlives its worker.
func TestHands(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		gone, free := make(chan struct{}), make(chan struct{})
		h := newHands(gone)
		var begun, done sync.WaitGroup
		for range 3 * maxHands {
			begun.Add(1)
			done.Add(1)
			h.do(func() {
				begun.Done()
				<-free
				done.Done()
			})
		}
		begun.Wait() // all at once
		close(free)
		done.Wait()
		synctest.Wait()
		if n := h.kept.Load(); n != maxHands {
			t.Errorf("%d are kept", n)
		}
		ran := make(chan struct{})
		h.do(func() { close(ran) })
		<-ran
		synctest.Wait()
		if n := h.kept.Load(); n != maxHands {
			t.Errorf("%d are kept after one of them was used", n)
		}
		close(gone)
		synctest.Wait()
		if n := h.kept.Load(); n != 0 {
			t.Errorf("%d outlive their worker", n)
		}
	})
}
