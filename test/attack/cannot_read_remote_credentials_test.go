package attack

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/feature/remote"
	"github.com/annexhq/annex/internal/infra/credential"
)

// SPEC 5, V3 to V5: a credential that an admin stored for a remote goes to the endpoint that
// it was stored for, and is read by nobody: not in answers, errors, logs or the trail; and
// another endpoint never gets it.
func TestAttackReadRemoteCredentials(t *testing.T) {
	p, at, ends := withRemotes(t)
	if err := at.setRemote("logs", "https://logs.example.com"); err != nil {
		t.Fatal(err)
	}
	const secret = "s3cret-of-the-log-server-4711"
	install := id.Install(at.installation)
	set := func(c remote.Credential) error {
		_, err := p.System.Remotes.SetCredential(p.ctx, at.siteAdmin(), install, "logs", "https://logs.example.com", c)
		return err
	}
	ends["logs"].answer = func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("X-Echo", r.Header.Get("Authorization")+r.Header.Get("X-Key"))
		fmt.Fprintf(w, "you sent %v %s", r.Header, r.URL.RawQuery)
	}
	var seen strings.Builder
	for _, c := range []struct {
		remote.Credential
		carries func(r *http.Request) bool
	}{
		{remote.Credential{Kind: remote.Bearer, Secret: secret}, func(r *http.Request) bool { return r.Header.Get("Authorization") == "Bearer "+secret }},
		{remote.Credential{Kind: remote.Basic, Name: "annex", Secret: secret}, func(r *http.Request) bool {
			user, password, ok := r.BasicAuth()
			return ok && user == "annex" && password == secret
		}},
		{remote.Credential{Kind: remote.Header, Name: "X-Key", Secret: secret}, func(r *http.Request) bool {
			return r.Header.Get("X-Key") == secret && strings.HasPrefix(r.Header.Get("Authorization"), "Bearer ey")
		}},
		{remote.Credential{Kind: remote.Query, Name: "key", Secret: secret}, func(r *http.Request) bool { return r.URL.Query().Get("key") == secret }},
		{remote.Credential{Kind: remote.HMAC, Name: "X-Key", Secret: secret}, func(r *http.Request) bool {
			stamp, mac, _ := strings.Cut(strings.TrimPrefix(r.Header.Get("X-Key"), "t="), ",v1=")
			return mac != "" && mac == credential.Signature(secret, stamp, "POST", "/x?a=1", []byte("body"))
		}},
	} {
		if err := set(c.Credential); err != nil {
			t.Fatal(c.Kind, err)
		}
		got := at.as("alice", "resolver", map[string]any{"remote": "logs", "path": "/x?a=1", "method": "POST", "body": "body",
			"headers": map[string]string{"x-key": "mine", "authorization": "mine"}})
		if got.Status != 200 {
			t.Fatalf("%s: %+v", c.Kind, got)
		}
		if !c.carries(ends["logs"].last(t)) {
			t.Errorf("%s: it was sent %v", c.Kind, ends["logs"].last(t).Header)
		}
		fmt.Fprint(&seen, got)
	}
	slots, err := p.System.Remotes.Slots(p.ctx, at.siteAdmin(), install)
	if err != nil || len(slots) != 1 || slots[0].Origin != "https://logs.example.com" {
		t.Fatalf("%+v %v", slots, err)
	}
	fmt.Fprint(&seen, slots, p.log.String())
	basic := base64.StdEncoding.EncodeToString([]byte("annex:" + secret))
	for _, form := range []string{secret, basic, strings.TrimRight(basic, "=")} {
		if strings.Contains(seen.String(), form) {
			t.Errorf("%q is in what the app, the admin or the log reads", form)
		}
	}
	// Neither a developer nor another site's admin stores one.
	for _, who := range []id.Principal{{Kind: id.Developer, Account: "bob"}, {Kind: id.SiteAdmin, Account: "alice", Site: "another"}} {
		if _, err := p.System.Remotes.SetCredential(p.ctx, who, install, "logs", "", remote.Credential{Kind: remote.Bearer, Secret: "x"}); err == nil {
			t.Errorf("%v stored a credential", who)
		}
	}
	// The admin was shown another endpoint.
	if _, err := p.System.Remotes.SetCredential(p.ctx, at.siteAdmin(), install, "logs", "https://other.example.com", remote.Credential{Kind: remote.Bearer, Secret: secret}); fault.CodeOf(err) != "PREVIEW_CHANGED" {
		t.Errorf("a credential for another endpoint: %v", err)
	}
	// M15: a changed endpoint empties the slot, also when it changes back.
	for _, url := range []string{"https://other.example.com", "https://logs.example.com"} {
		if err := at.setRemote("logs", url); err != nil {
			t.Fatal(err)
		}
		if got := at.as("alice", "resolver", map[string]any{"remote": "logs"}); got.Status != 200 {
			t.Fatalf("%+v", got)
		}
	}
	for _, name := range []string{"other", "logs"} {
		r := ends[name].last(t)
		if text := fmt.Sprint(r.Header, r.URL); strings.Contains(text, secret) || r.Header.Get("X-Key") != "" {
			t.Errorf("%s got the credential: %s", name, text)
		}
	}
}
