package egress

import (
	"bytes"
	"compress/gzip"
	"compress/zlib"
	"context"
	"encoding/json"
	"fmt"
	"io"
	"log/slog"
	"net/http"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/andybalholm/brotli"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
)

func get(url string) map[string]any { return map[string]any{"url": url} }

func wantFault(t *testing.T, err error, kind fault.Kind, code string) *fault.Error {
	t.Helper()
	f, ok := fault.As(err)
	if !ok || f.Kind != kind || f.Code != code {
		t.Fatalf("error = %v, want %s %s", err, kind, code)
	}
	return f
}

func TestFetch(t *testing.T) {
	b := newBench(t, Config{}, nil, "api.example.com")
	var got *http.Request
	var body []byte
	b.world.Host(t, "api.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		got = r
		body, _ = io.ReadAll(r.Body)
		w.Header().Add("X-Two", "a")
		w.Header().Add("X-Two", "b")
		w.Header()["X-Latin"] = []string{"caf\xe9"}
		w.Header().Set("Set-Cookie", "sid=1")
		w.Header().Set("Alt-Svc", "h3=\":443\"")
		w.Header().Set("X-Annex-Reason", "spoof")
		w.WriteHeader(418)
		fmt.Fprint(w, "short and stout")
	}))
	a, err := b.fetch(t.Context(), map[string]any{
		"url": "https://API.example.com/a%2Fb//c?q=1&q=2#frag", "method": "post",
		"headers": [][2]string{
			{"Content-Type", "text/plain"}, {"X-Own", " caf\u00e9 "}, {"cookie", "a=b"}, {"Host", "other.example"}, {"X-Forwarded-For", "1.2.3.4"},
			{"Connection", "close, X-Gone"}, {"X-Gone", "1"}, {"Via", "x"}, {"Proxy-Authorization", "Basic x"}, {"X-Annex-Install", "i-2"}, {"Expect", "100-continue"},
			{"X_Forwarded_For", "1.2.3.4"}, {"transfer_encoding", "chunked"}, {"X_Own", "1"},
		},
	}, []byte("hello"))
	if err != nil {
		t.Fatal(err)
	}
	if a.Status != 418 || a.StatusText != "I'm a teapot" && a.StatusText != "" || string(a.body) != "short and stout" || a.URL != "https://api.example.com/a%2Fb//c?q=1&q=2" {
		t.Errorf("answer = %+v %q", a.replyHead, a.body)
	}
	if got.Method != "POST" || got.RequestURI != "/a%2Fb//c?q=1&q=2" || got.Host != "api.example.com" || string(body) != "hello" || got.TLS.ServerName != "api.example.com" {
		t.Errorf("the upstream got %s %s of %s: %q", got.Method, got.RequestURI, got.Host, body)
	}
	for _, name := range []string{"X-Gone", "X-Forwarded-For", "Via", "Proxy-Authorization", "X-Annex-Install", "Expect", "X_forwarded_for", "Transfer_encoding"} {
		if len(got.Header[name]) > 0 {
			t.Errorf("%s reached the upstream", name)
		}
	}
	if got.Header.Get("X-Own") != "caf\xe9" || got.Header.Get("Cookie") != "a=b" || got.Header.Get("User-Agent") != "Annex" {
		t.Errorf("the upstream's headers: %v", got.Header)
	}
	for _, name := range []string{"set-cookie", "alt-svc", "x-annex-reason"} {
		if _, ok := a.header(name); ok {
			t.Errorf("the app sees %s", name)
		}
	}
	if v, _ := a.header("x-latin"); v != "caf\u00e9" {
		t.Errorf("x-latin = %q", v)
	}
	two := 0
	for _, kv := range a.Headers {
		if kv[0] == "x-two" {
			two++
		}
	}
	if two != 2 {
		t.Errorf("repeated headers were merged: %v", a.Headers)
	}
	raw := get("https://api.example.com/")
	raw["raw"] = true
	if a, err = b.fetch(t.Context(), raw, nil); err != nil {
		t.Fatal(err)
	}
	if v, _ := a.header("set-cookie"); v != "sid=1" {
		t.Error("an app that asks for cookies does not get them")
	}
}

