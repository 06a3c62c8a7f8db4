package manifest

import (
	"cmp"
	"maps"
	"slices"
	"strings"
)

// normal is a copy in which older spellings are replaced by present ones.
func (m *Manifest) normal() *Manifest {
	c := *m
	c.Remotes = slices.Clone(m.Remotes)
	c.Modules.WebTrigger = slices.Clone(m.Modules.WebTrigger)
	normalise(&c)
	return &c
}

// normalise replaces older spellings by present ones, in place.
func normalise(m *Manifest) {
	for i := range m.Remotes {
		m.Remotes[i] = normalRemote(m.Remotes[i])
	}
	for i := range m.Modules.WebTrigger {
		m.Modules.WebTrigger[i] = normalWebTrigger(m.Modules.WebTrigger[i])
	}
	for t, list := range m.Modules.UI {
		for i := range list {
			if list[i].Type != t { // a loaded manifest is read by many at once
				list[i].Type = t
			}
		}
	}
}

// normalRemote turns RFC-94's userConfiguration into configurable, and the default of either
// into baseUrl. Where both spellings are given, configurable decides.
func normalRemote(r Remote) Remote {
	var defaults []string
	if c := r.Configurable; c != nil {
		n := *c
		n.SupportedPatterns, n.DomainPatterns = bothPatterns(c.SupportedPatterns, c.DomainPatterns), nil
		defaults, n.Default = append(defaults, c.Default), ""
		r.Configurable = &n
	}
	if u := r.UserConfiguration; u != nil {
		if r.Configurable == nil {
			r.Configurable = &RemoteSetting{Name: u.Name, Description: cmp.Or(u.Description, u.Name), SupportedPatterns: bothPatterns(u.SupportedPatterns, u.DomainPatterns)}
		}
		defaults = append(defaults, u.Default)
		r.UserConfiguration = nil
	}
	if url := cmp.Or(defaults...); url != "" && r.BaseURL[defaultRegion] == "" {
		r.BaseURL = maps.Clone(r.BaseURL)
		if r.BaseURL == nil {
			r.BaseURL = BaseURL{}
		}
		r.BaseURL[defaultRegion] = withScheme(url)
	}
	return r
}

// bothPatterns reads the older spelling of patterns. Where both are given, supportedPatterns
// decide.
func bothPatterns(supported, domain Patterns) Patterns {
	if supported == nil {
		return domain
	}
	return supported
}

// withScheme is a default's URL: one without a scheme is https.
func withScheme(url string) string {
	if strings.Contains(url, "://") || strings.Contains(url, "${") {
		return url
	}
	return "https://" + url
}

// normalWebTrigger turns the older spelling of static responses into the present one.
func normalWebTrigger(w WebTrigger) WebTrigger {
	if w.Request.Authentication == "hmacSharedSecret" {
		w.Request.Authentication = "hmac"
	}
	if w.Request.Authentication == "none" {
		w.Request.Authentication = ""
	}
	e := w.Security.Egress
	w.Security = WebTriggerSecurity{}
	if w.Response.Type == "" && e.AllowDataEgress != nil {
		w.Response.Type = "dynamic"
		if !*e.AllowDataEgress {
			w.Response = WebTriggerResponse{Type: "static", Outputs: e.AllowedResponses}
		}
	}
	return w
}

// Static reports whether the web trigger answers only with its declared outputs.
func (w WebTrigger) Static() bool { return normalWebTrigger(w).Response.Type == "static" }
