package bridge

import (
	"context"
	"encoding/json"
	"net/http"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/edge/pagejson"
	"github.com/annexhq/annex/internal/feature/asking"
)

// Asking is where an app asks for more than it was granted.
type Asking interface {
	Run(ctx context.Context, a asking.Asker, command string, payload json.RawMessage) (result any, ask *asking.Ask, err error)
	Outcome(ctx context.Context, a asking.Asker, ask string) (asking.Outcome, error)
}

// permissions carries out what a front end says of its app's permissions. What an admin has
// to be asked comes back as a request: the shell has the platform's own page show it.
func (b *Bridge) permissions(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Module  string          `json:"module"`
		Command string          `json:"command"`
		Payload json.RawMessage `json:"payload"`
	}
	if err := pagejson.Decode(r, &in); err != nil {
		return nil, err
	}
	a, err := b.asker(w, r, in.Module)
	if err != nil {
		return nil, err
	}
	if len(in.Payload) > 64<<10 {
		return nil, fault.New(fault.Limit, "LIMIT_PAYLOAD", "the payload is larger than 64 KB").With("status", 400)
	}
	result, ask, err := b.Asking.Run(r.Context(), a, in.Command, in.Payload)
	if err != nil {
		return nil, err
	}
	if ask != nil {
		return map[string]any{"ask": ask}, nil
	}
	return map[string]any{"result": result}, nil
}

// outcome tells what came of a request once its page is closed.
func (b *Bridge) outcome(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Module string `json:"module"`
		Ask    string `json:"ask"`
	}
	if err := pagejson.Decode(r, &in); err != nil {
		return nil, err
	}
	a, err := b.asker(w, r, in.Module)
	if err != nil {
		return nil, err
	}
	out, err := b.Asking.Outcome(r.Context(), a, in.Ask)
	if err != nil {
		return nil, err
	}
	result, err := asking.Result(out)
	return map[string]any{"result": result}, err
}

func (b *Bridge) asker(w http.ResponseWriter, r *http.Request, module string) (asking.Asker, error) {
	who, panel, err := b.enter(w, r)
	if err != nil {
		return asking.Asker{}, err
	}
	x, err := b.at(r.Context(), &who, panel, module)
	if err != nil {
		return asking.Asker{}, err
	}
	return asking.Asker{Policy: x.policy, User: who.Principal(), Session: who.ID, Admin: who.Admin}, nil
}
