package productkit_test

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/annexhq/annex/productkit"
)

var loginTime = time.Now().Add(-time.Minute)

var alice = productkit.User{
	Product: "tracker", Audience: uiOrigin, Site: site, ID: "alice", Name: "Alice Liddell", Locale: "en-GB", Timezone: "Europe/London", AuthTime: loginTime,
}

func newKey(t *testing.T) *productkit.Key {
	t.Helper()
	k, err := productkit.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func keySet(t *testing.T, keys ...*productkit.Key) *productkit.KeySet {
	t.Helper()
	set, err := productkit.ParseKeySet(productkit.PublicKeys(keys...))
	if err != nil {
		t.Fatal(err)
	}
	return set
}

func TestSignUser(t *testing.T) {
	k := newKey(t)
	admin := alice
	admin.Admin, admin.State = true, "0123456789abcdef"
	for _, u := range []productkit.User{alice, admin} {
		token, err := productkit.SignUser(k, u)
		if err != nil {
			t.Fatal(err)
		}
		have, err := productkit.VerifyUser(t.Context(), token, productkit.Expect{Product: "tracker", Audience: uiOrigin, Keys: keySet(t, newKey(t), k)})
		if err != nil {
			t.Fatal(err)
		}
		if life := have.Expires.Sub(have.IssuedAt); life <= 0 || life > 2*time.Minute || len(have.TokenID) < 20 {
			t.Errorf("%+v", have)
		}
		have.TokenID, have.IssuedAt, have.Expires = "", time.Time{}, time.Time{}
		u.AuthTime = u.AuthTime.Truncate(time.Second).UTC()
		if *have != u {
			t.Errorf("%+v\n%+v", *have, u)
		}
		if _, err := productkit.VerifyUser(t.Context(), token, productkit.Expect{Audience: uiOrigin, Keys: keySet(t, newKey(t))}); productkit.ReasonOf(err) != productkit.UnknownKey {
			t.Errorf("with another key: %v", err)
		}
	}
}

// A mistake is told where it is made.
func TestSignRefusesWhatTheServerWould(t *testing.T) {
	k := newKey(t)
	for name, spoil := range map[string]func(*productkit.User){
		"no product": func(u *productkit.User) { u.Product = "" }, "no audience": func(u *productkit.User) { u.Audience = "" }, "no site": func(u *productkit.User) { u.Site = "" },
		"no id": func(u *productkit.User) { u.ID = "" }, "no name": func(u *productkit.User) { u.Name = "" }, "a locale": func(u *productkit.User) { u.Locale = "en_GB" },
		"a time zone": func(u *productkit.User) { u.Timezone = "Over There" }, "no sign-in": func(u *productkit.User) { u.AuthTime = time.Time{} },
		"a sign-in to come": func(u *productkit.User) { u.AuthTime = time.Now().Add(time.Hour) },
	} {
		u := alice
		spoil(&u)
		if _, err := productkit.SignUser(k, u); err == nil {
			t.Errorf("%s: signed", name)
		}
		if _, err := productkit.SignPanel(k, productkit.Panel{User: u, Module: "m", Extension: map[string]any{}}); err == nil {
			t.Errorf("%s: signed for a panel", name)
		}
	}
	if _, err := productkit.SignPanel(k, productkit.Panel{User: alice, Module: "m"}); err == nil {
		t.Error("a panel without extension")
	}
	if _, err := productkit.SignPanel(k, productkit.Panel{User: alice, Module: "m", Extension: map[string]any{"x": strings.Repeat("x", 9000)}}); err == nil {
		t.Error("a panel with too much")
	}
	if _, err := productkit.SignEvent(k, productkit.Event{Product: "tracker", Audience: controlOrigin, Site: site, Type: "x", Data: json.RawMessage(`[]`)}); err == nil {
		t.Error("an event with a list")
	}
}

func TestKeyFile(t *testing.T) {
	file := filepath.Join(t.TempDir(), "key.pem")
	ids := make([]string, 8)
	var wait sync.WaitGroup
	for i := range ids {
		wait.Go(func() {
			k, err := productkit.KeyFile(file)
			if err != nil {
				t.Error(err)
				return
			}
			ids[i] = k.ID()
		})
	}
	wait.Wait()
	for _, i := range ids {
		if i == "" || i != ids[0] {
			t.Fatalf("%q", ids)
		}
	}
	info, err := os.Stat(file)
	if err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v %v", info, err)
	}
	text, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	k, err := productkit.ParseKey(text)
	if err != nil {
		t.Fatal(err)
	}
	for _, shown := range []string{fmt.Sprint(k), fmt.Sprintf("%+v %#v %s %x", k, k, k, k)} {
		if !strings.Contains(shown, k.ID()) || len(shown) > 300 {
			t.Errorf("shown as %s", shown)
		}
	}
	for _, bad := range []string{"", "x", string(text) + string(text), strings.Replace(string(text), "M", "N", 1)} {
		if _, err := productkit.ParseKey([]byte(bad)); err == nil {
			t.Errorf("taken for a key: %.40q", bad)
		}
	}
}

