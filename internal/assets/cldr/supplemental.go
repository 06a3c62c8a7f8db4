package main

import (
	"archive/zip"
	"fmt"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/annexhq/annex/internal/infra/intl/cldr"
)

func supplemental(src source) (*cldr.Supplemental, error) {
	s := &cldr.Supplemental{
		Languages: map[string]string{}, Scripts: map[string]string{}, Territories: map[string]string{}, Variants: map[string]string{},
		Subdivisions: map[string]string{}, Types: map[string]map[string]string{}, Cardinal: map[string]map[string]string{},
		Ordinal: map[string]map[string]string{}, Ranges: map[string]map[string]string{}, Digits: map[string]string{}, Fractions: map[string]int{},
		DayPeriods: map[string][]cldr.DayPeriod{}, Hours: map[string]string{}, Calendars: map[string][]string{}, FirstDay: map[string]int{},
		MinDays: map[string]int{}, Weekend: map[string][2]int{}, ZoneOf: map[string]string{}, ZonePrimary: map[string]string{},
		Territory: map[string]string{}, Alone: map[string]bool{}, MetaZones: map[string][]cldr.MetaZoneUse{},
		MetaPrimary: map[string]map[string]string{}, RightToLeft: map[string]bool{}, CollationsOf: map[string][]string{},
	}
	for _, step := range []func(source, *cldr.Supplemental) error{aliases, plurals, numberFacts, dateFacts, weeks, zoneFacts, types} {
		if err := step(src, s); err != nil {
			return nil, err
		}
	}
	if err := src.read("cldr-core/supplemental/likelySubtags.json", &s.Likely, "supplemental", "likelySubtags"); err != nil {
		return nil, err
	}
	err := src.read("cldr-core/supplemental/parentLocales.json", &s.Parents, "supplemental", "parentLocales", "parentLocale")
	return s, err
}

func aliases(src source, s *cldr.Supplemental) error {
	var raw map[string]map[string]any
	if err := src.read("cldr-core/supplemental/aliases.json", &raw, "supplemental", "metadata", "alias"); err != nil {
		return err
	}
	for kind, into := range map[string]map[string]string{
		"languageAlias": s.Languages, "scriptAlias": s.Scripts, "territoryAlias": s.Territories, "variantAlias": s.Variants, "subdivisionAlias": s.Subdivisions,
	} {
		for k, v := range raw[kind] {
			m, _ := v.(map[string]any)
			to, _ := m["_replacement"].(string)
			into[k] = to
		}
	}
	return nil
}

// types are the values of -u- keys, as BCP 47 has them.
func types(src source, s *cldr.Supplemental) error {
	for _, file := range []string{"calendar", "collation", "currency", "measure", "number", "segmentation", "timezone", "variant", "transform"} {
		var raw map[string]map[string]map[string]any
		if err := src.read("cldr-bcp47/bcp47/"+file+".json", &raw, "keyword"); err != nil {
			return err
		}
		for _, group := range raw {
			for key, values := range group {
				for name, v := range values {
					m, ok := v.(map[string]any)
					if !ok {
						continue
					}
					preferred, _ := m["_preferred"].(string)
					add := func(from, to string) {
						if s.Types[key] == nil {
							s.Types[key] = map[string]string{}
						}
						s.Types[key][from] = to
					}
					if preferred != "" {
						add(name, preferred)
						continue
					}
					alias, _ := m["_alias"].(string)
					for _, a := range strings.Fields(alias) {
						// Of the time zone database's names, some have a type's form.
						if a = strings.ToLower(a); file != "timezone" || len(a) >= 3 && len(a) <= 8 && !strings.ContainsAny(a, "/_+-") {
							add(a, name)
						}
					}
				}
				if key == "co" {
					s.Collations = slices.DeleteFunc(keys(values), func(k string) bool {
						m, ok := values[k].(map[string]any)
						return !ok || m["_deprecated"] != nil || k == "standard" || k == "search"
					})
				}
			}
		}
	}
	return nil
}

func plurals(src source, s *cldr.Supplemental) error {
	for kind, into := range map[string]map[string]map[string]string{"cardinal": s.Cardinal, "ordinal": s.Ordinal} {
		file := map[string]string{"cardinal": "plurals", "ordinal": "ordinals"}[kind]
		var raw map[string]words
		if err := src.read("cldr-core/supplemental/"+file+".json", &raw, "supplemental", "plurals-type-"+kind); err != nil {
			return err
		}
		for language, rules := range raw {
			into[language] = map[string]string{}
			for name, rule := range rules {
				rule, _, _ = strings.Cut(rule, "@")
				into[language][strings.TrimPrefix(name, "pluralRule-count-")] = strings.TrimSpace(rule)
			}
		}
	}
	var ranges map[string]words
	if err := src.read("cldr-core/supplemental/pluralRanges.json", &ranges, "supplemental", "plurals"); err != nil {
		return err
	}
	for language, rules := range ranges {
		s.Ranges[language] = map[string]string{}
		for name, to := range rules {
			name = strings.TrimPrefix(name, "pluralRange-start-")
			s.Ranges[language][strings.Replace(name, "-end-", "-", 1)] = to
		}
	}
	return nil
}

