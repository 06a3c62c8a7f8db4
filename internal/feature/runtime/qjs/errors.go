package qjs

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/sourcemap"
)

// The codes of a call's errors. Each LIMIT_ error names the limit and the figure.
//
//	LIMIT_CPU LIMIT_WALL LIMIT_MEMORY LIMIT_REQUEST LIMIT_RESPONSE LIMIT_HOSTCALLS
//	FUNCTION_ERR        the app's code threw: fields name, message, stack (in app source lines)
//	HANDLER_NOT_FOUND   the bundle exports no such function
//	NEVER_SETTLED       the function's promise can never settle
//	WORKER_LOST         the worker went away; try again, under the same id
//	MODULE_SCOPE_CALL   module scope asked for authority
//	MODULE_SCOPE_RANDOM module scope asked for cryptographic randomness
//
// What a web trigger's function returned wrongly is INVALID_WEB_TRIGGER_RESPONSE.

// errLost is the cause of every WORKER_LOST.
var errLost = errors.New("qjs: worker lost")

func lost() *fault.Error { return lostBy(errLost) }

func lostBy(why error) *fault.Error {
	return fault.New(fault.Unavailable, "WORKER_LOST", "the process that ran this call went away").
		With("retryable", true).WithFix("try again with the same invocation id").Because(why)
}

// errMoved is the cause of a WORKER_LOST whose worker is silent and may yet live.
var errMoved = fmt.Errorf("%w: it is silent", errLost)

func isLost(err error) bool { return errors.Is(err, errLost) }

// appError is an error that app code threw, before its stack is translated.
type appError struct {
	Name    string          `json:"name"`
	Message string          `json:"message"`
	Stack   string          `json:"stack"`
	Code    json.RawMessage `json:"code"`
	Cause   json.RawMessage `json:"cause"`
	// What a refusal of the platform says, when the app does not catch it.
	ReasonID  string `json:"reasonId"`
	AllowedBy string `json:"allowedBy"`
	Fix       string `json:"fix"`
	// Which account a user has to connect, with which scopes.
	ServiceKey string          `json:"serviceKey"`
	Options    json.RawMessage `json:"options"`
}

// Error implements error; only explain's result leaves the package.
func (a *appError) Error() string { return a.Name + ": " + a.Message }

func parseAppError(b []byte) error {
	var a appError
	if err := json.Unmarshal(b, &a); err != nil {
		return fault.New(fault.App, "FUNCTION_ERR", "the function failed with an error that cannot be read").Because(err)
	}
	return &a
}

// explain makes the error of a call what its readers need: an app's stack in the lines of
// its source. The source map is loaded for an error only.
func (r *Runtime) explain(ctx context.Context, art call.Artifact, err error) error {
	var a *appError
	if !errors.As(err, &a) {
		return err
	}
	return a.fault(r.mapOf(ctx, art))
}

// mapOf is the version's source map, nil when there is none.
func (r *Runtime) mapOf(ctx context.Context, art call.Artifact) *sourcemap.Map {
	return r.maps.get(ctx, art.Key, func(ctx context.Context) ([]byte, error) {
		src, err := art.Load(ctx)
		return src.SourceMap, err
	})
}

func (r *Runtime) explainWith(sourceMap []byte, err error) error {
	var a *appError
	if !errors.As(err, &a) {
		return err
	}
	return a.fault(parseMap(sourceMap))
}

