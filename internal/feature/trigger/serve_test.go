package trigger

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"net/http/httptest"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"
	"unicode/utf8"

	"pgregory.net/rapid"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
)

func TestRequestReachesTheFunction(t *testing.T) {
	s, p := one(t)
	url := address(t, s, p, "i-alice", "hook")
	r := request("PURGE", url+"a%2Fb/c?q=1&q=%22two%22&empty&bad=%zz&plus=a+b;c", "raw\x00\xff")
	r.Header.Set("Content-Type", "text/x-own; charset=utf-8")
	r.Header["X-Two"] = []string{"a", "b"}
	r.Header["X-Latin"] = []string{"caf\xe9 \"q\""}
	for _, drop := range []string{
		"Cookie", "X-Forwarded-For", "X-Forwarded-User", "Forwarded", "Via", "X-Real-IP", "CF-Connecting-IP", "True-Client-IP", "X_Forwarded_For",
		"X-Annex-Install", "Proxy-Authorization", "X-Auth-Request-Email", "Transfer-Encoding", "Upgrade", "Tailscale-User-Login", "X-Hop", "Annex_Tunnel",
	} {
		r.Header.Set(drop, "x")
	}
	r.Header.Set("Connection", "close, X-Hop")
	r.Header.Set("annex-tunnel", "key")
	if w := serve(s, r); w.Code != 200 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
	c := p.calls[0]
	if c.Kind != call.WebTrigger || c.Installation != "i-alice" || c.Module != "hook" || c.Function != "index.run" || c.Version != "v-1" ||
		c.Principal.Install != "i-alice" || c.Deadline.IsZero() || c.ContentType != "text/x-own; charset=utf-8" || string(c.Payload) != "raw\x00\xff" || c.TunnelKey != "key" {
		t.Errorf("call = %+v", c)
	}
	var ctx struct{ Request call.WebRequest }
	if err := json.Unmarshal(c.Context, &ctx); err != nil {
		t.Fatalf("%v in %s", err, c.Context)
	}
	want := call.WebRequest{
		Method: "PURGE", Path: "/a%2Fb/c", UserPath: "/a%2Fb/c", RawQuery: "q=1&q=%22two%22&empty&bad=%zz&plus=a+b;c",
		QueryParameters: map[string][]string{"q": {"1", `"two"`}, "empty": {""}, "bad": {"%zz"}, "plus": {"a b;c"}},
		Headers: map[string][]string{
			"host": {strings.TrimSuffix(strings.TrimPrefix(url, "https://"), "/")}, "content-type": {"text/x-own; charset=utf-8"},
			"x-two": {"a", "b"}, "x-latin": {"caf\u00e9 \"q\""},
		},
	}
	if !reflect.DeepEqual(ctx.Request, want) {
		t.Errorf("request =\n%+v, want\n%+v", ctx.Request, want)
	}
}

func TestRootPath(t *testing.T) {
	s, p := one(t)
	r := request("GET", address(t, s, p, "i-alice", "hook"), "")
	r.Host = strings.ToUpper(r.Host) + ":8443" // names have no case; the port is the listener's business
	serve(s, r)
	var ctx struct{ Request call.WebRequest }
	if err := json.Unmarshal(p.calls[0].Context, &ctx); err != nil {
		t.Fatal(err)
	}
	if ctx.Request.Path != "/" || ctx.Request.UserPath != "" || len(ctx.Request.QueryParameters) != 0 {
		t.Errorf("request = %+v", ctx.Request)
	}
}

