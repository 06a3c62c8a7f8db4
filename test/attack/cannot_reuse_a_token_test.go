package attack

import (
	"encoding/json"
	"io"
	"net/http"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	tracker "github.com/annexhq/annex/examples/product"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/tenancy"
	"github.com/annexhq/annex/internal/infra/signer"
	"github.com/annexhq/annex/productkit"
)

// asked is a request to Tracker's API with an access token.
func (p *platform) asked(token, path string) int {
	p.t.Helper()
	r, err := http.NewRequestWithContext(p.ctx, "GET", p.Access.ProductURL+path, nil)
	if err != nil {
		p.t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer "+token)
	res, err := noRedirects.Do(r)
	if err != nil {
		p.t.Fatal(err)
	}
	defer res.Body.Close()
	_, _ = io.Copy(io.Discard, res.Body)
	return res.StatusCode
}

// SPEC 4, CONTRACTS 3: somebody has got hold of a token that the platform made for a
// product. It opens that product, as that installation, on that site, for a minute: not
// another product or site, not the platform, not later, and not once its key is withdrawn.
func TestAttackReuseAToken(t *testing.T) {
	p := newPlatformWith(t, func(s *testenv.Setup) { s.NoProduct = false })
	at := p.deploy("development", source{also: []string{"read"}, scopes: []string{"read:jira-work", "read:jira-user"}, code: `
		const api = __annex_require("@annex/api");
		async function read() { return (await api.asApp().requestJira(api.route` + "`/rest/api/3/myself`" + `)).json(); }`})
	var me struct{ AccountID, DisplayName string }
	at.result("read", nil, &me)
	if me.AccountID != "app:"+at.installation || me.DisplayName != "Attack" {
		t.Fatalf("the app is %+v", me)
	}
	site, err := p.System.Tenancy.SiteByName(t.Context(), p.Access.Site)
	if err != nil {
		t.Fatal(err)
	}
	other, err := p.System.Tenancy.AddSite(t.Context(), testenv.Operator, tenancy.NewSite{Name: "other", Products: []id.Product{"tracker"}})
	if err != nil {
		t.Fatal(err)
	}
	stolen := signer.Access{
		Audience: "tracker", Subject: "user:alice", ClientID: at.app, Actor: signer.Actor{Subject: "app:" + at.installation},
		Scope: []string{"read:jira-work"}, Site: string(site.ID), Installation: at.installation,
	}
	token := func(s *signer.Signer, change func(*signer.Access)) string {
		t.Helper()
		a := stolen
		change(&a)
		made, _, err := s.Access(a)
		if err != nil {
			t.Fatal(err)
		}
		return made
	}
	made := token(p.System.Signer, func(*signer.Access) {})
	const issue = "/rest/api/3/issue/DEMO-1"
	if got := p.asked(made, issue); got != 200 {
		t.Fatalf("the token itself: %d", got)
	}
	// The same keys, a few minutes ago, and those of another server.
	past, err := signer.New(t.Context(), signer.Config{DB: p.System.DB, Sealer: p.System.Ring, Issuer: p.Access.URL, Now: func() time.Time { return time.Now().Add(-75 * time.Second) }})
	if err != nil {
		t.Fatal(err)
	}
	foreign, err := signer.New(t.Context(), signer.Config{DB: p.System.DB, Sealer: p.System.Ring, Issuer: "https://api.example.com"})
	if err != nil {
		t.Fatal(err)
	}
	for name, bad := range map[string]string{
		"for another product":         token(p.System.Signer, func(a *signer.Access) { a.Audience = "wiki" }),
		"of another site":             token(p.System.Signer, func(a *signer.Access) { a.Site = string(other.ID) }),
		"after it expired":            token(past, func(*signer.Access) {}),
		"of another server":           token(foreign, func(*signer.Access) {}),
		"as another installation":     token(p.System.Signer, func(a *signer.Access) { a.Subject = "app:" + string(other.ID) }),
		"by another installation":     token(p.System.Signer, func(a *signer.Access) { a.Actor.Subject = "app:" + string(other.ID) }),
		"a developer's token instead": p.Access.DeveloperToken,
	} {
		if got := p.asked(bad, issue); got != 401 {
			t.Errorf("%s: %d", name, got)
		}
	}
	for _, path := range []string{"/rest/api/3/myself", "/rest/api/3/users/search"} {
		if got := p.asked(made, path); got != 403 {
			t.Errorf("%s without its scope: %d", path, got)
		}
	}
	// It is no token of the platform's own API, on any route.
	for _, o := range operations(t) {
		if slices.Contains(o.roles, "anyone") {
			continue
		}
		if a := p.api(o.method, strings.NewReplacer("{", "", "}", "").Replace(o.path), made, nil); a.status != 401 {
			t.Errorf("%s %s: %d %s", o.method, o.path, a.status, a.body)
		}
	}
	// A product that asks for the keys after a withdrawal takes nothing of before.
	if err := p.System.Signer.Rotate(t.Context(), testenv.Operator, true); err != nil {
		t.Fatal(err)
	}
	if err := p.Tracker.TakeCalls(tracker.Calls{Issuer: p.Access.URL, Site: string(site.ID)}); err != nil {
		t.Fatal(err)
	}
	if got := p.asked(made, issue); got != 401 {
		t.Errorf("of a withdrawn key: %d", got)
	}
	if got := p.asked(token(p.System.Signer, func(*signer.Access) {}), issue); got != 200 {
		t.Errorf("of the next key: %d", got)
	}
	if strings.Contains(p.log.String(), made) || strings.Contains(p.log.String(), made[strings.LastIndex(made, "."):]) {
		t.Error("a token is in the server's log")
	}
}

// A token is what its bytes say by one rule each: no algorithm, key, kind or reading of it
// may be chosen by whoever made it. The file holds for every verifier; here it is held
// against those of this repository, with the reason for which each must be refused.
func TestAttackConfuseVerifiers(t *testing.T) {
	var file struct {
		Now    int64
		Expect map[string]struct{ Signer, Issuer, Audience string }
		Keys   map[string]json.RawMessage
		Tokens []struct{ Name, Kind, Reason, Token string }
	}
	for _, name := range []string{"vectors", "bad-tokens"} {
		text, err := os.ReadFile("../../docs/protocol/" + name + ".json")
		if err == nil {
			err = json.Unmarshal(text, &file)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	at := time.Unix(file.Now, 0)
	taken := 0
	for _, bad := range file.Tokens {
		e := file.Expect[bad.Kind]
		keys, err := productkit.ParseKeySet(file.Keys[e.Signer])
		if err != nil {
			t.Fatal(err)
		}
		want := productkit.Expect{Product: e.Issuer, Audience: e.Audience, Keys: keys, Now: at}
		switch bad.Kind {
		case "access":
			v, newErr := productkit.NewVerifier(productkit.VerifierConfig{Issuer: e.Issuer, Audience: e.Audience, Keys: keys, Now: func() time.Time { return at }})
			if newErr != nil {
				t.Fatal(newErr)
			}
			_, err = v.Access(t.Context(), bad.Token)
		case "user":
			_, err = productkit.VerifyUser(t.Context(), bad.Token, want)
		case "panel":
			_, err = productkit.VerifyPanel(t.Context(), bad.Token, want)
		case "event":
			_, err = productkit.VerifyEvent(t.Context(), bad.Token, want)
		}
		if string(productkit.ReasonOf(err)) != bad.Reason {
			t.Errorf("%s: %v, want %s", bad.Name, err, bad.Reason)
		}
		taken++
	}
	if taken < 150 {
		t.Errorf("only %d tokens", taken)
	}
}
