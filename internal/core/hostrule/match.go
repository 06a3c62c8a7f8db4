package hostrule

import (
	"strconv"
	"strings"
)

// Verdict is a decision with the rule that made it and the reason in words. By is the
// pattern that admitted the URL.
type Verdict struct {
	Allow  bool
	Rule   string
	Reason string
	By     *Pattern
}

// Match reports whether a pattern admits a URL in a use. Schemes are equal or not:
// wss is never implied by https.
func Match(p Pattern, u URL, use Use) bool {
	return CanAdmit(u, use) == nil && p.In(use).admits(u, use)
}

// CanAdmit refuses what no pattern admits in the use: ports of other protocols, and,
// where the platform itself sends, addresses and names that are not public. Those
// need an admin's network grant, which is not a pattern.
func CanAdmit(u URL, use Use) error {
	if BlockedPort(u.Port) {
		return refuse("egress-port-blocked", "port "+strconv.Itoa(int(u.Port))+" belongs to another protocol and is never connected", "")
	}
	if !use.named() {
		return nil
	}
	if isIP(u.Host) {
		return refuse("egress-ip-literal", "an IP address is never admitted by a pattern", "use a host name")
	}
	if s := specialName(u.Host); s != "" {
		return refuse("egress-special-name", quote(s)+" is reserved: it means this machine, this network or nothing", "")
	}
	if !strings.Contains(u.Host, ".") {
		return refuse("egress-single-label", quote(u.Host)+" has no dot, so it is no public host", "")
	}
	return nil
}

// admits matches a pattern that is already in the form that counts in the use.
func (p Pattern) admits(u URL, use Use) bool {
	if p.Any {
		return u.Scheme == "https" && (!use.named() || u.Port == 443)
	}
	return p.Host != "" && p.Scheme == u.Scheme && p.Port == u.Port && p.admitsHost(u.Host) &&
		(p.Path == "" || pathAdmits(p.Path, canonicalURLPath(u.Path)))
}

func (p Pattern) admitsHost(host string) bool {
	if !p.Wild {
		return host == p.Host
	}
	// The suffix test includes the dot, so an address or a longer name never passes.
	return len(host) > len(p.Host)+1 && strings.HasSuffix(host, p.Host) && host[len(host)-len(p.Host)-1] == '.'
}

func canonicalURLPath(path string) string {
	if c := canonicalPath(path); c != "" {
		return c
	}
	return "/"
}

// Decide asks a list of patterns of one use about a URL. The first pattern that
// admits it is By; otherwise the reason names the nearest miss.
func Decide(patterns []Pattern, use Use, u URL) Verdict {
	if err, refused := CanAdmit(u, use).(*Error); refused {
		return Verdict{Rule: err.Rule, Reason: err.Reason}
	}
	best := notDeclared(u, use)
	rank := 0
	for i := range patterns {
		p := patterns[i].In(use)
		if p.admits(u, use) {
			return Verdict{Allow: true, Rule: "egress-declared", Reason: "admitted by " + patterns[i].String(), By: &patterns[i]}
		}
		if miss, r := nearMiss(p, u, use); r > rank {
			best, rank = miss, r
		}
	}
	return best
}

func notDeclared(u URL, use Use) Verdict {
	return Verdict{Rule: "egress-not-declared", Reason: u.Origin() + " is not declared for " + use.String()}
}

// nearMiss words the difference between a pattern and a URL that almost fits it; the
// rank grows with nearness.
func nearMiss(p Pattern, u URL, use Use) (Verdict, int) {
	switch {
	case p.Any:
		if u.Scheme != "https" {
			return Verdict{Rule: "egress-scheme", Reason: "* admits https only, never " + u.Scheme}, 2
		}
		return Verdict{Rule: "egress-port", Reason: "* admits port 443 only for " + use.String()}, 2
	case p.Host == "":
		return Verdict{}, 0
	case p.Wild && u.Host == p.Host:
		return Verdict{Rule: "egress-apex", Reason: p.String() + " covers the hosts below " + p.Host + ", not " + p.Host + " itself"}, 1
	case !p.admitsHost(u.Host):
		return Verdict{}, 0
	case p.Scheme != u.Scheme:
		return Verdict{Rule: "egress-scheme", Reason: p.String() + " admits " + p.Scheme + ", not " + u.Scheme}, 2
	case p.Port != u.Port:
		return Verdict{Rule: "egress-port", Reason: p.String() + " admits port " + strconv.Itoa(int(p.Port)) + ", not " + strconv.Itoa(int(u.Port))}, 3
	default:
		return Verdict{Rule: "egress-path", Reason: "the path is outside " + p.String()}, 4
	}
}

// BlockedPort reports whether the Fetch Standard blocks the port: it belongs to a
// protocol whose servers can be made to act by an HTTP request.
func BlockedPort(port uint16) bool {
	switch port {
	case 0, 1, 7, 9, 11, 13, 15, 17, 19, 20, 21, 22, 23, 25, 37, 42, 43, 53, 69, 77, 79, 87, 95,
		101, 102, 103, 104, 109, 110, 111, 113, 115, 117, 119, 123, 135, 137, 139, 143, 161, 179,
		389, 427, 465, 512, 513, 514, 515, 526, 530, 531, 532, 540, 548, 554, 556, 563, 587,
		601, 636, 989, 990, 993, 995, 1719, 1720, 1723, 2049, 3659, 4045, 4190, 5060, 5061,
		6000, 6566, 6665, 6666, 6667, 6668, 6669, 6679, 6697, 10080:
		return true
	}
	return false
}
