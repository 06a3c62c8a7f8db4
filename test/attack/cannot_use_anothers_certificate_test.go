package attack

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/edge/testenv"
	"github.com/annexhq/annex/internal/feature/remote"
)

// certified asks remotes, and hosts by itself.
const certified = remoteCaller + `
async function own({ payload }) {
  try { const res = await fetch(payload.url); return { status: res.status, text: await res.text() }; }
  catch (err) { return { rejected: true, status: err.status, code: err.code, text: String(err.stack) + JSON.stringify(err) }; }
}
`

// SPEC 5, issue 6: a certificate that an admin stored for a remote is shown to the host and
// port that it was stored for, in requests to that remote, for that installation: not in the
// app's own requests, whatever connection lies open, not for another remote or installation
// at the same host, nowhere that a redirect leads, and not once it was taken away. Nobody reads its key.
func TestAttackUseAnothersCertificate(t *testing.T) {
	p := newPlatformWith(t, func(s *testenv.Setup) { s.NoProduct = false })
	at := p.deploy("development", source{also: []string{"resolver", "plain", "own"}, scopes: []string{"read:jira-work"}, code: certified,
		egress: []string{"https://logs.example.com"}, after: `remotes:
  - key: logs
    operations: [compute]
    configurable: {name: Log server, description: Where the logs go}
  - key: more
    operations: [compute]
    configurable: {name: Another one, description: Of the same app}
`})
	shown := func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/away" {
			http.Redirect(w, r, "https://other.example.com/", http.StatusTemporaryRedirect)
			return
		}
		for _, c := range r.TLS.PeerCertificates {
			fmt.Fprint(w, c.Subject.CommonName)
		}
	}
	ends := map[string]*backEnd{}
	for _, name := range []string{"logs", "other"} {
		ends[name] = &backEnd{answer: shown}
		p.Guarded(t, name+".example.com", ends[name])
	}
	var seen strings.Builder
	ask := func(at place, remote, path string) got {
		out := at.as("alice", "resolver", map[string]any{"remote": remote, "path": path})
		fmt.Fprint(&seen, out)
		return out
	}
	without := func(what string, out got, name string, before int) {
		t.Helper()
		if out.Status == 200 || out.Code != "FETCH_FAILED" || ends[name].count() != before {
			t.Errorf("%s: %+v", what, out)
		}
	}
	const logs = "https://logs.example.com"
	install, admin := id.Install(at.installation), at.siteAdmin()
	set := func(of remote.Credential) error {
		of.Kind = remote.Certificate
		slot, err := p.System.Remotes.SetCredential(p.ctx, admin, install, "logs", logs, of)
		fmt.Fprint(&seen, slot, err)
		return err
	}
	for _, key := range []string{"logs", "more"} {
		if err := at.setRemote(key, logs); err != nil {
			t.Fatal(err)
		}
	}
	without("before there is one", ask(at, "logs", "/"), "logs", 0)
	one, oneKey := p.ClientPEM(t, "alice", false)
	two, twoKey := p.ClientPEM(t, "bob", false)
	old, oldKey := p.ClientPEM(t, "carol", true)
	for what, c := range map[string]remote.Credential{
		"of another's key": {Certificate: one, Secret: twoKey}, "that has ended": {Certificate: old, Secret: oldKey},
		"without one": {Secret: oneKey}, "with its key in the open": {Certificate: one + oneKey, Secret: oneKey},
	} {
		if err := set(c); fault.CodeOf(err) != "BAD_CREDENTIAL" {
			t.Errorf("a certificate %s: %v", what, err)
		}
	}
	if err := set(remote.Credential{Certificate: one, Secret: oneKey}); err != nil {
		t.Fatal(err)
	}
	if out := ask(at, "logs", "/"); out.Status != 200 || out.Text != "alice" || claimsOf(t, ends["logs"].last(t).Header.Get("Authorization"))["remote"] != "logs" {
		t.Fatalf("%+v", out)
	}
	// Its connection lies open now.
	n := ends["logs"].count()
	own := func(what, url string) {
		t.Helper()
		out := at.as("alice", "own", map[string]any{"url": url})
		without(what, out, "logs", n)
	}
	own("the app's own request", logs+"/")
	without("another remote of the app, at the same place", ask(at, "more", "/"), "logs", n)
	there := at.on("elsewhere", p.site("elsewhere"))
	if err := there.setRemote("logs", logs); err != nil {
		t.Fatal(err)
	}
	without("the same app on another site", ask(there, "logs", "/"), "logs", n)
	if out := ask(at, "logs", "/away"); out.Status != http.StatusTemporaryRedirect || ends["other"].count() != 0 {
		t.Errorf("a redirect: %+v", out)
	}

	// Another filling counts at once, whatever lies open of the one before.
	if err := set(remote.Credential{Certificate: two, Secret: twoKey}); err != nil {
		t.Fatal(err)
	}
	if out := ask(at, "logs", "/"); out.Text != "bob" {
		t.Errorf("after it was replaced: %+v", out)
	}
	slots, err := p.System.Remotes.Slots(p.ctx, admin, install)
	if err != nil || len(slots) != 1 || slots[0].Certificate == nil || slots[0].Certificate.Subject != "CN=bob" || len(slots[0].Certificate.Fingerprint) != 64 {
		t.Errorf("what is told of it: %+v %v", slots, err)
	}
	fmt.Fprint(&seen, slots, p.log.String())
	for _, key := range []string{oneKey, twoKey, oldKey} {
		for _, line := range strings.Split(key, "\n") {
			if len(line) > 40 && strings.Contains(seen.String(), line) {
				t.Errorf("a private key is in what the app, the admin or the log reads")
			}
		}
	}
	// One that ends meanwhile is not shown any more.
	now := p.System.Remotes.Now
	p.System.Remotes.Now = func() time.Time { return time.Now().Add(25 * time.Hour) }
	p.System.Guard.Forget(at.installation)
	n = ends["logs"].count()
	if out := ask(at, "logs", "/"); out.Code != "CREDENTIAL_EXPIRED" || ends["logs"].count() != n {
		t.Errorf("once it has ended: %+v", out)
	}
	p.System.Remotes.Now = now
	// Another place empties it, also when the remote comes back; so does taking it away.
	for _, url := range []string{"https://other.example.com", logs} {
		if err := at.setRemote("logs", url); err != nil {
			t.Fatal(err)
		}
		name, _, _ := strings.Cut(strings.TrimPrefix(url, "https://"), ".")
		without("at "+url, ask(at, "logs", "/"), name, ends[name].count())
	}
	if err := set(remote.Credential{Certificate: one, Secret: oneKey}); err != nil {
		t.Fatal(err)
	}
	if out := ask(at, "logs", "/"); out.Text != "alice" {
		t.Fatalf("%+v", out)
	}
	if err := p.System.Remotes.ClearCredential(p.ctx, admin, install, "logs"); err != nil {
		t.Fatal(err)
	}
	without("once it was taken away", ask(at, "logs", "/"), "logs", ends["logs"].count())
}
