package productkit

import (
	"errors"
	"fmt"
)

// Reason says why a token is refused. The set is closed; docs/PROTOCOL.md lists it.
type Reason string

// The reasons for which a token is refused.
const (
	Malformed   Reason = "malformed"   // not one compact token in canonical form, or no JSON
	TooLarge    Reason = "too_large"   // longer than any token of its kind
	BadHeader   Reason = "header"      // a header member other than alg, typ and kid
	WrongType   Reason = "type"        // a token of another kind
	WrongAlg    Reason = "algorithm"   // another algorithm than the kind's one
	UnknownKey  Reason = "unknown_key" // no key of the issuer has the kid
	BadSign     Reason = "signature"   // the signature is not the key's
	BadClaim    Reason = "claim"       // a claim is missing or is not what it must be
	WrongIssuer Reason = "issuer"      // made by somebody else
	WrongAud    Reason = "audience"    // made for somebody else
	WrongSite   Reason = "site"        // of another site
	Expired     Reason = "expired"     // too late
	NotYet      Reason = "not_yet"     // too early
	TooLong     Reason = "lifetime"    // counts for longer than its kind may
	NoKeys      Reason = "no_keys"     // the issuer's keys cannot be had at present
	NoScope     Reason = "scope"       // the scope does not allow the operation
)

// Error is the refusal of a token. Its text holds nothing of the token but names of
// claims, so it may be logged and answered.
type Error struct {
	Reason Reason
	Detail string
	err    error
}

// Error says why.
func (e *Error) Error() string {
	s := "productkit: the token is refused (" + string(e.Reason) + ")"
	if e.Detail != "" {
		s += ": " + e.Detail
	}
	return s
}

// Unwrap gives the cause, if there is one.
func (e *Error) Unwrap() error { return e.err }

// ReasonOf is the reason of a refusal, "" for another error.
func ReasonOf(err error) Reason {
	var e *Error
	if errors.As(err, &e) {
		return e.Reason
	}
	return ""
}

func refuse(r Reason, format string, args ...any) *Error {
	return &Error{Reason: r, Detail: fmt.Sprintf(format, args...)}
}