func numberFacts(src source, s *cldr.Supplemental) error {
	var systems map[string]words
	if err := src.read("cldr-core/supplemental/numberingSystems.json", &systems, "supplemental", "numberingSystems"); err != nil {
		return err
	}
	for name, w := range systems {
		if w["_digits"] != "" {
			s.Digits[name] = w["_digits"]
		}
	}
	var fractions map[string]words
	if err := src.read("cldr-core/supplemental/currencyData.json", &fractions, "supplemental", "currencyData", "fractions"); err != nil {
		return err
	}
	for code, w := range fractions {
		if n, err := strconv.Atoi(w["_digits"]); err == nil && code != "DEFAULT" {
			s.Fractions[code] = n
		}
	}
	var currencies map[string]any
	if err := src.read("cldr-numbers-full/main/en/currencies.json", &currencies, "main", "en", "numbers", "currencies"); err != nil {
		return err
	}
	s.Currencies = keys(currencies)
	return nil
}

func dateFacts(src source, s *cldr.Supplemental) error {
	var periods map[string]map[string]words
	if err := src.read("cldr-core/supplemental/dayPeriods.json", &periods, "supplemental", "dayPeriodRuleSet"); err != nil {
		return err
	}
	minutes := func(text string) (int, error) {
		var h, m int
		_, err := fmt.Sscanf(text, "%d:%d", &h, &m)
		return h*60 + m, err
	}
	for language, rules := range periods {
		for _, name := range keys(rules) {
			r, p := rules[name], cldr.DayPeriod{Name: name}
			var err error
			if r["_at"] != "" {
				p.At = true
				p.From, err = minutes(r["_at"])
			} else if p.From, err = minutes(r["_from"]); err == nil {
				p.Before, err = minutes(r["_before"])
			}
			if err != nil {
				return fmt.Errorf("day periods of %s: %w", language, err)
			}
			s.DayPeriods[language] = append(s.DayPeriods[language], p)
		}
	}
	var hours map[string]words
	if err := src.read("cldr-core/supplemental/timeData.json", &hours, "supplemental", "timeData"); err != nil {
		return err
	}
	for territory, w := range hours {
		s.Hours[territory] = w["_preferred"] + " " + w["_allowed"]
	}
	if err := src.read("cldr-core/supplemental/calendarPreferenceData.json", &s.Calendars, "supplemental", "calendarPreferenceData"); err != nil {
		return err
	}
	var scripts map[string]map[string]any
	if err := src.read("cldr-core/scriptMetadata.json", &scripts, "scriptMetadata"); err != nil {
		return err
	}
	for script, w := range scripts {
		if w["rtl"] == "YES" {
			s.RightToLeft[script] = true
		}
	}
	return nil
}

func weeks(src source, s *cldr.Supplemental) error {
	var raw struct{ MinDays, FirstDay, WeekendStart, WeekendEnd words }
	if err := src.read("cldr-core/supplemental/weekData.json", &raw, "supplemental", "weekData"); err != nil {
		return err
	}
	day := func(name string) int { return (slices.Index(week[:], name)+6)%7 + 1 }
	for territory, n := range raw.MinDays {
		s.MinDays[territory], _ = strconv.Atoi(n)
	}
	for territory, name := range raw.FirstDay {
		if !strings.Contains(territory, "-alt-") {
			s.FirstDay[territory] = day(name)
		}
	}
	for territory := range raw.WeekendStart {
		end := raw.WeekendEnd[territory]
		if end == "" {
			end = raw.WeekendEnd["001"]
		}
		s.Weekend[territory] = [2]int{day(raw.WeekendStart[territory]), day(end)}
	}
	for territory, end := range raw.WeekendEnd {
		if _, ok := s.Weekend[territory]; !ok {
			s.Weekend[territory] = [2]int{day(raw.WeekendStart["001"]), day(end)}
		}
	}
	return nil
}

