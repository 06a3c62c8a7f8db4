package console

import (
	"context"
	"slices"
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

// Access rules keep apps from parts of the product, such as single projects. An admin rules
// about their own product alone.

// ruleList is what the site's page says of them.
type ruleList struct {
	Product string
	Types   []tenancy.ContainerType
	Rules   []ruleLine
	Apps    []ruleApp
	// GateOnly says that the product cannot be told, so that only requests are refused that
	// name the container themselves.
	GateOnly bool
}

type ruleLine struct{ ID, What, Who, By string }

type ruleApp struct{ ID, Name string }

func (c *Console) rulesOf(ctx context.Context, by id.Principal) (*ruleList, error) {
	api, err := c.Tenancy.API(ctx, by.Product)
	if err != nil {
		return nil, err
	}
	all, err := c.Installs.AccessRules(ctx, by, by.Site)
	if err != nil {
		return nil, err
	}
	out := &ruleList{Product: quote.Line(api.Name, 60), Types: api.Containers, GateOnly: api.Auth == tenancy.AuthOAuth2}
	for _, r := range all {
		out.Rules = append(out.Rules, ruleLine{r.ID, ruleContainer(api.Containers, r.Container), c.ruleWho(ctx, r), c.person(ctx, r.By)})
	}
	installed, err := c.Installs.List(ctx, by, install.Filter{Site: by.Site})
	if err != nil {
		return nil, err
	}
	for _, i := range installed {
		if i.Product == by.Product && !slices.ContainsFunc(out.Apps, func(a ruleApp) bool { return a.ID == string(i.App) }) {
			out.Apps = append(out.Apps, ruleApp{string(i.App), c.appName(ctx, i.App)})
		}
	}
	slices.SortFunc(out.Apps, func(a, b ruleApp) int { return strings.Compare(a.Name, b.Name) })
	return out, nil
}

func ruleContainer(types []tenancy.ContainerType, of call.Container) string {
	title := of.Type
	for _, t := range types {
		if t.Type == of.Type {
			title = t.Title
		}
	}
	return quote.Line(title, 60) + " " + quote.Line(of.ID, 200)
}

func (c *Console) ruleWho(ctx context.Context, r install.AccessRule) string {
	if r.App == "" {
		return "All apps"
	}
	return c.appName(ctx, r.App)
}

func (c *Console) proposeRule(v *visit) error {
	p, err := c.viewer(v)
	if err != nil {
		return err
	}
	kind := v.PostFormValue("switch")
	rule := install.AccessRule{Site: p.Site, Product: p.Product, App: id.App(v.PostFormValue("app")),
		Container: call.Container{Type: v.PostFormValue("type"), ID: strings.TrimSpace(v.PostFormValue("container"))}}
	if kind == "unblock" {
		all, err := c.Installs.AccessRules(v.ctx(), p, p.Site)
		if err != nil {
			return err
		}
		at := slices.IndexFunc(all, func(r install.AccessRule) bool { return r.ID == v.PostFormValue("rule") })
		if at < 0 {
			return fault.New(fault.NotFound, "NO_SUCH_RULE", "the rule has ended already")
		}
		rule = all[at]
	} else if kind != "block" {
		return fault.New(fault.Usage, "NO_ACT", "the form asks for nothing that can be decided")
	} else if rule.Container.ID == "" || len(rule.Container.ID) > 200 {
		return fault.New(fault.Usage, "BAD_CONTAINER", "the form does not say what apps are to be kept from").WithFix("write its key or id")
	}
	return c.vouched(v, kind, proposal{Rule: rule})
}

func (c *Console) showBlock(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	list, err := c.rulesOf(ctx, by)
	if err != nil {
		return summary{}, err
	}
	what, who := ruleContainer(list.Types, p.Rule.Container), c.ruleWho(ctx, p.Rule)
	out := summary{Title: "Keep " + strings.ToLower(who[:1]) + who[1:] + " from " + what + "?", Button: "Keep from it", Danger: true, Back: "/site", Text: []string{
		"It counts within a second, also for calls that are running: what is in it is not theirs to read, find or change, whoever they act for. That it exists they may learn."}}
	if p.Rule.App == "" {
		out.Text = append(out.Text, "It holds for apps that are installed later, too.")
	} else {
		out.Title = "Keep " + who + " from " + what + "?"
	}
	if list.GateOnly {
		out.Text = append(out.Text, gateOnly)
	}
	return out, nil
}

// gateOnly is what a rule is worth where the product cannot be told of it.
const gateOnly = "This product has a sign-in of its own and cannot be told of the rule: requests that name it are refused, and what an app finds there in other ways (by a search, by the number of something in it) it still gets."

func (c *Console) doBlock(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	_, err = c.Installs.Block(ctx, by, p.Rule)
	return "saved", "/site", err
}

func (c *Console) showUnblock(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	list, err := c.rulesOf(ctx, by)
	return summary{Title: "End this rule?", Button: "End it", Back: "/site", Text: []string{
		c.ruleWho(ctx, p.Rule) + " can reach " + ruleContainer(list.types(), p.Rule.Container) + " again, as far as they may: what is granted to them does not change."}}, err
}

func (l *ruleList) types() []tenancy.ContainerType {
	if l == nil {
		return nil
	}
	return l.Types
}

func (c *Console) doUnblock(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	return "saved", "/site", c.Installs.Unblock(ctx, by, by.Site, p.Rule.ID)
}
