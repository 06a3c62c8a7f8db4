package unattended

import (
	"encoding/json"
	"math/rand/v2"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/jobs"
)

const (
	// maxAfter is the longest time that an app may ask to wait for the next try.
	maxAfter = 900 * time.Second
	// maxRetryData is how many bytes of its own an app may keep for the next try.
	maxRetryData = 4 << 10
	// eventTries is how often an event of a product is tried.
	eventTries = 5
)

// again is what a function returns when it asks to be called again.
type again struct {
	Retry   bool `json:"_retry"`
	Options struct {
		After  float64         `json:"retryAfter"`
		Reason string          `json:"retryReason"`
		Data   json.RawMessage `json:"retryData"`
	} `json:"retryOptions"`
}

// asked reads a function's answer: whether it asks to be called again.
func asked(body []byte) (a again, ok bool) {
	if len(body) == 0 || body[0] != '{' || json.Unmarshal(body, &a) != nil || !a.Retry {
		return again{}, false
	}
	return a, true
}

// retry is what a function learns of the runs before.
type retry struct {
	Count  int             `json:"retryCount"`
	Reason string          `json:"retryReason"`
	Data   json.RawMessage `json:"retryData,omitempty"`
}

// reasons are how apps know the platform's own failures.
var reasons = map[string]string{
	"LIMIT_WALL": "FUNCTION_TIME_OUT", "LIMIT_CPU": "FUNCTION_TIME_OUT", "LIMIT_MEMORY": "FUNCTION_OUT_OF_MEMORY",
	"LIMIT_CONCURRENCY": "FUNCTION_PLATFORM_RATE_LIMITED", "LIMIT_INVOCATIONS": "FUNCTION_PLATFORM_RATE_LIMITED",
	// Of endpoints: what the app's back end made of the call.
	"INVALID_REMOTE_INVOCATION_ERROR": "INVALID_REMOTE_INVOCATION_ERROR", "INVALID_FORGE_INVOCATION_TOKEN": "INVALID_FORGE_INVOCATION_TOKEN", "FETCH_TIMEOUT": "TIMEOUT_ERROR",
}

func reasonOf(code string) string {
	if r, ok := reasons[code]; ok {
		return r
	}
	return "FUNCTION_PLATFORM_UNKNOWN_ERROR"
}

// askedAgain is the verdict on an answer that asks to be called again, and what the next
// run learns.
func (s *Service) askedAgain(j jobs.Job, a again) (jobs.Verdict, retry) {
	after := time.Duration(min(a.Options.After, maxAfter.Seconds()) * float64(time.Second))
	if after <= 0 { // it says no time: as after a failure
		after = backoff(j.Attempt)
	}
	reason := a.Options.Reason
	if reason != "FUNCTION_UPSTREAM_RATE_LIMITED" { // developers read it: no text of the app's
		reason = "FUNCTION_RETRY_REQUEST"
	}
	data := a.Options.Data
	if len(data) > maxRetryData {
		data = nil
	}
	return jobs.Verdict{Next: jobs.Again, At: s.Now().Add(after), Class: reason}, retry{Count: j.Attempt, Reason: reason, Data: data}
}

// failedCall is the verdict on a call that failed, and what the next run learns.
func (s *Service) failedCall(j jobs.Job, err error) (jobs.Verdict, retry) {
	code := fault.CodeOf(err)
	if code == "" {
		code = "INTERNAL"
	}
	return jobs.Verdict{Next: jobs.Again, At: s.Now().Add(backoff(j.Attempt)), Class: code}, retry{Count: j.Attempt, Reason: reasonOf(code)}
}

// backoff doubles from a second to fifteen minutes, and never brings many back at once.
func backoff(attempt int) time.Duration {
	d := min(time.Second<<min(attempt-1, 10), 15*time.Minute)
	return d/2 + rand.N(d/2+1)
}
