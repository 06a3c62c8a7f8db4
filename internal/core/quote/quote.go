// Package quote makes texts that others wrote fit to stand among our own words. Its promise:
// what it gives is one line, holds nothing that is not seen and nothing that turns the reading
// direction, and reaches into no line above it.
package quote

import (
	"strings"
	"unicode"
)

// maxMarks is how many accents a letter may carry; a tower of them reaches into the lines above.
const maxMarks = 2

// Line is a text in one line of at most so many letters, and "…" where more were.
func Line(text string, most int) string {
	line := Visible(text)
	n := 0
	for i := range line {
		if n == most {
			return line[:i] + "…"
		}
		n++
	}
	return line
}

// Visible is a text in one line, however long.
func Visible(text string) string {
	var b strings.Builder
	space, marks := false, 0
	for _, r := range strings.ToValidUTF8(text, "\uFFFD") {
		switch {
		case unicode.IsSpace(r) || unicode.IsControl(r):
			space = true
			continue
		case unseen(r):
			continue
		case unicode.Is(unicode.Mn, r):
			if marks++; marks > maxMarks {
				continue
			}
		default:
			marks = 0
		}
		if space && b.Len() > 0 {
			b.WriteByte(' ')
		}
		space = false
		b.WriteRune(r)
	}
	return b.String()
}

// unseen reports whether a letter takes no room, or orders how others are shown: format
// characters, private ones, tags and variation selectors, and the fillers, which are letters
// to Unicode and nothing to the eye.
func unseen(r rune) bool {
	switch r {
	case 0x115F, 0x1160, 0x3164, 0xFFA0, 0x034F:
		return true
	}
	return unicode.In(r, unicode.Cf, unicode.Co, unicode.Cs, unicode.Zl, unicode.Zp) || r >= 0xE0000 && r <= 0xE0FFF
}
