package credential_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/credential"
)

const secret = "the-secret"

func request(t *testing.T, method, target, contentType, body string) *http.Request {
	t.Helper()
	var in io.Reader
	if body != "" {
		in = strings.NewReader(body)
	}
	r := httptest.NewRequestWithContext(t.Context(), method, target, in)
	if body == "" {
		r.Body = nil
	}
	if contentType != "" {
		r.Header.Set("Content-Type", contentType)
	}
	return r
}

func TestWhatStoodInItsPlaceIsGone(t *testing.T) {
	const form = "application/x-www-form-urlencoded"
	for name, c := range map[string]struct {
		use                                      credential.Use
		method, target, contentType, body        string
		header, wantHeader, wantQuery, wantQBody string
	}{
		"bearer":     {use: credential.At(credential.Authorization, secret), header: "Authorization", wantHeader: "Bearer the-secret"},
		"no prefix":  {use: credential.At(credential.Place{In: credential.Header, Name: "X-Api-Key"}, secret), header: "X_Api_key", wantHeader: "the-secret"},
		"basic":      {use: credential.Basic("annex", secret), header: "Authorization", wantHeader: "Basic YW5uZXg6dGhlLXNlY3JldA=="},
		"query":      {use: credential.At(credential.Place{In: credential.Query, Name: "key"}, secret), target: "/x?a=%2B&key=mine&k%65y=mine&b;key=mine", wantQuery: "a=%2B&key=the-secret"},
		"empty form": {use: credential.At(credential.Place{In: credential.Form, Name: "key"}, secret), method: "POST", wantQBody: "key=the-secret"},
		"form":       {use: credential.At(credential.Place{In: credential.Form, Name: "key"}, secret), method: "POST", contentType: form, body: "a=1&key=mine", wantQBody: "a=1&key=the-secret"},
	} {
		t.Run(name, func(t *testing.T) {
			if c.target == "" {
				c.target = "/x"
			}
			if c.method == "" {
				c.method = "GET"
			}
			r := request(t, c.method, c.target, c.contentType, c.body)
			if c.header != "" {
				r.Header[c.header] = []string{"mine"}
			}
			if err := c.use.Put(r); err != nil {
				t.Fatal(err)
			}
			for have, values := range r.Header {
				if strings.Contains(strings.Join(values, " "), "mine") {
					t.Errorf("the app's own %s: %s went along", have, values)
				}
			}
			if canonical := http.CanonicalHeaderKey(strings.ReplaceAll(c.header, "_", "-")); c.header != "" && r.Header.Get(canonical) != c.wantHeader {
				t.Errorf("%s: %q", canonical, r.Header.Get(canonical))
			}
			if r.URL.RawQuery != c.wantQuery {
				t.Errorf("query %q, want %q", r.URL.RawQuery, c.wantQuery)
			}
			if c.wantQBody != "" {
				if body, _ := io.ReadAll(r.Body); string(body) != c.wantQBody || r.ContentLength != int64(len(body)) {
					t.Errorf("body %q of %d", body, r.ContentLength)
				}
			}
			var hidden strings.Builder
			for _, text := range c.use.Hidden {
				hidden.Write(text)
			}
			if !strings.Contains(hidden.String(), secret) {
				t.Errorf("hidden are %q", hidden.String())
			}
		})
	}
}

func TestSignedLeavesTheBody(t *testing.T) {
	use := credential.Signed("X-Signature", secret, func() time.Time { return time.Unix(1700000000, 0) })
	r := request(t, "PUT", "/v1/x?a=%20b", "text/plain", "the body")
	r.Header["X_signature"] = []string{"mine"}
	if err := use.Put(r); err != nil {
		t.Fatal(err)
	}
	if want := "t=1700000000,v1=" + credential.Signature(secret, "1700000000", "PUT", "/v1/x?a=%20b", []byte("the body")); r.Header.Get("X-Signature") != want || r.Header["X_signature"] != nil {
		t.Errorf("%v", r.Header)
	}
	if body, _ := io.ReadAll(r.Body); string(body) != "the body" || strings.Contains(r.Header.Get("X-Signature"), secret) {
		t.Errorf("sent %q", body)
	}
	// The reference, of openssl: printf '1700000000\nGET\n/\n%s' $(printf '' | sha256sum) | openssl dgst -sha256 -hmac the-secret
	if got := credential.Signature(secret, "1700000000", "GET", "/", nil); got != "ff6204b7f26ccf55869f4f7340931525c696fdec40f68be8842eb407e7ce0c24" {
		t.Errorf("%s", got)
	}
}

func TestNoFormNoCredential(t *testing.T) {
	use := credential.At(credential.Place{In: credential.Form, Name: "key"}, secret)
	for _, r := range []*http.Request{request(t, "GET", "/", "", ""), request(t, "POST", "/", "application/json", "{}")} {
		if err := use.Put(r); fault.CodeOf(err) != "INVALID_ARGUMENT" || strings.Contains(err.Error(), secret) {
			t.Errorf("%v", err)
		}
	}
}

func TestMinted(t *testing.T) {
	var m credential.Minted[string]
	now := time.Unix(1700000000, 0)
	m.Keep("a", "one", time.Minute, now)
	m.Keep("b", "of no life", 0, now)
	if m.Get("a", now) != "one" || m.Get("b", now) != "" || m.Get("a", now.Add(30*time.Second)) != "" {
		t.Error("a token is kept until shortly before its end, and one of unknown life not at all")
	}
	m.Drop("a", "another")
	if m.Get("a", now) != "one" {
		t.Error("another one's refusal drops it")
	}
	m.Drop("a", "one")
	if m.Get("a", now) != "" {
		t.Error("a refused one is kept")
	}
}
