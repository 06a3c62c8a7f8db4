package productkit

import (
	"context"
	"encoding/json"
	"net/http"
	"strings"
)

type accessKey struct{}

// AccessOf is the verified token of a request that came through Require.
func AccessOf(ctx context.Context) (*Access, bool) {
	a, ok := ctx.Value(accessKey{}).(*Access)
	return a, ok
}

// WithAccess is the context of a request whose token was verified; for products that do
// not use Require, and for their tests.
func WithAccess(ctx context.Context, a *Access) context.Context {
	return context.WithValue(ctx, accessKey{}, a)
}

// Require lets requests through whose access token is good and whose scope holds all of
// the given ones. Others are answered as RFC 6750 has it.
func (v *Verifier) Require(next http.Handler, scopes ...string) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		a, err := v.Request(r)
		if err == nil && !a.Allows(scopes...) {
			err = refuse(NoScope, "the operation needs %s", strings.Join(scopes, " "))
		}
		if err != nil {
			Refuse(w, err)
			return
		}
		next.ServeHTTP(w, r.WithContext(WithAccess(r.Context(), a)))
	})
}

// Request verifies the access token of a request. A token counts in one place: a single
// Authorization header.
func (v *Verifier) Request(r *http.Request) (*Access, error) {
	values := r.Header.Values("Authorization")
	if len(values) != 1 {
		return nil, refuse(Malformed, "the request has %d Authorization headers instead of one", len(values))
	}
	scheme, token, ok := strings.Cut(values[0], " ")
	if !ok || !strings.EqualFold(scheme, "Bearer") {
		return nil, refuse(Malformed, "the Authorization header is not Bearer TOKEN")
	}
	return v.Access(r.Context(), token)
}

// Refuse answers a request whose token is refused: 401, or 403 for a missing scope, or
// 503 while the issuer's keys cannot be had.
func Refuse(w http.ResponseWriter, err error) {
	status, code := http.StatusUnauthorized, "invalid_token"
	switch ReasonOf(err) {
	case NoScope:
		status, code = http.StatusForbidden, "insufficient_scope"
	case NoKeys:
		status, code = http.StatusServiceUnavailable, "temporarily_unavailable"
		w.Header().Set("Retry-After", "1")
	case "":
		status, code = http.StatusInternalServerError, "server_error"
	}
	if status < 500 {
		w.Header().Set("WWW-Authenticate", `Bearer error="`+code+`"`)
	}
	w.Header().Set("Content-Type", "application/json")
	w.Header().Set("Cache-Control", "no-store")
	w.WriteHeader(status)
	body := map[string]string{"error": code, "error_description": "the request's token cannot be verified"}
	if reason := ReasonOf(err); reason != "" {
		body["error_description"] = err.Error()
		body["reason"] = string(reason)
	}
	_ = json.NewEncoder(w).Encode(body)
}
