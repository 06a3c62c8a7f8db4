package jsvm

import (
	"errors"
	"fmt"

	"github.com/tetratelabs/wazero/api"
)

// The engine's functions that we call. Values (JSValue) travel as 64-bit numbers.
const (
	fnMalloc = iota
	fnFree
	fnNewString
	fnToCString
	fnFreeCString
	fnParseJSON
	fnCall
	fnJob
	fnEval
	fnFreeValue
	fnFreeBox
	fnGetException
	fnGetPropertyStr
	fnSetPropertyStr
	fnGlobal
	fnNewObjectClass
	fnDefine
	fnThrow
	fnTypedArrayType
	fnGetUint8Array
	fnNewUint8Array
	fnToFloat64
	fnRunGC
	fnSetGCThreshold
	fnSetMemoryLimit
	fnJSMalloc
	fnJSFree
	fnPromiseState
	fnPromiseResult
	fnJobPending
	fnAllocString
	fnThrowMemory
	numFns
)

var fnNames = [numFns]string{
	fnMalloc: "malloc", fnFree: "free", fnNewString: "JS_NewStringLen", fnToCString: "JS_ToCStringLen2",
	fnFreeCString: "JS_FreeCString", fnParseJSON: "JS_ParseJSON", fnCall: "JS_Call", fnJob: "JS_ExecutePendingJob",
	fnEval: "JS_Eval", fnFreeValue: "JS_FreeValue", fnFreeBox: "qjs_free_value", fnGetException: "JS_GetException",
	fnGetPropertyStr: "JS_GetPropertyStr", fnSetPropertyStr: "JS_SetPropertyStr", fnGlobal: "JS_GetGlobalObject",
	fnNewObjectClass: "JS_NewObjectClass", fnDefine: "JS_DefinePropertyValueStr",
	fnThrow: "JS_Throw", fnTypedArrayType: "JS_GetTypedArrayType", fnGetUint8Array: "JS_GetUint8Array",
	fnNewUint8Array: "JS_NewUint8ArrayCopy", fnToFloat64: "JS_ToFloat64", fnRunGC: "JS_RunGC",
	fnSetGCThreshold: "JS_SetGCThreshold", fnSetMemoryLimit: "JS_SetMemoryLimit", fnJSMalloc: "js_malloc_rt", fnJSFree: "js_free_rt",
	fnPromiseState: "JS_PromiseState", fnPromiseResult: "JS_PromiseResult", fnJobPending: "JS_IsJobPending",
	fnAllocString: allocString, fnThrowMemory: "JS_ThrowOutOfMemory",
}

// lane is one native stack: the call engines of one step in progress. There is one, and
// one more for each step that was interrupted to let another run.
type lane struct {
	fns    [numFns]api.Function
	stacks [numFns][6]uint64
	busy   [numFns]bool
}

func (e *Engine) newLane() (*lane, error) {
	l := &lane{}
	for i, name := range fnNames {
		if l.fns[i] = e.mod.ExportedFunction(name); l.fns[i] == nil {
			return nil, fmt.Errorf("jsvm: the engine exports no %s", name)
		}
	}
	return l, nil
}

var errReentered = errors.New("entered again while it runs")

// call runs one of the engine's functions on the machine's present memory. A function
// has one native stack in a lane: entered while it runs there, it would overwrite its own
// frames, so that ends the call instead.
func (e *Engine) call(fn int, args ...uint64) (uint64, error) {
	l := e.lane
	if l.busy[fn] {
		return 0, &trapError{fnNames[fn], errReentered}
	}
	l.busy[fn] = true
	st := &l.stacks[fn]
	copy(st[:], args)
	err := l.fns[fn].CallWithStack(e.ctx, st[:])
	l.busy[fn] = false
	if err != nil {
		return 0, &trapError{fnNames[fn], err}
	}
	return st[0], nil
}

// trapError is a WebAssembly trap: the instance cannot be used any more.
type trapError struct {
	fn  string
	err error
}

func (t *trapError) Error() string { return "jsvm: " + t.fn + ": " + t.err.Error() }
func (t *trapError) Unwrap() error { return t.err }
