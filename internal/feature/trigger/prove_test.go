package trigger

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
)

var alice = id.Principal{Kind: id.Developer, Account: "alice"}

// proving is an app whose triggers demand proofs, at a time that stands still.
func proving(t testing.TB, d *db.DB) (*Service, *platform) {
	t.Helper()
	p := newPlatform()
	p.clock = time.Unix(1_800_000_000, 0)
	for _, i := range []id.Install{"i-alice", "i-bob"} {
		p.install(i, "s-1", "v-1", "hook", "other")
		p.policies[i].Set.WebTriggers = append(p.policies[i].Set.WebTriggers, perm.WebTrigger{Key: "signed", Authentication: "hmac"}, perm.WebTrigger{Key: "bearer", Authentication: "bearer"})
	}
	return newService(t, d, p), p
}

func issue(t testing.TB, s *Service, p *platform, install id.Install, module string) string {
	t.Helper()
	proof, err := s.Issue(t.Context(), alice, scopeOf(t, p, install), module)
	if err != nil || proof.Secret.IsZero() {
		t.Fatalf("no secret: %+v, %v", proof, err)
	}
	return proof.Secret.Reveal()
}

func rotate(t testing.TB, s *Service, p *platform, module string, retire bool) string {
	t.Helper()
	proof, err := s.Rotate(t.Context(), alice, scopeOf(t, p, "i-alice"), module, retire)
	if err != nil || proof.Secret.IsZero() {
		t.Fatalf("no secret: %+v, %v", proof, err)
	}
	return proof.Secret.Reveal()
}

func bearing(url, secret string) *http.Request {
	r := request("GET", url, "")
	r.Header.Set("Authorization", "Bearer "+secret)
	return r
}

func macOf(secret, at, method, target, body string) string {
	h := hmac.New(sha256.New, []byte(secret))
	fmt.Fprintf(h, "%s\n%s\n%s\n%s", at, method, target, body)
	return "v1=" + hex.EncodeToString(h.Sum(nil))
}

// signing is a request with a body, signed at a time.
func signing(url, target, secret string, at time.Time, body string) *http.Request {
	r := request("POST", strings.TrimSuffix(url, "/")+target, body)
	stamp := strconv.FormatInt(at.Unix(), 10)
	r.Header.Set("Annex-Timestamp", stamp)
	r.Header.Set("Annex-Signature", macOf(secret, stamp, "POST", target, body))
	return r
}

// unproven demands the one answer to whatever proves nothing.
func unproven(t *testing.T, p *platform, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	if w.Code != 404 || len(w.Header()) != 5 {
		t.Errorf("%s: %d %s %v", name, w.Code, w.Body, w.Header())
	}
	sandboxed(t, w.Header())
	if len(p.taken()) != 0 {
		t.Errorf("%s: a function ran", name)
	}
}

func proved(t *testing.T, p *platform, name string, w *httptest.ResponseRecorder) {
	t.Helper()
	if ran := len(p.taken()); w.Code/100 != 2 || ran != 1 {
		t.Errorf("%s: %d %s, %d calls", name, w.Code, w.Body, ran)
	}
}

