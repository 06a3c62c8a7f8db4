package asking

import (
	"context"
	"crypto/subtle"
	"encoding/json"
	"slices"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/core/tenant"
)

// adminOf is the person as an admin of the site, for whom something is done.
func adminOf(u id.Principal) id.Principal {
	return id.Principal{Kind: id.SiteAdmin, Site: u.Site, Product: u.Product, User: u.User, Account: id.Account(string(u.Product) + "/" + string(u.User))}
}

// Decide carries out what an admin decided, once. It is granted only what was shown: to the
// very person who was shown it, under the digest of all that was, while app and installation
// are what they were, and if the product says now that they are an admin of the site.
func (s *Service) Decide(ctx context.Context, d Decision) (Outcome, error) {
	out, err := s.decide(ctx, d)
	return out, fault.Op("asking.Decide", err)
}

func (s *Service) decide(ctx context.Context, d Decision) (out Outcome, err error) {
	s.Installs.Refresh(ctx) // what another server changed a moment ago counts
	var r *row
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		var shown Shown
		var x *plan
		if !d.Approve {
			if r, err = s.byTicket(ctx, d.Ticket, d.Admin); err != nil {
				return err
			}
			out = Outcome{State: Declined, Kind: r.want.kind()}
			return s.declineIn(ctx, r, d.Admin.User, "asking.decline", &d)
		}
		if shown, r, x, err = s.shown(ctx, d.Ticket, d.Admin); err != nil {
			return err
		}
		if subtle.ConstantTimeCompare([]byte(d.Digest), []byte(shown.Digest)) != 1 {
			return fault.New(fault.Conflict, "ASK_CHANGED", "what was approved is not what was shown").WithFix("look at the request again")
		}
		chosen, err := choose(&shown, d.Items)
		if err != nil {
			return err
		}
		if err := s.stepped(&shown, chosen, &d); err != nil {
			return err
		}
		groups, declined := x.take(chosen)
		if err := s.apply(ctx, d.Admin.User, r.install, x, groups); err != nil {
			return err
		}
		text, err := json.Marshal(kept{Declined: declined})
		if err != nil {
			return err
		}
		if err := s.end(ctx, r, Granted, string(text)); err != nil {
			return err
		}
		if err := s.answered(ctx, r, d.Admin.User, true); err != nil {
			return err
		}
		if err := s.leave(ctx, r, x.chosen(chosen), declined); err != nil {
			return err
		}
		out = Outcome{State: Granted, Kind: r.want.kind(), Declined: declined}
		return s.audit(ctx, r, &d, "asking.approve", map[string]any{"items": picked(&shown, chosen), "version": shown.Version})
	})
	if fault.KindOf(err) == fault.Conflict && r != nil && d.Approve {
		// What it was about is not there any more: it cannot be approved later either.
		if err2 := s.void(ctx, r); err2 != nil {
			s.Log.WarnContext(ctx, "a request that has changed is not ended", "err", err2)
		}
	}
	if err == nil && d.Approve {
		s.Installs.Refresh(ctx)
	}
	return out, err
}

// choose are the indexes of the items that are granted.
func choose(shown *Shown, items []int) ([]int, error) {
	all := make([]int, len(shown.Items))
	var ticked []int
	for n := range all {
		all[n] = n
		if shown.Items[n].Ticked {
			ticked = append(ticked, n)
		}
	}
	if !shown.Choose {
		if items != nil && len(items) != len(all) {
			return nil, fault.New(fault.Usage, "ALL_OR_NOTHING", "this request is granted as a whole or not")
		}
		return all, nil
	}
	if items == nil {
		items = ticked
	}
	items = slices.Compact(slices.Sorted(slices.Values(items)))
	if len(items) == 0 {
		return nil, fault.New(fault.Usage, "NOTHING_CHOSEN", "nothing was chosen").WithFix("choose something, or decline")
	}
	if items[0] < 0 || items[len(items)-1] >= len(all) {
		return nil, fault.New(fault.Usage, "NO_ITEM", "there is no such item in the request")
	}
	return items, nil
}

// stepped refuses a decision that takes a window of its own and a fresh sign-in.
func (s *Service) stepped(shown *Shown, chosen []int, d *Decision) error {
	if !shown.StepUp && !slices.ContainsFunc(chosen, func(n int) bool { return shown.Items[n].Broad }) {
		return nil
	}
	if d.Window && s.Now().Sub(d.Admin.SignedIn) < Fresh {
		return nil
	}
	return fault.New(fault.Denied, "STEP_UP", "this is decided in a window of the platform's own, after signing in again")
}

// take is what is granted when some of the items are, and what is not.
func (x *plan) take(chosen []int) (groups []Group, declined []Destination) {
	groups = make([]Group, len(x.groups))
	for n, g := range x.groups {
		groups[n] = g
		groups[n].Egress = slices.Clone(g.Egress)
	}
	for n, f := range x.fresh {
		if !slices.Contains(chosen, n) {
			declined = append(declined, f.Destination)
			g := &groups[f.group]
			g.Egress = slices.DeleteFunc(g.Egress, func(d Destination) bool { return d == f.Destination })
		}
	}
	return groups, declined
}

// chosen are those of the fresh that are granted.
func (x *plan) chosen(items []int) (out []Destination) {
	for n, f := range x.fresh {
		if slices.Contains(items, n) {
			out = append(out, f.Destination)
		}
	}
	return out
}

