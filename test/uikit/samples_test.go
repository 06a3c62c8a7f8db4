package uikit

import (
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/test/uikit/client"
)

// The receiver takes what is signed with the key that an admin sees, and the panel shows it.
func TestBuilds(t *testing.T) {
	w := newWorld(t)
	app := w.app(copied(t, "../../examples/apps/builds"))
	admin := w.pageAt("alice", "tracker:adminPage", map[string]any{}).Open(app + "/settings")
	s := admin.Until("the settings", func(s *client.State) bool { return len(s.Tree.All("CodeBlock")) == 2 })
	address, _ := s.Tree.All("CodeBlock")[0].Props["text"].(string)
	example, _ := s.Tree.All("CodeBlock")[1].Props["text"].(string)
	key := regexp.MustCompile(`-hmac (\w+)`).FindStringSubmatch(example)
	if key == nil || address == "" {
		t.Fatal(address, example)
	}
	panel := w.page("bob", "TR-1").Open(app + "/builds")
	panel.Until("no builds", func(s *client.State) bool { return len(s.Tree.All("EmptyState")) == 1 })

	report := `{"issue":"TR-1","build":"142","result":"passed","branch":"main","url":"https://ci.example.com/142"}`
	for _, try := range []struct {
		body, key string
		status    int
	}{
		{report, "guessed", http.StatusUnauthorized},
		{`{"issue":"nowhere"}`, key[1], http.StatusBadRequest},
		{report, key[1], http.StatusAccepted},
	} {
		if got := w.post(address, try.body, try.key); got != try.status {
			t.Errorf("%s with %s: %d, want %d", try.body, try.key, got, try.status)
		}
	}
	shown := panel.Click(panel.Now().Tree.All("Button")[0], "onClick")
	if got := shown.JSON(); !strings.Contains(got, `"142"`) || !strings.Contains(got, "https://ci.example.com/142") {
		t.Error(got)
	}
	// Who may see the panel may not see the key: the page of another place is refused.
	status, code, _ := w.page("bob", "TR-1").Ask("POST", "/bridge/ui", map[string]any{"module": app + "/settings"})
	if status != http.StatusForbidden || code != "ANOTHER_PANEL" {
		t.Error(status, code)
	}
}

// post sends a signed report to a web trigger's address.
func (w *world) post(address, body, key string) int {
	w.t.Helper()
	u, err := url.Parse(address)
	if err != nil {
		w.t.Fatal(err)
	}
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write([]byte(body))
	req, err := http.NewRequestWithContext(w.ctx, http.MethodPost, "http://"+w.System.Listener.Addr().String()+u.Path, strings.NewReader(body))
	if err != nil {
		w.t.Fatal(err)
	}
	req.Host = u.Host
	req.Header.Set("X-Signature-256", "sha256="+hex.EncodeToString(mac.Sum(nil)))
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		w.t.Fatal(err)
	}
	defer res.Body.Close()
	return res.StatusCode
}

// The summary reads nothing before the person agreed, and then what the person may see.
func TestSummary(t *testing.T) {
	w := newWorld(t)
	app := w.app(copied(t, "../../examples/apps/summary"))
	page := w.page("bob", "DEMO-1")
	v := page.Open(app + "/summary")
	s := v.Until("the question", func(s *client.State) bool { return len(s.Effects) > 0 && len(s.Tree.All("SectionMessage")) == 1 })
	if s.Effects[0].Command != "consent" || !strings.Contains(s.Tree.Text(), "You decide") {
		t.Fatalf("%+v %s", s.Effects, s.Tree.Text())
	}
	w.agree("bob", app)
	s = page.Open(app+"/summary").Until("the summary", func(s *client.State) bool { return len(s.Tree.All("Button")) == 1 })
	if got := s.Tree.Text(); !strings.Contains(got, "Opened") || strings.Contains(got, "undefined") {
		t.Error(got)
	}
}

// agree is what a person decides on the platform's own page.
func (w *world) agree(user, installation string) {
	w.t.Helper()
	site, err := w.System.Tenancy.SiteByName(w.ctx, w.Access.Site)
	if err != nil {
		w.t.Fatal(err)
	}
	who := id.Principal{Kind: id.EndUser, User: id.User(user), Site: site.ID, Product: id.Product(w.Access.Product)}
	q, err := w.System.Consents.Ask(w.ctx, who, id.Install(installation))
	if err == nil {
		err = w.System.Consents.Give(w.ctx, who, id.Install(installation), q.Digest)
	}
	if err != nil {
		w.t.Fatal(err)
	}
}
