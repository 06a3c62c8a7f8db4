package kvstore

import (
	"encoding/json"
	"strings"
	"time"
	"unicode/utf8"

	"github.com/annexhq/annex/internal/core/fault"
)

// The limits are Forge's, so that an app that stays within them here does so there.
const (
	maxKey   = 500        // characters
	maxValue = 240 * 1024 // bytes of JSON
	maxDepth = 31         // objects and arrays within each other
	maxTTL   = 365 * 24 * time.Hour
)

// refuse is an error of the request itself; its kind's status is 400, as Forge's.
func refuse(code, format string, args ...any) *fault.Error {
	return fault.New(fault.Usage, code, format, args...)
}

func conflict() error {
	return fault.New(fault.Conflict, "KEY_CONFLICT", "the key exists already").
		WithFix("use another key, or leave out keyPolicy FAIL_IF_EXISTS")
}

func checkKey(key string) error {
	n := 0
	seen := false // something other than white space
	for _, r := range key {
		n++
		switch {
		case 'a' <= r && r <= 'z', 'A' <= r && r <= 'Z', '0' <= r && r <= '9', strings.ContainsRune(":._-#", r):
			seen = true
		case r == utf8.RuneError, !space(r):
			return refuse("INVALID_KEY", "the key holds a character that is not allowed").
				WithFix("use letters A-Z a-z, digits, white space and : . _ - #")
		}
	}
	switch {
	case n == 0:
		return refuse("KEY_TOO_SHORT", "the key is empty").WithFix("give it 1 to %d characters", maxKey)
	case n > maxKey:
		return refuse("KEY_TOO_LONG", "the key has %d characters, the limit is %d", n, maxKey).
			With("limit", maxKey).With("figure", n)
	case !seen:
		return refuse("INVALID_KEY", "the key is blank").WithFix("use at least one character that is no white space")
	}
	return nil
}

// space reports whether r is white space to a regular expression of JavaScript.
func space(r rune) bool {
	switch {
	case r >= '\t' && r <= '\r', r == ' ', r == 0xa0, r == 0x1680, r >= 0x2000 && r <= 0x200a,
		r == 0x2028, r == 0x2029, r == 0x202f, r == 0x205f, r == 0x3000, r == 0xfeff:
		return true
	}
	return false
}

func checkValue(value []byte, o SetOptions) error {
	switch {
	case len(value) == 0:
		return refuse("INVALID_VALUE", "there is no value to store").WithFix("store a JSON value, or delete the key")
	case len(value) > maxValue:
		return refuse("MAX_SIZE", "the value has %d bytes as JSON, the limit is %d", len(value), maxValue).
			With("limit", maxValue).With("figure", len(value))
	case !utf8.Valid(value) || !json.Valid(value):
		return refuse("INVALID_VALUE", "the value is no valid JSON")
	}
	if n := depth(value); n > maxDepth {
		return refuse("MAX_DEPTH", "the value nests %d levels deep, the limit is %d", n, maxDepth).
			With("limit", maxDepth).With("figure", n)
	}
	if o.TTL < 0 || o.TTL > maxTTL || o.TTL > 0 && o.TTL < time.Millisecond {
		return refuse("INVALID_TTL", "the time to live must be positive and at most one year")
	}
	return nil
}

// depth is how deep valid JSON nests: 0 for a number, 1 for {} and [].
func depth(value []byte) int {
	deepest, now := 0, 0
	text := false
	for i := 0; i < len(value); i++ {
		switch c := value[i]; {
		case text && c == '\\':
			i++
		case c == '"':
			text = !text
		case text:
		case c == '{' || c == '[':
			now++
			deepest = max(deepest, now)
		case c == '}' || c == ']':
			now--
		}
	}
	return deepest
}
