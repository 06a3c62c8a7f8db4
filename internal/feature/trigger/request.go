package trigger

import (
	"net/http"
	"strings"
	"unicode/utf8"
)

// unwanted are request headers that do not reach the app: credentials of the browser,
// what belongs to one connection, and what proxies say of the client. The last could
// be said by anybody, and an app would believe it.
var unwanted = map[string]bool{
	"Cookie": true, "Cookie2": true,
	"Connection": true, "Keep-Alive": true, "Te": true, "Trailer": true, "Transfer-Encoding": true, "Upgrade": true, "Expect": true,
	"Forwarded": true, "Via": true,
	"X-Real-Ip": true, "X-Client-Ip": true, "X-Cluster-Client-Ip": true, "X-Proxyuser-Ip": true, "X-Original-Forwarded-For": true,
	"X-Original-Url": true, "X-Original-Host": true, "X-Rewrite-Url": true, "X-Envoy-External-Address": true, "X-Remote-User": true, "Remote-User": true,
	"True-Client-Ip": true, "Fastly-Client-Ip": true, "Fly-Client-Ip": true, "Client-Ip": true, "X-Azure-Clientip": true,
	tunnelHeader:    true,
	"X-Client-Cert": true, "Client-Cert": true, "Client-Cert-Chain": true, "X-Ssl-Client-Cert": true, "Ssl-Client-Cert": true,
}

// unwantedFamilies are the prefixes of such headers.
var unwantedFamilies = []string{
	"X-Forwarded-", "Proxy-", "X-Auth-Request-", "X-Annex-", "Cf-", "X-Goog-Iap-", "X-Goog-Authenticated-", "X-Amzn-Oidc-",
	"X-Amzn-Mtls-", "X-Ms-Client-Principal", "Tailscale-User-", "X-Remote-", "X-Ssl-Client-",
}

func wanted(name string) bool {
	if unwanted[name] {
		return false
	}
	for _, prefix := range unwantedFamilies {
		if len(name) >= len(prefix) && strings.EqualFold(name[:len(prefix)], prefix) {
			return false
		}
	}
	// Some servers behind a proxy read "_" as "-", so a name with one may be another's.
	return !strings.Contains(name, "_") || wanted(http.CanonicalHeaderKey(strings.ReplaceAll(name, "_", "-")))
}

// contextOf renders {"request": call.WebRequest}. It is written by hand: this is the
// path of each request, and the shape is flat. The header named by proof, if any, is left
// out: it was for the platform.
func contextOf(r *http.Request, proof string) []byte {
	b := make([]byte, 0, 768)
	path := rawPath(r)
	userPath := path
	if path == "/" {
		userPath = ""
	}
	b = append(b, `{"request":{"method":`...)
	b = appendString(b, r.Method)
	b = append(b, `,"path":`...)
	b = appendString(b, path)
	b = append(b, `,"userPath":`...)
	b = appendString(b, userPath)
	b = append(b, `,"rawQuery":`...)
	b = appendString(b, r.URL.RawQuery)
	b = append(b, `,"queryParameters":`...)
	b = appendQuery(b, r.URL.RawQuery)
	b = append(b, `,"headers":`...)
	b = appendHeaders(b, r.Header, r.Host, proof)
	return append(b, "}}"...)
}

// rawPath is the path as it stood in the request line; a parsed path would have lost
// which characters were escaped.
func rawPath(r *http.Request) string {
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") {
		path = r.URL.EscapedPath() // the request line named the host too, or was written in a test
	}
	if !strings.HasPrefix(path, "/") {
		path = "/" + path // OPTIONS * has none
	}
	return path
}

