// Package hostrule decides which URLs a declared host pattern admits: the pattern
// grammar and its normal form, the intake of a URL by two parsers that must agree,
// and matching on the canonical tuple. It resolves nothing and dials nothing.
package hostrule

// Pattern is a host pattern in normal form. Compare tuples, never texts.
type Pattern struct {
	// Any is the pattern "*"; then nothing else is set.
	Any bool
	// Scheme is "https" or "wss" ("http" and "ws" only inside a network grant).
	Scheme string
	// Wild covers one or more labels in front of Host, never Host itself.
	Wild bool
	// Host is lower-case A-labels.
	Host string
	// Port is explicit: 443 where the text had none.
	Port uint16
	// Path is "" or starts with "/"; it counts for client and resource types only.
	Path string
}
