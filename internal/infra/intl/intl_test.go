package intl_test

import (
	"errors"
	"math/big"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"github.com/annexhq/annex/internal/assets"
	"github.com/annexhq/annex/internal/infra/intl"
)

func engine(t testing.TB) *intl.Engine {
	t.Helper()
	if _, err := assets.Locales(); errors.Is(err, assets.ErrNotBuilt) {
		t.Skip(err)
	}
	return intl.New(assets.Locales)
}

func TestTags(t *testing.T) {
	e := engine(t)
	for in, want := range map[string]string{
		"EN-us": "en-US", "zh-hant-tw": "zh-Hant-TW", "iw": "he", "sr-latn-rs-u-CA-islamicc": "sr-Latn-RS-u-ca-islamic-civil", "no-bok": "", "no": "no", "cmn": "zh",
		"de-u-kn-true-co-phonebk": "de-u-co-phonebk-kn", "en-t-EN-us-m0-TRUE": "en-t-en-us-m0-true", "x-private": "", "i-klingon": "", "de_DE": "", "": "", "a": "", "de-u": "",
		"sl-nedis-rozaj": "sl-nedis-rozaj", "sl-rozaj-rozaj": "", "hy-arevela": "hy", "mo": "ro", "en-u-tz-eire": "en-u-tz-iedub", "ja-latn-hepburn-heploc": "ja-Latn-alalc97",
	} {
		got, err := e.Call("canon", in)
		if want == "" {
			if unknown := (*intl.RangeError)(nil); !errors.As(err, &unknown) {
				t.Errorf("%q is %q, %v; no tag expected", in, got, err)
			}
			continue
		}
		if got != want {
			t.Errorf("%q is %q (%v), want %q", in, got, err, want)
		}
	}
}

// Zones, whose clocks were changed by decree, by habit, and to the second.
func TestZones(t *testing.T) {
	e := engine(t)
	for _, c := range []struct{ zone, at, want string }{
		{"Europe/Berlin", "1774745999000", "3/29/2026, 01:59:59 GMT+1"}, // the last second of winter
		{"Europe/Berlin", "1774746000000", "3/29/2026, 03:00:00 GMT+2"},
		{"America/New_York", "1793511000000", "11/1/2026, 01:30:00 EDT"},
		{"America/New_York", "1793514600000", "11/1/2026, 01:30:00 EST"}, // the same hour again
		{"Asia/Calcutta", "0", "1/1/1970, 05:30:00 GMT+5:30"},
		{"asia/kathmandu", "504901800000", "1/1/1986, 00:15:00 GMT+5:45"}, // fifteen minutes were left out
		{"+05:30", "0", "1/1/1970, 05:30:00 GMT+5:30"}, {"-0330", "0", "12/31/1969, 20:30:00 GMT-3:30"}, {"utc", "0", "1/1/1970, 00:00:00 UTC"},
		{"Pacific/Apia", "1325239200000", "12/31/2011, 00:00:00 GMT+14"}, // a day was left out
	} {
		config := `{"Locale":"en","NU":"latn","CA":"gregory","Cycle":"h23","Zone":"` + c.zone + `","Skeleton":"yMdHHmmssz"}`
		got, err := e.Call("date", config, c.at)
		if err != nil {
			t.Fatal(err)
		}
		if got != c.want {
			t.Errorf("%s at %s: %q, want %q", c.zone, c.at, got, c.want)
		}
	}
	for _, zone := range []string{"Mars/Olympus", "Local", "../etc/passwd", "+24:00", "+5", "Europe/\u0130stanbul", "EST5EDT4"} {
		if got, err := e.Call("zone", zone); err == nil {
			t.Errorf("%q is the zone %q", zone, got)
		}
	}
}

