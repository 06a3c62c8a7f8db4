package attack

import (
	"net/url"
	"strings"
	"testing"
)

// CONTRACTS 12, SPEC 3.4: what changes who is asking is refused by name, wherever it stands.
func TestAttackChangeWhoAsks(t *testing.T) {
	_, at := onTracker(t, "read:jira-work", "write:jira-work")
	for name, h := range map[string]map[string]any{
		"?sudo=":         {"path": "/rest/api/3/issue/DEMO-1?sudo=alice"},
		"?access_token=": {"path": "/rest/api/3/issue/DEMO-1?access_token=x"},
		"Sudo:":          {"headers": map[string]string{"Sudo": "alice"}},
		"Authorization:": {"headers": map[string]string{"Authorization": "Basic YWxpY2U6eA=="}},
		"Cookie:":        {"headers": map[string]string{"Cookie": "session=x"}},
		"an override":    {"headers": map[string]string{"X-HTTP-Method-Override": "DELETE"}},
		"?_method=":      {"path": "/rest/api/3/issue/DEMO-1?_method=DELETE"},
	} {
		if h["path"] == nil {
			h["path"] = "/rest/api/3/issue/DEMO-1"
		}
		h["method"] = "GET"
		var g got
		at.result("ask", h, &g)
		if g.Status != 403 || g.Code != "PARAMETER_REFUSED" {
			t.Errorf("%s: %+v", name, g)
		}
	}
}

// The same in a form, where products read it as readily as in the query, and where an
// operation declares such a field: its document is not its own judge.
func TestAttackChangeWhoAsksInForms(t *testing.T) {
	d, at := newDesk(t)
	const boundary = "b0undary"
	part := func(name, value string) string {
		return "--" + boundary + "\r\nContent-Disposition: form-data; name=\"" + name + "\"\r\n\r\n" + value + "\r\n--" + boundary + "--\r\n"
	}
	send := func(media, body string) (g got) {
		at.result("ask", map[string]any{"product": "desk", "method": "POST", "path": "/forms", "headers": map[string]string{"Content-Type": media}, "raw": body}, &g)
		return g
	}
	encoded, parts := "application/x-www-form-urlencoded", "multipart/form-data; boundary="+boundary
	for media, body := range map[string]string{encoded: "title=one", parts: part("title", "one")} {
		if g := send(media, body); g.Status != 200 || len(d.took()) != 1 {
			t.Fatalf("%s: what is declared: %+v", media, g)
		}
	}
	for _, name := range []string{"sudo", "Sudo", "SUDO", "x-sudo", "access_token", "_method", "x-http-method-override", "impersonate", "authorization", "token"} {
		for media, body := range map[string]string{
			encoded: "title=one&" + name + "=alice", encoded + "; charset=utf-8": url.QueryEscape(name) + "=alice", encoded + ";a=b": strings.ReplaceAll(name, "_", "%5f") + "=alice&title=x",
			parts: part(name, "alice"),
		} {
			if g := send(media, body); g.Status != 403 || g.Code != "PARAMETER_REFUSED" {
				t.Errorf("%s in %s: %+v", name, media, g)
			}
		}
	}
	// A body that says it is something else than it is reaches nobody as a form.
	for _, media := range []string{"", "text/plain", "application/json", "application/x-www-form-urlencoded, text/plain", parts + "x"} {
		if g := send(media, "sudo=alice"); g.Status == 200 {
			t.Errorf("as %q: %+v", media, g)
		}
	}
	if all := d.took(); len(all) != 0 {
		t.Errorf("the product got %+v", all)
	}
}
