package console

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/remote"
	"github.com/annexhq/annex/internal/feature/session"
)

// A decision takes three steps. A form proposes it; the product says that the person is an
// admin still, for this decision; a page shows once more what would be done, and its
// button does it. So no link, no old page and no old session decides anything.

// proposal is a decision before it is made.
type proposal struct {
	Installation id.Install     `json:"installation,omitempty"`
	Target       install.Target `json:"target"`
	Name         string         `json:"name"`
	// Digest is of what was shown; Grant is what of it is allowed.
	Digest      string     `json:"digest,omitempty"`
	Version     id.Version `json:"version,omitempty"` // that was shown, the environment's when ""
	Grant       *perm.Set  `json:"grant,omitempty"`
	Development bool       `json:"development,omitempty"`
	// Of the other kinds of decisions.
	Type   perm.EgressType `json:"type,omitempty"`
	Host   string          `json:"host,omitempty"`
	User   id.User         `json:"user,omitempty"`
	Pinned bool            `json:"pinned,omitempty"`
	Remote string          `json:"remote,omitempty"`
	OnData bool            `json:"onData,omitempty"` // begun on the page of data
	Why    string          `json:"why,omitempty"`    // a note of the admin's
	// Of a remote's credential, without the secret: that is typed on the last page, and
	// kept nowhere before it is sealed.
	Credential *remote.Credential `json:"credential,omitempty"`
	Origin     string             `json:"origin,omitempty"` // of the remote as it was shown
	secret     string
	// Of a service's credential, without the secret: where it goes as it was shown.
	Provider string   `json:"provider,omitempty"`
	Client   string   `json:"client,omitempty"`
	Sends    []string `json:"sends,omitempty"`
	// Of a private network: the operator's entry, and an authority's certificates.
	Network string `json:"network,omitempty"`
	Port    uint16 `json:"port,omitempty"`
	CA      string `json:"ca,omitempty"`
	Epoch   uint64 `json:"epoch,omitempty"` // that was shown
	Hours   int    `json:"hours,omitempty"` // that logs are shared
	Device  string `json:"device,omitempty"`
	Letter  string `json:"letter,omitempty"` // that was given up; all when ""
	// From is an ended installation, of which something is left.
	From id.Install `json:"from,omitempty"`
	// Switch is one of the site's; Updates or Development is its new position.
	Switch  string `json:"switch,omitempty"`
	Updates string `json:"updates,omitempty"`
	// Rule is an access rule, with its id where it is to end.
	Rule install.AccessRule `json:"rule,omitzero"`
}

// summary is what the last page says.
type summary struct {
	Title, Button string
	Danger        bool
	Secret        string // what is to be typed before the button counts
	Lines         bool   // the secret has several
	Text          []string
	Allowed       []lineSection
	Withheld      []perm.Line
	Lists         []list
	Back          string
}

// list is what a decision means, one line for each thing, some of it in the app's words.
type list struct {
	Title string
	Lines []listLine
}

type listLine struct{ Ours, Theirs, Count string }

// act is a kind of decision.
type act struct {
	// show says what would be done, as things are now.
	show func(c *Console, ctx context.Context, by id.Principal, p proposal) (summary, error)
	// do does it, and gives the notice and the page to go on at.
	do func(c *Console, ctx context.Context, by id.Principal, p proposal) (notice, next string, err error)
}

var acts = map[string]act{
	"grant":         {(*Console).showGrant, (*Console).doGrant},
	"uninstall":     {(*Console).showUninstall, (*Console).doUninstall},
	"decline":       {(*Console).showDecline, (*Console).doDecline},
	"pin":           {(*Console).showPin, (*Console).doPin},
	"egress":        {(*Console).showEgress, (*Console).doEgress},
	"no-egress":     {(*Console).showNoEgress, (*Console).doNoEgress},
	"ask-again":     {(*Console).showAskAgain, (*Console).doAskAgain},
	"revoke":        {(*Console).showRevoke, (*Console).doRevoke},
	"no-tunnel":     {(*Console).showNoTunnel, (*Console).doNoTunnel},
	"share":         {(*Console).showShare, (*Console).doShare},
	"unshare":       {(*Console).showUnshare, (*Console).doUnshare},
	"site":          {(*Console).showSwitch, (*Console).doSwitch},
	"block":         {(*Console).showBlock, (*Console).doBlock},
	"unblock":       {(*Console).showUnblock, (*Console).doUnblock},
	"retry-letters": {(*Console).showRetryLetters, (*Console).doRetryLetters},
	"drop-letter":   {(*Console).showDropLetter, (*Console).doDropLetter},
	"relink":        {(*Console).showRelink, (*Console).doRelink},
	"erase-left":    {(*Console).showEraseLeft, (*Console).doEraseLeft},
	"login":         {(*Console).showLogin, (*Console).doLogin},
	"analytics":     {(*Console).showAnalytics, (*Console).doAnalytics},
	"remote":        {(*Console).showRemote, (*Console).doRemote},
	"credential":    {(*Console).showCredential, (*Console).doCredential},
	"no-credential": {(*Console).showNoCredential, (*Console).doNoCredential},
	"key":           {(*Console).showKey, (*Console).doKey},
	"no-key":        {(*Console).showNoKey, (*Console).doNoKey},
	"network":       {(*Console).showNetwork, (*Console).doNetwork},
	"no-network":    {(*Console).showNoNetwork, (*Console).doNoNetwork},
	"no-module":     {(*Console).showNoModule, (*Console).doNoModule},
}

