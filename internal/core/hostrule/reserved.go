package hostrule

import "strings"

// Reserved reports whether a pattern names one of the hosts, or one below them, or covers one
// by its wildcard: what belongs to the platform itself is nobody's destination. "*" does not
// name it; what it admits is looked at by URL.
func (p Pattern) Reserved(hosts []string) bool {
	if p.Any || p.Host == "" {
		return false
	}
	for _, own := range hosts {
		own = strings.Trim(strings.ToLower(strings.TrimPrefix(own, "*.")), ".")
		if own == "" {
			continue
		}
		if p.Host == own || strings.HasSuffix(p.Host, "."+own) || p.Wild && p.admitsHost(own) {
			return true
		}
	}
	return false
}

// CheckReserved refuses a pattern that Reserved speaks of.
func (p Pattern) CheckReserved(hosts []string) error {
	if !p.Reserved(hosts) {
		return nil
	}
	return refuse("platform-host", p.String()+" is, or covers, a host of this platform itself", "name the hosts that are meant; the platform's own are never a destination")
}
