package intl

import (
	"encoding/json"
	"slices"
	"strings"
)

// question is what a constructor wants to know: the locales asked for, the keys that its
// service knows, and the options that win over a locale's own extension.
type question struct {
	Locales []string
	Keys    []string
	Options map[string]string
}

// opResolve is ECMA-402's ResolveLocale.
func (e *Engine) opResolve(args []string) (string, error) {
	type answer struct {
		Locale string            `json:"locale"`
		Data   string            `json:"data"`
		Values map[string]string `json:"values"`
	}
	out, err := prepare(e, "resolve ", args[0], func() (*string, error) {
		var q question
		if err := json.Unmarshal([]byte(args[0]), &q); err != nil {
			return nil, err
		}
		found, asked := "en-US", (*tag)(nil)
		for _, text := range q.Locales {
			t, err := e.canonical(text)
			if err != nil {
				return nil, err
			}
			if a := e.available(t.base()); a != "" {
				found, asked = a, t
				break
			}
		}
		a := answer{found, found, map[string]string{}}
		extra := ""
		for _, key := range q.Keys {
			known := e.known(key, found)
			value := known[0]
			if asked != nil {
				if v, ok := asked.keyword(key); ok {
					if v == "" {
						v = "true"
					}
					if slices.Contains(known, v) {
						value = v
						if v == "true" {
							extra += "-" + key
						} else {
							extra += "-" + key + "-" + v
						}
					}
				}
			}
			if o, ok := q.Options[key]; ok {
				o = e.canonicalType(keyword{key, strings.ToLower(o)})
				if o == "" {
					o = "true"
				}
				if o != value && slices.Contains(known, o) {
					value = o
					extra = cutKey(extra, key)
				}
			}
			a.Values[key] = value
		}
		if extra != "" {
			a.Locale += "-u" + extra
		}
		text, err := toJSON(a)
		return &text, err
	})
	if err != nil {
		return "", err
	}
	return *out, nil
}

// cutKey takes a keyword out of the text of an extension.
func cutKey(text, key string) string {
	at := strings.Index(text, "-"+key)
	if at < 0 {
		return text
	}
	end := at + 3
	for end < len(text) {
		next := strings.IndexByte(text[end+1:], '-')
		word := text[end+1:]
		if next >= 0 {
			word = word[:next]
		}
		if len(word) < 3 {
			break
		}
		end += 1 + len(word)
	}
	return text[:at] + text[end:]
}

// calendars are those that dates can be written in.
var calendars = []string{"buddhist", "gregory", "iso8601", "japanese", "persian"}

// known are the values of a key in a locale, its default first.
func (e *Engine) known(key, locale string) []string {
	switch key {
	case "nu":
		def := "latn"
		if n, err := e.numbersOf(locale); err == nil && n.Default != "" {
			def = n.Default
		}
		return append([]string{def}, e.numberingSystems()...)
	case "ca":
		def := "gregory"
		for _, c := range e.preferredCalendars(locale) {
			if slices.Contains(calendars, c) {
				def = c
				break
			}
		}
		return append([]string{def}, calendars...)
	case "hc":
		return []string{"", "h11", "h12", "h23", "h24"}
	case "kn":
		return []string{"false", "true"}
	case "kf":
		return []string{e.caseFirst(locale), "false", "lower", "upper"}
	case "co":
		return append([]string{"default"}, collationsOf(locale)...)
	}
	return []string{""}
}

func (e *Engine) numberingSystems() []string {
	v, _ := prepare(e, "systems", "", func() (*[]string, error) {
		out := []string{}
		for name := range e.sup.Digits {
			out = append(out, name)
		}
		slices.Sort(out)
		return &out, nil
	})
	return *v
}

// region is where a locale is spoken.
func (e *Engine) region(locale string) string {
	t, ok := parseTag(locale)
	if !ok {
		return "001"
	}
	if rg, ok := t.keyword("rg"); ok && len(rg) == 6 && strings.HasSuffix(rg, "zzzz") {
		return strings.ToUpper(rg[:2])
	}
	if t.region != "" {
		return t.region
	}
	if sd, ok := t.keyword("sd"); ok && len(sd) > 2 && isAlpha(sd[:2]) {
		return strings.ToUpper(sd[:2])
	}
	if m := e.maximize(t); m != nil {
		return m.region
	}
	return "001"
}

func (e *Engine) preferredCalendars(locale string) []string {
	list := e.sup.Calendars[e.region(locale)]
	if list == nil {
		list = e.sup.Calendars["001"]
	}
	out := make([]string, 0, len(list))
	for _, c := range list {
		if c == "gregorian" {
			c = "gregory"
		}
		out = append(out, c)
	}
	return out
}

// hours are a locale's preferred hour letter and those that are allowed.
func (e *Engine) hours(locale string) (string, []string) {
	t, ok := parseTag(locale)
	v := ""
	if ok {
		region := e.region(locale)
		if v = e.sup.Hours[t.language+"-"+region]; v == "" {
			v = e.sup.Hours[region]
		}
	}
	if v == "" {
		v = e.sup.Hours["001"]
	}
	fields := strings.Fields(v)
	return fields[0], fields[1:]
}

// cycles are the hour cycles by their letter in patterns.
var cycles = map[byte]string{'K': "h11", 'h': "h12", 'H': "h23", 'k': "h24"}

func letterOf(cycle string) byte {
	for c, name := range cycles {
		if name == cycle {
			return c
		}
	}
	return 'H'
}
