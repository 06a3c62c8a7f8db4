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

// parseTag reads a tag by the grammar of UTS 35, as ECMA-402 wants it: no underscores, no
// root, no extended languages, nothing twice.
func parseTag(text string) (*tag, bool) {
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
	for len(parts) > 0 && isVariant(parts[0]) {
		if slices.Contains(t.variants, parts[0]) {
			return nil, nil, false
		}
		t.variants = append(t.variants, parts[0])
		parts = parts[1:]
	}
	return t, parts, true
}

func (x *extension) parseU(body []string) bool {
	for len(body) > 0 && len(body[0]) >= 3 {
		if !slices.Contains(x.attributes, body[0]) {
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
		if !slices.ContainsFunc(x.keywords, func(k keyword) bool { return k.key == key }) {
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
	for len(body) > 0 {
		if !isField(body[0]) || slices.ContainsFunc(x.fields, func(k keyword) bool { return k.key == body[0] }) {
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
	out := t.language
	for _, p := range []string{t.script, t.region} {
		if p != "" {
			out += "-" + p
		}
	}
	for _, v := range t.variants {
		out += "-" + v
	}
	return out
}

func (t *tag) String() string {
	out := t.base()
	for _, x := range t.extensions {
		out += "-" + string(x.key)
		for _, a := range x.attributes {
			out += "-" + a
		}
		if x.tlang != nil {
			out += "-" + strings.ToLower(x.tlang.base())
		}
		for _, k := range slices.Concat(x.keywords, x.fields) {
			out += "-" + k.key
			if k.value != "" {
				out += "-" + k.value
			}
		}
		if x.other != "" {
			out += "-" + x.other
		}
	}
	if t.private != "" {
		out += "-x-" + t.private
	}
	return out
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
