package asking

import (
	"regexp"
	"strings"
	"unicode"

	"golang.org/x/text/unicode/norm"

	"github.com/annexhq/annex/internal/core/quote"
)

// maxMessage bounds what is shown of an app's own words.
const maxMessage = 300

// address finds what would read as a place to go to: in an app's words, beside hosts that
// are about to be approved, it could pass for one of them.
var address = regexp.MustCompile(`(?i)\b[a-z][a-z0-9+.-]*:/{1,3}\S+|\bwww\.\S+|\b(?:[\p{L}\p{N}-]+\.)+\p{L}{2,}(?:[/:?#]\S*)?`)

// Clean makes an app's text fit to be quoted in the platform's own page: one line of at
// most so many letters, nothing invisible, nothing that turns the reading direction, no
// address, and no word that mixes alphabets to look like another.
func Clean(text string, most int) string {
	line := quote.Visible(norm.NFC.String(strings.ToValidUTF8(text, "\uFFFD")))
	words := strings.Fields(address.ReplaceAllString(line, "[address]"))
	for n, w := range words {
		words[n] = unmixed(w)
	}
	out := []rune(strings.Join(words, " "))
	if len(out) > most {
		return strings.TrimSpace(string(out[:most-1])) + "…"
	}
	return string(out)
}

// unmixed blots foreign letters out of a word of several alphabets that look alike.
func unmixed(word string) string {
	latin := strings.ContainsFunc(word, func(r rune) bool { return unicode.Is(unicode.Latin, r) })
	other := func(r rune) bool {
		return unicode.In(r, unicode.Cyrillic, unicode.Greek, unicode.Armenian, unicode.Cherokee)
	}
	if !latin || !strings.ContainsFunc(word, other) {
		return word
	}
	return strings.Map(func(r rune) rune {
		if other(r) {
			return '\uFFFD'
		}
		return r
	}, word)
}