func zoneFacts(src source, s *cldr.Supplemental) error {
	var ids map[string]any
	if err := src.read("cldr-bcp47/bcp47/timezone.json", &ids, "keyword", "u", "tz"); err != nil {
		return err
	}
	for id, v := range ids {
		m, ok := v.(map[string]any)
		if !ok {
			continue
		}
		w := stringsOf(m)
		names := strings.Fields(w["_alias"])
		if len(names) == 0 {
			continue
		}
		primary := w["_iana"]
		if primary == "" {
			primary = names[0]
		}
		for _, n := range names {
			s.ZoneOf[n], s.ZonePrimary[n] = names[0], primary
		}
		territory := w["_region"]
		if territory == "" && len(id) == 5 {
			territory = strings.ToUpper(id[:2])
		}
		if territory != "" && strings.Contains(names[0], "/") && !strings.HasPrefix(names[0], "Etc/") {
			s.Territory[names[0]] = territory
		}
	}
	count := map[string]int{}
	for _, t := range s.Territory {
		count[t]++
	}
	var primary words
	if err := src.read("cldr-core/supplemental/primaryZones.json", &primary, "supplemental", "primaryZones"); err != nil {
		return err
	}
	for name, t := range s.Territory {
		s.Alone[name] = count[t] == 1 || primary[t] == name
	}
	if err := zoneNames(s); err != nil {
		return err
	}
	return metaZones(src, s)
}

// zoneNames are those of the time zone database that this Go carries.
func zoneNames(s *cldr.Supplemental) error {
	root, err := exec.Command("go", "env", "GOROOT").Output()
	if err != nil {
		return err
	}
	z, err := zip.OpenReader(filepath.Join(strings.TrimSpace(string(root)), "lib/time/zoneinfo.zip"))
	if err != nil {
		return err
	}
	defer z.Close()
	for _, f := range z.File {
		if !strings.HasSuffix(f.Name, "/") && f.Name != "Factory" && f.Name != "posixrules" {
			s.Zones = append(s.Zones, f.Name)
		}
	}
	slices.Sort(s.Zones)
	return nil
}

func metaZones(src source, s *cldr.Supplemental) error {
	var raw map[string]any
	if err := src.read("cldr-core/supplemental/metaZones.json", &raw, "supplemental", "metaZones", "metazoneInfo", "timezone"); err != nil {
		return err
	}
	var fail error
	moment := func(text string) int64 {
		if text == "" {
			return 0
		}
		t, err := time.Parse("2006-01-02 15:04", text)
		if err != nil {
			fail = err
		}
		return t.Unix()
	}
	var walk func(path string, node any)
	walk = func(path string, node any) {
		switch node := node.(type) {
		case []any:
			for _, use := range node {
				m, _ := use.(map[string]any)
				of, _ := m["usesMetazone"].(map[string]any)
				w := stringsOf(of)
				s.MetaZones[path] = append(s.MetaZones[path], cldr.MetaZoneUse{Zone: w["_mzone"], From: moment(w["_from"]), To: moment(w["_to"])})
			}
		case map[string]any:
			for k, v := range node {
				walk(strings.TrimPrefix(path+"/"+k, "/"), v)
			}
		}
	}
	walk("", raw)
	var maps []struct {
		MapZone struct {
			Other     string `json:"_other"`
			Type      string `json:"_type"`
			Territory string `json:"_territory"`
		}
	}
	if err := src.read("cldr-core/supplemental/metaZones.json", &maps, "supplemental", "metaZones", "metazones"); err != nil {
		return err
	}
	for _, m := range maps {
		if s.MetaPrimary[m.MapZone.Other] == nil {
			s.MetaPrimary[m.MapZone.Other] = map[string]string{}
		}
		s.MetaPrimary[m.MapZone.Other][m.MapZone.Territory] = m.MapZone.Type
	}
	return fail
}

// names fills in which tags are known: the locales themselves, those that are a locale's
// default ("de-DE"), and forms without the script that is understood ("zh-TW").
func names(src source, s *cldr.Supplemental, locales []string) error {
	s.Locales = map[string]string{}
	for _, l := range locales {
		if l != "und" {
			s.Locales[l] = l
		}
	}
	var defaults []string
	if err := src.read("cldr-core/defaultContent.json", &defaults, "defaultContent"); err != nil {
		return err
	}
	slices.SortFunc(defaults, func(a, b string) int { return strings.Count(a, "-") - strings.Count(b, "-") })
	for _, d := range defaults {
		if to := s.Locales[d[:strings.LastIndexByte(d, '-')]]; to != "" && s.Locales[d] == "" {
			s.Locales[d] = to
		}
	}
	for _, l := range keys(s.Locales) {
		parts := strings.Split(l, "-")
		if len(parts) == 3 && len(parts[1]) == 4 {
			if plain := parts[0] + "-" + parts[2]; s.Likely[plain] == l || s.Likely[plain] == "" && strings.HasPrefix(s.Likely[parts[0]], parts[0]+"-"+parts[1]+"-") {
				if s.Locales[plain] == "" {
					s.Locales[plain] = s.Locales[l]
				}
			}
		}
	}
	return nil
}