func (a *appError) fault(maps *sourcemap.Map) *fault.Error {
	if len(a.Stack) > maxStack {
		a.Stack = strings.ToValidUTF8(a.Stack[:maxStack], "")
	}
	stack := translate(a.Stack, maps)
	switch string(a.Code) {
	case `"HANDLER_NOT_FOUND"`:
		return fault.New(fault.NotFound, "HANDLER_NOT_FOUND", "%s", a.Message).
			WithFix("export the function from that file, or correct the manifest's handler")
	case `"MODULE_SCOPE_CALL"`:
		return placed(fault.New(fault.Invalid, "MODULE_SCOPE_CALL", "%s", a.Message).With("stack", stack).
			WithFix("move the call into a function, and keep its promise there"), a.Stack, maps)
	case `"MODULE_SCOPE_RANDOM"`:
		return placed(fault.New(fault.Invalid, "MODULE_SCOPE_RANDOM", "%s", a.Message).With("stack", stack).
			WithFix("draw it inside a function, when it is first needed; or say app.runtime.snapshots: false, and module scope runs at each call"), a.Stack, maps)
	case `"INVALID_WEB_TRIGGER_RESPONSE"`:
		return fault.New(fault.App, "INVALID_WEB_TRIGGER_RESPONSE", "%s", a.Message).With("name", a.Name)
	}
	f := placed(fault.New(fault.App, "FUNCTION_ERR", "%s: %s", a.Name, a.Message).
		With("name", a.Name).With("message", a.Message).With("stack", stack), a.Stack, maps)
	if len(a.Cause) > 0 && len(a.Cause) <= maxStack && string(a.Cause) != "null" {
		f = f.With("cause", json.RawMessage(inSource(a.Cause, maps)))
	}
	if len(a.Code) > 0 && string(a.Code) != "null" {
		f = f.With("appCode", a.Code)
	}
	if len(a.Options) > 0 && len(a.Options) <= maxRefusalText && a.ServiceKey != "" {
		f = f.With("options", a.Options)
	}
	for name, text := range map[string]string{"reasonId": a.ReasonID, "allowedBy": a.AllowedBy, "fix": a.Fix, "serviceKey": a.ServiceKey} {
		if text != "" && len(text) <= maxRefusalText {
			f = f.With(name, text)
		}
	}
	return f
}

// maxRefusalText bounds what is kept of a refusal: the app can write anything there.
const maxRefusalText = 1 << 10

// placed adds where in the app's source it was.
func placed(f *fault.Error, stack string, maps *sourcemap.Map) *fault.Error {
	if at := place(stack, maps); at != "" {
		return f.With("location", at)
	}
	return f
}

// place is the first line of the app's source in a stack, "" without a source map. It is
// a place that the source map has, whatever text the app put into its stack.
func place(stack string, maps *sourcemap.Map) string {
	if maps == nil {
		return ""
	}
	for _, at := range frame.FindAllString(stack, -1) {
		if p, ok := lookup(at, maps); ok {
			return p.Source + ":" + strconv.Itoa(p.Line)
		}
	}
	return ""
}

// maxStack bounds the stack that is read, and maxFrames how many of its lines become
// places of the source: an app can write any text there.
const (
	maxStack  = 32 << 10
	maxFrames = 200
)

// frame is a position in the bundle, as the engine's stacks write it.
var frame = regexp.MustCompile(`app\.js:(\d+):(\d+)`)

// translate gives a stack in the lines of the app's source, without the platform's frames.
func translate(stack string, maps *sourcemap.Map) string {
	var out []string
	for line := range strings.SplitSeq(strings.TrimRight(stack, "\n"), "\n") {
		if strings.Contains(line, "annex:sdk.js") || strings.HasSuffix(line, "(native)") {
			continue
		}
		if len(out) == maxFrames {
			break
		}
		if at := frame.FindStringIndex(line); at != nil {
			if p, ok := lookup(line[at[0]:at[1]], maps); ok {
				line = line[:at[0]] + p.Source + ":" + strconv.Itoa(p.Line) + ":" + strconv.Itoa(p.Column+1) + line[at[1]:]
			}
		}
		out = append(out, line)
	}
	return strings.Join(out, "\n")
}

// lookup is the source's place of one frame's position.
func lookup(at string, maps *sourcemap.Map) (sourcemap.Place, bool) {
	m := frame.FindStringSubmatch(at)
	row, err := strconv.Atoi(m[1])
	col, cerr := strconv.Atoi(m[2])
	if err != nil || cerr != nil {
		return sourcemap.Place{}, false
	}
	return maps.Lookup(row, max(col-1, 0))
}
