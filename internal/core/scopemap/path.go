package scopemap

import (
	"strings"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/fault"
)

const (
	// maxPath and maxSegments bound the path of a request.
	maxPath     = 8 << 10
	maxSegments = 64
)

func refused(format string, args ...any) error {
	return fault.New(fault.Denied, "PATH_REFUSED", format, args...).
		WithFix("write the path as the product's API documents it, values percent-encoded once")
}

// split normalises an escaped path, once: its segments decoded. Whatever one program could
// read as another path than the next one is refused rather than repaired, since the product
// reads the path after us.
func split(raw string, into []string) ([]string, error) {
	if raw == "" || raw[0] != '/' {
		return nil, refused("a path starts with a slash")
	}
	if len(raw) > maxPath {
		return nil, refused("the path is longer than %d bytes", maxPath)
	}
	for rest := raw[1:]; ; {
		segment, tail, more := strings.Cut(rest, "/")
		if segment == "" && more {
			return nil, refused("the path has two slashes in a row")
		}
		decoded, err := decode(segment)
		if err != nil {
			return nil, err
		}
		if into = append(into, decoded); len(into) > maxSegments {
			return nil, refused("the path has more than %d segments", maxSegments)
		}
		if !more {
			return into, nil
		}
		rest = tail
	}
}

// plain are the bytes that stand for themselves in a segment (RFC 3986 pchar) except ";":
// some programs cut a segment there, others do not.
var plain = func() (t [256]bool) {
	for _, c := range []byte("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-._~!$&'()*+,=:@") {
		t[c] = true
	}
	return t
}()

func unreserved(c byte) bool {
	return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || '0' <= c && c <= '9' || c == '-' || c == '.' || c == '_' || c == '~'
}

// decode undoes a segment's percent-encoding.
func decode(s string) (string, error) {
	escaped := false
	for i := 0; i < len(s); i++ {
		switch c := s[i]; {
		case plain[c]:
		case c == '%':
			escaped = true
		case c == ';':
			return "", refused("a segment of the path has a semicolon, which products read in different ways")
		case c == '\\':
			return "", refused("the path has a backslash")
		default:
			return "", refused("the path has the byte %#02x, which must be percent-encoded", c)
		}
	}
	if escaped {
		var err error
		if s, err = unescape(s); err != nil {
			return "", err
		}
	}
	if s == "." || s == ".." {
		return "", refused("the path has a dot segment")
	}
	return s, nil
}

func unescape(s string) (string, error) {
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		if s[i] != '%' {
			out = append(out, s[i])
			continue
		}
		if i+2 >= len(s) {
			return "", refused("the path has an incomplete percent-encoding")
		}
		hi, lo := digit(s[i+1]), digit(s[i+2])
		if hi < 0 || lo < 0 {
			return "", refused("the path has a percent-encoding that is none, or in lower case: %s", printable(s[i:i+3]))
		}
		c := byte(hi<<4 | lo)
		switch {
		case c == '/' || c == '\\':
			return "", refused("the path has an encoded separator")
		case c == ';':
			return "", refused("a segment of the path has a semicolon, which products read in different ways")
		case c < 0x20 || c == 0x7f:
			return "", refused("the path has a control character")
		case unreserved(c):
			return "", refused("the path encodes %q, which stands for itself", c)
		}
		out = append(out, c)
		i += 2
	}
	if !utf8.Valid(out) {
		return "", refused("the path is not UTF-8 when decoded")
	}
	for i, r := range string(out) {
		switch {
		case 0x80 <= r && r < 0xa0 || r == 0x2028 || r == 0x2029 || r == 0xfeff:
			return "", refused("the path has a control character")
		case r == '%' && i+2 < len(out) && hex(out[i+1]) && hex(out[i+2]):
			return "", refused("the path is encoded twice")
		}
	}
	return string(out), nil
}

// digit reads an upper-case hexadecimal digit: the one form that RFC 3986 calls normal.
func digit(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	}
	return -1
}

func hex(c byte) bool { return digit(c) >= 0 || 'a' <= c && c <= 'f' }

// printable is s for a message: what came in is not repeated as it is.
func printable(s string) string {
	out := []byte(s)
	for i, c := range out {
		if c < 0x20 || c > 0x7e {
			out[i] = '?'
		}
	}
	return string(out)
}
