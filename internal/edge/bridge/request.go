package bridge

import (
	"encoding/json"
	"net/http"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/pagejson"
)

const productRequest = "product.request"

// asked is a front end's own request to a product.
type asked struct {
	Module  string      `json:"module"`
	Product string      `json:"product"` // key or alias
	Path    string      `json:"path"`
	Method  string      `json:"method"`
	Headers [][2]string `json:"headers"`
	Body    []byte      `json:"body"` // base64
}

// request is a front end's own request to a product, as the user who is present. It takes
// the way of every such request: scopes, the user's consent, one declared operation. Nobody
// else can be named.
//
// It comes as one JSON object, or framed (see frame.go): then its body, and the answer's,
// pass on while they arrive.
func (b *Bridge) request(w http.ResponseWriter, r *http.Request) (any, error) {
	var in asked
	req := call.Request{Method: productRequest}
	if framed(r) {
		var err error
		if req.Stream, req.Size, err = decodeFramed(r, &in); err != nil {
			return nil, err
		}
		req.Streams = true
	} else if err := pagejson.Decode(r, &in); err != nil {
		return nil, err
	}
	who, panel, err := b.enter(w, r)
	if err != nil {
		return nil, err
	}
	x, err := b.at(r.Context(), &who, panel, in.Module)
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
	req.Head, err = json.Marshal(map[string]any{"product": in.Product, "as": "user", "path": in.Path, "method": in.Method, "headers": in.Headers})
	if err != nil {
		return nil, err
	}
	if !req.Streams {
		req.Body = in.Body
	}
	reply, err := b.Products.Bind(call.Binding{Call: c, Policy: x.policy})(r.Context(), x.policy, req)
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
	if req.Streams {
		a, err := newFramed(out, reply)
		if err != nil {
			return nil, b.failed(c, err)
		}
		return a, nil
	}
	out.Body = reply.Body
	return out, nil
}
