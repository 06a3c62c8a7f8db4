package intl

import (
	"encoding/json"
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

// canonical parses a tag and makes it canonical, by UTS 35's annex C.
func (e *Engine) canonical(text string) (*tag, error) {
	t, ok := parseTag(text)
	if !ok {
		if len(text) > 64 {
			text = text[:64] + "…"
		}
		return nil, rangeError("Incorrect locale information provided: %s", strings.ToValidUTF8(text, "\ufffd"))
	}
	e.canonicalLanguage(t)
	for i := range t.extensions {
		x := &t.extensions[i]
		for j := range x.keywords {
			x.keywords[j].value = e.canonicalType(x.keywords[j])
		}
		if x.tlang != nil {
			e.canonicalLanguage(x.tlang)
		}
		for j, f := range x.fields {
			if to := e.sup.Types[f.key][f.value]; to != "" {
				x.fields[j].value = to
			}
		}
	}
	return t, nil
}

func (e *Engine) canonicalType(k keyword) string {
	v := k.value
	if to := e.sup.Types[k.key][v]; to != "" {
		v = to
	}
	if k.key == "rg" || k.key == "sd" {
		if to, _, _ := strings.Cut(e.sup.Subdivisions[v], " "); to != "" {
			v = strings.ToLower(to)
			if len(v) == 2 {
				v += "zzzz"
			}
		}
	}
	if v == "true" || v == "yes" && slices.Contains([]string{"kb", "kc", "kh", "kk", "kn"}, k.key) {
		return ""
	}
	return v
}

// canonicalLanguage replaces deprecated languages, scripts, regions and variants.
func (e *Engine) canonicalLanguage(t *tag) {
	slices.Sort(t.variants)
	for range 8 { // a replacement may itself be deprecated
		if !e.replaceLanguage(t) {
			break
		}
	}
	if to := e.sup.Scripts[t.script]; to != "" {
		t.script = to
	}
	if to := e.sup.Territories[t.region]; to != "" {
		choices := strings.Fields(to)
		t.region = choices[0]
		if len(choices) > 1 {
			likely := e.maximize(&tag{language: t.language, script: t.script})
			if likely != nil && slices.Contains(choices, likely.region) {
				t.region = likely.region
			}
		}
	}
	for i, v := range t.variants {
		if to := e.sup.Variants[v]; to != "" {
			t.variants[i] = to
		}
	}
	slices.Sort(t.variants)
	t.variants = slices.Compact(t.variants)
}

func (e *Engine) replaceLanguage(t *tag) bool {
	apply := func(to string, variant string, region bool) bool {
		r, _, ok := parseLanguage(strings.Split(strings.ToLower(to), "-"))
		if !ok {
			return false
		}
		before := t.base()
		if r.language != "und" {
			t.language = r.language
		}
		if t.script == "" {
			t.script = r.script
		}
		if region {
			t.region = ""
		}
		if t.region == "" {
			t.region = r.region
		}
		if variant != "" {
			t.variants = slices.DeleteFunc(t.variants, func(v string) bool { return slices.Contains(strings.Split(variant, "-"), v) })
		}
		for _, v := range r.variants {
			if !slices.Contains(t.variants, v) {
				t.variants = append(t.variants, v)
			}
		}
		slices.Sort(t.variants)
		return t.base() != before
	}
	for i, v := range t.variants {
		for _, w := range t.variants[i+1:] {
			if to := e.sup.Languages["und-"+v+"-"+w]; to != "" && apply(to, v+"-"+w, false) {
				return true
			}
		}
		for _, lang := range []string{t.language, "und"} {
			if to := e.sup.Languages[lang+"-"+v]; to != "" && apply(to, v, false) {
				return true
			}
		}
	}
	if t.region != "" {
		if to := e.sup.Languages[t.language+"-"+t.region]; to != "" && apply(to, "", true) {
			return true
		}
	}
	if to := e.sup.Languages[t.language]; to != "" {
		return apply(to, "", false)
	}
	return false
}

// maximize adds likely subtags; nil if nothing is known of the language.
func (e *Engine) maximize(t *tag) *tag {
	try := []string{}
	if t.script != "" && t.region != "" {
		try = append(try, t.language+"-"+t.script+"-"+t.region)
	}
	if t.region != "" {
		try = append(try, t.language+"-"+t.region)
	}
	if t.script != "" {
		try = append(try, t.language+"-"+t.script)
	}
	try = append(try, t.language)
	if t.script != "" {
		try = append(try, "und-"+t.script)
	}
	for _, key := range try {
		if to := e.sup.Likely[key]; to != "" {
			m, _, _ := parseLanguage(strings.Split(strings.ToLower(to), "-"))
			out := *t
			if out.language == "und" {
				out.language = m.language
			}
			if out.script == "" {
				out.script = m.script
			}
			if out.region == "" {
				out.region = m.region
			}
			return &out
		}
	}
	return nil
}

// minimize removes what is likely anyway.
func (e *Engine) minimize(t *tag) *tag {
	m := e.maximize(t)
	if m == nil {
		return t
	}
	same := func(o *tag) bool {
		x := e.maximize(o)
		return x != nil && x.language == m.language && x.script == m.script && x.region == m.region
	}
	for _, o := range []*tag{{language: m.language}, {language: m.language, region: m.region}, {language: m.language, script: m.script}} {
		if same(o) {
			out := *t
			out.language, out.script, out.region = o.language, o.script, o.region
			return &out
		}
	}
	out := *t
	out.language, out.script, out.region = m.language, m.script, m.region
	return &out
}

func (e *Engine) opCanonical(args []string) (string, error) {
	t, err := e.canonical(args[0])
	if err != nil {
		return "", err
	}
	return t.String(), nil
}

// opLikely answers "max" or "min" of a tag.
func (e *Engine) opLikely(args []string) (string, error) {
	t, err := e.canonical(args[1])
	if err != nil {
		return "", err
	}
	if args[0] == "min" {
		return e.minimize(t).String(), nil
	}
	if m := e.maximize(t); m != nil {
		t = m
	}
	return t.String(), nil
}

// available is the longest known beginning of a tag, empty if there is none.
func (e *Engine) available(base string) string {
	for at := base; ; {
		if e.sup.Locales[at] != "" {
			return at
		}
		cut := strings.LastIndexByte(at, '-')
		if cut < 0 {
			return ""
		}
		if cut >= 2 && at[cut-2] == '-' {
			cut -= 2
		}
		at = at[:cut]
	}
}

// opLookup answers which of a list of canonical tags are known.
func (e *Engine) opLookup(args []string) (string, error) {
	var tags []string
	if err := json.Unmarshal([]byte(args[0]), &tags); err != nil {
		return "", err
	}
	out := []string{}
	for _, text := range tags {
		t, err := e.canonical(text)
		if err != nil {
			return "", err
		}
		if e.available(t.base()) != "" {
			out = append(out, text)
		}
	}
	return toJSON(out)
}
