package httpapi

import (
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

// whatIf tells what a change would have meant; it changes nothing.
func (a *API) whatIf(w http.ResponseWriter, r *request) error {
	type destination struct {
		Type perm.EgressType `json:"type"`
		Host string          `json:"host"`
	}
	var in struct {
		Epoch    uint64              `json:"epoch"`
		Trim     []string            `json:"trim"`
		Replace  map[string][]string `json:"replace"`
		Restore  []string            `json:"restore"`
		Off      []string            `json:"off"`
		On       []string            `json:"on"`
		Allow    []destination       `json:"allow"`
		Disallow []destination       `json:"disallow"`
		Remotes  []struct {
			Key string `json:"key"`
			URL string `json:"url"` // "" resets it
		} `json:"remotes"`
		// Uninstall stands alone: nothing is left that the rest could change.
		Uninstall bool `json:"uninstall"`
	}
	if err := r.decode(&in); err != nil {
		return err
	}
	changes := len(in.Trim) + len(in.Replace) + len(in.Restore) + len(in.Off) + len(in.On)
	if in.Uninstall && changes+len(in.Allow)+len(in.Disallow)+len(in.Remotes) > 0 {
		return fault.New(fault.Usage, "UNINSTALL_ALONE", "what is uninstalled cannot be changed too").WithFix("ask for one of the two")
	}
	out, err := a.Outflow.WhatIf(r.ctx(), r.caller, r.installation(), func(ctx context.Context) error {
		if in.Uninstall {
			return a.Installs.UninstallNow(ctx, r.caller, r.installation())
		}
		if changes > 0 {
			if _, err := a.Installs.Change(ctx, r.caller, r.installation(), install.Change{
				Epoch: in.Epoch, Trim: in.Trim, Replace: in.Replace, Restore: in.Restore, Off: in.Off, On: in.On}); err != nil {
				return err
			}
		}
		for _, d := range in.Allow {
			if _, err := a.Installs.AddEgress(ctx, r.caller, r.installation(), d.Type, d.Host); err != nil {
				return err
			}
		}
		for _, d := range in.Disallow {
			if _, err := a.Installs.RemoveEgress(ctx, r.caller, r.installation(), d.Type, d.Host); err != nil {
				return err
			}
		}
		for _, x := range in.Remotes {
			now, err := a.Installs.Detail(ctx, r.caller, r.installation())
			if err != nil {
				return err
			}
			if _, err := a.Installs.SetRemote(ctx, r.caller, r.installation(), x.Key, x.URL, "", now.Installation.Epoch); err != nil {
				return err
			}
		}
		return nil
	})
	if err != nil {
		return err
	}
	writeJSON(w, http.StatusOK, out)
	return nil
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
