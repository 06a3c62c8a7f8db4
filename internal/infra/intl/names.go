package intl

import (
	"encoding/json"
	"strings"

	"github.com/annexhq/annex/internal/infra/intl/cldr"
)

type nameConfig struct {
	Locale, Style, Type, Dialect string
}

// opName answers with a code's name, or "" if there is none.
func (e *Engine) opName(args []string) (string, error) {
	c, err := prepare(e, "name ", args[0], func() (*nameConfig, error) {
		c := &nameConfig{}
		return c, json.Unmarshal([]byte(args[0]), c)
	})
	if err != nil {
		return "", err
	}
	names, err := section[cldr.Names](e, c.Locale, "m")
	if err != nil {
		return "", err
	}
	code := args[1]
	styled := func(m map[string]string, key string) string {
		if c.Style != "long" {
			if v := m[key+"-short"]; v != "" {
				return v
			}
		}
		return m[key]
	}
	switch c.Type {
	case "language":
		return e.languageName(names, c, code)
	case "region":
		return styled(names.Territories, code), nil
	case "script":
		return styled(names.Scripts, code), nil
	case "calendar":
		switch code {
		case "gregory":
			code = "gregorian"
		case "ethioaa":
			code = "ethiopic-amete-alem"
		}
		return names.Calendars[code], nil
	case "currency":
		all, err := section[map[string]*cldr.Currency](e, c.Locale, "c")
		if err != nil {
			return "", err
		}
		cur := (*all)[code]
		switch {
		case cur == nil:
			return "", nil
		case c.Style == "narrow" && cur.Narrow != "":
			return cur.Narrow, nil
		case c.Style != "long":
			if cur.Symbol == "" {
				return code, nil
			}
			return cur.Symbol, nil
		}
		return cur.Name, nil
	case "dateTimeField":
		texts, err := section[cldr.Texts](e, c.Locale, "l")
		if err != nil {
			return "", err
		}
		key := map[string]string{"weekOfYear": "week", "dayPeriod": "dayperiod", "timeZoneName": "zone"}[code]
		if key == "" {
			key = code
		}
		if c.Style != "long" {
			if f := texts.Fields[key+"-"+c.Style]; f != nil && f.Name != "" {
				return f.Name, nil
			}
		}
		if f := texts.Fields[key]; f != nil {
			return f.Name, nil
		}
	}
	return "", nil
}

// languageName names a tag: the longest beginning with a name of its own, then the rest
// in brackets.
func (e *Engine) languageName(names *cldr.Names, c *nameConfig, code string) (string, error) {
	t, err := e.canonical(code)
	if err != nil {
		return "", err
	}
	find := func(key string) string {
		if c.Style != "long" {
			if v := names.Languages[key+"-short"]; v != "" {
				return v
			}
		}
		return names.Languages[key]
	}
	type attempt struct {
		key            string
		script, region bool
	}
	tries := []attempt{}
	if c.Dialect != "standard" {
		tries = append(tries,
			attempt{t.language + "-" + t.script + "-" + t.region, t.script != "", t.region != ""},
			attempt{t.language + "-" + t.script, t.script != "", false},
			attempt{t.language + "-" + t.region, false, t.region != ""})
	}
	tries = append(tries, attempt{t.language, false, false})
	base, script, region := "", t.script, t.region
	for _, a := range tries {
		if strings.HasSuffix(a.key, "-") || strings.Contains(a.key, "--") {
			continue
		}
		if base = find(a.key); base != "" {
			if a.script {
				script = ""
			}
			if a.region {
				region = ""
			}
			break
		}
	}
	if base == "" {
		if t.script == "" && t.region == "" && len(t.variants) == 0 {
			return "", nil
		}
		base = t.language
	}
	var rest []string
	add := func(m map[string]string, key string) {
		if key == "" {
			return
		}
		name := m[key]
		if c.Style != "long" && m[key+"-short"] != "" {
			name = m[key+"-short"]
		}
		if name == "" {
			name = key
		}
		name = strings.NewReplacer("(", "[", ")", "]", "（", "［", "）", "］").Replace(name)
		rest = append(rest, name)
	}
	add(names.Scripts, script)
	add(names.Territories, region)
	for _, v := range t.variants {
		add(names.Variants, strings.ToUpper(v))
	}
	if len(rest) == 0 {
		return base, nil
	}
	joined := rest[0]
	for _, r := range rest[1:] {
		joined = glue(names.Separator, joined, r)
	}
	base = strings.NewReplacer("(", "[", ")", "]").Replace(base)
	return glue(names.Pattern, base, joined), nil
}