// TestOnTheWire speaks HTTP to a real listener: what net/http does on the way counts.
func TestOnTheWire(t *testing.T) {
	s, p := one(t)
	url := address(t, s, p, "i-alice", "hook")
	host := strings.TrimSuffix(strings.TrimPrefix(url, "https://"), "/")
	server := httptest.NewServer(s)
	defer server.Close()
	p.answers(`{"statusCode":201,"headers":{"x-two":["a","b"]}}`, "<html>")
	ask := func(head string) string {
		c, err := net.Dial("tcp", server.Listener.Addr().String())
		if err != nil {
			t.Fatal(err)
		}
		defer c.Close()
		if _, err := io.WriteString(c, strings.ReplaceAll(head, "\n", "\r\n")); err != nil {
			t.Fatal(err)
		}
		got, err := io.ReadAll(c)
		if err != nil {
			t.Fatal(err)
		}
		return string(got)
	}
	got := ask("GET //a|b/%7Ec?x=|&y HTTP/1.1\nHost: " + host + "\nConnection: close\n\n")
	if !strings.HasPrefix(got, "HTTP/1.1 201 Created\r\n") || !strings.HasSuffix(got, "\r\n\r\n<html>") || strings.Contains(got, "Content-Type:") || !strings.Contains(got, "\r\nX-Two: a\r\nX-Two: b\r\n") {
		t.Errorf("answer\n%s", got)
	}
	var ctx struct{ Request call.WebRequest }
	if err := json.Unmarshal(p.calls[0].Context, &ctx); err != nil {
		t.Fatal(err)
	}
	if ctx.Request.Path != "//a|b/%7Ec" || ctx.Request.RawQuery != "x=|&y" {
		t.Errorf("request = %+v", ctx.Request)
	}
	if got := ask("HEAD / HTTP/1.1\nHost: " + host + "\nConnection: close\n\n"); !strings.Contains(got, "Content-Length: 6\r\n") || !strings.HasSuffix(got, "\r\n\r\n") {
		t.Errorf("HEAD\n%s", got)
	}
	if got := ask("OPTIONS * HTTP/1.1\nHost: " + host + "\nConnection: close\n\n"); !strings.HasPrefix(got, "HTTP/1.1 2") {
		t.Errorf("OPTIONS *\n%s", got)
	}
	if got := ask("POST / HTTP/1.1\nHost: " + host + "\nTransfer-Encoding: chunked\nConnection: close\n\n3\nabc\n0\n\n"); !strings.HasPrefix(got, "HTTP/1.1 201 ") {
		t.Errorf("chunked\n%s", got)
	}
	if last := p.calls[len(p.calls)-1]; string(last.Payload) != "abc" {
		t.Errorf("a chunked body arrived as %q", last.Payload)
	}
}

// TestContextIsJSON: whatever a client sends, the context is the JSON of a WebRequest.
func TestContextIsJSON(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		r := request("GET", "https://x.example/", "")
		r.Method = rapid.String().Draw(t, "method")
		r.URL.Path = "/" + rapid.String().Draw(t, "path")
		r.URL.RawQuery = string(rapid.SliceOf(rapid.Byte()).Draw(t, "query"))
		name := rapid.StringMatching(`[A-Za-z!#$%&'*+.^|~-]{1,12}`).Draw(t, "name")
		value := string(rapid.SliceOf(rapid.Byte()).Draw(t, "value"))
		r.Header = http.Header{"X-H" + name: {value}}
		got := contextOf(r, "")
		var ctx struct{ Request call.WebRequest }
		if err := json.Unmarshal(got, &ctx); err != nil || !utf8.Valid(got) {
			t.Fatalf("%v in %q", err, got)
		}
		back, ok := latin1(ctx.Request.Headers[strings.ToLower("X-H"+name)][0])
		if !ok || back != value {
			t.Fatalf("value %q came back as %q", value, back)
		}
		if utf8.ValidString(r.URL.RawQuery) && ctx.Request.RawQuery != r.URL.RawQuery {
			t.Fatalf("query %q became %q", r.URL.RawQuery, ctx.Request.RawQuery)
		}
	})
}

