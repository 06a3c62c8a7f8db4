package jobs

// Vanish ends the process' loops as kill -9 does: nothing is given back.
func (q *Queue) Vanish() { q.stop() }