func TestDenial(t *testing.T) {
	var log bytes.Buffer
	b := newBench(t, Config{Log: slog.New(slog.NewJSONHandler(&log, nil)), Reserved: []string{"annex.example"}}, nil, "*.example.com", "private.example.org")
	b.world.Resolve("private.example.org", []string{"10.0.0.1"})
	tests := []struct{ url, origin, rule string }{
		{"https://evil.example/secret?token=abc", "https://evil.example", "egress-not-declared"},
		{"https://example.com/", "https://example.com", "egress-apex"},
		{"https://api.annex.example/", "https://api.annex.example", "reserved-host"},
		{"https://annex.example/", "https://annex.example", "reserved-host"},
		{"https://private.example.org/", "https://private.example.org", "address"},
		{"http://a.example.com/x?y", "http://a.example.com", "url-scheme"},
		{"https://user:pass@a.example.com:8443/", "https://a.example.com:8443", "url-userinfo"},
		{"data:text/plain,x", "", "url-scheme"},
		{"https://a.example.com:99999/", "", "url-syntax"},
	}
	for _, tt := range tests {
		t.Run(tt.url, func(t *testing.T) {
			log.Reset()
			_, err := b.fetch(t.Context(), get(tt.url), nil)
			f := wantFault(t, err, fault.Denied, CodeDenied)
			if f.Fields["status"] != 403 || f.Fields["origin"] != tt.origin || f.Fields["type"] != "FETCH_BACKEND_SIDE" || f.Fields["allowedBy"] == "" || f.ReasonID == "" {
				t.Errorf("fields = %v, reason %q", f.Fields, f.ReasonID)
			}
			var line map[string]any
			if err := json.Unmarshal(log.Bytes(), &line); err != nil {
				t.Fatal(err)
			}
			if line["msg"] != "CANONICAL-EGRESS-DECISION" || line["decision"] != "deny" || line["rule"] != tt.rule || line["id"] != f.ReasonID {
				t.Errorf("line = %v", line)
			}
			for _, secret := range []string{"secret", "token=abc", "user:pass"} {
				if strings.Contains(log.String(), secret) || strings.Contains(f.Public+f.Fix, secret) {
					t.Errorf("%q was told", secret)
				}
			}
			if strings.Contains(f.Public+f.Fix, "10.0.0.1") {
				t.Error("the app learns a private address")
			}
			if d := b.told.denied[len(b.told.denied)-1]; d.ReasonID != f.ReasonID || d.Allow {
				t.Errorf("decision = %+v", d)
			}
		})
	}
	if got := b.world.Dialled(); len(got) != 0 {
		t.Errorf("dialled %v", got)
	}
	if got := b.world.Resolved(); !slices.Equal(got, []string{"private.example.org"}) {
		t.Errorf("resolved %v", got)
	}
}

func TestReasonIDsDiffer(t *testing.T) {
	b := newBench(t, Config{}, nil)
	seen := map[string]bool{}
	for range 10 {
		_, err := b.fetch(t.Context(), get("https://x.example/"), nil)
		f := wantFault(t, err, fault.Denied, CodeDenied)
		if seen[f.ReasonID] {
			t.Fatal("two decisions share a reason id")
		}
		seen[f.ReasonID] = true
	}
}

// TestPolicyAtDecisionTime: the handler was bound under one policy and is asked under
// another; the second one counts, although a connection is open.
func TestPolicyAtDecisionTime(t *testing.T) {
	b := newBench(t, Config{}, nil, "a.example.com")
	b.world.Host(t, "a.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	if _, err := b.fetch(t.Context(), get("https://a.example.com/"), nil); err != nil {
		t.Fatal(err)
	}
	b.policy = policyFor(t, "i-1")
	_, err := b.fetch(t.Context(), get("https://a.example.com/"), nil)
	wantFault(t, err, fault.Denied, CodeDenied)
	if allowed, denied := b.told.counts(); allowed != 1 || denied != 1 {
		t.Errorf("%d allowed, %d denied", allowed, denied)
	}
}

