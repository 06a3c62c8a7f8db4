package bridge

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/edge/pagejson"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/session"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/manifest"
)

// module is what the shell knows of a module before anything of the app is loaded.
type module struct {
	Module string `json:"module"` // "INSTALLATION/KEY", what every other route takes
	Type   string `json:"type"`
	Title  string `json:"title"`
	App    string `json:"app"`
	// State is "ready", or "blocked" where the app is installed and must not run.
	State string `json:"state"`
	// Render is "page" for the app's own documents, "native" for what the shell draws, ""
	// where nothing is to be seen.
	Render string `json:"render"`
	// Show is how the product has apps appear in the place.
	Show string `json:"show,omitempty"`
	// Icon is the address of its picture, "" where it has none of its own.
	Icon string `json:"icon,omitempty"`
	// Size is the room that the manifest asks for.
	Size string `json:"size,omitempty"`
	// Environment says that this is no production app.
	Environment string `json:"environment,omitempty"`
}

// open makes a session of a panel's token, or of what a back end says of a user.
func (b *Bridge) open(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		Panel string `json:"panel"`
		User  string `json:"user"`
	}
	if err := pagejson.Decode(r, &in); err != nil {
		return nil, err
	}
	var (
		token string
		who   session.Session
		panel session.Panel
		life  time.Duration
		err   error
	)
	switch {
	case (in.Panel == "") == (in.User == ""):
		return nil, fault.New(fault.Usage, "MISSING", "one of panel and user is given")
	case in.Panel != "":
		token, who, panel, life, err = b.Sessions.OpenPanel(r.Context(), in.Panel, bearer(r))
	default:
		token, who, life, err = b.Sessions.OpenUser(r.Context(), in.User)
	}
	if err != nil {
		return nil, err
	}
	if err := b.admit(w, r, who.Product); err != nil {
		return nil, err
	}
	modules, err := b.modules(r.Context(), &who, panel)
	if err != nil {
		return nil, err
	}
	return map[string]any{
		"token": token, "expiresIn": int(life / time.Second), "modules": modules, "about": about(&who, panel), "product": who.Product,
		"locale": who.Locale, "timezone": who.TimeZone,
	}, nil
}

// signOut takes a product's word that a user signed out of it: the user's sessions end, and
// with them the interfaces that they opened. It is the back end's to say, as who signs in is.
func (b *Bridge) signOut(w http.ResponseWriter, r *http.Request) (any, error) {
	var in struct {
		User string `json:"user"`
	}
	if err := pagejson.Decode(r, &in); err != nil {
		return nil, err
	}
	ended, product, err := b.Sessions.SignOut(r.Context(), in.User)
	if err != nil {
		return nil, err
	}
	for _, one := range ended {
		b.Interfaces.EndPerson(one)
	}
	return map[string]any{"ended": len(ended)}, b.admit(w, r, product)
}

// about tells one session's place from another's: a page whose token was renewed goes on
// with what it shows only if the new one is about the same.
func about(who *session.Session, panel session.Panel) string {
	h := sha256.New()
	for _, part := range []string{string(who.Product), string(who.Site), string(who.User), panel.Module, string(panel.Extension), panel.Only} {
		h.Write([]byte(part))
		h.Write([]byte{0})
	}
	return hex.EncodeToString(h.Sum(nil)[:16])
}

// modules are those that the session may call.
func (b *Bridge) modules(ctx context.Context, who *session.Session, panel session.Panel) ([]module, error) {
	all, err := b.Installs.List(ctx, id.Principal{Kind: id.SiteAdmin, Site: who.Site}, install.Filter{Site: who.Site})
	if err != nil {
		return nil, err
	}
	product, err := b.Tenancy.ProductByKeyOrAlias(ctx, string(who.Product))
	if err != nil {
		return nil, err
	}
	out := []module{}
	for _, i := range all {
		if i.Product != who.Product {
			continue
		}
		of, err := b.modulesOf(ctx, &i, product, panel, who.Locale)
		if err != nil {
			return nil, err
		}
		out = append(out, of...)
	}
	return out, nil
}

func (b *Bridge) modulesOf(ctx context.Context, i *install.Installation, product *tenancy.Product, panel session.Panel, locale string) ([]module, error) {
	m, err := b.Registry.Manifest(ctx, i.Version)
	if err != nil {
		return nil, err
	}
	var out []module
	var keys []string
	for _, u := range m.UIModules() {
		t := typeOf(product, u.Type)
		if t == "" || panel.Module != "" && t != typeOf(product, panel.Module) || panel.Only != "" && panel.Only != string(i.ID)+"/"+u.Key {
			continue
		}
		keys = append(keys, u.Key)
		out = append(out, module{
			Module: string(i.ID) + "/" + u.Key, Type: t, Title: b.title(ctx, i.Version, u, locale), State: "ready", Render: render(u), Size: u.ViewportSize, Show: showOf(product, t),
		})
	}
	if len(out) == 0 {
		return nil, nil
	}
	app, err := b.Registry.App(ctx, i.App)
	if err != nil {
		return nil, err
	}
	p, err := b.Installs.Policy(ctx, i.ID)
	if err != nil && fault.CodeOf(err) == "POLICY_STALE" {
		return nil, err
	}
	for n := range out {
		out[n].App = quote.Line(app.Name, 80)
		if barred := err == nil && keptFrom(p, product, panel) != nil; err != nil || barred {
			out[n].State = "blocked"
		} else if path := b.Hosting.IconPath(ctx, p, keys[n]); path != "" {
			out[n].Icon = b.URL + path
		}
		if i.EnvType != "PRODUCTION" {
			out[n].Environment = quote.Line(i.EnvName, 40)
		}
	}
	return out, nil
}

// render is how a module's front end comes to be seen.
func render(u manifest.Module) string {
	switch {
	case u.Render == "native", u.Resource == "" && u.Function != "":
		return "native"
	case u.Resource != "":
		return "page"
	}
	return ""
}

func showOf(p *tenancy.Product, typ string) string {
	for _, m := range p.Modules {
		if m.Type == typ {
			return m.Show
		}
	}
	return ""
}

// typeOf is the product's own name of a module type, "" if it has no such type.
func typeOf(p *tenancy.Product, typ string) string {
	for _, m := range p.Modules {
		if m.Type == typ {
			return m.Type
		}
		for _, a := range m.Aliases {
			if a == typ {
				return m.Type
			}
		}
	}
	return ""
}
