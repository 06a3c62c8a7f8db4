package apps

import (
	"crypto"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"math/big"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"time"

	"github.com/rogpeppe/go-internal/testscript"

	"github.com/annexhq/annex/internal/infra/netguard/netguardtest"
)

const (
	photoKey     = "photo-key"
	gitHubToken  = "gh-token"
	scannerKey   = "scanner-key"
	organization = "org-1"
)

// gitHubTyped is one that a form which knows the shape of these tokens lets through.
var gitHubTyped = "ghp_" + strings.Repeat("a", 36)

func answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(v)
}

// fakes are the hosts that the apps' manifests name, as far as they are called.
// What of them has to know the server is told by the function that it gives.
func fakes(t *testing.T, internet *netguardtest.World) (know func(server string)) {
	internet.Host(t, "api.unsplash.com", http.HandlerFunc(photos))
	internet.Host(t, "oidc.circleci.com", http.HandlerFunc(signingKeys))
	internet.Host(t, "api.github.com", http.HandlerFunc(gitHub))
	internet.Host(t, "cloud.appscan.com", http.HandlerFunc(scanner))
	internet.Host(t, "api.growthbook.io", http.HandlerFunc(flags))
	internet.Host(t, "cvefeed.io", http.HandlerFunc(vulnerabilities))
	internet.Host(t, "api.openai.com", http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
		answer(w, 200, object{"created": 1, "data": []any{object{"url": "https://images.example/1"}}})
	}))
	qr := &qrCodes{}
	internet.Host(t, qrHost, qr)
	return func(server string) { qr.server.Store(server) }
}

func photos(w http.ResponseWriter, r *http.Request) {
	q := r.URL.Query()
	if q.Get("client_id") != photoKey {
		answer(w, 401, object{"errors": []string{"OAuth error: the access token is invalid"}})
		return
	}
	if r.URL.Path != "/search/photos" || q.Get("query") != "nature" || q.Get("orientation") != "landscape" || q.Get("per_page") != "10" {
		answer(w, 400, object{"errors": []string{r.URL.String()}})
		return
	}
	answer(w, 200, object{"total": 1, "results": []any{object{
		"id": "p1", "description": nil, "alt_description": "a hill",
		"urls": object{"regular": "https://images.example/p1", "thumb": "https://images.example/p1-small"},
		"user": object{"name": "Alice", "links": object{"html": "https://photos.example/alice"}}, "links": object{"download_location": "https://photos.example/p1"},
	}}})
}

// signer signs the tokens of a build system; its public part is what the app fetches.
var signer = func() *rsa.PrivateKey {
	k, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		panic(err)
	}
	return k
}()

func signingKeys(w http.ResponseWriter, r *http.Request) {
	if r.URL.Path != "/org/"+organization+"/.well-known/jwks-pub.json" {
		answer(w, 404, object{})
		return
	}
	answer(w, 200, object{"keys": []any{object{"kid": "key-1", "kty": "RSA", "alg": "RS256",
		"n": base64.RawURLEncoding.EncodeToString(signer.N.Bytes()), "e": base64.RawURLEncoding.EncodeToString(big.NewInt(int64(signer.E)).Bytes())}}})
}

// token keeps a token that the build system signed. A change is NAME=VALUE of a claim or
// header, -NAME for none, exp=SECONDS from now, or bent for another signature.
func (a *app) token(ts *testscript.TestScript, args []string) error {
	header := object{"alg": "RS256", "typ": "JWT", "kid": "key-1"}
	claims := object{"aud": "audience", "iss": "https://oidc.circleci.com/org/" + organization, "exp": time.Now().Add(time.Hour).Unix()}
	bent := false
	for _, change := range args[1:] {
		name, value, set := strings.Cut(change, "=")
		switch {
		case change == "bent":
			bent = true
		case name == "kid":
			header["kid"] = value
		case name == "-kid":
			delete(header, "kid")
		case name == "exp":
			seconds, err := strconv.Atoi(value)
			if err != nil {
				return err
			}
			claims["exp"] = time.Now().Unix() + int64(seconds)
		case set:
			claims[name] = value
		default:
			return fmt.Errorf("%q is no change of a token", change)
		}
	}
	text, err := signed(header, claims)
	if err != nil {
		return err
	}
	if bent {
		b := []byte(text)
		at := &b[len(b)-10]
		if *at = 'A' + *at&1; *at == text[len(b)-10] { // a digit still
			*at = 'C'
		}
		text = string(b)
	}
	ts.Setenv(args[0], text)
	return nil
}

func signed(header, claims object) (string, error) {
	part := func(v any) string {
		text, _ := json.Marshal(v) // texts and numbers
		return base64.RawURLEncoding.EncodeToString(text)
	}
	text := part(header) + "." + part(claims)
	digest := sha256.Sum256([]byte(text))
	signature, err := rsa.SignPKCS1v15(nil, signer, crypto.SHA256, digest[:])
	return text + "." + base64.RawURLEncoding.EncodeToString(signature), err
}

