package client

import (
	"context"
	"encoding/json"
	"errors"
	"io"
	"mime"
	"mime/multipart"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
)

func server(t *testing.T, h http.HandlerFunc) *Client {
	t.Helper()
	s := httptest.NewServer(h)
	t.Cleanup(s.Close)
	c, err := New(Config{URL: s.URL, Token: "anx_dev_x", Agent: "annex/test"})
	if err != nil {
		t.Fatal(err)
	}
	return c
}

func answer(w http.ResponseWriter, status int, body string) {
	w.Header().Set("Content-Type", "application/json; charset=utf-8")
	w.WriteHeader(status)
	io.WriteString(w, body)
}

func TestRequestForm(t *testing.T) {
	c := server(t, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer anx_dev_x" || r.URL.EscapedPath() != "/api/v1/apps/a%2Fb/environments/e%20f/variables/K" || r.Method != "PUT" {
			t.Errorf("%s %s %v", r.Method, r.URL.EscapedPath(), r.Header)
		}
		body, _ := io.ReadAll(r.Body)
		if string(body) != `{"value":"v","sealed":true}` {
			t.Errorf("body %s", body)
		}
		w.WriteHeader(http.StatusNoContent)
	})
	if err := c.SetVariable(context.Background(), "a/b", "e f", "K", VariableValue{Value: "v", Sealed: true}); err != nil {
		t.Error(err)
	}
}

func TestErrorAnswers(t *testing.T) {
	for _, tc := range []struct {
		name   string
		status int
		body   string
		kind   fault.Kind
		code   string
	}{
		{"denied", 403, `{"error":{"kind":"denied","code":"NOT_YOURS","message":"no","fix":"ask","reasonId":"r1"}}`, fault.Denied, "NOT_YOURS"},
		{"waiting", 202, `{"error":{"kind":"waiting","code":"REQUEST_FILED","message":"filed"}}`, fault.Waiting, "REQUEST_FILED"},
		{"html", 500, `<html>`, fault.Unavailable, "NOT_ANNEX"},
		{"not json", 200, `{"url":`, fault.Unavailable, "NOT_ANNEX"},
		{"redirect", 302, ``, fault.Unavailable, "NOT_ANNEX"},
	} {
		t.Run(tc.name, func(t *testing.T) {
			c := server(t, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Location", "https://evil.example.com/")
				answer(w, tc.status, tc.body)
			})
			_, _, err := c.Install(context.Background(), InstallRequest{})
			if fault.KindOf(err) != tc.kind || fault.CodeOf(err) != tc.code {
				t.Errorf("got %v %s: %v", fault.KindOf(err), fault.CodeOf(err), err)
			}
		})
	}
}

func TestDiagnosticsOfAFailure(t *testing.T) {
	c := server(t, func(w http.ResponseWriter, r *http.Request) {
		answer(w, 422, `{"error":{"kind":"invalid","code":"MANIFEST","message":"bad","diagnostics":[{"rule":"r","severity":"error","message":"m","line":3}]}}`)
	})
	_, err := c.Deploy(context.Background(), Upload{}, nil)
	var f *Failure
	if !errors.As(err, &f) || len(f.Diagnostics) != 1 || f.Diagnostics[0].Line != 3 {
		t.Errorf("got %#v", err)
	}
}

func TestUnreachable(t *testing.T) {
	c, err := New(Config{URL: "http://127.0.0.1:1"})
	if err != nil {
		t.Fatal(err)
	}
	_, err = c.Health(context.Background())
	f, ok := fault.As(err)
	if !ok || f.Kind.ExitCode() != 6 || !strings.Contains(f.Public, "http://127.0.0.1:1") || !strings.Contains(f.Fix, "annex demo") {
		t.Errorf("got %#v", err)
	}
}

func TestAddresses(t *testing.T) {
	for _, tc := range []struct {
		url, token string
		ok         bool
	}{
		{"http://127.0.0.1:8480", "t", true},
		{"http://127.0.0.1:8480/", "t", true},
		{"http://[::1]:1", "t", true},
		{"http://annex.localhost:1", "t", true},
		{"https://api.example.com", "t", true},
		{"http://api.example.com", "", true},
		{"http://api.example.com", "t", false},
		{"http://localhost.example.com", "t", false},
		{"ftp://127.0.0.1", "", false},
		{"127.0.0.1:8480", "", false},
		{"http://user@127.0.0.1", "", false},
		{"", "", false},
	} {
		_, err := New(Config{URL: tc.url, Token: tc.token})
		if (err == nil) != tc.ok {
			t.Errorf("%q with token %q: %v", tc.url, tc.token, err)
		}
	}
}

func TestDeployForm(t *testing.T) {
	c := server(t, func(w http.ResponseWriter, r *http.Request) {
		_, params, err := mime.ParseMediaType(r.Header.Get("Content-Type"))
		if err != nil {
			t.Error(err)
			return
		}
		got := map[string]string{}
		for mr := multipart.NewReader(r.Body, params["boundary"]); ; {
			p, err := mr.NextRawPart()
			if err == io.EOF {
				break
			}
			if err != nil {
				t.Error(err)
				return
			}
			_, d, err := mime.ParseMediaType(p.Header.Get("Content-Disposition"))
			if err != nil {
				t.Error(err)
			}
			text, _ := io.ReadAll(p)
			got[d["name"]+":"+d["filename"]] = string(text)
		}
		want := map[string]string{
			"meta:": `{"environment":"staging","message":"m"}`, "manifest:": "app: {}", "bundle:": "code", "sourceMap:": "{}",
			`file:static/a "b".html`: "<p>", "file:x": "",
		}
		for k, v := range want {
			if g, ok := got[k]; !ok || g != v {
				t.Errorf("part %s is %q, want %q", k, g, v)
			}
		}
		answer(w, 201, `{"number":"1.0.0"}`)
	})
	var last, all int64
	d, err := c.Deploy(context.Background(), Upload{Environment: "staging", Message: "m", Manifest: []byte("app: {}"), Bundle: []byte("code"),
		SourceMap: []byte("{}"), Files: map[string][]byte{`static/a "b".html`: []byte("<p>"), "x": {}}},
		func(done, total int64) { last, all = done, total })
	if err != nil || d.Number != "1.0.0" || last != all || all == 0 {
		t.Errorf("%v %v %d of %d", d, err, last, all)
	}
}

func TestUploadOfPagesAloneHasABundle(t *testing.T) {
	var b strings.Builder
	if err := (Upload{Manifest: []byte("app: {}")}).write(multipart.NewWriter(&b)); err != nil {
		t.Fatal(err)
	}
	if body := b.String(); !strings.Contains(body, `name="bundle"`) || strings.Contains(body, "sourceMap") {
		t.Errorf("the server asks for meta, manifest and bundle:\n%s", body)
	}
}

func TestTypesAreTheSchemas(t *testing.T) {
	var i Installation
	if err := json.Unmarshal([]byte(`{"id":"i","waitingNumber":"2.0.0","installedAt":"2026-01-02T03:04:05Z"}`), &i); err != nil || i.WaitingNumber != "2.0.0" || i.InstalledAt == nil {
		t.Errorf("%+v %v", i, err)
	}
}
