package account

import (
	"crypto/sha256"
	"encoding/hex"
	"io"
	"math/big"
	"strings"

	"github.com/annexhq/annex/internal/core/id"
)

// A token is "anx_", its kind, "_" and 256 random bits in base 62: one word that a
// double click selects, that secret scanners can find, and that says what it is.
const (
	tokenPrefix  = "anx_"
	secretBytes  = 32
	secretDigits = 43 // 62^43 > 2^256
	digits       = "0123456789ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz"
)

// newSecret makes a token of a kind.
func newSecret(random io.Reader, kind id.Kind) (string, error) {
	var bits [secretBytes]byte
	if _, err := io.ReadFull(random, bits[:]); err != nil {
		return "", err
	}
	n, base, digit := new(big.Int).SetBytes(bits[:]), big.NewInt(int64(len(digits))), new(big.Int)
	var text [secretDigits]byte
	for i := len(text) - 1; i >= 0; i-- {
		n.DivMod(n, base, digit)
		text[i] = digits[digit.Int64()]
	}
	return tokenPrefix + string(kind) + "_" + string(text[:]), nil
}

// wellFormed reports whether a text can be a token at all, so that rubbish costs no query.
func wellFormed(token string) bool {
	rest, ok := strings.CutPrefix(token, tokenPrefix)
	if !ok {
		return false
	}
	kind, secret, ok := strings.Cut(rest, "_")
	if k := id.Kind(kind); !ok || len(secret) != secretDigits || !tokenKind(k) && k != id.EndUser {
		return false
	}
	return strings.Trim(secret, digits) == ""
}

// tokenKind reports whether an account has tokens of a kind.
func tokenKind(k id.Kind) bool {
	switch k {
	case id.Operator, id.Developer, id.CI, id.SiteAdmin:
		return true
	default:
		return false
	}
}

// hashOf is what is stored and looked up. The secret has 256 random bits, so a plain
// hash cannot be guessed backwards, and the look-up compares no secret byte by byte.
func hashOf(token string) string {
	sum := sha256.Sum256([]byte(token))
	return hex.EncodeToString(sum[:])
}
