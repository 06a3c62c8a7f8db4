package productkit

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"

	"github.com/go-jose/go-jose/v4"
)

// Key is a product's private key, with which it says who its users are. Whoever has it can
// be any of them.
type Key struct {
	private *ecdsa.PrivateKey
	id      string
	sites   []string // nil for all
}

// GenerateKey makes a key.
func GenerateKey() (*Key, error) {
	private, err := ecdsa.GenerateKey(elliptic.P256(), rand.Reader)
	if err != nil {
		return nil, err
	}
	return newKey(private)
}

// newKey names a key by its thumbprint (RFC 7638), so that the same key has the same kid
// everywhere.
func newKey(private *ecdsa.PrivateKey) (*Key, error) {
	if private.Curve != elliptic.P256() {
		return nil, errors.New("productkit: the key is not of the curve P-256")
	}
	print, err := (&jose.JSONWebKey{Key: private.Public()}).Thumbprint(crypto.SHA256)
	if err != nil {
		return nil, err
	}
	return &Key{private: private, id: base64.RawURLEncoding.EncodeToString(print)}, nil
}

// ParseKey reads a key that MarshalPEM or another tool wrote (PKCS#8 in PEM).
func ParseKey(text []byte) (*Key, error) {
	block, rest := pem.Decode(text)
	if block == nil || block.Type != "PRIVATE KEY" || len(rest) > 0 {
		return nil, errors.New("productkit: not one PEM block PRIVATE KEY")
	}
	parsed, err := x509.ParsePKCS8PrivateKey(block.Bytes)
	if err != nil {
		return nil, errors.New("productkit: not a PKCS#8 key") // never what is in it
	}
	private, ok := parsed.(*ecdsa.PrivateKey)
	if !ok {
		return nil, errors.New("productkit: the key is not of the curve P-256")
	}
	return newKey(private)
}

// MarshalPEM is the key as text, for a place that only the product's back end reads.
func (k *Key) MarshalPEM() ([]byte, error) {
	der, err := x509.MarshalPKCS8PrivateKey(k.private)
	if err != nil {
		return nil, err
	}
	return pem.EncodeToMemory(&pem.Block{Type: "PRIVATE KEY", Bytes: der}), nil
}

// KeyFile reads the key in a file, or makes one there that only the file's owner reads.
// Of several processes that start at once all get the same.
func KeyFile(name string) (*Key, error) {
	text, err := os.ReadFile(name)
	if err == nil {
		return ParseKey(text)
	}
	if !errors.Is(err, fs.ErrNotExist) {
		return nil, err
	}
	k, err := GenerateKey()
	if err != nil {
		return nil, err
	}
	if text, err = k.MarshalPEM(); err != nil {
		return nil, err
	}
	f, err := os.CreateTemp(filepath.Dir(name), ".key-") // 0600
	if err != nil {
		return nil, err
	}
	defer os.Remove(f.Name())
	_, err = f.Write(text)
	if err := errors.Join(err, f.Sync(), f.Close()); err != nil {
		return nil, err
	}
	// A link does not replace: the first one counts.
	if err := os.Link(f.Name(), name); err != nil && !errors.Is(err, fs.ErrExist) {
		return nil, err
	}
	if text, err = os.ReadFile(name); err != nil {
		return nil, err
	}
	return ParseKey(text)
}

// For is the key as one that signs for some sites only, by their ids: PublicKeys says so,
// and what it signs for another site is refused. A product that runs once for each customer
// gives each a key of its own.
func (k *Key) For(sites ...string) *Key {
	return &Key{private: k.private, id: k.id, sites: append([]string{}, sites...)}
}

// ID is the key's kid.
func (k *Key) ID() string { return k.id }

// PublicKeys is the key set (RFC 7517) of the keys' public halves: what Annex gets in
// product.yaml, or by URL.
func PublicKeys(keys ...*Key) []byte {
	set := struct {
		Keys []map[string]any `json:"keys"`
	}{Keys: []map[string]any{}}
	for _, k := range keys {
		public, err := jose.JSONWebKey{Key: k.private.Public(), KeyID: k.id, Algorithm: string(jose.ES256), Use: "sig"}.MarshalJSON()
		members := map[string]any{}
		if err == nil {
			err = json.Unmarshal(public, &members)
		}
		if err != nil {
			panic(err) // keys that newKey took can be written
		}
		if k.sites != nil {
			members["sites"] = k.sites
		}
		set.Keys = append(set.Keys, members)
	}
	out, err := json.Marshal(set)
	if err != nil {
		panic(err) // texts only
	}
	return out
}

// KeysHandler serves the keys' public halves, for instance at /.well-known/annex-keys.json.
// While keys are changed, serve both: the next one for at least fifteen minutes before it
// signs.
func KeysHandler(keys ...*Key) http.Handler {
	set := PublicKeys(keys...)
	return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Content-Type", "application/json")
		w.Header().Set("X-Content-Type-Options", "nosniff")
		w.Header().Set("Cache-Control", "public, max-age=300")
		_, _ = w.Write(set)
	})
}

// Format keeps the private half out of logs, under every verb.
func (k *Key) Format(f fmt.State, _ rune) { _, _ = io.WriteString(f, "productkit.Key("+k.id+")") }

// sign makes a token of one kind.
func (k *Key) sign(typ string, claims any) (string, error) {
	payload, err := json.Marshal(claims)
	if err != nil {
		return "", err
	}
	signed, err := k.signed(typ, payload, nil)
	if err != nil {
		return "", err
	}
	return signed.CompactSerialize()
}

// signed signs a payload, under a header with these members more.
func (k *Key) signed(typ string, payload []byte, envelope map[string]any) (*jose.JSONWebSignature, error) {
	options := (&jose.SignerOptions{}).WithType(jose.ContentType(typ))
	for name, value := range envelope {
		options.WithHeader(jose.HeaderKey(name), value)
	}
	s, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.ES256, Key: jose.JSONWebKey{Key: k.private, KeyID: k.id}}, options)
	if err != nil {
		return nil, err
	}
	return s.Sign(payload)
}
