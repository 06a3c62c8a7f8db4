package jail

import (
	"bytes"
	"log/slog"
)

const (
	relayLine = 1 << 10
	relayAll  = 64 << 10
)

// relay brings a worker's standard error into the server's log, line by line and not
// without end: a worker that was taken over could write for ever.
type relay struct {
	log  *slog.Logger
	rest []byte
	said int
}

// Write implements io.Writer. One goroutine calls it.
func (r *relay) Write(b []byte) (int, error) {
	n := len(b)
	for len(b) > 0 && r.said < relayAll {
		line, after, whole := bytes.Cut(b, []byte("\n"))
		r.rest = append(r.rest, line[:min(len(line), relayLine-len(r.rest))]...)
		if b = after; !whole {
			break
		}
		if len(r.rest) > 0 {
			r.log.Warn("a worker says", "text", string(r.rest))
		}
		if r.said += len(r.rest) + 1; r.said >= relayAll {
			r.log.Warn("a worker has said so much that the rest is left out", "limit", relayAll)
		}
		r.rest = r.rest[:0]
	}
	return n, nil
}
