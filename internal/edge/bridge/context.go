package bridge

import (
	"encoding/json"
	"maps"
	"net/http"

	"github.com/annexhq/annex/internal/core/call"
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
	out["permissions"] = permissions(x.policy)
	out["userAccess"] = map[string]any{"enabled": false, "hasAccess": true}
	return map[string]any{"context": out}, nil
}

// permissions are the granted scopes and addresses by the names that manifests use.
func permissions(p *call.Policy) map[string]any {
	scopes := make([]string, 0, len(p.Set.Scopes))
	for _, s := range p.Set.Scopes {
		scopes = append(scopes, s.Name)
	}
	by := map[perm.EgressType][]string{}
	for _, t := range perm.EgressTypes {
		by[t] = []string{}
	}
	for _, e := range p.Set.Egress {
		by[e.Type] = append(by[e.Type], e.Pattern.String())
	}
	return map[string]any{"scopes": scopes, "external": map[string]any{
		"fetch":  map[string]any{"backend": by[perm.Backend], "client": by[perm.Client]},
		"images": by[perm.Images], "media": by[perm.Media], "scripts": by[perm.Scripts], "styles": by[perm.Styles], "fonts": by[perm.Fonts],
		"frames": by[perm.Frames],
	}, "remotes": perm.Reachable(p.Set)}
}
