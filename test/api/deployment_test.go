// Package api walks through the control API over HTTP, on a whole deployment, and
// holds every answer against openapi.yaml: what programs were promised is what they get.
package api

import (
	"bytes"
	"context"
	"encoding/json"
	"io"
	"log/slog"
	"mime/multipart"
	"net"
	"net/http"
	"net/textproto"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/annexhq/annex"
	"github.com/annexhq/annex/internal/edge/testenv"
)

// The test binary is the worker too: a deployment starts it again.
func TestMain(m *testing.M) {
	annex.Child()
	os.Exit(m.Run())
}

// deployment is a running server and who may do what on it.
type deployment struct {
	*contract
	env                        *testenv.Env
	operator, developer, admin string // tokens
}

func newDeployment(t testing.TB, database string) *deployment {
	t.Helper()
	dir := t.TempDir()
	env, err := testenv.Start(t.Context(), testenv.Setup{
		Dir: dir, Listen: "127.0.0.1:0", Database: database, Workers: 1, ChildCommand: annex.ChildCommand, Version: "api", NoProduct: true,
		Log: slog.New(slog.NewTextHandler(t.Output(), &slog.HandlerOptions{Level: slog.LevelError})),
	})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := env.Close(); err != nil {
			t.Error(err)
		}
	})
	file, err := env.System.FirstOperatorToken(t.Context())
	if err != nil || file != filepath.Join(dir, "operator.token") {
		t.Fatalf("first operator token: %q, %v", file, err)
	}
	token, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	return &deployment{contract: newContract(t), env: env, operator: strings.TrimSpace(string(token)),
		developer: env.Access.DeveloperToken, admin: env.Access.AdminToken}
}

// object is a JSON object.
type object = map[string]any

// answer is what came back.
type answer struct {
	t      testing.TB
	what   string
	status int
	header http.Header
	body   []byte
}

// ask sends a request: a text goes as YAML, anything else as JSON, nil as nothing.
func (d *deployment) ask(method, path, token string, body any) answer {
	d.t.Helper()
	header, raw := http.Header{}, []byte(nil)
	switch b := body.(type) {
	case nil:
	case string:
		header.Set("Content-Type", "application/yaml")
		raw = []byte(b)
	default:
		header.Set("Content-Type", "application/json")
		var err error
		if raw, err = json.Marshal(body); err != nil {
			d.t.Fatal(err)
		}
	}
	return d.send(method, path, token, header, raw)
}

func (d *deployment) send(method, path, token string, header http.Header, body []byte) answer {
	d.t.Helper()
	r, err := http.NewRequestWithContext(context.WithoutCancel(d.t.Context()), method, d.env.Access.URL+path, bytes.NewReader(body))
	if err != nil {
		d.t.Fatal(err)
	}
	if len(body) == 0 {
		r.Body = nil
	}
	r.Header = header
	if token != "" {
		r.Header.Set("Authorization", "Bearer "+token)
	}
	return exchange(d.t, d.contract, r)
}

func exchange(t testing.TB, over http.RoundTripper, r *http.Request) answer {
	t.Helper()
	res, err := over.RoundTrip(r)
	if err != nil {
		t.Fatalf("%s %s: %v", r.Method, r.URL, err)
	}
	defer res.Body.Close()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{t, r.Method + " " + r.URL.RequestURI(), res.StatusCode, res.Header, raw}
}

// is demands a status.
func (a answer) is(status int) answer {
	a.t.Helper()
	if a.status != status {
		a.t.Fatalf("%s: %d %s, want %d", a.what, a.status, a.body, status)
	}
	return a
}

// fails demands a status and the code of the error.
func (a answer) fails(status int, code string) answer {
	a.t.Helper()
	var e struct {
		Error struct{ Code, Message string }
	}
	if err := json.Unmarshal(a.body, &e); err != nil || a.status != status || e.Error.Code != code || e.Error.Message == "" {
		a.t.Errorf("%s: %d %s, want %d %s", a.what, a.status, a.body, status, code)
	}
	return a
}

