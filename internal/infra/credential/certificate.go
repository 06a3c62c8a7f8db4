package credential

import (
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/tls"
	"crypto/x509"
	"encoding/hex"
	"encoding/pem"
	"slices"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/core/quote"
)

// Certificate is what may be known of a certificate with which the server says who it is.
type Certificate struct {
	Fingerprint string    `json:"fingerprint"` // SHA-256 of the certificate, in hexadecimal
	Subject     string    `json:"subject"`
	Issuer      string    `json:"issuer"`
	Expires     time.Time `json:"expires"`
}

const (
	maxChain      = 32 << 10
	maxInChain    = 8
	minRSA        = 2048
	maxRSA        = 8192
	maxNameLength = 200
)

// ReadCertificate looks at a client's certificate, the first of a PEM text, with those that
// lead from it to an authority, and refuses one that no server would take at that time.
func ReadCertificate(chain string, now time.Time) (Certificate, error) {
	certs, err := parseChain(chain)
	if err != nil {
		return Certificate{}, err
	}
	leaf := certs[0]
	sum := sha256.Sum256(leaf.Raw)
	c := Certificate{
		Fingerprint: hex.EncodeToString(sum[:]), Subject: quote.Line(leaf.Subject.String(), maxNameLength),
		Issuer: quote.Line(leaf.Issuer.String(), maxNameLength), Expires: leaf.NotAfter.UTC(),
	}
	uses := leaf.ExtKeyUsage
	switch {
	case !acceptable(leaf.PublicKey):
		return c, badCertificate("the certificate's key is of a kind that is not used here").WithFix("use ECDSA on P-256, P-384 or P-521, Ed25519, or RSA with %d to %d bits", minRSA, maxRSA)
	case now.After(leaf.NotAfter):
		return c, badCertificate("the certificate ended on %s", leaf.NotAfter.UTC().Format(time.DateOnly)).WithFix("have its authority renew it")
	case now.Before(leaf.NotBefore):
		return c, badCertificate("the certificate does not count before %s", leaf.NotBefore.UTC().Format(time.DateTime))
	case (len(uses) > 0 || len(leaf.UnknownExtKeyUsage) > 0) && !slices.Contains(uses, x509.ExtKeyUsageClientAuth) && !slices.Contains(uses, x509.ExtKeyUsageAny):
		return c, badCertificate("the certificate is not for clients").WithFix("have its authority issue one with the extended key usage clientAuth")
	case leaf.KeyUsage != 0 && leaf.KeyUsage&x509.KeyUsageDigitalSignature == 0:
		return c, badCertificate("the certificate's key may not sign, so it proves nothing").WithFix("have its authority issue one with the key usage digitalSignature")
	}
	for i, next := range certs[1:] {
		if certs[i].CheckSignatureFrom(next) != nil {
			return c, badCertificate("certificate %d of the text did not sign the one before it", i+2).WithFix("give the client's own certificate first, then the one that signed it, and so on")
		}
	}
	return c, nil
}

// KeyPair is a certificate with its private key, ready for a handshake. No error holds any
// of the key.
func KeyPair(chain, key string) (*tls.Certificate, error) {
	block, rest := pem.Decode([]byte(key))
	switch {
	case block == nil:
		return nil, badCertificate("the private key cannot be read").WithFix("give it as PEM, with its lines from BEGIN to END")
	case block.Type == "ENCRYPTED PRIVATE KEY" || block.Headers["DEK-Info"] != "":
		return nil, badCertificate("the private key is locked with a password").WithFix("unlock it first: openssl pkey -in client.key")
	case block.Type == "CERTIFICATE":
		return nil, badCertificate("there is a certificate where the private key belongs")
	}
	for more, after := pem.Decode(rest); more != nil; more, after = pem.Decode(after) {
		if strings.HasSuffix(more.Type, "PRIVATE KEY") {
			return nil, badCertificate("there are several private keys").WithFix("give the one that belongs to the certificate")
		}
	}
	pair, err := tls.X509KeyPair([]byte(chain), []byte(key))
	if err != nil {
		// Its texts name what is wrong and may name what was there.
		return nil, badCertificate("the private key cannot be read, or is not the certificate's").WithFix("give the key that the certificate was made for, as PEM")
	}
	return &pair, nil
}

func parseChain(chain string) ([]*x509.Certificate, error) {
	if len(chain) > maxChain {
		return nil, badCertificate("a certificate with its chain has at most %d bytes", maxChain)
	}
	var certs []*x509.Certificate
	for block, rest := pem.Decode([]byte(chain)); block != nil; block, rest = pem.Decode(rest) {
		switch {
		case strings.HasSuffix(block.Type, "PRIVATE KEY"):
			return nil, badCertificate("there is a private key among the certificates").WithFix("give the certificates alone; the key is the credential's secret. Where it was typed counts as seen: use another one")
		case block.Type != "CERTIFICATE":
			continue
		case len(certs) == maxInChain:
			return nil, badCertificate("a chain has at most %d certificates", maxInChain)
		}
		c, err := x509.ParseCertificate(block.Bytes)
		if err != nil {
			return nil, badCertificate("certificate %d cannot be read", len(certs)+1)
		}
		certs = append(certs, c)
	}
	if len(certs) == 0 {
		return nil, badCertificate("there is no certificate").WithFix("give it as PEM, with its lines from BEGIN to END")
	}
	return certs, nil
}

func acceptable(key any) bool {
	switch k := key.(type) {
	case *rsa.PublicKey:
		return k.N.BitLen() >= minRSA && k.N.BitLen() <= maxRSA
	case *ecdsa.PublicKey:
		return k.Curve == elliptic.P256() || k.Curve == elliptic.P384() || k.Curve == elliptic.P521()
	case ed25519.PublicKey:
		return true
	default:
		return false
	}
}

func badCertificate(format string, args ...any) *fault.Error {
	return fault.New(fault.Invalid, "BAD_CREDENTIAL", format, args...)
}