func TestKeySetsThatAreRefused(t *testing.T) {
	good := string(productkit.PublicKeys(newKey(t)))
	if set, err := productkit.ParseKeySet([]byte(good)); err != nil || set.Len() != 1 {
		t.Fatal(set, err)
	}
	one := good[len(`{"keys":[`) : len(good)-2]
	for name, bad := range map[string]string{
		"nothing": "", "no object": "[]", "no keys": "{}", "not JSON": "{", "a private key": `{"keys":[` + strings.Replace(one, `"x"`, `"d":"AAAA","x"`, 1) + `]}`,
		"a secret": `{"keys":[{"kty":"oct","k":"AAAA","kid":"1"}]}`, "one kid twice": `{"keys":[` + one + "," + one + `]}`, "no key": `{"keys":[1]}`,
		"not on the curve": `{"keys":[{"kty":"EC","crv":"P-256","kid":"1","x":"AAAA","y":"AAAA"}]}`, "too many": `{"keys":[` + strings.Repeat(one+",", 40) + one + `]}`,
		"too large": `{"keys":[],"x":"` + strings.Repeat("x", 70_000) + `"}`,
	} {
		if set, err := productkit.ParseKeySet([]byte(bad)); err == nil {
			t.Errorf("%s: %d keys", name, set.Len())
		}
	}
	for name, other := range map[string]string{
		"for encryption": strings.Replace(one, `"sig"`, `"enc"`, 1), "another algorithm": strings.Replace(one, "ES256", "ES384", 1), "no kid": `{"kty":"EC","crv":"P-256"}`,
		"RSA": `{"kty":"RSA","kid":"r","n":"AQAB","e":"AQAB"}`, "another curve": `{"kty":"EC","crv":"P-384","kid":"1"}`,
	} {
		if set, err := productkit.ParseKeySet([]byte(`{"keys":[` + other + `]}`)); err != nil || set.Len() != 0 {
			t.Errorf("%s: not left out: %v", name, err)
		}
	}
}

// issuer is a server with keys that change, and counts who asks.
type issuer struct {
	*httptest.Server
	mu     sync.Mutex
	keys   []*productkit.Key
	status int
	cache  string
	asked  atomic.Int64
}

func newIssuer(t *testing.T, keys ...*productkit.Key) *issuer {
	i := &issuer{keys: keys, status: 200, cache: "public, max-age=300"}
	i.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		i.asked.Add(1)
		i.mu.Lock()
		defer i.mu.Unlock()
		if r.URL.Path != "/.well-known/jwks.json" {
			t.Errorf("asked for %s", r.URL)
		}
		w.Header().Set("Cache-Control", i.cache)
		w.WriteHeader(i.status)
		_, _ = w.Write(productkit.PublicKeys(i.keys...))
	}))
	t.Cleanup(i.Close)
	return i
}

func (i *issuer) set(status int, keys ...*productkit.Key) {
	i.mu.Lock()
	defer i.mu.Unlock()
	i.status, i.keys = status, keys
}

