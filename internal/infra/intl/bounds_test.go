package intl_test

import (
	"errors"
	"fmt"
	"runtime"
	"strings"
	"testing"

	"github.com/annexhq/annex/internal/infra/intl"
)

// variants are n subtags that are no two the same.
func variants(n int) string {
	list := make([]string, n)
	for i := range list {
		list[i] = fmt.Sprintf("v%05d", i)
	}
	return strings.Join(list, "-")
}

// A visitor chooses the tag, a header's worth of it: it is refused before it is looked at,
// and what is not refused costs no more than its length.
func TestLongTags(t *testing.T) {
	e := engine(t)
	for _, tag := range []string{"en-" + variants(8000), "en-u-" + variants(8000), "en-t-" + variants(8000), "en-x-" + variants(8000), strings.Repeat("a", 250_000)} {
		var err error
		work := testing.AllocsPerRun(1, func() { _, err = e.Call("canon", tag) })
		if refused := (*intl.RangeError)(nil); !errors.As(err, &refused) || work > 100 {
			t.Errorf("%.30s… of %d: %v after %.0f allocations", tag, len(tag), err, work)
		}
	}
	short, long := "en-"+variants(70), "en-"+variants(140)
	cost := func(tag string) float64 {
		return testing.AllocsPerRun(5, func() {
			if got, err := e.Call("canon", tag); err != nil || got != tag {
				t.Fatalf("%q, %v", got, err)
			}
		})
	}
	if a, b := cost(short), cost(long); b > 3*a {
		t.Errorf("twice the variants take %.1f times the work", b/a)
	}
}

// A pair of variants that are replaced together is found among others.
func TestPairsOfVariants(t *testing.T) {
	e := engine(t)
	if got, err := e.Call("canon", "ja-latn-hepburn-heploc-abcde-zzzzz"); err != nil || got != "ja-Latn-abcde-alalc97-zzzzz" {
		t.Errorf("%q, %v", got, err)
	}
}

func TestLongNumbers(t *testing.T) {
	e := engine(t)
	config := `{"Locale":"en","NU":"latn","Style":"decimal","Notation":"standard","SignDisplay":"auto","Grouping":"always","Rounding":"fractionDigits","MinInt":1,"MaxFrac":3,"Mode":"halfExpand","Increment":1}`
	if got, err := e.Call("number", config, strings.Repeat("1", 2000)); err != nil || len(got) != 2000+666 {
		t.Errorf("2,000 digits: %d characters, %v", len(got), err)
	}
	for _, text := range []string{strings.Repeat("1", 250_000), "0." + strings.Repeat("1", 250_000), strings.Repeat("1", 250_000) + "e1"} {
		_, err := e.Call("number", config, text)
		if refused := (*intl.RangeError)(nil); !errors.As(err, &refused) {
			t.Errorf("%d digits: %v", len(text), err)
		}
	}
}

// What is remembered is of formats, and not of whatever an app made of it.
func TestLittleIsRemembered(t *testing.T) {
	e := engine(t)
	ask := func(i, size int) {
		if _, err := e.Call("resolve", fmt.Sprintf(`{"Locales":["en"],"Keys":[],"Options":{"x":"%d%s"}}`, i, strings.Repeat("a", size))); err != nil {
			t.Fatal(err)
		}
	}
	ask(0, 10)
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for i := range 400 {
		ask(i, 100_000)
	}
	runtime.GC()
	runtime.ReadMemStats(&after)
	if after.HeapAlloc > before.HeapAlloc+(8<<20) {
		t.Errorf("%d KB are kept of 400 long configurations", (after.HeapAlloc-before.HeapAlloc)>>10)
	}
	runtime.KeepAlive(e)
}
