package signer_test

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/go-jose/go-jose/v4"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/db/dbtest"
	"github.com/annexhq/annex/internal/infra/seal"
	"github.com/annexhq/annex/internal/infra/signer"
	"github.com/annexhq/annex/productkit"
)

var operator = id.Principal{Kind: id.Operator, Account: "operator"}

// world is a database, its key ring and a clock that stands still.
type world struct {
	t    *testing.T
	db   *db.DB
	ring *seal.Ring
	mu   sync.Mutex
	now  time.Time
}

func newWorld(t *testing.T, d *db.DB) *world {
	t.Helper()
	ring, err := seal.OpenRing(filepath.Join(t.TempDir(), "ring"), true)
	if err != nil {
		t.Fatal(err)
	}
	if err := d.Migrate(t.Context(), signer.Migrations); err != nil {
		t.Fatal(err)
	}
	return &world{t: t, db: d, ring: ring, now: time.Date(2030, 1, 2, 3, 4, 5, 0, time.UTC)}
}

func newWorldSQLite(t *testing.T) *world { return newWorld(t, dbtest.SQLite(t)) }

func (w *world) clock() time.Time {
	w.mu.Lock()
	defer w.mu.Unlock()
	return w.now
}

// pass moves the clock and lets each server read.
func (w *world) pass(d time.Duration, servers ...*signer.Signer) {
	w.t.Helper()
	w.mu.Lock()
	w.now = w.now.Add(d)
	w.mu.Unlock()
	for _, s := range servers {
		if err := s.Refresh(w.t.Context()); err != nil {
			w.t.Fatal(err)
		}
	}
}

// server is one of several processes on the database.
func (w *world) server() *signer.Signer {
	w.t.Helper()
	s, err := signer.New(w.t.Context(), signer.Config{DB: w.db, Sealer: w.ring, Issuer: "https://api.annex.example", Now: w.clock})
	if err != nil {
		w.t.Fatal(err)
	}
	return s
}

var call = signer.Access{
	Audience: "tracker", Subject: "user:alice", ClientID: "0190-app", Actor: signer.Actor{Subject: "app:0190-install", Name: "Hello"},
	Scope: []string{"read:issue", "write:issue"}, Site: "0190-site", Installation: "0190-install",
}

func token(t *testing.T, s *signer.Signer) string {
	t.Helper()
	out, _, err := s.Access(call)
	if err != nil {
		t.Fatal(err)
	}
	return out
}

// verified reports whether a token's signature is by a key of the set.
func verified(t *testing.T, token string, jwks []byte) bool {
	t.Helper()
	var set jose.JSONWebKeySet
	if err := json.Unmarshal(jwks, &set); err != nil {
		t.Fatal(err)
	}
	for _, k := range set.Keys {
		if !k.IsPublic() {
			t.Fatal("the key set holds a private key")
		}
	}
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	_, err = parsed.Verify(set)
	return err == nil
}