func TestRemoteKeys(t *testing.T) {
	first, second := newKey(t), newKey(t)
	server := newIssuer(t, first)
	keys, err := productkit.NewRemoteKeys(server.URL+"/.well-known/jwks.json", nil)
	if err != nil {
		t.Fatal(err)
	}
	clock := time.Now()
	keys.SetNow(func() time.Time { return clock })
	has := func(k *productkit.Key) bool {
		t.Helper()
		token, err := productkit.SignUser(k, alice)
		if err != nil {
			t.Fatal(err)
		}
		_, err = productkit.VerifyUser(t.Context(), token, productkit.Expect{Audience: uiOrigin, Keys: keys})
		if err != nil && productkit.ReasonOf(err) != productkit.UnknownKey {
			t.Fatal(err)
		}
		return err == nil
	}
	asked := func(want int64, when string) {
		t.Helper()
		if n := server.asked.Load(); n != want {
			t.Errorf("%s: asked %d times, not %d", when, n, want)
		}
	}
	var wait sync.WaitGroup
	for range 20 {
		wait.Go(func() {
			if !has(first) {
				t.Error("the first key is unknown")
			}
		})
	}
	wait.Wait()
	asked(1, "twenty at once")
	for range 50 { // invented keys
		if has(newKey(t)) {
			t.Fatal("an invented key")
		}
	}
	asked(1, "invented keys, a moment later")
	clock = clock.Add(11 * time.Second)
	for range 50 {
		if has(second) {
			t.Fatal("an unknown key")
		}
	}
	asked(2, "invented keys, eleven seconds later")
	server.set(200, first, second)
	clock = clock.Add(11 * time.Second)
	if !has(second) || !has(first) {
		t.Error("the next key is unknown")
	}
	asked(3, "the next key")
	clock = clock.Add(4 * time.Minute)
	has(first)
	asked(3, "while fresh")
	server.set(200, second) // the first is withdrawn
	clock = clock.Add(2 * time.Minute)
	if has(first) {
		t.Error("a withdrawn key counts")
	}
	asked(4, "after max-age")
	server.set(500)
	clock = clock.Add(6 * time.Minute)
	if !has(second) {
		t.Error("forgotten at the first failure")
	}
	clock = clock.Add(10 * time.Minute)
	token, err := productkit.SignUser(second, alice)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := productkit.VerifyUser(t.Context(), token, productkit.Expect{Audience: uiOrigin, Keys: keys}); productkit.ReasonOf(err) != productkit.NoKeys {
		t.Errorf("after a quarter of an hour without an answer: %v", err)
	}
}

func TestRemoteKeysBelongToAnHTTPSURL(t *testing.T) {
	for _, bad := range []string{"", "x", "http://keys.example.com/", "ftp://127.0.0.1/", "https://user@keys.example.com/", "http://localhost.example.com/", "file:///etc/passwd", "https://"} {
		if _, err := productkit.NewRemoteKeys(bad, nil); err == nil {
			t.Errorf("%q is taken", bad)
		}
	}
	// Nor does it follow elsewhere.
	other := newIssuer(t, newKey(t))
	redirect := httptest.NewServer(http.RedirectHandler(other.URL+"/.well-known/jwks.json", http.StatusFound))
	defer redirect.Close()
	keys, err := productkit.NewRemoteKeys(redirect.URL, nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := keys.Keys(t.Context(), productkit.Claimed{KeyID: "x"}); productkit.ReasonOf(err) != productkit.NoKeys || other.asked.Load() != 0 {
		t.Errorf("followed: %v", err)
	}
}

// vectorVerifier takes the tokens of vectors.json.
func vectorVerifier(t *testing.T, change func(*productkit.VerifierConfig)) (*productkit.Verifier, vectors) {
	t.Helper()
	v := readFile[vectors](t, vectorsFile)
	keys, err := productkit.ParseKeySet(v.Keys["annex"])
	if err != nil {
		t.Fatal(err)
	}
	cfg := productkit.VerifierConfig{Issuer: controlOrigin, Audience: "tracker", Keys: keys, Now: func() time.Time { return time.Unix(v.Now, 0) }}
	if change != nil {
		change(&cfg)
	}
	verifier, err := productkit.NewVerifier(cfg)
	if err != nil {
		t.Fatal(err)
	}
	return verifier, v
}

func TestRequire(t *testing.T) {
	v, file := vectorVerifier(t, nil)
	good, app := file.Tokens[0].Token, file.Tokens[1].Token
	handler := v.Require(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, ok := productkit.AccessOf(r.Context())
		user, isUser := a.User()
		fmt.Fprint(w, ok, " ", user, " ", isUser, " ", a.ActorName, " ", a.Scopes, " ", a.Site == site, " ", a.Installation == installation)
	}), "read:issue", "write:issue")
	for _, c := range []struct {
		name       string
		header     []string
		query      string
		status     int
		body, asks string
	}{
		{name: "good", header: []string{"Bearer " + good}, status: 200, body: "true alice true Time sheets [read:issue write:issue] true true"},
		{name: "small letters", header: []string{"bearer " + good}, status: 200, body: "true alice"},
		{name: "a scope is missing", header: []string{"Bearer " + app}, status: 403, body: `"insufficient_scope"`, asks: `Bearer error="insufficient_scope"`},
		{name: "none", status: 401, body: `"reason":"malformed"`, asks: `Bearer error="invalid_token"`},
		{name: "two", header: []string{"Bearer " + good, "Bearer " + good}, status: 401, body: `"malformed"`, asks: `Bearer error="invalid_token"`},
		{name: "two in one", header: []string{"Bearer " + good + ", Bearer " + good}, status: 401, body: `"malformed"`, asks: `Bearer error="invalid_token"`},
		{name: "another scheme", header: []string{"Basic " + good}, status: 401, body: `"malformed"`, asks: `Bearer error="invalid_token"`},
		{name: "in the query", query: "?access_token=" + good, status: 401, body: `"malformed"`, asks: `Bearer error="invalid_token"`},
	} {
		r := httptest.NewRequest("GET", "/"+c.query, nil)
		r.Header["Authorization"] = c.header
		w := httptest.NewRecorder()
		handler.ServeHTTP(w, r)
		if w.Code != c.status || !strings.Contains(w.Body.String(), c.body) || w.Header().Get("WWW-Authenticate") != c.asks {
			t.Errorf("%s: %d %s %q", c.name, w.Code, w.Body, w.Header())
		}
	}
}