func TestSecrets(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, p := proving(t, d)
		scope := scopeOf(t, p, "i-alice")
		url := address(t, s, p, "i-alice", "bearer")
		unproven(t, p, "no secret yet", serve(s, bearing(url, "")))

		first := issue(t, s, p, "i-alice", "bearer")
		if !strings.HasPrefix(first, "annex_hook_") || len(first) != len("annex_hook_")+43 {
			t.Errorf("the secret is %d long", len(first))
		}
		proved(t, p, "the first", serve(s, bearing(url, first)))
		again, err := s.Issue(t.Context(), alice, scope, "bearer")
		if err != nil || !again.Secret.IsZero() || len(again.Made) != 1 || again.Authentication != "bearer" {
			t.Errorf("told again: %+v, %v", again, err)
		}
		if _, err := s.Retire(t.Context(), alice, scope, "bearer"); fault.CodeOf(err) != "NO_PREVIOUS_SECRET" {
			t.Errorf("the only one is retired: %v", err)
		}

		second := rotate(t, s, p, "bearer", false)
		proved(t, p, "the earlier", serve(s, bearing(url, first)))
		proved(t, p, "the newer", serve(s, bearing(url, second)))
		third := rotate(t, s, p, "bearer", false)
		unproven(t, p, "before the earlier", serve(s, bearing(url, first)))
		proved(t, p, "the earlier", serve(s, bearing(url, second)))
		if left, err := s.Retire(t.Context(), alice, scope, "bearer"); err != nil || len(left.Made) != 1 || !left.Secret.IsZero() {
			t.Fatalf("retire: %+v, %v", left, err)
		}
		unproven(t, p, "a retired one", serve(s, bearing(url, second)))
		proved(t, p, "the newest", serve(s, bearing(url, third)))
		fourth := rotate(t, s, p, "bearer", true)
		unproven(t, p, "replaced at once", serve(s, bearing(url, third)))
		proved(t, p, "the replacement", serve(s, bearing(url, fourth)))

		for _, secret := range []string{first, second, third, fourth} {
			if strings.Contains(strings.Join(p.acts, "\n"), secret) {
				t.Error("the audit trail has a secret")
			}
			if holds(t, d, secret) {
				t.Error("the database has a secret in the clear")
			}
		}
		want := []string{"webtrigger.secret-make", "webtrigger.secret-rotate", "webtrigger.secret-rotate", "webtrigger.secret-retire", "webtrigger.secret-rotate"}
		if len(p.acts) != len(want) {
			t.Fatalf("acts %q", p.acts)
		}
		for i, act := range p.acts {
			if !strings.HasPrefix(act, want[i]+" s-1 i-alice alice ") {
				t.Errorf("act %q, want %s", act, want[i])
			}
		}
		list, err := s.List(t.Context(), scope, "")
		if err != nil {
			t.Fatal(err)
		}
		if proofs, err := s.Proofs(t.Context(), scope, list); err != nil || len(proofs) != 1 || proofs["bearer"].Authentication != "bearer" || len(proofs["bearer"].Made) != 1 || !proofs["bearer"].Secret.IsZero() {
			t.Errorf("proofs %+v, %v", proofs, err)
		}

		// Another installation's is another one, and the end of this one ends nothing there.
		bob := issue(t, s, p, "i-bob", "bearer")
		unproven(t, p, "the neighbour's", serve(s, bearing(url, bob)))
		if err := s.DeleteAll(t.Context(), scope); err != nil {
			t.Fatal(err)
		}
		if left, err := Secrets(t.Context(), d); err != nil || len(left) != 1 {
			t.Errorf("left after the end: %v, %v", left, err)
		}
		url = address(t, s, p, "i-alice", "bearer")
		unproven(t, p, "after the end", serve(s, bearing(url, fourth)))
	})
}

func holds(t *testing.T, d *db.DB, text string) bool {
	t.Helper()
	found, rows := false, 0
	err := d.Dump(t.Context(), Migrations, db.Dump{
		Begin: func([]db.Step) error { return nil },
		Table: func(string, []string) error { return nil },
		Row: func(values []any) error {
			for _, v := range values {
				if raw, ok := v.([]byte); ok {
					v = string(raw)
				}
				found = found || strings.Contains(fmt.Sprint(v), text)
			}
			rows++
			return nil
		},
	})
	if err != nil || rows == 0 {
		t.Fatalf("%d rows, %v", rows, err)
	}
	return found
}

