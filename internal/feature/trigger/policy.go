package trigger

import (
	"context"
	"sync"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/csp"
	"github.com/annexhq/annex/internal/core/id"
)

// closed is the policy of an answer that is nobody's: nothing may be loaded, the page is an
// opaque origin without cookies or storage, cannot be framed, and can register no service worker.
const closed = "default-src 'none'; base-uri 'none'; form-action 'none'; sandbox allow-scripts allow-forms; frame-ancestors 'none'"

var (
	closedHeader  = []string{closed}
	nosniffHeader = []string{"nosniff"}
)

// pages are the policies of installations' answers, each kept for as long as the grant is the
// same value: a grant never changes, a changed one is another value.
type pages struct{ kept sync.Map } // id.Install → pagePolicy

type pagePolicy struct {
	of     *call.Policy
	header []string
}

// header is the installation's policy as a header's values. One that is too long for a header
// was refused when it was granted; should there be one, it lets nothing in.
func (x *pages) header(install id.Install, p *call.Policy) []string {
	if k, ok := x.kept.Load(install); ok && k.(pagePolicy).of == p {
		return k.(pagePolicy).header
	}
	out := closedHeader
	if text, err := csp.Answer(p.Set); err == nil {
		out = []string{text}
	}
	x.kept.Store(install, pagePolicy{of: p, header: out})
	return out
}

// pageNow is the policy of an answer that leaves now: what was taken away while the function
// ran is not in it.
func (s *Service) pageNow(ctx context.Context, install id.Install) []string {
	p, err := s.cfg.Policies.Policy(context.WithoutCancel(ctx), install)
	if err != nil {
		return closedHeader
	}
	return s.pages.header(install, p)
}
