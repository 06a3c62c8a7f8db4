package cli

import (
	"fmt"
	"sync"

	"github.com/annexhq/annex/internal/edge/cli/client"
)

// sending is the two long steps of a deploy: the upload, and what the server then does
// with it. Their line is between them when the last byte has left.
type sending struct {
	u    *ui
	size int

	mu     sync.Mutex // progress comes from the goroutine that sends
	at     *step
	upload bool // at is the upload
	over   bool
}

func (u *ui) sending(up client.Upload) *sending {
	size := len(up.Manifest) + len(up.Bundle) + len(up.SourceMap)
	for _, data := range up.Files {
		size += len(data)
	}
	return &sending{u: u, size: size, at: u.step("Upload"), upload: true}
}

func (s *sending) progress(done, total int64) {
	s.mu.Lock()
	defer s.mu.Unlock()
	switch {
	case s.over || !s.upload:
	case done < total:
		s.at.progress(fmt.Sprintf("%d %%", done*100/max(total, 1)))
	default:
		s.sent()
	}
}

func (s *sending) sent() {
	s.at.done("%s sent", bytesText(s.size))
	s.at, s.upload = s.u.step("Snapshot"), false
}

// end says how it went; what the sender still tells is left out.
func (s *sending) end(d client.Deployment, err error) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.over = true
	if err != nil {
		s.at.failed()
		return
	}
	if s.upload {
		s.sent()
	}
	switch made := d.Snapshot; {
	case made == nil || !made.Snapshotted && made.Reason == "":
		s.at.done("there is no code to load")
	case !made.Snapshotted:
		s.at.done("none; module scope runs at each call")
	default:
		s.at.done("%s, module scope took %.1f ms", bytesText(made.Bytes), made.ModuleScopeMs)
	}
}
