package bridge

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/edge/pagejson"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/manifest"
)

// invoke runs the resolver of a module for the user who is present.
func (b *Bridge) invoke(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Module      string          `json:"module"`
		FunctionKey string          `json:"functionKey"`
		Payload     json.RawMessage `json:"payload"`
	}
	if err := pagejson.Decode(r, &in); err != nil {
		return nil, err
	}
	who, panel, err := b.enter(w, r)
	if err != nil {
		return nil, err
	}
	if len(in.Payload) > maxPayload {
		return nil, fault.New(fault.Limit, "LIMIT_PAYLOAD", "the payload is larger than %d bytes", maxPayload).With("limit", "payload").With("figure", maxPayload)
	}
	c, err := b.callOf(r.Context(), &who, panel, in.Module)
	if err != nil {
		return nil, err
	}
	payload := map[string]any{"call": map[string]any{"functionKey": in.FunctionKey, "payload": in.Payload}, "context": map[string]any{}}
	if c.Payload, err = json.Marshal(payload); err != nil {
		return nil, err
	}
	// What a person did is done, also if they leave the page meanwhile; the call has its own end.
	res, err := b.Invoker.Invoke(context.WithoutCancel(r.Context()), c)
	if err != nil {
		return nil, b.failed(c, err)
	}
	out := map[string]any{"invocation": c.ID}
	if len(res.Body) > 0 {
		out["result"] = json.RawMessage(res.Body)
	}
	return out, nil
}

// callOf makes the call of a module's resolver.
func (b *Bridge) callOf(ctx context.Context, who *session.Session, panel session.Panel, name string) (*call.Call, error) {
	x, err := b.at(ctx, who, panel, name)
	if err != nil {
		return nil, err
	}
	f, ok := x.manifest.Function(resolver(x.module))
	if !ok {
		return nil, fault.New(fault.NotFound, "NO_RESOLVER", "nothing answers for this module").
			WithFix("name a function as the module's resolver in the manifest")
	}
	return x.call(f.Handler)
}

// resolver is the function that answers a module's front end.
func resolver(u manifest.Module) string {
	if u.Resolver.Function != "" {
		return u.Resolver.Function
	}
	return u.Function
}

// failed words an app's failure for the page: what the app's own code said, no place in its
// source. Where the user's agreement is missing it says where to give it.
func (b *Bridge) failed(c *call.Call, err error) error {
	out, ok := call.Outward(err, "name", "message", "limit", "figure", "retryAfter")
	if !ok {
		return err
	}
	out.Fields["invocation"] = c.ID
	if out.Code == call.NeedsAuthentication {
		e, _ := fault.As(err)
		if provider, _ := e.Fields["serviceKey"].(string); provider != "" && b.provides(c, provider) {
			out.Public = "the user has not connected the account that the app needs"
			out.Fields["provider"] = provider
			if scopes := scopesOf(e.Fields["options"]); len(scopes) > 0 {
				out.Fields["scopes"] = scopes
			}
			return out
		}
		out.Public = "the user has not agreed that the app does this as them"
		out.Fields["consentUrl"] = b.URL + "/consent/" + string(c.Installation)
	}
	return out
}

// provides reports whether a call's app declares the provider.
func (b *Bridge) provides(c *call.Call, provider string) bool {
	p, err := b.Installs.Policy(context.Background(), c.Installation)
	return err == nil && perm.HasProvider(p.Set, provider)
}

// scopesOf are the scopes that an error of a provider names.
func scopesOf(options any) []string {
	text, err := json.Marshal(options)
	if err != nil {
		return nil
	}
	var o struct {
		Scopes []string `json:"scopes"`
	}
	if json.Unmarshal(text, &o) != nil || len(o.Scopes) > 100 {
		return nil
	}
	return o.Scopes
}
