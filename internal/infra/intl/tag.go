package intl

import (
	"slices"
	"sort"
	"strings"
)

// tag is a Unicode locale identifier, in pieces.
type tag struct {
	language, script, region string
	variants                 []string
	extensions               []extension // in canonical order but the private one
	private                  string
}

type extension struct {
	key        byte
	attributes []string
	keywords   []keyword // of u
	other      string    // everything else's text, without the key
	// t has a language and fields
	tlang  *tag
	fields []keyword
}

type keyword struct{ key, value string }

func isAlpha(s string) bool { return all(s, func(c byte) bool { return c|32 >= 'a' && c|32 <= 'z' }) }

func isDigit(s string) bool { return all(s, func(c byte) bool { return c >= '0' && c <= '9' }) }

func isAlnum(s string) bool {
	return all(s, func(c byte) bool { return c|32 >= 'a' && c|32 <= 'z' || c >= '0' && c <= '9' })
}

func all(s string, ok func(byte) bool) bool {
	for i := range len(s) {
		if !ok(s[i]) {
			return false
		}
	}
	return s != ""
}

func isVariant(s string) bool {
	return len(s) >= 5 && len(s) <= 8 && isAlnum(s) || len(s) == 4 && s[0] >= '0' && s[0] <= '9' && isAlnum(s)
}

// maxTag bounds a tag: visitors name theirs in a header. Real ones have some ten letters.
const maxTag = 1000

// parseTag reads a tag by the grammar of UTS 35, as ECMA-402 wants it: no underscores, no
// root, no extended languages, nothing twice.
func parseTag(text string) (*tag, bool) {
	if len(text) > maxTag {
		return nil, false
	}
	parts := strings.Split(strings.ToLower(text), "-")
	t, rest, ok := parseLanguage(parts)
	if !ok {
		return nil, false
	}
	seen := map[byte]bool{}
	for len(rest) > 0 {
		key := rest[0]
		if len(key) != 1 || !isAlnum(key) || seen[key[0]] {
			return nil, false
		}
		seen[key[0]] = true
		end := 1
		for end < len(rest) && (len(rest[end]) > 1 || key == "x") {
			if !isAlnum(rest[end]) || len(rest[end]) > 8 {
				return nil, false
			}
			end++
		}
		body := rest[1:end]
		rest = rest[end:]
		if len(body) == 0 {
			return nil, false
		}
		ext := extension{key: key[0]}
		switch key {
		case "x":
			t.private = strings.Join(body, "-")
			continue
		case "u":
			if !ext.parseU(body) {
				return nil, false
			}
		case "t":
			if !ext.parseT(body) {
				return nil, false
			}
		default:
			ext.other = strings.Join(body, "-")
		}
		t.extensions = append(t.extensions, ext)
	}
	sort.Slice(t.extensions, func(i, j int) bool { return t.extensions[i].key < t.extensions[j].key })
	return t, true
}

// parseLanguage reads language, script, region and variants.
func parseLanguage(parts []string) (*tag, []string, bool) {
	t := &tag{}
	first := parts[0]
	if !isAlpha(first) || len(first) < 2 || len(first) > 8 || len(first) == 4 {
		return nil, nil, false
	}
	t.language = first
	parts = parts[1:]
	if len(parts) > 0 && len(parts[0]) == 4 && isAlpha(parts[0]) {
		t.script = strings.ToUpper(parts[0][:1]) + parts[0][1:]
		parts = parts[1:]
	}
	if len(parts) > 0 && (len(parts[0]) == 2 && isAlpha(parts[0]) || len(parts[0]) == 3 && isDigit(parts[0])) {
		t.region = strings.ToUpper(parts[0])
		parts = parts[1:]
	}
	var seen set
	for len(parts) > 0 && isVariant(parts[0]) {
		if !seen.add(parts[0]) {
			return nil, nil, false
		}
		t.variants = append(t.variants, parts[0])
		parts = parts[1:]
	}
	return t, parts, true
}

// set is a set of texts.
type set map[string]struct{}

// add adds a text, and says whether it is new.
func (s *set) add(text string) bool {
	if _, ok := (*s)[text]; ok {
		return false
	}
	if *s == nil {
		*s = set{}
	}
	(*s)[text] = struct{}{}
	return true
}

func (x *extension) parseU(body []string) bool {
	var attributes, keys set
	for len(body) > 0 && len(body[0]) >= 3 {
		if attributes.add(body[0]) {
			x.attributes = append(x.attributes, body[0])
		}
		body = body[1:]
	}
	for len(body) > 0 {
		key := body[0]
		if len(key) != 2 || !isAlpha(key[1:]) {
			return false
		}
		end := 1
		for end < len(body) && len(body[end]) >= 3 {
			end++
		}
		if keys.add(key) {
			x.keywords = append(x.keywords, keyword{key, strings.Join(body[1:end], "-")})
		}
		body = body[end:]
	}
	slices.Sort(x.attributes)
	sort.SliceStable(x.keywords, func(i, j int) bool { return x.keywords[i].key < x.keywords[j].key })
	return true
}

func (x *extension) parseT(body []string) bool {
	isField := func(s string) bool { return len(s) == 2 && isAlpha(s[:1]) && isDigit(s[1:]) }
	if !isField(body[0]) {
		lang, rest, ok := parseLanguage(body)
		if !ok {
			return false
		}
		x.tlang, body = lang, rest
	}
	var keys set
	for len(body) > 0 {
		if !isField(body[0]) || !keys.add(body[0]) {
			return false
		}
		end := 1
		for end < len(body) && len(body[end]) >= 3 {
			end++
		}
		if end == 1 {
			return false
		}
		x.fields = append(x.fields, keyword{body[0], strings.Join(body[1:end], "-")})
		body = body[end:]
	}
	sort.SliceStable(x.fields, func(i, j int) bool { return x.fields[i].key < x.fields[j].key })
	return true
}

// base is the tag without extensions.
func (t *tag) base() string {
	var out strings.Builder
	out.WriteString(t.language)
	for _, p := range append([]string{t.script, t.region}, t.variants...) {
		if p != "" {
			out.WriteString("-" + p)
		}
	}
	return out.String()
}

func (t *tag) String() string {
	parts := []string{t.base()}
	add := func(p string) {
		if p != "" {
			parts = append(parts, p)
		}
	}
	for _, x := range t.extensions {
		add(string(x.key))
		parts = append(parts, x.attributes...)
		if x.tlang != nil {
			add(strings.ToLower(x.tlang.base()))
		}
		for _, k := range slices.Concat(x.keywords, x.fields) {
			add(k.key)
			add(k.value)
		}
		add(x.other)
	}
	if t.private != "" {
		parts = append(parts, "x", t.private)
	}
	return strings.Join(parts, "-")
}

// unicode is the tag's -u- extension, nil if it has none.
func (t *tag) unicode() *extension {
	for i := range t.extensions {
		if t.extensions[i].key == 'u' {
			return &t.extensions[i]
		}
	}
	return nil
}

func (t *tag) keyword(key string) (string, bool) {
	if u := t.unicode(); u != nil {
		for _, k := range u.keywords {
			if k.key == key {
				return k.value, true
			}
		}
	}
	return "", false
}