func TestAnswers(t *testing.T) {
	tests := []struct {
		name, module, head, body string
		status                   int
		header                   http.Header
		want                     string
	}{
		{"dynamic", "hook", `{"statusCode":202,"statusText":"Sure","headers":{"Content-Type":["application/json"],"X-Two":["a","b"],"x-one":"c"}}`, `{"a":1}`,
			202, http.Header{"Content-Type": {"application/json"}, "X-Two": {"a", "b"}, "X-One": {"c"}, "Content-Length": {"7"}}, `{"a":1}`},
		{"nothing", "hook", `{"statusCode":null}`, "", 204, nil, ""},
		{"no head", "hook", ``, "", 204, nil, ""},
		{"bytes", "hook", `{"statusCode":200}`, "\x00\xff<html>", 200, http.Header{"Content-Type": nil}, "\x00\xff<html>"},
		{"no content has no body", "hook", `{"statusCode":204}`, "x", 204, nil, ""},
		{"redirect", "hook", `{"statusCode":302,"headers":{"location":["https://x.example/"]}}`, "", 302, http.Header{"Location": {"https://x.example/"}}, ""},
		{"latin1 value", "hook", `{"statusCode":200,"headers":{"x-a":["caf\u00e9"]}}`, "", 200, http.Header{"X-A": {"caf\xe9"}}, ""},
		{"output", "fixed", `{"outputKey":"ok"}`, "", 201, http.Header{"Content-Type": {"text/plain"}}, "done"},
		{"output without a body", "fixed", `{"outputKey":"none"}`, "", 204, nil, ""},
		{"own body in place of a static one", "fixed", `{"outputKey":"ok"}`, "smuggled", 201, nil, "done"},

		{"status as text", "hook", `{"statusCode":"200"}`, "", 500, nil, ""},
		{"status of a half", "hook", `{"statusCode":200.5}`, "", 500, nil, ""},
		{"informational status", "hook", `{"statusCode":101}`, "", 500, nil, ""},
		{"status too high", "hook", `{"statusCode":600}`, "", 500, nil, ""},
		{"body without a status", "hook", `{}`, "x", 500, nil, ""},
		{"no object", "hook", `[1]`, "", 500, nil, ""},
		{"no JSON", "hook", `{`, "", 500, nil, ""},
		{"line break in a value", "hook", `{"statusCode":200,"headers":{"x-a":["b\r\nset-cookie: c"]}}`, "", 500, nil, ""},
		{"bad header name", "hook", `{"statusCode":200,"headers":{"x a":["b"]}}`, "", 500, nil, ""},
		{"value beyond latin1", "hook", `{"statusCode":200,"headers":{"x-a":["\u4e2d"]}}`, "", 500, nil, ""},
		{"header of a number", "hook", `{"statusCode":200,"headers":{"x-a":[1]}}`, "", 500, nil, ""},
		{"output of a dynamic one", "hook", `{"outputKey":"ok"}`, "", 500, nil, ""},
		{"status of a static one", "fixed", `{"statusCode":200}`, "", 500, nil, ""},
		{"unknown output", "fixed", `{"outputKey":"zzz"}`, "", 500, nil, ""},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, p := one(t)
			p.answers(tt.head, tt.body)
			w := serve(s, request("GET", address(t, s, p, "i-alice", tt.module), ""))
			if w.Code != tt.status {
				t.Fatalf("%d %s, want %d", w.Code, w.Body, tt.status)
			}
			sandboxed(t, w.Header())
			if tt.status == 500 {
				failed(t, p, w.Body.Bytes(), "APP_ERROR")
				return
			}
			if w.Body.String() != tt.want {
				t.Errorf("body %q, want %q", w.Body, tt.want)
			}
			for name, values := range tt.header {
				if !slices.Equal(w.Header()[name], values) {
					t.Errorf("%s = %q, want %q", name, w.Header()[name], values)
				}
			}
		})
	}
}

// failed holds that an incident is named, and that its id finds the app's log.
func failed(t *testing.T, p *platform, body []byte, code string) {
	t.Helper()
	var got problem
	if err := json.Unmarshal(body, &got); err != nil || got.Code != code || got.IncidentID == "" {
		t.Fatalf("body %s, %v", body, err)
	}
	if len(p.incident) != 1 || !strings.HasPrefix(p.incident[0], got.IncidentID) {
		t.Errorf("incident %s is told as %v", got.IncidentID, p.incident)
	}
}

