package remotekit

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"time"
)

// Config says what a remote is, and whose word it takes.
type Config struct {
	// Server is the control origin of the Annex server, such as https://api.annex.example.com.
	Server string
	// Remote is the remote's key in the app's manifest.
	Remote string
	// Audience is the remote's origin (scheme, host, port) where an admin said that it is there
	// or the app registered it; the app's ARI where the manifest has its URL.
	Audience string
	// Base is the URL at which Annex reaches the remote. Only its scheme, host and port count:
	// the path of a request is the one that it came with.
	Base string
	// Keys gives the server's keys; nil asks the server for them.
	Keys KeySource
	// Used takes down that a token was used, until it counts no longer, and reports whether it
	// was already: for remotes of several processes, which share a store. With nil it is kept in
	// memory. An error refuses the request.
	Used func(ctx context.Context, id string, until time.Time) (already bool, err error)
	// Now is time.Now when nil.
	Now func() time.Time
}

// Verifier verifies invocation tokens for one remote. It is safe for concurrent use.
type Verifier struct {
	cfg    Config
	origin string
}

const (
	issuer    = "forge/invocation-token"
	tokenType = "fit+jwt"
	// life is how long a token counts at most, leeway what clocks may differ by.
	life, leeway = 25 * time.Second, 10 * time.Second
	maxToken     = 16 << 10
)

// NewVerifier makes a verifier. It asks nobody yet.
func NewVerifier(cfg Config) (*Verifier, error) {
	base, err := url.Parse(cfg.Base)
	if err != nil || base.Host == "" || base.User != nil || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fmt.Errorf("remotekit: Base %q is no URL of a remote", cfg.Base)
	}
	if cfg.Remote == "" || cfg.Audience == "" {
		return nil, errors.New("remotekit: Remote and Audience say whom a token has to be for")
	}
	if cfg.Now == nil {
		cfg.Now = time.Now
	}
	keys, err := newServerKeys(cfg.Server, cfg.Now)
	if err != nil {
		return nil, err
	}
	if cfg.Keys == nil {
		cfg.Keys = keys
	}
	if cfg.Used == nil {
		cfg.Used = (&used{now: cfg.Now, until: map[string]time.Time{}}).take
	}
	return &Verifier{cfg: cfg, origin: strings.ToLower(base.Scheme + "://" + base.Host)}, nil
}

type callKey struct{}

// CallOf is the verified call of a request that came through Require.
func CallOf(ctx context.Context) (*Call, bool) {
	c, ok := ctx.Value(callKey{}).(*Call)
	return c, ok
}

// Require lets requests through whose token is good, once. Others are answered 401, or 503
// while the server's keys cannot be had.
func (v *Verifier) Require(next http.Handler) http.Handler {
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		c, err := v.Request(r)
		if err != nil {
			status := http.StatusUnauthorized
			if ReasonOf(err) == NoKeys {
				status = http.StatusServiceUnavailable
				w.Header().Set("Retry-After", "1")
			}
			http.Error(w, "the request's invocation token is refused: "+string(ReasonOf(err)), status)
			return
		}
		next.ServeHTTP(w, r.WithContext(context.WithValue(r.Context(), callKey{}, c)))
	})
}

// Request verifies the token of a request, which counts for its method and path alone. A
// remote behind a proxy that changes paths uses Token, with what the proxy was asked for.
func (v *Verifier) Request(r *http.Request) (*Call, error) {
	token, err := tokenOf(r.Header)
	if err != nil {
		return nil, err
	}
	path, _, _ := strings.Cut(r.RequestURI, "?")
	if !strings.HasPrefix(path, "/") { // not as it came over the wire
		path = r.URL.EscapedPath()
	}
	return v.Token(r.Context(), token, r.Method, v.origin+path)
}

// tokenOf finds the token: in a header of its own where a credential took Authorization.
func tokenOf(h http.Header) (string, error) {
	own, shared := h.Values("X-Annex-Invocation-Token"), h.Values("Authorization")
	if len(own) == 1 {
		return own[0], nil
	}
	if len(own) > 1 || len(shared) != 1 {
		return "", refuse(Malformed, "the request does not have one token")
	}
	scheme, token, _ := strings.Cut(shared[0], " ")
	if !strings.EqualFold(scheme, "Bearer") {
		return "", refuse(Malformed, "the Authorization header is not Bearer TOKEN")
	}
	return token, nil
}

// Token verifies the token of a request of that method and URL, which has no query.
func (v *Verifier) Token(ctx context.Context, token, method, target string) (*Call, error) {
	claims, err := opened(ctx, token, v.cfg.Keys)
	if err != nil {
		return nil, err
	}
	c, err := read(claims)
	if err != nil {
		return nil, err
	}
	if err := v.check(c, method, target); err != nil {
		return nil, err
	}
	already, err := v.cfg.Used(ctx, c.ID, c.Expires.Add(leeway))
	switch {
	case err != nil:
		return nil, &Error{Reason: NoKeys, Detail: "whether it was used already cannot be told at present", err: err}
	case already:
		return nil, refuse(Replayed, "it was used already")
	}
	return c, nil
}

// check compares what a token says with what the remote is, and with what was asked.
func (v *Verifier) check(c *Call, method, target string) error {
	now := v.cfg.Now()
	switch {
	case c.issuer != issuer || c.server != v.cfg.Server:
		return refuse(WrongServer, "another server made it")
	case c.audience != v.cfg.Audience || c.Remote != v.cfg.Remote:
		return refuse(WrongRemote, "it is for another remote")
	case c.Method != method || c.URL != target:
		return refuse(WrongRequest, "it is for another request")
	case !now.Before(c.Expires.Add(leeway)):
		return refuse(Expired, "it has expired")
	case now.Add(leeway).Before(c.Issued) || now.Add(leeway).Before(c.begins):
		return refuse(Expired, "it does not count yet")
	case !c.Expires.After(c.Issued) || c.Expires.Sub(c.Issued) > life:
		return refuse(Expired, "it counts for more than %v", life)
	}
	return nil
}

// used remembers tokens for as long as they count.
type used struct {
	now   func() time.Time
	mu    sync.Mutex
	until map[string]time.Time
	swept time.Time
}

func (u *used) take(_ context.Context, id string, until time.Time) (bool, error) {
	now := u.now()
	u.mu.Lock()
	defer u.mu.Unlock()
	if now.Sub(u.swept) >= life {
		for old, end := range u.until {
			if end.Before(now) {
				delete(u.until, old)
			}
		}
		u.swept = now
	}
	if _, there := u.until[id]; there {
		return true, nil
	}
	u.until[id] = until
	return false, nil
}
