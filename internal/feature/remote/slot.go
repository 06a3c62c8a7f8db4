package remote

import (
	"context"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/hostrule"
	"github.com/annexhq/annex/internal/core/id"
	"github.com/annexhq/annex/internal/core/tenant"
	"github.com/annexhq/annex/internal/infra/credential"
	"github.com/annexhq/annex/internal/infra/db"
	"github.com/annexhq/annex/internal/infra/seal"
)

// Credential is what an admin gives for the endpoint of a remote. Once it is stored, only
// requests to that endpoint ever see it.
type Credential struct {
	Kind string `json:"kind"` // one of Kinds
	// Name is of the header or parameter (header, query, hmac), or the user (basic), or the
	// client (client-credentials). It is not secret.
	Name string `json:"name,omitempty"`
	// Secret is the token, password, key or client secret; of a certificate its private key, as
	// PEM.
	Secret string `json:"secret"`
	// Certificate is a client's certificate with those that lead to its authority, as PEM. It is
	// not secret.
	Certificate string `json:"certificate,omitempty"`
	// TokenPath is where, below the remote's URL, a client gets its tokens; Scope what it
	// asks for.
	TokenPath string `json:"tokenPath,omitempty"`
	Scope     string `json:"scope,omitempty"`
}

// The kinds of credentials.
const (
	Bearer = "bearer" // Authorization: Bearer SECRET
	Basic  = "basic"  // Authorization: Basic, of Name and SECRET
	Header = "header" // Name: SECRET
	Query  = "query"  // ?Name=SECRET
	HMAC   = "hmac"   // Name: a signature of time, method, path and body
	Client = "client-credentials"
	// Certificate is shown when the connection is made, and nothing of it is in the request.
	Certificate = "client-certificate"
)

// Kinds are all of them.
var Kinds = []string{Bearer, Basic, Header, Query, HMAC, Client, Certificate}

// Slot is what may be known of a stored credential.
type Slot struct {
	Remote, Kind, Name, Origin string
	By                         string
	At                         time.Time
	// Certificate is what may be known of one, nil for credentials of other kinds.
	Certificate *credential.Certificate
}

const maxSecret = 8 << 10

func (c Credential) check(now time.Time) error {
	bad := func(format string, args ...any) *fault.Error {
		return fault.New(fault.Invalid, "BAD_CREDENTIAL", format, args...)
	}
	named := c.Kind == Header || c.Kind == Query || c.Kind == HMAC
	lower := strings.ToLower(c.Name)
	switch {
	case !slices.Contains(Kinds, c.Kind):
		return bad("there is no kind of credential of the name %.40q", c.Kind).WithFix("it is one of %s", strings.Join(Kinds, ", "))
	case c.Secret == "" || len(c.Secret) > maxSecret:
		return bad("a secret has 1 to %d bytes", maxSecret)
	case c.Kind == Certificate:
		if c.Name != "" || c.Scope != "" || c.TokenPath != "" {
			return bad("a certificate has no name, scope or token path of its own")
		}
		_, err := credential.ReadCertificate(c.Certificate, now)
		return err
	case c.Certificate != "":
		return bad("only a credential of the kind %s has a certificate", Certificate)
	case c.Kind != HMAC && !credential.Visible(c.Secret):
		return bad("the secret holds characters that no header has").WithFix("give it as the service gave it, on one line, without spaces around it")
	case named && !hostrule.HeaderName(c.Name):
		return bad("%.60q is no name of a header or parameter", c.Name).WithFix("name it, such as X-Api-Key")
	case named && c.Kind != Query && (!hostrule.FreeHeader(c.Name) || strings.HasPrefix(lower, "x-annex-") && c.Kind != HMAC):
		return bad("the header %s is not a credential's", c.Name)
	case c.Kind == Basic && (c.Name == "" || strings.Contains(c.Name, ":") || !credential.Visible(c.Name)):
		return bad("name the user, without a colon")
	case c.Kind == Client && (c.Name == "" || !credential.Visible(c.Name) || !strings.HasPrefix(c.TokenPath, "/")):
		return bad("client-credentials need the client's name, and the path of the token endpoint on the remote's host").WithFix("give both; the path begins with a slash, such as /oauth/token")
	case len(c.Name) > 200 || len(c.Scope) > 1000 || len(c.TokenPath) > 1000:
		return bad("a name is too long")
	}
	return nil
}

