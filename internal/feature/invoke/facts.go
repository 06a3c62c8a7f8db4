package invoke

import (
	"encoding/json"
	"sync"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
)

// facts renders what an app may know of its own installation, in the shapes that
// Forge functions expect (forge-facts 11.3). Rendering is cached per policy value:
// a policy never changes, a changed one is another value.
type facts struct {
	place func(id.Site, id.Product) (url, ariName string)
	cache sync.Map // id.Install → rendered
}

type rendered struct {
	policy *call.Policy
	json   json.RawMessage
}

func (f *facts) of(p *call.Policy) json.RawMessage {
	if r, ok := f.cache.Load(p.Install); ok && r.(rendered).policy == p {
		return r.(rendered).json
	}
	out := render(p, f.place)
	f.cache.Store(p.Install, rendered{policy: p, json: out})
	return out
}

type appFacts struct {
	AppID           string         `json:"appId"`
	AppARI          string         `json:"appAri"`
	AppVersion      string         `json:"appVersion"`
	EnvironmentID   string         `json:"environmentId"`
	EnvironmentARI  string         `json:"environmentAri"`
	EnvironmentType string         `json:"environmentType"`
	InstallationID  string         `json:"installationId"`
	InstallationARI string         `json:"installationAri"`
	InstallContext  string         `json:"installContext"`
	CloudID         string         `json:"cloudId"`
	SiteURL         string         `json:"siteUrl,omitempty"`
	Product         string         `json:"product"`
	Installation    installation   `json:"installation"`
	Permissions     map[string]any `json:"permissions"`
}

type installation struct {
	ARI      string           `json:"ari"`
	Contexts []installContext `json:"contexts"`
}

type installContext struct {
	CloudID string `json:"cloudId"`
	ARI     string `json:"ari"`
}

func render(p *call.Policy, place func(id.Site, id.Product) (url, ariName string)) json.RawMessage {
	url, ariName := "", string(p.Product)
	if place != nil {
		url, ariName = place(p.Site, p.Product)
	}
	app := "ari:cloud:ecosystem::app/" + string(p.App)
	context := "ari:cloud:" + ariName + "::site/" + string(p.Site)
	install := "ari:cloud:ecosystem::installation/" + string(p.Install)
	a := appFacts{
		AppID: string(p.App), AppARI: app, AppVersion: p.Number,
		EnvironmentID:   string(p.Environment),
		EnvironmentARI:  "ari:cloud:ecosystem::environment/" + string(p.App) + "/" + string(p.Environment),
		EnvironmentType: string(p.EnvType),
		InstallationID:  string(p.Install), InstallationARI: install,
		InstallContext: context, CloudID: string(p.Site), SiteURL: url, Product: string(p.Product),
		Installation: installation{ARI: install, Contexts: []installContext{{CloudID: string(p.Site), ARI: context}}},
		Permissions:  perm.Told(p.Set),
	}
	out, err := json.Marshal(a)
	if err != nil { // strings and slices of strings only
		return json.RawMessage("{}")
	}
	return out
}
