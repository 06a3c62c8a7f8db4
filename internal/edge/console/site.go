package console

import (
	"context"
	"fmt"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/quote"
	"github.com/annexhq/annex/internal/core/rollout"
	"github.com/annexhq/annex/internal/feature/install"
	"github.com/annexhq/annex/internal/feature/tenancy"
)

// The switches of a site are for all of its apps. Where a site has several products, each
// has admins of its own, and none of them decides for the others: there the operator does.

// site is the admin's own site, if this product's admins decide for it.
func (c *Console) site(ctx context.Context, by id.Principal) (tenancy.Site, bool, error) {
	s, err := c.Tenancy.SiteByID(ctx, by.Site)
	return s, len(s.Products) == 1 && s.Products[0] == by.Product, err
}

func (c *Console) showSite(v *visit) error {
	p, err := c.viewer(v)
	if err != nil {
		return err
	}
	s, ours, err := c.site(v.ctx(), p)
	if err != nil {
		return err
	}
	data := map[string]any{"Site": quote.Line(s.Name, 60), "Ours": ours, "Development": s.AllowDevelopment,
		"Updates": updatesText(s.Updates), "Mode": modeOf(s.Updates), "Hours": max(1, int(s.Updates.After/time.Hour))}
	if data["Rules"], err = c.rulesOf(v.ctx(), p); err != nil {
		return err
	}
	return c.render(v, 200, "site.html", page{Title: "Site", Section: "site", Data: data})
}

func modeOf(p rollout.Policy) string {
	switch {
	case p.Manual:
		return "manual"
	case p.After > 0:
		return "after"
	}
	return "now"
}

func updatesText(p rollout.Policy) string {
	switch {
	case p.Manual:
		return "An admin lets each version in by hand, also those that ask for nothing new."
	case p.After >= time.Hour && p.After%time.Hour == 0:
		return "Versions that ask for nothing new come " + hours(p.After) + " after they were deployed."
	case p.After > 0:
		return fmt.Sprintf("Versions that ask for nothing new come %d minutes after they were deployed.", int(p.After/time.Minute))
	}
	return "Versions that ask for nothing new come at once."
}

// count writes a number of things.
func count(n int, things string) string { return fmt.Sprint(n, " ", things) }

// proposeSite takes the form of one of the switches.
func (c *Console) proposeSite(v *visit) error {
	p := proposal{}
	switch v.PostFormValue("switch") {
	case "updates":
		p.Switch = "updates"
		p.Updates = v.PostFormValue("mode")
		if p.Updates == "after" {
			p.Updates = "after:" + v.PostFormValue("hours") + "h"
		}
		if _, err := rollout.Parse(p.Updates); err != nil {
			return fault.New(fault.Usage, "UPDATES_POLICY", "that is no time that updates can wait").WithFix("choose 1 to 2160 hours")
		}
	case "development":
		p.Switch, p.Development = "development", v.PostFormValue("development") == "yes"
	default:
		return fault.New(fault.Usage, "NO_ACT", "the form asks for nothing that can be decided")
	}
	return c.vouched(v, "site", p)
}

func (c *Console) showSwitch(ctx context.Context, by id.Principal, p proposal) (summary, error) {
	s, ours, err := c.site(ctx, by)
	if err != nil {
		return summary{}, err
	}
	if !ours {
		return summary{}, severalProducts()
	}
	out := summary{Title: "Change how updates come to " + quote.Line(s.Name, 60) + "?", Button: "Save", Back: "/site"}
	switch {
	case p.Switch == "updates":
		policy, err := rollout.Parse(p.Updates)
		if err != nil {
			return summary{}, err
		}
		out.Text = []string{updatesText(policy), "A version that asks for more waits for an admin in any case. A security fix that asks for nothing new waits as long as you say here."}
	case p.Development:
		out.Title, out.Button, out.Danger = "Take development apps on "+quote.Line(s.Name, 60)+"?", "Take them", true
		out.Text = []string{"An admin still installs each of them, after this warning:", install.DevelopmentWarning}
	default:
		out.Title, out.Button = "Stop development apps on "+quote.Line(s.Name, 60)+"?", "Stop them"
		out.Text = []string{"Those that are installed stand still at once, also for calls that are running. They go on when you take development apps again."}
	}
	return out, nil
}

func (c *Console) doSwitch(ctx context.Context, by id.Principal, p proposal) (notice, next string, err error) {
	if _, ours, err := c.site(ctx, by); err != nil || !ours {
		if err == nil {
			err = severalProducts()
		}
		return "", "", err
	}
	policy, err := rollout.Parse(p.Updates)
	if err != nil {
		return "", "", err
	}
	_, err = c.Tenancy.UpdateSite(ctx, by, by.Site, func(s *tenancy.Site) error {
		if p.Switch == "updates" {
			s.Updates = policy
		} else {
			s.AllowDevelopment = p.Development
		}
		return nil
	})
	return "saved", "/site", err
}

func severalProducts() error {
	return fault.New(fault.Denied, "SITE_OF_SEVERAL", "the site has several products, and their admins do not decide for one another").
		WithFix("an operator changes it: annex site set")
}