func TestSignedRequests(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, p := proving(t, d)
		url := address(t, s, p, "i-alice", "signed")
		first := issue(t, s, p, "i-alice", "signed")
		other := issue(t, s, p, "i-bob", "signed")
		now, body := p.clock, "raw\x00\xff body"
		good := func() *http.Request { return signing(url, "/a%2Fb?q=1&&z", first, now, body) }
		changed := func(change func(r *http.Request)) *http.Request {
			r := good()
			change(r)
			return r
		}
		mac := func(r *http.Request) string { return r.Header.Get("Annex-Signature") }
		for name, r := range map[string]*http.Request{
			"nothing":             request("POST", url, body),
			"no time":             changed(func(r *http.Request) { r.Header.Del("Annex-Timestamp") }),
			"no signature":        changed(func(r *http.Request) { r.Header.Del("Annex-Signature") }),
			"two times":           changed(func(r *http.Request) { r.Header.Add("Annex-Timestamp", r.Header.Get("Annex-Timestamp")) }),
			"another time":        changed(func(r *http.Request) { r.Header.Set("Annex-Timestamp", strconv.FormatInt(now.Unix()+1, 10)) }),
			"time written else":   changed(func(r *http.Request) { r.Header.Set("Annex-Timestamp", "0"+r.Header.Get("Annex-Timestamp")) }),
			"time of no number":   changed(func(r *http.Request) { r.Header.Set("Annex-Timestamp", "+1800000000") }),
			"long ago":            signing(url, "/", first, now.Add(-301*time.Second), body),
			"of the future":       signing(url, "/", first, now.Add(301*time.Second), body),
			"another method":      changed(func(r *http.Request) { r.Method = "PUT" }),
			"another body":        changed(func(r *http.Request) { *r = *withBody(r, body+"x") }),
			"another path":        changed(func(r *http.Request) { r.RequestURI, r.URL.RawPath = "/a/b?q=1&&z", "/a/b" }),
			"another query":       changed(func(r *http.Request) { r.RequestURI, r.URL.RawQuery = "/a%2Fb?q=2&&z", "q=2&&z" }),
			"the neighbour's":     signing(url, "/", other, now, body),
			"an empty key":        signing(url, "/", "", now, body),
			"half a signature":    changed(func(r *http.Request) { r.Header.Set("Annex-Signature", mac(r)[:35]) }),
			"no hex":              changed(func(r *http.Request) { r.Header.Set("Annex-Signature", "v1="+strings.Repeat("x", 64)) }),
			"another scheme":      changed(func(r *http.Request) { r.Header.Set("Annex-Signature", strings.Replace(mac(r), "v1", "v0", 1)) }),
			"too many signatures": changed(func(r *http.Request) { r.Header.Set("Annex-Signature", strings.Repeat(mac(r)+",", 5)+mac(r)) }),
			"the secret itself":   bearing(url, first),
		} {
			unproven(t, p, name, serve(s, r))
		}
		proved(t, p, "a good one", serve(s, good()))
		unproven(t, p, "the same again", serve(s, good()))
		proved(t, p, "of a moment ago", serve(s, signing(url, "/", first, now.Add(-300*time.Second), body)))
		proved(t, p, "of a moment to come", serve(s, signing(url, "/", first, now.Add(300*time.Second), body)))

		// While one secret replaces another either signs; a request signed with both is one.
		second := rotate(t, s, p, "signed", false)
		both := signing(url, "/both", first, now, body)
		both.Header["Annex-Signature"] = []string{"v2=of-tomorrow, " + mac(both), macOf(second, both.Header.Get("Annex-Timestamp"), "POST", "/both", body)}
		proved(t, p, "signed with both", serve(s, both))
		unproven(t, p, "the same with one", serve(s, signing(url, "/both", first, now, body)))
		unproven(t, p, "the same with the other", serve(s, signing(url, "/both", second, now, body)))
		proved(t, p, "the earlier secret", serve(s, signing(url, "/1", first, now, body)))
		proved(t, p, "the newer secret", serve(s, signing(url, "/2", second, now, body)))
		if _, err := s.Retire(t.Context(), alice, scopeOf(t, p, "i-alice"), "signed"); err != nil {
			t.Fatal(err)
		}
		unproven(t, p, "a retired secret", serve(s, signing(url, "/3", first, now, body)))

		// Another process of the same server knows what was taken; what is over is forgotten.
		twin := newService(t, d, p)
		unproven(t, p, "sent to a twin", serve(twin, signing(url, "/2", second, now, body)))
		p.clock = now.Add(20 * time.Minute)
		proved(t, p, "later", serve(s, signing(url, "/", second, p.clock, "")))
		var kept int
		if err := d.QueryRow(t.Context(), `SELECT COUNT(*) FROM web_trigger_proofs`).Scan(&kept); err != nil || kept != 1 {
			t.Errorf("%d proofs are kept, %v", kept, err)
		}
	})
}

func withBody(r *http.Request, body string) *http.Request {
	next := request(r.Method, r.RequestURI, body)
	next.Header = r.Header
	return next
}

// A tunnel's key proves nothing.
func TestTunnelKeysProveNothing(t *testing.T) {
	s, p := proving(t, dbtest.SQLite(t))
	for _, module := range []string{"bearer", "signed"} {
		r := request("GET", address(t, s, p, "i-alice", module), "")
		r.Header.Set("annex-tunnel", "anx_tunnel_"+strings.Repeat("ab", 32))
		unproven(t, p, module, serve(s, r))
	}
}

