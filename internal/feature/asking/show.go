package asking

import (
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/publicsuffix"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
)

// Shown is all that an admin is shown of a request. Everything in it is the platform's own
// word but Messages, which are the app's, cleaned, and to be quoted.
type Shown struct {
	Ask          string     `json:"ask"`
	Kind         Kind       `json:"kind"`
	App          string     `json:"app"`
	Publisher    string     `json:"publisher"`
	Installation id.Install `json:"installation"`
	Site         id.Site    `json:"site"`
	Product      id.Product `json:"product"`
	Environment  string     `json:"environment,omitempty"` // of an app that is not in production
	Version      string     `json:"version"`
	Epoch        uint64     `json:"epoch"`
	Items        []Item     `json:"items"`
	// Choose says that each item can be ticked by itself; otherwise it is all or nothing.
	Choose bool `json:"choose"`
	// Gone is what the request takes away.
	Gone []Line `json:"gone,omitempty"`
	// Have is where the app can send data already.
	Have     []Line    `json:"have"`
	Messages []Message `json:"messages,omitempty"`
	// Broad says that the decision takes a window of its own and a fresh sign-in, if an item
	// that is Broad is granted, or in any case with StepUp.
	Broad   bool      `json:"broad"`
	StepUp  bool      `json:"stepUp"`
	Expires time.Time `json:"expires"`
	// Digest binds a decision to all of this.
	Digest string `json:"digest"`
}

// Item is one thing that is asked for: a host in one way, or a remote's address.
type Item struct {
	Index int    `json:"index"`
	Group string `json:"group,omitempty"`
	Host
	Type perm.EgressType `json:"type,omitempty"`
	// Words say what it lets happen, to be followed by the host.
	Words string `json:"words"`
	// Ticked is how it is shown where it can be chosen.
	Ticked  bool    `json:"ticked"`
	Broad   bool    `json:"broad"`
	Warning string  `json:"warning,omitempty"`
	Remote  *Change `json:"remote,omitempty"`
}

// Host is a pattern for reading: the parts of its text in ASCII, never shortened.
type Host struct {
	Domain string `json:"domain"` // Before, Registrable and After in one
	Before string `json:"before,omitempty"`
	// Registrable is the part that somebody had to register, to be set off.
	Registrable string `json:"registrable,omitempty"`
	After       string `json:"after,omitempty"`
	// Any is every address, Wild every host below.
	Any  bool `json:"any,omitempty"`
	Wild bool `json:"wild,omitempty"`
}

// Change is another address for a remote.
type Change struct {
	Key     string `json:"key"`
	Name    string `json:"name"` // the app's word, cleaned
	Old     string `json:"old"`  // "" for none
	New     string `json:"new"`
	Private bool   `json:"private,omitempty"`
}

// Line is a host with all ways in which it can be, or could be, reached.
type Line struct {
	Host
	Types []perm.EgressType `json:"types"`
	// Configured says that an admin added it at run time.
	Configured bool `json:"configured,omitempty"`
}

// Message is a text of the app's, about a group or a remote.
type Message struct {
	About string `json:"about,omitempty"`
	Text  string `json:"text"`
}

// Show gives a request to the admin who is in front of it.
func (s *Service) Show(ctx context.Context, ticket string, a Admin) (Shown, error) {
	s.Installs.Refresh(ctx) // what another server changed a moment ago counts
	out, _, _, err := s.shown(ctx, ticket, a)
	return out, fault.Op("asking.Show", err)
}

func (s *Service) shown(ctx context.Context, ticket string, a Admin) (Shown, *row, *plan, error) {
	r, err := s.byTicket(ctx, ticket, a)
	if err != nil {
		return Shown{}, nil, nil, err
	}
	p, err := s.Installs.Policy(ctx, r.install)
	if err != nil {
		return Shown{}, r, nil, err
	}
	x, err := s.planOf(ctx, p, &r.want)
	if err != nil {
		return Shown{}, r, nil, err
	}
	if p.Version != r.version || p.Epoch != r.epoch || x.configured.Epoch != r.epoch || !x.asks() {
		return Shown{}, r, nil, changed()
	}
	out, err := s.describe(ctx, p, r, x)
	return out, r, x, err
}

// byTicket is the request that a ticket opens, for the person who asked for it, if the
// product says now that they are an admin.
func (s *Service) byTicket(ctx context.Context, ticket string, a Admin) (*row, error) {
	if ticket == "" || len(ticket) > 100 {
		return nil, gone()
	}
	r, err := s.read(s.DB.QueryRow(ctx, askByTicket, hashOf(ticket), a.User.Site))
	if err != nil {
		return nil, err
	}
	if r == nil || !r.of(a.User) || !r.waits(s.Now()) {
		return nil, gone()
	}
	if !a.Admin {
		return nil, fault.New(fault.Denied, "ADMIN_REQUIRED", "the product says that you are no admin of the site now")
	}
	return r, nil
}

func gone() error {
	return fault.New(fault.Conflict, "ASK_GONE", "this request was decided, or it waited too long, or it is somebody else's").
		WithFix("go back to the app and have it ask again")
}

