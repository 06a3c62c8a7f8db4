package attack

import (
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
)

// egress-security B8–B10: an app cannot make two servers disagree about where its
// request ends or whom it is for, and cannot speak in the platform's name.
func TestAttackSmuggleHeaders(t *testing.T) {
	o := newOutside(t)
	var requests []*http.Request
	var bodies []string
	o.Host(t, "api.example.com", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) {
		b, _ := io.ReadAll(r.Body)
		requests, bodies = append(requests, r), append(bodies, string(b))
	}))
	a := o.app(t, "api.example.com")

	const hidden = "GET /hidden HTTP/1.1\r\nHost: api.example.com\r\n\r\n"
	for _, h := range [][2]string{
		{"Host", "internal.example"}, {"host", "internal.example"}, {":authority", "internal.example"}, {"Content-Length", "0"}, {"Content-Length", "5, 6"},
		{"Transfer-Encoding", "chunked"}, {"transfer-encoding", "xchunked"}, {"Transfer-Encoding", "\x0bchunked"}, {"TE", "trailers"}, {"Trailer", "X-A"},
		{"Upgrade", "h2c"}, {"Connection", "Upgrade, HTTP2-Settings, X-Annex-Install"}, {"HTTP2-Settings", "AAMAAABkAARAAAAAAAIAAAAA"}, {"Expect", "100-continue"},
		{"Keep-Alive", "x"}, {"Proxy-Authorization", "Basic x"}, {"Proxy-Connection", "x"}, {"Forwarded", "for=127.0.0.1"}, {"X-Forwarded-For", "127.0.0.1"},
		{"x-forwarded-host", "internal.example"}, {"Via", "x"}, {"X-Annex-Install", "i-other"}, {"x-annex-anything", "1"},
		{"X-A\r\nX-B", "c"}, {"X-A", "b\r\nX-B: c"}, {"X-A", "b\nX-B: c"}, {"X-A", "b\x00c"}, {"X A", "b"}, {"X-A:", "b"}, {"", "b"},
		{"X-A", "\u560d\u560aX-B: c"}, // cut to bytes, these are CR LF
	} {
		requests, bodies = nil, nil
		_, err := a.fetch(map[string]any{"url": "https://api.example.com/x", "method": "POST", "headers": [][2]string{h}}, hidden)
		if err != nil {
			if fault.KindOf(err) != fault.Denied || len(requests) != 0 {
				t.Errorf("%q: %v after %d requests", h, err, len(requests))
			}
			continue
		}
		if len(requests) != 1 {
			t.Errorf("%q became %d requests", h, len(requests))
			continue
		}
		r := requests[0]
		if r.Host != "api.example.com" || r.TLS.ServerName != "api.example.com" || r.RequestURI != "/x" || bodies[0] != hidden || r.ContentLength != int64(len(hidden)) {
			t.Errorf("%q: %s %s, length %d, body %q", h, r.Host, r.RequestURI, r.ContentLength, bodies[0])
		}
		for name := range r.Header {
			switch name {
			case "Content-Length", "User-Agent", "Accept-Encoding":
			default:
				t.Errorf("%q: %s: %s arrived", h, name, strings.Join(r.Header[name], ", "))
			}
		}
	}
	for _, m := range []string{"CONNECT", "connect", "TRACE", "TrAcE", "TRACK", "GET /hidden HTTP/1.1\r\nX: ", "GET\x00"} {
		requests = nil
		if _, err := a.fetch(map[string]any{"url": "https://api.example.com/x", "method": m}, ""); fault.KindOf(err) != fault.Denied || len(requests) != 0 {
			t.Errorf("method %q: %v after %d requests", m, err, len(requests))
		}
	}
}
