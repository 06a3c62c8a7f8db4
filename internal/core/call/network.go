package call

import (
	"net/netip"
	"time"

	"github.com/annexhq/annex/internal/core/perm"
)

// Network is a grant of a private network to one remote of one installation: the deny
// list of addresses is lifted for this host and port, inside CIDR, and for nothing else.
type Network struct {
	Remote string
	Host   string
	Port   uint16
	CIDR   netip.Prefix
	// CA is PEM of the authorities that sign the host's certificate, beside the system's.
	CA string
	// Expires ends it; the zero time does not.
	Expires time.Time
}

// NetworkFor is the grant behind an address of a remote, nil where there is none now.
func (p *Policy) NetworkFor(remote, host string, port uint16, now time.Time) *Network {
	for i := range p.Networks {
		n := &p.Networks[i]
		if n.Remote == remote && n.Host == host && n.Port == port && (n.Expires.IsZero() || now.Before(n.Expires)) {
			return n
		}
	}
	return nil
}

// Declares is Whole, the empty set where there is none.
func (p *Policy) Declares() perm.Set {
	if p.Whole == nil {
		return perm.Set{}
	}
	return p.Whole()
}
