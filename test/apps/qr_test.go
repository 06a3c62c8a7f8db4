package apps

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// qrCodes is the back end of an app that has its codes drawn elsewhere. It answers what
// proves that Annex made it for this app and this address, and nothing else.
type qrCodes struct {
	server atomic.Value // the control origin whose keys count, once it runs
}

const (
	qrHost = "picked-easy-rat.ngrok-free.app"
	qrApp  = "ari:cloud:ecosystem::app/2e0e64a7-84ce-42bb-9c9e-3b5142eb499b"
)

func (q *qrCodes) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	var in struct{ Summary, Description string }
	switch err := q.proven(r); {
	case err != nil:
		answer(w, http.StatusUnauthorized, object{"refused": err.Error()})
		return
	case r.Method != http.MethodPost, !strings.HasPrefix(r.Header.Get("Content-Type"), "application/json"), json.NewDecoder(r.Body).Decode(&in) != nil,
		in.Summary == "", in.Description == "":
		answer(w, http.StatusBadRequest, object{"refused": "no issue"})
		return
	}
	picture := `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 3 3"><path d="M0 0h1v1h-1zM2 0h1v1h-1zM0 2h1v1h-1z"/></svg>`
	answer(w, http.StatusOK, object{"qrCode": "data:image/svg+xml;base64," + base64.StdEncoding.EncodeToString([]byte(picture)), "runtime": 0.012})
}

// proven verifies the invocation token, and that both tokens for the gateway came with it.
func (q *qrCodes) proven(r *http.Request) error {
	raw, _ := strings.CutPrefix(r.Header.Get("Authorization"), "Bearer ")
	token, err := jwt.ParseSigned(raw, []jose.SignatureAlgorithm{jose.RS256})
	if err != nil {
		return err
	}
	keys, err := q.keys(r.Context())
	if err != nil {
		return err
	}
	var standard jwt.Claims
	var own struct {
		Server    string `json:"server"`
		Remote    string `json:"remote"`
		HTM       string `json:"htm"`
		HTU       string `json:"htu"`
		Principal string `json:"principal"`
		App       struct {
			ID string `json:"id"`
		} `json:"app"`
	}
	if err := token.Claims(keys, &standard, &own); err != nil {
		return err
	}
	expected := jwt.Expected{Issuer: "forge/invocation-token", AnyAudience: jwt.Audience{qrApp}, Time: time.Now()}
	switch err := standard.ValidateWithLeeway(expected, 10*time.Second); {
	case err != nil:
		return err
	case token.Headers[0].ExtraHeaders[jose.HeaderType] != "fit+jwt", own.Remote != "remote-qrcode-api", own.HTM != r.Method, own.App.ID != qrApp,
		strings.TrimSuffix(own.HTU, "/") != strings.TrimSuffix("https://"+r.Host+r.URL.Path, "/"), own.Server != q.server.Load(), own.Principal == "":
		return fmt.Errorf("a token for something else: %+v", own)
	case r.Header.Get("X-Forge-Oauth-System") == "", r.Header.Get("X-Forge-Oauth-User") == "":
		return fmt.Errorf("without the tokens for the gateway")
	}
	return nil
}

func (q *qrCodes) keys(ctx context.Context) (*jose.JSONWebKeySet, error) {
	server, _ := q.server.Load().(string)
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, server+"/.well-known/jwks.json", nil)
	if err != nil {
		return nil, err
	}
	res, err := http.DefaultClient.Do(req)
	if err != nil {
		return nil, err
	}
	defer func() { _ = res.Body.Close() }()
	var set jose.JSONWebKeySet
	return &set, json.NewDecoder(res.Body).Decode(&set)
}
