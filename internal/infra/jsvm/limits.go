package jsvm

import (
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
)

// Limits bound one call. A zero field means the default.
type Limits struct {
	CPU      time.Duration
	Wall     time.Time // the call's deadline; none when zero
	Response int       // bytes
	Started  time.Time
}

const (
	// DefaultCPU is the time that a call may spend inside the engine.
	DefaultCPU = 10 * time.Second
	// MaxResponse bounds what a call returns.
	MaxResponse = 5 << 20
	// MaxBody bounds the body of one host call.
	MaxBody = 10 << 20
	// MaxHead bounds heads; larger data belongs into bodies.
	MaxHead = 60 << 10
	// maxErrorHead bounds an app's serialized error.
	maxErrorHead = 256 << 10
)

// parts is how to live with the limits of time.
const (
	parts     = "do less in one call: handle data in parts, and let the next call go on where this one ended"
	scopeLess = "compute it inside a function, when it is first needed: module scope runs once, when the app is deployed"
)

// who names what a limit of time ended, and how to mend it.
func (in *Instance) who() (name, fix string) {
	if in.building {
		return "module scope", scopeLess
	}
	return "the function", parts
}

func (in *Instance) limitCPU(d time.Duration) *fault.Error {
	name, fix := in.who()
	return fault.New(fault.Limit, "LIMIT_CPU", "%s used more than %s of CPU time", name, d).
		With("limit", "cpu").With("figure", d.String()).WithFix("%s", fix)
}

func (in *Instance) limitWall() *fault.Error {
	name, fix := in.who()
	l := in.limits
	if l.Started.IsZero() {
		return fault.New(fault.Limit, "LIMIT_WALL", "%s did not finish before its deadline", name).With("limit", "wall")
	}
	d := l.Wall.Sub(l.Started).Round(time.Millisecond)
	return fault.New(fault.Limit, "LIMIT_WALL", "%s did not finish within %s", name, d).
		With("limit", "wall").With("figure", d.String()).WithFix("%s", fix)
}

func limitMemory(bytes int) *fault.Error {
	mb := bytes >> 20
	return fault.New(fault.Limit, "LIMIT_MEMORY", "the function used more than %d MB of memory", mb).
		With("limit", "memory").With("figure", mb).
		WithFix("handle large data in parts; the manifest may ask for more memory")
}

func limitResponse(n, max int) *fault.Error {
	return fault.New(fault.Limit, "LIMIT_RESPONSE", "the function returned %d bytes; %d are allowed", n, max).
		With("limit", "response").With("figure", max).WithFix("%s", shorter)
}

// shorter is what helps where an answer is too long.
const shorter = "answer with less: in pages, or with the name of what the caller then asks for"

func neverSettled() *fault.Error {
	return fault.New(fault.App, "NEVER_SETTLED", "the function returned a promise that can never settle: nothing is left that could settle it").
		WithFix("look for a promise whose resolve is never called, or a callback that is never invoked")
}

// outOfMemory recognises the error that the engine throws when it may have no more.
func outOfMemory(errorHead []byte) bool {
	s := string(errorHead)
	return strings.Contains(s, `"name":"InternalError"`) && strings.Contains(s, `"message":"out of memory"`)
}
