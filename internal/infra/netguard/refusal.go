package netguard

import (
	"errors"
	"fmt"
	"net/netip"
)

// Refusal is the error of a connection that the guard did not make. It is for the
// log: the address in it must not reach an app.
type Refusal struct {
	Class   Class
	Host    string
	Addr    netip.Addr // the answer that decided; invalid when the name itself did
	Verdict Verdict
}

// Error gives the log's view.
func (r *Refusal) Error() string {
	if r.Addr.IsValid() {
		return fmt.Sprintf("netguard: %s: %s at %q: %s", r.Class, r.Addr, r.Host, r.Verdict)
	}
	return fmt.Sprintf("netguard: %s: %q: %s", r.Class, r.Host, r.Verdict)
}

// AsRefusal finds the Refusal in err's chain.
func AsRefusal(err error) (*Refusal, bool) {
	var r *Refusal
	ok := errors.As(err, &r)
	return r, ok
}