func TestDroppedHeaders(t *testing.T) {
	s, p := one(t)
	head := map[string]any{"statusCode": 200, "headers": map[string][]string{"x-kept": {"1"}}}
	names := []string{
		"Set-Cookie", "Clear-Site-Data", "Service-Worker-Allowed", "Alt-Svc", "Strict-Transport-Security", "Content-Security-Policy",
		"content-security-policy-report-only", "X-Content-Type-Options", "NEL", "Report-To", "Transfer-Encoding", "Content-Length", "Connection", "X-Annex-Reason",
	}
	for _, n := range names {
		head["headers"].(map[string][]string)[n] = []string{"evil"}
	}
	raw, _ := json.Marshal(head)
	p.answers(string(raw), "body")
	w := serve(s, request("GET", address(t, s, p, "i-alice", "hook"), ""))
	if w.Code != 200 || w.Header().Get("X-Kept") != "1" || w.Body.String() != "body" {
		t.Fatalf("%d %v %q", w.Code, w.Header(), w.Body)
	}
	sandboxed(t, w.Header())
	for _, n := range names {
		if slices.Contains(w.Header().Values(n), "evil") {
			t.Errorf("%s came through", n)
		}
	}
}

// TestNothingHere: every reason for which there is nothing gives the very same answer.
func TestNothingHere(t *testing.T) {
	s, p := proving(t, dbtest.SQLite(t))
	known := address(t, s, p, "i-alice", "hook")
	gone := address(t, s, p, "i-alice", "other")
	if err := s.Delete(t.Context(), scopeOf(t, p, "i-alice"), gone); err != nil {
		t.Fatal(err)
	}
	bob := address(t, s, p, "i-bob", "hook")
	p.uninstall("i-bob")
	worker := request("GET", known, "")
	worker.Header.Set("Service-Worker", "script")
	signed := request("POST", address(t, s, p, "i-alice", "signed"), "{}")
	signed.Header.Set("Annex-Timestamp", "0")
	signed.Header.Set("Annex-Signature", "v1=00")
	requests := map[string]*http.Request{
		"unknown":        request("GET", "https://0123456789abcdef0123456789abcdef.hooks.apps.example/", ""),
		"malformed":      request("GET", "https://short.hooks.apps.example/", ""),
		"another domain": request("GET", strings.Replace(known, "apps.example", "evil.example", 1), ""),
		"deleted":        request("GET", gone, ""),
		"uninstalled":    request("GET", bob, ""),
		"service worker": worker,
		"no proof":       request("GET", address(t, s, p, "i-alice", "bearer"), ""),
		"a wrong proof":  signed,
	}
	var first *bytes.Buffer
	check := func(name string, r *http.Request) {
		t.Helper()
		w := serve(s, r)
		sandboxed(t, w.Header())
		if w.Code != 404 {
			t.Errorf("%s: %d", name, w.Code)
		}
		if first == nil {
			first = w.Body
		}
		if w.Body.String() != first.String() || len(w.Header()) != 5 {
			t.Errorf("%s: %s %v", name, w.Body, w.Header())
		}
	}
	for name, r := range requests {
		check(name, r)
	}
	p.install("i-alice", "s-1", "v-1") // the grant is taken away
	check("not granted any more", request("GET", known, ""))
	p.install("i-alice", "s-1", "v-2", "hook") // another version declares authentication
	p.modules["v-2"] = map[string]Module{"hook": {Function: "index.run", Authentication: "of a later server"}}
	check("authentication that is not known", request("GET", known, ""))
	p.install("i-alice", "s-1", "v-3", "hook")
	check("module gone", request("GET", known, ""))
	p.install("i-alice", "s-2", "v-1", "hook")
	check("another site's", request("GET", known, ""))
	if len(p.calls) != 0 {
		t.Error("a function ran")
	}
}

