package bridge

import (
	"encoding/json"
	"maps"
	"net/http"

	"github.com/annexhq/annex/internal/core/perm"
)

// context is what a front end may know of where it stands. The app's functions learn the
// same from the server itself: nothing here is a front end's to hand on as true.
func (b *Bridge) context(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		ofModule
	}
	x, err := b.stand(w, r, &in)
	if err != nil {
		return nil, err
	}
	out := map[string]any{}
	if err := json.Unmarshal(b.Invoker.Facts(x.policy), &out); err != nil {
		return nil, err
	}
	facts, err := x.facts()
	if err != nil {
		return nil, err
	}
	maps.Copy(out, facts)
	out["permissions"] = perm.Told(x.policy.Set)
	out["userAccess"] = map[string]any{"enabled": false, "hasAccess": true}
	return map[string]any{"context": out}, nil
}
