package egress

import (
	"compress/flate"
	"compress/gzip"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/netip"
	"slices"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"github.com/andybalholm/brotli"

	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// vectorResponse says what the upstream sends.
type vectorResponse struct {
	Encoding      string            `json:"encoding"`
	WireBytes     int64             `json:"wire_bytes"`
	DecodedBytes  int64             `json:"decoded_bytes"`
	HeaderBytes   int               `json:"header_bytes"`
	Interim       string            `json:"interim"`
	Headers       map[string]string `json:"headers"`
	Status        int               `json:"status"`
	Chunked       string            `json:"chunked"`
	Drip          any               `json:"drip"`
	ContentLength *int64            `json:"content_length"`
	BodyBytes     int64             `json:"body_bytes"`
	Raw           string            `json:"raw"`
}

func (r *vectorResponse) known() bool {
	return slices.Contains([]string{"", "endless"}, r.Interim) && slices.Contains([]string{"", "endless", "bare-lf"}, r.Chunked)
}

func (r *vectorResponse) slow() bool { return r.Drip != nil }

// internet plays every address that a vector's names resolve to.
type internet struct {
	v   vector
	hop atomic.Int64

	mu       sync.Mutex
	requests []sent
}

type sent struct {
	host, sni string
	header    http.Header
	length    int64
	body      string
}

func newInternet(t *testing.T, w *netguardtest.World, v vector) *internet {
	t.Helper()
	n := &internet{v: v}
	var names []string
	played := map[string]bool{}
	for name, sets := range v.DNS {
		w.Resolve(name, sets...)
		names = append(names, strings.ToLower(name))
	}
	if len(v.TLS.CertNames) > 0 {
		names = v.TLS.CertNames
	}
	for _, sets := range v.DNS {
		for _, ip := range slices.Concat(sets...) {
			addr, err := netip.ParseAddr(ip)
			if err != nil || addr.Zone() != "" || played[ip] {
				continue
			}
			played[ip] = true
			// Private addresses are played too: reaching one must show as an answer.
			n.play(t, w, addr.Unmap().String(), netguardtest.Certificate{Names: names, Expired: v.TLS.Expired})
		}
	}
	return n
}

func (n *internet) play(t *testing.T, w *netguardtest.World, addr string, c netguardtest.Certificate) {
	t.Helper()
	switch n.v.DialResults[addr] {
	case "refused":
		return
	case "reset-after-accept":
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(func() { l.Close() })
		go func() {
			for {
				c, err := l.Accept()
				if err != nil {
					return
				}
				_ = c.(*net.TCPConn).SetLinger(0)
				c.Close()
			}
		}()
		w.Route(addr, l.Addr().String())
		return
	}
	w.PlayHTTP1(t, addr, n, c)
}

// ServeHTTP plays the upstream.
func (n *internet) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	body, _ := io.ReadAll(r.Body)
	n.mu.Lock()
	n.requests = append(n.requests, sent{host: r.Host, sni: r.TLS.ServerName, header: r.Header.Clone(), length: r.ContentLength, body: string(body)})
	n.mu.Unlock()
	i := int(n.hop.Add(1)) - 1
	if n.v.RepeatHop {
		i = min(i, len(n.v.Hops)-1)
	}
	switch {
	case i >= 0 && i < len(n.v.Hops):
		w.Header().Set("Location", n.v.Hops[i].Location)
		w.WriteHeader(n.v.Hops[i].Status)
	case n.v.Response != nil:
		n.v.Response.send(w, r)
	default:
		fmt.Fprint(w, "ok")
	}
}

