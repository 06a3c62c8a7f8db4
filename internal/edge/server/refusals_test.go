package server

import (
	"bufio"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
)

// What is no request is refused under a policy, on the first request of a connection and on a
// later one; what a handler answers goes out as it is, also where it looks like such a refusal.
func TestRefusalsAreBounded(t *testing.T) {
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	looks := "HTTP/1.1 400 Bad Request" + string(headOfRefusal) + "400 Bad Request"
	srv := &http.Server{MaxHeaderBytes: 4 << 10, Handler: http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Length", fmt.Sprint(len(looks)))
		w.(http.Flusher).Flush() // the text is a write of its own
		_, _ = io.WriteString(w, looks)
	})}
	bound := bounded(srv, l)
	go func() { _ = srv.Serve(bound) }()
	t.Cleanup(func() { _ = srv.Close() })
	for name, request := range map[string]string{
		"an address that is none":   "GET /% HTTP/1.1\r\nHost: x\r\n\r\n",
		"two hosts":                 "GET / HTTP/1.1\r\nHost: x\r\nHost: y\r\n\r\n",
		"a head that is too long":   "GET /" + strings.Repeat("a", 16<<10) + " HTTP/1.1\r\nHost: x\r\n\r\n",
		"an encoding nobody speaks": "POST / HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: odd\r\n\r\n",
	} {
		for _, before := range []string{"", "GET / HTTP/1.1\r\nHost: x\r\n\r\n"} {
			c, err := net.Dial("tcp", l.Addr().String())
			if err != nil {
				t.Fatal(err)
			}
			in := bufio.NewReader(c)
			if before != "" {
				_, _ = io.WriteString(c, before)
				res, err := http.ReadResponse(in, nil)
				if err != nil {
					t.Fatal(err)
				}
				if text, err := io.ReadAll(res.Body); err != nil || string(text) != looks || res.Header.Get("Content-Security-Policy") != "" {
					t.Errorf("%s: what the handler said before: %q, %v", name, text, err)
				}
			}
			_, _ = io.WriteString(c, request) // the server may have refused before all of it went
			res, err := http.ReadResponse(in, nil)
			if err != nil {
				t.Fatalf("%s: %v", name, err)
			}
			text, _ := io.ReadAll(res.Body)
			if res.StatusCode < 400 || !strings.Contains(res.Header.Get("Content-Security-Policy"), "sandbox") || res.Header.Get("X-Content-Type-Options") != "nosniff" || len(text) == 0 {
				t.Errorf("%s, after %q: %d %v %q", name, before, res.StatusCode, res.Header, text)
			}
			_ = c.Close()
		}
	}
}