// get is a member of the answer, by its path: numbers are places in a list.
func (a answer) get(path ...any) any {
	a.t.Helper()
	var v any
	if err := json.Unmarshal(a.body, &v); err != nil {
		a.t.Fatalf("%s: %s: %v", a.what, a.body, err)
	}
	for _, p := range path {
		switch x := v.(type) {
		case map[string]any:
			v = x[p.(string)]
		case []any:
			n, ok := p.(int)
			if !ok || n >= len(x) {
				a.t.Fatalf("%s: %s has no %v", a.what, a.body, path)
			}
			v = x[n]
		default:
			a.t.Fatalf("%s: %s has no %v", a.what, a.body, path)
		}
	}
	return v
}

func (a answer) text(path ...any) string {
	a.t.Helper()
	s, ok := a.get(path...).(string)
	if !ok || s == "" {
		a.t.Fatalf("%s: %s has no text %v", a.what, a.body, path)
	}
	return s
}

func (a answer) want(want any, path ...any) answer {
	a.t.Helper()
	if got := a.get(path...); got != want {
		a.t.Errorf("%s: %v is %v, want %v: %s", a.what, path, got, want, a.body)
	}
	return a
}

// has demands that a list of the answer has an object with these members, and the text in it.
func (a answer) has(list string, members object, text string) answer {
	a.t.Helper()
	all, _ := a.get(list).([]any)
	for _, x := range all {
		one, _ := x.(map[string]any)
		same := true
		for key, value := range members {
			same = same && one[key] == value
		}
		raw, err := json.Marshal(x)
		if same && err == nil && strings.Contains(string(raw), text) {
			return a
		}
	}
	a.t.Errorf("%s: none of %s is %v with %q: %s", a.what, list, members, text, a.body)
	return a
}

func (a answer) length(want int, path ...any) answer {
	a.t.Helper()
	if got, ok := a.get(path...).([]any); !ok || len(got) != want {
		a.t.Errorf("%s: %v has %d elements, want %d: %s", a.what, path, len(got), want, a.body)
	}
	return a
}

// part is one part of an upload.
type part struct{ name, file, data string }

func (d *deployment) upload(token string, parts ...part) answer {
	d.t.Helper()
	var b bytes.Buffer
	w := multipart.NewWriter(&b)
	for _, x := range parts {
		disposition := `form-data; name="` + x.name + `"`
		if x.file != "" {
			disposition += `; filename="` + x.file + `"`
		}
		to, err := w.CreatePart(textproto.MIMEHeader{"Content-Disposition": {disposition}})
		if err == nil {
			_, err = io.WriteString(to, x.data)
		}
		if err != nil {
			d.t.Fatal(err)
		}
	}
	if err := w.Close(); err != nil {
		d.t.Fatal(err)
	}
	return d.send("POST", "/api/v1/deployments", token, http.Header{"Content-Type": {w.FormDataContentType()}}, b.Bytes())
}

// open asks a web trigger's address, as anybody on the network does; the contract is
// the control API's, so it has no say here.
func (d *deployment) open(address string) answer {
	d.t.Helper()
	return d.openWith(address, "")
}

// openWith is the same with an Authorization header.
func (d *deployment) openWith(address, authorization string) answer {
	d.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		d.t.Fatal(err)
	}
	host := u.Host
	_, port, err := net.SplitHostPort(host)
	if err != nil {
		d.t.Fatal(err)
	}
	u.Host = net.JoinHostPort("127.0.0.1", port)
	r, err := http.NewRequestWithContext(d.t.Context(), "GET", u.String(), nil)
	if err != nil {
		d.t.Fatal(err)
	}
	r.Host = host
	if authorization != "" {
		r.Header.Set("Authorization", authorization)
	}
	return exchange(d.t, d.next, r)
}