func (r *vectorResponse) send(w http.ResponseWriter, req *http.Request) {
	if r.Raw != "" || r.HeaderBytes > 0 || r.Interim != "" || r.Chunked == "bare-lf" || r.ContentLength != nil {
		r.sendRaw(w)
		return
	}
	for k, v := range r.Headers {
		w.Header().Set(platformName(k), v)
	}
	if r.Encoding != "" {
		w.Header().Set("Content-Encoding", r.Encoding)
	}
	if r.Status != 0 {
		w.WriteHeader(r.Status)
	}
	switch {
	case r.Chunked == "endless":
		_, _ = io.Copy(w, zeros{})
	case r.Drip != nil:
		_, _ = io.WriteString(w, "x")
		w.(http.Flusher).Flush()
		<-req.Context().Done()
		panic(http.ErrAbortHandler) // else its end may come before the news that it was given up
	case r.DecodedBytes > 0 && encoder(w, r.Encoding) != nil:
		e := encoder(w, r.Encoding)
		_, _ = io.CopyN(e, zeros{}, r.DecodedBytes)
		_ = e.Close()
	default:
		_, _ = io.CopyN(w, zeros{}, max(r.WireBytes, r.BodyBytes))
	}
}

func encoder(w io.Writer, encoding string) io.WriteCloser {
	switch encoding {
	case "gzip":
		return gzip.NewWriter(w)
	case "br":
		return brotli.NewWriter(w)
	case "deflate":
		f, _ := flate.NewWriter(w, flate.DefaultCompression)
		return f
	default:
		return nil
	}
}

// sendRaw writes what no HTTP server would.
func (r *vectorResponse) sendRaw(w http.ResponseWriter) {
	conn, buf, err := w.(http.Hijacker).Hijack()
	if err != nil {
		return
	}
	defer conn.Close()
	defer buf.Flush()
	switch {
	case r.Raw != "":
		_, _ = buf.WriteString(r.Raw)
	case r.Interim == "endless":
		for err == nil {
			_, err = buf.WriteString("HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n")
		}
	case r.HeaderBytes > 0:
		_, _ = buf.WriteString("HTTP/1.1 200 OK\r\n")
		for n := 0; n < r.HeaderBytes && err == nil; n += 1024 {
			_, err = buf.WriteString("X-H-" + strconv.Itoa(n) + ": " + strings.Repeat("a", 1000) + "\r\n")
		}
		_, _ = buf.WriteString("Content-Length: 0\r\n\r\n")
	case r.Chunked == "bare-lf":
		_, _ = buf.WriteString("HTTP/1.1 200 OK\nTransfer-Encoding: chunked\n\n2\nok\n0\n\n")
	default:
		fmt.Fprintf(buf, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\n\r\n", *r.ContentLength)
		_, _ = io.CopyN(buf, zeros{}, r.BodyBytes)
	}
}

type zeros struct{}

func (zeros) Read(p []byte) (int, error) {
	clear(p)
	return len(p), nil
}

// check holds what must and must not be on the wire.
func (n *internet) check(t *testing.T, v vector) {
	t.Helper()
	n.mu.Lock()
	defer n.mu.Unlock()
	for _, s := range n.requests {
		host, _, _ := strings.Cut(s.host, ":")
		if v.MustNotSend.Host == host || v.MustNotSend.Host == "*" {
			for _, name := range v.MustNotSend.Headers {
				if got := s.header.Values(platformName(name)); len(got) > 0 {
					t.Errorf("%s was sent %s: %q", host, name, got)
				}
			}
			if v.MustNotSend.HostHeader != "" && s.host == v.MustNotSend.HostHeader {
				t.Errorf("%s was sent Host: %s", host, s.host)
			}
		}
		if v.MustSendSNI != "" && s.sni != v.MustSendSNI {
			t.Errorf("server name %q, want %q", s.sni, v.MustSendSNI)
		}
		if v.MustSendHost != "" && s.host != v.MustSendHost {
			t.Errorf("Host %q, want %q", s.host, v.MustSendHost)
		}
		if s.sni != host {
			t.Errorf("server name %q and Host %q differ", s.sni, s.host)
		}
		if s.body != v.Body && len(v.Hops) == 0 || s.length >= 0 && s.length != int64(len(s.body)) {
			t.Errorf("the body arrived as %q with length %d", s.body, s.length)
		}
		for _, name := range []string{"Connection", "Upgrade", "Te", "Trailer", "Expect", "Forwarded", "Via"} {
			if got := s.header.Values(name); len(got) > 0 {
				t.Errorf("%s reached the upstream: %q", name, got)
			}
		}
	}
	if (v.MustSendSNI != "" || v.MustSendHost != "") && len(n.requests) == 0 {
		t.Error("nothing was sent")
	}
}