func changed() error {
	return fault.New(fault.Conflict, "ASK_CHANGED", "the app, or what it may do, has changed since it asked").
		WithFix("go back to the app and have it ask again")
}

func (s *Service) describe(ctx context.Context, p *call.Policy, r *row, x *plan) (Shown, error) {
	name, publisher, err := s.Apps.About(ctx, p)
	if err != nil {
		return Shown{}, err
	}
	out := Shown{
		Ask: r.id, Kind: r.want.kind(), App: Clean(name, 80), Publisher: Clean(publisher, 80), Installation: p.Install, Site: p.Site, Product: p.Product,
		Version: p.Number, Epoch: r.epoch, Items: []Item{}, Choose: r.want.Flat != nil, Have: have(x), Expires: r.expires.UTC(),
	}
	if p.EnvType != call.Production {
		out.Environment = Clean(p.EnvName, 40)
	}
	for _, f := range x.fresh {
		out.Items = append(out.Items, item(len(out.Items), x.groups[f.group].Key, f.Destination))
	}
	for _, c := range x.remotes {
		i := Item{Index: len(out.Items), Ticked: true, Broad: c.private, Words: "Data that it sends to this back end goes to", Host: urlHost(c.shown),
			Remote: &Change{Key: c.Key, Name: Clean(c.Name, 80), Old: c.URL, New: c.shown, Private: c.private}}
		if c.private {
			i.Warning = "This address is on a private network."
		}
		out.Items = append(out.Items, i)
		if text := Clean(c.Description, maxMessage); text != "" {
			out.Messages = append(out.Messages, Message{About: c.Key, Text: text})
		}
	}
	for _, d := range x.gone {
		out.Gone = addLine(out.Gone, d, true)
	}
	if r.want.Flat != nil && r.want.Flat.Purpose != "" {
		out.Messages = append(out.Messages, Message{Text: r.want.Flat.Purpose})
	}
	for _, g := range r.want.Groups {
		if g.Description != "" {
			out.Messages = append(out.Messages, Message{About: g.Key, Text: g.Description})
		}
	}
	out.Broad = slices.ContainsFunc(out.Items, func(i Item) bool { return i.Broad })
	if s.Products != nil {
		if out.StepUp, err = s.Products.StepUp(ctx, p.Product); err != nil {
			return Shown{}, err
		}
	}
	text, err := json.Marshal(out)
	if err != nil {
		return Shown{}, err
	}
	sum := sha256.Sum256(text)
	out.Digest = hex.EncodeToString(sum[:])
	return out, nil
}

func item(index int, group string, d Destination) Item {
	i := Item{Index: index, Group: group, Host: hostOf(d.Pattern), Type: d.Type, Words: perm.Leaving(d.Type)}
	why := broad(d)
	i.Broad, i.Ticked, i.Warning = why != "", why == "", why
	if why == "" {
		for _, w := range hostrule.Warnings(d.Pattern.String(), perm.UseOf(d.Type)) {
			if w.Rule == "egress-hosting-suffix" {
				i.Warning = w.Reason
			}
		}
	}
	return i
}

func hostOf(p hostrule.Pattern) Host {
	h := Host{Any: p.Any, Wild: p.Wild, Domain: Text(p)}
	if p.Any {
		return h
	}
	name, err := publicsuffix.EffectiveTLDPlusOne(p.Host)
	if err != nil {
		name = p.Host
	}
	at := strings.Index(h.Domain, p.Host) + len(p.Host) - len(name)
	h.Before, h.Registrable, h.After = h.Domain[:at], name, h.Domain[at+len(name):]
	return h
}

// urlHost is an address for reading, as hostOf is a pattern.
func urlHost(text string) Host {
	h := Host{Domain: text}
	u, err := hostrule.ParseURL(text)
	if err != nil {
		return h
	}
	name, err := publicsuffix.EffectiveTLDPlusOne(u.Host)
	if err != nil {
		name = u.Host
	}
	if at := strings.Index(text, u.Host); at >= 0 {
		at += len(u.Host) - len(name)
		h.Before, h.Registrable, h.After = text[:at], name, text[at+len(name):]
	}
	return h
}

// Text is a pattern as apps write it: https goes without saying.
func Text(p hostrule.Pattern) string { return strings.TrimPrefix(p.String(), "https://") }

// have is where the app can send data already.
func have(x *plan) []Line {
	out := []Line{}
	for _, e := range x.effective.Egress {
		d := Destination{e.Type, e.Pattern}
		out = addLine(out, d, x.configured.has(d))
	}
	return out
}

func addLine(lines []Line, d Destination, configured bool) []Line {
	h := hostOf(d.Pattern)
	if n := slices.IndexFunc(lines, func(l Line) bool { return l.Domain == h.Domain && l.Configured == configured }); n >= 0 {
		if !slices.Contains(lines[n].Types, d.Type) {
			lines[n].Types = append(lines[n].Types, d.Type)
		}
		return lines
	}
	return append(lines, Line{Host: h, Types: []perm.EgressType{d.Type}, Configured: configured})
}