// Accepts says whether a credential of that kind and name would be stored, before its secret
// is typed.
func (s *Service) Accepts(ctx context.Context, p id.Principal, install id.Install, remote, origin string, c Credential) error {
	c.Secret = "x"
	_, _, err := s.fits(ctx, p, install, remote, origin, c)
	return err
}

// fits says where a credential would go, and refuses one that cannot.
func (s *Service) fits(ctx context.Context, p id.Principal, install id.Install, remote, origin string, c Credential) (scope tenant.Scope, t target, err error) {
	if scope, err = admin(p, install); err != nil {
		return scope, t, err
	}
	if err := c.check(s.Now()); err != nil {
		return scope, t, err
	}
	policy, err := s.Policies.Policy(ctx, install)
	// Another site's admin is not told whether it is there.
	if fault.CodeOf(err) == "NOT_INSTALLED" || err == nil && policy.Site != p.Site {
		return scope, t, notYours()
	}
	if err != nil {
		return scope, t, fault.Op("remote.fits", err)
	}
	if t, _, err = s.find(policy, &Asked{Remote: remote}); err != nil {
		return scope, t, err
	}
	if origin != "" && origin != t.base.Origin() {
		return scope, t, fault.New(fault.Conflict, "PREVIEW_CHANGED", "the remote is at %s by now", t.base.Origin()).WithFix("look at it again")
	}
	if t.base.Scheme != "https" && c.Kind == Certificate {
		return scope, t, fault.New(fault.Denied, "CERTIFICATE_NEEDS_HTTPS", "over plain http no certificate is shown, so the remote would not learn who calls").
			WithFix("set an https URL for the remote, or use hmac, which does not send its secret")
	}
	if t.base.Scheme == "http" && c.Kind != HMAC {
		return scope, t, fault.New(fault.Denied, "CREDENTIAL_IN_THE_CLEAR", "over plain http everybody on the way would read the credential").
			WithFix("set an https URL for the remote, or use hmac, which does not send its secret")
	}
	return scope, t, nil
}

// SetCredential stores a credential for the endpoint where the remote is now; only an
// admin of the site may. origin is the endpoint's that the admin was shown.
func (s *Service) SetCredential(ctx context.Context, p id.Principal, install id.Install, remote, origin string, c Credential) (Slot, error) {
	scope, t, err := s.fits(ctx, p, install, remote, origin, c)
	if err != nil {
		return Slot{}, err
	}
	about := ""
	slot := Slot{Remote: remote, Kind: c.Kind, Name: c.Name, Origin: t.base.Origin(), By: p.String(), At: s.Now().UTC().Truncate(time.Millisecond)}
	detail := map[string]any{"remote": remote, "origin": slot.Origin, "kind": c.Kind}
	if c.Kind == Certificate {
		if slot.Certificate, about, err = s.pair(c); err != nil {
			return Slot{}, err
		}
		detail["fingerprint"] = slot.Certificate.Fingerprint
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		var generation int64
		switch err := s.DB.QueryRow(ctx, generationOf, scope.Install(), scope.Site(), remote).Scan(&generation); {
		case err == nil || errors.Is(err, db.ErrNoRows):
		default:
			return err
		}
		generation++
		plain, err := json.Marshal(c)
		if err != nil {
			return err
		}
		sealed, err := s.Sealer.Seal(seal.ForInstall(install), seal.RemoteSlot, slotPlace(remote, slot.Origin, generation), plain)
		if err != nil {
			return err
		}
		if _, err := s.DB.Exec(ctx, putSlot, scope.Install(), scope.Site(), remote, generation, slot.Origin, c.Kind, c.Name, sealed, slot.By, slot.At.UnixMilli(), about); err != nil {
			return err
		}
		return s.Audit.Append(ctx, scope.Site(), install, p, "remote.credential-set", detail)
	})
	return slot, fault.Op("remote.SetCredential", err)
}

// pair is what may be known of a certificate, and the text of that, when the key is its own.
func (s *Service) pair(c Credential) (*credential.Certificate, string, error) {
	if _, err := credential.KeyPair(c.Certificate, c.Secret); err != nil {
		return nil, "", err
	}
	known, err := credential.ReadCertificate(c.Certificate, s.Now())
	if err != nil {
		return nil, "", err
	}
	text, err := json.Marshal(known)
	return &known, string(text), err
}