func TestFailures(t *testing.T) {
	tests := []struct {
		name   string
		err    error
		status int
		code   string
	}{
		{"app", fault.New(fault.App, "FUNCTION_ERR", "TypeError: secret of Alice"), 500, "APP_ERROR"},
		{"no handler", fault.New(fault.NotFound, "HANDLER_NOT_FOUND", "index.run"), 500, "APP_ERROR"},
		{"denial that the app did not catch", fault.New(fault.Denied, "REQUEST_EGRESS_ALLOWLIST_ERR", "x"), 500, "APP_ERROR"},
		{"suspended meanwhile", fault.New(fault.Denied, "DEVELOPMENT_APPS_OFF", "x"), 404, "NOT_FOUND"},
		{"uninstalled meanwhile", fault.New(fault.NotFound, "NOT_INSTALLED", "x"), 404, "NOT_FOUND"},
		{"time", fault.New(fault.Limit, "LIMIT_WALL", "55 s").With("limit", "wall"), 504, "LIMIT_WALL"},
		{"rate", fault.New(fault.Limit, "LIMIT_RATE", "slow down").With("retryAfter", 7).With("figure", 20), 429, "LIMIT_RATE"},
		{"memory", fault.New(fault.Limit, "LIMIT_MEMORY", "128 MB"), 502, "LIMIT_MEMORY"},
		{"worker", fault.New(fault.Unavailable, "WORKER_LOST", "x"), 503, "WORKER_LOST"},
		{"stale", fault.New(fault.Unavailable, "POLICY_STALE", "x"), 503, "POLICY_STALE"},
		{"a key that opens nothing", fault.New(fault.Conflict, "TUNNEL_UNKNOWN", "x"), 409, "TUNNEL_UNKNOWN"},
		{"a key in production", fault.New(fault.Denied, "TUNNEL_DEVELOPMENT_ONLY", "x"), 403, "TUNNEL_DEVELOPMENT_ONLY"},
		{"a tunnel elsewhere", fault.New(fault.Unavailable, "TUNNEL_ELSEWHERE", "secret"), 503, "TUNNEL_ELSEWHERE"},
		{"a tunnel that the app made up", fault.New(fault.App, "TUNNEL_UNKNOWN", "secret"), 500, "APP_ERROR"},
		{"ours", fault.New(fault.Internal, "X", "secret of the platform"), 500, "INTERNAL"},
		{"untyped", errors.New("secret of the platform"), 500, "INTERNAL"},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			s, p := one(t)
			p.fails(fault.Op("somewhere", tt.err))
			w := serve(s, request("POST", address(t, s, p, "i-alice", "hook"), "x"))
			sandboxed(t, w.Header())
			var got problem
			if err := json.Unmarshal(w.Body.Bytes(), &got); err != nil || w.Code != tt.status || got.Code != tt.code {
				t.Fatalf("%d %s", w.Code, w.Body)
			}
			if strings.Contains(w.Body.String(), "secret") {
				t.Errorf("told outside: %s", w.Body)
			}
			if tt.status >= 500 && got.IncidentID == "" || tt.status < 500 && got.IncidentID != "" {
				t.Errorf("incident %q for %d", got.IncidentID, tt.status)
			}
			if (w.Header().Get("Retry-After") != "") != (tt.status == 429 || tt.status == 503) {
				t.Errorf("Retry-After %q for %d", w.Header().Get("Retry-After"), tt.status)
			}
			h := w.Header()
			reset, err := time.Parse(time.RFC3339, h.Get("X-Ratelimit-Reset"))
			if is := h.Get("X-Ratelimit-Limit") == "20" && h.Get("X-Ratelimit-Remaining") == "0" && err == nil && time.Until(reset) < 8*time.Second; is != (tt.name == "rate") {
				t.Errorf("X-Ratelimit-*: %v", h)
			}
		})
	}
}

