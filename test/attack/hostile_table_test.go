package attack

import (
	"fmt"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/annexhq/annex/test/hostile"
)

// table is what docs/hostile.md shows: what became of each row. It is measured when
// ANNEX_HOSTILE_TABLE names the file; nothing is asserted about times.
type table struct {
	rows  strings.Builder
	alone time.Duration
}

func newTable(t *testing.T, p *platform, neighbour string) *table {
	x := &table{}
	file := os.Getenv("ANNEX_HOSTILE_TABLE")
	if file == "" {
		return x
	}
	var took []time.Duration
	for range 2000 {
		began := time.Now()
		p.ask("POST", neighbour, nil, "hello")
		took = append(took, time.Since(began))
	}
	x.alone = p99(took)
	t.Cleanup(func() {
		if err := os.WriteFile(file, []byte(fmt.Sprintf(tableHead, ms(x.alone))+x.rows.String()), 0o644); err != nil {
			t.Error(err)
		}
	})
	return x
}

const tableHead = `# Hostile apps

What becomes of code that takes whatever it can get. Each row is a function of one app, called three times at once on two
workers while a neighbour's web trigger is asked without pause: every answer of it has to be right, and no worker may be
lost. The functions are in [test/hostile](../test/hostile/table.go); ` + "`make attack-hostile`" + ` runs them all and writes this page.

*Ends after* is the median over the three calls: after the call began, or, for rows that only a limit of time ends, after
its deadline of 600 ms (negative: something else ended it before). *Neighbour p99* is that of the neighbour's calls meanwhile;
without an attack it was %s ms in the same minute. The rows ran one after the other on two shared cores beside other work.

| row | ends in | ends after, ms | worker killed | neighbour p99, ms | ×&nbsp;alone |
|---|---|---:|---|---:|---:|
`

func (x *table) add(r hostile.Row, ends []ending, neighbour []time.Duration, log string) {
	if x.alone == 0 {
		return
	}
	var codes []string
	var took []time.Duration
	for _, e := range ends {
		code := "–"
		if e.code != "" {
			code = "`" + e.code + "`"
		}
		if !slices.Contains(codes, code) {
			codes = append(codes, code)
		}
		took = append(took, e.took)
	}
	slices.Sort(codes)
	slices.Sort(took)
	killed := "no"
	if strings.Contains(log, "is killed") {
		killed = "yes"
	}
	at := p99(neighbour)
	fmt.Fprintf(&x.rows, "| %s | %s | %s | %s | %s | %.1f |\n", r.Name, strings.Join(codes, ", "), ms(took[len(took)/2]), killed, ms(at), float64(at)/float64(x.alone))
}

func p99(took []time.Duration) time.Duration {
	s := slices.Sorted(slices.Values(took))
	if len(s) == 0 {
		return 0
	}
	return s[(len(s)*99+99)/100-1]
}

func ms(d time.Duration) string { return fmt.Sprintf("%.1f", float64(d)/float64(time.Millisecond)) }
