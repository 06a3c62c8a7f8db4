package hostrule

import "strings"

// canonicalPath rewrites a path so that equal paths are equal texts: dot segments are
// resolved as the URL Standard does, each byte is escaped or bare in one way only,
// and an escaped slash stays escaped, since it is data and no separator.
func canonicalPath(path string) string {
	if path == "" || path == "/" {
		return ""
	}
	segments := strings.Split(path[1:], "/")
	out := make([]string, 0, len(segments))
	for i, segment := range segments {
		last := i == len(segments)-1
		switch canonical := canonicalSegment(segment); canonical {
		case ".":
			if last {
				out = append(out, "")
			}
		case "..":
			if len(out) > 0 {
				out = out[:len(out)-1]
			}
			if last {
				out = append(out, "")
			}
		default:
			out = append(out, canonical)
		}
	}
	if joined := "/" + strings.Join(out, "/"); joined != "/" {
		return joined
	}
	return ""
}

// bareInPath are the bytes that stand unescaped in a canonical path: what the
// pattern grammar can write, less "*". Everything else (";" and "," above all, which
// end a CSP source) is escaped.
const bareInPath = "-._~!$&+=:"

func canonicalSegment(s string) string {
	const hex = "0123456789ABCDEF"
	var b strings.Builder
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c == '%' && i+2 < len(s) && isHex(s[i+1]) && isHex(s[i+2]) {
			c = unhex(s[i+1])<<4 | unhex(s[i+2])
			i += 2
		}
		if isAlnum(c) || c < 0x80 && strings.IndexByte(bareInPath, c) >= 0 {
			b.WriteByte(c)
			continue
		}
		b.WriteByte('%')
		b.WriteByte(hex[c>>4])
		b.WriteByte(hex[c&15])
	}
	return b.String()
}

// pathAdmits is the rule of content security policies: no path admits all, a path
// that ends in "/" admits everything below it, any other path only itself.
func pathAdmits(pattern, path string) bool {
	if pattern == "" || pattern == "/" {
		return true
	}
	if strings.HasSuffix(pattern, "/") {
		return strings.HasPrefix(path, pattern)
	}
	return path == pattern
}

func isAlnum(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9'
}

func isHex(c byte) bool {
	return c >= '0' && c <= '9' || c >= 'a' && c <= 'f' || c >= 'A' && c <= 'F'
}

func unhex(c byte) byte {
	switch {
	case c <= '9':
		return c - '0'
	case c <= 'F':
		return c - 'A' + 10
	default:
		return c - 'a' + 10
	}
}

// PlainPath is the path as the most lenient server reads it: escapes taken off however
// often they were put on, no difference between letters' cases or kinds of slash, neither
// empty nor dot segments, no parameters after a ";", no slash at the end. Two paths with
// different plain paths are different everywhere; so it is for refusing, never for allowing.
func PlainPath(path string) string {
	for range 4 {
		once := decode(path)
		if once == path {
			break
		}
		path = once
	}
	path = strings.ToLower(strings.ReplaceAll(path, "\\", "/"))
	var out []string
	for segment := range strings.SplitSeq(path, "/") {
		segment, _, _ = strings.Cut(segment, ";")
		switch segment = strings.TrimRight(segment, " \t\x00"); segment {
		case "", ".":
		case "..":
			out = out[:max(0, len(out)-1)]
		default:
			out = append(out, segment)
		}
	}
	return "/" + strings.Join(out, "/")
}
