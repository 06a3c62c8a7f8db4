package netguard

import (
	"net/netip"
	"strings"
)

// Verdict is the answer to "may an app's request go there?". Its text is the reason;
// only the log sees it, so that an app cannot map a network by the words of refusals.
type Verdict uint8

const (
	// Refused is the zero value, so that a forgotten verdict admits nothing.
	Refused Verdict = iota
	Public
	Invalid
	Zoned
	ThisNetwork
	Loopback
	Private
	SharedSpace
	LinkLocal
	ProtocolAssignment
	Documentation
	RelayAnycast
	Benchmarking
	Multicast
	ReservedSpace
	CloudPlatform
	NotGlobalUnicast
	IETFProtocol
	SixToFour
	Own
	SpecialName
	SingleLabel
	NoAddress
	NotConfigured
	WrongNetwork
	NotPinned
)

var verdictText = [...]string{
	Refused:            "refused",
	Public:             "public address",
	Invalid:            "not an address",
	Zoned:              "address with a zone",
	ThisNetwork:        "address of this network (0.0.0.0/8)",
	Loopback:           "loopback address",
	Private:            "private address (RFC 1918)",
	SharedSpace:        "shared address space (100.64.0.0/10)",
	LinkLocal:          "link-local address, where cloud metadata answers",
	ProtocolAssignment: "protocol assignment (192.0.0.0/24)",
	Documentation:      "documentation address",
	RelayAnycast:       "relay or AS112 anycast address",
	Benchmarking:       "benchmarking address",
	Multicast:          "multicast address",
	ReservedSpace:      "reserved address space",
	CloudPlatform:      "address of a cloud's own platform",
	NotGlobalUnicast:   "IPv6 address outside 2000::/3",
	IETFProtocol:       "IPv6 protocol assignment (2001::/23, with Teredo)",
	SixToFour:          "6to4 address, which carries an IPv4 address",
	Own:                "address of this server itself",
	SpecialName:        "name that never belongs to the public internet",
	SingleLabel:        "name of a single label",
	NoAddress:          "name without an address",
	NotConfigured:      "not in the operator's configuration",
	WrongNetwork:       "not TCP over IPv4 or IPv6",
	NotPinned:          "not the address that was checked",
}

// String is the reason.
func (v Verdict) String() string {
	if int(v) < len(verdictText) {
		return verdictText[v]
	}
	return verdictText[Refused]
}

// verdictClass are the verdicts in logs: stable words, for those who count them.
var verdictClass = [...]string{
	Refused: "refused", Public: "public", Invalid: "invalid", Zoned: "zoned", ThisNetwork: "this-network", Loopback: "loopback",
	Private: "private", SharedSpace: "shared", LinkLocal: "link-local", ProtocolAssignment: "protocol-assignment",
	Documentation: "documentation", RelayAnycast: "relay", Benchmarking: "benchmarking", Multicast: "multicast",
	ReservedSpace: "reserved", CloudPlatform: "cloud-platform", NotGlobalUnicast: "not-global", IETFProtocol: "ietf-protocol",
	SixToFour: "6to4", Own: "own", SpecialName: "special-name", SingleLabel: "single-label", NoAddress: "no-address",
	NotConfigured: "not-configured", WrongNetwork: "wrong-network", NotPinned: "not-pinned",
}

// Class is the verdict as one stable word.
func (v Verdict) Class() string {
	if int(v) < len(verdictClass) {
		return verdictClass[v]
	}
	return verdictClass[Refused]
}

type rule struct {
	prefix  netip.Prefix
	verdict Verdict
}

func rules(verdict Verdict, prefixes ...string) []rule {
	out := make([]rule, 0, len(prefixes))
	for _, p := range prefixes {
		out = append(out, rule{netip.MustParsePrefix(p), verdict})
	}
	return out
}

func join(lists ...[]rule) []rule {
	var out []rule
	for _, l := range lists {
		out = append(out, l...)
	}
	return out
}

// denied4 are the IPv4 networks where no public service lives. The list is ours and
// tested line by line; a library's list would change under us.
var denied4 = join(
	rules(ThisNetwork, "0.0.0.0/8"), // Linux connects these to loopback
	rules(Private, "10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"),
	rules(SharedSpace, "100.64.0.0/10"),
	rules(Loopback, "127.0.0.0/8"),
	rules(LinkLocal, "169.254.0.0/16"),
	rules(ProtocolAssignment, "192.0.0.0/24"),
	rules(Documentation, "192.0.2.0/24", "198.51.100.0/24", "203.0.113.0/24"),
	rules(RelayAnycast, "192.31.196.0/24", "192.52.193.0/24", "192.175.48.0/24", "192.88.99.0/24"),
	rules(Benchmarking, "198.18.0.0/15"),
	rules(Multicast, "224.0.0.0/4"),
	rules(ReservedSpace, "240.0.0.0/4"),
	rules(CloudPlatform, "168.63.129.16/32"), // Azure's WireServer stands in no registry
)

// global6 is all of IPv6 that may be dialled, less denied6. Everything that embeds an
// IPv4 address (NAT64, SIIT, mapped, compatible) or is local lies outside of it, so a
// transition form that nobody has thought of yet is refused too.
var global6 = netip.MustParsePrefix("2000::/3")

var denied6 = join(
	rules(IETFProtocol, "2001::/23"),
	rules(Documentation, "2001:db8::/32", "3fff::/20"),
	rules(SixToFour, "2002::/16"),
	rules(RelayAnycast, "2620:4f:8000::/48"),
)

// Classify decides about an address as such; it does not know the server's own
// addresses (Guard adds them).
func Classify(addr netip.Addr) Verdict {
	if !addr.IsValid() {
		return Invalid
	}
	if addr.Zone() != "" {
		// Prefix.Contains is false for every zoned address: it must be refused first.
		return Zoned
	}
	addr = addr.Unmap()
	list := denied4
	if addr.Is6() {
		if !global6.Contains(addr) {
			return NotGlobalUnicast
		}
		list = denied6
	}
	for _, r := range list {
		if r.prefix.Contains(addr) {
			return r.verdict
		}
	}
	return Public
}

// specialNames never belong to the public internet, or are where a cloud's metadata
// service answers. The address check remains the authority; refusing these before
// resolution keeps the question itself from leaving.
var specialNames = []string{
	"localhost", "local", "localdomain", "internal", "arpa", "onion", "invalid", "metadata.goog",
}

// ClassifyName decides about a lower-case host name without a root dot, before it is
// resolved: Public means that its addresses will decide.
func ClassifyName(host string) Verdict {
	if host == "" || strings.ContainsAny(host, "%:[]/\\@ \x00") {
		return Invalid
	}
	for _, special := range specialNames {
		if host == special || strings.HasSuffix(host, "."+special) {
			return SpecialName
		}
	}
	if !strings.Contains(host, ".") {
		return SingleLabel
	}
	return Public
}
