package quote

import (
	"strings"
	"testing"
	"unicode/utf8"
)

func TestLine(t *testing.T) {
	for _, c := range []struct {
		name, text string
		most       int
		want       string
	}{
		{"plain", "Checklist", 80, "Checklist"},
		{"several lines", "  one\r\n\ttwo\u2028three ", 80, "one two three"},
		{"turned around", "safe\u202Egpj.exe", 80, "safegpj.exe"},
		{"isolates and marks", "a\u2066b\u200fc\u061cd", 80, "abcd"},
		{"nothing to see", "A\u200bn\u00adn\u3164e\u115fx\U000E0041", 80, "Annex"},
		{"variation selectors of the tags' plane", "a\U000E0100", 80, "a"},
		{"accents of a letter", "e\u0301", 80, "e\u0301"},
		{"a tower", "Z" + strings.Repeat("\u0301", 40) + "a", 80, "Z\u0301\u0301a"},
		{"no UTF-8", "a\xffb", 80, "a\uFFFDb"},
		{"as long as allowed", "abcd", 4, "abcd"},
		{"longer", "abcde", 4, "abcd…"},
		{"letters, not bytes", "äöüß", 4, "äöüß"},
		{"nothing", " \t\u200b", 80, ""},
	} {
		if got := Line(c.text, c.most); got != c.want {
			t.Errorf("%s: %+q, want %+q", c.name, got, c.want)
		}
	}
}

// What was cleaned once stays as it is, whatever it was.
func FuzzLine(f *testing.F) {
	f.Add("a\u202eb", 3)
	f.Add("e\u0301\u0301\u0301 x", 2)
	f.Fuzz(func(t *testing.T, text string, most int) {
		most = 1 + (most&0xff+0x100)%0x100
		got := Line(text, most)
		if utf8.RuneCountInString(got) > most+1 || strings.ContainsAny(got, "\n\r\t\u2028\u202e") || !utf8.ValidString(got) {
			t.Fatalf("%+q", got)
		}
		if again := Visible(got); strings.TrimSuffix(again, " ") != strings.TrimSuffix(got, " ") {
			t.Fatalf("%+q and then %+q", got, again)
		}
	})
}
