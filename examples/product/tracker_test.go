package tracker

import (
	"encoding/json"
	"io"
	"net/http"
	"net/http/cookiejar"
	"net/http/httptest"
	"net/url"
	"path/filepath"
	"strings"
	"testing"

	"go.yaml.in/yaml/v4"
)

var people = []User{
	{ID: "alice", Name: "Alice", Login: "alice", Email: "alice@tracker.test", Password: "wonder", Admin: true, TimeZone: "Europe/London"},
	{ID: "bob", Name: "Bob", Login: "bob", Email: "bob@tracker.test", Password: "builder", TimeZone: "Europe/Berlin"},
}

func serve(t *testing.T, file string) *httptest.Server {
	t.Helper()
	tr, err := New(Config{File: file, Users: people, URL: "http://tracker.test"})
	if err != nil {
		t.Fatal(err)
	}
	s := httptest.NewServer(tr)
	t.Cleanup(s.Close)
	return s
}

func do(t *testing.T, s *httptest.Server, user, method, path, body string) (int, map[string]any) {
	t.Helper()
	req, err := http.NewRequest(method, s.URL+path, strings.NewReader(body))
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		for _, u := range people {
			if u.ID == user {
				req.SetBasicAuth(u.Login, u.Password)
			}
		}
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer res.Body.Close()
	raw, _ := io.ReadAll(res.Body)
	var out map[string]any
	_ = json.Unmarshal(raw, &out)
	return res.StatusCode, out
}

func TestIssueLifeByAPI(t *testing.T) {
	file := filepath.Join(t.TempDir(), "tracker.json")
	s := serve(t, file)
	code, made := do(t, s, "bob", "POST", "/rest/api/3/issue",
		`{"fields":{"project":{"key":"DEMO"},"summary":"Buy milk","issuetype":{"name":"Task"},"description":{"type":"doc","version":1,"content":[{"type":"paragraph","content":[{"type":"text","text":"two litres"}]}]}}}`)
	if code != 201 {
		t.Fatalf("create: %d %v", code, made)
	}
	key := made["key"].(string)
	if code, _ := do(t, s, "bob", "POST", "/rest/api/3/issue/"+key+"/transitions", `{"transition":{"id":"3"}}`); code != 204 {
		t.Fatalf("transition: %d", code)
	}
	if code, c := do(t, s, "bob", "POST", "/rest/api/2/issue/"+key+"/comment", `{"body":"done"}`); code != 201 || c["body"] != "done" {
		t.Fatalf("comment: %d %v", code, c)
	}
	if code, _ := do(t, s, "bob", "DELETE", "/rest/api/3/issue/"+key, ""); code != 403 {
		t.Fatalf("Bob deleted an issue: %d", code)
	}
	s.Close()
	s = serve(t, file) // a restart finds everything
	_, got := do(t, s, "alice", "GET", "/rest/api/2/issue/"+key, "")
	fields := got["fields"].(map[string]any)
	if fields["description"] != "two litres" || fields["status"].(map[string]any)["name"] != "Done" {
		t.Fatalf("after restart: %v", fields)
	}
	_, log := do(t, s, "alice", "GET", "/rest/api/3/issue/"+key+"/changelog", "")
	if log["total"].(float64) != 1 {
		t.Fatalf("changelog: %v", log)
	}
}

func TestRefusals(t *testing.T) {
	s := serve(t, "")
	for _, c := range []struct {
		user, method, path, body string
		want                     int
	}{
		{"", "GET", "/rest/api/3/myself", "", 401},
		{"bob", "GET", "/rest/api/3/issue/NOPE-1", "", 404},
		{"bob", "POST", "/rest/api/3/issue", `{"fields":{"summary":"x"}}`, 400},
		{"bob", "POST", "/rest/api/3/issue", `{`, 400},
		{"bob", "POST", "/rest/api/3/issue/DEMO-1/transitions", `{"transition":{"id":"9"}}`, 400},
		{"bob", "GET", "/rest/api/3/search?jql=" + url.QueryEscape("sprint = 3"), "", 400},
		{"bob", "PUT", "/rest/api/3/issue/DEMO-1/properties/x", `not json`, 400},
	} {
		if got, body := do(t, s, c.user, c.method, c.path, c.body); got != c.want {
			t.Errorf("%s %s: %d, want %d (%v)", c.method, c.path, got, c.want, body)
		}
	}
}

func TestSearch(t *testing.T) {
	s := serve(t, "")
	for jql, want := range map[string]float64{
		"":                                       6,
		"project = DEMO AND status = Done":       1,
		"status in (\"To Do\", \"In Progress\")": 5,
		"assignee = currentUser()":               3,
		"summary ~ release ORDER BY created DESC": 1,
		"type != Bug": 4,
	} {
		code, out := do(t, s, "alice", "GET", "/rest/api/3/search?jql="+url.QueryEscape(jql), "")
		if code != 200 || out["total"] != want {
			t.Errorf("%q: %d, total %v, want %v", jql, code, out["total"], want)
		}
	}
}

func TestPages(t *testing.T) {
	s := serve(t, "")
	jar, _ := cookiejar.New(nil)
	c := &http.Client{Jar: jar}
	get := func(path string) string {
		res, err := c.Get(s.URL + path)
		if err != nil {
			t.Fatal(err)
		}
		defer res.Body.Close()
		raw, _ := io.ReadAll(res.Body)
		return string(raw)
	}
	if !strings.Contains(get("/"), "Sign in to Tracker") {
		t.Fatal("the board is shown to strangers")
	}
	res, err := c.PostForm(s.URL+"/login", url.Values{"login": {"alice"}, "password": {"wonder"}, "next": {"//evil.test"}})
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.Request.URL.Host != strings.TrimPrefix(s.URL, "http://") {
		t.Fatalf("sign-in led to %s", res.Request.URL)
	}
	if page := get("/"); !strings.Contains(page, "Welcome tour") || !strings.Contains(page, "In Progress") {
		t.Fatalf("board: %s", page)
	}
	res, err = c.PostForm(s.URL+"/issues", url.Values{"project": {"DEMO"}, "type": {"Bug"}, "summary": {"<b>bold</b>"}})
	if err != nil {
		t.Fatal(err)
	}
	raw, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if !strings.Contains(string(raw), "&lt;b&gt;bold") {
		t.Fatal("a summary is shown as markup")
	}
}

// The document must say what the API answers: every path in it is served, and every
// route of the API is in it.
func TestOpenAPINamesEveryRoute(t *testing.T) {
	var doc struct {
		Paths map[string]map[string]any `yaml:"paths"`
	}
	if err := yaml.Unmarshal(OpenAPI, &doc); err != nil {
		t.Fatal(err)
	}
	s := serve(t, "")
	for path, methods := range doc.Paths {
		for m := range methods {
			if m == "parameters" {
				continue
			}
			p := strings.NewReplacer("{issue}", "DEMO-1", "{project}", "DEMO", "{comment}", "1", "{property}", "p", "{status}", "1").Replace(path)
			code, body := do(t, s, "alice", strings.ToUpper(m), p, "{}")
			if code == 405 || code == 404 && body == nil {
				t.Errorf("%s %s is not served", m, path)
			}
		}
	}
}
