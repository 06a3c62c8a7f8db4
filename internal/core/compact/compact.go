// Package compact takes signed texts in compact form (RFC 7515) apart, before anybody looks
// at a key.
//
// Its promise: what it takes has one spelling and one reading. Decoders of base64 and readers
// of JSON differ in what else they take, and what two of them read differently is a way
// around whichever of them verified it.
package compact

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"
)

const maxDepth = 32

// Split gives the header and the payload of a token, which must be in the one form that its
// bytes have.
func Split(token string) (head, payload []byte, err error) {
	parts := strings.Split(token, ".")
	if len(parts) != 3 {
		return nil, nil, fmt.Errorf("it has %d parts instead of three", len(parts))
	}
	decoded := make([][]byte, 3)
	for i, p := range parts {
		for j := range len(p) { // the decoder passes over line ends
			if c := p[j]; (c < 'A' || c > 'Z') && (c < 'a' || c > 'z') && (c < '0' || c > '9') && c != '-' && c != '_' {
				return nil, nil, errors.New("it has a character that is not of base64url")
			}
		}
		if decoded[i], err = base64.RawURLEncoding.Strict().DecodeString(p); err != nil || p == "" {
			return nil, nil, errors.New("a part is not base64url in its canonical form")
		}
	}
	return decoded[0], decoded[1], nil
}

// Object reads one JSON object without repeated names, at any depth, and nothing after it.
// Its members have their exact names.
func Object(data []byte) (map[string]json.RawMessage, error) {
	if err := Strict(data); err != nil {
		return nil, err
	}
	var c map[string]json.RawMessage
	if err := json.Unmarshal(data, &c); err != nil || c == nil {
		return nil, errors.New("not a JSON object")
	}
	return c, nil
}

// Strict takes one JSON value that every reader reads as the same.
func Strict(data []byte) error {
	if !utf8.Valid(data) {
		return errors.New("not UTF-8")
	}
	dec := json.NewDecoder(bytes.NewReader(data))
	dec.UseNumber()
	if err := walk(dec, 0); err != nil {
		return err
	}
	if _, err := dec.Token(); !errors.Is(err, io.EOF) {
		return errors.New("something after the JSON value")
	}
	return nil
}

func walk(dec *json.Decoder, depth int) error {
	t, err := dec.Token()
	if err != nil {
		return errors.New("not JSON")
	}
	d, ok := t.(json.Delim)
	if !ok {
		return nil
	}
	if depth == maxDepth {
		return fmt.Errorf("deeper than %d", maxDepth)
	}
	seen := map[string]bool{}
	for dec.More() {
		if d == '{' {
			name, err := dec.Token()
			if err != nil {
				return errors.New("not JSON")
			}
			if n, _ := name.(string); seen[n] {
				return errors.New("a name is there twice")
			} else {
				seen[n] = true
			}
		}
		if err := walk(dec, depth+1); err != nil {
			return err
		}
	}
	if _, err := dec.Token(); err != nil {
		return errors.New("not JSON")
	}
	return nil
}
