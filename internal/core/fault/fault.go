// Package fault is the platform's one error vocabulary: a closed set of kinds,
// each mapped once to an HTTP status and to an exit code of the CLI, and an Error
// that keeps what the outside may read (Code, Public, Fix) apart from what only
// the log may hold (Op, Err).
package fault

import (
	"errors"
	"fmt"
)

// Kind classifies an error by what its reader can do about it. The set is closed.
type Kind uint8

const (
	Internal        Kind = iota // the platform's own failure; the reader sees only an incident id
	Usage                       // the command or request is malformed
	Invalid                     // the input is well-formed but wrong: manifest, bundle, payload
	Unauthenticated             // no valid token
	Denied                      // a rule refuses it
	NotFound                    // no such thing, or none that this principal may know of
	Conflict                    // the state changed, or the thing exists already
	Waiting                     // filed; a site admin has to decide
	Limit                       // a documented figure was exceeded
	Unavailable                 // cannot be served now; trying again is right
	App                         // the app's own code failed
)

var kinds = [...]struct {
	name   string
	status int
	exit   int
}{
	Internal:        {"internal", 500, 1},
	Usage:           {"usage", 400, 2},
	Invalid:         {"invalid", 422, 3},
	Unauthenticated: {"unauthenticated", 401, 4},
	Denied:          {"denied", 403, 4},
	NotFound:        {"not-found", 404, 3},
	Conflict:        {"conflict", 409, 8},
	Waiting:         {"waiting", 202, 5},
	Limit:           {"limit", 429, 7},
	Unavailable:     {"unavailable", 503, 6},
	App:             {"app", 502, 1},
}

// String is the kind's wire name.
func (k Kind) String() string { return kinds[k].name }

// Status is the HTTP status of the kind.
func (k Kind) Status() int { return kinds[k].status }

// ExitCode is the CLI's exit code of the kind (docs/cli.md has the table).
func (k Kind) ExitCode() int { return kinds[k].exit }

// ParseKind is the inverse of String; an unknown name is Internal.
func ParseKind(name string) Kind {
	for i, k := range kinds {
		if k.name == name {
			return Kind(i)
		}
	}
	return Internal
}

// Error is an error with an address: what failed, for whom it is worded, what mends it.
type Error struct {
	Kind Kind
	// Code is stable and upper-case, for instance "REQUEST_EGRESS_ALLOWLIST_ERR".
	Code string
	// Public is the sentence that anybody may read. Never a secret, never another tenant's name.
	Public string
	// Fix says what would mend or allow it. Public too.
	Fix string
	// ReasonID is the same in the app's error, the admin's page and the log.
	ReasonID string
	// Fields are further public facts: limit and figure, origin, type, allowedBy.
	Fields map[string]any
	// Op is the operation that failed, "package.Function"; for the log.
	Op string
	// Err is the cause; for the log.
	Err error
}

// Error gives the log's view: operation, code, sentence and cause.
func (e *Error) Error() string {
	s := e.Public
	if s == "" {
		s = e.Kind.String()
	}
	if e.Op != "" {
		s = e.Op + ": " + s
	}
	if e.Err != nil {
		s += ": " + e.Err.Error()
	}
	return s
}

// Unwrap gives the cause.
func (e *Error) Unwrap() error { return e.Err }

// New makes an error with a code and a public sentence.
func New(kind Kind, code, format string, args ...any) *Error {
	return &Error{Kind: kind, Code: code, Public: fmt.Sprintf(format, args...)}
}

// WithFix returns the error with the sentence that says how to mend it.
func (e *Error) WithFix(format string, args ...any) *Error {
	c := *e
	c.Fix = fmt.Sprintf(format, args...)
	return &c
}

// With returns the error with one more public fact.
func (e *Error) With(key string, value any) *Error {
	c := *e
	c.Fields = make(map[string]any, len(e.Fields)+1)
	for k, v := range e.Fields {
		c.Fields[k] = v
	}
	c.Fields[key] = value
	return &c
}

// Because returns the error with its cause, which only the log sees.
func (e *Error) Because(err error) *Error {
	c := *e
	c.Err = err
	return &c
}

// RetryAfter is in how many seconds whoever met a limit may come again; 0 where nothing is said.
func (e *Error) RetryAfter() int {
	if n, ok := e.Fields["retryAfter"].(int); ok && e.Kind == Limit && n > 0 {
		return n
	}
	return 0
}

// Op wraps err with an operation for the log; nil stays nil. Kind, code and public
// text of err remain visible to As and KindOf.
func Op(op string, err error) error {
	if err == nil {
		return nil
	}
	return fmt.Errorf("%s: %w", op, err)
}

// As finds the Error in err's chain.
func As(err error) (*Error, bool) {
	var e *Error
	ok := errors.As(err, &e)
	return e, ok
}

// KindOf is the kind of the first Error in err's chain, Internal if there is none.
func KindOf(err error) Kind {
	if e, ok := As(err); ok {
		return e.Kind
	}
	return Internal
}

// CodeOf is the code of the first Error in err's chain, "INTERNAL" if there is none.
func CodeOf(err error) string {
	if e, ok := As(err); ok && e.Code != "" {
		return e.Code
	}
	return "INTERNAL"
}
