package uikit

import (
	"context"
	"encoding/json"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

// Methods are the host calls that a session's bridge makes.
func (s *Service) Methods() []string { return []string{"ui.invoke"} }

// Bind gives the handler of one event's host calls.
func (s *Service) Bind(b call.Binding) call.Handler {
	return func(ctx context.Context, _ *call.Policy, req call.Request) (call.Reply, error) {
		if b.Call.Session == nil {
			return call.Reply{}, fault.New(fault.Denied, "NOT_OFFERED", "invoke is a user interface's, not a function's")
		}
		return s.invoke(ctx, b.Call, req)
	}
}

// invoke asks the module's resolver, in the name of the user who is present: a call of its own,
// through the one door.
func (s *Service) invoke(ctx context.Context, of *call.Call, req call.Request) (call.Reply, error) {
	var head struct {
		FunctionKey string `json:"functionKey"`
	}
	if err := json.Unmarshal(req.Head, &head); err != nil {
		return call.Reply{}, fault.New(fault.Usage, "INVALID_ARGUMENT", "the arguments of invoke are malformed").Because(err)
	}
	if of.Session.Resolver == "" {
		return call.Reply{}, fault.New(fault.NotFound, "NO_RESOLVER", "nothing answers for this module").
			WithFix("name a function as the module's resolver in the manifest")
	}
	payload := json.RawMessage(req.Body)
	if len(payload) == 0 {
		payload = json.RawMessage("null")
	}
	body, err := json.Marshal(map[string]any{"call": map[string]any{"functionKey": head.FunctionKey, "payload": payload}, "context": map[string]any{}})
	if err != nil {
		return call.Reply{}, fault.New(fault.Usage, "INVALID_ARGUMENT", "the payload of invoke is no JSON").Because(err)
	}
	res, err := s.Invoker.Invoke(ctx, &call.Call{
		Kind: call.UI, Installation: of.Installation, Module: of.Module, Function: of.Session.Resolver, Principal: of.Principal,
		Context: of.Context, Payload: body, ContentType: "application/json",
	})
	if err != nil {
		return call.Reply{}, told(err)
	}
	return call.Reply{Head: json.RawMessage("{}"), Body: res.Body}, nil
}

// told is what the interface learns of its own resolver's failure: name and message, and no
// place in the source. Where the user's agreement is what the resolver lacked, the interface
// has the page ask for it.
func told(err error) error {
	if out, ok := call.Outward(err, "name", "message", "code", "limit", "figure", "serviceKey", "options"); ok {
		return out
	}
	return err
}