// apply grants groups and sets remotes, under the epoch of the plan; it joins a transaction,
// or makes one.
func (s *Service) apply(ctx context.Context, user id.Principal, install id.Install, x *plan, groups []Group) error {
	by := adminOf(user)
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		shown := x.configured.Epoch
		set := map[string]string{}
		var keys []string
		for _, key := range x.unset {
			set[key] = ""
			keys = append(keys, key)
		}
		for _, r := range x.remotes {
			set[r.Key] = r.to
			keys = append(keys, r.Key)
		}
		scope, err := tenant.ForInstall(by, by.Site, install)
		if err != nil {
			return err
		}
		for _, key := range keys {
			if err := s.Remotes.Set(ctx, by, install, key, set[key], shown); err != nil {
				return err
			}
			c, err := s.Installs.Configured(ctx, scope)
			if err != nil {
				return err
			}
			shown = c.Epoch // our own change: nobody else's can come between
		}
		if len(groups) == 0 {
			return nil
		}
		return s.Installs.Grant(ctx, by, install, groups, shown)
	})
}

const dismissed = "asking.dismiss"

// dismiss ends a request that nobody decided.
func (s *Service) dismiss(ctx context.Context, r *row, user id.Principal) error {
	return s.DB.Tx(ctx, func(ctx context.Context) error {
		return s.declineIn(ctx, r, user, dismissed, &Decision{Admin: Admin{User: user}})
	})
}

func (s *Service) declineIn(ctx context.Context, r *row, user id.Principal, act string, d *Decision) error {
	if err := s.end(ctx, r, Declined, ""); err != nil {
		if fault.CodeOf(err) == "ASK_GONE" && act == dismissed {
			return nil // decided meanwhile
		}
		return err
	}
	if err := s.answered(ctx, r, user, false); err != nil {
		return err
	}
	if d.Block {
		scope, err := tenant.ForInstall(adminOf(user), r.site, r.install)
		if err != nil {
			return err
		}
		if err := s.setBlocked(ctx, adminOf(user), scope, true); err != nil {
			return err
		}
	}
	return s.audit(ctx, r, d, act, map[string]any{})
}

// end ends a request that is pending; of two who end it at once one does.
func (s *Service) end(ctx context.Context, r *row, state State, outcome string) error {
	n, err := s.DB.Exec(ctx, endAsk, string(state), outcome, s.Now().Add(keepOutcome).UnixMilli(), r.install, r.site, r.id)
	if err == nil && n != 1 {
		err = gone()
	}
	return err
}

func (s *Service) void(ctx context.Context, r *row) error {
	err := s.end(ctx, r, Declined, "")
	if fault.CodeOf(err) == "ASK_GONE" {
		return nil
	}
	return err
}

func (s *Service) audit(ctx context.Context, r *row, d *Decision, act string, detail map[string]any) error {
	detail["ask"], detail["app"], detail["wanted"], detail["epoch"] = r.id, r.app, r.want, r.epoch
	if d.Digest != "" {
		detail["digest"] = d.Digest
	}
	if d.Address != "" {
		detail["address"] = d.Address
	}
	return s.Audit.Append(ctx, r.site, r.install, adminOf(d.Admin.User), act, detail)
}

func picked(shown *Shown, chosen []int) []string {
	var out []string
	for _, n := range chosen {
		i := shown.Items[n]
		if i.Remote != nil {
			out = append(out, "remote:"+i.Remote.Key+" "+i.Remote.New)
			continue
		}
		out = append(out, string(i.Type)+" "+i.Domain)
	}
	return out
}

// now is what is granted of a request at this moment.
func (s *Service) now(ctx context.Context, p *call.Policy, w *Want, state State) (Outcome, error) {
	out := Outcome{State: state, Kind: w.kind(), Remotes: w.Remotes}
	if len(w.Remotes) > 0 {
		return out, nil
	}
	c, err := s.Installs.Configured(ctx, p.Scope)
	if err != nil {
		return out, err
	}
	effective := c.Authority.Effective()
	wanted := w.Groups
	if w.Flat != nil {
		wanted = []Group{{Egress: w.Flat.Egress}}
		out.Declined = w.Flat.Left
	}
	for _, g := range wanted {
		g.Egress = slices.DeleteFunc(slices.Clone(g.Egress), func(d Destination) bool { return !perm.Covers(effective, one(d)) })
		out.Groups = append(out.Groups, g)
		out.Granted = append(out.Granted, g.Egress...)
	}
	return out, nil
}

// DeleteAll forgets what an installation asked, in the transaction that ends it. How patient
// its admins were is kept: installed anew, the app does not begin anew.
func (s *Service) DeleteAll(ctx context.Context, scope tenant.Scope) error {
	for _, q := range []string{dropAsks, dropBlock, dropHints} {
		if _, err := s.DB.Exec(ctx, q, scope.Install(), scope.Site()); err != nil {
			return fault.Op("asking.DeleteAll", err)
		}
	}
	return nil
}

// EndSite forgets how patient a site's admins were, in the transaction that removes it.
func (s *Service) EndSite(ctx context.Context, site id.Site) error {
	for _, q := range []string{dropPatience, dropSiteLeft} {
		if _, err := s.DB.Exec(ctx, q, site); err != nil {
			return fault.Op("asking.EndSite", err)
		}
	}
	return nil
}

// Sweep removes what is past its time.
func (s *Service) Sweep(ctx context.Context) error {
	now := s.Now()
	if _, err := s.DB.Exec(ctx, sweepAsks, now.UnixMilli()); err != nil {
		return fault.Op("asking.Sweep", err)
	}
	_, err := s.DB.Exec(ctx, sweepLeft, now.Add(-7*longest).UnixMilli()) // how often it was left out is remembered for a week
	return fault.Op("asking.Sweep", err)
}

// Void ends every request, in the transaction that restores a backup.
func (s *Service) Void(ctx context.Context) error {
	_, err := s.DB.Exec(ctx, voidAsks)
	return fault.Op("asking.Void", err)
}
