package intl

import (
	"encoding/json"
	"slices"
	"strings"
)

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

// variantPairs are the pairs of variants that are replaced together, by the first.
func variantPairs(languages map[string]string) map[string][]string {
	out := map[string][]string{}
	for name := range languages {
		if parts := strings.Split(name, "-"); len(parts) == 3 && parts[0] == "und" && isVariant(parts[1]) && isVariant(parts[2]) {
			out[parts[1]] = append(out[parts[1]], parts[2])
		}
	}
	for _, list := range out {
		slices.Sort(list)
	}
	return out
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
			gone := strings.Split(variant, "-")
			t.variants = slices.DeleteFunc(t.variants, func(v string) bool { return slices.Contains(gone, v) })
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
		for _, w := range e.pairs[v] {
			if !slices.Contains(t.variants[i+1:], w) {
				continue
			}
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