// TestProofStaysHere: the function gets the request without what proved it.
func TestProofStaysHere(t *testing.T) {
	s, p := proving(t, dbtest.SQLite(t))
	headers := func() map[string][]string {
		t.Helper()
		var ctx struct{ Request call.WebRequest }
		ran := p.taken()
		if len(ran) != 1 || json.Unmarshal(ran[0].Context, &ctx) != nil {
			t.Fatalf("%d calls", len(ran))
		}
		return ctx.Request.Headers
	}
	url, secret := address(t, s, p, "i-alice", "bearer"), issue(t, s, p, "i-alice", "bearer")
	r := bearing(url, secret)
	r.Header.Set("Annex-Signature", "the app's own")
	serve(s, r)
	if got := headers(); got["authorization"] != nil || strings.Contains(fmt.Sprint(got), secret) || len(got["annex-signature"]) != 1 {
		t.Errorf("bearer: %v", got)
	}
	url, secret = address(t, s, p, "i-alice", "signed"), issue(t, s, p, "i-alice", "signed")
	r = signing(url, "/", secret, p.clock, "body")
	r.Header.Set("Authorization", "Basic of-the-app")
	serve(s, r)
	if got := headers(); got["annex-signature"] != nil || len(got["annex-timestamp"]) != 1 || len(got["authorization"]) != 1 {
		t.Errorf("hmac: %v", got)
	}
	url = address(t, s, p, "i-alice", "hook")
	serve(s, bearing(url, "of the app"))
	if got := headers(); len(got["authorization"]) != 1 {
		t.Errorf("none: %v", got)
	}
}

func TestProofsElsewhere(t *testing.T) {
	s, p := proving(t, dbtest.SQLite(t))
	scope := scopeOf(t, p, "i-alice")
	if proof, err := s.Issue(t.Context(), alice, scope, "hook"); err != nil || !proof.Secret.IsZero() || len(p.acts) != 0 {
		t.Errorf("a trigger for all has a secret: %+v, %v", proof, err)
	}
	if _, err := s.Rotate(t.Context(), alice, scope, "hook", false); fault.CodeOf(err) != "NO_AUTHENTICATION" {
		t.Errorf("rotated for nothing: %v", err)
	}
	for _, module := range []string{"hidden", "nonsense"} {
		if _, err := s.Issue(t.Context(), alice, scope, module); err == nil {
			t.Errorf("%s has a secret", module)
		}
	}
	p.answers(`{"outputKey":"ok"}`, "")
	url, secret := address(t, s, p, "i-alice", "fixed and signed"), issue(t, s, p, "i-alice", "fixed and signed")
	unproven(t, p, "static", serve(s, request("GET", url, "")))
	if w := serve(s, bearing(url, secret)); w.Code != 201 || w.Body.String() != "done" {
		t.Errorf("static: %d %s", w.Code, w.Body)
	}
	p.taken()
	p.answers(`{"statusCode":200}`, "")

	// The scheme has no case; everything else has to be as it is.
	url, secret = address(t, s, p, "i-alice", "bearer"), issue(t, s, p, "i-alice", "bearer")
	for _, wrong := range []string{secret, "Basic " + secret, "Bearer", "Bearer ", "Bearer " + secret + "x", "Bearer " + secret[1:], "Bearer " + strings.ToUpper(secret), "Bearer " + secret + " " + secret} {
		r := request("GET", url, "")
		r.Header.Set("Authorization", wrong)
		unproven(t, p, "a wrong header", serve(s, r))
	}
	twice := bearing(url, secret)
	twice.Header.Add("Authorization", "Bearer x")
	unproven(t, p, "two headers", serve(s, twice))
	lower := request("GET", url, "")
	lower.Header.Set("authorization", "bearer "+secret)
	proved(t, p, "lower case", serve(s, lower))

	// A body above the limit is refused before it is hashed, and a proof is wanted of every version.
	signed := address(t, s, p, "i-alice", "signed")
	big := signing(signed, "/", issue(t, s, p, "i-alice", "signed"), p.clock, strings.Repeat("x", 6<<20))
	if w := serve(s, big); w.Code != 413 || len(p.taken()) != 0 {
		t.Errorf("a large body: %d", w.Code)
	}
	p.modules["v-2"] = map[string]Module{"hook": {Function: "index.run", Authentication: "bearer"}}
	p.invoke = func(_ context.Context, c *call.Call) (call.Result, error) {
		p.install("i-alice", "s-1", "v-2", "hook")
		return call.Result{}, fault.New(fault.Conflict, "VERSION_CHANGED", "another version runs")
	}
	if w := serve(s, request("GET", address(t, s, p, "i-alice", "hook"), "")); w.Code != 503 || len(p.taken()) != 1 {
		t.Errorf("a version that demands a proof began to run: %d", w.Code)
	}
}

