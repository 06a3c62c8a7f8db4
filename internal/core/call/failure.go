package call

import "github.com/annexhq/annex/internal/core/fault"

// NeedsAuthentication is the code of what waits for its user: for their agreement, or for an
// account that they connect. App code knows it by this name.
const NeedsAuthentication = "NEEDS_AUTHENTICATION_ERR"

// Outward words an app's failure for whom it reaches: of its fields the named ones alone, so
// that no place in its source is told. Where the app's code lacked its user's agreement the
// failure says so, whatever that code made of it. What is no failure of an app is not ok, and
// stays as it is.
func Outward(err error, fields ...string) (out *fault.Error, ok bool) {
	e, ok := fault.As(err)
	if !ok || e.Kind == fault.Internal {
		return nil, false
	}
	told := *e
	told.Fields = map[string]any{}
	for _, k := range fields {
		if v, ok := e.Fields[k]; ok {
			told.Fields[k] = v
		}
	}
	name := e.Fields["name"]
	if e.Code == NeedsAuthentication || e.Fields["code"] == NeedsAuthentication || name == NeedsAuthentication || name == "NeedsAuthenticationError" {
		told.Kind, told.Code = fault.Unauthenticated, NeedsAuthentication
	}
	return &told, true
}
