package intl

import (
	"fmt"
	"strconv"
	"strings"
	"time"
	_ "time/tzdata" // a worker has no file system

	"github.com/annexhq/annex/internal/infra/intl/cldr"
)

// zoneTable finds the names of the time zone database, however they are written.
type zoneTable struct{ names map[string]string }

func newZoneTable(s *cldr.Supplemental) *zoneTable {
	t := &zoneTable{map[string]string{}}
	for _, n := range s.Zones {
		t.names[strings.ToLower(n)] = n
	}
	return t
}

// zone is a time zone, by name or by its distance from UTC.
type zone struct {
	name string // as the database writes it, or "+05:30"
	loc  *time.Location
	cldr string // the name that CLDR keeps its facts under; empty for a distance
}

// zone finds a zone. UTC is what a sandbox keeps to when it is asked for none.
func (e *Engine) zone(name string) (*zone, error) {
	if name == "" {
		name = "UTC"
	}
	return prepare(e, "zone ", name, func() (*zone, error) {
		if seconds, text, ok := offset(name); ok {
			return &zone{name: text, loc: time.FixedZone(text, seconds)}, nil
		}
		known, ok := e.zones.names[asciiLower(name)]
		if !ok {
			if len(name) > 64 {
				name = name[:64] + "…"
			}
			return nil, rangeError("Invalid time zone specified: %s", strings.ToValidUTF8(name, "\ufffd"))
		}
		loc, err := time.LoadLocation(known)
		if err != nil {
			return nil, fmt.Errorf("intl: %w", err)
		}
		in := e.sup.ZoneOf[known]
		if in == "" {
			in = known
		}
		return &zone{name: known, loc: loc, cldr: in}, nil
	})
}

// asciiLower leaves letters outside of ASCII alone: "İ" is no "i" here.
func asciiLower(text string) string {
	return strings.Map(func(r rune) rune {
		if r >= 'A' && r <= 'Z' {
			return r + 'a' - 'A'
		}
		return r
	}, text)
}

// offset reads "+05:30", "-0330" and "+05".
func offset(text string) (int, string, bool) {
	if len(text) < 3 || text[0] != '+' && text[0] != '-' {
		return 0, "", false
	}
	digits := text[1:]
	switch len(digits) {
	case 5:
		if digits[2] != ':' {
			return 0, "", false
		}
		digits = digits[:2] + digits[3:]
	case 2:
		digits += "00"
	case 4:
	default:
		return 0, "", false
	}
	n, err := strconv.Atoi(digits)
	if err != nil || !isDigit(digits) || n/100 > 23 || n%100 > 59 {
		return 0, "", false
	}
	seconds := n/100*3600 + n%100*60
	sign := "+"
	if text[0] == '-' && seconds != 0 {
		sign, seconds = "-", -seconds
	}
	return seconds, sign + digits[:2] + ":" + digits[2:], true
}

// opZone answers with a zone's name as the database writes it.
func (e *Engine) opZone(args []string) (string, error) {
	z, err := e.zone(args[0])
	if err != nil {
		return "", err
	}
	return z.name, nil
}

// zoneWriter names zones in a locale.
type zoneWriter struct {
	e      *Engine
	texts  *cldr.Zones
	names  *cldr.Names
	region string
	digits []string
}

func (e *Engine) zoneWriter(locale, nu string) (*zoneWriter, error) {
	texts, err := section[cldr.Zones](e, locale, "z")
	if err != nil {
		return nil, err
	}
	names, err := section[cldr.Names](e, locale, "m")
	if err != nil {
		return nil, err
	}
	return &zoneWriter{e, texts, names, e.region(locale), e.digitsOf(nu)}, nil
}

// write answers for a letter of CLDR's patterns and its length.
func (w *zoneWriter) write(letter byte, length int, z *zone, at time.Time) string {
	text := ""
	long := length >= 4
	switch letter {
	case 'z':
		text = w.specific(z, at, long)
	case 'v', 'V':
		text = w.generic(z, at, long)
	}
	if text == "" {
		text = w.gmt(at, long || letter == 'v' && long)
	}
	return text
}

// real leaves out what CLDR marks as empty on purpose.
func real(text string) string {
	if text == "∅∅∅" {
		return ""
	}
	return text
}

func pick(n *cldr.ZoneNames, long bool, kind int) string {
	switch {
	case n == nil:
		return ""
	case long:
		return real(n.Long[kind])
	}
	return real(n.Short[kind])
}

const (
	generic = iota
	standard
	daylight
)

