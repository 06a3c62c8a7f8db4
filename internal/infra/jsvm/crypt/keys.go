package crypt

import (
	"crypto"
	"crypto/ecdh"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/x509"
	"encoding/asn1"
	"encoding/json"
	"encoding/pem"
	"errors"
	"fmt"
)

const (
	// maxKey bounds a key in any form: parsing and checking a key costs more than its
	// size, and is one piece.
	maxKey = 16 << 10
	// maxRSABits bounds what one use of an RSA key costs.
	maxRSABits = 4096
	// maxExponent is Go's own bound.
	maxExponent = 1<<31 - 1
)

// keyInfo is what the SDK keeps of a key: its canonical form, PKCS #8 or SPKI in DER,
// and what app code may ask about it.
type keyInfo struct {
	Type     string `json:"type"` // private, public
	Kind     string `json:"kind"` // rsa, ec, ed25519, x25519
	DER      []byte `json:"der"`
	Bits     int    `json:"bits,omitempty"`
	Exponent int    `json:"exponent,omitempty"`
	Curve    string `json:"curve,omitempty"`
}

// parseKey reads a key in one of its forms.
func parseKey(s Spec, text []byte) (any, error) {
	key, err := readKey(s, text)
	if err != nil {
		var ours *Error
		if errors.As(err, &ours) {
			return nil, err
		}
		return nil, &Error{errData, "ERR_OSSL_UNSUPPORTED", "the key cannot be read: " + err.Error()}
	}
	if s.Want == "public" {
		if signer, ok := key.(interface{ Public() crypto.PublicKey }); ok {
			key = signer.Public()
		}
	}
	if s.Want == "private" && !isPrivate(key) {
		return nil, &Error{errData, "ERR_OSSL_UNSUPPORTED", "the key is public; a private one is needed"}
	}
	return describe(key)
}

func isPrivate(key any) bool {
	switch key.(type) {
	case *rsa.PrivateKey, *ecdsa.PrivateKey, ed25519.PrivateKey, *ecdh.PrivateKey:
		return true
	}
	return false
}

func describe(key any) (json.RawMessage, error) {
	info := keyInfo{Type: "public"}
	var public any = key
	if isPrivate(key) {
		info.Type = "private"
		public = key.(interface{ Public() crypto.PublicKey }).Public()
	}
	switch k := public.(type) {
	case *rsa.PublicKey:
		if k.N.BitLen() > maxRSABits || k.N.BitLen() < 512 || k.E > maxExponent {
			return nil, fail(errData, "an RSA key has 512 to %d bits here", maxRSABits)
		}
		info.Kind, info.Bits, info.Exponent = "rsa", k.N.BitLen(), k.E
	case *ecdsa.PublicKey:
		info.Kind, info.Curve = "ec", k.Curve.Params().Name
		if curves[info.Curve] == nil {
			return nil, fail(errData, "the curve %s is not offered; P-256, P-384 and P-521 are", info.Curve)
		}
	case ed25519.PublicKey:
		info.Kind = "ed25519"
	case *ecdh.PublicKey:
		if k.Curve() != ecdh.X25519() {
			return nil, fail(errData, "the key's curve is not offered")
		}
		info.Kind = "x25519"
	default:
		return nil, fail(errData, "RSA, elliptic curve, Ed25519 and X25519 keys can be used, not %T", key)
	}
	var err error
	if info.DER, err = canonical(key); err != nil {
		return nil, fail(errData, "the key cannot be used: %v", err)
	}
	return json.Marshal(info)
}

func canonical(key any) ([]byte, error) {
	if isPrivate(key) {
		return x509.MarshalPKCS8PrivateKey(key)
	}
	return x509.MarshalPKIXPublicKey(key)
}

