package egress

import (
	"bufio"
	"bytes"
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/tls"
	"crypto/x509"
	"fmt"
	"io"
	"math/big"
	"net"
	"net/http"
	"strings"
	"sync"
	"testing"
	"time"

	"golang.org/x/net/http2"
	"golang.org/x/net/http2/hpack"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/exchange"
	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

// badHost is one way in which a host misbehaves, and what the app is told of it.
type badHost struct {
	name string
	// serve has the whole connection, TLS done, the request's head read.
	serve func(c net.Conn)
	// tls changes what the server offers; plain leaves TLS out altogether.
	tls   func(*tls.Config)
	plain func(c net.Conn)
	// code, cause and detail are of the error; no code means that there is an answer.
	code, cause, detail string
	body                string
}

func says(text string) func(net.Conn) {
	return func(c net.Conn) { _, _ = io.WriteString(c, text) }
}

const okHead = "HTTP/1.1 200 OK\r\n"

// hostile are rows over HTTP/1.1 and TLS.
var hostile = []badHost{
	{name: "status line without a number", serve: says("HTTP/1.1 abc OK\r\n\r\n"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "status line of another protocol", serve: says("ICY 200 OK\r\n\r\n"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "status of four digits", serve: says("HTTP/1.1 2000 OK\r\n\r\n"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "negative status", serve: says("HTTP/1.1 -20 OK\r\n\r\n"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "noise", serve: says("\x00\x01\x02\xff\xfe\r\n\r\n"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "nothing", serve: says(""), code: "FETCH_FAILED", cause: "connection"},
	{name: "end inside the head", serve: says(okHead + "X-A: b\r\n"), code: "FETCH_FAILED", cause: "connection"},
	{name: "end inside the body", serve: says(okHead + "Content-Length: 100\r\n\r\nshort"), code: "FETCH_FAILED", cause: "connection"},
	{name: "end inside a chunk", serve: says(okHead + "Transfer-Encoding: chunked\r\n\r\n64\r\nshort"), code: "FETCH_FAILED", cause: "connection"},
	{name: "reset", serve: func(c net.Conn) { _ = c.(*tls.Conn).NetConn().(*net.TCPConn).SetLinger(0) }, code: "FETCH_FAILED", cause: "connection"},
	{name: "two lengths", serve: says(okHead + "Content-Length: 2\r\nContent-Length: 3\r\n\r\nabc"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "negative length", serve: says(okHead + "Content-Length: -1\r\n\r\n"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "length with a sign", serve: says(okHead + "Content-Length: +2\r\n\r\nok"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "huge length", serve: says(okHead + "Content-Length: 99999999999\r\n\r\nx"), code: "LIMIT_RESPONSE_BODY"},
	{name: "length beyond numbers", serve: says(okHead + "Content-Length: 99999999999999999999999\r\n\r\nx"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "length and chunks", serve: says(okHead + "Content-Length: 50\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nok\r\n0\r\n\r\n"), body: "ok"},
	{name: "coded transfer", serve: says(okHead + "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "no chunk size", serve: says(okHead + "Transfer-Encoding: chunked\r\n\r\nzz\r\nok\r\n0\r\n\r\n"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "chunk size beyond numbers", serve: says(okHead + "Transfer-Encoding: chunked\r\n\r\nfffffffffffffffff\r\nok"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "chunks of extensions", serve: flood(okHead+"Transfer-Encoding: chunked\r\n\r\n", "1;"+strings.Repeat("x", 2000)+"\r\na\r\n"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "space before a colon", serve: says(okHead + "X-A : b\r\nContent-Length: 2\r\n\r\nok"), body: "ok"},
	{name: "header without a colon", serve: says(okHead + "nonsense\r\n\r\n"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "NUL in a header", serve: says(okHead + "X-A: a\x00b\r\n\r\n"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "huge header", serve: says(okHead + "X-A: " + strings.Repeat("a", 1<<20) + "\r\n\r\n"), code: "LIMIT_RESPONSE_HEADERS"},
	{name: "endless header", serve: flood(okHead+"X-A: ", strings.Repeat("a", 4096)), code: "LIMIT_RESPONSE_HEADERS"},
	{name: "endless headers", serve: flood(okHead, "X-A: b\r\n"), code: "LIMIT_RESPONSE_HEADERS"},
	{name: "too many headers", serve: says(okHead + strings.Repeat("X-A: b\r\n", exchange.MaxHeaders+1) + "Content-Length: 0\r\n\r\n"), code: "LIMIT_RESPONSE_HEADERS"},
	{name: "endless interim answers", serve: flood("", "HTTP/1.1 103 Early Hints\r\nLink: </x>\r\n\r\n"), code: "LIMIT_RESPONSE_HEADERS"},
	{name: "some interim answers", serve: says(strings.Repeat("HTTP/1.1 103 Early Hints\r\n\r\n", 3) + okHead + "Content-Length: 2\r\n\r\nok"), body: "ok"},
	{name: "switches protocols", serve: says("HTTP/1.1 101 Switching Protocols\r\nUpgrade: x\r\nConnection: upgrade\r\n\r\nhello"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "endless body", serve: flood(okHead+"\r\n", strings.Repeat("a", 64<<10)), code: "LIMIT_RESPONSE_BODY"},
	{name: "endless chunks", serve: flood(okHead+"Transfer-Encoding: chunked\r\n\r\n", "400\r\n"+strings.Repeat("a", 1024)+"\r\n"), code: "LIMIT_RESPONSE_BODY"},
	{name: "more than its length", serve: says(okHead + "Content-Length: 2\r\n\r\nok and a second answer"), body: "ok"},
	{name: "gzip bomb", serve: says(okHead + "Content-Encoding: gzip\r\n\r\n" + bomb("gzip")), code: "LIMIT_RESPONSE_BODY"},
	{name: "brotli bomb", serve: says(okHead + "Content-Encoding: br\r\n\r\n" + bomb("br")), code: "LIMIT_RESPONSE_BODY"},
	{name: "deflate bomb", serve: says(okHead + "Content-Encoding: deflate\r\n\r\n" + bomb("deflate")), code: "LIMIT_RESPONSE_BODY"},
	{name: "two codings are left as they are", serve: says(okHead + "Content-Encoding: gzip, gzip\r\n\r\nopaque"), body: "opaque"},
	{name: "zstd is left as it is", serve: says(okHead + "Content-Encoding: zstd\r\n\r\n\x28\xb5\x2f\xfd"), body: "\x28\xb5\x2f\xfd"},
	{name: "no gzip", serve: says(okHead + "Content-Encoding: gzip\r\n\r\nplain text"), code: "FETCH_FAILED", cause: "protocol"},
	{name: "cut gzip", serve: says(okHead + "Content-Encoding: gzip\r\n\r\n" + bomb("gzip")[:40]), code: "FETCH_FAILED", cause: "connection"},
	{name: "no head ever", serve: waits(""), code: "FETCH_TIMEOUT"},
	{name: "half a head", serve: waits(okHead + "X-A"), code: "FETCH_TIMEOUT"},
	{name: "no body ever", serve: waits(okHead + "Content-Length: 5\r\n\r\n"), code: "FETCH_TIMEOUT"},
	{name: "half a body", serve: waits(okHead + "Content-Length: 500\r\n\r\n" + strings.Repeat("a", 100)), code: "FETCH_TIMEOUT"},
	{name: "a byte at a time", serve: trickles(okHead+"Content-Length: 5000\r\n\r\n", "a"), code: "FETCH_TIMEOUT"},
	{name: "a header at a time", serve: trickles(okHead, "X-A: b\r\n"), code: "FETCH_TIMEOUT"},

	{name: "certificate expired", tls: certificate(netguardtest.Certificate{Names: []string{"bad.example"}, Expired: true}), code: "FETCH_FAILED", cause: "tls", detail: "certificate-expired"},
	{name: "certificate of another name", tls: certificate(netguardtest.Certificate{Names: []string{"good.example"}}), code: "FETCH_FAILED", cause: "tls", detail: "certificate-name"},
	{name: "certificate of nobody", tls: certificate(netguardtest.Certificate{}), code: "FETCH_FAILED", cause: "tls", detail: "certificate-name"},
	{name: "certificate of its own", tls: selfSigned, code: "FETCH_FAILED", cause: "tls", detail: "certificate-authority"},
	{name: "TLS 1.1 at most", tls: func(c *tls.Config) { c.MinVersion, c.MaxVersion = tls.VersionTLS10, tls.VersionTLS11 }, code: "FETCH_FAILED", cause: "tls", detail: "handshake"},
	{name: "wants a certificate", tls: func(c *tls.Config) { c.ClientAuth = tls.RequireAnyClientCert }, code: "FETCH_FAILED", cause: "tls", detail: "handshake"},
	{name: "no TLS but HTTP", plain: says("HTTP/1.1 400 Bad Request\r\n\r\n"), code: "FETCH_FAILED", cause: "tls", detail: "no-tls"},
	{name: "no TLS but noise", plain: says("220 mail.example ESMTP\r\n"), code: "FETCH_FAILED", cause: "tls", detail: "no-tls"},
	{name: "closes in the handshake", plain: says("\x16\x03\x03"), code: "FETCH_FAILED", cause: "connection"},
	{name: "never finishes the handshake", plain: waits("\x16\x03\x03"), code: "FETCH_TIMEOUT"},
}

// hostileHTTP2 are rows over HTTP/2; each has a connection whose preface is done.
var hostileHTTP2 = []struct {
	name                string
	serve               func(f *http2.Framer, stream uint32)
	code, cause, detail string
}{
	{"goes away", func(f *http2.Framer, s uint32) { _ = f.WriteGoAway(0, http2.ErrCodeEnhanceYourCalm, []byte("no")) }, "FETCH_FAILED", "connection", ""},
	{"resets the stream", func(f *http2.Framer, s uint32) { _ = f.WriteRSTStream(s, http2.ErrCodeInternal) }, "FETCH_FAILED", "connection", ""},
	{"refuses the stream for ever", func(f *http2.Framer, s uint32) { _ = f.WriteRSTStream(s, http2.ErrCodeRefusedStream) }, "FETCH_TIMEOUT", "", ""},
	{"data before a head", func(f *http2.Framer, s uint32) { _ = f.WriteData(s, true, []byte("x")) }, "FETCH_FAILED", "protocol", ""},
	{"a head without a status", func(f *http2.Framer, s uint32) { head2(f, s, true, "x-a", "b") }, "FETCH_FAILED", "protocol", ""},
	{"capitals in a header", func(f *http2.Framer, s uint32) { head2(f, s, true, ":status", "200", "X-A", "b") }, "FETCH_FAILED", "protocol", ""},
	{"a huge head", func(f *http2.Framer, s uint32) {
		fields := []string{":status", "200"}
		for range 40 {
			fields = append(fields, "x-a", strings.Repeat("a", 3000))
		}
		head2(f, s, true, fields...)
	}, "LIMIT_RESPONSE_HEADERS", "", ""},
	{"heads for ever", func(f *http2.Framer, s uint32) {
		var err error
		for range 1 << 16 {
			if err = f.WriteHeaders(http2.HeadersFrameParam{StreamID: s, BlockFragment: block(":status", "103", "link", "</x>"), EndHeaders: true}); err != nil {
				return
			}
		}
	}, "LIMIT_RESPONSE_HEADERS", "", ""},
	{"more data than there is room for", func(f *http2.Framer, s uint32) {
		head2(f, s, false, ":status", "200")
		for range 1 << 12 {
			if f.WriteData(s, false, make([]byte, 16<<10)) != nil {
				return
			}
		}
	}, "FETCH_FAILED", "protocol", ""},
	{"less data than announced", func(f *http2.Framer, s uint32) {
		head2(f, s, false, ":status", "200", "content-length", "10")
		_ = f.WriteData(s, true, []byte("short"))
	}, "FETCH_FAILED", "connection", ""},
	{"pushes", func(f *http2.Framer, s uint32) {
		_ = f.WritePushPromise(http2.PushPromiseParam{StreamID: s, PromiseID: 2, BlockFragment: block(":method", "GET", ":path", "/", ":scheme", "https", ":authority", "bad.example"), EndHeaders: true})
	}, "FETCH_FAILED", "protocol", ""},
	{"a frame of no length", func(f *http2.Framer, s uint32) { _ = f.WriteRawFrame(http2.FrameWindowUpdate, 0, s, nil) }, "FETCH_FAILED", "protocol", ""},
	{"no answer", func(f *http2.Framer, s uint32) { _, _ = f.ReadFrame() }, "FETCH_TIMEOUT", "", ""},
}

// TestHostileHosts: whatever a host does ends in a typed error, in time, and leaves
// nothing behind that the next request trips over.
func TestHostileHosts(t *testing.T) {
	for _, row := range hostile {
		t.Run(row.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, Config{Timeout: 1500 * time.Millisecond, Slow: 400 * time.Millisecond, MaxBody: 1 << 20}, nil, "bad.example", "good.example")
			b.world.Host(t, "good.example", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "good") }))
			b.playBad(t, row)
			a, err := b.fetch(t.Context(), get("https://bad.example/path?secret=1"), nil)
			b.judge(t, a, err, row.code, row.cause, row.detail, row.body)
		})
	}
	for _, row := range hostileHTTP2 {
		t.Run("HTTP/2/"+row.name, func(t *testing.T) {
			t.Parallel()
			b := newBench(t, Config{Timeout: 1500 * time.Millisecond, MaxBody: 1 << 20}, nil, "bad.example", "good.example")
			b.world.Host(t, "good.example", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "good") }))
			b.playBad(t, badHost{
				tls:   func(c *tls.Config) { c.NextProtos = []string{"h2"} },
				plain: nil, serve: func(c net.Conn) { http2Server(c, row.serve) },
			})
			a, err := b.fetch(t.Context(), get("https://bad.example/path?secret=1"), nil)
			b.judge(t, a, err, row.code, row.cause, row.detail, "")
		})
	}
}

// judge holds what the app is told, and that the installation's slots are free again.
func (b *bench) judge(t *testing.T, a answered, err error, code, cause, detail, body string) {
	t.Helper()
	f, _ := fault.As(err)
	switch {
	case code == "" && (err != nil || string(a.body) != body):
		t.Errorf("answered %q, %v", a.body, err)
	case code != "" && (f == nil || f.Code != code || f.ReasonID == ""):
		t.Errorf("answered %d %.40q, error %v, want %s", a.Status, a.body, err, code)
	case cause != "" && (f.Fields["cause"] != cause || detail != "" && f.Fields["detail"] != detail):
		t.Errorf("%v: cause %v, detail %v, want %s %s", err, f.Fields["cause"], f.Fields["detail"], cause, detail)
	}
	if f != nil && strings.Contains(f.Public+fmt.Sprint(f.Fields), "secret") {
		t.Errorf("the error repeats the query: %v", f)
	}
	if got, err := b.fetch(t.Context(), get("https://good.example/"), nil); err != nil || string(got.body) != "good" {
		t.Errorf("the next request got %q, %v", got.body, err)
	}
	if n := len(b.broker.budgets.of(b.policy.Install).slots); n != 0 {
		t.Errorf("%d slots are still taken", n)
	}
}

// playBad serves a row at bad.example.
func (b *bench) playBad(t *testing.T, row badHost) {
	t.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	const address = "93.184.218.9"
	b.world.Resolve("bad.example", []string{address})
	b.world.Route(address, l.Addr().String())
	cfg := &tls.Config{}
	if row.tls != nil {
		row.tls(cfg)
	}
	if len(cfg.Certificates) == 0 {
		cfg.Certificates = []tls.Certificate{b.world.Issue(t, certificateOf(cfg))}
	}
	ctx, stop := context.WithCancel(context.Background())
	var conns sync.WaitGroup
	t.Cleanup(func() {
		stop()
		_ = l.Close()
		conns.Wait()
	})
	conns.Go(func() {
		for {
			c, err := l.Accept()
			if err != nil {
				return
			}
			conns.Go(func() {
				defer c.Close()
				context.AfterFunc(ctx, func() { _ = c.SetDeadline(time.Unix(1, 0)) })
				if row.plain != nil {
					row.plain(c)
					return
				}
				secure := tls.Server(c, cfg)
				if secure.HandshakeContext(ctx) != nil || row.serve == nil {
					return
				}
				if len(cfg.NextProtos) == 0 {
					if _, err := http.ReadRequest(bufio.NewReader(secure)); err != nil {
						return
					}
				}
				row.serve(secure)
				_ = secure.CloseWrite()
			})
		}
	})
}

// certificate says what is to be issued, in a member of tls.Config that servers ignore.
func certificate(c netguardtest.Certificate) func(*tls.Config) {
	return func(cfg *tls.Config) { cfg.ServerName = fmt.Sprint(c.Expired, " ", strings.Join(c.Names, " ")) }
}

func certificateOf(cfg *tls.Config) netguardtest.Certificate {
	if cfg.ServerName == "" {
		return netguardtest.Certificate{Names: []string{"bad.example"}}
	}
	expired, names, _ := strings.Cut(cfg.ServerName, " ")
	return netguardtest.Certificate{Expired: expired == "true", Names: strings.Fields(names)}
}

func selfSigned(cfg *tls.Config) {
	key, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		panic(err)
	}
	template := &x509.Certificate{SerialNumber: big.NewInt(7), DNSNames: []string{"bad.example"}, NotBefore: time.Now().Add(-time.Hour), NotAfter: time.Now().Add(time.Hour)}
	der, err := x509.CreateCertificate(rand.Reader, template, template, key.Public(), key)
	if err != nil {
		panic(err)
	}
	cfg.Certificates = []tls.Certificate{{Certificate: [][]byte{der}, PrivateKey: key}}
}

// waits says something and then nothing, until the other side has enough.
func waits(text string) func(net.Conn) {
	return func(c net.Conn) {
		_, _ = io.WriteString(c, text)
		_, _ = io.Copy(io.Discard, c)
	}
}

// trickles goes on one piece at a time, fast enough never to be silent for long.
func trickles(head, piece string) func(net.Conn) {
	return func(c net.Conn) {
		_, err := io.WriteString(c, head)
		for tick := time.NewTicker(100 * time.Millisecond); err == nil; <-tick.C {
			_, err = io.WriteString(c, piece)
		}
	}
}

// flood repeats a piece until nobody takes it any more.
func flood(head, piece string) func(net.Conn) {
	return func(c net.Conn) {
		_, err := io.WriteString(c, head)
		for err == nil {
			_, err = io.WriteString(c, piece)
		}
	}
}

// bomb is 3 MB of zeros in a few KB.
func bomb(coding string) string {
	var buf bytes.Buffer
	e := encoder(&buf, coding)
	_, _ = io.CopyN(e, zeros{}, 3<<20)
	_ = e.Close()
	return buf.String()
}

// http2Server says hello and hands the first request's stream over.
func http2Server(c net.Conn, serve func(*http2.Framer, uint32)) {
	preface := make([]byte, len(http2.ClientPreface))
	if _, err := io.ReadFull(c, preface); err != nil {
		return
	}
	f := http2.NewFramer(c, c)
	if f.WriteSettings() != nil {
		return
	}
	for {
		frame, err := f.ReadFrame()
		if err != nil {
			return
		}
		switch frame := frame.(type) {
		case *http2.SettingsFrame:
			if !frame.IsAck() && f.WriteSettingsAck() != nil {
				return
			}
		case *http2.HeadersFrame:
			serve(f, frame.StreamID)
			// What is refused is asked for again, perhaps on this connection.
		}
	}
}

func block(fields ...string) []byte {
	var buf bytes.Buffer
	e := hpack.NewEncoder(&buf)
	for i := 0; i+1 < len(fields); i += 2 {
		_ = e.WriteField(hpack.HeaderField{Name: fields[i], Value: fields[i+1]})
	}
	return buf.Bytes()
}

func head2(f *http2.Framer, stream uint32, end bool, fields ...string) {
	b := block(fields...)
	first := min(len(b), 16<<10)
	_ = f.WriteHeaders(http2.HeadersFrameParam{StreamID: stream, BlockFragment: b[:first], EndStream: end, EndHeaders: first == len(b)})
	for b = b[first:]; len(b) > 0; {
		n := min(len(b), 16<<10)
		_ = f.WriteContinuation(stream, n == len(b), b[:n])
		b = b[n:]
	}
}

// room counts what an answer takes.
type room struct {
	mu           sync.Mutex
	limit        int
	taken, most  int
	refusedTimes int
}

var errFull = fault.New(fault.Limit, "LIMIT_HOSTCALLS", "full")

func (r *room) Take(n int) error {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.taken+n > r.limit {
		r.refusedTimes++
		return errFull
	}
	r.taken += n
	r.most = max(r.most, r.taken)
	return nil
}

func (r *room) Give(n int) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.taken -= n
}

// Room is taken before an answer's bytes are there, whatever it announces, and no answer
// is read for which there is none.
func TestAnswersTakeRoom(t *testing.T) {
	b := newBench(t, Config{MaxBody: 1 << 20}, nil, "a.example.com")
	read := make(chan int64, 1)
	var size int
	var announce, code string
	b.world.Host(t, "a.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if code != "" {
			w.Header().Set("Content-Encoding", code)
		}
		if announce != "" {
			w.Header().Set("Content-Length", announce)
		}
		var out io.Writer = w
		if e := encoder(w, code); e != nil {
			out = e
			defer e.Close()
		}
		if announce == "" {
			w.(http.Flusher).Flush()
		}
		n, _ := io.CopyN(out, zeros{}, int64(size))
		select {
		case read <- n:
		default:
		}
	}))
	ask := func(r *room) (int, error) {
		head := []byte(`{"url":"https://a.example.com/"}`)
		reply, err := b.handle(t.Context(), b.policy, call.Request{Method: "fetch", Head: head, Room: r})
		return len(reply.Body), err
	}
	for _, tt := range []struct {
		name           string
		size           int
		announce, code string
		limit          int
		fits           bool
		most           int
	}{
		{"announced", 1 << 20, "1048576", "", 1 << 20, true, 1 << 20},
		{"announced, and no room", 1 << 20, "1048576", "", 1<<20 - 1, false, 0},
		{"not announced", 1 << 20, "", "", 2 << 20, true, 2 << 20},
		{"not announced, and no room", 1 << 20, "", "", 1 << 20, false, 1 << 20},
		{"empty", 0, "0", "", 0, true, 0},
		{"small", 10, "10", "", 10, true, 10},
		{"gzip", 1 << 20, "", "gzip", 3 << 20, true, 3 << 20},
		{"gzip, and no room", 1 << 20, "", "gzip", 1 << 20, false, 1 << 20},
	} {
		t.Run(tt.name, func(t *testing.T) {
			size, announce, code = tt.size, tt.announce, tt.code
			r := &room{limit: tt.limit}
			n, err := ask(r)
			if tt.fits && (err != nil || n != tt.size) || !tt.fits && fault.CodeOf(err) != "LIMIT_HOSTCALLS" {
				t.Errorf("%d bytes, %v", n, err)
			}
			if r.most > tt.most || tt.fits && r.taken < tt.size {
				t.Errorf("%d bytes were taken at most, %d at the end", r.most, r.taken)
			}
		})
	}
}

func TestHostsPerMinute(t *testing.T) {
	now := time.Unix(0, 0)
	b := newBench(t, Config{Hosts: 2, Now: func() time.Time { return now }}, nil, "*.example.com")
	for _, name := range []string{"a", "b", "c"} {
		b.world.Host(t, name+".example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	}
	try := func(name string) error {
		_, err := b.fetch(t.Context(), get("https://"+name+".example.com/"), nil)
		return err
	}
	for _, name := range []string{"a", "b", "a", "b"} {
		if err := try(name); err != nil {
			t.Fatal(err)
		}
	}
	wantFault(t, try("c"), fault.Limit, "LIMIT_OUTBOUND_HOSTS")
	now = now.Add(time.Minute)
	if err := try("c"); err != nil {
		t.Fatal(err)
	}
}

func TestBytesPerDay(t *testing.T) {
	now := time.Unix(0, 0)
	b := newBench(t, Config{PerDay: 86_400, Now: func() time.Time { return now }}, nil, "a.example.com")
	b.world.Host(t, "a.example.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write(make([]byte, 50_000)) }))
	try := func() error {
		_, err := b.fetch(t.Context(), get("https://a.example.com/"), make([]byte, 50_000))
		return err
	}
	if err := try(); err != nil {
		t.Fatal(err)
	}
	wantFault(t, try(), fault.Limit, "LIMIT_OUTBOUND_BYTES")
	now = now.Add(24 * time.Hour)
	if err := try(); err != nil {
		t.Fatal(err)
	}
}

func TestBadPorts(t *testing.T) {
	b := newBench(t, Config{}, nil, "https://mail.example.com:25", "https://mail.example.com:8443")
	b.world.Host(t, "mail.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	_, err := b.fetch(t.Context(), get("https://mail.example.com:25/"), nil)
	wantFault(t, err, fault.Denied, CodeDenied)
	if len(b.world.Resolved()) != 0 || b.told.denied[0].Rule != "egress-port-blocked" {
		t.Errorf("resolved %v, %+v", b.world.Resolved(), b.told.denied)
	}
	if _, err := b.fetch(t.Context(), get("https://mail.example.com:8443/"), nil); err != nil {
		t.Error(err)
	}
}
