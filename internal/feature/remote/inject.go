package remote

import (
	"context"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// credential is how a request uses what an admin stored for the endpoint, nil for nothing;
// hidden is what must not be seen of it in the answer.
func (s *Service) credential(ctx context.Context, p *call.Policy, c *call.Call, t target) (use func(r *http.Request, body []byte) error, hidden [][]byte, err error) {
	have, generation, err := s.stored(ctx, p, t)
	if err != nil || have == nil {
		return nil, nil, err
	}
	hidden = [][]byte{[]byte(have.Secret)}
	set := func(name, value string) func(*http.Request, []byte) error {
		return func(r *http.Request, _ []byte) error {
			r.Header.Set(name, value)
			return nil
		}
	}
	switch have.Kind {
	case Bearer:
		return set("Authorization", "Bearer "+have.Secret), hidden, nil
	case Basic:
		value := base64.StdEncoding.EncodeToString([]byte(have.Name + ":" + have.Secret))
		return set("Authorization", "Basic "+value), append(hidden, []byte(value)), nil
	case Header:
		return set(have.Name, have.Secret), hidden, nil
	case Query:
		return func(r *http.Request, _ []byte) error { return addQuery(r.URL, have.Name, have.Secret) }, hidden, nil
	case HMAC:
		return func(r *http.Request, body []byte) error {
			at := strconv.FormatInt(s.Now().Unix(), 10)
			r.Header.Set(have.Name, "t="+at+",v1="+Signature(have.Secret, at, r.Method, r.URL.RequestURI(), body))
			return nil
		}, hidden, nil
	case Client:
		access, err := s.access(ctx, p, c, t, have, generation)
		if err != nil {
			return nil, nil, err
		}
		return set("Authorization", "Bearer "+access), append(hidden, []byte(access)), nil
	default:
		return nil, nil, fault.New(fault.Internal, "BAD_CREDENTIAL", "a stored credential is of no known kind")
	}
}

// addQuery puts the credential's parameter in the place of any that the app wrote.
func addQuery(u *url.URL, name, secret string) error {
	q, err := url.ParseQuery(u.RawQuery)
	if err != nil {
		return fault.New(fault.Usage, "INVALID_ARGUMENT", "the query of the request is malformed").WithFix("encode it, with URLSearchParams for instance")
	}
	q.Set(name, secret)
	u.RawQuery = q.Encode()
	return nil
}

// Signature is what a credential of kind hmac puts into its header: HMAC-SHA256, in
// hexadecimal, of time, method, path with query, and the body's SHA-256, one on a line.
func Signature(secret, at, method, requestURI string, body []byte) string {
	sum := sha256.Sum256(body)
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(at + "\n" + method + "\n" + requestURI + "\n" + hex.EncodeToString(sum[:])))
	return hex.EncodeToString(mac.Sum(nil))
}

// mintKey is a slot as it was filled: another filling has other tokens.
type mintKey struct {
	install    id.Install
	remote     string
	generation int64
}

type minted struct {
	access  string
	expires time.Time
}

const maxMinted = 1000

// access is an access token of the client that the admin named, from the remote's own
// token endpoint, kept until shortly before it ends.
func (s *Service) access(ctx context.Context, p *call.Policy, c *call.Call, t target, have *Credential, generation int64) (string, error) {
	key := mintKey{p.Install, t.remote.Key, generation}
	s.mu.Lock()
	m := s.minted[key]
	s.mu.Unlock()
	if m.access != "" && s.Now().Before(m.expires) {
		return m.access, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if have.Scope != "" {
		form.Set("scope", have.Scope)
	}
	reply, err := s.Broker.Send(ctx, p, c, Outgoing{
		Remote: t.remote.Key, Base: t.base, Path: have.TokenPath, Method: http.MethodPost, Body: []byte(form.Encode()), Mint: true,
		Headers: [][2]string{{"content-type", "application/x-www-form-urlencoded"}, {"accept", "application/json"}},
		Inject: func(r *http.Request) error {
			r.SetBasicAuth(url.QueryEscape(have.Name), url.QueryEscape(have.Secret))
			return nil
		},
	})
	if err != nil {
		return "", err
	}
	var head struct {
		Status int `json:"status"`
	}
	var out struct {
		Access  string `json:"access_token"`
		Type    string `json:"token_type"`
		Expires int64  `json:"expires_in"`
	}
	if json.Unmarshal(reply.Head, &head) != nil || head.Status != http.StatusOK || json.Unmarshal(reply.Body, &out) != nil || !visible.MatchString(out.Access) {
		return "", fault.New(fault.Unavailable, "CREDENTIAL_REFUSED", "the remote's token endpoint gave no token for the credential that the admin stored").
			WithFix("have the site's admin look at the credential of the remote")
	}
	life := max(0, min(time.Duration(out.Expires)*time.Second, time.Hour)-30*time.Second)
	s.mu.Lock()
	defer s.mu.Unlock()
	if len(s.minted) >= maxMinted {
		clear(s.minted)
	}
	s.minted[key] = minted{out.Access, s.Now().Add(life)}
	return out.Access, nil
}