// A token of one site opens nothing of another one.
func TestVerifierOfOneSite(t *testing.T) {
	v, file := vectorVerifier(t, func(c *productkit.VerifierConfig) { c.Site = site })
	if _, err := v.Access(t.Context(), file.Tokens[0].Token); err != nil {
		t.Error(err)
	}
	v, _ = vectorVerifier(t, func(c *productkit.VerifierConfig) { c.Site = "another" })
	if _, err := v.Access(t.Context(), file.Tokens[0].Token); productkit.ReasonOf(err) != productkit.WrongSite {
		t.Error(err)
	}
	v, _ = vectorVerifier(t, func(c *productkit.VerifierConfig) { c.Keys = unavailable{} })
	w := httptest.NewRecorder()
	r := httptest.NewRequest("GET", "/", nil)
	r.Header.Set("Authorization", "Bearer "+file.Tokens[0].Token)
	v.Require(http.NotFoundHandler()).ServeHTTP(w, r)
	if w.Code != 503 || w.Header().Get("Retry-After") == "" {
		t.Errorf("without keys: %d %s", w.Code, w.Body)
	}
}

type unavailable struct{}

func (unavailable) Keys(context.Context, productkit.Claimed) (*productkit.KeySet, error) {
	return nil, io.ErrUnexpectedEOF
}

func TestPublish(t *testing.T) {
	k := newKey(t)
	var sent []productkit.Message
	answers := []int{503, 429, 202}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		if r.Method != "POST" || r.URL.Path != "/api/v1/events" {
			t.Errorf("%s %s %s", r.Method, r.URL, r.Header)
		}
		sent = append(sent, productkit.Message{ContentType: r.Header.Get("Content-Type"), Signature: r.Header.Get(productkit.SignatureHeader), Body: body})
		w.WriteHeader(answers[min(len(sent), len(answers))-1])
	}))
	defer server.Close()
	pauses := 0
	p := &productkit.Publisher{Key: k, Product: "tracker", Server: server.URL, Pause: func(context.Context, int) error { pauses++; return nil }}
	want := productkit.Expect{Product: "tracker", Audience: server.URL, Keys: keySet(t, k)}
	e := productkit.Event{Site: site, Type: "tracker:issue.created", User: "alice", Installation: installation, Data: json.RawMessage(`{"issue":{"key":"TRK-1"}}`)}
	if err := p.Publish(t.Context(), e); err != nil {
		t.Fatal(err)
	}
	if len(sent) != 3 || pauses != 2 {
		t.Fatalf("%d tries, %d pauses", len(sent), pauses)
	}
	ids := map[string]bool{}
	for _, m := range sent {
		all, err := productkit.VerifyCloudEvents(t.Context(), m, want)
		if err != nil || len(all) != 1 || m.ContentType != productkit.CloudEventType {
			t.Fatal(err)
		}
		have := all[0]
		ids[have.ID+have.Time.String()] = true
		if have.Type != e.Type || have.User != "alice" || have.Installation != installation || string(have.Data) != string(e.Data) || have.Site != site || have.Source != "tracker" {
			t.Errorf("%+v", have)
		}
	}
	if len(ids) != 1 {
		t.Error("one event has several ids or times")
	}
	sent, answers = nil, []int{400}
	if err := p.Publish(t.Context(), e); err == nil || len(sent) != 1 {
		t.Errorf("a refused event: %v, %d tries", err, len(sent))
	}
	sent, answers = nil, []int{500}
	if err := p.Publish(t.Context(), e); err == nil || len(sent) != 4 {
		t.Errorf("a server that fails: %v, %d tries", err, len(sent))
	}
	sent, answers = nil, []int{202}
	other := e
	other.Type, other.Source = "tracker:comment.created", "https://tracker.example.com/comments"
	if err := p.Publish(t.Context(), e, other); err != nil || len(sent) != 1 {
		t.Fatal(err)
	}
	all, err := productkit.VerifyCloudEvents(t.Context(), sent[0], want)
	if err != nil || len(all) != 2 || sent[0].ContentType != productkit.CloudEventBatchType || all[1].Source != other.Source || all[0].ID == all[1].ID {
		t.Errorf("several: %v %+v", err, all)
	}
	elsewhere := e
	elsewhere.Site = installation
	if err := p.Publish(t.Context(), e, elsewhere); err == nil || len(sent) != 1 {
		t.Error("events of two sites in one message")
	}
	// What another tool wrote goes as it is, white space and all.
	body := []byte("{\n  \"specversion\": \"1.0\", \"id\": \"7\", \"source\": \"/a\",\t\"type\": \"x\", \"data\": {} }\n")
	if err := p.Send(t.Context(), site, productkit.CloudEventType, body); err != nil || string(sent[1].Body) != string(body) {
		t.Errorf("%v %q", err, sent[1].Body)
	}
}

