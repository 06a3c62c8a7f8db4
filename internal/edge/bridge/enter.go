package bridge

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/pagejson"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/manifest"
)

// enter is the session of a request that comes from where it may: every route but the one
// that makes sessions begins with it.
func (b *Bridge) enter(w http.ResponseWriter, r *http.Request) (who session.Session, panel session.Panel, err error) {
	if who, panel, err = b.Sessions.Bridge(r.Context(), bearer(r)); err != nil {
		return who, panel, err
	}
	if err := b.admit(w, r, who.Product); err != nil {
		return who, panel, err
	}
	return who, panel, b.turns.take(who.ID)
}

// bearer is the token of a request, "" for none.
func bearer(r *http.Request) string {
	scheme, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return ""
	}
	return token
}

// place is a module in the place where the session stands.
type place struct {
	who      session.Session
	panel    session.Panel
	policy   *call.Policy
	manifest *manifest.Manifest
	module   manifest.Module
	product  *tenancy.Product
	typ      string // the product's own name of the module's type
}

// ofModule is how a request says which module it is about.
type ofModule struct {
	Module string `json:"module"`
}

func (m ofModule) module() string { return m.Module }

// stand is enter for a request whose body names the module that it is about; the body is
// read into it.
func (b *Bridge) stand(w http.ResponseWriter, r *http.Request, in interface{ module() string }) (*place, error) {
	if err := pagejson.Decode(r, in); err != nil {
		return nil, err
	}
	who, panel, err := b.enter(w, r)
	if err != nil {
		return nil, err
	}
	return b.at(r.Context(), &who, panel, in.module())
}

// at finds a module that the session may call, by the name that the list of modules gave it.
func (b *Bridge) at(ctx context.Context, who *session.Session, panel session.Panel, name string) (*place, error) {
	unknown := fault.New(fault.NotFound, "NO_MODULE", "there is no such module here, or nothing answers for it").
		WithFix("ask /bridge/session which modules there are")
	inst, key, ok := strings.Cut(name, "/")
	if !ok {
		return nil, unknown
	}
	p, err := b.Installs.Policy(ctx, id.Install(inst))
	if err != nil && fault.CodeOf(err) == "POLICY_STALE" {
		return nil, err
	}
	if err != nil || p.Site != who.Site || p.Product != who.Product {
		return nil, unknown
	}
	m, err := b.Registry.Manifest(ctx, p.Version)
	if err != nil {
		return nil, err
	}
	u, ok := m.Module(key)
	if !ok {
		return nil, unknown
	}
	product, err := b.Tenancy.ProductByKeyOrAlias(ctx, string(who.Product))
	if err != nil {
		return nil, err
	}
	typ := typeOf(product, u.Type)
	if typ == "" {
		return nil, unknown
	}
	if panel.Module != "" && typ != typeOf(product, panel.Module) || panel.Only != "" && panel.Only != name {
		return nil, fault.New(fault.Denied, "ANOTHER_PANEL", "the panel's token is for another place in the product's pages")
	}
	if err := keptFrom(p, product, panel); err != nil {
		return nil, err
	}
	return &place{who: *who, panel: panel, policy: p, manifest: m, module: u, product: product, typ: typ}, nil
}

// keptFrom refuses an app in a place that an admin's rule keeps it from.
func keptFrom(p *call.Policy, product *tenancy.Product, panel session.Panel) error {
	rule, barred := p.Barred(tenancy.ContainersOf(product.Containers, panel.Extension)...)
	if !barred {
		return nil
	}
	return rule.Here()
}

// facts are what the app learns of the user and of the place. They come from the session.
func (x *place) facts() (map[string]any, error) {
	extension := map[string]any{}
	if len(x.panel.Extension) > 0 {
		if err := json.Unmarshal(x.panel.Extension, &extension); err != nil {
			return nil, err
		}
	}
	extension["type"], extension["moduleKey"] = x.module.Type, x.module.Key
	return map[string]any{
		"accountId": x.who.User, "accountType": "licensed", "principal": map[string]any{"accountId": x.who.User},
		"moduleKey": x.module.Key, "localId": x.localID(), "extension": extension, "locale": x.who.Locale, "timezone": x.who.TimeZone,
	}, nil
}

// localID has the form that apps take apart at its slashes.
func (x *place) localID() string {
	return "ari:cloud:ecosystem::extension/" + string(x.policy.App) + "/" + string(x.policy.Environment) + "/static/" + x.module.Key
}

// call is a call in the user's name; function is a handler, or "" where no code of the app runs.
func (x *place) call(function string) (*call.Call, error) {
	facts, err := x.facts()
	if err != nil {
		return nil, err
	}
	text, err := json.Marshal(facts)
	if err != nil {
		return nil, err
	}
	return &call.Call{
		Kind: call.UI, Installation: x.policy.Install, Version: x.policy.Version, Site: x.policy.Site, Module: x.module.Key, Function: function,
		Principal: x.who.Principal(), Context: text, ContentType: "application/json",
	}, nil
}
