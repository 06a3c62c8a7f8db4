package hostrule

import (
	"strconv"
	"strings"
)

const maxPattern = 1000

// ParsePattern reads a declared pattern for a use and gives its normal form, or an
// *Error. The grammar is
//
//	pattern = "*" / [scheme "://"] ["*."] host [":" port] [path]
//
// with scheme https (if absent) or wss, and a host of at least two labels.
func ParsePattern(text string, use Use) (Pattern, error) {
	p, _, err := Lint(text, use)
	return p, err
}

// Warnings is what Lint advises about an accepted pattern.
func Warnings(text string, use Use) []Warning {
	_, w, _ := Lint(text, use)
	return w
}

// Lint is ParsePattern with its advice: the pattern is accepted, but an author or an
// admin should know something about it.
func Lint(text string, use Use) (Pattern, []Warning, error) {
	if err := checkCharacters(text); err != nil {
		return Pattern{}, nil, err
	}
	if text == "*" {
		return parseAny(use)
	}
	scheme, rest, err := cutScheme(text)
	if err != nil {
		return Pattern{}, nil, err
	}
	authority, path := rest, ""
	if i := strings.IndexByte(rest, '/'); i >= 0 {
		authority, path = rest[:i], rest[i:]
	}
	p := Pattern{Scheme: scheme}
	host, port, err := cutPort(authority, scheme)
	if err != nil {
		return Pattern{}, nil, err
	}
	p.Port = port
	p.Host = strings.ToLower(host)
	if base, ok := strings.CutPrefix(p.Host, "*."); ok {
		p.Wild, p.Host = true, base
	}
	if err := checkPatternHost(p); err != nil {
		return Pattern{}, nil, err
	}
	var warnings []Warning
	p.Path, warnings, err = patternPath(path, use)
	if err != nil {
		return Pattern{}, nil, err
	}
	warnings = append(warnings, hostWarnings(p, authority)...)
	return p, warnings, nil
}

// checkCharacters refuses every byte that is syntax somewhere else: of a header (CR,
// LF), of a content security policy (quotes, ";" and ","), of a URL (userinfo, query,
// fragment, backslash) or of no host at all.
func checkCharacters(text string) error {
	switch {
	case strings.Trim(text, " \t\r\n") == "":
		return refuse("pattern-empty", "the pattern is empty", "write a host, for instance api.example.com")
	case len(text) > maxPattern:
		return refuse("pattern-length", "the pattern is longer than 1000 characters", "")
	}
	for i := 0; i < len(text); i++ {
		c := text[i]
		switch {
		case c >= 0x80:
			return notASCII(text)
		case c <= 0x20 || c == 0x7f:
			return refuse("pattern-character", "the pattern holds a space or control character", "write one host per entry, without spaces")
		}
		switch c {
		case '?':
			return refuse("pattern-query", "a pattern has no query", "remove everything from the ? on")
		case '#':
			return refuse("pattern-fragment", "a pattern has no fragment", "remove everything from the # on")
		case '@':
			return refuse("pattern-userinfo", "a pattern has no user name or password", "remove everything up to the @")
		}
		if strings.IndexByte("\"'<>\\^{|}();,`", c) >= 0 {
			return refuse("pattern-character", "the character "+string(rune(c))+" cannot stand in a pattern",
				"write one host per entry; escape ; and , in a path as %3B and %2C")
		}
	}
	return nil
}

// notASCII names the A-label form where there is one: the stored and shown form is
// ASCII, because a look-alike letter is seen by nobody.
func notASCII(text string) error {
	fix := "write the host in its ASCII form (xn--…)"
	_, rest, found := strings.Cut(text, "://")
	if !found {
		rest = text
	}
	host, _, _ := strings.Cut(rest, "/")
	if a, err := domainProfile.ToASCII(strings.TrimPrefix(host, "*.")); err == nil {
		fix = "write " + a
	}
	return refuse("pattern-not-ascii", "the pattern holds a character outside ASCII", fix)
}

// ToASCII gives a host name its A-label form, for a place where a person may type it
// as it is written. What is stored and shown is the result.
func ToASCII(host string) (string, error) {
	a, err := domainProfile.ToASCII(host)
	if err != nil {
		return "", refuse("pattern-idna", "the host is no valid internationalised name", "")
	}
	return a, nil
}

func parseAny(use Use) (Pattern, []Warning, error) {
	if use == Code {
		return Pattern{}, nil, refuse("pattern-any-code", "* is refused for scripts, styles and frames: code from anywhere could do everything the app may",
			"name the hosts")
	}
	return Pattern{Any: true}, []Warning{{Rule: "egress-any", Reason: "* is any address on the internet; an admin is told so in loud words",
		Fix: "name the hosts"}}, nil
}

func cutScheme(text string) (scheme, rest string, err error) {
	scheme, rest, found := strings.Cut(text, "://")
	if !found {
		// "javascript:x" and "https:" are schemes; "example.com:8443" is a port.
		if name, after, ok := strings.Cut(text, ":"); ok && !strings.ContainsAny(name, "./*") && (after == "" || after[0] < '0' || after[0] > '9') {
			return "", "", badScheme(name)
		}
		if strings.HasPrefix(text, "/") {
			return "", "", refuse("pattern-host", "the pattern has no host", "write a host, for instance api.example.com")
		}
		return "https", text, nil
	}
	if strings.Contains(scheme, "/") {
		// "example.com/https://x": the separator belongs to the path.
		return "https", text, nil
	}
	switch lower := strings.ToLower(scheme); lower {
	case "https", "wss":
		if rest == "" {
			return "", "", refuse("pattern-host", "the pattern has no host", "write a host after "+lower+"://")
		}
		return lower, rest, nil
	default:
		return "", "", badScheme(scheme)
	}
}