func gitHub(w http.ResponseWriter, r *http.Request) {
	if sent := r.Header.Get("Authorization"); sent != "token "+gitHubToken && sent != "token "+gitHubTyped {
		answer(w, 401, object{"message": "Bad credentials"})
		return
	}
	switch r.Method + " " + r.URL.Path {
	case "GET /user/repos":
		answer(w, 200, []any{object{"id": 1, "name": "notes", "private": false, "owner": object{"login": "alice"}, "html_url": "https://github.com/alice/notes"}})
	case "GET /repos/alice/notes/pulls":
		answer(w, 200, []any{object{"number": 7, "title": "ABC-1 sort notes", "html_url": "https://github.com/alice/notes/pull/7", "state": "open",
			"user": object{"login": "bob"}, "head": object{"ref": "sort"}, "merged_at": nil},
			object{"number": 8, "title": "DEMO-1 sort notes", "html_url": "https://github.com/alice/notes/pull/8", "state": "open",
				"user": object{"login": "bob"}, "head": object{"ref": "sort-again"}, "merged_at": nil}})
	case "GET /repos/alice/notes/pulls/8/reviews":
		answer(w, 200, []any{})
	case "GET /repos/alice/notes/pulls/7/reviews":
		answer(w, 200, []any{object{"user": object{"login": "alice"}, "state": "APPROVED", "submitted_at": "2026-01-01T00:00:00Z"}})
	case "PUT /repos/alice/notes/pulls/7/merge":
		answer(w, 200, object{"merged": true})
	case "POST /repos/alice/notes/pulls/7/reviews", "POST /repos/alice/notes/pulls/8/reviews":
		answer(w, 200, object{"state": "APPROVED"})
	default:
		answer(w, 404, object{"message": "Not Found"})
	}
}

func scanner(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/api/v4/Account/ApiKeyLogin":
		var login struct {
			KeyID string `json:"KeyId"`
		}
		text, _ := io.ReadAll(r.Body)
		if json.Unmarshal(text, &login) != nil || login.KeyID != scannerKey {
			answer(w, 401, object{"Message": "no"})
			return
		}
		answer(w, 200, object{"Token": "of-the-session"})
	case "/api/v4/Account/TenantInfo":
		answer(w, 200, object{"TenantName": "acme", "Asked": r.Header.Get("Authorization")})
	case "/api/v4/Policies":
		answer(w, 200, object{"Items": []any{object{"Id": "p", "Name": "strict"}}})
	case "/api/v4/Issues/Application/none":
		answer(w, 200, object{"Count": 0, "Items": []any{}})
	case "/api/v4/Issues/Application/a":
		if r.Method == http.MethodPut {
			answer(w, 200, notified(r))
			return
		}
		answer(w, 200, object{"Count": 1, "Items": []any{object{"Id": "i", "ApplicationId": "a", "IssueType": "XSS", "IssueTypeId": "xss", "Severity": "High", "Location": "/login",
			"ScanName": "nightly", "Cwe": 79, "Cvss": 6.1, "Scanner": "AppScan Static Analyzer", "DateCreated": "2026-01-01T00:00:00Z", "LastUpdated": "2026-01-01T00:00:00Z",
			"LastFound": "2026-01-01T00:00:00Z"}}})
	case "/api/v4/Issues/i/Details":
		w.Header().Set("Content-Type", "text/html")
		_, _ = io.WriteString(w, "<h1>XSS</h1>")
	case "/api/v4/Apps":
		answer(w, 200, object{"Items": []any{object{"Id": "1", "Name": "shop"}}, "Asked": r.Header.Get("Authorization")})
	default:
		answer(w, 404, object{})
	}
}

func flags(w http.ResponseWriter, r *http.Request) {
	switch r.URL.Path {
	case "/api/v1/feature-keys":
		answer(w, 200, []string{"dark-mode", "search"})
	case "/api/v1/experiment-names":
		answer(w, 200, object{"experiments": []any{object{"id": "e1", "name": "Tea or coffee"}}})
	case "/api/v1/features/dark-mode":
		answer(w, 200, object{"feature": object{"id": "dark-mode", "description": "Dark pages", "owner": "Alice", "project": "", "archived": false, "valueType": "boolean",
			"defaultValue": "false", "dateCreated": "2026-01-01T00:00:00Z", "dateUpdated": "2026-01-02T00:00:00Z", "tags": []string{}, "revision": object{"version": 1, "comment": "", "date": "2026-01-02T00:00:00Z", "publishedBy": "Alice"},
			"environments": object{"production": object{"enabled": true, "defaultValue": "false", "rules": []any{}}}}})
	default:
		answer(w, 404, object{"message": "not found"})
	}
}

// vulnerabilities is a feed with one project, 42, and one key to it.
func vulnerabilities(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "Bearer cvefeed_right" {
		answer(w, 401, object{"detail": "Invalid token."})
		return
	}
	switch r.Method + " " + strings.TrimPrefix(r.URL.Path, "/api/projects/42/") {
	case "GET ":
		answer(w, 200, object{"id": 42, "name": "Web shop", "slug": "web-shop"})
	case "GET integrations/jira-forge/register/":
		answer(w, 200, object{"sufficient": true, "missing": object{}})
	case "POST integrations/jira-forge/register/":
		answer(w, 200, object{"registered": true, "created": true, "signing_secret": "secret"})
	case "GET alerts/", "GET products/":
		answer(w, 200, object{"count": 0, "next": nil, "results": []any{}})
	case "DELETE integrations/jira-forge/register/":
		answer(w, 200, object{"registered": false})
	default:
		answer(w, 404, object{"detail": "Not found."})
	}
}
