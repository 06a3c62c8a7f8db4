package hostrule

import (
	"net/netip"
	"strings"

	"golang.org/x/net/idna"
)

const (
	maxHost  = 253
	maxLabel = 63
)

// domainProfile checks A-labels as a resolver of names would read them: UTS 46
// non-transitional, with the bidi and joiner rules, and DNS lengths. Hyphens in the
// third and fourth place are left alone, since the URL Standard does so too.
var domainProfile = idna.New(
	idna.MapForLookup(),
	idna.StrictDomainName(false),
	idna.CheckHyphens(false),
	idna.CheckJoiners(true),
	idna.BidiRule(),
	idna.Transitional(false),
	idna.VerifyDNSLength(true),
)

// checkName checks a lower-case ASCII name label by label. It repairs nothing: a
// root dot or an empty label would make two spellings of one host.
func checkName(prefix, name string, underscore bool) *Error {
	if strings.HasSuffix(name, ".") && name != "." {
		return refuse(prefix+"-root-dot", "the host ends in a dot", "write it without the dot: "+strings.TrimRight(name, "."))
	}
	if len(name) > maxHost {
		return refuse(prefix+"-host-length", "the host is longer than 253 characters", "")
	}
	puny := false
	for label := range strings.SplitSeq(name, ".") {
		switch {
		case label == "":
			return refuse(prefix+"-label", "the host has an empty label", "write one dot between two labels")
		case len(label) > maxLabel:
			return refuse(prefix+"-label", "a label of the host is longer than 63 characters", "")
		case label[0] == '-' || label[len(label)-1] == '-':
			return refuse(prefix+"-label", "the label "+quote(label)+" starts or ends with a hyphen", "")
		}
		for i := 0; i < len(label); i++ {
			if c := label[i]; !isLDH(c) && !(underscore && c == '_') {
				return refuse(prefix+"-label", "the label "+quote(label)+" holds a character that no host name has",
					"use letters, digits and hyphens")
			}
		}
		puny = puny || strings.HasPrefix(label, "xn--")
	}
	if !puny {
		return nil
	}
	// An A-label that does not decode, or decodes to something that encodes in
	// another way, is one host to one program and another host to the next.
	if a, err := domainProfile.ToASCII(name); err != nil || a != name {
		return refuse(prefix+"-idna", "the host has an invalid internationalised label (xn--…)", "")
	}
	return nil
}

func isLDH(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= '0' && c <= '9' || c == '-'
}

// specialNames are names that the public DNS does not serve: they mean this machine,
// this network or nothing, so admitting them can only reach something private.
var specialNames = []string{"localhost", "local", "internal", "onion", "home.arpa", "arpa", "invalid"}

// specialName returns the reserved suffix that name falls under, or "".
func specialName(name string) string {
	for _, s := range specialNames {
		if name == s || strings.HasSuffix(name, "."+s) {
			return s
		}
	}
	return ""
}

// endsInNumber is the URL Standard's "ends in a number": such a host is an IPv4
// address or a failure, never a name.
func endsInNumber(name string) bool {
	last := name[strings.LastIndexByte(name, '.')+1:]
	if last == "" {
		return false
	}
	if strings.HasPrefix(last, "0x") {
		return strings.Trim(last[2:], "0123456789abcdef") == ""
	}
	return strings.Trim(last, "0123456789") == ""
}

func isIP(host string) bool {
	// An address ends in a number or has a colon: names are told without making an error.
	if last := len(host) - 1; last < 0 || (host[last] < '0' || host[last] > '9') && strings.IndexByte(host, ':') < 0 {
		return false
	}
	_, err := netip.ParseAddr(host)
	return err == nil
}

// quote shows hostile text in a message: printable ASCII only, and not too much of it.
func quote(s string) string {
	const most = 60
	var b strings.Builder
	b.WriteByte('"')
	for i, r := range s {
		if i >= most {
			b.WriteString("…")
			break
		}
		if r < 0x20 || r > 0x7e {
			r = '?'
		}
		b.WriteRune(r)
	}
	b.WriteByte('"')
	return b.String()
}
