// Package hostrule decides which URLs a declared host pattern admits: the pattern
// grammar and its normal form, the intake of a URL by two parsers that must agree,
// and matching on the canonical tuple. It resolves nothing and dials nothing.
//
// It promises to fail closed: what it cannot read in one way only, it refuses, with
// a stable rule id, the reason in words and what would mend it.
package hostrule

import (
	"strconv"
	"strings"
)

// Pattern is a host pattern in normal form. Compare tuples, never texts. Patterns
// made by ParsePattern are comparable with ==; the zero value admits nothing.
type Pattern struct {
	// Any is the pattern "*"; then nothing else is set.
	Any bool
	// Scheme is "https" or "wss" ("http" and "ws" only inside a network grant).
	Scheme string
	// Wild covers one or more labels in front of Host, never Host itself.
	Wild bool
	// Host is lower-case A-labels.
	Host string
	// Port is explicit: 443 where the text had none.
	Port uint16
	// Path is "" or starts with "/"; it counts for client and resource types only.
	Path string
}

// Use says what a pattern is declared for, since the same text admits different
// things there: who enforces it, and whether its path is enforced at all.
type Use uint8

const (
	// Backend is a function's fetch, enforced by the broker: "*" is https on port
	// 443, named hosts only, and a path does not count.
	Backend Use = iota + 1
	// Resource is what a page may load or connect to (client fetch, images, media,
	// fonts, navigation), enforced by the browser: a path counts, "*" is https on any port.
	Resource
	// Code is what a page may run or embed (scripts, styles, frames): as Resource,
	// but "*" is refused, because code from anywhere is every other permission at once.
	Code
	// Remote is one of the patterns that bound the endpoint of a configurable remote.
	Remote
)

// String is the use in words, for messages.
func (u Use) String() string {
	switch u {
	case Backend:
		return "backend fetch"
	case Resource:
		return "client and resource egress"
	case Code:
		return "scripts, styles and frames"
	case Remote:
		return "configurable remotes"
	default:
		return "unknown use"
	}
}

// paths reports whether a path bounds anything in this use.
func (u Use) paths() bool { return u == Resource || u == Code }

// named reports whether only named public hosts are admitted in this use. The
// browser cannot be told so ("*" becomes the source "https:"), hence there it is not.
func (u Use) named() bool { return u == Backend || u == Remote }

// String is the normal form's text: "*", or scheme and host with the port where it
// is not the scheme's default, and the path. ParsePattern reads it back.
func (p Pattern) String() string {
	if p.Any {
		return "*"
	}
	if p.Host == "" {
		return ""
	}
	var b strings.Builder
	b.WriteString(p.Scheme)
	b.WriteString("://")
	if p.Wild {
		b.WriteString("*.")
	}
	b.WriteString(p.Host)
	if p.Port != defaultPort(p.Scheme) {
		b.WriteByte(':')
		b.WriteString(strconv.Itoa(int(p.Port)))
	}
	b.WriteString(p.Path)
	return b.String()
}

// MarshalText writes the normal form, so that a stored set stays readable and its
// digest does not depend on how a manifest spelt a host.
func (p Pattern) MarshalText() ([]byte, error) {
	text := p.String()
	if text == "" {
		return nil, &Error{Rule: "pattern-empty", Reason: "a pattern without a host has no text"}
	}
	return []byte(text), nil
}

// UnmarshalText reads a pattern in the widest use (any path, "*" accepted); what it
// is used for is known to the holder, and matching applies that use's rules.
func (p *Pattern) UnmarshalText(text []byte) error {
	q, err := ParsePattern(string(text), Resource)
	if err != nil {
		return err
	}
	*p = q
	return nil
}

// In is the pattern as it counts in a use: without what that use does not look at.
// A pattern that admits nothing there becomes the zero value. Patterns that admit
// the same are equal after In.
func (p Pattern) In(use Use) Pattern {
	if p.Any {
		if use == Code {
			return Pattern{}
		}
		return Pattern{Any: true}
	}
	if p.Host == "" || p.Scheme == "" || BlockedPort(p.Port) {
		return Pattern{}
	}
	if !use.paths() || p.Path == "/" {
		p.Path = ""
	}
	return p
}

// Empty reports whether the pattern admits no URL at all in the use.
func (p Pattern) Empty(use Use) bool { return p.In(use) == Pattern{} }

func defaultPort(scheme string) uint16 {
	switch scheme {
	case "https", "wss":
		return 443
	case "http", "ws":
		return 80
	default:
		return 0
	}
}