func TestBodyLimit(t *testing.T) {
	s, p := one(t)
	s.cfg.MaxBody = 100 << 10
	url := address(t, s, p, "i-alice", "hook")
	for _, announced := range []bool{true, false} {
		for size, status := range map[int]int{0: 200, 1: 200, 64 << 10: 200, 100 << 10: 200, 100<<10 + 1: 413} {
			r := request("POST", url, strings.Repeat("x", size))
			if !announced {
				r.ContentLength = -1
			}
			w := serve(s, r)
			if w.Code != status {
				t.Errorf("%d bytes, announced %v: %d %s", size, announced, w.Code, w.Body)
			}
			if status != 200 {
				continue // there was no call
			}
			if last := p.calls[len(p.calls)-1]; len(last.Payload) != size {
				t.Errorf("%d of %d bytes arrived", len(last.Payload), size)
			}
		}
	}
	r := request("POST", url, "short")
	r.ContentLength = 10
	if w := serve(s, r); w.Code != 400 {
		t.Errorf("a body that ends early: %d", w.Code)
	}
	p.answers(`{"statusCode":200}`, strings.Repeat("x", 100<<10+1))
	if w := serve(s, request("GET", url, "")); w.Code != 502 || !strings.Contains(w.Body.String(), "LIMIT_RESPONSE_BODY") {
		t.Errorf("an answer over the limit: %d %s", w.Code, w.Body)
	}
}

// TestClientGoesAway: the call is not given up half-way.
func TestClientGoesAway(t *testing.T) {
	s, p := one(t)
	url := address(t, s, p, "i-alice", "hook")
	p.invoke = func(ctx context.Context, _ *call.Call) (call.Result, error) {
		if ctx.Err() != nil || ctx.Done() != nil {
			t.Error("the call's context ends with the client")
		}
		return call.Result{}, nil
	}
	ctx, cancel := context.WithCancel(t.Context())
	r := request("GET", url, "").WithContext(ctx)
	if w := serve(s, r); w.Code != 204 {
		t.Fatalf("%d", w.Code) // fills the cache of addresses, so that the second needs no database
	}
	cancel()
	if w := serve(s, r); w.Code != 204 {
		t.Fatalf("%d", w.Code)
	}
	if len(p.calls) != 2 {
		t.Fatalf("%d calls", len(p.calls))
	}
}

func TestVersionChangesMeanwhile(t *testing.T) {
	s, p := one(t)
	url := address(t, s, p, "i-alice", "hook")
	p.modules["v-2"] = map[string]Module{"hook": {Function: "index.second"}}
	p.invoke = func(_ context.Context, c *call.Call) (call.Result, error) {
		if c.Version == "v-1" {
			p.install("i-alice", "s-1", "v-2", "hook")
			return call.Result{}, fault.New(fault.Conflict, "VERSION_CHANGED", "x")
		}
		if c.Function != "index.second" {
			t.Errorf("function %q of version %q", c.Function, c.Version)
		}
		return call.Result{}, nil
	}
	if w := serve(s, request("GET", url, "")); w.Code != 204 {
		t.Fatalf("%d %s", w.Code, w.Body)
	}
}

func FuzzAnswer(f *testing.F) {
	f.Add([]byte(`{"statusCode":200,"headers":{"a":["b"],"set-cookie":"x"}}`), []byte("b"), false)
	f.Add([]byte(`{"outputKey":"ok"}`), []byte(""), true)
	f.Fuzz(func(t *testing.T, head, body []byte, static bool) {
		s := &Service{cfg: Config{MaxBody: 1 << 20}}
		a, err := s.answer(Module{Static: static, Outputs: map[string]Output{"ok": {StatusCode: 200}}}, call.Result{Head: head, Body: body})
		if err != nil {
			if fault.KindOf(err) == fault.Internal {
				t.Fatal(err)
			}
			return
		}
		if a.status < 200 || a.status > 599 {
			t.Fatalf("status %d", a.status)
		}
		for name, values := range a.header {
			if forbidden[name] || name != http.CanonicalHeaderKey(name) || strings.ContainsAny(name+strings.Join(values, ""), "\r\n\x00") {
				t.Fatalf("header %q: %q", name, values)
			}
		}
	})
}

