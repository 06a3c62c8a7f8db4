package remote

import (
	"encoding/base64"
	"encoding/json"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/call"
	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/perm"
	"github.com/annexhq/annex/internal/infra/seal"
)

// TokenLife is how long a token for the gateway counts at most.
const TokenLife = 5 * time.Minute

const tokenPrefix = "anx_gateway_"

// A token for the gateway is sealed, not signed: nobody but this deployment can read it, no
// product takes it, and there is nothing to be kept. It opens only for the installation and
// remote that it was made for.
type tokenFacts struct {
	Origin  string  `json:"o"` // of the endpoint that it was sent to
	Epoch   uint64  `json:"e"` // any change of what the installation may do ends it
	User    id.User `json:"u,omitempty"`
	Expires int64   `json:"x"`
}

func tokenPlace(remote string) seal.Place {
	return seal.Place{Table: "gateway", Column: "token", Row: remote}
}

// token makes a token with which the remote acts as the app, or as the user who is present.
func (s *Service) token(p *call.Policy, t target, asUser bool, c *call.Call) (string, error) {
	f := tokenFacts{Origin: t.base.Origin(), Epoch: p.Epoch, Expires: s.Now().Add(TokenLife).UnixMilli()}
	if asUser {
		f.User = c.Principal.User
	}
	text, err := json.Marshal(f)
	if err != nil {
		return "", err
	}
	sealed, err := s.Sealer.Seal(seal.ForInstall(p.Install), seal.RemoteToken, tokenPlace(t.remote.Key), text)
	return tokenPrefix + base64.RawURLEncoding.EncodeToString(sealed), err
}

// refusedToken is the one refusal of every token that does not count: what is wrong with it
// is nobody's business who does not hold a good one.
func refusedToken() error {
	return fault.New(fault.Unauthenticated, "TOKEN_REFUSED", "the token does not count here").
		WithFix("use the token of the latest request, at the apiBaseUrl of its invocation token")
}

// open reads a token under the policy that is in force now.
func (s *Service) open(p *call.Policy, remote, token string) (tokenFacts, error) {
	var f tokenFacts
	text, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok || len(text) > 4<<10 {
		return f, refusedToken()
	}
	sealed, err := base64.RawURLEncoding.DecodeString(text)
	if err != nil {
		return f, refusedToken()
	}
	plain, err := s.Sealer.Open(seal.ForInstall(p.Install), seal.RemoteToken, tokenPlace(remote), sealed)
	if err != nil {
		return f, refusedToken()
	}
	if err := json.Unmarshal(plain, &f); err != nil {
		return f, refusedToken()
	}
	if s.Now().UnixMilli() >= f.Expires || f.Epoch != p.Epoch || !s.stillAt(p, remote, f.Origin) {
		return f, refusedToken()
	}
	return f, nil
}

// stillAt reports whether the remote is where the token was sent.
func (s *Service) stillAt(p *call.Policy, remote, origin string) bool {
	base, err := hostrule.ParsePrivateURL(perm.URLOf(p.Set, remote))
	return err == nil && base.Origin() == origin
}
