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
	undecided bool // the URL could not be taken in
}

// decide is one function over one policy value: intake, the platform's names, the
// policy. It resolves nothing.
func (b *Broker) decide(p *call.Policy, raw string) verdict {
	u, err := hostrule.ParseURL(raw)
	if err != nil {
		return refusedURL(err)
	}
	v := verdict{url: u, origin: u.Origin(), by: "permissions.external.fetch.backend: " + u.Origin()}
	if u.Scheme != "https" {
		v.rule, v.reason, v.by = "fetch-scheme", "fetch speaks https only, not "+u.Scheme, "an https address"
		return v
	}
	if reserved(b.cfg.Reserved, u.Host) {
		v.rule, v.reason, v.by = "reserved-host", "the host belongs to the platform", "nothing: the platform's own hosts are never a destination"
		return v
	}
	if badPorts[u.Port] {
		v.rule, v.reason, v.by = "bad-port", "the port belongs to a protocol that an HTTP request could be taken for", "another port"
		return v
	}
	d := perm.AllowsURL(p.Set, perm.Backend, u)
	v.allow, v.rule, v.reason = d.Allow, d.Rule, d.Reason
	if d.Allow && d.By != nil {
		v.by = d.By.String()
	}
	return v
}

// badPorts are those to which the Fetch standard sends no request ("port blocking"): mail,
// chat and file servers read the lines of an HTTP request as commands of their own.
var badPorts = set(0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95, 101, 102, 103, 104,
	109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179, 389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532,
	540, 548, 554, 556, 563, 587, 601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061, 6000, 6566,
	6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080)

func set(ports ...uint16) map[uint16]bool {
	out := make(map[uint16]bool, len(ports))
	for _, p := range ports {
		out[p] = true
	}
	return out
}

func refusedURL(err error) verdict {
	v := verdict{undecided: true, rule: "url-syntax", reason: "the URL cannot be taken in", by: "an absolute https URL"}
	if e, ok := err.(*hostrule.Error); ok {
		v.rule, v.reason = e.Rule, e.Reason
		if e.Fix != "" {
			v.by = e.Fix
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