// Rounding is that of exact arithmetic, whatever the mode.
func TestRounding(t *testing.T) {
	e := engine(t)
	rapid.Check(t, func(t *rapid.T) {
		digits := rapid.StringMatching(`-?(0|[1-9][0-9]{0,5})\.[0-9]{0,4}`).Draw(t, "number")
		places := rapid.IntRange(0, 4).Draw(t, "places")
		mode := rapid.SampledFrom([]string{"ceil", "floor", "expand", "trunc", "halfCeil", "halfFloor", "halfExpand", "halfTrunc", "halfEven"}).Draw(t, "mode")
		increment := int64(1)
		if places == 2 {
			increment = rapid.SampledFrom([]int64{1, 5, 25, 50, 100}).Draw(t, "increment")
		}
		config := `{"Locale":"en","NU":"latn","Style":"decimal","Notation":"standard","SignDisplay":"auto","Grouping":"false","Rounding":"fractionDigits","MinInt":1,"MinFrac":0,"MaxFrac":` +
			string(rune('0'+places)) + `,"Mode":"` + mode + `","Increment":` + big.NewInt(increment).String() + `}`
		got, err := e.Call("number", config, digits)
		if err != nil {
			t.Fatal(err)
		}
		want := rounded(digits+"0", places, increment, mode)
		have, ok := new(big.Rat).SetString(got)
		if !ok || have.Cmp(want) != 0 {
			t.Fatalf("%s to %d places in steps of %d by %s: %s, want %s", digits, places, increment, mode, got, want.FloatString(5))
		}
	})
}

func rounded(digits string, places int, increment int64, mode string) *big.Rat {
	x, _ := new(big.Rat).SetString(digits)
	step := new(big.Rat).SetFrac(big.NewInt(increment), new(big.Int).Exp(big.NewInt(10), big.NewInt(int64(places)), nil))
	q := new(big.Rat).Quo(x, step)
	low := new(big.Int).Div(q.Num(), q.Denom()) // Euclidean, and so downwards
	rest := new(big.Rat).Sub(q, new(big.Rat).SetInt(low))
	half := rest.Cmp(big.NewRat(1, 2))
	negative := x.Sign() < 0
	up := false
	switch {
	case rest.Sign() == 0:
	case mode == "ceil", mode == "expand" && !negative, mode == "trunc" && negative:
		up = true
	case !strings.HasPrefix(mode, "half"):
	case half != 0:
		up = half > 0
	default:
		up = mode == "halfCeil" || mode == "halfExpand" && !negative || mode == "halfTrunc" && negative || mode == "halfEven" && low.Bit(0) == 1
	}
	if up {
		low.Add(low, big.NewInt(1))
	}
	return new(big.Rat).Mul(new(big.Rat).SetInt(low), step)
}

// FuzzCall asks with texts of an app's choosing: answers and errors, but never a panic,
// which Call would report as a failure.
func FuzzCall(f *testing.F) {
	e := engine(f)
	for _, seed := range [][4]string{
		{"canon", "de-u-co-phonebk", "", ""}, {"resolve", `{"Locales":["de"],"Keys":["nu","ca","hc","co","kn","kf"],"Options":{"nu":"arab"}}`, "", ""},
		{"number", `{"Locale":"de","NU":"latn","Style":"unit","Unit":"liter-per-day","UnitDisplay":"long","Notation":"compact","MaxFrac":3,"Rounding":"morePrecision","MaxSig":2}`, "1e21", ""},
		{"range", `{"Locale":"fr","NU":"arab","Style":"currency","Currency":"EUR","CurrencyDisplay":"name"}`, "-1.5", "Infinity"},
		{"daterange", `{"Locale":"ja","NU":"latn","CA":"japanese","Cycle":"h11","Zone":"Asia/Tokyo","Skeleton":"GyMMMEdhmsSSSzzzz"}`, "-1e15", "8.64e15"},
		{"dateparts", `{"Locale":"fa","NU":"arabext","CA":"persian","Cycle":"h23","Zone":"-03:30","DateStyle":"full","TimeStyle":"full"}`, "1", ""},
		{"relative", `{"Locale":"he","Width":"narrow","Numeric":"auto","NU":"latn"}`, "-1", "quarter"}, {"name", `{"Locale":"zh","Type":"language","Style":"short"}`, "sr-Latn-RS", ""},
		{"compare", `{"Locale":"sv","Sensitivity":"case","Numeric":true}`, "a\u030a9", "A10"}, {"segments", "word", "can't \U0001f1e9\U0001f1ea", ""}, {"locale", "week", "th-u-sd-inka", ""},
		{"plural", `{"Locale":"ar","Type":"ordinal"}`, "1e400", ""}, {"case", "lt", "lower", "I\u0300"}, {"zone", "Europe/Kyiv", "", ""}, {"likely", "min", "und-Hant", ""},
	} {
		f.Add(seed[0], seed[1], seed[2], seed[3])
	}
	f.Fuzz(func(t *testing.T, op, a, b, c string) {
		if _, err := e.Call(op, a, b, c); err != nil && strings.Contains(err.Error(), " failed: ") {
			t.Fatal(err)
		}
	})
}
