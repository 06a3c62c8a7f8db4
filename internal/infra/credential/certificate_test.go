package credential_test

import (
	"crypto"
	"crypto/ecdsa"
	"crypto/ed25519"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/rsa"
	"crypto/x509"
	"crypto/x509/pkix"
	"encoding/pem"
	"math/big"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/internal/core/fault"
	"github.com/annexhq/annex/internal/infra/credential"
)

var noon = time.Date(2030, 1, 1, 12, 0, 0, 0, time.UTC)

func pemOf(kind string, der []byte) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: kind, Bytes: der}))
}

func keyPEM(t *testing.T, key any) string {
	t.Helper()
	der, err := x509.MarshalPKCS8PrivateKey(key)
	if err != nil {
		t.Fatal(err)
	}
	return pemOf("PRIVATE KEY", der)
}

// issued is a certificate of the key, signed by by and its key, or by itself.
func issued(t *testing.T, key crypto.Signer, shape func(*x509.Certificate), by *x509.Certificate, byKey crypto.Signer) (*x509.Certificate, string) {
	t.Helper()
	c := &x509.Certificate{SerialNumber: big.NewInt(7), Subject: pkix.Name{CommonName: "alice", Organization: []string{"Example"}},
		NotBefore: noon.Add(-time.Hour), NotAfter: noon.Add(time.Hour), KeyUsage: x509.KeyUsageDigitalSignature, ExtKeyUsage: []x509.ExtKeyUsage{x509.ExtKeyUsageClientAuth}}
	if shape != nil {
		shape(c)
	}
	if by == nil {
		by, byKey = c, key
	}
	der, err := x509.CreateCertificate(rand.Reader, c, by, key.Public(), byKey)
	if err != nil {
		t.Fatal(err)
	}
	parsed, err := x509.ParseCertificate(der)
	if err != nil {
		t.Fatal(err)
	}
	return parsed, pemOf("CERTIFICATE", der)
}

func ecKey(t *testing.T, curve elliptic.Curve) *ecdsa.PrivateKey {
	t.Helper()
	k, err := ecdsa.GenerateKey(curve, rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	return k
}

func TestCertificatesOfEveryKindOfKey(t *testing.T) {
	_, edKey, err := ed25519.GenerateKey(rand.Reader)
	if err != nil {
		t.Fatal(err)
	}
	rsaKey, err := rsa.GenerateKey(rand.Reader, 2048)
	if err != nil {
		t.Fatal(err)
	}
	for name, key := range map[string]crypto.Signer{"P-256": ecKey(t, elliptic.P256()), "P-521": ecKey(t, elliptic.P521()), "Ed25519": edKey, "RSA": rsaKey} {
		_, chain := issued(t, key, nil, nil, nil)
		c, err := credential.ReadCertificate("bag attributes of a tool\n"+strings.ReplaceAll(chain, "\n", "\r\n"), noon)
		if err != nil || c.Subject != "CN=alice,O=Example" || c.Issuer != c.Subject || len(c.Fingerprint) != 64 || !c.Expires.Equal(noon.Add(time.Hour)) {
			t.Errorf("%s: %+v %v", name, c, err)
		}
		pair, err := credential.KeyPair(chain, keyPEM(t, key))
		if err != nil || pair.Leaf == nil {
			t.Errorf("%s: %v", name, err)
		}
	}
}

func TestCertificatesThatNobodyWouldTake(t *testing.T) {
	key, other := ecKey(t, elliptic.P256()), ecKey(t, elliptic.P256())
	small, err := rsa.GenerateKey(rand.Reader, 1024)
	if err != nil {
		t.Fatal(err)
	}
	of := func(shape func(*x509.Certificate)) string {
		_, chain := issued(t, key, shape, nil, nil)
		return chain
	}
	good := of(nil)
	authority := func(c *x509.Certificate) {
		c.Subject.CommonName, c.IsCA, c.BasicConstraintsValid, c.KeyUsage = "authority", true, true, x509.KeyUsageCertSign
	}
	ca, caPEM := issued(t, other, authority, nil, nil)
	_, below := issued(t, key, nil, ca, other)
	_, tooSmall := issued(t, small, nil, nil, nil)
	_, p224 := issued(t, ecKey(t, elliptic.P224()), nil, nil, nil)
	if _, err := credential.ReadCertificate(below+caPEM, noon); err != nil {
		t.Errorf("with the one that signed it: %v", err)
	}
	for name, c := range map[string]struct{ chain, words string }{
		"nothing":           {"", "there is no certificate"},
		"no PEM":            {"MIIB", "there is no certificate"},
		"broken":            {pemOf("CERTIFICATE", []byte("x")), "cannot be read"},
		"with its key":      {good + keyPEM(t, key), "private key among"},
		"too long":          {strings.Repeat(" ", 40<<10) + good, "bytes"},
		"too many":          {strings.Repeat(good, 9), "at most"},
		"ended":             {of(func(c *x509.Certificate) { c.NotAfter = noon.Add(-time.Minute) }), "ended on 2030-01-01"},
		"not yet":           {of(func(c *x509.Certificate) { c.NotBefore = noon.Add(time.Minute) }), "does not count before"},
		"a server's":        {of(func(c *x509.Certificate) { c.ExtKeyUsage = []x509.ExtKeyUsage{x509.ExtKeyUsageServerAuth} }), "not for clients"},
		"may not sign":      {of(func(c *x509.Certificate) { c.KeyUsage = x509.KeyUsageKeyEncipherment }), "may not sign"},
		"a small RSA key":   {tooSmall, "of a kind"},
		"a forgotten curve": {p224, "of a kind"},
		"in another order":  {caPEM + below, "did not sign"},
	} {
		if name == "in another order" {
			c.chain = below + good
		}
		if _, err := credential.ReadCertificate(c.chain, noon); fault.CodeOf(err) != "BAD_CREDENTIAL" || !strings.Contains(err.Error(), c.words) {
			t.Errorf("%s: %v", name, err)
		}
	}
	plain := keyPEM(t, key)
	for name, c := range map[string]struct{ key, words string }{
		"nothing":       {"", "cannot be read"},
		"another's":     {keyPEM(t, other), "not the certificate's"},
		"locked":        {strings.ReplaceAll(plain, "PRIVATE KEY", "ENCRYPTED PRIVATE KEY"), "locked"},
		"locked of old": {"-----BEGIN EC PRIVATE KEY-----\nProc-Type: 4,ENCRYPTED\nDEK-Info: AES-256-CBC,00\n\nAAAA\n-----END EC PRIVATE KEY-----\n", "locked"},
		"a certificate": {good, "where the private key belongs"},
		"several":       {plain + keyPEM(t, other), "several"},
		"broken":        {pemOf("PRIVATE KEY", []byte("s3cret-of-alice")), "cannot be read"},
	} {
		_, err := credential.KeyPair(good, c.key)
		if fault.CodeOf(err) != "BAD_CREDENTIAL" || !strings.Contains(err.Error(), c.words) || strings.Contains(err.Error(), "s3cret") {
			t.Errorf("%s: %v", name, err)
		}
	}
}