func kid(t *testing.T, token string) string {
	t.Helper()
	parsed, err := jose.ParseSignedCompact(token, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	return parsed.Signatures[0].Header.KeyID
}

func TestAccessIsTheContractsFirstRow(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	s := w.server()
	made, expires, err := s.Access(call)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := jose.ParseSignedCompact(made, []jose.SignatureAlgorithm{jose.ES256})
	if err != nil {
		t.Fatal(err)
	}
	h := parsed.Signatures[0].Header
	if h.Algorithm != "ES256" || h.ExtraHeaders["typ"] != "at+jwt" || h.KeyID == "" || h.JSONWebKey != nil || len(h.ExtraHeaders) != 1 {
		t.Errorf("header %+v", h)
	}
	var claims map[string]any
	if err := json.Unmarshal(parsed.UnsafePayloadWithoutVerification(), &claims); err != nil {
		t.Fatal(err)
	}
	jti, _ := claims["jti"].(string)
	if len(jti) < 20 {
		t.Errorf("jti %q", jti)
	}
	delete(claims, "jti")
	have, _ := json.Marshal(claims)
	const want = `{"act":{"name":"Hello","sub":"app:0190-install"},"aud":"tracker","client_id":"0190-app","exp":1893553505,"iat":1893553445,` +
		`"installation":"0190-install","iss":"https://api.annex.example","scope":"read:issue write:issue","site":"0190-site","sub":"user:alice"}`
	if string(have) != want {
		t.Errorf("claims\n%s\n%s", have, want)
	}
	if !expires.Equal(w.clock().Add(time.Minute)) || !verified(t, made, s.JWKS()) {
		t.Errorf("expires %v", expires)
	}
	if again := token(t, s); again == made {
		t.Error("two tokens are the same")
	}
}

// An app's name is its developer's to choose; no name makes products refuse its calls.
func TestAnyNameIsVerified(t *testing.T) {
	w := newWorldSQLite(t)
	s := w.server()
	keys, err := productkit.ParseKeySet(s.JWKS())
	if err != nil {
		t.Fatal(err)
	}
	v, err := productkit.NewVerifier(productkit.VerifierConfig{Issuer: "https://api.annex.example", Audience: "tracker", Keys: keys, Now: w.clock})
	if err != nil {
		t.Fatal(err)
	}
	for name, want := range map[string]string{"Hello": "Hello", "": "", "a\x00b\n": "ab", "bad \xff": "bad ", strings.Repeat("é", 200): strings.Repeat("é", 99), "\x07": "", "\ufffd<b>\"": "<b>\""} {
		a := call
		a.Actor.Name = name
		made, _, err := s.Access(a)
		if err != nil {
			t.Fatal(err)
		}
		if got, err := v.Access(t.Context(), made); err != nil || got.ActorName != want {
			t.Errorf("%q: %+v %v", name, got, err)
		}
	}
}

func TestAccessRefusesGaps(t *testing.T) {
	s := newWorld(t, dbtest.SQLite(t)).server()
	for name, spoil := range map[string]func(*signer.Access){
		"audience": func(a *signer.Access) { a.Audience = "" }, "subject": func(a *signer.Access) { a.Subject = "" },
		"client": func(a *signer.Access) { a.ClientID = "" }, "actor": func(a *signer.Access) { a.Actor.Subject = "" },
		"empty scope":       func(a *signer.Access) { a.Scope = []string{""} },
		"two scopes in one": func(a *signer.Access) { a.Scope = []string{"read:issue admin"} },
		"site":              func(a *signer.Access) { a.Site = "" }, "installation": func(a *signer.Access) { a.Installation = "" },
	} {
		a := call
		spoil(&a)
		if made, _, err := s.Access(a); err == nil || made != "" {
			t.Errorf("%s: %q %v", name, made, err)
		}
	}
}

// A key is known before it signs and until what it signed is dead, whoever rotates.
func TestRotationLosesNoToken(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		a, b := w.server(), w.server()
		first := token(t, a)
		if kid(t, token(t, b)) != kid(t, first) {
			t.Fatal("two servers of one database sign with different keys")
		}
		if err := a.Rotate(t.Context(), operator, false); err != nil {
			t.Fatal(err)
		}
		w.pass(0, a, b)
		rotated := w.clock()
		for signed := 0; w.clock().Sub(rotated) < time.Hour; w.pass(50*time.Second, a, b) {
			sets := [][]byte{a.JWKS(), b.JWKS()}
			made := []string{token(t, a), token(t, b)}
			for range 6 { // for as long as a verifier may keep a set, it knows what is signed
				for _, m := range made {
					for _, set := range sets {
						if !verified(t, m, set) {
							t.Fatalf("%v after the rotation a token was not verified", w.clock().Sub(rotated))
						}
					}
				}
				w.pass(50*time.Second, a, b)
				made = append(made, token(t, a), token(t, b))
			}
			for _, m := range made[:2] {
				if kid(t, m) != kid(t, first) {
					signed++
				}
			}
			if old := w.clock().Sub(rotated) > 45*time.Minute; old && (signed == 0 || verified(t, first, a.JWKS()) || verified(t, first, b.JWKS())) {
				t.Fatal("the old key is still there")
			}
		}
	})
}

// A context token lives longest of all: its key stays until the last one that it signed is dead.
func TestContextTokensOutliveTheirKeys(t *testing.T) {
	w := newWorldSQLite(t)
	s := w.server()
	where := signer.Context{Site: "s", Module: "m", ExtensionID: "e", ExtensionType: "core:scheduledTrigger", ContextIDs: []string{"c"}, AppID: "a", AppVersion: "1.0.0", Installation: "i"}
	made := func() string {
		t.Helper()
		text, err := s.Context(t.Context(), where)
		if err != nil {
			t.Fatal(err)
		}
		return text
	}
	first := made()
	if kid(t, first) == kid(t, token(t, s)) {
		t.Error("it is signed with a key of tokens for products")
	}
	if err := s.Rotate(t.Context(), operator, false); err != nil {
		t.Fatal(err)
	}
	w.pass(0, s)
	last := first
	for range 1200 { // until the next key signs
		w.pass(time.Second, s)
		next := made()
		if kid(t, next) != kid(t, first) {
			break
		}
		last = next
	}
	w.pass(signer.ContextLife-2*time.Second, s)
	if kid(t, last) != kid(t, first) || kid(t, made()) == kid(t, first) || !verified(t, last, s.JWKS()) {
		t.Error("a token outlives the key that signed it")
	}
	for _, spoil := range []func(*signer.Context){
		func(c *signer.Context) { c.Site = "" }, func(c *signer.Context) { c.Installation = "" }, func(c *signer.Context) { c.ContextIDs = nil },
	} {
		c := where
		spoil(&c)
		if text, err := s.Context(t.Context(), c); err == nil {
			t.Errorf("%+v: %s", c, text)
		}
	}
}

