package attack

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/productkit"
)

// house is a product that shows its people to some: "SITE VIEWER" pairs in shows.
type house struct {
	mu     sync.Mutex
	shows  map[string]string // who sees Bob, and under which name
	avatar string
	leads  string // where the product's own address of a picture leads
	tokens []string
}

func (h *house) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	h.mu.Lock()
	defer h.mu.Unlock()
	_, token, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	if token == "" { // what a picture's address is asked with
		http.Redirect(w, r, h.leads, http.StatusFound)
		return
	}
	parts := strings.Split(token, ".")
	text, _ := base64.RawURLEncoding.DecodeString(parts[min(1, len(parts)-1)])
	var claims struct{ Sub, Site string }
	_ = json.Unmarshal(text, &claims)
	h.tokens = append(h.tokens, string(text))
	name, ok := h.shows[claims.Site+" "+strings.TrimPrefix(claims.Sub, "user:")]
	switch {
	case strings.HasSuffix(r.URL.Path, "/drawn"):
		w.Header().Set("Content-Type", "image/svg+xml")
		fmt.Fprint(w, `<svg viewBox="0 0 9 9"><script>planted()</script><circle r="4" onload="planted()"/><image href="https://evil.example/planted"/></svg>`)
	case !ok:
		http.NotFound(w, r)
	default:
		_ = json.NewEncoder(w).Encode(map[string]any{"id": "p-bob", "name": name, "avatar": h.avatar})
	}
}