func TestRedirectIsReturned(t *testing.T) {
	b := newBench(t, Config{}, nil, "a.example.com")
	n := 0
	b.world.Host(t, "a.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		n++
		http.Redirect(w, r, "/next", http.StatusFound)
	}))
	a, err := b.fetch(t.Context(), get("https://a.example.com/"), nil)
	if err != nil || a.Status != 302 || n != 1 {
		t.Fatalf("%d after %d requests, %v", a.Status, n, err)
	}
	if v, _ := a.header("location"); v != "/next" {
		t.Errorf("location = %q", v)
	}
}

func TestDecoding(t *testing.T) {
	const text = "text that is longer than its compressed form, text that is longer than its compressed form"
	encode := func(f func(io.Writer) io.WriteCloser) []byte {
		var buf bytes.Buffer
		w := f(&buf)
		_, _ = io.WriteString(w, text)
		w.Close()
		return buf.Bytes()
	}
	gz := encode(func(w io.Writer) io.WriteCloser { return gzip.NewWriter(w) })
	tests := []struct {
		name, encoding string
		wire           []byte
		want           string
		fails          bool
	}{
		{"gzip", "gzip", gz, text, false},
		{"capital letters", "GZIP", gz, text, false},
		{"zlib", "deflate", encode(func(w io.Writer) io.WriteCloser { return zlib.NewWriter(w) }), text, false},
		{"bare deflate", "deflate", encode(func(w io.Writer) io.WriteCloser { return encoder(w, "deflate") }), text, false},
		{"br", "br", encode(func(w io.Writer) io.WriteCloser { return brotli.NewWriter(w) }), text, false},
		{"identity", "", []byte(text), text, false},
		{"unknown", "zstd", []byte("opaque"), "opaque", false},
		{"two", "gzip, gzip", gz, string(gz), false},
		{"empty", "gzip", nil, "", false},
		{"broken", "gzip", []byte("no gzip at all"), "", true},
		{"cut off", "gzip", gz[:len(gz)-6], "", true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			b := newBench(t, Config{}, nil, "a.example.com")
			b.world.Host(t, "a.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				if got := r.Header.Get("Accept-Encoding"); got != "gzip, deflate, br" {
					t.Errorf("Accept-Encoding = %q", got)
				}
				if tt.encoding != "" {
					w.Header().Set("Content-Encoding", tt.encoding)
				}
				_, _ = w.Write(tt.wire)
			}))
			a, err := b.fetch(t.Context(), get("https://a.example.com/"), nil)
			if (err != nil) != tt.fails || string(a.body) != tt.want {
				t.Fatalf("%q, %v", a.body, err)
			}
		})
	}
}

func TestBodyLimits(t *testing.T) {
	b := newBench(t, Config{MaxBody: 1000}, nil, "a.example.com")
	size := 0
	announce := true
	b.world.Host(t, "a.example.com", http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if !announce {
			w.(http.Flusher).Flush()
		}
		_, _ = w.Write(make([]byte, size))
	}))
	for _, announce = range []bool{true, false} {
		size = 1000
		if a, err := b.fetch(t.Context(), get("https://a.example.com/"), make([]byte, 1000)); err != nil || len(a.body) != 1000 {
			t.Fatalf("at the limit: %v", err)
		}
		size = 1001
		_, err := b.fetch(t.Context(), get("https://a.example.com/"), nil)
		f := wantFault(t, err, fault.Limit, "LIMIT_RESPONSE_BODY")
		if f.Fields["figure"] != int64(1000) {
			t.Errorf("figure = %v", f.Fields["figure"])
		}
	}
	_, err := b.fetch(t.Context(), get("https://a.example.com/"), make([]byte, 1001))
	wantFault(t, err, fault.Limit, "LIMIT_REQUEST_BODY")
}

func TestPerMinute(t *testing.T) {
	now := time.Unix(0, 0)
	b := newBench(t, Config{PerMinute: 2, Now: func() time.Time { return now }}, nil, "a.example.com")
	b.world.Host(t, "a.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	try := func() error {
		_, err := b.fetch(t.Context(), get("https://a.example.com/"), nil)
		return err
	}
	for range 2 {
		if err := try(); err != nil {
			t.Fatal(err)
		}
	}
	wantFault(t, try(), fault.Limit, "LIMIT_OUTBOUND_REQUESTS")
	now = now.Add(time.Minute)
	if err := try(); err != nil {
		t.Fatal(err)
	}
	b.handle = b.bind()
	if err := try(); err != nil {
		t.Fatalf("another call's budget was used up: %v", err)
	}
}