func TestKeysRotateWhenDue(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	s := w.server()
	first := kid(t, token(t, s))
	w.pass(89*24*time.Hour, s)
	if len(s.Keys()) != 1 || kid(t, token(t, s)) != first {
		t.Fatal("rotated before it was due")
	}
	w.pass(24*time.Hour, s)
	if keys := s.Keys(); len(keys) != 2 || keys[0].State != "signing" || keys[1].State != "published" || kid(t, token(t, s)) != first {
		t.Fatalf("%+v", keys)
	}
	w.pass(16*time.Minute, s)
	if keys := s.Keys(); len(keys) != 2 || keys[0].State != "retired" || keys[1].State != "signing" || kid(t, token(t, s)) == first {
		t.Fatalf("%+v", keys)
	}
	w.pass(time.Hour, s)
	if keys := s.Keys(); len(keys) != 1 || keys[0].State != "signing" {
		t.Fatalf("%+v", keys)
	}
}

// A key that may be known to others signs nothing and verifies nothing, on any server.
func TestWithdraw(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		a, b := w.server(), w.server()
		stolen := token(t, a)
		if err := a.Rotate(t.Context(), operator, false); err != nil { // one that is only published goes too
			t.Fatal(err)
		}
		if err := a.Rotate(t.Context(), operator, true); err != nil {
			t.Fatal(err)
		}
		w.pass(0, b)
		for name, s := range map[string]*signer.Signer{"a": a, "b": b} {
			if verified(t, stolen, s.JWKS()) || !verified(t, token(t, s), b.JWKS()) || len(s.Keys()) != 1 {
				t.Errorf("%s: %+v", name, s.Keys())
			}
		}
		w.pass(time.Hour, a, b)
		if verified(t, stolen, a.JWKS()) || !verified(t, token(t, a), b.JWKS()) {
			t.Error("later")
		}
		if err := a.Rotate(t.Context(), id.Principal{Kind: id.Developer}, true); fault.KindOf(err) != fault.Denied {
			t.Errorf("a developer rotated: %v", err)
		}
	})
}

// Servers that start on an empty database at once agree on one key.
func TestServersShareTheFirstKey(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		servers := make([]*signer.Signer, 6)
		var wait sync.WaitGroup
		for i := range servers {
			wait.Go(func() { servers[i] = w.server() })
		}
		wait.Wait()
		w.pass(0, servers...)
		for _, s := range servers {
			if kid(t, token(t, s)) != kid(t, token(t, servers[0])) || !bytes.Equal(s.JWKS(), servers[0].JWKS()) {
				t.Error("two servers have different keys")
			}
		}
	})
}

// A copy of the database signs nothing, and neither does a key moved to another row.
func TestKeysAreSealed(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	s := w.server()
	if err := s.Rotate(t.Context(), operator, false); err != nil {
		t.Fatal(err)
	}
	other, err := seal.OpenRing(filepath.Join(t.TempDir(), "other"), true)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := signer.New(t.Context(), signer.Config{DB: w.db, Sealer: other, Issuer: "x", Now: w.clock}); fault.CodeOf(err) != "SEAL_BROKEN" {
		t.Errorf("another key ring: %v", err)
	}
	if _, err := w.db.Exec(t.Context(), `UPDATE signing_keys SET private = (SELECT private FROM signing_keys WHERE generation = 1) WHERE generation = 2`); err != nil {
		t.Fatal(err)
	}
	if _, err := signer.New(t.Context(), signer.Config{DB: w.db, Sealer: w.ring, Issuer: "x", Now: w.clock}); fault.CodeOf(err) != "SEAL_BROKEN" {
		t.Errorf("a moved key: %v", err)
	}
}

// A restore brings no key back that was withdrawn since the backup.
func TestRestoredForgetsKeys(t *testing.T) {
	dbtest.Each(t, func(t *testing.T, d *db.DB) {
		w := newWorld(t, d)
		before := token(t, w.server())
		if err := signer.Restored(t.Context(), d); err != nil {
			t.Fatal(err)
		}
		s := w.server()
		if verified(t, before, s.JWKS()) || !verified(t, token(t, s), s.JWKS()) {
			t.Error("a key came back")
		}
	})
}

