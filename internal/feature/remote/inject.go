package remote

import (
	"context"
	"crypto/tls"
	"encoding/json"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/infra/credential"
	"github.com/annexhq/annex/internal/infra/netguard"
)

// credential is how a request uses what an admin stored for the endpoint; the zero value is
// for nothing.
func (s *Service) credential(ctx context.Context, p *call.Policy, c *call.Call, t target) (credential.Use, error) {
	have, generation, err := s.stored(ctx, p.Scope, t.remote.Key, t.base.Origin())
	if err != nil || have == nil {
		return credential.Use{}, err
	}
	switch have.Kind {
	case Bearer:
		return credential.At(credential.Authorization, have.Secret), nil
	case Basic:
		return credential.Basic(have.Name, have.Secret), nil
	case Header:
		return credential.At(credential.Place{In: credential.Header, Name: have.Name}, have.Secret), nil
	case Query:
		return credential.At(credential.Place{In: credential.Query, Name: have.Name}, have.Secret), nil
	case HMAC:
		return credential.Signed(have.Name, have.Secret, s.Now), nil
	case Client:
		access, err := s.access(ctx, p, c, t, have, generation)
		if err != nil {
			return credential.Use{}, err
		}
		return credential.At(credential.Authorization, access, have.Secret), nil
	case Certificate:
		return s.shown(p, t, generation), nil
	default:
		return credential.Use{}, fault.New(fault.Internal, "BAD_CREDENTIAL", "a stored credential is of no known kind")
	}
}

// shown is how a certificate is used: by the connection, and by nothing in the request. The
// key is read anew at each handshake, so that a filling which was taken away or replaced
// meanwhile makes no connection any more.
func (s *Service) shown(p *call.Policy, t target, generation int64) credential.Use {
	scope, remote, origin := p.Scope, t.remote.Key, t.base.Origin()
	return credential.Use{As: &netguard.Identity{
		Of: remote + " " + strconv.FormatInt(generation, 10), Host: t.base.Host, Port: t.base.Port,
		Certificate: func(ctx context.Context) (*tls.Certificate, error) {
			have, now, err := s.stored(ctx, scope, remote, origin)
			if err != nil {
				return nil, err
			}
			if have == nil || have.Kind != Certificate || now != generation {
				return nil, fault.New(fault.Unavailable, "CREDENTIAL_CHANGED", "the remote's credential was changed meanwhile").WithFix("ask again")
			}
			pair, err := credential.KeyPair(have.Certificate, have.Secret)
			if err == nil && s.Now().After(pair.Leaf.NotAfter) {
				err = fault.New(fault.Unavailable, "CREDENTIAL_EXPIRED", "the certificate that the admin stored for the remote has ended").
					WithFix("have the site's admin store one that counts")
			}
			return pair, err
		},
	}}
}

// mintKey is a slot as it was filled: another filling has other tokens.
type mintKey struct {
	install    id.Install
	remote     string
	generation int64
}

// access is an access token of the client that the admin named, from the remote's own
// token endpoint, kept until shortly before it ends.
func (s *Service) access(ctx context.Context, p *call.Policy, c *call.Call, t target, have *Credential, generation int64) (string, error) {
	key := mintKey{p.Install, t.remote.Key, generation}
	if access := s.minted.Get(key, s.Now()); access != "" {
		return access, nil
	}
	form := url.Values{"grant_type": {"client_credentials"}}
	if have.Scope != "" {
		form.Set("scope", have.Scope)
	}
	reply, err := s.Broker.Send(ctx, p, c, Outgoing{
		Remote: t.remote.Key, Base: t.base, Path: have.TokenPath, Method: http.MethodPost, Body: []byte(form.Encode()), Mint: true,
		Headers: [][2]string{{"content-type", "application/x-www-form-urlencoded"}, {"accept", "application/json"}},
		Inject:  credential.Basic(url.QueryEscape(have.Name), url.QueryEscape(have.Secret)).Put, // RFC 6749, 2.3.1
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
	if json.Unmarshal(reply.Head, &head) != nil || head.Status != http.StatusOK || json.Unmarshal(reply.Body, &out) != nil || !credential.Visible(out.Access) {
		return "", fault.New(fault.Unavailable, "CREDENTIAL_REFUSED", "the remote's token endpoint gave no token for the credential that the admin stored").
			WithFix("have the site's admin look at the credential of the remote")
	}
	s.minted.Keep(key, out.Access, time.Duration(min(max(0, out.Expires), 1<<20))*time.Second, s.Now())
	return out.Access, nil
}
