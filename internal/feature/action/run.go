package action

import (
	"context"
	"encoding/json"
	"slices"

	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// Outcome is what an action gave.
type Outcome struct {
	Invocation id.Invocation
	Value      json.RawMessage // nil when the function returned nothing
}

// Run runs the action of a name for a user, with an input that its schema takes.
func (s *Service) Run(ctx context.Context, user id.Principal, name string, input json.RawMessage) (Outcome, error) {
	all, err := s.List(ctx, user)
	if err != nil {
		return Outcome{}, err
	}
	at := slices.IndexFunc(all, func(a Action) bool { return a.Name == name })
	if at < 0 {
		return Outcome{}, fault.New(fault.NotFound, "NO_ACTION", "there is no such action for this user, or the site's admin switched it off").
			WithFix("ask again which actions there are")
	}
	a := all[at]
	if err := check(a.inputs, input); err != nil {
		return Outcome{}, err
	}
	c, err := a.call(user, input)
	if err != nil {
		return Outcome{}, fault.Op("action.Run", err)
	}
	res, err := s.cfg.Invoker.Invoke(ctx, c)
	if err != nil {
		return Outcome{Invocation: c.ID}, s.failed(c, err)
	}
	out := Outcome{Invocation: c.ID}
	if len(res.Body) > 0 {
		out.Value = res.Body
	}
	return out, nil
}

// call makes the call: the inputs are the function's payload, with the context that such
// functions look for in it.
func (a *Action) call(user id.Principal, input json.RawMessage) (*call.Call, error) {
	payload := map[string]json.RawMessage{}
	if len(input) > 0 {
		if err := json.Unmarshal(input, &payload); err != nil {
			return nil, err
		}
	}
	p := a.policy
	inner, err := json.Marshal(map[string]any{"cloudId": p.Site, "moduleKey": a.Key, "accountId": user.User})
	if err != nil {
		return nil, err
	}
	// An input of that name is the app's own, and its schema says so.
	if _, taken := payload["context"]; !taken {
		payload["context"] = inner
	}
	body, err := json.Marshal(payload)
	if err != nil {
		return nil, err
	}
	facts, err := json.Marshal(map[string]any{
		"accountId": user.User, "accountType": "licensed", "principal": map[string]any{"accountId": user.User}, "moduleKey": a.Key,
		"localId": "ari:cloud:ecosystem::extension/" + string(p.App) + "/" + string(p.Environment) + "/static/" + a.Key,
	})
	if err != nil {
		return nil, err
	}
	invocation, err := uuid.NewV7()
	if err != nil {
		return nil, err
	}
	return &call.Call{
		ID: id.Invocation(invocation.String()), Kind: call.Action, Installation: p.Install, Version: p.Version, Site: p.Site, Module: a.Key,
		Function: a.handler, Principal: user, Context: facts, Payload: body, ContentType: "application/json",
	}, nil
}

// failed words an app's failure for who asked: what its code said and where the user agrees,
// no place in its source.
func (s *Service) failed(c *call.Call, err error) error {
	out, ok := call.Outward(err, "name", "message", "limit", "figure", "retryAfter")
	if !ok {
		return err
	}
	out.Fields["invocation"] = c.ID
	if out.Code == call.NeedsAuthentication {
		at := s.cfg.ConsentURL(c.Installation)
		out.Public = "the user has not agreed that the app does this as them"
		out.Fix = "the user agrees at " + at + ", and the action can be run again then"
		out.Fields["consentUrl"] = at
	}
	return out
}
