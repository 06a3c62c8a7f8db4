package applog

import (
	"regexp"
	"slices"

	"github.com/annexhq/annex/internal/core/fault"
)

// failure is what may be known of a failed call in every environment: no text that the
// app chose is among it, since in production it would carry users' data out.
type failure struct {
	outcome  string // "ok", or the error's code
	class    string // of the error in the app, for instance "TypeError"
	location string // file:line in the app's source
}

// classes are the error classes that are told apart; every other one is an "Error",
// for an app names its own classes, and could name them after what it read.
var classes = []string{
	"AggregateError", "Error", "EvalError", "RangeError", "ReferenceError", "SyntaxError", "TypeError", "URIError",
	"InternalError", "AbortError", "TimeoutError", "DataCloneError", "NotOfferedError", "InvalidWebTriggerResponse",
	"REQUEST_EGRESS_ALLOWLIST_ERR", "NEEDS_AUTHENTICATION_ERR", "ADMIN_REQUIRED",
}

// location is a path in the source and a line, with or without column: no blanks, no
// quotes, not long. The runtime takes it from the bundle's source map.
var location = regexp.MustCompile(`^[\w./@+-]{1,200}:\d{1,7}(:\d{1,5})?$`)

// code is what a code of the platform looks like.
var code = regexp.MustCompile(`^[A-Z][A-Z0-9_]{1,63}$`)

func failureOf(err error) failure {
	if err == nil {
		return failure{outcome: "ok"}
	}
	f := failure{outcome: fault.CodeOf(err)}
	if !code.MatchString(f.outcome) {
		f.outcome = "FUNCTION_ERR"
	}
	e, ok := fault.As(err)
	if !ok {
		return f
	}
	if name, ok := e.Fields["name"].(string); ok {
		f.class = "Error"
		if slices.Contains(classes, name) {
			f.class = name
		}
	}
	if at, ok := e.Fields["location"].(string); ok && location.MatchString(at) {
		f.location = at
	}
	return f
}