// TestPlainResult: the quick reader agrees with encoding/json wherever it answers.
func TestPlainResult(t *testing.T) {
	text := rapid.SampledFrom([]string{"", "a", "content-type", "b,c", "]", "}", "caf\u00e9", `q"q`, "\\", "\n"})
	rapid.Check(t, func(t *rapid.T) {
		head := map[string]any{"statusCode": rapid.IntRange(-1, 1100).Draw(t, "status")}
		if rapid.Bool().Draw(t, "with headers") {
			headers := map[string]any{}
			for range rapid.IntRange(0, 3).Draw(t, "headers") {
				if rapid.Bool().Draw(t, "list") {
					headers[text.Draw(t, "name")] = rapid.SliceOfN(text, 0, 3).Draw(t, "values")
				} else {
					headers[text.Draw(t, "name")] = text.Draw(t, "value")
				}
			}
			head["headers"] = headers
		}
		raw, err := json.Marshal(head)
		if err != nil {
			t.Fatal(err)
		}
		// encoding/json sorts members; the kernel writes the status first.
		if h, ok := head["headers"]; ok {
			inner, _ := json.Marshal(h)
			raw = fmt.Appendf(nil, `{"statusCode":%d,"headers":%s}`, head["statusCode"], inner)
		}
		quick, ok := parsePlain(string(raw))
		if !ok {
			return
		}
		slow, err := parseResult(append([]byte(" "), raw...)) // a blank keeps the quick reader out
		if err != nil {
			t.Fatal(err)
		}
		byName := func(a, b header) int { return strings.Compare(a.name, b.name) }
		slices.SortFunc(quick.headers, byName)
		slices.SortFunc(slow.headers, byName)
		if !reflect.DeepEqual(quick, slow) {
			t.Fatalf("%s: %+v and %+v", raw, quick, slow)
		}
	})
	for _, raw := range []string{`{"statusCode":200}`, `{"statusCode":200,"headers":{}}`, `{"statusCode":200,"headers":{"a":["b","c"],"d":"e"}}`} {
		if _, ok := parsePlain(raw); !ok {
			t.Errorf("%s is read the long way", raw)
		}
	}
	for _, raw := range []string{``, `{`, `{"statusCode":200`, `{"statusCode":200}}`, `{"statusCode":200,"headers":{"a":["b"]}`, `{"statusCode":2e2}`, `{"statusCode":200,"headers":{"a"}}`, `{"statusCode":200,"headers":{"a":["b",]}}`} {
		if _, ok := parsePlain(raw); ok {
			t.Errorf("%s is taken for a plain answer", raw)
		}
	}
}

func BenchmarkServe(b *testing.B) {
	s, p := one(b)
	url := address(b, s, p, "i-alice", "hook")
	res := call.Result{Head: []byte(`{"statusCode":200,"headers":{"content-type":["application/json"]}}`), Body: bytes.Repeat([]byte("x"), 1024)}
	s.cfg.Invoker = fixed{res}
	r := request("POST", url+"path?a=1", `{"n":1}`)
	r.Header.Set("Content-Type", "application/json")
	r.Header.Set("User-Agent", "bench/1")
	r.Header.Set("Accept", "*/*")
	body := []byte(`{"n":1}`)
	w := &discard{h: http.Header{}}
	b.ReportAllocs()
	for b.Loop() {
		r.Body = reader{bytes.NewReader(body)}
		clear(w.h)
		s.ServeHTTP(w, r)
	}
	if w.status != 200 {
		b.Fatal(w.status)
	}
}

type fixed struct{ res call.Result }

func (f fixed) Invoke(context.Context, *call.Call) (call.Result, error) { return f.res, nil }

type reader struct{ *bytes.Reader }

func (reader) Close() error { return nil }

type discard struct {
	h      http.Header
	status int
}

func (d *discard) Header() http.Header         { return d.h }
func (d *discard) Write(b []byte) (int, error) { return len(b), nil }
func (d *discard) WriteHeader(s int)           { d.status = s }
