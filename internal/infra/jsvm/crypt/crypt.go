package crypt

import (
	"crypto"
	"crypto/rand"
	_ "crypto/sha1" //nolint:gosec // apps compute what their peers ask for
	_ "crypto/sha256"
	_ "crypto/sha3"
	_ "crypto/sha512"
	"encoding/json"
	"fmt"
	"io"
)

// MaxData bounds what one operation takes: it is copied in and out at one go.
const MaxData = 32 << 20

// Spec says what to do; each operation reads its own fields. It comes from app code, or
// from the SDK on its behalf, and is as hostile as the rest.
type Spec struct {
	Op string `json:"op"`

	Hash string `json:"hash"`
	MGF  string `json:"mgf"` // the mask's hash where it is another

	// Of signatures.
	PSS   bool `json:"pss"`
	Salt  *int `json:"salt"`
	P1363 bool `json:"p1363"`
	Raw   bool `json:"raw"` // the data is the digest

	// Of ciphers.
	Mode    string `json:"mode"`
	Decrypt bool   `json:"decrypt"`
	Pad     bool   `json:"pad"`
	Tag     int    `json:"tag"`     // bytes
	Counter int    `json:"counter"` // bits that count
	Skip    int    `json:"skip"`    // bytes of the key stream that are used up
	OAEP    bool   `json:"oaep"`

	// Of keys: want is private, public, or either; form is pem, der or jwk, type the
	// structure inside.
	Want  string `json:"want"`
	Form  string `json:"form"`
	Type  string `json:"type"`
	Kind  string `json:"kind"`
	Curve string `json:"curve"`

	Bits       int   `json:"bits"`
	Exponent   int64 `json:"exponent"`
	Length     int   `json:"length"`
	Iterations int   `json:"iterations"`
	N          int   `json:"n"`
	R          int   `json:"r"`
	P          int   `json:"p"`
}

// Error is what app code gets to see. Name is a DOMException's, or a JavaScript error's;
// Code is Node.js's.
type Error struct{ Name, Code, Message string }

func (e *Error) Error() string { return e.Name + ": " + e.Message }

func fail(name, format string, args ...any) *Error {
	e := &Error{Name: name, Message: fmt.Sprintf(format, args...)}
	if name == errData {
		e.Code = "ERR_OSSL_UNSUPPORTED" // Node.js's word for keys that it cannot read
	}
	return e
}

const (
	errData      = "DataError"
	errOperation = "OperationError"
	errSupport   = "NotSupportedError"
)

// Work is one operation's surroundings.
type Work struct {
	Pause func() error // called every few milliseconds; its error ends the operation
	// Reserve is asked before much memory is used beside the data and the result; its error
	// ends the operation. It may be nil.
	Reserve func(bytes int) error
	Rand    io.Reader

	left *int // of a piece's worth of work, before the next pause
}

// Run does one operation. Its value is []byte, bool, or a json.RawMessage.
func (w Work) Run(text []byte, data [4][]byte) (any, error) {
	var s Spec
	if json.Unmarshal(text, &s) != nil {
		return nil, fail("TypeError", "the host was given no description of what to compute")
	}
	for _, d := range data {
		if len(d) > MaxData {
			return nil, &Error{"RangeError", "ERR_OUT_OF_RANGE", fmt.Sprintf("%d bytes are too many for one cryptographic operation; %d are allowed", len(d), MaxData)}
		}
	}
	if w.Rand == nil {
		w.Rand = rand.Reader
	}
	left := piece
	w.left = &left
	switch s.Op {
	case "key":
		return parseKey(s, data[0])
	case "export":
		return exportKey(s, data[0])
	case "generate":
		return w.generate(s)
	case "sign":
		return w.sign(s, data[0], data[1])
	case "verify":
		return w.verify(s, data[0], data[1], data[2])
	case "seal":
		return w.seal(s, data[0], data[1], data[2])
	case "cipher":
		return w.cipher(s, data[0], data[1], data[2], data[3])
	case "agree":
		return agree(data[0], data[1])
	case "pbkdf2":
		return w.pbkdf2(s, data[0], data[1])
	case "hkdf":
		return w.hkdf(s, data[0], data[1], data[2])
	case "scrypt":
		return w.scrypt(s, data[0], data[1])
	}
	return nil, fail("TypeError", "the host has no cryptographic operation %q", s.Op)
}

// Hashes are the names that node:crypto and crypto.subtle know, without dashes and in
// small letters.
var hashes = map[string]crypto.Hash{
	"md5": crypto.MD5, "sha1": crypto.SHA1, "sha224": crypto.SHA224, "sha256": crypto.SHA256, "sha384": crypto.SHA384, "sha512": crypto.SHA512,
	"sha512224": crypto.SHA512_224, "sha512256": crypto.SHA512_256,
	"sha3224": crypto.SHA3_224, "sha3256": crypto.SHA3_256, "sha3384": crypto.SHA3_384, "sha3512": crypto.SHA3_512,
}

func hashOf(name string) (crypto.Hash, error) {
	h, ok := hashes[name]
	if !ok || !h.Available() {
		return 0, fail(errSupport, "no hash %q here", name)
	}
	return h, nil
}

// piece is what is hashed or enciphered between two pauses.
const piece = 256 << 10

// What the standard library does in one piece takes less at once: sealing with GCM, and
// Ed25519, which reads what it signs twice.
const (
	maxSealed = 16 << 20
	maxSigned = 4 << 20
	maxLabel  = 64 << 10
	maxNonce  = 1 << 10
)

func tooLong(what string, n, max int) *Error {
	return &Error{"RangeError", "ERR_OUT_OF_RANGE", fmt.Sprintf("%s of %d bytes is too long; %d are allowed", what, n, max)}
}

// spend counts work that comes in small portions, in bytes that are hashed, and pauses when
// it is a piece.
func (w Work) spend(n int) error {
	if *w.left -= n; *w.left > 0 {
		return nil
	}
	*w.left = piece
	return w.Pause()
}

func (w Work) reserve(n int) error {
	if w.Reserve == nil {
		return nil
	}
	return w.Reserve(n)
}

func (w Work) inPieces(b []byte, fn func([]byte)) error {
	for len(b) > 0 {
		n := min(len(b), piece)
		fn(b[:n])
		b = b[n:]
		if err := w.Pause(); err != nil {
			return err
		}
	}
	return nil
}

func (w Work) digest(h crypto.Hash, data []byte) ([]byte, error) {
	sum := h.New()
	err := w.inPieces(data, func(b []byte) { _, _ = sum.Write(b) })
	return sum.Sum(nil), err
}

// Draws says whether an operation's result is meant to be unlike any other.
func Draws(text []byte) bool {
	var s Spec
	return json.Unmarshal(text, &s) == nil && s.Op == "generate"
}
