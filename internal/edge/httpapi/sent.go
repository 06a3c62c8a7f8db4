package httpapi

import (
	"cmp"
	"context"
	"net/http"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/feature/install"
)

// showSent tells where an installation's requests went, and what admins configured.
func (a *API) showSent(w http.ResponseWriter, r *request) error {
	var since, until time.Time
	for name, to := range map[string]*time.Time{"since": &since, "until": &until} {
		if text := r.URL.Query().Get(name); text != "" {
			at, err := time.Parse(time.RFC3339, text)
			if err != nil {
				return fault.New(fault.Usage, "BAD_TIME", "%s must be an RFC 3339 time, such as 2026-01-31T08:00:00Z", name)
			}
			*to = at
		}
	}
	out, err := a.Outflow.Sent(r.ctx(), r.caller, r.installation(), since, until)
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

// suggest proposes the least that an installation needs.
func (a *API) suggest(w http.ResponseWriter, r *request) error {
	out, err := a.Outflow.Suggest(r.ctx(), r.caller, r.installation())
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

// supposed is a change as what-if takes it in. The parts are those of the routes that make
// it; an address or a network is decided by what is there when it is its turn.
type supposed struct {
	grantChange
	Allow    []supposedHost `json:"allow"`
	Disallow []supposedHost `json:"disallow"`
	Remotes  []struct {
		Key string `json:"key"`
		URL string `json:"url"` // "" resets it
	} `json:"remotes"`
	OpenNetworks  []supposedNetwork `json:"openNetworks"`
	CloseNetworks []supposedNetwork `json:"closeNetworks"`
	RemoveModules []string          `json:"removeModules"`
	// Each of the two stands alone. After the one nothing is left that the rest could change;
	// the other is bound to what was shown, which the rest would change.
	Uninstall bool          `json:"uninstall"`
	Approval  *confirmation `json:"approval"`
}

type supposedHost struct {
	Type perm.EgressType `json:"type"`
	Host string          `json:"host"`
}

type supposedNetwork struct {
	Remote  string `json:"remote"`
	Network string `json:"network"`
	Host    string `json:"host"`
	Port    uint16 `json:"port"`
}

func (s *supposed) alone() bool {
	return !s.any() && len(s.Allow)+len(s.Disallow)+len(s.Remotes)+len(s.OpenNetworks)+len(s.CloseNetworks)+len(s.RemoveModules) == 0
}

// whatIf tells what a change would have meant; it changes nothing.
func (a *API) whatIf(w http.ResponseWriter, r *request) error {
	var in supposed
	if err := r.decode(&in); err != nil {
		return err
	}
	if in.Uninstall && (!in.alone() || in.Approval != nil) {
		return fault.New(fault.Usage, "UNINSTALL_ALONE", "what is uninstalled cannot be changed too").WithFix("ask for one of the two")
	}
	if in.Approval != nil {
		if !in.alone() {
			return fault.New(fault.Usage, "APPROVAL_ALONE", "what is approved is what was shown, and cannot be changed too").WithFix("ask for one of the two")
		}
		if err := in.Approval.bound(); err != nil {
			return err
		}
	}
	out, err := a.Outflow.WhatIf(r.ctx(), r.caller, r.installation(), func(ctx context.Context) error {
		if in.Uninstall {
			return a.Installs.UninstallNow(ctx, r.caller, r.installation())
		}
		if in.Approval != nil {
			return a.approve(ctx, r, in.Approval)
		}
		return a.suppose(ctx, r, &in)
	})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, out)
	return nil
}

// suppose makes the change; whoever calls it takes it back.
func (a *API) suppose(ctx context.Context, r *request, in *supposed) (err error) {
	by, at := r.caller, r.installation()
	epoch := func() uint64 {
		now, failed := a.Installs.Detail(ctx, by, at)
		err = cmp.Or(err, failed)
		return now.Installation.Epoch
	}
	do := func(act func() (install.Installation, error)) {
		if err == nil {
			_, err = act()
		}
	}
	if in.any() {
		do(func() (install.Installation, error) {
			return a.Installs.Change(ctx, by, at, in.change())
		})
	}
	for _, d := range in.Allow {
		do(func() (install.Installation, error) { return a.Installs.AddEgress(ctx, by, at, d.Type, d.Host) })
	}
	for _, d := range in.Disallow {
		do(func() (install.Installation, error) { return a.Installs.RemoveEgress(ctx, by, at, d.Type, d.Host) })
	}
	for _, n := range in.OpenNetworks {
		do(func() (install.Installation, error) {
			return a.Installs.GrantNetwork(ctx, by, at, n.Network, n.Remote, n.Host, n.Port, "", epoch())
		})
	}
	for _, x := range in.Remotes {
		do(func() (install.Installation, error) {
			return a.Installs.SetRemote(ctx, by, at, x.Key, x.URL, "", epoch())
		})
	}
	for _, n := range in.CloseNetworks {
		do(func() (install.Installation, error) {
			return a.Installs.RevokeNetwork(ctx, by, at, n.Remote, n.Host, n.Port)
		})
	}
	for _, key := range in.RemoveModules {
		do(func() (install.Installation, error) { return a.Installs.UnregisterRemote(ctx, by, at, key) })
	}
	return err
}

// exportReceipts streams JSON lines, as exportAudit does.
func (a *API) exportReceipts(w http.ResponseWriter, r *request) error {
	scope, platform, err := a.trailOf(r)
	if err != nil {
		return err
	}
	if platform {
		return fault.New(fault.Usage, "MISSING", "site is missing").WithFix("receipts are a site's: name it")
	}
	out := &late{ResponseWriter: w}
	if err = a.Receipts.Export(r.ctx(), scope, out); err != nil && out.begun {
		a.Log.ErrorContext(r.ctx(), "an export of receipts broke off", "err", err)
		panic(http.ErrAbortHandler)
	}
	return err
}
