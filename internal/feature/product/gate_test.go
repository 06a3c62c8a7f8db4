package product

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

func request(as, method, path string, headers ...[2]string) map[string]any {
	return map[string]any{"product": "jira", "as": as, "method": method, "path": path, "headers": headers}
}

var aliceHere = id.Principal{Kind: id.EndUser, Site: "s", Product: "tracker", User: "alice"}

func TestRequestAsApp(t *testing.T) {
	w := newWorld(t, "read", "write")
	a, err := w.ask(request("app", "GET", "/issue/A-1?fields=x%26y&undeclared=1", [2]string{"X-Declared", "d"}, [2]string{"X-Other", "o"}, [2]string{"Accept", "application/json"}), "")
	if err != nil || a.Status != 200 || a.body != `{"ok":true}` || a.URL != "/issue/A-1" {
		t.Fatalf("%+v, %v", a, err)
	}
	r := w.got[0]
	if r.URL.RequestURI() != "/api/issue/A-1?fields=x%26y" || r.Header.Get("X-Declared") != "d" || r.Header.Get("X-Other") != "" || r.Header.Get("Authorization") != "Bearer "+token {
		t.Errorf("%s %v", r.URL, r.Header)
	}
	// The credential is for this operation alone.
	if ask := w.asked[0]; ask.User != "" || !slices.Equal(ask.Scopes, []string{"read"}) {
		t.Errorf("%+v", ask)
	}
	d := w.decided[0]
	if !d.Allow || d.Operation != "GET/issue/{key}" || d.As != "app" || d.Status != 200 || d.Received == 0 {
		t.Errorf("%+v", d)
	}
}

func TestRefusalsAnswer(t *testing.T) {
	json := [2]string{"Content-Type", "application/json"}
	for name, tt := range map[string]struct {
		h      map[string]any
		body   string
		scopes []string
		code   string
	}{
		"scope":             {request("app", "DELETE", "/issue/A-1"), "", []string{"read"}, "SCOPE_NOT_GRANTED"},
		"no scope":          {request("app", "GET", "/issue/A-1"), "", nil, "SCOPE_NOT_GRANTED"},
		"unmapped":          {request("app", "GET", "/unmapped"), "", []string{"read", "write"}, "OPERATION_CLOSED"},
		"unknown":           {request("app", "GET", "/elsewhere"), "", []string{"read"}, "OPERATION_UNKNOWN"},
		"method":            {request("app", "PUT", "/issue/A-1"), "", []string{"read", "write"}, "OPERATION_UNKNOWN"},
		"dots":              {request("app", "GET", "/issue/../issue/A-1"), "", []string{"read"}, "PATH_REFUSED"},
		"encoded separator": {request("app", "GET", "/issue/A%2F1"), "", []string{"read"}, "PATH_REFUSED"},
		"double slash":      {request("app", "GET", "//issue/A-1"), "", []string{"read"}, "PATH_REFUSED"},
		"another host":      {request("app", "GET", "https://example.com/issue/A-1"), "", []string{"read"}, "PATH_REFUSED"},
		"sudo":              {request("app", "GET", "/issue/A-1?sudo=bob"), "", []string{"read"}, "PARAMETER_REFUSED"},
		"Sudo header":       {request("app", "GET", "/issue/A-1", [2]string{"Sudo", "bob"}), "", []string{"read"}, "PARAMETER_REFUSED"},
		"cookie":            {request("app", "GET", "/issue/A-1", [2]string{"Cookie", "a=b"}), "", []string{"read"}, "PARAMETER_REFUSED"},
		"authorization":     {request("app", "GET", "/issue/A-1", [2]string{"Authorization", "Basic x"}), "", []string{"read"}, "PARAMETER_REFUSED"},
		"method override":   {request("app", "GET", "/issue/A-1", [2]string{"X-HTTP-Method-Override", "DELETE"}), "", []string{"read"}, "PARAMETER_REFUSED"},
		"a form for JSON":   {request("app", "POST", "/issue", [2]string{"Content-Type", "application/x-www-form-urlencoded"}), "sudo=bob", []string{"write"}, "BODY_REFUSED"},
		"undeclared media":  {request("app", "POST", "/issue", [2]string{"Content-Type", "text/plain"}), "x", []string{"write"}, "BODY_REFUSED"},
		"undeclared body":   {request("app", "DELETE", "/issue/A-1", json), "{}", []string{"write"}, "BODY_REFUSED"},
		"form part":         {request("app", "POST", "/upload", [2]string{"Content-Type", "multipart/form-data; boundary=b"}), "--b\r\nContent-Disposition: form-data; name=\"sudo\"\r\n\r\nbob\r\n--b--\r\n", []string{"write"}, "PARAMETER_REFUSED"},
		"a way out":         {request("app", "POST", "/hook", json), `{"config":{"url":"https://evil.example/"}}`, []string{"write"}, "REQUEST_EGRESS_ALLOWLIST_ERR"},
		"other case":        {request("app", "POST", "/hook", json), `{"config":{"url":"https://api.example.com/","URL":"https://evil.example/"}}`, []string{"write"}, "REQUEST_EGRESS_ALLOWLIST_ERR"},
		"twice":             {request("app", "POST", "/hook", json), `{"Config":{"url":"https://evil.example/"},"config":{"url":"https://api.example.com/"}}`, []string{"write"}, "REQUEST_EGRESS_ALLOWLIST_ERR"},
		"no URL":            {request("app", "POST", "/hook", json), `{"config":{"url":"evil@example.com"}}`, []string{"write"}, "REQUEST_EGRESS_ALLOWLIST_ERR"},
		"not JSON":          {request("app", "POST", "/hook", json), `{"config":`, []string{"write"}, "BODY_REFUSED"},
	} {
		t.Run(name, func(t *testing.T) {
			w := newWorld(t, tt.scopes...)
			w.maySendTo(t, "api.example.com")
			a, err := w.ask(tt.h, tt.body)
			if err != nil || a.Status != 403 || a.code() != tt.code || a.header("x-annex-denied") != tt.code {
				t.Fatalf("%d %s, %v", a.Status, a.body, err)
			}
			if len(w.got) != 0 || len(w.asked) != 0 {
				t.Errorf("%d requests left, %d credentials were made", len(w.got), len(w.asked))
			}
			d := w.decided[0]
			if d.Allow || d.ReasonID == "" || !strings.Contains(a.body, d.ReasonID) || d.Code != tt.code {
				t.Errorf("%+v", d)
			}
		})
	}
}