func TestRateIsPerInstallation(t *testing.T) {
	now := time.Unix(0, 0)
	b := newBench(t, Config{PerSecond: 1, Burst: 2, Now: func() time.Time { return now }}, nil, "a.example.com")
	b.world.Host(t, "a.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {}))
	try := func() error {
		b.handle = b.bind() // calls come and go; the installation stays
		_, err := b.fetch(t.Context(), get("https://a.example.com/"), nil)
		return err
	}
	for range 2 {
		if err := try(); err != nil {
			t.Fatal(err)
		}
	}
	f := wantFault(t, try(), fault.Limit, "LIMIT_OUTBOUND_RATE")
	if f.Fields["retryAfter"] != 1 {
		t.Errorf("retryAfter = %v", f.Fields["retryAfter"])
	}
	now = now.Add(time.Second)
	if err := try(); err != nil {
		t.Fatal(err)
	}
	b.policy = policyFor(t, "i-2", "a.example.com")
	if err := try(); err != nil {
		t.Fatalf("a neighbour's budget was used up: %v", err)
	}
}

func TestConcurrencyWaits(t *testing.T) {
	b := newBench(t, Config{Concurrent: 1}, nil, "a.example.com")
	started, finish := make(chan struct{}, 2), make(chan struct{})
	b.world.Host(t, "a.example.com", http.HandlerFunc(func(http.ResponseWriter, *http.Request) {
		started <- struct{}{}
		<-finish
	}))
	var wg sync.WaitGroup
	wg.Go(func() {
		if _, err := b.fetch(t.Context(), get("https://a.example.com/"), nil); err != nil {
			t.Error(err)
		}
	})
	<-started
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	_, err := b.fetch(ctx, get("https://a.example.com/"), nil)
	wantFault(t, err, fault.Limit, "LIMIT_OUTBOUND_CONCURRENCY")
	wg.Go(func() {
		if _, err := b.fetch(t.Context(), get("https://a.example.com/"), nil); err != nil {
			t.Error(err)
		}
	})
	close(finish)
	wg.Wait()
}

func TestTimeouts(t *testing.T) {
	b := newBench(t, Config{}, nil, "a.example.com")
	b.world.Host(t, "a.example.com", http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }))
	h := get("https://a.example.com/")
	h["timeoutMs"] = 50
	_, err := b.fetch(t.Context(), h, nil)
	wantFault(t, err, fault.Unavailable, "FETCH_TIMEOUT")
	if b.broker.timeout(call.WebTrigger) != 25*time.Second || b.broker.timeout(call.Queue) != 180*time.Second || b.broker.timeout(call.Schedule) != 180*time.Second {
		t.Error("the documented timeouts changed")
	}
}

func TestFailuresSayTheirClass(t *testing.T) {
	b := newBench(t, Config{}, nil, "nowhere.example.com", "closed.example.com")
	b.world.Resolve("closed.example.com", []string{"93.184.216.99"})
	for host, cause := range map[string]string{"nowhere.example.com": "dns", "closed.example.com": "connection"} {
		_, err := b.fetch(t.Context(), get("https://"+host+"/"), nil)
		f := wantFault(t, err, fault.Unavailable, "FETCH_FAILED")
		if f.Fields["cause"] != cause || strings.Contains(f.Public, "93.184") {
			t.Errorf("%s: %v %q", host, f.Fields, f.Public)
		}
	}
}

