package manifest

import (
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
			list[i].Type = t
		}
	}
}

// normalRemote turns RFC-94's userConfiguration into configurable and baseUrl. A
// remote that has both keeps the wider meaning out: configurable decides.
func normalRemote(r Remote) Remote {
	r = bothPatterns(r)
	u := r.UserConfiguration
	if u == nil {
		return r
	}
	r.UserConfiguration = nil
	if r.Configurable == nil {
		r.Configurable = &RemoteSetting{Name: u.Name, Description: u.Description, SupportedPatterns: u.SupportedPatterns}
		if r.Configurable.Description == "" {
			r.Configurable.Description = u.Name
		}
	}
	if u.Default != "" && r.BaseURL[defaultRegion] == "" {
		r.BaseURL = maps.Clone(r.BaseURL)
		if r.BaseURL == nil {
			r.BaseURL = BaseURL{}
		}
		r.BaseURL[defaultRegion] = u.Default
	}
	return r
}

// bothPatterns reads the older spelling of patterns. Where both are given, supportedPatterns
// decide. A default without a scheme is https.
func bothPatterns(r Remote) Remote {
	if c := r.Configurable; c != nil && c.DomainPatterns != nil {
		n := *c
		if n.SupportedPatterns == nil {
			n.SupportedPatterns = n.DomainPatterns
		}
		n.DomainPatterns = nil
		r.Configurable = &n
	}
	if c := r.UserConfiguration; c != nil {
		n := *c
		if n.SupportedPatterns == nil {
			n.SupportedPatterns = n.DomainPatterns
		}
		n.DomainPatterns = nil
		if n.Default != "" && !strings.Contains(n.Default, "://") && !strings.Contains(n.Default, "${") {
			n.Default = "https://" + n.Default
		}
		r.UserConfiguration = &n
	}
	return r
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