// What the platform shows of people is what the product shows to the person who looks:
// nothing that another person or site was told, no address from which a browser would fetch
// a picture, and nothing of it to an app.
func TestAttackLearnOfPeople(t *testing.T) {
	p := newPeople(t)
	h := &house{}
	server := httptest.NewServer(h)
	t.Cleanup(server.Close)
	// Somewhere that this server may dial for another product, and for no picture.
	reached := make(chan string, 100)
	elsewhere := httptest.NewServer(http.HandlerFunc(func(_ http.ResponseWriter, r *http.Request) { reached <- r.URL.Path }))
	t.Cleanup(elsewhere.Close)
	declare := func(yaml string) {
		t.Helper()
		if _, err := p.System.Tenancy.Declare(t.Context(), testenv.Operator, tenancy.Declaration{Name: "product.yaml", Data: []byte(yaml)}); err != nil {
			t.Fatal(err)
		}
	}
	declare("key: vault\napiBaseUrl: " + elsewhere.URL + "\n")
	yaml := "key: house\napiBaseUrl: " + server.URL + "\nkeys: " + string(productkit.PublicKeys(p.Tracker.Key())) + "\n" +
		"modules: [{type: \"house:panel\"}]\nscopes: [{name: \"read:people\", title: People, access: read}]\n" +
		"people: {person: \"/people/{id}\", search: \"/people?q={text}\", id: id, name: name, avatar: %s, scopes: [\"read:people\"]}\n"
	declare(fmt.Sprintf(yaml, "avatar"))
	first, err := p.System.Tenancy.SiteByName(t.Context(), p.Access.Site)
	if err == nil {
		_, err = p.System.Tenancy.UpdateSite(t.Context(), testenv.Operator, first.ID, func(s *tenancy.Site) error {
			s.Products = append(s.Products, id.Product("house"))
			return nil
		})
	}
	if err != nil {
		t.Fatal(err)
	}
	p.Access.Product = "house"
	at := p.deploy("development", source{modules: "  house:panel:\n    - key: panel\n      title: Panel\n      function: f\n", also: []string{"f"}, code: "function f() { return {}; }"})
	other := at.on("other", p.site("other"))
	second, err := p.System.Tenancy.SiteByName(t.Context(), "other")
	if err != nil {
		t.Fatal(err)
	}
	open := func(product string, site id.Site, user string) answer {
		t.Helper()
		u := productkit.User{Product: product, Audience: p.Access.UIURL, Site: string(site), ID: user, Name: user, Locale: "en-GB", Timezone: "Europe/London", AuthTime: time.Now()}
		signed, err := productkit.SignPanel(p.Tracker.Key(), productkit.Panel{User: u, Module: "house:panel", Extension: map[string]any{}})
		if err != nil {
			t.Fatal(err)
		}
		raw, _ := json.Marshal(map[string]any{"panel": signed})
		return p.send("POST", p.ui, "/bridge/session", http.Header{"Content-Type": {"application/json"}}, raw)
	}
	session := func(site id.Site, user string) string {
		t.Helper()
		var out struct{ Token string }
		open("house", site, user).must(t).into(t, &out)
		return out.Token
	}
	// From now on the server may dial the other product: it looks for its keys.
	if a := open("vault", first.ID, "alice"); a.status != http.StatusUnauthorized {
		t.Errorf("the vault signs people in: %d", a.status)
	}
	ask := func(bearer, module string, body map[string]any) answer {
		t.Helper()
		body["module"] = module
		raw, _ := json.Marshal(body)
		return p.send("POST", p.ui, "/bridge/people", http.Header{"Content-Type": {"application/json"}, "Authorization": {"Bearer " + bearer}}, raw)
	}
	here, there := at.installation+"/panel", other.installation+"/panel"
	alice := session(first.ID, "alice")
	h.shows = map[string]string{string(first.ID) + " alice": "Bob\u202e gniK"}
	h.avatar, h.leads = elsewhere.URL+"/avatar", elsewhere.URL+"/led"

	bob := map[string]any{"ids": []string{"p-bob"}}
	if a := ask(alice, here, bob).must(t); a.body != `{"people":[{"accountId":"p-bob","displayName":"Bob gniK","picture":true}]}`+"\n" {
		t.Errorf("Alice is told %s", a.body)
	}
	for who, a := range map[string]answer{
		"Alice of another site": ask(session(second.ID, "alice"), there, bob), "Eve of the same": ask(session(first.ID, "eve"), here, bob),
	} {
		if a.must(t); a.body != `{"people":[]}`+"\n" {
			t.Errorf("%s is told %s", who, a.body)
		}
	}
	for what, a := range map[string]answer{
		"somebody without a session": ask("", here, bob), "a developer": ask(at.developer, here, bob), "a session of another site": ask(session(second.ID, "alice"), here, bob),
		"one who says who they are": ask(alice, here, map[string]any{"ids": []string{"p-bob"}, "user": "alice"}), "one who says where": ask(alice, here, map[string]any{"ids": []string{"p-bob"}, "site": second.ID}),
		"one who asks for all": ask(alice, here, map[string]any{"ids": []string{}}),
	} {
		if a.status < 400 || strings.Contains(a.body, "gniK") {
			t.Errorf("%s: %d %s", what, a.status, a.body)
		}
	}
	// The platform asks in its own name, for whoever looks, with the scopes of product.yaml.
	h.mu.Lock()
	for _, claims := range h.tokens {
		if !strings.Contains(claims, `"act":{"sub":"app:annex","name":"Annex"}`) || !strings.Contains(claims, `"scope":"read:people"`) || strings.Contains(claims, at.installation) {
			t.Errorf("a token says %s", claims)
		}
	}
	if who := string(first.ID); !slices.ContainsFunc(h.tokens, func(c string) bool {
		return strings.Contains(c, `"sub":"user:alice"`) && strings.Contains(c, `"site":"`+who+`"`)
	}) {
		t.Errorf("nobody asked as Alice: %q", h.tokens)
	}
	h.mu.Unlock()

	// Addresses of pictures: one elsewhere, and one of the product that leads there.
	face := map[string]any{"pictures": []string{"p-bob"}}
	shownTo := func(user string) string { // somebody new, who was told nothing yet
		h.mu.Lock()
		defer h.mu.Unlock()
		h.shows[string(first.ID)+" "+user] = "Bob"
		return session(first.ID, user)
	}
	for user, address := range map[string]string{"carol": elsewhere.URL + "/avatar", "dora": server.URL + "/leads-there"} {
		h.mu.Lock()
		h.avatar = address
		h.mu.Unlock()
		if a := ask(shownTo(user), here, face).must(t); a.body != `{"pictures":{}}`+"\n" {
			t.Errorf("a picture from %s: %s", address, a.body)
		}
	}
	if len(reached) != 0 {
		t.Errorf("the server was led to %s", <-reached)
	}
	// What the product draws is drawn anew, and travels in the answer itself.
	declare(fmt.Sprintf(yaml, "\"/people/{id}/drawn\""))
	a := ask(shownTo("frank"), here, face).must(t)
	var got struct{ Pictures map[string]string }
	a.into(t, &got)
	text, ok := strings.CutPrefix(got.Pictures["p-bob"], "data:image/svg+xml;base64,")
	drawing, err := base64.StdEncoding.DecodeString(text)
	if !ok || err != nil || !strings.Contains(string(drawing), "<circle") || strings.Contains(string(drawing), "planted") {
		t.Errorf("%s is given as %q", a.body, drawing)
	}
	at.uninstall()
	if a := ask(alice, here, bob); a.status != http.StatusNotFound {
		t.Errorf("after the uninstallation: %d %s", a.status, a.body)
	}
}
