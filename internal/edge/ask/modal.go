package ask

import (
	"context"
	"encoding/json"
	"net"
	"net/http"
	"net/url"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/pagejson"
	"github.com/annexhq/annex/internal/feature/asking"
	"github.com/annexhq/annex/internal/feature/session"
)

// modal is the page that a product's page frames in its top layer. The browser sees to it
// that nobody else frames it, and the page itself that it is handed what it shows by the
// product's page alone.
func (p *Pages) modal(w http.ResponseWriter, r *http.Request) {
	of, err := p.Tenancy.ProductByKeyOrAlias(r.Context(), r.URL.Query().Get("product"))
	if err != nil || len(of.PageOrigins) == 0 {
		http.Error(w, "No product shows apps in its pages under this name.", http.StatusNotFound)
		return
	}
	if at := r.Header.Get("Sec-Fetch-Dest"); at != "" && at != "iframe" {
		http.Error(w, "This page is shown by the product's page, and there only.", http.StatusForbidden)
		return
	}
	h := w.Header()
	h.Set("Content-Security-Policy", policy(of.PageOrigins))
	h.Set("Cross-Origin-Resource-Policy", "cross-origin") // the product's page is another site
	p.page(w, r, http.StatusOK, map[string]any{"as": "modal", "origins": of.PageOrigins, "product": of.Name})
}

// asked is what the framed page sends: which question, and who is in front of it. User is
// what the product's back end signed for its own page, for this one request.
type asked struct {
	Ticket string `json:"ticket"`
	User   string `json:"user"`
}

// open shows what is asked.
func (p *Pages) open(r *http.Request) (any, error) {
	var in asked
	if err := pagejson.Decode(r, &in); err != nil {
		return nil, err
	}
	a, err := p.presented(r, in.User)
	if err != nil {
		return nil, err
	}
	return p.show(r.Context(), in.Ticket, a)
}

// show is what a page draws: what is asked, and in whose names it is asked and decided.
func (p *Pages) show(ctx context.Context, ticket string, a asking.Admin) (any, error) {
	shown, err := p.Asks.Show(ctx, ticket, a)
	if err != nil {
		return nil, err
	}
	site, err := p.Tenancy.SiteByID(ctx, a.User.Site)
	if err != nil {
		return nil, err
	}
	product, err := p.Tenancy.ProductByKeyOrAlias(ctx, string(a.User.Product))
	if err != nil {
		return nil, err
	}
	name := a.Name
	if name == "" {
		name = string(a.User.User)
	}
	return map[string]any{"shown": shown, "site": asking.Clean(site.Name, 80), "product": asking.Clean(product.Name, 80), "person": asking.Clean(name, 80)}, nil
}

// decide takes the decision. The right to make it is the assertion's that came with it,
// not the one's that the page was opened with.
func (p *Pages) decide(r *http.Request) (any, error) {
	var in struct {
		asked
		verdict
	}
	if err := pagejson.Decode(r, &in); err != nil {
		return nil, err
	}
	a, err := p.presented(r, in.User)
	if err != nil {
		return nil, err
	}
	return p.carry(r, in.decision(in.Ticket, a))
}

// carry carries out a decision. What came of it the app's own page is told, not this one.
func (p *Pages) carry(r *http.Request, d asking.Decision) (any, error) {
	d.Address = address(r)
	_, err := p.Asks.Decide(r.Context(), d)
	return map[string]bool{"decided": err == nil}, err
}

// verdict is what a page says was decided.
type verdict struct {
	Digest  string `json:"digest"`
	Approve bool   `json:"approve"`
	Items   []int  `json:"items"`
	Block   bool   `json:"block"`
}

func (v verdict) decision(ticket string, a asking.Admin) asking.Decision {
	return asking.Decision{Ticket: ticket, Digest: v.Digest, Admin: a, Approve: v.Approve, Items: v.Items, Block: v.Block}
}

// presented is whom the product vouches for. The assertion counts once.
func (p *Pages) presented(r *http.Request, assertion string) (asking.Admin, error) {
	a, err := p.Sessions.Present(r.Context(), assertion)
	if err != nil {
		return asking.Admin{}, err
	}
	user := id.Principal{Kind: id.EndUser, Site: a.Site, Product: a.Product, User: a.User}
	return asking.Admin{User: user, Name: a.Name, Admin: a.Admin, SignedIn: a.AuthTime}, nil
}

// address is where a request came from.
func address(r *http.Request) string {
	host, _, err := net.SplitHostPort(r.RemoteAddr)
	if err != nil {
		return r.RemoteAddr
	}
	return host
}

// ticketed is what the address of the window stands for.
type ticketed struct {
	Ticket string `json:"ticket"`
	Items  []int  `json:"items,omitempty"`
}

// step gives the address of the window in which what reaches far is decided. The ticket in
// it counts once, for a minute, and tells nobody but the person that it is for anything.
func (p *Pages) step(r *http.Request) (any, error) {
	var in struct {
		asked
		Items []int `json:"items"`
	}
	if err := pagejson.Decode(r, &in); err != nil {
		return nil, err
	}
	_, who, _, _, err := p.Sessions.OpenPanel(r.Context(), in.User, "")
	if err != nil {
		return nil, err
	}
	if !who.Admin {
		return nil, fault.New(fault.Denied, "ADMIN_REQUIRED", "only an admin of the site decides this")
	}
	about, err := json.Marshal(ticketed{in.Ticket, in.Items})
	if err != nil {
		return nil, err
	}
	ticket, err := p.Sessions.Ticket(r.Context(), &who, session.ForAsk, string(about))
	if err != nil {
		return nil, err
	}
	return map[string]string{"url": p.URL + "/ask/window?ticket=" + url.QueryEscape(ticket)}, nil
}

// settled says whether the page may close, since the question was decided elsewhere.
func (p *Pages) settled(r *http.Request) (any, error) {
	var in struct {
		Ticket string  `json:"ticket"`
		At     id.Site `json:"at"`
	}
	if err := pagejson.Decode(r, &in); err != nil {
		return nil, err
	}
	done, err := p.Asks.Settled(r.Context(), in.At, in.Ticket)
	return map[string]bool{"settled": done}, err
}