// The line of a decision has the fields that docs/egress.md names, in each case the same,
// and none says more than it may.
func TestCanonicalLine(t *testing.T) {
	docs, err := os.ReadFile("../../../docs/egress.md")
	if err != nil {
		t.Fatal(err)
	}
	_, table, ok := strings.Cut(string(docs), "## The decision's line")
	if !ok {
		t.Fatal("docs/egress.md does not describe the line")
	}
	table, _, _ = strings.Cut(table, "\n## ")
	want := map[string]bool{"time": true, "level": true, "msg": true}
	for row := range strings.Lines(table) {
		if first, _, ok := strings.Cut(strings.TrimPrefix(row, "| "), " |"); ok && strings.HasPrefix(first, "`") {
			for name := range strings.SplitSeq(first, ", ") {
				want[strings.Trim(name, "`")] = true
			}
		}
	}
	delete(want, "trace") // it is of every line, and the server's to add
	var log bytes.Buffer
	b := newBench(t, Config{Log: slog.New(slog.NewJSONHandler(&log, nil))}, nil, "*.example.com")
	b.world.Host(t, "a.example.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, "secret answer") }))
	b.world.Resolve("in.example.com", []string{"10.1.2.3"})
	for _, tt := range []struct {
		url  string
		want map[string]any
	}{
		{"https://a.example.com/secret?q=secret", map[string]any{"decision": "allow", "code": "", "host": "a.example.com", "port": 443.0, "scheme": "https", "method": "POST", "address_class": "public", "status": 200.0, "sent": 6.0, "received": 13.0}},
		{"https://in.example.com/secret", map[string]any{"decision": "deny", "code": CodeDenied, "rule": "address", "address_class": "private", "status": 0.0}},
		{"https://other.example/secret", map[string]any{"decision": "deny", "rule": "egress-not-declared", "address_class": "", "host": "other.example"}},
		{"http:secret", map[string]any{"decision": "deny", "host": "", "port": 0.0}},
		{"https://b.example.com:25/secret", map[string]any{"decision": "deny", "rule": "egress-port-blocked", "port": 25.0}},
		{"https://none.example.com/secret", map[string]any{"decision": "allow", "code": "FETCH_FAILED", "address_class": ""}},
	} {
		log.Reset()
		_, _ = b.fetch(t.Context(), map[string]any{"url": tt.url, "method": "POST", "headers": [][2]string{{"x-a", "secret"}}}, []byte("secret"))
		var line map[string]any
		if err := json.Unmarshal(log.Bytes(), &line); err != nil || strings.Count(log.String(), "\n") != 1 {
			t.Fatalf("%s: not one line: %q, %v", tt.url, log.String(), err)
		}
		if strings.Contains(log.String(), "secret") {
			t.Errorf("%s: the line tells a secret: %s", tt.url, log.String())
		}
		for name := range line {
			if !want[name] {
				t.Errorf("%s: the docs do not name %s", tt.url, name)
			}
		}
		for name := range want {
			if _, ok := line[name]; !ok {
				t.Errorf("%s: the line has no %s", tt.url, name)
			}
		}
		for name, v := range tt.want {
			if line[name] != v {
				t.Errorf("%s: %s is %v, want %v", tt.url, name, line[name], v)
			}
		}
	}
	log.Reset()
	if _, err := b.handle(t.Context(), b.policy, call.Request{Method: "fetch", Head: []byte("[")}); fault.CodeOf(err) != "INVALID_ARGUMENT" || !strings.Contains(log.String(), "INVALID_ARGUMENT") {
		t.Errorf("malformed arguments: %v, %s", err, log.String())
	}
}

// What would allow a request is not said of one that nothing allows: whoever followed it would
// declare what no manifest may hold.
func TestWhatWouldAllowIt(t *testing.T) {
	b := newBench(t, Config{}, nil, "*")
	for url, want := range map[string]string{
		"https://10.0.0.1/":         "nothing of fetch",
		"https://[2001:db8::1]/":    "nothing of fetch",
		"https://localhost/":        "nothing of fetch",
		"https://intranet/":         "nothing of fetch",
		"https://a.example.com:25/": "another port",
		"http://a.example.com/":     "an absolute https URL",
	} {
		_, err := b.fetch(t.Context(), get(url), nil)
		f := wantFault(t, err, fault.Denied, CodeDenied)
		if by, _ := f.Fields["allowedBy"].(string); !strings.HasPrefix(by, want) || f.Fix != "allowed by "+by {
			t.Errorf("%s: %q, %q", url, by, f.Fix)
		}
	}
	b = newBench(t, Config{}, nil)
	_, err := b.fetch(t.Context(), get("https://a.example.com/"), nil)
	if f := wantFault(t, err, fault.Denied, CodeDenied); f.Fields["allowedBy"] != "permissions.external.fetch.backend: https://a.example.com" {
		t.Error(f.Fields)
	}
}