func TestProductAsWayOut(t *testing.T) {
	w := newWorld(t, "write")
	w.maySendTo(t, "api.example.com")
	a, err := w.ask(request("app", "POST", "/hook", [2]string{"Content-Type", "application/json"}), `{"config":{"url":"https://api.example.com/x"},"name":"n"}`)
	if err != nil || a.Status != 200 {
		t.Fatalf("%+v, %v", a, err)
	}
}

func TestLeastOfAlternatives(t *testing.T) {
	w := newWorld(t, "read", "write", "other")
	if _, err := w.ask(request("app", "GET", "/either"), ""); err != nil {
		t.Fatal(err)
	}
	if len(w.asked[0].Scopes) != 1 {
		t.Errorf("%v", w.asked[0].Scopes)
	}
	// As a user, the alternative counts to which the user agreed.
	w.present, w.agreed["alice write"] = aliceHere, true
	if _, err := w.ask(request("user", "GET", "/either"), ""); err != nil {
		t.Fatal(err)
	}
	if !slices.Equal(w.asked[1].Scopes, []string{"write"}) || w.asked[1].User != "alice" {
		t.Errorf("%+v", w.asked[1])
	}
}

func TestAsUser(t *testing.T) {
	get := request("user", "GET", "/issue/A-1")
	refused := func(t *testing.T, w *world, h map[string]any, code string) {
		t.Helper()
		if _, err := w.ask(h, ""); fault.CodeOf(err) != code || len(w.got) != 0 {
			t.Fatalf("%v, want %s; %d requests", err, code, len(w.got))
		}
	}
	t.Run("nobody present", func(t *testing.T) {
		refused(t, newWorld(t, "read"), get, "NEEDS_AUTHENTICATION_ERR")
	})
	t.Run("without consent", func(t *testing.T) {
		w := newWorld(t, "read")
		w.present = aliceHere
		refused(t, w, get, "NEEDS_AUTHENTICATION_ERR")
		w.agreed["alice read"] = true
		if a, err := w.ask(get, ""); err != nil || a.Status != 200 || w.asked[0].User != "alice" || w.decided[1].As != "user" {
			t.Fatalf("%+v, %v", a, err)
		}
	})
	t.Run("of another product or site", func(t *testing.T) {
		for _, change := range []func(*id.Principal){func(p *id.Principal) { p.Product = "wiki" }, func(p *id.Principal) { p.Site = "s2" }} {
			w := newWorld(t, "read")
			w.present, w.agreed["alice read"] = aliceHere, true
			change(&w.present)
			refused(t, w, get, "USER_OF_ANOTHER_PRODUCT")
		}
	})
	t.Run("absent", func(t *testing.T) {
		h := request("user", "GET", "/issue/A-1")
		h["accountId"] = "bob"
		w := newWorld(t, "read")
		w.present, w.agreed["bob read"] = aliceHere, true
		refused(t, w, h, "IMPERSONATION_NOT_GRANTED")
		w.mayImpersonate()
		refused(t, w, h, "NEEDS_AUTHENTICATION_ERR")
		w.agreed["bob read offline"] = true
		if a, err := w.ask(h, ""); err != nil || a.Status != 200 || w.asked[0].User != "bob" || w.decided[2].As != "offline" {
			t.Fatalf("%+v, %v", a, err)
		}
	})
}