func badScheme(scheme string) error {
	switch strings.ToLower(scheme) {
	case "http":
		return refuse("pattern-scheme", "plain http is not offered: what is sent could be read and changed on the way", "use https")
	case "ws":
		return refuse("pattern-scheme", "plain ws is not offered: what is sent could be read and changed on the way", "use wss")
	case "https", "wss":
		return refuse("pattern-host", "the pattern has no host", "write "+strings.ToLower(scheme)+":// and a host")
	default:
		return refuse("pattern-scheme", "the scheme "+quote(scheme)+" is not offered", "use https or wss, or leave the scheme out for https")
	}
}

func cutPort(authority, scheme string) (host string, port uint16, err error) {
	if strings.HasPrefix(authority, "[") {
		return "", 0, ipLiteral()
	}
	host, text, found := strings.Cut(authority, ":")
	if !found {
		return host, defaultPort(scheme), nil
	}
	n, perr := strconv.ParseUint(text, 10, 16)
	if perr != nil || n == 0 || text[0] < '1' || text[0] > '9' {
		fix := "write a number from 1 to 65535, or no port for the default one"
		if text == "*" {
			fix = "write one entry for each port"
		}
		return "", 0, refuse("pattern-port", "the port "+quote(text)+" is no port number", fix)
	}
	return host, uint16(n), nil
}

func ipLiteral() error {
	return refuse("pattern-ip-literal", "an IP address is no name: whom it belongs to cannot be shown to an admin, and it may be private",
		"use a host name, or ask a site admin for a network grant")
}

func checkPatternHost(p Pattern) error {
	switch {
	case p.Host == "":
		return refuse("pattern-host", "the pattern has no host", "write a host, for instance api.example.com")
	case strings.Contains(p.Host, "*"):
		return refuse("pattern-wildcard-place", "a * stands only as the whole first label (*.example.com) or alone",
			"write *.example.com for the hosts below example.com")
	case strings.Contains(p.Host, "%"):
		return refuse("pattern-label", "a host is not percent-encoded in a pattern", "write the host itself")
	}
	if err := checkName("pattern", p.Host, false); err != nil {
		return err
	}
	if p.Wild && len(p.Host)+len("x.") > maxHost {
		return refuse("pattern-host-length", "no host below this one is short enough to exist", "")
	}
	if isIP(p.Host) || endsInNumber(p.Host) {
		return ipLiteral()
	}
	if s := specialName(p.Host); s != "" {
		return refuse("pattern-special-name", quote(s)+" is reserved: it means this machine, this network or nothing",
			"use a public host name, or ask a site admin for a network grant")
	}
	if p.Wild {
		if err := checkWildBase(p.Host); err != nil {
			return err
		}
	}
	if !strings.Contains(p.Host, ".") {
		return refuse("pattern-single-label", quote(p.Host)+" has no dot, so it is no public host", "write the whole host name, for instance api.example.com")
	}
	if c := p.Host[strings.LastIndexByte(p.Host, '.')+1]; c < 'a' || c > 'z' {
		return refuse("pattern-label", "the last label of a host starts with a letter", "")
	}
	return nil
}

// patternPath gives the path that counts: a trailing "/*" or "/**" says "everything
// below", any other "*" is cut back to its directory, and a backend path is dropped,
// since the broker decides by host and must not look as if it did more.
func patternPath(path string, use Use) (string, []Warning, error) {
	for i := 0; i < len(path); i++ {
		c := path[i]
		if c == '%' && (i+2 >= len(path) || !isHex(path[i+1]) || !isHex(path[i+2])) {
			return "", nil, refuse("pattern-path", "a % in a path is followed by two hexadecimal digits", "write %25 for a percent sign")
		}
		if c == '[' || c == ']' {
			return "", nil, refuse("pattern-character", "the character "+string(rune(c))+" cannot stand in a path", "write %5B and %5D")
		}
	}
	trimmed := strings.TrimRight(path, "*")
	if strings.HasSuffix(trimmed, "/") && !strings.Contains(trimmed, "*") {
		path = trimmed
	}
	var warnings []Warning
	if !use.paths() {
		if path != "" && path != "/" {
			warnings = append(warnings, Warning{Rule: "egress-path-ignored",
				Reason: "a path does not count for " + use.String() + ": the whole host is granted",
				Fix:    "remove the path"})
		}
		return "", warnings, nil
	}
	if i := strings.IndexByte(path, '*'); i >= 0 {
		path = path[:strings.LastIndexByte(path[:i], '/')+1]
		warnings = append(warnings, Warning{Rule: "egress-path-cut",
			Reason: "a * inside a path is not offered: everything below " + path + " is granted",
			Fix:    "end the path before the *"})
	}
	return canonicalPath(path), warnings, nil
}

func hostWarnings(p Pattern, authority string) []Warning {
	var warnings []Warning
	if BlockedPort(p.Port) {
		warnings = append(warnings, Warning{Rule: "egress-port-blocked",
			Reason: "port " + strconv.Itoa(int(p.Port)) + " belongs to another protocol and is never connected",
			Fix:    "use the port that the service offers for https"})
	}
	if p.Wild {
		if suffix := hostingSuffix(p.Host); suffix != "" {
			warnings = append(warnings, Warning{Rule: "egress-hosting-suffix",
				Reason: "anyone can register names below " + suffix + ", so *." + p.Host + " reaches strangers too",
				Fix:    "name the hosts"})
		}
	}
	normal := p
	normal.Path = ""
	text := strings.TrimPrefix(normal.String(), p.Scheme+"://")
	if text != authority {
		warnings = append(warnings, Warning{Rule: "pattern-not-normal", Reason: quote(authority) + " is kept as " + text, Fix: "write " + text})
	}
	return warnings
}
