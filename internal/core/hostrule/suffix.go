package hostrule

import (
	_ "embed"
	"strings"
	"sync"

	"golang.org/x/net/publicsuffix"
)

// checkWildBase refuses a wildcard whose hosts belong to many owners. The list of
// public suffixes is no security boundary (its own editors say so); it is friction
// against the mistakes that matter, fixed with the binary.
func checkWildBase(base string) error {
	_, err := publicsuffix.EffectiveTLDPlusOne(base)
	below := "xq7z." + base
	suffix, _ := publicsuffix.PublicSuffix(below)
	// The second question catches rules of the form "*.kawasaki.jp": there the base is
	// registrable by name, but each host below it is a suffix of its own.
	if err == nil && suffix != below {
		return nil
	}
	return refuse("pattern-public-suffix", "anyone can register names below "+base+", so a wildcard there names nobody", "name the host, or put a label of your own in front: *.yours."+base)
}

// hostingText has one line for each registrable name that has public suffixes below
// it, with one of them: "amazonaws.com s3.amazonaws.com". It is derived from the same
// list as the package publicsuffix; a test compares the two and rewrites it with -update.
//
//go:embed hosting.txt
var hostingText string

var hosting = sync.OnceValue(func() map[string]string {
	m := make(map[string]string)
	for line := range strings.Lines(hostingText) {
		if base, suffix, ok := strings.Cut(strings.TrimSpace(line), " "); ok {
			m[base] = suffix
		}
	}
	return m
})

// hostingSuffix returns a suffix below base under which anyone can register, or "".
func hostingSuffix(base string) string { return hosting()[base] }
