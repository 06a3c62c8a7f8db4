package exchange

import (
	"net/http"
	"strings"

	"golang.org/x/net/http/httpguts"

	"github.com/annexhq/annex/internal/core/fault"
)

const (
	MaxHeaders   = 100
	maxHeadBytes = 64 << 10
	// maxHeaderValue bounds one value; servers refuse longer ones.
	maxHeaderValue = 32 << 10
	userAgent      = "Annex"
	accepted       = "gzip, deflate, br"
)

// methods are all that leave. CONNECT, TRACE and TRACK are not among them.
var methods = map[string]bool{
	"GET": true, "HEAD": true, "POST": true, "PUT": true, "PATCH": true, "DELETE": true, "OPTIONS": true,
}

// Method gives a request method in its canonical spelling, GET for "".
func Method(m string) (string, error) {
	if m == "" {
		return "GET", nil
	}
	if up := strings.ToUpper(m); methods[up] {
		return up, nil
	}
	return "", fault.New(fault.Denied, "METHOD_NOT_ALLOWED", "the method %.32q is not offered", m).
		WithFix("use GET, HEAD, POST, PUT, PATCH, DELETE or OPTIONS")
}

// hopByHop are headers of one connection; they are the platform's own business in both
// directions, since whoever sets them can make two servers disagree about where a
// message ends.
var hopByHop = map[string]bool{
	"Connection": true, "Keep-Alive": true, "Proxy-Connection": true, "Te": true, "Trailer": true, "Transfer-Encoding": true,
	"Upgrade": true, "Content-Length": true, "Http2-Settings": true,
}

// ours are further request headers that an app does not set: the destination's name is
// the policy's, and proxies' headers would speak for the platform.
var ours = map[string]bool{"Host": true, "Expect": true, "Forwarded": true, "Via": true}

// dropRequest also drops names with underscores: many servers read X_Forwarded_For as the
// name with hyphens.
func dropRequest(name string) bool {
	if strings.Contains(name, "_") {
		name = http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-"))
	}
	return hopByHop[name] || ours[name] || strings.HasPrefix(name, "Proxy-") || strings.HasPrefix(name, "X-Forwarded-") || platform(name)
}

func platform(name string) bool { return strings.HasPrefix(name, "X-Annex-") }

// RequestHeaders takes in what the app set. Invalid names and values are refused
// rather than repaired; what is the platform's own is left out.
func RequestHeaders(list [][2]string) (http.Header, error) {
	if len(list) > MaxHeaders {
		return nil, fault.New(fault.Limit, "LIMIT_REQUEST_HEADERS", "a request may have %d headers", MaxHeaders).With("limit", "request headers").With("figure", MaxHeaders)
	}
	h := make(http.Header, len(list)+2)
	size := 0
	var connection []string
	for _, kv := range list {
		name := kv[0]
		value, ok := latin1(strings.Trim(kv[1], " \t\r\n"))
		if !httpguts.ValidHeaderFieldName(name) || !ok || !httpguts.ValidHeaderFieldValue(value) {
			return nil, fault.New(fault.Denied, "INVALID_HEADER", "the request header %.64q is not valid in HTTP", name).
				WithFix("header names are tokens, values have no line breaks and no characters above U+00FF")
		}
		size += len(name) + len(value) + 4
		if len(value) > maxHeaderValue || size > maxHeadBytes {
			return nil, fault.New(fault.Limit, "LIMIT_REQUEST_HEADERS", "a request's headers may have %d bytes in all and %d each", maxHeadBytes, maxHeaderValue).
				With("limit", "request header bytes").With("figure", maxHeadBytes)
		}
		key := http.CanonicalHeaderKey(name)
		if key == "Connection" {
			for n := range strings.SplitSeq(value, ",") {
				connection = append(connection, http.CanonicalHeaderKey(strings.TrimSpace(n)))
			}
		}
		if !dropRequest(key) {
			h[key] = append(h[key], value)
		}
	}
	for _, n := range connection {
		delete(h, n)
	}
	if len(h["User-Agent"]) == 0 {
		h["User-Agent"] = []string{userAgent}
	}
	if len(h["Accept-Encoding"]) == 0 {
		h["Accept-Encoding"] = []string{accepted}
	}
	return h, nil
}

// ResponseHeaders gives what the app sees of an answer's head; net/http takes in names
// that are none, which no program would read alike. Cookies are for the app
// only when it asked for them: no jar keeps them, and most apps pass answers on.
func ResponseHeaders(h http.Header, raw bool) [][2]string {
	connection := map[string]bool{}
	for _, v := range h["Connection"] {
		for n := range strings.SplitSeq(v, ",") {
			connection[http.CanonicalHeaderKey(strings.TrimSpace(n))] = true
		}
	}
	out := make([][2]string, 0, len(h))
	for name, values := range h {
		cookie := name == "Set-Cookie" || name == "Set-Cookie2"
		if (hopByHop[name] && name != "Content-Length") || strings.HasPrefix(name, "Proxy-") || name == "Alt-Svc" ||
			platform(name) || connection[name] || (cookie && !raw) {
			continue
		}
		if !httpguts.ValidHeaderFieldName(name) {
			continue
		}
		for _, v := range values {
			if !httpguts.ValidHeaderFieldValue(v) {
				continue
			}
			out = append(out, [2]string{strings.ToLower(name), fromLatin1(v)})
		}
	}
	return out
}

// latin1 turns the characters of a header into the bytes that they stand for; ok is
// false for characters that HTTP has no byte for.
func latin1(s string) (string, bool) {
	if ascii(s) {
		return s, true
	}
	out := make([]byte, 0, len(s))
	for _, r := range s {
		if r > 0xff {
			return "", false
		}
		out = append(out, byte(r))
	}
	return string(out), true
}

func fromLatin1(s string) string {
	if ascii(s) {
		return s
	}
	out := make([]rune, 0, len(s))
	for i := range len(s) {
		out = append(out, rune(s[i]))
	}
	return string(out)
}

func ascii(s string) bool {
	for i := range len(s) {
		if s[i] >= 0x80 {
			return false
		}
	}
	return true
}