func (c *Console) propose(v *visit) error {
	i, err := c.installation(v)
	if err != nil {
		return err
	}
	p := proposal{Installation: i.ID, Target: targetOf(i), Name: c.appName(v.ctx(), i.App)}
	kind := v.PostFormValue("act")
	if _, ok := acts[kind]; !ok || slices.Contains([]string{"site", "block", "unblock", "login", "relink", "erase-left"}, kind) { // those are about no app that is installed
		return fault.New(fault.Usage, "NO_ACT", "the form asks for nothing that can be decided")
	}
	switch kind {
	case "grant":
		if p, err = c.chosen(v, p); err != nil {
			return err
		}
	case "decline":
		p.Version = i.Waiting
	}
	p.Type, p.Host = perm.EgressType(v.PostFormValue("type")), strings.TrimSpace(v.PostFormValue("host"))
	p.OnData = v.PostFormValue("page") == "data"
	p.Letter = quote.Line(v.PostFormValue("letter"), 64)
	p.readRemote(v)
	p.readKey(v)
	p.Epoch, _ = strconv.ParseUint(v.PostFormValue("epoch"), 10, 64) // an unreadable one is none that was shown
	p.Hours = hoursTyped(v.PostFormValue("hours"))
	p.User, p.Pinned = id.User(v.PostFormValue("user")), v.PostFormValue("pinned") == "yes"
	if err := c.tried(v, kind, &p); err != nil {
		return err
	}
	return c.vouched(v, kind, p)
}

func (c *Console) proposeRequest(v *visit) error {
	x, err := c.asked(v)
	if err != nil {
		return err
	}
	p, err := c.chosen(v, proposal{Target: x.target, Name: x.Name})
	if err != nil {
		return err
	}
	return c.vouched(v, "grant", p)
}

// chosen reads what the review's form allows.
func (c *Console) chosen(v *visit, p proposal) (proposal, error) {
	by, err := c.viewer(v)
	if err != nil {
		return p, err
	}
	p.Version = id.Version(v.PostFormValue("version"))
	shown, err := c.Installs.PreviewOf(v.ctx(), by, p.Target, p.Version)
	if err != nil {
		return p, err
	}
	p.Digest = v.PostFormValue("digest")
	if p.Digest != shown.Digest {
		return p, fault.New(fault.Conflict, "PREVIEW_CHANGED", "what the app asks for is not what you were shown, and nothing was changed").
			WithFix("look at the permissions again and decide about those")
	}
	var grant perm.Set
	for _, i := range itemsOf(shown.Declared, nil) {
		if !slices.Contains(v.PostForm["allow"], i.Key) {
			continue
		}
		allowed, err := i.instead(v.PostFormValue("hosts-" + i.Key))
		if err != nil {
			return p, err
		}
		grant = perm.Union(grant, allowed)
	}
	p.Grant = &grant
	if p.Development = v.PostFormValue("development") == "yes"; shown.DevelopmentWarning != "" && !p.Development {
		return p, fault.New(fault.Usage, "CONFIRM_DEVELOPMENT", "%s", install.DevelopmentWarning).WithFix("go back and tick that you know it")
	}
	return p, nil
}

// vouched keeps the proposal and sends the person by the product. The way there is a page
// and no redirect: browsers hold a form's redirects to the origins that its page names, and
// the product may send people on to a place of its own to prove who they are.
func (c *Console) vouched(v *visit, kind string, p proposal) error {
	decision, err := c.Sessions.Propose(v.ctx(), v.session, kind, p)
	if err != nil {
		return err
	}
	return c.render(v, http.StatusOK, "vouch.html", page{Title: "One moment", Section: sectionOf(kind), Data: map[string]any{"Decision": decision}})
}

// sectionOf is where in the menu a decision belongs.
func sectionOf(kind string) string {
	switch kind {
	case "site", "block", "unblock":
		return "site"
	case "login":
		return "device"
	}
	return "apps"
}

// decision is the one that the path names, with the admin who makes it.
func (c *Console) decision(v *visit) (session.Decision, proposal, act, error) {
	d, err := c.Sessions.Proposed(v.ctx(), v.session, v.PathValue("decision"))
	if err != nil {
		return d, proposal{}, act{}, err
	}
	p, a, err := read(d.Kind, d.Body)
	return d, p, a, err
}