func (w *zoneWriter) metaZone(z *zone, at time.Time) string {
	for _, use := range w.e.sup.MetaZones[z.cldr] {
		if s := at.Unix(); s >= use.From && (use.To == 0 || s < use.To) { // before 1970 CLDR knows of none
			return use.Zone
		}
	}
	return ""
}

func (w *zoneWriter) specific(z *zone, at time.Time, long bool) string {
	if z.cldr == "" {
		return ""
	}
	kind := standard
	if at.In(z.loc).IsDST() {
		kind = daylight
	}
	if name := pick(w.texts.Zone[z.cldr], long, kind); name != "" {
		return name
	}
	return pick(w.texts.Meta[w.metaZone(z, at)], long, kind)
}

// near is how close a change of the clock must be for a zone to have summer time.
const near = 184 * 24 * time.Hour

func (w *zoneWriter) generic(z *zone, at time.Time, long bool) string {
	if z.cldr == "" {
		return ""
	}
	if name := pick(w.texts.Zone[z.cldr], long, generic); name != "" {
		return name
	}
	meta := w.metaZone(z, at)
	if names := w.texts.Meta[meta]; names != nil {
		mz := pick(names, long, generic)
		if w.onlyStandard(z, at) {
			if name := w.specific(z, at, long); name != "" && !strings.EqualFold(name, mz) {
				return name
			}
		}
		if mz != "" {
			golden := w.e.sup.MetaPrimary[meta][w.region]
			if golden == "" {
				golden = w.e.sup.MetaPrimary[meta]["001"]
			}
			if golden == "" || golden == z.cldr || w.sameClock(z, golden, at) {
				return mz
			}
			return strings.NewReplacer("{0}", w.place(z, true), "{1}", mz).Replace(w.texts.Fallback)
		}
	}
	if w.e.sup.Territory[z.cldr] == "" {
		return ""
	}
	return strings.Replace(w.texts.Region, "{0}", w.place(z, false), 1)
}

func (w *zoneWriter) onlyStandard(z *zone, at time.Time) bool {
	local := at.In(z.loc)
	if local.IsDST() {
		return false
	}
	start, end := local.ZoneBounds()
	if !start.IsZero() && at.Sub(start) < near && start.Add(-time.Second).In(z.loc).IsDST() {
		return false
	}
	return end.IsZero() || end.Sub(at) >= near || !end.In(z.loc).IsDST()
}

func (w *zoneWriter) sameClock(z *zone, other string, at time.Time) bool {
	o, err := w.e.zone(other)
	if err != nil {
		return true
	}
	_, a := at.In(z.loc).Zone()
	_, b := at.In(o.loc).Zone()
	return a == b
}

// place is the country of a zone, or its city where the country has several.
func (w *zoneWriter) place(z *zone, partial bool) string {
	territory := w.e.sup.Territory[z.cldr]
	if territory != "" && w.e.sup.Alone[z.cldr] {
		if name := w.names.Territories[territory]; name != "" {
			return name
		}
	}
	if city := w.texts.Cities[z.cldr]; city != "" {
		return city
	}
	name := z.cldr
	if at := strings.LastIndexByte(name, '/'); at >= 0 {
		name = name[at+1:]
	}
	return strings.ReplaceAll(name, "_", " ")
}

// gmt writes a distance: "GMT+1", or at length "GMT+01:00".
func (w *zoneWriter) gmt(at time.Time, long bool) string {
	_, seconds := at.Zone()
	if seconds == 0 {
		return w.texts.Zero
	}
	plus, minus, _ := strings.Cut(w.texts.Hour, ";")
	format := plus
	if seconds < 0 {
		format, seconds = minus, -seconds
	}
	h, m, s := seconds/3600, seconds/60%60, seconds%60
	first := strings.IndexByte(format, 'H')
	last := strings.LastIndexByte(format, 'H')
	minutes := strings.Index(format, "mm")
	if first < 0 || minutes < last {
		return w.texts.Zero
	}
	separator, tail := format[last+1:minutes], format[minutes+2:]
	text := format[:first]
	if long {
		text += w.number(h, 2) + separator + w.number(m, 2)
	} else {
		text += w.number(h, 1)
		if m != 0 || s != 0 {
			text += separator + w.number(m, 2)
		}
	}
	if s != 0 {
		text += separator + w.number(s, 2)
	}
	return strings.Replace(w.texts.GMT, "{0}", text+tail, 1)
}

func (w *zoneWriter) number(n, width int) string {
	var b strings.Builder
	for _, c := range []byte(fmt.Sprintf("%0*d", width, n)) {
		b.WriteString(w.digits[c-'0'])
	}
	return b.String()
}
