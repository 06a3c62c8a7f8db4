package egress

import (
	"strings"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/perm"
)

// CodeDenied is the code of every refusal, whichever rule refused and at whichever
// stage, so that an app cannot tell a private network's hosts by the words.
const CodeDenied = "REQUEST_EGRESS_ALLOWLIST_ERR"

// verdict is the answer of the stages before resolution.
type verdict struct {
	allow     bool
	rule      string
	reason    string
	by        string // the pattern that admits it, or what would
	origin    string
	url       hostrule.URL
	undecided bool          // the URL could not be taken in
	opened    *call.Network // the private network behind it, nil for none
	matched   []string
	missed    []string
}

// decide is one function over one policy value: intake, the platform's names, the
// policy. It resolves nothing.
func (b *Broker) decide(p *call.Policy, typ perm.EgressType, raw string) verdict {
	u, err := hostrule.ParseURL(raw)
	if err != nil {
		v := refusedURL(err)
		v.origin = hostrule.RefusedOrigin(raw)
		return v
	}
	v := verdict{url: u, origin: u.Origin(), by: "permissions.external.fetch." + sideOf(typ) + ": " + u.Origin()}
	if u.Scheme != "https" {
		v.rule, v.reason, v.by = "fetch-scheme", "fetch speaks https only, not "+u.Scheme, "an https address"
		return v
	}
	if reserved(b.cfg.Reserved, u.Host) {
		v.rule, v.reason, v.by = "reserved-host", "the host belongs to the platform", "nothing: the platform's own hosts are never a destination"
		return v
	}
	d := p.Rules.AllowsURL(p.Set, typ, u)
	v.allow, v.rule, v.reason = d.Allow, d.Rule, d.Reason
	if d.Allow && d.By != nil {
		v.by = d.By.String()
	}
	switch d.Rule { // what no pattern admits: to declare it would not help
	case "egress-ip-literal", "egress-special-name", "egress-single-label":
		v.by = "nothing of fetch: call it as a remote, in a private network that the site's admin opens"
	case "egress-port-blocked":
		v.by = "another port: that one is of another protocol"
	}
	if perm.UseOf(typ) != hostrule.Backend {
		v.matched, v.missed = p.Rules.Admitting(p.Set, typ, u)
	}
	return v
}

// typeOf is what kind of egress a call's fetch is: a user interface's is a page's, though it
// runs on the server.
func typeOf(k call.Kind) perm.EgressType {
	if k == call.Session {
		return perm.Client
	}
	return perm.Backend
}

func sideOf(typ perm.EgressType) string {
	if typ == perm.Client {
		return "client"
	}
	return "backend"
}

func refusedURL(err error) verdict {
	v := verdict{undecided: true, rule: "url-syntax", reason: "the URL cannot be taken in", by: "an absolute https URL"}
	if e, ok := err.(*hostrule.Error); ok {
		v.rule, v.reason = e.Rule, e.Reason
		if e.Fix != "" {
			v.by += " (" + e.Fix + ")"
		}
	}
	return v
}

func reserved(names []string, host string) bool {
	for _, n := range names {
		if host == n || strings.HasSuffix(host, "."+n) {
			return true
		}
	}
	return false
}

func normalNames(in []string) []string {
	out := make([]string, 0, len(in))
	for _, n := range in {
		n = strings.Trim(strings.ToLower(strings.TrimPrefix(n, "*.")), ".")
		if n != "" {
			out = append(out, n)
		}
	}
	return out
}

// denied is the error that the app gets for a refusal.
func denied(d Decision, allowedBy string) *fault.Error {
	what := d.Origin
	if what == "" {
		what = "this URL"
	}
	e := fault.New(fault.Denied, CodeDenied, "a request to %s is not allowed", what)
	e.Fix = "allowed by " + allowedBy
	e.ReasonID = d.ReasonID
	e.Fields = map[string]any{
		"status":    403,
		"origin":    d.Origin,
		"type":      d.Type,
		"allowedBy": allowedBy,
	}
	return e
}
