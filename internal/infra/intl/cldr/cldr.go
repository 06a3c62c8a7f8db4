// Package cldr is what the platform knows of the world's locales, as the build extracts it
// from Unicode's CLDR, and the file that holds it. A section of a locale is read when it is
// first asked for; nothing in a file can make reading it fail later than that.
package cldr

// Widths of names, as CLDR has them.
const (
	Wide = iota
	Abbreviated
	Narrow
	Short // weekdays have it
)

// Supplemental is what belongs to no locale.
type Supplemental struct {
	// Locales are the canonical tags that data exists for, mapped to the tag whose
	// sections serve: "de-DE" to "de".
	Locales map[string]string
	// Parents are those that a tag's own truncation does not give.
	Parents map[string]string
	Likely  map[string]string

	Languages, Scripts, Territories, Variants, Subdivisions map[string]string            // deprecated → preferred
	Types                                                   map[string]map[string]string // key → alias → preferred

	Cardinal, Ordinal map[string]map[string]string // language → category → rule
	Ranges            map[string]map[string]string // language → "one-few" → category

	Digits     map[string]string // numbering system → its ten digits
	Fractions  map[string]int    // currency → digits, where they are not two
	Currencies []string

	DayPeriods map[string][]DayPeriod // language
	Hours      map[string]string      // territory → preferred "h"; then what is allowed
	Calendars  map[string][]string    // territory → preferred first
	FirstDay   map[string]int         // territory → 1 Monday … 7 Sunday
	MinDays    map[string]int
	Weekend    map[string][2]int

	Zones        []string                     // every name of the time zone database
	ZoneOf       map[string]string            // a name → the one CLDR keeps its facts under
	ZonePrimary  map[string]string            // a name → the one the time zone database links it to
	Territory    map[string]string            // CLDR's name → territory
	Alone        map[string]bool              // zones that are their territory's only or primary one
	MetaZones    map[string][]MetaZoneUse     // CLDR's name
	MetaPrimary  map[string]map[string]string // metazone → territory → zone
	Collations   []string
	CollationsOf map[string][]string
	RightToLeft  map[string]bool // scripts
}

// DayPeriod is a part of the day in hours; At is a point.
type DayPeriod struct {
	Name         string
	From, Before int // minutes
	At           bool
}

// MetaZoneUse says which metazone a zone kept to, in Unix seconds.
type MetaZoneUse struct {
	Zone     string
	From, To int64
}

// Dates is the section "d".
type Dates struct {
	Calendars map[string]*Calendar   // "gregorian", "generic"
	Eras      map[string][3][]string // of calendars that use "generic" for everything else
	Months    map[string][2][3][]string
	Fields    map[string]string // what appended fields are called
	Capital   bool              // names that stand alone begin with a capital letter
}

// Calendar is how one calendar's dates are written.
type Calendar struct {
	Months    [2][3][]string // format, alone
	Days      [2][4][]string
	Periods   [2][3]map[string]string
	Eras      [3][]string
	Date      [4]string // full, long, medium, short
	Time      [4]string
	Both      [4]string
	At        [4]string
	Available map[string]string
	Append    map[string]string
	Intervals map[string]map[string]string
	Fallback  string
}

// Zones is the section "z".
type Zones struct {
	Hour, GMT, Zero                                  string
	Region, RegionStandard, RegionDaylight, Fallback string
	Cities                                           map[string]string
	Zone                                             map[string]*ZoneNames
	Meta                                             map[string]*ZoneNames
}

// ZoneNames are generic, standard and daylight.
type ZoneNames struct {
	Long  [3]string `json:"L"`
	Short [3]string `json:"S"`
}

// Numbers is the section "n".
type Numbers struct {
	Default  string
	Others   map[string]string // native, traditional, finance
	MinGroup int
	Systems  map[string]*System
}

// System is how numbers are written in one numbering system.
type System struct {
	Decimal, Group, Percent, Plus, Minus, Approximately, Exponent, Superscript, Infinity, NaN, TimeSeparator string
	CurrencyDecimal, CurrencyGroup                                                                           string
	Pattern, PercentPattern, Currency, CurrencyAlpha, Accounting, AccountingAlpha                            string
	Scientific                                                                                               string
	Range                                                                                                    string
	ApproximatelyPattern                                                                                     string
	SpaceBefore, SpaceAfter                                                                                  string
	// Compact patterns by their exponent of ten, then category.
	Short, Long, CurrencyShort, CurrencyShortAlpha map[int]map[string]string
	CurrencyUnit                                   map[string]string // category → "{0} {1}"
}

// Currency is one of the section "c".
type Currency struct {
	Symbol, Narrow string `json:",omitempty"`
	Formal         string `json:",omitempty"`
	Name           string
	Plural         map[string]string `json:",omitempty"`
}

// Unit is one of the section "u", at one width.
type Unit struct {
	Name    string            `json:",omitempty"`
	Pattern map[string]string `json:"P"`
	Per     string            `json:",omitempty"`
}

// Units is the section "u": long, short, narrow.
type Units struct {
	Unit [3]map[string]*Unit
	Per  [3]string
}

// Texts is the section "l": lists and relative times.
type Texts struct {
	Lists  map[string][4]string // "standard", "or-narrow" … → start, middle, end, two
	Fields map[string]*Field    // "day", "day-short" …
}

// Field is how a unit of time is spoken of.
type Field struct {
	Name         string
	Relative     map[string]string `json:",omitempty"`
	Past, Future map[string]string `json:",omitempty"`
}

// Names is the section "m".
type Names struct {
	Languages, Scripts, Territories, Variants, Calendars map[string]string
	// Menus are languages' names as lists have them: "Chinese" for "Mandarin Chinese".
	Core, Extension    map[string]string
	Pattern, Separator string
	LanguagesDialect   map[string]string `json:",omitempty"`
}
