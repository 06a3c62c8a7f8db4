package rawfile

import "time"

// Clock gives a Writer another clock.
func (w *Writer) Clock(now func() time.Time) { w.now = now }

// Believed says whether the next write is made without the scheduler.
func (w *Writer) Believed() bool {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.way != usual && !w.now().Before(w.until)
}
