package intl

import (
	"unicode"
	"unicode/utf16"

	"github.com/clipperhouse/uax29/v2/graphemes"
	"github.com/clipperhouse/uax29/v2/sentences"
	"github.com/clipperhouse/uax29/v2/words"
)

// opSegments answers where a text's segments end, in UTF-16 units; of words, negative
// numbers are the ends of what is no word.
func (e *Engine) opSegments(args []string) (string, error) {
	var ends []int
	at := 0
	add := func(text string, negative bool) {
		for _, r := range text {
			at += max(utf16.RuneLen(r), 1)
		}
		if negative {
			ends = append(ends, -at)
			return
		}
		ends = append(ends, at)
	}
	switch args[0] {
	case "grapheme":
		for it := graphemes.FromString(args[1]); it.Next(); {
			add(it.Value(), false)
		}
	case "word":
		for it := words.FromString(args[1]); it.Next(); {
			add(it.Value(), !wordLike(it.Value()))
		}
	case "sentence":
		for it := sentences.FromString(args[1]); it.Next(); {
			add(it.Value(), false)
		}
	default:
		return "", rangeError("no segments of granularity %.20s", args[0])
	}
	if ends == nil {
		ends = []int{}
	}
	return toJSON(ends)
}

func wordLike(text string) bool {
	for _, r := range text {
		if unicode.IsLetter(r) || unicode.IsNumber(r) {
			return true
		}
	}
	return false
}
