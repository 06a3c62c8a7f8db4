package qjs

import (
	"bytes"
	"encoding/json"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/infra/hostcall"
)

const (
	maxRequest  = 5 << 20
	maxResponse = 5 << 20
	// maxOutbound is how many outbound requests a call may make in each started minute.
	maxOutbound = 100
	// maxHostCalls bounds all host calls of a call, in each started minute.
	maxHostCalls = 1000
	// maxConcurrent is how many host calls of one call are answered at once.
	maxConcurrent = 32
	// maxHostBody is what a host call may bring; of fetch the broker takes less.
	maxHostBody = 25 << 20
	// maxLogLines and maxLogBytes are the worker's to enforce; a worker that does not is cut off here.
	maxLogLines = 100
	maxLogBytes = 256 << 10
	// maxParked is what a session may hold between two events, maxEmits how often it may tell
	// something in one, and parkingTime what a worker has for parking one that is at its limit.
	maxParked   = 8 << 20
	maxEmits    = 2000
	parkingTime = 250 * time.Millisecond
	// maxPerWorker is how many calls one worker holds, most of them waiting for answers.
	maxPerWorker = 4096
)

func defaultWall(k call.Kind) time.Duration {
	switch k {
	case call.WebTrigger, call.Action:
		return 55 * time.Second
	case call.Schedule, call.Queue:
		return 900 * time.Second
	default:
		return 25 * time.Second
	}
}

func defaultCPU(k call.Kind) time.Duration {
	switch k {
	case call.Schedule, call.Queue:
		return 60 * time.Second
	default:
		return 10 * time.Second
	}
}

// readOnly are the host calls without effect: a call that made no others may run again.
var readOnly = map[string]bool{
	"kvs.get": true, "kvs.query": true, "kvs.secret.get": true, "kvs.batch.get": true, "kvs.entity.get": true, "kvs.entity.query": true, "webtrigger.list": true, "queue.stats": true, "product.body": true, "fetch.body": true,
}

// readsOnly reports whether a host call has no effect. A request to a product has none when
// its method promises so (RFC 9110, 9.2.1); one that cannot be read is taken for the worst.
func readsOnly(h hostcall.CallHead) bool {
	if h.Method != "product.request" {
		return readOnly[h.Method]
	}
	if bytes.HasSuffix(h.Head, getsPlainly) { // the head is JSON, so this is the last that it says
		return true
	}
	var asked struct {
		Method string `json:"method"`
	}
	return json.Unmarshal(h.Head, &asked) == nil && (asked.Method == "GET" || asked.Method == "HEAD")
}

var getsPlainly = []byte(`,"method":"GET","headers":[]}`)

// outbound are the host calls that leave the platform.
var outbound = map[string]bool{"fetch": true}