// TestSecretsEndElsewhere: a server process that has just seen a secret refuses it soon
// after another one ended it.
func TestSecretsEndElsewhere(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, p := proving(t, d)
		url, ended := address(t, s, p, "i-alice", "bearer"), issue(t, s, p, "i-alice", "bearer")
		twin := newService(t, d, p)
		proved(t, p, "before", serve(twin, bearing(url, ended)))
		fresh := rotate(t, s, p, "bearer", true)
		unproven(t, p, "here", serve(s, bearing(url, ended)))
		p.clock = p.clock.Add(trust)
		unproven(t, p, "elsewhere", serve(twin, bearing(url, ended)))
		proved(t, p, "the new one elsewhere", serve(twin, bearing(url, fresh)))
	})
}

// TestRefusedAreCounted: the app's log is told once a minute, and who proves itself is not
// held up by a flood.
func TestRefusedAreCounted(t *testing.T) {
	s, p := proving(t, dbtest.SQLite(t))
	url, secret := address(t, s, p, "i-alice", "bearer"), issue(t, s, p, "i-alice", "bearer")
	for range 150 {
		unproven(t, p, "wrong", serve(s, bearing(url, "wrong")))
	}
	proved(t, p, "in a flood", serve(s, bearing(url, secret)))
	bob := address(t, s, p, "i-bob", "bearer")
	unproven(t, p, "the neighbour's", serve(s, request("GET", bob, "")))
	p.clock = p.clock.Add(time.Minute)
	unproven(t, p, "a minute later", serve(s, request("GET", url, "")))
	want := []map[string]int{{"wrong secret or signature": 1}, {"no bearer secret": 1}, {"wrong secret or signature": 149, "no bearer secret": 1}}
	if !slices.EqualFunc(p.refused, want, maps.Equal) {
		t.Errorf("told %v", p.refused)
	}
}

// TestRestoredSecrets: a backup brings back no secret that was ended since, but for who
// waits for an admin's confirmation.
func TestRestoredSecrets(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		s, p := proving(t, d)
		url := address(t, s, p, "i-alice", "bearer")
		ended := issue(t, s, p, "i-alice", "bearer")
		issue(t, s, p, "i-bob", "bearer")
		backup, err := Secrets(t.Context(), d)
		if err != nil || len(backup) != 2 {
			t.Fatalf("%v, %v", backup, err)
		}
		rows, err := s.secretsOf(t.Context(), keyOf("i-alice", "bearer"))
		if err != nil {
			t.Fatal(err)
		}
		valid := rotate(t, s, p, "bearer", true)
		before, err := Secrets(t.Context(), d)
		if err != nil {
			t.Fatal(err)
		}
		delete(before, keyed(before, "i-bob"))
		sealed, err := p.ring.Seal(seal.ForInstall("i-alice"), seal.HookSecret, secretPlace("i-alice", "bearer", rows[0].seq), rows[0].text)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := d.Exec(t.Context(), addSecret, "i-alice", "bearer", rows[0].seq, sealed, rows[0].made.UnixMilli()); err != nil {
			t.Fatal(err)
		}
		if err := RestoredSecrets(t.Context(), d, before, func(i id.Install) bool { return i == "i-alice" }); err != nil {
			t.Fatal(err)
		}
		after := newService(t, d, p)
		unproven(t, p, "ended before the restore", serve(after, bearing(url, ended)))
		proved(t, p, "valid before it", serve(after, bearing(url, valid)))
		if left, err := Secrets(t.Context(), d); err != nil || len(left) != 2 {
			t.Errorf("left: %v, %v", left, err)
		}
	})
}

func keyed(all map[Secret]bool, install id.Install) Secret {
	for s := range all {
		if s.Install == install {
			return s
		}
	}
	return Secret{}
}
