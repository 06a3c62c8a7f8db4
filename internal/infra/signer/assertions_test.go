package signer_test

import (
	"context"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"os"
	"sync/atomic"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/signer"
	"github.com/annexhq/annex/productkit"
)

const uiOrigin = "https://ui.annex.example.com"

// registered are the keys of products.
type registered map[id.Product]signer.ProductKeys

func (r registered) Keys(_ context.Context, p id.Product) (signer.ProductKeys, error) {
	k, ok := r[p]
	if !ok {
		return k, fault.New(fault.NotFound, "PRODUCT_UNKNOWN", "there is no such product")
	}
	return k, nil
}

func newKey(t *testing.T) *productkit.Key {
	t.Helper()
	k, err := productkit.GenerateKey()
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func signed(t *testing.T, k *productkit.Key, product string) string {
	t.Helper()
	token, err := productkit.SignUser(k, productkit.User{Product: product, Audience: uiOrigin, Site: "s", ID: "alice", Name: "Alice", Locale: "en", Timezone: "UTC",
		Admin: true, AuthTime: time.Now().Add(-time.Minute), State: "0123456789"})
	if err != nil {
		t.Fatal(err)
	}
	return token
}

func assertions(products registered, client *http.Client) *signer.Assertions {
	return signer.NewAssertions(signer.AssertionsConfig{Audience: uiOrigin, Products: products, Client: client})
}

func TestVerifyUser(t *testing.T) {
	k := newKey(t)
	a := assertions(registered{"tracker": {Set: productkit.PublicKeys(k)}}, nil)
	u, err := a.VerifyUser(t.Context(), signed(t, k, "tracker"))
	if err != nil {
		t.Fatal(err)
	}
	if u.Product != "tracker" || u.Site != "s" || u.ID != "alice" || u.Name != "Alice" || u.Locale != "en" || u.Timezone != "UTC" || !u.Admin ||
		u.State != "0123456789" || u.TokenID == "" || time.Since(u.AuthTime) > 2*time.Minute || u.Expires.Sub(u.IssuedAt) > 2*time.Minute {
		t.Errorf("%+v", u)
	}
	panel, err := productkit.SignPanel(k, productkit.Panel{User: productkit.User{Product: "tracker", Audience: uiOrigin, Site: "s", ID: "alice", Name: "Alice", Locale: "en",
		Timezone: "UTC", AuthTime: time.Now()}, Module: "tracker:issuePanel", Extension: map[string]any{"issue": map[string]any{"key": "TRK-1"}}})
	if err != nil {
		t.Fatal(err)
	}
	p, err := a.VerifyPanel(t.Context(), panel)
	if err != nil || p.Module != "tracker:issuePanel" || string(p.Extension) != `{"issue":{"key":"TRK-1"}}` || p.ID != "alice" {
		t.Errorf("%+v %v", p, err)
	}
	// What goes through a browser signs nobody in, and the other way round.
	if _, err := a.VerifyUser(t.Context(), panel); fault.CodeOf(err) != "ASSERTION_REFUSED" {
		t.Errorf("a panel token as user assertion: %v", err)
	}
	if _, err := a.VerifyPanel(t.Context(), signed(t, k, "tracker")); fault.CodeOf(err) != "ASSERTION_REFUSED" {
		t.Errorf("a user assertion as panel token: %v", err)
	}
}

// One product's key says nothing about another's users.
func TestAssertionsOfAnotherProduct(t *testing.T) {
	tracker, wiki := newKey(t), newKey(t)
	a := assertions(registered{"tracker": {Set: productkit.PublicKeys(tracker)}, "wiki": {Set: productkit.PublicKeys(wiki)}}, nil)
	for name, token := range map[string]string{
		"wiki's key": signed(t, wiki, "tracker"), "nobody's key": signed(t, newKey(t), "tracker"), "a product that is not there": signed(t, tracker, "desk"),
		"nothing": "", "an access token": token(t, newWorldSQLite(t).server()),
	} {
		if u, err := a.VerifyUser(t.Context(), token); fault.CodeOf(err) != "ASSERTION_REFUSED" || fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%s: %+v %v", name, u, err)
		}
	}
}

func TestKeysByURL(t *testing.T) {
	k, next := newKey(t), newKey(t)
	var asked atomic.Int64
	set := atomic.Pointer[[]byte]{}
	first := productkit.PublicKeys(k)
	set.Store(&first)
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		asked.Add(1)
		_, _ = w.Write(*set.Load())
	}))
	defer server.Close()
	products := registered{"tracker": {URL: server.URL + "/keys"}}
	a := assertions(products, server.Client())
	for range 5 {
		if _, err := a.VerifyUser(t.Context(), signed(t, k, "tracker")); err != nil {
			t.Fatal(err)
		}
		if _, err := a.VerifyUser(t.Context(), signed(t, next, "tracker")); fault.CodeOf(err) != "ASSERTION_REFUSED" {
			t.Fatal(err)
		}
	}
	if n := asked.Load(); n != 1 {
		t.Errorf("asked %d times", n)
	}
	// The operator registers other keys: the old ones are forgotten at once.
	products["tracker"] = signer.ProductKeys{Set: productkit.PublicKeys(next)}
	if _, err := a.VerifyUser(t.Context(), signed(t, k, "tracker")); fault.CodeOf(err) != "ASSERTION_REFUSED" {
		t.Error(err)
	}
	if _, err := a.VerifyUser(t.Context(), signed(t, next, "tracker")); err != nil {
		t.Error(err)
	}
	server.Close()
	products["tracker"] = signer.ProductKeys{URL: server.URL + "/moved"}
	if _, err := a.VerifyUser(t.Context(), signed(t, next, "tracker")); fault.CodeOf(err) != "PRODUCT_KEYS" || fault.KindOf(err) != fault.Unavailable {
		t.Error(err)
	}
}

// The file of bad tokens holds for the server's verifier too.
func TestBadAssertions(t *testing.T) {
	var file struct {
		Now    int64
		Keys   map[id.Product]json.RawMessage
		Tokens []struct{ Name, Kind, Reason, Token string }
	}
	for _, name := range []string{"vectors.json", "bad-tokens.json"} {
		text, err := os.ReadFile("../../../docs/protocol/" + name)
		if err == nil {
			err = json.Unmarshal(text, &file)
		}
		if err != nil {
			t.Fatal(err)
		}
	}
	products := registered{}
	for p, set := range file.Keys {
		products[p] = signer.ProductKeys{Set: set}
	}
	a := signer.NewAssertions(signer.AssertionsConfig{Audience: uiOrigin, Products: products, Now: func() time.Time { return time.Unix(file.Now, 0) }})
	tried := 0
	for _, bad := range file.Tokens {
		if bad.Reason == "issuer" && bad.Kind != "access" {
			continue // of a product that is not registered: below, by the key
		}
		var err error
		if bad.Kind == "panel" {
			_, err = a.VerifyPanel(t.Context(), bad.Token)
		} else {
			_, err = a.VerifyUser(t.Context(), bad.Token)
		}
		if tried++; fault.KindOf(err) != fault.Unauthenticated {
			t.Errorf("%s: %v", bad.Name, err)
		}
	}
	if tried < 100 {
		t.Errorf("only %d bad tokens", tried)
	}
}
