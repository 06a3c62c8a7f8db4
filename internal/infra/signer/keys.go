package signer

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"encoding/json"
	"fmt"
	"strconv"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/google/uuid"

	"github.com/annexhq/annex/internal/core/trail"
	"github.com/annexhq/annex/internal/infra/seal"
)

// family is what keys are for. Keys of one family sign nothing of another, so that no
// token can be taken for another kind by its signature alone.
type family struct {
	name string
	alg  jose.SignatureAlgorithm
	typ  jose.ContentType // of its tokens
	make func() (crypto.Signer, error)
	// apart leaves the keys out of the key set: what they sign carries them along.
	apart bool
	// late has the first key made when it is first needed: it takes longer than others, or most
	// servers need none.
	late bool
}

// access is the family of tokens for products.
var access = family{name: "access", alg: jose.ES256, typ: "at+jwt", make: p256}

// checkpoint is the family of the audit trail's checkpoints. Verifiers of tokens have no
// use for its keys.
var checkpoint = family{name: "checkpoint", alg: jose.ES256, typ: trail.SignatureType, make: p256, apart: true}

// invocation is the family of tokens for remotes. RS256 is what remotes that were written
// for Forge verify.
var invocation = family{name: "invocation", alg: jose.RS256, typ: "fit+jwt", make: rsa2048, late: true}

// surroundings is the family of context tokens, which say where a function runs and open nothing.
var surroundings = family{name: "context", alg: jose.ES256, typ: "annex-context+jwt", make: p256, late: true}

func rsa2048() (crypto.Signer, error) { return rsa.GenerateKey(rand.Reader, 2048) }

func p256() (crypto.Signer, error) { return ecdsa.GenerateKey(elliptic.P256(), rand.Reader) }

var families = []family{access, checkpoint, invocation, surroundings}

func familyOf(name string) (family, bool) {
	for _, f := range families {
		if f.name == name {
			return f, true
		}
	}
	return family{}, false
}

// row is a key as the database has it; times are Unix milliseconds.
type row struct {
	kid, family, alg              string
	generation                    int64
	sealed                        []byte
	created, signsFrom, withdrawn int64
}

// key is an opened key. It is never changed, only replaced.
type key struct {
	row
	signer jose.Signer
	public jose.JSONWebKey
	until  time.Time // when it leaves the key set; zero: not yet known
}

// at is the key with the times of its row.
func (k *key) at(r row) *key {
	next := *k
	next.created, next.signsFrom, next.withdrawn = r.created, r.signsFrom, r.withdrawn
	return &next
}

func place(r row) seal.Place {
	return seal.Place{Table: "signing_keys", Column: "private", Row: r.kid, Generation: r.generation}
}

// open makes a row usable; nil for a family that this server does not know.
func (s *Signer) open(r row) (*key, error) {
	f, ok := familyOf(r.family)
	if !ok || string(f.alg) != r.alg {
		return nil, nil
	}
	der, err := s.Sealer.Open(seal.ForPlatform(), seal.SigningKey, place(r), r.sealed)
	if err != nil {
		return nil, err
	}
	parsed, err := x509.ParsePKCS8PrivateKey(der)
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", r.kid, err)
	}
	private, ok := parsed.(crypto.Signer)
	if !ok {
		return nil, fmt.Errorf("signing key %s does not sign", r.kid)
	}
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: f.alg, Key: jose.JSONWebKey{Key: private, KeyID: r.kid}},
		(&jose.SignerOptions{}).WithType(f.typ))
	if err != nil {
		return nil, fmt.Errorf("signing key %s: %w", r.kid, err)
	}
	r.sealed = nil
	return &key{row: r, signer: signer,
		public: jose.JSONWebKey{Key: private.Public(), KeyID: r.kid, Algorithm: r.alg, Use: "sig"}}, nil
}

// newRow makes a key, sealed.
func (s *Signer) newRow(f family, generation int64, signsFrom time.Time) (row, error) {
	r := row{kid: uuid.NewString(), family: f.name, alg: string(f.alg), generation: generation,
		created: s.Now().UnixMilli(), signsFrom: signsFrom.UnixMilli()}
	private, err := f.make()
	if err != nil {
		return row{}, err
	}
	der, err := x509.MarshalPKCS8PrivateKey(private)
	if err != nil {
		return row{}, err
	}
	r.sealed, err = s.Sealer.Seal(seal.ForPlatform(), seal.SigningKey, place(r), der)
	return r, err
}

// state is all keys as of a reading. It is never changed, only replaced.
type state struct {
	keys []*key // by family, then generation
	jwks []byte // those that are published
}

func (s *state) key(kid string) *key {
	if s == nil {
		return nil
	}
	for _, k := range s.keys {
		if k.kid == kid {
			return k
		}
	}
	return nil
}

// complete computes from when to when each key counts, and the key set.
func (s *state) complete(now time.Time) error {
	set := jose.JSONWebKeySet{Keys: []jose.JSONWebKey{}}
	for i, k := range s.keys {
		if next := i + 1; next < len(s.keys) && s.keys[next].family == k.family {
			k.until = time.UnixMilli(s.keys[next].signsFrom).Add(linger)
		}
		if k.withdrawn != 0 {
			k.until = time.UnixMilli(k.withdrawn)
		}
		if f, _ := familyOf(k.family); k.published(now) && !f.apart {
			set.Keys = append(set.Keys, k.public)
		}
	}
	var err error
	s.jwks, err = json.Marshal(set)
	return err
}

func (k *key) published(now time.Time) bool { return k.until.IsZero() || now.Before(k.until) }

// signing is the key that a family signs with now, nil if there is none. A server whose
// clock is behind that of the one that made the first key uses it all the same.
func (s *state) signing(f family, now time.Time) (found *key) {
	for _, k := range s.keys {
		if k.family == f.name && k.withdrawn == 0 && k.signsFrom <= now.UnixMilli() {
			found = k
		}
	}
	if found == nil {
		found = s.oldest(f)
	}
	return found
}

func (s *state) oldest(f family) *key {
	for _, k := range s.keys {
		if k.family == f.name && k.withdrawn == 0 {
			return k
		}
	}
	return nil
}

// JWKS is the public half of every key that a verifier may need now (RFC 7517).
func (s *Signer) JWKS() []byte { return s.state.Load().jwks }

// Key is what an operator may know of a key.
type Key struct {
	ID         string
	Family     string
	Algorithm  string
	State      string // published, signing or retired
	Published  time.Time
	SignsFrom  time.Time
	Leaves     time.Time // the key set; zero while no other key follows it
	Generation int64
}

// Keys are those of the key set, by family, oldest first.
func (s *Signer) Keys() []Key {
	now, st := s.Now(), s.state.Load()
	out := []Key{}
	for _, k := range st.keys {
		f, _ := familyOf(k.family)
		if !k.published(now) || f.apart {
			continue
		}
		word := "retired"
		switch {
		case st.signing(f, now) == k:
			word = "signing"
		case k.signsFrom > now.UnixMilli():
			word = "published"
		}
		out = append(out, Key{ID: k.kid, Family: k.family, Algorithm: k.alg, State: word, Generation: k.generation,
			Published: time.UnixMilli(k.created).UTC(), SignsFrom: time.UnixMilli(k.signsFrom).UTC(), Leaves: k.until.UTC()})
	}
	return out
}

// String names the key for the log; never anything of its private half.
func (k *key) String() string {
	return k.family + " key " + k.kid + " #" + strconv.FormatInt(k.generation, 10)
}
