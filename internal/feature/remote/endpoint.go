package remote

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// unattendedTimeout bounds a call of an endpoint that nobody waits for.
const unattendedTimeout = 5 * time.Second

// Call runs a call whose function is an endpoint: the payload is posted to its route, and
// the answer is the result. Of a web trigger the request goes on and the answer comes back
// as they are. Whoever made the call retries what failed, as with a function.
func (s *Service) Call(ctx context.Context, p *call.Policy, c *call.Call, endpoint string) (call.Result, error) {
	if timeout := c.Deadline.Sub(s.Now()); timeout > 0 && !c.Deadline.IsZero() {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeout(ctx, timeout)
		defer cancel()
	}
	a := Asked{Endpoint: endpoint, Method: http.MethodPost, Body: c.Payload}
	switch c.Kind {
	case call.WebTrigger:
		if err := ofWebRequest(c, &a); err != nil {
			return call.Result{}, fault.Op("remote.Call", err)
		}
	case call.UI:
		a.Context = ContextOf(c, "")
	default:
		a.Timeout = unattendedTimeout
	}
	if len(a.Headers) == 0 {
		a.Headers = [][2]string{{"content-type", "application/json"}, {"accept", "application/json"}}
	}
	reply, err := s.Request(ctx, p, c, a)
	res := call.Result{Stats: call.Stats{HostCalls: 1, Effects: true}}
	if err != nil {
		return res, err
	}
	var head struct {
		Status  int         `json:"status"`
		Headers [][2]string `json:"headers"`
	}
	if err := json.Unmarshal(reply.Head, &head); err != nil {
		return res, fault.Op("remote.Call", err)
	}
	if c.Kind == call.WebTrigger {
		out := call.WebResponse{StatusCode: head.Status, Headers: map[string][]string{}}
		for _, kv := range head.Headers {
			out.Headers[kv[0]] = append(out.Headers[kv[0]], kv[1])
		}
		res.Body = reply.Body
		res.Head, err = json.Marshal(out)
		return res, err
	}
	if head.Status < 200 || head.Status > 299 {
		return res, answered(head.Status)
	}
	if len(reply.Body) > 0 && json.Valid(reply.Body) {
		res.Body = reply.Body
	}
	return res, nil
}

// answered words a remote's refusal. What it says is the app's own business, and is not
// repeated.
func answered(status int) error {
	code := "INVALID_REMOTE_INVOCATION_ERROR"
	if status == http.StatusUnauthorized {
		code = "INVALID_FORGE_INVOCATION_TOKEN"
	}
	kind := fault.Unavailable
	if status >= 400 && status < 500 && status != http.StatusTooManyRequests {
		kind = fault.Invalid
	}
	return fault.New(kind, code, "the remote answered with status %d", status).With("status", status)
}

// ofWebRequest passes a web trigger's request on.
func ofWebRequest(c *call.Call, a *Asked) error {
	var in struct {
		Request call.WebRequest `json:"request"`
	}
	if err := json.Unmarshal(c.Context, &in); err != nil {
		return err
	}
	a.Method = in.Request.Method
	for name, values := range in.Request.Headers {
		switch strings.ToLower(name) {
		case "host", "content-length", "connection", "transfer-encoding", "authorization", "accept-encoding", "user-agent", "expect", "te", "upgrade", "keep-alive":
			continue
		}
		for _, v := range values {
			a.Headers = append(a.Headers, [2]string{name, v})
		}
	}
	return nil
}
