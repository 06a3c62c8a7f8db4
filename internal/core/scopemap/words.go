package scopemap

import (
	"strings"
	"unicode"
)

// words splits a name as people write names in APIs, "clientSecret", "client_secret" and
// "users.setRole" alike, into lower-case words in the singular.
func words(name string) []string {
	var out []string
	runes := []rune(name)
	start := 0
	flush := func(end int) {
		if end > start {
			out = append(out, singular(strings.ToLower(string(runes[start:end]))))
		}
		start = end
	}
	for i, r := range runes {
		switch {
		case !unicode.IsLetter(r) && !unicode.IsDigit(r):
			flush(i)
			start = i + 1
		case unicode.IsUpper(r) && i > start && (!unicode.IsUpper(runes[i-1]) || i+1 < len(runes) && unicode.IsLower(runes[i+1])):
			flush(i)
		}
	}
	flush(len(runes))
	return out
}

func singular(w string) string {
	switch {
	case strings.HasSuffix(w, "ies") && len(w) > 4:
		return w[:len(w)-3] + "y"
	case strings.HasSuffix(w, "s") && !strings.HasSuffix(w, "ss") && len(w) > 3:
		return w[:len(w)-1]
	}
	return w
}

type vocabulary map[string]bool

func vocabularyOf(all string) vocabulary {
	v := vocabulary{}
	for _, w := range strings.Fields(all) {
		v[w] = true
	}
	return v
}

// in gives the first of the words that is in the vocabulary.
func (v vocabulary) in(words []string) (string, bool) {
	for _, w := range words {
		if v[w] {
			return w, true
		}
	}
	return "", false
}