func TestOnlyWhereInstalled(t *testing.T) {
	w := newWorld(t, "read")
	for _, name := range []string{"wiki", "unheard-of"} {
		h := request("app", "GET", "/issue/A-1")
		h["product"] = name
		if _, err := w.ask(h, ""); fault.CodeOf(err) != "PRODUCT_NOT_INSTALLED" || len(w.got) != 0 {
			t.Errorf("%s: %v", name, err)
		}
	}
}

// A product that echoes what it was sent does not hand the credential to the app.
func TestEchoesAreTakenOut(t *testing.T) {
	w := newWorld(t, "read")
	w.answer = func(rw http.ResponseWriter, r *http.Request) {
		rw.Header().Set("X-Echo", r.Header.Get("Authorization"))
		_, _ = rw.Write([]byte("you sent " + r.Header.Get("Authorization") + "!"))
	}
	a, err := w.ask(request("app", "GET", "/issue/A-1"), "")
	if err != nil || strings.Contains(a.body, token) || strings.Contains(a.header("x-echo"), token) || !strings.Contains(a.body, "you sent Bearer [removed") {
		t.Fatalf("%+v, %v", a, err)
	}
}

func TestRedirectsBecomePaths(t *testing.T) {
	w := newWorld(t, "read")
	for _, tt := range []struct{ location, want string }{
		{w.base.String() + "/issue/A-2?x=1", "/issue/A-2?x=1"}, {"/api/issue/A-2", "/issue/A-2"}, {"/other", "http://" + w.base.Host + "/other"}, {"https://example.com/api/x", "https://example.com/api/x"},
	} {
		w.answer = func(rw http.ResponseWriter, _ *http.Request) {
			rw.Header().Set("Location", tt.location)
			rw.WriteHeader(http.StatusFound)
		}
		a, err := w.ask(request("app", "GET", "/issue/A-1"), "")
		if err != nil || a.Status != 302 {
			t.Fatalf("%+v, %v", a, err)
		}
		if got := a.header("location"); got != tt.want {
			t.Errorf("%s became %s", tt.location, got)
		}
	}
	if len(w.got) != 4 {
		t.Errorf("%d requests: a redirect was followed", len(w.got))
	}
}

func TestUnavailable(t *testing.T) {
	w := newWorld(t, "read")
	w.base.Host = "127.0.0.1:1"
	if _, err := w.ask(request("app", "GET", "/issue/A-1"), ""); fault.CodeOf(err) != "PRODUCT_UNAVAILABLE" || strings.Contains(err.Error(), token) {
		t.Fatal(err)
	}
}