// trail is an audit trail that may fail.
type trail struct {
	acts []string
	fail error
}

func (a *trail) Append(_ context.Context, _ id.Site, _ id.Install, by id.Principal, act string, detail any) error {
	text, err := json.Marshal(detail)
	a.acts = append(a.acts, by.String()+" "+act+" "+string(text))
	return errors.Join(err, a.fail)
}

func TestRotationIsAudited(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	a := &trail{}
	s, err := signer.New(t.Context(), signer.Config{DB: w.db, Sealer: w.ring, Issuer: "x", Now: w.clock, Audit: a})
	if err != nil {
		t.Fatal(err)
	}
	if err := s.Rotate(t.Context(), operator, true); err != nil {
		t.Fatal(err)
	}
	// The first and the next key of each of two families.
	if len(a.acts) != 4 || !strings.HasPrefix(a.acts[0], "operator:schedule keys.rotate") || !strings.HasPrefix(a.acts[2], "operator:operator keys.rotate") ||
		!strings.Contains(a.acts[2], `"withdrawn":true`) {
		t.Errorf("%q", a.acts)
	}
	keys := s.Keys()
	a.fail = errors.New("no room")
	if err := s.Rotate(t.Context(), operator, false); err == nil || len(s.Keys()) != len(keys) {
		t.Errorf("rotated without an entry: %v", err)
	}
}

// The path of a call reads no database.
func TestAccessNeedsNoDatabase(t *testing.T) {
	w := newWorld(t, dbtest.SQLite(t))
	s := w.server()
	s.DB = nil
	if made := token(t, s); !verified(t, made, s.JWKS()) {
		t.Error("not verified")
	}
}

// A token is given out again for the very same only, for a moment, and never one of a key
// that signs no more.
func TestReuseAccess(t *testing.T) {
	w := newWorldSQLite(t)
	s := w.server()
	again := func(a signer.Access) string {
		t.Helper()
		made, expires, err := s.ReuseAccess(a)
		if err != nil || !verified(t, made, s.JWKS()) || expires.Sub(w.clock()) < 39*time.Second {
			t.Fatalf("%v, until %v", err, expires)
		}
		return made
	}
	first := again(call)
	if again(call) != first {
		t.Error("a second call has a token of its own")
	}
	for name, change := range map[string]func(*signer.Access){
		"audience": func(a *signer.Access) { a.Audience = "wiki" }, "subject": func(a *signer.Access) { a.Subject = "user:bob" },
		"client": func(a *signer.Access) { a.ClientID = "other" }, "actor": func(a *signer.Access) { a.Actor.Subject = "app:other" },
		"name": func(a *signer.Access) { a.Actor.Name = "Other" }, "scope": func(a *signer.Access) { a.Scope = a.Scope[:1] }, "no scope": func(a *signer.Access) { a.Scope = nil },
		"site": func(a *signer.Access) { a.Site = "other" }, "installation": func(a *signer.Access) { a.Installation = "other" },
		"rule": func(a *signer.Access) { a.Blocked = map[string][]string{"project": {"DEMO"}} },
	} {
		a := call
		change(&a)
		if again(a) == first {
			t.Errorf("a call of another %s has the same token", name)
		}
	}
	w.pass(19*time.Second, s)
	if again(call) != first {
		t.Error("not given out again after 19 seconds")
	}
	w.pass(time.Second, s)
	second := again(call)
	if second == first {
		t.Error("given out again after 20 seconds")
	}
	if err := s.Rotate(t.Context(), operator, true); err != nil {
		t.Fatal(err)
	}
	if again(call) == second {
		t.Error("a token of a key that was withdrawn is given out again")
	}
}

func BenchmarkAccess(b *testing.B) {
	d := dbtest.SQLite(b)
	ring, err := seal.OpenRing(filepath.Join(b.TempDir(), "ring"), true)
	if err != nil {
		b.Fatal(err)
	}
	if err := d.Migrate(b.Context(), signer.Migrations); err != nil {
		b.Fatal(err)
	}
	s, err := signer.New(b.Context(), signer.Config{DB: d, Sealer: ring, Issuer: "https://api.annex.example"})
	if err != nil {
		b.Fatal(err)
	}
	b.ReportAllocs()
	for b.Loop() {
		if _, _, err := s.Access(call); err != nil {
			b.Fatal(err)
		}
	}
}