// readKey reads a key as its sender wrote it.
func readKey(s Spec, text []byte) (any, error) {
	if len(text) > maxKey {
		return nil, fail(errData, "a key of %d bytes is too long; %d are allowed", len(text), maxKey)
	}
	switch s.Form {
	case "jwk":
		return readJWK(text)
	case "raw":
		return readPoint(s, text)
	case "scalar":
		curve := curves[s.Curve]
		if curve == nil {
			return nil, fail(errSupport, "the curve %q is not offered; P-256, P-384 and P-521 are", s.Curve)
		}
		size := (curve.Params().BitSize + 7) / 8
		if len(text) > size {
			return nil, fail(errData, "the key is longer than its curve")
		}
		return ecdsa.ParseRawPrivateKey(curve, append(make([]byte, size-len(text)), text...))
	case "der":
		return readDER(s.Type, text)
	}
	block, _ := pem.Decode(text)
	if block == nil {
		return nil, errors.New("it is no PEM")
	}
	if block.Headers["DEK-Info"] != "" || block.Type == "ENCRYPTED PRIVATE KEY" {
		return nil, &Error{errSupport, "NOT_OFFERED", "keys under a passphrase are not offered: decrypt the key before it is stored as a variable"}
	}
	switch block.Type {
	case "RSA PUBLIC KEY", "RSA PRIVATE KEY":
		return readDER("pkcs1", block.Bytes)
	case "EC PRIVATE KEY":
		return readDER("sec1", block.Bytes)
	case "PRIVATE KEY":
		return readDER("pkcs8", block.Bytes)
	case "PUBLIC KEY":
		return readDER("spki", block.Bytes)
	case "CERTIFICATE":
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, err
		}
		return c.PublicKey, nil
	}
	return nil, fmt.Errorf("PEM of type %q", block.Type)
}

// maxPrivate bounds private keys in DER before the checks that parsing makes.
const maxPrivate = 3 << 10

func readDER(form string, der []byte) (any, error) {
	if len(der) > maxPrivate {
		return nil, fail(errData, "a key of %d bytes is too long; %d are allowed", len(der), maxPrivate)
	}
	switch form {
	case "pkcs1":
		if k, err := x509.ParsePKCS1PublicKey(der); err == nil {
			return k, nil
		}
		return x509.ParsePKCS1PrivateKey(der)
	case "sec1":
		return x509.ParseECPrivateKey(der)
	case "pkcs8":
		return x509.ParsePKCS8PrivateKey(der)
	case "spki":
		if k, err := compressed(der); err == nil {
			return k, nil
		}
		return x509.ParsePKIXPublicKey(der)
	}
	return nil, fmt.Errorf("the form %q is not known", form)
}

var curves = map[string]elliptic.Curve{"P-256": elliptic.P256(), "P-384": elliptic.P384(), "P-521": elliptic.P521()}

// readPoint reads a public key that is nothing but a point.
func readPoint(s Spec, b []byte) (any, error) {
	switch s.Kind {
	case "ed25519":
		if len(b) != ed25519.PublicKeySize {
			return nil, fail(errData, "an Ed25519 key has %d bytes", ed25519.PublicKeySize)
		}
		return ed25519.PublicKey(b), nil
	case "x25519":
		return ecdh.X25519().NewPublicKey(b)
	}
	curve := curves[s.Curve]
	if curve == nil {
		return nil, fail(errSupport, "the curve %q is not offered; P-256, P-384 and P-521 are", s.Curve)
	}
	if len(b) > 0 && (b[0] == 2 || b[0] == 3) {
		x, y := elliptic.UnmarshalCompressed(curve, b)
		if x == nil {
			return nil, fail(errData, "the point is not on the curve")
		}
		size := (curve.Params().BitSize + 7) / 8
		b = make([]byte, 1+2*size)
		b[0] = 4 // uncompressed
		x.FillBytes(b[1 : 1+size])
		y.FillBytes(b[1+size:])
	}
	return ecdsa.ParseUncompressedPublicKey(curve, b)
}

var oids = map[string]string{"1.2.840.10045.3.1.7": "P-256", "1.3.132.0.34": "P-384", "1.3.132.0.35": "P-521"}

