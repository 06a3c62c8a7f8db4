package seal

import (
	"fmt"
	"log/slog"
)

const redacted = "[redacted]"

// Secret holds a text that must not appear in logs, errors or JSON by accident. Only
// Reveal gives it.
type Secret struct{ text string }

// NewSecret wraps a text.
func NewSecret(text string) Secret { return Secret{text} }

// Reveal gives the text.
func (s Secret) Reveal() string { return s.text }

// IsZero reports whether there is no text.
func (s Secret) IsZero() bool { return s.text == "" }

// Format redacts under every verb.
func (s Secret) Format(f fmt.State, _ rune) { _, _ = f.Write([]byte(redacted)) }

// String redacts.
func (s Secret) String() string { return redacted }

// LogValue redacts.
func (s Secret) LogValue() slog.Value { return slog.StringValue(redacted) }

// MarshalText redacts in JSON, as a value and as a key.
func (s Secret) MarshalText() ([]byte, error) { return []byte(redacted), nil }