// A key that is for one site signs for no other, whatever it signs.
func TestKeysOfASite(t *testing.T) {
	k := newKey(t)
	const other = "0199a1b2-0000-7000-8000-00000000000f"
	keys := keySet(t, k.For(site))
	user := productkit.User{Product: "tracker", Audience: uiOrigin, Site: other, ID: "alice", Name: "Alice", Locale: "en", Timezone: "UTC", AuthTime: time.Now()}
	e := productkit.Event{Product: "tracker", Audience: controlOrigin, Site: other, Type: "x", Data: json.RawMessage(`{}`)}
	for _, at := range []string{other, site} {
		user.Site, e.Site = at, at
		assertion, err := productkit.SignUser(k, user)
		if err != nil {
			t.Fatal(err)
		}
		m, err := productkit.SignCloudEvents(k, e)
		if err != nil {
			t.Fatal(err)
		}
		token, err := productkit.SignEvent(k, e)
		if err != nil {
			t.Fatal(err)
		}
		want := productkit.Expect{Product: "tracker", Audience: controlOrigin, Keys: keys}
		_, events := productkit.VerifyCloudEvents(t.Context(), m, want)
		_, event := productkit.VerifyEvent(t.Context(), token, want)
		want.Audience = uiOrigin
		_, person := productkit.VerifyUser(t.Context(), assertion, want)
		for what, err := range map[string]error{"events": events, "an event": event, "a user": person} {
			if at == site && err != nil || at == other && productkit.ReasonOf(err) != productkit.WrongSite {
				t.Errorf("%s of %s: %v", what, at, err)
			}
		}
	}
	if _, err := productkit.SignCloudEvents(k.For(other), e); productkit.ReasonOf(err) != productkit.WrongSite {
		t.Errorf("signed for another site: %v", err)
	}
	if _, err := productkit.ParseKeySet([]byte(strings.Replace(string(productkit.PublicKeys(k.For(site))), `["`+site+`"]`, `"all"`, 1))); err == nil {
		t.Error("sites that are no list")
	}
}

// FuzzAccess: nothing that is not one of the good tokens is taken.
func FuzzAccess(f *testing.F) {
	text, err := os.ReadFile(badFile)
	if err != nil {
		f.Fatal(err)
	}
	var bad badTokens
	if err := json.Unmarshal(text, &bad); err != nil {
		f.Fatal(err)
	}
	for _, b := range bad.Tokens {
		f.Add(b.Token)
	}
	w := newWorld(f)
	good := map[string]bool{}
	for _, g := range w.vectors().Tokens {
		good[g.Token] = true
		f.Add(g.Token)
	}
	keys, err := productkit.ParseKeySet(set(w.annex, w.next))
	if err != nil {
		f.Fatal(err)
	}
	v, err := productkit.NewVerifier(productkit.VerifierConfig{Issuer: controlOrigin, Audience: "tracker", Keys: keys, Now: func() time.Time { return time.Unix(now, 0) }})
	if err != nil {
		f.Fatal(err)
	}
	f.Fuzz(func(t *testing.T, token string) {
		if a, err := v.Access(t.Context(), token); err == nil && !good[token] {
			t.Errorf("%q is taken: %+v", token, a)
		}
	})
}