// compressed reads an SPKI whose point is compressed, which the standard library does not.
func compressed(der []byte) (any, error) {
	var spki struct {
		Algorithm struct{ Family, Curve asn1.ObjectIdentifier }
		Point     asn1.BitString
	}
	if rest, err := asn1.Unmarshal(der, &spki); err != nil || len(rest) > 0 {
		return nil, errors.New("no elliptic curve key")
	}
	b := spki.Point.Bytes
	if !spki.Algorithm.Family.Equal(asn1.ObjectIdentifier{1, 2, 840, 10045, 2, 1}) || len(b) == 0 || b[0] == 4 {
		return nil, errors.New("its point is not compressed")
	}
	return readPoint(Spec{Curve: oids[spki.Algorithm.Curve.String()]}, b)
}

// load reads a key in its canonical form. These bytes went through app code's hands.
func load(der []byte) (any, error) {
	var key any
	var err error
	if len(der) > maxPrivate {
		return nil, fail(errData, "the key is too long")
	}
	if key, err = x509.ParsePKIXPublicKey(der); err != nil {
		if key, err = x509.ParsePKCS8PrivateKey(der); err != nil {
			return nil, fail(errData, "the key cannot be used: %v", err)
		}
	}
	if k, ok := key.(*rsa.PublicKey); ok && k.N.BitLen() > maxRSABits {
		return nil, fail(errData, "an RSA key has at most %d bits here", maxRSABits)
	}
	if k, ok := key.(*rsa.PrivateKey); ok && k.N.BitLen() > maxRSABits {
		return nil, fail(errData, "an RSA key has at most %d bits here", maxRSABits)
	}
	return key, nil
}

// exportKey writes a canonical key in another form.
func exportKey(s Spec, der []byte) (any, error) {
	key, err := load(der)
	if err != nil {
		return nil, err
	}
	if s.Want == "public" && isPrivate(key) {
		key = key.(interface{ Public() crypto.PublicKey }).Public()
	}
	switch s.Form {
	case "jwk":
		return writeJWK(key)
	case "raw":
		return point(key)
	}
	label, out, err := structure(s.Type, key)
	if err != nil {
		return nil, err
	}
	if s.Form == "pem" {
		return pem.EncodeToMemory(&pem.Block{Type: label, Bytes: out}), nil
	}
	return out, nil
}

func structure(form string, key any) (label string, der []byte, err error) {
	wrong := &Error{"TypeError", "ERR_CRYPTO_INCOMPATIBLE_KEY_OPTIONS", fmt.Sprintf("a %T has no form %q", key, form)}
	switch form {
	case "spki", "pkcs8":
		if isPrivate(key) != (form == "pkcs8") {
			return "", nil, wrong
		}
		label = map[string]string{"spki": "PUBLIC KEY", "pkcs8": "PRIVATE KEY"}[form]
		der, err = canonical(key)
	case "pkcs1":
		switch k := key.(type) {
		case *rsa.PublicKey:
			return "RSA PUBLIC KEY", x509.MarshalPKCS1PublicKey(k), nil
		case *rsa.PrivateKey:
			return "RSA PRIVATE KEY", x509.MarshalPKCS1PrivateKey(k), nil
		}
		return "", nil, wrong
	case "sec1":
		k, ok := key.(*ecdsa.PrivateKey)
		if !ok {
			return "", nil, wrong
		}
		label = "EC PRIVATE KEY"
		der, err = x509.MarshalECPrivateKey(k)
	default:
		return "", nil, wrong
	}
	if err != nil {
		return "", nil, fail(errOperation, "the key cannot be written: %v", err)
	}
	return label, der, nil
}

func point(key any) ([]byte, error) {
	switch k := key.(type) {
	case *ecdsa.PublicKey:
		b, err := k.Bytes()
		if err != nil {
			return nil, fail(errOperation, "the key cannot be written: %v", err)
		}
		return b, nil
	case ed25519.PublicKey:
		return k, nil
	case *ecdh.PublicKey:
		return k.Bytes(), nil
	}
	return nil, fail(errSupport, "this kind of key has no raw form")
}
