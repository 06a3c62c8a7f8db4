package intl

// shown is a number that was rounded and scaled.
type shown struct {
	decimal
	minFraction int
	exponent    int // of scientific notation
	scale       int // of compact notation: the exponent its pattern was looked up by
	integer     string
	fraction    string
}

func (f *formatter) show(x decimal) shown {
	if f.Style == "percent" {
		x = x.shift(2)
	}
	s := shown{decimal: x, scale: -1}
	if x.nan || x.infinite {
		return s
	}
	switch f.Notation {
	case "scientific", "engineering":
		s = f.scientific(x)
	case "compact":
		s = f.compacted(x)
	default:
		s.decimal, s.minFraction = f.roundDigits(x)
	}
	s.integer, s.fraction = s.text(f.MinInt, s.minFraction)
	return s
}

func (f *formatter) scientific(x decimal) shown {
	exponent := func(m int) int {
		if f.Notation == "engineering" {
			return m - ((m%3)+3)%3
		}
		return m
	}
	e := exponent(x.magnitude())
	d, min := f.roundDigits(x.shift(-e))
	if !d.zero() {
		if again := exponent(d.magnitude() + e); again != e {
			e = again
			d, min = f.roundDigits(x.shift(-e))
		}
	}
	return shown{decimal: d, minFraction: min, exponent: e, scale: -1}
}

func (f *formatter) compacted(x decimal) shown {
	by := func(m int) (scale, shift int) {
		scale = min(m, 14)
		p := f.compact[scale]["other"]
		if m < 3 || p == "" {
			return -1, 0
		}
		n := f.parsed(p)
		if n.zeros == 0 || len(n.prefix)+len(n.suffix) == 0 {
			return -1, 0 // "0": as it is
		}
		return scale, scale - n.zeros + 1
	}
	m := x.magnitude()
	scale, shift := by(m)
	d, minFraction := f.roundDigits(x.shift(-shift))
	if !d.zero() && d.magnitude()+shift > m {
		scale, shift = by(m + 1)
		d, minFraction = f.roundDigits(x.shift(-shift))
	}
	return shown{decimal: d, minFraction: minFraction, scale: scale}
}

// roundDigits rounds as the configuration says, and tells how many digits of the fraction
// there are at least.
func (f *formatter) roundDigits(x decimal) (decimal, int) {
	bySignificant := func() (decimal, int) {
		d := x.round(x.magnitude()-f.MaxSig+1, 1, f.Mode)
		return d, max(0, f.MinSig-1-d.magnitude())
	}
	byFraction := func() (decimal, int) { return x.round(-f.MaxFrac, f.Increment, f.Mode), f.MinFrac }
	var d decimal
	var least int
	switch f.Rounding {
	case "significantDigits":
		d, least = bySignificant()
	case "morePrecision", "lessPrecision":
		significantIsFiner := x.magnitude()-f.MaxSig+1 <= -f.MaxFrac
		if significantIsFiner == (f.Rounding == "morePrecision") {
			d, least = bySignificant()
		} else {
			d, least = byFraction()
		}
	default:
		d, least = byFraction()
	}
	if f.Trailing == "stripIfInteger" && len(d.digits) <= max(d.point, 0) {
		least = 0
	}
	return d, least
}

func (f *formatter) parsed(text string) *numberPattern {
	if p := f.patterns[text]; p != nil {
		return p
	}
	p := parsePattern(text)
	f.patterns[text] = p
	return p
}

func (f *formatter) category(x decimal, rules *pluralRules) string {
	s := f.show(x)
	if s.nan || s.infinite {
		return "other"
	}
	return rules.category(f.operands(s))
}

func (f *formatter) operands(s shown) operands {
	o := operands{integer: s.integer, fraction: s.fraction, exponent: s.exponent}
	if s.scale >= 0 {
		p := f.parsed(f.compact[s.scale]["other"])
		o.exponent = s.scale - p.zeros + 1
		if o.exponent > 0 { // rules look at the whole number
			d := s.decimal.shift(o.exponent)
			o.integer, o.fraction = d.text(1, 0)
		}
	} else if s.exponent > 0 {
		o.integer, o.fraction = s.decimal.shift(s.exponent).text(1, 0)
	}
	return o
}
