package bridge

import (
	"encoding/json"
	"net/http"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

const remoteRequest = "remote.request"

// remote is a front end's own request to a back end of its app: to the endpoint that
// answers for the module, or, without the platform's tokens, to a remote by its key. The
// server makes it; the page learns neither the tokens nor where the remote is.
func (b *Bridge) remote(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		ofModule
		Remote  string      `json:"remote"` // "" for the module's endpoint
		Path    string      `json:"path"`
		Method  string      `json:"method"`
		Headers [][2]string `json:"headers"`
		Body    []byte      `json:"body"` // base64
	}
	x, err := b.stand(w, r, &in)
	if err != nil {
		return nil, err
	}
	if len(in.Headers) > 100 || len(in.Path) > 8<<10 {
		return nil, fault.New(fault.Limit, "LIMIT_REQUEST", "the request has more headers or a longer path than a request may have")
	}
	c, err := x.call("")
	if err != nil {
		return nil, err
	}
	made, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	c.ID = id.Invocation(made.String())
	head, err := json.Marshal(map[string]any{"remote": in.Remote, "resolver": in.Remote == "", "plain": in.Remote != "",
		"path": in.Path, "method": in.Method, "headers": in.Headers})
	if err != nil {
		return nil, err
	}
	reply, err := b.Remotes.Bind(call.Binding{Call: c, Policy: x.policy})(r.Context(), x.policy, call.Request{Method: remoteRequest, Head: head, Body: in.Body})
	if err != nil {
		return nil, b.failed(c, err)
	}
	var out struct {
		Status     int         `json:"status"`
		StatusText string      `json:"statusText"`
		Headers    [][2]string `json:"headers"`
		Body       []byte      `json:"body,omitempty"`
	}
	if err := json.Unmarshal(reply.Head, &out); err != nil {
		return nil, err
	}
	out.Body = reply.Body
	return out, nil
}