// The endpoint is part of the place: a value that is moved to another one does not open.
func slotPlace(remote, origin string, generation int64) seal.Place {
	return seal.Place{Table: "remote_slots", Column: "credential", Row: remote + " " + origin, Generation: generation}
}

// ClearCredential takes a credential away.
func (s *Service) ClearCredential(ctx context.Context, p id.Principal, install id.Install, remote string) error {
	scope, err := admin(p, install)
	if err != nil {
		return err
	}
	err = s.DB.Tx(ctx, func(ctx context.Context) error {
		n, err := s.DB.Exec(ctx, emptySlot, []byte{}, scope.Install(), scope.Site(), remote)
		if err != nil {
			return err
		}
		if n == 0 {
			return fault.New(fault.NotFound, "NO_CREDENTIAL", "there is no credential for the remote %.64q", remote)
		}
		return s.Audit.Append(ctx, scope.Site(), install, p, "remote.credential-clear", map[string]any{"remote": remote})
	})
	return fault.Op("remote.ClearCredential", err)
}

// Changed empties the slot of a remote whose endpoint was changed, in that act's
// transaction. A slot counts for its endpoint alone anyway; what nobody can use is not kept.
func (s *Service) Changed(ctx context.Context, scope tenant.Scope, remote string) error {
	_, err := s.DB.Exec(ctx, emptySlot, []byte{}, scope.Install(), scope.Site(), remote)
	return fault.Op("remote.Changed", err)
}

// Slots are the stored credentials of an installation, without their secrets.
func (s *Service) Slots(ctx context.Context, p id.Principal, install id.Install) ([]Slot, error) {
	scope, err := admin(p, install)
	if err != nil {
		return nil, err
	}
	rows, err := s.DB.Query(ctx, slotsOf, scope.Install(), scope.Site())
	if err != nil {
		return nil, fault.Op("remote.Slots", err)
	}
	defer rows.Close()
	var out []Slot
	for rows.Next() {
		var v Slot
		var at int64
		var about string
		if err := rows.Scan(&v.Remote, &v.Kind, &v.Name, &v.Origin, &v.By, &at, &about); err != nil {
			return nil, fault.Op("remote.Slots", err)
		}
		if about != "" {
			if err := json.Unmarshal([]byte(about), &v.Certificate); err != nil {
				return nil, fault.Op("remote.Slots", err)
			}
		}
		v.At = time.UnixMilli(at).UTC()
		out = append(out, v)
	}
	return out, fault.Op("remote.Slots", rows.Err())
}

// Erase deletes what is kept for an installation that has ended.
func (s *Service) Erase(ctx context.Context, scope tenant.Scope) error {
	_, err := s.DB.Exec(ctx, dropSlots, scope.Install(), scope.Site())
	return fault.Op("remote.Erase", err)
}

// stored is the credential for the endpoint, and its generation; nil where there is none.
func (s *Service) stored(ctx context.Context, scope tenant.Scope, remote, origin string) (*Credential, int64, error) {
	var generation int64
	var sealed []byte
	err := s.DB.QueryRow(ctx, slotFor, scope.Install(), scope.Site(), remote, origin).Scan(&generation, &sealed)
	switch {
	case errors.Is(err, db.ErrNoRows):
		return nil, 0, nil
	case err != nil:
		return nil, 0, err
	}
	plain, err := s.Sealer.Open(seal.ForInstall(scope.Install()), seal.RemoteSlot, slotPlace(remote, origin, generation), sealed)
	if err != nil {
		return nil, 0, err
	}
	var c Credential
	return &c, generation, json.Unmarshal(plain, &c)
}

func admin(p id.Principal, install id.Install) (tenant.Scope, error) {
	if !p.Is(id.SiteAdmin) {
		return tenant.Scope{}, fault.New(fault.Denied, "ROLE_REQUIRED", "only an admin of the site gives credentials to remotes")
	}
	return tenant.ForInstall(p, p.Site, install)
}

func notYours() error {
	return fault.New(fault.NotFound, "NOT_YOURS", "there is no such installation, or it is not yours")
}