func read(kind string, body json.RawMessage) (p proposal, a act, err error) {
	a, ok := acts[kind]
	if !ok {
		return p, a, fault.New(fault.Internal, "NO_ACT", "a decision of the kind %q was kept", kind)
	}
	return p, a, json.Unmarshal(body, &p)
}

func (c *Console) confirm(v *visit) error {
	d, p, a, err := c.decision(v)
	if err != nil {
		return err
	}
	if !c.Now().Before(d.Vouched) {
		return c.render(v, http.StatusOK, "vouch.html", page{Title: "One moment", Section: sectionOf(d.Kind),
			Data: map[string]any{"Decision": d.ID, "Late": !d.Vouched.IsZero() && d.Vouched.UnixMilli() > 0}})
	}
	by, err := c.viewer(v)
	if err != nil {
		return err
	}
	s, err := a.show(c, v.ctx(), by, p)
	if err != nil {
		return err
	}
	return c.render(v, http.StatusOK, "confirm.html", page{Title: s.Title, Section: sectionOf(d.Kind), Data: map[string]any{"Decision": d.ID, "Summary": s}})
}

func (c *Console) decide(v *visit) error {
	d, _, _, err := c.decision(v)
	if err != nil {
		return err
	}
	body, by, err := c.Sessions.Take(v.ctx(), v.session, d.ID, d.Kind)
	if err != nil {
		return err
	}
	p, a, err := read(d.Kind, body)
	if err != nil {
		return err
	}
	p.secret = v.PostFormValue("secret")
	notice, next, err := a.do(c, v.ctx(), by, p)
	if err != nil {
		return err
	}
	setCookie(v.w, noticeCookie, notice, noticeLife)
	http.Redirect(v.w, v.Request, next, http.StatusSeeOther)
	return nil
}

func (c *Console) showGrant(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	shown, err := c.Installs.PreviewOf(ctx, by, p.Target, p.Version)
	if err != nil {
		return summary{}, err
	}
	if shown.Digest != p.Digest || p.Grant == nil {
		return summary{}, fault.New(fault.Conflict, "PREVIEW_CHANGED", "what the app asks for changed meanwhile, and nothing was done").
			WithFix("look at the permissions again and decide about those")
	}
	words := c.words(ctx, p.Target.Product)
	out := summary{
		Title: "Install " + p.Name + "?", Button: "Install", Back: "/apps",
		Allowed:  lineSections(perm.Describe(*p.Grant, words)),
		Withheld: perm.Describe(perm.Diff(*p.Grant, shown.Declared), words),
	}
	if shown.Installation != "" {
		out.Title, out.Button, out.Back = "Change what "+p.Name+" may do?", "Save", "/apps/"+string(shown.Installation)
		out.Text = append(out.Text, c.effect(ctx, by, shown.Installation, func(ctx context.Context) error {
			_, err := c.Installs.Install(ctx, by, p.Target, install.Confirmation{Digest: p.Digest, Grant: p.Grant, Development: p.Development, Version: p.Version})
			return err
		})...)
		if shown.Waiting {
			out.Title, out.Button = "Run version "+shown.Release.Number+" of "+p.Name+"?", "Run "+shown.Release.Number
		}
	}
	if shown.DevelopmentWarning != "" {
		out.Text = append(out.Text, shown.DevelopmentWarning)
	}
	return out, nil
}

func (c *Console) doGrant(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	out, err := c.Installs.Install(ctx, by, p.Target, install.Confirmation{Digest: p.Digest, Grant: p.Grant, Development: p.Development, Version: p.Version})
	if err != nil {
		return "", "", err
	}
	next = "/apps/" + string(out.Installation.ID)
	switch {
	case out.Created:
		return "installed", next, nil
	case !out.Changed:
		return "unchanged", next, nil
	}
	return "approved", next, nil
}

func (c *Console) showUninstall(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	ends, err := c.Outflow.WhatIf(ctx, by, p.Installation, func(ctx context.Context) error { return c.Installs.UninstallNow(ctx, by, p.Installation) })
	if err != nil {
		return summary{}, err
	}
	return summary{
		Lists: ending(ends),
		Title: "Uninstall " + p.Name + "?", Button: "Uninstall", Danger: true, Back: "/apps/" + string(p.Installation),
		Text: []string{
			"It ends at once, also for calls that are running. Its web addresses stop answering. If it asked for that, it is called a last time before, for 55 seconds at most.",
			"What it stored here is kept for 28 days. If it is installed again, it starts anew and does not see it, unless you give it back.",
		},
	}, nil
}

func (c *Console) doUninstall(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	return "uninstalled", "/apps", c.Installs.Uninstall(ctx, by, p.Installation)
}