func appendHeaders(b []byte, h http.Header, host, proof string) []byte {
	b = append(b, `{"host":[`...)
	b = appendLatin1(b, host, false)
	b = append(b, ']')
	dropped := connectionNames(h)
	for name, values := range h {
		if name == "Host" || !wanted(name) || contains(dropped, name) {
			continue
		}
		if name == proof {
			continue
		}
		b = append(b, ',')
		b = appendLatin1(b, name, true)
		b = append(b, ":["...)
		for i, v := range values {
			if i > 0 {
				b = append(b, ',')
			}
			b = appendLatin1(b, v, false)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

// connectionNames are the headers that Connection declares to be about this
// connection only.
func connectionNames(h http.Header) []string {
	values := h["Connection"]
	if len(values) == 0 {
		return nil
	}
	var names []string
	for _, v := range values {
		for name := range strings.SplitSeq(v, ",") {
			names = append(names, http.CanonicalHeaderKey(strings.TrimSpace(name)))
		}
	}
	return names
}

func contains(list []string, s string) bool {
	for _, e := range list {
		if e == s {
			return true
		}
	}
	return false
}

// appendQuery renders the query's parameters as a form parser of browsers reads them:
// only "&" separates, a broken escape stands for itself, order is kept within a name.
func appendQuery(b []byte, raw string) []byte {
	if raw == "" {
		return append(b, "{}"...)
	}
	type parameter struct {
		name   string
		values []string
	}
	var list []parameter
	index := map[string]int{}
	for pair := range strings.SplitSeq(raw, "&") {
		if pair == "" {
			continue
		}
		name, value, _ := strings.Cut(pair, "=")
		name, value = decode(name), decode(value)
		i, ok := index[name]
		if !ok {
			i = len(list)
			index[name] = i
			list = append(list, parameter{name: name})
		}
		list[i].values = append(list[i].values, value)
	}
	b = append(b, '{')
	for i, p := range list {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendString(b, p.name)
		b = append(b, ":["...)
		for j, v := range p.values {
			if j > 0 {
				b = append(b, ',')
			}
			b = appendString(b, v)
		}
		b = append(b, ']')
	}
	return append(b, '}')
}

func decode(s string) string {
	if !strings.ContainsAny(s, "%+") {
		return s
	}
	out := make([]byte, 0, len(s))
	for i := 0; i < len(s); i++ {
		switch {
		case s[i] == '+':
			out = append(out, ' ')
		case s[i] == '%' && i+2 < len(s) && unhex(s[i+1]) >= 0 && unhex(s[i+2]) >= 0:
			out = append(out, byte(unhex(s[i+1])<<4|unhex(s[i+2])))
			i += 2
		default:
			out = append(out, s[i])
		}
	}
	return string(out)
}

func unhex(c byte) int {
	switch {
	case '0' <= c && c <= '9':
		return int(c - '0')
	case 'a' <= c && c <= 'f':
		return int(c-'a') + 10
	case 'A' <= c && c <= 'F':
		return int(c-'A') + 10
	default:
		return -1
	}
}

const hexDigits = "0123456789abcdef"

// appendString writes a JSON string; bytes that are no UTF-8 become U+FFFD.
func appendString(b []byte, s string) []byte {
	b = append(b, '"')
	start := 0
	for i := 0; i < len(s); {
		c := s[i]
		if c < utf8.RuneSelf {
			if c >= 0x20 && c != '"' && c != '\\' {
				i++
				continue
			}
			b = append(b, s[start:i]...)
			b = appendEscaped(b, c)
			i++
			start = i
			continue
		}
		r, size := utf8.DecodeRuneInString(s[i:])
		if r == utf8.RuneError && size == 1 {
			b = append(b, s[start:i]...)
			b = append(b, `\ufffd`...)
			i++
			start = i
			continue
		}
		i += size
	}
	b = append(b, s[start:]...)
	return append(b, '"')
}

// appendLatin1 writes header text: HTTP's bytes are characters of the same number, as
// in fetch's ByteString, so that nothing is lost.
func appendLatin1(b []byte, s string, lower bool) []byte {
	b = append(b, '"')
	for i := range len(s) {
		switch c := s[i]; {
		case c >= utf8.RuneSelf:
			b = utf8.AppendRune(b, rune(c))
		case c < 0x20 || c == '"' || c == '\\':
			b = appendEscaped(b, c)
		case lower && 'A' <= c && c <= 'Z':
			b = append(b, c+'a'-'A')
		default:
			b = append(b, c)
		}
	}
	return append(b, '"')
}

func appendEscaped(b []byte, c byte) []byte {
	if c == '"' || c == '\\' {
		return append(b, '\\', c)
	}
	return append(b, '\\', 'u', '0', '0', hexDigits[c>>4], hexDigits[c&15])
}
