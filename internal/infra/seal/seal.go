// Package seal encrypts what must not be readable in a copy of the database: secrets
// of apps, sealed variables, credentials.
//
// Each pair of subject (an installation, an environment) and purpose has a key of its
// own, derived from the key ring, and each sealed value is bound to the table, column,
// row and generation that it was sealed for: a value that somebody moved to another
// row, or brought back from an older backup of the row, does not open.
//
// The key ring is a file outside of the data directory, so that neither a copy of the
// database nor a backup of the data directory opens anything.
package seal

import (
	"crypto/aes"
	"crypto/cipher"
	"crypto/hkdf"
	"crypto/sha256"
	"encoding/binary"
	"encoding/hex"
	"errors"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/id"
)

// Subject is whose data is sealed. The zero value is nobody's and is refused.
type Subject struct{ kind, id string }

// ForInstall is the subject of one installation.
func ForInstall(i id.Install) Subject { return subject("install", string(i)) }

// ForEnv is the subject of one environment of an app.
func ForEnv(e id.Env) Subject { return subject("environment", string(e)) }

// ForCache is the subject of something that can be made again, by its cache key.
func ForCache(key string) Subject { return subject("cache", key) }

// ForSite is the subject of one site.
func ForSite(s id.Site) Subject { return subject("site", string(s)) }

// ForPlatform is the platform's own subject: signing keys, for instance.
func ForPlatform() Subject { return Subject{kind: "platform", id: "platform"} }

func subject(kind, id string) Subject {
	if id == "" {
		return Subject{}
	}
	return Subject{kind, id}
}

// Purpose separates keys of one subject by what they protect.
type Purpose string

const (
	KVSecret    Purpose = "kvs secret"
	Variable    Purpose = "environment variable"
	Credential  Purpose = "credential"
	Session     Purpose = "session"
	SigningKey  Purpose = "signing key"
	HookSecret  Purpose = "web trigger secret"
	ProductData Purpose = "product registration"
	Snapshot    Purpose = "snapshot"
	AppOrigins  Purpose = "origins of apps"
	UISession   Purpose = "session of a user interface"
	RemoteToken Purpose = "token of a remote"
	RemoteSlot  Purpose = "credential of a remote"
)

// Place is where a sealed value lies. Generation grows each time that the row's value
// is replaced, so that an old value put back into the row does not open.
type Place struct {
	Table, Column, Row string
	Generation         int64
}

// A sealed value is: version, key id, nonce, ciphertext with tag.
const (
	version   = 1
	keyIDSize = 8
	nonceSize = 12
	tagSize   = 16
	headSize  = 1 + keyIDSize
	masterLen = 32
)

// errSealed says nothing of the reason: whoever tries values learns nothing.
var errSealed = errors.New("seal: the value does not open at this place")

// Seal encrypts plain with the ring's current key.
func (r *Ring) Seal(s Subject, p Purpose, at Place, plain []byte) ([]byte, error) {
	k := r.current()
	aead, err := k.aead(s, p)
	if err != nil {
		return nil, fault.Op("seal.Seal", err)
	}
	out := make([]byte, 0, headSize+nonceSize+len(plain)+tagSize)
	out = append(append(out, version), k.id[:]...)
	return aead.Seal(out, nil, plain, associated(out, at)), nil
}

// Open decrypts what Seal made for the same subject, purpose and place.
func (r *Ring) Open(s Subject, p Purpose, at Place, sealed []byte) ([]byte, error) {
	plain, err := r.open(s, p, at, sealed)
	if err != nil {
		return nil, fault.New(fault.Internal, "SEAL_BROKEN", "a sealed value cannot be opened").
			WithFix("check that the key ring belongs to this database; otherwise the database was changed from outside").
			Because(err)
	}
	return plain, nil
}

func (r *Ring) open(s Subject, p Purpose, at Place, sealed []byte) ([]byte, error) {
	if len(sealed) < headSize+nonceSize+tagSize || sealed[0] != version {
		return nil, errSealed
	}
	head := sealed[:headSize:headSize]
	k, ok := r.find([keyIDSize]byte(head[1:]))
	if !ok {
		return nil, errors.New("seal: the key ring lacks key " + hex.EncodeToString(head[1:]))
	}
	aead, err := k.aead(s, p)
	if err != nil {
		return nil, err
	}
	plain, err := aead.Open(nil, nil, sealed[headSize:], associated(head, at))
	if err != nil {
		return nil, errSealed
	}
	return plain, nil
}

// KeyOf is the id of the key that a value is sealed with, "" if it is none of ours.
// A rotation is over when no value names an old key.
func KeyOf(sealed []byte) string {
	if len(sealed) < headSize || sealed[0] != version {
		return ""
	}
	return hex.EncodeToString(sealed[1:headSize])
}

// aead derives the key of a subject and purpose. Random nonces are safe here: 2³²
// values would have to be sealed for one subject and purpose under one ring key.
func (k key) aead(s Subject, p Purpose) (cipher.AEAD, error) {
	if s.id == "" || p == "" {
		return nil, errors.New("seal: no subject or purpose")
	}
	info := string(fields("annex seal v1", string(p), s.kind, s.id))
	derived, err := hkdf.Key(sha256.New, k.master, nil, info, 32)
	if err != nil {
		return nil, err
	}
	block, err := aes.NewCipher(derived)
	if err != nil {
		return nil, err
	}
	return cipher.NewGCMWithRandomNonce(block)
}

func associated(head []byte, at Place) []byte {
	b := fields(string(head), at.Table, at.Column, at.Row)
	return binary.BigEndian.AppendUint64(b, uint64(at.Generation))
}

// fields joins texts so that no two lists of texts give the same bytes.
func fields(texts ...string) []byte {
	var b []byte
	for _, t := range texts {
		b = binary.BigEndian.AppendUint32(b, uint32(len(t)))
		b = append(b, t...)
	}
	return b
}
